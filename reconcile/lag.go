package reconcile

import (
	"fmt"
	"time"
)

// What CloudWatch tells of how far a mapping has read. A lane of a shard with
// something to read is always in an invocation, or about to begin one; AWS shows
// the invocation once it has ended, as of when it began, with the age of the last
// record of its batch. So to know that all lanes have read past a time it takes
//
//   - that time to be further back than an invocation may last, for a lane that had
//     nothing to read then shows nothing of what it has been in since,
//   - and every batch of twice that time to have begun past it, for a lane that was
//     in an invocation then shows that one.
//
// What there is beside invocations is slack: a batch window, the pause before a
// batch is tried again, metrics that come late, a data plane that trails the API.

const (
	// longestInvocation is how long AWS lets any function run.
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	longestInvocation = 15 * time.Minute
	lagSlack          = 6 * time.Minute
	// maxBatchingWindow is AWS's limit.
	maxBatchingWindow = 5 * time.Minute
	// LagWindow is how far back a lag is read: as far as any rule looks.
	LagWindow = 2*longestInvocation + lagSlack + maxBatchingWindow
)

// Recent is a lag from some time on, in one line.
type Recent struct {
	Batches   int           // minutes with one; none proves nothing
	Max       time.Duration // age of the oldest last record of a batch
	Reached   time.Time     // every batch ended at a record of then or later; zero for none
	Throttles int
}

// From sums up what there is from a time on.
func (l Lag) From(t time.Time) Recent {
	var r Recent
	for _, m := range l {
		if !m.At.Add(time.Minute).After(t) {
			continue
		}
		r.Throttles += m.Throttles
		if !m.Batches {
			continue
		}
		r.Batches++
		r.Max = max(r.Max, m.Age)
		if reached := m.At.Add(-m.Age); r.Reached.IsZero() || reached.Before(r.Reached) {
			r.Reached = reached
		}
	}
	return r
}

// reading is how far a live mapping is known to have read past a time.
type reading struct {
	asked  bool          // what is not known yet has been asked for
	early  time.Time     // when it can be known; zero once that is past
	window time.Duration // that was looked at
	Recent
}

// readPast looks at how far a mapping has read past a time, asking for what is not
// known of that.
func (p *planner) readPast(m Mapping, past time.Time) reading {
	slack := lagSlack + time.Duration(m.MaximumBatchingWindow)*time.Second
	if early := past.Add(slack); p.now.Before(early) {
		return reading{early: early}
	}
	longest, known := p.longest(m)
	if !known {
		return reading{asked: true}
	}
	if early := past.Add(longest + slack); p.now.Before(early) {
		return reading{early: early}
	}
	lag, known := p.live.Facts.Lags[m.Key.lagOf()]
	if !known {
		p.asks = append(p.asks, Ask{What: AskLag, Name: m.Key.lagOf(), Since: p.now.Add(-LagWindow)})
		return reading{asked: true}
	}
	window := 2*longest + slack
	return reading{window: window, Recent: lag.From(p.now.Add(-window))}
}

// longest is how long an invocation by a mapping may take that is under way.
func (p *planner) longest(m Mapping) (d time.Duration, known bool) {
	v, known := p.live.Facts.Versions[m.Key.Function]
	if !known {
		p.ask(AskVersions, m.Key.Function)
	}
	target := m.Key.Qualifier
	if a, ok := p.live.Aliases[m.Key.alias()]; ok {
		target = a.Version
	}
	if (target == "" || target == latest) && v.Latest.After(p.now.Add(-longestInvocation)) || v.Timeout == 0 {
		return longestInvocation, known
	}
	return v.Timeout, known
}

// lagOf is whose IteratorAge tells how far behind a mapping is: its qualified
// function's, or its function's.
func (k Key) lagOf() string { return k.Target() }

// shares says whether the lag that tells of a mapping tells of others as well: only
// an alias of its own has it alone.
func (p *planner) shares(m Mapping) bool {
	return m.Key.Consumer != "" || !p.ownsAlias(m.Key.alias()) || len(p.on(m.Key.alias())) > 1
}

// minutes is a time span for people.
func minutes(d time.Duration) string {
	return fmt.Sprintf("%d minutes", (d+time.Minute-1)/time.Minute)
}

package reconcile

import (
	"fmt"
	"time"
)

// What CloudWatch tells of how far a mapping has read past a time. A lane of a shard
// with something to read is always in an invocation, about to begin one, or reads what
// its filter leaves out; AWS shows an invocation once it has ended, as of when it
// began, with the age of the last record of its batch. So it takes
//
//   - that time to be further back than an invocation may last, and the mapping not to
//     have changed since some time before that: a lane that had nothing to read then
//     shows nothing of what it has been in since, and one of another function never;
//   - every batch of twice that time to have ended past it: a lane that was in an
//     invocation then shows that one;
//   - and whoever was behind within a day to have had the time to catch up, for what
//     the filter leaves out shows nothing either. Unverified: that a reader which is
//     behind reads at least one and a half times as fast as is written.
//
// What there is beside invocations is slack: a batch window, the pause before a
// batch is tried again, metrics that come late, a data plane that trails the API.

const (
	// longestInvocation is how long AWS lets any function run.
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	longestInvocation = 15 * time.Minute
	lagSlack          = 6 * time.Minute
	// LagWindow is how far back a lag is read.
	LagWindow = 24 * time.Hour
)

// caughtUp is when a reader that was behind at a time is there again, at the latest.
func caughtUp(at time.Time, behind time.Duration) time.Time { return at.Add(2 * behind) }

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
	behind bool          // till then, for it was behind and may still be
	window time.Duration // that was looked at
	Recent
}

// readPast looks at how far a mapping has read past a time, asking for what is not
// known of that.
func (p *planner) readPast(m Mapping, past time.Time) reading {
	slack := m.slack()
	begun := p.begunAfter(m, past)
	if early := begun.Add(slack); p.now.Before(early) {
		return reading{early: early}
	}
	tags, tagged := p.live.Facts.Tags[m.UUID]
	if !tagged {
		p.ask(AskTags, m.UUID)
	}
	longest, known := p.longest(m)
	if !known || !tagged {
		return reading{asked: true}
	}
	if early := begun.Add(longest + slack); p.now.Before(early) {
		return reading{early: early}
	}
	lag, known := p.live.Facts.Lags[m.Key.lagOf()]
	if !known {
		p.asks = append(p.asks, Ask{What: AskLag, Name: m.Key.lagOf(), Since: p.now.Add(-LagWindow)})
		return reading{asked: true}
	}
	early := p.revivedBehind(m, tags).Add(slack)
	for _, minute := range lag {
		if again := caughtUp(minute.At, minute.Age).Add(slack); minute.Batches && minute.Age > slack && again.After(early) {
			early = again
		}
	}
	if p.now.Before(early) {
		return reading{early: early, behind: true}
	}
	window := 2*longest + slack
	return reading{window: window, Recent: lag.From(p.now.Add(-window))}
}

// slack is what there is beside a mapping's invocations.
func (m Mapping) slack() time.Duration {
	return lagSlack + time.Duration(m.MaximumBatchingWindow)*time.Second
}

// begunAfter is from when on what a mapping begins tells that it has read past a time: what
// it ran before a change may go on, and shows elsewhere.
func (p *planner) begunAfter(m Mapping, past time.Time) time.Time {
	return later(past, m.Modified.Add(runsOn))
}

// seenPast is when it can be seen at the earliest that a mapping has read past a time, as
// far as is known without asking.
func (p *planner) seenPast(m Mapping, past time.Time) time.Time {
	assume, set := p.assumeLagBelow(&m)
	switch {
	case p.assumed(p.nameOf(m)):
		return past
	case set && assume < m.slack():
		return past.Add(assume)
	}
	return p.begunAfter(m, past).Add(m.slack())
}

// revivedBehind is when a mapping that was enabled again is there again; zero for one
// that was not, or long ago.
func (p *planner) revivedBehind(m Mapping, tags map[string]string) time.Time {
	off, ok := ParseOff(tags[TagOff])
	stopped, err := time.Parse(time.RFC3339, tags[TagStopped])
	if !ok || off.Cause != OffRevived || err != nil {
		return time.Time{}
	}
	behind := off.At.Sub(stopped)
	if retention := p.live.Streams[m.Key.Stream].Retention; retention > 0 {
		behind = min(behind, retention)
	}
	return caughtUp(off.At, behind)
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
	// What began before $LATEST changed may have taken that long, and what the same lane began
	// after it shows only when that has ended.
	changed := v.Latest.Add(longestInvocation + 2*v.Timeout + m.slack())
	if (target == "" || target == latest) && p.now.Before(changed) || v.Timeout == 0 {
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

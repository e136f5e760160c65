package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// Explanation is concurrency and read budget as people reason about them, once a
// pass is carried out.
type Explanation struct {
	At        time.Time           `json:"at"`
	Account   string              `json:"account"`
	Region    string              `json:"region"`
	Limits    *AccountLimits      `json:"limits"` // nil until they are read
	Functions []FunctionExplained `json:"functions"`
	Streams   []StreamExplained   `json:"streams"`
	Findings  []spec.Finding      `json:"findings"` // about concurrency and readers, and names that options have wrong
}

// AccountLimits are the account's concurrent executions in the region.
type AccountLimits struct {
	Limit      int `json:"limit"`
	Unreserved int `json:"unreserved"`
	KeepFree   int `json:"keepFree"` // of Unreserved, what we leave
	After      int `json:"after"`    // unreserved once the plan is applied
	Short      int `json:"short"`    // executions that all functions lack
	Quota      int `json:"quota"`    // the limit with which none lacked any; 0 where none does
}

// FunctionExplained is one function's concurrency.
type FunctionExplained struct {
	Need
	Today   *int       `json:"today"` // what is needed as things are, where a [WhatIf] was asked; else nil
	Most    *int       `json:"most"`  // the most that may be reserved; nil where limits are not known
	Action  Action     `json:"action,omitempty"`
	Held    *HeldNote  `json:"held"`    // why the reservation does not change
	Waiting []HeldNote `json:"waiting"` // what would need another number and is held
	// Rate is how many invocations a second the reservation allows beside what is
	// provisioned: ten for each execution. 0 without a reservation.
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	Rate int `json:"invocationsPerSecond"`
}

// HeldNote is one thing that is held.
type HeldNote struct {
	Name   string    `json:"name"`
	Action Action    `json:"action"`
	Why    Why       `json:"why"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until,omitzero"`
}

// StreamExplained is one stream's shards and readers.
type StreamExplained struct {
	Name      string        `json:"name"`
	Status    string        `json:"status"`
	Mode      string        `json:"mode,omitempty"`
	Retention time.Duration `json:"retention"` // ns
	Open      int           `json:"openShards"`
	Closed    int           `json:"closedShards"` // since Window
	Active    int           `json:"activeShards"` // that can be consumed at one time
	Window    time.Time     `json:"window"`       // from when on closed shards count
	// Earlier is the same for mappings that start further back and changed inside
	// the window; nil where there are none, or nothing further back.
	Earlier  *EarlierShards `json:"earlier"`
	Reshards []Reshard      `json:"reshards"` // splits and merges among these shards, oldest first

	Readers []StreamReader `json:"readers"` // on the shared iterator
	// Reads is how many reads a second each shard gets from Readers, ReadsLimit how
	// many it answers.
	Reads      int `json:"readsPerSecond"`
	ReadsLimit int `json:"readsPerSecondLimit"`
	// Ingest is how many bytes a second may be written to a shard for all Readers to
	// keep up: they share what it gives out.
	Ingest int `json:"ingestBytesPerSecond"`

	Consumers      []StreamReader `json:"consumers"` // enhanced fan-out
	ConsumersLimit int            `json:"consumersLimit"`
	ConsumersMost  int            `json:"consumersMost"` // with On-demand Advantage
	Price          Price          `json:"price"`
}

// EarlierShards are a stream's shards from before its window.
type EarlierShards struct {
	Since  time.Time `json:"since"`
	Closed int       `json:"closedShards"`
	Active int       `json:"activeShards"`
}

// Reshard is one split or merge.
type Reshard struct {
	Parents  []string `json:"parents"`
	Children []string `json:"children"`
}

// StreamReader is one reader of a stream, or several that nobody can see.
type StreamReader struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"` // route, foreign (of ours too, where no document names it) or declared, by otherReaders
	Count int    `json:"count"`
}

// What a shard gives out on its shared iterator, to all readers together, and
// what it takes in.
// https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
const (
	readBytes  = 2 << 20
	writeBytes = 1 << 20
)

// Explain says what concurrency and read budget consist of. It is pure, as
// [Compute] is; asks are facts that it lacks.
func Explain(docs []spec.EventRouting, live State, o Options, prices Prices, now time.Time) (Explanation, []Ask) {
	p := computed(docs, live, o, now)
	plan := p.plan()
	e := Explanation{At: plan.At, Account: plan.Account, Region: plan.Region}
	asks := plan.Asks
	if live.Facts.Limits == nil {
		asks = append(asks, Ask{What: AskLimits})
	} else {
		e.Limits = p.accountLimits()
	}
	waiting := p.waiting() // in the order of the plan
	read := map[string]bool{}
	for _, d := range p.demands {
		e.Functions = append(e.Functions, p.explainFunction(d, waiting))
		maps.Copy(read, d.streams)
	}
	for _, name := range slices.Sorted(maps.Keys(live.Streams)) {
		if read[name] || p.index.wantStream[name] != nil {
			e.Streams = append(e.Streams, p.explainStream(live.Streams[name], prices))
		}
	}
	for _, f := range plan.Findings {
		if aboutCapacity(f.Code) {
			e.Findings = append(e.Findings, f)
		}
	}
	return e, asks
}

func aboutCapacity(code string) bool {
	return MissingReference(code) || slices.Contains([]string{
		CodeAssumed, CodeInvokers, CodeMaximum, CodeOnly, CodeReservationLeft, CodeReservedZero, CodeShortage, spec.CodeReadBudget, spec.CodeConsumers,
	}, code)
}

func (p *planner) accountLimits() *AccountLimits {
	l := p.live.Facts.Limits
	a := &AccountLimits{Limit: l.ConcurrentExecutions, Unreserved: l.Unreserved, KeepFree: p.o.StayFree(l.ConcurrentExecutions), After: l.Unreserved}
	for _, d := range p.demands {
		if d.After != nil {
			a.After -= *d.After - d.own()
		}
	}
	a.Short = p.short
	if a.Short > 0 {
		a.Quota = p.o.quota(*l, a.Short)
	}
	return a
}

func (p *planner) explainFunction(d *demand, waiting map[string][]HeldNote) FunctionExplained {
	f := FunctionExplained{Need: d.Need}
	if l := p.live.Facts.Limits; l != nil {
		most := max(d.own(), d.own()+l.Unreserved-p.o.StayFree(l.ConcurrentExecutions))
		f.Most = &most
	}
	if s := p.step(Addr{KindReservation, d.Function}); s != nil {
		if f.Action = s.Action; s.held() {
			note := s.note()
			f.Held = &note
		}
	}
	if d.After != nil {
		f.Rate = 10 * max(0, *d.After-d.function.provisioned())
	}
	f.Waiting = waiting[d.Function]
	return f
}

// waiting lists by function what waits for concurrency, and what is not counted
// because it waits for something else.
func (p *planner) waiting() map[string][]HeldNote {
	all := map[string][]HeldNote{}
	for _, s := range p.steps {
		if _, after := s.mappings(); after != nil && (s.why == WhyShortage || s.waits() && s.runsOther()) {
			all[after.Key.Function] = append(all[after.Key.Function], s.note())
		}
	}
	return all
}

// runsOther says whether more or less of a mapping would run with a step.
func (s *step) runsOther() bool {
	factor := func(m *Mapping) int {
		if m == nil || !m.Enabled {
			return 0
		}
		return m.ParallelizationFactor
	}
	before, after := s.mappings()
	return factor(before) != factor(after)
}

func (s *step) note() HeldNote {
	return HeldNote{Name: s.Addr.Name, Action: s.Action, Why: s.why, Reason: s.Reason, Until: s.until}
}

func (p *planner) explainStream(st Stream, prices Prices) StreamExplained {
	w := p.widths(st)
	e := StreamExplained{
		Name: st.Name, Status: st.Status, Mode: st.Mode, Retention: st.Retention,
		Active: w.recent, Window: p.now.Add(-p.window(st.Name)).UTC(),
		ReadsLimit: readLimit, ConsumersLimit: manyConsumers, ConsumersMost: mostConsumers,
		Readers: p.readersOf(st.Name), Consumers: p.consumersAt(st),
	}
	shards := st.Shards
	e.Open, e.Closed = openAndClosed(shards)
	if l, known := p.live.Facts.Lineages[st.Name]; known {
		_, closed := openAndClosed(l.Shards)
		e.Earlier = &EarlierShards{Since: l.Since, Closed: closed, Active: w.earlier}
		shards = l.Shards
	}
	e.Reshards = reshards(shards)
	for _, r := range e.Readers {
		e.Reads += r.Count
	}
	e.Ingest = min(writeBytes, readBytes/max(1, e.Reads))
	e.Price = prices.of(p.live.Region, st.Mode, count(e.Consumers), e.Open)
	return e
}

func openAndClosed(shards []Shard) (open, closed int) {
	for _, s := range shards {
		if s.Closed {
			closed++
		} else {
			open++
		}
	}
	return open, closed
}

// reshards puts shards together by their parents: those of one parent were
// split from it, one of two was merged.
func reshards(shards []Shard) []Reshard {
	var all []Reshard
	at := map[string]int{}
	for _, s := range shards {
		if len(s.Parents) == 0 {
			continue
		}
		key := s.Parents[0]
		if len(s.Parents) > 1 {
			key += " " + s.Parents[1]
		}
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key], all = i, append(all, Reshard{Parents: s.Parents})
		}
		all[i].Children = append(all[i].Children, s.ID)
	}
	slices.SortFunc(all, func(a, b Reshard) int { return cmp.Compare(slices.Min(a.Children), slices.Min(b.Children)) })
	return all
}

func count(readers []StreamReader) int {
	n := 0
	for _, r := range readers {
		n += r.Count
	}
	return n
}

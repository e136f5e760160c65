package reconcile

import (
	"maps"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// Status is what is, as far as documents concern it, and what a pass would do
// about it.
type Status struct {
	At        time.Time        `json:"at"`
	Account   string           `json:"account"`
	Region    string           `json:"region"`
	Routes    []RouteStatus    `json:"routes"` // of the documents, in their order, then retired and orphaned ones
	Functions []FunctionStatus `json:"functions"`
	Streams   []StreamStatus   `json:"streams"`
	Findings  []spec.Finding   `json:"findings"`
}

// RouteStatus is one route, or what is left of one.
type RouteStatus struct {
	Name       string         `json:"name"` // ROUTING/ROUTE
	Isolation  spec.Isolation `json:"isolation,omitempty"`
	Key        string         `json:"key"`
	UUID       string         `json:"uuid,omitempty"`
	State      string         `json:"state"`          // AWS's word, or Missing
	Since      time.Time      `json:"since,omitzero"` // when the mapping last changed, floored to minutes by AWS
	LastResult string         `json:"lastResult,omitempty"`
	// Retired says that no route of its routing wants the mapping any more, Orphan
	// that no document names its routing; Off says why and when we disabled it, as
	// far as its tags were read.
	Retired bool      `json:"retired"`
	Orphan  bool      `json:"orphan"`
	Off     string    `json:"off,omitempty"`
	OffAt   time.Time `json:"offAt,omitzero"`
	// Until is when a retired mapping is deleted, as far as its tags were read.
	Until time.Time `json:"until,omitzero"`
	// Idle says that the mapping runs and what it is to invoke is gone.
	Idle bool `json:"idle"`
	// Paused and Released are until when an operator said so of it, BrakeReleased the
	// same of the brake of its routing, as far as the tags of that were read.
	Paused        time.Time `json:"paused,omitzero"`
	Released      time.Time `json:"released,omitzero"`
	BrakeReleased time.Time `json:"brakeReleased,omitzero"`
	// Pending is what the next pass would do, Held why it would not.
	Pending []Action     `json:"pending"`
	Held    []HeldStatus `json:"held"`
	Alias   *AliasStatus `json:"alias,omitempty"`
}

// HeldStatus is one thing that is wanted of a route and held.
type HeldStatus struct {
	Action Action    `json:"action"`
	Why    Why       `json:"why"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until,omitzero"`
}

// AliasStatus is a route's alias.
type AliasStatus struct {
	Name    string             `json:"name"`
	Version string             `json:"version"`
	Weights map[string]float64 `json:"weights,omitempty"`
	Follows string             `json:"follows"`
	Behind  bool               `json:"behind"` // it does not point where what it follows points
}

// FunctionStatus is a function's concurrency.
type FunctionStatus struct {
	Name     string `json:"name"`
	Need     int    `json:"need"`     // concurrent executions
	Reserved *int   `json:"reserved"` // nil is unset
	Terms    []Term `json:"terms"`
}

// StreamStatus is a stream with those who read it.
type StreamStatus struct {
	Name      string        `json:"name"`
	Status    string        `json:"status"`
	Mode      string        `json:"mode,omitempty"`
	Retention time.Duration `json:"retention"` // ns
	Open      int           `json:"openShards"`
	Closed    int           `json:"closedShards"` // as far as they were read
	Standard  int           `json:"standardReaders"`
	Others    int           `json:"otherReaders"` // of Standard, those that are not routes of the documents
	Consumers int           `json:"consumers"`    // enhanced fan-out consumers, whoever they belong to
	// OtherConsumers are those of Consumers that are not of routes of the documents.
	OtherConsumers int `json:"otherConsumers"`
}

// Missing is the state of a route that has no mapping.
const Missing = "Missing"

// Inspect says what is, and what a pass at now would do. It is pure, as
// [Compute] is. Asks are tags that a pass does not need and that tell why a
// mapping is disabled.
func Inspect(docs []spec.EventRouting, live State, o Options, now time.Time) (s Status, asks []Ask) {
	p := computed(docs, live, o, now)
	plan := p.plan()
	s = Status{At: plan.At, Account: plan.Account, Region: plan.Region, Findings: plan.Findings}
	p.asks = nil
	for _, w := range p.wishes {
		s.Routes = append(s.Routes, p.routeStatus(w))
	}
	asks = p.asks
	for _, m := range p.index.mappings {
		if r, ok := p.remains(m); ok {
			s.Routes = append(s.Routes, r)
		}
	}
	for _, w := range p.wishes {
		// What its function or alias left behind is ours by its tags alone.
		if w.live != nil && !p.ours(*w.live) {
			if _, known := live.Facts.Tags[w.live.UUID]; !known {
				asks = append(asks, Ask{What: AskTags, Name: w.live.UUID})
			}
		}
	}
	for _, r := range s.Routes {
		if _, known := live.Facts.Tags[r.UUID]; r.UUID != "" && r.State == "Disabled" && !known {
			asks = append(asks, Ask{What: AskTags, Name: r.UUID})
		}
	}
	for _, n := range plan.Needs {
		s.Functions = append(s.Functions, FunctionStatus{Name: n.Function, Need: n.Required, Reserved: n.Reserved, Terms: n.Terms})
	}
	for _, name := range slices.Sorted(maps.Keys(p.index.wantStream)) {
		if st, ok := live.Streams[name]; ok {
			s.Streams = append(s.Streams, p.streamStatus(st))
		}
	}
	return s, asks
}

func (p *planner) routeStatus(w *wish) RouteStatus {
	r := RouteStatus{Name: w.addr.Name, Isolation: w.route.Isolation, Key: w.mapping.Key.String(), State: Missing}
	if w.live != nil && p.ours(*w.live) {
		p.describe(&r, *w.live)
		r.Idle = p.idle(w)
	}
	p.describeWord(&r, w.doc.Metadata.Name, w.route.Name)
	anchor, _ := w.anchor()
	for _, s := range p.steps {
		switch {
		case s.wish != w || s.Addr != w.addr && s.Addr != anchor:
		case s.held():
			r.Held = append(r.Held, HeldStatus{Action: s.Action, Why: s.why, Reason: s.Reason, Until: s.until})
		default:
			r.Pending = append(r.Pending, s.Action)
		}
	}
	if a, ok := p.live.Aliases[w.alias.Key]; ok && w.route.Isolation == spec.IsolationAlias && p.ownsAlias(w.alias.Key) {
		r.Alias = &AliasStatus{
			Name: a.Key.Name, Version: a.Version, Weights: a.Weights, Follows: w.doc.Follow(),
			Behind: a.Version != w.alias.Version || !maps.Equal(a.Weights, w.alias.Weights),
		}
	}
	return r
}

// describeWord fills in what an operator said. Unless the plan has asked for it,
// or [Options.Words] does, that is not known.
func (p *planner) describeWord(r *RouteStatus, routing, route string) {
	ms := p.mappingsOf(routing)
	if len(ms) == 0 {
		return
	}
	if _, known := p.live.Facts.Tags[ms[0].UUID]; known || p.o.Words {
		r.Paused = p.said(TagPaused, routing, route, Routing)
		r.Released, r.BrakeReleased = p.said(TagReleased, routing, route), p.said(TagReleased, routing, Routing)
	}
}

// describe fills in what a live mapping says.
func (p *planner) describe(r *RouteStatus, m Mapping) {
	r.Key, r.UUID, r.State, r.Since, r.LastResult = m.Key.String(), m.UUID, m.State, m.Modified, m.LastResult
	if off, ok := offBy(m, p.live.Facts.Tags[m.UUID]); ok && !m.Enabled {
		r.Off, r.OffAt = off.Cause, off.At
	}
}

// remains is a mapping of ours that no route wants.
func (p *planner) remains(m Mapping) (RouteStatus, bool) {
	routing, route, ok := p.owned(m)
	if !ok || p.claimed[m.UUID] != nil {
		return RouteStatus{}, false
	}
	named := p.named(m)
	if !named && p.o.Partial {
		return RouteStatus{}, false // it may be of a document that is not here
	}
	r := RouteStatus{Name: routing + "/" + route, Retired: named, Orphan: !named}
	p.describe(&r, m)
	if tags := p.live.Facts.Tags[m.UUID]; named && !m.running() && retired(m, tags) {
		r.Until = deletedAt(p.docOf(routing), m, Off{At: r.OffAt})
	}
	for _, s := range p.steps {
		before, _ := s.mappings()
		switch {
		case before == nil || before.UUID != m.UUID:
		case s.held():
			r.Held = append(r.Held, HeldStatus{Action: s.Action, Why: s.why, Reason: s.Reason, Until: s.until})
		default:
			r.Pending = append(r.Pending, s.Action)
		}
	}
	return r, true
}

func (p *planner) streamStatus(st Stream) StreamStatus {
	s := StreamStatus{Name: st.Name, Status: st.Status, Mode: st.Mode, Retention: st.Retention}
	for _, shard := range st.Shards {
		if shard.Closed {
			s.Closed++
		} else {
			s.Open++
		}
	}
	for _, w := range p.index.wantStream[st.Name] {
		s.Others = max(s.Others, w.doc.Spec.OtherReaders)
	}
	s.Standard = s.Others
	for _, m := range p.index.onStream[st.Name] {
		if !m.Enabled || m.Key.Consumer != "" {
			continue
		}
		s.Standard++
		if p.claimed[m.UUID] == nil || !p.ours(m) {
			s.Others++
		}
	}
	wanted := map[string]bool{}
	for _, w := range p.index.wantStream[st.Name] {
		wanted[w.mapping.Key.Consumer] = true
	}
	for k := range p.live.Consumers {
		switch {
		case k.Stream != st.Name:
			continue
		case !wanted[k.Name]:
			s.OtherConsumers++
		}
		s.Consumers++
	}
	return s
}

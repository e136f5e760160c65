package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// Compute says what has to change so that live becomes what the documents
// want. It is pure and total: the same documents, state and time give the same
// plan in any order, and whatever is odd in them becomes a finding or a held
// change. The documents are valid, and of one account and region.
//
// The plan goes through these steps:
//
//	desired   routes become mappings, aliases and consumers
//	claim     each route's live mapping
//	inherit   that of a route renamed, or of another function before
//	renew     what others took over is made anew, rather than enabled
//	follow    aliases point where `follow` points
//	diff      per route: create, register, update, revive, or held with the reason
//	retire    mappings of named routings that no route wants
//	forbid    policy and pause; what cannot be finished is not begun
//	protect   what a mapping takes it keeps until who takes it over is qualified
//	capacity  the reservation rises before what needs it
//	clean     what was retired long ago goes, and then what it used
//	hold      what needs something held is held
//	brake     not too many mappings of a routing stop at once
//	lower     the reservation falls to what is needed, when that is certainly free
//	rely      mappings that run more say what has to be reserved for it
//	coverage  what goes to several takers then, and what to none
//	note      mappings that change say what they ran before
//	sign      mappings that change say for which commit
//	order     an order in which the changes can be applied
func Compute(docs []spec.EventRouting, live State, o Options, now time.Time) Plan {
	return computed(docs, live, o, now).plan()
}

// computed is a planner that has gone through all steps.
func computed(docs []spec.EventRouting, live State, o Options, now time.Time) *planner {
	p := newPlanner(docs, live, o, now)
	p.claim()
	p.inherit()
	p.renew()
	for _, w := range p.wishes {
		p.route(w)
	}
	p.retire()
	p.forbid()
	p.protect()
	p.capacity()
	p.clean()
	p.hold()
	p.brake()
	p.lower()
	p.rely()
	p.askLineages()
	p.readers()
	p.coverage()
	p.assumptions()
	p.noteRan()
	p.sign()
	return p
}

// planner is one computation. Its methods add steps, findings and asks.
type planner struct {
	live     State
	o        Options
	now      time.Time
	docs     []spec.EventRouting
	wishes   []*wish
	steps    []*step
	findings []spec.Finding
	demands  []*demand
	short    int // executions that the account lacks for them
	asks     []Ask

	sets        map[string]pattern.Set // of live mappings, by UUID
	claimed     map[string]*wish       // by UUID of the mapping that is the route's
	active      map[string]*widths     // by stream
	finishing   map[string]*step       // by UUID
	vouched     map[string]*step       // by UUID
	left        map[string][]Mapping   // that ran a function until lately, by that
	unheard     []Mapping              // that changed lately, and what they ran before is not known
	at          map[Addr]*step         // the first step at an address
	members     map[string][]Mapping   // of ours, by routing
	enabled     map[string][]Mapping   // of ours that are enabled, by routing
	bareAliases map[placeOf][]AliasKey // those without a mapping; nil for not looked yet
	regained    map[AliasKey]bool      // lost aliases whose events a mapping made anew takes
	heirs       map[AliasKey][]Addr    // what remembers the start of a deleted mapping, by its alias
	index       index
}

func newPlanner(docs []spec.EventRouting, live State, o Options, now time.Time) *planner {
	p := &planner{
		live: live, o: o, now: now.UTC(), docs: slices.Clone(docs),
		sets: map[string]pattern.Set{}, claimed: map[string]*wish{}, active: map[string]*widths{}, vouched: map[string]*step{}, finishing: map[string]*step{}, at: map[Addr]*step{}, heirs: map[AliasKey][]Addr{}, regained: map[AliasKey]bool{},
	}
	slices.SortStableFunc(p.docs, func(a, b spec.EventRouting) int {
		return cmp.Or(cmp.Compare(a.Metadata.Name, b.Metadata.Name), cmp.Compare(a.Origin.File, b.Origin.File))
	})
	p.wishes, p.findings = wishes(p.docs, o)
	p.index = newIndex(p.docs, p.wishes, live)
	return p
}

// sign has mappings that change carry the commit of the documents; where there is none
// they do not go on carrying another.
func (p *planner) sign() {
	for _, s := range p.steps {
		before, after := s.mappings()
		switch {
		case after == nil || s.held():
		case p.o.Commit != "":
			s.setTag(TagCommit, p.o.Commit)
		case before != nil && p.live.Facts.Tags[before.UUID][TagCommit] != "":
			s.setTag(TagCommit, "none")
		}
	}
}

// step is a change that may yet be held.
type step struct {
	Change
	wish  *wish // whose change it is; nil for a retirement and a reservation
	doc   *spec.EventRouting
	later *step // the rest of what is wanted at the address, held
	why   Why   // set: held
	until time.Time
}

func (s *step) held() bool { return s.why != "" }

// hold keeps the first reason that was found.
func (s *step) hold(why Why, reason string) {
	if s.held() {
		return
	}
	s.why, s.Reason = why, reason
}

// mappings are the step's object before and after; nil where there is none or
// it is not a mapping.
func (s *step) mappings() (before, after *Mapping) {
	before, _ = s.Before.(*Mapping)
	after, _ = s.After.(*Mapping)
	return before, after
}

func (p *planner) add(s *step) *step {
	p.steps = append(p.steps, s)
	if _, ok := p.at[s.Addr]; !ok {
		p.at[s.Addr] = s
	}
	return s
}

func (p *planner) find(f spec.Finding) { p.findings = append(p.findings, f) }

func (p *planner) ask(what AskWhat, name string) {
	p.asks = append(p.asks, Ask{What: what, Name: name})
}

// step finds what this plan does at an address; nil for nothing.
func (p *planner) step(a Addr) *step { return p.at[a] }

// changesAt says whether anything at an address changes in this plan: a second change
// there has to wait.
func (p *planner) changesAt(a Addr) bool {
	first := p.at[a]
	return first != nil && (!first.held() || slices.ContainsFunc(p.steps, func(s *step) bool { return s.Addr == a && !s.held() }))
}

// taken is what a live mapping takes, parsed once. An encrypted filter that was
// not read counts as everything.
func (p *planner) taken(m Mapping) pattern.Set {
	s, ok := p.sets[m.UUID]
	if !ok {
		filters := m.Filters
		if m.FiltersUnknown {
			filters = p.live.Facts.Filters[m.UUID].Filters
		}
		s = pattern.NewSet(filters)
		p.sets[m.UUID] = s
	}
	return s
}

// unreadable says whether a mapping's filter is encrypted and could not be read: it
// may take anything, and nothing.
func (p *planner) unreadable(m Mapping) bool {
	fact, known := p.live.Facts.Filters[m.UUID]
	return m.FiltersUnknown && (!known || fact.Error != "")
}

// plan puts everything in order.
func (p *planner) plan() Plan {
	plan := Plan{At: p.now, Account: p.live.Account, Region: p.live.Region}
	for _, d := range p.demands {
		plan.Needs = append(plan.Needs, d.Need)
	}
	slices.SortStableFunc(p.steps, func(a, b *step) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Addr.Kind, b.Addr.Kind), cmp.Compare(a.Addr.Name, b.Addr.Name))
	})
	for _, s := range p.steps {
		if s.held() {
			plan.Held = append(plan.Held, Held{Change: s.Change, Why: s.why, Until: s.until})
		} else {
			plan.Changes = append(plan.Changes, s.Change)
		}
	}
	for _, w := range p.wishes {
		if w.live != nil && !w.live.Settled() && p.step(w.addr) == nil {
			live := *w.live
			plan.Busy = append(plan.Busy, Change{Action: Create, Addr: w.addr, After: &live})
		}
	}
	slices.SortFunc(p.asks, func(a, b Ask) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Name, b.Name), a.Since.Compare(b.Since))
	})
	plan.Asks = slices.Compact(p.asks)
	slices.SortFunc(p.findings, compareFindings)
	plan.Findings = slices.Compact(p.findings)
	return plan
}

// rank orders a plan so that what is needed stands before what needs it:
// following first, as section 7 of the design asks; the reservation before
// what it has to cover; takers before givers.
func (s *step) rank() int {
	_, isAlias := s.After.(*Alias)
	_, isConsumer := s.After.(*Consumer)
	switch {
	case isAlias && s.Action == Update:
		return 0
	case isAlias, isConsumer:
		return 1
	case s.Action == Raise:
		return 2
	case s.Action == Create:
		return 3
	case s.Action == Retire:
		return 6
	case s.Action == Lower:
		return 7
	case s.Action == Delete && s.Addr.Kind == KindMapping:
		return 8
	case s.Action == Delete:
		return 9
	}
	return 4
}

func compareAddrs(a, b Addr) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

func compareFindings(a, b spec.Finding) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Code, b.Code), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Message, b.Message),
	)
}

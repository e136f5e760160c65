package reconcile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// coverage reports what goes to several takers and what to none, once the plan
// is carried out: live mappings that are not ours count as well.
//
// Overlaps are looked for in what routes want, so that one that a handover makes
// is none; gaps in what mappings will take, so that a route that is held, or
// that a person disabled, leaves one.
func (p *planner) coverage() {
	unwanted, retired := map[string]bool{}, map[string]bool{} // by UUID
	for _, s := range p.steps {
		if before, _ := s.mappings(); s.Action == Retire && before != nil {
			unwanted[before.UUID] = true
			retired[before.UUID] = !s.held()
		}
	}
	for _, g := range spec.Groups(p.docs) {
		if _, ok := p.live.Streams[g.Stream]; ok {
			p.cover(g, p.others(g.Stream, unwanted), p.others(g.Stream, retired))
		}
	}
}

// cover reports about one group of documents. wanted and taking are takers beside
// routes: those that are there to stay, and those that take now.
func (p *planner) cover(g spec.Group, wanted, taking []spec.Taker) {
	same := len(wanted) == len(taking)
	for _, w := range p.index.wantStream[g.Stream] {
		if w.route.Enabled && !p.foreignTo(w) {
			wanted = append(wanted, w.doc.Taker(w.route, w.set))
		}
		set, takes := p.will(w)
		if takes {
			taking = append(taking, w.doc.Taker(w.route, set))
		}
		same = same && takes == w.route.Enabled && (!takes || set.Equal(w.set))
	}
	c := g.Cover(wanted)
	for _, name := range c.Unknown {
		p.find(g.Docs[0].Find(spec.Info, CodeFilterUnknown, "spec.stream",
			"%s has filters that are encrypted, or written in what this tool does not know: what it takes twice and what it leaves out cannot be told", name))
	}
	p.findings = append(p.findings, c.Overlaps...)
	if !same {
		c = g.Cover(taking)
	}
	p.findings = append(p.findings, c.Findings...)
	for _, gap := range c.Gaps {
		p.findGap(g, gap)
	}
}

// others are the enabled mappings of a stream that no route wants: other
// people's, and of ours those that stay as they are.
func (p *planner) others(stream string, retired map[string]bool) []spec.Taker {
	var all []spec.Taker
	for _, m := range p.index.onStream[stream] {
		if w := p.claimed[m.UUID]; !m.Enabled || w != nil && !p.foreignTo(w) || retired[m.UUID] || p.dead(m) {
			continue
		}
		set := p.taken(m)
		if p.unreadable(m) {
			set = pattern.NewSet([]string{"encrypted"}) // no pattern: takes nobody knows what
		}
		name := p.nameOf(m)
		if name == m.Key.String() {
			name = fmt.Sprintf("mapping %s (%s)", m.UUID, m.Key)
		}
		all = append(all, spec.Taker{Name: name, Function: m.Key.Function, Set: set})
	}
	return all
}

// foreignTo says whether somebody else has the key of a route.
func (p *planner) foreignTo(w *wish) bool {
	s := p.step(w.addr)
	return s != nil && s.why == WhyForeign
}

// will is what a route's mapping takes once the plan is carried out; false for
// nothing.
func (p *planner) will(w *wish) (pattern.Set, bool) {
	s := p.step(w.addr)
	if w.renewed {
		return pattern.Set{}, false // made anew later
	}
	if s != nil && !s.held() {
		_, after := s.mappings()
		if slices.Equal(after.Filters, w.mapping.Filters) {
			return w.set, after.Enabled
		}
		return pattern.NewSet(after.Filters), after.Enabled
	}
	if p.foreignTo(w) {
		return pattern.Set{}, false // counted as what it is
	}
	if w.live == nil || !w.live.Enabled {
		return pattern.Set{}, false
	}
	if p.unreadable(*w.live) {
		return pattern.Set{}, false // nobody knows what it takes
	}
	if slices.Equal(w.live.Filters, w.mapping.Filters) && !w.live.FiltersUnknown {
		return w.set, true
	}
	return p.taken(*w.live), true
}

// findGap reports declared types that nothing will take, by the route that
// declares them: one that is not disabled by its document is not as it should be.
func (p *planner) findGap(g spec.Group, gap spec.Gap) {
	byRoute := map[Addr][]string{}
	for _, w := range p.index.wantStream[g.Stream] {
		for _, t := range w.route.EventTypes {
			if slices.Contains(gap.Types, t) {
				byRoute[w.addr] = append(byRoute[w.addr], t)
			}
		}
	}
	for _, addr := range slices.SortedFunc(maps.Keys(byRoute), compareAddrs) {
		p.findGapOf(p.index.wantAddr[addr], spec.EventTypes(byRoute[addr]))
	}
}

// findGapOf reports the types of one route that nothing will take.
func (p *planner) findGapOf(w *wish, types string) {
	s := p.step(w.addr)
	switch {
	case !w.route.Enabled:
		p.find(w.find(spec.Info, spec.CodeGap, "%s are taken by nobody while %s is disabled: they wait for it until they expire", types, w.addr.Name))
	case s == nil:
		p.find(w.find(spec.Warning, spec.CodeGap, "%s are taken by nobody", types))
	case s.why == WhyMissing || s.why == WhyUnsupported || s.why == WhyStart:
		// said already, or as the document has it
	case s.held():
		p.find(w.find(spec.Warning, spec.CodeGap, "%s are taken by nobody: %s is held (%s)", types, w.addr.Name, s.Reason))
	case s.later != nil && s.later.Action == Revive:
		p.find(w.find(spec.Warning, spec.CodeGap, "%s are taken by nobody while %s is disabled (%s): they wait for it until they expire", types, w.addr.Name, s.later.Reason))
	default:
		p.find(w.find(spec.Warning, spec.CodeGap, "%s are taken by nobody", types))
	}
}

package reconcile

import (
	"time"

	"github.com/eventrouting/eventrouting/reconcile/internal/mutant"
	"github.com/eventrouting/eventrouting/spec"
)

// inherit finds the mapping of a route that has another name or another function
// now. It is the route's: its target is changed in place, and it keeps its
// position, so that nothing comes twice. Another stream, and another isolation,
// are another mapping.
func (p *planner) inherit() {
	for _, w := range p.wishes {
		if w.live != nil || w.left != nil || w.route.Isolation == spec.IsolationFanOut {
			continue
		}
		m, ok := p.heirloom(w)
		if ok {
			w.live = &m
			p.claimed[m.UUID] = w
		}
	}
}

// heirloom is the mapping that a route without one inherits: that of its own name,
// else one of a route that is gone and took the same. One that runs comes first.
func (p *planner) heirloom(w *wish) (best Mapping, ok bool) {
	rank := func(m Mapping, route string) int {
		switch {
		case route == w.route.Name:
			return 0
		case m.Enabled:
			return 1
		}
		return 2
	}
	at := 3
	for _, m := range p.index.onStream[w.mapping.Key.Stream] {
		route, ours := p.bequeathed(w, m)
		if !ours || !p.unburdened(w, m) {
			continue
		}
		if r := rank(m, route); r < at {
			best, ok, at = m, true, r
		}
	}
	return best, ok
}

// bequeathed says whether a live mapping is of a route's routing and isolation and
// no route's any more, and of which route it was.
func (p *planner) bequeathed(w *wish, m Mapping) (route string, ok bool) {
	alias := p.ownsAlias(m.Key.alias())
	if m.Key.Consumer != "" || p.claimed[m.UUID] != nil {
		return "", false
	}
	if p.adopted(w, m) {
		return w.route.Name, true
	}
	if alias != (w.route.Isolation == spec.IsolationAlias) {
		return "", false
	}
	if _, known := p.live.Facts.Tags[m.UUID]; !alias && !known {
		p.ask(AskTags, m.UUID)
		w.unclear = m.UUID
		return "", false
	}
	routing, route, ours := p.owned(m)
	if !ours || routing != w.doc.Metadata.Name {
		return "", false
	}
	if route == w.route.Name {
		return route, true
	}
	gone := p.index.wantAddr[Addr{KindMapping, routing + "/" + route}] == nil
	return route, gone && !m.FiltersUnknown && p.taken(m).Equal(w.set)
}

// unburdened says whether a mapping's position is worth having: one that others
// took over from is not.
func (p *planner) unburdened(w *wish, m Mapping) bool {
	if m.running() {
		return true
	}
	tags, known := p.live.Facts.Tags[m.UUID]
	if !known {
		p.ask(AskTags, m.UUID)
		w.unclear = m.UUID
		return false
	}
	off, ours := offBy(m, tags)
	return !ours || off.Cause != OffMoved
}

// inherited says whether a route's live mapping has yet to be given the route's
// target.
func (w *wish) inherited() bool {
	return w.live != nil && w.route.Isolation == spec.IsolationAlias && w.live.Key != w.mapping.Key
}

// renew decides which routes do not go on with the mapping that they have: others
// took its events over and have read past where it stopped. Enabled again it would
// bring all of that once more, so that it is deleted and made anew as a taker.
// Where nobody takes the events any more it goes on where it stopped after all.
func (p *planner) renew() {
	for _, w := range p.wishes {
		if w.live == nil || !w.route.Enabled || w.live.running() {
			continue
		}
		tags, known := p.live.Facts.Tags[w.live.UUID]
		if !known {
			continue // asked for when it is to be enabled
		}
		off, ours := offBy(*w.live, tags)
		if !ours || off.Cause != OffMoved || !p.ours(*w.live) {
			continue
		}
		if giver, _ := p.giver(w); giver != "" && !mutant.Is(mutant.ReviveMoved) {
			w.renewed = true
			w.ending, _ = p.stopped(*w.live)
		}
	}
}

// planAnew plans the end of a route's mapping, which is made anew once it is gone:
// AWS has one per source and target.
func (p *planner) planAnew(w *wish) {
	live := *w.live
	off, _ := offBy(live, p.live.Facts.Tags[live.UUID])
	var needs []Addr
	if addr, ok := w.anchor(); ok {
		needs = append(needs, addr)
	}
	gone := p.add(&step{wish: w, doc: &w.doc, Change: Change{
		Action: Delete, Addr: w.addr, Before: &live, Needs: needs,
		Reason: "the route wants its events again, which others took over at " + off.At.Format(time.RFC3339),
		Effect: "none: others take its events until it is made anew",
	}})
	s := p.add(p.creation(w))
	gone.later = s
	if !w.ending.IsZero() { // it is counted for as long as it is there
		gone.hold(WhyEnding, "an invocation of it may still run")
		s.hold(WhyEnding, "the mapping that it had is deleted first")
		gone.until, s.until = w.ending, w.ending
		return
	}
	s.hold(WhyUnsettled, "the mapping that it had is deleted first")
}

package reconcile

import (
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// protect makes every change that takes events out of a mapping wait for those
// who take them over.
//
// A mapping that gives some events and takes others in one update would have
// to wait and to be waited for; it first takes both sides, and gives in a later
// pass. So a taker never waits, and no two changes wait for each other.
//
// It is the part of the design's section 7 that this version has: a taker has
// settled, which is less than having proved that it reads. The effect says so.
func (p *planner) protect() {
	for _, s := range p.steps {
		before, after := s.mappings()
		if before == nil || after == nil || s.held() || !before.Enabled || p.dead(*before) {
			continue
		}
		leaving := p.taken(*before)
		narrows := true
		if after.Enabled {
			kept := pattern.NewSet(after.Filters)
			narrows = kept.Covers(leaving).Verdict != pattern.Yes
			if rest, ok := leaving.Minus(kept); ok {
				leaving = rest
			}
		}
		if narrows {
			p.protectOne(s, before, after, leaving)
		}
	}
}

// takers are the enabled routes that want some of the events leaving a mapping.
func (p *planner) takers(s *step, leaving pattern.Set) []*wish {
	before, _ := s.mappings()
	var all []*wish
	for _, w := range p.index.wantStream[before.Key.Stream] {
		if w != s.wish && w.route.Enabled && w.set.Overlaps(leaving).Verdict != pattern.No {
			all = append(all, w)
		}
	}
	return all
}

func (p *planner) protectOne(s *step, before, after *Mapping, leaving pattern.Set) {
	takers := p.takers(s, leaving)
	if len(takers) == 0 {
		if s.wish != nil && after.Enabled {
			s.Effect += "; events that leave it are wanted by no route"
		}
		return
	}
	names, waiting, needs := p.wait(takers, leaving)
	widens := after.Enabled && p.taken(*before).Covers(pattern.NewSet(after.Filters)).Verdict != pattern.Yes
	switch {
	case widens && len(needs)+len(waiting) > 0:
		p.takeBoth(s, before, after, names)
	case len(waiting) > 0:
		s.hold(WhyTaker, "some of its events go to "+strings.Join(waiting, ", ")+", which is not ready")
	default:
		s.gives = len(needs) > 0
		s.Needs = append(s.Needs, needs...)
		verb := " takes"
		if len(names) > 1 {
			verb = " take"
		}
		s.Effect = "position kept; " + strings.Join(names, ", ") + verb + " over. May lose events: those unread here that were written before the taker's start"
	}
}

// wait says which takers there are, which of them will not take in this pass,
// and what those that will need before they do.
func (p *planner) wait(takers []*wish, leaving pattern.Set) (names, waiting []string, needs []Addr) {
	for _, w := range takers {
		names = append(names, w.addr.Name)
		steps := p.makes(w)
		if p.takes(w, leaving) { // whatever else changes in it
			if p.runnable(w) {
				continue
			}
			steps = steps[:min(len(steps), 1)]
		}
		if len(steps) == 0 || slices.ContainsFunc(steps, (*step).held) {
			waiting = append(waiting, w.addr.Name)
			continue
		}
		for _, t := range steps {
			needs = append(needs, t.Addr)
		}
	}
	return names, waiting, needs
}

// makes are the steps that a route needs before its mapping takes events, the
// one of its anchor first.
func (p *planner) makes(w *wish) []*step {
	addrs := []Addr{w.addr}
	if anchor, ok := w.anchor(); ok {
		addrs = []Addr{anchor, w.addr}
	}
	var all []*step
	for _, a := range addrs {
		if s := p.step(a); s != nil && !s.follows() {
			all = append(all, s)
		}
	}
	return all
}

// takes says whether a route's live mapping takes already what the route wants
// of some events.
func (p *planner) takes(w *wish, events pattern.Set) bool {
	if w.live == nil || w.live.State != "Enabled" || !p.ours(*w.live) {
		return false
	}
	live := p.taken(*w.live)
	if live.Covers(w.set).Verdict == pattern.Yes {
		return true
	}
	missing, ok := w.set.Minus(live)
	return ok && missing.Overlaps(events).Verdict == pattern.No
}

// runnable says whether a route's mapping has something to run: without its
// alias it has not.
func (p *planner) runnable(w *wish) bool {
	return w.route.Isolation != spec.IsolationAlias || p.ownsAlias(w.alias.Key)
}

// takeBoth turns an update that gives and takes into one that only takes.
func (p *planner) takeBoth(s *step, before, after *Mapping, takers []string) {
	filters, err := p.taken(*before).Union(pattern.NewSet(after.Filters)).Filters()
	if err != nil {
		s.hold(WhyTaker, "it gives and takes events at once, and both do not fit into one filter: "+err.Error())
		return
	}
	both := *after
	both.Filters = filters
	p.restOf(s, Update, &both, after, WhyTaker, "it first takes what is new, and gives the rest to "+strings.Join(takers, ", ")+" in a later pass")
	s.After = &both
	if slices.Equal(before.Filters, both.Filters) || p.taken(*before).Equal(pattern.NewSet(filters)) {
		both.Filters = before.Filters
	}
}

// mayShare says whether a live mapping takes some events of a set, or may.
func (p *planner) mayShare(m Mapping, set pattern.Set) bool {
	if m.FiltersUnknown {
		return true
	}
	return p.taken(m).Overlaps(set).Verdict != pattern.No
}

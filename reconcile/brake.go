package reconcile

import (
	"fmt"
	"slices"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// brake holds what would stop too many of a routing's mappings in one pass: more
// than one, and more than 30 % of those that run. A mistake in a document is
// cheaper to mend before than after. A mapping whose every event others take,
// and have taken for a while, does not count.
func (p *planner) brake() {
	stops := map[string][]*step{}
	var routings []string
	for _, s := range p.steps {
		before, after := s.mappings()
		if s.held() || before == nil || !before.Enabled || after != nil && after.Enabled || p.dead(*before) {
			continue
		}
		if routing, _, ok := p.owned(*before); ok {
			if stops[routing] == nil {
				routings = append(routings, routing)
			}
			stops[routing] = append(stops[routing], s)
		}
	}
	slices.Sort(routings)
	for _, routing := range routings {
		p.brakeOne(routing, stops[routing], len(p.enabledOf(routing)))
	}
}

func (p *planner) brakeOne(routing string, stops []*step, runs int) {
	many := func() bool {
		return len(stops) > 1 && 10*len(stops) > 3*runs && len(stops) > p.o.AllowDeletes && p.said(TagReleased, routing, Routing).IsZero()
	}
	if !many() {
		return
	}
	stops = slices.DeleteFunc(slices.Clone(stops), func(s *step) bool { return p.relieved(s) })
	if !many() {
		return
	}
	reason := fmt.Sprintf("%d of the %d mappings of %s that run would stop in one pass: if that is meant, --allow-deletes %d", len(stops), runs, routing, len(stops))
	for _, s := range stops {
		s.hold(WhyBrake, reason)
	}
	f := spec.Finding{Severity: spec.Error, Code: CodeBrake, Path: routing, Message: reason}
	if doc := p.docOf(routing); doc != nil {
		f = doc.Find(spec.Error, CodeBrake, "spec.routes", "%s", reason)
	}
	p.find(f)
}

// relieved says whether every event of a mapping that is to stop is taken by
// others that are qualified.
func (p *planner) relieved(s *step) bool {
	before, _ := s.mappings()
	rest := p.taken(*before)
	others := slices.Clip(p.index.onStream[before.Key.Stream])
	for _, w := range p.wanters(*before) {
		if w.live != nil && w.live.Key.Stream != before.Key.Stream {
			others = append(others, *w.live)
		}
	}
	for _, m := range others {
		if m.UUID == before.UUID || !p.ours(m) || p.stops(m) || p.unreadable(m) || !p.mayShare(m, rest) || !p.qualified(m) {
			continue
		}
		takes := p.taken(m)
		if after := p.narrowed(m); after != nil {
			takes = *after
		}
		if takes.Covers(rest).Verdict == pattern.Yes {
			return true
		}
		if left, ok := rest.Minus(takes); ok {
			rest = left
		}
	}
	return false
}

// narrowed is what a mapping takes after this plan, where that is less than what it
// takes; nil where it is not.
func (p *planner) narrowed(m Mapping) *pattern.Set {
	w := p.claimed[m.UUID]
	if w == nil {
		return nil
	}
	s := p.step(w.addr)
	if s == nil || s.held() {
		return nil
	}
	_, after := s.mappings()
	if after == nil {
		return nil
	}
	set := pattern.NewSet(after.Filters)
	if set.Covers(p.taken(m)).Verdict == pattern.Yes {
		return nil
	}
	return &set
}

// stops says whether this plan stops a mapping.
func (p *planner) stops(m Mapping) bool {
	return slices.ContainsFunc(p.steps, func(s *step) bool {
		before, after := s.mappings()
		return !s.held() && before != nil && before.UUID == m.UUID && (after == nil || !after.Enabled)
	})
}

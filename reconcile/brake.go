package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// qualifiesAfter is how long a mapping has to have covered events before others
// may leave them to it: longer than any delay of the data plane that we assume,
// 5 minutes.
const qualifiesAfter = 6 * time.Minute

// qualified says whether a mapping of ours may be relied on for what it takes: it
// is enabled, has covered it for long enough, and its last batch did not fail.
// Where its tags are not known yet it asks.
func (p *planner) qualified(m Mapping) bool {
	tags, known := p.live.Facts.Tags[m.UUID]
	if !known {
		p.ask(AskTags, m.UUID)
		return false
	}
	if m.State != "Enabled" || strings.HasPrefix(m.LastResult, "PROBLEM") || p.stopping(tags) {
		return false
	}
	if tags[TagSince] == SincePending {
		p.vouch(m)
		return false
	}
	since, err := time.Parse(time.RFC3339, tags[TagSince])
	return err == nil && !p.now.Before(since.Add(qualifiesAfter))
}

// vouch plans to write down that what a mapping covers was changed and that AWS
// is done with it: from now on it can qualify.
func (p *planner) vouch(m Mapping) {
	w := p.claimed[m.UUID]
	if w == nil || p.vouched[m.UUID] {
		return
	}
	if s := p.step(w.addr); s != nil && !s.held() {
		return // it changes, and is looked at again after that
	}
	p.vouched[m.UUID] = true
	after := m
	after.Tags = map[string]string{TagSince: p.now.Format(time.RFC3339)}
	p.add(&step{wish: w, doc: &w.doc, Change: Change{
		Action: Update, Addr: w.addr, Before: &m, After: &after,
		Reason: "its filter was changed, and AWS is done with that", Effect: "none: others can leave their events to it 6 minutes from now",
	}})
}

// brake holds what would stop too many of a routing's mappings in one pass: more
// than one, and more than 30 % of those that run. A mistake in a document is
// cheaper to mend before than after. A mapping whose every event others take,
// and have taken for a while, does not count.
func (p *planner) brake() {
	stops, runs := map[string][]*step{}, map[string]int{}
	var routings []string
	for _, m := range p.index.mappings {
		if routing, _, ok := p.owned(m); ok && m.Enabled {
			runs[routing]++
		}
	}
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
		p.brakeOne(routing, stops[routing], runs[routing])
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
	others := p.index.onStream[before.Key.Stream]
	if routing, _, ok := p.owned(*before); ok { // which may read another stream now
		for _, w := range p.index.wantRouting[routing] {
			if w.live != nil && w.mapping.Key.Stream != before.Key.Stream {
				others = append(slices.Clip(others), *w.live)
			}
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

// unreadable says whether a mapping's filter is encrypted and could not be read: it
// may take anything, and nothing.
func (p *planner) unreadable(m Mapping) bool {
	fact, known := p.live.Facts.Filters[m.UUID]
	return m.FiltersUnknown && (!known || fact.Error != "")
}

// stops says whether this plan stops a mapping.
func (p *planner) stops(m Mapping) bool {
	return slices.ContainsFunc(p.steps, func(s *step) bool {
		before, after := s.mappings()
		return !s.held() && before != nil && before.UUID == m.UUID && (after == nil || !after.Enabled)
	})
}

package reconcile

import (
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile/internal/mutant"
	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// protect keeps events read. Nothing leaves a live filter, and no mapping stops,
// while an enabled route wants those events and no mapping that is qualified takes
// them, or this one is not known to have read past the taker's start.
//
// So a handover is not a kind of change: what is desired is rewritten before it is
// carried out, to what a mapping takes now and what it is to take together, and
// the rest is held. It does not matter what else is held, failed or forbidden.
func (p *planner) protect() {
	for _, s := range slices.Clone(p.steps) {
		before, after := s.mappings()
		if before == nil || after == nil || s.held() || !p.reads(s, *before) {
			continue
		}
		if after.Enabled && mutant.Is(mutant.NarrowAtOnce) || !after.Enabled && mutant.Is(mutant.RetireEarly) {
			continue
		}
		leaving := p.taken(*before)
		if after.Enabled {
			kept := pattern.NewSet(after.Filters)
			if kept.Covers(leaving).Verdict == pattern.Yes {
				continue
			}
			if rest, ok := leaving.Minus(kept); ok {
				leaving = rest
			}
		}
		p.protectOne(s, before, after, leaving)
	}
}

// reads says whether somebody may rely on what a mapping that changes takes: it runs, or is
// about to go on where it stopped.
func (p *planner) reads(s *step, before Mapping) bool {
	return (before.Enabled || s.Action == Revive && p.owing(before)) && !p.dead(before)
}

// takers are the enabled routes that want some of the events leaving a mapping: those
// of its stream and, where its routing reads another stream now, those of its routing.
func (p *planner) takers(s *step, leaving pattern.Set) []*wish {
	before, _ := s.mappings()
	var all []*wish
	for _, w := range p.wanters(*before) {
		if w != s.wish && w.route.Enabled && w.set.Overlaps(leaving).Verdict != pattern.No {
			all = append(all, w)
		}
	}
	return all
}

// wanters are the routes that may want what a live mapping takes: those of its stream
// and, where its routing reads another stream now, those of its routing.
func (p *planner) wanters(m Mapping) []*wish {
	all := p.index.wantStream[m.Key.Stream]
	if routing, _, ok := p.owned(m); ok {
		for _, w := range p.index.wantRouting[routing] {
			if w.mapping.Key.Stream != m.Key.Stream {
				all = append(slices.Clip(all), w)
			}
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
	elsewhere := slices.ContainsFunc(takers, func(w *wish) bool { return w.mapping.Key.Stream != before.Key.Stream })
	if elsewhere && !p.marksLeft(s, before, after, takers) {
		return
	}
	var names []string
	var waits []delay
	for _, w := range takers {
		names = append(names, w.addr.Name)
		p.warnOrder(w, before, leaving)
		if d := p.unready(w, before, leaving); d.why != "" {
			waits = append(waits, d)
		}
	}
	d := combined(waits)
	switch {
	case len(waits) == 0:
		s.letGo(names)
		// What is written to a stream that its routing reads no longer nobody else has.
		if s.Action == Retire && s.wish == nil && !elsewhere && allOf(leaving, takers) {
			s.setTag(TagOff, Off{OffMoved, p.now}.String())
		}
	case !after.Enabled:
		s.hold(d.why, d.reason)
		s.until = d.until
	default:
		p.takeBoth(s, before, after, d)
	}
}

// letGo says that a mapping's events are those of routes now.
func (s *step) letGo(names []string) {
	verb := " takes"
	if len(names) > 1 {
		verb = " take"
	}
	s.Effect = "position kept; " + strings.Join(names, ", ") + verb + " its events, and it has read past where that began"
}

// allOf says whether takers take all of some events.
func allOf(events pattern.Set, takers []*wish) bool {
	for _, w := range takers {
		if w.set.Covers(events).Verdict == pattern.Yes {
			return true
		}
		if rest, ok := events.Minus(w.set); ok {
			events = rest
		}
	}
	return false
}

// warnOrder says which events change their mapping: their order is kept within
// each, not between the two.
func (p *planner) warnOrder(w *wish, giver *Mapping, leaving pattern.Set) {
	var types []string
	for _, t := range w.route.EventTypes {
		if set, err := w.doc.OfType(w.route, t); err == nil && set.Overlaps(leaving).Verdict != pattern.No {
			types = append(types, t)
		}
	}
	what := "events"
	if len(types) > 0 {
		what = spec.EventTypes(types)
	}
	from := p.nameOf(*giver)
	if giver.Key.Stream != w.mapping.Key.Stream {
		from += " on " + giver.Key.source()
	}
	p.find(w.find(spec.Info, CodeOrder, "%s of one key keep their order within %s and within %s, not between the two while they move from the one to the other", what, from, w.addr.Name))
}

// marksLeft sees to it that a mapping on a stream that its routing reads no longer says
// since when that is so, and says whether it does, or need not yet: where a taker has no
// mapping the stream is perhaps mistyped.
func (p *planner) marksLeft(s *step, before, after *Mapping, takers []*wish) bool {
	if slices.ContainsFunc(takers, func(w *wish) bool { return w.mapping.Key.Stream != before.Key.Stream && w.live == nil }) {
		return true
	}
	tags, known := p.live.Facts.Tags[before.UUID]
	if !known {
		p.ask(AskTags, before.UUID)
		s.hold(WhyAsked, "since when its routing reads another stream, its tags will tell")
		return false
	}
	if _, err := time.Parse(time.RFC3339, tags[TagStreamLeft]); err == nil {
		return true
	}
	marked := *before
	marked.Tags = map[string]string{TagStreamLeft: p.now.Format(time.RFC3339)}
	s.later = p.restOf(s, s.Action, &marked, after, WhyTaker, "its routing reads another stream from now on")
	s.later.Effect = s.Effect
	s.Action, s.After, s.Effect = Update, &marked, "none"
	return false
}

// assumed says whether the operator vouches for a route having read past where
// its takers began.
func (p *planner) assumed(name string) bool {
	return slices.Contains(p.o.AssumeDrained, name) || p.released(name)
}

// released says whether the operator lets a held step of a route go on.
func (p *planner) released(name string) bool {
	routing, route, ok := strings.Cut(name, "/")
	return ok && !p.said(TagReleased, routing, route).IsZero()
}

// assumptions finds what the operator named and nobody knows, in routings of these
// documents: most likely it is misspelt. Other routings are for those who have all
// documents.
func (p *planner) assumptions() {
	known := map[string]bool{}
	for _, w := range p.wishes {
		known[w.addr.Name] = true
	}
	for _, m := range p.index.mappings {
		known[p.nameOf(m)] = true
	}
	find := func(names []string, f spec.Finding, flag string) {
		for _, name := range names {
			if routing, _, one := strings.Cut(name, "/"); one && p.docOf(routing) != nil && !known[name] {
				f.Path, f.Message = name, flag+" names it, and neither its document has such a route nor anything live: copy the name from the plan"
				p.find(f)
			}
		}
	}
	find(p.o.Only, spec.Finding{Severity: spec.Error, Code: CodeOnly}, "--only")
	find(p.o.AssumeDrained, spec.Finding{Severity: spec.Warning, Code: CodeAssumed}, "--assume-drained")
}

// takeBoth makes an update keep what the mapping takes beside what it is to take,
// and holds the rest of it.
func (p *planner) takeBoth(s *step, before, after *Mapping, d delay) {
	both := *after
	both.Filters = before.Filters
	if want := pattern.NewSet(after.Filters); p.taken(*before).Covers(want).Verdict != pattern.Yes {
		filters, err := p.taken(*before).Union(want).Filters()
		if err != nil {
			s.hold(WhyTaker, d.reason+"; until then it would have to take what it takes and what it is to take, and both do not fit into one filter: "+err.Error())
			return
		}
		both.Filters = filters
	}
	if len(Differences(before, &both)) == 0 {
		s.hold(d.why, d.reason)
		s.until = d.until
		return
	}
	if slices.Equal(both.Filters, before.Filters) {
		both.Tags = withoutTag(after.Tags, TagSince) // it is not widened yet
	}
	s.later = p.restOf(s, Update, &both, after, d.why, d.reason)
	s.later.until = d.until
	s.After = &both
}

// mayShare says whether a live mapping takes some events of a set, or may.
func (p *planner) mayShare(m Mapping, set pattern.Set) bool {
	if m.FiltersUnknown {
		return true
	}
	return p.taken(m).Overlaps(set).Verdict != pattern.No
}

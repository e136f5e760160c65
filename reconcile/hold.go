package reconcile

import (
	"slices"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// forbid holds what a document forbids, by its policy or while it is paused, and
// what would be half done because of that.
func (p *planner) forbid() {
	p.obey()
	for _, s := range p.steps {
		before, _ := s.mappings()
		if before != nil && s == p.finishing[before.UUID] && s.wish == nil && s.doc != nil && p.retiring(s).held() {
			p.notBegun(p.retiring(s))
		}
		if s.why != WhyPolicy && s.why != WhyPaused && s.why != WhyOnly || before == nil {
			continue
		}
		if before.Enabled {
			p.notBegun(s)
		}
		if s.wish != nil && s.wish.inherited() {
			p.unneeded(s.wish, s, s.Reason)
		}
	}
}

// retiring is the end of a mapping that is enabled to finish, held if its document forbids that.
func (p *planner) retiring(finish *step) *step {
	before, _ := finish.mappings()
	after := *before
	after.Enabled = false
	s := &step{doc: finish.doc, Change: Change{Action: Retire, Addr: finish.Addr, Before: before, After: &after}}
	p.obeyOne(s)
	return s
}

// unneeded holds the making of a route's anchor which its mapping is not to use yet:
// it would remember a start that is long past then. cause is what is held.
func (p *planner) unneeded(w *wish, cause *step, reason string) {
	addr, ok := w.anchor()
	s := p.step(addr)
	if !ok || s == nil {
		return
	}
	if s.Before == nil {
		s.holdUntil(cause, reason)
	} else {
		s.forgo(cause, reason)
	}
}

// holdUntil holds a step for as long as another one.
func (s *step) holdUntil(cause *step, reason string) {
	if !s.held() {
		s.hold(cause.why, reason)
		s.until = cause.until
	}
}

// forgo leaves an alias that is there already its description; it follows all the same.
func (s *step) forgo(cause *step, reason string) {
	before, _ := s.Before.(*Alias)
	after, _ := s.After.(*Alias)
	if before == nil || after == nil || before.Description == after.Description {
		return
	}
	kept := *after
	kept.Description = before.Description
	if aliasDiffers(*before, kept) {
		s.After = &kept
		return
	}
	s.holdUntil(cause, reason)
}

// obey holds what a document's policy forbids, or its pause, or an operator's.
// Raising and following go on under every policy and pause.
func (p *planner) obey() {
	for _, s := range p.steps {
		switch {
		case s.doc == nil:
			p.heed(s)
		case s.follows():
			asked := *s
			if p.obeyOne(&asked); asked.held() && !s.held() {
				s.forgo(&asked, asked.Reason)
			}
		default:
			p.obeyOne(s)
		}
	}
}

func (p *planner) obeyOne(s *step) {
	p.heed(s)
	switch policy := s.doc.Policy(); {
	case s.doc.Spec.Paused:
		s.hold(WhyPaused, s.doc.Metadata.Name+" is paused")
	case policy == spec.PolicyCreateOnly && s.Action != Create && s.Action != Register,
		policy == spec.PolicyUpsertOnly && s.Action == Retire:
		s.hold(WhyPolicy, "the policy of "+s.doc.Metadata.Name+" is "+string(policy))
	}
}

// notBegun holds what would take events over from a mapping that may not let go of
// them: both would process them for good.
func (p *planner) notBegun(giver *step) {
	before, after := giver.mappings()
	for _, s := range p.steps {
		if s.wish == nil || s.wish == giver.wish || !s.begins() || !slices.Contains(p.wanters(*before), s.wish) || !p.leaves(before, after, s.wish.set) || p.takes(s.wish, p.taken(*before)) {
			continue
		}
		reason := "it would take events of " + giver.Addr.Name + ", which may not let go of them (" + giver.Reason + ")"
		s.holdUntil(giver, reason)
		p.unneeded(s.wish, giver, reason)
	}
}

// begins says whether a step makes a mapping run, or changes one that does.
func (s *step) begins() bool {
	_, after := s.mappings()
	return !s.held() && after != nil && after.Enabled
}

// leaves says whether a change lets go of some of a set of events.
func (p *planner) leaves(before, after *Mapping, set pattern.Set) bool {
	if !p.mayShare(*before, set) {
		return false
	}
	return after == nil || !after.Enabled || pattern.NewSet(after.Filters).Overlaps(set).Verdict == pattern.No ||
		pattern.NewSet(after.Filters).Covers(set).Verdict != pattern.Yes
}

// hold obeys for what was planned since as well, and holds whatever needs something that is held, and so on.
func (p *planner) hold() {
	p.obey()
	for p.holdDependents() {
	}
	for _, s := range p.steps {
		s.Needs = slices.DeleteFunc(s.Needs, func(a Addr) bool { return s.held() || p.step(a) == nil })
	}
}

// holdDependents holds what needs a held step, and says whether it found any.
func (p *planner) holdDependents() bool {
	found := false
	for _, s := range p.steps {
		for _, n := range s.Needs {
			t := p.step(n)
			if t != nil && !t.held() && t.later != nil {
				t = t.later // to be made, and not to run yet
			}
			if t != nil && t.held() && !s.held() {
				s.holdUntil(t, "it needs "+n.String()+", which is held")
				found = true
			}
		}
	}
	return found
}

// follows says whether the step does no more than keep an alias at its target.
func (s *step) follows() bool {
	_, alias := s.After.(*Alias)
	return alias && s.Action == Update
}

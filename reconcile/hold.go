package reconcile

import (
	"slices"

	"github.com/eventrouting/eventrouting/spec"
)

// hold applies what a document forbids, and then holds whatever needs
// something that is held.
func (p *planner) hold() {
	for _, s := range p.steps {
		if s.doc == nil || s.follows() {
			continue // raising and following go on under every policy and pause
		}
		switch policy := s.doc.Policy(); {
		case s.doc.Spec.Paused:
			s.hold(WhyPaused, s.doc.Metadata.Name+" is paused")
		case policy == spec.PolicyCreateOnly && s.Action != Create && s.Action != Register,
			policy == spec.PolicyUpsertOnly && s.Action == Retire:
			s.hold(WhyPolicy, "the policy of "+s.doc.Metadata.Name+" is "+string(policy))
		}
	}
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
				s.hold(t.why, "it needs "+n.String()+", which is held")
				s.until = t.until
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

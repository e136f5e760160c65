package reconcile

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/eventrouting/eventrouting/spec"
)

// capacity plans the reservation of every function that a route runs: raised
// before what needs it, never to 0, and as far as the account allows. What is
// new waits when there is too little.
func (p *planner) capacity() {
	p.left, p.unheard = p.changed()
	names := map[string]bool{}
	for name := range p.index.wantFunction {
		names[name] = true
	}
	for _, s := range p.finishing { // no route runs its function, perhaps
		if before, _ := s.mappings(); s.doc != nil {
			names[before.Key.Function] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if f, ok := p.live.Functions[name]; ok && len(p.unread(name)) == 0 {
			p.demands = append(p.demands, p.demand(f))
		}
	}
	p.reserve()
}

// demand is a function's need, with what is new in it kept apart: that is what
// can be held when there is too little.
type demand struct {
	Need
	// real is how much of Required can run once the plan is applied, with what is
	// new and not held. The rest are wishes: headroom and minimum.
	real      int
	running   int  // how much of real is not new
	capped    bool // a maximum holds routes
	gives     int  // how much of what is reserved others lack, and is for wishes
	function  Function
	blind     []string // invokers that cannot be counted, as far as mappings show them
	beside    []string // mappings of other sources than streams that are counted
	rises     []rise
	stopped   []Mapping // counted because they stopped lately
	streams   map[string]bool
	runs      bool // any mapping of a stream counts
	othersSet bool
	owners    []*spec.EventRouting // documents with routes on the function
	held      []string             // routes that wait for concurrency
}

// rise is one step's addition to what runs.
type rise struct {
	step *step
	adds int // executions
	// saves is how much less is needed without the step: nothing where what a
	// mapping ran before it stopped counts as much.
	saves int
}

func (d *demand) term(t Term) {
	d.Terms = append(d.Terms, t)
	d.Required += t.Value
	d.runs = d.runs || t.Factor > 0
}

// count adds what runs, or may.
func (d *demand) count(t Term) {
	d.term(t)
	d.real += t.Value
	d.running += t.Value
}

// demand sums what can run at one time. While a change is under way the larger
// of before and after counts.
func (p *planner) demand(f Function) *demand {
	d := &demand{Need: Need{Function: f.Name, Reserved: f.Reserved, After: f.Reserved}, function: f, streams: map[string]bool{}}
	counted := map[string]bool{}
	minimum := 0
	for routes := range sharers(p.index.wantFunction[f.Name]) {
		doc := &routes[0].doc
		d.owners = append(d.owners, doc)
		minimum = max(minimum, doc.Minimum())
		p.share(d, doc, routes, counted)
	}
	p.countRest(d, counted)
	if len(d.owners) == 0 {
		d.owners = p.finishers(f.Name)
	}
	for _, doc := range d.owners {
		if others, set := doc.Others(); set {
			d.othersSet = true
			if others > 0 {
				d.count(Term{What: "others", Name: doc.Metadata.Name, Value: others})
			}
		}
	}
	for _, pc := range f.Provisioned {
		d.count(Term{What: "provisioned", Name: pc.Qualifier, Value: pc.Requested})
	}
	if d.Required < minimum {
		d.term(Term{What: "minimum", Value: minimum - d.Required})
	}
	return d
}

// finishers are the documents of mappings that finish on a function, in order.
func (p *planner) finishers(function string) []*spec.EventRouting {
	var all []*spec.EventRouting
	for _, m := range p.index.onFunction[function] {
		if s := p.finishing[m.UUID]; s != nil && s.doc != nil && !slices.Contains(all, s.doc) {
			all = append(all, s.doc)
		}
	}
	return all
}

// sharers splits wishes, which are in the order of their documents, by document.
func sharers(all []*wish) iter.Seq[[]*wish] {
	return func(yield func([]*wish) bool) {
		for from := 0; from < len(all); {
			to := from + 1
			for to < len(all) && all[to].doc.Metadata.Name == all[from].doc.Metadata.Name {
				to++
			}
			if !yield(all[from:to]) {
				return
			}
			from = to
		}
	}
}

// share adds one document's routes on the function, its headroom, and the cut
// by its maximum.
func (p *planner) share(d *demand, doc *spec.EventRouting, routes []*wish, counted map[string]bool) {
	sum, added := 0, 0
	var rises []rise
	for _, w := range routes {
		d.streams[w.mapping.Key.Stream] = true
		t, rise := p.routeTerm(d, w, counted)
		if t.Value == 0 {
			continue
		}
		d.term(t)
		sum += t.Value
		if rise.step != nil && rise.adds > 0 {
			rises = append(rises, rise)
			added += rise.saves
		}
	}
	headroom := doc.Headroom().Of(sum)
	if headroom > 0 {
		d.term(Term{What: "headroom", Name: doc.Metadata.Name, Value: headroom})
	}
	limit, set := doc.Maximum()
	if !set {
		limit = sum + headroom
	}
	all := sum + headroom
	d.running += min(sum-added, limit)
	if sum > limit {
		var held []string
		var freed int
		rises, held, freed = p.admit(rises, sum-limit, fmt.Sprintf("concurrency.maximum of %s is %d and %d are needed", doc.Metadata.Name, limit, sum))
		p.find(doc.Find(spec.Warning, CodeMaximum, "spec.concurrency.maximum",
			"routing %s needs %d concurrent executions on %s and may have %d: raise maximum to %d, or its routes share%s",
			doc.Metadata.Name, sum, d.Function, limit, sum, untilThen("; ", held)))
		d.capped = d.capped || len(held) > 0
		if sum -= freed; len(held) > 0 { // for what waits nothing is reserved, nor is headroom
			limit = min(limit, sum+doc.Headroom().Of(sum))
		}
	}
	if cut := all - limit; cut > 0 {
		d.term(Term{What: "maximum", Name: doc.Metadata.Name, Value: -cut})
	}
	d.real += min(sum, limit)
	d.rises = append(d.rises, rises...)
}

// impossible says whether a held step is about something that is not ours or
// not there.
func (s *step) impossible() bool {
	return s.why == WhyForeign || s.why == WhyMissing || s.why == WhyUnsupported
}

// waits says whether a step does not add to the need in this pass, or has
// nothing to add it to.
func (s *step) waits() bool {
	return s.impossible() || s.why == WhyStart || s.why == WhyPolicy || s.why == WhyPaused || s.why == WhyOnly
}

// admit holds what is new, last first in the documents' order, until the
// excess is gone, and returns what goes on, the names of what does not, and how
// much less is needed without that. Running types keep their isolation.
func (p *planner) admit(rises []rise, excess int, reason string) (going []rise, held []string, freed int) {
	for _, r := range slices.Backward(rises) {
		switch {
		case r.step.held():
		case freed < excess && r.mayWait():
			p.postpone(r.step, reason)
			held = append(held, r.step.Addr.Name)
			freed += r.saves
		default:
			going = append(going, r)
		}
	}
	slices.Reverse(going)
	slices.Reverse(held)
	return going, held, freed
}

// mayWait says whether a shortage may hold it.
func (r rise) mayWait() bool {
	return r.step.wish == nil || r.step.doc.OnShortage() != spec.OnShortageAdmit
}

// admitted is how much of what can run remains where so many executions can be
// reserved and admit holds the rest.
func (d *demand) admitted(room int) int {
	n := d.real
	for _, r := range slices.Backward(d.rises) {
		if n > room && !r.step.held() && r.mayWait() {
			n -= r.saves
		}
	}
	return n
}

// postpone holds what of a step adds to the need, and lets the rest of it go on.
// A new mapping is made disabled: its position is kept from now on, so that
// nothing written meanwhile is lost to it.
func (p *planner) postpone(s *step, reason string) {
	before, after := s.mappings()
	if after == nil { // it would be made anew
		s.hold(WhyShortage, reason)
		return
	}
	now := *after
	switch {
	case before == nil:
		now.Enabled = false
		now.Tags = maps.Clone(after.Tags)
		now.Tags[TagOff] = Off{OffAdmission, p.now}.String()
		then := now
		then.Enabled, then.Tags = true, nil
		s.After, s.later = &now, p.rest(s, Revive, &now, &then, reason)
		s.Reason += "; made disabled, for lack of concurrent executions"
		s.Effect += "; they wait until it is enabled, for at most the stream's retention"
		return
	case s.Action == Update && before.Enabled && before.Key == after.Key:
		now.ParallelizationFactor = before.ParallelizationFactor
		if len(Differences(before, &now)) > 0 {
			s.After, s.later = &now, p.rest(s, Update, &now, after, reason)
			return
		}
	}
	s.hold(WhyShortage, reason)
}

// rest adds the part of a step that waits.
func (p *planner) rest(s *step, a Action, before, after *Mapping, reason string) *step {
	return p.restOf(s, a, before, after, WhyShortage, reason)
}

func (p *planner) restOf(s *step, a Action, before, after *Mapping, why Why, reason string) *step {
	r := &step{wish: s.wish, doc: s.doc, Change: Change{
		Action: a, Addr: s.Addr, Before: before, After: after, Effect: "position kept",
	}}
	r.hold(why, reason)
	return p.add(r)
}

// find makes a finding about the function, at the first document that runs it.
func (d *demand) find(s spec.Severity, code, format string, args ...any) spec.Finding {
	return d.owners[0].Find(s, code, "spec.concurrency", format, args...)
}

package reconcile

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/eventrouting/eventrouting/reconcile/lineage"
	"github.com/eventrouting/eventrouting/spec"
)

// activeShards is how many shards of a stream a mapping can consume at one time:
// the width of the lineage of those that are open, or were closed inside the
// window that [Scope] asked for. After a merge closed parents run until they are
// drained, which no call shows.
func activeShards(s Stream) int {
	at := make(map[string]int, len(s.Shards))
	open := 0
	for i, shard := range s.Shards {
		at[shard.ID] = i
		if !shard.Closed {
			open++
		}
	}
	if open == len(s.Shards) {
		return open
	}
	parents := make([][]int, len(s.Shards))
	for i, shard := range s.Shards {
		for _, p := range shard.Parents {
			if place, ok := at[p]; ok {
				parents[i] = append(parents[i], place)
			}
		}
	}
	return max(lineage.Width(parents), open)
}

// activeShards is found once for each stream.
func (p *planner) activeShards(s Stream) int {
	n, ok := p.active[s.Name]
	if !ok {
		n = activeShards(s)
		p.active[s.Name] = n
	}
	return n
}

// capacity plans the reservation of every function that a route runs: raised
// before what needs it, never to 0, and as far as the account allows.
func (p *planner) capacity() {
	for _, name := range slices.Sorted(maps.Keys(p.index.wantFunction)) {
		f, ok := p.live.Functions[name]
		if !ok {
			continue
		}
		d := p.demand(f)
		p.reserve(&d)
		p.needs = append(p.needs, d.Need)
	}
}

// demand is a function's need, with what is new in it kept apart: that is what
// can be held when there is too little.
type demand struct {
	Need
	function  Function
	blind     []string // invokers that cannot be counted, as far as mappings show them
	rises     []rise
	othersSet bool
	owners    []*spec.EventRouting // documents with routes on the function
}

// rise is one step's addition to the need.
type rise struct {
	step  *step
	value int
}

func (d *demand) term(t Term) {
	d.Terms = append(d.Terms, t)
	d.Required += t.Value
}

// demand sums what can run at one time. While a change is under way the larger
// of before and after counts.
func (p *planner) demand(f Function) demand {
	d := demand{Need: Need{Function: f.Name, Reserved: f.Reserved, After: f.Reserved}, function: f}
	counted := map[string]bool{}
	minimum := 0
	for routes := range sharers(p.index.wantFunction[f.Name]) {
		doc := &routes[0].doc
		d.owners = append(d.owners, doc)
		minimum = max(minimum, doc.Minimum())
		p.share(&d, doc, routes, counted)
	}
	p.countRest(&d, counted)
	for _, doc := range d.owners {
		if others, set := doc.Others(); set {
			d.othersSet = true
			if others > 0 {
				d.term(Term{What: "others", Name: doc.Metadata.Name, Value: others})
			}
		}
	}
	for _, pc := range f.Provisioned {
		d.term(Term{What: "provisioned", Name: pc.Qualifier, Value: pc.Requested})
	}
	if d.Required < minimum {
		d.term(Term{What: "minimum", Value: minimum - d.Required})
	}
	return d
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
	sum := 0
	var rises []rise
	for _, w := range routes {
		t, before := p.routeTerm(w, counted)
		if t.Value == 0 {
			continue
		}
		d.term(t)
		sum += t.Value
		if s := p.step(w.addr); s != nil && t.Value > before {
			rises = append(rises, rise{step: s, value: t.Value - before})
		}
	}
	if headroom := doc.Headroom().Of(sum); headroom > 0 {
		d.term(Term{What: "headroom", Name: doc.Metadata.Name, Value: headroom})
		sum += headroom
	}
	if limit, set := doc.Maximum(); set && sum > limit {
		d.term(Term{What: "maximum", Name: doc.Metadata.Name, Value: limit - sum})
		p.find(doc.Find(spec.Warning, CodeMaximum, "spec.concurrency.maximum",
			"routing %s needs %d concurrent executions on %s and may have %d: raise maximum to %d, or its routes share", doc.Metadata.Name, sum, d.Function, limit, sum))
		rises = admit(rises, sum-limit, fmt.Sprintf("concurrency.maximum of %s is %d and %d are needed", doc.Metadata.Name, limit, sum))
	}
	d.rises = append(d.rises, rises...)
}

// routeTerm is what one route can run at a time, and what it runs already.
func (p *planner) routeTerm(w *wish, counted map[string]bool) (Term, int) {
	shards := p.activeShards(p.live.Streams[w.mapping.Key.Stream])
	before, factor := 0, 0
	if s := p.step(w.addr); w.route.Enabled && (s == nil || !s.waits()) {
		factor = w.mapping.ParallelizationFactor
	}
	// What is somebody else's is counted as such, and what still runs another
	// function is counted there.
	if m, s := w.live, p.step(w.addr); m != nil && m.Key.Function == w.mapping.Key.Function && (s == nil || !s.impossible()) {
		counted[m.UUID] = true
		if m.Enabled || !m.Settled() {
			before = shards * m.ParallelizationFactor
			factor = max(factor, m.ParallelizationFactor)
		}
	}
	return Term{What: "mapping", Name: w.addr.Name, Shards: shards, Factor: factor, Value: shards * factor}, before
}

// impossible says whether a held step is about something that is not ours or
// not there.
func (s *step) impossible() bool {
	return s.why == WhyForeign || s.why == WhyMissing || s.why == WhyUnsupported
}

// waits says whether a step does not add to the need in this pass, or has
// nothing to add it to.
func (s *step) waits() bool { return s.impossible() || s.why == WhyStart }

// countRest adds the mappings of the function that no route of the documents
// wants: retired in this pass, orphans, and other people's.
func (p *planner) countRest(d *demand, counted map[string]bool) {
	for _, m := range p.index.onFunction[d.Function] {
		if counted[m.UUID] || !m.Enabled && m.Settled() {
			continue
		}
		stream, observed := p.live.Streams[m.Key.Stream]
		switch {
		case m.Key.Kinesis() && observed:
			what := "foreign"
			if p.ours(m) {
				what = "mapping"
			}
			shards := p.activeShards(stream)
			d.term(Term{What: what, Name: p.nameOf(m), Shards: shards, Factor: m.ParallelizationFactor, Value: shards * m.ParallelizationFactor})
		case m.MaximumConcurrency > 0:
			d.term(Term{What: "foreign", Name: m.Key.String(), Value: m.MaximumConcurrency})
		default:
			d.blind = append(d.blind, "mapping "+m.UUID+" of "+m.Key.Stream)
		}
	}
}

// admit holds what is new, last first in the documents' order, until the
// excess is gone, and returns what goes on. Running types keep their isolation.
func admit(rises []rise, excess int, reason string) []rise {
	var going []rise
	for _, r := range slices.Backward(rises) {
		switch {
		case r.step.held():
		case excess > 0 && r.step.doc.OnShortage() != spec.OnShortageAdmit:
			r.step.hold(WhyShortage, reason)
			excess -= r.value
		default:
			going = append(going, r)
		}
	}
	slices.Reverse(going)
	return going
}

// find makes a finding about the function, at the first document that runs it.
func (d *demand) find(s spec.Severity, code, format string, args ...any) spec.Finding {
	return d.owners[0].Find(s, code, "spec.concurrency", format, args...)
}

package reconcile

import (
	"fmt"
	"time"
)

// routeTerm is what one route can run at a time, and how much of it is new.
func (p *planner) routeTerm(d *demand, w *wish, counted map[string]bool) (Term, rise) {
	t := Term{What: "mapping", Name: w.addr.Name}
	s := p.step(w.addr)
	if s == nil || !s.waits() {
		t.Factor = p.factor(w)
	}
	m, modified := p.reading(w, s)
	if _, ok := p.live.Streams[m.Key.Stream]; ok {
		t.Shards = p.activeShards(m, modified)
	}
	before, stays := 0, 0
	// What is somebody else's is counted as such, and what still runs another
	// function is counted there.
	if live := w.live; live != nil && (s == nil || !s.impossible()) {
		until, stopped := p.stopped(*live)
		factor := p.factorOn(*live, d.Function)
		counted[live.UUID] = factor > 0
		stays = t.Shards * factor
		switch {
		case live.Key.Function != d.Function: // it is given back
		case live.running():
			before = stays
		case stopped:
			if t.Factor == 0 {
				t.What, t.Until = "stopped", until
			}
			d.stopped = append(d.stopped, *live)
		default:
			factor, stays = 0, 0
		}
		if factor > max(t.Factor, live.ParallelizationFactor) {
			t.Until = live.Modified.Add(runsOn)
		}
		t.Factor = max(t.Factor, factor)
	}
	if t.Factor > p.factor(w) && t.Until.IsZero() {
		t.Note = countsOn(p.factor(w))
	}
	t.Value = t.Shards * t.Factor
	return t, rise{step: s, adds: t.Value - before, saves: t.Value - stays}
}

// factor is how many batches of a shard a route wants at a time: none where it is disabled,
// and as many as its mapping ran where that has to finish all the same.
func (p *planner) factor(w *wish) int {
	switch {
	case w.live != nil && p.finishing[w.live.UUID] != nil:
		return w.live.ParallelizationFactor
	case !w.route.Enabled:
		return 0
	}
	return w.mapping.ParallelizationFactor
}

// countsOn says for how long a mapping counts as it runs now though less is wanted.
func countsOn(factor int) string {
	what := "it has stopped"
	if factor > 0 {
		what = fmt.Sprintf("factor %d is applied", factor)
	}
	return fmt.Sprintf("which counts until %d minutes after %s", int(runsOn.Minutes()), what)
}

// reading is a route's mapping as far as what it reads goes, and when it was
// last changed once the plan is carried out.
func (p *planner) reading(w *wish, s *step) (Mapping, time.Time) {
	switch {
	case w.live == nil:
		m := w.mapping
		if s != nil {
			if _, after := s.mappings(); after != nil {
				m.Start = after.Start
			}
		}
		return m, p.now
	case s != nil && !s.held():
		return *w.live, p.now
	}
	return *w.live, w.live.Modified
}

// countRest adds the mappings of the function that no route of the documents
// wants: retired in this pass, orphans, and other people's.
func (p *planner) countRest(d *demand, counted map[string]bool) {
	p.countLeft(d, counted)
	for _, m := range p.index.onFunction[d.Function] {
		if counted[m.UUID] || !m.MayRun(p.now) && p.finishing[m.UUID] == nil {
			continue
		}
		_, observed := p.live.Streams[m.Key.Stream]
		switch {
		case m.Key.Kinesis() && observed:
			p.countOne(d, m)
		case m.MaximumConcurrency > 0:
			d.count(Term{What: "foreign", Name: m.Key.String(), Value: m.MaximumConcurrency})
			d.beside = append(d.beside, "mapping "+m.UUID+" of "+m.Key.Stream)
		case m.running():
			d.blind = append(d.blind, "mapping "+m.UUID+" of "+m.Key.Stream)
		}
	}
}

// countLeft adds the mappings that ran the function until lately and run another
// one now. Their tags tell, or the aliases that they had where somebody else
// changed them.
func (p *planner) countLeft(d *demand, counted map[string]bool) {
	add := func(m Mapping, factor int) {
		if counted[m.UUID] {
			return
		}
		counted[m.UUID] = true
		d.streams[m.Key.Stream] = true
		if _, observed := p.live.Streams[m.Key.Stream]; !observed {
			p.askStream(m.Key.Stream)
			return
		}
		shards := p.activeShards(m, m.Modified)
		d.count(Term{What: "stopped", Name: p.nameOf(m), Shards: shards, Factor: factor, Value: shards * factor, Until: m.Modified.Add(runsOn)})
	}
	for _, m := range p.left[d.Function] {
		add(m, p.factorOn(m, d.Function))
	}
	for _, k := range p.index.aliases[d.Function] {
		routing, route, ok := SplitQualifier(k.Name)
		w := p.index.wantAddr[Addr{KindMapping, routing + "/" + route}]
		if ok && w != nil && w.live != nil && w.live.Key.Function != d.Function && p.ownsAlias(k) && p.changedLately(*w.live) {
			add(*w.live, w.live.ParallelizationFactor)
		}
	}
}

// askStream asks for a stream that no document names.
func (p *planner) askStream(name string) {
	p.asks = append(p.asks, Ask{What: AskStream, Name: name, Since: p.now.Add(-p.window(name))})
}

// countOne adds a mapping that no route wants and that reads a stream.
func (p *planner) countOne(d *demand, m Mapping) {
	until, stopped := p.stopped(m)
	finishes := p.finishing[m.UUID]
	if !m.running() && !stopped && finishes == nil {
		return
	}
	modified := m.Modified
	if finishes != nil && !finishes.held() {
		modified = p.now
	}
	d.streams[m.Key.Stream] = true
	shards := p.activeShards(m, modified)
	factor := p.factorOn(m, d.Function)
	t := Term{What: "foreign", Name: p.nameOf(m), Shards: shards, Factor: factor, Value: shards * factor}
	if p.ours(m) {
		t.What = "mapping"
		if finishes == nil && !stopped && p.quits(m, d.Function) {
			t.Note = countsOn(0)
		}
	}
	switch {
	case finishes != nil && !finishes.held():
		d.rises = append(d.rises, rise{step: finishes, adds: t.Value, saves: t.Value})
		d.running -= t.Value
	case stopped:
		t.What, t.Until = "stopped", until
		d.stopped = append(d.stopped, m)
	}
	d.count(t)
}

// quits says whether a mapping is to run a function no longer, now or once what holds
// that is over.
func (p *planner) quits(m Mapping, function string) bool {
	s := p.step(Addr{KindMapping, p.nameOf(m)})
	if s == nil {
		return false
	}
	before, after := s.mappings()
	return before != nil && before.UUID == m.UUID && (after == nil || !after.Enabled || after.Key.Function != function)
}

package reconcile

import "github.com/eventrouting/eventrouting/spec"

// readLimit is how many standard mappings a stream serves: each polls every
// shard once a second, and a shard answers 5 GetRecords calls a second.
// https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
const readLimit = 5

// readers reports streams that live mappings and other readers ask for more
// than a shard can serve. What documents ask for by themselves spec reports.
func (p *planner) readers() {
	seen := map[string]bool{}
	for i := range p.docs {
		stream := spec.BareName(p.docs[i].Spec.Stream)
		if _, ok := p.live.Streams[stream]; !ok || seen[stream] {
			continue
		}
		seen[stream] = true
		p.consumersOf(&p.docs[i], stream)
		ours, others := p.countReaders(stream)
		if others > 0 && ours+others > readLimit {
			p.find(p.docs[i].Find(spec.Warning, spec.CodeReadBudget, "spec.stream",
				"stream %s has %d standard readers, %d of them not of these documents, and serves %d polls a second per shard: reads are throttled and late; merge routes, or use isolation: FanOut",
				stream, ours+others, others, readLimit))
		}
	}
}

// countReaders counts the readers of a stream's shared budget: enabled routes
// of the documents, and everything else.
func (p *planner) countReaders(stream string) (ours, others int) {
	for _, r := range p.readersOf(stream) {
		if r.Kind == "route" {
			ours += r.Count
		} else {
			others += r.Count
		}
	}
	return ours, others
}

// readersOf lists who shares what a stream gives out, once the documents have
// their way: enabled routes, live mappings that no enabled route wants, and those
// that documents declare because nobody can see them.
func (p *planner) readersOf(stream string) []StreamReader {
	var all []StreamReader
	declared := 0
	for _, w := range p.index.wantStream[stream] {
		declared = max(declared, w.doc.Spec.OtherReaders)
		if w.route.Enabled && w.mapping.Key.Consumer == "" {
			all = append(all, StreamReader{w.addr.Name, "route", 1})
		}
	}
	for _, m := range p.index.onStream[stream] {
		wanted := p.claimed[m.UUID]
		finishes := p.finishing[m.UUID]
		if m.Key.Consumer == "" && (m.Enabled || finishes != nil && !finishes.held()) && (wanted == nil || !wanted.route.Enabled) {
			all = append(all, StreamReader{p.nameOf(m), "foreign", 1})
		}
	}
	if declared > 0 {
		all = append(all, StreamReader{"otherReaders", "declared", declared})
	}
	return all
}

// consumersAt lists the enhanced fan-out consumers of a stream: those that are
// there, and those that routes will have.
func (p *planner) consumersAt(st Stream) []StreamReader {
	seen := map[string]bool{}
	var all []StreamReader
	add := func(name, kind string) {
		if !seen[name] {
			seen[name] = true
			all = append(all, StreamReader{name, kind, 1})
		}
	}
	for _, w := range p.index.wantStream[st.Name] {
		if w.route.Isolation == spec.IsolationFanOut {
			add(w.mapping.Key.Consumer, "route")
		}
	}
	for _, k := range p.index.consumers[st.Name] {
		add(k.Name, "foreign")
	}
	if p.index.fanOut[st.Name] {
		return all
	}
	for _, m := range p.index.onStream[st.Name] {
		if m.Key.Consumer != "" {
			add(m.Key.Consumer, "foreign")
		}
	}
	if rest := st.ConsumerCount - len(all); rest > 0 {
		all = append(all, StreamReader{"others", "foreign", rest}) // nobody has looked at them
	}
	return all
}

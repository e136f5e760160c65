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
	for routes := range sharers(p.index.wantStream[stream]) {
		others += routes[0].doc.Spec.OtherReaders
		for _, w := range routes {
			if w.route.Enabled && w.mapping.Key.Consumer == "" {
				ours++
			}
		}
	}
	for _, m := range p.index.onStream[stream] {
		wanted := p.claimed[m.UUID]
		if m.Key.Consumer == "" && m.Enabled && (wanted == nil || !wanted.route.Enabled) {
			others++
		}
	}
	return ours, others
}

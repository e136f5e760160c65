package reconcile

import (
	"fmt"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// takeoverLead is how far before the pass a mapping starts that takes over
// events which another one takes: duplicates rather than a gap.
const takeoverLead = 2 * time.Minute

// beginning is where a route's mapping would start to read.
type beginning struct {
	at     Start
	effect string
	future bool
}

// start decides where a mapping that is created now begins. The route's anchor
// remembers what was intended, however long ago that was.
func (p *planner) start(w *wish) beginning {
	if at, ok := p.remember(w); ok {
		return p.remembered(w, at)
	}
	now := p.now.Truncate(time.Second) // earlier by less than a second: a duplicate at most
	if at, name := p.deadGiver(w); name != "" {
		b := p.remembered(w, at)
		b.effect = fmt.Sprintf("starts at %s, where %s began: its consumer is gone, and how far it had read is not known", b.at, name)
		return b
	}
	if at, name, _ := p.lostGiver(w); name != "" {
		b := p.remembered(w, at)
		b.effect = fmt.Sprintf("starts at %s, where %s began: somebody deleted its mapping, and what that took and how far it had read is not known", b.at, name)
		return b
	}
	if giver, stays := p.giver(w); giver != "" {
		at := Start{At: now.Add(-takeoverLead)}
		effect := fmt.Sprintf("starts at %s: no gap; %s goes on beside it until it is known to have read past that, and both process those events", at, giver)
		if stays {
			effect = fmt.Sprintf("starts at %s: no gap, and %s, which takes some of its events, is left as it is: both process those", at, giver)
		}
		return beginning{at: at, effect: effect}
	}
	from := w.route.StartFrom
	if former := p.former(w); former != "" && from.Now() {
		at := Start{At: now.Add(-takeoverLead)}
		return beginning{at: at, effect: fmt.Sprintf("starts at %s: no gap; %s goes on until it is known to have read past that", at, former)}
	}
	switch {
	case from.TrimHorizon:
		return beginning{at: Start{TrimHorizon: true}, effect: "starts at the trim horizon: everything that the stream still holds"}
	case from.Now():
		at := Start{At: now}
		return beginning{at: at, effect: "starts at " + at.String() + ": events written from then on"}
	}
	at := Start{At: from.At.Truncate(time.Second)}
	return beginning{at: at, effect: "starts at " + at.String(), future: from.At.After(p.now)}
}

// remembered is the start that a route's anchor carries, clamped to what the
// stream still holds.
func (p *planner) remembered(w *wish, at Start) beginning {
	b := beginning{at: at, effect: "starts at " + at.String()}
	if anchor, ok := w.anchor(); ok {
		b.effect += ", as intended when its " + string(anchor.Kind) + " was made"
	}
	if at.TrimHorizon {
		if w.route.Isolation == spec.IsolationFanOut && !w.route.StartFrom.TrimHorizon {
			b.effect += ", or because the tag that says it cannot be read"
		}
		return b
	}
	b.future = at.At.After(p.now)
	retention := p.live.Streams[w.mapping.Key.Stream].Retention
	if horizon := p.now.Add(-retention); retention > 0 && at.At.Before(horizon) {
		b.at = Start{TrimHorizon: true}
		b.effect = "starts at the trim horizon: what was written between " + at.String() + " and " + horizon.Format(time.RFC3339) + " has expired"
		if w.live == nil {
			p.find(w.find(spec.Error, CodeStartClamped, "%s: %s", w.addr.Name, b.effect))
		}
	}
	return b
}

// giver names an enabled mapping, of ours or of the same function, that takes
// some of the route's events from the same stream now; empty for none. stays says
// that nothing will be changed about it: it is not ours, or no document names it.
func (p *planner) giver(w *wish) (name string, stays bool) {
	for _, m := range p.index.onStream[w.mapping.Key.Stream] {
		if m.Key == w.mapping.Key || !m.Enabled || p.dead(m) || !p.mayShare(m, w.set) {
			continue
		}
		switch ours := p.ours(m); {
		case ours && (p.claimed[m.UUID] != nil || p.named(m)):
			return p.nameOf(m), false
		case ours || m.Key.Function == w.mapping.Key.Function:
			name, stays = p.nameOf(m), true // unless one that gives is found
		}
	}
	return name, stays
}

// former names an enabled mapping by which a route's routing takes some of its events
// from another stream, which it read before; empty for none.
func (p *planner) former(w *wish) string {
	for _, m := range p.enabledOf(w.doc.Metadata.Name) {
		if m.Key.Stream != w.mapping.Key.Stream && p.mayShare(m, w.set) {
			return p.nameOf(m) + " on " + m.Key.source()
		}
	}
	return ""
}

// enabledOf lists the enabled mappings of a routing, of whatever stream.
func (p *planner) enabledOf(routing string) []Mapping {
	if p.enabled == nil {
		p.enabled = map[string][]Mapping{}
		for _, m := range p.index.mappings {
			if name, _, ok := p.owned(m); ok && m.Enabled {
				p.enabled[name] = append(p.enabled[name], m)
			}
		}
	}
	return p.enabled[routing]
}

// deadGiver is a mapping of ours that took some of a route's events until a person
// deregistered its consumer, and where it began.
func (p *planner) deadGiver(w *wish) (at Start, name string) {
	for _, m := range p.index.onStream[w.mapping.Key.Stream] {
		if !m.Enabled || !p.dead(m) || !p.named(m) || !p.mayShare(m, w.set) || p.claimed[m.UUID] != nil {
			continue
		}
		at := startTag(p.live.Facts.Tags[m.UUID])
		if retention := p.live.Streams[m.Key.Stream].Retention; !at.TrimHorizon && at.At.Before(p.now.Add(-retention)) {
			at = Start{TrimHorizon: true}
		}
		return at, p.nameOf(m)
	}
	return Start{}, ""
}

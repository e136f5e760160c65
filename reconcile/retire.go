package reconcile

import (
	"fmt"
	"time"

	"github.com/eventrouting/eventrouting/reconcile/internal/mutant"
	"github.com/eventrouting/eventrouting/spec"
)

// retire plans the end of live mappings that no route wants any more. It looks
// at routings that the documents name, and at others only to prune them.
func (p *planner) retire() {
	named := map[string]*spec.EventRouting{}
	for i := range p.docs {
		named[p.docs[i].Metadata.Name] = &p.docs[i]
	}
	p.askOwners()
	for _, m := range p.index.mappings {
		routing, route, ok := p.owned(m)
		if !ok || p.claimed[m.UUID] != nil {
			continue
		}
		doc, named := named[routing]
		switch {
		case !named && p.o.Partial && !p.prunes():
			// it may be of a document that did not load
		case !named && !p.prunes():
			p.find(spec.Finding{Severity: spec.Warning, Code: CodeOrphan, Path: routing + "/" + route, Message: fmt.Sprintf(
				"mapping %s (%s, %s) is ours and no document names routing %s: it is left as it is; --prune retires it", m.UUID, m.Key, m.State, routing)})
		case m.running():
			p.bringBack(doc, m, routing+"/"+route)
			p.retireOne(doc, m, routing+"/"+route)
		default:
			p.expire(doc, m, routing+"/"+route)
		}
	}
}

// prunes says whether routings that no document names are retired.
func (p *planner) prunes() bool {
	return p.o.Prune && (!p.o.Partial || mutant.Is(mutant.PrunePartial))
}

// expire plans the deletion of a mapping that was retired long enough ago. What
// was disabled for another cause, or by a person, is marked first: nothing tells
// how long nobody has wanted it.
func (p *planner) expire(doc *spec.EventRouting, live Mapping, name string) {
	tags, known := p.live.Facts.Tags[live.UUID]
	if !known {
		p.ask(AskTags, live.UUID)
		return
	}
	off, ok := ParseOff(tags[TagOff])
	moved := ok && off.Cause == OffMoved // whoever touched it since: others have all that it had
	if !moved && p.owes(live, nil, name) {
		p.finish(&step{doc: doc, Change: Change{Addr: Addr{KindMapping, p.freeName(live, name)}}}, live)
		return
	}
	if !retired(live, tags) {
		marked := live
		marked.Tags = map[string]string{TagOff: Off{OffRemoved, p.now}.String()}
		p.add(&step{doc: doc, Change: Change{
			Action: Retire, Addr: Addr{KindMapping, p.freeName(live, name)}, Before: &live, After: &marked,
			Reason: "no route wants it, and it was disabled for another cause", Effect: "none: it is disabled; it is deleted " + retireAfter(doc).String() + " from now",
		}})
		return
	}
	if due := deletedAt(doc, live, off); p.now.Before(due) {
		p.find(spec.Finding{Severity: spec.Info, Code: CodeRetired, Path: name, Message: fmt.Sprintf(
			"mapping %s (%s) is retired: disabled, its position kept, to be deleted at %s", live.UUID, live.Key, due.Format(time.RFC3339))})
		return
	}
	p.add(&step{doc: doc, Change: Change{
		Action: Delete, Addr: Addr{KindMapping, p.freeName(live, name)}, Before: &live,
		Reason: "it was retired at " + off.At.Format(time.RFC3339) + " (" + off.Cause + ")",
		Effect: "its position is gone for good; wanted again it would start anew",
	}})
}

// retired says whether the tags of a mapping that no route wants say that we retired
// it.
func retired(live Mapping, tags map[string]string) bool {
	off, ok := ParseOff(tags[TagOff])
	return ok && (off.Cause == OffRemoved || off.Cause == OffMoved) && !live.Modified.After(off.At.Add(offGrace))
}

// retireAfter is how long a retired mapping of a document, nil for none, is kept.
func retireAfter(doc *spec.EventRouting) time.Duration {
	if doc == nil {
		return spec.EventRouting{}.RetireAfter()
	}
	return doc.RetireAfter()
}

// deletedAt is when a retired mapping of a document, nil for none, is deleted: while an
// invocation of it may go on it tells how much has to be reserved for that.
func deletedAt(doc *spec.EventRouting, live Mapping, off Off) time.Time {
	return later(off.At.Add(retireAfter(doc)), live.Modified.Add(runsOn))
}

// freeName is what a change of a mapping that no route wants goes by: the route
// may live on, beside its old mapping.
func (p *planner) freeName(live Mapping, name string) string {
	addr := Addr{KindMapping, name}
	if p.step(addr) != nil || p.index.wantAddr[addr] != nil {
		addr.Name += " on " + live.Key.source()
	}
	if p.step(addr) != nil {
		addr.Name += " for " + live.Key.Target()
	}
	return addr.Name
}

func (p *planner) retireOne(doc *spec.EventRouting, live Mapping, name string) {
	after := live
	after.Enabled = false
	after.Tags = map[string]string{TagOff: Off{OffRemoved, p.now}.String()}
	s := p.add(&step{doc: doc, Change: Change{
		Action: Retire, Addr: Addr{KindMapping, p.freeName(live, name)}, Before: &live, After: &after,
		Reason: "no route wants it",
		Effect: "disabled, position kept: events that nobody else takes wait for it until they expire",
	}})
	if doc != nil {
		s.Reason = "no route of " + doc.Metadata.Name + " wants it"
	}
	if p.dead(live) {
		s.Reason = "its consumer is gone"
		s.Effect = "none: it reads nothing any more"
		s.Needs = append(s.Needs, Addr{KindConsumer, live.Key.source()}) // registered anew, which AWS refuses while it is there
	}
	if !live.Settled() {
		s.hold(WhyUnsettled, "AWS is still busy with it ("+live.State+")")
	}
	if _, known := p.live.Facts.Tags[live.UUID]; !known {
		p.ask(AskTags, live.UUID)
		s.hold(WhyAsked, "whose mapping it is, its tags will tell")
	}
}

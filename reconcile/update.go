package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile/internal/mutant"
	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// planUpdate compares a route with its live mapping.
func (p *planner) planUpdate(w *wish, live Mapping) {
	if live.FiltersUnknown {
		fact, known := p.live.Facts.Filters[live.UUID]
		switch {
		case !known:
			p.ask(AskFilter, live.UUID)
			p.add(p.update(w, live)).hold(WhyAsked, "its filter is encrypted and has to be read by itself")
			return
		case fact.Error != "":
			p.find(w.find(spec.Warning, CodeFilterUnreadable,
				"the filter of mapping %s is encrypted and cannot be read (%s): allow kms:Decrypt on %s", live.UUID, fact.Error, live.KMSKey))
			p.add(p.update(w, live)).hold(WhyUnreadable, "its filter is encrypted and cannot be read")
			return
		}
		live.Filters, live.FiltersUnknown = fact.Filters, false
	}
	if !slices.Equal(live.Filters, w.mapping.Filters) && p.taken(live).Equal(w.set) {
		w.mapping.Filters = live.Filters // the same meaning is no difference, and keeps its spelling
	}
	s := p.update(w, live)
	if len(Differences(&live, s.After.(*Mapping))) == 0 {
		return
	}
	if !p.proven(w, live) || !p.catchUp(w, s, live) {
		return
	}
	p.adopt(w, s, live)
	p.add(s)
	switch {
	case !live.Settled():
		s.hold(WhyUnsettled, "AWS is still busy with it ("+live.State+")")
	case w.route.Enabled && !live.Enabled:
		p.enable(w, s, live)
	}
}

// adopt makes a mapping that somebody made on the route's alias, and that says
// nothing of who owns it, the route's.
func (p *planner) adopt(w *wish, s *step, live Mapping) {
	if w.route.Isolation != spec.IsolationAlias || p.live.Facts.Tags[live.UUID][TagOwner] != "" {
		return
	}
	p.find(w.find(spec.Warning, CodeAdopted, "mapping %s was made by hand on alias %s, which is the route's: it becomes the route's mapping", live.UUID, w.alias.Key))
	since := p.now.Format(time.RFC3339)
	if m := s.After.(*Mapping); m.Tags[TagSince] != "" {
		since = m.Tags[TagSince]
	}
	s.setTag(TagOwner, p.o.Owner)
	s.setTag(TagRouting, w.doc.Metadata.Name)
	s.setTag(TagRoute, w.route.Name)
	s.setTag(TagSince, since)
}

// update is the change of a live mapping into what its route wants. What the
// document does not say stays as it is.
func (p *planner) update(w *wish, live Mapping) *step {
	after := live
	after.Tags = nil
	after.FiltersUnknown = false
	want := w.mapping
	after.Key = want.Key // of the same source: another target is a setting
	after.Enabled, after.Filters = want.Enabled, want.Filters
	after.BatchSize, after.MaximumBatchingWindow, after.ParallelizationFactor = want.BatchSize, want.MaximumBatchingWindow, want.ParallelizationFactor
	after.MaximumRetryAttempts, after.MaximumRecordAge = want.MaximumRetryAttempts, want.MaximumRecordAge
	after.BisectBatchOnFunctionError, after.TumblingWindow = want.BisectBatchOnFunctionError, want.TumblingWindow
	after.OnFailure, after.ReportBatchItemFailures = want.OnFailure, want.ReportBatchItemFailures
	after.KMSKey = want.KMSKey
	if !sameMetrics(live.Metrics, want.Metrics) {
		after.Metrics = want.Metrics
	}
	s := &step{wish: w, doc: &w.doc, Change: Change{
		Action: Update, Addr: w.addr, Before: &live, After: &after,
		Reason: "it differs from the document", Effect: "position kept",
	}}
	if !after.Enabled {
		after.Tags = map[string]string{TagOff: Off{OffDeclared, p.now}.String()}
		s.Reason = "the document says enabled: false"
		s.Effect = "position kept; its events wait for at most the stream's retention"
	}
	p.explainTarget(s, w, live)
	if !live.FiltersUnknown && !slices.Equal(live.Filters, after.Filters) {
		p.explainFilter(s, live, after)
	}
	return s
}

// explainTarget says why a mapping gets another target, and marks it as the
// route's.
func (p *planner) explainTarget(s *step, w *wish, live Mapping) {
	routing, route, ours := p.owned(live)
	if !ours || routing != w.doc.Metadata.Name {
		return
	}
	if w.inherited() {
		s.Needs = append(s.Needs, Addr{KindAlias, w.alias.Key.String()})
		s.Reason = "its function is another one now"
		if p.adopted(w, live) {
			s.Reason = "it was adopted, and runs another target"
		}
	}
	if route != w.route.Name {
		s.setTag(TagRoute, w.route.Name)
		s.Reason = "it was " + routing + "/" + route + ", which is gone and took the same"
	}
}

// explainFilter says what a changed filter means for events, and marks the change:
// from before it on nobody may rely on what the mapping covers. That goes for a
// filter that takes less as well: a list that lags shows what it was before.
func (p *planner) explainFilter(s *step, live, after Mapping) {
	if !mutant.Is(mutant.NoSince) {
		s.setTag(TagSince, SincePending)
	}
	if p.taken(live).Covers(pattern.NewSet(after.Filters)).Verdict != pattern.Yes {
		s.Effect = "position kept; takes more events from when AWS uses the new filter, what was read before is not read again"
	}
}

func withoutTag(tags map[string]string, key string) map[string]string {
	if _, ok := tags[key]; !ok {
		return tags
	}
	tags = maps.Clone(tags)
	delete(tags, key)
	return tags
}

func (s *step) setTag(key, value string) {
	m := s.After.(*Mapping)
	tags := maps.Clone(m.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[key] = value
	m.Tags = tags
}

// enable decides over a mapping that should run and does not. What we disabled
// ourselves comes back at once; what a person disabled is left for a while.
func (p *planner) enable(w *wish, s *step, live Mapping) {
	s.Action = Revive
	s.Effect = "goes on where it stopped: what others have processed of its events since comes again; what expired meanwhile is gone"
	tags, known := p.live.Facts.Tags[live.UUID]
	if !known {
		p.ask(AskTags, live.UUID)
		s.hold(WhyAsked, "it is disabled; who did that, its tags will tell")
		return
	}
	s.setTag(TagOff, Off{OffRevived, p.now}.String())
	s.setTag(TagStopped, stoppedAt(live, tags).Format(time.RFC3339))
	p.revivesBehind(s, live)
	off, ours := offBy(live, tags)
	switch {
	case ours && off.Cause == OffRevived:
		s.Reason = "the route wants it; a pass that was to enable it at " + off.At.Format(time.RFC3339) + " did not"
		return
	case ours && off.Cause == OffAdmission:
		s.Reason = "there are concurrent executions for it now; it was made disabled at " + off.At.Format(time.RFC3339)
		s.Effect = "starts where it was to start; what expired meanwhile is gone"
		return
	case ours:
		s.Reason = "the route wants it again; we disabled it at " + off.At.Format(time.RFC3339) + " (" + off.Cause + ")"
		return
	}
	until := live.Modified.Add(p.o.RespectManual)
	switch {
	case !p.now.Before(until):
		s.Reason = "a person disabled it, and the time to respect that has passed"
	case p.released(w.addr.Name):
		s.Reason = "a person disabled it, and an operator released it"
	default:
		p.find(w.find(spec.Warning, CodeByHand,
			"mapping %s was disabled by hand: it is left alone until %s; write enabled: false to keep it so", live.UUID, until.Format(time.RFC3339)))
		s.hold(WhyByHand, "a person disabled it")
		s.until = until
	}
}

// stoppedAt is since when a disabled mapping has been, as far as is known.
func stoppedAt(live Mapping, tags map[string]string) time.Time {
	if off, ours := offBy(live, tags); ours && off.Cause != OffRevived && off.At.Before(live.Modified) {
		return off.At
	}
	return live.Modified
}

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
	if by, ours := offBy(live, tags); !moved && (!ours || by.Cause == OffAdmission) && p.wantsAny(live) {
		p.finish(doc, live, name, !ours)
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

// wantsAny says whether an enabled route wants some of what a mapping takes.
func (p *planner) wantsAny(m Mapping) bool {
	return slices.ContainsFunc(p.wanters(m), func(w *wish) bool { return w.route.Enabled && p.mayShare(m, w.set) })
}

// finish plans to enable a mapping that no route wants and that a person disabled,
// or that there was no room for: what it has not read is wanted, and others began
// later. It stops once it has read that.
func (p *planner) finish(doc *spec.EventRouting, live Mapping, name string, byHand bool) {
	after := live
	after.Enabled = true
	after.Tags = map[string]string{
		TagOff: Off{OffRevived, p.now}.String(), TagStopped: stoppedAt(live, p.live.Facts.Tags[live.UUID]).Format(time.RFC3339),
	}
	s := p.add(&step{doc: doc, Change: Change{
		Action: Revive, Addr: Addr{KindMapping, p.freeName(live, name)}, Before: &live, After: &after,
		Reason: "a person disabled it, and what it has not read is wanted", Effect: "goes on where it stopped, until others are known to have all of that",
	}})
	p.finishing[live.UUID] = s
	p.revivesBehind(s, live)
	switch _, observed := p.live.Functions[live.Key.Function]; {
	case doc == nil && p.index.wantFunction[live.Key.Function] == nil:
		s.hold(WhyUnsupported, "no document says anything of function "+live.Key.Function+" any more, so that nothing sees to its concurrency: enable the mapping by hand until it has read what it has to")
		return
	case !observed:
		p.ask(AskFunction, live.Key.Function)
		s.hold(WhyAsked, "no route runs function "+live.Key.Function+" any more; what is reserved for it has to be read")
		return
	}
	unread := p.unread(live.Key.Function)
	if _, ok := p.live.Streams[live.Key.Stream]; !ok && !slices.Contains(unread, live.Key.Stream) {
		unread = append(unread, live.Key.Stream)
	}
	if len(unread) > 0 {
		for _, stream := range unread {
			p.asks = append(p.asks, Ask{What: AskStream, Name: stream, Since: p.now.Add(-p.window(stream))})
		}
		s.hold(WhyAsked, "what it and other mappings of function "+live.Key.Function+" can run has to be counted; the shards of "+strings.Join(unread, ", ")+", which no route reads any more, have to be read")
		return
	}
	if !byHand {
		s.Reason = "it was made disabled, for lack of concurrent executions, and what it has not read is wanted"
		return
	}
	if until := live.Modified.Add(p.o.RespectManual); p.now.Before(until) && !p.released(p.nameOf(live)) {
		s.hold(WhyByHand, "a person disabled it")
		s.until = until
	}
}

// unread lists the streams that mappings of a function may run it for and that
// were not looked at, so that what they need is not known. An observation looks
// only at those of functions that routes run.
func (p *planner) unread(function string) []string {
	var streams []string
	for _, m := range p.index.onFunction[function] {
		if _, ok := p.live.Streams[m.Key.Stream]; !ok && m.Key.Kinesis() && m.MayRun(p.now) && p.index.wantFunction[function] == nil {
			streams = append(streams, m.Key.Stream)
		}
	}
	return slices.Compact(streams) // they are in the order of their keys
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

func compareMappings(a, b Mapping) int {
	return cmp.Or(
		strings.Compare(a.Key.Stream, b.Key.Stream), strings.Compare(a.Key.Consumer, b.Key.Consumer),
		strings.Compare(a.Key.Function, b.Key.Function), strings.Compare(a.Key.Qualifier, b.Key.Qualifier),
		strings.Compare(a.UUID, b.UUID),
	)
}

func sameMetrics(a, b []string) bool {
	x, y := slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(x, y)
}

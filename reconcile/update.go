package reconcile

import (
	"cmp"
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
	if p.owesOthers(w, live) {
		if p.proven(w, live) {
			p.finish(&step{wish: w, doc: &w.doc, Change: Change{Addr: w.addr}}, live)
		}
		return
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

package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile/internal/mutant"
	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// protect keeps events read. Nothing leaves a live filter, and no mapping stops,
// while an enabled route wants those events and no mapping that is qualified takes
// them, or this one is not known to have read past the taker's start.
//
// So a handover is not a kind of change: what is desired is rewritten before it is
// carried out, to what a mapping takes now and what it is to take together, and
// the rest is held. It does not matter what else is held, failed or forbidden.
func (p *planner) protect() {
	for _, s := range slices.Clone(p.steps) {
		before, after := s.mappings()
		if before == nil || after == nil || s.held() || !before.Enabled && !p.owes(s, before) || p.dead(*before) {
			continue
		}
		if after.Enabled && mutant.Is(mutant.NarrowAtOnce) || !after.Enabled && mutant.Is(mutant.RetireEarly) {
			continue
		}
		leaving := p.taken(*before)
		if after.Enabled {
			kept := pattern.NewSet(after.Filters)
			if kept.Covers(leaving).Verdict == pattern.Yes {
				continue
			}
			if rest, ok := leaving.Minus(kept); ok {
				leaving = rest
			}
		}
		p.protectOne(s, before, after, leaving)
	}
}

// owes says whether a mapping that is about to be enabled has unread what was wanted
// all the while: a person disabled it, or there was no room for it. What a document
// had disabled, or nobody wanted, it does not owe.
func (p *planner) owes(s *step, before *Mapping) bool {
	if s.Action != Revive {
		return false
	}
	off, ours := offBy(*before, p.live.Facts.Tags[before.UUID])
	return !ours || off.Cause == OffAdmission || off.Cause == OffRevived
}

// takers are the enabled routes that want some of the events leaving a mapping: those
// of its stream and, where its routing reads another stream now, those of its routing.
func (p *planner) takers(s *step, leaving pattern.Set) []*wish {
	before, _ := s.mappings()
	var all []*wish
	for _, w := range p.wanters(*before) {
		if w != s.wish && w.route.Enabled && w.set.Overlaps(leaving).Verdict != pattern.No {
			all = append(all, w)
		}
	}
	return all
}

// wanters are the routes that may want what a live mapping takes: those of its stream
// and, where its routing reads another stream now, those of its routing.
func (p *planner) wanters(m Mapping) []*wish {
	all := p.index.wantStream[m.Key.Stream]
	if routing, _, ok := p.owned(m); ok {
		for _, w := range p.index.wantRouting[routing] {
			if w.mapping.Key.Stream != m.Key.Stream {
				all = append(slices.Clip(all), w)
			}
		}
	}
	return all
}

// delay is why a mapping has to go on taking events, and until when, if that is
// known.
type delay struct {
	why    Why
	reason string
	until  time.Time
}

func (p *planner) protectOne(s *step, before, after *Mapping, leaving pattern.Set) {
	takers := p.takers(s, leaving)
	if len(takers) == 0 {
		if s.wish != nil && after.Enabled {
			s.Effect += "; events that leave it are wanted by no route"
		}
		return
	}
	elsewhere := slices.ContainsFunc(takers, func(w *wish) bool { return w.mapping.Key.Stream != before.Key.Stream })
	if elsewhere && !p.marksLeft(s, before, after, takers) {
		return
	}
	var names []string
	var waits []delay
	for _, w := range takers {
		names = append(names, w.addr.Name)
		p.warnOrder(w, before, leaving)
		if d := p.unready(w, before, leaving); d.why != "" {
			waits = append(waits, d)
		}
	}
	d := combined(waits)
	switch {
	case len(waits) == 0:
		s.letGo(names)
		// What is written to a stream that its routing reads no longer nobody else has.
		if s.Action == Retire && s.wish == nil && !elsewhere && allOf(leaving, takers) {
			s.setTag(TagOff, Off{OffMoved, p.now}.String())
		}
	case !after.Enabled:
		s.hold(d.why, d.reason)
		s.until = d.until
	default:
		p.takeBoth(s, before, after, d)
	}
}

// letGo says that a mapping's events are those of routes now.
func (s *step) letGo(names []string) {
	verb := " takes"
	if len(names) > 1 {
		verb = " take"
	}
	s.Effect = "position kept; " + strings.Join(names, ", ") + verb + " its events, and it has read past where that began"
}

// allOf says whether takers take all of some events.
func allOf(events pattern.Set, takers []*wish) bool {
	for _, w := range takers {
		if w.set.Covers(events).Verdict == pattern.Yes {
			return true
		}
		if rest, ok := events.Minus(w.set); ok {
			events = rest
		}
	}
	return false
}

// warnOrder says which events change their mapping: their order is kept within
// each, not between the two.
func (p *planner) warnOrder(w *wish, giver *Mapping, leaving pattern.Set) {
	var types []string
	for _, t := range w.route.EventTypes {
		if set, err := w.doc.OfType(w.route, t); err == nil && set.Overlaps(leaving).Verdict != pattern.No {
			types = append(types, t)
		}
	}
	what := "events"
	if len(types) > 0 {
		what = spec.EventTypes(types)
	}
	from := p.nameOf(*giver)
	if giver.Key.Stream != w.mapping.Key.Stream {
		from += " on " + giver.Key.source()
	}
	p.find(w.find(spec.Info, CodeOrder, "%s of one key keep their order within %s and within %s, not between the two while they move from the one to the other", what, from, w.addr.Name))
}

// combined is what has to be waited for of several delays: the first to say, the
// latest to wait for.
func combined(all []delay) delay {
	if len(all) == 0 {
		return delay{}
	}
	d := all[0]
	for _, other := range all[1:] {
		d.reason += "; " + other.reason
		if other.until.IsZero() || d.until.IsZero() {
			d.until = time.Time{}
		} else if other.until.After(d.until) {
			d.until = other.until
		}
	}
	return d
}

// unready says why a route cannot be left alone with events that a giver takes;
// empty if it can.
func (p *planner) unready(w *wish, giver *Mapping, events pattern.Set) delay {
	name := w.addr.Name
	if s := p.step(w.addr); w.live == nil || !p.ours(*w.live) || s != nil && s.impossible() {
		return delay{why: WhyTaker, reason: "some of its events go to " + name + ", which does not run yet"}
	}
	m := *w.live
	switch {
	case !p.runnable(w):
		return delay{why: WhyTaker, reason: "some of its events go to " + name + ", which has nothing to run"}
	case m.State != "Enabled":
		return delay{why: WhyTaker, reason: "some of its events go to " + name + ", which is " + m.State}
	case !p.takes(w, events):
		return delay{why: WhyTaker, reason: "some of its events go to " + name + ", which does not take them yet"}
	}
	since, d := p.covers(w, m)
	if d.why != "" {
		return d
	}
	qualified := since.Add(qualifiesAfter)
	if m.Key.Stream != giver.Key.Stream {
		left, d := p.leftBy(w, m, *giver)
		if d.why != "" {
			return d
		}
		qualified = later(qualified, left)
	}
	return p.drained(w, giver, qualified)
}

// marksLeft sees to it that a mapping on a stream that its routing reads no longer says
// since when that is so, and says whether it does, or need not yet: where a taker has no
// mapping the stream is perhaps mistyped.
func (p *planner) marksLeft(s *step, before, after *Mapping, takers []*wish) bool {
	if slices.ContainsFunc(takers, func(w *wish) bool { return w.mapping.Key.Stream != before.Key.Stream && w.live == nil }) {
		return true
	}
	tags, known := p.live.Facts.Tags[before.UUID]
	if !known {
		p.ask(AskTags, before.UUID)
		s.hold(WhyAsked, "since when its routing reads another stream, its tags will tell")
		return false
	}
	if _, err := time.Parse(time.RFC3339, tags[TagStreamLeft]); err == nil {
		return true
	}
	marked := *before
	marked.Tags = map[string]string{TagStreamLeft: p.now.Format(time.RFC3339)}
	reason, effect := s.Reason, s.Effect
	s.later = p.restOf(s, s.Action, &marked, after, WhyTaker, "its routing reads another stream from now on")
	s.later.Effect = effect
	s.Action, s.After, s.Reason, s.Effect = Update, &marked, reason, "none"
	return false
}

// leftBy is since when a giver's routing reads another stream, by a mapping that may have
// been left itself before.
func (p *planner) leftBy(w *wish, taker, giver Mapping) (time.Time, delay) {
	if _, err := time.Parse(time.RFC3339, p.live.Facts.Tags[taker.UUID][TagStreamLeft]); err == nil {
		again := taker
		again.Tags = map[string]string{TagStreamLeft: "none"}
		if s := p.step(w.addr); s == nil || s.held() {
			p.add(&step{wish: w, doc: &w.doc, Change: Change{
				Action: Update, Addr: w.addr, Before: &taker, After: &again, Reason: "its stream is read again", Effect: "none",
			}})
		}
		return time.Time{}, delay{why: WhyTaker, reason: "some of its events go to " + w.addr.Name + ", whose stream is read again only now"}
	}
	at, err := time.Parse(time.RFC3339, p.live.Facts.Tags[giver.UUID][TagStreamLeft])
	if err != nil {
		return time.Time{}, delay{why: WhyTaker, reason: "since when " + w.addr.Name + " reads another stream is not known"}
	}
	return at, delay{}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// covers says since when a route's mapping has covered what it takes, or why that
// does not count.
func (p *planner) covers(w *wish, m Mapping) (time.Time, delay) {
	tags, known := p.live.Facts.Tags[m.UUID]
	name := w.addr.Name
	switch {
	case !known:
		p.ask(AskTags, m.UUID)
		return time.Time{}, delay{why: WhyAsked, reason: "since when " + name + " takes some of its events, its tags will tell"}
	case strings.HasPrefix(m.LastResult, "PROBLEM") && !p.assumed(w.addr.Name):
		return time.Time{}, delay{why: WhyTaker, reason: "some of its events go to " + name + ", whose last batch failed (" + m.LastResult + ")"}
	case p.stopping(tags):
		return time.Time{}, delay{why: WhyTaker, reason: "some of its events go to " + name + ", which was to stop just now"}
	case tags[TagSince] == SincePending:
		p.vouch(m)
		return time.Time{}, delay{why: WhyTaker, reason: "some of its events go to " + name + ", whose filter was changed just now", until: p.now.Add(qualifiesAfter)}
	}
	since, err := time.Parse(time.RFC3339, tags[TagSince])
	if mutant.Is(mutant.TrustEnabled) {
		return time.Time{}, delay{}
	}
	if err != nil {
		p.vouch(m) // its tags were edited: from now on counts
		return time.Time{}, delay{why: WhyTaker, reason: "since when " + name + " takes some of its events is not known", until: p.now.Add(qualifiesAfter)}
	}
	if until := since.Add(qualifiesAfter); p.now.Before(until) {
		return since, delay{why: WhyTaker, reason: "some of its events go to " + name + ", which has taken them only since " + since.Format(time.RFC3339), until: until}
	}
	return since, delay{}
}

// stopping says whether tags say that a mapping was to be disabled lately: a list
// that lags shows it enabled still.
func (p *planner) stopping(tags map[string]string) bool {
	off, ok := ParseOff(tags[TagOff])
	return ok && off.Cause != OffRevived && p.now.Sub(off.At) < offGrace
}

// assumed says whether the operator vouches for a route having read past where
// its takers began.
func (p *planner) assumed(name string) bool {
	return slices.Contains(p.o.AssumeDrained, name) || p.released(name)
}

// released says whether the operator lets a held step of a route go on.
func (p *planner) released(name string) bool {
	routing, route, ok := strings.Cut(name, "/")
	return ok && !p.said(TagReleased, routing, route).IsZero()
}

// assumptions finds what the operator named and nobody knows, in routings of these
// documents: most likely it is misspelt. Other routings are for those who have all
// documents.
func (p *planner) assumptions() {
	known := map[string]bool{}
	for _, w := range p.wishes {
		known[w.addr.Name] = true
	}
	for _, m := range p.index.mappings {
		known[p.nameOf(m)] = true
	}
	find := func(names []string, f spec.Finding, flag string) {
		for _, name := range names {
			if routing, _, one := strings.Cut(name, "/"); one && p.docOf(routing) != nil && !known[name] {
				f.Path, f.Message = name, flag+" names it, and neither its document has such a route nor anything live: copy the name from the plan"
				p.find(f)
			}
		}
	}
	find(p.o.Only, spec.Finding{Severity: spec.Error, Code: CodeOnly}, "--only")
	find(p.o.AssumeDrained, spec.Finding{Severity: spec.Warning, Code: CodeAssumed}, "--assume-drained")
}

// drained says why a giver is not known to have read past where its taker began;
// empty if it is. qualified is when the taker could be relied on.
func (p *planner) drained(w *wish, giver *Mapping, qualified time.Time) delay {
	if mutant.Is(mutant.Undrained) {
		return delay{}
	}
	waited := p.now.Sub(qualified)
	name := p.nameOf(*giver)
	if _, there := p.live.Streams[giver.Key.Stream]; !there && p.index.wantFunction[giver.Key.Function] != nil {
		return delay{} // and nothing of it can be read
	}
	if retention := p.live.Streams[giver.Key.Stream].Retention; p.assumed(name) || retention > 0 && waited >= retention {
		return delay{}
	}
	if assume, set := p.assumeLagBelow(giver); set && waited >= assume {
		return delay{}
	}
	if p.idleTarget(*giver) {
		return delay{why: WhyTaker, reason: "what it runs is gone: its events wait for that"}
	}
	return p.unproven(w, giver, qualified)
}

// unproven says why the lag of a giver does not show that it has read past a time; empty
// if it does.
func (p *planner) unproven(w *wish, giver *Mapping, qualified time.Time) delay {
	name := p.nameOf(*giver)
	wait := "it goes on beside " + w.addr.Name + " until it is known to have read past where that began"
	advice := "; --assume-drained " + name + " says so"
	held := func(format string, args ...any) delay {
		return delay{why: WhyTaker, reason: wait + ": " + fmt.Sprintf(format, args...) + advice}
	}
	switch r := p.readPast(*giver, qualified); {
	case r.asked:
		return delay{why: WhyAsked, reason: wait + ": its lag has to be read"}
	case !r.early.IsZero():
		d := held("what it began before cannot be seen to have ended yet")
		if r.behind {
			d = held("it was behind within the last day, and what its filter leaves out it reads without a trace")
		}
		d.until = r.early
		return d
	case r.Throttles > 0:
		return held("it was throttled %d times in the last %s", r.Throttles, minutes(r.window))
	case r.Batches == 0:
		d := held("it took no batch in the last %s, which proves nothing", minutes(r.window))
		d.until = p.expiry(giver, qualified)
		return d
	case !r.Reached.After(qualified):
		return held("a batch of the last %s ended at a record of %s, which is not past %s", minutes(r.window), r.Reached.Format(time.RFC3339), qualified.Format(time.RFC3339))
	case p.shares(*giver) && strings.HasPrefix(giver.LastResult, "PROBLEM"):
		return held("its last batch failed (%s), and others report their lag with it", giver.LastResult)
	}
	return delay{}
}

// expiry is when nothing from before a time is in the stream any more.
func (p *planner) expiry(giver *Mapping, qualified time.Time) time.Time {
	return qualified.Add(p.live.Streams[giver.Key.Stream].Retention)
}

// assumeLagBelow is what a giver's document says about how far behind it can be.
func (p *planner) assumeLagBelow(giver *Mapping) (time.Duration, bool) {
	routing, _, ok := p.owned(*giver)
	if w := p.claimed[giver.UUID]; w != nil {
		routing, ok = w.doc.Metadata.Name, true
	}
	if doc := p.docOf(routing); ok && doc != nil {
		return doc.AssumeLagBelow()
	}
	return 0, false
}

// takes says whether a route's live mapping takes already what the route wants
// of some events.
func (p *planner) takes(w *wish, events pattern.Set) bool {
	if w.live == nil || w.live.State != "Enabled" || !p.ours(*w.live) {
		return false
	}
	if w.live.FiltersUnknown {
		switch fact, known := p.live.Facts.Filters[w.live.UUID]; {
		case !known:
			p.ask(AskFilter, w.live.UUID)
			return false
		case fact.Error != "":
			return false // it may take anything, and nothing
		}
	}
	live := p.taken(*w.live)
	if live.Covers(w.set).Verdict == pattern.Yes {
		return true
	}
	missing, ok := w.set.Minus(live)
	return ok && missing.Overlaps(events).Verdict == pattern.No
}

// runnable says whether a route's mapping has something to run: without its
// alias it has not.
func (p *planner) runnable(w *wish) bool {
	return w.route.Isolation != spec.IsolationAlias || p.ownsAlias(w.live.Key.alias())
}

// takeBoth makes an update keep what the mapping takes beside what it is to take,
// and holds the rest of it.
func (p *planner) takeBoth(s *step, before, after *Mapping, d delay) {
	both := *after
	both.Filters = before.Filters
	if want := pattern.NewSet(after.Filters); p.taken(*before).Covers(want).Verdict != pattern.Yes {
		filters, err := p.taken(*before).Union(want).Filters()
		if err != nil {
			s.hold(WhyTaker, d.reason+"; until then it would have to take what it takes and what it is to take, and both do not fit into one filter: "+err.Error())
			return
		}
		both.Filters = filters
	}
	if len(Differences(before, &both)) == 0 {
		s.hold(d.why, d.reason)
		s.until = d.until
		return
	}
	if slices.Equal(both.Filters, before.Filters) {
		both.Tags = withoutTag(after.Tags, TagSince) // it is not widened yet
	}
	s.later = p.restOf(s, Update, &both, after, d.why, d.reason)
	s.later.until = d.until
	s.After = &both
}

// mayShare says whether a live mapping takes some events of a set, or may.
func (p *planner) mayShare(m Mapping, set pattern.Set) bool {
	if m.FiltersUnknown {
		return true
	}
	return p.taken(m).Overlaps(set).Verdict != pattern.No
}

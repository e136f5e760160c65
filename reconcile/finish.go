package reconcile

import (
	"slices"
	"strings"
	"time"
)

// wantsAny says whether an enabled route wants some of what a mapping takes.
func (p *planner) wantsAny(m Mapping) bool {
	return slices.ContainsFunc(p.wanters(m), func(w *wish) bool { return w.route.Enabled && p.mayShare(m, w.set) })
}

// owing says whether a disabled mapping may have unread what was wanted all the while:
// a person disabled it, there was no room for it, or a pass died before it had enabled
// it. What a document had disabled, or nobody wanted, it does not owe, whoever changed
// something about it since, unless it has delivered since: then a person had it run.
func (p *planner) owing(m Mapping) bool {
	tags := p.live.Facts.Tags[m.UUID]
	off, ours := offBy(m, tags)
	if ours {
		return off.Cause == OffAdmission || off.Cause == OffRevived
	}
	was, ok := ParseOff(tags[TagOff])
	switch {
	case ok && was.Cause == OffMoved: // others have all that it had
		return false
	case ok && (was.Cause == OffDeclared || was.Cause == OffRemoved):
		ran, _ := p.delivered(m.Key.Target(), was.At.Add(runsOn))
		return ran
	}
	return true
}

// owesOthers says whether a disabled mapping, whose route is to stay so, has unread what
// other routes want and were not there for.
func (p *planner) owesOthers(w *wish, live Mapping) bool {
	return !w.route.Enabled && !live.running() && p.owes(live, w, w.addr.Name)
}

// owes says whether a disabled mapping has unread what routes but its own want, as long as
// nobody says that it has not.
func (p *planner) owes(live Mapping, own *wish, name string) bool {
	retention := p.live.Streams[live.Key.Stream].Retention
	_, known := p.live.Facts.Tags[live.UUID]
	wanted := func(other *wish) bool { return other != own && other.route.Enabled && p.mayShare(live, other.set) }
	if p.assumed(name) || !slices.ContainsFunc(p.wanters(live), wanted) || known && !p.owing(live) || retention > 0 && !p.now.Before(live.Modified.Add(retention)) {
		return false
	}
	return slices.ContainsFunc(p.wanters(live), func(other *wish) bool {
		return wanted(other) && !p.tookAll(other, live)
	})
}

// tookAll says whether a route has taken what it wants of a disabled mapping's events since
// before the first that this may have unread: what was in the stream when it stopped, or
// what was written since it was to start where it was made disabled.
func (p *planner) tookAll(w *wish, giver Mapping) bool {
	if w.mapping.Key.Stream != giver.Key.Stream || !p.takes(w, p.taken(giver)) {
		return false
	}
	since, d := p.covers(*w.live)
	first := giver.Modified.Add(-p.live.Streams[giver.Key.Stream].Retention)
	off, ours := offBy(giver, p.live.Facts.Tags[giver.UUID])
	if _, ran := p.stopped(giver); ours && off.Cause == OffAdmission && !ran && !giver.Start.TrimHorizon {
		first = later(first, giver.Start.At)
	}
	return d.why == "" && !first.Before(since.Add(qualifiesAfter))
}

// finish plans to enable a mapping that no route wants to run and that a person disabled,
// or that there was no room for: what it has not read is wanted, and others began
// later. It stops once it has read that.
func (p *planner) finish(s *step, live Mapping) {
	after := live
	after.Enabled = true
	after.Tags = map[string]string{
		TagOff: Off{OffRevived, p.now}.String(), TagStopped: stoppedAt(live, p.live.Facts.Tags[live.UUID]).Format(time.RFC3339),
	}
	s.Action, s.Before, s.After = Revive, &live, &after
	s.Reason, s.Effect = "a person disabled it, and what it has not read is wanted", "goes on where it stopped, until others are known to have all of that"
	p.add(s)
	p.finishing[live.UUID] = s
	p.revivesBehind(s, live)
	_, known := p.live.Facts.Tags[live.UUID]
	switch _, observed := p.live.Functions[live.Key.Function]; {
	case !known:
		p.ask(AskTags, live.UUID)
		s.hold(WhyAsked, "who disabled it, its tags will tell")
		return
	case s.doc == nil && p.index.wantFunction[live.Key.Function] == nil:
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
			p.askStream(stream)
		}
		s.hold(WhyAsked, "what it and other mappings of function "+live.Key.Function+" can run has to be counted; the shards of "+strings.Join(unread, ", ")+", which no route reads any more, have to be read")
		return
	}
	p.finishWhen(s, live)
}

// finishWhen says why a mapping is enabled to finish, and when, and for how long.
func (p *planner) finishWhen(s *step, live Mapping) {
	if off, ours := offBy(live, p.live.Facts.Tags[live.UUID]); ours {
		s.Reason = "what it has not read is wanted, and a pass that was to enable it at " + off.At.Format(time.RFC3339) + " did not"
		if off.Cause == OffAdmission {
			s.Reason = "it was made disabled, for lack of concurrent executions, and what it has not read is wanted"
		}
		return
	}
	if s.doc != nil {
		if p.obeyOne(s); s.held() {
			return
		}
		if s.wish == nil && p.retiring(s).held() {
			s.Effect = "goes on where it stopped, for good: " + p.retiring(s).Reason + ", and it may not be retired"
		}
	}
	name := p.nameOf(live)
	if until := live.Modified.Add(p.o.RespectManual); p.now.Before(until) && !p.released(name) {
		s.hold(WhyByHand, "a person disabled it, and what it has not read is wanted; --assume-drained "+name+" says that it has read all")
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

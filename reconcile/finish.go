package reconcile

import (
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

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

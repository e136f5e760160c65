package reconcile

import (
	"fmt"
	"time"

	"github.com/eventrouting/eventrouting/reconcile/internal/mutant"
	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// A mapping can leave events to another one, its taker, when two things hold: the
// taker is qualified, so that what is written from now on is certainly taken, and the
// mapping that gives has drained, read past where the taker became so.

// qualifiesAfter is how long a mapping has to have covered events before others
// may leave them to it: longer than any delay of the data plane that we assume,
// 5 minutes.
const qualifiesAfter = 6 * time.Minute

// qualified says whether a mapping of ours may be relied on for what it takes: it
// is enabled, has covered it for long enough, and its last batch did not fail, whatever
// the operator assumes.
func (p *planner) qualified(m Mapping) bool {
	if m.State != "Enabled" || m.failing() {
		return false
	}
	_, d := p.covers(m)
	return d.why == ""
}

// vouch plans to write down that what a mapping covers was changed and that AWS
// is done with it: from now on it can qualify.
func (p *planner) vouch(m Mapping) {
	w := p.claimed[m.UUID]
	if w == nil || p.vouched[m.UUID] != nil {
		return
	}
	if p.changesAt(w.addr) {
		return // it changes, and is looked at again after that
	}
	after := m
	after.Tags = map[string]string{TagSince: p.now.Format(time.RFC3339)}
	s := p.add(&step{wish: w, doc: &w.doc, Change: Change{
		Action: Update, Addr: w.addr, Before: &m, After: &after,
		Reason: "its filter was changed, and AWS is done with that", Effect: "none: others can leave their events to it 6 minutes from now",
	}})
	p.vouched[m.UUID] = s
	p.obeyOne(s) // the brake asks when all else has obeyed
}

// afterVouching is what to wait for where a mapping is vouched for in this pass, or may not
// be yet.
func (p *planner) afterVouching(m Mapping, reason string) delay {
	d := delay{why: WhyTaker, reason: "some of its events go to " + p.nameOf(m) + ", " + reason, until: p.now.Add(qualifiesAfter)}
	if s := p.vouched[m.UUID]; s != nil && s.held() {
		d.reason += ", which may not be written down (" + s.Reason + ")"
		d.until = s.until
		if !d.until.IsZero() {
			d.until = d.until.Add(qualifiesAfter)
		}
	}
	return d
}

// stopping says whether tags say that a mapping was to be disabled lately: a list
// that lags shows it enabled still.
func (p *planner) stopping(tags map[string]string) bool {
	off, ok := ParseOff(tags[TagOff])
	return ok && off.Cause != OffRevived && p.now.Sub(off.At) < offGrace
}

// delay is why a mapping has to go on taking events, and until when, if that is
// known.
type delay struct {
	why    Why
	reason string
	until  time.Time
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
	since, d := p.covers(m)
	if d.why != "" {
		if !d.until.IsZero() {
			d.until = p.seenPast(*giver, d.until)
		}
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

// covers says since when a mapping of ours has covered what it takes, or why that does
// not count.
func (p *planner) covers(m Mapping) (time.Time, delay) {
	tags, known := p.live.Facts.Tags[m.UUID]
	name := p.nameOf(m)
	switch {
	case !known:
		p.ask(AskTags, m.UUID)
		return time.Time{}, delay{why: WhyAsked, reason: "since when " + name + " takes some of its events, its tags will tell"}
	case m.failing() && !p.assumed(name):
		return time.Time{}, delay{why: WhyTaker, reason: "some of its events go to " + name + ", whose last batch failed (" + m.LastResult + ")"}
	case p.stopping(tags):
		return time.Time{}, delay{why: WhyTaker, reason: "some of its events go to " + name + ", which was to stop just now"}
	case tags[TagSince] == SincePending:
		p.vouch(m)
		return time.Time{}, p.afterVouching(m, "whose filter was changed just now")
	}
	since, err := time.Parse(time.RFC3339, tags[TagSince])
	if mutant.Is(mutant.TrustEnabled) {
		return time.Time{}, delay{}
	}
	if err != nil {
		p.vouch(m) // its tags were edited: from now on counts
		return time.Time{}, p.afterVouching(m, "and since when is not known")
	}
	// Whoever changed it later may have changed its filter, and back. To the minute, that
	// still leaves the 5 minutes.
	if !mutant.Is(mutant.NoSince) && !mutant.Is(mutant.TagLast) {
		since = later(since, m.Modified)
	}
	if until := since.Add(qualifiesAfter); p.now.Before(until) {
		return since, delay{why: WhyTaker, reason: "some of its events go to " + name + ", which has taken them only since " + since.Format(time.RFC3339), until: until}
	}
	return since, delay{}
}

// leftBy is since when a giver's routing reads another stream, by a mapping that may have
// been left itself before.
func (p *planner) leftBy(w *wish, taker, giver Mapping) (time.Time, delay) {
	if _, err := time.Parse(time.RFC3339, p.live.Facts.Tags[taker.UUID][TagStreamLeft]); err == nil {
		again := taker
		again.Tags = map[string]string{TagStreamLeft: "none"}
		if !p.changesAt(w.addr) {
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

// takes says whether a route's live mapping takes already what the route wants
// of some events.
func (p *planner) takes(w *wish, events pattern.Set) bool {
	if w.live == nil || w.live.State != "Enabled" || !p.ours(*w.live) {
		return false
	}
	if p.unreadable(*w.live) {
		if _, known := p.live.Facts.Filters[w.live.UUID]; !known {
			p.ask(AskFilter, w.live.UUID)
		}
		return false
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

// drained says why a giver is not known to have read past where its taker began;
// empty if it is. qualified is when the taker could be relied on.
func (p *planner) drained(w *wish, giver *Mapping, qualified time.Time) delay {
	if mutant.Is(mutant.Undrained) {
		return delay{}
	}
	waited := p.now.Sub(qualified)
	name := p.nameOf(*giver)
	if _, there := p.live.Streams[giver.Key.Stream]; !there {
		if p.index.wantFunction[giver.Key.Function] != nil {
			return delay{} // it was looked at, and nothing of it can be read
		}
		left, known := p.live.Facts.Left[giver.Key.Stream]
		if !known {
			p.ask(AskLeft, giver.Key.Stream)
		}
		if left.Gone {
			return delay{}
		}
	}
	if retention := p.retention(giver.Key.Stream); p.assumed(name) || retention > 0 && waited >= retention {
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
	case p.shares(*giver) && giver.failing():
		return held("its last batch failed (%s), and others report their lag with it", giver.LastResult)
	}
	return delay{}
}

// expiry is when nothing from before a time is in the stream any more; zero for not known.
func (p *planner) expiry(giver *Mapping, qualified time.Time) time.Time {
	if p.retention(giver.Key.Stream) == 0 {
		return time.Time{}
	}
	return qualified.Add(p.retention(giver.Key.Stream))
}

// retention is how long a stream keeps records; zero where that is not known.
func (p *planner) retention(stream string) time.Duration {
	if s, ok := p.live.Streams[stream]; ok {
		return s.Retention
	}
	return p.live.Facts.Left[stream].Retention
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

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

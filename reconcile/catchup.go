package reconcile

import (
	"fmt"
	"time"

	"github.com/eventrouting/eventrouting/reconcile/internal/mutant"
)

// A mapping discards what is older than its MaximumRecordAgeInSeconds before it
// tries it. One that starts, or goes on, further back than that would discard
// events on arrival. It runs without that limit until it has caught up; its
// [TagCatchingUp] says that this is on purpose.
// https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html

// unlimitedAge is MaximumRecordAgeInSeconds for as long as the stream holds it.
const unlimitedAge = -1

// deliveryTakes is how much older than its start a mapping's first events can be
// when they are read: the data plane is up to 5 minutes late.
const deliveryTakes = 10 * time.Minute

// discards says whether a mapping of a maximum record age would discard events on
// arrival that waited for some time. How far behind it was before is not known, so
// that half of the age is taken for too near.
func discards(maximumAge int, waited time.Duration) bool {
	age := time.Duration(maximumAge) * time.Second
	return maximumAge > 0 && !mutant.Is(mutant.ForgetAge) && (waited > age/2 || waited+deliveryTakes > age)
}

// startsBehind takes the limit of age off a mapping that is to be made, where it
// has to catch up.
func (p *planner) startsBehind(m *Mapping) bool {
	waited := p.now.Sub(m.Start.At)
	if m.Start.TrimHorizon {
		waited = p.live.Streams[m.Key.Stream].Retention
	}
	if !discards(m.MaximumRecordAge, waited) {
		return false
	}
	m.MaximumRecordAge = unlimitedAge
	m.Tags[TagCatchingUp] = p.now.Format(time.RFC3339)
	return true
}

// revivesBehind does the same to a mapping that is to be enabled again.
func (p *planner) revivesBehind(s *step, live Mapping) {
	after := s.After.(*Mapping)
	_, already := p.catchingUp(live)
	if after.MaximumRecordAge > 0 && already || discards(after.MaximumRecordAge, p.now.Sub(live.Modified)) {
		after.MaximumRecordAge = unlimitedAge
		s.setTag(TagCatchingUp, p.now.Format(time.RFC3339))
	}
}

// catchingUp says whether, and since when, a mapping runs without a limit of age
// on purpose.
func (p *planner) catchingUp(live Mapping) (time.Time, bool) {
	if live.MaximumRecordAge != unlimitedAge {
		return time.Time{}, false
	}
	since, err := time.Parse(time.RFC3339, p.live.Facts.Tags[live.UUID][TagCatchingUp])
	return since, err == nil
}

// catchUp leaves a mapping that has to catch up without a limit of age, and says
// whether the rest of the update is to be planned.
func (p *planner) catchUp(w *wish, s *step, live Mapping) bool {
	after := s.After.(*Mapping)
	if live.MaximumRecordAge != unlimitedAge || after.MaximumRecordAge == unlimitedAge {
		return true
	}
	if _, known := p.live.Facts.Tags[live.UUID]; !known {
		p.ask(AskTags, live.UUID)
		p.add(s).hold(WhyAsked, "it runs without a limit of age; whether that is on purpose, its tags will tell")
		return false
	}
	since, ok := p.catchingUp(live)
	if !ok {
		return true // a person did it
	}
	d := p.behind(w, live, since)
	if d.why == "" {
		s.setTag(TagCatchingUp, "done")
		s.Reason = "it has caught up"
		return true
	}
	then := *after
	after.MaximumRecordAge = unlimitedAge
	now := *after
	if len(Differences(&live, &now)) == 0 {
		s.After = &then
		p.add(s).hold(d.why, d.reason)
		s.until = d.until
		return false
	}
	s.later = p.restOf(s, Update, &now, &then, d.why, d.reason)
	s.later.until = d.until
	return true
}

// behind says why a mapping has not caught up yet, or why that is not known.
func (p *planner) behind(w *wish, live Mapping, since time.Time) delay {
	age := time.Duration(w.mapping.MaximumRecordAge) * time.Second
	retention := p.live.Streams[live.Key.Stream].Retention
	end := since.Add(retention)
	if retention > 0 && !p.now.Before(end) {
		return delay{}
	}
	wait := "it catches up without a limit of age, so that nothing is discarded on arrival"
	if !live.Enabled {
		return delay{why: WhyCatchingUp, reason: wait, until: end}
	}
	held := func(format string, args ...any) delay {
		return delay{why: WhyCatchingUp, reason: wait + fmt.Sprintf(format, args...), until: end}
	}
	switch r := p.readPast(live, since.Add(qualifiesAfter)); {
	case r.asked:
		return delay{why: WhyAsked, reason: wait + ": its lag has to be read"}
	case !r.early.IsZero():
		return delay{why: WhyCatchingUp, reason: wait, until: r.early}
	case r.Batches == 0:
		return held(": it took no batch in the last %s, which proves nothing", minutes(r.window))
	case r.Throttles > 0 || r.Max > age/2:
		return held(": in the last %s it was up to %s behind and was throttled %d times", minutes(r.window), r.Max.Round(time.Second), r.Throttles)
	case p.shares(live) && live.failing():
		return held(": its last batch failed (%s), and others report their lag with it", live.LastResult)
	}
	return delay{}
}

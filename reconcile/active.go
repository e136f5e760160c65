package reconcile

import (
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile/lineage"
	"github.com/eventrouting/eventrouting/spec"
)

// runsOn is how long an invocation may go on after its mapping was disabled: it
// starts until the data plane knows, for which we assume 5 minutes at most, it
// lasts 15, and AWS floors LastModified to minutes. The 5 minutes are not
// documented; AWS says "several", and about one was seen.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
const runsOn = (5 + 15 + 1) * time.Minute

// makingTakes is how long after its tag says so a mapping is made, at most. One that
// changed later may have been enabled by a person, and disabled again.
const makingTakes = 10 * time.Second

// windows says for each stream that documents name how far back closed shards
// matter to them, their longest releaseAfter, and the longest of all. The last
// invocations of a shard go on after it was closed, however short that is.
func windows(docs []spec.EventRouting) (byStream map[string]time.Duration, longest time.Duration) {
	byStream = map[string]time.Duration{}
	for _, d := range docs {
		stream := spec.BareName(d.Spec.Stream)
		after := max(d.ReleaseAfter(), runsOn)
		byStream[stream] = max(byStream[stream], after)
		longest = max(longest, after)
	}
	return byStream, longest
}

// Window is how far back closed shards of a stream matter: the releaseAfter of
// the documents that name it, or the longest one for a stream that none names.
func (s Scope) Window(stream string) time.Duration {
	if w, ok := s.Windows[stream]; ok {
		return w
	}
	return s.Since
}

// widthOf is how many of a stream's shards can be consumed at one time: the width
// of the lineage of those that are open or were closed since some time. After a
// merge closed parents run until they are drained, which no call shows.
func widthOf(shards []Shard) int {
	at := make(map[string]int, len(shards))
	open := 0
	for i, shard := range shards {
		at[shard.ID] = i
		if !shard.Closed {
			open++
		}
	}
	if open == len(shards) {
		return open
	}
	parents := make([][]int, len(shards))
	for i, shard := range shards {
		for _, p := range shard.Parents {
			if place, ok := at[p]; ok {
				parents[i] = append(parents[i], place)
			}
		}
	}
	return max(lineage.Width(parents), open)
}

// widths are the active shards of one stream, found once.
type widths struct {
	recent  int       // of those open or closed inside the window
	earlier int       // with those closed before it, as far as they were read; 0 for not
	since   time.Time // the earliest that anything reads from, and that was not read yet
}

func (p *planner) widths(s Stream) *widths {
	w, ok := p.active[s.Name]
	if !ok {
		w = &widths{recent: widthOf(s.Shards)}
		if l, known := p.live.Facts.Lineages[s.Name]; known {
			w.earlier = max(w.recent, widthOf(l.Shards))
		}
		p.active[s.Name] = w
	}
	return w
}

// activeShards is how many shards a mapping can consume at one time. One that
// starts further back than its stream's window, and changed inside it, may only
// now be reading what was closed since its start: it was just made, or enabled
// after a long time. Where those shards were not read, they are asked for.
func (p *planner) activeShards(m Mapping, modified time.Time) int {
	s := p.live.Streams[m.Key.Stream]
	w := p.widths(s)
	since, further := p.readsFrom(m.Start, modified, s)
	if !further {
		return w.recent
	}
	if l, known := p.live.Facts.Lineages[s.Name]; known && !l.Since.After(since) {
		return w.earlier
	}
	if w.since.IsZero() || since.Before(w.since) {
		w.since = since
	}
	return max(w.recent, w.earlier)
}

// readsFrom says from when on shards matter to a mapping beyond the window of its
// stream; false where the window says enough. A start that is not known, as with
// LATEST, may be anything that the stream still holds: the mapping may have been
// disabled since.
func (p *planner) readsFrom(start Start, modified time.Time, s Stream) (time.Time, bool) {
	window := p.now.Add(-p.window(s.Name))
	horizon := p.now.Add(-s.Retention)
	if !horizon.Before(window) || !modified.After(window) {
		return time.Time{}, false
	}
	since := start.At
	if since.Before(horizon) { // the trim horizon and the unknown are zero
		since = horizon
	}
	return since, since.Before(window)
}

// window is how far back closed shards of a stream matter to every mapping.
func (p *planner) window(stream string) time.Duration {
	return Scope{Windows: p.index.windows, Since: p.index.longest}.Window(stream)
}

// askLineages asks for the shards that the plan lacks, each stream once.
func (p *planner) askLineages() {
	for stream, w := range p.active {
		if !w.since.IsZero() {
			p.asks = append(p.asks, Ask{What: AskLineage, Name: stream, Since: w.since})
		}
	}
}

// guesses says whether active shards of a stream had to be counted without
// having been read far enough back.
func (p *planner) guesses(stream string) bool {
	w, ok := p.active[stream]
	return ok && !w.since.IsZero()
}

// running says whether a mapping takes batches, or may: while AWS is busy its
// answer may show either state.
func (m Mapping) running() bool { return m.Enabled || !m.Settled() }

// failing says whether a mapping's last batch failed.
func (m Mapping) failing() bool { return strings.HasPrefix(m.LastResult, "PROBLEM") }

// MayRun says whether an invocation of a mapping may be under way: it takes
// batches, or did until lately.
func (m Mapping) MayRun(now time.Time) bool {
	return m.running() || !m.Modified.IsZero() && now.Before(m.Modified.Add(runsOn))
}

// stopped says whether a mapping that takes no batches any more was changed so
// lately that an invocation may still run, and until when.
func (p *planner) stopped(m Mapping) (time.Time, bool) {
	if m.running() || !m.MayRun(p.now) {
		return time.Time{}, false
	}
	tags := p.live.Facts.Tags[m.UUID]
	made, err := time.Parse(time.RFC3339, tags[TagMade])
	off, ours := offBy(m, tags)
	// A pass that has enabled and disabled it since wrote another /off.
	if err == nil && ours && !off.At.After(made) && m.Modified.Before(made.Add(makingTakes)) {
		return time.Time{}, false // it never ran
	}
	return m.Modified.Add(runsOn), true
}

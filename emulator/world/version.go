package world

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

// version is a mapping as the data plane will know it.
type version struct {
	n          uint64 // from 1
	at         time.Time
	on         bool
	m          Mapping
	set        pattern.Set
	fn, target string // function and qualifier
}

// room is how many records a shard's poller keeps read and not done, at most.
func (v *version) room() int { return max(100, 2*v.m.BatchSize*v.m.ParallelizationFactor) }

// window is for how long a lane gathers a batch.
func (v *version) window() time.Duration {
	return time.Duration(v.m.MaximumBatchingWindowInSeconds) * time.Second
}

// tell lets the data plane know what a mapping has settled as.
func (w *World) tell(at Place, m *mapping) {
	if m.stream == "" {
		return
	}
	fn, target := splitFunctionARN(m.shown.FunctionArn)
	var n uint64 = 1
	if last := len(m.versions); last > 0 {
		n = m.versions[last-1].n + 1
	}
	v := version{n: n, at: w.now, on: m.goal == enabled, m: m.shown, set: pattern.NewSet(m.shown.FilterCriteria), fn: fn, target: target}
	if v.on && m.first.n == 0 {
		m.first = v
	}
	// What every shard has left behind is forgotten.
	old := 0
	for old+1 < len(m.versions) && !m.versions[old+1].at.Add(w.timing.DataPlane).After(w.now) {
		old++
	}
	m.versions = append(slices.Clip(m.versions[old:]), v)
	s := w.at(at).kinesis.streams[m.stream]
	if s == nil {
		return
	}
	for i := range s.shards.shards {
		w.rouse(at, m, s, i)
	}
}

// draw is a number between 0 and 1 that belongs to a thing and to nothing else:
// asking for it again, or for others in between, gives the same.
func (w *World) draw(subject string, shard int, n uint64) float64 {
	h := fnv.New64a()
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:8], w.seed)
	binary.LittleEndian.PutUint64(b[8:16], uint64(shard))
	binary.LittleEndian.PutUint64(b[16:], n)
	_, _ = h.Write(b[:])
	_, _ = h.Write([]byte(subject))
	x := h.Sum64()
	x ^= x >> 33 // FNV's high bits vary little
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}

// takesEffect is when a shard's poller knows a version.
func (w *World) takesEffect(m *mapping, shard int, v *version) time.Time {
	least, most := w.timing.DataPlaneLeast, w.timing.DataPlane
	return v.at.Add(least + time.Duration(w.draw(m.shown.UUID, shard, v.n)*float64(most-least)))
}

// inEffect is the version by which a shard's poller works, nil for none yet, and
// when the next one takes effect, zero for none.
func (w *World) inEffect(m *mapping, shard int) (v *version, next time.Time) {
	for i := len(m.versions) - 1; i >= 0; i-- {
		t := w.takesEffect(m, shard, &m.versions[i])
		if !t.After(w.now) {
			return &m.versions[i], next
		}
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	return nil, next
}

// startOf is the time from which on a mapping reads a shard; zero for all that
// there is. LATEST is anchored when polling begins, or when the mapping was made.
// AWS says that records written meanwhile may be missed.
// https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
func (w *World) startOf(m *mapping, s *stream, shard int) time.Time {
	switch m.shown.StartingPosition {
	case "AT_TIMESTAMP":
		return *m.shown.StartingPositionTime
	case "LATEST":
		switch {
		case w.knobs.LatestAtCreate:
			return m.created
		case m.first.n == 0:
			return w.now // whenever that will be
		case w.continues(m, s, shard):
			return time.Time{}
		}
		return w.takesEffect(m, shard, &m.first)
	}
	return time.Time{}
}

// continues says whether a mapping comes to a shard from a parent that it read:
// then it misses nothing of it, wherever it began.
func (w *World) continues(m *mapping, s *stream, shard int) bool {
	sh := &s.shards.shards[shard]
	for _, parent := range [2]int{sh.parent, sh.adjacent} {
		if parent >= 0 && w.concerns(m, s, parent) {
			return true
		}
	}
	return false
}

// concerns says whether a mapping reads a shard at all: those open at its start
// and those opened since.
func (w *World) concerns(m *mapping, s *stream, shard int) bool {
	closed := s.shards.shards[shard].closed
	return closed.IsZero() || closed.After(w.startOf(m, s, shard))
}

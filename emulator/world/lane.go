package world

import (
	"hash/fnv"
	"slices"
	"time"
)

// lane is one of the sequences into which a shard's records are dealt out by
// partition key. It has one batch at a time.
type lane struct {
	queue     []int     // records read and not yet in a batch
	bytes     int       // of queue
	since     time.Time // when its window began
	batch     []int
	rest      [][]int // what a bisected batch has yet to try
	attempts  int     // of batch that have failed
	throttled int     // times in a row that it did not reach the function
	after     time.Time
	running   uint64 // invocation; 0 for none
}

// workBy makes a poller work by a version; false while it has to wait for its
// invocations, because records are dealt out anew.
func (w *World) workBy(at Place, m *mapping, s *stream, p *poller, v *version) bool {
	if p.version == v.n {
		return true
	}
	if p.version == 0 {
		p.lanes = make([]lane, v.m.ParallelizationFactor)
		p.version, p.buffered = v.n, 0
		return true
	}
	if len(p.lanes) != v.m.ParallelizationFactor && slices.ContainsFunc(p.lanes, func(ln lane) bool { return ln.running != 0 }) {
		return false
	}
	l := s.log(p.shard)
	waiting := p.regroup(v.m.ParallelizationFactor, l)
	p.version, p.buffered = v.n, 0
	slices.Sort(waiting)
	var expired, left []int
	for _, i := range waiting {
		switch {
		case i < l.base:
			expired = append(expired, i)
		case w.knobs.FilterAtBatch && !v.set.Match(l.records[i-l.base].data):
			left = append(left, i)
		default:
			p.deal(i, &l.records[i-l.base], w.now)
		}
	}
	w.discard(at, m, s, p, v.fn, expired, ByExpiry)
	w.discard(at, m, s, p, v.fn, left, ByFilter)
	return true
}

// regroup makes as many lanes as there are to be, and returns the records that have
// to be dealt out anew. What runs or was tried stays a batch with the attempts that
// it has used up: in a lane of its own, or among more or fewer lanes by its keys.
// Unverified: that retries go on over an update; AWS does not say.
func (p *poller) regroup(factor int, l *log) (waiting []int) {
	old := p.lanes
	if len(old) != factor {
		p.lanes = make([]lane, factor)
	}
	for i := range old {
		ln := &old[i]
		tried := ln.running != 0 || ln.attempts > 0 || len(ln.rest) > 0
		switch {
		case tried && len(old) == factor:
			waiting = append(waiting, ln.queue...)
			ln.queue, ln.bytes = nil, 0
			continue
		case ln.attempts > 0:
			for _, index := range ln.batch {
				if index < l.base {
					waiting = append(waiting, index)
					continue
				}
				to := p.laneOf(&l.records[index-l.base])
				to.batch = append(to.batch, index)
				to.attempts = max(to.attempts, ln.attempts)
				if ln.after.After(to.after) {
					to.after = ln.after
				}
			}
			ln.batch = nil
		}
		waiting = append(waiting, ln.outstanding()...)
		if len(old) == factor {
			*ln = lane{}
		}
	}
	for i := range p.lanes {
		slices.Sort(p.lanes[i].batch)
	}
	return waiting
}

// outstanding is what a lane was given and has not done.
func (ln *lane) outstanding() []int {
	all := slices.Clone(ln.batch)
	for _, part := range ln.rest {
		all = append(all, part...)
	}
	return append(all, ln.queue...)
}

// deal puts a record into the lane of its key: records of one key stay in order.
func (p *poller) deal(index int, r *record, now time.Time) {
	ln := p.laneOf(r)
	if len(ln.queue) == 0 {
		ln.since = now
	}
	ln.queue = append(ln.queue, index)
	ln.bytes += r.size()
	p.buffered++
}

func (p *poller) laneOf(r *record) *lane {
	h := fnv.New32a()
	_, _ = h.Write([]byte(r.key))
	return &p.lanes[h.Sum32()%uint32(len(p.lanes))]
}

// feed lets a lane try its batch, or make one.
func (w *World) feed(at Place, m *mapping, s *stream, p *poller, v *version, i int) {
	ln := &p.lanes[i]
	for ln.running == 0 {
		if len(ln.batch) == 0 && !w.gather(p, v, ln, s) {
			return
		}
		if w.now.Before(ln.after) {
			return
		}
		if w.outdate(at, m, s, p, v, ln); len(ln.batch) == 0 {
			ln.next()
			continue
		}
		w.invoke(at, m, s, p, v, i)
		return
	}
}

// Lambda invokes with 6 MB at most, records in base64. A single record beyond that
// is handed over all the same.
// https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
// Unverified: what AWS does with the single record.
const batchBytes = 6 << 20 * 3 / 4

// gather makes a batch when there are enough records or bytes, or the window has
// passed.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
func (w *World) gather(p *poller, v *version, ln *lane, s *stream) bool {
	if len(ln.queue) == 0 || len(ln.queue) < v.m.BatchSize && ln.bytes < batchBytes && w.now.Before(ln.since.Add(v.window())) {
		return false
	}
	l := s.log(p.shard)
	n, bytes := 0, 0
	for n < min(len(ln.queue), v.m.BatchSize) {
		if k := ln.queue[n] - l.base; k >= 0 {
			size := l.records[k].size()
			if bytes+size > batchBytes && n > 0 {
				break
			}
			bytes += size
		}
		n++
	}
	ln.batch = slices.Clone(ln.queue[:n])
	ln.queue = ln.queue[n:]
	if ln.bytes -= bytes; len(ln.queue) == 0 {
		ln.bytes = 0 // those that expired in the queue have no size any more
	}
	ln.since = w.now
	ln.attempts, ln.throttled, ln.after = 0, 0, time.Time{}
	p.buffered -= n
	return true
}

// outdate gives up records that are too old to be tried.
func (w *World) outdate(at Place, m *mapping, s *stream, p *poller, v *version, ln *lane) {
	l := s.log(p.shard)
	oldest := s.trimmed(w.now)
	age := oldest
	if v.m.MaximumRecordAgeInSeconds > 0 {
		age = w.now.Add(-time.Duration(v.m.MaximumRecordAgeInSeconds) * time.Second)
	}
	var aged, expired []int
	ln.batch = slices.DeleteFunc(ln.batch, func(i int) bool {
		switch {
		case i < l.base || l.records[i-l.base].at.Before(oldest):
			expired = append(expired, i)
		case l.records[i-l.base].at.Before(age):
			aged = append(aged, i)
		default:
			return false
		}
		return true
	})
	w.discard(at, m, s, p, v.fn, expired, ByExpiry)
	w.discard(at, m, s, p, v.fn, aged, ByAge)
}

// next turns to what a bisected batch has left.
func (ln *lane) next() {
	ln.batch, ln.attempts, ln.throttled, ln.after = nil, 0, 0, time.Time{}
	if len(ln.rest) > 0 {
		ln.batch, ln.rest = ln.rest[0], ln.rest[1:]
	}
}

package world

import (
	"math"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

// The data plane: for each mapping and shard a poller that reads, filters,
// batches and invokes. It trails the API: what a mapping was changed to takes
// effect at each shard after a time of its own.
//
// A poller that has nothing to do has no event in the queue: cost follows
// records, not time.

// reader is what a mapping has of the data plane.
type reader struct {
	stream, consumer string // it reads, of its place; the ARN of the consumer; empty for none
	place            Place
	created          time.Time
	first            version   // that had it on; n is 0 for none yet
	versions         []version // oldest first
	pollers          map[int]*poller
}

func (r reader) clone() reader {
	r.versions = slices.Clip(r.versions)
	pollers := r.pollers
	r.pollers = make(map[int]*poller, len(pollers))
	for i, p := range pollers {
		r.pollers[i] = p.clone()
	}
	return r
}

// poller reads one shard for one mapping.
type poller struct {
	stream   uint64 // whose records it counts
	shard    int
	version  uint64 // that it works by; 0: it does not
	placed   bool   // position is where it will begin
	began    bool
	position int   // of the record to read next
	left     []int // while it does not work: what was read before and is not done
	expired  []int // of what it had yet to read, and would have taken
	lanes    []lane
	running  int // invocations
	buffered int // records in queues
	nextPoll time.Time
	readFree time.Time // of a consumer's own throughput

	wake  time.Time // when its event is due; zero for none
	stamp uint64
}

func (p *poller) clone() *poller {
	c := *p
	c.left = slices.Clone(p.left)
	c.expired = slices.Clone(p.expired)
	c.lanes = slices.Clone(p.lanes)
	for i := range c.lanes {
		c.lanes[i].queue = slices.Clone(c.lanes[i].queue)
		c.lanes[i].batch = slices.Clone(c.lanes[i].batch)
		c.lanes[i].rest = slices.Clone(c.lanes[i].rest)
	}
	return &c
}

// announce tells the mappings of a stream that a shard has a record.
func (w *World) announce(at Place, s *stream, shard int) {
	for _, m := range w.at(at).lambda.readersOf(s.name) {
		w.rouse(at, m, s, shard)
	}
}

// rouse wakes a mapping's poller of a shard, as soon as it may work, if there is
// something for it.
func (w *World) rouse(at Place, m *mapping, s *stream, shard int) {
	if p, known := m.reads(s, shard); known && !p.wake.IsZero() && p.wake.Sub(w.now) < fanOutTakes {
		return // it is about to look
	}
	v, next := w.inEffect(m, shard)
	works := v != nil && v.on
	if !works && next.IsZero() || !w.awaits(m, s, shard) || !w.inherits(m, s, shard) {
		return
	}
	p := m.poller(s, shard)
	if !works {
		w.wakeAt(at, m, p, next)
		return
	}
	t := w.now.Add(fanOutTakes)
	if m.consumer == "" {
		t = w.tick(m, shard)
	}
	if t.Before(p.nextPoll) {
		t = p.nextPoll
	}
	w.wakeAt(at, m, p, t)
}

// awaits says whether there is something for a mapping in a shard.
func (w *World) awaits(m *mapping, s *stream, shard int) bool {
	l := s.log(shard)
	if p, known := m.reads(s, shard); known && p.began {
		return p.position < l.end() || len(p.left) > 0 || p.version != 0 && !p.idle(l)
	}
	return w.concerns(m, s, shard) && l.end() > w.beginning(m, s, shard, l)
}

// beginning is the record at which a mapping begins to read a shard, which may be
// gone by now.
func (w *World) beginning(m *mapping, s *stream, shard int, l *log) int {
	if p, known := m.reads(s, shard); known && p.placed {
		return p.position
	}
	return l.from(w.startOf(m, s, shard))
}

// trim forgets what has expired in a shard. A mapping that has yet to begin keeps
// the place of what it will find gone.
func (w *World) trim(at Place, s *stream, shard int) {
	l, horizon := s.log(shard), s.trimmed(w.now)
	if !l.expires(horizon) {
		return
	}
	for _, m := range w.at(at).lambda.readersOf(s.name) {
		p, known := m.reads(s, shard)
		if !known || !p.began && !p.placed {
			i := l.from(w.startOf(m, s, shard))
			if !w.concerns(m, s, shard) || i >= l.from(horizon) {
				continue
			}
			p = m.poller(s, shard)
			p.placed, p.position = true, i
		}
		w.miss(m, p, l, l.from(horizon))
	}
	l.trim(horizon)
}

// miss takes down what expires before a mapping has read it, if it would have taken
// it: by the filter that its poller knows, or will. Without a judge nobody asks.
func (w *World) miss(m *mapping, p *poller, l *log, end int) {
	if !w.logging && w.trace == nil || p.position >= end {
		return
	}
	filter := pattern.NewSet(m.shown.FilterCriteria)
	if v, _ := w.inEffect(m, p.shard); v != nil {
		filter = v.set
	}
	for i := max(p.position, l.base); i < end; i++ {
		if filter.Match(l.records[i-l.base].data) {
			p.expired = append(p.expired, i)
		}
	}
}

// reads is a mapping's poller of a shard of this very stream.
func (m *mapping) reads(s *stream, shard int) (*poller, bool) {
	p, ok := m.pollers[shard]
	return p, ok && p.stream == s.id
}

func (m *mapping) poller(s *stream, shard int) *poller {
	p, ok := m.reads(s, shard)
	if !ok {
		p = &poller{stream: s.id, shard: shard}
		if m.pollers == nil {
			m.pollers = map[int]*poller{}
		}
		m.pollers[shard] = p
	}
	return p
}

// fanOutTakes is how long a record takes to a consumer, and pollEvery how often a
// standard mapping looks.
// https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html
// https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
const (
	fanOutTakes = 70 * time.Millisecond
	pollEvery   = time.Second
)

// tick is the next time at which a standard mapping looks at a shard.
func (w *World) tick(m *mapping, shard int) time.Time {
	t := w.now.Truncate(pollEvery).Add(w.phase(m, shard))
	if t.Before(w.now) {
		t = t.Add(pollEvery)
	}
	return t
}

// phase is when in a second a standard mapping looks at a shard.
func (w *World) phase(m *mapping, shard int) time.Duration {
	return time.Duration(w.draw(m.shown.UUID, shard, 0) * float64(pollEvery))
}

// wakeAt queues a poller's event, unless it has an earlier one.
func (w *World) wakeAt(at Place, m *mapping, p *poller, t time.Time) {
	if t.Before(w.now) {
		t = w.now
	}
	if !p.wake.IsZero() && !t.Before(p.wake) {
		return
	}
	p.wake = t
	p.stamp = w.laterAt(t, pollerWakes, at, m.shown.UUID, uint64(p.shard))
}

// wakePoller is the event of a poller.
func (w *World) wakePoller(e event) {
	m, ok := w.at(e.place).lambda.mappings[e.subject]
	if !ok {
		return
	}
	p, ok := m.pollers[int(e.n)]
	if !ok || p.stamp != e.stamp {
		return
	}
	p.wake = time.Time{}
	w.act(e.place, m, p)
}

// act lets a poller do all that it can do now, and sees to when it goes on.
func (w *World) act(at Place, m *mapping, p *poller) {
	s := w.at(at).kinesis.streams[m.stream]
	if s == nil || s.id != p.stream {
		return // the stream was deleted, or is another one by now
	}
	v, next := w.inEffect(m, p.shard)
	if v == nil || !v.on {
		p.stop()
		if !next.IsZero() {
			w.wakeAt(at, m, p, next)
		}
		return
	}
	if !w.inherits(m, s, p.shard) || m.consumer != "" && s.consumer(m.consumer) == nil {
		return
	}
	if p.version == 0 && p.running > 0 {
		return // what it ran before it was stopped ends first, so that keys stay in order
	}
	l := s.log(p.shard)
	w.trim(at, s, p.shard)
	p.start(w.beginning(m, s, p.shard, l), l)
	w.passOver(at, m, s, p, l)
	if !w.workBy(at, m, s, p, v) {
		return // its invocations end first
	}
	w.read(m, s, p, v, l)
	for i := range p.lanes {
		w.feed(at, m, s, p, v, i)
	}
	w.rest(at, m, s, p, v, l)
}

// start puts a poller where it begins, or where it stopped.
func (p *poller) start(beginning int, l *log) {
	switch {
	case p.version != 0:
	case !p.began:
		p.began, p.position = true, beginning
	case len(p.left) > 0:
		n, _ := slices.BinarySearch(p.left, l.base)
		p.expired = append(p.expired, p.left[:n]...)
		p.position, p.left = p.left[0], nil
	}
}

// passOver gives up what expired unread.
func (w *World) passOver(at Place, m *mapping, s *stream, p *poller, l *log) {
	p.position = max(p.position, l.base)
	slices.Sort(p.expired)
	w.discard(at, m, s, p, "", p.expired, ByExpiry)
	p.expired = nil
}

// discard notes records that a mapping gave up, if there are any. AWS tells the
// on-failure destination of those that were too old or failed too often.
// https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
func (w *World) discard(at Place, m *mapping, s *stream, p *poller, function string, indexes []int, cause string) {
	if len(indexes) == 0 {
		return
	}
	f := Fact{
		Kind: Discarded, At: w.now, Place: at, Stream: s.name, Shard: p.shard, Mapping: m.shown.UUID,
		Function: function, Indexes: indexes, Cause: cause,
	}
	if cause == ByAge || cause == ByAttempts {
		f.Destination = m.shown.OnFailure
	}
	w.note(f)
}

// stop ends a poller's work. What it had read and not done is read again when it
// goes on; invocations end by themselves.
func (p *poller) stop() {
	if p.version == 0 {
		return
	}
	p.left = p.left[:0]
	for i := range p.lanes {
		p.left = append(p.left, p.lanes[i].outstanding()...)
	}
	slices.Sort(p.left)
	p.version, p.lanes, p.buffered = 0, nil, 0
}

// read fetches and filters while there is room for more.
func (w *World) read(m *mapping, s *stream, p *poller, v *version, l *log) {
	room := v.room()
	for p.position < l.end() && p.buffered < room && !w.now.Before(p.nextPoll) {
		if !w.fetches(m, s, p) {
			return
		}
		n, bytes := 0, 0
		for p.position < l.end() && p.buffered < room && n < readMost && bytes < readMostBytes {
			r := &l.records[p.position-l.base]
			n++
			bytes += r.size()
			if v.set.Match(r.data) {
				p.deal(p.position, r, w.now)
			}
			p.position++
		}
		w.fetched(m, s, p, l, bytes)
	}
}

// fetches says whether a read is answered. Standard mappings share a shard's
// reads and bytes with each other and with clients: those that look once a second
// take one read each, whether or not there is anything, and when they are too many
// some of them find the shard busy.
func (w *World) fetches(m *mapping, s *stream, p *poller) bool {
	if m.consumer != "" {
		if w.now.Before(p.readFree) {
			p.nextPoll = p.readFree
			return false
		}
		return true
	}
	if !w.mayRead(m.place, s, p.shard, false) {
		// A little apart, so that it is not always the same who comes last.
		p.nextPoll = w.now.Add(pollEvery/2 + time.Duration(w.random()*float64(pollEvery)))
		w.throttledReads++
		return false
	}
	return true
}

func (w *World) fetched(m *mapping, s *stream, p *poller, l *log, bytes int) {
	pause := time.Duration(bytes) * time.Second / shardReadBytes
	if m.consumer != "" {
		p.readFree = w.now.Add(pause)
		p.nextPoll = p.readFree
		return
	}
	w.pay(l, bytes)
	p.nextPoll = w.now.Add(pollEvery)
	if p.position < l.end() { // behind: as often as the others leave it
		p.nextPoll = w.now.Add(pollEvery * time.Duration(max(1, w.standardReaders(m.place, s))) / shardReads)
	}
}

// standardReaders counts who shares a stream's reads.
func (w *World) standardReaders(at Place, s *stream) int {
	n := s.otherReaders
	for _, other := range w.at(at).lambda.readersOf(s.name) {
		if other.polls() {
			n++
		}
	}
	return n
}

// polls says whether a mapping reads on its stream's shared reads.
func (m *mapping) polls() bool {
	return m.consumer == "" && len(m.versions) > 0 && m.versions[len(m.versions)-1].on
}

// SetOtherReaders says how many readers a stream has that are no mappings.
func (w *World) SetOtherReaders(at Place, stream string, n int) error {
	s, err := w.stream(at, stream)
	if err == nil {
		s.otherReaders = n
	}
	return err
}

// ThrottledReads is how many reads of pollers found a shard busy.
func (w *World) ThrottledReads() int { return w.throttledReads }

// random draws from the world's own sequence.
func (w *World) random() float64 { return float64(w.rng.Uint64()>>11) / (1 << 53) }

// rest queues a poller's next event, and if it has read a closed shard to its
// end those of its descendants.
func (w *World) rest(at Place, m *mapping, s *stream, p *poller, v *version, l *log) {
	soonest := time.Unix(math.MaxInt32, 0)
	by := func(t time.Time) {
		if t.Before(soonest) {
			soonest = t
		}
	}
	room := v.room()
	if p.position < l.end() && p.buffered < room {
		by(p.nextPoll)
	}
	for i := range p.lanes {
		switch ln := &p.lanes[i]; {
		case ln.running != 0:
		case len(ln.batch) > 0:
			by(ln.after)
		case len(ln.queue) > 0:
			by(ln.since.Add(v.window()))
		}
	}
	if soonest.Unix() != math.MaxInt32 {
		w.wakeAt(at, m, p, soonest)
	}
	if !s.shards.shards[p.shard].closed.IsZero() && p.idle(l) {
		// Children may have been closed without a record, so that theirs are next.
		for i := p.shard + 1; i < len(s.shards.shards); i++ {
			w.rouse(at, m, s, i)
		}
	}
}

// idle says whether a poller has done all that there is.
func (p *poller) idle(l *log) bool {
	return p.began && p.version != 0 && p.position >= l.end() && !slices.ContainsFunc(p.lanes, func(ln lane) bool {
		return len(ln.queue)+len(ln.batch)+len(ln.rest) > 0
	})
}

// inherits says whether a shard's parents are drained: Lambda reads a parent to
// its end, and has its records done, before it turns to the children.
func (w *World) inherits(m *mapping, s *stream, shard int) bool {
	sh := &s.shards.shards[shard]
	for _, parent := range [2]int{sh.parent, sh.adjacent} {
		if parent >= 0 && !w.drained(m, s, parent) {
			return false
		}
	}
	return true
}

func (w *World) drained(m *mapping, s *stream, shard int) bool {
	l := s.log(shard)
	p, known := m.reads(s, shard)
	if known && p.began {
		return p.idle(l) || p.version == 0 && p.running == 0 && len(p.left) == 0 && p.position >= l.end()
	}
	if w.concerns(m, s, shard) && l.end() > max(l.base, w.beginning(m, s, shard, l)) {
		return false // there is something that it has yet to read
	}
	return w.inherits(m, s, shard)
}

// Backlog is how many records of a stream's shards a mapping has not done: what
// its filter leaves out counts until it is read past.
func (w *World) Backlog(at Place, uuid string) int {
	m, ok := w.at(at).lambda.mappings[uuid]
	if !ok {
		return 0
	}
	s := w.at(at).kinesis.streams[m.stream]
	if s == nil {
		return 0
	}
	n := 0
	for i := range s.shards.shards {
		l := s.log(i)
		p, known := m.reads(s, i)
		switch {
		case known && p.began:
			n += l.end() - max(l.base, p.position) + len(p.left)
			for k := range p.lanes {
				n += len(p.lanes[k].outstanding())
			}
		case w.concerns(m, s, i):
			n += l.end() - max(l.base, w.beginning(m, s, i, l))
		}
	}
	return n
}

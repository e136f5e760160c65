package world

import (
	"slices"
	"strings"
	"time"
)

// Handler is what a function does with one record of a batch: how long it takes
// and whether it succeeds. It has to be pure, so that a world and its clone have
// the same future.
type Handler func(function string, r Record, now time.Time) (took time.Duration, ok bool)

// SetHandler says what functions do. Without, they take a millisecond for each
// record and succeed.
func (w *World) SetHandler(h Handler) { w.handler = h }

// invocation is a batch that a function works on.
type invocation struct {
	place     Place
	mapping   string
	stream    string
	shard     int
	lane      int
	version   uint64 // by which it was begun
	source    uint64 // the stream, and the function, by what no other has
	runs      uint64
	function  string
	target    string
	batch     []int
	began     time.Time
	age       time.Duration // of its last record
	outcome   Outcome
	done      int // records that are done, of a failed one that reports
	reports   bool
	provision bool // runs on provisioned concurrency
	pool      bool // runs on what no function has reserved
}

// work is what a function has under way.
type work struct {
	busy        int            // executions that are not provisioned
	provisioned map[string]int // by qualifier
	second      int64
	started     int // in that second
}

// perSecond is how many invocations a second one execution may begin.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const perSecond = 10

// admits takes an execution of a function for an invocation, if there is one.
// Provisioned concurrency serves its own qualifier; beyond it, and for all
// others, there is what the reservation has left, or what nobody has reserved.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
func (w *World) admits(l *lambda, inv *invocation) bool {
	f := l.functions[inv.function]
	units := l.limit
	if f.reserved != nil {
		units = *f.reserved
	}
	if second := w.now.Unix(); second != f.work.second {
		f.work.second, f.work.started = second, 0
	}
	if f.work.started >= perSecond*units {
		return false
	}
	switch {
	case f.work.provisioned[inv.target] < f.provisioned[inv.target].Requested:
		if f.work.provisioned == nil {
			f.work.provisioned = map[string]int{}
		}
		f.work.provisioned[inv.target]++
		inv.provision = true
	case f.reserved != nil:
		if f.work.busy >= *f.reserved-f.provisionedTotal("") {
			return false
		}
		f.work.busy++
	default:
		if l.pooled >= l.unreserved() {
			return false
		}
		f.work.busy++
		l.pooled++
		inv.pool = true
	}
	f.work.started++
	inv.runs = f.id
	return true
}

func (l *lambda) release(inv *invocation) {
	if inv.pool {
		l.pooled--
	}
	f, ok := l.functions[inv.function]
	switch {
	case !ok || f.id != inv.runs: // it was deleted
	case inv.provision:
		f.work.provisioned[inv.target]--
	default:
		f.work.busy--
	}
}

// Pauses between tries of one batch. Nobody documents them.
// Unverified: that they double, and where they end.
const (
	throttlePause     = 200 * time.Millisecond
	throttlePauseMost = 5 * time.Second
	failurePause      = 500 * time.Millisecond
	failurePauseMost  = 30 * time.Second
)

func pause(first, most time.Duration, times int) time.Duration {
	for ; times > 1 && first < most; times-- {
		first *= 2
	}
	return min(first, most)
}

// invoke hands a lane's batch to the function.
func (w *World) invoke(at Place, m *mapping, s *stream, p *poller, v *version, lane int) {
	ln := &p.lanes[lane]
	l := &w.at(at).lambda
	inv := invocation{
		place: at, mapping: m.shown.UUID, stream: s.name, source: s.id, shard: p.shard, lane: lane, version: v.n,
		function: v.fn, target: v.target, batch: ln.batch, began: w.now, outcome: OK,
		reports: slices.Contains(v.m.FunctionResponseTypes, "ReportBatchItemFailures"),
	}
	refused := OK
	if f, ok := l.functions[inv.function]; !ok || !f.has(inv.target) {
		// Unverified: what AWS shows, and that it tries again as after a throttle.
		refused = TargetGone
		m.result(refused)
	} else if !w.admits(l, &inv) {
		refused = Throttled
	}
	if refused != OK {
		ln.throttled++
		// A little apart, so that those who were refused together do not come
		// back together.
		wait := pause(throttlePause, throttlePauseMost, ln.throttled)
		ln.after = w.now.Add(wait/2 + time.Duration(w.random()*float64(wait)))
		w.note(Fact{
			Kind: Attempted, At: w.now, Until: w.now, Place: at, Stream: s.name, Shard: p.shard,
			Mapping: inv.mapping, Function: inv.function, Indexes: inv.batch, Outcome: refused,
		})
		return
	}
	ln.throttled = 0
	takes := w.handle(l.functions[inv.function], s, &inv)
	p.running++
	w.lastInvocation++
	ln.running = w.lastInvocation
	w.invocations[ln.running] = &inv
	w.laterAt(w.now.Add(takes), invocationEnds, at, "", ln.running)
}

// handle asks what becomes of an invocation, and how long it takes: no longer than
// the function's time-out, at which it fails.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
func (w *World) handle(f *function, s *stream, inv *invocation) time.Duration {
	var takes time.Duration
	log := s.log(inv.shard)
	for n, i := range inv.batch {
		r := log.records[i-log.base]
		inv.age = w.now.Sub(r.at)
		took, ok := time.Millisecond, true
		if w.handler != nil {
			took, ok = w.handler(inv.function, Record{Key: r.key, Data: r.data, Written: r.at, Shard: inv.shard, Index: i}, w.now)
		}
		takes += took
		if !ok {
			inv.outcome = Failed
			if inv.reports {
				inv.done = n
			}
			break
		}
	}
	if last := inv.batch[len(inv.batch)-1]; last >= log.base {
		inv.age = w.now.Sub(log.records[last-log.base].at)
	}
	if timeout := f.timeout(inv.target); takes > timeout {
		inv.outcome, inv.done = Failed, 0
		return timeout
	}
	return takes
}

// timeout is how long an invocation of a qualifier may take. An alias with weights
// goes by its first version.
func (f *function) timeout(qualifier string) time.Duration {
	settings := f.latest.Settings
	if a, ok := f.aliases[qualifier]; ok {
		qualifier = a.FunctionVersion
	}
	for _, v := range f.versions {
		if v.Version == qualifier {
			settings = v.Settings
		}
	}
	return time.Duration(*settings.Timeout) * time.Second
}

// endInvocation is the event with which an invocation ends.
func (w *World) endInvocation(e event) {
	inv, ok := w.invocations[e.n]
	if !ok {
		return
	}
	delete(w.invocations, e.n)
	l := &w.at(inv.place).lambda
	l.release(inv)
	w.measure(inv)
	w.note(Fact{
		Kind: Attempted, At: inv.began, Until: w.now, Place: inv.place, Stream: inv.stream, Shard: inv.shard,
		Mapping: inv.mapping, Function: inv.function, Indexes: inv.batch, Outcome: inv.outcome, Done: inv.done,
	})
	m, ok := l.mappings[inv.mapping]
	if !ok {
		return
	}
	m.result(inv.outcome)
	p, ok := m.pollers[inv.shard]
	if !ok || p.stream != inv.source {
		return
	}
	p.running--
	if i := inv.lane; p.version != 0 && i < len(p.lanes) && p.lanes[i].running == e.n {
		w.conclude(m, p, inv)
	} else if p.version == 0 {
		p.settle(inv)
	}
	w.act(inv.place, m, p)
}

// settle takes what an invocation did that outlived its poller's stop off what
// is left to be done.
func (p *poller) settle(inv *invocation) {
	done := inv.batch
	if inv.outcome != OK {
		done = done[:inv.done]
	}
	p.left = slices.DeleteFunc(p.left, func(i int) bool { return slices.Contains(done, i) })
}

// result is what AWS shows of a mapping's last invocation.
// Recorded: radkawar/stackd, testdata/aws/lambda/kinesis_source.json, for the first.
func (m *mapping) result(o Outcome) {
	text := "OK"
	if o != OK {
		text = "PROBLEM: Function call failed"
	}
	if m.shown.LastProcessingResult == text {
		return
	}
	m.shown.LastProcessingResult = text
	if m.next != nil {
		next := *m.next
		next.LastProcessingResult = text
		m.next = &next
	}
}

// conclude says what becomes of a batch that was tried.
// https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
func (w *World) conclude(m *mapping, p *poller, inv *invocation) {
	ln := &p.lanes[inv.lane]
	ln.running = 0
	ln.since = w.now // the next window begins
	if inv.outcome == OK {
		ln.next()
		return
	}
	settings := m.settings(inv.version)
	ln.batch = ln.batch[inv.done:]
	ln.attempts++
	ln.after = w.now.Add(pause(failurePause, failurePauseMost, ln.attempts))
	switch half := len(ln.batch) / 2; {
	case settings.BisectBatchOnFunctionError && inv.done > 0:
		// It is split at the record that was reported: what is before is done.
		// Unverified: that it is split in halves where that is its first.
		ln.attempts--
	case settings.BisectBatchOnFunctionError && half > 0:
		// Splitting uses up no attempt.
		ln.rest = append([][]int{slices.Clone(ln.batch[half:])}, ln.rest...)
		ln.batch = slices.Clone(ln.batch[:half])
		ln.attempts--
	case settings.MaximumRetryAttempts >= 0 && ln.attempts > settings.MaximumRetryAttempts:
		if s := w.at(inv.place).kinesis.streams[inv.stream]; s != nil {
			w.discard(inv.place, m, s, p, inv.function, ln.batch, ByAttempts)
		}
		ln.next()
	}
}

// settings are those of a version; of one that is forgotten the oldest known.
func (m *mapping) settings(n uint64) Mapping {
	for _, v := range m.versions {
		if v.n == n {
			return v.m
		}
	}
	return m.versions[0].m
}

// splitFunctionARN is the name and the qualifier of a function's ARN.
func splitFunctionARN(arn string) (name, qualifier string) {
	parts := strings.SplitN(arn, ":", 8)
	if len(parts) > 6 {
		name = parts[6]
	}
	if len(parts) > 7 {
		qualifier = parts[7]
	}
	return name, qualifier
}

// Running is how many invocations of a function are under way.
func (w *World) Running(at Place, function string) int {
	f, ok := w.at(at).lambda.functions[function]
	if !ok {
		return 0
	}
	n := f.work.busy
	for _, k := range f.work.provisioned {
		n += k
	}
	return n
}

package command_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"math/bits"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// What the judge takes for true of AWS and of the documents' default.
const (
	longestRun = 15 * time.Minute // of an invocation
	caughtUp   = 24 * time.Hour   // releaseAfter: how far behind a reader may be
)

var here = world.Place{Account: account, Region: region}

// past is what one mapping did so far. AWS shows none of it.
type past struct {
	running bool
	began   time.Time // when it was last enabled
	from    time.Time // where it may have stood then, or where it stopped
	ended   time.Time // when it was last disabled; zero for one that runs or never ran
	gone    time.Time // when it was deleted
	// ran is until when it ran what; zero while it does.
	ran map[target]time.Time
	// ours is what it ran until a change of ours: that we have to know.
	ours map[target]bool
}

type target struct {
	function string
	factor   int
}

func targetOf(m world.Mapping) target {
	return target{strings.Split(m.FunctionArn, ":")[6], m.ParallelizationFactor}
}

func streamOf(m world.Mapping) string {
	_, name, _ := strings.Cut(m.EventSourceArn, ":stream/")
	name, _, _ = strings.Cut(name, "/")
	return name
}

// note takes in what a mapping will be once it has settled; nil is gone.
func (h *past) note(m world.Mapping, settled *world.Mapping, now time.Time, ours bool) {
	on := settled != nil && settled.State == "Enabled"
	switch {
	case on && !h.running:
		if len(h.ran) == 0 {
			h.from = startOf(m, now)
		}
		h.began, h.ended = now, time.Time{}
	case !on && h.running:
		// After a day it is not further behind than a day.
		if behind := now.Add(-caughtUp); !now.Before(h.began.Add(caughtUp)) && h.from.Before(behind) {
			h.from = behind
		}
		h.ended = now
	}
	h.running = on
	for t, until := range h.ran {
		if until.IsZero() {
			h.ran[t], h.ours[t] = now, ours
		}
	}
	if on {
		h.ran[targetOf(*settled)] = time.Time{}
	}
}

// startOf is where a new mapping begins; zero for as far back as there is
// anything.
func startOf(m world.Mapping, created time.Time) time.Time {
	switch m.StartingPosition {
	case "LATEST":
		return created
	case "AT_TIMESTAMP":
		return *m.StartingPositionTime
	}
	return time.Time{}
}

// late says whether something that ended can still have an invocation.
func late(ended, now time.Time) bool { return ended.IsZero() || now.Before(ended.Add(longestRun)) }

// width is how many of a stream's shards the mapping can have in hand of what it
// ran until then; zero is now.
func (h *past) width(shards []world.Shard, retention time.Duration, now, until time.Time) int {
	from := now.Add(-caughtUp)
	// A minute less, because AWS shows when it was enabled in whole minutes.
	if now.Before(h.began.Add(caughtUp-time.Minute)) && h.from.Before(from) {
		from = h.from
	}
	if horizon := now.Add(-retention); from.Before(horizon) {
		from = horizon
	}
	return widest(shards, func(s world.Shard) bool {
		return (s.Open() || s.Closed.After(from)) && (until.IsZero() || !s.Opened.After(until))
	})
}

// widest is the size of the largest set of shards, of those that count, none of
// which descends from another: by trying all.
func widest(shards []world.Shard, counts func(world.Shard) bool) int {
	at := make(map[string]int, len(shards))
	above := make([]uint64, len(shards))   // ancestors
	related := make([]uint64, len(shards)) // and descendants
	var all uint64
	for i, s := range shards {
		at[s.ID] = i
		for _, parent := range []string{s.Parent, s.AdjacentParent} {
			if p, ok := at[parent]; ok {
				above[i] |= above[p] | 1<<p
			}
		}
		for j := range i {
			if above[i]>>j&1 == 1 {
				related[i] |= 1 << j
				related[j] |= 1 << i
			}
		}
		if counts(s) {
			all |= 1 << i
		}
	}
	var try func(left uint64) int
	try = func(left uint64) int {
		if left == 0 {
			return 0
		}
		i := bits.TrailingZeros64(left)
		left &^= 1 << i
		with := 1 + try(left&^related[i])
		if left&related[i] == 0 || with >= bits.OnesCount64(left) {
			return with
		}
		return max(with, try(left))
	}
	return try(all)
}

// seen is what a mapping can run of a function, as far as anybody can tell: of what
// was before a person's change that is done, and of what is gone, nothing can be
// known. width is by when it ended.
func (h *past) seen(m world.Mapping, settled *world.Mapping, function string, now time.Time, width func(time.Time) int) int {
	most := 0
	take := func(t target, until time.Time) {
		if t.function == function {
			most = max(most, t.factor*width(until))
		}
	}
	for t, until := range h.ran {
		if h.ours[t] && late(until, now) {
			take(t, until)
		}
	}
	switch {
	case h.running:
		take(targetOf(*settled), time.Time{})
		if until, ran := h.ran[targetOf(m)]; ran && late(until, now) && m.State != "Enabled" {
			take(targetOf(m), until) // while a change is under way, what was before it
		}
	case !h.ended.IsZero() && late(h.ended, now):
		for t, until := range h.ran {
			if until.Equal(h.ended) && targetOf(m).function == t.function {
				take(target{t.function, min(t.factor, m.ParallelizationFactor)}, until)
			}
		}
	}
	return most
}

// runs is what a mapping can run of a function, for all that it did.
func (h *past) runs(function string, now time.Time, width func(time.Time) int) int {
	most := 0
	for t, until := range h.ran {
		if t.function == function && late(until, now) {
			most = max(most, t.factor*width(until))
		}
	}
	return most
}

// standing is a function's concurrency at an instant.
type standing struct {
	reserved    *int
	provisioned int
	running     int  // does run
	runs        int  // can run, as far as anybody can tell
	ran         int  // can run, all that is known to the judge
	updating    bool // a stream that it reads is being resharded
}

// short is by how much n executions do not fit.
func (s standing) short(n int) int {
	if s.reserved == nil {
		return 0
	}
	return max(0, n-(*s.reserved-s.provisioned))
}

func (s standing) String() string {
	if s.reserved == nil {
		return fmt.Sprintf("nothing reserved, %d can run", s.runs)
	}
	return fmt.Sprintf("%d reserved, %d of them provisioned, %d (%d) can run", *s.reserved, s.provisioned, s.runs, s.ran)
}

// fits says whether all that can run of a function has room.
func (s scene) fits(function string) bool {
	free := s.unreserved
	for _, f := range s.functions {
		if f.reserved == nil {
			free -= f.ran
		}
	}
	f := s.functions[function]
	return !s.lost && f.short(f.ran) == 0 && (f.reserved != nil || free >= 0)
}

// scene is a world at an instant.
type scene struct {
	functions  map[string]standing
	unreserved int
	room       int  // what may still be reserved; negative when too much is
	lost       bool // a mapping that was deleted may run yet, which nothing shows
	shards     int  // that there ever were
	hides      bool // AWS does not show yet what a mapping was changed to
}

// carved is the provisioned concurrency of functions without a reservation. That
// the account has it taken off already is not documented, so that the first
// reservation does not count on it.
func (s scene) carved() int {
	n := 0
	for _, f := range s.functions {
		if f.reserved == nil {
			n += f.provisioned
		}
	}
	return n
}

// judge watches a world and says where functions can run more than is reserved
// for them. It counts by itself: shards and mappings are the emulator's own.
type judge struct {
	t        *testing.T
	rig      *rig
	past     map[string]*past // by mapping
	admits   map[string]bool  // functions of documents that let types starve each other
	capped   map[string]bool  // functions that a maximum gives less than they can run
	last     scene            // at the last look
	refusals map[string]int   // by function, of invocations since then
	begun    scene            // at the start of the apply under way
	refused  bool             // AWS refused a reservation in it
	ours     bool             // the request under way is an apply's
	beside   *beside          // what comes in between two requests of the apply
	log      []string
	wrong    bool
	counts   map[string]int
}

func (j *judge) logf(format string, args ...any) {
	j.log = append(j.log, time.Now().Format("02 15:04:05 ")+fmt.Sprintf(format, args...))
}

func (j *judge) blame(format string, args ...any) {
	j.wrong = true
	j.logf("WRONG: "+format, args...)
}

// look takes note of what the mappings do. It has to be called after whatever
// may have changed one.
func (j *judge) look() scene {
	var s scene
	j.rig.server.Do(func(w *world.World) {
		now := w.Now()
		later := w.Clone()
		later.Advance(now.Add(10 * time.Second)) // what is under way has settled
		shown, settled := mappings(j.t, w), mappings(j.t, later)
		a := w.Account(here)
		s = scene{functions: map[string]standing{}, unreserved: a.UnreservedConcurrentExecutions, room: a.UnreservedConcurrentExecutions - max(100, a.ConcurrentExecutions/5)}
		for _, name := range w.Streams(here) {
			s.shards += len(w.Shards(here, name))
		}
		for _, name := range []string{"f", "g"} {
			s.functions[name] = standingOf(j.t, w, name)
		}
		for _, id := range slices.Sorted(maps.Keys(shown)) {
			m, h := shown[id], j.past[id]
			if h == nil {
				h = &past{ran: map[target]time.Time{}, ours: map[target]bool{}}
				j.past[id] = h
			}
			var then *world.Mapping
			if m, ok := settled[id]; ok {
				then = &m
			}
			h.note(m, then, now, j.ours)
			s.hides = s.hides || then != nil && targetOf(*then) != targetOf(m)
			stream := must[world.Stream](j.t)(w.Stream(here, streamOf(m)))
			width := func(until time.Time) int {
				return h.width(w.Shards(here, stream.Name), stream.Retention, now, until)
			}
			for name, f := range s.functions {
				f.runs += h.seen(m, then, name, now, width)
				f.ran += h.runs(name, now, width)
				f.updating = f.updating || h.runs(name, now, width) > 0 && stream.Status != world.StatusActive
				s.functions[name] = f
			}
		}
		for id, h := range j.past {
			if _, there := shown[id]; there {
				continue
			}
			if h.gone.IsZero() {
				h.gone = now
			}
			s.lost = s.lost || len(h.ran) > 0 && late(h.gone, now)
		}
	})
	j.pollers(s)
	return s
}

// pollers judges what the emulator's own pollers met with since the last look:
// where all that can run has room, none is throttled.
func (j *judge) pollers(s scene) {
	for name, n := range j.refusals {
		if j.last.fits(name) && s.fits(name) {
			j.blame("%s was throttled %d times, and had room: %v -> %v", name, n, j.last.functions[name], s.functions[name])
		}
		j.counts["throttled"] += n
	}
	for _, f := range s.functions {
		if f.running > 0 && f.running == f.ran-f.provisioned {
			j.counts["all run"]++
		}
	}
	j.refusals, j.last = map[string]int{}, s
}

// flow writes records of every type that documents name to every open shard, by
// keys enough for every batch that can run at once.
func (j *judge) flow(docs []spec.EventRouting) {
	j.rig.server.Do(func(w *world.World) {
		for _, stream := range w.Streams(here) {
			for _, shard := range w.Shards(here, stream) {
				if !shard.Open() {
					continue
				}
				for _, d := range docs {
					for _, r := range d.Spec.Routes {
						for key := range 6 {
							//nolint:errcheck // a stream that is busy takes none
							w.PutRecord(here, stream, fmt.Sprint(key), &shard.First, []byte(`{"type":"`+r.EventTypes[0]+`"}`))
						}
					}
				}
			}
		}
	})
}

// pause lets time pass, and looks while records are worked on.
func (j *judge) pause(wait time.Duration) {
	for _, d := range []time.Duration{time.Second, 2 * time.Second} {
		if d < wait {
			time.Sleep(d)
			wait -= d
			j.look()
		}
	}
	time.Sleep(wait)
	j.look()
}

func mappings(t testing.TB, w *world.World) map[string]world.Mapping {
	all, next, err := w.Mappings(here, world.MappingsQuery{})
	if err != nil || next != "" {
		t.Fatal(err, next)
	}
	byID := make(map[string]world.Mapping, len(all))
	for _, m := range all {
		byID[m.UUID] = m
	}
	return byID
}

func standingOf(t *testing.T, w *world.World, function string) standing {
	s := standing{reserved: must[*int](t)(w.Concurrency(here, function)), running: w.Running(here, function)}
	all, _, err := w.AllProvisioned(here, function, world.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		s.provisioned += p.Requested
	}
	return s
}

// do carries out one request of an apply and judges what it made of the world.
// No time passes meanwhile, so that whatever differs is its doing.
func (j *judge) do(req *http.Request) (*http.Response, error) {
	j.interrupt()
	if req.Method == http.MethodGet || strings.Contains(req.Header.Get("X-Amz-Target"), "Kinesis") {
		return j.rig.server.Client().Do(req)
	}
	before := j.look()
	j.ours = true
	resp, err := j.rig.server.Client().Do(req)
	after := j.look()
	j.ours = false
	what := req.Method + " " + req.URL.Path
	j.refused = j.refused || strings.HasSuffix(what, "/concurrency") && resp != nil && resp.StatusCode >= http.StatusBadRequest
	for _, name := range []string{"f", "g"} {
		b, a := before.functions[name], after.functions[name]
		if b.String() != a.String() {
			j.logf("%s: %s: %v -> %v, room %d", what, name, b, a, after.room)
		}
		if !j.interrupted() {
			j.reserved(name, b, a, after.room)
			j.added(name, b, a, after)
		}
	}
	return resp, err
}

// reserved judges what becomes of a reservation.
func (j *judge) reserved(name string, b, a standing, room int) {
	var was, is int
	if b.reserved != nil {
		was = *b.reserved
	}
	if a.reserved != nil {
		is = *a.reserved
	}
	if a.short(a.running) > b.short(b.running) && !j.capped[name] {
		j.blame("less is reserved for %s than the %d that run: %v -> %v", name, a.running, b, a)
	}
	switch {
	case is > was:
		j.counts["raised"]++
		if room < 0 && is > max(was, b.provisioned) {
			j.blame("%s is raised to %v, which leaves the account %d too few", name, a, -room)
		}
	case is < was:
		j.counts["lowered"]++
		if is == 0 || b.updating {
			j.blame("%s is lowered to nothing, or while a stream changes: %v -> %v", name, b, a)
		}
		if a.short(a.ran) > b.short(b.ran) && !j.capped[name] {
			j.blame("%s is lowered while more can run: %v -> %v", name, b, a)
		}
	}
}

// added judges what a change adds to what can run.
func (j *judge) added(name string, b, a standing, after scene) {
	if a.runs > b.runs && a.reserved != nil {
		j.counts["added"]++
	}
	switch {
	case a.short(a.runs) <= b.short(b.runs):
	case after.shards != j.begun.shards, j.begun.hides: // the plan could not know
	case b.reserved != nil && *b.reserved == 0: // a person's
	case j.capped[name]: // its people say how much it may have
	case j.admits[name] && (j.refused || after.room <= j.begun.carved()):
		// Where AWS refuses a reservation, what the plan gave it is still there.
	default:
		j.blame("more of %s can run than before, and than is reserved: %v -> %v, room %d", name, b, a, after.room)
	}
}

// apply is one process that plans and applies, again where something moved
// meanwhile or lowering has made room, and then what can run has to be reserved.
func (j *judge) apply(owner string, docs []spec.EventRouting) {
	j.admits = map[string]bool{}
	for _, d := range docs {
		for _, f := range reconcile.Wants([]spec.EventRouting{d}).Functions {
			j.admits[f] = j.admits[f] || d.OnShortage() == spec.OnShortageAdmit
		}
	}
	j.flow(docs)
	for range 4 {
		lowered := j.counts["lowered"]
		j.begun, j.refused, j.capped = j.look(), false, map[string]bool{}
		err := j.pass(owner, docs)
		s := j.look()
		if j.interrupted() {
			j.left(s)
			j.beside = nil
			time.Sleep(3 * time.Second)
			continue
		}
		if err != nil || s.shards != j.begun.shards || j.begun.hides || s.carved() < j.begun.carved() || j.counts["lowered"] > lowered {
			j.logf("again: %v", err)
			time.Sleep(3 * time.Second)
			continue
		}
		j.counts["passes"]++
		for _, name := range reconcile.Wants(docs).Functions {
			f := s.functions[name]
			j.logf("applied: %s: %v, room %d", name, f, s.room)
			if f.reserved != nil && *f.reserved != 0 && f.short(f.runs) > 0 && s.room > 0 && !j.capped[name] {
				j.blame("after a whole apply by %s %s has %v, room %d", owner, name, f, s.room)
			}
		}
		return
	}
	j.counts["unfinished"]++
}

func (j *judge) pass(owner string, docs []spec.EventRouting) error {
	c := j.rig.client(j.do)
	o := reconcile.Options{Owner: owner, RespectManual: time.Hour}
	p, live, err := reconcile.Look(context.Background(), c.Reader(), docs, o, time.Now())
	if err != nil && !j.interrupted() {
		j.t.Fatal(err)
	}
	if err != nil {
		return err // answers that do not agree while the other process goes on
	}
	for _, n := range p.Needs {
		cut := map[string]int{} // by routing, beyond its headroom
		for _, t := range n.Terms {
			if t.What == "headroom" || t.What == "maximum" {
				cut[t.Name] += t.Value
				j.capped[n.Function] = j.capped[n.Function] || cut[t.Name] < 0
			}
		}
		j.logf("%s: %s needs %d: %+v", owner, n.Function, n.Required, n.Terms)
	}
	for _, c := range p.Changes {
		j.logf("%s: %s %v, needs %v", owner, c.Action, c.Addr, c.Needs)
	}
	for _, h := range p.Held {
		j.logf("%s holds: %s %v: %s: %s", owner, h.Action, h.Addr, h.Why, h.Reason)
	}
	return reconcile.Apply(context.Background(), c.Writer(live), p.Changes, nil).Err()
}

// act is one thing that happens: drawn before it does, so that nothing is drawn
// inside a bubble.
type act struct {
	what     string
	which, n int // of what there is, and how much
	wait     time.Duration
	docs     []spec.EventRouting
	beside   string // whose pass comes in between the requests of an apply; empty for none
}

func (a act) String() string {
	return fmt.Sprintf("%s which=%d n=%d wait=%v docs=%d %s", a.what, a.which, a.n, a.wait, len(a.docs), a.beside)
}

// play is a world and what happens in it.
type play struct {
	shards    map[string]int
	retention map[string]int
	limit     int
	floor     int // below which AWS refuses to reserve
	acts      []act
}

var (
	byPeople = []string{"split", "split", "merge", "merge", "count", "disable", "enable", "delete", "factor", "foreign", "reserve", "unreserve", "provision"}
	waits    = []time.Duration{0, time.Second, time.Minute, 4 * time.Minute, 7 * time.Minute, 20 * time.Minute, 3 * time.Hour, 30 * time.Hour}
)

func randomPlay(r *rapid.T) play {
	p := play{shards: map[string]int{}, retention: map[string]int{}, limit: rapid.SampledFrom([]int{1000, 1000, 1000, 250, 130, 110}).Draw(r, "limit")}
	for _, s := range []string{"s", "s2"}[:rapid.IntRange(1, 2).Draw(r, "streams")] {
		p.shards[s] = rapid.IntRange(1, 4).Draw(r, "shards of "+s)
		p.retention[s] = rapid.SampledFrom([]int{24, 48, 72}).Draw(r, "retention of "+s)
	}
	p.floor = 100
	if rapid.IntRange(0, 9).Draw(r, "refusing") == 0 {
		p.floor = p.limit - 5
	}
	gone := time.Duration(0)
	add := func(a act) {
		p.acts = append(p.acts, a)
		gone += a.wait
	}
	wait := func() time.Duration { return rapid.SampledFrom(waits).Draw(r, "wait") }
	for range rapid.IntRange(2, 6).Draw(r, "rounds") {
		for range rapid.IntRange(0, 3).Draw(r, "acts") {
			add(act{what: rapid.SampledFrom(byPeople).Draw(r, "what"), which: rapid.IntRange(0, 9).Draw(r, "which"), n: rapid.IntRange(1, 6).Draw(r, "n"), wait: wait()})
		}
		switch rapid.IntRange(0, 5).Draw(r, "documents") {
		case 0, 1, 2:
			add(act{what: "documents", docs: capacityDocuments(r, len(p.shards), gone, "one", "two")})
		case 3:
			add(act{what: "blue", docs: capacityDocuments(r, len(p.shards), gone, "three"), wait: wait()})
		}
		for range rapid.IntRange(1, 3).Draw(r, "applies") {
			a := act{what: "apply", wait: wait(), beside: rapid.SampledFrom([]string{"", "", "", "same", "before", "blue"}).Draw(r, "beside")}
			if a.beside != "" {
				a.n = rapid.IntRange(5, 25).Draw(r, "requests")
			}
			add(a)
		}
	}
	return p
}

// capacityDocuments draws documents for the time that has passed since a bubble
// began. A second one that does not go with the first is left out.
func capacityDocuments(r *rapid.T, streams int, gone time.Duration, names ...string) []spec.EventRouting {
	var text string
	var docs []spec.EventRouting
	for i, name := range names {
		if i > 0 && !rapid.Bool().Draw(r, "another") {
			break
		}
		more := text + "---\n" + capacityDocument(r, name, streams, gone)
		loaded, findings := spec.Load(fstest.MapFS{"routing.yaml": {Data: []byte(more)}}, "routing.yaml")
		if slices.ContainsFunc(findings, func(f spec.Finding) bool { return f.Severity == spec.Error }) {
			if i == 0 {
				r.Fatalf("%s\n%v", more, findings)
			}
			break
		}
		text, docs = more, loaded
	}
	r.Log(text)
	return docs
}

func capacityDocument(r *rapid.T, name string, streams int, gone time.Duration) string {
	var b strings.Builder
	stream := rapid.SampledFrom([]string{"s", "s2"}[:streams]).Draw(r, "stream")
	function := rapid.SampledFrom([]string{"f", "f", "g"}).Draw(r, "function")
	fmt.Fprintf(&b, `apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: %s}
spec:
  region: eu-west-1
  stream: %s
  function: {name: %s, follow: live}
  eventType: {path: type}
`, name, stream, function)
	if rapid.Bool().Draw(r, "concurrency") {
		fmt.Fprintf(&b, "  concurrency: {headroom: %s, onShortage: %s, others: %d%s}\n",
			rapid.SampledFrom([]string{"0", "2", "50%", "1000"}).Draw(r, "headroom"), rapid.SampledFrom([]string{"Hold", "Hold", "Admit"}).Draw(r, "shortage"),
			rapid.SampledFrom([]int{0, 0, 3}).Draw(r, "others"), rapid.SampledFrom([]string{"", "", "", ", minimum: 12", ", minimum: 900", ", maximum: 4", ", maximum: 9"}).Draw(r, "bounds"))
	}
	fmt.Fprintf(&b, "  retireAfter: %s\n  handover: {assumeLagBelow: 1m}\n", rapid.SampledFrom([]string{"1m", "24h"}).Draw(r, "retire after"))
	b.WriteString("  defaults: {batchSize: 4}\n")
	b.WriteString("  routes:\n")
	for i := range rapid.IntRange(1, 3).Draw(r, "routes") {
		isolation := rapid.SampledFrom([]string{"Alias", "Alias", "FanOut"}).Draw(r, "isolation")
		if i == 0 && rapid.IntRange(0, 3).Draw(r, "own function") == 0 {
			isolation = "Function, function: g"
		}
		start := rapid.SampledFrom([]string{"Now", "Now", "TrimHorizon", ""}).Draw(r, "start")
		if start == "" {
			ago := time.Duration(rapid.SampledFrom([]int{1, 20, 60}).Draw(r, "ago")) * time.Hour
			start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(gone - ago).Format(time.RFC3339)
		}
		fmt.Fprintf(&b, "    - {name: r%d, eventTypes: [%s%d], isolation: %s, enabled: %v, parallelizationFactor: %d, startFrom: %s}\n", i, name, i, isolation,
			rapid.IntRange(0, 4).Draw(r, "enabled") > 0, rapid.IntRange(1, 3).Draw(r, "factor"), start)
	}
	return b.String()
}

// perform plays a play and returns its judge.
func perform(t *testing.T, p play) (j *judge) {
	synctest.Test(t, func(t *testing.T) {
		j = &judge{t: t, rig: newRig(t, p.shards, "f", "g"), past: map[string]*past{}, counts: map[string]int{}, refusals: map[string]int{}}
		j.rig.server.Do(func(w *world.World) {
			w.SetLimit(here, p.limit, p.floor)
			w.SetHandler(func(string, world.Record, time.Time) (time.Duration, bool) { return 700 * time.Millisecond, true })
			w.Trace(func(f world.Fact) {
				if f.Kind == world.Attempted && f.Outcome == world.Throttled {
					j.refusals[f.Function]++
				}
			})
			for s, hours := range p.retention {
				if err := w.IncreaseRetention(here, s, hours); err != nil {
					t.Fatal(err)
				}
			}
		})
		time.Sleep(3 * time.Second)
		var docs, old, blue []spec.EventRouting
		for _, a := range p.acts {
			j.logf("%v", a)
			switch a.what {
			case "documents":
				docs, old = a.docs, docs
			case "blue":
				blue = a.docs
				j.apply("blue", blue)
				j.flow(blue)
			case "apply":
				if docs != nil {
					j.setBeside(a, docs, old, blue)
					j.apply("default", docs)
					j.flow(docs)
				}
			default:
				j.people(a)
			}
			if j.wrong {
				return
			}
			j.pause(a.wait)
			if j.wrong {
				return
			}
		}
	})
	return j
}

// people do what they do; what AWS refuses them is not done.
func (j *judge) people(a act) {
	var err error
	j.rig.server.Do(func(w *world.World) {
		streams := w.Streams(here)
		stream := streams[a.which%len(streams)]
		switch a.what {
		case "split", "merge", "count":
			err = reshard(w, stream, a)
		case "reserve":
			err = w.PutConcurrency(here, []string{"f", "g"}[a.which%2], []int{0, 3, 8, 20, 40, 100}[a.n-1])
		case "unreserve":
			err = w.DeleteConcurrency(here, []string{"f", "g"}[a.which%2])
		case "provision":
			if _, err = w.PutProvisioned(here, "f", "live", a.n); a.which == 0 {
				err = w.DeleteProvisioned(here, "f", "live")
			}
		case "foreign":
			err = foreign(w, stream, a)
		default:
			err = j.edit(w, a)
		}
	})
	if err != nil {
		j.logf("refused: %v", err)
	}
	j.look()
}

var errEnough = errors.New("there are shards enough to try all sets of")

func reshard(w *world.World, stream string, a act) error {
	all := w.Shards(here, stream)
	open := slices.DeleteFunc(slices.Clone(all), func(s world.Shard) bool { return !s.Open() })
	slices.SortFunc(open, func(a, b world.Shard) int { return a.First.Compare(b.First) })
	i := a.which % len(open)
	switch {
	case a.what == "merge" && i+1 < len(open):
		return w.MergeShards(here, stream, open[i].ID, open[i+1].ID)
	case len(all) > 12 || len(open) > 5:
		return errEnough
	case a.what == "split":
		return w.SplitShard(here, stream, open[i].ID, middle(open[i]))
	}
	_, err := w.UpdateShardCount(here, stream, a.n)
	return err
}

func middle(s world.Shard) string {
	var low, high big.Int
	fmt.Sscan(s.First.String(), &low) //nolint:errcheck // the emulator's own number
	fmt.Sscan(s.Last.String(), &high) //nolint:errcheck // the emulator's own number
	low.Add(&low, &high)
	return low.Rsh(&low, 1).String()
}

// foreign makes a mapping of nobody's that we know, or a consumer for the next
// one.
func foreign(w *world.World, stream string, a act) error {
	source := world.StreamARN(here, stream)
	if a.n%3 == 0 {
		c, err := w.Consumer(here, stream, "theirs")
		if err != nil {
			_, err = w.RegisterConsumer(here, stream, "theirs", nil)
			return err
		}
		source = c.ARN
	}
	on, factor, batch := a.which != 9, 1+a.n%2, 4
	_, err := w.CreateMapping(here, world.MappingInput{
		EventSourceArn: source, FunctionName: []string{"f", "f:live", "g"}[a.which%3], StartingPosition: []string{"LATEST", "TRIM_HORIZON"}[a.which%2],
		Settings: world.MappingSettings{Enabled: &on, ParallelizationFactor: &factor, BatchSize: &batch},
	})
	return err
}

// edit changes a mapping by hand.
func (j *judge) edit(w *world.World, a act) error {
	all := mappings(j.t, w)
	if len(all) == 0 {
		return nil
	}
	id := slices.Sorted(maps.Keys(all))[a.which%len(all)]
	var s world.MappingSettings
	on, factor := a.what == "enable", 1+a.n%3
	switch a.what {
	case "delete":
		_, err := w.DeleteMapping(here, id)
		return err
	case "factor":
		if all[id].State != "Enabled" {
			return nil // what it ran until lately nothing tells then
		}
		s.ParallelizationFactor = &factor
	default:
		s.Enabled = &on
	}
	j.logf("%s %s", a.what, all[id].FunctionArn)
	_, err := w.UpdateMapping(here, id, world.MappingUpdate{Settings: s})
	return err
}

// TestCapacity plays random plays. After every single request that an apply
// makes, what can run of a function fits into its reservation wherever the
// account allows it, and the account keeps what has to stay free.
func TestCapacity(t *testing.T) {
	counts := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		j := perform(t, randomPlay(r))
		if j.wrong {
			r.Fatal(strings.Join(j.log, "\n"))
		}
		for what, n := range j.counts {
			counts[what] += n
		}
	})
	t.Log(counts)
	if counts["passes"] > 100 && counts["all run"] == 0 {
		t.Error("never did all run that can: there were too few records, or they took no time")
	}
}

// TestMergeAndAddRoute merges a stream and adds a route at once: closed parents
// run on, so that what both routes need is counted by them for a day.
func TestMergeAndAddRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 8}, "order-processor")
		reserves := func(when string, want int) {
			t.Helper()
			r.server.Do(func(w *world.World) {
				if got := must[*int](t)(w.Concurrency(here, "order-processor")); got == nil || *got != want {
					t.Errorf("%s: %s, want %d", when, standing{reserved: got}, want)
				}
			})
		}
		r.settle(routing(t, routes(1)))
		reserves("one route on 8 shards", 8)
		r.server.Do(func(w *world.World) { must[int](t)(w.UpdateShardCount(here, "orders-events", 4)) })
		docs := routing(t, routes(2))
		if _, err := r.apply(t.Context(), r.server.Client().Do, docs); err != nil {
			t.Fatal(err)
		}
		reserves("at once", 16)
		r.settle(docs)
		reserves("once the stream is merged", 16)
		time.Sleep(23 * time.Hour)
		r.settle(docs)
		reserves("within a day", 16)
		time.Sleep(2 * time.Hour)
		r.settle(docs)
		reserves("after a day", 8)
	})
}

// TestFinishesBesideForeign enables a route's old mapping again, on a function
// that no route runs any more and that somebody else's mapping of another stream
// runs as well: what both can run is reserved before.
func TestFinishesBesideForeign(t *testing.T) {
	for _, isolation := range []string{"Alias", "FanOut"} {
		t.Run(isolation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { finishesBesideForeign(t, isolation) })
		})
	}
}

func finishesBesideForeign(t *testing.T, isolation string) {
	r := newRig(t, map[string]int{"orders-events": 4, "s2": 4}, "order-processor", "g")
	running := func() (n int) {
		r.server.Do(func(w *world.World) {
			for _, m := range mappings(t, w) {
				if targetOf(m).function == "g" && m.State == "Enabled" {
					n++
				}
			}
			if got := must[*int](t)(w.Concurrency(here, "g")); got == nil || *got < 4*n {
				t.Errorf("%s, and %d mappings of 4 shards run", standing{reserved: got}, n)
			}
		})
		return n
	}
	r.settle(routing(t, "    - {name: a, eventTypes: [A], isolation: Function, function: g}\n"))
	r.server.Do(func(w *world.World) {
		off := false
		for id := range mappings(t, w) {
			must[world.Mapping](t)(w.UpdateMapping(here, id, world.MappingUpdate{Settings: world.MappingSettings{Enabled: &off}}))
		}
		must[world.Mapping](t)(w.CreateMapping(here, world.MappingInput{EventSourceArn: world.StreamARN(here, "s2"), FunctionName: "g", StartingPosition: "LATEST"}))
	})
	docs := routing(t, "    - {name: a, eventTypes: [A], isolation: "+isolation+"}\n")
	for range 5 {
		if _, err := r.apply(t.Context(), r.server.Client().Do, docs); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		running()
	}
	if n := running(); n != 2 {
		t.Errorf("%d mappings of g run, want both", n)
	}
}

// TestWhatIfIsWhatComes supposes numbers of shards, and compares what is needed
// with what is once the stream has them.
func TestWhatIfIsWhatComes(t *testing.T) {
	for _, c := range []struct{ from, to int }{{8, 8}, {8, 4}, {4, 8}, {4, 6}, {6, 4}, {5, 3}, {3, 5}, {7, 4}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, map[string]int{"orders-events": c.from}, "order-processor")
			docs := routing(t, routes(2))
			supposed := r.whatIf(reconcile.WhatIf{Shards: map[string]int{"orders-events": c.to}}, docs)
			r.server.Do(func(w *world.World) { must[int](t)(w.UpdateShardCount(here, "orders-events", c.to)) })
			time.Sleep(time.Hour)
			if got := r.whatIf(reconcile.WhatIf{}, docs); got != supposed {
				t.Errorf("%d to %d shards: %d are needed, and %d were supposed to be", c.from, c.to, got, supposed)
			}
		})
	}
}

// whatIf is what the function needs if something comes about.
func (r *rig) whatIf(what reconcile.WhatIf, docs []spec.EventRouting) int {
	r.t.Helper()
	live, err := r.client(r.server.Client().Do).Reader().Observe(r.t.Context(), reconcile.Wants(docs), time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	docs, live = what.Apply(docs, live)
	return reconcile.Compute(docs, live, options, time.Now()).Needs[0].Required
}

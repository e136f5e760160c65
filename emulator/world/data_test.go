package world

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	dataPlace = Place{Account: "111122223333", Region: "eu-west-1"}
	dawn      = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
)

// tester is what a test and a property have in common.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
	Error(...any)
}

// flow is a world with a stream s, a function f and what a test makes of them.
type flow struct {
	*World
	t tester
}

func newFlow(t tester, shards int) *flow {
	t.Helper()
	w := New(1, Short(), dawn)
	f := &flow{w, t}
	f.ok(w.SeedStream(dataPlace, "s", shards))
	f.ok(w.SeedFunction(dataPlace, "f", "live"))
	w.Log(true)
	return f
}

func (f *flow) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *flow) pass(d time.Duration) { f.Advance(f.Now().Add(d)) }

// mapping makes a mapping of event types on a new alias.
func (f *flow) mapping(name, start string, s MappingSettings, types ...string) string {
	f.t.Helper()
	_, err := f.CreateAlias(dataPlace, "f", AliasInput{Name: name, FunctionVersion: "$LATEST"})
	f.ok(err)
	if len(types) > 0 {
		filter := []string{fmt.Sprintf(`{"data":{"type":["%s"]}}`, strings.Join(types, `","`))}
		s.FilterCriteria = &filter
	}
	in := MappingInput{EventSourceArn: StreamARN(dataPlace, "s"), FunctionName: "f:" + name, StartingPosition: start, Settings: s}
	if start == "AT_TIMESTAMP" {
		now := f.Now()
		in.StartingPositionTime = &now
	}
	m, err := f.CreateMapping(dataPlace, in)
	f.ok(err)
	return m.UUID
}

func (f *flow) put(key, eventType string) {
	f.t.Helper()
	_, _, err := f.Put(dataPlace, "s", key, fmt.Appendf(nil, `{"type":%q,"at":%d}`, eventType, f.Now().UnixMilli()))
	f.ok(err)
}

// delivered counts the records that a mapping's function has done, by key.
func (f *flow) delivered(uuid string) map[string]int {
	keys := map[string]string{}
	got := map[string]int{}
	for _, fact := range f.Facts() {
		switch {
		case fact.Kind == Wrote:
			keys[fmt.Sprint(fact.Shard, "/", fact.Index)] = fact.Key
		case fact.Kind == Attempted && fact.Outcome == OK && fact.Mapping == uuid:
			for _, i := range fact.Indexes {
				got[keys[fmt.Sprint(fact.Shard, "/", i)]]++
			}
		}
	}
	return got
}

func TestDeliver(t *testing.T) {
	f := newFlow(t, 4)
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{}, "A")
	b := f.mapping("b", "TRIM_HORIZON", MappingSettings{}, "B")
	for i := range 100 {
		f.put(fmt.Sprint("k", i), []string{"A", "B", "C"}[i%3])
		f.pass(100 * time.Millisecond)
	}
	f.pass(time.Minute)
	if n, m := len(f.delivered(a)), len(f.delivered(b)); n != 34 || m != 33 {
		t.Errorf("%d and %d delivered", n, m)
	}
	if n := f.Backlog(dataPlace, a); n != 0 {
		t.Errorf("backlog %d", n)
	}
	if _, busy := f.Next(); busy {
		t.Error("an idle world has events")
	}
}

// attempts are the facts about a mapping's batches, in the order of their ends.
func (f *flow) attempts(uuid string) []Fact {
	var all []Fact
	for _, x := range f.Facts() {
		if x.Kind == Attempted && x.Mapping == uuid {
			all = append(all, x)
		}
	}
	return all
}

func (f *flow) discarded(uuid string) map[string]int {
	n := map[string]int{}
	for _, x := range f.Facts() {
		if x.Kind == Discarded && x.Mapping == uuid {
			n[x.Cause] += len(x.Indexes)
		}
	}
	return n
}

// types reads the event type of a payload without the filter language.
func typeOf(data []byte) string {
	_, rest, _ := strings.Cut(string(data), `"type":"`)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

// inOrder checks that a mapping's function got the records of each key in the
// order of their writes, first deliveries compared, and never two batches with
// one key at a time.
func (f *flow) inOrder(uuid string) {
	f.t.Helper()
	type written struct {
		key string
		at  int
	}
	at := map[string]written{}
	n := 0
	for _, x := range f.Facts() {
		if x.Kind == Wrote {
			n++
			at[fmt.Sprint(x.Shard, "/", x.Index)] = written{x.Key, n}
		}
	}
	last, busy, seen := map[string]int{}, map[string]time.Time{}, map[string]bool{}
	for _, x := range f.attempts(uuid) {
		if x.Outcome == Throttled {
			continue
		}
		done := x.Indexes
		if x.Outcome == Failed {
			done = done[:x.Done]
		}
		keys := map[string]bool{}
		for i, index := range x.Indexes {
			id := fmt.Sprint(x.Shard, "/", index)
			r := at[id]
			if i < len(done) && !seen[id] {
				seen[id] = true
				if r.at < last[r.key] {
					f.t.Errorf("%s: record %s of key %s after a later one", uuid[:4], id, r.key)
				}
				last[r.key] = r.at
			}
			keys[r.key] = true
		}
		for k := range keys {
			if x.At.Before(busy[k]) {
				f.t.Errorf("%s: two batches with key %s at %s", uuid[:4], k, x.At)
			}
			busy[k] = x.Until
		}
	}
}

func TestOrderByKey(t *testing.T) {
	for _, factor := range []int{1, 4, 10} {
		f := newFlow(t, 2)
		f.SetHandler(func(_ string, r Record, now time.Time) (time.Duration, bool) {
			return 20 * time.Millisecond, (now.Unix()/10)%3 != 0 // fails for ten seconds of thirty
		})
		a := f.mapping("a", "TRIM_HORIZON", MappingSettings{ParallelizationFactor: &factor, BatchSize: new(7)})
		for i := range 2000 {
			f.put(fmt.Sprint("k", i%23), "A")
			f.pass(20 * time.Millisecond)
		}
		f.pass(time.Hour)
		if n := f.Backlog(dataPlace, a); n != 0 {
			t.Errorf("factor %d: backlog %d", factor, n)
		}
		f.inOrder(a)
	}
}

// TestLanes has more batches under way at a time with a larger factor, and never
// more than shards times factor.
func TestLanes(t *testing.T) {
	for _, factor := range []int{1, 3} {
		f := newFlow(t, 2)
		f.SetHandler(func(string, Record, time.Time) (time.Duration, bool) { return time.Second, true })
		f.mapping("a", "TRIM_HORIZON", MappingSettings{ParallelizationFactor: &factor, BatchSize: new(1)})
		f.pass(5 * time.Second)
		most := 0
		for i := range 600 {
			f.put(fmt.Sprint("k", i), "A")
			f.pass(50 * time.Millisecond)
			most = max(most, f.Running(dataPlace, "f"))
		}
		if most != 2*factor {
			t.Errorf("factor %d: at most %d at a time", factor, most)
		}
	}
}

func TestRetries(t *testing.T) {
	poison := func(_ string, r Record, _ time.Time) (time.Duration, bool) {
		return time.Millisecond, r.Key != "poison"
	}
	for _, c := range []struct {
		name                     string
		s                        MappingSettings
		attempts, gone, delivers int
	}{
		{"whole batches", MappingSettings{MaximumRetryAttempts: new(2)}, 3, 10, 5},
		{"bisected", MappingSettings{MaximumRetryAttempts: new(2), BisectBatchOnFunctionError: new(true)}, 0, 1, 14},
		{"reported", MappingSettings{MaximumRetryAttempts: new(2), FunctionResponseTypes: &[]string{"ReportBatchItemFailures"}}, 3, 8, 7},
		{"reported and bisected", MappingSettings{MaximumRetryAttempts: new(2), BisectBatchOnFunctionError: new(true), FunctionResponseTypes: &[]string{"ReportBatchItemFailures"}}, 0, 1, 14},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFlow(t, 1)
			f.SetHandler(poison)
			c.s.BatchSize = new(10)
			a := f.mapping("a", "TRIM_HORIZON", c.s)
			for i := range 15 {
				key := fmt.Sprint("k", i)
				if i == 2 {
					key = "poison"
				}
				f.put(key, "A")
			}
			f.pass(time.Hour)
			if got := f.discarded(a); got[ByAttempts] != c.gone || len(got) != 1 {
				t.Errorf("discarded %v, want %d", got, c.gone)
			}
			delivered := map[int]bool{}
			fails := 0
			for _, x := range f.attempts(a) {
				if x.Outcome == Failed {
					fails++
				}
				for k, i := range x.Indexes {
					if x.Outcome == OK || k < x.Done {
						delivered[i] = true
					}
				}
			}
			if len(delivered) != c.delivers || c.attempts > 0 && fails != c.attempts {
				t.Errorf("%d delivered, want %d; %d failed, want %d", len(delivered), c.delivers, fails, c.attempts)
			}
		})
	}
}

// TestBlocked keeps a shard waiting behind a record that always fails, until its
// age or the stream's retention ends that.
func TestBlocked(t *testing.T) {
	for _, c := range []struct {
		age   int
		cause string
		until time.Duration
	}{{60, ByAge, time.Minute}, {-1, ByExpiry, 24 * time.Hour}} {
		f := newFlow(t, 1)
		f.SetHandler(func(_ string, r Record, _ time.Time) (time.Duration, bool) {
			return time.Millisecond, r.Key != "poison"
		})
		a := f.mapping("a", "TRIM_HORIZON", MappingSettings{MaximumRecordAgeInSeconds: &c.age, BatchSize: new(1)})
		f.put("poison", "A")
		f.pass(c.until / 2)
		f.put("k", "A")
		f.pass(c.until/2 - time.Second)
		if n := len(f.delivered(a)); n != 0 || f.Backlog(dataPlace, a) != 2 {
			t.Errorf("%s: %d delivered, backlog %d", c.cause, n, f.Backlog(dataPlace, a))
		}
		f.pass(2 * time.Minute)
		if got := f.discarded(a); got[c.cause] != 1 || f.delivered(a)["k"] != 1 {
			t.Errorf("%s: discarded %v, delivered %v", c.cause, got, f.delivered(a))
		}
	}
}

// TestReservation runs no more than is reserved at a time, and lets throttles use
// up no attempt.
func TestReservation(t *testing.T) {
	f := newFlow(t, 8)
	f.SetHandler(func(string, Record, time.Time) (time.Duration, bool) { return 2 * time.Second, true })
	f.ok(f.PutConcurrency(dataPlace, "f", 5))
	_, err := f.PublishVersion(dataPlace, "f", VersionInput{})
	f.ok(err)
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{MaximumRetryAttempts: new(0), BatchSize: new(1)})
	_, err = f.PutProvisioned(dataPlace, "f", "1", 2) // for others
	f.ok(err)
	for i := range 100 {
		f.put(fmt.Sprint("k", i), "A")
	}
	throttled, most := 0, 0
	for range 2000 {
		f.pass(100 * time.Millisecond)
		most = max(most, f.Running(dataPlace, "f"))
	}
	for _, x := range f.attempts(a) {
		if x.Outcome == Throttled {
			throttled++
		}
	}
	if most != 3 || throttled == 0 || len(f.discarded(a)) != 0 || len(f.delivered(a)) != 100 {
		t.Errorf("at most %d at a time, %d throttled, %v discarded, %d delivered", most, throttled, f.discarded(a), len(f.delivered(a)))
	}
}

// TestRate begins ten invocations a second for each execution that is reserved.
func TestRate(t *testing.T) {
	f := newFlow(t, 4)
	f.ok(f.PutConcurrency(dataPlace, "f", 1))
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{BatchSize: new(1)})
	f.pass(5 * time.Second)
	for i := range 200 {
		f.put(fmt.Sprint("k", i), "A")
	}
	begun := map[int64]int{}
	f.pass(time.Minute)
	for _, x := range f.attempts(a) {
		if x.Outcome == OK {
			begun[x.At.Unix()]++
		}
	}
	for second, n := range begun {
		if n > 10 {
			t.Errorf("%d in second %d", n, second)
		}
	}
	if len(f.delivered(a)) != 200 {
		t.Errorf("%d delivered", len(f.delivered(a)))
	}
}

// TestStart starts where it should, however late the data plane is.
func TestStart(t *testing.T) {
	for _, c := range []struct {
		start           string
		knobs           Knobs
		before, meantim bool
	}{
		{"TRIM_HORIZON", Knobs{}, true, true},
		{"AT_TIMESTAMP", Knobs{}, false, true},
		{"LATEST", Knobs{LatestAtCreate: true}, false, true},
		{"LATEST", Knobs{}, false, false},
	} {
		f := newFlow(t, 1)
		f.SetKnobs(c.knobs)
		f.put("before", "A")
		f.pass(time.Second)
		a := f.mapping("a", c.start, MappingSettings{})
		f.pass(100 * time.Millisecond)
		f.put("meanwhile", "A")
		f.pass(time.Minute)
		f.put("after", "A")
		f.pass(time.Minute)
		got := f.delivered(a)
		if got["before"] > 0 != c.before || got["meanwhile"] > 0 != c.meantim || got["after"] != 1 {
			t.Errorf("%s %+v: %v", c.start, c.knobs, got)
		}
	}
}

// update changes a mapping and lets that settle.
func (f *flow) update(uuid string, u MappingUpdate) {
	f.t.Helper()
	_, err := f.UpdateMapping(dataPlace, uuid, u)
	f.ok(err)
	f.pass(2 * time.Second)
}

// TestPosition keeps the position over disabling, enabling and another function,
// and loses it with the mapping.
func TestPosition(t *testing.T) {
	f := newFlow(t, 2)
	f.ok(f.SeedFunction(dataPlace, "g"))
	a := f.mapping("a", "LATEST", MappingSettings{}, "A")
	f.pass(time.Minute)
	n := 0
	puts := func() {
		for range 10 {
			n++
			f.put(fmt.Sprint("k", n), "A")
			f.pass(time.Second)
		}
	}
	puts()
	f.update(a, MappingUpdate{Settings: MappingSettings{Enabled: new(false)}})
	puts()
	f.pass(time.Minute)
	if got := len(f.delivered(a)); got > 12 {
		t.Errorf("%d delivered while it is disabled", got)
	}
	f.update(a, MappingUpdate{FunctionName: new("g")})
	f.update(a, MappingUpdate{Settings: MappingSettings{Enabled: new(true)}})
	puts()
	f.pass(time.Minute)
	got := f.delivered(a)
	if len(got) != n {
		t.Errorf("%d of %d delivered", len(got), n)
	}
	for key, times := range got {
		if times != 1 {
			t.Errorf("%s %d times", key, times)
		}
	}
	if last := f.attempts(a); last[len(last)-1].Function != "g" {
		t.Errorf("the last went to %s", last[len(last)-1].Function)
	}
	_, err := f.DeleteMapping(dataPlace, a)
	f.ok(err)
	puts()
	b := f.mapping("b", "LATEST", MappingSettings{}, "A")
	f.pass(time.Minute)
	if len(f.delivered(b)) != 0 {
		t.Errorf("a new mapping got %v", f.delivered(b))
	}
}

// TestReshard drains parents before their children, so that a key's records stay
// in order over splits and merges.
func TestReshard(t *testing.T) {
	f := newFlow(t, 2)
	f.SetHandler(func(_ string, r Record, now time.Time) (time.Duration, bool) {
		return 50 * time.Millisecond, r.Shard != 0 || now.Sub(dawn) > 5*time.Minute
	})
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{BatchSize: new(5)})
	for i := range 900 {
		f.put(fmt.Sprint("k", i%40), "A")
		f.pass(200 * time.Millisecond)
		switch i {
		case 100:
			_, err := f.UpdateShardCount(dataPlace, "s", 4)
			f.ok(err)
		case 500:
			_, err := f.UpdateShardCount(dataPlace, "s", 3)
			f.ok(err)
		}
	}
	for _, x := range f.attempts(a) {
		if x.Shard == 2 && x.At.Sub(dawn) < 5*time.Minute {
			t.Fatalf("shard 2 was read at %s, before its parent was done", x.At)
		}
	}
	f.pass(time.Hour)
	total := 0
	for _, n := range f.delivered(a) {
		total += n
	}
	if total != 900 || f.Backlog(dataPlace, a) != 0 {
		t.Errorf("%d delivered, backlog %d", total, f.Backlog(dataPlace, a))
	}
	f.inOrder(a)
}

// TestFilterChange takes effect for what is read from then on, shard by shard.
func TestFilterChange(t *testing.T) {
	f := newFlow(t, 4)
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{}, "A")
	f.pass(10 * time.Second)
	both := []string{`{"data":{"type":["A","B"]}}`}
	f.put("k1", "B")
	f.pass(3 * time.Second)
	f.update(a, MappingUpdate{Settings: MappingSettings{FilterCriteria: &both}})
	f.pass(3 * time.Second)
	f.put("k2", "B")
	f.pass(3 * time.Second)
	if got := f.delivered(a); got["k1"] != 0 || got["k2"] != 1 {
		t.Errorf("delivered %v: a filter is not retroactive", got)
	}
}

// TestWindow waits for more records, for as long as the window is.
func TestWindow(t *testing.T) {
	f := newFlow(t, 1)
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{MaximumBatchingWindowInSeconds: new(30), BatchSize: new(50)})
	f.pass(10 * time.Second)
	for i := range 60 {
		f.put(fmt.Sprint("k", i), "A")
		f.pass(100 * time.Millisecond)
	}
	f.pass(time.Minute)
	var sizes []int
	for _, x := range f.attempts(a) {
		sizes = append(sizes, len(x.Indexes))
	}
	if fmt.Sprint(sizes) != "[50 10]" {
		t.Errorf("batches of %v", sizes)
	}
	if gap := f.attempts(a)[1].At.Sub(f.attempts(a)[0].At); gap < 25*time.Second {
		t.Errorf("the second came after %s", gap)
	}
}

// TestReaders slows down when more than five standard mappings share a shard, and
// loses nothing.
func TestReaders(t *testing.T) {
	delay := func(n int) time.Duration {
		f := newFlow(t, 1)
		var ids []string
		for i := range n {
			ids = append(ids, f.mapping(fmt.Sprint("m", i), "TRIM_HORIZON", MappingSettings{}))
		}
		f.pass(10 * time.Second)
		for i := range 300 {
			f.put(fmt.Sprint("k", i), "A")
			f.pass(time.Second)
		}
		f.pass(time.Minute)
		var sum time.Duration
		for _, p := range f.Metric(dataPlace, IteratorAge, "f", "", dawn, f.Now()) {
			sum += time.Duration(p.Max) * time.Millisecond
		}
		for _, id := range ids {
			if len(f.delivered(id)) != 300 {
				t.Errorf("%d mappings: %d delivered", n, len(f.delivered(id)))
			}
		}
		return sum
	}
	if few, many := delay(3), delay(15); many < 2*few {
		t.Errorf("3 mappings: %s, 15 mappings: %s", few, many)
	}
}

// TestFanOut reads by a consumer's own throughput, sooner than by polling, until
// the consumer is gone.
func TestFanOut(t *testing.T) {
	f := newFlow(t, 1)
	c, err := f.RegisterConsumer(dataPlace, "s", "c", nil)
	f.ok(err)
	f.pass(5 * time.Second)
	m, err := f.CreateMapping(dataPlace, MappingInput{EventSourceArn: c.ARN, FunctionName: "f", StartingPosition: "TRIM_HORIZON"})
	f.ok(err)
	f.pass(10 * time.Second)
	f.put("k1", "A")
	f.pass(200 * time.Millisecond)
	if f.delivered(m.UUID)["k1"] != 1 {
		t.Error("not delivered within 200 ms")
	}
	f.ok(f.DeregisterConsumer(dataPlace, "s", "c"))
	f.pass(5 * time.Second)
	f.put("k2", "A")
	f.pass(time.Hour)
	if f.delivered(m.UUID)["k2"] != 0 {
		t.Error("a consumer that is gone delivered")
	}
}

// TestSameSeedSameHistory compares two worlds, and a world with its clone.
func TestSameSeedSameHistory(t *testing.T) {
	play := func(seed uint64, fork bool) string {
		w := New(seed, Real(), dawn)
		f := &flow{w, t}
		f.ok(w.SeedStream(dataPlace, "s", 3))
		f.ok(w.SeedFunction(dataPlace, "f"))
		w.Log(true)
		w.SetHandler(func(_ string, r Record, now time.Time) (time.Duration, bool) {
			return time.Duration(len(r.Key)) * 100 * time.Millisecond, (len(r.Key)+int(now.Unix()))%5 != 0
		})
		f.ok(w.PutConcurrency(dataPlace, "f", 3))
		a := f.mapping("a", "LATEST", MappingSettings{ParallelizationFactor: new(2)}, "A")
		f.mapping("b", "TRIM_HORIZON", MappingSettings{BisectBatchOnFunctionError: new(true), MaximumRetryAttempts: new(3)})
		for i := range 400 {
			f.put(fmt.Sprint("k", i%97), []string{"A", "B"}[i%2])
			f.pass(700 * time.Millisecond)
			switch i {
			case 100:
				_, err := f.UpdateShardCount(dataPlace, "s", 5)
				f.ok(err)
			case 200:
				_, err := f.UpdateMapping(dataPlace, a, MappingUpdate{Settings: MappingSettings{ParallelizationFactor: new(5)}})
				f.ok(err)
			case 300:
				if fork {
					other := f.Clone()
					f.pass(time.Hour) // the original goes its own way
					f.put("elsewhere", "A")
					f.World = other
				}
			}
		}
		f.pass(time.Hour)
		var b strings.Builder
		for _, x := range f.Facts() {
			fmt.Fprintf(&b, "%d %s %s %d %v %s %d %d %s\n", x.Kind, x.At, x.Until, x.Shard, x.Indexes, x.Mapping, x.Outcome, x.Done, x.Cause)
		}
		return b.String()
	}
	for seed := range uint64(8) {
		first := play(seed, false)
		if first != play(seed, false) {
			t.Fatalf("seed %d: another history", seed)
		}
		if first != play(seed, true) {
			t.Fatalf("seed %d: a clone has another future", seed)
		}
	}
	if play(1, false) == play(2, false) {
		t.Error("two seeds, one history")
	}
}

// TestNothingIsLost plays at random with mappings whose filters stay as they are.
// In the end each record that one of them takes was delivered to it in the order
// of its key, or given up for a cause that is in the log.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := newFlow(r, rapid.IntRange(1, 4).Draw(r, "shards"))
		f.SetKnobs(Knobs{LatestAtCreate: true, FilterAtBatch: rapid.Bool().Draw(r, "filter at batch")})
		f.timing.DataPlane = time.Duration(rapid.IntRange(1, 300).Draw(r, "data plane")) * time.Second
		slow := time.Duration(rapid.IntRange(1, 400).Draw(r, "slow")) * time.Millisecond
		bad := rapid.IntRange(2, 50).Draw(r, "bad")
		f.SetHandler(func(_ string, _ Record, now time.Time) (time.Duration, bool) {
			return slow, int(now.Unix()/60)%bad != 0
		})
		f.ok(f.PutConcurrency(dataPlace, "f", rapid.IntRange(1, 20).Draw(r, "reserved")))
		ids := map[string]string{}
		for i := range rapid.IntRange(1, 6).Draw(r, "mappings") {
			s := MappingSettings{
				BatchSize: new(rapid.IntRange(1, 20).Draw(r, "batch")), ParallelizationFactor: new(rapid.IntRange(1, 4).Draw(r, "factor")),
				BisectBatchOnFunctionError: new(rapid.Bool().Draw(r, "bisect")), MaximumRetryAttempts: new(rapid.IntRange(-1, 3).Draw(r, "retries")),
				MaximumBatchingWindowInSeconds: new(rapid.SampledFrom([]int{0, 0, 5}).Draw(r, "window")),
			}
			eventType := []string{"A", "B", "C"}[i%3]
			ids[f.mapping(fmt.Sprint("m", i), "TRIM_HORIZON", s, eventType)] = eventType
		}
		for n := range rapid.IntRange(50, 300).Draw(r, "steps") {
			f.put(fmt.Sprint("k", n%17), []string{"A", "B", "C", "D"}[n%4])
			f.pass(time.Duration(rapid.SampledFrom([]int{1, 10, 500, 3000}).Draw(r, "pass")) * time.Millisecond)
			if rapid.IntRange(0, 15).Draw(r, "act") > 0 {
				continue
			}
			id := rapid.SampledFrom(sorted(ids)).Draw(r, "mapping")
			switch rapid.IntRange(0, 4).Draw(r, "what") { // what AWS refuses is not done
			case 0:
				_, _ = f.UpdateMapping(dataPlace, id, MappingUpdate{Settings: MappingSettings{Enabled: new(rapid.Bool().Draw(r, "on"))}})
			case 1:
				_, _ = f.UpdateMapping(dataPlace, id, MappingUpdate{Settings: MappingSettings{ParallelizationFactor: new(rapid.IntRange(1, 4).Draw(r, "factor"))}})
			case 2:
				_, _ = f.UpdateShardCount(dataPlace, "s", rapid.IntRange(1, 6).Draw(r, "shards"))
			case 3:
				f.pass(10 * time.Minute)
			case 4:
				f.World = f.Clone()
			}
		}
		f.pass(time.Hour)
		for id := range ids {
			_, _ = f.UpdateMapping(dataPlace, id, MappingUpdate{Settings: MappingSettings{Enabled: new(true)}})
		}
		f.pass(20 * time.Hour)
		f.everything(ids)
	})
}

// everything checks that each mapping got all records of its type, or gave them up
// for a cause.
func (f *flow) everything(ids map[string]string) {
	f.t.Helper()
	got := map[string]bool{}
	for _, x := range f.Facts() {
		for k, i := range x.Indexes {
			if x.Kind == Discarded || x.Outcome == OK || x.Outcome == Failed && k < x.Done {
				got[fmt.Sprint(x.Mapping, x.Shard, "/", i)] = true
			}
		}
	}
	for id, eventType := range ids {
		for _, x := range f.Facts() {
			if x.Kind == Wrote && typeOf(x.Data) == eventType && !got[fmt.Sprint(id, x.Shard, "/", x.Index)] {
				f.t.Fatalf("mapping %s never got record %d/%d of %s, written at %s; backlog %d", id[:4], x.Shard, x.Index, eventType, x.At, f.Backlog(dataPlace, id))
			}
		}
		f.inOrder(id)
	}
}

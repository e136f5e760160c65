package world

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// outcomes counts a mapping's attempts that ended in one way.
func (f *flow) outcomes(uuid string, o Outcome) int {
	n := 0
	for _, x := range f.attempts(uuid) {
		if x.Outcome == o {
			n++
		}
	}
	return n
}

// failing is a function that fails every record.
func failing(string, Record, time.Time) (time.Duration, bool) { return time.Millisecond, false }

// TestFiveReads lets somebody read five times a second beside a mapping that has much
// to read: a shard answers five a second to both of them.
func TestFiveReads(t *testing.T) {
	f := newFlow(t, 1)
	const batch, least = 50, 100 // of each read by the mapping: twice the batch
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{BatchSize: new(batch)})
	f.pass(10 * time.Second)
	f.enable(a, false)
	for range 20 {
		for i := range 1000 {
			f.put(fmt.Sprint("k", i), "A")
		}
		f.pass(time.Second)
	}
	f.enable(a, true)
	p, err := f.ShardIterator(dataPlace, "s", "shardId-000000000000", "TRIM_HORIZON", "", time.Time{})
	f.ok(err)
	f.Forget()
	answered := 0
	const seconds = 4
	for range 5 * seconds {
		if _, _, _, _, err := f.GetRecords(dataPlace, p, 1); err == nil {
			answered++
		}
		f.pass(200 * time.Millisecond)
	}
	read := 0
	for _, x := range f.attempts(a) {
		read += len(x.Indexes)
	}
	if n := answered + read/least; n > 5*(seconds+1) || answered == 0 || read == 0 {
		t.Errorf("%d reads answered in %d s, %d of them the mapping's", n, seconds, read/least)
	}
	if f.Backlog(dataPlace, a) == 0 {
		t.Error("the mapping has nothing more to read")
	}
}

// TestBytes reads no more than 2 MB a second of a shard: all mappings together, or
// each consumer.
func TestBytes(t *testing.T) {
	for _, consumers := range []int{0, 1, 2} {
		f := newFlow(t, 1)
		for range 40 {
			_, _, err := f.Put(dataPlace, "s", "k", make([]byte, 1_000_000))
			f.ok(err)
			f.pass(time.Second)
		}
		var ids []string
		if consumers == 0 {
			ids = append(ids, f.mapping("a", "TRIM_HORIZON", MappingSettings{}), f.mapping("b", "TRIM_HORIZON", MappingSettings{}))
		}
		for i := range consumers {
			c, err := f.RegisterConsumer(dataPlace, "s", fmt.Sprint("c", i), nil)
			f.ok(err)
			f.pass(5 * time.Second)
			m, err := f.CreateMapping(dataPlace, MappingInput{EventSourceArn: c.ARN, FunctionName: "f", StartingPosition: "TRIM_HORIZON"})
			f.ok(err)
			ids = append(ids, m.UUID)
		}
		f.pass(5 * time.Minute)
		// A read gives 10 MB at most, and the pause for it follows.
		within := func(ids ...string) {
			t.Helper()
			var first, last time.Time
			n := 0
			for _, id := range ids {
				for _, x := range f.attempts(id) {
					n += len(x.Indexes)
					if first.IsZero() || x.At.Before(first) {
						first = x.At
					}
					if x.At.After(last) {
						last = x.At
					}
				}
			}
			least := time.Duration(n-11*len(ids)) * 1_000_000 * time.Second / (2 << 20)
			if n != 40*len(ids) || last.Sub(first) < least {
				t.Errorf("%d consumers: %d records of 1 MB in %s, want %s at least", consumers, n, last.Sub(first), least)
			}
		}
		if consumers == 0 {
			within(ids...)
		}
		for _, id := range ids[:consumers] {
			within(id)
		}
	}
}

// TestThrottlesCost no attempt: a batch has all of them when there is room again.
func TestThrottlesCost(t *testing.T) {
	f := newFlow(t, 1)
	f.SetHandler(failing)
	f.ok(f.PutConcurrency(dataPlace, "f", 0))
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{MaximumRetryAttempts: new(2)})
	f.put("k", "A")
	f.pass(2 * time.Minute)
	if n := f.outcomes(a, Throttled); n < 10 {
		t.Errorf("%d throttled", n)
	}
	f.ok(f.PutConcurrency(dataPlace, "f", 1))
	f.pass(5 * time.Minute)
	if n := f.outcomes(a, Failed); n != 3 || f.discarded(a)[ByAttempts] != 1 {
		t.Errorf("%d failed, want 3; discarded %v", n, f.discarded(a))
	}
}

// TestUpdatesKeepAttempts changes a mapping again and again while it retries.
func TestUpdatesKeepAttempts(t *testing.T) {
	for name, change := range map[string]func(i int) MappingSettings{
		"window": func(i int) MappingSettings { return MappingSettings{MaximumBatchingWindowInSeconds: new(i % 2)} },
		"factor": func(i int) MappingSettings { return MappingSettings{ParallelizationFactor: new(1 + i%3)} },
	} {
		for _, bisect := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, bisect %v", name, bisect), func(t *testing.T) {
				f := newFlow(t, 1)
				f.SetHandler(func(_ string, r Record, _ time.Time) (time.Duration, bool) {
					return time.Millisecond, r.Key != "poison"
				})
				a := f.mapping("a", "TRIM_HORIZON", MappingSettings{MaximumRetryAttempts: new(8), BisectBatchOnFunctionError: &bisect})
				for i := range 16 {
					f.put(map[bool]string{true: "poison", false: fmt.Sprint("k", i)}[i == 11], "A")
				}
				for i := range 100 {
					f.pass(9 * time.Second)
					_, err := f.UpdateMapping(dataPlace, a, MappingUpdate{Settings: change(i)})
					f.ok(err)
				}
				if f.discarded(a)[ByAttempts] == 0 || f.Backlog(dataPlace, a) != 0 || f.outcomes(a, Failed) > 20 {
					t.Errorf("%d failed, discarded %v, backlog %d", f.outcomes(a, Failed), f.discarded(a), f.Backlog(dataPlace, a))
				}
				f.inOrder(a)
			})
		}
	}
}

// TestBisectCosts no attempt: what it comes down to has all of them.
func TestBisectCosts(t *testing.T) {
	f := newFlow(t, 1)
	f.SetHandler(func(_ string, r Record, _ time.Time) (time.Duration, bool) {
		return time.Millisecond, r.Key != "poison"
	})
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{MaximumRetryAttempts: new(2), BisectBatchOnFunctionError: new(true)})
	for i := range 8 {
		f.put(map[bool]string{true: "poison", false: fmt.Sprint("k", i)}[i == 0], "A")
	}
	f.pass(10 * time.Minute)
	alone := 0
	for _, x := range f.attempts(a) {
		if x.Outcome == Failed && len(x.Indexes) == 1 {
			alone++
		}
	}
	if alone != 3 || f.discarded(a)[ByAttempts] != 1 {
		t.Errorf("it was tried %d times alone, want 3; discarded %v", alone, f.discarded(a))
	}
}

// TestDestination tells of what failed too often or became too old, and not of what
// expired.
func TestDestination(t *testing.T) {
	const queue = "arn:aws:sqs:eu-west-1:111122223333:dead"
	for _, c := range []struct {
		cause string
		s     MappingSettings
		after time.Duration
		want  string
	}{
		{ByAttempts, MappingSettings{MaximumRetryAttempts: new(1)}, time.Minute, queue},
		{ByAge, MappingSettings{MaximumRecordAgeInSeconds: new(60)}, 5 * time.Minute, queue},
		{ByExpiry, MappingSettings{}, 25 * time.Hour, ""},
	} {
		f := newFlow(t, 1)
		f.SetHandler(failing)
		c.s.DestinationConfig = &Destinations{OnFailure: queue}
		a := f.mapping("a", "TRIM_HORIZON", c.s)
		f.put("k", "A")
		f.pass(c.after)
		if f.discarded(a)[c.cause] != 1 {
			t.Errorf("%s: discarded %v", c.cause, f.discarded(a))
		}
		for _, x := range f.Facts() {
			if x.Kind == Discarded && x.Destination != c.want {
				t.Errorf("%s: told %q, want %q", c.cause, x.Destination, c.want)
			}
		}
	}
}

// TestAgeComesFirst gives up what is too old before it was ever tried.
func TestAgeComesFirst(t *testing.T) {
	f := newFlow(t, 1)
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{MaximumRecordAgeInSeconds: new(60)})
	f.pass(10 * time.Second)
	f.enable(a, false)
	f.put("old", "A")
	f.pass(2 * time.Minute)
	f.enable(a, true)
	f.put("new", "A")
	f.pass(time.Minute)
	if n := len(f.attempts(a)); n != 1 || f.delivered(a)["new"] != 1 || f.discarded(a)[ByAge] != 1 {
		t.Errorf("%d attempts, delivered %v, discarded %v", n, f.delivered(a), f.discarded(a))
	}
}

// TestShardsLag lets each shard know of a change at a time of its own.
func TestShardsLag(t *testing.T) {
	f := newFlow(t, 8)
	f.timing.DataPlaneLeast, f.timing.DataPlane = 10*time.Second, 5*time.Minute
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{}, "A")
	f.pass(10 * time.Minute)
	f.update(a, MappingUpdate{Settings: MappingSettings{FilterCriteria: &[]string{`{"data":{"type":["B"]}}`}}})
	changed, first := f.Now(), map[int]time.Duration{}
	for i := range 400 {
		f.put(fmt.Sprint("k", i), "B")
		f.put(fmt.Sprint("k", i+1000), "B")
		f.pass(time.Second)
	}
	f.pass(time.Minute)
	for _, x := range f.attempts(a) {
		if _, known := first[x.Shard]; !known {
			first[x.Shard] = x.At.Sub(changed)
		}
	}
	var all []time.Duration
	for _, d := range first {
		all = append(all, d.Round(time.Second))
	}
	slices.Sort(all)
	if len(all) != 8 || all[0] < 5*time.Second || all[7] > 6*time.Minute || all[7]-all[0] < time.Minute {
		t.Errorf("the shards know after %v", all)
	}
}

// TestProvisioned lets the provisioned concurrency of a qualifier run it, beside what
// the reservation has left.
func TestProvisioned(t *testing.T) {
	f := newFlow(t, 8)
	f.SetHandler(func(string, Record, time.Time) (time.Duration, bool) { return 5 * time.Second, true })
	f.ok(f.PutConcurrency(dataPlace, "f", 3))
	v, err := f.PublishVersion(dataPlace, "f", VersionInput{})
	f.ok(err)
	_, err = f.PutProvisioned(dataPlace, "f", v.Version, 2)
	f.ok(err)
	_, err = f.CreateMapping(dataPlace, MappingInput{
		EventSourceArn: StreamARN(dataPlace, "s"), FunctionName: "f:" + v.Version, StartingPosition: "TRIM_HORIZON", Settings: MappingSettings{BatchSize: new(1)},
	})
	f.ok(err)
	for i := range 100 {
		f.put(fmt.Sprint("k", i), "A")
	}
	most := 0
	for range 300 {
		f.pass(100 * time.Millisecond)
		most = max(most, f.Running(dataPlace, "f"))
	}
	if most != 3 {
		t.Errorf("at most %d at a time, want 3", most)
	}
}

// TestUnreserved shares what no function has reserved among those without a
// reservation.
func TestUnreserved(t *testing.T) {
	f := newFlow(t, 16)
	f.SetHandler(func(string, Record, time.Time) (time.Duration, bool) { return 5 * time.Second, true })
	f.ok(f.SeedFunction(dataPlace, "g"))
	f.ok(f.SeedFunction(dataPlace, "h"))
	f.SetLimit(dataPlace, 14, 4)
	f.ok(f.PutConcurrency(dataPlace, "h", 8))
	for _, function := range []string{"f", "g"} {
		_, err := f.CreateMapping(dataPlace, MappingInput{
			EventSourceArn: StreamARN(dataPlace, "s"), FunctionName: function, StartingPosition: "TRIM_HORIZON", Settings: MappingSettings{BatchSize: new(1)},
		})
		f.ok(err)
	}
	for i := range 100 {
		f.put(fmt.Sprint("k", i), "A")
	}
	most := 0
	for range 300 {
		f.pass(100 * time.Millisecond)
		most = max(most, f.Running(dataPlace, "f")+f.Running(dataPlace, "g"))
	}
	if most != 6 {
		t.Errorf("at most %d at a time, want 6", most)
	}
}

// TestIteratorAge is that of the last record of a batch.
func TestIteratorAge(t *testing.T) {
	f := newFlow(t, 1)
	f.mapping("a", "TRIM_HORIZON", MappingSettings{MaximumBatchingWindowInSeconds: new(30)})
	f.pass(10 * time.Second)
	f.put("old", "A")
	f.pass(20 * time.Second)
	f.put("new", "A")
	f.pass(2 * time.Minute)
	got := f.IteratorAge(dataPlace, "f", "f:a", dawn, f.Now())
	if len(got) != 1 || got[0].Max > 15_000 || got[0].Max < 5_000 {
		t.Errorf("it is %+v, of a batch whose records are some 30 s and 10 s old", got)
	}
}

// TestTargetGone deletes what a mapping runs: its batches wait, and its result says
// so.
func TestTargetGone(t *testing.T) {
	for _, c := range []struct {
		name   string
		remove func(f *flow) error
		back   func(f *flow) error
	}{
		{"alias", func(f *flow) error { return f.DeleteAlias(dataPlace, "f", "a") }, func(f *flow) error {
			_, err := f.CreateAlias(dataPlace, "f", AliasInput{Name: "a", FunctionVersion: "$LATEST"})
			return err
		}},
		{"function", func(f *flow) error { return f.DeleteFunction(dataPlace, "f", "") }, func(f *flow) error {
			return f.SeedFunction(dataPlace, "f", "a")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFlow(t, 1)
			a := f.mapping("a", "TRIM_HORIZON", MappingSettings{MaximumRetryAttempts: new(0)})
			f.put("k1", "A")
			f.pass(time.Minute)
			f.ok(c.remove(f))
			f.put("k2", "A")
			f.pass(time.Minute)
			m, err := f.Mapping(dataPlace, a)
			f.ok(err)
			if f.outcomes(a, TargetGone) == 0 || f.outcomes(a, Throttled) != 0 || m.LastProcessingResult != "PROBLEM: Function call failed" {
				t.Errorf("%d without a target, %d throttled, %q", f.outcomes(a, TargetGone), f.outcomes(a, Throttled), m.LastProcessingResult)
			}
			f.ok(c.back(f))
			f.pass(time.Minute)
			m, err = f.Mapping(dataPlace, a)
			f.ok(err)
			if f.delivered(a)["k2"] != 1 || m.LastProcessingResult != "OK" {
				t.Errorf("delivered %v, %q", f.delivered(a), m.LastProcessingResult)
			}
		})
	}
}

// TestExpiredForOthers gives up by expiry only what the mapping takes.
func TestExpiredForOthers(t *testing.T) {
	f := newFlow(t, 1)
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{}, "A")
	f.pass(10 * time.Second)
	f.enable(a, false)
	for i := range 5 {
		f.put(fmt.Sprint("a", i), "A")
		f.put(fmt.Sprint("b", i), "B")
	}
	f.pass(25 * time.Hour)
	f.put("later", "B") // which trims
	f.enable(a, true)
	f.pass(time.Minute)
	if got := f.discarded(a); got[ByExpiry] != 5 || len(got) != 1 {
		t.Errorf("discarded %v, of 5", got)
	}
}

package world

import (
	"fmt"
	"testing"
	"time"
)

// never is a batch that no count fills.
func never() *int { return new(10_000) }

// TestAnotherOfTheName deletes a stream, and a function at work, and makes others
// of their names: nothing of the old ones counts for them.
func TestAnotherOfTheName(t *testing.T) {
	for _, window := range []int{0, 20} {
		t.Run(fmt.Sprintf("stream, window %d", window), func(t *testing.T) {
			f := newFlow(t, 1)
			a := f.mapping("a", "TRIM_HORIZON", MappingSettings{MaximumBatchingWindowInSeconds: &window})
			f.pass(10 * time.Second)
			for i := range 10 {
				f.put(fmt.Sprint("old", i), "A")
			}
			f.pass(3 * time.Second)
			f.ok(f.DeleteStream(dataPlace, "s", true))
			f.pass(3 * time.Second)
			f.ok(f.CreateStream(dataPlace, NewStream{Name: "s", Shards: 1}))
			f.pass(3 * time.Second)
			f.Forget()
			for i := range 3 {
				f.put(fmt.Sprint("new", i), "A")
			}
			f.pass(time.Minute)
			if got := f.delivered(a); len(got) != 3 || f.Backlog(dataPlace, a) != 0 {
				t.Errorf("delivered %v, backlog %d", got, f.Backlog(dataPlace, a))
			}
		})
	}
	for _, provisioned := range []bool{false, true} {
		t.Run(fmt.Sprintf("function, provisioned %v", provisioned), func(t *testing.T) {
			f := newFlow(t, 1)
			f.SetHandler(func(string, Record, time.Time) (time.Duration, bool) { return 50 * time.Second, true })
			if provisioned {
				_, err := f.PutProvisioned(dataPlace, "f", "live", 1)
				f.ok(err)
			}
			_, err := f.CreateMapping(dataPlace, MappingInput{EventSourceArn: StreamARN(dataPlace, "s"), FunctionName: "f:live", StartingPosition: "TRIM_HORIZON"})
			f.ok(err)
			f.put("k", "A")
			f.pass(10 * time.Second)
			f.ok(f.DeleteFunction(dataPlace, "f", ""))
			f.ok(f.SeedFunction(dataPlace, "f", "live"))
			f.pass(10 * time.Minute)
			if n := f.Running(dataPlace, "f"); n != 0 {
				t.Errorf("%d running", n)
			}
		})
	}
}

// TestTimeout lets a function run for longer than it may: that is a failure.
func TestTimeout(t *testing.T) {
	f := newFlow(t, 1)
	f.SetHandler(func(string, Record, time.Time) (time.Duration, bool) { return 10 * time.Second, true })
	_, err := f.UpdateConfiguration(dataPlace, "f", FunctionSettings{Timeout: new(3)}, "")
	f.ok(err)
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{MaximumRetryAttempts: new(1)})
	f.put("k", "A")
	f.pass(time.Minute)
	for _, x := range f.attempts(a) {
		if x.Outcome != Failed || x.Until.Sub(x.At) != 3*time.Second {
			t.Errorf("an attempt took %s with outcome %d", x.Until.Sub(x.At), x.Outcome)
		}
	}
	if got := f.discarded(a); got[ByAttempts] != 1 {
		t.Errorf("discarded %v", got)
	}
}

// TestWindowEnds ends a window by size, and begins the next with the end of the run.
func TestWindowEnds(t *testing.T) {
	t.Run("payload", func(t *testing.T) {
		f := newFlow(t, 1)
		a := f.mapping("a", "TRIM_HORIZON", MappingSettings{BatchSize: never(), MaximumBatchingWindowInSeconds: new(120)})
		f.pass(10 * time.Second)
		for range 6 {
			_, _, err := f.Put(dataPlace, "s", "k", make([]byte, 1_000_000))
			f.ok(err)
			f.pass(time.Second)
		}
		f.pass(20 * time.Second)
		if got := f.attempts(a); len(got) != 1 || len(got[0].Indexes) != 4 {
			t.Errorf("attempts %v", got)
		}
	})
	t.Run("next", func(t *testing.T) {
		f := newFlow(t, 1)
		f.SetHandler(func(string, Record, time.Time) (time.Duration, bool) { return 3 * time.Second, true })
		a := f.mapping("a", "TRIM_HORIZON", MappingSettings{BatchSize: new(5), MaximumBatchingWindowInSeconds: new(20)})
		f.pass(10 * time.Second)
		for range 7 {
			f.put("k", "A")
		}
		f.pass(2 * time.Minute)
		got := f.attempts(a)
		if len(got) != 2 || got[1].At.Sub(got[0].Until) != 20*time.Second {
			t.Errorf("attempts %v", got)
		}
	})
}

// TestLatestOverReshard splits a shard that is read: nothing of its children is
// missed, whenever LATEST is anchored elsewhere.
func TestLatestOverReshard(t *testing.T) {
	for seed := range uint64(20) {
		timing := Real()
		timing.DataPlaneLeast, timing.DataPlane = 0, 5*time.Minute
		f := &flow{New(seed, timing, dawn), t}
		f.SetKnobs(Knobs{})
		f.ok(f.SeedStream(dataPlace, "s", 1))
		f.ok(f.SeedFunction(dataPlace, "f", "live"))
		f.Log(true)
		a := f.mapping("a", "LATEST", MappingSettings{})
		n := 0
		for ; len(f.delivered(a)) == 0; n++ {
			f.put(fmt.Sprint("before", n), "A")
			f.pass(time.Second)
		}
		f.ok(f.SplitShard(dataPlace, "s", "shardId-000000000000", "170141183460469231731687303715884105728"))
		f.Forget()
		for i := range 600 {
			f.put(fmt.Sprint("after", i), "A")
			f.pass(time.Second)
		}
		f.pass(10 * time.Minute)
		for i := range 600 {
			if key := fmt.Sprint("after", i); f.delivered(a)[key] == 0 {
				t.Fatalf("seed %d: %s was not read", seed, key)
			}
		}
	}
}

// TestReportedAndBisected splits a batch at the record that was reported.
func TestReportedAndBisected(t *testing.T) {
	f := newFlow(t, 1)
	f.SetHandler(func(_ string, r Record, _ time.Time) (time.Duration, bool) {
		return time.Millisecond, r.Key != "poison"
	})
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{BisectBatchOnFunctionError: new(true), FunctionResponseTypes: &[]string{"ReportBatchItemFailures"}})
	for i := range 10 {
		f.put(map[bool]string{true: "poison", false: fmt.Sprint("k", i)}[i == 3], "A")
	}
	f.pass(4 * time.Second)
	if got := fmt.Sprint(f.attempts(a)[1].Indexes); got != "[3 4 5 6 7 8 9]" {
		t.Errorf("the second attempt is of %s", got)
	}
}

// TestEnabledDuringRun disables and enables a mapping while it runs: no key is
// with two runs at a time.
func TestEnabledDuringRun(t *testing.T) {
	f := newFlow(t, 1)
	f.SetHandler(func(string, Record, time.Time) (time.Duration, bool) { return 50 * time.Second, true })
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{BatchSize: new(1)})
	f.put("k", "A")
	f.put("k", "A")
	f.pass(10 * time.Second)
	for _, on := range []bool{false, true} {
		_, err := f.UpdateMapping(dataPlace, a, MappingUpdate{Settings: MappingSettings{Enabled: &on}})
		f.ok(err)
		f.pass(10 * time.Second)
	}
	if n := f.Running(dataPlace, "f"); n != 1 {
		t.Errorf("%d run for one key", n)
	}
	f.pass(20 * time.Minute)
	f.inOrder(a)
	if n := f.delivered(a)["k"]; n < 2 {
		t.Errorf("%d delivered", n)
	}
}

// TestNothingVanishes lets records expire that a mapping had read, or was yet to
// begin with, and filters change over them: each has its fact.
func TestNothingVanishes(t *testing.T) {
	t.Run("disabled over a reshard", func(t *testing.T) {
		f := newFlow(t, 1)
		a := f.mapping("a", "TRIM_HORIZON", MappingSettings{})
		f.put("seen", "A")
		f.pass(time.Minute)
		f.enable(a, false)
		f.put("parent", "A")
		f.ok(f.SplitShard(dataPlace, "s", "shardId-000000000000", "170141183460469231731687303715884105728"))
		f.pass(time.Minute)
		for i := range 10 {
			f.put(fmt.Sprint("child", i), "A")
		}
		f.pass(25 * time.Hour)
		for i := range 10 {
			f.put(fmt.Sprint("later", i), "A") // which trims
		}
		f.enable(a, true)
		f.pass(time.Minute)
		if got := f.discarded(a); got[ByExpiry] != 11 {
			t.Errorf("discarded %v, of 11", got)
		}
	})
	t.Run("changed behind a long run", func(t *testing.T) {
		f := newFlow(t, 1)
		f.SetHandler(func(string, Record, time.Time) (time.Duration, bool) { return time.Millisecond, false })
		a := f.mapping("a", "TRIM_HORIZON", MappingSettings{BatchSize: new(1)})
		for range 6 {
			f.put("k", "A")
			f.pass(time.Second)
		}
		f.pass(24*time.Hour - 10*time.Second)
		_, err := f.UpdateMapping(dataPlace, a, MappingUpdate{Settings: MappingSettings{BatchSize: new(2)}})
		f.ok(err)
		f.pass(time.Hour)
		if got := f.discarded(a); got[ByExpiry] != 6 {
			t.Errorf("discarded %v, of 6", got)
		}
	})
	t.Run("left out by a new filter", func(t *testing.T) {
		f := newFlow(t, 1)
		f.SetKnobs(Knobs{FilterAtBatch: true})
		a := f.mapping("a", "TRIM_HORIZON", MappingSettings{BatchSize: never(), MaximumBatchingWindowInSeconds: new(300)}, "A")
		f.pass(10 * time.Second)
		f.put("k", "A")
		f.pass(10 * time.Second)
		_, err := f.UpdateMapping(dataPlace, a, MappingUpdate{Settings: MappingSettings{FilterCriteria: &[]string{`{"data":{"type":["B"]}}`}}})
		f.ok(err)
		f.pass(10 * time.Minute)
		if got := f.discarded(a); got[ByFilter] != 1 {
			t.Errorf("discarded %v", got)
		}
	})
}

func (f *flow) enable(uuid string, on bool) {
	f.t.Helper()
	_, err := f.UpdateMapping(dataPlace, uuid, MappingUpdate{Settings: MappingSettings{Enabled: &on}})
	f.ok(err)
	f.pass(30 * time.Second)
}

// TestSharedReads lets somebody read beside mappings: a shard's five reads a
// second are for all of them.
func TestSharedReads(t *testing.T) {
	f := newFlow(t, 1)
	for i := range 4 {
		f.mapping(fmt.Sprint("m", i), "TRIM_HORIZON", MappingSettings{})
	}
	f.pass(10 * time.Second)
	p, err := f.ShardIterator(dataPlace, "s", "shardId-000000000000", "TRIM_HORIZON", "", time.Time{})
	f.ok(err)
	answered := 0
	for range 60 {
		f.put("k", "A")
		for range 5 {
			if _, _, _, _, err := f.GetRecords(dataPlace, p, 1); err == nil {
				answered++
			}
			f.pass(200 * time.Millisecond)
		}
	}
	if answered >= 300 || f.ThrottledReads() == 0 {
		t.Errorf("%d of 300 reads answered, %d of the mappings' refused", answered, f.ThrottledReads())
	}
}

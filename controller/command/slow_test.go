package command_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// TestLongInvocation moves a type while its old mapping is in an invocation of almost 15
// minutes, or in the second of two, behind which records of that type wait. Other shards
// and mappings go on meanwhile and report that they are not behind: that proves nothing
// of this one.
func TestLongInvocation(t *testing.T) {
	for _, isolation := range []string{"Alias", "FanOut"} {
		for _, shards := range []int{1, 2} {
			for _, slow := range []int{1, 2} {
				t.Run(fmt.Sprint(isolation, shards, slow), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { longInvocation(t, isolation, shards, slow) })
				})
			}
		}
	}
}

func longInvocation(t *testing.T, isolation string, shards, slow int) {
	s := &story{rig: newRig(t, map[string]int{"orders-events": shards}, "order-processor")}
	s.server.Do(func(w *world.World) {
		allow(t, w, 900, "order-processor")
		w.Log(true)
		w.SetKnobs(world.Knobs{FilterAtBatch: true}) // a changed filter meets what was read before as well
	})
	s.handler(func(_, data string, _ time.Time) (time.Duration, bool) {
		if strings.Contains(data, "slow") {
			return 14*time.Minute + 55*time.Second, true
		}
		return 5 * time.Millisecond, true
	})
	time.Sleep(time.Minute)
	put := func(key, eventType, note string) { s.put("orders-events", key, eventType, note) }
	before := routing(t, fmt.Sprintf("    - {name: g, eventTypes: [Paid, Placed], isolation: %[1]s}\n    - {name: o, eventTypes: [Shipped], isolation: %[1]s}\n", isolation))
	after := routing(t, fmt.Sprintf("    - {name: g, eventTypes: [Paid], isolation: %[1]s}\n    - {name: h, eventTypes: [Placed], isolation: %[1]s}\n    - {name: o, eventTypes: [Shipped], isolation: %[1]s}\n", isolation))
	s.settle(before)
	time.Sleep(time.Hour)
	s.began = time.Now()
	for range slow {
		put("a", "Paid", "slow")
		time.Sleep(5 * time.Second)
	}
	for range 300 {
		put("a", "Paid", "")
	}
	put("a", "Placed", "waits behind the slow one")
	for step := range 180 * 6 {
		time.Sleep(10 * time.Second)
		for _, key := range []string{"a", "b", "c", "d", "e"} {
			put(key, "Shipped", "")
			if key != "a" {
				put(key, "Paid", "")
				put(key, "Placed", "")
			}
		}
		if step < 13 || step%3 != 0 { // a new route starts two minutes before the pass
			continue
		}
		s.pass(after)
	}
	if p := s.plan(after); !p.Empty() || handingOver(p) > 0 {
		t.Errorf("three hours later the type has not moved: %v, held %v", p.Changes, p.Held)
	}
	s.judge("Paid", "Placed", "Shipped")
}

// TestHandoverTakes measures for how long two mappings take what moves, with a pass
// every 5 minutes and records every 10 s: it depends on how long an invocation may be.
func TestHandoverTakes(t *testing.T) {
	for seconds, want := range map[int]time.Duration{3: 20 * time.Minute, 60: 20 * time.Minute, 900: 50 * time.Minute} {
		t.Run(fmt.Sprint(seconds), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, map[string]int{"orders-events": 2}, "order-processor")
				r.server.Do(func(w *world.World) {
					allow(t, w, seconds, "order-processor")
					if seconds < 60 { // which version 1 allows
						if err := w.DeleteFunction(here, "order-processor", "1"); err != nil {
							t.Fatal(err)
						}
					}
				})
				r.settle(routing(t, "    - {name: all, eventTypes: [Paid, Placed]}\n"))
				time.Sleep(time.Hour)
				docs := routing(t, "    - {name: all, eventTypes: [Paid]}\n    - {name: placed, eventTypes: [Placed]}\n")
				for began := time.Now(); ; {
					if _, err := r.apply(t.Context(), r.server.Client().Do, docs); err != nil {
						t.Fatal(err)
					}
					if p := r.plan(docs); p.Empty() && len(p.Held) == 0 {
						took := time.Since(began).Round(time.Minute)
						t.Logf("functions of %d s: both take what moves for %s", seconds, took)
						if took > want {
							t.Errorf("%s, want %s at most", took, want)
						}
						return
					}
					for range 30 {
						time.Sleep(10 * time.Second)
						r.server.Do(func(w *world.World) {
							for _, key := range []string{"a", "b", "c", "d"} {
								if _, _, err := w.Put(here, "orders-events", key, []byte(`{"eventType":"Placed"}`)); err != nil {
									t.Fatal(err)
								}
							}
						})
					}
				}
			})
		})
	}
}

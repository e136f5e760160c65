package command_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventrouting/eventrouting/emulator/verdict"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/spec"
)

const (
	bothRoutes  = "    - {name: g, eventTypes: [Paid, Placed]}\n    - {name: o, eventTypes: [Shipped]}\n"
	apartRoutes = "    - {name: g, eventTypes: [Paid]}\n    - {name: h, eventTypes: [Placed]}\n    - {name: o, eventTypes: [Shipped]}\n"
)

// TestGiverReadsWhatItLeavesOut moves a type while one shard of its mapping, which was
// behind, reads an hour of what the filter leaves out: that shows no batch, while the
// other shard's are fresh.
func TestGiverReadsWhatItLeavesOut(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads gigabytes")
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 1, world.Short(), map[string]int{"orders-events": 2}, map[string]int{"order-processor": 60})
		text := strings.Replace(ordersText, "maxAttempts: 5, ", "", 1)
		before, after := load(t, []byte(text+bothRoutes)), load(t, []byte(text+apartRoutes))
		s.settle(before)
		time.Sleep(5 * time.Minute)
		s.began = time.Now()
		mends := s.began.Add(75 * time.Minute)
		s.handler(func(_, data string, now time.Time) (time.Duration, bool) {
			return 5 * time.Millisecond, !strings.Contains(data, "poison") || now.After(mends)
		})
		noise := append([]byte(`{"eventType":"Noise"`), append(bytes.Repeat([]byte(" "), 900<<10), '}')...)
		s.put("orders-events", "b", "Paid", "poison")
		for range 300 {
			s.put("orders-events", "b", "Paid", "")
		}
		for second := 0; second < 140*60; second += 2 {
			s.server.Do(func(w *world.World) {
				if _, _, err := w.Put(here, "orders-events", "b", noise); err != nil {
					t.Fatal(err)
				}
			})
			if second == 58*60 {
				s.put("orders-events", "b", "Placed", "behind all of that")
			}
			if second%30 == 0 {
				s.put("orders-events", "a", "Paid", "")
				s.put("orders-events", "a", "Placed", "")
			}
			if second%60 == 0 && second >= 61*60 {
				s.pass(after)
			}
			time.Sleep(2 * time.Second)
		}
		s.judge("Paid", "Placed")
	})
}

// TestGiverIsEnabledAgain moves a type while its mapping is disabled by a person. Once
// it is enabled again its shards begin one after the other, minutes apart.
func TestGiverIsEnabledAgain(t *testing.T) {
	for _, seed := range []uint64{2, 11} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStory(t, seed, world.Short(), map[string]int{"orders-events": 2}, map[string]int{"order-processor": 60})
				s.server.Do(func(w *world.World) { w.SetTiming(lateTiming()) })
				docs := routing(t, bothRoutes)
				s.settle(docs)
				time.Sleep(time.Hour)
				s.disable("g")
				time.Sleep(6 * time.Minute)
				s.began = time.Now()
				for minute := range 180 {
					for _, key := range []string{"a", "b", "c", "d", "e"} {
						s.put("orders-events", key, "Paid", "")
						s.put("orders-events", key, "Placed", "")
					}
					if minute == 10 {
						docs = routing(t, apartRoutes)
					}
					time.Sleep(time.Minute)
					s.pass(docs)
				}
				s.judge("Paid", "Placed")
			})
		})
	}
}

// TestGiverRanAnotherFunction changes the function and moves a type while an invocation
// of the function before is under way, which may take longer than the new one's.
func TestGiverRanAnotherFunction(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStory(t, seed, world.Short(), map[string]int{"orders-events": 2}, map[string]int{"order-processor": 900, "next": 60})
				s.server.Do(func(w *world.World) {
					w.SetTiming(lateTiming())
					w.SetKnobs(world.Knobs{FilterAtBatch: true})
				})
				s.slowLane("order-processor")
				s.settle(routing(t, bothRoutes))
				after := load(t, []byte(strings.Replace(ordersText, "order-processor", "next", 1)+apartRoutes))
				time.Sleep(time.Hour)
				s.began = time.Now()
				s.fillLane(0, 400)
				for step := range 90 * 6 {
					time.Sleep(10 * time.Second)
					s.otherLanes()
					if step >= 13 && step%3 == 0 {
						s.pass(after)
					}
				}
				s.judge("Paid", "Placed")
			})
		})
	}
}

// TestStreamChangesBack lets a routing and its producers go to another stream, where
// the function is slow, and back half an hour later.
func TestStreamChangesBack(t *testing.T) {
	long(t)
	for _, isolation := range []string{"Alias", "FanOut"} {
		t.Run(isolation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStory(t, 1, world.Short(), map[string]int{"orders-events": 1, "orders-v2": 1}, map[string]int{"order-processor": 60})
				s.handler(func(_, data string, _ time.Time) (time.Duration, bool) {
					if strings.Contains(data, "orders-v2") {
						return 20 * time.Second, true
					}
					return 5 * time.Millisecond, true
				})
				text := ordersText + fmt.Sprintf("    - {name: r0, eventTypes: [Paid], batchSize: 1, isolation: %s}\n", isolation)
				before, after := load(t, []byte(text)), load(t, []byte(strings.Replace(text, "stream: orders-events", "stream: orders-v2", 1)))
				s.settle(before)
				time.Sleep(time.Hour)
				s.began = time.Now()
				s.flow(10*time.Minute, "orders-events", "Paid")
				s.pass(after)
				for range 6 {
					s.flow(5*time.Minute, "orders-v2", "Paid")
					s.pass(after)
				}
				s.pass(before)
				for _, wait := range []time.Duration{5 * time.Minute, 5 * time.Hour} {
					for range 12 {
						s.flow(wait, "orders-events", "Paid")
						s.pass(before)
					}
				}
				s.judge("Paid")
			})
		})
	}
}

// TestStreamChangesWhileDisabled lets a routing go to another stream while a person has
// disabled its mapping: what waits for that is read before it goes.
func TestStreamChangesWhileDisabled(t *testing.T) {
	long(t)
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 1, world.Short(), map[string]int{"orders-events": 1, "orders-v2": 1}, map[string]int{"order-processor": 60})
		text := ordersText + "    - {name: r0, eventTypes: [Paid]}\n"
		after := load(t, []byte(strings.Replace(text, "stream: orders-events", "stream: orders-v2", 1)))
		s.settle(load(t, []byte(text)))
		time.Sleep(time.Hour)
		s.began = time.Now()
		s.disable("r0")
		s.flow(10*time.Minute, "orders-events", "Paid")
		for _, wait := range []time.Duration{5 * time.Minute, 5 * time.Hour} {
			for range 20 {
				s.pass(after)
				s.flow(wait, "orders-v2", "Paid")
			}
		}
		s.judge("Paid")
	})
}

// TestTakerIsLate moves a type between two mappings that have run for long, with a data
// plane that is up to five minutes late: as it is, and with the first pass dying at each
// of its calls. Somebody looks again at once.
func TestTakerIsLate(t *testing.T) {
	long(t)
	before := "    - {name: g, eventTypes: [Paid, Placed]}\n    - {name: h, eventTypes: [Shipped]}\n"
	after := "    - {name: g, eventTypes: [Paid]}\n    - {name: h, eventTypes: [Shipped, Placed]}\n"
	calls := 0
	for k := 0; k <= calls; k++ {
		synctest.Test(t, func(t *testing.T) {
			s := newStory(t, 3, world.Short(), map[string]int{"orders-events": 2}, map[string]int{"order-processor": 60})
			s.server.Do(func(w *world.World) { w.SetTiming(lateTiming()) })
			s.settle(routing(t, before))
			s.flow(time.Hour, "orders-events", "Paid", "Placed", "Shipped")
			s.began = time.Now()
			docs := routing(t, after)
			if k == 0 { // to the end
				calls = killed(t.Context(), s.rig, docs, 1<<30, false)
			} else {
				killed(t.Context(), s.rig, docs, k, true)
			}
			for range 90 {
				s.pass(docs)
				s.flow(20*time.Second, "orders-events", "Paid", "Placed", "Shipped")
			}
			s.judge("Paid", "Placed", "Shipped")
		})
	}
}

// TestRevertOfMoved takes a route out whose events another has, and puts it back ten
// hours later: what the other did meanwhile does not come again.
func TestRevertOfMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 1, world.Short(), map[string]int{"orders-events": 1}, map[string]int{"order-processor": 60})
		both := routing(t, "    - {name: a, eventTypes: [Placed]}\n    - {name: b, eventTypes: [Paid]}\n")
		one := routing(t, "    - {name: b, eventTypes: [Paid, Placed]}\n")
		s.settle(both)
		s.began = time.Now()
		for _, docs := range [][]spec.EventRouting{one, both} {
			for range 120 {
				s.pass(docs)
				s.flow(5*time.Minute, "orders-events", "Paid", "Placed")
			}
		}
		s.server.Do(func(w *world.World) {
			got := verdict.Judge(verdict.Case{Facts: w.Facts(), TypeOf: verdict.TypeAt("eventType"), Routed: []verdict.Routed{{Type: "Placed", From: s.began}}})
			if n := got.Duplicates["beside"]; n > 1000 {
				t.Errorf("WRONG: %d of %d records are delivered by two mappings", n, got.Expected)
			}
		})
		s.judge("Placed", "Paid")
	})
}

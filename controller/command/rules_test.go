package command_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
)

// Scenes of rules that random edits meet too seldom.

// TestStreamThereAndBack has a routing go to another stream and, while both of its old
// mappings go on beside the new ones, come back with a type given to another route: two
// mappings wait for one, whose stream is read again.
func TestStreamThereAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 1, world.Short(), map[string]int{"orders-events": 1, "orders-v2": 1}, map[string]int{"order-processor": 60})
		there := strings.Replace(ordersText, "stream: orders-events", "stream: orders-v2", 1)
		s.settle(load(t, []byte(ordersText+bothRoutes)))
		time.Sleep(time.Hour)
		for _, text := range []string{
			there + bothRoutes,
			there + "    - {name: g, eventTypes: [Paid]}\n    - {name: o, eventTypes: [Shipped, Placed]}\n",
			ordersText + "    - {name: g, eventTypes: [Placed], batchSize: 50}\n    - {name: new, eventTypes: [Paid]}\n    - {name: o, eventTypes: [Shipped]}\n",
		} {
			docs := load(t, []byte(text))
			for range 8 {
				seen := map[reconcile.Addr]bool{}
				for _, c := range s.plan(docs).Changes {
					if seen[c.Addr] {
						t.Errorf("two changes of %s in one plan", c.Addr)
					}
					seen[c.Addr] = true
				}
				s.pass(docs)
				time.Sleep(100 * time.Second)
			}
		}
	})
}

// TestStreamThenFunction has a routing go to another stream, and to another function before
// its old mappings have retired: nothing is written to the old stream any more, which no
// document names, and they retire once its retention has passed, or at once where it is gone.
func TestStreamThenFunction(t *testing.T) {
	for _, isolation := range []string{"Alias", "FanOut", "Alias, and the stream is deleted"} {
		isolation, _, gone := strings.Cut(isolation, ",")
		t.Run(fmt.Sprintf("%s, gone: %t", isolation, gone), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStory(t, 1, world.Short(), map[string]int{"orders-events": 1, "orders-v2": 1}, map[string]int{"order-processor": 60, "next": 60})
				text := ordersText + "    - {name: g, eventTypes: [Paid], isolation: " + isolation + "}\n"
				s.settle(load(t, []byte(text)))
				s.flow(time.Hour, "orders-events", "Paid")
				text = strings.Replace(text, "stream: orders-events", "stream: orders-v2", 1)
				docs := load(t, []byte(text))
				for range 2 {
					s.pass(docs)
					s.flow(5*time.Minute, "orders-v2", "Paid")
				}
				docs = load(t, []byte(strings.Replace(text, "name: order-processor", "name: next", 1)))
				if gone {
					s.server.Do(func(w *world.World) { must[int](t)(0, w.DeleteStream(here, "orders-events", true)) })
				}
				for range map[bool]int{true: 3, false: 30}[gone] {
					s.pass(docs)
					s.flow(time.Minute, "orders-v2", "Paid")
					time.Sleep(time.Hour)
				}
				for _, h := range s.plan(docs).Held {
					if h.Action != reconcile.Lower {
						t.Errorf("held in the end: %s %s: %s", h.Action, h.Addr, h.Reason)
					}
				}
			})
		})
	}
}

// TestThrottledBehind has a person disable a mapping for longer than half of its maxAge, and
// nothing run for hours once it is enabled: it has not caught up before it took a batch.
func TestThrottledBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 1, world.Short(), map[string]int{"orders-events": 1}, map[string]int{"order-processor": 60})
		docs := load(t, []byte(strings.Replace(ordersText, "maxAge: 6h", "maxAge: 1h", 1)+"    - {name: g, eventTypes: [Paid], batchSize: 1}\n"))
		reserve := func(n int) {
			s.server.Do(func(w *world.World) { must[int](t)(0, w.PutConcurrency(here, "order-processor", n)) })
		}
		s.settle(docs)
		time.Sleep(30 * time.Minute)
		s.began = time.Now()
		s.disable("g")
		s.flow(time.Hour, "orders-events", "Paid")
		s.pass(docs)
		s.pass(docs)
		reserve(0)
		for i := range 70 {
			time.Sleep(5 * time.Minute)
			s.pass(docs)
			if i == 36 {
				reserve(5)
			}
		}
		s.judge("Paid")
	})
}

// TestConsumerLostThenMoved has a person deregister a route's consumer, and the next document
// give its events to a new route: that begins where the consumer did.
func TestConsumerLostThenMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 1, world.Short(), map[string]int{"orders-events": 1}, map[string]int{"order-processor": 60})
		s.settle(routing(t, "    - {name: g, eventTypes: [Paid], isolation: FanOut}\n    - {name: o, eventTypes: [Shipped]}\n"))
		time.Sleep(30 * time.Minute)
		s.began = time.Now()
		s.flow(10*time.Minute, "orders-events", "Paid", "Shipped")
		s.server.Do(func(w *world.World) {
			must[int](t)(0, w.DeregisterConsumer(here, "orders-events", "orders--g"))
		})
		s.flow(20*time.Minute, "orders-events", "Paid", "Shipped")
		docs := routing(t, "    - {name: h, eventTypes: [Paid]}\n    - {name: o, eventTypes: [Shipped]}\n")
		for range 40 {
			s.pass(docs)
			s.flow(3*time.Minute, "orders-events", "Paid", "Shipped")
		}
		s.judge("Paid", "Shipped")
	})
}

// TestLatestTimeoutLowered follows $LATEST, whose time-out falls while an invocation of
// before is under way: that may go on for longer than any may now.
func TestLatestTimeoutLowered(t *testing.T) {
	long(t)
	for seed := uint64(1); seed <= 3; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { latestTimeoutLowered(t, seed) })
		})
	}
}

func latestTimeoutLowered(t *testing.T, seed uint64) {
	s := newStory(t, seed, world.Short(), map[string]int{"orders-events": 2}, map[string]int{"order-processor": 900})
	s.server.Do(func(w *world.World) {
		w.SetTiming(lateTiming())
		w.SetKnobs(world.Knobs{FilterAtBatch: true})
		must[int](t)(0, w.DeleteAlias(here, "order-processor", "live"))
		must[int](t)(0, w.DeleteFunction(here, "order-processor", "2"))
	})
	s.slowLane("order-processor")
	text := strings.Replace(ordersText, "follow: live", `follow: "$LATEST"`, 1)
	s.settle(load(t, []byte(text+bothRoutes)))
	after := load(t, []byte(text+apartRoutes))
	time.Sleep(time.Hour)
	s.began = time.Now()
	s.fillLane(5*time.Second, 600)
	for step := range 90 * 6 {
		time.Sleep(10 * time.Second)
		s.otherLanes()
		if seconds := 60; step == 27 {
			s.server.Do(func(w *world.World) {
				must[world.Function](t)(w.UpdateConfiguration(here, "order-processor", world.FunctionSettings{Timeout: &seconds}, ""))
			})
		}
		if step >= 14 && step%3 == 0 {
			s.pass(after)
		}
	}
	s.judge("Paid", "Placed")
}

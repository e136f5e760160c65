package command_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// TestFinishesElsewhere has a routing go to another stream some time after a person
// disabled its mapping: that is enabled again, to finish, and what it can run counts
// before it does, though no route reads its stream any more.
func TestFinishesElsewhere(t *testing.T) {
	for _, wait := range []time.Duration{10 * time.Minute, 50 * time.Minute, 3 * time.Hour} {
		t.Run(wait.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { finishesElsewhere(t, wait) })
		})
	}
}

func finishesElsewhere(t *testing.T, wait time.Duration) {
	s := newStory(t, 1, world.Short(), map[string]int{"orders-events": 8, "s2": 2}, map[string]int{"order-processor": 60})
	text := ordersText + "    - {name: a, eventTypes: [A]}\n"
	s.settle(load(t, []byte(text)))
	time.Sleep(time.Hour)
	s.disable("a")
	time.Sleep(wait)
	docs := load(t, []byte(strings.Replace(text, "stream: orders-events", "stream: s2", 1)))
	both := false
	for range 5 {
		s.pass(docs)
		s.server.Do(func(w *world.World) {
			n := 0
			for _, m := range mappings(t, w) {
				if m.State == "Enabled" {
					n += map[string]int{"orders-events": 8, "s2": 2}[streamOf(m)]
				}
			}
			both = both || n == 8+2
			if got := must[*int](t)(w.Concurrency(here, "order-processor")); got == nil || *got < n {
				t.Errorf("%s, and %d can run", standing{reserved: got}, n)
			}
		})
		time.Sleep(20 * time.Minute)
	}
	if !both {
		t.Error("the mapping that was to finish was never enabled beside the new one")
	}
}

// TestReshardAfterSmallerFactor reshards a stream a moment after a route's factor fell:
// the larger one may run the new shards as well, until AWS has heard of the change
// everywhere and what began before has ended.
func TestReshardAfterSmallerFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, 1, world.Short(), map[string]int{"orders-events": 2}, map[string]int{"order-processor": 60})
		text := ordersText + "    - {name: a, eventTypes: [A], parallelizationFactor: 2}\n"
		s.settle(load(t, []byte(text)))
		time.Sleep(time.Hour)
		docs := load(t, []byte(strings.Replace(text, "Factor: 2", "Factor: 1", 1)))
		s.pass(docs)
		s.server.Do(func(w *world.World) { must[int](t)(w.UpdateShardCount(here, "orders-events", 4)) })
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{time.Minute, 8}, {2 * time.Hour, 4}} {
			time.Sleep(c.after)
			s.pass(docs)
			s.server.Do(func(w *world.World) {
				if got := must[*int](t)(w.Concurrency(here, "order-processor")); got == nil || *got != c.want {
					t.Errorf("%s after %s, want %d", standing{reserved: got}, c.after, c.want)
				}
			})
		}
	})
}

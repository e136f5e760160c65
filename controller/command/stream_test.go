package command_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// TestStreamChanges lets a routing read another stream, while producers still write
// to the one before: what is there by then is delivered, the new one has no gap, and
// nothing of the old one is left in the end.
func TestStreamChanges(t *testing.T) {
	long(t)
	for _, test := range []struct {
		isolation string
		routes    int // with one there is no brake
	}{{"Alias", 1}, {"Alias", 3}, {"FanOut", 1}, {"FanOut", 3}, {"Function", 1}, {"Function", 3}} {
		t.Run(fmt.Sprint(test.isolation, test.routes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { streamChanges(t, test.isolation, test.routes) })
		})
	}
}

func streamChanges(t *testing.T, isolation string, routes int) {
	s := &story{rig: newRig(t, map[string]int{"orders-events": 2, "orders-v2": 2}, "order-processor", "f0", "f1", "f2")}
	s.server.Do(func(w *world.World) { w.Log(true) })
	text := ordersText
	var types []string
	for i := range routes {
		types = append(types, fmt.Sprint("T", i))
		text += fmt.Sprintf("    - {name: r%d, eventTypes: [T%d], maxBatchingWindow: 5m, isolation: %s", i, i, isolation)
		if isolation == "Function" {
			text += fmt.Sprintf(", function: f%d", i)
		}
		text += "}\n"
	}
	before := load(t, []byte(text))
	after := load(t, []byte(strings.Replace(text, "stream: orders-events", "stream: orders-v2", 1)))
	s.settle(before)
	time.Sleep(time.Hour)
	s.began = time.Now()
	n := 0
	flow := func(d time.Duration, stream string) { // to both shards
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Second) {
			for _, eventType := range types {
				n++
				s.put(stream, fmt.Sprint("k", n%7), eventType, "")
			}
		}
	}
	flow(10*time.Minute, "orders-events")
	s.pass(after)
	for range 12 {
		flow(5*time.Minute, "orders-v2")
		s.pass(after)
	}
	running := map[string]int{}
	for key, ms := range s.state().Mappings {
		if ms[0].Enabled {
			running[key.Stream]++
		}
	}
	if running["orders-events"] != 0 || running["orders-v2"] != routes {
		t.Errorf("an hour later these run: %v", running)
	}
	for range 6 {
		flow(5*time.Hour, "orders-v2")
		s.pass(after)
	}
	if p := s.plan(after); !p.Empty() || len(p.Held) > 0 {
		t.Errorf("more than a day later: %v, held %v", p.Changes, p.Held)
	}
	for key := range s.state().Mappings {
		if key.Stream == "orders-events" {
			t.Errorf("mapping %s is left", key)
		}
	}
	s.server.Do(func(w *world.World) {
		if sum, err := w.Stream(here, "orders-events"); err != nil || sum.Consumers != 0 {
			t.Errorf("%d consumers are left of the old stream (%v)", sum.Consumers, err)
		}
	})
	s.judge(types...)
}

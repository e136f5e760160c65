package command_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/verdict"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/spec"
)

// story is records, passes and a verdict.
type story struct {
	*rig
	began time.Time
}

func newStory(t *testing.T, seed uint64, timing world.Timing, streams map[string]int, functions map[string]int) *story {
	t.Helper()
	r := newRig(t, nil)
	r.server = emulator.New(emulator.Options{World: world.New(seed, timing, time.Now())})
	of := map[string][]string{}
	for name := range functions {
		of[name] = []string{"live"}
	}
	if err := r.server.Seed(emulator.Seed{Place: here, Streams: streams, Functions: of}); err != nil {
		t.Fatal(err)
	}
	r.server.Do(func(w *world.World) {
		for name, seconds := range functions {
			allow(t, w, seconds, name)
			if err := w.DeleteFunction(here, name, "1"); err != nil && seconds != 60 {
				t.Fatal(err)
			}
		}
		w.Log(true)
	})
	time.Sleep(time.Minute)
	return &story{rig: r}
}

// handler is how long a record takes, and whether it fails.
func (s *story) handler(f func(function, data string, now time.Time) (time.Duration, bool)) {
	s.server.Do(func(w *world.World) {
		w.SetHandler(func(function string, x world.Record, now time.Time) (time.Duration, bool) {
			return f(function, string(x.Data[:min(80, len(x.Data))]), now)
		})
	})
}

func (s *story) put(stream, key, eventType, note string) {
	s.t.Helper()
	s.server.Do(func(w *world.World) {
		if _, _, err := w.Put(here, stream, key, fmt.Appendf(nil, `{"eventType":%q,"note":%q}`, eventType, note)); err != nil {
			s.t.Fatal(err)
		}
	})
}

func (s *story) pass(docs []spec.EventRouting) {
	s.t.Helper()
	if _, err := s.apply(s.t.Context(), s.server.Client().Do, docs); err != nil {
		s.t.Fatal(err)
	}
}

// flow writes a record of each type every 10 s.
func (s *story) flow(d time.Duration, stream string, types ...string) {
	s.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Second) {
		for _, eventType := range types {
			s.put(stream, "k", eventType, stream)
		}
	}
}

// disable is a person who disables what a route's mapping runs.
func (s *story) disable(route string) {
	s.t.Helper()
	s.server.Do(func(w *world.World) {
		all, _, err := w.Mappings(here, world.MappingsQuery{})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, m := range all {
			if strings.HasSuffix(m.FunctionArn, "--"+route) {
				if _, err := w.UpdateMapping(here, m.UUID, world.MappingUpdate{Settings: world.MappingSettings{Enabled: new(false)}}); err != nil {
					s.t.Fatal(err)
				}
			}
		}
	})
}

// slowLane has a function take as long for a record as its note says, see fillLane.
func (s *story) slowLane(slow string) {
	takes := map[string]time.Duration{"slow": 14*time.Minute + 30*time.Second, "first": 4 * time.Minute, "backlog": 500 * time.Millisecond}
	s.handler(func(function, data string, _ time.Time) (time.Duration, bool) {
		for note, d := range takes {
			if strings.Contains(data, note) && (function == slow || note == "backlog") {
				return d, true
			}
		}
		return 5 * time.Millisecond, true
	})
}

// fillLane writes to one lane what keeps it for long, a backlog after that, and at last a
// record of the type that moves.
func (s *story) fillLane(pause time.Duration, backlog int) {
	s.t.Helper()
	s.put("orders-events", "a", "Paid", "first")
	time.Sleep(5 * time.Second)
	s.put("orders-events", "a", "Paid", "slow")
	time.Sleep(pause)
	for range backlog {
		s.put("orders-events", "a", "Paid", "backlog")
	}
	s.put("orders-events", "a", "Placed", "behind the slow one")
}

// otherLanes writes a record of both types to other lanes.
func (s *story) otherLanes() {
	s.t.Helper()
	for _, key := range []string{"b", "c", "d", "e"} {
		s.put("orders-events", key, "Paid", "")
		s.put("orders-events", key, "Placed", "")
	}
}

// judge checks that nothing of some types is lost.
func (s *story) judge(types ...string) {
	s.t.Helper()
	time.Sleep(10 * time.Minute) // what was written last is delivered
	var routed []verdict.Routed
	for _, eventType := range types {
		routed = append(routed, verdict.Routed{Type: eventType, From: s.began})
	}
	s.server.Do(func(w *world.World) {
		got := verdict.Judge(verdict.Case{Facts: w.Facts(), TypeOf: verdict.TypeAt("eventType"), Routed: routed})
		if len(got.Lost) > 0 || got.Expected == 0 {
			s.t.Errorf("WRONG: %d of %d expected records are lost", len(got.Lost), got.Expected)
		}
	})
}

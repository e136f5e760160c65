package command_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventrouting/eventrouting/emulator/verdict"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/spec"
)

// meddling is a story of people who change mappings behind our back while others are edited.
type meddling struct {
	*story
	types []string
	docs  []spec.EventRouting
}

// long leaves a test to the part of .ci/run that has no race detector, with which hours of
// records take minutes.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it is long")
	}
}

// meddle plays a scene that begins with bothRoutes, settled an hour ago, and judges that
// nothing is lost of the types that flow.
func meddle(t *testing.T, name string, seed uint64, play func(m *meddling)) {
	long(t)
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStory(t, seed, world.Short(), map[string]int{"orders-events": 2}, map[string]int{"order-processor": 60})
			s.server.Do(func(w *world.World) { w.SetTiming(lateTiming()) })
			m := &meddling{story: s, types: []string{"Paid", "Placed", "Shipped"}}
			m.edit(bothRoutes)
			s.settle(m.docs)
			time.Sleep(time.Hour)
			s.began = time.Now()
			play(m)
			s.judge(m.types...)
		})
	})
}

// edit replaces the routes. None of them gives up on a record.
func (m *meddling) edit(routes string) {
	m.docs = load(m.t, []byte(strings.Replace(ordersText, "maxAttempts: 5, ", "", 1)+routes))
}

// run writes records and makes a pass now and then.
func (m *meddling) run(d, every time.Duration) {
	m.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if _, err := m.apply(m.t.Context(), m.server.Client().Do, m.docs); err != nil {
			m.t.Log(err) // what moved meanwhile is for the next one
		}
		m.flow(every, "orders-events", m.types...)
	}
}

// alone writes records, and nobody looks.
func (m *meddling) alone(d time.Duration) { m.flow(d, "orders-events", m.types...) }

// lag has a route that takes Paid wait at a record for some time.
func (m *meddling) lag(d time.Duration) {
	ends := time.Now().Add(d)
	m.handler(func(_, data string, now time.Time) (time.Duration, bool) {
		return 5 * time.Millisecond, !strings.Contains(data, "poison") || now.After(ends)
	})
	for _, key := range []string{"a", "b", "c", "d", "k"} {
		m.put("orders-events", key, "Paid", "poison")
	}
}

// handover has g, which lags, begin to give Placed to h.
func (m *meddling) handover() {
	m.t.Helper()
	m.lag(40 * time.Minute)
	m.run(20*time.Minute, 5*time.Minute)
	m.edit(apartRoutes)
	m.run(4*time.Minute, time.Minute)
}

// mapping does something to the mapping of a route.
func (m *meddling) mapping(route string, do func(w *world.World, live world.Mapping) error) {
	m.t.Helper()
	done := false
	m.server.Do(func(w *world.World) {
		for _, live := range mappings(m.t, w) {
			if !strings.HasSuffix(live.FunctionArn, "--"+route) {
				continue
			}
			if err := do(w, live); err != nil {
				m.t.Fatal(err)
			}
			done = true
		}
	})
	if !done {
		m.t.Fatalf("route %s has no mapping", route)
	}
}

func (m *meddling) delete(route string) {
	m.t.Helper()
	m.mapping(route, func(w *world.World, live world.Mapping) error {
		_, err := w.DeleteMapping(here, live.UUID)
		return err
	})
}

// filter changes the filter of a route's mapping, and returns what it was.
func (m *meddling) filter(route string, filters []string) (was []string) {
	m.t.Helper()
	m.mapping(route, func(w *world.World, live world.Mapping) error {
		was = live.FilterCriteria
		_, err := w.UpdateMapping(here, live.UUID, world.MappingUpdate{Settings: world.MappingSettings{FilterCriteria: &filters}})
		return err
	})
	return was
}

// TestTakerMeddledWith has a person narrow the taker of a handover and widen it again
// between two passes: how long it has taken the events counts from then on.
func TestTakerMeddledWith(t *testing.T) {
	for seed := range uint64(8) {
		meddle(t, "", seed+1, func(m *meddling) {
			m.run(20*time.Minute, 5*time.Minute)
			m.edit(apartRoutes)
			m.run(14*time.Minute, time.Minute)
			m.alone(20 * time.Second)
			was := m.filter("h", []string{`{"data":{"eventType":["Nothing"]}}`})
			m.alone(10 * time.Second)
			m.filter("h", was)
			m.alone(10 * time.Second)
			m.run(2*time.Hour, time.Minute)
		})
	}
}

// TestDisabledThenDeclared has a person disable the mapping of a route, then the document
// disable the route and give one of its types to another: what was written in between is
// read by the old mapping, which stops after that. It gives its document no reason to
// enable what has read all.
func TestDisabledThenDeclared(t *testing.T) {
	const off = "    - {name: g, eventTypes: [Paid], enabled: false}\n    - {name: h, eventTypes: [Placed]}\n    - {name: o, eventTypes: [Shipped]}\n"
	stopped := func(m *meddling) {
		m.mapping("g", func(_ *world.World, live world.Mapping) error {
			if live.State != "Disabled" {
				m.t.Errorf("g is %s, and the document has it disabled", live.State)
			}
			return nil
		})
		if _, err := m.apply(m.t.Context(), func(req *http.Request) (*http.Response, error) {
			if req.Method != http.MethodGet && strings.Contains(req.URL.Path, "event-source-mappings") {
				m.t.Errorf("%s %s once all is done", req.Method, req.URL.Path)
			}
			return m.server.Client().Do(req)
		}, m.docs); err != nil {
			m.t.Error(err)
		}
	}
	meddle(t, "before it moves", 1, func(m *meddling) {
		m.types = []string{"Placed", "Shipped"}
		m.disable("g")
		m.run(10*time.Minute, time.Minute)
		m.edit(off)
		m.run(6*time.Hour, 5*time.Minute)
		stopped(m)
	})
	meddle(t, "within the handover", 1, func(m *meddling) {
		m.types = []string{"Placed", "Shipped"}
		m.handover()
		m.disable("g")
		m.run(2*time.Minute, time.Minute)
		m.edit(off)
		m.run(6*time.Hour, 5*time.Minute)
		m.run(40*time.Hour, time.Hour)
		stopped(m)
	})
	meddle(t, "with what its tag says of long ago", 1, func(m *meddling) {
		m.types = []string{"Placed", "Shipped"}
		m.edit("    - {name: g, eventTypes: [Paid, Placed], enabled: false}\n    - {name: o, eventTypes: [Shipped]}\n")
		m.run(10*time.Minute, 5*time.Minute)
		m.mapping("g", func(w *world.World, live world.Mapping) error {
			_, err := w.UpdateMapping(here, live.UUID, world.MappingUpdate{Settings: world.MappingSettings{Enabled: new(true)}})
			return err
		})
		m.alone(time.Minute)
		m.edit(bothRoutes)
		m.run(30*time.Hour, time.Hour)
		m.began = time.Now()
		m.disable("g")
		m.run(10*time.Minute, time.Minute)
		m.edit(off)
		m.run(9*time.Hour, 5*time.Minute)
		stopped(m)
	})
	meddle(t, "twice taken for days", 1, func(m *meddling) {
		m.types = []string{"Placed", "Shipped"}
		m.edit("    - {name: g, eventTypes: [Paid, Placed], allowOverlap: true}\n    - {name: h, eventTypes: [Placed], allowOverlap: true}\n    - {name: o, eventTypes: [Shipped]}\n")
		m.run(50*time.Hour, time.Hour)
		m.disable("g")
		m.run(10*time.Minute, time.Minute)
		m.edit("    - {name: g, eventTypes: [Paid, Placed], enabled: false, allowOverlap: true}\n    - {name: h, eventTypes: [Placed], allowOverlap: true}\n    - {name: o, eventTypes: [Shipped]}\n")
		m.run(2*time.Hour, time.Hour)
		stopped(m)
	})
}

// TestDeletedThenEdited has a person delete the mapping of a route, and its document change
// before the next pass, or a handover be under way: what it took by then nothing tells.
func TestDeletedThenEdited(t *testing.T) {
	for name, routes := range map[string]string{
		"as it was":         bothRoutes,
		"renamed":           "    - {name: g2, eventTypes: [Paid, Placed]}\n    - {name: o, eventTypes: [Shipped]}\n",
		"a new route takes": apartRoutes,
		"another takes":     "    - {name: g, eventTypes: [Paid]}\n    - {name: o, eventTypes: [Shipped, Placed]}\n",
		"split up":          "    - {name: p, eventTypes: [Paid]}\n    - {name: q, eventTypes: [Placed]}\n    - {name: o, eventTypes: [Shipped]}\n",
	} {
		meddle(t, name, 1, func(m *meddling) {
			m.run(20*time.Minute, time.Minute)
			m.delete("g")
			m.alone(4 * time.Minute)
			m.edit(routes)
			m.run(4*time.Hour, 5*time.Minute)
			m.settled()
		})
	}
	meddle(t, "renamed, and AWS refuses the new alias at first", 1, func(m *meddling) {
		m.run(20*time.Minute, time.Minute)
		m.delete("g")
		m.alone(4 * time.Minute)
		m.edit("    - {name: g2, eventTypes: [Paid, Placed]}\n    - {name: o, eventTypes: [Shipped]}\n")
		if _, err := m.apply(m.t.Context(), func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/aliases") {
				return nil, errors.New("it is refused")
			}
			return m.server.Client().Do(req)
		}, m.docs); err == nil {
			m.t.Error("nothing was refused")
		}
		m.run(4*time.Hour, 5*time.Minute)
		m.settled()
	})
	for _, route := range []string{"g", "h", "o"} {
		meddle(t, "within the handover, "+route, 1, func(m *meddling) {
			m.handover()
			m.delete(route)
			m.run(3*time.Hour, 5*time.Minute)
			m.run(40*time.Hour, time.Hour)
			m.settled()
		})
	}
}

// TestNeverMade has AWS refuse one mapping of several for hours, while its document changes: its
// alias is there, and nobody deleted anything. Nothing is read again for that.
func TestNeverMade(t *testing.T) {
	long(t)
	const four = "    - {name: a, eventTypes: [A]}\n    - {name: b, eventTypes: [B]}\n    - {name: c, eventTypes: [C]}\n    - {name: d, eventTypes: [D]}\n"
	for name, c := range map[string]struct{ from, then string }{
		"from now":                 {"Now", four},
		"from the horizon":         {"TrimHorizon", four},
		"beside a new route":       {"Now", four + "    - {name: e, eventTypes: [E]}\n"},
		"while another takes more": {"Now", strings.Replace(four, "[A]", "[A, E]", 1)},
		"while it is renamed":      {"Now", strings.Replace(four, "name: d", "name: z", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStory(t, 1, world.Short(), map[string]int{"orders-events": 2}, map[string]int{"order-processor": 60})
				m := &meddling{story: s, types: []string{"A", "B", "C", "D", "E"}}
				text := strings.Replace(ordersText, "{retry: {maxAttempts: 5, maxAge: 6h}}", "{startFrom: "+c.from+"}", 1)
				m.alone(time.Hour)
				docs := load(t, []byte(text+four))
				refused := 0
				refuse := func(req *http.Request) (*http.Response, error) {
					if req.Method == http.MethodPost && strings.HasSuffix(strings.TrimSuffix(req.URL.Path, "/"), "/event-source-mappings") {
						body, err := io.ReadAll(req.Body)
						if req.Body = io.NopCloser(bytes.NewReader(body)); err != nil || bytes.Contains(body, []byte("orders--d")) {
							refused++
							return nil, errors.New("it is refused")
						}
					}
					return s.server.Client().Do(req)
				}
				for range 12 {
					_, _ = s.apply(t.Context(), refuse, docs) // it is refused
					m.alone(30 * time.Minute)
				}
				if refused < 12 {
					t.Fatalf("%d requests were refused, want one in every pass at least", refused)
				}
				m.docs = load(t, []byte(text+c.then))
				m.run(2*time.Hour, 5*time.Minute)
				m.unrepeated()
			})
		})
	}
}

// unrepeated checks that what stays where it is is delivered once, and of the new type E
// nothing from long before its route.
func (m *meddling) unrepeated() {
	m.t.Helper()
	time.Sleep(10 * time.Minute)
	m.server.Do(func(w *world.World) {
		judge := func(types ...string) verdict.Verdict {
			var routed []verdict.Routed
			for _, eventType := range types {
				routed = append(routed, verdict.Routed{Type: eventType})
			}
			return verdict.Judge(verdict.Case{Facts: w.Facts(), TypeOf: verdict.TypeAt("eventType"), Routed: routed})
		}
		if got := judge("A", "D"); len(got.Duplicates) > 0 {
			m.t.Errorf("delivered more than once, by cause: %v", got.Duplicates)
		}
		if got := judge("E").ByType["E"].Percentile(1); got > 15*time.Minute {
			m.t.Errorf("E was delivered %s after it was written", got)
		}
	})
}

// settled checks that the next pass has nothing to do.
func (m *meddling) settled() {
	m.t.Helper()
	p := m.plan(m.docs)
	for _, c := range p.Changes {
		m.t.Errorf("not done yet: %s %s: %s", c.Action, c.Addr, c.Reason)
	}
	for _, h := range p.Held {
		m.t.Errorf("held yet: %s %s: %s", h.Action, h.Addr, h.Reason)
	}
}

// TestNameTakenAgain renames a route, and gives its old name to another minutes later: that
// has nothing of what was before.
func TestNameTakenAgain(t *testing.T) {
	for _, wait := range []time.Duration{5 * time.Minute, 20 * time.Minute} {
		meddle(t, wait.String(), 1, func(m *meddling) {
			m.types = append(m.types, "Noise")
			m.run(5*time.Hour, time.Hour)
			renamed := "    - {name: g2, eventTypes: [Paid, Placed]}\n    - {name: o, eventTypes: [Shipped]}\n"
			m.edit(renamed)
			m.run(wait, 5*time.Minute)
			m.edit(renamed + "    - {name: g, eventTypes: [Noise]}\n")
			m.run(30*time.Minute, 5*time.Minute)
			m.settled()
			m.types = m.types[:3]
			old := 0
			m.mapping("g", func(w *world.World, live world.Mapping) error {
				for _, f := range w.Facts() {
					if f.Mapping == live.UUID {
						old += len(f.Indexes)
					}
				}
				return nil
			})
			// It began at the earliest when its name became free.
			if most := int((30*time.Minute + wait + 12*time.Minute) / (10 * time.Second)); old == 0 || old > most {
				m.t.Errorf("the new route got %d records, at most %d were written since its name was free", old, most)
			}
		})
	}
}

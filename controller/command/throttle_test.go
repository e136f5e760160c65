package command_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
)

// slow is a world whose invocations take 14 minutes, so that what a reservation was
// lowered under is throttled for that long.
type slow struct {
	*rig
	t      *testing.T
	passes int
}

// slowly plays a scene, in which nothing may be throttled.
func slowly(t *testing.T, scene func(t *testing.T, s *slow)) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{rig: newRig(t, map[string]int{"s": 4, "s2": 4}, "f", "g"), t: t}
		throttled := busyFor(t, s.rig, 14*time.Minute)
		scene(t, s)
		time.Sleep(5 * time.Minute)
		s.holdsWhatRuns(t, s.passes)
		if *throttled > 0 {
			t.Errorf("%d invocations were throttled", *throttled)
		}
	})
}

// pass applies documents, and gives what runs then a minute.
func (s *slow) pass(text string) {
	s.t.Helper()
	if _, err := s.apply(s.t.Context(), s.server.Client().Do, load(s.t, []byte(text))); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(time.Minute)
	s.passes++
	s.holdsWhatRuns(s.t, s.passes)
}

// interrupted applies an owner's documents; meanwhile something happens, once, before
// the first request of the apply that it is to come before.
func (s *slow) interrupted(owner, text string, before func(*http.Request) bool, meanwhile func()) error {
	s.t.Helper()
	o := options
	o.Owner = owner
	p, live, err := reconcile.Look(s.t.Context(), s.client(s.server.Client().Do).Reader(), load(s.t, []byte(text)), o, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	once := sync.OnceFunc(meanwhile)
	c := s.client(func(req *http.Request) (*http.Response, error) {
		if before(req) {
			once()
		}
		return s.server.Client().Do(req)
	})
	return reconcile.Apply(s.t.Context(), c.Writer(live), p.Changes, nil).Err()
}

// edit has a person change what runs on an alias.
func (s *slow) edit(alias string, settings world.MappingSettings) {
	s.t.Helper()
	s.server.Do(func(w *world.World) {
		must[world.Mapping](s.t)(w.UpdateMapping(here, s.mappingOn(w, alias), world.MappingUpdate{Settings: settings}))
	})
}

// mappingOn is the UUID of what runs on an alias.
func (s *slow) mappingOn(w *world.World, alias string) string {
	s.t.Helper()
	for id, m := range mappings(s.t, w) {
		if strings.HasSuffix(m.FunctionArn, ":"+alias) {
			return id
		}
	}
	s.t.Fatalf("nothing runs on alias %s", alias)
	return ""
}

// paused is a document that only raises.
func paused(text string) string {
	return strings.Replace(text, "  routes:", "  paused: true\n  routes:", 1)
}

// TestAdoptedAndDisabled has a route taken over that a person made on its alias in the
// pass that disables it: it ran, though all that its tags say of it is of that pass.
func TestAdoptedAndDisabled(t *testing.T) {
	slowly(t, func(t *testing.T, s *slow) {
		const off = ", enabled: false"
		x := ranRoute("x", "")
		one := ranRouting("one", "s", "f", ranRoute("a", "")+x)
		s.pass(one)
		time.Sleep(time.Hour)
		s.server.Do(func(w *world.World) {
			must[world.Mapping](t)(w.DeleteMapping(here, s.mappingOn(w, "one--a")))
		})
		time.Sleep(30 * time.Second)
		s.server.Do(func(w *world.World) {
			four, single, filter := 4, 1, []string{`{"data":{"type":["a"]}}`}
			must[world.Mapping](t)(w.CreateMapping(here, world.MappingInput{
				EventSourceArn: world.StreamARN(here, "s"), FunctionName: "f:one--a", StartingPosition: "TRIM_HORIZON",
				Settings: world.MappingSettings{FilterCriteria: &filter, ParallelizationFactor: &four, BatchSize: &single},
			}))
		})
		time.Sleep(5 * time.Second)
		s.pass(paused(one))
		time.Sleep(30 * time.Minute)
		s.fill("a", "b")
		time.Sleep(time.Minute)
		s.pass(ranRouting("one", "s", "f", ranRoute("a", off)+x))
		s.pass(ranRouting("one", "s", "f", ranRoute("a", off)+x+ranRoute("b", ", parallelizationFactor: 4")))
	})
}

// TestMadeDisabledThenRun has a person enable what was made disabled, and disable it a
// minute later: that it was made disabled does not say that it never ran.
func TestMadeDisabledThenRun(t *testing.T) {
	slowly(t, func(t *testing.T, s *slow) {
		routes := ranRoute("a", ", enabled: false, parallelizationFactor: 4") + ranRoute("x", "")
		s.fill("a", "b")
		s.server.Do(func(w *world.World) { must[int](t)(0, w.PutConcurrency(here, "f", 20)) })
		if _, err := s.apply(t.Context(), s.server.Client().Do, load(t, []byte(ranRouting("one", "s", "f", routes)))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		on, off := true, false
		s.edit("one--a", world.MappingSettings{Enabled: &on})
		time.Sleep(time.Minute)
		s.edit("one--a", world.MappingSettings{Enabled: &off})
		time.Sleep(15 * time.Second)
		s.pass(ranRouting("one", "s", "f", routes+ranRoute("b", ", parallelizationFactor: 4")))
	})
}

// TestClosedShardsRunOn merges shards whose last invocations have just begun: however
// short releaseAfter is, they are reserved for until they have ended.
func TestClosedShardsRunOn(t *testing.T) {
	slowly(t, func(t *testing.T, s *slow) {
		one := strings.Replace(ranRouting("one", "s", "f", ranRoute("a", "")), "others: 0", "others: 0, releaseAfter: 1m", 1)
		reserves := func(want int) {
			t.Helper()
			s.server.Do(func(w *world.World) {
				if f := standingOf(t, w, "f"); f.reserved == nil || *f.reserved != want {
					t.Errorf("%v, want %d", f, want)
				}
			})
		}
		s.pass(one)
		time.Sleep(time.Hour)
		s.put("s", 1, "a")
		time.Sleep(time.Minute)
		s.server.Do(func(w *world.World) { must[int](t)(w.UpdateShardCount(here, "s", 2)) })
		time.Sleep(3 * time.Minute)
		s.pass(one)
		reserves(4)
		s.put("s", 1, "b")
		s.pass(one + ranRoute("b", ""))
		time.Sleep(25 * time.Minute)
		s.pass(one + ranRoute("b", ""))
		reserves(4)
	})
}

// writesTo says whether a request writes a reservation or a mapping.
func writesTo(req *http.Request, what string) bool {
	return req.Method != http.MethodGet && strings.Contains(req.URL.Path, what)
}

// TestLowersWhatIsStillFree has an operator bring a route back between the look of a
// pass and its lowering: what was free then is not any more.
func TestLowersWhatIsStillFree(t *testing.T) {
	for name, before := range map[string]func(*http.Request) bool{
		"before it looks again": func(*http.Request) bool { return true },
		"before it lowers":      func(req *http.Request) bool { return writesTo(req, "/concurrency") },
	} {
		t.Run(name, func(t *testing.T) {
			slowly(t, func(t *testing.T, s *slow) {
				one := ranRouting("one", "s", "f", ranRoute("a", ""))
				both := one + ranRoute("b", "")
				s.pass(both)
				time.Sleep(time.Hour)
				s.pass(one)
				time.Sleep(time.Hour)
				s.fill("a", "b")
				if err := s.interrupted("default", one, before, func() { s.pass(both) }); !errors.Is(err, reconcile.ErrStale) {
					t.Errorf("%v, want the lowering to be stale", err)
				}
			})
		})
	}
}

// TestRaisedForAnother has an owner pass after another has raised the reservation, and
// before that one has made its first mapping on the function.
func TestRaisedForAnother(t *testing.T) {
	for _, isolation := range []string{"Alias", "FanOut"} {
		t.Run(isolation+", when it has raised", func(t *testing.T) {
			raised := false
			raisedForAnother(t, isolation, func(req *http.Request) bool {
				defer func() { raised = raised || writesTo(req, "/concurrency") }()
				return raised
			})
		})
		t.Run(isolation+", when it makes the mapping", func(t *testing.T) {
			raisedForAnother(t, isolation, func(req *http.Request) bool { return writesTo(req, "/event-source-mappings") })
		})
	}
}

func raisedForAnother(t *testing.T, isolation string, before func(*http.Request) bool) {
	slowly(t, func(t *testing.T, s *slow) {
		one := ranRouting("one", "s", "f", ranRoute("a", ""))
		two := ranRouting("two", "s2", "f", ranRoute("b", ", isolation: "+isolation))
		s.pass(one)
		time.Sleep(time.Hour)
		s.fill("a")
		s.put("s2", 400, "b")
		if err := s.interrupted("blue", two, before, func() { s.pass(one) }); err != nil && !errors.Is(err, reconcile.ErrStale) {
			t.Error(err)
		}
		time.Sleep(5 * time.Minute)
		if err := s.interrupted("blue", two, func(*http.Request) bool { return false }, func() {}); err != nil {
			t.Error(err)
		}
		s.server.Do(func(w *world.World) {
			if all := mappings(t, w); len(all) != 2 {
				t.Errorf("%d mappings, want both owners'", len(all))
			}
		})
	})
}

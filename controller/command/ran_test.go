package command_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/spec"
)

// TestWhatRanBefore changes mappings whose invocations take 14 minutes: what they ran
// before the change is reserved for as long as it goes on, whatever becomes of them
// meanwhile.
func TestWhatRanBefore(t *testing.T) {
	const four, fan = ", parallelizationFactor: 4", ", isolation: FanOut"
	routes, route := ranRouting, ranRoute
	b, c, x := route("b", four), route("c", ""), route("x", "")
	for _, tc := range []struct {
		name  string
		steps []string
	}{
		{"a factor that was larger", []string{
			routes("one", "s", "f", route("a", four)),
			routes("one", "s", "f", route("a", "")),
			routes("one", "s", "f", route("a", "")+b),
		}},
		{"a factor that was larger, of a route that is disabled", []string{
			routes("one", "s", "f", route("a", four)),
			routes("one", "s", "f", route("a", ", enabled: false")),
			routes("one", "s", "f", route("a", ", enabled: false")+b),
		}},
		{"a consumer's mapping on another function", []string{
			routes("one", "s", "f", route("a", fan+four)) + routes("two", "s2", "f", x),
			routes("one", "s", "g", route("a", fan+four)) + routes("two", "s2", "f", x),
		}},
		{"a mapping on another function, whose route goes", []string{
			routes("one", "s", "f", route("a", four)+c) + routes("two", "s", "f", x),
			routes("one", "s", "g", route("a", four)+c) + routes("two", "s", "f", x),
			routes("one", "s", "g", c) + routes("two", "s", "f", x+b),
		}},
		{"a mapping that comes back with less", []string{
			routes("one", "s", "f", route("a", four)+c),
			routes("one", "s", "g", route("a", four)+c),
			routes("one", "s", "f", route("a", "")+c),
			routes("one", "s", "f", route("a", "")+c+b),
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, map[string]int{"s": 4, "s2": 4}, "f", "g")
				throttled := busyFor(t, r, 14*time.Minute)
				for i, text := range tc.steps {
					docs, findings := spec.Load(fstest.MapFS{"f.yaml": {Data: []byte(text)}}, "f.yaml")
					for _, f := range findings {
						if f.Severity == spec.Error {
							t.Fatal(f)
						}
					}
					for range 3 {
						if _, err := r.apply(t.Context(), r.server.Client().Do, docs); err != nil {
							t.Fatal(err)
						}
						time.Sleep(30 * time.Second)
						r.holdsWhatRuns(t, i)
					}
					if i == 0 {
						time.Sleep(time.Hour)
						r.fill("a", "b")
						time.Sleep(time.Minute)
						r.holdsWhatRuns(t, i)
					}
				}
				if *throttled > 0 {
					t.Errorf("%d invocations were throttled", *throttled)
				}
			})
		})
	}
}

// TestWhatRanBeforeAgain has a person enlarge a factor that is then made right, twice,
// more than a day apart: what ran before the second time is not forgotten because the
// same was noted the first time.
func TestWhatRanBeforeAgain(t *testing.T) {
	slowly(t, func(_ *testing.T, s *slow) {
		one := ranRouting("one", "s", "f", ranRoute("a", ""))
		four := 4
		s.pass(one)
		time.Sleep(time.Hour)
		s.edit("one--a", world.MappingSettings{ParallelizationFactor: &four})
		time.Sleep(time.Minute)
		s.pass(one) // makes it right
		time.Sleep(31 * time.Hour)
		s.edit("one--a", world.MappingSettings{ParallelizationFactor: &four})
		time.Sleep(5 * time.Second)
		s.pass(paused(one)) // only raises
		time.Sleep(7 * time.Minute)
		s.fill("a", "b")
		time.Sleep(time.Minute)
		s.pass(one) // makes it right
		s.pass(one + ranRoute("b", ", parallelizationFactor: 3"))
	})
}

// ranRouting is a document whose routes may be slow.
func ranRouting(name, stream, function, routes string) string {
	return fmt.Sprintf(`---
apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: %s}
spec:
  region: eu-west-1
  stream: %s
  function: {name: %s, follow: live}
  eventType: {path: type}
  concurrency: {others: 0}
  defaults: {startFrom: TrimHorizon, batchSize: 1}
  routes:
%s`, name, stream, function, routes)
}

func ranRoute(name, more string) string {
	return fmt.Sprintf("    - {name: %s, eventTypes: [%s]%s}\n", name, name, more)
}

// busyFor has functions take some time for every batch, and counts their throttles.
func busyFor(t *testing.T, r *rig, d time.Duration) *int {
	throttled := 0
	long := 900
	for _, f := range []string{"f", "g"} {
		r.server.Do(func(w *world.World) {
			if _, err := w.UpdateConfiguration(here, f, world.FunctionSettings{Timeout: &long}, ""); err != nil {
				t.Fatal(err)
			}
		})
		time.Sleep(10 * time.Second)
		r.server.Do(func(w *world.World) {
			v, err := w.PublishVersion(here, f, world.VersionInput{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.UpdateAlias(here, f, "live", world.AliasUpdate{FunctionVersion: &v.Version}); err != nil {
				t.Fatal(err)
			}
		})
	}
	r.server.Do(func(w *world.World) {
		w.SetHandler(func(string, world.Record, time.Time) (time.Duration, bool) { return d, true })
		w.Trace(func(f world.Fact) {
			if f.Kind == world.Attempted && f.Outcome == world.Throttled {
				throttled++
			}
		})
	})
	return &throttled
}

// fill writes records of types to every shard of stream s, by keys enough for every
// batch that can run at once.
func (r *rig) fill(types ...string) { r.put("s", 400, types...) }

// put writes records of types to every shard of a stream, one for each key.
func (r *rig) put(stream string, keys int, types ...string) {
	r.server.Do(func(w *world.World) {
		for _, shard := range w.Shards(here, stream) {
			for key := range keys {
				for _, name := range types {
					//nolint:errcheck // the judge counts what runs
					w.PutRecord(here, stream, fmt.Sprint(key), &shard.First, []byte(`{"type":"`+name+`"}`))
				}
			}
		}
	})
}

// holdsWhatRuns judges that of no function more runs than is reserved.
func (r *rig) holdsWhatRuns(t *testing.T, step int) {
	t.Helper()
	r.server.Do(func(w *world.World) {
		for _, f := range []string{"f", "g"} {
			if s := standingOf(t, w, f); s.short(s.running) > 0 {
				t.Errorf("step %d: %d reserved for %s, and %d run", step, *s.reserved, f, s.running)
			}
		}
	})
}

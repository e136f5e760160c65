package controller_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventrouting/eventrouting/controller"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// soak is a month of a controller's life.
type soak struct {
	*rig
	rng    *rand.Rand
	c      *controller.Controller
	stop   func()
	routes int
	batch  int
	shards int // that the stream has, or is to have

	causes, reshards, held, calls int
	slowest                       time.Duration // from a cause until it was applied, or held with a reason
	heap                          []uint64
	goroutines                    []int
}

// TestSoak lets 30 days pass, with reshards, commits, deployments, hands on the
// console, hours in which AWS refuses, and restarts: each cause is applied within one
// interval of the schedule, or held with a reason, and neither goroutines nor memory
// grow.
func TestSoak(t *testing.T) {
	days := 30
	if testing.Short() {
		days = 4
	}
	inBubble(t, orders(4), func(t *testing.T, r *rig) {
		s := &soak{rig: r, rng: rand.New(rand.NewPCG(1, 2)), routes: 4, batch: 100, shards: 4}
		s.c, s.stop = r.run()
		defer func() { s.stop() }()
		time.Sleep(time.Minute)
		for day := range days {
			s.day(day)
		}
		first, last := s.heap[0], s.heap[len(s.heap)-1]
		t.Logf("%d days: %d causes, %d of them reshards, %d held, slowest %s, %d AWS calls an hour, heap %d KiB on the first day and %d KiB on the last, goroutines %d and %d",
			days, s.causes, s.reshards, s.held, s.slowest, s.calls/(24*days), first>>10, last>>10, s.goroutines[0], s.goroutines[len(s.goroutines)-1])
		if s.reshards < days/3 {
			t.Errorf("%d reshards in %d days", s.reshards, days)
		}
		if last > first+first/2+4<<20 {
			t.Errorf("the heap grew: KiB %v", s.heap)
		}
		if g := s.goroutines; slices.Max(g) > g[0]+2 {
			t.Errorf("goroutines grew: %v", g)
		}
	})
}

// day has four things happen, six hours apart.
func (s *soak) day(day int) {
	for hour := 0; hour < 24; hour += 6 {
		s.cause()
		time.Sleep(6*time.Hour - time.Duration(s.rng.IntN(3000))*time.Second)
	}
	if day%3 == 2 { // killed and started again
		s.stop()
		s.c, s.stop = s.run()
		time.Sleep(time.Minute)
	}
	s.calls += s.count("", "")
	s.server.Forget()
	s.log.mu.Lock()
	s.log.text.Reset()
	s.log.mu.Unlock()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.heap = append(s.heap, m.HeapAlloc)
	s.goroutines = append(s.goroutines, runtime.NumGoroutine())
}

// cause has one thing happen, and sees to it that it is dealt with.
func (s *soak) cause() {
	s.t.Helper()
	s.causes++
	text := ""
	switch s.rng.IntN(6) {
	case 0:
		text = s.reshard()
	case 1: // a commit
		s.routes += 1 - 2*s.rng.IntN(2) // no more than one: else the brake holds it
		s.routes = min(5, max(3, s.routes))
		text = fmt.Sprintf("%d routes", s.routes)
		s.commit()
	case 2:
		s.batch = 10 + s.rng.IntN(500)
		text = fmt.Sprintf("batches of %d", s.batch)
		s.commit()
	case 3: // AWS refuses for an hour, and something happens meanwhile
		s.refuse(func(*http.Request, string) bool { return true })
		text = "after an hour of refusals: " + s.reshard()
		time.Sleep(time.Hour)
		s.refuse(nil)
	case 4:
		text = "a document that does not load"
		good := s.docs.text
		s.docs.write(strings.Replace(good, "spec:", "sepc:", 1))
		time.Sleep(20 * time.Minute)
		s.docs.write(good)
	case 5:
		text = "a restart"
		s.stop()
		s.c, s.stop = s.run()
	}
	began := time.Now()
	for !s.settled() {
		if time.Since(began) > 6*time.Minute { // an interval, and the pass
			s.t.Fatalf("%s: not dealt with after %s: %+v\n%s", text, time.Since(began), s.status(s.c).Places[0].Conditions, s.status(s.c).Places[0].Plan)
		}
		time.Sleep(5 * time.Second)
	}
	s.slowest = max(s.slowest, time.Since(began))
	if s.status(s.c).Places[0].Passes[0].Held > 0 {
		s.held++
	}
}

func (s *soak) commit() {
	s.docs.write(strings.Replace(orders(s.routes), "defaults: {", fmt.Sprintf("defaults: {batchSize: %d, ", s.batch), 1))
}

func (s *soak) reshard() string {
	n := []int{2, 4, 6, 8}[s.rng.IntN(4)]
	s.server.Do(func(w *world.World) {
		if n == s.shards {
			return
		}
		if _, err := w.UpdateShardCount(here, "orders-events", n); err == nil { // else it is more than double, or too often
			s.shards = n
			s.reshards++
		}
	})
	return fmt.Sprintf("%d shards", s.shards)
}

// settled says whether the newest documents are in force, everything is as they
// want it or held with a reason, and what runs is reserved for.
func (s *soak) settled() bool {
	st := s.status(s.c)
	p := st.Places[0]
	if st.Documents.Trouble != nil || p.Running != nil || len(p.Passes) == 0 || len(p.Failing) > 0 || !s.condition(p, controller.Synced).Status {
		return false
	}
	resharded := false
	s.server.Do(func(w *world.World) {
		sum, err := w.Stream(here, "orders-events")
		resharded = err == nil && sum.Status == "ACTIVE" && sum.OpenShards == s.shards
	})
	running := 0
	for _, state := range s.mappings(ireland) {
		if state == "Enabled" {
			running++
		}
	}
	return resharded && running >= s.routes && s.reserved(ireland, "order-processor") >= s.shards*s.routes && s.inForce()
}

// inForce says whether every mapping of a route has the batch size of the newest
// document.
func (s *soak) inForce() bool {
	all := true
	s.server.Do(func(w *world.World) {
		list, _, err := w.Mappings(here, world.MappingsQuery{})
		for _, m := range list {
			all = all && (m.State == "Disabled" || m.BatchSize == s.batch)
		}
		all = all && err == nil
	})
	return all
}

package command_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventrouting/eventrouting/emulator/verdict"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// voyage is a routing whose document is edited while records flow, and a
// controller that passes every few minutes.
type voyage struct {
	*rig
	random *rand.Rand
	types  []string
	n      int // records written
	routed []verdict.Routed
	wanted map[string]time.Time // types that the document in force wants, and since when they are judged
	log    []string
	failed string // type that the function fails now

	crashes int
}

var voyageTypes = []string{"A", "B", "C", "D", "E"}

func (v *voyage) say(format string, args ...any) {
	v.log = append(v.log, time.Now().Format("02 15:04:05 ")+fmt.Sprintf(format, args...))
}

// flow lets records be written for a while: one of each type every few seconds.
func (v *voyage) flow(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(time.Duration(1+v.random.IntN(8)) * time.Second)
		v.server.Do(func(w *world.World) {
			for _, t := range v.types {
				v.n++
				if _, _, err := w.Put(here, "orders-events", fmt.Sprint("k", v.n%13), fmt.Appendf(nil, `{"eventType":"%s","n":%d}`, t, v.n)); err != nil {
					v.t.Fatal(err)
				}
			}
		})
	}
}

// commit puts a document in force and lets a pass happen, some time later.
func (v *voyage) commit(docs []spec.EventRouting) {
	now := time.Now()
	wants := map[string]bool{}
	for _, t := range voyageTypes {
		wants[t] = routeOf(docs[0], t) != ""
	}
	for t, since := range v.wanted {
		if !wants[t] {
			v.routed = append(v.routed, verdict.Routed{Type: t, From: since, To: now})
			delete(v.wanted, t)
		}
	}
	v.pass(docs)
}

// begin says from when on a type that nobody took before is judged: once its
// route's mapping takes it. One that is widened takes it from when the data plane
// knows, which is the gap between a commit and its effect.
func (v *voyage) begin(docs []spec.EventRouting) {
	var p *reconcile.Plan
	for _, t := range voyageTypes {
		if _, known := v.wanted[t]; known {
			continue
		}
		route := routeOf(docs[0], t)
		if route == "" {
			continue
		}
		if p == nil {
			p = new(v.plan(docs))
		}
		if !changing(*p, "orders/"+route) {
			v.wanted[t] = time.Now().Add(6 * time.Minute)
		}
	}
}

// routeOf is the route that takes a type: the one that names it, else the
// catch-all; empty for none.
func routeOf(doc spec.EventRouting, eventType string) string {
	rest := ""
	for _, r := range doc.Resolve() {
		switch {
		case slices.Contains(r.EventTypes, eventType):
			return r.Name
		case r.CatchAll:
			rest = r.Name
		}
	}
	return rest
}

// changing says whether a plan does more to a route's mapping than narrow it.
func changing(p reconcile.Plan, route string) bool {
	mine := func(c reconcile.Change) bool {
		return c.Addr == reconcile.Addr{Kind: reconcile.KindMapping, Name: route}
	}
	return slices.ContainsFunc(p.Changes, mine) || slices.ContainsFunc(p.Held, func(h reconcile.Held) bool { return mine(h.Change) && h.Why != reconcile.WhyTaker })
}

// pass is one pass of a controller.
func (v *voyage) pass(docs []spec.EventRouting) {
	p := v.plan(docs)
	for _, c := range p.Changes {
		v.say("%s %s: %s", c.Action, c.Addr, c.Reason)
	}
	for _, h := range p.Held {
		v.say("held %s %s: %s: %s", h.Action, h.Addr, h.Why, h.Reason)
	}
	if v.random.IntN(3) == 0 {
		k, effect := 1+v.random.IntN(25), v.random.IntN(2) == 0
		n := killed(v.t.Context(), v.rig, docs, k, effect)
		v.say("it died at call %d of %d, with its effect: %v", k, n, effect)
		v.crashes++
		time.Sleep(time.Duration(v.random.IntN(60)) * time.Second)
	}
	if _, err := v.apply(v.t.Context(), v.server.Client().Do, docs); err != nil {
		v.say("the pass failed: %v", err)
	}
	v.begin(docs)
}

// draft draws a document: types dealt out to routes, with a catch-all or not.
func (v *voyage) draft() string {
	var b strings.Builder
	n := 1 + v.random.IntN(3)
	dealt := make([][]string, n)
	for _, t := range voyageTypes {
		if i := v.random.IntN(n + 1); i < n {
			dealt[i] = append(dealt[i], t)
		}
	}
	catchAll := v.random.IntN(2) == 0
	for i, types := range dealt {
		if len(types) == 0 {
			continue
		}
		isolation := []string{"Alias", "Alias", "Alias", "FanOut"}[v.random.IntN(4)]
		fmt.Fprintf(&b, "    - {name: r%d, eventTypes: [%s], isolation: %s, batchSize: %d}\n", i, strings.Join(types, ", "), isolation, 1+v.random.IntN(20))
	}
	if catchAll || b.Len() == 0 {
		b.WriteString("    - {name: rest, catchAll: true}\n")
	}
	return b.String()
}

// TestNothingLost edits a document at random while records flow, with a data
// plane that is up to five minutes late, a function that fails some types for a
// while, reshards, people who disable and enable mappings, and passes that die at
// some call. No record of a type that was routed all the while is lost.
func TestNothingLost(t *testing.T) {
	sum := map[string]int{}
	seeds := 30
	if n, err := strconv.Atoi(os.Getenv("SEEDS")); err == nil {
		seeds = n // make simulate SEEDS=1000
	}
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) {
			v := newVoyage(t, seed)
			v.sail(6)
			got := v.verdict()
			sum["edits"] += 6
			sum["crashes"] += v.crashes
			sum["records"] += got.Written
			sum["expected"] += got.Expected
			sum["delivered"] += got.Delivered
			sum["lost"] += len(got.Lost)
			sum["again"] += got.Duplicates["again"]
			sum["beside"] += got.Duplicates["beside"]
			if len(got.Lost) > 0 || len(got.Disorder) > 0 {
				for _, r := range got.Lost[:min(5, len(got.Lost))] {
					v.say("LOST: %+v", r)
				}
				t.Errorf("seed %d: %d lost, %d out of order:\n%s", seed, len(got.Lost), len(got.Disorder), strings.Join(v.log, "\n"))
			}
		})
	}
	t.Log(sum)
}

func newVoyage(t *testing.T, seed uint64) *voyage {
	r := newRig(t, map[string]int{"orders-events": 2}, "order-processor")
	v := &voyage{rig: r, random: rand.New(rand.NewPCG(seed, 7)), types: voyageTypes, wanted: map[string]time.Time{}}
	typeOf := verdict.TypeAt("eventType")
	r.server.Do(func(w *world.World) {
		w.Log(true)
		w.SetTiming(lateTiming())
		coin := func() bool { return v.random.IntN(2) == 0 }
		w.SetKnobs(world.Knobs{StaleUpdates: coin(), EarlyConsumers: coin(), RefuseOldTimes: coin(), LatestAtCreate: coin(), FilterAtBatch: coin(), ListLag: time.Duration(v.random.IntN(3)) * 4 * time.Second})
		w.SetHandler(func(_ string, x world.Record, _ time.Time) (time.Duration, bool) {
			return 5 * time.Millisecond, typeOf(x.Data) != v.failed
		})
	})
	return v
}

// lateTiming has a data plane that is up to five minutes late.
func lateTiming() world.Timing {
	timing := world.Short()
	timing.DataPlaneLeast, timing.DataPlane = 0, 5*time.Minute
	return timing
}

// sail goes through a number of edits, and waits for the last handovers.
func (v *voyage) sail(edits int) {
	var docs []spec.EventRouting
	for range edits {
		text := v.draft()
		v.say("edit:\n%s", text)
		docs = load(v.t, []byte(strings.Replace(ordersText, "{maxAttempts: 5, maxAge: 6h}", "{maxAge: 23h}", 1)+text))
		v.commit(docs)
		for range v.random.IntN(12) {
			v.flow(time.Duration(20+v.random.IntN(200)) * time.Second)
			v.pass(docs)
		}
		v.mishap()
	}
	v.failed = ""
	for range 40 {
		v.flow(5 * time.Minute)
		p := v.plan(docs)
		manual := slices.ContainsFunc(p.Held, func(h reconcile.Held) bool { return h.Why == reconcile.WhyByHand })
		if p.Empty() && handingOver(p) == 0 && !manual {
			break
		}
		v.pass(docs)
	}
	v.flow(time.Minute)
	time.Sleep(30 * time.Minute)
}

// mishap is something that happens besides.
func (v *voyage) mishap() {
	switch v.random.IntN(6) {
	case 0:
		v.failed = voyageTypes[v.random.IntN(len(voyageTypes))]
		v.say("the function fails %s", v.failed)
	case 1:
		v.failed = ""
	case 2:
		n := 1 + v.random.IntN(4)
		v.server.Do(func(w *world.World) {
			if _, err := w.UpdateShardCount(here, "orders-events", n); err == nil {
				v.say("resharded to %d", n)
			}
		})
	case 3, 4:
		v.person(v.random.IntN(2))
	}
}

// person disables or enables a mapping. What a person deletes is gone with its
// position: the README says so.
func (v *voyage) person(what int) {
	v.server.Do(func(w *world.World) {
		all, _, err := w.Mappings(here, world.MappingsQuery{})
		if err != nil || len(all) == 0 {
			return
		}
		m := all[v.random.IntN(len(all))]
		_, err = w.UpdateMapping(here, m.UUID, world.MappingUpdate{Settings: world.MappingSettings{Enabled: new(what == 1)}})
		v.say("a person %s %s of %s (%v)", []string{"disables", "enables"}[what], m.UUID[:8], m.FunctionArn, err)
	})
}

func (v *voyage) verdict() verdict.Verdict {
	routed := v.routed
	for t, since := range v.wanted {
		routed = append(routed, verdict.Routed{Type: t, From: since})
	}
	var facts []world.Fact
	v.server.Do(func(w *world.World) { facts = slices.Clone(w.Facts()) })
	return verdict.Judge(verdict.Case{Facts: facts, Routed: routed, TypeOf: verdict.TypeAt("eventType")})
}

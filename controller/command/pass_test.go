package command_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/spec"
)

// rig is an embedded AWS and a process that applies documents to it, over the
// real SDK. Inside a testing/synctest bubble its waits take no time.
type rig struct {
	t      testing.TB
	server *emulator.Server
	client func(http func(*http.Request) (*http.Response, error)) *awsapi.Client
}

const (
	account = "111122223333"
	region  = "eu-west-1"
)

func newRig(t testing.TB, streams map[string]int, functions ...string) *rig {
	t.Helper()
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())})
	seed := emulator.Seed{Place: world.Place{Account: account, Region: region}, Streams: streams, Functions: map[string][]string{}}
	for _, f := range functions {
		seed.Functions[f] = []string{"live"}
	}
	if err := s.Seed(seed); err != nil {
		t.Fatal(err)
	}
	s.Forget()
	return &rig{t: t, server: s, client: func(do func(*http.Request) (*http.Response, error)) *awsapi.Client {
		return awsapi.New(aws.Config{
			Region:       region,
			Credentials:  credentials.NewStaticCredentialsProvider(account, "secret", ""),
			HTTPClient:   doer(do),
			BaseEndpoint: aws.String("http://embedded.invalid"),
			Retryer: func() aws.Retryer { // without jitter: histories are the same
				return retry.NewStandard(func(o *retry.StandardOptions) { o.Backoff = steady{} })
			},
		}, awsapi.Options{})
	}}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

type steady struct{}

func (steady) BackoffDelay(int, error) (time.Duration, error) { return 100 * time.Millisecond, nil }

var options = reconcile.Options{Owner: "default", RespectManual: time.Hour}

// plan looks and changes nothing.
func (r *rig) plan(docs []spec.EventRouting) reconcile.Plan {
	r.t.Helper()
	return r.planBy(docs, r.server.Client().Do)
}

func (r *rig) planBy(docs []spec.EventRouting, do func(*http.Request) (*http.Response, error)) reconcile.Plan {
	r.t.Helper()
	p, _, err := reconcile.Look(context.Background(), r.client(do).Reader(), docs, options, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// apply is one process that plans and applies.
func (r *rig) apply(ctx context.Context, do func(*http.Request) (*http.Response, error), docs []spec.EventRouting) (reconcile.Outcome, error) {
	c := r.client(do)
	p, live, err := reconcile.Look(ctx, c.Reader(), docs, options, time.Now())
	if err != nil {
		return nil, err
	}
	o := reconcile.Apply(ctx, c.Writer(live), p.Changes, nil)
	return o, o.Err()
}

// settle applies until a plan is empty and nothing waits for a handover any more.
func (r *rig) settle(docs []spec.EventRouting) {
	r.t.Helper()
	for range 20 {
		time.Sleep(3 * time.Second) // virtual: AWS finishes what a dead process started
		p := r.plan(docs)
		if p.Empty() {
			wait := handingOver(p)
			if wait == 0 {
				return
			}
			time.Sleep(wait)
			continue
		}
		if _, err := r.apply(context.Background(), r.server.Client().Do, docs); err != nil && !errors.Is(err, reconcile.ErrStale) {
			r.t.Fatal(err)
		}
	}
	p := r.plan(docs)
	r.t.Fatalf("no empty plan after 20 passes; the last one has %v and holds %v", p.Changes, p.Held)
}

// handingOver is how long the handovers of a plan take at least; 0 for none.
// Without traffic nothing proves that a giver has read on, so that it is until
// the stream holds nothing from before.
func handingOver(p reconcile.Plan) time.Duration {
	var wait time.Duration
	for _, h := range p.Held {
		switch {
		case h.Why != reconcile.WhyTaker && h.Why != reconcile.WhyBrake:
		case h.Until.IsZero():
			wait = max(wait, 7*time.Minute)
		default:
			wait = max(wait, h.Until.Sub(p.At)+time.Second)
		}
	}
	return wait
}

// ordersText is a document up to its routes.
const ordersText = `apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: orders}
spec:
  region: eu-west-1
  stream: orders-events
  function: {name: order-processor, follow: live}
  eventType: {path: eventType}
  defaults: {retry: {maxAttempts: 5, maxAge: 6h}}
  routes:
`

func routing(t testing.TB, routes string) []spec.EventRouting {
	t.Helper()
	return load(t, []byte(ordersText+routes))
}

func load(t testing.TB, text []byte) []spec.EventRouting {
	t.Helper()
	docs, findings := spec.Load(fstest.MapFS{"orders.yaml": {Data: text}}, "orders.yaml")
	for _, f := range findings {
		if f.Severity == spec.Error {
			t.Fatal(f)
		}
	}
	return docs
}

func routes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "    - {name: route-%d, eventTypes: [Type%d]}\n", i, i)
	}
	return b.String()
}

// walk is a walk through desired states.
var walk = []struct {
	name, routes string
}{
	{"two routes", "    - {name: placed, eventTypes: [OrderPlaced]}\n    - {name: rest, catchAll: true}\n"},
	{"a route of its own", "    - {name: placed, eventTypes: [OrderPlaced]}\n    - {name: refunds, eventTypes: [Refund]}\n    - {name: rest, catchAll: true}\n"},
	{"a larger factor and a batch", "    - {name: placed, eventTypes: [OrderPlaced], parallelizationFactor: 3, batchSize: 10}\n    - {name: refunds, eventTypes: [Refund]}\n    - {name: rest, catchAll: true}\n"},
	{"a type moves", "    - {name: placed, eventTypes: [OrderPlaced, Refund], parallelizationFactor: 3, batchSize: 10}\n    - {name: refunds, eventTypes: [Chargeback]}\n    - {name: rest, catchAll: true}\n"},
	{"types are swapped", "    - {name: placed, eventTypes: [Chargeback, OrderPlaced], parallelizationFactor: 3}\n    - {name: refunds, eventTypes: [Refund]}\n    - {name: rest, catchAll: true}\n"},
	{"a route is disabled", "    - {name: placed, eventTypes: [Chargeback, OrderPlaced], parallelizationFactor: 3}\n    - {name: refunds, eventTypes: [Refund], enabled: false}\n    - {name: rest, catchAll: true}\n"},
	{"and enabled, without a catch-all", "    - {name: placed, eventTypes: [OrderPlaced]}\n    - {name: refunds, eventTypes: [Refund]}\n"},
	{"one is gone", "    - {name: placed, eventTypes: [OrderPlaced]}\n"},
	{"and back", "    - {name: placed, eventTypes: [OrderPlaced]}\n    - {name: refunds, eventTypes: [Refund]}\n"},
	{"a consumer", "    - {name: placed, eventTypes: [OrderPlaced], isolation: FanOut}\n    - {name: refunds, eventTypes: [Refund]}\n"},
	{"a consumer and a function", "    - {name: placed, eventTypes: [OrderPlaced, Chargeback], isolation: FanOut}\n    - {name: refunds, eventTypes: [Refund], isolation: Function, function: refunder}\n"},
	{"aliases again", "    - {name: placed, eventTypes: [OrderPlaced]}\n    - {name: refunds, eventTypes: [Refund, Chargeback]}\n"},
	{aDayLater, "    - {name: placed, eventTypes: [OrderPlaced]}\n    - {name: refunds, eventTypes: [Refund, Chargeback]}\n"},
}

// aDayLater is the step at which what was retired before is deleted.
const aDayLater = "a day later"

// wait lets the time pass that lies before a step.
func wait(step int) {
	if walk[step].name == aDayLater {
		time.Sleep(26 * time.Hour)
	}
}

// TestWalk applies one desired state after the other. After each, a second
// plan is empty, nothing failed, and one mapping per route runs.
func TestWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 4}, "order-processor", "refunder")
		for i, step := range walk {
			wait(i)
			docs := routing(t, step.routes)
			if _, err := r.apply(t.Context(), r.server.Client().Do, docs); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			r.settle(docs)
			r.oneMappingPerRoute(step.name, docs)
		}
		r.nothingElse(2)
	})
}

// nothingElse checks that nothing of ours is left but what n routes with aliases
// need.
func (r *rig) nothingElse(n int) {
	r.t.Helper()
	r.server.Do(func(w *world.World) {
		all, _, err := w.Mappings(here, world.MappingsQuery{})
		if err != nil || len(all) != n {
			r.t.Errorf("%d mappings (%v), want %d", len(all), err, n)
		}
		ours := 0
		for _, f := range []string{"order-processor", "refunder"} {
			aliases, _, err := w.Aliases(here, f, "", world.Page{})
			if err != nil {
				r.t.Error(err)
			}
			for _, a := range aliases {
				if strings.Contains(a.Name, "--") {
					ours++
				}
			}
		}
		consumers, _, err := w.ListConsumers(here, "orders-events", "", 100)
		if ours != n || len(consumers) != 0 || err != nil {
			r.t.Errorf("%d aliases, %d consumers (%v), want %d and none", ours, len(consumers), err, n)
		}
	})
}

func (r *rig) oneMappingPerRoute(name string, docs []spec.EventRouting) {
	r.t.Helper()
	live, err := r.client(r.server.Client().Do).Reader().Observe(context.Background(), reconcile.Wants(docs), time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	var running, wanted []string
	for k, ms := range live.Mappings {
		for _, m := range ms {
			if m.State == "Enabled" {
				running = append(running, k.String())
			}
		}
	}
	need := map[string]int{}
	for _, route := range docs[0].Resolve() {
		if !route.Enabled {
			continue
		}
		k := reconcile.Key{Stream: "orders-events", Function: route.Function, Qualifier: "live"}
		switch route.Isolation {
		case spec.IsolationAlias:
			k.Qualifier = reconcile.QualifierOf("orders", route.Name)
		case spec.IsolationFanOut:
			k.Consumer = reconcile.QualifierOf("orders", route.Name)
		case spec.IsolationFunction:
		}
		wanted = append(wanted, k.String())
		need[route.Function] += 4 * route.ParallelizationFactor
	}
	slices.Sort(running)
	slices.Sort(wanted)
	if diff := cmp.Diff(wanted, running); diff != "" {
		r.t.Errorf("%s: running mappings (-want +got):\n%s", name, diff)
	}
	for f, n := range need {
		if got := live.Functions[f].Reserved; got == nil || *got < n {
			r.t.Errorf("%s: %s has reserved %v, below the need of %d", name, f, got, n)
		}
	}
}

var errKilled = errors.New("killed")

// killed is a process that dies at its k-th call: before the call has had its
// effect, or after it with the answer lost. It returns how many calls it made.
func killed(ctx context.Context, r *rig, docs []spec.EventRouting, k int, effect bool) int {
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	n := 0
	_, _ = r.apply(ctx, func(req *http.Request) (*http.Response, error) {
		n++
		switch {
		case n < k:
			return r.server.Client().Do(req)
		case n == k && effect:
			_, _ = r.server.Client().Do(req)
		}
		kill(errKilled)
		return nil, errKilled
	}, docs)
	return n
}

// TestCrashAnywhere kills an apply at every API call it makes, with and without
// the call's effect, and lets a fresh one finish: every time the world ends as
// it does without a crash, starting positions and times aside.
func TestCrashAnywhere(t *testing.T) {
	crashes := 0
	for i := range walk {
		t.Run(walk[i].name, func(t *testing.T) {
			calls, want := crashWorld(t, i, 1<<30, false)
			for k := 1; k <= calls; k++ {
				for _, effect := range []bool{false, true} {
					if testing.Short() && effect == (k%2 == 0) {
						continue // CI dies at all of them, without the race detector
					}
					_, got := crashWorld(t, i, k, effect)
					if diff := cmp.Diff(want, got, ignoreTimes); diff != "" {
						t.Fatalf("killed at call %d of %d, effect %v (-without crash +with):\n%s", k, calls, effect, diff)
					}
					crashes++
				}
			}
		})
	}
	t.Logf("%d crashes over %d edits", crashes, len(walk))
}

// ignoreTimes leaves out what a crash may make differ: when and by which number
// a thing was made.
var ignoreTimes = cmp.Options{
	cmpopts.IgnoreFields(reconcile.Mapping{}, "UUID", "ARN", "SourceARN", "Start", "Modified"),
	cmpopts.IgnoreFields(reconcile.Consumer{}, "ARN"),
	cmpopts.IgnoreFields(reconcile.Alias{}, "RevisionID", "ARN", "Description"),
	cmpopts.EquateEmpty(),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Facts" }, cmp.Ignore()),
}

// crashWorld makes a world in which the first steps of the walk are applied,
// kills the next one at call k, finishes it, and returns what is live then.
func crashWorld(t *testing.T, step, k int, effect bool) (int, reconcile.State) {
	var calls int
	var live reconcile.State
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 4}, "order-processor", "refunder")
		for before := max(0, step-2); before < step; before++ {
			r.settle(routing(t, walk[before].routes))
		}
		wait(step)
		docs := routing(t, walk[step].routes)
		calls = killed(t.Context(), r, docs, k, effect)
		r.settle(docs)
		time.Sleep(26 * time.Hour) // what was retired is deleted
		r.settle(docs)
		r.oneMappingPerRoute(walk[step].name, docs)
		var err error
		live, err = r.client(r.server.Client().Do).Reader().Observe(t.Context(), reconcile.Wants(docs), time.Now())
		if err != nil {
			t.Fatal(err)
		}
	})
	return calls, live
}

// TestQuietPassCalls counts the calls of a pass that finds nothing to do: a page
// of mappings per 100, 2 per stream, 3 per function.
func TestQuietPassCalls(t *testing.T) {
	for _, n := range []int{1, 5, 20, 150} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, docs := manyRoutes(t, n)
				r.settle(docs)
				r.server.Forget()
				if p := r.plan(docs); !p.Empty() {
					t.Fatalf("not quiet: %v", p.Changes)
				}
				if got, most := len(r.server.Calls()), (n+99)/100+5; got > most {
					t.Errorf("%d calls, want at most %d: %s", got, most, operations(r.server.Calls()))
				}
			})
		})
	}
}

// TestCreateCalls counts the calls of a first apply: at most 2 N + polls + 15,
// with at most 5 polls.
func TestCreateCalls(t *testing.T) {
	for _, n := range []int{1, 5, 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, docs := manyRoutes(t, n)
				if _, err := r.apply(t.Context(), r.server.Client().Do, docs); err != nil {
					t.Fatal(err)
				}
				calls := r.server.Calls()
				polls := -1 // the sweep is none
				for _, c := range calls {
					if c.Operation == "ListEventSourceMappings" {
						polls++
					}
				}
				if polls > 5 || len(calls) > 2*n+polls+15 {
					t.Errorf("%d calls, %d of them polls, for %d routes: %s", len(calls), polls, n, operations(calls))
				}
			})
		})
	}
}

// manyRoutes is a world and a document with n routes on one stream. More than
// five is more than spec lets people ask for; calls are counted all the same.
func manyRoutes(t testing.TB, n int) (*rig, []spec.EventRouting) {
	t.Helper()
	docs := routing(t, routes(1))
	docs[0].Spec.Routes = nil
	for i := range n {
		docs[0].Spec.Routes = append(docs[0].Spec.Routes, spec.Route{Name: fmt.Sprintf("route-%d", i), EventTypes: []string{fmt.Sprintf("Type%d", i)}})
	}
	return newRig(t, map[string]int{"orders-events": 1}, "order-processor"), docs
}

func operations(calls []emulator.Call) string {
	counts := map[string]int{}
	for _, c := range calls {
		counts[c.Operation]++
	}
	return fmt.Sprint(counts)
}

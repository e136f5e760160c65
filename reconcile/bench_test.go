package reconcile_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// BenchmarkCompute plans documents of five routes each, every one with a stream
// and a function of its own: anew, where nothing exists, and quiet, where
// everything is as wanted. Time and memory per document stay the same however
// many there are.
func BenchmarkCompute(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		docs, empty := manyDocuments(b, n)
		o := reconcile.Options{Owner: "default"}
		quiet := simulate(b, empty, reconcile.Compute(docs, empty, o, noon).Changes, noon)
		for _, world := range []struct {
			name string
			live reconcile.State
			want bool // empty
		}{{"anew", empty, false}, {"quiet", quiet, true}} {
			b.Run(fmt.Sprintf("%s/documents=%d", world.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p := reconcile.Compute(docs, world.live, o, noon)
					if p.Empty() != world.want {
						b.Fatalf("%d changes", len(p.Changes))
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/document")
			})
		}
	}
}

// TestCostIsLinear plans and explains ten times as many documents, and each takes as
// much memory as before.
func TestCostIsLinear(t *testing.T) {
	o := reconcile.Options{Owner: "default"}
	for what, do := range map[string]func([]spec.EventRouting, reconcile.State){
		"plan": func(docs []spec.EventRouting, live reconcile.State) { reconcile.Compute(docs, live, o, noon) },
		"explain": func(docs []spec.EventRouting, live reconcile.State) {
			reconcile.Explain(docs, live, o, reconcile.Prices{}, noon)
		},
	} {
		for _, isolation := range []spec.Isolation{spec.IsolationAlias, spec.IsolationFanOut} {
			perDocument := func(n int) uint64 {
				docs, empty := documentsOf(t, n, isolation)
				live, _ := settle(t, empty, func(s reconcile.State, now time.Time) reconcile.Plan { return reconcile.Compute(docs, s, o, now) }, noon)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				do(docs, live)
				runtime.ReadMemStats(&after)
				return (after.TotalAlloc - before.TotalAlloc) / uint64(n)
			}
			if few, many := perDocument(40), perDocument(400); many > few*3/2 {
				t.Errorf("%s, %s: %d bytes a document with 40 of them, %d with 400", what, isolation, few, many)
			}
		}
	}
}

func manyDocuments(b testing.TB, n int) ([]spec.EventRouting, reconcile.State) {
	b.Helper()
	return documentsOf(b, n, spec.IsolationAlias)
}

func documentsOf(b testing.TB, n int, isolation spec.Isolation) ([]spec.EventRouting, reconcile.State) {
	b.Helper()
	live := reconcile.State{
		Account: "111122223333", Region: "eu-west-1",
		Streams: map[string]reconcile.Stream{}, Functions: map[string]reconcile.Function{},
		Aliases: map[reconcile.AliasKey]reconcile.Alias{}, Mappings: map[reconcile.Key][]reconcile.Mapping{},
		Facts: reconcile.Facts{Limits: &reconcile.Limits{ConcurrentExecutions: 1 << 20, Unreserved: 1 << 20}, Invokers: map[string]reconcile.Invokers{}},
	}
	files := fstest.MapFS{}
	var paths []string
	for i := range n {
		stream, function := fmt.Sprintf("stream-%d", i), fmt.Sprintf("function-%d", i)
		var text strings.Builder
		fmt.Fprintf(&text, `apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: routing-%d}
spec:
  stream: %s
  function: {name: %s}
  isolation: %s
  eventType: {path: eventType}
  defaults: {retry: {maxAttempts: 3}}
  routes:
`, i, stream, function, isolation)
		for r := range 5 {
			fmt.Fprintf(&text, "    - {name: route-%d, eventTypes: [Type%dA, Type%dB]}\n", r, r, r)
		}
		name := fmt.Sprintf("%d.yaml", i)
		files[name] = &fstest.MapFile{Data: []byte(text.String())}
		paths = append(paths, name)
		live.Streams[stream] = reconcile.Stream{Name: stream, Status: "ACTIVE", Retention: 24 * time.Hour,
			Shards: []reconcile.Shard{{ID: "shardId-000000000000"}, {ID: "shardId-000000000001"}}}
		live.Functions[function] = reconcile.Function{Name: function}
		live.Facts.Invokers[function] = reconcile.Invokers{}
	}
	docs, findings := spec.Load(files, paths...)
	for _, f := range findings {
		if f.Severity == spec.Error {
			b.Fatal(f)
		}
	}
	return docs, live
}

// BenchmarkExplain explains documents as BenchmarkCompute plans them.
func BenchmarkExplain(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		docs, empty := manyDocuments(b, n)
		o := reconcile.Options{Owner: "default"}
		live := simulate(b, empty, reconcile.Compute(docs, empty, o, noon).Changes, noon)
		b.Run(fmt.Sprintf("documents=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if e, asks := reconcile.Explain(docs, live, o, reconcile.Prices{}, noon); len(e.Functions) != n || len(e.Streams) != n || len(asks) != 0 {
					b.Fatalf("%d functions, %d streams, %d asks", len(e.Functions), len(e.Streams), len(asks))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/document")
		})
	}
}

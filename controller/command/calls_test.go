package command_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/eventrouting/eventrouting/spec"
)

// many is documents of routes, one for each stream, in one isolation.
type many struct {
	streams, routes int // routes of each
	isolation       spec.Isolation
}

func (m many) String() string {
	return fmt.Sprintf("isolation=%s/streams=%d/routes=%d", m.isolation, m.streams, m.streams*m.routes)
}

// world is an embedded AWS with what the documents name.
func (m many) world(t testing.TB) (*rig, []spec.EventRouting) {
	t.Helper()
	streams := map[string]int{}
	functions := []string{"order-processor"}
	var text strings.Builder
	for i := range m.streams {
		stream := fmt.Sprintf("stream-%d", i)
		streams[stream] = 1
		fmt.Fprintf(&text, "---\n%s", strings.NewReplacer("name: orders}", fmt.Sprintf("name: orders-%d}", i), "stream: orders-events", "stream: "+stream).Replace(ordersText))
		for j := range m.routes {
			own := ""
			if m.isolation == spec.IsolationFunction {
				functions = append(functions, fmt.Sprintf("own-%d-%d", i, j))
				own = ", function: " + functions[len(functions)-1]
			}
			fmt.Fprintf(&text, "    - {name: route-%d, eventTypes: [Type%d], isolation: %s%s}\n", j, j, m.isolation, own)
		}
	}
	return newRig(t, streams, functions...), load(t, []byte(text.String()))
}

// peak is the largest heap seen at any call.
type peak uint64

func (p *peak) look() {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	*p = max(*p, peak(s.HeapAlloc))
}

// BenchmarkQuietPass measures a plan that finds nothing to do: time, AWS calls,
// and the largest heap, the embedded AWS's own included.
func BenchmarkQuietPass(b *testing.B) {
	for _, m := range []many{
		{1, 1, spec.IsolationAlias}, {1, 5, spec.IsolationAlias}, {1, 20, spec.IsolationFanOut}, {1, 5, spec.IsolationFunction},
		{40, 5, spec.IsolationAlias}, {40, 5, spec.IsolationFanOut},
	} {
		b.Run(m.String(), func(b *testing.B) {
			r, docs := m.world(b)
			r.settle(docs)
			r.server.Forget()
			var heap peak
			do := r.server.Client().Do
			for b.Loop() {
				p := r.planBy(docs, func(req *http.Request) (*http.Response, error) {
					heap.look()
					return do(req)
				})
				if heap.look(); !p.Empty() {
					b.Fatalf("not quiet: %v", p.Changes)
				}
			}
			b.ReportMetric(float64(len(r.server.Calls()))/float64(b.N), "calls/pass")
			b.ReportMetric(float64(heap)/(1<<20), "peak-MiB")
		})
	}
}

// BenchmarkCreate counts the AWS calls of a first apply, polls among them, and
// measures the largest heap, the embedded AWS's own included. It waits for the
// emulator's short delays, so its time says little.
func BenchmarkCreate(b *testing.B) {
	for _, m := range []many{
		{1, 1, spec.IsolationAlias}, {1, 5, spec.IsolationAlias}, {1, 5, spec.IsolationFanOut}, {1, 20, spec.IsolationFanOut},
		{1, 5, spec.IsolationFunction}, {40, 5, spec.IsolationAlias}, {40, 5, spec.IsolationFanOut},
	} {
		b.Run(m.String(), func(b *testing.B) {
			calls, polls := 0, 0
			var heap peak
			for b.Loop() {
				r, docs := m.world(b)
				do := r.server.Client().Do
				if _, err := r.apply(b.Context(), func(req *http.Request) (*http.Response, error) {
					heap.look()
					return do(req)
				}, docs); err != nil {
					b.Fatal(err)
				}
				heap.look()
				all := r.server.Calls()
				calls += len(all)
				polls-- // the sweep is none
				for _, c := range all {
					if c.Operation == "ListEventSourceMappings" {
						polls++
					}
				}
			}
			b.ReportMetric(float64(calls)/float64(b.N), "calls/apply")
			b.ReportMetric(float64(polls)/float64(b.N), "polls/apply")
			b.ReportMetric(float64(heap)/(1<<20), "peak-MiB")
		})
	}
}

package command_test

import (
	"fmt"
	"testing"
)

// BenchmarkQuietPass counts the AWS calls of a plan that finds nothing to do.
func BenchmarkQuietPass(b *testing.B) {
	for _, n := range []int{1, 20, 150} {
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			r, docs := manyRoutes(b, n)
			r.settle(docs)
			r.server.Forget()
			for b.Loop() {
				if p := r.plan(docs); !p.Empty() {
					b.Fatalf("not quiet: %v", p.Changes)
				}
			}
			b.ReportMetric(float64(len(r.server.Calls()))/float64(b.N), "calls/pass")
		})
	}
}

// BenchmarkCreate counts the AWS calls of a first apply, polls among them. It
// waits for the emulator's short delays, so its time says little.
func BenchmarkCreate(b *testing.B) {
	for _, n := range []int{1, 5, 20} {
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			calls, polls := 0, 0
			for b.Loop() {
				r, docs := manyRoutes(b, n)
				if _, err := r.apply(b.Context(), r.server.Client().Do, docs); err != nil {
					b.Fatal(err)
				}
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
		})
	}
}

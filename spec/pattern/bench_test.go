package pattern_test

import (
	"fmt"
	"testing"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

// world is n routes of ten types each and a catch-all if it fits one filter.
func world(b *testing.B, n int) (routes []pattern.Named, types []string) {
	b.Helper()
	for i := range n {
		var own []string
		for j := range 10 {
			own = append(own, fmt.Sprintf("com.example.orders.Changed%04d", i*10+j))
		}
		types = append(types, own...)
		routes = append(routes, pattern.Named{Name: fmt.Sprint(i), Set: mustBuild(b, pattern.Route{Path: "meta.type", Types: own})})
	}
	return routes, types
}

func BenchmarkIndex(b *testing.B) {
	for _, n := range []int{1, 50, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			routes, types := world(b, n)
			var sets []pattern.Set
			for _, r := range routes {
				sets = append(sets, r.Set)
			}
			rest := mustBuild(b, pattern.Route{Path: "meta.type", CatchAll: true, Others: types[:min(len(types), 100)]})
			x := pattern.NewIndex(append(sets, rest))
			var events [][]byte
			for i := range 64 {
				events = append(events, fmt.Appendf(nil,
					`{"id":"%d","meta":{"type":%q,"source":"shop","at":"2026-01-01T00:00:00Z"},"order":{"lines":[{"sku":"a","n":1},{"sku":"b","n":2}],"total":12.5}}`,
					i, types[i*7%len(types)]))
			}
			var took []int
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				took = x.Match(took[:0], events[i%len(events)])
				i++
			}
			if len(took) == 0 {
				b.Fatal("nothing took the event")
			}
		})
	}
}

func BenchmarkAnalyse(b *testing.B) {
	routes, types := world(b, 500)
	b.ReportAllocs()
	for b.Loop() {
		if all := pattern.Analyse(routes, types, "meta.type"); len(all) == 0 {
			b.Fatal("nothing found: at least other texts are not taken")
		}
	}
}

func BenchmarkNewSet(b *testing.B) {
	s := mustBuild(b, pattern.Route{Path: "meta.type", Types: manyTypes(600)})
	texts, err := s.Filters()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		pattern.NewSet(texts)
	}
}

func BenchmarkCovers(b *testing.B) {
	s := mustBuild(b, pattern.Route{Path: "type", CatchAll: true, Others: manyTypes(100)})
	t := mustBuild(b, pattern.Route{Path: "type", Types: []string{"other", "another"}})
	b.ReportAllocs()
	for b.Loop() {
		if s.Covers(t).Verdict != pattern.Yes {
			b.Fatal("not covered")
		}
	}
}

package lineage_test

import (
	"fmt"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/reconcile/lineage"
)

// history makes lineages as streams do: shards lie side by side in the order of
// their hash ranges; one is split, two neighbours are merged.
type history struct {
	parents [][]int
	open    []int
}

func (h *history) add(parents ...int) int {
	h.parents = append(h.parents, parents)
	return len(h.parents) - 1
}

func streamOf(n int) *history {
	h := &history{}
	for range n {
		h.open = append(h.open, h.add())
	}
	return h
}

func (h *history) split(i int) {
	p := h.open[i]
	h.open = append(h.open[:i], append([]int{h.add(p), h.add(p)}, h.open[i+1:]...)...)
}

func (h *history) merge(i int) {
	child := h.add(h.open[i], h.open[i+1])
	h.open = append(h.open[:i], append([]int{child}, h.open[i+2:]...)...)
}

// double splits every shard, halve merges every pair.
func (h *history) double() {
	for i := 0; i < len(h.open); i += 2 {
		h.split(i)
	}
}

func (h *history) halve() {
	for i := 0; i+1 < len(h.open); i++ {
		h.merge(i)
	}
}

func TestKnownHistories(t *testing.T) {
	for _, c := range []struct {
		name string
		make func() *history
		want int
	}{
		{"nothing", func() *history { return streamOf(0) }, 0},
		{"no reshard", func() *history { return streamOf(4) }, 4},
		{"4 split to 8", func() *history { h := streamOf(4); h.double(); return h }, 8},
		{"8 merged to 4", func() *history { h := streamOf(8); h.halve(); return h }, 8},
		{"4 to 8 to 4", func() *history { h := streamOf(4); h.double(); h.halve(); return h }, 8},
		{"8 to 4 to 8", func() *history { h := streamOf(8); h.halve(); h.double(); return h }, 8},
		{"one split among four", func() *history { h := streamOf(4); h.split(1); return h }, 5},
		{"one pair merged among eight", func() *history { h := streamOf(8); h.merge(3); return h }, 8},
		{"split at one end, merged at the other", func() *history { h := streamOf(4); h.split(0); h.merge(3); return h }, 5},
		{"merged twice", func() *history { h := streamOf(8); h.halve(); h.halve(); return h }, 8},
		{"merged to one and split again", func() *history {
			h := streamOf(4)
			h.halve()
			h.halve()
			h.split(0)
			h.split(0)
			h.split(2)
			return h
		}, 4},
		{"the halves of one that is split further", func() *history { h := streamOf(1); h.split(0); h.split(0); h.split(2); return h }, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := lineage.Width(c.make().parents); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// random draws a history, some shards of which may have expired: what is left
// of a lineage has parents that are not listed.
func random(most int) *rapid.Generator[[][]int] {
	return rapid.Custom(func(t *rapid.T) [][]int {
		h := streamOf(rapid.IntRange(1, 5).Draw(t, "shards"))
		for range rapid.IntRange(0, most).Draw(t, "reshards") {
			i := rapid.IntRange(0, len(h.open)-1).Draw(t, "at")
			if i+1 < len(h.open) && rapid.Bool().Draw(t, "merge") {
				h.merge(i)
			} else {
				h.split(i)
			}
		}
		gone := rapid.IntRange(0, len(h.parents)/3).Draw(t, "expired")
		var left [][]int
		for _, list := range h.parents[gone:] {
			var kept []int
			for _, p := range list {
				kept = append(kept, p-gone) // below 0: not listed
			}
			left = append(left, kept)
		}
		return left
	})
}

// brute tries every set of shards.
func brute(parents [][]int) int {
	n := len(parents)
	above := make([]uint32, n) // ancestors; parents stand before their children
	for i, list := range parents {
		for _, p := range list {
			if p >= 0 {
				above[i] |= above[p] | 1<<p
			}
		}
	}
	best := 0
	for set := range uint32(1) << n {
		size := bits.OnesCount32(set)
		for i := 0; i < n && size > best; i++ {
			if set>>i&1 == 1 && set&above[i] != 0 {
				size = 0
			}
		}
		best = max(best, size)
	}
	return best
}

// TestWidthIsBruteForce compares with trying every set, for the same lineages
// whatever is said to rapid.
func TestWidthIsBruteForce(t *testing.T) {
	lineages, tried := random(6), 0
	for seed := range 5000 {
		parents := lineages.Example(seed)
		if len(parents) > 14 {
			continue
		}
		tried++
		if got, want := lineage.Width(parents), brute(parents); got != want {
			t.Fatalf("%v: got %d, want %d", parents, got, want)
		}
	}
	if tried < 4000 {
		t.Errorf("only %d lineages were small enough", tried)
	}
}

// Garbage ends, and is no more than the number of shards.
func TestGarbage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "shards")
		parents := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(-2, n+2), 0, 3), n, n).Draw(t, "parents")
		if got := lineage.Width(parents); got < 0 || got > n || n > 0 && got == 0 {
			t.Fatalf("%v: %d", parents, got)
		}
	})
}

func BenchmarkWidth(b *testing.B) {
	for _, n := range []int{100, 1000, 20_000} {
		for name, reshard := range map[string]func(*history){
			"split":  func(h *history) { h.double() },
			"merged": func(h *history) { h.halve() },
			"both":   func(h *history) { h.halve(); h.double(); h.halve() },
			"one after the other": func(h *history) {
				for i := range n / 4 {
					h.merge(i * 7 % (len(h.open) - 1))
					h.split(i * 11 % len(h.open))
				}
			},
		} {
			b.Run(fmt.Sprintf("shards=%d/%s", n, name), func(b *testing.B) {
				h := streamOf(n / 2)
				reshard(h)
				for b.Loop() {
					lineage.Width(h.parents)
				}
				b.ReportMetric(float64(len(h.parents)), "shards")
			})
		}
	}
}

package world_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/emulator/world"
)

const highest = "340282366920938463463374607431768211455"

func ireland() world.Place { return world.Place{Account: "123456789012", Region: "eu-west-1"} }

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// streamOf is a world with one ACTIVE stream s.
func streamOf(t rapid.TB, shards int) *world.World {
	t.Helper()
	w := world.New(1, world.Short(), noon())
	must(t, w.SeedStream(ireland(), "s", shards))
	return w
}

func pass(w *world.World, d time.Duration) { w.Advance(w.Now().Add(d)) }

func openOf(shards []world.Shard) []world.Shard {
	open := slices.DeleteFunc(slices.Clone(shards), func(s world.Shard) bool { return !s.Open() })
	slices.SortFunc(open, func(a, b world.Shard) int { return a.First.Compare(b.First) })
	return open
}

// short is shards as "1<0 [0-f]" for people: id, parents, range in 16ths.
func short(shards []world.Shard) []string {
	sixteenth, _ := world.ParseHashKey("21267647932558653966460912964485513216")
	var all []string
	for _, s := range shards {
		v := s.ID[len("shardId-"):]
		for len(v) > 1 && v[0] == '0' {
			v = v[1:]
		}
		for _, p := range []string{s.Parent, s.AdjacentParent} {
			if p != "" {
				v += "<" + p[len(p)-1:]
			}
		}
		at := func(k world.HashKey) int {
			n, edge := 0, sixteenth
			for k.Compare(edge) >= 0 && n < 15 {
				n++
				edge = add(edge, sixteenth)
			}
			return n
		}
		v += fmt.Sprintf(" %x-%x", at(s.First), at(s.Last))
		if !s.Open() {
			v += " closed"
		}
		all = append(all, v)
	}
	return all
}

// add is good for sums that have a name in the decimal system only.
func add(a, b world.HashKey) world.HashKey {
	x, y := []byte(a.String()), []byte(b.String())
	for len(x) < 39 {
		x = append([]byte{'0'}, x...)
	}
	for len(y) < 39 {
		y = append([]byte{'0'}, y...)
	}
	carry := byte(0)
	for i := 38; i >= 0; i-- {
		d := x[i] - '0' + y[i] - '0' + carry
		x[i], carry = d%10+'0', d/10
	}
	for len(x) > 1 && x[0] == '0' {
		x = x[1:]
	}
	k, _ := world.ParseHashKey(string(x))
	return k
}

func TestReshardLineage(t *testing.T) {
	for _, tc := range []struct {
		name     string
		from, to int
		want     []string
	}{
		{"a doubling is one split a shard", 2, 4, []string{
			"0 0-7 closed", "1 8-f closed", "2<0 0-3", "3<0 4-7", "4<1 8-b", "5<1 c-f",
		}},
		{"a halving is one merge a pair", 4, 2, []string{
			"0 0-3 closed", "1 4-7 closed", "2 8-b closed", "3 c-f closed", "4<0<1 0-7", "5<2<3 8-f",
		}},
		{"in between there are pieces that do not last", 4, 3, []string{
			"0 0-3 closed", "1 4-7 closed", "2 8-b closed", "3 c-f closed",
			"4<1 4-5 closed", "5<1 5-7 closed", "6<2 8-a closed", "7<2 a-b closed",
			"8<0<4 0-5", "9<5<6 5-a", "10<7<3 a-f",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := streamOf(t, tc.from)
			before, err := w.UpdateShardCount(ireland(), "s", tc.to)
			must(t, err)
			if before != tc.from {
				t.Errorf("current shard count %d, want %d", before, tc.from)
			}
			pass(w, world.Short().StreamUpdate)
			if d := cmp.Diff(tc.want, short(w.Shards(ireland(), "s"))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// Whatever reshards come one after the other, and however far each has got.
func TestLineageProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := streamOf(t, rapid.IntRange(1, 9).Draw(t, "shards"))
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			n := anyReshard(t, w)
			checkLineage(t, w.Shards(ireland(), "s"))
			pass(w, time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms"))*time.Millisecond)
			checkLineage(t, w.Shards(ireland(), "s"))
			if rapid.Bool().Draw(t, "half way") {
				continue // the next reshard meets an UPDATING stream
			}
			pass(w, world.Short().StreamUpdate)
			all := w.Shards(ireland(), "s")
			checkLineage(t, all)
			if n > 0 && len(openOf(all)) != n {
				t.Fatalf("%d open shards, want %d", len(openOf(all)), n)
			}
		}
	})
}

// anyReshard does one and returns how many shards it leads to, 0 when unknown.
func anyReshard(t *rapid.T, w *world.World) int {
	v, err := w.Stream(ireland(), "s")
	must(t, err)
	open := openOf(w.Shards(ireland(), "s"))
	i := rapid.IntRange(0, len(open)-1).Draw(t, "shard")
	n, after := 0, 0
	switch rapid.SampledFrom([]string{"scale", "split", "merge"}).Draw(t, "reshard") {
	case "scale":
		n = rapid.IntRange((len(open)+1)/2, min(2*len(open), 40)).Draw(t, "target")
		_, err = w.UpdateShardCount(ireland(), "s", n)
		after = n
	case "split":
		key := rapid.SampledFrom([]world.HashKey{open[i].First.Next().Next(), half(open[i])}).Draw(t, "key")
		if key.Compare(open[i].First.Next()) <= 0 || key.Compare(open[i].Last) >= 0 {
			return 0
		}
		err = w.SplitShard(ireland(), "s", open[i].ID, key.String())
		after = len(open) + 1
	case "merge":
		if i+1 == len(open) {
			return 0
		}
		err = w.MergeShards(ireland(), "s", open[i].ID, open[i+1].ID)
		after = len(open) - 1
	}
	switch {
	case v.Status == world.StatusUpdating && err == nil:
		t.Fatal("accepted while UPDATING")
	case err != nil:
		return 0 // or out of today's ten
	}
	return after
}

// half is a key well inside a shard.
func half(s world.Shard) world.HashKey {
	k, _ := world.ParseHashKey(s.Last.String()[:len(s.Last.String())-1])
	if k.Compare(s.First) <= 0 {
		return s.First.Next().Next().Next()
	}
	return k
}

func checkLineage(t *rapid.T, all []world.Shard) {
	t.Helper()
	index := map[string]int{}
	children := map[string][]world.Shard{}
	for i, s := range all {
		if want := fmt.Sprintf("shardId-%012d", i); s.ID != want {
			t.Fatalf("id %s, want %s", s.ID, want)
		}
		for _, p := range []string{s.Parent, s.AdjacentParent} {
			if p == "" {
				continue
			}
			j, known := index[p]
			if !known {
				t.Fatalf("%s descends from %s, which is not older", s.ID, p)
			}
			if parent := all[j]; !parent.Closed.Equal(s.Opened) || parent.LastSequence >= s.FirstSequence {
				t.Fatalf("%s opened %s from sequence %s, its parent %s closed %s at %s",
					s.ID, s.Opened, s.FirstSequence, p, parent.Closed, parent.LastSequence)
			}
			children[p] = append(children[p], s)
		}
		if !s.Open() && s.FirstSequence >= s.LastSequence {
			t.Fatalf("%s has sequence numbers %s to %s", s.ID, s.FirstSequence, s.LastSequence)
		}
		index[s.ID] = i
	}
	for _, s := range all {
		c := children[s.ID]
		slices.SortFunc(c, func(a, b world.Shard) int { return a.First.Compare(b.First) })
		switch {
		case s.Open() != (len(c) == 0):
			t.Fatalf("%s open %v with %d children", s.ID, s.Open(), len(c))
		case len(c) == 1 && (c[0].First.Compare(s.First) > 0 || c[0].Last.Compare(s.Last) < 0),
			len(c) == 2 && (c[0].First != s.First || c[1].Last != s.Last || c[0].Last.Next() != c[1].First),
			len(c) > 2:
			t.Fatalf("%s: children %v do not cover it", s.ID, c)
		}
	}
	checkTiles(t, openOf(all))
}

// checkTiles wants shards, in the order of their keys, to have each key once.
func checkTiles(t *rapid.T, shards []world.Shard) {
	t.Helper()
	next := "0"
	for _, s := range shards {
		if s.First.String() != next || s.First.Compare(s.Last) > 0 {
			t.Fatalf("%s has %s to %s, want it to begin at %s", s.ID, s.First, s.Last, next)
		}
		next = s.Last.Next().String()
	}
	if len(shards) == 0 || shards[len(shards)-1].Last.String() != highest {
		t.Fatalf("%d shards do not reach the end", len(shards))
	}
}

// A reshard to n leaves the same tiles as a stream created with n.
func TestUniformIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := streamOf(t, rapid.IntRange(1, 30).Draw(t, "shards"))
		anyReshard(t, w)
		pass(w, time.Minute)
		open := len(openOf(w.Shards(ireland(), "s")))
		n := rapid.IntRange((open+1)/2, 2*open).Draw(t, "target")
		_, err := w.UpdateShardCount(ireland(), "s", n)
		must(t, err)
		pass(w, world.Short().StreamUpdate)
		got, want := openOf(w.Shards(ireland(), "s")), openOf(streamOf(t, n).Shards(ireland(), "s"))
		if len(got) != len(want) {
			t.Fatalf("%d shards, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i].First != want[i].First || got[i].Last != want[i].Last {
				t.Fatalf("shard %d of %d has %s to %s, want %s to %s", i, n, got[i].First, got[i].Last, want[i].First, want[i].Last)
			}
		}
	})
}

// One shard becomes many without a long line of descent.
func TestManySplitsStayShallow(t *testing.T) {
	w := world.New(1, world.Short(), noon())
	at := ireland()
	must(t, w.CreateStream(at, world.NewStream{Name: "s", OnDemand: true}))
	pass(w, time.Minute)
	must(t, w.AutoReshard(at, "s", 1))
	pass(w, time.Minute)
	must(t, w.AutoReshard(at, "s", 64))
	pass(w, time.Minute)
	deepest, depth := 0, map[string]int{}
	for _, s := range w.Shards(at, "s")[4:] {
		depth[s.ID] = depth[s.Parent] + 1
		deepest = max(deepest, depth[s.ID])
	}
	// 4 to 1 are at most 3 merges, the halving of 64 takes 6 splits.
	if deepest > 9 {
		t.Errorf("descent over %d reshards, want 9 at most", deepest)
	}
}

package world_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// listed is the ids that a filter chooses, without what they have in common.
func listed(t rapid.TB, w *world.World, f world.ShardFilter) string {
	t.Helper()
	shards, more, err := w.ListShards(ireland(), "s", f, "", 1000)
	must(t, err)
	if more {
		t.Fatal("more than 1000 shards")
	}
	var ids []string
	for _, s := range shards {
		ids = append(ids, strings.TrimLeft(s.ID[len("shardId-"):len(s.ID)-1], "0")+s.ID[len(s.ID)-1:])
	}
	return strings.Join(ids, " ")
}

// A stream of 4 shards that became 8 at 13:00 and 4 again at 14:00 the next
// day, read at several times.
func TestListShardsHistory(t *testing.T) {
	instant := world.Timing{} // each reshard happens at one instant
	build := func(t *testing.T) *world.World {
		w := world.New(1, instant, noon())
		w.SetKnobs(world.Knobs{}) // old times are taken for the horizon
		must(t, w.SeedStream(ireland(), "s", 4))
		pass(w, time.Hour)
		_, err := w.UpdateShardCount(ireland(), "s", 8) // 0-3 close, 4-11 open
		must(t, err)
		pass(w, 24*time.Hour+time.Hour)
		_, err = w.UpdateShardCount(ireland(), "s", 4) // 4-11 close, 12-15 open
		must(t, err)
		pass(w, 0)
		return w
	}
	first, second := noon().Add(time.Hour), noon().Add(26*time.Hour)
	for _, tc := range []struct {
		name string
		now  time.Time
		f    world.ShardFilter
		want string
	}{
		{"open now", second, world.ShardFilter{Type: world.AtLatest}, "12 13 14 15"},
		{"all within the retention", second, world.ShardFilter{Type: world.FromTrimHorizon}, "4 5 6 7 8 9 10 11 12 13 14 15"},
		{"that is the default", second, world.ShardFilter{}, "4 5 6 7 8 9 10 11 12 13 14 15"},
		{"open at the trim horizon", second, world.ShardFilter{Type: world.AtTrimHorizon}, "4 5 6 7 8 9 10 11"},
		{"open then", second, world.ShardFilter{Type: world.AtTimestamp, Time: second.Add(-time.Hour)}, "4 5 6 7 8 9 10 11"},
		{"at the instant of a reshard both", second, world.ShardFilter{Type: world.AtTimestamp, Time: second}, "4 5 6 7 8 9 10 11 12 13 14 15"},
		{"open after it", second.Add(time.Hour), world.ShardFilter{Type: world.AtTimestamp, Time: second.Add(time.Minute)}, "12 13 14 15"},
		{"a time before the trim horizon is taken for it", second, world.ShardFilter{Type: world.AtTimestamp, Time: noon()}, "4 5 6 7 8 9 10 11"},
		{"from then", second.Add(time.Hour), world.ShardFilter{Type: world.FromTimestamp, Time: second.Add(time.Minute)}, "12 13 14 15"},
		{"from the reshard", second.Add(time.Hour), world.ShardFilter{Type: world.FromTimestamp, Time: second}, "4 5 6 7 8 9 10 11 12 13 14 15"},
		{"from before the trim horizon", second, world.ShardFilter{Type: world.FromTimestamp, Time: noon()}, "4 5 6 7 8 9 10 11 12 13 14 15"},
		{"after one", second, world.ShardFilter{Type: world.AfterShardID, ShardID: "shardId-000000000010"}, "11 12 13 14 15"},
		{"after an expired one", second, world.ShardFilter{Type: world.AfterShardID, ShardID: "shardId-000000000001"}, "4 5 6 7 8 9 10 11 12 13 14 15"},
		{"on the last instant of a day", second.Add(24 * time.Hour), world.ShardFilter{}, "4 5 6 7 8 9 10 11 12 13 14 15"},
		{"a day after the last reshard", second.Add(24*time.Hour + 1), world.ShardFilter{}, "12 13 14 15"},
		{"at the trim horizon then", second.Add(24*time.Hour + 1), world.ShardFilter{Type: world.AtTrimHorizon}, "12 13 14 15"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := build(t)
			w.Advance(tc.now)
			if got := listed(t, w, tc.f); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
	t.Run("before the first expired", func(t *testing.T) {
		w := world.New(1, instant, noon())
		must(t, w.SeedStream(ireland(), "s", 4))
		pass(w, time.Hour)
		_, err := w.UpdateShardCount(ireland(), "s", 8)
		must(t, err)
		w.Advance(first.Add(time.Hour))
		for typ, want := range map[string]string{
			"": "0 1 2 3 4 5 6 7 8 9 10 11", world.AtTrimHorizon: "0 1 2 3", world.AtLatest: "4 5 6 7 8 9 10 11",
		} {
			if got := listed(t, w, world.ShardFilter{Type: typ}); got != want {
				t.Errorf("%s: got %s, want %s", typ, got, want)
			}
		}
	})
	t.Run("uneven splits", func(t *testing.T) {
		w := world.New(1, instant, noon())
		must(t, w.SeedStream(ireland(), "s", 1))
		pass(w, time.Hour)
		must(t, w.SplitShard(ireland(), "s", "shardId-0", "2"))
		pass(w, time.Hour)
		must(t, w.SplitShard(ireland(), "s", "shardId-000000000002", "100"))
		pass(w, time.Hour)
		for at, want := range map[time.Duration]string{0: "0", 90 * time.Minute: "1 2", 150 * time.Minute: "1 3 4"} {
			if got := listed(t, w, world.ShardFilter{Type: world.AtTimestamp, Time: noon().Add(at)}); got != want {
				t.Errorf("at %s: got %s, want %s", at, got, want)
			}
		}
	})
}

func TestRetention(t *testing.T) {
	w := world.New(1, world.Timing{}, noon())
	must(t, w.SeedStream(ireland(), "s", 1))
	split := func(key string) {
		t.Helper()
		all := openOf(w.Shards(ireland(), "s"))
		must(t, w.SplitShard(ireland(), "s", all[len(all)-1].ID, key))
		pass(w, 0)
	}
	split("100") // 0 closes
	pass(w, 25*time.Hour)
	must(t, w.IncreaseRetention(ireland(), "s", 48))
	pass(w, 0)
	if got := listed(t, w, world.ShardFilter{}); got != "1 2" {
		t.Errorf("a longer retention brings nothing back: got %s, want 1 2", got)
	}
	split("200") // 2 closes
	pass(w, 30*time.Hour)
	if got := listed(t, w, world.ShardFilter{}); got != "1 2 3 4" {
		t.Errorf("within 48 hours: got %s, want 1 2 3 4", got)
	}
	must(t, w.DecreaseRetention(ireland(), "s", 24))
	pass(w, 0)
	must(t, w.IncreaseRetention(ireland(), "s", 48))
	pass(w, 0)
	if got := listed(t, w, world.ShardFilter{}); got != "1 3 4" {
		t.Errorf("a shorter one discards at once: got %s, want 1 3 4", got)
	}
	if got := len(w.Shards(ireland(), "s")); got != 5 {
		t.Errorf("the lineage has %d shards, want all 5", got)
	}
}

// At any time but the instants of a reshard the shards then open have each key
// once, and a list is the same in pages of any size.
func TestListProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := streamOf(t, rapid.IntRange(1, 8).Draw(t, "shards"))
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			anyReshard(t, w)
			pass(w, time.Duration(rapid.IntRange(0, 8*3600).Draw(t, "s"))*time.Second)
		}
		ago := time.Duration(rapid.Int64Range(1, int64(23*time.Hour)).Draw(t, "ago"))
		f := world.ShardFilter{Type: world.AtTimestamp, Time: w.Now().Add(-ago)}
		if f.Time.Before(noon()) {
			f.Time = noon()
		}
		if slices.ContainsFunc(w.Shards(ireland(), "s"), func(s world.Shard) bool { return s.Closed.Equal(f.Time) }) {
			return
		}
		then, _, err := w.ListShards(ireland(), "s", f, "", 1000)
		must(t, err)
		slices.SortFunc(then, func(a, b world.Shard) int { return a.First.Compare(b.First) })
		checkTiles(t, then)

		size := rapid.IntRange(1, 5).Draw(t, "page")
		whole, _, err := w.ListShards(ireland(), "s", world.ShardFilter{}, "", 1000)
		must(t, err)
		var pages []world.Shard
		for after, more := "", true; more; {
			var p []world.Shard
			p, more, err = w.ListShards(ireland(), "s", world.ShardFilter{}, after, size)
			must(t, err)
			pages = append(pages, p...)
			after = p[len(p)-1].ID
		}
		if d := cmp.Diff(whole, pages, cmp.AllowUnexported(world.HashKey{})); d != "" {
			t.Fatalf("in pages (-whole +pages):\n%s", d)
		}
	})
}

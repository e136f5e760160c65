package world_test

import (
	"testing"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// What 3 shards look like on AWS, and how far apart their sequence numbers are:
// github.com/mhart/kinesalite test/createStream.js
func TestShardsLikeAWS(t *testing.T) {
	w := streamOf(t, 3)
	got := w.Shards(ireland(), "s")
	want := [][2]string{
		{"0", "113427455640312821154458202477256070484"},
		{"113427455640312821154458202477256070485", "226854911280625642308916404954512140969"},
		{"226854911280625642308916404954512140970", highest},
	}
	for i, s := range got {
		if s.First.String() != want[i][0] || s.Last.String() != want[i][1] {
			t.Errorf("shard %d: %s to %s, want %v", i, s.First, s.Last, want[i])
		}
		if len(s.FirstSequence) != 56 {
			t.Errorf("sequence number %q", s.FirstSequence)
		}
	}
	// Neighbours of one creation are that far apart.
	if d := subtract(got[1].FirstSequence, got[0].FirstSequence); d != "22300745198530623141535718272648361505980432" {
		t.Errorf("sequence numbers are %s apart", d)
	}
}

func TestHashKeys(t *testing.T) {
	for _, s := range []string{"0", "1", "18446744073709551616", highest} {
		if k, ok := world.ParseHashKey(s); !ok || k.String() != s {
			t.Errorf("%s: got %s, %v", s, k, ok)
		}
	}
	for _, s := range []string{"", "-1", "01", "1x", "340282366920938463463374607431768211456", "999999999999999999999999999999999999999"} {
		if k, ok := world.ParseHashKey(s); ok {
			t.Errorf("%q: got %s, want none", s, k)
		}
	}
}

func subtract(a, b string) string {
	x := []byte(a)
	borrow := byte(0)
	for i := len(x) - 1; i >= 0; i-- {
		d := 10 + x[i] - b[i] - borrow
		x[i], borrow = d%10+'0', 1-d/10
	}
	for len(x) > 1 && x[0] == '0' {
		x = x[1:]
	}
	return string(x)
}

package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
)

// TestRan reads what it writes, as far as it fits into a tag.
func TestRan(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	most := []reconcile.RanMost{{Function: "f", Factor: 4}, {Function: "g", Factor: 10}}
	for _, want := range []reconcile.Ran{{At: at}, {At: at, Most: most[:1]}, {At: at, Most: most}} {
		if got, ok := reconcile.ParseRan(want.String()); !ok || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v %v", want, got, ok)
		}
	}
	long := reconcile.Ran{At: at}
	for _, letter := range []string{"a", "b", "c", "d"} {
		long.Most = append(long.Most, reconcile.RanMost{Function: strings.Repeat(letter, 64), Factor: 10})
	}
	if got, ok := reconcile.ParseRan(long.String()); !ok || len(got.Most) != 3 || got.Most[0] != long.Most[0] {
		t.Errorf("%v %v, want the first three", got, ok)
	}
	for _, text := range []string{"", "f 4", "yesterday f 4", "2026-11-23T12:00:00Z f", "2026-11-23T12:00:00Z f four", "2026-11-23T12:00:00Z f 0"} {
		if got, ok := reconcile.ParseRan(text); ok {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// TestNote reads back what an alias is made to say.
func TestNote(t *testing.T) {
	for _, start := range []reconcile.Start{{TrimHorizon: true}, {At: noon}} {
		for _, left := range []bool{false, true} {
			want := reconcile.Note{Owner: "default", Stream: "orders-events", Start: start, Left: left}
			if got, ok := reconcile.ParseNote(want.String()); !ok || got != want {
				t.Errorf("%q: %+v, %v", want, got, ok)
			}
		}
	}
	for _, text := range []string{"", "ours", reconcile.Note{Owner: "o", Stream: "s"}.String() + " gone", reconcile.Note{Owner: "o", Stream: "s", Left: true}.String() + " left"} {
		if got, ok := reconcile.ParseNote(text); ok {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

// TestWindows reads two documents of one stream, and one of another: the longest
// releaseAfter of a stream is how far back its closed shards matter, whatever the
// order, and the longest of all is that of streams that none names. None is shorter than
// the last invocations of a shard.
func TestWindows(t *testing.T) {
	document := func(name, stream string, d time.Duration) spec.EventRouting {
		e := spec.EventRouting{Metadata: spec.Metadata{Name: name}}
		e.Spec.Stream, e.Spec.Concurrency = stream, &spec.Concurrency{ReleaseAfter: &spec.Duration{Duration: d}}
		return e
	}
	docs := []spec.EventRouting{document("a", "orders-events", 48*time.Hour), document("b", "orders-events", 12*time.Hour), document("c", "arn:aws:kinesis:eu-west-1:111122223333:stream/s2", 6*time.Hour), document("d", "s3", time.Minute)}
	for range 2 {
		scope := reconcile.Wants(docs)
		for stream, want := range map[string]time.Duration{"orders-events": 48 * time.Hour, "s2": 6 * time.Hour, "s3": 21 * time.Minute, "unnamed": 48 * time.Hour} {
			if got := scope.Window(stream); got != want {
				t.Errorf("%s: %s, want %s", stream, got, want)
			}
		}
		slices.Reverse(docs)
	}
}

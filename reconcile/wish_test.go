package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

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

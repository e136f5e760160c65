package reconcile_test

import (
	"maps"
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/reconcile"
)

// TestWord reads back what it writes, in what AWS allows in a tag.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
func TestWord(t *testing.T) {
	allowed := regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$`)
	rapid.Check(t, func(t *rapid.T) {
		w := reconcile.Word{}
		for name, s := range rapid.MapOf(rapid.StringMatching(`@|[a-z]([a-z0-9-]{0,10}[a-z0-9])?`), rapid.Int64Range(0, 4e9)).Draw(t, "word") {
			w[name] = time.Unix(s, 0).UTC()
		}
		text := w.String()
		if !allowed.MatchString(text) {
			t.Fatalf("%q is no tag's value", text)
		}
		if got := reconcile.ParseWord(text); !maps.Equal(w, got) {
			t.Fatalf("%v is read back as %v", w, got)
		}
	})
	for _, text := range []string{"", "none", "yes", "=2026-11-24T12:00:00Z", "payments=", "payments=tomorrow", "\x00"} {
		if got := reconcile.ParseWord(text); len(got) > 0 {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

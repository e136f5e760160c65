package spec_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/spec"
)

// TestLabels compares what is taken as a label with what Kubernetes takes.
func TestLabels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`[a-zA-Z0-9._/-]{0,70}`), rapid.StringMatching(`[a-z.-]{1,5}/[a-zA-Z0-9._-]{0,5}`),
			rapid.Just(strings.Repeat("a", 63)), rapid.Just(strings.Repeat("a.", 126)+"a/b"), rapid.Just(strings.Repeat("a", 254)+"/b"), rapid.String(),
		)
		key, value := text.Draw(t, "key"), text.Draw(t, "value")
		d := spec.EventRouting{APIVersion: spec.APIVersion, Kind: spec.Kind, Metadata: spec.Metadata{Name: "orders", Labels: map[string]string{key: value}}}
		d.Spec.Stream, d.Spec.Function.Name, d.Spec.EventType.Path = "s", "f", "type"
		d.Spec.Routes = []spec.Route{{Name: "a", EventTypes: []string{"A"}}}
		document, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		_, findings := spec.Load(fstest.MapFS{"f.yaml": {Data: document}}, "f.yaml")
		refused := slices.ContainsFunc(findings, func(f spec.Finding) bool { return f.Severity == spec.Error })
		wrong := len(validation.IsQualifiedName(key))+len(validation.IsValidLabelValue(value)) > 0
		if refused != wrong {
			t.Fatalf("%q: %q is refused: %v, by Kubernetes: %v\n%v", key, value, refused, wrong, findings)
		}
	})
}

package spec_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"

	"github.com/eventrouting/eventrouting/spec"
)

// FuzzLoad loads anything. It must not panic, must say why nothing came of a
// file that holds something, and what it accepts survives a round trip: written
// as YAML and loaded again it is the same, and still has no error.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/valid/*.yaml", "testdata/invalid/*.yaml", "../examples/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds in %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		docs, findings := load(text)
		if len(docs) == 0 && len(findings) == 0 {
			t.Fatal("no document and no word why")
		}
		if len(docs) == 0 {
			return
		}
		var again []byte
		for _, d := range docs {
			b, err := yaml.Marshal(d)
			if err != nil {
				t.Fatalf("write %s: %v", d.Metadata.Name, err)
			}
			again = append(append(again, "---\n"...), b...)
		}
		second, found := load(again)
		for _, f := range found {
			if f.Severity == spec.Error {
				t.Errorf("written and loaded again: %s\n%s", f, again)
			}
		}
		// Writing YAML sorts the keys of a condition and spells numbers its own way.
		conditions := cmp.Transformer("where", func(raw json.RawMessage) any {
			var v any
			if len(raw) > 0 && json.Unmarshal(raw, &v) != nil {
				return string(raw)
			}
			return v
		})
		if diff := cmp.Diff(docs, second, conditions, cmpopts.IgnoreFields(spec.EventRouting{}, "Origin")); diff != "" {
			t.Errorf("round trip (-first +second):\n%s", diff)
		}
		for _, d := range docs {
			d.Resolve()
			if _, err := d.Sets(); err != nil {
				t.Errorf("%s was accepted and has no filters: %v", d.Metadata.Name, err)
			}
		}
	})
}

func load(text []byte) ([]spec.EventRouting, []spec.Finding) {
	return spec.Load(fstest.MapFS{"a.yaml": {Data: text}}, "a.yaml")
}

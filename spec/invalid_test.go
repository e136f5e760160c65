package spec_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/spec"
)

var update = flag.Bool("update", false, "write what tests want into testdata; read the difference before you commit it")

// TestInvalid loads every file of testdata/invalid, one mistake each. It begins
// with what Load finds, errors and warnings, in "# want:" lines; those of
// testdata/coverage are valid and begin with what CoverDocuments finds as well. A new case is
// a new file and go test ./spec -run TestInvalid -update.
func TestInvalid(t *testing.T) {
	files, err := filepath.Glob("testdata/[ic]*/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 60 {
		t.Fatalf("%d files: testdata is not complete", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, got := wants(text), listed(text)
			if *update && want != got {
				// The number of lines above the document changes its lines.
				for range 2 {
					text = []byte(got + string(text[len(wants(text)):]))
					got = listed(text)
				}
				if err := os.WriteFile(file, text, 0o644); err != nil {
					t.Fatal(err)
				}
				want = wants(text)
			}
			if want == "" {
				t.Error("no # want: line")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// wants is the lines at the top that say what is to be found.
func wants(text []byte) string {
	var b strings.Builder
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("# want: ")) {
			break
		}
		b.Write(line)
	}
	return b.String()
}

// listed is the same lines for what is found. Documents that are returned must
// have no error.
func listed(text []byte) string {
	docs, findings := spec.Load(fstest.MapFS{"f.yaml": {Data: text}}, "f.yaml")
	var b strings.Builder
	if len(docs) > 0 && slices.IndexFunc(findings, func(f spec.Finding) bool { return f.Severity == spec.Error }) < 0 {
		findings = append(findings, spec.CoverDocuments(docs)...)
	}
	for _, f := range findings {
		f.File = ""
		at := ""
		if f.Line > 0 {
			at = fmt.Sprintf("line %d: ", f.Line)
		}
		fmt.Fprintf(&b, "# want: %s%s (%s, %s)\n", at, f, f.Severity, f.Code)
	}
	for _, f := range spec.Validate(docs) {
		if f.Severity == spec.Error {
			fmt.Fprintf(&b, "# returned with an error: %s\n", f)
		}
	}
	if b.Len() == 0 {
		return "# want: nothing\n"
	}
	return b.String()
}

package spec_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/spec"
)

// document is a small valid document.
func document(name string) string {
	return `apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: ` + name + `}
spec:
  stream: ` + name + `-events
  function: {name: processor}
  eventType: {path: eventType}
  defaults: {retry: {maxAttempts: 5}}
  routes:
    - {name: placed, eventTypes: [OrderPlaced]}
`
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// names loads and returns the documents' names and the findings as text.
func names(fsys fs.FS, paths ...string) (got, found []string) {
	docs, findings := spec.Load(fsys, paths...)
	for _, d := range docs {
		got = append(got, d.Metadata.Name+" "+d.Origin.File)
	}
	for _, f := range findings {
		found = append(found, fmt.Sprintf("%s %s %s", f.Severity, f.Code, f))
	}
	return got, found
}

func TestLoadPaths(t *testing.T) {
	fsys := fstest.MapFS{
		"b.yaml":                  file(document("b")),
		"a.yml":                   file(document("a")),
		"team/c.json":             file(`{"apiVersion":"eventrouting.dev/v1alpha1","kind":"EventRouting","metadata":{"name":"c"},"spec":{"stream":"c","function":{"name":"f"},"eventType":{"path":"t"},"defaults":{"retry":{"maxAge":"1h"}},"routes":[{"name":"a","eventTypes":["A"]}]}}`),
		"team/deep/two.yaml":      file(document("d") + "---\n" + document("e")),
		"team/README.md":          file("# not ours"),
		"team/.hidden.yaml":       file("broken: ["),
		".git/config.yaml":        file("broken: ["),
		"..data/b.yaml":           file(document("b")),
		"..2026_11_23/b.yaml":     file(document("b")),
		"empty/notes.txt":         file("nothing"),
		"comments.yaml/file.yaml": file("# nothing but a comment\n"),
		"odd/.dotted/x.yaml":      file(document("x")),
	}
	tests := []struct {
		name       string
		paths      []string
		got, found []string
	}{
		{name: "a file", paths: []string{"b.yaml"}, got: []string{"b b.yaml"}},
		{name: "a folder", paths: []string{"team"}, got: []string{"c team/c.json", "d team/deep/two.yaml", "e team/deep/two.yaml"}},
		{
			name: "everything", paths: []string{"."},
			got: []string{"a a.yml", "b b.yaml", "c team/c.json", "d team/deep/two.yaml", "e team/deep/two.yaml"},
		},
		{name: "in the order given, once", paths: []string{"team/c.json", "b.yaml", "./b.yaml", "team"}, got: []string{"c team/c.json", "b b.yaml", "d team/deep/two.yaml", "e team/deep/two.yaml"}},
		{name: "a hidden folder that is named", paths: []string{"odd/.dotted"}, got: []string{"x odd/.dotted/x.yaml"}},
		{name: "not there", paths: []string{"nope.yaml", "b.yaml"}, got: []string{"b b.yaml"}, found: []string{"error read nope.yaml: does not exist: correct the path"}},
		{name: "no documents", paths: []string{"empty"}, found: []string{"error read empty: holds no document: none of its *.yaml, *.yml and *.json files has one"}},
		{name: "only comments", paths: []string{"comments.yaml"}, found: []string{"error read comments.yaml: holds no document: none of its *.yaml, *.yml and *.json files has one"}},
		{name: "a file of only comments", paths: []string{"comments.yaml/file.yaml"}, found: []string{"error read comments.yaml/file.yaml: holds no document"}},
		{name: "outside", paths: []string{"../b.yaml", "/b.yaml"}, found: []string{
			"error read ../b.yaml: is no path inside the folder that is read: write it without a leading / or ..",
			"error read /b.yaml: is no path inside the folder that is read: write it without a leading / or ..",
		}},
		{name: "no path", paths: nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, found := names(fsys, tt.paths...)
			if diff := cmp.Diff(tt.got, got); diff != "" {
				t.Errorf("documents (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.found, found); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// A mounted ConfigMap is links to ..data/FILE, where ..data is a link to the
// folder of the present version.
func TestLoadConfigMap(t *testing.T) {
	dir := t.TempDir()
	version := filepath.Join(dir, "..2026_11_23")
	must(t, os.Mkdir(version, 0o755))
	must(t, os.WriteFile(filepath.Join(version, "orders.yaml"), []byte(document("orders")), 0o644))
	must(t, os.Symlink("..2026_11_23", filepath.Join(dir, "..data")))
	must(t, os.Symlink("..data/orders.yaml", filepath.Join(dir, "orders.yaml")))
	got, found := names(os.DirFS(dir), ".")
	if diff := cmp.Diff([]string{"orders orders.yaml"}, got); diff != "" || len(found) > 0 {
		t.Errorf("documents (-want +got):\n%s\nfindings: %s", diff, found)
	}
}

func TestLoadOddFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte) { must(t, os.WriteFile(filepath.Join(dir, name), text, 0o644)) }
	write("big.yaml", []byte(strings.Repeat("# too much\n", 400_000)))
	write("noise.yaml", []byte{0x00, 0xff, 0xfe, 0x80, 0x01})
	write("control.yaml", []byte("a: \x00\n"))
	write("latin1.yaml", []byte("a: caf\xe9\n"))
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	must(t, os.Symlink("folder", filepath.Join(dir, "link")))
	must(t, os.Symlink("gone.yaml", filepath.Join(dir, "dangling.yaml")))
	must(t, os.Symlink("loop.yaml", filepath.Join(dir, "loop.yaml")))
	_, found := names(os.DirFS(dir), ".")
	for i, f := range found {
		found[i], _, _ = strings.Cut(f, ": too many levels") // the words are the system's
	}
	want := []string{
		"error read big.yaml: is bigger than 4 MiB: split it",
		"error syntax control.yaml:1: holds the control character U+0000: remove it",
		"error read dangling.yaml: does not exist: correct the path",
		"error read latin1.yaml: is no UTF-8 text: save it as UTF-8",
		"warning read link: is a link to a folder and is not followed: name the folder itself",
		"error read loop.yaml",
		"error read noise.yaml: is no UTF-8 text: save it as UTF-8",
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// denied is a file system in which one file cannot be read.
type denied struct{ fstest.MapFS }

func (d denied) Open(name string) (fs.File, error) {
	if name == "secret.yaml" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Open(name)
}

func TestLoadUnreadable(t *testing.T) {
	fsys := denied{fstest.MapFS{"secret.yaml": file(""), "orders.yaml": file(document("orders"))}}
	got, found := names(fsys, ".")
	if !slices.Equal(got, []string{"orders orders.yaml"}) || !slices.Equal(found, []string{"error read secret.yaml: cannot be read: permission denied"}) {
		t.Errorf("documents %s, findings %s", got, found)
	}
}

// shown names files as a command does that reads from the root of the disk.
type shown struct{ fstest.MapFS }

func (shown) Shown(file string) string { return strings.TrimPrefix(file, "home/me/") }

func TestLoadShowsFilesAsPeopleNameThem(t *testing.T) {
	fsys := shown{fstest.MapFS{
		"home/me/a.yaml": file(document("same")),
		"home/me/b.yaml": file(document("same") + "---\n" + document("other")),
	}}
	got, found := names(fsys, "home/me", "home/me/c.yaml")
	want := []string{
		"error duplicate a.yaml:3: metadata.name: routing same is also defined in b.yaml:1: rename one, or merge them",
		"error duplicate b.yaml:3: metadata.name: routing same is also defined in a.yaml:1: rename one, or merge them",
		"error read c.yaml: does not exist: correct the path",
	}
	if diff := cmp.Diff(want, found); diff != "" || !slices.Equal(got, []string{"other b.yaml"}) {
		t.Errorf("documents %s, findings (-want +got):\n%s", got, diff)
	}
}

// TestListing is what validate shows for several files with several problems
// each: all of them, in order.
func TestListing(t *testing.T) {
	_, findings := spec.Load(os.DirFS("testdata/listing"), ".")
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s (%s, %s)\n", f, f.Severity, f.Code)
	}
	const golden = "testdata/listing/want.txt"
	if *update {
		must(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}

// Many documents, or many routes in one, must cost what they are, not more.
func TestLoadGrowsLinearly(t *testing.T) {
	if testing.Short() {
		t.Skip("takes time")
	}
	took := func(documents int) time.Duration {
		fsys := fstest.MapFS{"all.yaml": file(many(documents, 5))}
		least := time.Hour
		for range 3 {
			start := time.Now()
			if docs, _ := spec.Load(fsys, "."); len(docs) != documents {
				t.Fatalf("%d documents of %d", len(docs), documents)
			}
			least = min(least, time.Since(start))
		}
		return least
	}
	if few, lots := took(100), took(800); lots > 30*few {
		t.Errorf("100 documents took %s, 800 took %s", few, lots)
	}
}

// many writes documents of several routes each.
func many(documents, routes int) string {
	var b strings.Builder
	for d := range documents {
		fmt.Fprintf(&b, "---\n%s", strings.Replace(document(fmt.Sprintf("routing-%d", d)), "routes:", "isolation: FanOut\n  routes:", 1))
		for r := range routes - 1 {
			fmt.Fprintf(&b, "    - name: route-%d\n      eventTypes: [Type%dA, Type%dB]\n      batchSize: %d\n      maxBatchingWindow: 5s\n", r, r, r, r+1)
		}
	}
	return b.String()
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("documents=%d/routes=5", n), func(b *testing.B) {
			fsys := fstest.MapFS{"all.yaml": file(many(n, 5))}
			b.ReportAllocs()
			for b.Loop() {
				if docs, _ := spec.Load(fsys, "."); len(docs) != n {
					b.Fatal("not all are valid")
				}
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

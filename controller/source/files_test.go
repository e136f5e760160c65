package source_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/eventrouting/eventrouting/controller/source"
	"github.com/eventrouting/eventrouting/spec"
)

// routing is a document of one route.
func routing(name string) string {
	return fmt.Sprintf(`apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: %s}
spec:
  stream: %[1]s
  function: {name: %[1]s-processor}
  eventType: {path: type}
  routes:
    - {name: all, catchAll: true}
`, name)
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	full := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t testing.TB, target, dir, name string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, s source.Source) source.Set {
	t.Helper()
	set, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func digest(t testing.TB, s source.Source) string {
	t.Helper()
	d, err := s.Digest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// names are the documents' names in order.
func names(set source.Set) string {
	var all []string
	for _, d := range set.Docs {
		all = append(all, d.Metadata.Name)
	}
	return strings.Join(all, " ")
}

// found are the findings as people read them.
func found(set source.Set) string {
	var all []string
	for _, f := range set.Findings {
		all = append(all, f.String())
	}
	return strings.Join(all, "\n")
}

// TestFilesDigest walks through states of a folder. In each, Digest answers
// what Load did, and differs from before exactly where it says so.
func TestFilesDigest(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f := source.Files{Paths: []string{dir}}
	last := ""
	for _, step := range []struct {
		what string
		do   func()
		same bool
		want string // documents
		says string // in the findings
	}{
		{what: "a first file", do: func() { write(t, dir, "a.yaml", routing("a")) }, want: "a"},
		{what: "written again", do: func() { write(t, dir, "a.yaml", routing("a")) }, same: true, want: "a"},
		{what: "a comment", do: func() { write(t, dir, "a.yaml", "# why\n"+routing("a")) }, want: "a"},
		{what: "a file that is none of ours", do: func() { write(t, dir, "notes.txt", "x") }, same: true, want: "a"},
		{what: "a hidden one", do: func() { write(t, dir, ".a.yaml.swp", "x") }, same: true, want: "a"},
		{what: "a second file", do: func() { write(t, dir, "sub/b.json", `[]`) }, want: "a", says: "sub/b.json"},
		{what: "put right", do: func() { write(t, dir, "sub/b.json", routing("b")) }, want: "a b"},
		{what: "moved", do: func() { do(os.Rename(path("sub/b.json"), path("b.yaml"))) }, want: "a b"},
		{what: "an editor that renames", do: func() {
			write(t, dir, ".b.new", routing("b2"))
			do(os.Rename(path(".b.new"), path("b.yaml")))
		}, want: "a b2"},
		{what: "too big", do: func() { write(t, dir, "b.yaml", strings.Repeat("#", 5<<20)) }, want: "a", says: "bigger than 4 MiB"},
		{what: "removed", do: func() { do(os.Remove(path("b.yaml"))) }, want: "a"},
		{what: "the last one gone", do: func() { do(os.Remove(path("a.yaml"))) }, says: "holds no document"},
		{what: "the folder gone", do: func() { do(os.RemoveAll(dir)) }, says: "does not exist"},
	} {
		step.do()
		d := digest(t, f)
		set := load(t, f)
		if set.Digest != d {
			t.Errorf("%s: Digest is not what Load says", step.what)
		}
		if (d == last) != step.same {
			t.Errorf("%s: same digest: %v, want %v", step.what, d == last, step.same)
		}
		last = d
		if names(set) != step.want || !strings.Contains(found(set), step.says) || set.Broken() != (step.says != "") {
			t.Errorf("%s: documents %q, want %q; broken %v; findings %q", step.what, names(set), step.want, set.Broken(), found(set))
		}
		if set.Commit != "" || set.At.IsZero() {
			t.Errorf("%s: commit %q at %v", step.what, set.Commit, set.At)
		}
	}
}

// TestConfigMap swaps a mounted ConfigMap as the kubelet does.
func TestConfigMap(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "..2026_1/a.yaml", routing("a"))
	write(t, dir, "..2026_2/a.yaml", routing("b"))
	link(t, "..2026_1", dir, "..data")
	link(t, "..data/a.yaml", dir, "a.yaml")
	f := source.Files{Paths: []string{dir}}
	before, first := digest(t, f), load(t, f)

	link(t, "..2026_2", dir, "..data_tmp")
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if digest(t, f) == before {
		t.Error("the swap was not seen")
	}
	if got := names(first) + " " + names(load(t, f)); got != "a b" {
		t.Errorf("documents %s, want a, then b", got)
	}
}

func TestFilesVanish(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", routing("a"))
	link(t, "nowhere", dir, "b.yaml") // listed, but not there
	f := source.Files{Paths: []string{dir}}
	if _, err := f.Digest(t.Context()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "b.yaml") {
		t.Errorf("Digest: %v", err)
	}
	if set := load(t, f); !set.Broken() || !strings.Contains(found(set), "b.yaml: does not exist") {
		t.Errorf("findings %q", found(set))
	}
}

func TestFilesShown(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, dir, "sub/a.yaml", "{")
	write(t, dir, "sub/b.yaml", "{")
	set := load(t, source.Files{Paths: []string{"sub/a.yaml", filepath.Join(dir, "sub")}})
	if len(set.Findings) == 0 {
		t.Fatal("no finding")
	}
	for _, f := range set.Findings {
		if !filepath.IsAbs(f.File) {
			t.Errorf("%s is shown as %s: the folder was given absolute", f.Message, f.File)
		}
	}
	if set = load(t, source.Files{Paths: []string{"./sub/"}}); set.Findings[0].File != filepath.Join("sub", "a.yaml") {
		t.Errorf("shown as %s", set.Findings[0].File)
	}
}

func TestFilesCancelled(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", routing("a"))
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	f := source.Files{Paths: []string{dir}}
	if _, err := f.Digest(ctx); !errors.Is(err, why) {
		t.Errorf("Digest: %v", err)
	}
	if set, err := f.Load(ctx); !errors.Is(err, why) || len(set.Findings) > 0 {
		t.Errorf("Load: %v, %q", err, found(set))
	}
}

// moving changes before each of the next so many files that are opened.
type moving struct {
	fstest.MapFS
	moves int
}

func (m *moving) Open(name string) (fs.File, error) {
	if m.moves > 0 && strings.HasSuffix(name, ".yaml") {
		m.moves--
		m.MapFS = fstest.MapFS{name: {Data: []byte(routing(fmt.Sprintf("left-%d", m.moves)))}}
	}
	return m.MapFS.Open(name)
}

func TestChangingWhileRead(t *testing.T) {
	m := &moving{fstest.MapFS{"a.yaml": {}}, 4}
	if set, err := source.Steady(t.Context(), m, "a.yaml"); err != nil || names(set) != "left-0" {
		t.Errorf("it settled in the second attempt: %q, %v", names(set), err)
	}
	m.moves = 100
	if set, err := source.Steady(t.Context(), m, "a.yaml"); err == nil || !strings.Contains(err.Error(), "changed while") {
		t.Errorf("it never settled: %q, %v", names(set), err)
	}
}

// scripted is a source that answers from a list.
type scripted struct {
	answers []answer
	at      int
	loads   int
}

type answer struct {
	digest, contents string
	docs             int
	finding          spec.Severity
	unseen, unread   error
}

func (s *scripted) Digest(context.Context) (string, error) {
	a := s.answers[s.at]
	return a.digest, a.unseen
}

func (s *scripted) Load(context.Context) (source.Set, error) {
	s.loads++
	a := s.answers[s.at]
	if a.unread != nil {
		return source.Set{}, a.unread
	}
	set := source.Set{Docs: make([]spec.EventRouting, a.docs), Digest: a.contents, Commit: a.digest}
	set.At = set.At.Add(1)
	if a.finding != "" {
		set.Findings = []spec.Finding{{Severity: a.finding, Message: "odd"}}
	}
	return set, nil
}

func TestLast(t *testing.T) {
	gone := errors.New("gone")
	for _, c := range []struct {
		name    string
		answers []answer
		want    []string // after each refresh
		loads   int
	}{
		{"the same again is not read again", []answer{{digest: "1", contents: "x", docs: 1}, {digest: "1", contents: "x", docs: 1}},
			[]string{"1 changed", "1"}, 1},
		{"a commit that changes no document", []answer{{digest: "1", contents: "x", docs: 1}, {digest: "2", contents: "x", docs: 1}},
			[]string{"1 changed", "2"}, 2},
		{"a warning breaks nothing", []answer{{digest: "1", contents: "x", docs: 1, finding: spec.Warning}},
			[]string{"1 changed"}, 1},
		{"broken from the start", []answer{{digest: "1", docs: 1, finding: spec.Error}, {digest: "1", docs: 1, finding: spec.Error}, {digest: "2", contents: "x", docs: 1}},
			[]string{"empty stale refused=1", "empty stale refused=1", "2 changed"}, 2},
		{"unreadable from the start", []answer{{digest: "1", unread: gone}, {digest: "1", contents: "x", docs: 1}},
			[]string{"empty stale gone", "1 changed"}, 2},
		{"broken, then put right", []answer{{digest: "1", contents: "x", docs: 1}, {digest: "2", docs: 1, finding: spec.Error}, {digest: "3", contents: "z", docs: 1}},
			[]string{"1 changed", "1 stale refused=2", "3 changed"}, 3},
		{"broken, then taken back", []answer{{digest: "1", contents: "x", docs: 1}, {digest: "2", docs: 1, finding: spec.Error}, {digest: "1", contents: "x", docs: 1}},
			[]string{"1 changed", "1 stale refused=2", "1"}, 2},
		{"no document is no wish", []answer{{digest: "1", contents: "x", docs: 1}, {digest: "2"}},
			[]string{"1 changed", "1 stale refused=2"}, 2},
		{"nor with a warning", []answer{{digest: "1", contents: "x", docs: 1}, {digest: "2", finding: spec.Warning}},
			[]string{"1 changed", "1 stale refused=2"}, 2},
		{"out of sight", []answer{{digest: "1", contents: "x", docs: 1}, {digest: "1", unseen: gone}, {digest: "1", contents: "x", docs: 1}},
			[]string{"1 changed", "1 stale gone", "1"}, 1},
		{"out of sight while broken", []answer{{digest: "1", contents: "x", docs: 1}, {digest: "2", docs: 1, finding: spec.Error}, {unseen: gone}},
			[]string{"1 changed", "1 stale refused=2", "1 stale refused=2 gone"}, 2},
		{"what could not be read is tried again", []answer{{digest: "1", contents: "x", docs: 1}, {digest: "2", unread: gone}, {digest: "2", contents: "y", docs: 1}},
			[]string{"1 changed", "1 stale gone", "2 changed"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scripted{answers: c.answers}
			l := source.Last{Source: s}
			for i, want := range c.want {
				s.at = i
				if got := state(l.Refresh(t.Context())); got != want {
					t.Errorf("refresh %d: %s, want %s", i+1, got, want)
				}
			}
			if s.loads != c.loads {
				t.Errorf("%d loads, want %d", s.loads, c.loads)
			}
		})
	}
}

func state(now source.InForce) string {
	var words []string
	if now.Empty() {
		words = append(words, "empty")
	} else {
		words = append(words, now.Set.Commit)
	}
	if now.Changed {
		words = append(words, "changed")
	}
	if now.Stale() {
		words = append(words, "stale")
	}
	if r := now.Refused; !r.At.IsZero() && r.Broken() && len(r.Findings) > 0 {
		words = append(words, "refused="+r.Commit)
	}
	if now.Err != nil {
		words = append(words, now.Err.Error())
	}
	return strings.Join(words, " ")
}

// TestLastFiles is the whole of it on a folder: a typing error retires nothing.
func TestLastFiles(t *testing.T) {
	dir := t.TempDir()
	l := source.Last{Source: source.Files{Paths: []string{dir}}}
	if now := l.Refresh(t.Context()); !now.Empty() || !now.Stale() {
		t.Errorf("an empty folder: %s", state(now))
	}
	write(t, dir, "a.yaml", routing("a"))
	write(t, dir, "b.yaml", routing("b"))
	if now := l.Refresh(t.Context()); names(now.Set) != "a b" || !now.Changed || now.Stale() {
		t.Errorf("good: %s, %s", names(now.Set), state(now))
	}
	write(t, dir, "b.yaml", "routes: [")
	for range 2 {
		now := l.Refresh(t.Context())
		if names(now.Set) != "a b" || now.Changed || !now.Stale() || !strings.Contains(found(now.Refused), "b.yaml:1") {
			t.Errorf("broken: %s, %s", names(now.Set), found(now.Refused))
		}
	}
	if err := os.Remove(filepath.Join(dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	if now := l.Refresh(t.Context()); names(now.Set) != "a" || !now.Changed || now.Stale() {
		t.Errorf("removed: %s, %s", names(now.Set), state(now))
	}
}

// TestFilesPipe gives a pipe that nobody writes to: it is refused, and nothing
// waits for it.
func TestFilesPipe(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "orders.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	for _, path := range []string{pipe, dir} {
		set := load(t, source.Files{Paths: []string{path}})
		if got := found(set); !strings.Contains(got, "orders.yaml: ") || !strings.Contains(got, "is neither a file nor a folder") {
			t.Errorf("%s: found %q", path, got)
		}
	}
}

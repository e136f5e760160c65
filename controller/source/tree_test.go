package source_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/controller/source"
)

// entry of a tree in a test: a folder has children, everything else a text.
type entry struct {
	mode     filemode.FileMode
	text     string
	children map[string]entry
}

func file(text string) entry              { return entry{mode: filemode.Regular, text: text} }
func toward(target string) entry          { return entry{mode: filemode.Symlink, text: target} }
func dir(children map[string]entry) entry { return entry{mode: filemode.Dir, children: children} }

type fataler interface{ Fatal(args ...any) }

// store puts an entry into a store, in the order that git wants.
func store(t fataler, s *memory.Storage, e entry) plumbing.Hash {
	o := s.NewEncodedObject()
	if e.mode != filemode.Dir {
		o.SetType(plumbing.BlobObject)
		w, err := o.Writer()
		if err == nil {
			_, err = w.Write([]byte(e.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	} else {
		tree := object.Tree{}
		for name, c := range e.children {
			te := object.TreeEntry{Name: name, Mode: c.mode, Hash: plumbing.NewHash(c.text)}
			if c.mode != filemode.Submodule {
				te.Hash = store(t, s, c)
			}
			tree.Entries = append(tree.Entries, te)
		}
		slices.SortFunc(tree.Entries, func(a, b object.TreeEntry) int { return strings.Compare(sortName(a), sortName(b)) })
		if err := tree.Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	h, err := s.SetEncodedObject(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func sortName(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}

func newTree(t fataler, root map[string]entry) fs.FS {
	s := memory.NewStorage()
	return source.NewTree(s, store(t, s, dir(root)))
}

func TestTreeFS(t *testing.T) {
	fsys := newTree(t, map[string]entry{
		"a":       dir(map[string]entry{"b": dir(map[string]entry{"deep.yaml": file("deep")}), "up.yaml": toward("../c.yaml")}),
		"a.b":     file("git sorts it before the folder a"),
		"c.yaml":  file("text"),
		"run":     {mode: filemode.Executable, text: "#!"},
		"old":     {mode: filemode.Deprecated, text: "old"},
		"empty":   file(""),
		"none":    dir(nil),
		"to-b":    toward("a/b"),
		"to-link": toward("./a/../a/up.yaml"),
	})
	if err := fstest.TestFS(fsys, "a/b/deep.yaml", "a/up.yaml", "a.b", "c.yaml", "run", "old", "empty", "none", "to-b", "to-link"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"to-link": "text", "to-b/deep.yaml": "deep", "a/up.yaml": "text"} {
		if got, err := fs.ReadFile(fsys, name); string(got) != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestTreeRefuses(t *testing.T) {
	fsys := newTree(t, map[string]entry{
		"file":     file("x"),
		"absolute": toward("/etc/passwd"),
		"outside":  toward("../../etc/passwd"),
		"sneaky":   toward("d/../../x"),
		"self":     toward("self"),
		"ping":     toward("pong"),
		"pong":     toward("ping"),
		"through":  toward("file/x"),
		"dangling": toward("nothing"),
		"void":     toward(""),
		"long":     toward(strings.Repeat("a/", 4<<10)),
		"sub":      {mode: filemode.Submodule, text: strings.Repeat("1", 40)},
		"d":        dir(map[string]entry{"x": file("x")}),
	})
	for name, want := range map[string]string{
		"absolute": "out of the repository", "outside": "out of the repository", "sneaky": "out of the repository",
		"self": "without end", "ping": "without end", "self/x": "without end",
		"through": "does not exist", "dangling": "does not exist", "none": "does not exist", "file/x": "does not exist", "d/y/z": "does not exist",
		"void": "no file can have", "long": "no file can have",
		"sub": "is a submodule", "sub/x": "is a submodule",
		"../x": "invalid", "/file": "invalid", "d/": "invalid",
	} {
		if _, err := fsys.Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %s: %v, want %q", name, err, want)
		}
	}
	set, err := source.Read(t.Context(), newTree(t, map[string]entry{
		"good.yaml": file(routing("good")), "escape.yaml": toward("/etc/passwd"), "sub": {mode: filemode.Submodule},
		"linked.yaml": toward("other/x"), "other": dir(map[string]entry{"x": file(routing("linked"))}),
		"folder": toward("other"),
	}), ".")
	if err != nil {
		t.Fatal(err)
	}
	if names(set) != "good linked" {
		t.Errorf("documents %q", names(set))
	}
	for _, want := range []string{"escape.yaml: is a link out of the repository", "sub: is a submodule", "folder: is a link to a folder"} {
		if !strings.Contains(found(set), want) {
			t.Errorf("findings lack %q:\n%s", want, found(set))
		}
	}
}

// TestTreeOfOddNames reads a tree that git itself would not make.
func TestTreeOfOddNames(t *testing.T) {
	for _, name := range []string{"a/b", "..", "."} {
		s := memory.NewStorage()
		blob := store(t, s, file("x"))
		o := s.NewEncodedObject()
		o.SetType(plumbing.TreeObject)
		w, err := o.Writer()
		if err == nil {
			_, err = w.Write(append([]byte("100644 "+name+"\x00"), blob[:]...))
		}
		if err != nil {
			t.Fatal(err)
		}
		h, err := s.SetEncodedObject(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fs.ReadDir(source.NewTree(s, h), "."); err == nil || !strings.Contains(err.Error(), "no file can have") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTreeBomb reads a small repository with 10^12 folders, until ctx is done.
func TestTreeBomb(t *testing.T) {
	s := memory.NewStorage()
	root := store(t, s, dir(map[string]entry{"a.yaml": file("x")}))
	for range 12 {
		tree := object.Tree{}
		for i := range 10 {
			tree.Entries = append(tree.Entries, object.TreeEntry{Name: string(rune('a' + i)), Mode: filemode.Dir, Hash: root})
		}
		o := s.NewEncodedObject()
		if err := tree.Encode(o); err != nil {
			t.Fatal(err)
		}
		h, err := s.SetEncodedObject(o)
		if err != nil {
			t.Fatal(err)
		}
		root = h
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := source.Read(ctx, source.NewTree(s, root), "."); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
}

// TestTreeLikeDisk checks, on random trees full of links, that a tree answers
// as the operating system does for the same files on disk.
func TestTreeLikeDisk(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		word := rapid.SampledFrom([]string{"a", "b", "c"})
		target := rapid.StringMatching(`([abc]|\.\.|\.)(/([abc]|\.\.|\.)){0,3}`)
		var grow func(depth int) map[string]entry
		grow = func(depth int) map[string]entry {
			all := map[string]entry{}
			for range rapid.IntRange(1, 3).Draw(r, "entries") {
				name := word.Draw(r, "name")
				switch kind := rapid.IntRange(0, 2).Draw(r, "kind"); {
				case kind == 0 && depth > 0:
					all[name] = dir(grow(depth - 1))
				case kind == 1:
					all[name] = toward(target.Draw(r, "target"))
				default:
					all[name] = file(rapid.String().Draw(r, "text"))
				}
			}
			return all
		}
		entries := grow(3)
		fsys := newTree(r, entries)
		root := t.TempDir()
		disk(t, root, entries)
		inside, err := os.OpenRoot(root) // refuses links that leave it, as we do
		if err != nil {
			r.Fatal(err)
		}
		defer func() { _ = inside.Close() }()
		path := rapid.StringMatching(`[abc](/[abc]){0,3}`)
		for range 20 {
			name := path.Draw(r, "path")
			want, wantErr := fs.ReadFile(inside.FS(), name)
			got, err := fs.ReadFile(fsys, name)
			if string(got) != string(want) || (err == nil) != (wantErr == nil) {
				r.Fatalf("%s: %q, %v; on disk %q, %v", name, got, err, want, wantErr)
			}
		}
	})
}

func disk(t *testing.T, at string, entries map[string]entry) {
	for name, e := range entries {
		full := at + "/" + name
		var err error
		switch e.mode {
		case filemode.Dir:
			err = os.Mkdir(full, 0o700)
			disk(t, full, e.children)
		case filemode.Symlink:
			err = os.Symlink(e.text, full)
		default:
			err = os.WriteFile(full, []byte(e.text), 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
}

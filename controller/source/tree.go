package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// tree is the tree of a commit as an fs.FS, for one goroutine at a time. Links
// are followed inside the tree; one that leaves it is refused, because what it
// means depends on the machine. A submodule is a folder that cannot be read, so
// that documents in one are not missed in silence.
type tree struct {
	store storer.EncodedObjectStorer
	root  plumbing.Hash
	trees map[plumbing.Hash]*object.Tree // those that were decoded
}

func newTree(store storer.EncodedObjectStorer, root plumbing.Hash) *tree {
	return &tree{store: store, root: root, trees: map[plumbing.Hash]*object.Tree{}}
}

var (
	_ fs.StatFS     = (*tree)(nil)
	_ fs.ReadDirFS  = (*tree)(nil)
	_ fs.ReadLinkFS = (*tree)(nil)
)

var (
	errOutside   = errors.New("is a link out of the repository: write the file itself, or a link inside the repository")
	errLinks     = errors.New("is a link to a link and so on without end: correct the link")
	errSubmodule = errors.New("is a submodule, which is not read: name paths beside it, or a git source for it")
	errName      = errors.New("holds a name that no file can have")
	errNotDir    = errors.New("is no folder")
	errIsDir     = errors.New("is a folder")
	errNotLink   = errors.New("is no link")
)

const (
	maxLinks = 40       // links on the way to one file, as Linux has it
	maxLink  = 4 << 10  // bytes of a link's target
	maxWhole = 32 << 20 // bytes above which an object is not held in memory; trees and files that are read are smaller
)

// Open implements fs.FS.
func (t *tree) Open(name string) (fs.File, error) {
	n, err := t.stat("open", name, true)
	if err != nil {
		return nil, err
	}
	if n.IsDir() {
		entries, err := t.entries(n)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return &folder{node: n, rest: entries}, nil
	}
	return &blob{node: n}, nil
}

// Stat implements fs.StatFS.
func (t *tree) Stat(name string) (fs.FileInfo, error) { return t.info("stat", name, true) }

// Lstat implements fs.ReadLinkFS.
func (t *tree) Lstat(name string) (fs.FileInfo, error) { return t.info("lstat", name, false) }

// ReadDir implements fs.ReadDirFS.
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.find(name, true)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	entries, err := t.entries(n)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return entries, nil
}

// ReadLink implements fs.ReadLinkFS.
func (t *tree) ReadLink(name string) (string, error) {
	n, err := t.find(name, false)
	if err == nil && n.mode != filemode.Symlink {
		err = errNotLink
	}
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	target, err := n.target()
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return target, nil
}

func (t *tree) info(op, name string, follow bool) (fs.FileInfo, error) {
	n, err := t.stat(op, name, follow)
	if err != nil {
		return nil, err // not n, which would be no nil interface
	}
	return n, nil
}

func (t *tree) stat(op, name string, follow bool) (*node, error) {
	n, err := t.find(name, follow)
	if err == nil {
		err = n.measure()
	}
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return n, nil
}

// find walks to a name, and through the links on its way.
func (t *tree) find(name string, follow bool) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, fs.ErrInvalid
	}
	way := []*node{{store: t.store, name: ".", mode: filemode.Dir, hash: t.root}}
	steps, links := strings.Split(name, "/"), 0
	for len(steps) > 0 {
		step := steps[0]
		steps = steps[1:]
		switch {
		case !way[len(way)-1].IsDir(): // even a/. wants a to be one
			return nil, fs.ErrNotExist
		case step == "" || step == ".":
			continue
		case step == ".." && len(way) == 1:
			return nil, errOutside
		case step == "..":
			way = way[:len(way)-1]
			continue
		}
		n, err := t.child(way[len(way)-1], step)
		if err != nil {
			return nil, err
		}
		if n.mode != filemode.Symlink || !follow && len(steps) == 0 {
			way = append(way, n)
			continue
		}
		if links++; links > maxLinks {
			return nil, errLinks
		}
		target, err := n.target()
		if err != nil {
			return nil, err
		}
		steps = append(strings.Split(target, "/"), steps...)
	}
	// What a link leads to has the link's name.
	n := *way[len(way)-1]
	n.name = path.Base(name)
	return &n, nil
}

func (t *tree) child(n *node, name string) (*node, error) {
	decoded, err := t.decoded(n)
	if err != nil {
		return nil, err
	}
	for _, e := range decoded.Entries {
		if e.Name == name {
			return &node{store: t.store, name: e.Name, mode: e.Mode, hash: e.Hash}, nil
		}
	}
	return nil, fs.ErrNotExist
}

func (t *tree) entries(n *node) ([]fs.DirEntry, error) {
	decoded, err := t.decoded(n)
	if err != nil {
		return nil, err
	}
	all := make([]fs.DirEntry, len(decoded.Entries))
	for i, e := range decoded.Entries {
		all[i] = &node{store: t.store, name: e.Name, mode: e.Mode, hash: e.Hash}
	}
	// git sorts a folder as if its name ended in a slash.
	slices.SortStableFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

func (t *tree) decoded(n *node) (*object.Tree, error) {
	switch {
	case n.mode == filemode.Submodule:
		return nil, errSubmodule
	case n.mode != filemode.Dir:
		return nil, errNotDir
	case t.trees[n.hash] != nil:
		return t.trees[n.hash], nil
	}
	decoded, err := object.GetTree(t.store, n.hash)
	if err != nil {
		return nil, fmt.Errorf("read tree %s: %w", n.hash, err)
	}
	for _, e := range decoded.Entries {
		if e.Name == "" || e.Name == "." || e.Name == ".." || strings.Contains(e.Name, "/") {
			return nil, errName
		}
	}
	t.trees[n.hash] = decoded
	return decoded, nil
}

// node is an entry of a tree.
type node struct {
	store storer.EncodedObjectStorer
	name  string
	mode  filemode.FileMode
	hash  plumbing.Hash
	size  int64 // once it was measured
}

var (
	_ fs.FileInfo = (*node)(nil)
	_ fs.DirEntry = (*node)(nil)
)

func (n *node) Name() string       { return n.name }
func (n *node) Size() int64        { return n.size }
func (n *node) ModTime() time.Time { return time.Time{} } // git keeps none
func (n *node) IsDir() bool        { return n.Mode().IsDir() }
func (n *node) Sys() any           { return nil }
func (n *node) Type() fs.FileMode  { return n.Mode().Type() }
func (n *node) String() string     { return fs.FormatDirEntry(n) }

func (n *node) Mode() fs.FileMode {
	switch n.mode {
	case filemode.Dir, filemode.Submodule:
		return fs.ModeDir | 0o555
	case filemode.Symlink:
		return fs.ModeSymlink | 0o777
	case filemode.Executable:
		return 0o555
	case filemode.Regular, filemode.Deprecated:
		return 0o444
	default:
		return fs.ModeIrregular
	}
}

func (n *node) Info() (fs.FileInfo, error) {
	m := *n
	if err := m.measure(); err != nil {
		return nil, err
	}
	return &m, nil
}

// measure finds the size without reading the contents.
func (n *node) measure() error {
	if n.IsDir() || n.Mode() == fs.ModeIrregular {
		return nil
	}
	size, err := n.store.EncodedObjectSize(n.hash)
	if err != nil {
		return fmt.Errorf("read file %s: %w", n.hash, err)
	}
	n.size = size
	return nil
}

func (n *node) contents() (io.ReadCloser, error) {
	b, err := object.GetBlob(n.store, n.hash)
	if err != nil {
		return nil, fmt.Errorf("read file %s: %w", n.hash, err)
	}
	return b.Reader()
}

// target is what a link says.
func (n *node) target() (string, error) {
	r, err := n.contents()
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }() // only read: nothing is lost
	text, err := io.ReadAll(io.LimitReader(r, maxLink+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxLink || len(text) == 0:
		return "", errName
	case text[0] == '/':
		return "", errOutside
	}
	return string(text), nil
}

// blob is an open file. Its contents are fetched when they are first read, so
// that a file refused for its size costs nothing.
type blob struct {
	*node
	r      io.ReadCloser
	closed bool
}

func (b *blob) Stat() (fs.FileInfo, error) { return b.node, nil }

func (b *blob) Read(p []byte) (int, error) {
	if b.closed {
		return 0, &fs.PathError{Op: "read", Path: b.name, Err: fs.ErrClosed}
	}
	if b.r == nil {
		r, err := b.contents()
		if err != nil {
			return 0, &fs.PathError{Op: "read", Path: b.name, Err: err}
		}
		b.r = r
	}
	return b.r.Read(p)
}

func (b *blob) Close() error {
	if b.closed || b.r == nil {
		b.closed = true
		return nil
	}
	b.closed = true
	return b.r.Close()
}

// folder is an open folder.
type folder struct {
	*node
	rest []fs.DirEntry
}

var _ fs.ReadDirFile = (*folder)(nil)

func (f *folder) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f *folder) Close() error               { return nil }

func (f *folder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.name, Err: errIsDir}
}

func (f *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(f.rest) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(f.rest) {
		n = len(f.rest)
	}
	part := f.rest[:n:n]
	f.rest = f.rest[n:]
	return part, nil
}

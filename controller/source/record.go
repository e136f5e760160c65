package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// read loads the documents of a file system, together with their digest.
func read(ctx context.Context, fsys fs.FS, paths ...string) (Set, error) {
	r := record{ctx: ctx, FS: fsys, given: paths, seen: map[string]string{}}
	docs, findings := spec.Load(&r, paths...)
	if ctx.Err() != nil {
		return Set{}, context.Cause(ctx)
	}
	return Set{Docs: docs, Findings: findings, Digest: r.digest(), At: time.Now()}, nil
}

// look is the digest that read would find, and the first file that was listed
// but was not there. It has spec.Load find the files, so that there is one rule
// for what is read, and gives it empty ones, so that nothing is parsed.
func look(ctx context.Context, fsys fs.FS, paths ...string) (digest, gone string, err error) {
	r := record{ctx: ctx, FS: fsys, given: paths, seen: map[string]string{}, empty: true}
	spec.Load(&r, paths...)
	if ctx.Err() != nil {
		return "", "", context.Cause(ctx)
	}
	return r.digest(), r.gone, nil
}

// attempts is how often files that change meanwhile are read.
const attempts = 3

var errChanging = errors.New("they changed while they were read")

// steady loads documents that stood there both while they were read and right
// after. Half of an old state and half of a new one would lack whatever moved
// from a file to another, and what is lacking may be pruned.
func steady(ctx context.Context, fsys fs.FS, paths ...string) (Set, error) {
	for range attempts {
		set, err := read(ctx, fsys, paths...)
		if err != nil {
			return Set{}, err
		}
		digest, _, err := look(ctx, fsys, paths...)
		if err != nil {
			return Set{}, err
		}
		if digest == set.Digest {
			return set, nil
		}
	}
	return Set{}, errChanging
}

// record is an fs.FS that notes what was read through it, and why something
// could not be. Once ctx is done nothing can.
type record struct {
	fs.FS
	ctx   context.Context
	given []string          // the paths that somebody wrote
	empty bool              // files are read, but handed out empty
	seen  map[string]string // hash of the contents, or what was wrong, by name
	gone  string            // first of those listed but not there
}

var (
	_ fs.ReadDirFS = (*record)(nil)
	_ fs.StatFS    = (*record)(nil)
	_ spec.Namer   = (*record)(nil)
)

// Shown is what people call a file.
func (r *record) Shown(file string) string {
	if n, ok := r.FS.(spec.Namer); ok {
		return n.Shown(file)
	}
	return file
}

func (r *record) ReadDir(name string) ([]fs.DirEntry, error) {
	if r.ctx.Err() != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: r.ctx.Err()}
	}
	entries, err := fs.ReadDir(r.FS, name)
	return entries, r.note(name, err)
}

func (r *record) Stat(name string) (fs.FileInfo, error) {
	if r.ctx.Err() != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: r.ctx.Err()}
	}
	info, err := fs.Stat(r.FS, name)
	return info, r.note(name, err)
}

func (r *record) Open(name string) (fs.File, error) {
	if r.ctx.Err() != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: r.ctx.Err()}
	}
	f, err := r.FS.Open(name)
	if err != nil {
		return nil, r.note(name, err)
	}
	r.seen[name] = "not read"
	return &recorded{File: f, r: r, name: name, sum: sha256.New()}, nil
}

// note remembers what was wrong, which belongs to the digest: once it is put
// right the digest differs.
func (r *record) note(name string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) && r.gone == "" && !slices.Contains(r.given, name) {
		r.gone = name
	}
	r.seen[name] = err.Error()
	return err
}

func (r *record) digest() string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(r.seen)) {
		_, _ = fmt.Fprintf(sum, "%q %q\n", name, r.seen[name]) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// recorded is a file whose contents are noted when it was read to its end.
type recorded struct {
	fs.File
	r    *record
	name string
	sum  hash.Hash
}

func (f *recorded) Read(p []byte) (int, error) {
	n, err := 0, error(nil)
	if f.r.empty {
		if _, err = io.Copy(f.sum, f.File); err == nil {
			err = io.EOF
		}
	} else {
		n, err = f.File.Read(p)
		_, _ = f.sum.Write(p[:n])
	}
	switch {
	case errors.Is(err, io.EOF):
		f.r.seen[f.name] = hex.EncodeToString(f.sum.Sum(nil))
	case err != nil:
		_ = f.r.note(f.name, err)
	}
	return n, err
}

package source

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/eventrouting/eventrouting/spec"
)

// Files are documents in files and folders, by the rules of [spec.Load].
// Relative paths count from the working folder of each call.
//
// Digest reads contents and no times, through links, so it sees the swap of a
// mounted ConfigMap, a git checkout and an editor that renames. A file that is
// listed but not there is an error: somebody is at work in the folder, and the
// next look will tell.
//
// Load returns what stood there both while it read and right after. Writers
// slower than that, such as a copy of many files, it cannot tell from people
// who are done.
type Files struct {
	Paths []string
}

var _ Source = Files{}

// Digest implements [Source].
func (f Files) Digest(ctx context.Context) (string, error) {
	m, paths, err := machine(f.Paths)
	if err != nil {
		return "", err
	}
	digest, gone, err := look(ctx, m, paths...)
	switch {
	case err != nil:
		return "", fmt.Errorf("read documents: %w", err)
	case gone != "":
		return "", fmt.Errorf("read %s: %w", m.Shown(gone), fs.ErrNotExist)
	}
	return digest, nil
}

// Load implements [Source].
func (f Files) Load(ctx context.Context) (Set, error) {
	m, paths, err := machine(f.Paths)
	if err != nil {
		return Set{}, err
	}
	set, err := steady(ctx, m, paths...)
	if err != nil {
		return Set{}, fmt.Errorf("read documents: %w", err)
	}
	return set, nil
}

// files is the machine's file system as one fs.FS, which knows what people
// call its files: a path that was given absolute stays so, every other is shown
// from the working folder.
type files struct {
	dirFS
	root, wd string
	absolute []string // paths inside that were given absolute
}

// dirFS is what os.DirFS is. Its Stat opens nothing, where fs.Stat on a bare
// fs.FS would, and to open a pipe waits for somebody who writes to it.
type dirFS interface {
	fs.StatFS
	fs.ReadDirFS
}

var (
	_ spec.Namer = files{}
	_ fs.StatFS  = files{}
)

// machine is the file system, and the names inside it of paths of the
// operating system.
func machine(names []string) (files, []string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return files{}, nil, fmt.Errorf("find the working folder: %w", err)
	}
	root := filepath.VolumeName(wd) + string(filepath.Separator)
	f := files{dirFS: os.DirFS(root).(dirFS), root: root, wd: wd}
	inside := make([]string, len(names))
	for i, name := range names {
		if inside[i], err = f.add(name); err != nil {
			return files{}, nil, err
		}
	}
	return f, inside, nil
}

// add turns a path of the operating system into one inside.
func (f *files) add(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	inside := cmp.Or(filepath.ToSlash(strings.TrimPrefix(abs, f.root)), ".")
	if filepath.IsAbs(name) {
		f.absolute = append(f.absolute, inside)
	}
	return inside, nil
}

// Shown is what people call a file inside.
func (f files) Shown(file string) string {
	full := filepath.Join(f.root, filepath.FromSlash(file))
	for _, name := range f.absolute {
		if name == "." || file == name || strings.HasPrefix(file, name+"/") {
			return full
		}
	}
	if rel, err := filepath.Rel(f.wd, full); err == nil {
		return rel
	}
	return full
}

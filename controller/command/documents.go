package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

// load reads documents and what is wrong with them.
func load(names []string) ([]spec.EventRouting, []spec.Finding, error) {
	f, err := machine()
	if err != nil {
		return nil, nil, err
	}
	inside := make([]string, len(names))
	for i, name := range names {
		if inside[i], err = f.add(name); err != nil {
			return nil, nil, err
		}
	}
	docs, findings := spec.Load(f, inside...)
	return docs, findings, nil
}

// machine is the machine's file system, seen from the working folder.
func machine() (files, error) {
	wd, err := os.Getwd()
	if err != nil {
		return files{}, fmt.Errorf("find the working folder: %w", err)
	}
	root := filepath.VolumeName(wd) + string(filepath.Separator)
	return files{FS: os.DirFS(root), root: root, wd: wd}, nil
}

// files is the machine's file system as one fs.FS, which knows what people
// call its files: a path that was given absolute stays so, every other is shown
// from the working folder.
type files struct {
	fs.FS
	root, wd string
	absolute []string // paths inside that were given absolute
}

var _ spec.Namer = files{}

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

// valid loads documents and refuses them, with every problem on stderr, unless
// none is an error. Warnings are shown once, by the plan.
func valid(names []string, stderr io.Writer) ([]spec.EventRouting, []spec.Finding, error) {
	docs, findings, err := load(names)
	if err != nil {
		return nil, nil, err
	}
	if n := count(findings, spec.Error); n > 0 {
		if err := render.Findings(stderr, findings, render.Options{Color: colour(stderr)}); err != nil {
			return nil, nil, err
		}
		return nil, nil, hint(fmt.Errorf("%s in the documents, nothing was done", plural(n, "error")), "correct them; eventrouting validate checks without calling AWS")
	}
	if len(docs) == 0 {
		return nil, nil, hint(errors.New("no EventRouting document found"), "name files or folders that hold some; examples/orders.yaml is one")
	}
	return docs, findings, nil
}

func count(findings []spec.Finding, s spec.Severity) int {
	n := 0
	for _, f := range findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

package spec

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFile is the size above which a file is refused, in bytes.
const maxFile = 4 << 20

// Namer is an fs.FS that knows what people call its files. Where the one given
// to [Load] is a Namer, findings and origins carry those names.
type Namer interface {
	fs.FS
	Shown(file string) string
}

// Load reads documents and says everything that is wrong with them, sorted by
// file and line. It checks what [Validate] checks, so the caller need not.
//
// A path is a file or a folder as fs.FS wants it; a folder stands for all
// *.yaml, *.yml and *.json files in and below it, those whose name or folder
// begins with a dot excepted (which leaves out the second copy of every file
// that a mounted ConfigMap holds). Links to files are read, links to folders
// inside a folder are not followed. A file read twice counts once.
//
// A document with an error is not returned, its findings are. The others are
// returned in the order of the paths, then of their names. A document sets
// nothing that it does not write; [EventRouting.Resolve] fills in defaults.
func Load(fsys fs.FS, paths ...string) ([]EventRouting, []Finding) {
	l := loader{fsys: fsys, shown: func(file string) string { return file }, seen: map[string]bool{}}
	if n, ok := fsys.(Namer); ok {
		l.shown = n.Shown
	}
	for _, p := range paths {
		l.path(p)
	}
	checks := validate(l.docs)
	var docs []EventRouting
	findings := l.findings
	for _, c := range checks {
		findings = append(findings, c.findings...)
		if !slices.ContainsFunc(c.findings, isError) {
			docs = append(docs, c.doc)
		}
	}
	sortFindings(findings)
	return docs, slices.Compact(findings)
}

func isError(f Finding) bool { return f.Severity == Error }

func sortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), comparePaths(a.Path, b.Path), cmp.Compare(a.Code, b.Code))
	})
}

// comparePaths sorts routes[2] before routes[10].
func comparePaths(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if n, m := digits(a[i:]), digits(b[i:]); n > 0 && m > 0 && n != m {
		return cmp.Compare(n, m)
	}
	return cmp.Compare(a, b)
}

func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// loader gathers the documents of one Load.
type loader struct {
	fsys     fs.FS
	shown    func(string) string
	seen     map[string]bool // files that were read
	schema   schema
	docs     []document
	findings []Finding
}

// document is one that was decoded, as far as it could be.
type document struct {
	EventRouting
	bad      map[string]bool // paths of values that were refused and left out
	findings []Finding       // about those, and whatever reading it showed
}

func (l *loader) find(s Severity, code, file string, line int, format string, args ...any) {
	l.findings = append(l.findings, Finding{
		Severity: s, Code: code, Message: fmt.Sprintf(format, args...), File: l.shown(file), Line: line,
	})
}

// path reads what one argument names.
func (l *loader) path(name string) {
	if !fs.ValidPath(name) {
		clean := path.Clean(name)
		if !fs.ValidPath(clean) {
			l.find(Error, CodeRead, name, 0, "is no path inside the folder that is read: write it without a leading / or ..")
			return
		}
		name = clean
	}
	info, err := fs.Stat(l.fsys, name)
	if err != nil {
		l.unreadable(name, err)
		return
	}
	docs, findings := len(l.docs), len(l.findings)
	what := "holds no document"
	if info.IsDir() {
		what = "holds no document: none of its *.yaml, *.yml and *.json files has one"
		l.folder(name)
	} else {
		l.file(name)
	}
	if len(l.docs) == docs && len(l.findings) == findings && !l.seen[name] {
		l.find(Error, CodeRead, name, 0, "%s", what)
	}
}

// folder reads every file below a folder.
func (l *loader) folder(root string) {
	// The callback takes every error itself, so WalkDir returns none.
	_ = fs.WalkDir(l.fsys, root, func(name string, d fs.DirEntry, err error) error {
		switch hidden := name != root && strings.HasPrefix(d.Name(), "."); {
		case hidden && d.IsDir():
			return fs.SkipDir
		case hidden:
		case err != nil:
			l.unreadable(name, err)
		case d.Type()&fs.ModeSymlink != 0:
			l.link(name)
		case !d.IsDir() && isDocument(name):
			l.file(name)
		}
		return nil
	})
}

func isDocument(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name))
}

// link reads what a symbolic link in a folder points to.
func (l *loader) link(name string) {
	switch info, err := fs.Stat(l.fsys, name); {
	case err != nil:
		if isDocument(name) {
			l.unreadable(name, err)
		}
	case info.IsDir():
		l.find(Warning, CodeRead, name, 0, "is a link to a folder and is not followed: name the folder itself")
	case isDocument(name):
		l.file(name)
	}
}

// file reads the documents of one file.
func (l *loader) file(name string) {
	if l.seen[name] {
		return
	}
	text, err := l.read(name)
	if err != nil {
		l.unreadable(name, err)
		return
	}
	before, findings := len(l.docs), len(l.findings)
	l.parse(name, text)
	l.seen[name] = len(l.docs) > before || len(l.findings) > findings
}

var (
	errTooBig   = fmt.Errorf("is bigger than %d MiB: split it", maxFile>>20)
	errNoFile   = errors.New("is neither a file nor a folder")
	errNotUTF8  = errors.New("is no UTF-8 text: save it as UTF-8")
	errNotFound = errors.New("does not exist: correct the path")
	errDenied   = errors.New("cannot be read: permission denied")
)

func (l *loader) read(name string) ([]byte, error) {
	// Looked at first: to open a pipe waits for somebody who writes to it.
	if info, err := fs.Stat(l.fsys, name); err == nil && !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	f, err := l.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read: nothing is lost
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNoFile
	case info.Size() > maxFile:
		return nil, errTooBig
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, errTooBig
	case !utf8.Valid(text):
		return nil, errNotUTF8
	}
	return text, nil
}

// unreadable reports why a path cannot be read, without the path itself, which
// the finding carries.
func (l *loader) unreadable(name string, err error) {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = errNotFound
	case errors.Is(err, fs.ErrPermission):
		err = errDenied
	}
	l.find(Error, CodeRead, name, 0, "%v", err)
}

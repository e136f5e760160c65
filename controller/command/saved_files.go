package command

import (
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// savedFiles are the files of a saved plan as an fs.FS, by their numbers.
// Findings in them carry the names that people gave them.
type savedFiles []savedDocument

var _ spec.Namer = savedFiles{}

// load reads the documents.
func (s savedFiles) load() ([]spec.EventRouting, []spec.Finding) {
	paths := make([]string, len(s))
	for i := range s {
		paths[i] = strconv.Itoa(i)
	}
	return spec.Load(s, paths...)
}

func (s savedFiles) find(name string) (savedDocument, bool) {
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 || i >= len(s) {
		return savedDocument{}, false
	}
	return s[i], true
}

// Shown is what people call a file.
func (s savedFiles) Shown(file string) string {
	if d, ok := s.find(file); ok {
		return d.File
	}
	return file
}

// Open implements fs.FS.
func (s savedFiles) Open(name string) (fs.File, error) {
	d, ok := s.find(name)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return openFile{strings.NewReader(d.Text), fileInfo{name, int64(len(d.Text))}}, nil
}

// openFile is a file that is being read.
type openFile struct {
	*strings.Reader
	info fileInfo
}

func (f openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f openFile) Close() error               { return nil }

type fileInfo struct {
	name string
	size int64
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return 0o400 }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }

package spec

import "fmt"

// Severity says what a finding stops.
type Severity string

// An error stops what it is about, a warning nothing; info is worth knowing.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Finding is one thing that somebody should know about a document or about
// what is live. One type serves the whole program.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // stable, kebab-case; the README lists them
	Message  string   `json:"message"`
	Path     string   `json:"path,omitempty"` // such as spec.routes[2].name, or a live address
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"` // 1 for the first; 0 unknown
}

// String is the form that people read: FILE:LINE: path: message.
func (f Finding) String() string {
	s := f.Message
	if f.Path != "" {
		s = f.Path + ": " + s
	}
	switch {
	case f.File != "" && f.Line > 0:
		s = fmt.Sprintf("%s:%d: %s", f.File, f.Line, s)
	case f.File != "":
		s = f.File + ": " + s
	}
	return s
}

// Origin is where a document came from: its file, and the line of each of its
// values.
type Origin struct {
	File  string
	Line  int            // where the document begins
	Lines map[string]int // by path, such as spec.routes[2].name
}

// Find makes a finding about the value at path, with its file and line. A path
// that was not written gets the line of the nearest one above it that was.
func (e EventRouting) Find(s Severity, code, path, format string, args ...any) Finding {
	return Finding{
		Severity: s, Code: code, Message: fmt.Sprintf(format, args...),
		Path: path, File: e.Origin.File, Line: e.Origin.lineOf(path),
	}
}

func (o Origin) lineOf(path string) int {
	for p := path; p != ""; p = parent(p) {
		if n, ok := o.Lines[p]; ok {
			return n
		}
	}
	return o.Line
}

// parent cuts the last step off a path: a.b[1].c, a.b[1], a.b, a, "".
func parent(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '.' || path[i] == '[' {
			return path[:i]
		}
	}
	return ""
}

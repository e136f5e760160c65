package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on what one document may be, so that a few lines cannot ask for much.
const (
	maxAliased = 10_000 // values reached through aliases
	maxDepth   = 100    // collections within each other
	maxShown   = 100    // characters of a path to something nested deeper than that
)

// walker compares one document with a Go type, reports every difference, and
// writes what is sound as JSON.
type walker struct {
	schema   schema
	file     string
	offset   int // lines of the file before the node tree's first
	lines    map[string]int
	bad      map[string]bool
	findings []Finding
	out      bytes.Buffer
	open     map[*yaml.Node]bool // collections that the walk is inside of
	aliased  int                 // values reached through aliases
	inAlias  int
}

// find reports a value and takes note of it, so that nothing else is said
// about it.
func (w *walker) find(code string, n *yaml.Node, path, format string, args ...any) {
	w.bad[path] = true
	w.findings = append(w.findings, Finding{
		Severity: Error, Code: code, Message: fmt.Sprintf(format, args...),
		Path: path, File: w.file, Line: n.Line + w.offset,
	})
}

// value writes a node as JSON for a type; false, and nothing written, if it
// cannot be.
func (w *walker) value(n *yaml.Node, t reflect.Type, path string) bool {
	start := w.out.Len()
	ok := w.enter(n, path, func(n *yaml.Node) bool { return w.typed(n, t, path) })
	if !ok {
		w.out.Truncate(start)
	}
	return ok
}

// enter follows aliases and keeps the walk within its bounds.
func (w *walker) enter(n *yaml.Node, path string, visit func(*yaml.Node) bool) bool {
	if n.Kind == yaml.AliasNode {
		w.inAlias++
		defer func() { w.inAlias-- }()
		if w.open[n.Alias] {
			w.find(CodeSyntax, n, path, "alias *%s stands inside its own anchor: write the value out", n.Value)
			return false
		}
		n = n.Alias
	}
	if w.inAlias > 0 {
		if w.aliased++; w.aliased > maxAliased {
			if w.aliased == maxAliased+1 {
				w.find(CodeSyntax, n, path, "aliases expand to more than %d values: write fewer", maxAliased)
			}
			return false
		}
	}
	if n.Style&yaml.TaggedStyle != 0 {
		w.find(CodeSyntax, n, path, "tag %s is not supported: remove it, and put text in quotes", n.Tag)
		return false
	}
	if n.Kind == yaml.ScalarNode {
		return visit(n)
	}
	if len(w.open) >= maxDepth {
		for len(path) > maxShown {
			path = parent(path)
		}
		w.find(CodeSyntax, n, path, "is nested more than %d deep: write it flatter", maxDepth)
		return false
	}
	w.open[n] = true
	defer delete(w.open, n)
	return visit(n)
}

// typed writes a node that is no alias.
func (w *walker) typed(n *yaml.Node, t reflect.Type, path string) bool {
	switch {
	case t == typeOf[json.RawMessage]():
		return w.freeObject(n, path)
	case n.Kind == yaml.ScalarNode && isPlain(n) && isNull(n.Value) && t.Kind() != reflect.String:
		w.find(CodeType, n, path, "has no value: write %s, or remove the key", describe(t))
		return false
	case isCustom(t):
		return w.custom(n, t, path)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return w.typed(n, t.Elem(), path)
	case reflect.Struct, reflect.Map:
		return w.mapping(n, t, path)
	case reflect.Slice:
		return w.list(n, t, path)
	default:
		return w.scalar(n, t, path)
	}
}

// mapping writes the known keys of a struct, or all of a map.
func (w *walker) mapping(n *yaml.Node, t reflect.Type, path string) bool {
	if n.Kind != yaml.MappingNode {
		w.find(CodeType, n, path, "is %s: write %s", kindName(n), describe(t))
		return false
	}
	var fields map[string]reflect.Type
	if t.Kind() == reflect.Struct {
		fields = w.schema.fields(t)
	}
	seen, wrote := map[string]int{}, false
	w.out.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key, ok := w.key(k, path, seen)
		if !ok {
			continue
		}
		at := join(path, key)
		ft, known := fields[key]
		if t.Kind() == reflect.Map {
			ft, known = t.Elem(), true
		}
		if !known {
			w.unknown(k, at, path, key, fields)
			continue
		}
		w.lines[at] = k.Line + w.offset
		if isEmpty(v) && ft.Kind() == reflect.String && optional(t, key) {
			w.find(CodeType, v, at, "is empty: write %s, or leave it out", describe(ft))
			continue
		}
		before := w.out.Len()
		w.name(key, wrote)
		if w.value(v, ft, at) {
			wrote = true
		} else {
			w.out.Truncate(before)
		}
	}
	w.out.WriteByte('}')
	return true
}

// key is the text of a mapping's key, once.
func (w *walker) key(k *yaml.Node, path string, seen map[string]int) (string, bool) {
	switch {
	case k.Kind != yaml.ScalarNode:
		w.find(CodeType, k, path, "has a key that is %s: write keys as text", kindName(k))
		return "", false
	case k.Style&yaml.TaggedStyle != 0:
		w.find(CodeSyntax, k, path, "tag %s is not supported: remove it", k.Tag)
		return "", false
	case k.Value == "<<" && isPlain(k):
		w.find(CodeSyntax, k, join(path, k.Value), "merge keys are not supported: write the settings out, or once under %s", defaultsPath)
		return "", false
	}
	if line, twice := seen[k.Value]; twice {
		w.find(CodeDuplicate, k, join(path, k.Value), "key stands twice, first on line %d: remove one", line)
		return "", false
	}
	seen[k.Value] = k.Line + w.offset
	return k.Value, true
}

func (w *walker) name(key string, comma bool) {
	if comma {
		w.out.WriteByte(',')
	}
	w.text(key)
	w.out.WriteByte(':')
}

// text writes a JSON string; unlike json.Marshal it leaves <, > and & alone.
func (w *walker) text(s string) {
	e := json.NewEncoder(&w.out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // of a string into memory
	w.out.Truncate(w.out.Len() - 1)
}

// unknown reports a key that does not exist, with what may have been meant.
func (w *walker) unknown(k *yaml.Node, at, path, key string, fields map[string]reflect.Type) {
	if _, route := w.schema.fields(typeOf[Route]())[key]; route && path == defaultsPath {
		w.find(CodeUnknownKey, k, at, "is what routes differ by and has no default: write it in each route")
		return
	}
	if near := nearest(key, slices.Sorted(maps.Keys(fields))); near != "" {
		w.find(CodeUnknownKey, k, at, "unknown key: did you mean %s?", near)
		w.bad[join(path, near)] = true
		return
	}
	if places := w.schema.places(key); len(places) > 0 {
		w.find(CodeUnknownKey, k, at, "unknown key here: it belongs under %s", either(places))
		return
	}
	w.find(CodeUnknownKey, k, at, "unknown key: known are %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
}

// list writes the elements of a slice; null for one that was refused, so that
// those after it keep their index.
func (w *walker) list(n *yaml.Node, t reflect.Type, path string) bool {
	if n.Kind != yaml.SequenceNode {
		hint := "write " + describe(t)
		switch n.Kind {
		case yaml.MappingNode:
			hint = "begin each item with a dash"
		case yaml.ScalarNode:
			hint = "put it in brackets, [" + n.Value + "]"
		default:
		}
		w.find(CodeType, n, path, "is %s where a list is wanted: %s", kindName(n), hint)
		return false
	}
	w.out.WriteByte('[')
	for i, v := range n.Content {
		if i > 0 {
			w.out.WriteByte(',')
		}
		at := fmt.Sprintf("%s[%d]", path, i)
		w.lines[at] = v.Line + w.offset
		if !w.value(v, t.Elem(), at) {
			w.out.WriteString("null")
		}
	}
	w.out.WriteByte(']')
	return true
}

// join adds a key to a path, in quotes if it would read as something else.
func join(path, key string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$<"
	if strings.Trim(key, plain) != "" || key == "" {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		return strconv.Quote(n.Value)
	}
}

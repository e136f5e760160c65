package spec

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// schema remembers the fields of the types that it was asked about.
type schema map[reflect.Type]map[string]reflect.Type

// fields is a struct's fields by the key that JSON gives them, embedded ones
// included.
func (s schema) fields(t reflect.Type) map[string]reflect.Type {
	if known, ok := s[t]; ok {
		return known
	}
	all := map[string]reflect.Type{}
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			maps.Copy(all, s.fields(f.Type))
		case key != "-":
			all[key] = f.Type
		}
	}
	s[t] = all
	return all
}

// optional says whether a key of a struct may be left out: empty text would say
// the same, and is rather a value that got lost. Where it says something the field
// is a pointer.
func optional(t reflect.Type, key string) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for f := range t.Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && optional(f.Type, key) || name == key && option == "omitempty" {
			return true
		}
	}
	return false
}

// places says where in a document a key may stand.
func (s schema) places(key string) []string {
	var found []string
	var visit func(t reflect.Type, path string)
	visit = func(t reflect.Type, path string) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice && t != typeOf[json.RawMessage]() {
			if t.Kind() == reflect.Slice {
				path += "[]"
			}
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || isCustom(t) {
			return
		}
		for k, v := range s.fields(t) {
			if k == key && path != "" {
				found = append(found, path)
			}
			visit(v, join(path, k))
		}
	}
	visit(typeOf[EventRouting](), "")
	slices.Sort(found)
	return slices.Compact(found)
}

// describe says what to write for a type.
func describe(t reflect.Type) string {
	switch t {
	case typeOf[Duration]():
		return "a duration such as 30s"
	case typeOf[StartFrom]():
		return "Now, TrimHorizon or a time"
	case typeOf[Amount]():
		return "a number such as 20, or a share such as 10%"
	case typeOf[Isolation]():
		return either(wordsOf(isolations()))
	case typeOf[Policy]():
		return either(wordsOf(policies()))
	case typeOf[OnShortage]():
		return either(wordsOf(onShortages()))
	}
	switch t.Kind() {
	case reflect.Pointer:
		return describe(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a mapping"
	default:
		return "text"
	}
}

// nearest is the word that a typing error or two turns into the given one;
// empty for none.
func nearest(word string, words []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, w := range words {
		d := distance(strings.ToLower(word), strings.ToLower(w))
		if d < least {
			best, least = w, d
		}
	}
	return best
}

// distance counts the insertions, deletions, changes and swaps of neighbours
// between two words. Long ones are infinitely far from everything.
func distance(a, b string) int {
	const long = 64
	if len(a) > long || len(b) > long {
		return long
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

package reconcile

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// typePath is the only place, with dots, at which every filter of every mapping that
// has one compares with plain texts, or takes what a route for the rest does; the
// shortest of several.
func typePath(all []Mapping) string {
	var common map[string]bool
	for _, m := range all {
		for _, f := range m.Filters {
			data, ok := dataOf(f)
			if !ok {
				continue
			}
			found := map[string]bool{}
			texts(data, "", found)
			if common == nil {
				common = found
			}
			maps.DeleteFunc(common, func(path string, _ bool) bool { return !found[path] })
		}
	}
	paths := slices.SortedFunc(maps.Keys(common), func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	if len(paths) == 0 {
		return ""
	}
	return paths[0]
}

// texts notes the paths at which a pattern lists plain texts, or an absent field
// beside others.
func texts(data map[string]any, at string, found map[string]bool) {
	for key, v := range data {
		switch v := v.(type) {
		case map[string]any:
			texts(v, at+key+".", found)
		case []any:
			plain, absent := len(v) > 0 && !strings.Contains(key, "."), false
			for _, x := range v {
				_, text := x.(string)
				plain = plain && text
				o, _ := x.(map[string]any)
				absent = absent || len(v) > 1 && o["exists"] == false
			}
			if plain || absent {
				found[at+key] = true
			}
		}
	}
}

// dataOf is the part of a filter that is about the payload; false where there is
// another.
func dataOf(filter string) (map[string]any, bool) {
	var v map[string]any
	if err := json.Unmarshal([]byte(filter), &v); err != nil {
		return nil, false
	}
	data, ok := v["data"].(map[string]any)
	return data, ok && len(v) == 1
}

// typesOf splits filters into event types and the condition that all of them have
// besides.
func typesOf(filters []string, path string) (types []string, where json.RawMessage, why string) {
	for i, f := range filters {
		data, ok := dataOf(f)
		if !ok {
			return nil, nil, "a filter is about more than the payload"
		}
		listed, rest, ok := without(data, strings.Split(path, "."))
		if !ok {
			return nil, nil, "a filter does not name event types at " + path
		}
		for _, x := range listed {
			text, ok := x.(string)
			if !ok {
				return nil, nil, "a filter compares " + path + " with more than plain texts"
			}
			types = append(types, text)
		}
		var condition json.RawMessage
		if len(rest) > 0 {
			text, err := json.Marshal(rest)
			if err != nil {
				return nil, nil, err.Error()
			}
			condition = text
		}
		if i > 0 && string(condition) != string(where) {
			return nil, nil, "its filters have different conditions besides the event type: it would be several routes"
		}
		where = condition
	}
	slices.Sort(types)
	return slices.Compact(types), where, ""
}

// restOf is the condition that the only filter of a route for the rest has besides
// the event type.
func restOf(filters []string, path string) (where json.RawMessage, why string) {
	if len(filters) != 1 {
		return nil, "it has several filters, and a route for the rest has one"
	}
	data, ok := dataOf(filters[0])
	if !ok {
		return nil, "a filter is about more than the payload"
	}
	_, rest, ok := without(data, strings.Split(path, "."))
	if !ok || len(rest) == 0 {
		return nil, ""
	}
	where, err := json.Marshal(rest)
	if err != nil {
		return nil, err.Error()
	}
	return where, ""
}

// without takes the list at a path out of a pattern.
func without(data map[string]any, path []string) (list []any, rest map[string]any, ok bool) {
	rest = maps.Clone(data)
	if len(path) == 1 {
		list, ok = data[path[0]].([]any)
		delete(rest, path[0])
		return list, rest, ok
	}
	inner, ok := data[path[0]].(map[string]any)
	if !ok {
		return nil, nil, false
	}
	list, left, ok := without(inner, path[1:])
	if rest[path[0]] = left; len(left) == 0 {
		delete(rest, path[0])
	}
	return list, rest, ok
}

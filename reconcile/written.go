package reconcile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// Written is a document made from what is live.
type Written struct {
	Doc spec.EventRouting
	// Mappings are those that the routes stand for, by the route's name, and Left
	// those that the document cannot say, with the reason. They stay as they are.
	Mappings map[string]Mapping
	Left     []LeftOut
}

// LeftOut is a live mapping that a document cannot say.
type LeftOut struct {
	Mapping Mapping
	Why     string
}

// Write makes a document of the mappings that run a function from a stream, such that
// a plan for it changes none of them. Path is where an event's type stands, with dots;
// empty finds it in the filters. It fails where there is nothing to write.
func Write(live State, stream, function, routing, path string) (Written, error) {
	d := spec.EventRouting{APIVersion: spec.APIVersion, Kind: spec.Kind, Metadata: spec.Metadata{Name: routing}}
	d.Spec.Stream, d.Spec.Function.Name, d.Spec.Region = stream, function, live.Region
	w := Written{Doc: d, Mappings: map[string]Mapping{}}
	var all []Mapping
	for _, ms := range live.Mappings {
		for _, m := range ms {
			if m.Key.Stream == stream && m.Key.Function == function {
				all = append(all, m)
			}
		}
	}
	slices.SortFunc(all, compareMappings)
	if len(all) == 0 {
		return w, fmt.Errorf("no mapping runs function %s from stream %s", function, stream)
	}
	if path == "" {
		if path = typePath(all); path == "" {
			return w, fmt.Errorf("the filters do not agree on where an event's type stands: say it, such as --event-type-path eventType")
		}
	}
	w.Doc.Spec.EventType.Path = path
	w.Doc.Spec.Function.Follow = followed(live, all, routing)
	for _, m := range all {
		if why := w.take(m, path); why != "" {
			w.Left = append(w.Left, LeftOut{m, why})
		}
	}
	if len(w.Doc.Spec.Routes) == 0 {
		return w, fmt.Errorf("none of the mappings can be written: %s: %s", w.Left[0].Mapping.UUID, w.Left[0].Why)
	}
	return w, nil
}

// take adds a mapping's route, or says why there can be none.
func (w *Written) take(m Mapping, path string) (why string) {
	if m.FiltersUnknown {
		return "its filter is encrypted: it cannot be read here"
	}
	if m.TumblingWindow > 0 {
		return "it has a tumbling window, and a route has none"
	}
	if len(m.Filters) == 0 {
		return "it has no filter, and takes what is no JSON as well, which no route does: write the routes that are to be, and adopt it for one of them"
	}
	types, where, why := typesOf(m.Filters, path)
	if why != "" {
		return why
	}
	r := spec.Route{EventTypes: types, CatchAll: len(types) == 0}
	r.Where = where
	if r.Name, r.Isolation, why = w.place(m, types); why != "" {
		return why
	}
	if r.Isolation == spec.IsolationFunction {
		r.Function = m.Key.Function
	}
	r.Settings = settingsOf(r.Settings, m)
	next := w.Doc
	next.Spec.Routes = append(slices.Clone(next.Spec.Routes), r)
	sets, err := next.Sets()
	if err != nil {
		return err.Error()
	}
	// A route that takes what no other names takes less with each of them.
	for i, s := range sets {
		if want := cmp.Or(w.Mappings[next.Spec.Routes[i].Name].UUID, m.UUID); !s.Equal(pattern.NewSet(w.filters(want, m))) {
			return "its filter and " + next.Spec.Routes[i].Name + "'s cannot stand in one document"
		}
	}
	w.Doc = next
	w.Mappings[r.Name] = m
	return ""
}

// filters are those of a mapping that was taken, or of the one at hand.
func (w *Written) filters(uuid string, at Mapping) []string {
	for _, m := range w.Mappings {
		if m.UUID == uuid {
			return m.Filters
		}
	}
	return at.Filters
}

// place is the name and the isolation of a mapping's route.
func (w *Written) place(m Mapping, types []string) (name string, isolation spec.Isolation, why string) {
	d := w.Doc
	routing, route, ours := SplitQualifier(m.Key.Qualifier)
	consumers, consumer, fanned := SplitQualifier(m.Key.Consumer)
	plain := cmp.Or(m.Key.Qualifier, latest) == d.Follow()
	switch {
	case m.Key.Consumer != "" && (!fanned || consumers != d.Metadata.Name):
		return "", "", fmt.Sprintf("its consumer is called %s, and a route's is called %s--ROUTE", m.Key.Consumer, d.Metadata.Name)
	case m.Key.Consumer != "" && !plain:
		return "", "", fmt.Sprintf("it runs %s, and the others follow %s", m.Key.Target(), d.Follow())
	case m.Key.Consumer != "":
		return consumer, spec.IsolationFanOut, ""
	case ours && routing == d.Metadata.Name:
		return route, spec.IsolationAlias, ""
	case !plain:
		return "", "", fmt.Sprintf("it runs %s: a route runs an alias %s--ROUTE, or %s", m.Key.Target(), d.Metadata.Name, d.Follow())
	case slices.ContainsFunc(d.Spec.Routes, func(r spec.Route) bool { return r.Isolation == spec.IsolationFunction }):
		return "", "", "another one runs the same function without an alias of its own"
	}
	name = "all"
	if len(types) > 0 {
		name = slug(types[0])
	}
	for n, base := 2, name; w.Mappings[name].UUID != ""; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name, spec.IsolationFunction, ""
}

// slug is an event type as a route's name: OrderPlaced is order-placed.
func slug(text string) string {
	var b strings.Builder
	for i, c := range text {
		switch {
		case c >= 'A' && c <= 'Z':
			if i > 0 && !strings.HasSuffix(b.String(), "-") {
				b.WriteByte('-')
			}
			b.WriteRune(c - 'A' + 'a')
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() > 30 {
			break
		}
	}
	return cmp.Or(strings.Trim(b.String(), "-"), "route")
}

// followed is what routes are to follow: what a mapping without an alias of its
// own names, else the alias that has the version of the routes' own.
func followed(live State, all []Mapping, routing string) string {
	for _, m := range all {
		if name, _, ok := SplitQualifier(m.Key.Qualifier); !ok || name != routing {
			return m.Key.Qualifier
		}
	}
	own, ok := live.Aliases[all[0].Key.alias()]
	if !ok || own.Version == latest {
		return ""
	}
	for _, key := range slices.SortedFunc(maps.Keys(live.Aliases), func(a, b AliasKey) int { return cmp.Compare(a.String(), b.String()) }) {
		a := live.Aliases[key]
		if _, _, routes := SplitQualifier(key.Name); !routes && key.Function == all[0].Key.Function && a.Version == own.Version && maps.Equal(a.Weights, own.Weights) {
			return key.Name
		}
	}
	return own.Version
}

// settingsOf writes what differs from what a route has that says nothing.
func settingsOf(s spec.Settings, m Mapping) spec.Settings {
	length := func(n int) *spec.Duration { return &spec.Duration{Duration: time.Duration(n) * time.Second} }
	if !m.Enabled {
		s.Enabled = new(false)
	}
	if m.BatchSize != 100 {
		s.BatchSize = new(m.BatchSize)
	}
	if m.MaximumBatchingWindow > 0 {
		s.MaxBatchingWindow = length(m.MaximumBatchingWindow)
	}
	if m.ParallelizationFactor > 1 {
		s.ParallelizationFactor = new(m.ParallelizationFactor)
	}
	var retry spec.Retry
	if m.MaximumRetryAttempts >= 0 {
		retry.MaxAttempts = new(m.MaximumRetryAttempts)
	}
	if m.MaximumRecordAge > 0 {
		retry.MaxAge = length(m.MaximumRecordAge)
	}
	if m.BisectBatchOnFunctionError {
		retry.BisectOnError = new(true)
	}
	if retry != (spec.Retry{}) {
		s.Retry = &retry
	}
	if m.OnFailure != "" {
		s.OnFailure = new(m.OnFailure)
	}
	if m.ReportBatchItemFailures {
		s.ReportBatchItemFailures = new(true)
	}
	if m.KMSKey != "" {
		s.KMSKey = new(m.KMSKey)
	}
	if len(m.Metrics) > 0 {
		s.Metrics = &m.Metrics
	}
	return s
}

// typePath is the only place, with dots, at which every filter of every mapping that
// has one compares with plain texts; the shortest of several.
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

// texts notes the paths at which a pattern lists plain texts.
func texts(data map[string]any, at string, found map[string]bool) {
	for key, v := range data {
		switch v := v.(type) {
		case map[string]any:
			texts(v, at+key+".", found)
		case []any:
			plain := len(v) > 0 && !strings.Contains(key, ".")
			for _, x := range v {
				_, text := x.(string)
				plain = plain && text
			}
			if plain {
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

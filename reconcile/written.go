package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// From is what to write a document of.
type From struct {
	Stream, Function string
	// Routing is its name; empty finds that of ours, or of the aliases and consumers
	// that are called like a route's.
	Routing string
	// Path is where an event's type stands, with dots; empty finds it in the filters.
	Path string
}

// Written is a document made from what is live.
type Written struct {
	Doc spec.EventRouting
	// Mappings are those that the routes stand for, by the route's name, and Left
	// those that the document cannot say, with the reason. They stay as they are.
	Mappings map[string]Mapping
	Left     []LeftOut
	// Nobodys are the routes whose mappings are ours only once they are adopted.
	Nobodys []string
}

// LeftOut is a live mapping that a document cannot say.
type LeftOut struct {
	Mapping Mapping
	Why     string
}

// defaultRouting is the name of a routing where nothing tells another.
const defaultRouting = "orders"

// Write makes a document of the mappings that run a function from a stream, and of
// those that are of the same routing of ours. It is valid, and a plan for it changes
// nothing but reservations. It fails where there is no such document, and says why.
func Write(live State, from From, o Options, now time.Time) (Written, []Ask, error) {
	w := writing{live: live, o: o, now: now, from: from}
	w.doc = spec.EventRouting{APIVersion: spec.APIVersion, Kind: spec.Kind}
	w.doc.Spec.Stream, w.doc.Spec.Function.Name, w.doc.Spec.Region = from.Stream, from.Function, live.Region
	w.Mappings = map[string]Mapping{}
	if asks := w.unknown(); len(asks) > 0 {
		return w.result(), asks, nil
	}
	if err := w.write(); err != nil {
		return w.result(), nil, err
	}
	asks, err := w.disturbs()
	for _, m := range w.Mappings {
		if _, known := live.Functions[m.Key.Function]; !known {
			asks = append(asks, Ask{What: AskFunction, Name: m.Key.Function})
		}
	}
	return w.result(), asks, err
}

// writing is a document in the making.
type writing struct {
	live State
	o    Options
	now  time.Time
	from From
	doc  spec.EventRouting
	Written
}

func (w *writing) result() Written {
	w.Doc = w.doc
	return w.Written
}

// unknown asks whose the mappings of the stream are, where only their tags tell.
func (w *writing) unknown() []Ask {
	var asks []Ask
	for key, ms := range w.live.Mappings {
		for _, m := range ms {
			if _, known := w.live.Facts.Tags[m.UUID]; !known && key.Stream == w.from.Stream {
				asks = append(asks, Ask{What: AskTags, Name: m.UUID})
			}
		}
	}
	return asks
}

// write picks the mappings and makes a route of each.
func (w *writing) write() error {
	all, err := w.candidates()
	if err != nil {
		return err
	}
	w.doc.Spec.EventType.Path = w.from.Path
	if w.from.Path == "" {
		if w.doc.Spec.EventType.Path = typePath(all); w.doc.Spec.EventType.Path == "" {
			return fmt.Errorf("the filters do not agree on where an event's type stands: say it, such as --event-type-path eventType")
		}
	}
	w.doc.Spec.Function.Follow = w.followed(all)
	// Ours come first: what somebody made beside them must not keep one of them out.
	nobodys := func(m Mapping) bool { owner, _, _ := w.whose(m); return owner == "" }
	w.takeAll(slices.DeleteFunc(slices.Clone(all), nobodys))
	w.takeAll(slices.DeleteFunc(slices.Clone(all), func(m Mapping) bool { return !nobodys(m) }))
	if len(w.doc.Spec.Routes) == 0 {
		return fmt.Errorf("none of the mappings can be written: %s: %s", w.Left[0].Mapping.UUID, w.Left[0].Why)
	}
	w.allowOverlaps()
	return w.valid()
}

// candidates are the mappings that the document is about, sorted. What is another
// routing's, another owner's, or on its way out is left out.
func (w *writing) candidates() ([]Mapping, error) {
	var on, all []Mapping
	for key, ms := range w.live.Mappings {
		if key.Stream == w.from.Stream {
			on = append(on, ms...)
		}
	}
	slices.SortFunc(on, compareMappings)
	of := func(m Mapping) bool { return m.Key.Function == w.from.Function }
	if !slices.ContainsFunc(on, of) {
		return nil, fmt.Errorf("no mapping runs function %s from stream %s", w.from.Function, w.from.Stream)
	}
	name, err := w.routing(slices.DeleteFunc(slices.Clone(on), func(m Mapping) bool { return !of(m) }))
	if err != nil {
		return nil, err
	}
	w.doc.Metadata.Name = name
	for _, m := range on {
		owner, routing, _ := w.whose(m)
		if !of(m) && (owner != w.o.Owner || routing != name) {
			continue
		}
		if why := w.notOurs(m); why != "" {
			w.Left = append(w.Left, LeftOut{m, why})
			continue
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("none of the mappings can be written: %s: %s", w.Left[0].Mapping.UUID, w.Left[0].Why)
	}
	return all, nil
}

// notOurs says of a mapping that it is another owner's, another routing's, or on its
// way out; empty for none of these.
func (w *writing) notOurs(m Mapping) string {
	owner, routing, route := w.whose(m)
	off, stopped := offBy(m, w.live.Facts.Tags[m.UUID])
	retired := stopped && !m.Enabled && (off.Cause == OffRemoved || off.Cause == OffMoved)
	switch {
	case owner == "":
		return ""
	case owner != w.o.Owner:
		return fmt.Sprintf("it is of owner %s: --owner %s writes it", owner, owner)
	case routing != w.doc.Metadata.Name:
		return fmt.Sprintf("it is %s/%s's: --name %s writes it", routing, route, routing)
	case retired:
		return fmt.Sprintf("it is retired since %s, and is deleted in the end", off.At.Format(time.RFC3339))
	}
	return ""
}

// whose says which route of which owner a live mapping is; an empty owner is nobody.
func (w *writing) whose(m Mapping) (owner, routing, route string) {
	tags := w.live.Facts.Tags[m.UUID]
	a := w.live.Aliases[m.Key.alias()]
	note, noted := ParseNote(a.Description)
	if owner = tags[TagOwner]; noted && m.Key.Consumer == "" && (owner == "" || owner == note.Owner) {
		routing, route, _ = SplitQualifier(m.Key.Qualifier)
		return note.Owner, routing, route
	}
	return owner, tags[TagRouting], tags[TagRoute]
}

// routing is the name of the routing: as told, else that of the mappings of ours,
// else that of aliases and consumers which are called like a route's.
func (w *writing) routing(all []Mapping) (string, error) {
	if w.from.Routing != "" {
		return w.from.Routing, nil
	}
	ours, called := map[string]bool{}, map[string]bool{}
	for _, m := range all {
		if owner, routing, _ := w.whose(m); owner == w.o.Owner {
			ours[routing] = true
		}
		for _, name := range []string{m.Key.Qualifier, m.Key.Consumer} {
			if routing, _, ok := SplitQualifier(name); ok {
				called[routing] = true
			}
		}
	}
	for _, names := range []map[string]bool{ours, called} {
		switch sorted := slices.Sorted(maps.Keys(names)); {
		case len(sorted) == 1:
			return sorted[0], nil
		case len(sorted) > 1:
			return "", fmt.Errorf("there are mappings of routings %s: say which, such as --name %s", strings.Join(sorted, " and "), sorted[0])
		}
	}
	return defaultRouting, nil
}

// takeAll adds the routes of mappings, and leaves out what cannot be one.
func (w *writing) takeAll(all []Mapping) {
	var rest []LeftOut
	for _, m := range all {
		if why := w.take(m, false); why != "" {
			rest = append(rest, LeftOut{m, why})
		}
	}
	// What all others leave can be told only once they are there.
	for _, l := range rest {
		if w.take(l.Mapping, true) != "" {
			w.Left = append(w.Left, l)
		}
	}
}

// take adds a mapping's route, or says why there can be none. With rest it is one for
// what no other route names.
func (w *writing) take(m Mapping, rest bool) (why string) {
	if m.FiltersUnknown {
		return "its filter is encrypted: it cannot be read here"
	}
	if m.TumblingWindow > 0 {
		return "it has a tumbling window, and a route has none"
	}
	if len(m.Filters) == 0 {
		return "it has no filter, and takes what is no JSON as well, which no route does: write the routes that are to be, and adopt it for one of them"
	}
	path := w.doc.Spec.EventType.Path
	r := spec.Route{CatchAll: rest}
	if rest {
		r.Where, why = restOf(m.Filters, path)
	} else {
		r.EventTypes, r.Where, why = typesOf(m.Filters, path)
	}
	if why != "" {
		return why
	}
	if r.Name, r.Isolation, why = w.place(m, r.EventTypes); why != "" {
		return why
	}
	if r.Isolation == spec.IsolationFunction {
		r.Function = m.Key.Function
	}
	r.Settings = settingsOf(r.Settings, m)
	next := w.doc
	next.Spec.Routes = append(slices.Clone(next.Spec.Routes), r)
	if why := wrong(next); why != "" {
		return "its route would not be valid: " + why
	}
	sets, err := next.Sets()
	if err != nil {
		return err.Error()
	}
	// A route that takes what no other names takes less with each of them.
	for i, s := range sets {
		of := m
		if i < len(w.doc.Spec.Routes) {
			of = w.Mappings[next.Spec.Routes[i].Name]
		}
		if !s.Equal(pattern.NewSet(of.Filters)) {
			return "its filter and " + next.Spec.Routes[i].Name + "'s cannot stand in one document"
		}
	}
	w.doc = next
	w.Mappings[r.Name] = m
	if owner, _, _ := w.whose(m); owner == "" {
		w.Nobodys = append(w.Nobodys, r.Name)
	}
	return ""
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

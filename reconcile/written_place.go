package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/spec"
)

// plain says whether a mapping runs what the document's routes follow.
func (w *writing) plain(m Mapping) bool { return cmp.Or(m.Key.Qualifier, latest) == w.doc.Follow() }

// placeConsumer is the name of the route of a mapping on a consumer.
func (w *writing) placeConsumer(m Mapping) (name string, isolation spec.Isolation, why string) {
	routing, route, ok := SplitQualifier(m.Key.Consumer)
	switch d := w.doc; {
	case !ok:
		return "", "", fmt.Sprintf("its consumer is called %s, and a route's is called %s--ROUTE", m.Key.Consumer, d.Metadata.Name)
	case routing != d.Metadata.Name:
		return "", "", fmt.Sprintf("its consumer is called %s: --name %s writes it", m.Key.Consumer, routing)
	case m.Key.Function != d.Spec.Function.Name:
		return "", "", fmt.Sprintf("it runs function %s, and routes with consumers run %s", m.Key.Function, d.Spec.Function.Name)
	case !w.plain(m):
		return "", "", fmt.Sprintf("it runs %s, and the others follow %s", m.Key.Target(), d.Follow())
	}
	return route, spec.IsolationFanOut, ""
}

// place is the name and the isolation of a mapping's route.
func (w *writing) place(m Mapping, types []string) (name string, isolation spec.Isolation, why string) {
	if m.Key.Consumer != "" {
		return w.placeConsumer(m)
	}
	d := w.doc
	routing, route, own := SplitQualifier(m.Key.Qualifier)
	owner, _, tagged := w.whose(m)
	switch {
	case own && routing == d.Metadata.Name && m.Key.Function == d.Spec.Function.Name:
		return route, spec.IsolationAlias, ""
	case own && routing != d.Metadata.Name && !w.plain(m):
		return "", "", fmt.Sprintf("it runs %s: --name %s writes it", m.Key.Target(), routing)
	case !w.plain(m):
		return "", "", fmt.Sprintf("it runs %s: a route runs an alias %s--ROUTE, or %s", m.Key.Target(), d.Metadata.Name, d.Follow())
	case slices.ContainsFunc(d.Spec.Routes, func(r spec.Route) bool { return r.Function == m.Key.Function }):
		return "", "", "another one runs the same function without an alias of its own"
	case owner != "":
		return tagged, spec.IsolationFunction, "" // a route by another name would be another
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

// followed is what routes are to follow: what a mapping of ours without an alias of
// its own names, else the alias that has the version of the routes' own, else what a
// mapping of nobody names.
func (w *writing) followed(all []Mapping) string {
	var own, plain []Mapping
	for _, m := range all {
		owner, _, _ := w.whose(m)
		switch name, _, ok := SplitQualifier(m.Key.Qualifier); {
		case ok && name == w.doc.Metadata.Name:
			own = append(own, m)
		case owner != "":
			return m.Key.Qualifier
		default:
			plain = append(plain, m)
		}
	}
	at, ok := w.aliasOf(own)
	switch {
	case !ok && len(plain) > 0:
		return plain[0].Key.Qualifier
	case !ok || at.Version == latest:
		return ""
	}
	candidates := w.beside(at)
	for _, m := range plain {
		if slices.Contains(candidates, m.Key.Qualifier) {
			return m.Key.Qualifier
		}
	}
	return cmp.Or(strings.Join(candidates[:min(1, len(candidates))], ""), at.Version)
}

// aliasOf is the alias that one of the mappings runs, one of ours if there is any.
func (w *writing) aliasOf(all []Mapping) (at Alias, ok bool) {
	for _, m := range all {
		a, live := w.live.Aliases[m.Key.alias()]
		if _, ours := ParseNote(a.Description); live && (!ok || ours) {
			if at, ok = a, true; ours {
				break
			}
		}
	}
	return at, ok
}

// beside are the aliases of the function that no route has and that point where one
// does, sorted.
func (w *writing) beside(at Alias) []string {
	var all []string
	for key, a := range w.live.Aliases {
		if _, _, routes := SplitQualifier(key.Name); !routes && key.Function == w.from.Function && a.Version == at.Version && maps.Equal(a.Weights, at.Weights) {
			all = append(all, key.Name)
		}
	}
	slices.Sort(all)
	return all
}

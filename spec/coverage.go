package spec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

// Taker is something that takes events of a stream: a route, or a live mapping
// that no document declares.
type Taker struct {
	Name     string // of a route ROUTING/ROUTE, of a mapping its key
	Function string // bare name; events that go to two functions are meant to, more often than not
	Set      pattern.Set
	Doc      *EventRouting // nil for a live mapping
	Index    int           // of the route in Doc
	Shared   bool          // the route allows overlaps
}

// party is what takers are put together by: a document, or a live mapping.
func (t Taker) party() string {
	if t.Doc != nil {
		return t.Doc.Metadata.Name + " " + t.Doc.Origin.File
	}
	return "mapping " + t.Name
}

// Gap is events of declared types that nothing takes.
type Gap struct {
	Types   []string
	Witness []byte
}

// Coverage is what the takers of one stream do together with its events, going
// by one field of the payload.
//
// Overlaps is about events that several parties take; within one document [Load]
// has reported them. Gaps is the declared types that nothing takes, Findings
// whatever else is taken by nobody, or only under further conditions. Unknown
// names takers whose filters were not understood: what they take twice, and what
// they leave out, cannot be told.
type Coverage struct {
	Overlaps []Finding
	Gaps     []Gap
	Findings []Finding
	Unknown  []string
}

// Cover analyses what the takers of a group's stream do with its events, those
// of documents that go by another path included. It assumes one text, or nothing,
// in the field of each record: an array there may go to several takers.
func (g Group) Cover(takers []Taker) Coverage {
	c := cover{doc: g.Docs[0], docs: g.Docs, field: g.Path, named: map[string]Taker{}}
	named := make([]pattern.Named, len(takers))
	for i, t := range takers {
		named[i] = pattern.Named{Name: t.Name, Set: t.Set}
		c.named[t.Name] = t
	}
	var overlaps, rest []pattern.Finding
	for _, f := range pattern.Analyse(named, g.Types, c.field) {
		switch {
		case f.Kind == pattern.Overlap, f.Kind == pattern.MayOverlap:
			overlaps = append(overlaps, f)
		case f.Kind == pattern.Gap && f.Class == pattern.Declared:
			c.out.Gaps = append(c.out.Gaps, Gap{Types: f.Values, Witness: f.Witness})
		case f.Kind == pattern.MayDrop && f.Class == pattern.Declared:
			c.mayDrop(f)
		default:
			rest = append(rest, f)
		}
	}
	c.overlaps(overlaps)
	c.undeclared(rest)
	return c.out
}

type cover struct {
	doc   *EventRouting
	docs  []*EventRouting
	field string
	named map[string]Taker
	out   Coverage
}

// shared is what a set of parties takes twice.
type shared struct {
	certain  bool
	function bool // two takers run one function
	takers   []Taker
	values   []string
	more     bool // more than values: of events that no text describes
	witness  []byte
}

// overlaps reports events that several parties take: one finding for each set
// of parties and each of certain and perhaps.
func (c *cover) overlaps(all []pattern.Finding) {
	groups := map[string]*shared{}
	for _, f := range all {
		takers := c.of(f.Routes)
		parties := map[string]bool{}
		for _, t := range takers {
			parties[t.party()] = true
		}
		if len(parties) < 2 || !ours(takers) || allowed(takers) {
			continue
		}
		key := fmt.Sprint(f.Kind, slices.Sorted(maps.Keys(parties)))
		g := groups[key]
		if g == nil {
			g = &shared{certain: f.Kind == pattern.Overlap, witness: f.Witness}
			groups[key] = g
		}
		g.add(f, takers)
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		c.reportShared(groups[key])
	}
}

func (c *cover) of(names []string) []Taker {
	all := make([]Taker, len(names))
	for i, n := range names {
		all[i] = c.named[n]
	}
	return all
}

// ours says whether a route is among takers: what strangers do among themselves
// is theirs.
func ours(takers []Taker) bool {
	return slices.ContainsFunc(takers, func(t Taker) bool { return t.Doc != nil })
}

// allowed says whether all takers allow the overlap; a stranger never does.
func allowed(takers []Taker) bool {
	return !slices.ContainsFunc(takers, func(t Taker) bool { return !t.Shared })
}

func (g *shared) add(f pattern.Finding, takers []Taker) {
	functions := map[string]int{}
	for _, t := range takers {
		if functions[t.Function]++; functions[t.Function] > 1 {
			g.function = true
		}
		if !slices.ContainsFunc(g.takers, func(o Taker) bool { return o.Name == t.Name }) {
			g.takers = append(g.takers, t)
		}
	}
	if f.Class <= pattern.Text {
		g.values = append(g.values, f.Values...)
	} else {
		g.more = true
	}
}

func (c *cover) reportShared(g *shared) {
	slices.SortFunc(g.takers, func(a, b Taker) int { return cmp.Compare(a.Name, b.Name) })
	var routes, strangers []string
	var at Taker
	for _, t := range g.takers {
		if t.Doc == nil {
			strangers = append(strangers, t.Name)
			continue
		}
		routes = append(routes, t.Name)
		if at.Doc == nil {
			at = t
		}
	}
	who := list(routes)
	if len(strangers) > 0 {
		who += " and to " + list(strangers)
	}
	var what []string
	if len(g.values) > 0 {
		what = append(what, EventTypes(g.values))
	}
	if g.more {
		what = append(what, "other events")
	}
	events := strings.Join(what, " and ")
	code, severity := CodeOverlap, Info
	var text string
	switch {
	case !g.certain:
		code = CodeMayOverlap
		text = fmt.Sprintf("%s may go to %s: whether their conditions can hold together is not known", events, who)
	case g.function:
		severity = Warning
		text = fmt.Sprintf("%s go to %s: the same function processes them more than once", events, who)
	default:
		text = fmt.Sprintf("%s go to %s: to several functions", events, who)
	}
	if g.witness != nil {
		text += "; for example " + string(g.witness)
	}
	c.out.Overlaps = append(c.out.Overlaps, at.Doc.Find(severity, code, routePath(at.Index), "%s", text))
}

// mayDrop reports declared types that are taken under further conditions only.
func (c *cover) mayDrop(f pattern.Finding) {
	takers := c.of(f.Routes)
	i := slices.IndexFunc(takers, func(t Taker) bool { return t.Doc != nil })
	if i < 0 {
		return
	}
	text := fmt.Sprintf("%s are taken by %s under further conditions, and by nobody when those do not hold: then they are dropped", EventTypes(f.Values), list(f.Routes))
	if f.Witness == nil {
		text = fmt.Sprintf("%s are taken by %s under further conditions: those that no condition holds for are dropped", EventTypes(f.Values), list(f.Routes))
	} else {
		text += "; for example " + string(f.Witness)
	}
	c.out.Findings = append(c.out.Findings, takers[i].Doc.Find(Info, CodeMayDrop, routePath(takers[i].Index), "%s", text))
}

// undeclared reports, in one finding, what no document names and nothing takes.
// Payloads that are not JSON are left out where they are all of it: only a
// mapping without filters takes those, and a route is one with.
func (c *cover) undeclared(all []pattern.Finding) {
	words := []string{"other event types", "records without " + c.field, "payloads that are not JSON"}
	found := make([]*pattern.Finding, len(words))
	for i, f := range all {
		if f.Kind == pattern.Unknown {
			c.out.Unknown = append(c.out.Unknown, f.Routes...)
		} else if at := undeclaredClass(f.Class); at >= 0 && found[at] == nil {
			found[at] = &all[i]
		}
	}
	var what []string
	var witness []byte
	for i, f := range found {
		if f == nil || i == len(words)-1 && len(what) == 0 {
			continue
		}
		if what = append(what, words[i]); witness == nil {
			witness = f.Witness
		}
	}
	if len(what) == 0 {
		return
	}
	text := list(what) + " are taken by nobody"
	switch off := c.catchAlls(false); {
	case len(off) > 0:
		text += " while " + list(off) + " is disabled: they wait for it until they expire"
	case len(c.catchAlls(true)) > 0:
		text += ": they are dropped without a trace"
	default:
		text += ": they are dropped without a trace; a route with catchAll: true takes them, if they are JSON"
	}
	if witness != nil {
		text += "; for example " + string(witness)
	}
	c.out.Findings = append(c.out.Findings, c.doc.Find(Info, CodeGap, routesPath, "%s", text))
}

// CoverDocuments says what valid documents do together with the events of their
// streams, as far as documents tell: types that several parties take, that nobody
// takes, that are taken under conditions, and records that nobody named.
func CoverDocuments(docs []EventRouting) []Finding {
	takers := map[string][]Taker{} // by stream
	places := streams(docs)
	for i := range docs {
		d := &docs[i]
		sets, err := d.Sets()
		if err != nil {
			continue // Load has said so
		}
		for j, r := range d.Resolve() {
			if r.Enabled {
				takers[places[i]] = append(takers[places[i]], d.Taker(r, sets[j]))
			}
		}
	}
	var all []Finding
	for _, g := range Groups(docs) {
		c := g.Cover(takers[g.place])
		all = append(all, c.Overlaps...)
		for _, gap := range c.Gaps {
			all = append(all, g.disabled(gap)...)
		}
		all = append(all, c.Findings...)
	}
	return all
}

// Taker is a route as a taker of what set takes.
func (e *EventRouting) Taker(r Resolved, set pattern.Set) Taker {
	return Taker{Name: e.Metadata.Name + "/" + r.Name, Function: BareName(r.Function), Set: set, Doc: e, Index: r.Index, Shared: r.AllowOverlap}
}

// undeclaredClass is the place among the words of undeclared; -1 for a type that
// is no text, which is part of what is dropped without a type.
func undeclaredClass(c pattern.Class) int {
	switch c {
	case pattern.Text, pattern.OtherText:
		return 0
	case pattern.NoField:
		return 1
	case pattern.NotJSON:
		return 2
	case pattern.Declared, pattern.NotText:
	}
	return -1
}

// catchAlls names the catch-alls of the group's documents that run, or do not.
func (c *cover) catchAlls(enabled bool) []string {
	var all []string
	for _, d := range c.docs {
		for _, r := range d.Resolve() {
			if r.CatchAll && r.Enabled == enabled {
				all = append(all, d.Metadata.Name+"/"+r.Name)
			}
		}
	}
	return all
}

// Group is the documents of one stream that go by one path, with the event types
// that they name, sorted.
type Group struct {
	Stream string // bare name
	Path   string
	Docs   []*EventRouting
	Types  []string
	place  string // of Stream, as far as documents tell
}

// Groups sorts documents by stream, region, account and path. The groups' documents are
// those given.
func Groups(docs []EventRouting) []Group {
	at := map[string]*Group{}
	for i, place := range streams(docs) {
		d := &docs[i]
		key := place + "\x00" + d.Spec.EventType.Path
		g := at[key]
		if g == nil {
			g = &Group{Stream: BareName(d.Spec.Stream), Path: d.Spec.EventType.Path, place: place}
			at[key] = g
		}
		g.Docs = append(g.Docs, d)
		for _, r := range d.Spec.Routes {
			g.Types = append(g.Types, r.EventTypes...)
		}
	}
	all := make([]Group, 0, len(at))
	for _, key := range slices.Sorted(maps.Keys(at)) {
		g := at[key]
		slices.Sort(g.Types)
		g.Types = slices.Compact(g.Types)
		all = append(all, *g)
	}
	return all
}

// disabled reports types whose routes are all disabled: their events wait.
func (g Group) disabled(gap Gap) []Finding {
	byRoute := map[string][]string{}
	finds := map[string]func(types []string) Finding{}
	for _, d := range g.Docs {
		for i, r := range d.Spec.Routes {
			for _, t := range r.EventTypes {
				if slices.Contains(gap.Types, t) {
					name := d.Metadata.Name + "/" + r.Name
					byRoute[name] = append(byRoute[name], t)
					finds[name] = func(types []string) Finding {
						return d.Find(Info, CodeGap, routePath(i), "%s are taken by nobody while %s is disabled: they wait for it until they expire", EventTypes(types), name)
					}
				}
			}
		}
	}
	var all []Finding
	for _, name := range slices.Sorted(maps.Keys(byRoute)) {
		all = append(all, finds[name](byRoute[name]))
	}
	return all
}

// maxNamed is how many values or names a message lists.
const maxNamed = 5

// EventTypes names events by their types, for a message; of many the rest is
// counted.
func EventTypes(types []string) string {
	types = slices.Clone(types)
	slices.Sort(types)
	types = slices.Compact(types)
	noun := "events of type "
	if len(types) > 1 {
		noun = "events of types "
	}
	for i, t := range types {
		if b, err := json.Marshal(t); err == nil {
			types[i] = string(b)
		}
	}
	return noun + list(types)
}

// list is a, b and c; of long ones the rest is counted.
func list(words []string) string {
	if n := len(words) - maxNamed; n > 0 {
		words = append(slices.Clone(words[:maxNamed]), fmt.Sprintf("%d more", n))
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

package pattern

import (
	"encoding/binary"
	"slices"
	"strings"
)

// maxPairs bounds how often two routes are asked whether their other conditions
// exclude each other; beyond it the answer is MayOverlap.
const maxPairs = 1 << 20

// Analyse finds what sets deliver twice and what they leave out, going by the
// field at path (dotted, inside the payload): for each of types, and for every
// other value as far as any filter can tell. A value that only filters with
// further conditions take is followed through those: two that cannot hold
// together are no overlap, and together they may leave no gap.
//
// It assumes one scalar, or nothing, in each field of a record. If producers
// send an array there, any two sets can take one record. Only enabled mappings of
// one stream belong into one call.
//
// Findings are sorted, the same for the same input, and grouped: one for each
// kind, class and list of routes. A witness was shown to the matcher.
func Analyse(routes []Named, types []string, path string) []Finding {
	a := newAnalysis(routes, types, "data."+path)
	for i := range a.classes {
		a.look(&a.classes[i])
	}
	a.notJSON()
	return a.found.sorted()
}

type analysis struct {
	path     string
	index    *Index
	found    *findings
	declared map[string]bool
	classes  []class
	full     bool

	rules  []owned
	texts  map[string][]int // rules that list no more than texts, by text
	broad  []int            // all other rules
	all    []int            // routes without filters
	opaque bool

	work   int
	pairs  map[[2]int]joint
	pieces map[string]rest
}

// owned is a rule of one route: what it asks of the field, and of others.
type owned struct {
	route int
	list  []matcher // nil: nothing
	other rule
}

func newAnalysis(routes []Named, types []string, path string) *analysis {
	a := &analysis{
		path: path, declared: map[string]bool{}, texts: map[string][]int{},
		found: &findings{named: routes, groups: map[string]*Finding{}, places: map[*Finding][]int{}},
		pairs: map[[2]int]joint{}, pieces: map[string]rest{},
	}
	for _, t := range types {
		a.declared[t] = true
	}
	var sets []Set
	var lists [][]matcher
	for i, n := range routes {
		sets = append(sets, n.Set)
		if n.Set.Everything() {
			a.all = append(a.all, i)
			continue
		}
		if len(n.Set.b.opaque) > 0 {
			a.opaque = true
			a.found.add(Unknown, Declared, []int{i}, "", nil)
		}
		for _, r := range n.Set.b.rules {
			list := r.at(path)
			lists = append(lists, list)
			a.own(owned{route: i, list: list, other: r.with(path, nil)})
		}
	}
	a.index = NewIndex(sets)
	a.classes, a.full = classes(lists, types)
	return a
}

func (a *analysis) own(o owned) {
	id := len(a.rules)
	a.rules = append(a.rules, o)
	if o.list == nil || !plainList(o.list) {
		a.broad = append(a.broad, id)
		return
	}
	for _, m := range o.list {
		a.texts[m.text] = append(a.texts[m.text], id)
	}
}

// taking are the rules that take values of a class: for certain and without
// more ado, for certain if other conditions hold, perhaps.
type taking struct {
	free  []int // routes
	under []int // rules, sorted by route, of routes that are not free
	maybe []int // routes that are neither
}

func (a *analysis) taking(c *class) taking {
	state := map[int]verdict{}
	free := map[int]bool{}
	var under []int
	see := func(id int, v verdict) {
		o := &a.rules[id]
		switch {
		case v == no:
			return
		case v == yes && len(o.other.conds) == 0:
			free[o.route] = true
		case v == yes:
			under = append(under, id)
		}
		state[o.route] = max(state[o.route], v)
	}
	if c.v.kind == kindString && !c.open {
		for _, id := range a.texts[string(c.v.text)] {
			see(id, yes)
		}
	}
	for _, id := range a.broad {
		if a.rules[id].list == nil {
			see(id, yes)
		} else {
			see(id, judge(a.rules[id].list, c))
		}
	}
	t := taking{free: slices.Clone(a.all)}
	for r, v := range state {
		switch {
		case free[r]:
			t.free = append(t.free, r)
		case v == maybe:
			t.maybe = append(t.maybe, r)
		}
	}
	slices.Sort(t.free)
	slices.Sort(t.maybe)
	slices.Sort(under)
	for _, id := range under {
		if !free[a.rules[id].route] {
			t.under = append(t.under, id)
		}
	}
	return t
}

func (a *analysis) look(c *class) {
	t := a.taking(c)
	cl, value := a.name(c)
	if len(t.free) > 1 {
		a.found.add(Overlap, cl, t.free, value, func() []byte { return a.shown(a.record(c, nil, nil), t.free) })
	}
	a.twice(c, t)
	if len(t.free) > 0 {
		return
	}
	if len(t.under) == 0 {
		if len(t.maybe) == 0 && !a.opaque && !a.full {
			a.found.add(Gap, cl, nil, value, func() []byte { return a.unseen(a.record(c, nil, nil)) })
		} else {
			a.found.add(MayDrop, cl, t.maybe, value, nil)
		}
		return
	}
	a.dropped(c, t)
}

// dropped looks for what the conditions of all takers together leave out.
func (a *analysis) dropped(c *class, t taking) {
	var key []byte
	for _, id := range t.under {
		key = binary.AppendUvarint(key, uint64(id))
	}
	left, ok := a.pieces[string(key)]
	if !ok {
		left = a.leave(t.under)
		a.pieces[string(key)] = left
	}
	if left.none {
		return
	}
	routes := slices.Clone(t.maybe)
	for _, id := range t.under {
		routes = append(routes, a.rules[id].route)
	}
	slices.Sort(routes)
	cl, value := a.name(c)
	witness := func() []byte { return a.unseen(a.record(c, left.paths, left.texts)) }
	if !left.sure || len(t.maybe) > 0 || a.opaque {
		witness = nil
	}
	a.found.add(MayDrop, cl, slices.Compact(routes), value, witness)
}

func (a *analysis) notJSON() {
	switch {
	case len(a.all) > 1:
		a.found.add(Overlap, NotJSON, a.all, "", func() []byte { return []byte("not JSON") })
	case len(a.all) == 0:
		a.found.add(Gap, NotJSON, nil, "", func() []byte { return []byte("not JSON") })
	}
}

func (a *analysis) name(c *class) (Class, string) {
	switch {
	case c.v.kind == kindAbsent:
		return NoField, ""
	case c.v.kind == kindNull:
		return NotText, "null"
	case c.v.kind == kindNumber:
		return NotText, "number"
	case c.v.kind != kindString:
		return NotText, "boolean"
	case c.folded != "":
		return OtherText, c.folded
	case c.open:
		return OtherText, c.prefix + "*" + c.suffix
	case a.declared[string(c.v.text)]:
		return Declared, string(c.v.text)
	}
	return Text, string(c.v.text)
}

// record is a payload with the field in class c and others as given.
func (a *analysis) record(c *class, paths, texts []string) []byte {
	paths, texts = slices.Clone(paths), slices.Clone(texts)
	if t, ok := c.v.json(); ok {
		paths, texts = append(paths, strings.TrimPrefix(a.path, "data.")), append(texts, t)
	}
	if len(paths) == 0 {
		return []byte("{}")
	}
	return []byte(nest(paths, texts))
}

// shown gives the record back if all of routes take it.
func (a *analysis) shown(record []byte, routes []int) []byte {
	takers := a.index.Match(nil, record)
	for _, r := range routes {
		if _, ok := slices.BinarySearch(takers, r); !ok {
			return nil
		}
	}
	return record
}

func (a *analysis) unseen(record []byte) []byte {
	if len(a.index.Match(nil, record)) > 0 {
		return nil
	}
	return record
}

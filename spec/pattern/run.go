package pattern

import (
	"slices"
	"unicode/utf8"
)

// deepest is how far an event may nest; beyond it counts as not JSON, as it
// does for Jackson, which AWS's engine reads with.
const deepest = 1000

// run is one event under one program: which conditions some leaf satisfies, and
// in which elements of which arrays those leaves stand. Its size follows the
// number of such leaves, and leaves of one element count once.
type run struct {
	lexer
	p    *program
	hits []hit
	head []int32 // by condition, its first hit or -1
	tail []int32 // by condition, its last hit
	met  []int32 // conditions with a hit

	members []member
	ends    []int32 // by array, the number of hits when it was left
	stack   []frame // arrays that are open
	text    []byte
	owners  []int32

	seen []seen // by field, what stands there; nil unless somebody asks
}

type hit struct{ cond, member, next int32 }

// member is an element of an array; only elements with a hit are kept.
type member struct {
	array, index, parent int32
	start                int32 // hits before the first one inside
}

type frame struct{ array, index, member int32 }

func newRun(p *program) *run {
	r := &run{p: p, head: make([]int32, len(p.conds)), tail: make([]int32, len(p.conds))}
	for i := range r.head {
		r.head[i] = -1
	}
	return r
}

// release makes r ready for the next event.
func (r *run) release() {
	for _, c := range r.met {
		r.head[c] = -1
	}
	r.b = nil
	r.met, r.owners = r.met[:0], r.owners[:0]
	r.hits, r.members = r.hits[:0], r.members[:0]
	r.ends, r.stack = r.ends[:0], r.stack[:0]
	const keep = 1 << 14
	if cap(r.hits) < keep && cap(r.members) < keep && cap(r.text) < keep {
		r.p.pool.Put(r)
	}
}

// read takes an event in; start is the place in the tree that it stands at.
// It is false for what is not JSON.
func (r *run) read(event []byte, start *node) bool {
	if !utf8.Valid(event) {
		return false
	}
	r.lexer = lexer{b: event}
	return r.value(start, 0, 0) && r.peek() == 0 && r.i == len(r.b)
}

// value reads a value at n, which is nil where no rule looks; it stands in the
// first level open arrays.
func (r *run) value(n *node, level, depth int) bool {
	if depth > deepest {
		return false
	}
	switch r.peek() {
	case '{':
		return r.object(n, level, depth)
	case '[':
		return r.array(n, level, depth)
	}
	v, escaped, ok := r.scalar()
	if !ok || n == nil || n.field < 0 {
		return ok
	}
	switch {
	case v.kind == kindNumber:
		v.num, v.real = comparableNumber(v.text)
	case escaped:
		r.text, _ = unquote(r.text[:0], v.text)
		v.text = r.text
	}
	r.leaf(n.field, &v, level)
	return true
}

func (r *run) object(n *node, level, depth int) bool {
	r.i++
	if r.take('}') {
		return true
	}
	for {
		key, escaped, ok := r.quoted()
		if !ok || !r.take(':') {
			return false
		}
		var next *node
		if n != nil && n.kids != nil {
			if escaped {
				key, _ = unquote(nil, key)
			}
			next = n.child(key)
		}
		if !r.value(next, level, depth+1) {
			return false
		}
		if r.take(',') {
			continue
		}
		return r.take('}')
	}
}

func (r *run) array(n *node, level, depth int) bool {
	r.i++
	if r.take(']') {
		return true
	}
	r.stack = append(r.stack[:level], frame{array: -1, member: -1})
	for {
		in := level
		if c := r.peek(); c == '{' || c == '[' {
			in++
		}
		if !r.value(n, in, depth+1) {
			return false
		}
		if r.take(',') {
			f := &r.stack[level]
			f.index++
			f.member = -1
			continue
		}
		if id := r.stack[level].array; id >= 0 {
			r.ends[id] = int32(len(r.hits))
		}
		return r.take(']')
	}
}

func (r *run) leaf(at int32, v *value, level int) {
	f := &r.p.fields[at]
	if r.seen != nil {
		r.seen[at].add(v)
	}
	if v.kind == kindString {
		for _, c := range f.plain[string(v.text)] {
			r.hit(c, level)
		}
	}
	for _, c := range f.rest {
		rest := r.p.conds[c].rest
		for i := range rest {
			if rest[i].holds(v) {
				r.hit(c, level)
				break
			}
		}
	}
	if f.present >= 0 {
		r.hit(f.present, level)
	}
}

func (r *run) hit(c int32, level int) {
	m := r.member(level)
	at := int32(len(r.hits))
	switch {
	case r.head[c] < 0:
		r.head[c] = at
		r.met = append(r.met, c)
	case r.hits[r.tail[c]].member == m:
		return
	default:
		r.hits[r.tail[c]].next = at
	}
	r.tail[c] = at
	r.hits = append(r.hits, hit{cond: c, member: m, next: -1})
}

// member is the element that the first level open arrays are at; -1 for none.
func (r *run) member(level int) int32 {
	if level == 0 {
		return -1
	}
	f := &r.stack[level-1]
	if f.member >= 0 {
		return f.member
	}
	parent := r.member(level - 1)
	if f.array < 0 {
		f.array = int32(len(r.ends))
		r.ends = append(r.ends, 0)
	}
	f.member = int32(len(r.members))
	r.members = append(r.members, member{array: f.array, index: f.index, parent: parent, start: int32(len(r.hits))})
	return f.member
}

// decide tries the goals that can hold and collects their owners; first says
// that one is enough.
func (r *run) decide(first bool) {
	for _, g := range r.p.always {
		if r.reached(&r.p.goals[g]); first && len(r.owners) > 0 {
			return
		}
	}
	for _, c := range r.met {
		for _, g := range r.p.anchored[c] {
			if r.reached(&r.p.goals[g]); first && len(r.owners) > 0 {
				return
			}
		}
	}
}

func (r *run) reached(g *goal) {
	for _, c := range g.conds {
		if r.head[c] < 0 && !r.p.conds[c].absent {
			return
		}
	}
	if len(g.conds) > 1 && len(r.members) > 0 {
		if !newSearch(r, g).from(0) {
			return
		}
	} else if slices.ContainsFunc(g.conds, func(c int32) bool { return r.head[c] < 0 && !r.missing(c) }) {
		return
	}
	r.owners = append(r.owners, g.owner)
}

// missing says that the condition's field has no leaf at all.
func (r *run) missing(c int32) bool {
	p := r.p.fields[r.p.conds[c].field].present
	return p >= 0 && r.head[p] < 0
}

package pattern

import "slices"

// Minus is what s takes and t does not, if filters can say it for every record
// of one scalar, or nothing, in each field: false if they cannot or it is not
// certain. The difference may be [Set.Empty].
func (s Set) Minus(t Set) (Set, bool) {
	switch {
	case t.Everything() || s.Equal(t):
		return newSet(nil, nil), true
	case s.Empty() || t.Empty():
		return s, true
	case s.Everything() || len(s.b.opaque) > 0 || len(t.b.opaque) > 0:
		return Set{}, false
	}
	rest := s.b.rules
	for _, q := range t.b.rules {
		var next []rule
		for _, r := range rest {
			pieces, ok := r.minus(q)
			if !ok || len(next)+len(pieces) > MaxRules {
				return Set{}, false
			}
			next = append(next, pieces...)
		}
		rest = next
	}
	return newSet(rest, nil), true
}

// minus is r without q: a value outside q's list in any one field is enough.
func (r rule) minus(q rule) ([]rule, bool) {
	if r.apart(q) {
		return []rule{r}, true
	}
	sp := newSpace([]rule{r}, []rule{q})
	_, mine := sp.box(r)
	_, other := sp.box(q)
	if _, ok := sp.meet(mine, other); !ok && !sp.full {
		return []rule{r}, true
	}
	if sp.full {
		return nil, false
	}
	var pieces []rule
	for _, c := range q.conds {
		list := r.at(c.path)
		if list == nil {
			list = []matcher{exists(true), exists(false)}
		}
		all := sp.classes[slices.Index(sp.paths, c.path)]
		less, ok := without(list, c.list, all)
		if !ok {
			return nil, false
		}
		if len(less) > 0 {
			pieces = append(pieces, r.with(c.path, less))
		}
	}
	return pieces, true
}

// without is a list that takes what list takes and other does not, checked on
// every class.
func without(list, other []matcher, all []class) ([]matcher, bool) {
	var less []matcher
	for i := range list {
		part, ok := list[i].without(other, all)
		if !ok {
			return nil, false
		}
		less = append(less, part...)
	}
	less = newCond("", less).list
	for i := range all {
		want := no
		if judge(list, &all[i]) == yes && judge(other, &all[i]) == no {
			want = yes
		}
		if judge(less, &all[i]) != want {
			return nil, false
		}
	}
	return less, true
}

func (m *matcher) without(other []matcher, all []class) ([]matcher, bool) {
	var stay, leave []*class
	for i := range all {
		c := &all[i]
		mine, theirs := m.judge(c), judge(other, c)
		switch {
		case mine == no:
		case theirs == no:
			stay = append(stay, c)
		case mine == maybe || theirs == maybe:
			return nil, false
		default:
			leave = append(leave, c)
		}
	}
	switch {
	case len(stay) == 0:
		return nil, true
	case len(leave) == 0:
		return []matcher{*m}, true
	}
	if points, ok := asPoints(stay); ok {
		return points, true
	}
	if m.op != opExists && m.op != opBut {
		return nil, false
	}
	texts := slices.Clone(m.list)
	for _, c := range leave {
		if c.open || c.v.kind != kindString {
			return nil, false
		}
		texts = append(texts, string(c.v.text))
	}
	return []matcher{but(texts)}, true
}

// asPoints names each of the classes by itself; false if one holds more than one
// value, or is a number, which no filter should name outside numeric.
func asPoints(all []*class) ([]matcher, bool) {
	var list []matcher
	for _, c := range all {
		switch {
		case c.open || c.v.kind == kindNumber:
			return nil, false
		case c.v.kind == kindString:
			list = append(list, equal(string(c.v.text)))
		case c.v.kind == kindAbsent:
			list = append(list, exists(false))
		default:
			list = append(list, constant(c.v.kind))
		}
	}
	return list, true
}

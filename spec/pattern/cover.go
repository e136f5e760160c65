package pattern

import (
	"slices"
	"strings"
)

// Covers says whether s takes every record that t takes.
func (s Set) Covers(t Set) Answer {
	switch {
	case s.Everything() || t.Empty() || s.Equal(t):
		return Answer{Verdict: Yes}
	case t.Everything():
		return s.coversAll()
	}
	unknown := slices.ContainsFunc(t.b.opaque, func(o string) bool { return !slices.Contains(s.b.opaque, o) })
	var open []rule
	for _, r := range t.b.rules {
		if !slices.ContainsFunc(s.b.rules, r.within) {
			open = append(open, r)
		}
	}
	a := Answer{Verdict: Yes}
	if len(open) > 0 {
		a = s.coversRules(open, t)
	}
	if a.Verdict == Yes && unknown || a.Verdict == No && len(s.b.opaque) > 0 {
		return Answer{Verdict: May}
	}
	return a
}

// within says that q takes whatever r takes, at a glance.
func (r rule) within(q rule) bool {
	for _, c := range q.conds {
		mine := r.at(c.path)
		if mine == nil || len(mine) > len(c.list) {
			return false
		}
		for i := range mine {
			if !slices.ContainsFunc(c.list, func(m matcher) bool { return m.key == mine[i].key }) {
				return false
			}
		}
	}
	return true
}

func (s Set) coversRules(open []rule, t Set) Answer {
	sp := newSpace(s.b.rules, open)
	sure, perhaps := sp.boxes(s.b.rules)
	best := Answer{Verdict: Yes}
	for _, r := range open {
		mine, atMost := sp.box(r)
		if _, found, done := sp.left(atMost, sure); done && !found && !sp.full {
			continue
		}
		best.Verdict = May
		if point, found, _ := sp.left(mine, perhaps); found {
			if w := sp.payload(point); t.Match(w) && !s.Match(w) {
				return Answer{Verdict: No, Witness: w}
			}
		}
	}
	return best
}

// coversAll asks whether s takes everything, which at least payloads that are no
// JSON contradict.
func (s Set) coversAll() Answer {
	if len(s.b.opaque) > 0 {
		return Answer{Verdict: May}
	}
	sp := newSpace(s.b.rules)
	_, perhaps := sp.boxes(s.b.rules)
	if point, found, _ := sp.left(make(box, len(sp.paths)), perhaps); found {
		if w := sp.payload(point); !s.Match(w) {
			return Answer{Verdict: No, Witness: w}
		}
	}
	return Answer{Verdict: No, Witness: []byte("not JSON")}
}

// Overlaps says whether some record is taken by both.
func (s Set) Overlaps(t Set) Answer {
	switch {
	case s.Empty() || t.Empty():
		return Answer{Verdict: No}
	case s.Everything() && t.Everything():
		return Answer{Verdict: Yes, Witness: []byte("{}")}
	case s.Everything():
		return t.Overlaps(s)
	case t.Everything():
		return s.sample()
	}
	a := overlap(s.b.rules, t.b.rules, s, t)
	if a.Verdict == No && (len(s.b.opaque) > 0 || len(t.b.opaque) > 0) {
		return Answer{Verdict: May}
	}
	return a
}

// sample asks whether s takes anything.
func (s Set) sample() Answer {
	a := overlap(s.b.rules, []rule{{}}, s, Set{})
	if a.Verdict == No && len(s.b.opaque) > 0 {
		return Answer{Verdict: May}
	}
	return a
}

// apart says at a glance that no record fits both rules: by a field of which
// both list texts only, and not the same ones.
func (r rule) apart(q rule) bool {
	for _, c := range r.conds {
		other := q.at(c.path)
		if other == nil || !plainList(c.list) || !plainList(other) {
			continue
		}
		if !shares(c.list, other) {
			return true
		}
	}
	return false
}

func plainList(list []matcher) bool {
	return !slices.ContainsFunc(list, func(m matcher) bool { return m.op != opEqual || !m.plain() })
}

// shares says that two sorted lists of plain texts have one in common.
func shares(a, b []matcher) bool {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch strings.Compare(a[i].key, b[j].key) {
		case 0:
			return true
		case -1:
			i++
		default:
			j++
		}
	}
	return false
}

// maxMeetings bounds how many pairs of rules, not apart at a glance, are looked
// at before the answer is May.
const maxMeetings = 1 << 11

func overlap(a, b []rule, s, t Set) Answer {
	best, looked := Answer{Verdict: No}, 0
	for _, r := range a {
		for _, q := range b {
			if r.apart(q) {
				continue
			}
			if looked++; looked > maxMeetings {
				return Answer{Verdict: May}
			}
			one := meet(r, q, s, t)
			if one.Verdict == Yes {
				return one
			}
			best.Verdict = max(best.Verdict, one.Verdict)
		}
	}
	return best
}

func meet(r, q rule, s, t Set) Answer {
	sp := newSpace([]rule{r}, []rule{q})
	sure, perhaps := sp.boxes([]rule{r, q})
	if point, ok := sp.meet(sure[0], sure[1]); ok {
		if w := sp.payload(point); s.Match(w) && t.Match(w) {
			return Answer{Verdict: Yes, Witness: w}
		}
		return Answer{Verdict: May}
	}
	if _, ok := sp.meet(perhaps[0], perhaps[1]); ok || sp.full {
		return Answer{Verdict: May}
	}
	return Answer{Verdict: No}
}

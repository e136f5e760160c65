package render

import (
	"slices"
	"strings"
)

// merged takes patterns apart and joins those that differ in one list of
// values only, so that a list that is spread over several patterns is compared
// as one. Patterns are alternatives: what they take together stays the same.
func merged(patterns []string) []pattern {
	if len(patterns) == 0 {
		return []pattern{{}}
	}
	all := make([]pattern, 0, len(patterns))
	var paths []string
	for _, text := range patterns {
		one := parsePattern(text)
		all = append(all, one)
		for _, c := range one.conds {
			paths = append(paths, c.path)
		}
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		all = mergedAt(all, path)
	}
	return all
}

func mergedAt(patterns []pattern, path string) []pattern {
	var all []pattern
	at := map[string]int{}
	for _, p := range patterns {
		i := slices.IndexFunc(p.conds, func(c cond) bool { return c.path == path && c.alternatives() == 1 && len(c.in) > 0 })
		if i < 0 {
			all = append(all, p)
			continue
		}
		rest := pattern{conds: slices.Delete(slices.Clone(p.conds), i, i+1)}.text(0)
		j, ok := at[rest]
		if !ok {
			at[rest] = len(all)
			all = append(all, pattern{conds: slices.Clone(p.conds)})
			continue
		}
		list := &all[j].conds[slices.IndexFunc(all[j].conds, func(c cond) bool { return c.path == path })].in
		joined := slices.Concat(*list, p.conds[i].in)
		slices.Sort(joined)
		*list = slices.Compact(joined)
	}
	return all
}

// compare says which patterns are on one side only, and how many on both.
func compare(before, after []pattern) (gone, come []pattern, same int) {
	has := func(in []pattern, p pattern) bool {
		return slices.ContainsFunc(in, func(q pattern) bool { return p.text(0) == q.text(0) })
	}
	for _, p := range before {
		if !has(after, p) {
			gone = append(gone, p)
		}
	}
	for _, p := range after {
		if has(before, p) {
			same++
		} else {
			come = append(come, p)
		}
	}
	return gone, come, same
}

// condPair is a condition whose one list has changed.
type condPair struct {
	before, after cond
	with          string // the other conditions of its pattern
}

// pair finds patterns of which one list has changed and nothing else. What is
// left over has been added or removed as a whole.
func pair(gone, come []pattern) (pairs []condPair, left, added []pattern) {
	added = slices.Clone(come)
	for _, p := range gone {
		found := false
		for i, q := range added {
			if c, ok := oneList(p, q); ok {
				pairs = append(pairs, c)
				added = slices.Delete(added, i, i+1)
				found = true
				break
			}
		}
		if !found {
			left = append(left, p)
		}
	}
	return pairs, left, added
}

// oneList says whether two patterns differ in one list of one condition, and
// that list keeps or had several values: else the two are told apart more
// easily as a whole.
func oneList(p, q pattern) (condPair, bool) {
	if p.raw != "" || q.raw != "" || len(p.conds) != len(q.conds) {
		return condPair{}, false
	}
	var found condPair
	var with []string
	n := 0
	for i, c := range p.conds {
		d := q.conds[i]
		switch {
		case c.path != d.path || !slices.Equal(c.rest, d.rest):
			return condPair{}, false
		case slices.Equal(c.in, d.in) && slices.Equal(c.not, d.not):
			with = append(with, c.text(0))
		case !slices.Equal(c.in, d.in) && !slices.Equal(c.not, d.not):
			return condPair{}, false
		default:
			found.before, found.after = c, d
			n++
		}
	}
	found.with = strings.Join(with, " and ")
	return found, n == 1
}

// narrower says whether filters that change may take less than before, as far as
// their text shows; what cannot be taken apart may.
func narrower(before, after []string) bool {
	then := merged(after)
	if slices.ContainsFunc(then, func(p pattern) bool { return p.raw == "" && len(p.conds) == 0 }) {
		return false
	}
	gone, come, _ := compare(merged(before), then)
	pairs, gone, _ := pair(gone, come)
	return len(gone) > 0 || slices.ContainsFunc(pairs, condPair.narrower)
}

func (c condPair) narrower() bool {
	missing := func(from, in []string) bool {
		return slices.ContainsFunc(from, func(v string) bool { return !slices.Contains(in, v) })
	}
	if !slices.Equal(c.before.in, c.after.in) {
		return missing(c.before.in, c.after.in)
	}
	if len(c.before.not) == 0 { // one more alternative
		return false
	}
	return len(c.after.not) == 0 || missing(c.after.not, c.before.not)
}

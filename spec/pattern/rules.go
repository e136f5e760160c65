package pattern

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// rule is one alternative of a set of filters: every condition must hold.
// Rules are immutable.
type rule struct {
	conds []cond // sorted by path, at most one each
}

// cond is what one field must be: one matcher of the list must hold.
type cond struct {
	path string
	list []matcher
	key  string // listText(list)
}

func newCond(path string, list []matcher) cond {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b matcher) int {
		if c := cmp.Compare(rank(a.op), rank(b.op)); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
	list = slices.CompactFunc(list, func(a, b matcher) bool { return a.key == b.key })
	return cond{path: path, list: list, key: listText(list)}
}

// rank puts numeric ranges first: between strings, some versions of AWS's
// engine lose one of the strings.
func rank(o op) int {
	if o == opNumeric {
		return 0
	}
	return 1
}

func newRule(fields map[string][]matcher) rule {
	var r rule
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		r.conds = append(r.conds, newCond(path, fields[path]))
	}
	return r
}

// text is the canonical filter of a rule.
func (r rule) text() string {
	paths, texts := make([]string, len(r.conds)), make([]string, len(r.conds))
	for i, c := range r.conds {
		paths[i], texts[i] = c.path, c.key
	}
	return nest(paths, texts)
}

// with is r with another list at path; an empty list frees the field.
func (r rule) with(path string, list []matcher) rule {
	conds := make([]cond, 0, len(r.conds)+1)
	for _, c := range r.conds {
		if c.path != path {
			conds = append(conds, c)
		}
	}
	if len(list) > 0 {
		conds = append(conds, newCond(path, list))
		slices.SortFunc(conds, func(a, b cond) int { return strings.Compare(a.path, b.path) })
	}
	return rule{conds}
}

// at is the list of r at path; nil for a field that it leaves free.
func (r rule) at(path string) []matcher {
	for _, c := range r.conds {
		if c.path == path {
			return c.list
		}
	}
	return nil
}

// key identifies a rule but for its condition number skip.
func (r rule) key(skip int) string {
	var b strings.Builder
	for i, c := range r.conds {
		b.WriteString(quote(c.path))
		if i != skip {
			b.WriteString(c.key)
		}
	}
	return b.String()
}

// maxAtoms bounds how many rules of one matcher per field are listed to make a
// form that does not depend on how filters were cut.
const maxAtoms = 4096

// canonical is the one form of a set of rules. Rules are cut into atoms of one
// matcher per field, and atoms that differ in one field are joined again, until
// nothing changes. Joining is exact for every event, arrays included: a list is
// an OR, and the other fields are the same.
func canonical(rules []rule) []rule {
	rules, ok := atoms(rules)
	if !ok {
		rules = distinct(rules)
	}
	for {
		n := len(rules)
		for _, path := range paths(rules) {
			rules = join(rules, path)
		}
		if len(rules) == n {
			break
		}
	}
	return distinct(rules)
}

// paths are all fields that rules constrain, sorted.
func paths(rules ...[]rule) []string {
	seen := map[string]struct{}{}
	for _, rs := range rules {
		for _, r := range rs {
			for _, c := range r.conds {
				seen[c.path] = struct{}{}
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// atoms cuts rules as far as they go, or gives them back if that is too far.
func atoms(rules []rule) ([]rule, bool) {
	total := 0
	for _, r := range rules {
		n := 1
		for _, c := range r.conds {
			if n *= len(c.list); n > maxAtoms {
				return rules, false
			}
		}
		if total += n; total > maxAtoms {
			return rules, false
		}
	}
	var all []rule
	for _, r := range rules {
		cut := []rule{{}}
		for _, c := range r.conds {
			next := make([]rule, 0, len(cut)*len(c.list))
			for _, a := range cut {
				for i := range c.list {
					one := cond{path: c.path, list: c.list[i : i+1], key: "[" + c.list[i].key + "]"}
					next = append(next, rule{append(slices.Clip(a.conds), one)})
				}
			}
			cut = next
		}
		all = append(all, cut...)
	}
	return distinct(all), true
}

// distinct sorts rules and drops repeated ones.
func distinct(rules []rule) []rule {
	keyed := make(map[string]rule, len(rules))
	for _, r := range rules {
		keyed[r.key(-1)] = r
	}
	out := make([]rule, 0, len(keyed))
	for _, k := range slices.Sorted(maps.Keys(keyed)) {
		out = append(out, keyed[k])
	}
	return out
}

// join unites the rules that differ at path only.
func join(rules []rule, path string) []rule {
	var out []rule
	groups := map[string]int{}
	lists := map[int][]matcher{}
	for _, r := range rules {
		i := slices.IndexFunc(r.conds, func(c cond) bool { return c.path == path })
		if i < 0 {
			out = append(out, r)
			continue
		}
		k := r.key(i)
		at, ok := groups[k]
		if !ok {
			at = len(out)
			groups[k] = at
			out = append(out, r)
		}
		lists[at] = append(lists[at], r.conds[i].list...)
	}
	for at, list := range lists {
		if len(list) > len(out[at].at(path)) {
			out[at] = out[at].with(path, list)
		}
	}
	return out
}

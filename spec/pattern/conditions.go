package pattern

import "slices"

// joint is whether the other conditions of two rules can hold together, and
// fields of a record in which they do.
type joint struct {
	verdict      Verdict
	paths, texts []string
}

// rest is what the other conditions of some rules leave out.
type rest struct {
	none, sure   bool
	paths, texts []string
}

// twice follows routes that take a class under further conditions, or perhaps,
// into every other that takes it.
func (a *analysis) twice(c *class, t taking) {
	cl, value := a.name(c)
	routes := slices.Concat(t.free, t.maybe)
	for _, id := range t.under {
		routes = append(routes, a.rules[id].route)
	}
	slices.Sort(routes)
	routes = slices.Compact(routes)
	if len(routes) < 2 || len(routes) == len(t.free) {
		return
	}
	if a.work += len(routes) * len(routes); a.work > maxPairs {
		a.found.add(MayOverlap, cl, routes, value, nil)
		return
	}
	for i, r := range routes {
		for _, q := range routes[i+1:] {
			a.pair(c, t, r, q)
		}
	}
}

// pair reports what routes r and q do with a class, unless both take it freely.
func (a *analysis) pair(c *class, t taking, r, q int) {
	if slices.Contains(t.free, r) && slices.Contains(t.free, q) {
		return
	}
	cl, value := a.name(c)
	both := []int{r, q}
	if slices.Contains(t.maybe, r) || slices.Contains(t.maybe, q) {
		a.found.add(MayOverlap, cl, both, value, nil)
		return
	}
	best := joint{}
	for _, x := range a.under(t, r) {
		for _, y := range a.under(t, q) {
			if m := a.meet(x, y); m.verdict > best.verdict {
				best = m
			}
		}
	}
	switch best.verdict {
	case Yes:
		a.found.add(Overlap, cl, both, value, func() []byte { return a.shown(a.record(c, best.paths, best.texts), both) })
	case May:
		a.found.add(MayOverlap, cl, both, value, nil)
	case No:
	}
}

// under are the rules by which a route takes a class; -1 stands for no further
// condition.
func (a *analysis) under(t taking, route int) []int {
	var ids []int
	for _, id := range t.under {
		if a.rules[id].route == route {
			ids = append(ids, id)
		}
	}
	if ids == nil {
		return []int{-1}
	}
	return ids
}

func (a *analysis) meet(x, y int) joint {
	key := [2]int{x, y}
	if m, ok := a.pairs[key]; ok {
		return m
	}
	var r, q rule
	if x >= 0 {
		r = a.rules[x].other
	}
	if y >= 0 {
		q = a.rules[y].other
	}
	m := joint{}
	if !r.apart(q) {
		sp := newSpace([]rule{r}, []rule{q})
		sure, perhaps := sp.boxes([]rule{r, q})
		if point, ok := sp.meet(sure[0], sure[1]); ok {
			m.verdict = Yes
			m.paths, m.texts = sp.fields(point)
		} else if _, ok := sp.meet(perhaps[0], perhaps[1]); ok || sp.full {
			m.verdict = May
		}
	}
	a.pairs[key] = m
	return m
}

func (a *analysis) leave(ids []int) rest {
	rules := make([]rule, len(ids))
	for i, id := range ids {
		rules[i] = a.rules[id].other
	}
	sp := newSpace(rules)
	sure, perhaps := sp.boxes(rules)
	if _, found, done := sp.left(make(box, len(sp.paths)), sure); done && !found && !sp.full {
		return rest{none: true}
	}
	var left rest
	if point, found, _ := sp.left(make(box, len(sp.paths)), perhaps); found {
		left.sure = true
		left.paths, left.texts = sp.fields(point)
	}
	return left
}

package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

// Sets is what each route takes, in the order of the routes. A catch-all is
// derived from all other routes of the document, disabled ones included. The
// error names the first route whose filter cannot be built; documents that
// [Load] returns have none.
func (e EventRouting) Sets() ([]pattern.Set, error) {
	sets := make([]pattern.Set, len(e.Spec.Routes))
	for i, r := range e.Resolve() {
		set, err := pattern.Build(e.patternOf(r))
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", r.Name, err)
		}
		sets[i] = set
	}
	return sets, nil
}

// OfType is what a route takes of one of its event types.
func (e EventRouting) OfType(r Resolved, eventType string) (pattern.Set, error) {
	p := e.patternOf(r)
	p.Types = []string{eventType}
	set, err := pattern.Build(p)
	if err != nil {
		return set, fmt.Errorf("route %s, event type %q: %w", r.Name, eventType, err)
	}
	return set, nil
}

// patternOf is what the filter of a route is built from.
func (e EventRouting) patternOf(r Resolved) pattern.Route {
	p := pattern.Route{Path: e.Spec.EventType.Path, Types: r.EventTypes, Where: r.Where, CatchAll: r.CatchAll}
	if r.CatchAll {
		for i, other := range e.Spec.Routes {
			if i != r.Index {
				p.Others = append(p.Others, other.EventTypes...)
			}
		}
	}
	return p
}

// filters builds every route's filters, as far as what they are made of is
// sound, and says what cannot be built.
func (c *check) filters() []*pattern.Set {
	sets := make([]*pattern.Set, len(c.routes))
	for i, r := range c.routes {
		if !c.sound(i) {
			continue
		}
		set, err := pattern.Build(c.doc.patternOf(r))
		if err == nil {
			_, err = set.Filters()
		}
		if err != nil {
			c.reportFilter(i, err)
			continue
		}
		sets[i] = &set
	}
	return sets
}

// sound says whether a route's filter can be spoken about: what it is made of
// has no finding yet.
func (c *check) sound(i int) bool {
	parts := []string{eventTypePath, routePath(i) + ".eventTypes", routePath(i) + ".where", routePath(i) + ".catchAll", defaultsPath + ".where"}
	if c.routes[i].CatchAll {
		parts = append(parts, routesPath)
	}
	return !slices.ContainsFunc(parts, func(p string) bool { return c.wrong(p) || c.refused(p) })
}

// reportFilter reports what pattern says about a route, at what it is about.
func (c *check) reportFilter(i int, err error) {
	path, message := routePath(i)+".eventTypes", err.Error()
	if c.routes[i].CatchAll {
		path = routePath(i) + ".catchAll"
	}
	if e, ok := errors.AsType[*pattern.BuildError](err); ok {
		message = e.Err.Error()
		if e.Field == "path" {
			path = eventTypePath
		}
		if e.Field == "where" {
			path = defaultsPath + ".where"
			if len(c.doc.Spec.Routes[i].Where) > 0 {
				path = routePath(i) + ".where"
			}
			if inside := strings.TrimPrefix(e.Path, "."); inside != "" {
				path += "." + inside
			}
		}
	}
	if c.wrong(path) {
		return // a default that every route takes over
	}
	c.err(CodeFilter, path, "%s", message)
}

// overlaps reports event types that two routes take, unless both allow it or
// their `where` certainly exclude each other.
func (c *check) overlaps(sets []*pattern.Set) {
	routes := map[string][]int{} // by event type, those before
	for j, r := range c.routes {
		for k, t := range r.EventTypes {
			for _, i := range routes[t] {
				if i != j && c.overlap(sets, i, j) {
					c.reportOverlap(sets, i, j, k, t)
				}
			}
			routes[t] = append(routes[t], j)
		}
	}
}

func (c *check) overlap(sets []*pattern.Set, i, j int) bool {
	a, b := c.routes[i], c.routes[j]
	if a.AllowOverlap && b.AllowOverlap {
		return false
	}
	if len(a.Where) == 0 || len(b.Where) == 0 {
		return true
	}
	if sets[i] == nil || sets[j] == nil {
		return false // said already
	}
	return sets[i].Overlaps(*sets[j]).Verdict != pattern.No
}

func (c *check) reportOverlap(sets []*pattern.Set, i, j, k int, eventType string) {
	a, b := c.routes[i], c.routes[j]
	example := ""
	if sets[i] != nil && sets[j] != nil {
		if w := sets[i].Overlaps(*sets[j]).Witness; w != nil {
			example = "; for example " + string(w)
		}
	}
	path := fmt.Sprintf("%s.eventTypes[%d]", routePath(j), k)
	why := "remove it from one, give both `where` conditions that exclude each other, or write allowOverlap: true on both"
	if !a.Enabled || !b.Enabled {
		c.warn(CodeOverlap, path, "event type %q is also in route %s: with both enabled its events are processed twice; %s%s", eventType, a.Name, why, example)
		return
	}
	may := "its events are processed twice"
	if len(a.Where) > 0 && len(b.Where) > 0 {
		may = "their `where` do not exclude each other, so events may be processed twice"
	}
	c.err(CodeOverlap, path, "event type %q is also in route %s: %s; %s%s", eventType, a.Name, may, why, example)
}

package pattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Route is what a document says about the events of one route.
type Route struct {
	Path     string          // dotted, inside the payload, such as eventType or meta.type
	Types    []string        // the values of that field; none for a catch-all
	Where    json.RawMessage // further conditions on the payload: an object of fields; empty for none
	CatchAll bool            // takes what Others leaves, and payloads without the field
	Others   []string        // for a catch-all, every type that is routed elsewhere
}

// BuildError is a route that no filter can be made of.
type BuildError struct {
	Field string // which part of the route: path, types, where, others; empty for all of it
	Path  string // inside where, the field that is wrong
	Err   error
}

// Error is where and what.
func (e *BuildError) Error() string {
	var b strings.Builder
	for _, part := range []string{e.Field, e.Path} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	return b.String() + e.Err.Error()
}

// Unwrap is what is wrong, a [*ParseError] or [*FitError] where it is one.
func (e *BuildError) Unwrap() error { return e.Err }

// Build makes the filters of a route.
//
// A catch-all is anything-but of the other types or the field missing, as
// records without the field are else dropped in silence; a field that holds an
// object counts as missing. If there are no other types it takes every payload
// that is JSON, by a filter that says so: no filter at all would add payloads
// that are no JSON, and must never come about by the way.
//
// Where is Lambda's pattern syntax for the payload, $or included. It must not
// constrain Path, nor a field inside or outside $or twice, nor use numbers
// outside numeric, nor what is known from EventBridge only.
//
// Types that do not fit [MaxFilters] filters, and a catch-all that does not fit
// one, are errors; whether the account's quota is enough is told by
// [Set.Filters]. Every error is a [*BuildError].
func Build(r Route) (Set, error) {
	if err := r.check(); err != nil {
		return Set{}, err
	}
	var list []matcher
	switch {
	case !r.CatchAll:
		for _, t := range r.Types {
			list = append(list, equal(t))
		}
	case len(r.Others) == 0:
		list = []matcher{exists(true), exists(false)}
	default:
		list = []matcher{but(r.Others), exists(false)}
	}
	path := "data." + r.Path
	rules := []rule{{}}
	if len(r.Where) > 0 {
		var err error
		if rules, err = where(r.Where, path); err != nil {
			return Set{}, err
		}
	}
	for i := range rules {
		rules[i] = rules[i].with(path, list)
	}
	s := newSet(rules, nil)
	if _, err := s.FiltersWithin(MaxFilters); err != nil {
		field := "types"
		if fit := (*FitError)(nil); errors.As(err, &fit) && fit.Length > 0 && fit.Path != path {
			field = "where"
		} else if r.CatchAll {
			field = "others"
		}
		return Set{}, &BuildError{Field: field, Err: err}
	}
	return s, nil
}

func (r Route) check() error {
	steps := strings.Split(r.Path, ".")
	switch {
	case slices.Contains(steps, ""):
		return &BuildError{Field: "path", Err: errors.New("is empty, or has an empty step")}
	case len(steps) >= MaxDepth:
		return &BuildError{Field: "path", Err: fmt.Errorf("has %d steps, more than the %d that a filter may nest", len(steps), MaxDepth-1)}
	case slices.Contains(steps, "$or"):
		return &BuildError{Field: "path", Err: errors.New("has a step $or, which is an operator")}
	case !utf8.ValidString(r.Path):
		return &BuildError{Field: "path", Err: errors.New("is not UTF-8")}
	case r.CatchAll && len(r.Types) > 0:
		return &BuildError{Field: "types", Err: errors.New("stands beside catchAll")}
	case !r.CatchAll && len(r.Types) == 0:
		return &BuildError{Field: "types", Err: errors.New("is empty: such a filter takes nothing")}
	case !valid(r.Types):
		return &BuildError{Field: "types", Err: errors.New("is not UTF-8")}
	case !valid(r.Others):
		return &BuildError{Field: "others", Err: errors.New("is not UTF-8")}
	}
	return nil
}

func valid(texts []string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) })
}

// where reads conditions on the payload; path is the field that is taken.
func where(text json.RawMessage, path string) ([]rule, error) {
	fail := func(at string, err error) error {
		return &BuildError{Field: "where", Path: hidden(at), Err: err}
	}
	p, err := Parse(`{"data":` + string(text) + `}`)
	if bad := (*ParseError)(nil); errors.As(err, &bad) {
		return nil, fail(strings.TrimPrefix(hidden(bad.Path), "data"), &ParseError{Offset: bad.Offset, Problem: bad.Problem})
	}
	if len(p.overridden) > 0 {
		return nil, fail(p.overridden[0], errors.New("is written twice: Lambda lets one condition replace the other"))
	}
	for _, r := range p.rules {
		for _, c := range r.conds {
			switch {
			case !strings.HasPrefix(c.path, "data."):
				return nil, fail(c.path, errors.New("is not one JSON object"))
			case c.path == path:
				return nil, fail(c.path, errors.New("is the event type's field, which types already constrain"))
			case strings.HasPrefix(c.path, path+".") || strings.HasPrefix(path, c.path+"."):
				return nil, fail(c.path, errors.New("stands inside or above the event type's field, which holds a text"))
			}
			for i := range c.list {
				if err := c.list[i].forWhere(); err != nil {
					return nil, fail(c.path, err)
				}
			}
		}
	}
	return p.rules, nil
}

// forWhere refuses what no filter should be made with.
func (m *matcher) forWhere() error {
	if m.op == opNumber || m.op == opButNumber {
		return errors.New(`has a number outside numeric, which Lambda may compare as text: write {"numeric":["=",1]}`)
	}
	if t := m.tier(); t > SeenAccepted {
		return errors.New(m.key + " is not documented for Lambda (" + t.String() + ")")
	}
	return nil
}

package pattern

import (
	"fmt"
	"slices"
	"strings"
)

// AWS's limits on the filters of one mapping: a default quota, and what it can
// be raised to.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
const (
	DefaultFilters = 5
	MaxFilters     = 10
)

// FitError is a set that AWS's limits leave no filters for.
type FitError struct {
	Length int    // bytes of a filter that cannot be cut to [MaxLength]; 0 if that is not it
	Path   string // the field that makes it long
	Count  int    // filters needed; 0 if that is not it
	Limit  int    // filters allowed
}

// Error says what does not fit and what to do.
func (e *FitError) Error() string {
	if e.Length > 0 {
		return fmt.Sprintf("filter needs %d bytes at %s, AWS takes %d, and an anything-but list cannot be cut: name fewer types or shorter ones",
			e.Length, e.Path, MaxLength)
	}
	return fmt.Sprintf("needs %d filters, the limit is %d: split the route, or raise the quota (up to %d)", e.Count, e.Limit, MaxFilters)
}

// EmptyError is a set that takes nothing, which no filter says.
type EmptyError struct{}

// Error says so.
func (EmptyError) Error() string { return "takes no record: no filter says so" }

// Filters is the canonical texts to send to AWS within its default quota; nil
// for everything. See [Set.FiltersWithin].
func (s Set) Filters() ([]string, error) { return s.FiltersWithin(DefaultFilters) }

// FiltersWithin is the canonical texts to send to AWS: sorted, each on one line
// and at most [MaxLength] bytes, read back as an equal set. A list that is too
// long is cut in sorted order over several filters; an anything-but never is,
// because its halves together take everything. nil for everything. The error is
// an [EmptyError], or a [*FitError] if a filter cannot be cut or more than limit
// are needed. Opaque filters are among the texts as they came.
func (s Set) FiltersWithin(limit int) ([]string, error) {
	if s.Everything() {
		return nil, nil
	}
	if s.Empty() {
		return nil, EmptyError{}
	}
	texts := slices.Clone(s.b.opaque)
	for _, r := range s.b.rules {
		cut, err := r.cut()
		if err != nil {
			return nil, err
		}
		texts = append(texts, cut...)
	}
	if slices.Sort(texts); len(texts) > limit {
		return nil, &FitError{Count: len(texts), Limit: limit}
	}
	return texts, nil
}

// cut is the filters of one rule, its longest list spread over as many as it
// takes.
func (r rule) cut() ([]string, error) {
	text := r.text()
	if len(text) <= MaxLength {
		return []string{text}, nil
	}
	longest := -1
	for i, c := range r.conds {
		if len(c.list) > 1 && (longest < 0 || len(c.key) > len(r.conds[longest].key)) {
			longest = i
		}
	}
	if longest < 0 {
		c := slices.MaxFunc(r.conds, func(a, b cond) int { return len(a.key) - len(b.key) })
		return nil, &FitError{Length: len(text), Path: c.path}
	}
	c := r.conds[longest]
	fixed := len(text) - len(c.key)
	var texts []string
	for from := 0; from < len(c.list); {
		to, size := from, fixed+1
		for to < len(c.list) && (to == from || size+len(c.list[to].key)+1 <= MaxLength) {
			size += len(c.list[to].key) + 1
			to++
		}
		part, err := r.with(c.path, c.list[from:to]).cut()
		if err != nil {
			return nil, err
		}
		texts = append(texts, part...)
		from = to
	}
	return texts, nil
}

// hidden is the part of a path that people write: without "data.".
func hidden(path string) string { return strings.TrimPrefix(path, "data.") }

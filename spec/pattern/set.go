package pattern

import (
	"slices"
	"strings"
	"sync"
)

// Set is all filters of one mapping, by meaning: a record is delivered if any
// of them takes it. The zero Set is a mapping without filters, which gets
// everything, payloads that are no JSON included; no other Set takes those.
// A Set is immutable and safe for concurrent use.
type Set struct{ b *body }

type body struct {
	rules    []rule   // canonical
	opaque   []string // filters that were not understood, as they came, sorted
	key      string   // identifies the meaning
	compiled func() *program
}

// NewSet reads the filters of a mapping and never fails. A filter that [Parse]
// refuses, that filters on more than the payload, or that writes an object twice
// under one name (event-ruler joins the two, the guide lets the last one win), is
// kept as it is: it is compared as text, counts as matching nothing in
// [Set.Match], and makes other answers May where it could matter. nil and no
// filters are the same.
func NewSet(filters []string) Set {
	if len(filters) == 0 {
		return Set{}
	}
	var rules []rule
	var opaque []string
	for _, f := range filters {
		p, err := Parse(f)
		if err != nil || p.ambiguous || slices.ContainsFunc(p.rules, rule.foreign) {
			opaque = append(opaque, f)
			continue
		}
		rules = append(rules, p.rules...)
	}
	return newSet(rules, opaque)
}

// foreign says that a rule looks at more than the payload.
func (r rule) foreign() bool {
	return slices.ContainsFunc(r.conds, func(c cond) bool { return !strings.HasPrefix(c.path, "data.") })
}

func newSet(rules []rule, opaque []string) Set {
	b := &body{rules: canonical(rules), opaque: sorted(opaque)}
	var key strings.Builder
	for _, r := range b.rules {
		key.WriteString(r.text())
		key.WriteByte('\n')
	}
	for _, o := range b.opaque {
		key.WriteString(quote(o))
		key.WriteByte('\n')
	}
	b.key = key.String()
	b.compiled = sync.OnceValue(func() *program { return compile(b.rules) })
	return Set{b}
}

// Everything says that there is no filter.
func (s Set) Everything() bool { return s.b == nil }

// Empty says that the set takes nothing, as [Set.Minus] may leave it. No
// mapping can be so: AWS takes a mapping without filters for one of everything.
func (s Set) Empty() bool { return s.b != nil && len(s.b.rules) == 0 && len(s.b.opaque) == 0 }

// Opaque is the filters that were not understood, as they came.
func (s Set) Opaque() []string {
	if s.b == nil {
		return nil
	}
	return slices.Clone(s.b.opaque)
}

// Match says whether the mapping gets a record with this payload, as in
// [Pattern.Match]. Opaque filters do not take part.
func (s Set) Match(payload []byte) bool {
	if s.b == nil {
		return true
	}
	prog := s.b.compiled()
	return prog.match(payload, prog.root.kids["data"])
}

// Equal says that two sets mean the same, by their canonical form: spelling,
// order, spaces, $or, dotted keys, and how lists are cut into filters make no
// difference; numbers outside numeric do, because Lambda may tell 300 from
// 300.0. Sets that mean the same for deeper reasons may differ; [Set.Covers] both
// ways finds more of them.
func (s Set) Equal(t Set) bool {
	if s.b == nil || t.b == nil {
		return s.b == t.b
	}
	return s.b.key == t.b.key
}

// String is the canonical filters, one a line, for people: "everything" and
// "nothing" for sets without.
func (s Set) String() string {
	switch {
	case s.Everything():
		return "everything"
	case s.Empty():
		return "nothing"
	}
	var b strings.Builder
	for i, r := range s.b.rules {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(r.text())
	}
	for _, o := range s.b.opaque {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(o)
	}
	return b.String()
}

// Union takes what either set takes.
func (s Set) Union(t Set) Set {
	if s.b == nil || t.b == nil {
		return Set{}
	}
	return newSet(slices.Concat(s.b.rules, t.b.rules), slices.Concat(s.b.opaque, t.b.opaque))
}

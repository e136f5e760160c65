package pattern

import (
	"cmp"
	"slices"
)

// Named is a set and what to call it in findings.
type Named struct {
	Name string
	Set  Set
}

// Kind is what a [Finding] is about.
type Kind int

// From certain harm to things to know. Certain ones come with a witness.
const (
	// Overlap: all of Routes take the witness; the record is delivered that often.
	Overlap Kind = iota
	// MayOverlap: Routes may take one record; it is not known.
	MayOverlap
	// Gap: nothing takes these values, whatever else is in the record.
	Gap
	// MayDrop: what takes these values, Routes, also asks for something else, and
	// nothing takes the rest; without a witness that is not certain.
	MayDrop
	// Unknown: Routes have filters that were not understood, which may overlap
	// with anything and fill any gap.
	Unknown
)

// String is the kind in words: "overlap", "may overlap", "gap", "may drop", "unknown".
func (k Kind) String() string {
	words := []string{"overlap", "may overlap", "gap", "may drop", "unknown"}
	if k < 0 || int(k) >= len(words) {
		return "unknown kind"
	}
	return words[k]
}

// Class is which records a [Finding] is about, by the field that routes go by.
type Class int

// From what people declare to what nobody thinks of.
const (
	Declared  Class = iota // a type that was declared; Values names them
	Text                   // another text that some filter names; Values names them
	OtherText              // texts that no filter names; Values has them as prefix*suffix
	NotText                // Values says null, boolean, number
	NoField                // the field is missing, or holds an object or an empty array
	NotJSON                // the payload is not JSON
)

// String is the class in words, such as "declared" and "no field".
func (c Class) String() string {
	words := []string{"declared", "text", "other text", "not text", "no field", "not JSON"}
	if c < 0 || int(c) >= len(words) {
		return "unknown class"
	}
	return words[c]
}

// Finding is one thing that a list of sets does with some values of the field.
type Finding struct {
	Kind    Kind
	Class   Class
	Routes  []string // names, in the order given
	Values  []string // sorted
	Witness []byte   // a payload that shows it for the first of Values; nil if it is not certain
}

// findings groups what is found by kind, class and routes.
type findings struct {
	named  []Named
	groups map[string]*Finding
	places map[*Finding][]int
}

func (f *findings) key(k Kind, c Class, routes []int) string {
	b := []byte{byte(k), byte(c)}
	for _, r := range routes {
		b = append(b, byte(r), byte(r>>8), byte(r>>16), byte(r>>24))
	}
	return string(b)
}

// add reports a value; witness is asked for only if the group has none yet.
func (f *findings) add(k Kind, c Class, routes []int, value string, witness func() []byte) {
	key := f.key(k, c, routes)
	g := f.groups[key]
	if g == nil {
		g = &Finding{Kind: k, Class: c}
		if witness != nil {
			if g.Witness = witness(); g.Witness == nil {
				f.doubt(k, c, routes, value)
				return
			}
		}
		for _, r := range routes {
			g.Routes = append(g.Routes, f.named[r].Name)
		}
		f.groups[key] = g
		f.places[g] = slices.Clone(routes)
	}
	if k != Unknown && (value != "" || c <= Text) {
		g.Values = append(g.Values, value)
	}
}

// doubt is what becomes of a finding whose witness does not show it.
func (f *findings) doubt(k Kind, c Class, routes []int, value string) {
	switch k {
	case Overlap:
		f.add(MayOverlap, c, routes, value, nil)
	default:
		f.add(MayDrop, c, routes, value, nil)
	}
}

func (f *findings) sorted() []Finding {
	all := make([]*Finding, 0, len(f.groups))
	for _, g := range f.groups {
		g.Values = sorted(g.Values)
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Class, b.Class),
			slices.Compare(f.places[a], f.places[b]), slices.Compare(a.Values, b.Values))
	})
	out := make([]Finding, len(all))
	for i, g := range all {
		out[i] = *g
	}
	return out
}

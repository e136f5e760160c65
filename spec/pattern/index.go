package pattern

import "slices"

// Index decides for many sets at once which of them take a record. Sets are
// found by the texts that their most telling field must equal, so the cost
// follows the sets that may match, not all there are; sets that list no texts
// (a catch-all, a prefix) are tried each time. It is immutable and safe for
// concurrent use.
type Index struct {
	prog   *program
	all    []int    // sets without filters
	rules  [][]rule // by set
	opaque []bool   // by set: some of its filters were not understood
}

// NewIndex compiles sets; they are known by their place among them. Opaque
// filters take nothing, as in [Set.Match].
func NewIndex(sets []Set) *Index {
	owners := make([][]rule, len(sets))
	x := &Index{rules: owners, opaque: make([]bool, len(sets))}
	for i, s := range sets {
		if s.Everything() {
			x.all = append(x.all, i)
			continue
		}
		owners[i] = s.b.rules
		x.opaque[i] = len(s.b.opaque) > 0
	}
	x.prog = compile(owners...)
	return x
}

// Match appends to dst the places of the sets that take a record with this
// payload, in order, and returns it. With room in dst it allocates nothing for
// an ordinary event.
func (x *Index) Match(dst []int, payload []byte) []int {
	from := len(dst)
	dst = append(dst, x.all...)
	r := x.prog.pool.Get().(*run)
	defer r.release()
	if !r.read(payload, x.prog.root.kids["data"]) {
		return dst
	}
	r.decide(false)
	for _, o := range r.owners {
		dst = append(dst, int(o))
	}
	found := dst[from:]
	slices.Sort(found)
	return dst[:from+len(slices.Compact(found))]
}

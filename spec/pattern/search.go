package pattern

import (
	"encoding/binary"
	"slices"
	"sort"
)

// search looks for leaves that satisfy all conditions of a goal without
// standing in different elements of one array. Conditions are taken in the order
// of their paths, because absence is judged against the elements chosen before
// it. https://github.com/aws/event-ruler (ACFinder, ArrayMembership)
type search struct {
	r        *run
	g        *goal
	hits     [][]int32        // by condition of g, then by its field's presence
	matters  []map[int32]bool // by condition of g, the arrays that it and later ones stand in
	chosen   map[int32]int32  // by array, the member chosen
	failed   map[string]struct{}
	steps    int
	patience int
}

func newSearch(r *run, g *goal) *search {
	n := len(g.conds)
	s := &search{
		r: r, g: g, hits: make([][]int32, 2*n), matters: make([]map[int32]bool, n),
		chosen: map[int32]int32{}, failed: map[string]struct{}{},
		patience: 1<<16 + 8*len(r.hits),
	}
	later := map[int32]bool{}
	for i := n - 1; i >= 0; i-- {
		c := g.conds[i]
		s.hits[i] = s.collect(c)
		if r.p.conds[c].absent {
			s.hits[n+i] = s.collect(r.p.fields[r.p.conds[c].field].present)
		}
		s.note(later, s.hits[i])
		s.note(later, s.hits[n+i])
		s.matters[i] = make(map[int32]bool, len(later))
		for a := range later {
			s.matters[i][a] = true
		}
	}
	return s
}

func (s *search) collect(c int32) []int32 {
	var list []int32
	for h := s.r.head[c]; h >= 0; h = s.r.hits[h].next {
		list = append(list, h)
	}
	return list
}

func (s *search) note(arrays map[int32]bool, hits []int32) {
	for _, h := range hits {
		for m := s.r.hits[h].member; m >= 0; m = s.r.members[m].parent {
			arrays[s.r.members[m].array] = true
		}
	}
}

// from says that conditions i and later can be met with what is chosen. A search
// that runs out of patience, which takes an event made for it, is a no.
func (s *search) from(i int) bool {
	if i == len(s.g.conds) {
		return true
	}
	key := s.key(i)
	if _, ok := s.failed[key]; ok {
		return false
	}
	for at := s.next(s.hits[i], 0); at < len(s.hits[i]); at = s.next(s.hits[i], at+1) {
		if s.steps++; s.steps > s.patience {
			return false
		}
		added := s.choose(s.r.hits[s.hits[i][at]].member)
		if s.from(i + 1) {
			return true
		}
		for _, a := range added {
			delete(s.chosen, a)
		}
	}
	if s.r.p.conds[s.g.conds[i]].absent {
		there := s.hits[len(s.g.conds)+i]
		if s.next(there, 0) == len(there) && s.from(i+1) {
			return true
		}
	}
	s.failed[key] = struct{}{}
	return false
}

// key is what the rest of the search depends on: the elements chosen in arrays
// that it looks into.
func (s *search) key(i int) string {
	ids := make([]int32, 0, 8)
	for a, m := range s.chosen {
		if s.matters[i][a] {
			ids = append(ids, m)
		}
	}
	slices.Sort(ids)
	key := binary.AppendUvarint(nil, uint64(i))
	for _, m := range ids {
		key = binary.AppendUvarint(key, uint64(m))
	}
	return string(key)
}

func (s *search) choose(m int32) []int32 {
	var added []int32
	for ; m >= 0; m = s.r.members[m].parent {
		a := s.r.members[m].array
		if _, ok := s.chosen[a]; !ok {
			s.chosen[a] = m
			added = append(added, a)
		}
	}
	return added
}

// next is the first hit from at on that stands in no element but the chosen
// ones. Hits are in the order of the event, so those of an element that is not
// chosen are passed in one step.
func (s *search) next(hits []int32, at int) int {
	for at < len(hits) {
		clear := true
		for m := s.r.hits[hits[at]].member; m >= 0; m = s.r.members[m].parent {
			a := s.r.members[m].array
			x, ok := s.chosen[a]
			if !ok || x == m {
				continue
			}
			goal := s.r.ends[a]
			if s.r.members[m].index < s.r.members[x].index {
				goal = s.r.members[x].start
			}
			rest := hits[at+1:]
			at += 1 + sort.Search(len(rest), func(i int) bool { return rest[i] >= goal })
			clear = false
			break
		}
		if clear {
			return at
		}
	}
	return at
}

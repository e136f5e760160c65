package pattern

import (
	"math/bits"
	"slices"
)

// space is every event as far as some rules can tell: for each field that they
// constrain, the classes of its values.
type space struct {
	paths   []string
	classes [][]class
	full    bool // some classes are missing
}

// box is a rule in a space: for each field, which classes it lets in; nil for a
// field that it leaves free.
type box []mask

type mask []uint64

func newSpace(sets ...[]rule) *space {
	s := &space{paths: paths(sets...)}
	for _, path := range s.paths {
		var lists [][]matcher
		for _, rules := range sets {
			for _, r := range rules {
				if list := r.at(path); list != nil {
					lists = append(lists, list)
				}
			}
		}
		all, full := classes(lists, nil)
		s.classes = append(s.classes, all)
		s.full = s.full || full
	}
	return s
}

// box is what r lets in for certain, and what it may let in.
func (s *space) box(r rule) (sure, perhaps box) {
	sure, perhaps = make(box, len(s.paths)), make(box, len(s.paths))
	for i, path := range s.paths {
		list := r.at(path)
		if list == nil {
			continue
		}
		n := (len(s.classes[i]) + 63) / 64
		sure[i], perhaps[i] = make(mask, n), make(mask, n)
		for j := range s.classes[i] {
			switch judge(list, &s.classes[i][j]) {
			case yes:
				sure[i].add(j)
				perhaps[i].add(j)
			case maybe:
				perhaps[i].add(j)
			default:
			}
		}
	}
	return sure, perhaps
}

func (s *space) boxes(rules []rule) (sure, perhaps []box) {
	for _, r := range rules {
		a, b := s.box(r)
		sure, perhaps = append(sure, a), append(perhaps, b)
	}
	return sure, perhaps
}

// all is the mask of every class of field i.
func (s *space) all(i int) mask {
	m := make(mask, (len(s.classes[i])+63)/64)
	for j := range s.classes[i] {
		m.add(j)
	}
	return m
}

func (m mask) add(i int) { m[i/64] |= 1 << (i % 64) }

func (m mask) first() int {
	for i, w := range m {
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w)
		}
	}
	return -1
}

func (m mask) and(o mask) mask {
	r := slices.Clone(m)
	for i := range r {
		r[i] &= o[i]
	}
	return r
}

func (m mask) minus(o mask) mask {
	r := slices.Clone(m)
	for i := range r {
		r[i] &^= o[i]
	}
	return r
}

// meet is what two boxes share, as one class for each field; false for nothing.
func (s *space) meet(a, b box) ([]int, bool) {
	point := make([]int, len(s.paths))
	for i := range s.paths {
		m := a[i]
		switch {
		case m == nil && b[i] == nil:
			point[i] = s.missing(i)
			continue
		case m == nil:
			m = b[i]
		case b[i] != nil:
			m = m.and(b[i])
		}
		if point[i] = m.first(); point[i] < 0 {
			return nil, false
		}
	}
	return point, true
}

// missing is the class of a field that is not there.
func (s *space) missing(i int) int {
	return slices.IndexFunc(s.classes[i], func(c class) bool { return c.v.kind == kindAbsent })
}

// payload is a record at one point of the space.
func (s *space) payload(point []int) []byte {
	at, texts := s.fields(point)
	if len(at) == 0 {
		return []byte("{}")
	}
	return []byte(nest(at, texts))
}

// fields are the paths, inside the payload, and the values of a point.
func (s *space) fields(point []int) (at, texts []string) {
	for i, j := range point {
		if t, ok := s.classes[i][j].v.json(); ok {
			at, texts = append(at, hidden(s.paths[i])), append(texts, t)
		}
	}
	return at, texts
}

// json is the value as JSON text; false for none.
func (v *value) json() (string, bool) {
	switch v.kind {
	case kindString:
		return quote(string(v.text)), true
	case kindNumber:
		return string(v.text), true
	case kindTrue:
		return "true", true
	case kindFalse:
		return "false", true
	case kindNull:
		return "null", true
	default:
		return "", false
	}
}

// maxSteps bounds a search for something that is left out.
const maxSteps = 1 << 14

// left finds a point of b that is in none of the boxes; done is false if the
// search was given up.
func (s *space) left(b box, boxes []box) (point []int, found, done bool) {
	whole := make(box, len(b))
	for i := range b {
		if whole[i] = b[i]; whole[i] == nil {
			whole[i] = s.all(i)
		}
		if whole[i].first() < 0 {
			return nil, false, true
		}
	}
	steps := 0
	point, done = s.outside(whole, boxes, &steps)
	return point, point != nil, done
}

func (s *space) outside(b box, boxes []box, steps *int) (point []int, done bool) {
	if *steps++; *steps > maxSteps {
		return nil, false
	}
	if len(boxes) == 0 {
		for i := range b {
			if j := s.missing(i); b[i][j/64]&(1<<(j%64)) != 0 && s.leave(i, b) {
				point = append(point, j)
				continue
			}
			point = append(point, b[i].first())
		}
		return point, true
	}
	first, rest := boxes[0], boxes[1:]
	inside := slices.Clone(b)
	for i := range b {
		if first[i] == nil {
			continue
		}
		if out := inside[i].minus(first[i]); out.first() >= 0 {
			piece := slices.Clone(inside)
			piece[i] = out
			if point, done = s.outside(piece, rest, steps); point != nil || !done {
				return point, done
			}
		}
		inside[i] = inside[i].and(first[i])
		if inside[i].first() < 0 {
			return nil, true
		}
	}
	return nil, true
}

// leave says that a field can stay away from a witness: no class was cut off.
func (s *space) leave(i int, b box) bool {
	return slices.Equal(b[i], s.all(i))
}

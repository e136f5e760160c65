package pattern

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// program is rules made ready to decide: fields in a tree by the steps of their
// paths, texts that only need to be looked up in a table per field, and each
// rule under the one condition that is likeliest to rule it out.
type program struct {
	root   *node
	fields []field
	conds  []condition
	goals  []goal

	anchored [][]int32 // by condition, the goals to try once it holds
	always   []int32   // goals that can hold without any leaf at their anchor

	pool sync.Pool // of *run
}

type node struct {
	kids  map[string]*node
	field int32 // -1: no rule ends here
}

type field struct {
	plain   map[string][]int32 // conditions by a text they list
	rest    []int32            // conditions that list more than texts
	present int32              // stands for "there is a leaf"; -1 if no condition asks
}

type condition struct {
	field  int32
	rest   []matcher // what cannot be looked up
	absent bool      // no leaf will do as well
}

// goal is a rule: conditions in the order of their paths, and whose rule it is.
type goal struct {
	conds []int32
	owner int32
}

// compile makes one program of the rules of several owners.
func compile(owners ...[]rule) *program {
	p := &program{root: &node{field: -1}}
	known := map[string]int32{}
	for owner, rules := range owners {
		for _, r := range rules {
			g := goal{owner: int32(owner)}
			for _, c := range r.conds {
				k := quote(c.path) + c.key
				id, ok := known[k]
				if !ok {
					id = p.condition(c)
					known[k] = id
				}
				g.conds = append(g.conds, id)
			}
			p.goals = append(p.goals, g)
		}
	}
	p.anchor()
	for i := range p.fields {
		f := &p.fields[i]
		f.present = -1
		if slices.ContainsFunc(p.conds, func(c condition) bool { return c.absent && c.field == int32(i) }) {
			f.present = int32(len(p.conds))
			p.conds = append(p.conds, condition{field: int32(i)})
			p.anchored = append(p.anchored, nil)
		}
	}
	p.pool.New = func() any { return newRun(p) }
	return p
}

func (p *program) condition(c cond) int32 {
	id := int32(len(p.conds))
	at := p.fieldOf(c.path)
	f := &p.fields[at]
	made := condition{field: at}
	for _, m := range c.list {
		switch {
		case m.plain():
			f.plain[m.text] = append(f.plain[m.text], id)
		case m.op == opAbsent:
			made.absent = true
		default:
			made.rest = append(made.rest, m)
		}
	}
	if len(made.rest) > 0 {
		f.rest = append(f.rest, id)
	}
	p.conds = append(p.conds, made)
	return id
}

func (p *program) fieldOf(path string) int32 {
	at := p.root
	for step := range strings.SplitSeq(path, ".") {
		next := at.kids[step]
		if next == nil {
			next = &node{field: -1}
			if at.kids == nil {
				at.kids = map[string]*node{}
			}
			at.kids[step] = next
		}
		at = next
	}
	if at.field < 0 {
		at.field = int32(len(p.fields))
		p.fields = append(p.fields, field{plain: map[string][]int32{}})
	}
	return at.field
}

// anchor puts each goal under the condition of the field that tells goals apart
// best, one that only looks up texts if there is one.
func (p *program) anchor() {
	distinct := make([]int, len(p.fields))
	for _, c := range p.conds {
		distinct[c.field]++
	}
	worth := func(id int32) int {
		c := &p.conds[id]
		n := distinct[c.field]
		if len(c.rest) == 0 {
			n += len(p.conds)
		}
		if c.absent {
			n -= 4 * len(p.conds)
		}
		return n
	}
	p.anchored = make([][]int32, len(p.conds))
	for i, g := range p.goals {
		best := slices.MaxFunc(g.conds, func(a, b int32) int { return worth(a) - worth(b) })
		if p.conds[best].absent {
			p.always = append(p.always, int32(i))
		} else {
			p.anchored[best] = append(p.anchored[best], int32(i))
		}
	}
}

// child follows one key of an event, which may hold dots.
func (n *node) child(key []byte) *node {
	for n != nil {
		dot := bytes.IndexByte(key, '.')
		if dot < 0 {
			return n.kids[string(key)]
		}
		n = n.kids[string(key[:dot])]
		key = key[dot+1:]
	}
	return nil
}

package render

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/eventrouting/eventrouting/reconcile"
)

// termMapping is the term of a mapping of ours.
const termMapping = "mapping"

// needs writes a line for each function: its terms, their sum, and what is
// reserved.
func (p *page) needs(all []reconcile.Need) {
	if len(all) == 0 {
		return
	}
	p.gap()
	p.line(0, span{"Concurrency", bold}, say(", shards x mappings x parallelization factor:"))
	for _, n := range all {
		p.need(n)
	}
}

func (p *page) need(n reconcile.Need) {
	sum := fmt.Sprintf("%s = %d", sumText(n.Terms), n.Required)
	if len(n.Terms) == 0 {
		sum = fmt.Sprint(n.Required)
	}
	state, look := reservedText(n)
	p.line(2, span{n.Function, bold}, say(": "+sum+", reserved: "), span{state, look})
}

// terms writes a line for each term of a function's need.
func (p *page) terms(n reconcile.Need) {
	for _, t := range n.Terms {
		value := fmt.Sprint(t.Value)
		if t.Shards > 0 && t.Factor > 0 && t.Value == t.Shards*t.Factor {
			value = fmt.Sprintf("%d x %d = %d", t.Shards, t.Factor, t.Value)
		}
		p.line(6, say(strings.TrimSpace(t.What+" "+t.Name)+": "+value))
	}
}

// reservedText is the reservation before and after the plan, and how far it is
// off the need.
func reservedText(n reconcile.Need) (string, style) {
	text, look := unset(n.After), plain
	if before := unset(n.Reserved); before != text {
		text, look = before+" -> "+text, yellow
	}
	if n.After == nil {
		return text, look
	}
	switch over := *n.After - n.Required; {
	case over < 0:
		return fmt.Sprintf("%s (%d short)", text, -over), red
	case over > 0:
		return fmt.Sprintf("%s (%d more than needed)", text, over), look
	}
	return text, look
}

// summand is what terms of one kind come to.
type summand struct {
	what           string
	shards, factor int
	n, value       int
}

// sumText adds up terms of one kind: four mappings of four shards each are
// 4 x 4 x 1.
func sumText(terms []reconcile.Term) string {
	var b strings.Builder
	for i, s := range summands(terms) {
		switch {
		case i > 0 && s.value < 0:
			b.WriteString(" - ")
		case i > 0:
			b.WriteString(" + ")
		case s.value < 0:
			b.WriteString("-")
		}
		b.WriteString(s.text())
	}
	return cmp.Or(b.String(), "0")
}

// summands puts terms of one kind together, in the order in which the kinds
// come. Terms of nothing are left out.
func summands(terms []reconcile.Term) []summand {
	var all []summand
	at := map[summand]int{}
	for _, t := range terms {
		if t.Value == 0 {
			continue
		}
		kind := summand{what: t.What}
		if t.Shards > 0 && t.Factor > 0 && t.Value == t.Shards*t.Factor {
			kind.shards, kind.factor = t.Shards, t.Factor
		}
		i, ok := at[kind]
		if !ok {
			i = len(all)
			at[kind], all = i, append(all, kind)
		}
		all[i].n++
		all[i].value += t.Value
	}
	return all
}

// text is a summand without its sign.
func (s summand) text() string {
	if s.shards == 0 {
		return fmt.Sprintf("%d %s", max(s.value, -s.value), s.what)
	}
	product := fmt.Sprintf("%d x %d x %d", s.shards, s.n, s.factor)
	if s.what == termMapping {
		return product
	}
	return product + " " + s.what
}

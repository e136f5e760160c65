package render

import (
	"fmt"
	"slices"
	"strings"
)

const (
	filterName  = "filterCriteria"
	everything  = "every event"
	shownValues = 30 // of a new filter; of one that changes all are shown
)

// text says what a pattern takes. Of lists longer than limit the rest is
// counted; 0 is no limit.
func (p pattern) text(limit int) string {
	switch {
	case p.raw != "":
		return p.raw
	case len(p.conds) == 0:
		return everything
	}
	parts := make([]string, 0, len(p.conds))
	for _, c := range p.conds {
		text := c.text(limit)
		if len(p.conds) > 1 && c.alternatives() > 1 {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " and ")
}

func (c cond) alternatives() int {
	return min(len(c.in), 1) + min(len(c.not), 1) + len(c.rest)
}

func (c cond) text(limit int) string {
	var parts []string
	if len(c.in) > 0 {
		parts = append(parts, c.path+listText(c.in, " = ", " in ", limit))
	}
	if len(c.not) > 0 {
		parts = append(parts, c.path+listText(c.not, " != ", " not in ", limit))
	}
	return strings.Join(append(parts, c.rest...), " or ")
}

func listText(values []string, one, many string, limit int) string {
	if len(values) == 1 {
		return one + values[0]
	}
	more := ""
	if limit > 0 && len(values) > limit {
		more = fmt.Sprintf(", and %d more", len(values)-limit)
		values = values[:limit]
	}
	return many + "[" + strings.Join(values, ", ") + more + "]"
}

// filters writes what a new mapping takes.
func (p *page) filters(indent int, patterns []string) {
	switch len(patterns) {
	case 0:
		p.line(indent, say(filterName+": "+everything))
	case 1:
		p.list(indent, say(filterName+": "), parsePattern(patterns[0]).text(shownValues))
	default:
		p.line(indent, say(filterName+": any of"))
		p.anyOf(indent+4, patterns)
	}
}

// anyOf writes one pattern after the other.
func (p *page) anyOf(indent int, patterns []string) {
	for _, one := range patterns {
		p.list(indent, say("* "), parsePattern(one).text(shownValues))
	}
	if len(patterns) == 0 {
		p.line(indent, say("* "+everything))
	}
}

// filterChange writes what a mapping takes more and what it takes no longer.
func (p *page) filterChange(indent int, before, after []string) {
	if slices.Equal(before, after) {
		return
	}
	gone, come, same := compare(merged(before), merged(after))
	if len(gone)+len(come) == 0 {
		p.line(indent, say(filterName+": written differently, takes the same events"))
		return
	}
	pairs, gone, come := pair(gone, come)
	for _, c := range pairs {
		p.condChange(indent, c)
	}
	if len(gone)+len(come) == 0 {
		return
	}
	stay := ""
	if same > 0 {
		stay = " (" + count(same, "pattern") + " unchanged)"
	}
	p.line(indent, say(filterName+": patterns"), span{stay, dim})
	for _, one := range come {
		p.list(indent+4, span{"+ ", green}, one.text(0))
	}
	for _, one := range gone {
		p.list(indent+4, span{"- ", red}, one.text(0))
	}
}

// condChange writes the values that join and leave one list.
func (p *page) condChange(indent int, c condPair) {
	before, after, what := c.before.in, c.after.in, c.after.path
	if slices.Equal(before, after) {
		before, after, what = c.before.not, c.after.not, c.after.path+" not in"
	}
	var more, less []string
	stay := 0
	for _, v := range after {
		if slices.Contains(before, v) {
			stay++
		} else {
			more = append(more, v)
		}
	}
	for _, v := range before {
		if !slices.Contains(after, v) {
			less = append(less, v)
		}
	}
	note := ""
	if c.with != "" {
		note = " where " + c.with
	}
	if stay > 0 {
		note += " (" + count(stay, "value") + " unchanged)"
	}
	p.line(indent, say(filterName+": "+what), span{note, dim})
	p.values(indent+4, span{"+ ", green}, more)
	p.values(indent+4, span{"- ", red}, less)
}

// values writes a sign and a list, the sign again on each row.
func (p *page) values(indent int, sign span, values []string) {
	width := max(p.o.Width, minWidth)
	if p.o.Width <= 0 {
		width = listWidth
	}
	if len(values) == 0 {
		return
	}
	for _, row := range rows(clean(strings.Join(values, ", ")), width-indent-len(sign.text)) {
		p.line(indent, sign, span{strings.TrimSuffix(row, ","), sign.style})
	}
}

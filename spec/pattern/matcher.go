package pattern

import (
	"net/netip"
	"slices"
	"strings"
)

type kind uint8

const (
	kindAbsent kind = iota // no leaf: missing, an object, an empty array
	kindString
	kindNumber
	kindTrue
	kindFalse
	kindNull
)

// value is one scalar of an event.
type value struct {
	kind kind
	text []byte // decoded for a string, as written for a number
	num  float64
	real bool // num is what a number is compared by; else it is compared as text
}

type op uint8

const (
	opEqual   op = iota // a text, but for those of opAddress
	opExactly           // any text
	opAddress           // a text that reads as an IP address
	opNumber
	opKind // true, false, null
	opExists
	opAbsent
	opPrefix
	opSuffix
	opFold
	opPrefixFold
	opSuffixFold
	opNumeric
	opCIDR
	opWildcard
	opBut
	opButNumber
	opButPrefix
	opButSuffix
	opButFold
	opButWildcard
)

// matcher is one entry of a field's list.
type matcher struct {
	op   op
	kind kind     // opKind
	key  string   // canonical text; equal keys, equal matchers
	text string   // operand, or the number as written
	list []string // operands of an anything-but, sorted, without duplicates

	in        map[string]struct{} // list of an anything-but of strings
	nums      []float64           // list of an anything-but of numbers
	num       float64             // opNumber
	real      bool                // opNumber: compared by value
	low, high bound
	wilds     []wild
	addr      netip.Addr // opAddress, or the first of a cidr
	last      netip.Addr
}

// bound is an end of a numeric range; unset is infinite.
type bound struct {
	set, open bool
	at        float64
}

// holds says that m takes v.
func (m *matcher) holds(v *value) bool {
	switch m.op {
	case opExists:
		return v.kind != kindAbsent
	case opAbsent:
		return v.kind == kindAbsent
	case opKind:
		return v.kind == m.kind
	case opNumber, opNumeric:
		return v.kind == kindNumber && m.holdsNumber(v)
	case opBut, opButNumber, opButPrefix, opButSuffix, opButFold, opButWildcard:
		return v.kind != kindAbsent && !m.excluded(v)
	default:
		return v.kind == kindString && m.holdsString(v.text)
	}
}

func (m *matcher) holdsNumber(v *value) bool {
	if m.op == opNumeric {
		return v.real && m.within(v.num)
	}
	return string(v.text) == m.text || m.real && v.real && v.num == m.num
}

func (m *matcher) holdsString(text []byte) bool {
	switch m.op {
	case opEqual, opExactly:
		return string(text) == m.text
	case opPrefix:
		return len(text) >= len(m.text) && string(text[:len(m.text)]) == m.text
	case opSuffix:
		return len(text) >= len(m.text) && string(text[len(text)-len(m.text):]) == m.text
	case opFold:
		return foldEqual(m.text, string(text))
	case opPrefixFold:
		return foldPrefix(m.text, string(text)) >= 0
	case opSuffixFold:
		return foldSuffix(m.text, string(text))
	case opWildcard:
		return m.wilds[0].match(string(text))
	case opAddress, opCIDR:
		a, ok := address(string(text))
		return ok && m.spans(a)
	default:
		return false
	}
}

func (m *matcher) spans(a netip.Addr) bool {
	return a.BitLen() == m.addr.BitLen() && m.addr.Compare(a) <= 0 && a.Compare(m.last) <= 0
}

// excluded says that an anything-but lists v.
func (m *matcher) excluded(v *value) bool {
	if m.op == opButNumber {
		return v.kind == kindNumber && v.real && slices.Contains(m.nums, v.num)
	}
	if v.kind != kindString {
		return false
	}
	if m.op == opBut {
		_, ok := m.in[string(v.text)]
		return ok
	}
	text := string(v.text)
	switch m.op {
	case opButPrefix:
		return slices.ContainsFunc(m.list, func(s string) bool { return strings.HasPrefix(text, s) })
	case opButSuffix:
		return slices.ContainsFunc(m.list, func(s string) bool { return strings.HasSuffix(text, s) })
	case opButFold:
		return slices.ContainsFunc(m.list, func(s string) bool { return foldEqual(s, text) })
	case opButWildcard:
		return slices.ContainsFunc(m.wilds, func(w wild) bool { return w.match(text) })
	default:
		return false
	}
}

func (m *matcher) within(f float64) bool {
	if m.low.set && (f < m.low.at || m.low.open && f == m.low.at) {
		return false
	}
	return !m.high.set || f < m.high.at || !m.high.open && f == m.high.at
}

// plain says that m is equality with a text and nothing more, so that it can be
// looked up.
func (m *matcher) plain() bool {
	return m.op == opExactly || m.op == opEqual
}

// equal is the matcher of one text.
func equal(text string) matcher {
	m := matcher{op: opEqual, key: quote(text), text: text}
	if a, ok := address(text); ok {
		m.op, m.addr, m.last = opAddress, a, a
	}
	return m
}

// but is an anything-but of texts.
func but(texts []string) matcher {
	m := matcher{op: opBut, list: sorted(texts), in: make(map[string]struct{}, len(texts))}
	for _, t := range m.list {
		m.in[t] = struct{}{}
	}
	m.key = `{"anything-but":` + quoteAll(m.list) + `}`
	return m
}

func exists(yes bool) matcher {
	if yes {
		return matcher{op: opExists, key: `{"exists":true}`}
	}
	return matcher{op: opAbsent, key: `{"exists":false}`}
}

// sorted is a copy in order, without duplicates.
func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

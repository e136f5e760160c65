package pattern

import (
	"slices"
	"strings"
)

// How many representatives of a field are looked at before an answer is May.
const (
	maxClasses  = 1 << 14
	maxVariants = 1 << 8 // case variants of one operand that are listed one by one
)

// class is a set of values of one field that no exact matcher tells apart, and
// one of them. All classes of a field together are every value there is: the
// truth of a text under prefixes and suffixes is that of the longest of each
// that fits, under equality and anything-but which operand it is; numbers are
// points and the gaps between them.
type class struct {
	v              value
	open           bool   // more than one value; else v is all of it
	prefix, suffix string // of an open class of texts
	folded         string // the operand that an open class of texts equals but for case
	unfolded       bool   // texts that equal an operand but for case are not kept apart
}

// verdict is what is known of a matcher's truth on all values of a class.
type verdict uint8

const (
	no verdict = iota
	maybe
	yes
)

// judge is the truth of m on class c. It is maybe for an inexact matcher on an
// open class of texts, and where it is not known whether Lambda compares numbers
// by value or by spelling.
func (m *matcher) judge(c *class) verdict {
	if c.open && c.v.kind == kindString && (m.inexact() || c.unfolded && m.folds()) {
		return maybe
	}
	holds := m.holds(&c.v)
	if c.v.kind == kindNumber {
		spelled := string(c.v.text)
		if m.op == opNumber && holds && (spelled != m.text || c.open) || m.op == opButNumber && !holds && !slices.Contains(m.list, spelled) {
			return maybe
		}
	}
	if holds {
		return yes
	}
	return no
}

// inexact says that representatives do not settle m on all texts.
func (m *matcher) inexact() bool {
	return slices.Contains([]op{opAddress, opCIDR, opWildcard, opPrefixFold, opSuffixFold, opButWildcard}, m.op)
}

func (m *matcher) folds() bool { return m.op == opFold || m.op == opButFold }

func judge(list []matcher, c *class) verdict {
	best := no
	for i := range list {
		if best = max(best, list[i].judge(c)); best == yes {
			break
		}
	}
	return best
}

// collector gathers what tells the values of one field apart.
type collector struct {
	texts, prefixes, suffixes map[string]struct{}
	folds                     map[string]struct{} // operands with too many variants to list
	numbers                   map[string]struct{}
	points                    map[float64]struct{}
	full                      bool // there is more than fits
}

// classes are representatives of all values under the lists, texts that the
// lists name first; full says that there would be too many.
func classes(lists [][]matcher, named []string) (all []class, full bool) {
	k := &collector{
		texts: map[string]struct{}{}, prefixes: map[string]struct{}{"": {}}, suffixes: map[string]struct{}{"": {}},
		folds: map[string]struct{}{}, numbers: map[string]struct{}{}, points: map[float64]struct{}{},
	}
	for _, t := range named {
		k.texts[t] = struct{}{}
	}
	for _, list := range lists {
		for i := range list {
			k.add(&list[i])
		}
	}
	all = k.strings()
	for _, kind := range []kind{kindNull, kindTrue, kindFalse, kindAbsent} {
		all = append(all, class{v: value{kind: kind}})
	}
	return append(all, k.numeric()...), k.full
}

func (k *collector) text(list ...string) {
	if len(k.texts)+len(list) > maxClasses*4 {
		k.full = true
		return
	}
	for _, s := range list {
		k.texts[s] = struct{}{}
	}
}

func (k *collector) add(m *matcher) {
	switch m.op {
	case opPrefix, opButPrefix:
		k.affix(k.prefixes, m)
	case opSuffix, opButSuffix:
		k.affix(k.suffixes, m)
	case opFold, opButFold:
		for _, s := range m.operands() {
			k.fold(s)
		}
	case opWildcard, opButWildcard:
		for _, w := range m.wilds {
			k.text(strings.Join(w, ""), strings.Join(w, "x"))
		}
	case opCIDR:
		k.text(m.addr.String(), m.last.String())
	case opNumber, opButNumber:
		for _, s := range m.operands() {
			k.number(s)
		}
	case opNumeric:
		for _, b := range []bound{m.low, m.high} {
			if b.set {
				k.points[b.at] = struct{}{}
			}
		}
	case opEqual, opExactly, opAddress, opBut, opPrefixFold, opSuffixFold:
		k.text(m.operands()...)
	case opKind, opExists, opAbsent:
	}
}

// operands are the texts or numbers that m names, one or several.
func (m *matcher) operands() []string {
	if m.list != nil {
		return m.list
	}
	return []string{m.text}
}

func (k *collector) affix(set map[string]struct{}, m *matcher) {
	k.text(m.operands()...)
	for _, s := range m.operands() {
		set[s] = struct{}{}
	}
}

func (k *collector) fold(s string) {
	all, ok := variants(s, maxVariants)
	if !ok {
		k.folds[strings.ToLower(s)] = struct{}{}
		all = []string{s, strings.ToLower(s), strings.ToUpper(s)}
	}
	k.text(all...)
}

// strings are the named texts, and for each pair of a longest prefix and a
// longest suffix the texts that are not named.
func (k *collector) strings() []class {
	var all []class
	for _, s := range sortedKeys(k.texts) {
		all = append(all, class{v: value{kind: kindString, text: []byte(s)}})
	}
	if len(k.prefixes)*len(k.suffixes) > maxClasses {
		k.full = true
		return append(all, class{v: value{kind: kindString, text: []byte(k.fresh())}, open: true, unfolded: true})
	}
	unfolded := false
	for _, s := range sortedKeys(k.folds) {
		other, ok := k.variant(s)
		if ok {
			all = append(all, class{v: value{kind: kindString, text: []byte(other)}, open: true, folded: s})
		}
		unfolded = unfolded || !ok
	}
	middle := k.middle()
	for _, p := range sortedKeys(k.prefixes) {
		for _, q := range sortedKeys(k.suffixes) {
			v := value{kind: kindString, text: []byte(p + middle + q)}
			all = append(all, class{v: v, open: true, prefix: p, suffix: q, unfolded: unfolded})
		}
	}
	return all
}

// variant is a text that equals s but for case and is not named, if all such
// texts are alike under the prefixes and suffixes there are.
func (k *collector) variant(s string) (string, bool) {
	if !ascii(s) {
		return "", false
	}
	for p := range k.prefixes {
		if p != "" && foldPrefix(p, s) >= 0 {
			return "", false
		}
	}
	for q := range k.suffixes {
		if q != "" && foldSuffix(q, s) {
			return "", false
		}
	}
	for i := range s {
		if upper := s[:i] + strings.ToUpper(s[i:i+1]) + s[i+1:]; upper != s {
			if _, ok := k.texts[upper]; !ok {
				return upper, true
			}
		}
	}
	return "", false
}

// middle is what texts that are not named have between prefix and suffix: a
// word that people can read if it tells as much as a fresh character.
func (k *collector) middle() string {
	const word = "other"
	if len(k.prefixes)*len(k.suffixes) > 256 {
		return k.fresh()
	}
	longer := func(set map[string]struct{}, fits func(string, string) bool, text, than string) bool {
		for s := range set {
			if len(s) > len(than) && fits(text, s) {
				return true
			}
		}
		return false
	}
	for p := range k.prefixes {
		for q := range k.suffixes {
			text := p + word + q
			_, named := k.texts[text]
			_, folded := k.folds[strings.ToLower(text)]
			if named || folded || longer(k.prefixes, strings.HasPrefix, text, p) || longer(k.suffixes, strings.HasSuffix, text, q) {
				return k.fresh()
			}
		}
	}
	return word
}

// fresh is a character that stands in nothing named: from those that Unicode
// leaves for private use.
func (k *collector) fresh() string {
	for r := rune(0xe000); ; r++ {
		s := string(r)
		used := func(set map[string]struct{}) bool {
			for t := range set {
				if strings.Contains(t, s) {
					return true
				}
			}
			return false
		}
		if !used(k.texts) && !used(k.prefixes) && !used(k.suffixes) {
			return s
		}
	}
}

func sortedKeys(set map[string]struct{}) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

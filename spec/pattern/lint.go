package pattern

import (
	"slices"
	"strings"
)

// Lint names what is odd in a pattern that was understood, sorted: what AWS's
// engine is known to get wrong, and what rests on guesses about Lambda. Empty
// for what [Build] makes of ordinary event types.
func (p *Pattern) Lint() []string { return slices.Clone(p.lint) }

func lintRules(rules []rule) []string {
	var notes []string
	for _, r := range rules {
		for _, c := range r.conds {
			if !strings.HasPrefix(c.path, "data.") {
				notes = append(notes, c.path+": only data can be filtered on for Kinesis; AWS accepts this and nothing matches")
			}
			for _, n := range lintList(c.list) {
				notes = append(notes, c.path+": "+n)
			}
		}
	}
	return notes
}

func lintList(list []matcher) []string {
	var notes []string
	ranges, texts := false, false
	for i := range list {
		m := &list[i]
		switch m.op {
		case opEqual:
			texts = true
		case opAddress:
			texts = true
			notes = append(notes, quote(m.text)+" reads as an IP address, and AWS's engine compares it as one")
		case opNumber, opButNumber:
			notes = append(notes, "numbers outside numeric: it is not known whether Lambda holds 300 and 300.0 for one")
		case opNumeric:
			ranges = true
		case opFold, opPrefixFold, opSuffixFold, opButFold:
			if slices.ContainsFunc(m.operands(), func(s string) bool { return !ascii(s) }) {
				notes = append(notes, "equals-ignore-case beyond ASCII: AWS's engine maps character by character, and emoji match nothing")
			}
		default:
		}
		if t := m.tier(); t > SeenAccepted {
			notes = append(notes, m.key+" is not documented for Lambda ("+t.String()+")")
		}
	}
	if ranges && texts {
		notes = append(notes, "a numeric range in one list with strings: some versions of AWS's engine then miss a string")
	}
	return notes
}

func (m *matcher) tier() Tier {
	switch m.op {
	case opKind:
		if m.kind != kindNull {
			return SeenAccepted
		}
		return Documented
	case opPrefixFold, opSuffixFold:
		return PipesOnly
	case opExactly, opCIDR, opWildcard, opButPrefix, opButSuffix, opButFold, opButWildcard:
		return EventBridgeOnly
	default:
		return Documented
	}
}

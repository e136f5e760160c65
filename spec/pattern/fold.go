package pattern

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// spellings are the two ways in which a character of an equals-ignore-case
// operand may stand in a value: Java's lower and upper case of that one
// character. A character outside the basic plane matches nothing, itself
// included, which is a fault of AWS's engine that [Pattern.Lint] reports.
func spellings(r rune) (lower, upper string, ok bool) {
	if r > 0xffff {
		return "", "", false
	}
	if r == 'ß' {
		return "ß", "SS", true
	}
	return string(unicode.ToLower(r)), string(unicode.ToUpper(r)), true
}

// foldPrefix is the length of the start of text that equals operand but for
// case, -1 for none.
func foldPrefix(operand, text string) int {
	n := 0
	for _, r := range operand {
		lower, upper, ok := spellings(r)
		switch {
		case !ok:
			return -1
		case strings.HasPrefix(text[n:], lower):
			n += len(lower)
		case strings.HasPrefix(text[n:], upper):
			n += len(upper)
		default:
			return -1
		}
	}
	return n
}

func foldSuffix(operand, text string) bool {
	for operand != "" {
		r, size := utf8.DecodeLastRuneInString(operand)
		operand = operand[:len(operand)-size]
		lower, upper, ok := spellings(r)
		switch {
		case !ok:
			return false
		case strings.HasSuffix(text, lower):
			text = text[:len(text)-len(lower)]
		case strings.HasSuffix(text, upper):
			text = text[:len(text)-len(upper)]
		default:
			return false
		}
	}
	return true
}

func foldEqual(operand, text string) bool {
	return foldPrefix(operand, text) == len(text)
}

// variants lists every text that equals operand but for case, or says that
// there are more than limit.
func variants(operand string, limit int) ([]string, bool) {
	all := []string{""}
	for _, r := range operand {
		lower, upper, ok := spellings(r)
		if !ok {
			return nil, true
		}
		n := len(all)
		for i := range n {
			if upper != lower {
				all = append(all, all[i]+upper)
			}
			all[i] += lower
		}
		if len(all) > limit {
			return nil, false
		}
	}
	return all, true
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// wild is a wildcard operand: the fixed texts between its stars.
type wild []string

// parseWildcard reads `*` as any text, `\*` and `\\` as themselves; what is
// wrong with another operand is in problem.
func parseWildcard(operand string) (w wild, problem string) {
	var part strings.Builder
	star := false
	for i := 0; i < len(operand); i++ {
		switch c := operand[i]; {
		case c == '*' && star:
			return nil, "has two stars in a row"
		case c == '*':
			w = append(w, part.String())
			part.Reset()
			star = true
			continue
		case c == '\\':
			i++
			if i == len(operand) || operand[i] != '*' && operand[i] != '\\' {
				return nil, `has a backslash that stands before neither a star nor a backslash`
			}
			part.WriteByte(operand[i])
		default:
			part.WriteByte(c)
		}
		star = false
	}
	return append(w, part.String()), ""
}

func (w wild) match(text string) bool {
	first, last := w[0], w[len(w)-1]
	if len(w) == 1 {
		return text == first
	}
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range w[1 : len(w)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

package render

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// clean escapes what is not printable: control characters, terminal escapes,
// marks that turn the direction of text, bytes that are not UTF-8.
func clean(s string) string {
	if printable(s) {
		return s
	}
	var b strings.Builder
	for i, width := 0, 0; i < len(s); i += width {
		var r rune
		r, width = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && width == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0
}

// cleanJSON writes what is not printable in JSON as \u escapes, the newlines
// between its tokens excepted. Such characters occur in strings only.
func cleanJSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case r == '\n' || strconv.IsPrint(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// rows breaks text at spaces into rows of at most width; a longer word has a
// row of its own. A width of 0 or less breaks nothing.
func rows(text string, width int) []string {
	if width <= 0 {
		return []string{text}
	}
	var all []string
	row, n := "", 0
	for word := range strings.SplitSeq(text, " ") {
		size := utf8.RuneCountInString(word)
		switch {
		case row == "" && n == 0:
			row, n = word, size
		case n+1+size <= width:
			row, n = row+" "+word, n+1+size
		default:
			all = append(all, row)
			row, n = word, size
		}
	}
	return append(all, row)
}

// oneLine makes one line of sentences that may have several.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// count writes a number and its noun: 1 value, 2 values.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

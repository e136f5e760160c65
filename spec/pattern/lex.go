package pattern

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// lexer reads JSON as RFC 8259 has it, strictly, without copying.
type lexer struct {
	b []byte
	i int
}

func (l *lexer) space() {
	for l.i < len(l.b) {
		switch l.b[l.i] {
		case ' ', '\t', '\n', '\r':
			l.i++
		default:
			return
		}
	}
}

// peek is the next byte that is not space, 0 at the end.
func (l *lexer) peek() byte {
	l.space()
	if l.i == len(l.b) {
		return 0
	}
	return l.b[l.i]
}

// take consumes c if it is next.
func (l *lexer) take(c byte) bool {
	if l.peek() != c {
		return false
	}
	l.i++
	return true
}

// quoted reads a string and returns what stands between its quotes, as written.
func (l *lexer) quoted() (raw []byte, escaped, ok bool) {
	if !l.take('"') {
		return nil, false, false
	}
	start := l.i
	for l.i < len(l.b) {
		switch c := l.b[l.i]; {
		case c == '"':
			l.i++
			return l.b[start : l.i-1], escaped, true
		case c < ' ':
			return nil, false, false
		case c == '\\':
			escaped = true
			if !l.escape() {
				return nil, false, false
			}
		default:
			l.i++
		}
	}
	return nil, false, false
}

func (l *lexer) escape() bool {
	if l.i+1 >= len(l.b) {
		return false
	}
	switch l.b[l.i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		l.i += 2
		return true
	case 'u':
		if l.i+6 > len(l.b) || hex4(l.b[l.i+2:l.i+6]) < 0 {
			return false
		}
		l.i += 6
		return true
	}
	return false
}

func hex4(b []byte) rune {
	var r rune
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return -1
		}
	}
	return r
}

// unquote appends the text that raw, read by quoted, stands for. Half of a
// surrogate pair is kept as three bytes that are no valid UTF-8, so that it
// equals no proper text; lone says that there was one.
func unquote(dst, raw []byte) (text []byte, lone bool) {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		if raw[i+1] != 'u' {
			dst = append(dst, unescape(raw[i+1]))
			i += 2
			continue
		}
		r := hex4(raw[i+2 : i+6])
		i += 6
		if utf16.IsSurrogate(r) {
			low := rune(-1)
			if i+6 <= len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
				low = hex4(raw[i+2 : i+6])
			}
			if d := utf16.DecodeRune(r, low); d != utf8.RuneError {
				r = d
				i += 6
			} else {
				lone = true
				dst = append(dst, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
				continue
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, lone
}

func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// number reads a number and returns its text.
func (l *lexer) number() ([]byte, bool) {
	start := l.i
	l.one("-")
	if !l.one("0") && !l.digits() {
		return nil, false
	}
	if l.one(".") && !l.digits() {
		return nil, false
	}
	if l.one("eE") {
		l.one("+-")
		if !l.digits() {
			return nil, false
		}
	}
	return l.b[start:l.i], true
}

// one consumes the next byte if it is one of set.
func (l *lexer) one(set string) bool {
	if l.i == len(l.b) || strings.IndexByte(set, l.b[l.i]) < 0 {
		return false
	}
	l.i++
	return true
}

func (l *lexer) digits() bool {
	start := l.i
	for l.i < len(l.b) && '0' <= l.b[l.i] && l.b[l.i] <= '9' {
		l.i++
	}
	return l.i > start
}

func (l *lexer) word(w string) bool {
	if len(l.b)-l.i < len(w) || string(l.b[l.i:l.i+len(w)]) != w {
		return false
	}
	l.i += len(w)
	return true
}

// scalar reads a value that is neither object nor array.
func (l *lexer) scalar() (v value, escaped, ok bool) {
	switch c := l.peek(); {
	case c == '"':
		raw, esc, ok := l.quoted()
		return value{kind: kindString, text: raw}, esc, ok
	case digit(c):
		raw, ok := l.number()
		return value{kind: kindNumber, text: raw}, false, ok
	case c == 't':
		return value{kind: kindTrue}, false, l.word("true")
	case c == 'f':
		return value{kind: kindFalse}, false, l.word("false")
	case c == 'n':
		return value{kind: kindNull}, false, l.word("null")
	}
	return value{}, false, false
}

// compactJSON copies valid JSON without the spaces between its tokens.
func compactJSON(dst *bytes.Buffer, src []byte) {
	in := false
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case in && c == '\\':
			dst.WriteByte(c)
			i++
			dst.WriteByte(src[i])
			continue
		case c == '"':
			in = !in
		case !in && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		dst.WriteByte(src[i])
	}
}

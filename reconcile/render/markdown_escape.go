package render

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// code is text as a code span: nothing in it is Markdown, and sites make no
// links of it.
func code(s string) string {
	s = clean(oneLine(s))
	if s == "" {
		return ""
	}
	fence := strings.Repeat("`", longest(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// cellCode is [code] for a table. A bar ends a cell even in code, and renderers
// do not agree on how a backslash before it is read; as prose it is an entity.
func cellCode(s string) string {
	if strings.ContainsAny(s, "|`") {
		return escape(s)
	}
	return code(s)
}

// escape is text as prose: no Markdown, no HTML, no end of a table cell, and
// nothing that sites make a mention, a link or a picture of.
func escape(s string) string {
	s = clean(oneLine(s))
	s = begins.ReplaceAllString(s, apart+"$0")
	between := func(m string) string { return m[:1] + apart + m[1:] }
	for links.MatchString(s) { // again: the end of one match may be the beginning of the next
		s = links.ReplaceAllStringFunc(s, between)
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\u200b':
			b.WriteString("&#8203;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '|':
			b.WriteString("&#124;")
		case strings.ContainsRune("\\`*_[]~$", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// apart is a space of no width. Those of others are gone by then, as [clean] has
// escaped them.
const apart = "\u200b"

// begins is what makes a list, a quote or a title of a line.
var begins = regexp.MustCompile(`^(?:[-+=>]|\d+[.)])`)

// links is what GitHub, GitLab and Bitbucket make something of after Markdown is
// read, where a backslash does not help: mentions and addresses of mail,
// references to issues, labels and the like, URLs, emoji, marks of changes.
var links = regexp.MustCompile(`(?i)[@#](?:[^` + apart + `]|$)|[!&$^%~]["\w]|://|www\.|gh-\d|:(?:[a-z_+][\w+]*-?[\w+]*|\d[a-z]\w+|-1|\d{3,}):|[{\[][+-]|\[[a-z_]+:`)

// longest is the length of the longest run of a byte.
func longest(s string, b byte) int {
	most, run := 0, 0
	for i := range len(s) {
		if s[i] != b {
			run = 0
			continue
		}
		run++
		most = max(most, run)
	}
	return most
}

// clip shortens what is no longer a name.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "..."
}

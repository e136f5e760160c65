// Package render shows what reconcile made: a plan as text, JSON and Markdown, the
// progress of an apply, and findings. It decides nothing and has no clock.
//
// The same input gives the same bytes. Whatever comes from outside (names,
// patterns, descriptions, messages of AWS) is escaped: no control character
// but the newlines written here, and no terminal sequence but the colours that
// [Options] allow, reaches the writer. In JSON such characters are written as
// \u escapes, so that decoding gives them back.
//
// [JSON] writes one object. No array in it is null. A field may be added
// within formatVersion 1; none is taken away or changes its meaning.
//
//	formatVersion  "1.0"
//	at             time of the pass, RFC 3339 in UTC
//	account        12 digits, empty where nothing observed names it
//	region         of the pass
//	changes[]      action    create, register, update, retire, revive, raise, lower, delete
//	               kind      alias, consumer, reservation, mapping
//	               address   such as orders/payments
//	               before    the object as it is, null for none
//	               after     the object as it will be, null for none
//	               needs[]   "KIND ADDRESS" of changes that have to settle first
//	               reason    why
//	               effect    what becomes of events
//	held[]         as changes[], and
//	               why       one word, see [reconcile.Why]
//	               until     RFC 3339; null: looked at again in every pass
//	findings[]     severity (error, warning, info), code, message, path, file,
//	               line; line is 0 and the strings are empty where unknown
//	needs[]        function, terms[] (what, name, shards, factor, value, until),
//	               required, and reserved and after, which are null for unset
//	summary        changes, and of those create, register, update, retire, revive, raise,
//	               lower, delete; held; findings {error, warning, info}
//
// Objects have the fields of [reconcile.Mapping], [reconcile.Alias],
// [reconcile.Consumer] and [reconcile.Reservation].
package render

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Options say how text is laid out. The zero value is plain text.
type Options struct {
	// Color allows terminal colours. The caller knows about terminals and
	// NO_COLOR.
	Color bool
	// Width is the number of columns to wrap at. At 0 only lists of event
	// types are wrapped, at 100.
	Width int
}

const (
	listWidth = 100 // where lists are wrapped when no width is given
	minWidth  = 40  // a narrower terminal has to wrap by itself
)

// style is an SGR parameter, empty for none.
type style string

const (
	plain   style = ""
	bold    style = "1"
	dim     style = "2"
	red     style = "31"
	green   style = "32"
	yellow  style = "33"
	magenta style = "35"
	cyan    style = "36"
)

// span is a piece of a line. What it says is escaped when it is written.
type span struct {
	text  string
	style style
}

func say(text string) span { return span{text: text} }

// page collects lines. It is the only way to the writer, so that what goes out
// is clean.
type page struct {
	b strings.Builder
	o Options
}

// line writes one line; without spans it is empty.
func (p *page) line(indent int, spans ...span) {
	if len(spans) > 0 {
		p.b.WriteString(strings.Repeat(" ", indent))
	}
	for _, s := range spans {
		if s.text == "" {
			continue
		}
		if !p.o.Color || s.style == plain {
			p.b.WriteString(clean(s.text))
			continue
		}
		fmt.Fprintf(&p.b, "\x1b[%sm%s\x1b[0m", s.style, clean(s.text))
	}
	p.b.WriteByte('\n')
}

// gap leaves an empty line between what is there and what follows.
func (p *page) gap() {
	if p.b.Len() > 0 {
		p.line(0)
	}
}

// prose writes sentences behind a label, wrapped if there is a width. Nothing
// is written for no words.
func (p *page) prose(indent int, label span, text string) {
	p.wrap(indent, label, span{text: oneLine(text)}, p.o.Width)
}

// list writes what may be long behind a label, always wrapped.
func (p *page) list(indent int, label span, text string) {
	width := p.o.Width
	if width <= 0 {
		width = listWidth
	}
	p.wrap(indent, label, span{text: text, style: label.style}, width)
}

func (p *page) wrap(indent int, label, body span, width int) {
	body.text = clean(body.text)
	if body.text == "" {
		return
	}
	hang := utf8.RuneCountInString(label.text)
	if width > 0 {
		width = max(width, minWidth) - indent - hang
	}
	for i, row := range rows(body.text, width) {
		if i > 0 {
			label = span{text: strings.Repeat(" ", hang)}
		}
		p.line(indent, label, span{text: row, style: body.style})
	}
}

// to hands the page over in one write.
func (p *page) to(w io.Writer, what string) error {
	if p.b.Len() == 0 {
		return nil
	}
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eventrouting/eventrouting/reconcile"
)

// StatusText writes a status as tables for a terminal.
func StatusText(w io.Writer, s reconcile.Status, o Options) error {
	p := page{o: o}
	p.table([]string{"ROUTE", "STATE", "SINCE", "LAST RESULT", "KEY"}, len(s.Routes), func(i int) []string {
		r := s.Routes[i]
		return []string{r.Name, routeState(r), when(r.Since), dash(r.LastResult), r.Key}
	})
	for _, r := range s.Routes {
		p.routeNotes(r)
	}
	p.gap()
	p.table([]string{"FUNCTION", "NEED", "RESERVED", "TERMS"}, len(s.Functions), func(i int) []string {
		f := s.Functions[i]
		return []string{f.Name, strconv.Itoa(f.Need), unset(f.Reserved), dash(sumText(f.Terms))}
	})
	p.gap()
	p.table([]string{"STREAM", "STATUS", "SHARDS", "STANDARD READERS", "CONSUMERS"}, len(s.Streams), func(i int) []string {
		st := s.Streams[i]
		shards, readers := strconv.Itoa(st.Open), strconv.Itoa(st.Standard)
		if st.Closed > 0 {
			shards += fmt.Sprintf(" (and %d closed)", st.Closed)
		}
		if st.Others > 0 {
			readers += fmt.Sprintf(" (%d of no route)", st.Others)
		}
		return []string{st.Name, st.Status, shards, readers, strconv.Itoa(st.Consumers)}
	})
	p.findings(s.Findings)
	return p.to(w, "status")
}

// routeState is the state in one word, with what makes it special.
func routeState(r reconcile.RouteStatus) string {
	switch {
	case r.Off != "":
		return r.State + " (" + r.Off + ")"
	case r.Orphan:
		return r.State + " (no document)"
	case r.Retired:
		return r.State + " (not wanted)"
	}
	return r.State
}

// routeNotes writes what a table has no place for.
func (p *page) routeNotes(r reconcile.RouteStatus) {
	var notes []string
	if a := r.Alias; a != nil && a.Behind {
		notes = append(notes, fmt.Sprintf("alias %s points to %s, behind %s, which it follows", a.Name, a.Version, a.Follows))
	}
	if len(r.Pending) > 0 {
		var actions []string
		for _, a := range r.Pending {
			actions = append(actions, string(a))
		}
		notes = append(notes, "the next apply: "+strings.Join(slices.Compact(actions), ", "))
	}
	if !r.Paused.IsZero() {
		notes = append(notes, "paused by hand until "+when(r.Paused))
	}
	if !r.Released.IsZero() {
		notes = append(notes, "what is held of it is released until "+when(r.Released))
	}
	if !r.BrakeReleased.IsZero() {
		notes = append(notes, "the brake of its routing is lifted until "+when(r.BrakeReleased))
	}
	for _, h := range r.Held {
		text := fmt.Sprintf("%s is held (%s): %s", h.Action, h.Why, h.Reason)
		if !h.Until.IsZero() {
			text += ", until " + when(h.Until)
		}
		notes = append(notes, text)
	}
	if len(notes) > 0 {
		p.gap()
		p.line(0, span{r.Name, bold})
		for _, n := range notes {
			p.line(2, say(oneLine(n)))
		}
	}
}

// when is a time to the minute, which is as fine as AWS says it.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04Z")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// table writes rows under their titles, each column as wide as its widest cell.
func (p *page) table(titles []string, n int, row func(int) []string) {
	rows := [][]string{titles}
	for i := range n {
		cells := row(i)
		for j := range cells {
			cells[j] = clean(cells[j])
		}
		rows = append(rows, cells)
	}
	width := make([]int, len(titles))
	for _, cells := range rows {
		for j, c := range cells {
			width[j] = max(width[j], utf8.RuneCountInString(c))
		}
	}
	for i, cells := range rows {
		var b strings.Builder
		for j, c := range cells {
			b.WriteString(c)
			if j < len(cells)-1 {
				b.WriteString(strings.Repeat(" ", width[j]-utf8.RuneCountInString(c)+2))
			}
		}
		if i == 0 {
			p.line(0, span{b.String(), bold})
		} else {
			p.line(0, say(b.String()))
		}
	}
	if n == 0 {
		p.line(0, say("none"))
	}
}

// statusDocument is a status with the version of its format and no null list.
type statusDocument struct {
	FormatVersion string                     `json:"formatVersion"`
	At            time.Time                  `json:"at"`
	Account       string                     `json:"account"`
	Region        string                     `json:"region"`
	Routes        []reconcile.RouteStatus    `json:"routes"`
	Functions     []reconcile.FunctionStatus `json:"functions"`
	Streams       []reconcile.StreamStatus   `json:"streams"`
	Findings      []finding                  `json:"findings"`
}

// StatusJSON writes a status as one indented JSON object.
func StatusJSON(w io.Writer, s reconcile.Status) error {
	d := statusDocument{
		FormatVersion: formatVersion, At: s.At.UTC(), Account: s.Account, Region: s.Region,
		Routes: some(s.Routes), Functions: some(s.Functions), Streams: some(s.Streams), Findings: []finding{},
	}
	for i := range d.Routes {
		d.Routes[i].Pending, d.Routes[i].Held = some(d.Routes[i].Pending), some(d.Routes[i].Held)
	}
	for i := range d.Functions {
		d.Functions[i].Terms = some(d.Functions[i].Terms)
	}
	for _, f := range s.Findings {
		d.Findings = append(d.Findings, finding(f))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	if _, err := w.Write(cleanJSON(b.Bytes())); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// some is a copy of a list that is never nil.
func some[T any](list []T) []T { return append([]T{}, list...) }

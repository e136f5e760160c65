package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// ExplainText writes explanations, one for each account and region, for a
// terminal. assumed says what was supposed about the world, if anything was.
func ExplainText(w io.Writer, all []reconcile.Explanation, assumed []string, o Options) error {
	p := page{o: o}
	for _, a := range assumed {
		p.line(0, span{"What if: ", bold}, say(a))
	}
	for _, e := range all {
		if len(all) > 1 {
			p.gap()
			p.line(0, say("# "+e.Region+" "+e.Account))
		}
		for _, s := range sections(e) {
			p.gap()
			p.line(0, span{s.title, bold})
			p.block(s)
		}
		p.findings(e.Findings)
	}
	return p.to(w, "explanation")
}

// block writes a section's table and facts, indented.
func (p *page) block(s explained) {
	if len(s.rows) > 0 {
		inner := page{o: Options{}}
		inner.table(s.columns, len(s.rows), func(i int) []string { return s.rows[i] })
		for row := range strings.Lines(inner.b.String()) {
			p.line(2, say(strings.TrimRight(row, " \n")))
		}
	}
	width := 0
	for _, f := range s.facts {
		width = max(width, len(f.name))
	}
	for _, f := range s.facts {
		label := f.name + ":" + strings.Repeat(" ", width-len(f.name)+1)
		p.wrap(2, span{label, dim}, span{text: oneLine(f.text)}, max(p.o.Width, listWidth))
	}
}

// ExplainMarkdown writes the same as Markdown: a table for each function and
// stream.
func ExplainMarkdown(w io.Writer, all []reconcile.Explanation, assumed []string) error {
	var b strings.Builder
	b.WriteString("### eventrouting explain\n")
	for _, a := range assumed {
		b.WriteString("\nWhat if: " + escape(a) + "\n")
	}
	for _, e := range all {
		if len(all) > 1 {
			b.WriteString("\n#### " + code(e.Region) + " " + code(e.Account) + "\n")
		}
		for _, s := range sections(e) {
			b.WriteString("\n**" + escape(s.title) + "**\n")
			if len(s.rows) > 0 {
				b.WriteString("\n| " + strings.ToLower(strings.Join(s.columns, " | ")) + " |\n|" + strings.Repeat("---|", len(s.columns)) + "\n")
				for _, row := range s.rows {
					cells := make([]string, len(row))
					for i, c := range row {
						cells[i] = escape(c)
					}
					b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
				}
			}
			b.WriteString("\n")
			for _, f := range s.facts {
				b.WriteString("- " + escape(f.name) + ": " + escape(f.text) + "\n")
			}
		}
		lines := findingLines("- ", reconcile.Plan{Findings: e.Findings}, func(spec.Severity) bool { return true })
		if len(lines) > 0 {
			b.WriteString("\n**Found**\n\n" + strings.Join(lines, ""))
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return nil
}

// explained is one function, stream or account: a table and some facts.
type explained struct {
	title   string
	columns []string
	rows    [][]string
	facts   []fact
}

type fact struct{ name, text string }

func (s *explained) say(name, format string, args ...any) {
	s.facts = append(s.facts, fact{name, fmt.Sprintf(format, args...)})
}

func sections(e reconcile.Explanation) []explained {
	var all []explained
	for _, f := range e.Functions {
		all = append(all, functionSection(f))
	}
	if l := e.Limits; l != nil {
		s := explained{title: "Account"}
		s.say("limit", "%d concurrent executions, %d of them unreserved, %d of those stay free", l.Limit, l.Unreserved, l.KeepFree)
		s.say("left", "%d unreserved once this is applied", l.After)
		if l.Short > 0 {
			s.say("short", "%d; with a quota of %d none would be", l.Short, l.Quota)
		}
		all = append(all, s)
	}
	for _, st := range e.Streams {
		all = append(all, streamSection(st))
	}
	return all
}

func functionSection(f reconcile.FunctionExplained) explained {
	s := explained{title: "Function " + f.Function, columns: []string{"WHAT", "NAME", "SHARDS", "FACTOR", "EXECUTIONS"}}
	for _, t := range f.Terms {
		shards, factor, name := "", "", t.Name
		if t.Factor > 0 {
			shards, factor = strconv.Itoa(t.Shards), strconv.Itoa(t.Factor)
		}
		if !t.Until.IsZero() {
			name += ", may run until " + when(t.Until)
		}
		if t.Note != "" {
			name += ", " + t.Note
		}
		s.rows = append(s.rows, []string{t.What, name, shards, factor, strconv.Itoa(t.Value)})
	}
	s.rows = append(s.rows, []string{"needed", "", "", "", strconv.Itoa(f.Required)})
	if f.Today != nil {
		s.say("today", "%d are needed as things are", *f.Today)
	}
	state, _ := reservedText(f.Need)
	if f.Action != "" {
		state += ", " + string(f.Action)
	}
	if h := f.Held; h != nil {
		state += " held (" + string(h.Why) + "): " + h.Reason
		if !h.Until.IsZero() {
			state += ", until " + when(h.Until)
		}
	}
	s.say("reserved", "%s", state)
	if f.Most != nil {
		s.say("at most", "%d may be reserved", *f.Most)
	}
	if f.Rate > 0 {
		s.say("rate", "%d invocations a second, ten for each execution", f.Rate)
	}
	for _, h := range f.Waiting {
		s.say("waits", "%s of %s: %s", h.Action, h.Name, h.Reason)
	}
	return s
}

func streamSection(st reconcile.StreamExplained) explained {
	s := explained{title: "Stream " + st.Name, columns: []string{"READER", "BY", "READS"}}
	for _, r := range st.Readers {
		s.rows = append(s.rows, []string{r.Name, r.Kind, fmt.Sprintf("%d/s per shard", r.Count)})
	}
	for _, r := range st.Consumers {
		s.rows = append(s.rows, []string{named(r), r.Kind, "2 MB/s per shard, its own"})
	}
	mode := strings.ToLower(strings.ReplaceAll(dash(st.Mode), "_", "-"))
	s.say("state", "%s, %s, retention %s", dash(st.Status), mode, hours(st.Retention))
	s.say("shards", "%d open, %d closed since %s: %d can be consumed at one time", st.Open, st.Closed, when(st.Window), st.Active)
	if e := st.Earlier; e != nil {
		s.say("further back", "%d closed since %s: %d can be consumed at one time by what starts there", e.Closed, when(e.Since), e.Active)
	}
	if text := lineageText(st.Reshards); text != "" {
		s.say("lineage", "%s", text)
	}
	over := ""
	if st.Reads > st.ReadsLimit {
		over = ": too many, merge routes or use isolation: FanOut"
	}
	s.say("reads", "%d of %d a second and shard%s", st.Reads, st.ReadsLimit, over)
	if st.Reads > 0 {
		s.say("bytes", "%s the 2 MB/s of each shard: enough while no more than %s a second is written to it, of the 1 MB that it takes",
			share(st.Reads), size(st.Ingest))
	}
	if st.Mode == "ON_DEMAND" && st.Reads > 1 {
		s.say("on-demand", "AWS recommends one reader of this kind, and FanOut for the others")
	}
	s.say("consumers", "%d of %d, or of %d with On-demand Advantage", total(st.Consumers), st.ConsumersLimit, st.ConsumersMost)
	s.say("price", "%s", priceText(st))
	return s
}

func named(r reconcile.StreamReader) string {
	if r.Count > 1 {
		return fmt.Sprintf("%d %s", r.Count, r.Name)
	}
	return r.Name
}

func total(all []reconcile.StreamReader) int {
	n := 0
	for _, r := range all {
		n += r.Count
	}
	return n
}

// share says how much of something each of several readers has.
func share(readers int) string {
	if readers == 1 {
		return "one reader has"
	}
	return fmt.Sprintf("%d readers share", readers)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func hours(d time.Duration) string { return fmt.Sprintf("%dh", int(d.Hours())) }

// size is a number of bytes in the units of the limits.
func size(bytes int) string {
	if bytes >= 1<<20 {
		return "1 MB"
	}
	return fmt.Sprintf("%d KB", bytes>>10)
}

// lineageText lists splits and merges, the latest ones where there are many.
func lineageText(all []reconcile.Reshard) string {
	const most = 12
	var parts []string
	for _, r := range all[max(0, len(all)-most):] {
		parts = append(parts, shardNames(r.Parents)+" to "+shardNames(r.Children))
	}
	if rest := len(all) - most; rest > 0 {
		parts = append([]string{fmt.Sprintf("%d older ones", rest)}, parts...)
	}
	return strings.Join(parts, ", ")
}

// shardNames are shards by number, as far as they have AWS's names.
func shardNames(ids []string) string {
	var short []string
	for _, id := range ids {
		if n, err := strconv.Atoi(strings.TrimPrefix(id, "shardId-")); err == nil {
			id = strconv.Itoa(n)
		}
		short = append(short, id)
	}
	return strings.Join(short, "+")
}

func priceText(st reconcile.StreamExplained) string {
	p, n := st.Price, total(st.Consumers)
	var text string
	switch {
	case p.ShardHour == 0:
		text = "consumers cost nothing by the hour in on-demand mode, whatever --consumer-shard-hour says"
	case n == 0:
		text = fmt.Sprintf("a consumer would cost %s x %s = %s a month", plural(st.Open, "shard"), dollars(p.ShardHour), dollars(p.Another))
	default:
		text = fmt.Sprintf("%s x %s x %s = %s an hour, %s a month; one more adds %s a month",
			plural(n, "consumer"), plural(st.Open, "shard"), dollars(p.ShardHour), dollars(p.Hour), dollars(p.Month), dollars(p.Another))
	}
	text += ", and " + dollars(p.GB) + " per GB that each reads"
	if p.Estimate {
		flags := "--consumer-shard-hour and --consumer-gb say yours"
		if p.ShardHour == 0 {
			flags = "--consumer-gb says yours"
		}
		text += fmt.Sprintf(" (an estimate: list price of %s, %s; %s)", p.Region, p.Date, flags)
	}
	return text
}

// dollars is an amount to the cent, or as fine as a unit price needs.
func dollars(v float64) string {
	text := strconv.FormatFloat(v, 'f', 2, 64)
	if fine := strconv.FormatFloat(v, 'f', -1, 64); v < 1 && len(fine) > len(text) {
		text = fine
	}
	return "$" + text
}

// explanationDocument is explanations with the version of their format.
type explanationDocument struct {
	FormatVersion string                  `json:"formatVersion"`
	WhatIf        []string                `json:"whatIf"`
	Places        []reconcile.Explanation `json:"places"`
}

// ExplainJSON writes explanations as one indented JSON object without null lists.
func ExplainJSON(w io.Writer, all []reconcile.Explanation, assumed []string) error {
	d := explanationDocument{FormatVersion: formatVersion, WhatIf: some(assumed), Places: some(all)}
	for i := range d.Places {
		e := &d.Places[i]
		e.Functions, e.Streams, e.Findings = some(e.Functions), some(e.Streams), some(e.Findings)
		for k := range e.Functions {
			f := &e.Functions[k]
			f.Terms, f.Waiting = some(f.Terms), some(f.Waiting)
		}
		for k := range e.Streams {
			st := &e.Streams[k]
			st.Reshards, st.Readers, st.Consumers = some(st.Reshards), some(st.Readers), some(st.Consumers)
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return fmt.Errorf("encode explanation: %w", err)
	}
	if _, err := w.Write(cleanJSON(b.Bytes())); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return nil
}

package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// MarkdownLimit is how many bytes a comment has unless told. GitHub refuses one
// of more than 65,536 characters; the rest is room for what the caller adds.
// GitLab takes 1,000,000 characters, Bitbucket Cloud more than GitHub, Bitbucket
// Data Center less than 32,768.
const MarkdownLimit = 65_000

// MarkdownOptions say how long a comment may be.
type MarkdownOptions struct {
	Limit int // in bytes, at least 2,000; 0 is [MarkdownLimit]
}

// Markdown writes plans, one for each account and region, as one comment for a
// pull request: the counts first, then what may lose events or needs a person,
// then a table of changes with their effect on events, and the details folded.
//
// What does not fit is left out by whole rows, the details first and the counts
// never, and a line below the counts says how much. Nothing that comes from
// documents or from AWS is taken for Markdown or HTML, or mentions anybody.
func Markdown(w io.Writer, plans []reconcile.Plan, o MarkdownOptions) error {
	limit := max(o.Limit, minMarkdown)
	if o.Limit == 0 {
		limit = MarkdownLimit
	}
	if _, err := io.WriteString(w, commentOn(plans, limit).text(limit)); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

const (
	minMarkdown = 2000
	maxPlace    = 64 // characters of an account or a region; AWS's are shorter
)

// commentOn lays out everything that there is to say.
func commentOn(plans []reconcile.Plan, limit int) *comment {
	c := &comment{title: title(plans)}
	places := placesOf(plans)
	c.headlines(plans, places, limit)
	c.attention(plans, places)
	for i, p := range plans {
		place := 0
		if len(plans) > 1 {
			c.places = append(c.places, "\n#### "+places[i].name+"\n")
			place = len(c.places)
		}
		c.changes(p, place)
		c.details(p, place)
	}
	return c
}

func title(plans []reconcile.Plan) string {
	var changes, held int
	var found []spec.Finding
	for _, p := range plans {
		changes, held = changes+len(p.Changes), held+len(p.Held)
		found = append(found, slices.DeleteFunc(slices.Clone(p.Findings), func(f spec.Finding) bool { return f.Severity == spec.Info })...)
	}
	text := "no changes"
	if changes > 0 {
		text = count(changes, "change")
	}
	if held > 0 {
		text += fmt.Sprintf(", %d held", held)
	}
	if n := CountFindings(found); n != "" {
		text += ", " + n
	}
	return "### eventrouting plan: " + text + "\n"
}

// headlines writes the closing line of each plan as text. When there are so many
// reservations in them that they would fill the comment, only the counts stay.
func (c *comment) headlines(plans []reconcile.Plan, places []place, limit int) {
	var full, short []string
	size := 0
	for i, p := range plans {
		where := places[i].name
		if where != "" {
			where += ": "
		}
		var found string
		if n := CountFindings(p.Findings); n != "" {
			found = " Found: " + n + "."
		}
		brief := "\n" + where + closingCounts(p) + found + "\n"
		reserved := ""
		if text := escape(closingReservations(p)); text != "" {
			reserved = " " + text
		}
		line := "\n" + where + closingCounts(p) + reserved + found + "\n"
		full, short, size = append(full, line), append(short, brief), size+len(line)
	}
	if size > limit/2 {
		full = short
	}
	c.add(section{rank: rankSummary, rows: full, what: "region"})
}

// place is where a plan applies, in Markdown.
type place struct {
	name  string // of one plan alone it may be empty
	label string // tells the plan apart in lists of several; else empty
}

func placesOf(plans []reconcile.Plan) []place {
	regions := map[string]int{}
	for _, p := range plans {
		regions[p.Region]++
	}
	var all []place
	for i, p := range plans {
		region, account := code(clip(p.Region, maxPlace)), code(clip(p.Account, maxPlace))
		var one place
		switch {
		case region != "" && account != "":
			one.name = region + " of account " + account
		case account != "":
			one.name = "account " + account
		default:
			one.name = region
		}
		if len(plans) > 1 {
			one.name = cmp.Or(one.name, fmt.Sprintf("plan %d", i+1))
			one.label = one.name
			if region != "" && regions[p.Region] == 1 {
				one.label = region
			}
		}
		all = append(all, one)
	}
	return all
}

// attention writes what needs a person, of all places together.
func (c *comment) attention(plans []reconcile.Plan, places []place) {
	var loses, errs, warnings, held []string
	for i, p := range plans {
		in := "- "
		if label := places[i].label; label != "" {
			in = "- " + label + ": "
		}
		for _, ch := range p.Changes {
			if takesLess(ch) {
				loses = append(loses, in+changeText(ch)+": "+escape(cmp.Or(ch.Effect, "it takes less than before"))+"\n")
			}
		}
		errs = append(errs, findingLines(in, p, func(s spec.Severity) bool { return s == spec.Error })...)
		warnings = append(warnings, findingLines(in, p, func(s spec.Severity) bool { return s == spec.Warning })...)
		for _, h := range p.Held {
			held = append(held, in+heldText(h)+"\n")
		}
	}
	for _, s := range []section{
		{rank: rankLoses, head: "Takes less than before, which may lose events", rows: loses, what: "notice"},
		{rank: rankErrors, head: "Errors", rows: errs, what: "error"},
		{rank: rankWarnings, head: "Warnings", rows: warnings, what: "warning"},
		{rank: rankHeld, head: "Held: wanted and not allowed yet", rows: held, what: "held change"},
	} {
		s.head = "\n**" + s.head + "**\n\n"
		c.add(s)
	}
}

func changeText(c reconcile.Change) string {
	return escape(string(c.Action)) + " " + code(c.Addr.String())
}

func heldText(h reconcile.Held) string {
	text := fmt.Sprintf("%s (%s): %s", changeText(h.Change), escape(string(h.Why)), escape(cmp.Or(h.Reason, whyText(h.Why))))
	if !h.Until.IsZero() {
		text += ", until " + untilText(h.Until)
	}
	return text
}

func findingLines(in string, p reconcile.Plan, of func(spec.Severity) bool) []string {
	var lines []string
	for _, f := range p.Findings {
		if !of(f.Severity) {
			continue
		}
		where := strings.TrimSuffix(strings.TrimSpace(spec.Finding{Path: f.Path, File: f.File, Line: f.Line}.String()), ":")
		text := escape(f.Message)
		if where != "" {
			text = code(where) + " " + text
		}
		if f.Code != "" {
			text += " (" + escape(f.Code) + ")"
		}
		lines = append(lines, in+text+"\n")
	}
	return lines
}

// changes writes the table.
func (c *comment) changes(p reconcile.Plan, place int) {
	var rows []string
	for _, ch := range p.Changes {
		sign, _ := symbol(ch)
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |\n", code(sign), escape(string(ch.Action)), cellCode(ch.Addr.String()), escape(ch.Effect)))
	}
	c.add(section{
		rank: rankChanges, place: place, rows: rows, what: "change",
		head: "\n| | action | what | effect on events |\n|---|---|---|---|\n",
	})
}

// details writes what is folded: each change in full, what is held in full,
// capacity term by term, and what is worth knowing.
func (c *comment) details(p reconcile.Plan, place int) {
	var changes, held, capacity []string
	for _, ch := range p.Changes {
		one := page{}
		one.change(ch)
		changes = append(changes, one.b.String())
	}
	for _, h := range p.Held {
		one := page{}
		one.heldOne(h)
		held = append(held, one.b.String())
	}
	if !quiet(p) {
		for _, n := range p.Needs {
			one := page{}
			one.need(n)
			one.terms(n)
			capacity = append(capacity, one.b.String())
		}
	}
	c.fold(section{rank: rankDetails, place: place, rows: changes, between: "\n", what: "detail"}, "Details of "+count(len(changes), "change"))
	c.fold(section{rank: rankDetails, place: place, rows: held, between: "\n", what: "detail"}, fmt.Sprintf("Details of %d held", len(held)))
	c.fold(section{rank: rankCapacity, place: place, rows: capacity, what: "function"}, "Concurrency: shards x mappings x parallelization factor")
	infos := findingLines("- ", p, func(s spec.Severity) bool { return s != spec.Error && s != spec.Warning })
	c.add(section{
		rank: rankInfos, place: place, rows: infos, what: "info",
		head: fmt.Sprintf("\n<details><summary>Worth knowing (%d)</summary>\n\n", len(infos)), foot: "\n</details>\n",
	})
}

// quiet says whether a plan has nothing but infos to show.
func quiet(p reconcile.Plan) bool {
	found := summarize(p).Findings
	return p.Empty() && len(p.Held)+found.Error+found.Warning == 0
}

// takesLess says whether a mapping reads less after a change, or something goes.
func takesLess(c reconcile.Change) bool {
	before, after := as[*reconcile.Mapping](c.Before), as[*reconcile.Mapping](c.After)
	switch {
	case c.Action == reconcile.Delete:
		return true
	case before == nil || after == nil || !before.Enabled:
		return false
	case !after.Enabled:
		return true
	case before.FiltersUnknown || after.FiltersUnknown:
		return !after.FiltersUnknown && len(after.Filters) > 0
	}
	return narrower(before.Filters, after.Filters)
}

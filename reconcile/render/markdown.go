package render

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// MarkdownLimit is how many bytes a plan for a comment has unless told: GitHub
// refuses a comment of more than 65,536 characters, GitLab one of 1,000,000.
const MarkdownLimit = 65_000

// MarkdownOptions say how long a comment may be.
type MarkdownOptions struct {
	Limit int // in bytes, at least 2,000; 0 is [MarkdownLimit]
}

// Markdown writes plans, one for each account and region, as one comment for a
// pull request: what becomes of what first, then what needs a person, then a
// table of changes with their effect on events, and the details folded.
//
// What does not fit is left out by whole lines and blocks, the details first,
// and the end says how much. Nothing that comes from documents or from AWS is
// taken for Markdown or HTML, or mentions anybody.
func Markdown(w io.Writer, plans []reconcile.Plan, o MarkdownOptions) error {
	limit := max(o.Limit, minMarkdown)
	if o.Limit == 0 {
		limit = MarkdownLimit
	}
	c := comment{left: limit - reserve, cut: map[string]int{}}
	c.put(title(plans))
	places := plans
	for i, p := range plans {
		if !c.put(headline(p, len(plans) > 1)) {
			c.cut["plan"] += len(plans) - i
			places = plans[:i]
			break
		}
	}
	for _, p := range places {
		c.attention(p)
	}
	for _, p := range places {
		c.changes(p)
	}
	for _, p := range places {
		c.details(p)
	}
	c.closing()
	if _, err := io.WriteString(w, c.b.String()); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

const (
	minMarkdown = 2000
	reserve     = 400 // for what the end says
)

// comment collects whole pieces as long as they fit.
type comment struct {
	b    strings.Builder
	left int
	cut  map[string]int // what did not fit, by what it is
}

// put writes a piece if it fits.
func (c *comment) put(piece string) bool {
	if len(piece) > c.left {
		return false
	}
	c.left -= len(piece)
	c.b.WriteString(piece)
	return true
}

// list writes a heading and as many lines as fit, or nothing.
func (c *comment) list(heading string, lines []string, what string) {
	for i, line := range lines {
		if i == 0 {
			line = heading + line
		}
		if !c.put(line) {
			c.cut[what] += len(lines) - i
			break
		}
	}
}

func title(plans []reconcile.Plan) string {
	changes, held, errs := 0, 0, 0
	for _, p := range plans {
		changes, held, errs = changes+len(p.Changes), held+len(p.Held), errs+summarize(p).Findings.Error
	}
	text := "no changes"
	if changes > 0 {
		text = count(changes, "change")
	}
	if held > 0 {
		text += fmt.Sprintf(", %d held", held)
	}
	if errs > 0 {
		text += ", " + count(errs, "error")
	}
	return "### eventrouting plan: " + text + "\n"
}

// headline is the closing line of the plan as text, and where it is.
func headline(p reconcile.Plan, several bool) string {
	page := page{}
	page.closing(p)
	where := code(p.Region)
	if p.Account != "" {
		where += " of account " + code(p.Account)
	}
	if !several && p.Region == "" {
		return "\n" + escape(page.b.String()) + "\n"
	}
	return "\n" + where + ": " + escape(strings.TrimSpace(page.b.String())) + "\n"
}

// attention writes what needs a person: what may lose events, errors, warnings,
// and what is held.
func (c *comment) attention(p reconcile.Plan) {
	var loses []string
	for _, ch := range p.Changes {
		if strings.Contains(ch.Effect, "lose events") {
			loses = append(loses, fmt.Sprintf("- %s %s: %s\n", escape(string(ch.Action)), code(ch.Addr.String()), escape(ch.Effect)))
		}
	}
	c.list("\n**May lose events**\n\n", loses, "change")
	for _, s := range []struct {
		severity spec.Severity
		title    string
	}{{spec.Error, "Errors"}, {spec.Warning, "Warnings"}} {
		c.list("\n**"+s.title+"**\n\n", findingLines(p, s.severity), "finding")
	}
	var held []string
	for _, h := range p.Held {
		line := fmt.Sprintf("- %s %s (%s): %s", escape(string(h.Action)), code(h.Addr.String()), escape(string(h.Why)), escape(orElse(h.Reason, whyText(h.Why))))
		if !h.Until.IsZero() {
			line += ", until " + untilText(h.Until)
		}
		held = append(held, line+"\n")
	}
	c.list("\n**Held: wanted and not allowed yet**\n\n", held, "held change")
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func findingLines(p reconcile.Plan, s spec.Severity) []string {
	var lines []string
	for _, f := range p.Findings {
		if f.Severity != s {
			continue
		}
		where := ""
		if at := (spec.Finding{Path: f.Path, File: f.File, Line: f.Line}).String(); at != "" {
			where = code(strings.TrimSuffix(strings.TrimSpace(at), ":")) + " "
		}
		lines = append(lines, fmt.Sprintf("- %s%s (%s)\n", where, escape(f.Message), escape(f.Code)))
	}
	return lines
}

// changes writes the table.
func (c *comment) changes(p reconcile.Plan) {
	var rows []string
	for _, ch := range p.Changes {
		sign, _ := symbol(ch)
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |\n", code(sign), cell(escape(string(ch.Action))), cell(code(ch.Addr.String())), cell(escape(ch.Effect))))
	}
	c.list("\n| | action | what | effect on events |\n|---|---|---|---|\n", rows, "change")
}

// details writes what is folded: each change in full, the capacity, and what is
// worth knowing.
func (c *comment) details(p reconcile.Plan) {
	var blocks []string
	for i, ch := range p.Changes {
		one := page{}
		if i > 0 {
			one.line(0)
		}
		one.change(ch)
		blocks = append(blocks, one.b.String())
	}
	c.fold(fmt.Sprintf("Details of %s", count(len(p.Changes), "change")), blocks, "detail")
	needs := page{}
	needs.needs(p.Needs)
	if len(p.Needs) > 0 {
		c.fold("Concurrency", []string{needs.b.String()}, "detail")
	}
	infos := findingLines(p, spec.Info)
	if len(infos) == 0 {
		return
	}
	const end = "\n</details>\n"
	heading := fmt.Sprintf("\n<details><summary>Worth knowing (%d)</summary>\n\n", len(infos))
	c.within(heading, end, infos, "finding")
}

// fold writes blocks of plain text in one folded, fenced block.
func (c *comment) fold(summary string, blocks []string, what string) {
	if len(blocks) == 0 {
		return
	}
	fence := strings.Repeat("`", max(3, longest(strings.Join(blocks, ""), '`')+1))
	c.within("\n<details><summary>"+summary+"</summary>\n\n"+fence+"\n", fence+"\n</details>\n", blocks, what)
}

// within writes as many pieces as fit between a beginning and an end, which are
// written both or not at all.
func (c *comment) within(begin, end string, pieces []string, what string) {
	if len(begin)+len(end)+len(pieces[0]) > c.left {
		c.cut[what] += len(pieces)
		return
	}
	c.put(begin)
	c.left -= len(end)
	for i, piece := range pieces {
		if !c.put(piece) {
			c.cut[what] += len(pieces) - i
			break
		}
	}
	c.left += len(end)
	c.put(end)
}

// closing says what was left out.
func (c *comment) closing() {
	var parts []string
	for _, what := range []string{"plan", "finding", "held change", "change", "detail"} {
		if n := c.cut[what]; n > 0 {
			parts = append(parts, count(n, what))
		}
	}
	if len(parts) > 0 {
		c.left += reserve
		c.put("\n_Cut to fit a comment: " + strings.Join(parts, ", ") + " not shown. `eventrouting plan` shows everything._\n")
	}
}

// code is text as a code span: nothing in it is Markdown.
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

// cell is a piece of Markdown for a table, where a bar ends a cell even in code.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

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

// escape is text as prose: no Markdown, no HTML, and no mention, reference or
// address that sites make links of.
func escape(s string) string {
	s = clean(oneLine(s))
	var b strings.Builder
	if begins.MatchString(s) {
		b.WriteString(unlinked)
	}
	for i, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '@' || r == '#':
			b.WriteRune(r)
			b.WriteString(unlinked)
		case r == ':' && strings.HasPrefix(s[i:], "://"), r == '.' && strings.HasSuffix(strings.ToLower(s[:i]), "www"):
			b.WriteString(unlinked)
			b.WriteRune(r)
		case strings.ContainsRune(special, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unlinked is a space of no width, as an entity.
const unlinked = "&#8203;"

// begins is what makes a list of a line, or a title of the one above.
var begins = regexp.MustCompile(`^([-+=]|\d+[.)])`)

// special are the characters that make Markdown of prose. A bar is left to cell.
const special = "\\`*_{}[]()!~$"

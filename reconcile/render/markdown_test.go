package render_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

// failer is what a test and a rapid check have in common.
type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func markdown(t failer, limit int, plans ...reconcile.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := render.Markdown(&b, plans, render.MarkdownOptions{Limit: limit}); err != nil {
		t.Fatalf("%v", err)
	}
	return b.String()
}

// TestMarkdown writes every plan of the package's golden tests as Markdown.
func TestMarkdown(t *testing.T) {
	for name, p := range plans() {
		t.Run(name, func(t *testing.T) {
			got := markdown(t, 0, p)
			golden(t, name+".md", []byte(got))
			whole(t, got)
		})
	}
}

func in(account, region string, p reconcile.Plan) reconcile.Plan {
	p.Account, p.Region = account, region
	return p
}

// Several places are one comment: what needs a person first, whichever it is
// about, then place by place. A quiet one is a line.
func TestMarkdownOfPlaces(t *testing.T) {
	all := plans()
	const one, other = "111122223333", "444455556666"
	got := markdown(t, 0,
		in(one, "eu-west-1", all["create"]), in(one, "us-east-1", all["empty"]), in(other, "eu-west-1", all["findings"]),
		in("", "", all["retire"]), in(other, "us-west-2", all["held"]))
	golden(t, "places.md", []byte(got))
	whole(t, got)
	golden(t, "quiet.md", []byte(markdown(t, 0, in(one, "eu-west-1", all["empty"]), in(one, "us-east-1", all["empty"]))))
}

// wide is a plan that does not fit any comment.
func wide(changes, findings int) reconcile.Plan {
	p := reconcile.Plan{Account: "111122223333", Region: "eu-west-1"}
	for i := range changes {
		p.Changes = append(p.Changes, createMapping(fmt.Sprintf("route-%04d", i), nil, fmt.Sprintf("Event%04d", i)))
	}
	for i := range findings {
		s := []spec.Severity{spec.Info, spec.Warning, spec.Error}[i%3]
		p.Findings = append(p.Findings, spec.Finding{Severity: s, Code: "foreign", Message: fmt.Sprintf("finding %04d", i)})
	}
	p.Needs = []reconcile.Need{need(function, new(16), new(32), fourTerms(8)...)}
	return p
}

func TestMarkdownIsCut(t *testing.T) {
	for _, c := range []struct {
		name              string
		limit             int
		changes, findings int
		want              []string
		cut               string
	}{
		{"nothing", 0, 40, 9, []string{"route-0039", "Event0039", "finding 0006"}, ""},
		{"details", 10_000, 40, 9, []string{"40 to create", "finding 0007", "orders/route-0039` |"}, "25 details, 1 function, 3 infos"},
		{"then changes", 4000, 40, 9, []string{"40 to create", "16 -> 32", "finding 0008", "finding 0007"}, "12 changes, 40 details, 1 function, 3 infos"},
		{"then warnings, then errors", 2000, 40, 900, []string{"40 to create", "16 -> 32", "Found: 300 errors, 300 warnings, 300 info", "finding 0002"}, "247 errors, 300 warnings, 40 changes, 40 details, 1 function, 300 infos"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := markdown(t, c.limit, wide(c.changes, c.findings))
			whole(t, got)
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("no %q in\n%.4000s", w, got)
				}
			}
			_, cut, _ := strings.Cut(got, "_Cut to fit a comment: ")
			cut, _, _ = strings.Cut(cut, " not shown.")
			if cut != c.cut {
				t.Errorf("cut %q, want %q", cut, c.cut)
			}
		})
	}
	golden(t, "cut.md", []byte(markdown(t, 3000, wide(20, 9), in("111122223333", "us-east-1", plans()["retire"]))))
}

// A row that is longer than the comment does not keep shorter ones out.
func TestMarkdownOfLongRows(t *testing.T) {
	p := wide(3, 0)
	p.Changes[1].Effect = strings.Repeat("long | and ", 10_000)
	p.Findings = []spec.Finding{{Severity: spec.Error, Message: strings.Repeat("x", 100_000)}, {Severity: spec.Error, Message: "short"}}
	got := markdown(t, 0, p)
	whole(t, got)
	for _, w := range []string{"- short\n", "orders/route-0002` |", "1 error, 1 change, 1 detail not shown"} {
		if !strings.Contains(got, w) {
			t.Errorf("no %q in\n%.2000s", w, got)
		}
	}
}

// The counts stay when there is room for little else: hundreds of reservations, or
// a region that is none.
func TestMarkdownKeepsItsCounts(t *testing.T) {
	p := wide(3, 3)
	for i := range 900 {
		p.Needs = append(p.Needs, need(fmt.Sprintf("function-%03d", i), new(1), new(2)))
	}
	p.Region = strings.Repeat("region`", 1000)
	got := markdown(t, 2000, p)
	whole(t, got)
	if want := "Plan: 3 to create, 0 to update, 0 to retire. Found: 1 error, 1 warning, 1 info."; !strings.Contains(got, want) || len(got) > 2000 {
		t.Errorf("%d bytes, and no %q in\n%s", len(got), want, got)
	}
}

// What takes less than before is shown before the table, whatever its effect
// says.
func TestMarkdownShowsWhatTakesLess(t *testing.T) {
	where := func(country string) string {
		return `{"data":{"eventType":["A"],"country":["` + country + `"]}}`
	}
	not := func(names string) string { return `{"data":{"eventType":[{"anything-but":[` + names + `]}]}}` }
	for _, c := range []struct {
		name          string
		before, after []string
		less          bool
	}{
		{"a type more", []string{types("A")}, []string{types("A", "B")}, false},
		{"a type less", []string{types("A", "B")}, []string{types("A")}, true},
		{"another type", []string{types("A")}, []string{types("B")}, true},
		{"everything", []string{types("A")}, nil, false},
		{"no longer everything", nil, []string{types("A")}, true},
		{"the rest without one more", []string{not(`"A"`)}, []string{not(`"A","B"`)}, true},
		{"the rest with one more", []string{not(`"A","B"`)}, []string{not(`"A"`)}, false},
		{"a condition", []string{types("A")}, []string{where("DE")}, true},
		{"a pattern more", []string{where("DE")}, []string{where("DE"), types("B")}, false},
		{"a pattern less", []string{where("DE"), types("B")}, []string{types("B")}, true},
		{"written differently", []string{types("A", "B")}, []string{types("A"), types("B")}, false},
		{"not understood", []string{`{"data":`}, []string{types("A")}, true},
	} {
		before := live("payments", c.before...)
		change := update(before, edited(before, func(m *reconcile.Mapping) { m.Filters = c.after }), "payments", "")
		got := markdown(t, 0, reconcile.Plan{Changes: []reconcile.Change{change}})
		if strings.Contains(got, "**Takes less than before") != c.less {
			t.Errorf("%s:\n%s", c.name, got)
		}
	}
}

// hostile is text that tries to get out of where it stands.
func hostile() *rapid.Generator[string] {
	return rapid.OneOf(anyText(), rapid.SampledFrom([]string{
		"plain", "</details>", "<img src=x onerror=alert(1)>", "<!--", "-->", "&lt;script&gt;", "&#64;team", "| a | b |", `\|`, `\`, "|",
		"`", "``", "``` \n# title", "~~~", strings.Repeat("`", 50), "*x* _y_ ~z~", "$x$", "$`x`$", "- x", "1. x", "> x", "---", "===", "# x", "+ x",
		"@team", "@@team", "a@b.example", "mailto:a@b.example", "#123", "a/b#1", "GH-12", "!12", "~label", "%v1", "&7", "^alert#3", "$45",
		"https://evil.example", "ftp://x", "://", "www.evil.example", "WWW.evil.example", "[x](y)", "![x](y)", "[x]: y", "[^1]", "[ ]", "[epic:4]",
		":smile:", ":a:b:c:", ":+1:", ":-1:", ":100:", "{+ x +}", "[- x -]", "/close", "a\nb\n\n- c", "\u202egnp", "\u200b@team", "\x1b[31m", "\xff\xfe", "\r",
		strings.Repeat("long ", 400),
	}))
}

func hostilePlan() *rapid.Generator[reconcile.Plan] {
	return rapid.Custom(func(t *rapid.T) reconcile.Plan {
		draw := func(what string) string { return hostile().Draw(t, what) + hostile().Draw(t, what) }
		p := anyPlan().Draw(t, "plan")
		p.Region, p.Account = draw("region"), draw("account")
		for range rapid.IntRange(0, 8).Draw(t, "changes") {
			m := &reconcile.Mapping{Key: reconcile.Key{Stream: "s", Function: "f", Qualifier: draw("qualifier")}, Filters: []string{draw("filter")}, OnFailure: draw("destination")}
			c := reconcile.Change{Action: reconcile.Create, Addr: reconcile.Addr{Kind: reconcile.KindMapping, Name: draw("name")}, After: m, Reason: draw("reason"), Effect: draw("effect")}
			if rapid.Bool().Draw(t, "update") {
				before := *m
				before.Enabled = true
				c.Action, c.Before = reconcile.Update, &before
			}
			p.Changes = append(p.Changes, c)
		}
		for range rapid.IntRange(0, 4).Draw(t, "held") {
			c := reconcile.Change{Action: reconcile.Raise, Addr: reconcile.Addr{Kind: reconcile.KindReservation, Name: draw("name")}, Reason: draw("reason")}
			p.Held = append(p.Held, reconcile.Held{Change: c, Why: reconcile.WhyShortage, Until: anyTime().Draw(t, "until")})
		}
		for range rapid.IntRange(0, 6).Draw(t, "findings") {
			p.Findings = append(p.Findings, spec.Finding{
				Severity: rapid.SampledFrom([]spec.Severity{spec.Error, spec.Warning, spec.Info}).Draw(t, "severity"),
				Code:     draw("code"), Message: draw("message"), Path: draw("path"), File: draw("file"), Line: 3,
			}, spec.Finding{Severity: spec.Error, Message: draw("message")})
		}
		p.Needs = append(p.Needs, reconcile.Need{Function: draw("function"), Reserved: new(1), After: new(2), Terms: []reconcile.Term{{What: "mapping", Name: draw("term"), Value: 1}}})
		return p
	})
}

// Whatever plans say, the comment is within its limit, whole, and the same again.
func TestAnyPlanAsMarkdown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plans := rapid.SliceOfN(hostilePlan(), 0, 3).Draw(t, "plans")
		limit := rapid.SampledFrom([]int{-1, 2000, 3000, 10_000, 65_000}).Draw(t, "limit")
		got := markdown(t, limit, plans...)
		if len(got) > max(limit, 2000) {
			t.Fatalf("%d bytes, the limit is %d", len(got), limit)
		}
		if again := markdown(t, limit, plans...); again != got {
			t.Fatalf("not the same again:\n%s\n%s", got, again)
		}
		whole(t, got)
	})
}

// FuzzMarkdown puts one text wherever a text can be.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{"orders", "</details>", "`|`", "@team #1 www.x.example", ":a:b:", "a\n\n```\n", "\u202e", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m := live(s, s, types(s))
		m.Tags = map[string]string{s: s}
		c := update(m, edited(m, func(m *reconcile.Mapping) { m.Filters, m.OnFailure = []string{s}, s }), s, s)
		p := reconcile.Plan{
			Account: s, Region: s, Changes: []reconcile.Change{c, {Action: reconcile.Action(s), Addr: reconcile.Addr{Kind: reconcile.Kind(s), Name: s}, Effect: s}},
			Held: []reconcile.Held{hold(c, reconcile.Why(s), s)}, Needs: []reconcile.Need{need(s, nil, new(1), reconcile.Term{What: s, Name: s, Value: 1})},
		}
		for _, severity := range []spec.Severity{spec.Error, spec.Warning, spec.Info} {
			p.Findings = append(p.Findings, spec.Finding{Severity: severity, Code: s, Message: s, Path: s, File: s})
		}
		for _, limit := range []int{0, 2000} {
			got := markdown(t, limit, p, p)
			if len(got) > max(limit, render.MarkdownLimit) {
				t.Fatalf("%d bytes", len(got))
			}
			whole(t, got)
		}
	})
}

// shapes are the lines that there are outside of code blocks, with code spans as
// CODE. What comes from outside is never at the beginning of one.
var shapes = regexp.MustCompile(`^(|### eventrouting plan: .*|(CODE|account CODE|CODE of account CODE|plan \d+): (Plan|No changes).*|(Plan: |No changes\.).*` +
	`|#### (CODE|account CODE|CODE of account CODE|plan \d+)|\*\*[A-Z][a-z ,:]+\*\*|- .*|_Cut to fit a comment: .* shows everything\._` +
	`|\| \| action \| what \| effect on events \||\|---\|---\|---\|---\||\| CODE \|.*\|` +
	`|<details><summary>[A-Z][a-z0-9 ():]+</summary>|</details>)$`)

// traps are what sites make something of outside of code.
var traps = regexp.MustCompile(`(?i)<[a-z/!?]|@\w|#\w|\w://|www\.|gh-\d|[!&$^%~]\d|~\w|%\w|:[a-z]+:|:\+1:|:100:|\{\+|\[-|(^|[^\\])[\[\]]|[^\\]~~`)

// nested is a list, a quote or a title within an item of a list.
var nested = regexp.MustCompile(`^- ([-+=>*]|#+ |\d+[.)])`)

// whole checks that a comment is one: folds and fences are balanced, rows have
// their cells, and outside of code nothing of theirs is read as anything but
// text.
func whole(t failer, text string) {
	t.Helper()
	if !utf8.ValidString(text) || !strings.HasSuffix(text, "\n") {
		t.Fatalf("%q is not text", text)
	}
	fence, open := "", 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.ContainsFunc(line, func(r rune) bool { return !strconv.IsPrint(r) }) {
			t.Fatalf("not printable: %q", line)
		}
		switch {
		case fence != "" && line == fence:
			fence = ""
			continue
		case fence != "":
			if line != "" && !strings.HasPrefix(line, "  ") || strings.Contains(line, fence) {
				t.Fatalf("%q is within the fence %s", line, fence)
			}
			continue
		case strings.HasPrefix(line, "```") && strings.Trim(line, "`") == "":
			fence = line
			continue
		}
		prose := withoutCode(line)
		if !shapes.MatchString(prose) {
			t.Fatalf("what is line %q?", line)
		}
		open += strings.Count(line[:min(len(line), 9)], "<details>") - strings.Count(line[:min(len(line), 10)], "</details>")
		switch {
		case open < 0 || open > 1:
			t.Fatalf("folds are not balanced at %q", line)
		case strings.HasPrefix(line, "<"):
			continue
		case strings.HasPrefix(line, "|") && strings.Count(line, "|") != 5:
			t.Fatalf("%d bars in row %q", strings.Count(line, "|"), line)
		}
		seen := strings.NewReplacer("&#8203;", "\u200b", "&#124;", "|", "&amp;", "&", "&lt;", "\ufffc").Replace(prose)
		if nested.MatchString(seen) {
			t.Fatalf("a list or a title within %q", line)
		}
		if m := traps.FindString(strings.TrimPrefix(seen, "### ")); m != "" {
			t.Fatalf("%q in %q", m, line)
		}
	}
	if fence != "" || open != 0 {
		t.Fatalf("a fence or a fold is open at the end of\n%s", text)
	}
}

// withoutCode takes the code spans out of a line, as CommonMark finds them: a run
// of backticks up to the next run of the same length.
// https://spec.commonmark.org/0.31.2/#code-spans
func withoutCode(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); {
		n := leading(line[i:], '`')
		switch {
		case line[i] == '\\' && i+1 < len(line):
			b.WriteString(line[i : i+2])
			i += 2
			continue
		case n == 0:
			b.WriteByte(line[i])
			i++
			continue
		}
		end := i + n
		for end < len(line) {
			m := leading(line[end:], '`')
			if m == n {
				break
			}
			end += max(m, 1)
		}
		if end >= len(line) {
			b.WriteString(line[i : i+n])
			i += n
			continue
		}
		b.WriteString("CODE")
		i = end + n
	}
	return b.String()
}

func leading(s string, b byte) int {
	n := 0
	for n < len(s) && s[n] == b {
		n++
	}
	return n
}

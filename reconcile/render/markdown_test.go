package render_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

func markdown(t testing.TB, limit int, plans ...reconcile.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := render.Markdown(&b, plans, render.MarkdownOptions{Limit: limit}); err != nil {
		t.Fatal(err)
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

// hostile is text that tries to get out of where it stands.
func hostile() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		"plain", "</details>", "<img src=x onerror=alert(1)>", "| a | b |", "`", "``` \n# title", "~~~", "@team", "#123", "https://evil.example",
		"www.evil.example", "[x](y)", "![x](y)", "a\nb\n\n- c", "\u202egnp", "\x1b[31m", "\xff\xfe", "&lt;script&gt;", "*x* _y_ ~z~", "$x$", "\\", "",
		strings.Repeat("long ", 400), strings.Repeat("`", 50),
	})
}

// whole checks that a comment is one: the folds are balanced and outside of
// code nothing of theirs is HTML, a link, a mention or a table row too many.
func whole(t interface {
	Helper()
	Errorf(string, ...any)
}, text string,
) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("no UTF-8")
	}
	var prose strings.Builder
	fence := ""
	open := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch run := leading(line, '`'); {
		case fence != "":
			if line == fence {
				fence = ""
			}
			continue
		case run >= 3 && !strings.Contains(line[run:], "`"): // else a code span
			fence = line
			continue
		case strings.HasPrefix(line, "<details><summary>"):
			open++
			continue
		case line == "</details>":
			open--
			continue
		}
		if open < 0 || open > 1 {
			t.Errorf("folds are not balanced at %q", line)
		}
		spans := withoutCode(line)
		spans = strings.ReplaceAll(spans, "&#8203;", "\u200b")
		if strings.HasPrefix(line, "|") {
			if n := strings.Count(spans, "|") - strings.Count(spans, `\|`); n != 5 {
				t.Errorf("%d bars in row %q", n, line)
			}
		}
		prose.WriteString(spans + "\n")
	}
	if fence != "" || open != 0 {
		t.Errorf("a fence or a fold is open at the end")
	}
	for _, bad := range []string{`<[a-zA-Z/!]`, `@\w`, `#\d`, `\w://`, `(?i)www\.`, `(^|[^\\])\]\(`, `(^|[^\\])!\[`} {
		if m := regexp.MustCompile(bad).FindString(prose.String()); m != "" {
			t.Errorf("%q matches %s in\n%s", m, bad, prose.String())
		}
	}
}

// withoutCode takes the code spans out of a line, as CommonMark finds them: a run
// of backticks up to the next run of the same length.
// https://spec.commonmark.org/0.31.2/#code-spans
func withoutCode(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); {
		switch {
		case line[i] == '\\' && i+1 < len(line):
			b.WriteString(line[i : i+2])
			i += 2
			continue
		case line[i] != '`':
			b.WriteByte(line[i])
			i++
			continue
		}
		n := leading(line[i:], '`')
		end := -1
		for k := i + n; k < len(line); {
			if line[k] != '`' {
				k++
				continue
			}
			m := leading(line[k:], '`')
			if m == n {
				end = k
				break
			}
			k += m
		}
		if end < 0 {
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

// TestMarkdownHolds draws plans of hostile texts: whatever they say, the comment
// is within its limit and whole.
func TestMarkdownHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string) string {
			return hostile().Draw(t, what) + hostile().Draw(t, what)
		}
		var plans []reconcile.Plan
		for range rapid.IntRange(1, 3).Draw(t, "plans") {
			var p reconcile.Plan
			p.Region, p.Account = draw("region"), draw("account")
			for range rapid.IntRange(0, 12).Draw(t, "changes") {
				m := &reconcile.Mapping{Key: reconcile.Key{Stream: "s", Function: "f", Qualifier: draw("qualifier")}, Filters: []string{draw("filter")}, OnFailure: draw("destination")}
				p.Changes = append(p.Changes, reconcile.Change{Action: reconcile.Create, Addr: reconcile.Addr{Kind: reconcile.KindMapping, Name: draw("name")}, After: m, Reason: draw("reason"), Effect: draw("effect")})
			}
			for range rapid.IntRange(0, 5).Draw(t, "held") {
				p.Held = append(p.Held, reconcile.Held{Change: reconcile.Change{Action: reconcile.Raise, Addr: reconcile.Addr{Kind: reconcile.KindReservation, Name: draw("name")}, Reason: draw("reason")}, Why: reconcile.WhyShortage})
			}
			for range rapid.IntRange(0, 8).Draw(t, "findings") {
				p.Findings = append(p.Findings, spec.Finding{
					Severity: rapid.SampledFrom([]spec.Severity{spec.Error, spec.Warning, spec.Info}).Draw(t, "severity"),
					Code:     draw("code"), Message: draw("message"), Path: draw("path"), File: draw("file"), Line: 3,
				})
			}
			plans = append(plans, p)
		}
		limit := rapid.SampledFrom([]int{2000, 3000, 10_000, 65_000}).Draw(t, "limit")
		var b bytes.Buffer
		if err := render.Markdown(&b, plans, render.MarkdownOptions{Limit: limit}); err != nil {
			t.Fatal(err)
		}
		if b.Len() > limit {
			t.Fatalf("%d bytes, the limit is %d", b.Len(), limit)
		}
		whole(t, b.String())
	})
}

// TestMarkdownIsCut shows the order in which a plan is cut: details, changes,
// findings; the summary stays, and the end says what is missing.
func TestMarkdownIsCut(t *testing.T) {
	var p reconcile.Plan
	p.Region = "eu-west-1"
	for i := range 200 {
		p.Changes = append(p.Changes, reconcile.Change{
			Action: reconcile.Create, Addr: reconcile.Addr{Kind: reconcile.KindMapping, Name: fmt.Sprintf("orders/route-%d", i)},
			After: &reconcile.Mapping{Key: reconcile.Key{Stream: "s", Function: "f"}}, Effect: "starts at once",
		})
	}
	p.Findings = []spec.Finding{{Severity: spec.Error, Code: "foreign", Message: "somebody else has it"}}
	for limit, want := range map[string][]string{
		"2000":  {"200 to create", "somebody else has it", "not shown", "200 details"},
		"65000": {"200 to create", "somebody else has it", "orders/route-199"},
	} {
		n := 0
		if _, err := fmt.Sscan(limit, &n); err != nil {
			t.Fatal(err)
		}
		text := markdown(t, n, p)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("limit %s: no %q in\n%.3000s", limit, w, text)
			}
		}
		if len(text) > n {
			t.Errorf("limit %s: %d bytes", limit, len(text))
		}
	}
}

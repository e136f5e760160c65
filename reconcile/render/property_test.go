package render_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "orders", "a\x1b[2Jb", "\n+ create", "\u009b31m", "\u202e", "\xff\xfe", "\x7f", "\U000e0041", "<&>"}),
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
}

func anyPattern() *rapid.Generator[string] {
	return rapid.OneOf(anyText(), rapid.Custom(func(t *rapid.T) string {
		leaf := rapid.SampledFrom([]any{
			"A", "B", "7", 7, true, nil, map[string]any{"prefix": "x"}, map[string]any{"anything-but": []any{"A", 1}},
			map[string]any{"exists": false}, map[string]any{"numeric": []any{">", 1}}, map[string]any{"numeric": []any{1}}, []any{}, map[string]any{},
		})
		object := map[string]any{}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"data", "eventType", "$or", "a.b", "\x1b"}), 0, 3).Draw(t, "names") {
			object[name] = rapid.SliceOfN(leaf, 0, 4).Draw(t, "leaves")
		}
		b, err := json.Marshal(map[string]any{"data": object})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}))
}

func anyTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), 0)
	})
}

func anyInt() *rapid.Generator[int] { return rapid.IntRange(-2, 200) }

func anyObject() *rapid.Generator[reconcile.Object] {
	return rapid.Custom(func(t *rapid.T) reconcile.Object {
		text := anyText()
		tags := rapid.MapOfN(text, text, 0, 2)
		switch rapid.IntRange(0, 5).Draw(t, "type") {
		case 0:
			return nil
		case 1:
			return &reconcile.Alias{
				Key: reconcile.AliasKey{Function: text.Draw(t, "function"), Name: text.Draw(t, "name")}, Version: text.Draw(t, "version"),
				Weights: rapid.MapOfN(text, rapid.Float64Range(0, 1), 0, 2).Draw(t, "weights"), Description: text.Draw(t, "description"),
			}
		case 2:
			return &reconcile.Consumer{Key: reconcile.ConsumerKey{Stream: text.Draw(t, "stream")}, Tags: tags.Draw(t, "tags")}
		case 3:
			return &reconcile.Reservation{Function: text.Draw(t, "function"), Reserved: anyInt().Draw(t, "reserved")}
		case 4:
			return (*reconcile.Mapping)(nil)
		}
		return &reconcile.Mapping{
			Key:     reconcile.Key{Stream: text.Draw(t, "stream"), Function: text.Draw(t, "function"), Qualifier: text.Draw(t, "qualifier")},
			Enabled: rapid.Bool().Draw(t, "enabled"), FiltersUnknown: rapid.Bool().Draw(t, "unknown"),
			Filters:   rapid.SliceOfN(anyPattern(), 0, 4).Draw(t, "filters"),
			BatchSize: anyInt().Draw(t, "batch"), OnFailure: text.Draw(t, "failure"), Metrics: rapid.SliceOfN(text, 0, 2).Draw(t, "metrics"),
			Start: reconcile.Start{At: anyTime().Draw(t, "start")}, Tags: tags.Draw(t, "tags"), Modified: anyTime().Draw(t, "modified"),
		}
	})
}

func anyChange() *rapid.Generator[reconcile.Change] {
	return rapid.Custom(func(t *rapid.T) reconcile.Change {
		kind := rapid.OneOf(rapid.SampledFrom([]reconcile.Kind{"alias", "consumer", "reservation", "mapping"}), rapid.Map(anyText(), func(s string) reconcile.Kind { return reconcile.Kind(s) }))
		action := rapid.SampledFrom([]reconcile.Action{"create", "register", "update", "retire", "revive", "raise", "lower", "delete", "\x1bnew"})
		addr := rapid.Custom(func(t *rapid.T) reconcile.Addr {
			return reconcile.Addr{Kind: kind.Draw(t, "kind"), Name: anyText().Draw(t, "name")}
		})
		return reconcile.Change{
			Action: action.Draw(t, "action"), Addr: addr.Draw(t, "addr"),
			Before: anyObject().Draw(t, "before"), After: anyObject().Draw(t, "after"),
			Needs:  rapid.SliceOfN(addr, 0, 2).Draw(t, "needs"),
			Reason: anyText().Draw(t, "reason"), Effect: anyText().Draw(t, "effect"),
		}
	})
}

func anyPlan() *rapid.Generator[reconcile.Plan] {
	return rapid.Custom(func(t *rapid.T) reconcile.Plan {
		text := anyText()
		p := reconcile.Plan{At: anyTime().Draw(t, "at"), Changes: rapid.SliceOfN(anyChange(), 0, 3).Draw(t, "changes")}
		for _, c := range rapid.SliceOfN(anyChange(), 0, 2).Draw(t, "held") {
			p.Held = append(p.Held, reconcile.Held{Change: c, Why: reconcile.Why(text.Draw(t, "why")), Until: anyTime().Draw(t, "until")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "findings") {
			p.Findings = append(p.Findings, spec.Finding{
				Severity: rapid.SampledFrom([]spec.Severity{"error", "warning", "info", "\x1b"}).Draw(t, "severity"),
				Code:     text.Draw(t, "code"), Message: text.Draw(t, "message"), Path: text.Draw(t, "path"),
				File: text.Draw(t, "file"), Line: anyInt().Draw(t, "line"),
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "needs") {
			n := reconcile.Need{Function: text.Draw(t, "function"), Required: anyInt().Draw(t, "required")}
			n.After = rapid.Ptr(anyInt(), true).Draw(t, "after")
			for range rapid.IntRange(0, 3).Draw(t, "terms") {
				n.Terms = append(n.Terms, reconcile.Term{What: text.Draw(t, "what"), Shards: anyInt().Draw(t, "shards"), Factor: 1, Value: anyInt().Draw(t, "value")})
			}
			p.Needs = append(p.Needs, n)
		}
		return p
	})
}

// cleanText fails unless text is UTF-8 of printable characters and newlines,
// ends with one, and no line has blanks at its end.
func cleanText(t *rapid.T, text string) {
	if !utf8.ValidString(text) || !strings.HasSuffix(text, "\n") {
		t.Fatalf("%q is not text", text)
	}
	for _, r := range text {
		if r != '\n' && !strconv.IsPrint(r) {
			t.Fatalf("%q in %q", r, text)
		}
	}
}

func TestAnyPlanAsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPlan().Draw(t, "plan")
		o := render.Options{Width: rapid.IntRange(-1, 120).Draw(t, "width")}
		var once, again bytes.Buffer
		if err := render.Text(&once, p, o); err != nil {
			t.Fatal(err)
		}
		if err := render.Text(&again, p, o); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(once.String(), again.String()); diff != "" {
			t.Fatal(diff)
		}
		cleanText(t, once.String())
	})
}

func TestAnyPlanAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPlan().Draw(t, "plan")
		var b bytes.Buffer
		if err := render.JSON(&b, p); err != nil {
			t.Fatal(err)
		}
		cleanText(t, b.String())
		var got struct {
			FormatVersion string
			Changes       []struct {
				Action, Address, Reason string
				Needs                   []string
			}
			Held, Findings []struct{ Code string }
			Needs          []struct{ Terms []reconcile.Term }
			Summary        struct{ Changes, Held, Create int }
		}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		create := 0
		for i, c := range p.Changes {
			if c.Action == reconcile.Create {
				create++
			}
			if got.Changes[i].Needs == nil || got.Changes[i].Reason != strings.ToValidUTF8(c.Reason, "") && utf8.ValidString(c.Reason) {
				t.Fatalf("change %d: %+v", i, got.Changes[i])
			}
		}
		want := []int{len(p.Changes), len(p.Changes), len(p.Held), len(p.Held), len(p.Findings), len(p.Needs), create}
		have := []int{len(got.Changes), got.Summary.Changes, len(got.Held), got.Summary.Held, len(got.Findings), len(got.Needs), got.Summary.Create}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Fatal(diff)
		}
		if got.Changes == nil || got.Held == nil || got.Findings == nil || got.Needs == nil || got.FormatVersion != "1.0" {
			t.Fatalf("null in %s", b.String())
		}
		for _, n := range got.Needs {
			if n.Terms == nil {
				t.Fatal("terms are null")
			}
		}
	})
}

// lists is a filter on two fields, each with the values it may have.
type lists [][2][]string

func anyLists() *rapid.Generator[lists] {
	values := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z"}), 0, 3, rapid.ID)
	return rapid.Custom(func(t *rapid.T) lists {
		var all lists
		for range rapid.IntRange(1, 4).Draw(t, "patterns") {
			one := [2][]string{values.Draw(t, "a"), values.Draw(t, "b")}
			if len(one[0])+len(one[1]) > 0 {
				all = append(all, one)
			}
		}
		return all
	})
}

func (l lists) patterns(t *rapid.T) []string {
	var all []string
	for _, one := range l {
		fields := map[string][]string{}
		for i, name := range []string{"a", "b"} {
			if len(one[i]) > 0 {
				fields[name] = one[i]
			}
		}
		b, err := json.Marshal(map[string]any{"data": fields})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

// taken lists the events that pass, of all there are.
func (l lists) taken() string {
	var b strings.Builder
	for _, x := range []string{"x", "y", "z", "other"} {
		for _, y := range []string{"x", "y", "z", "other"} {
			for _, one := range l {
				in := func(list []string, v string) bool {
					return len(list) == 0 || strings.Contains(strings.Join(list, " "), v)
				}
				if in(one[0], x) && in(one[1], y) {
					b.WriteString(x + y + " ")
					break
				}
			}
		}
	}
	return b.String()
}

// What is said to take the same events does.
func TestSameEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := anyLists().Draw(t, "before"), anyLists().Draw(t, "after")
		if len(x) == 0 || len(y) == 0 {
			return
		}
		before := live("payments", x.patterns(t)...)
		c := update(before, edited(before, func(m *reconcile.Mapping) { m.Filters = y.patterns(t) }), "payments", "")
		var b bytes.Buffer
		if err := render.Text(&b, reconcile.Plan{Changes: []reconcile.Change{c}}, render.Options{}); err != nil {
			t.Fatal(err)
		}
		same := strings.Contains(b.String(), "written differently") || !strings.Contains(b.String(), "filterCriteria")
		if same && x.taken() != y.taken() {
			t.Fatalf("not the same:\n%v\n%v\n%s", x, y, b.String())
		}
	})
}

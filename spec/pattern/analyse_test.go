package pattern_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

func mustBuild(t testing.TB, r pattern.Route) pattern.Set {
	t.Helper()
	s, err := pattern.Build(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func lines(all []pattern.Finding) []string {
	var out []string
	for _, f := range all {
		out = append(out, fmt.Sprintf("%s, %s: %q by %q, witness %s", f.Kind, f.Class, f.Values, f.Routes, f.Witness))
	}
	return out
}

func TestAnalyse(t *testing.T) {
	where := func(s string) json.RawMessage { return json.RawMessage(s) }
	route := func(name string, where json.RawMessage, types ...string) pattern.Named {
		return pattern.Named{Name: name, Set: mustBuild(t, pattern.Route{Path: "type", Types: types, Where: where})}
	}
	rest := pattern.Named{Name: "rest", Set: mustBuild(t, pattern.Route{Path: "type", CatchAll: true, Others: []string{"A", "B"}})}
	outside := []string{
		`gap, other text: ["*"] by [], witness {"type":"other"}`,
		`gap, not text: ["boolean" "null" "number"] by [], witness {"type":null}`,
		`gap, no field: [] by [], witness {}`,
	}
	broken := `gap, not JSON: [] by [], witness not JSON`
	tests := []struct {
		name   string
		routes []pattern.Named
		want   []string
	}{
		{"complete", []pattern.Named{route("a", nil, "A"), route("b", nil, "B"), rest}, []string{broken}},
		{
			"twice and nowhere",
			[]pattern.Named{route("a", nil, "A"), route("b", nil, "A", "X")},
			[]string{
				`overlap, declared: ["A"] by ["a" "b"], witness {"type":"A"}`,
				`gap, declared: ["B"] by [], witness {"type":"B"}`, outside[0], outside[1], outside[2], broken,
			},
		},
		{
			"conditions that exclude each other and leave nothing",
			[]pattern.Named{
				route("small", where(`{"n":[{"numeric":["<",10]}]}`), "A"),
				route("large", where(`{"n":[{"numeric":[">=",10]}]}`), "A"),
				route("unclear", where(`{"n":["?",null,true,false,{"exists":false}]}`), "A"), route("b", nil, "B"), rest,
			},
			[]string{broken, `may drop, declared: ["A"] by ["small" "large" "unclear"], witness {"n":"other","type":"A"}`},
		},
		{
			"conditions that leave next to nothing",
			[]pattern.Named{
				route("small", where(`{"n":[{"numeric":["<",10]}]}`), "A"),
				route("large", where(`{"n":[{"numeric":[">=",10]}]}`), "A"),
				route("text", where(`{"n":[{"prefix":""}]}`), "A"),
				route("odd", where(`{"n":[null,true,false,{"exists":false}]}`), "A"), route("b", nil, "B"), rest,
			},
			// A number beyond float64 is neither below 10 nor above.
			[]string{broken, `may drop, declared: ["A"] by ["small" "large" "text" "odd"], witness {"n":0.1000000000000000055511151231257827,"type":"A"}`},
		},
		{
			"conditions that leave nothing",
			[]pattern.Named{
				route("x", where(`{"n":["x"]}`), "A"), route("y", where(`{"n":[{"anything-but":["x"]},{"exists":false}]}`), "A"), route("b", nil, "B"), rest,
			},
			[]string{broken},
		},
		{
			"conditions that meet",
			[]pattern.Named{route("a", where(`{"n":["1"]}`), "A"), route("m", where(`{"m":["1"]}`), "A"), route("b", nil, "B"), rest},
			[]string{
				`overlap, declared: ["A"] by ["a" "m"], witness {"m":"1","n":"1","type":"A"}`,
				broken, `may drop, declared: ["A"] by ["a" "m"], witness {"m":"other","n":"other","type":"A"}`,
			},
		},
		{
			"no filter and one not understood",
			[]pattern.Named{{Name: "all"}, route("a", nil, "A"), {Name: "odd", Set: pattern.NewSet([]string{"?"})}},
			[]string{`overlap, declared: ["A"] by ["all" "a"], witness {"type":"A"}`, `unknown, declared: [] by ["odd"], witness `},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := lines(pattern.Analyse(tt.routes, []string{"A", "B"}, "type"))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// classOf is the class and value of a record's field a, as findings have them.
func classOf(t *rapid.T, record []byte) (pattern.Class, string) {
	var fields map[string]any
	if err := json.Unmarshal(record, &fields); err != nil {
		t.Fatal(err)
	}
	switch v := fields["a"].(type) {
	case nil:
		if _, ok := fields["a"]; ok {
			return pattern.NotText, "null"
		}
		return pattern.NoField, ""
	case string:
		return pattern.Text, v
	case bool:
		return pattern.NotText, "boolean"
	default:
		return pattern.NotText, "number"
	}
}

// speaks says whether a finding is about a record.
func speaks(f pattern.Finding, c pattern.Class, value string) bool {
	if c == pattern.Text && f.Class == pattern.OtherText {
		return true
	}
	if c == pattern.Text && f.Class <= pattern.Text {
		return slices.Contains(f.Values, value)
	}
	return f.Class == c && (value == "" || slices.Contains(f.Values, value))
}

func TestAnalyseAgainstMatch(t *testing.T) {
	seen := map[pattern.Kind]int{}
	rapid.Check(t, func(t *rapid.T) {
		var routes []pattern.Named
		for i, s := range rapid.SliceOfN(sets(rapid.Bool().Draw(t, "all")), 1, 4).Draw(t, "sets") {
			routes = append(routes, pattern.Named{Name: fmt.Sprint(i), Set: s})
		}
		all := pattern.Analyse(routes, []string{"x", "y", "q"}, "a")
		for _, f := range all {
			seen[f.Kind]++
			for i, r := range routes {
				took := f.Witness != nil && r.Set.Match(f.Witness)
				if f.Kind == pattern.Overlap && slices.Contains(f.Routes, fmt.Sprint(i)) && !took {
					t.Fatalf("%v: %d does not take the witness", lines([]pattern.Finding{f}), i)
				}
				if f.Kind >= pattern.Gap && took {
					t.Fatalf("%v: %d takes the witness", lines([]pattern.Finding{f}), i)
				}
			}
		}
		for range 8 {
			record := records().Draw(t, "record")
			c, value := classOf(t, record)
			var takers []string
			for i, r := range routes {
				if r.Set.Match(record) {
					takers = append(takers, fmt.Sprint(i))
				}
			}
			told := slices.ContainsFunc(all, func(f pattern.Finding) bool {
				ok := f.Kind == pattern.Gap || f.Kind == pattern.MayDrop
				if len(takers) > 1 {
					ok = f.Kind <= pattern.MayOverlap && slices.Contains(f.Routes, takers[0]) && slices.Contains(f.Routes, takers[1])
				}
				return ok && speaks(f, c, value)
			})
			if len(takers) != 1 && !told {
				t.Fatalf("%s is taken by %q, and nothing says so:\n%q\n%v", record, takers, lines(all), routes)
			}
			for _, f := range all {
				if f.Kind == pattern.Gap && f.Class != pattern.OtherText && speaks(f, c, value) && len(takers) > 0 && value != "number" && value != "boolean" {
					t.Fatalf("%s is taken by %q, in spite of %q", record, takers, lines([]pattern.Finding{f}))
				}
			}
		}
	})
	for _, k := range []pattern.Kind{pattern.Overlap, pattern.Gap, pattern.MayDrop} {
		if seen[k] == 0 {
			t.Errorf("never saw %s", k)
		}
	}
}

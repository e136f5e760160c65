package pattern_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

func TestParseErrors(t *testing.T) {
	long := `{"data":{"t":["` + strings.Repeat("a", pattern.MaxLength) + `"]}}`
	tests := []struct{ text, want string }{
		{``, `is not a JSON object`},
		{`{"data":{"t":"a"}}`, `data.t: must be an object or a list`},
		{`{"data":["a"]}`, `data: must be an object: Lambda refuses a list for the payload of Kinesis`},
		{`{"data":{"t":[]}}`, `data.t: is an empty list`},
		{`{"data":{}}`, `data: is an empty object`},
		{`{"data":{"t":["a"]}} x`, `has text after the pattern`},
		{`{"data":{"t":["a"]}`, `lacks a comma or a closing brace`},
		{`{"data":{"t":["\ud800"]}}`, `data.t: holds half of a surrogate pair`},
		{"{\"data\":{\"t\":[\"\xff\"]}}", `is not UTF-8`},
		{`{"data":{"t":[{"regex":"a"}]}}`, `data.t: "regex" is no operator`},
		{`{"data":{"t":[{"prefix":"a","suffix":"b"}]}}`, `data.t: "prefix" stands beside another key: an operator has one key`},
		{`{"data":{"t":[{"anything-but":["a",1]}]}}`, `data.t: anything-but must list strings only or numbers only`},
		{`{"data":{"t":[{"numeric":["<",5,">",1]}]}}`, `data.t: numeric must hold one comparison, or a lower bound and then an upper one`},
		{`{"data":{"t":[{"numeric":["=",1e999999]}]}}`, `data.t: numeric cannot compare 1e999999: it is not what a 64-bit float can hold`},
		{`{"data":{"$or":[{"t":["a"]}]}}`, `data: $or must list at least two objects`},
		{long, fmt.Sprintf(`has %d bytes, more than the 4096 that AWS takes`, len(long))},
		{strings.Repeat(`{"a":`, 300) + `["x"]` + strings.Repeat(`}`, 300), strings.Repeat("a.", 255) + `a: nests deeper than 256`},
		{`{` + strings.Repeat(`"$or":[{"a":["x"]},{"b":["y"]}],`, 20) + `"c":["z"]}`, `$or makes more than 1024 alternatives`},
	}
	for _, tt := range tests {
		_, err := pattern.Parse(tt.text)
		if bad := (*pattern.ParseError)(nil); !errors.As(err, &bad) {
			t.Errorf("%.80s: error %v, want a *ParseError", tt.text, err)
		} else if d := cmp.Diff(tt.want, err.Error()); d != "" {
			t.Errorf("%.80s:\n%s", tt.text, d)
		}
	}
}

func TestLint(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{`{"data":{"t":["a",{"prefix":"b"},null]}}`, nil},
		{`{"data":{"t":["::1"]}}`, []string{`data.t: "::1" reads as an IP address, and AWS's engine compares it as one`}},
		{`{"data":{"t":[{"equals-ignore-case":"ß"}]}}`, []string{`data.t: equals-ignore-case beyond ASCII: AWS's engine maps character by character, and emoji match nothing`}},
		{`{"data":{"t":["a",{"numeric":["<",1]}]}}`, []string{`data.t: a numeric range in one list with strings: some versions of AWS's engine then miss a string`}},
		{`{"data":{"t":[300]}}`, []string{`data.t: numbers outside numeric: it is not known whether Lambda holds 300 and 300.0 for one`}},
		{`{"partitionKey":["a"]}`, []string{`partitionKey: only data can be filtered on for Kinesis; AWS accepts this and nothing matches`}},
		{`{"data":{"t":["a"],"t":["b"]}}`, []string{`data.t: the field is written twice; the last one wins`}},
		{
			`{"data":{"t":["a"],"$or":[{"t":["b"]},{"$or":[{"u":["c"]},{"v":["d"]}]}]}}`,
			[]string{
				`data.t: the field is set outside $or and inside: the inner one replaces the outer`,
				`data: $or inside or beside $or: AWS's engine may misread it`,
			},
		},
		{`{"data":{"t":[{"wildcard":"a*"}]}}`, []string{`data.t: {"wildcard":"a*"} is not documented for Lambda (eventbridge only)`}},
	}
	for _, tt := range tests {
		p, err := pattern.Parse(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
		} else if d := cmp.Diff(tt.want, p.Lint()); d != "" {
			t.Errorf("%s:\n%s", tt.text, d)
		}
	}
}

func TestSetEqual(t *testing.T) {
	tests := []struct {
		name string
		a, b []string
		want bool
	}{
		{"none", nil, []string{}, true},
		{"none and one", nil, []string{`{"data":{"t":[{"exists":true},{"exists":false}]}}`}, false},
		{"spelling", []string{`{"data":{"t":["a","b"]}}`}, []string{" { \"data.t\" : [\"b\",\"\\u0061\",\"a\"]}\n"}, true},
		{"or", []string{`{"data":{"$or":[{"t":["a"]},{"u":["b"]}]}}`}, []string{`{"data":{"u":["b"]}}`, `{"data":{"t":["a"]}}`}, true},
		{"one anything-but", []string{`{"data":{"t":[{"anything-but":"a"}]}}`}, []string{`{"data":{"t":[{"anything-but":["a","a"]}]}}`}, true},
		{"cut lists", []string{`{"data":{"t":["a"],"u":["c","d"]}}`, `{"data":{"t":["b"],"u":["d","c"]}}`}, []string{`{"data":{"t":["a","b"],"u":["c","d"]}}`}, true},
		{
			"cut so that pieces join with others",
			[]string{`{"data":{"t":["a"],"u":["c","d"]}}`, `{"data":{"t":["b"],"u":["c"]}}`},
			[]string{`{"data":{"t":["a"],"u":["c"]}}`, `{"data":{"t":["a"],"u":["d"]}}`, `{"data":{"t":["b"],"u":["c"]}}`}, true,
		},
		{"cut anything-but", []string{`{"data":{"t":[{"anything-but":["a"]},{"anything-but":["b"]}]}}`}, []string{`{"data":{"t":[{"anything-but":["a","b"]}]}}`}, false},
		{"numbers as text", []string{`{"data":{"t":[300]}}`}, []string{`{"data":{"t":[300.0]}}`}, false},
		{"opaque", []string{`?`}, []string{`?`}, true},
		{"opaque text", []string{`?`}, []string{` ?`}, false},
		{"an object twice", []string{`{"data":{"a":["x"]},"data":{"b":["y"]}}`}, []string{`{"data":{"a":["x"],"b":["y"]}}`}, false},
	}
	for _, tt := range tests {
		if got := pattern.NewSet(tt.a).Equal(pattern.NewSet(tt.b)); got != tt.want {
			t.Errorf("%s: equal %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestOpaqueIsNeverCertain(t *testing.T) {
	known := pattern.NewSet([]string{`{"data":{"t":["a"]}}`})
	odd := pattern.NewSet([]string{`?`, `{"data":{"t":["b"]}}`})
	if d := cmp.Diff([]string{"?"}, odd.Opaque()); d != "" {
		t.Error(d)
	}
	for what, got := range map[string]pattern.Answer{
		"odd covers known": odd.Covers(known), "known covers odd": known.Covers(odd),
		"overlaps": known.Overlaps(odd), "odd covers everything": odd.Covers(pattern.Set{}),
	} {
		if what != "known covers odd" && got.Verdict != pattern.May {
			t.Errorf("%s: %s", what, got.Verdict)
		}
	}
	// What is known of odd is proof enough.
	if got := known.Covers(odd); got.Verdict != pattern.No || string(got.Witness) != `{"t":"b"}` {
		t.Errorf("known covers odd: %s %s", got.Verdict, got.Witness)
	}
	if got := odd.Covers(odd); got.Verdict != pattern.Yes {
		t.Errorf("odd covers itself: %s", got.Verdict)
	}
	if _, ok := odd.Minus(known); ok {
		t.Error("a difference with what is not understood")
	}
	if got, err := odd.Union(known).Filters(); err != nil || cmp.Diff([]string{`?`, `{"data":{"t":["a","b"]}}`}, got) != "" {
		t.Errorf("union %q, %v", got, err)
	}
}

// manyTypes are n types of 30 characters.
func manyTypes(n int) []string {
	types := make([]string, n)
	for i := range types {
		types[i] = fmt.Sprintf("com.example.orders.Changed%04d", i)
	}
	return types
}

func TestBuild(t *testing.T) {
	tests := []struct {
		name string
		r    pattern.Route
		want []string
		err  string
	}{
		{"types", pattern.Route{Path: "eventType", Types: []string{"b", "a", "b"}}, []string{`{"data":{"eventType":["a","b"]}}`}, ""},
		{"nested path", pattern.Route{Path: "meta.type", Types: []string{"<a>"}}, []string{`{"data":{"meta":{"type":["<a>"]}}}`}, ""},
		{
			"where", pattern.Route{Path: "t", Types: []string{"a"}, Where: json.RawMessage(`{"n":[{"numeric":[">",1000]}],"m":{"x":[true]}}`)},
			[]string{`{"data":{"m":{"x":[true]},"n":[{"numeric":[">",1000]}],"t":["a"]}}`}, "",
		},
		{
			"where or", pattern.Route{Path: "t", Types: []string{"a"}, Where: json.RawMessage(`{"$or":[{"m":["x"]},{"n":["y"]}]}`)},
			[]string{`{"data":{"m":["x"],"t":["a"]}}`, `{"data":{"n":["y"],"t":["a"]}}`}, "",
		},
		{"catch-all", pattern.Route{Path: "t", CatchAll: true, Others: []string{"b", "a"}}, []string{`{"data":{"t":[{"anything-but":["a","b"]},{"exists":false}]}}`}, ""},
		{"catch-all alone", pattern.Route{Path: "t", CatchAll: true}, []string{`{"data":{"t":[{"exists":false},{"exists":true}]}}`}, ""},
		{"no types", pattern.Route{Path: "t"}, nil, "types: is empty: such a filter takes nothing"},
		{"no path", pattern.Route{Types: []string{"a"}}, nil, "path: is empty, or has an empty step"},
		{"both", pattern.Route{Path: "t", CatchAll: true, Types: []string{"a"}}, nil, "types: stands beside catchAll"},
		{"path in where", pattern.Route{Path: "t", Types: []string{"a"}, Where: json.RawMessage(`{"$or":[{"t":["x"]},{"n":["y"]}]}`)}, nil, "where: t: is the event type's field, which types already constrain"},
		{"above the path", pattern.Route{Path: "t.u", Types: []string{"a"}, Where: json.RawMessage(`{"t":["x"]}`)}, nil, "where: t: stands inside or above the event type's field, which holds a text"},
		{"number", pattern.Route{Path: "t", Types: []string{"a"}, Where: json.RawMessage(`{"n":[1]}`)}, nil, `where: n: has a number outside numeric, which Lambda may compare as text: write {"numeric":["=",1]}`},
		{"operator", pattern.Route{Path: "t", Types: []string{"a"}, Where: json.RawMessage(`{"n":[{"wildcard":"a*"}]}`)}, nil, `where: n: {"wildcard":"a*"} is not documented for Lambda (eventbridge only)`},
		{"twice", pattern.Route{Path: "t", Types: []string{"a"}, Where: json.RawMessage(`{"n":["a"],"$or":[{"n":["b"]},{"m":["c"]}]}`)}, nil, `where: n: is written twice: Lambda lets one condition replace the other`},
		{"not JSON", pattern.Route{Path: "t", Types: []string{"a"}, Where: json.RawMessage(`{"n":["a"}`)}, nil, `where: n: lacks a comma or a closing bracket`},
		{"two objects", pattern.Route{Path: "t", Types: []string{"a"}, Where: json.RawMessage(`{"n":["a"]},"x":{"y":["a"]}`)}, nil, `where: x.y: is not one JSON object`},
		{
			"long catch-all", pattern.Route{Path: "t", CatchAll: true, Others: manyTypes(130)}, nil,
			"others: filter needs 4325 bytes at data.t, AWS takes 4096, and an anything-but list cannot be cut: name fewer types or shorter ones",
		},
		{"too many types", pattern.Route{Path: "t", Types: manyTypes(1500)}, nil, "types: needs 13 filters, the limit is 10: split the route, or raise the quota (up to 10)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := pattern.Build(tt.r)
			if tt.err != "" {
				if bad := (*pattern.BuildError)(nil); !errors.As(err, &bad) || err.Error() != tt.err {
					t.Fatalf("error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Filters()
			if d := cmp.Diff(tt.want, got); d != "" || err != nil {
				t.Error(err, d)
			}
		})
	}
}

func TestLongListsAreCut(t *testing.T) {
	s := mustBuild(t, pattern.Route{Path: "eventType", Types: manyTypes(600)})
	texts, err := s.Filters()
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) != 5 || !s.Equal(pattern.NewSet(texts)) {
		t.Errorf("%d filters that do not read back as one", len(texts))
	}
	for _, f := range texts {
		if len(f) > pattern.MaxLength {
			t.Errorf("a filter of %d bytes", len(f))
		}
	}
	var fit *pattern.FitError
	if _, err := mustBuild(t, pattern.Route{Path: "t", Types: manyTypes(700)}).Filters(); !errors.As(err, &fit) || fit.Count != 6 {
		t.Errorf("700 types: %v", err)
	}
	if _, err := mustBuild(t, pattern.Route{Path: "t", Types: manyTypes(700)}).FiltersWithin(10); err != nil {
		t.Error(err)
	}
	if _, err := pattern.Build(pattern.Route{Path: "t", CatchAll: true, Others: manyTypes(120)}); err != nil {
		t.Error("120 types must fit a catch-all:", err)
	}
}

func TestWildcard(t *testing.T) {
	tests := []struct {
		wildcard, text string
		want           bool
	}{
		{`a*b`, `ab`, true}, {`a*b`, `a`, false}, {`aba*aba`, `ababa`, false}, {`*a*a*`, `a`, false}, {`*a*a*`, `aa`, true},
		{`*ab*ba*`, `aba`, false}, {`*ab*ba*`, `abba`, true}, {`\*`, `*`, true}, {`\*`, `x`, false}, {`*`, ``, true}, {``, ``, true},
	}
	for _, tt := range tests {
		p, err := pattern.Parse(`{"data":{"t":[{"wildcard":` + quoted(tt.wildcard) + `}]}}`)
		if err != nil {
			t.Errorf("%s: %v", tt.wildcard, err)
		} else if got := p.Match([]byte(`{"t":"` + tt.text + `"}`)); got != tt.want {
			t.Errorf("%s on %q: %v", tt.wildcard, tt.text, got)
		}
	}
}

func TestArrays(t *testing.T) {
	p, err := pattern.Parse(`{"data":{"a":{"b":["x"],"c":["y"]}}}`)
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]bool{
		`{"a":[{"b":"x"},{"c":"y"}]}`:                 false,
		`{"a":[{"b":"x"},{"c":"y"}],"a.c":"y"}`:       true,
		`{"a":[{"c":"y"},{"b":"x"}],"a.c":["z","y"]}`: true,
		`{"a":[{"c":"y"},{"c":"y","b":["z","x"]}]}`:   true,
		`[{"a":{"b":"x"}},{"a":{"c":"y"}}]`:           false,
	} {
		if got := p.Match([]byte(event)); got != want {
			t.Errorf("%s: %v", event, got)
		}
	}
}

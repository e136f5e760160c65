package pattern_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

// A miss is there exactly when the set does not take the event, and the
// condition that it names does not hold by itself.
func TestMisses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := make([]pattern.Set, 3)
		for i := range sets {
			sets[i] = pattern.NewSet(filters(true).Draw(t, "filters"))
		}
		x := pattern.NewIndex(sets)
		event := events().Draw(t, "event")
		for i, m := range x.Misses(event, "a") {
			switch takes := sets[i].Match(event); {
			case takes != (m == nil):
				t.Fatalf("%s: takes %s: %t, and misses it: %+v", sets[i], event, takes, m)
			case takes || m.Reason == pattern.Elements:
			case m.Reason == pattern.PayloadNotJSON:
				if pattern.NewSet([]string{`{"data":{"no":[{"exists":false}]}}`}).Match(event) {
					t.Fatalf("%s is JSON", event)
				}
			case m.Reason == pattern.Condition:
				alone := pattern.NewSet([]string{fmt.Sprintf(`{"data":{%q:%s}}`, m.Path, m.Want)})
				if len(alone.Opaque()) > 0 || alone.Match(event) {
					t.Fatalf("%s: %s is said to fail for %s and holds", sets[i], alone, event)
				}
			default:
				t.Fatalf("%s misses %s: %+v", sets[i], event, m)
			}
		}
	})
}

// Of several alternatives and conditions the nearest and the most telling is
// named, and what stands there is bounded.
func TestMissIsTelling(t *testing.T) {
	set := pattern.NewSet([]string{
		`{"data":{"amount":[{"numeric":[">",10]}],"type":["Refund"]}}`,
		`{"data":{"amount":[{"numeric":["<",0]}],"country":["de"],"type":["Payment"]}}`,
	})
	either := pattern.NewSet([]string{`{"data":{"lines":{"a":[1],"b":[2]}}}`})
	x := pattern.NewIndex([]pattern.Set{set, either, {}, pattern.NewSet([]string{"?"})})
	number := func(path, want string, got ...string) *pattern.Miss {
		return &pattern.Miss{Path: path, Want: want, Got: got}
	}
	for _, c := range []struct {
		event string
		want  []*pattern.Miss
	}{
		{`{"type":"Refund","amount":1}`, []*pattern.Miss{number("amount", `[{"numeric":[">",10]}]`, "1"), number("lines.a", "[1]")}},
		{`{"type":"Other","amount":1}`, []*pattern.Miss{number("type", `["Refund"]`, `"Other"`), number("lines.a", "[1]")}},
		{`{"type":"Payment","amount":-1}`, []*pattern.Miss{number("country", `["de"]`), number("lines.a", "[1]")}},
		{`{"lines":[{"a":1,"b":3},{"a":3,"b":2}]}`, []*pattern.Miss{number("type", `["Refund"]`), {Reason: pattern.Elements, Path: "lines.a"}}},
		{`{"type":["a","b","c","d","e","f"]}`, []*pattern.Miss{{Path: "type", Want: `["Refund"]`, Got: []string{`"a"`, `"b"`, `"c"`, `"d"`}, More: 2}, number("lines.a", "[1]")}},
		{`{"type":"\ud800x\udfff é"}`, []*pattern.Miss{number("type", `["Refund"]`, `"\ud800x\udfff é"`), number("lines.a", "[1]")}},
		{`{"type":"` + strings.Repeat("é", 60) + `"}`, []*pattern.Miss{number("type", `["Refund"]`, `"`+strings.Repeat("é", 40)+`"...`), number("lines.a", "[1]")}},
		{`{"type":"x` + strings.Repeat("é", 60) + `"}`, []*pattern.Miss{number("type", `["Refund"]`, `"x`+strings.Repeat("é", 39)+`"...`), number("lines.a", "[1]")}},
		{`{`, []*pattern.Miss{{Reason: pattern.PayloadNotJSON}, {Reason: pattern.PayloadNotJSON}}},
	} {
		want := append(c.want, nil, &pattern.Miss{Reason: pattern.NotUnderstood})
		if c.event == "{" {
			want[3] = &pattern.Miss{Reason: pattern.PayloadNotJSON}
		}
		if diff := cmp.Diff(want, x.Misses([]byte(c.event), "type")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.event, diff)
		}
	}
}

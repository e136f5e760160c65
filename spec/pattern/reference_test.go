package pattern

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// leaf is a scalar of an event for the reference: written to be read beside
// the rules of the language, not to be fast.
type leaf struct {
	path string
	v    value
	in   map[string]int // by array, the element
}

func flatten(at []string, x any, in map[string]int, arrays *int) []leaf {
	switch x := x.(type) {
	case map[string]any:
		var all []leaf
		for _, k := range slices.Sorted(maps.Keys(x)) {
			all = append(all, flatten(append(slices.Clip(at), k), x[k], in, arrays)...)
		}
		return all
	case []any:
		*arrays++
		id := fmt.Sprint(*arrays)
		var all []leaf
		for i, e := range x {
			inner := in
			switch e.(type) {
			case map[string]any, []any:
				inner = maps.Clone(in)
				inner[id] = i
			}
			all = append(all, flatten(at, e, inner, arrays)...)
		}
		return all
	}
	text, _ := json.Marshal(x)
	l := lexer{b: text}
	v, _, _ := l.scalar()
	if v.kind == kindString {
		v.text = []byte(x.(string))
	}
	if v.kind == kindNumber {
		v.num, v.real = comparableNumber(v.text)
	}
	return []leaf{{strings.Join(at, "."), v, in}}
}

func consistent(a, b map[string]int) bool {
	for k, i := range a {
		if j, ok := b[k]; ok && i != j {
			return false
		}
	}
	return true
}

func reference(conds []cond, leaves []leaf, chosen map[string]int) bool {
	if len(conds) == 0 {
		return true
	}
	c, there := conds[0], false
	for _, l := range leaves {
		if l.path != c.path || !consistent(l.in, chosen) {
			continue
		}
		there = true
		if slices.ContainsFunc(c.list, func(m matcher) bool { return m.holds(&l.v) }) {
			next := maps.Clone(chosen)
			maps.Copy(next, l.in)
			if reference(conds[1:], leaves, next) {
				return true
			}
		}
	}
	absent := slices.ContainsFunc(c.list, func(m matcher) bool { return m.op == opAbsent })
	return absent && !there && reference(conds[1:], leaves, chosen)
}

// TestMatchReference holds the matcher, with its tables, jumps and memory of
// what failed, against a plain reading of the rules, on arrays above all.
func TestMatchReference(t *testing.T) {
	entry := rapid.SampledFrom([]string{`"x"`, `"y"`, `1`, `{"anything-but":["x"]}`, `{"exists":false}`, `{"exists":true}`, `{"prefix":"x"}`, `{"numeric":[">",0]}`})
	scalar := rapid.SampledFrom([]string{`"x"`, `"y"`, `"xy"`, `1`, `0`, `null`, `true`})
	keys := []string{"a", "b", "c", "a.b"}
	var node func(depth int) *rapid.Generator[string]
	node = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			kind := rapid.IntRange(0, 4).Draw(t, "kind")
			if depth == 0 || kind == 0 {
				return scalar.Draw(t, "scalar")
			}
			var parts []string
			for range rapid.IntRange(0, 4).Draw(t, "n") {
				part := node(depth-1).Draw(t, "child")
				if kind > 2 {
					part = quote(rapid.SampledFrom(keys).Draw(t, "key")) + ":" + part
				}
				parts = append(parts, part)
			}
			if kind > 2 {
				slices.Sort(parts) // repeated keys: the reference keeps the last
				parts = slices.CompactFunc(parts, func(a, b string) bool { return a[:strings.Index(a, ":")] == b[:strings.Index(b, ":")] })
				if rapid.Bool().Draw(t, "reverse") {
					slices.Reverse(parts)
				}
				return "{" + strings.Join(parts, ",") + "}"
			}
			return "[" + strings.Join(parts, ",") + "]"
		})
	}
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		fields := map[string]string{}
		for range rapid.IntRange(1, 4).Draw(t, "fields") {
			path := rapid.SampledFrom([]string{"a", "b", "c", "a.b", "b.c", "a.a", "c.a", "c.b", "c.c"}).Draw(t, "path")
			fields[path] = "[" + strings.Join(rapid.SliceOfN(entry, 1, 2).Draw(t, "list"), ",") + "]"
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(fields)) {
			parts = append(parts, quote(k)+":"+fields[k])
		}
		p, err := Parse(`{"data":{` + strings.Join(parts, ",") + `}}`)
		if err != nil {
			t.Fatal(err)
		}
		event := node(4).Draw(t, "event")
		var x any
		if err := json.Unmarshal([]byte(event), &x); err != nil {
			t.Fatal(err)
		}
		arrays := 0
		want := reference(p.rules[0].conds, flatten([]string{"data"}, x, map[string]int{}, &arrays), map[string]int{})
		if want {
			taken++
		}
		if got := p.Match([]byte(event)); got != want {
			t.Fatalf("%s on %s: got %v, the rules say %v", p, event, got, want)
		}
	})
	if taken == 0 {
		t.Error("no event was taken: the test shows nothing")
	}
}

package pattern_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

// canonical is the filters of s however many they are.
func canonical(t *rapid.T, s pattern.Set) []string {
	texts, err := s.FiltersWithin(1 << 20)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return texts
}

func TestCanonicalKeepsMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		written := filters(true).Draw(t, "filters")
		s := pattern.NewSet(written)
		texts := canonical(t, s)
		again := pattern.NewSet(texts)
		if !s.Equal(again) || len(s.Opaque()) > 0 {
			t.Fatalf("read back as another set:\n%s\n\n%s", s, again)
		}
		if twice := canonical(t, again); !slices.Equal(texts, twice) {
			t.Fatalf("not idempotent:\n%q\n%q", texts, twice)
		}
		for range 5 {
			event := events().Draw(t, "event")
			want := false
			for _, f := range written {
				p, err := pattern.Parse(f)
				if err != nil {
					t.Fatal(err)
				}
				want = want || p.Match(event)
			}
			if got := again.Match(event); got != want {
				t.Fatalf("%s\nis read as %s\nand changes its mind about %s", written, again, event)
			}
		}
	})
}

// respell writes JSON differently: spaces, order of keys and of lists, escapes.
func respell(t *rapid.T, text string) string {
	var x any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&x); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(uint64(rapid.Uint32().Draw(t, "seed")), 1))
	var write func(x any, operand bool) string
	write = func(x any, operand bool) string {
		switch x := x.(type) {
		case map[string]any:
			var parts []string
			for k, v := range x {
				parts = append(parts, quoted(k)+" : "+write(v, operand || k == "numeric" || k == "$or"))
			}
			slices.Sort(parts)
			if _, ok := x["$or"]; !ok {
				r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			}
			return "{\n" + strings.Join(parts, ",\t") + "}"
		case []any:
			var parts []string
			for _, v := range x {
				parts = append(parts, write(v, operand))
			}
			if !operand {
				r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			}
			return "[ " + strings.Join(parts, " , ") + "]"
		case string:
			return strings.ReplaceAll(quoted(x), "x", `\u0078`)
		}
		b, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return write(x, false)
}

func TestEqualUnderSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := pattern.NewSet(filters(true).Draw(t, "filters"))
		var other []string
		for _, f := range canonical(t, s) {
			other = append(other, respell(t, f))
		}
		slices.Reverse(other)
		if again := pattern.NewSet(append(other, other...)); !s.Equal(again) {
			t.Fatalf("%s\nis not\n%s", s, again)
		}
	})
}

func TestSetQuestionsAreSound(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.Bool().Draw(t, "all")
		s, u := sets(all).Draw(t, "s"), sets(all).Draw(t, "t")
		covers, overlaps := s.Covers(u), s.Overlaps(u)
		seen["covers "+covers.Verdict.String()]++
		seen["overlaps "+overlaps.Verdict.String()]++
		if w := covers.Witness; (covers.Verdict == pattern.No) != (w != nil) || w != nil && (s.Match(w) || !u.Match(w)) {
			t.Fatalf("%s\ncovers\n%s: %v, witness %s", s, u, covers.Verdict, w)
		}
		if w := overlaps.Witness; (overlaps.Verdict == pattern.Yes) != (w != nil) || w != nil && (!s.Match(w) || !u.Match(w)) {
			t.Fatalf("%s\noverlaps\n%s: %v, witness %s", s, u, overlaps.Verdict, w)
		}
		if got := u.Overlaps(s).Verdict; got != overlaps.Verdict {
			t.Fatalf("overlaps is not symmetric: %v %v", overlaps.Verdict, got)
		}
		for range 8 {
			r := records().Draw(t, "record")
			if covers.Verdict == pattern.Yes && u.Match(r) && !s.Match(r) {
				t.Fatalf("%s\ndoes not cover\n%s: %s", s, u, r)
			}
			if overlaps.Verdict == pattern.No && u.Match(r) && s.Match(r) {
				t.Fatalf("%s\noverlaps\n%s: %s", s, u, r)
			}
		}
	})
	for _, k := range []string{"covers no", "covers yes", "overlaps no", "overlaps yes"} {
		if seen[k] == 0 {
			t.Errorf("never saw %s: %v", k, seen)
		}
	}
	t.Log(seen)
}

// Documented filters without IP addresses leave no doubt: May is for what is
// not known, not for what was not thought through.
func TestNoDoubtWithoutReason(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, u := sets(false).Draw(t, "s"), sets(false).Draw(t, "t")
		if strings.Contains(s.String()+u.String(), "1.2.3.4") || strings.Contains(s.String()+u.String(), "::1") {
			t.Skip("addresses")
		}
		if v := s.Covers(u).Verdict; v == pattern.May {
			t.Fatalf("%s\ncovers\n%s: %v", s, u, v)
		}
		if v := s.Overlaps(u).Verdict; v == pattern.May {
			t.Fatalf("%s\noverlaps\n%s: %v", s, u, v)
		}
	})
}

func TestUnionAndMinus(t *testing.T) {
	exact := 0
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.IntRange(0, 3).Draw(t, "all") == 0
		s, u := sets(all).Draw(t, "s"), sets(all).Draw(t, "t")
		union := s.Union(u)
		less, ok := s.Minus(u)
		if ok {
			exact++
		}
		for range 6 {
			e := events().Draw(t, "event")
			if union.Match(e) != (s.Match(e) || u.Match(e)) {
				t.Fatalf("%s\nwith\n%s\nis\n%s: %s", s, u, union, e)
			}
			r := records().Draw(t, "record")
			if ok && less.Match(r) != (s.Match(r) && !u.Match(r)) {
				t.Fatalf("%s\nwithout\n%s\nis\n%s: %s", s, u, less, r)
			}
		}
		if a := union.Covers(s); a.Verdict != pattern.Yes && a.Verdict != pattern.May {
			t.Fatalf("union does not cover: %s", a.Witness)
		}
	})
	if exact == 0 {
		t.Error("no difference was exact: the test shows nothing")
	}
	t.Log("exact differences:", exact)
}

func TestIndexAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(sets(true), 1, 12).Draw(t, "sets")
		x := pattern.NewIndex(all)
		for range 6 {
			e := events().Draw(t, "event")
			if rapid.IntRange(0, 9).Draw(t, "broken") == 0 {
				e = e[:len(e)-1]
			}
			var want []int
			for i, s := range all {
				if s.Match(e) {
					want = append(want, i)
				}
			}
			if got := x.Match(nil, e); !slices.Equal(got, want) {
				t.Fatalf("got %v, want %v for %s", got, want, e)
			}
		}
	})
}

func TestBuildIsAccepted(t *testing.T) {
	built := 0
	rapid.Check(t, func(t *rapid.T) {
		r := pattern.Route{Path: rapid.SampledFrom([]string{"a", "meta.type", "b", "x y", ""}).Draw(t, "path")}
		names := rapid.SliceOfN(rapid.String(), 0, 6).Draw(t, "types")
		if rapid.Bool().Draw(t, "catchAll") {
			r.CatchAll, r.Others = true, names
		} else {
			r.Types = names
		}
		if rapid.Bool().Draw(t, "conditions") {
			r.Where = json.RawMessage(`{` + quoted(paths().Draw(t, "field")) + `:` + lists(true).Draw(t, "list") + `}`)
		}
		s, err := pattern.Build(r)
		if err != nil {
			if bad := (*pattern.BuildError)(nil); !errors.As(err, &bad) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		built++
		for _, f := range canonical(t, s) {
			p, err := pattern.Parse(f)
			if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			if p.Tier() > pattern.SeenAccepted {
				t.Fatalf("%s: tier %v", f, p.Tier())
			}
			if p.String() != f || strings.ContainsAny(f, "\n\r\u0085\u2028\u2029") {
				t.Fatalf("not on one line: %q", f)
			}
		}
	})
	if built == 0 {
		t.Error("nothing was built: the test shows nothing")
	}
}

func TestMay(t *testing.T) {
	set := func(filters ...string) pattern.Set { return pattern.NewSet(filters) }
	tests := []struct {
		name     string
		s, t     pattern.Set
		covers   pattern.Verdict
		overlaps pattern.Verdict
	}{
		{"spellings of a number", set(`{"data":{"t":[300]}}`), set(`{"data":{"t":[300.0]}}`), pattern.May, pattern.May},
		{"a range and a number", set(`{"data":{"t":[{"numeric":["<",301]}]}}`), set(`{"data":{"t":[300]}}`), pattern.Yes, pattern.Yes},
		{"two wildcards", set(`{"data":{"t":[{"wildcard":"a*b"}]}}`), set(`{"data":{"t":[{"wildcard":"c*d"}]}}`), pattern.No, pattern.May},
		{"a wildcard and a text", set(`{"data":{"t":[{"wildcard":"a*b"}]}}`), set(`{"data":{"t":["ab","axb"]}}`), pattern.Yes, pattern.Yes},
		{"the same wildcard", set(`{"data":{"t":[{"wildcard":"a*b"}]}}`), set(`{"data":{"t":[{"wildcard":"a*b"}],"u":["x"]}}`), pattern.Yes, pattern.Yes},
		{"addresses", set(`{"data":{"t":["::1"]}}`), set(`{"data":{"t":["0:0:0:0:0:0:0:1"]}}`), pattern.May, pattern.Yes},
		{"a long operand without case", set(`{"data":{"t":[{"equals-ignore-case":"order.created.again"}]}}`), set(`{"data":{"t":["Order.Created.Again","ORDER.created.again"]}}`), pattern.Yes, pattern.Yes},
		{"two long operands without case", set(`{"data":{"t":[{"equals-ignore-case":"order.created.again"}]}}`), set(`{"data":{"t":[{"equals-ignore-case":"order.deleted.again"}]}}`), pattern.No, pattern.No},
		{"a long operand and a prefix of it", set(`{"data":{"t":[{"equals-ignore-case":"order.created.again"}]}}`), set(`{"data":{"t":[{"prefix":"oRd"}]}}`), pattern.No, pattern.May},
	}
	for _, tt := range tests {
		if got := tt.s.Covers(tt.t); got.Verdict != tt.covers {
			t.Errorf("%s: covers %s %s, want %s", tt.name, got.Verdict, got.Witness, tt.covers)
		}
		if got := tt.s.Overlaps(tt.t); got.Verdict != tt.overlaps {
			t.Errorf("%s: overlaps %s %s, want %s", tt.name, got.Verdict, got.Witness, tt.overlaps)
		}
	}
}

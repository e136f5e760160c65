package pattern_test

import (
	"encoding/json"
	"testing"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

func seeds() []string {
	return []string{
		`{"data":{"eventType":["a","b"]}}`,
		`{"data":{"t":[{"anything-but":["a"]},{"exists":false}],"n":[{"numeric":[">",0,"<=",5]}]}}`,
		`{"data":{"$or":[{"t":["a"]},{"u":[{"prefix":"b"},{"suffix":{"equals-ignore-case":"C"}}]}],"t":[null,true,1e2]}}`,
		`{"data":{"a.b":["\u0061"],"a":{"c":[{"anything-but":{"wildcard":"*x\\**"}},{"cidr":"10.0.0.0/8"}]}}}`,
		`{"data":{"a.$or":["x"],"a":["y"]},"data.b":[{"equals-ignore-case":"ß"}]}`,
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range append(seeds(), ``, `{`, `{"data":["a"]}`, `{"data":{"t":["\ud800"]}}`, "\xff") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := pattern.Parse(text)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error that says nothing")
			}
			return
		}
		if !json.Valid([]byte(text)) {
			t.Errorf("accepted what is not JSON: %q", text)
		}
		q, err := pattern.Parse(p.String())
		if err != nil || q.String() != p.String() || q.Tier() != p.Tier() {
			t.Errorf("%q reads back as %v, %v", p, q, err)
		}
	})
}

func FuzzMatch(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s, []byte(`{"t":"a","u":["bc",{"x":1}],"n":3}`))
		f.Add(s, []byte(`[{"t":"\ud83d\ude00"},{"n":1e999999}]`))
	}
	f.Add(`{"data":{"t":[{"exists":false}]}}`, []byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, text string, payload []byte) {
		p, err := pattern.Parse(text)
		if err != nil {
			return
		}
		got := p.Match(payload)
		if got && !json.Valid(payload) {
			t.Errorf("took what is not JSON: %q", payload)
		}
		// A payload stands under data: so it does in an event, however it is nested.
		event := append(append([]byte(`{"data":`), payload...), '}')
		if json.Valid(payload) && len(payload) < 900 && p.MatchEvent(event) != got {
			t.Errorf("%s on %s: %v as a payload, not as an event", p, payload, got)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s, s, []byte(`{"t":"a","n":3,"a":{"b":"a","c":"x"}}`))
	}
	f.Fuzz(func(t *testing.T, one, two string, payload []byte) {
		s := pattern.NewSet([]string{one, two})
		texts, err := s.FiltersWithin(1 << 20)
		if err != nil {
			return // a rule that fits no filter
		}
		again := pattern.NewSet(texts)
		if !s.Equal(again) {
			t.Fatalf("%q\nis not\n%q", s, again)
		}
		if len(s.Opaque()) > 0 {
			return
		}
		want := false
		for _, text := range []string{one, two} {
			p, err := pattern.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			want = want || p.Match(payload)
		}
		if again.Match(payload) != want {
			t.Fatalf("%q\nchanges its mind about %q", again, payload)
		}
	})
}

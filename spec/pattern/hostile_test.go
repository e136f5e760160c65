package pattern_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

// What other people's mappings hold may be made to be slow.
func TestHostileFilters(t *testing.T) {
	var ors, folds, affixes []string
	for i := range 9 {
		ors = append(ors, fmt.Sprintf(`"f%d":{"$or":[{"a":["x",{"prefix":"p"}]},{"b":[{"anything-but":["y"]}]}]}`, i))
	}
	for i := range 60 {
		folds = append(folds, fmt.Sprintf(`{"equals-ignore-case":"%c%cabcdefgh"}`, 'a'+i%26, 'a'+i/26))
		affixes = append(affixes, fmt.Sprintf(`{"prefix":"%d"},{"suffix":"%d"}`, i, i))
	}
	wide := pattern.NewSet([]string{`{"data":{` + strings.Join(ors, ",") + `}}`})
	other := pattern.NewSet([]string{`{"data":{` + strings.ReplaceAll(strings.Join(ors, ","), `"x"`, `"z"`) + `}}`})
	folded := pattern.NewSet([]string{`{"data":{"t":[` + strings.Join(folds, ",") + `]}}`})
	affixed := pattern.NewSet([]string{`{"data":{"t":[` + strings.Join(affixes, ",") + `]}}`})
	for _, s := range []pattern.Set{wide, other, folded, affixed} {
		if len(s.Opaque()) > 0 || s.Everything() {
			t.Fatalf("not read: %.100s", s)
		}
		for _, u := range []pattern.Set{wide, other, folded, affixed} {
			s.Covers(u)
			s.Overlaps(u)
			s.Minus(u)
			s.Union(u)
		}
	}
}

// What comes off a stream is anything at all.
func TestMatchHostileEvents(t *testing.T) {
	p, err := pattern.Parse(`{"data":{"a":{"b":["x"],"c":["y"],"d":[{"exists":false}]},"n":[{"numeric":[">",0]},{"exists":false}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	element := []byte(`{"b":"x"},{"c":"y"},`)
	wide := append([]byte(`{"a":[`), bytes.Repeat(element, (10<<20)/len(element))...)
	tests := []struct {
		name  string
		event []byte
		want  bool
	}{
		{"nothing", nil, false},
		{"noise", []byte{0x1f, 0x8b, 0, 0xff, 0xfe}, false},
		{"deep", bytes.Repeat([]byte("["), 1<<20), false},
		{"deep objects", bytes.Repeat([]byte(`{"a":`), 1<<18), false},
		{"half a pair", []byte(`{"a":{"b":"x","c":"y"},"z":"\ud800"}`), true},
		{"half a pair in the field", []byte(`{"a":{"b":"x\udc00","c":"y"}}`), false},
		{"not UTF-8", []byte("{\"a\":{\"b\":\"x\",\"c\":\"y\"},\"z\":\"\xff\"}"), false},
		{"huge number", []byte(`{"a":{"b":"x","c":"y"},"n":1e999999}`), false},
		{"very long number", []byte(`{"a":{"b":"x","c":"y"},"n":` + strings.Repeat("9", 1<<20) + `}`), false},
		{"10 MB of elements that do not go together", append(bytes.Clone(wide), `{}]}`...), false},
		{"10 MB of elements, and one that does", append(bytes.Clone(wide), `{"b":"x","c":"y"}]}`...), true},
		{"10 MB in one text", []byte(`{"a":{"b":"x","c":"y","e":"` + strings.Repeat("é", 5<<20) + `"}}`), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if got := p.Match(tt.event); got != tt.want {
				t.Errorf("got %v", got)
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20+40*uint64(len(tt.event)) {
				t.Errorf("allocated %d bytes for an event of %d", used, len(tt.event))
			}
		})
	}
}

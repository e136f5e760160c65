package pattern_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

// Generators of small worlds: few fields, few texts that are prefixes, suffixes
// and case variants of one another, so that what is drawn meets.

func texts() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"", "x", "X", "xy", "xY", "yx", "y", "xyx", "z", "1.2.3.4", "::1", "é"})
}

func numbers() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"0", "-0", "1", "1.0", "2", "2.5", "3e0", "9007199254740993", "-1e2"})
}

func paths() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"a", "a", "a", "b", "b.c", "d"})
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func entries(all bool) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := func() string { return quoted(texts().Draw(t, "text")) }
		kinds := 13
		if all {
			kinds = 20
		}
		switch rapid.IntRange(0, kinds).Draw(t, "entry") {
		case 0, 1, 2:
			return s()
		case 3:
			return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "constant")
		case 4:
			return `{"exists":true}`
		case 5, 6:
			return `{"exists":false}`
		case 7:
			return `{"prefix":` + s() + `}`
		case 8:
			return `{"suffix":` + s() + `}`
		case 9:
			return `{"equals-ignore-case":` + s() + `}`
		case 10, 11:
			return `{"anything-but":[` + s() + `,` + s() + `]}`
		case 12, 13:
			return rapid.SampledFrom([]string{
				`{"numeric":["=",1]}`, `{"numeric":["<",2]}`, `{"numeric":[">=",2]}`, `{"numeric":[">",0,"<=",2.5]}`, `{"numeric":[">",1,"<",2]}`,
			}).Draw(t, "numeric")
		case 14:
			return numbers().Draw(t, "number")
		case 15:
			return `{"anything-but":[1,2.50]}`
		case 16:
			return `{"anything-but":{"` + rapid.SampledFrom([]string{"equals-ignore-case", "wildcard"}).Draw(t, "but") + `":` + s() + `}}`
		case 17:
			return `{"anything-but":{"` + rapid.SampledFrom([]string{"prefix", "suffix"}).Draw(t, "but") + `":["x","yx"]}}`
		case 18:
			return `{"wildcard":` + rapid.SampledFrom([]string{`"x*"`, `"*y*"`, `"xy"`}).Draw(t, "wild") + `}`
		case 19:
			return `{"` + rapid.SampledFrom([]string{"prefix", "suffix"}).Draw(t, "affix") + `":{"equals-ignore-case":` + s() + `}}`
		default:
			return `{"cidr":"1.2.0.0/16"}`
		}
	})
}

func lists(all bool) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return "[" + strings.Join(rapid.SliceOfN(entries(all), 1, 3).Draw(t, "list"), ",") + "]"
	})
}

// filters draws filters of one mapping; all adds what Lambda does not document.
func filters(all bool) *rapid.Generator[[]string] {
	one := rapid.Custom(func(t *rapid.T) string {
		field := func() string {
			return quoted(paths().Draw(t, "path")) + ":" + lists(all).Draw(t, "list")
		}
		text := field()
		if rapid.IntRange(0, 2).Draw(t, "more") == 0 {
			text += "," + field()
		}
		if rapid.IntRange(0, 5).Draw(t, "or") == 0 {
			text += `,"$or":[{` + field() + `},{` + field() + `}]`
		}
		return `{"data":{` + text + `}}`
	})
	return rapid.SliceOfN(one, 1, 3)
}

// records draws payloads with one scalar, or nothing, in each field.
func records() *rapid.Generator[[]byte] {
	scalar := rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0, 1, 2:
			return quoted(texts().Draw(t, "text") + rapid.SampledFrom([]string{"", "", "q", "x", "yx"}).Draw(t, "tail"))
		case 3, 4:
			return numbers().Draw(t, "number")
		default:
			return rapid.SampledFrom([]string{"null", "true", "false", "1.5", "7"}).Draw(t, "constant")
		}
	})
	return rapid.Custom(func(t *rapid.T) []byte {
		var parts []string
		for _, path := range []string{"a", "b", "b.c", "d"} {
			if rapid.IntRange(0, 3).Draw(t, "there") > 0 {
				parts = append(parts, quoted(path)+":"+scalar.Draw(t, path))
			}
		}
		return []byte("{" + strings.Join(parts, ",") + "}")
	})
}

// arrays draws payloads with arrays and objects anywhere.
func arrays() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.IntRange(1, 3).Draw(t, "n")
		var parts []string
		for range n {
			parts = append(parts, string(records().Draw(t, "element")))
		}
		list := "[" + strings.Join(parts, ",") + "]"
		switch rapid.IntRange(0, 3).Draw(t, "shape") {
		case 0:
			return []byte(list)
		case 1:
			return fmt.Appendf(nil, `{"b":%s,"a":["x",1,%s]}`, list, parts[0])
		case 2:
			return fmt.Appendf(nil, `{"a":[],"b":{"c":[["x"],"y"]},"d":%s}`, list)
		default:
			return fmt.Appendf(nil, `[%s,{"d":["x","z"]}]`, list)
		}
	})
}

func events() *rapid.Generator[[]byte] { return rapid.OneOf(records(), arrays()) }

// sets draws a set; the rarest is everything.
func sets(all bool) *rapid.Generator[pattern.Set] {
	return rapid.Custom(func(t *rapid.T) pattern.Set {
		if rapid.IntRange(0, 30).Draw(t, "everything") == 0 {
			return pattern.Set{}
		}
		return pattern.NewSet(filters(all).Draw(t, "filters"))
	})
}

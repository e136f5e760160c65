package render

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// pattern is an event pattern taken apart for display: all of its conditions
// have to hold. It is for people; what a filter means is decided elsewhere.
type pattern struct {
	raw   string // the text, where it could not be taken apart
	conds []cond // in the order of their paths
}

// cond is a condition on the values at a path: one of its alternatives holds.
type cond struct {
	path string
	in   []string // the value is one of these, sorted
	not  []string // the value is none of these, sorted
	rest []string // other alternatives, in words, sorted
}

// parsePattern takes a pattern apart; what it does not know it leaves raw.
func parsePattern(text string) pattern {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var root map[string]any
	raw := pattern{raw: cmp.Or(text, "an empty text")}
	if d.Decode(&root) != nil {
		return raw
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return raw
	}
	conds, ok := conditions("", root)
	if !ok || len(conds) == 0 {
		return raw
	}
	slices.SortStableFunc(conds, func(a, b cond) int { return strings.Compare(a.path, b.path) })
	return pattern{conds: conds}
}

func conditions(prefix string, object map[string]any) ([]cond, bool) {
	var all []cond
	for _, name := range slices.Sorted(maps.Keys(object)) {
		switch v := object[name].(type) {
		case map[string]any:
			below, ok := conditions(prefix+name+".", v)
			if !ok {
				return nil, false
			}
			all = append(all, below...)
		case []any:
			one, ok := condition(prefix, name, v)
			if !ok || len(v) == 0 {
				return nil, false
			}
			all = append(all, one)
		default:
			return nil, false
		}
	}
	return all, true
}

func condition(prefix, name string, values []any) (cond, bool) {
	c := cond{path: shortPath(prefix + name)}
	for _, v := range values {
		object, ok := v.(map[string]any)
		switch {
		case name == "$or" && !ok:
			return cond{}, false
		case name == "$or":
			below, ok := conditions(prefix, object)
			if !ok {
				return cond{}, false
			}
			c.rest = append(c.rest, pattern{conds: below}.text(0))
		case ok:
			c.operator(object)
		default:
			text, ok := literal(v)
			if !ok {
				return cond{}, false
			}
			c.in = append(c.in, text)
		}
	}
	for _, list := range []*[]string{&c.in, &c.not, &c.rest} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if name == "$or" {
		c.path = ""
	}
	return c, true
}

// operator adds an alternative such as {"prefix": "x"}.
func (c *cond) operator(object map[string]any) {
	if len(object) == 1 {
		for name, v := range object {
			if name == "anything-but" && len(c.not) == 0 {
				c.not = literals(v)
				if len(c.not) > 0 {
					return
				}
			}
			if text, ok := operatorText(name, v); ok {
				c.rest = append(c.rest, c.path+" "+text)
				return
			}
		}
	}
	c.rest = append(c.rest, c.path+" matches "+compact(object))
}

func operatorText(name string, v any) (string, bool) {
	text, isText := v.(string)
	switch {
	case name == "exists" && v == true:
		return "exists", true
	case name == "exists" && v == false:
		return "is missing", true
	case name == "prefix" && isText:
		return "starts with " + word(text), true
	case name == "suffix" && isText:
		return "ends with " + word(text), true
	case name == "equals-ignore-case" && isText:
		return "= " + word(text) + " in any case", true
	case name == "numeric":
		return numericText(v)
	}
	return "", false
}

// numericText writes [">", 10, "<=", 20] as "> 10 and <= 20".
func numericText(v any) (string, bool) {
	list, _ := v.([]any)
	if len(list) == 0 || len(list)%2 != 0 {
		return "", false
	}
	var parts []string
	for pair := range slices.Chunk(list, 2) {
		sign, ok1 := pair[0].(string)
		number, ok2 := pair[1].(json.Number)
		if !ok1 || !ok2 {
			return "", false
		}
		parts = append(parts, sign+" "+number.String())
	}
	return strings.Join(parts, " and "), true
}

// literals are the values of anything-but, a scalar or a list of them; none
// for anything else.
func literals(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	all := make([]string, 0, len(list))
	for _, one := range list {
		text, ok := literal(one)
		if !ok {
			return nil
		}
		all = append(all, text)
	}
	return all
}

func literal(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "null", true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	case string:
		return word(v), true
	}
	return "", false
}

// word writes a string bare where nobody could take it for anything else.
func word(s string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	bare := strings.ContainsAny(s, letters) && strings.Trim(s, letters+"0123456789._-:/") == ""
	if !bare || slices.Contains([]string{"null", "true", "false"}, s) || json.Valid([]byte(s)) {
		return strconv.Quote(s)
	}
	return s
}

// shortPath leaves out what every path into a Kinesis payload begins with.
func shortPath(path string) string {
	short, payload := strings.CutPrefix(path, "data.")
	switch {
	case !payload:
		return "record:" + word(path)
	case strings.HasPrefix(short, "record:"):
		return strconv.Quote(short)
	}
	return word(short)
}

func compact(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "?"
	}
	return strings.TrimSpace(b.String())
}

package pattern

import (
	"slices"
	"strings"
)

// quote is s as JSON on one line. AWS's `.*` for a pattern leaves out every line
// end that Java knows, so those are escaped too; < and > are not.
func quote(s string) string {
	const hexDigits = "0123456789abcdef"
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x85 || r == 0x2028 || r == 0x2029:
			b.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				b.WriteByte(hexDigits[r>>shift&0xf])
			}
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func quoteAll(list []string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(s))
	}
	b.WriteByte(']')
	return b.String()
}

// listText is a field's list as JSON.
func listText(list []matcher) string {
	var b strings.Builder
	b.WriteByte('[')
	for i := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(list[i].key)
	}
	b.WriteByte(']')
	return b.String()
}

// tree nests dotted paths: what they hold is JSON text.
type tree struct {
	text string
	kids map[string]*tree
}

// nest renders fields as one object with sorted keys. A path that cannot be
// nested, because another one ends on its way or because a step is "$or",
// stands dotted, which means the same.
func nest(paths, texts []string) string {
	root := &tree{}
	for i, p := range paths {
		steps := strings.Split(p, ".")
		if slices.Contains(steps, "$or") || endsOnTheWay(p, paths) {
			steps = []string{p}
		}
		at := root
		for _, s := range steps {
			if at.kids == nil {
				at.kids = map[string]*tree{}
			}
			next := at.kids[s]
			if next == nil {
				next = &tree{}
				at.kids[s] = next
			}
			at = next
		}
		at.text = texts[i]
	}
	var b strings.Builder
	root.write(&b)
	return b.String()
}

func endsOnTheWay(p string, paths []string) bool {
	return slices.ContainsFunc(paths, func(q string) bool { return strings.HasPrefix(p, q+".") })
}

func (t *tree) write(b *strings.Builder) {
	if t.kids == nil {
		b.WriteString(t.text)
		return
	}
	keys := make([]string, 0, len(t.kids))
	for k := range t.kids {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(k))
		b.WriteByte(':')
		t.kids[k].write(b)
	}
	b.WriteByte('}')
}

package spec

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// freeObject writes a `where`: any JSON object.
func (w *walker) freeObject(n *yaml.Node, path string) bool {
	if n.Kind != yaml.MappingNode {
		w.find(CodeType, n, path, `is %s: write a mapping of fields to conditions, such as {amount: [{numeric: [">", 1000]}]}`, kindName(n))
		return false
	}
	return w.freeMapping(n, path)
}

// free writes any JSON value, numbers with the digits they were written with;
// false if some of it was refused.
func (w *walker) free(n *yaml.Node, path string) bool {
	w.lines[path] = n.Line + w.offset
	return w.enter(n, path, func(n *yaml.Node) bool {
		switch n.Kind {
		case yaml.MappingNode:
			return w.freeMapping(n, path)
		case yaml.SequenceNode:
			return w.freeList(n, path)
		default:
			return w.freeScalar(n, path)
		}
	})
}

func (w *walker) freeMapping(n *yaml.Node, path string) bool {
	ok, seen := true, map[string]int{}
	w.out.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		key, sound := w.key(k, path, seen)
		if !sound {
			ok = false
			continue
		}
		at := join(path, key)
		if as := misread(key); isPlain(k) && as != "" {
			w.find(CodeType, k, at, "key %s is read as %s: write it in quotes, %q", key, as, key)
			ok = false
			continue
		}
		w.name(key, i > 0)
		ok = w.free(n.Content[i+1], at) && ok
	}
	w.out.WriteByte('}')
	return ok
}

func (w *walker) freeList(n *yaml.Node, path string) bool {
	ok := true
	w.out.WriteByte('[')
	for i, v := range n.Content {
		if i > 0 {
			w.out.WriteByte(',')
		}
		ok = w.free(v, fmt.Sprintf("%s[%d]", path, i)) && ok
	}
	w.out.WriteByte(']')
	return ok
}

// freeScalar writes text, or what JSON itself writes without quotes. What
// readers of YAML 1.1 and 1.2 could understand differently is refused.
func (w *walker) freeScalar(n *yaml.Node, path string) bool {
	text := n.Value
	switch {
	case !isPlain(n):
		w.text(text)
		return true
	case text == "null", text == "true", text == "false":
		w.out.WriteString(text)
		return true
	case isNumber(text):
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			w.find(CodeRange, n, path, "%s is larger than any number that is compared exactly: write a smaller one, or quotes for text", text)
			return false
		}
		w.out.WriteString(text)
		return true
	case isNull(text):
		w.find(CodeType, n, path, "has no value: write null, or text in quotes")
		return false
	default:
		if as := misread(text); as != "" {
			w.find(CodeType, n, path, "%s is read as %s by some and as text by others: write it in quotes, or as JSON does", text, as)
			return false
		}
		w.text(text)
		return true
	}
}

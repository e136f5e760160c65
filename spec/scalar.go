package spec

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// isPlain says whether a scalar stands without quotes, so that readers of YAML
// may take it for something other than text.
func isPlain(n *yaml.Node) bool {
	return n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

// isEmpty says whether a value is text without a character, or nothing at all.
func isEmpty(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style&yaml.TaggedStyle == 0
}

func isNull(text string) bool {
	return slices.Contains([]string{"", "~", "null", "Null", "NULL"}, text)
}

// misread says what some reader of YAML 1.1 or 1.2 takes plain text for, if
// not for text; empty if all agree on text.
// https://yaml.org/type/ lists the forms of YAML 1.1.
func misread(text string) string {
	switch {
	case isNull(text):
		return "no value"
	case isSwitch(text):
		return "true or false"
	}
	if c := text[0]; c != '.' && c != '+' && c != '-' && (c < '0' || c > '9') {
		return ""
	}
	n := yaml.Node{Kind: yaml.ScalarNode, Value: text}
	switch n.ShortTag() {
	case "!!timestamp":
		return "a time"
	case "!!int", "!!float":
		return "a number"
	}
	if sexagesimal(text) {
		return "a number"
	}
	return ""
}

// isSwitch says whether text is a boolean of YAML 1.1.
func isSwitch(text string) bool {
	lower := strings.ToLower(text)
	if !slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false"}, lower) {
		return false
	}
	return text == lower || text == strings.ToUpper(text) || text == strings.ToUpper(lower[:1])+lower[1:]
}

// sexagesimal says whether text is a number of YAML 1.1 in base 60, such as
// 190:20:30.
func sexagesimal(text string) bool {
	if !strings.Contains(text, ":") {
		return false
	}
	return regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$`).MatchString(text)
}

// isNumber says whether text is a number as JSON writes it.
func isNumber(text string) bool {
	c := strings.TrimPrefix(text, "-")
	return c != "" && c[0] >= '0' && c[0] <= '9' && json.Valid([]byte(text))
}

// scalar writes text, a whole number, or true or false.
func (w *walker) scalar(n *yaml.Node, t reflect.Type, path string) bool {
	if n.Kind != yaml.ScalarNode {
		w.find(CodeType, n, path, "is %s: write %s", kindName(n), describe(t))
		return false
	}
	switch t.Kind() {
	case reflect.Bool:
		return w.boolean(n, path)
	case reflect.Int:
		return w.integer(n, path)
	default:
		return w.str(n, path)
	}
}

func (w *walker) str(n *yaml.Node, path string) bool {
	if isPlain(n) {
		if n.Value == "" {
			w.find(CodeType, n, path, "has no value: write text, in quotes if it is to be empty, or remove the key")
			return false
		}
		if as := misread(n.Value); as != "" {
			w.find(CodeType, n, path, "%s is read as %s: write it in quotes, %q", n.Value, as, n.Value)
			return false
		}
	}
	w.text(n.Value)
	return true
}

func (w *walker) boolean(n *yaml.Node, path string) bool {
	word := strings.ToLower(n.Value)
	switch {
	case word != "true" && word != "false" || !isSwitch(n.Value):
		w.find(CodeType, n, path, "%q is neither true nor false: write one of them", n.Value)
		return false
	case !isPlain(n):
		w.find(CodeType, n, path, "%q is text: write %s without quotes", n.Value, word)
		return false
	}
	w.out.WriteString(word)
	return true
}

func (w *walker) integer(n *yaml.Node, path string) bool {
	_, err := strconv.Atoi(n.Value)
	switch whole := isNumber(n.Value) && strings.Trim(n.Value, "-0123456789") == ""; {
	case whole && !isPlain(n):
		w.find(CodeType, n, path, "%q is text: write %s without quotes", n.Value, n.Value)
		return false
	case whole && err != nil:
		w.find(CodeRange, n, path, "%s is too large", n.Value)
		return false
	case !whole:
		w.find(CodeType, n, path, "%q is no whole number: write one in decimal digits, such as 100", n.Value)
		return false
	}
	w.out.WriteString(n.Value)
	return true
}

// isCustom says whether a type reads its JSON itself.
func isCustom(t reflect.Type) bool {
	return t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(typeOf[json.Unmarshaler]())
}

// custom writes a scalar for a type that reads its own JSON, once the type has
// accepted it.
func (w *walker) custom(n *yaml.Node, t reflect.Type, path string) bool {
	if n.Kind != yaml.ScalarNode {
		w.find(CodeType, n, path, "is %s: write %s", kindName(n), describe(t))
		return false
	}
	start := w.out.Len()
	if isPlain(n) && isNumber(n.Value) {
		w.out.WriteString(n.Value)
	} else {
		w.text(n.Value)
	}
	if err := json.Unmarshal(w.out.Bytes()[start:], reflect.New(t).Interface()); err != nil {
		w.find(CodeType, n, path, "%v", err)
		return false
	}
	return true
}

package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"
)

// parse reads the documents of a text. A syntax error costs its own document
// only: those are told apart beforehand.
func (l *loader) parse(file string, text []byte) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if path.Ext(file) == ".json" {
		text = unescape(text)
	}
	for _, c := range chunks(text) {
		if char, line := control(c.text); line > 0 {
			l.find(Error, CodeSyntax, file, c.line+line, "holds the control character %U: remove it", char)
			continue
		}
		d := yaml.NewDecoder(bytes.NewReader(c.text))
		for {
			var n yaml.Node
			err := d.Decode(&n)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				l.syntax(file, c, err)
				break
			}
			l.document(file, &n, c.line)
		}
	}
}

// chunk is one document's text, and the lines of the file before it.
type chunk struct {
	text []byte
	line int
}

// chunks cuts a text at the lines that begin with "---", which mark documents
// wherever they stand. What holds only comments and directives goes with the
// next.
func chunks(text []byte) []chunk {
	var all []chunk
	start, first, line, blank := 0, 0, 0, true
	for at := 0; at < len(text); line++ {
		end := bytes.IndexByte(text[at:], '\n') + 1
		if end == 0 {
			end = len(text) - at
		}
		row := bytes.TrimRight(text[at:at+end], " \t\r\n")
		if mark, ok := bytes.CutPrefix(row, []byte("---")); ok && (len(mark) == 0 || mark[0] == ' ' || mark[0] == '\t') {
			if !blank {
				all = append(all, chunk{text[start:at], first})
				start, first = at, line
			}
			blank = false
		} else if len(row) > 0 && row[0] != '#' && row[0] != '%' {
			blank = false
		}
		at += end
	}
	return append(all, chunk{text[start:], first})
}

// syntax reports what the YAML parser says, with the line in the file.
func (l *loader) syntax(file string, c chunk, err error) {
	message, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		line, _ = strconv.Atoi(m[1]) // of digits
	}
	rows := bytes.Split(bytes.TrimRight(c.text, " \r\n"), []byte("\n"))
	hint := ""
	switch what, _, _ := strings.Cut(message, " referenced"); {
	case strings.HasPrefix(message, "did not find expected"):
		line++ // the parser counts these from 0
	case strings.HasPrefix(what, "unknown anchor '"):
		name := strings.Trim(strings.TrimPrefix(what, "unknown anchor "), "'")
		line = 1 + slices.IndexFunc(rows, func(row []byte) bool { return bytes.Contains(row, []byte("*"+name)) })
	case strings.Contains(message, "tab character") || strings.Contains(message, "cannot start any token"):
		if i := slices.IndexFunc(rows, indentedByTab); i >= 0 {
			line, hint = i+1, ": indent with spaces"
		}
	}
	l.find(Error, CodeSyntax, file, c.line+min(max(line, 1), len(rows)), "is no YAML: %s%s", message, hint)
}

func indentedByTab(row []byte) bool {
	rest := bytes.TrimLeft(row, " \t")
	return bytes.ContainsRune(row[:len(row)-len(rest)], '\t')
}

// control finds the first character that YAML does not allow, and its line.
// https://yaml.org/spec/1.2.2/#51-character-set
func control(text []byte) (char rune, line int) {
	line = 1
	for _, r := range string(text) {
		switch {
		case r == '\n':
			line++
		case r == '\t', r == '\r', r >= ' ' && r <= '~', r == 0x85, r >= 0xA0 && r <= 0xFFFD && r != 0xFEFF, r > 0xFFFF:
		default:
			return r, line
		}
	}
	return -1, 0
}

// document checks one YAML document against what an EventRouting is, and
// decodes what is sound of it.
//
// The nodes that were checked are handed on as JSON, in which every value says
// its type: sigs.k8s.io/yaml, which reads YAML 1.1, cannot read one as another
// after it was checked.
func (l *loader) document(file string, n *yaml.Node, offset int) {
	root := n.Content[0]
	if root.Kind == yaml.ScalarNode && root.Value == "" && root.Style == 0 {
		return
	}
	line := root.Line + offset
	if root.Kind != yaml.MappingNode {
		l.find(Error, CodeSyntax, file, line, "is no mapping: a document begins with apiVersion: %s and kind: %s", APIVersion, Kind)
		return
	}
	if got := kindOf(root); got != (EventRouting{APIVersion: APIVersion, Kind: Kind}).kind() {
		l.find(Error, CodeKind, file, line, "is %s: write apiVersion: %s and kind: %s", got, APIVersion, Kind)
		return
	}
	if l.schema == nil {
		l.schema = schema{}
	}
	w := walker{
		schema: l.schema, file: l.shown(file), offset: offset,
		lines: map[string]int{}, bad: map[string]bool{}, open: map[*yaml.Node]bool{},
	}
	doc := document{bad: w.bad}
	if w.value(root, typeOf[EventRouting](), "") {
		if err := decode(w.out.Bytes(), &doc.EventRouting); err != nil {
			w.find(CodeSyntax, root, "", "%v", err)
		}
	}
	doc.Origin = Origin{File: l.shown(file), Line: line, Lines: w.lines}
	doc.findings = w.findings
	l.docs = append(l.docs, doc)
}

// decode decodes a document. The conditions of `where` keep the text of their
// numbers, which a reader of YAML would write its own way.
func decode(checked []byte, e *EventRouting) error {
	if err := kyaml.UnmarshalStrict(checked, e); err != nil {
		return err
	}
	type conditions struct {
		Where json.RawMessage `json:"where"`
	}
	var raw struct {
		Spec struct {
			Defaults *conditions  `json:"defaults"`
			Routes   []conditions `json:"routes"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(checked, &raw); err != nil {
		return err
	}
	if raw.Spec.Defaults != nil && e.Spec.Defaults != nil {
		e.Spec.Defaults.Where = raw.Spec.Defaults.Where
	}
	for i := range e.Spec.Routes {
		e.Spec.Routes[i].Where = raw.Spec.Routes[i].Where
	}
	return nil
}

// kindOf says what a document claims to be.
func kindOf(root *yaml.Node) string {
	var e EventRouting
	for i := 0; i+1 < len(root.Content); i += 2 {
		switch root.Content[i].Value {
		case "apiVersion":
			e.APIVersion = root.Content[i+1].Value
		case "kind":
			e.Kind = root.Content[i+1].Value
		}
	}
	return e.kind()
}

func (e EventRouting) kind() string {
	if e.APIVersion == "" && e.Kind == "" {
		return "a document without apiVersion and kind"
	}
	return strconv.Quote(e.APIVersion) + " of kind " + strconv.Quote(e.Kind)
}

// unescape replaces the escapes that JSON has and the YAML parser has not: \/
// and characters written as two surrogates.
func unescape(text []byte) []byte {
	var b bytes.Buffer
	for len(text) > 0 {
		i := bytes.IndexByte(text, '\\')
		if i < 0 || i+1 == len(text) {
			break
		}
		b.Write(text[:i])
		text = text[i:]
		n := 2
		var char string
		if text[1] == '/' {
			char = "/"
		} else if pair := text[:min(12, len(text))]; utf16.IsSurrogate(codeUnit(pair)) {
			if r := utf16.DecodeRune(codeUnit(pair), codeUnit(pair[min(6, len(pair)):])); r != utf8.RuneError {
				char, n = string(r), len(pair)
			}
		}
		if char == "" {
			char = string(text[:n])
		}
		b.WriteString(char)
		text = text[n:]
	}
	b.Write(text)
	return b.Bytes()
}

// codeUnit reads \uXXXX; 0 for anything else.
func codeUnit(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

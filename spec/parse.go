package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parse reads the documents of a text. A syntax error costs its own document
// only: those are told apart beforehand.
func (l *loader) parse(file string, text []byte) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for _, c := range chunks(text) {
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
	if rows := bytes.Split(c.text, []byte("\n")); line <= len(rows) && bytes.Contains(rows[line-1], []byte("\t")) {
		message += "; indent with spaces, not tabs"
	}
	l.find(Error, CodeSyntax, file, c.line+line, "is no YAML: %s", message)
}

// document checks one YAML document against what an EventRouting is, and
// decodes what is sound of it.
//
// YAML is read once, by the parser whose nodes are checked, and handed to
// encoding/json as JSON: two readers (sigs.k8s.io/yaml brings one of YAML 1.1)
// could disagree about a value after it was checked, and would not keep the
// text of numbers in `where`. Tests hold the result against sigs.k8s.io/yaml.
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
		if err := json.Unmarshal(w.out.Bytes(), &doc.EventRouting); err != nil {
			w.find(CodeSyntax, root, "", "%v", err)
		}
	}
	doc.Origin = Origin{File: l.shown(file), Line: line, Lines: w.lines}
	doc.findings = w.findings
	l.docs = append(l.docs, doc)
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

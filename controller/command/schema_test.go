package command_test

import (
	"bytes"
	cmplib "cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/eventrouting/eventrouting/controller/command"
	"github.com/eventrouting/eventrouting/examples"
	"github.com/eventrouting/eventrouting/spec"
)

var update = flag.Bool("update", false, "write the golden files anew")

// stdoutOf is what a command prints.
func stdoutOf(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, problems bytes.Buffer
	if code := command.Run(t.Context(), args, strings.NewReader(""), &out, &problems); code != 0 {
		t.Fatalf("eventrouting %v: exit code %d: %s", args, code, problems.String())
	}
	return out.Bytes()
}

// printedSchema is the schema, read back from what is printed.
func printedSchema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal(stdoutOf(t, "schema"), &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// refuses is why a schema refuses one of the documents of a file; nil if it
// takes all. What is no YAML is refused.
func refuses(s *jsonschema.Resolved, text []byte) error {
	if v := any(nil); json.Unmarshal(text, &v) == nil {
		return s.Validate(v) // JSON may escape what YAML does not
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var n yaml.Node
		switch err := d.Decode(&n); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if n.Content[0].ShortTag() == "!!null" {
			continue // an empty document is none
		}
		v, err := seen(&n, 0)
		if err != nil {
			return err
		}
		if err := s.Validate(v); err != nil {
			return err
		}
	}
}

// seen is a value as editors see it, by the core schema of YAML 1.2: dates and
// tagged values are text, and of a key that stands twice the last one counts.
func seen(n *yaml.Node, depth int) (any, error) {
	if depth++; depth > 500 {
		return nil, errors.New("has no end")
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return seen(n.Content[0], depth)
	case yaml.AliasNode:
		if depth > 15 {
			return nil, errors.New("aliases inside aliases")
		}
		return seen(n.Alias, depth)
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			v, err := seen(n.Content[i+1], depth)
			if err != nil {
				return nil, err
			}
			m[n.Content[i].Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		l := []any{}
		for _, c := range n.Content {
			v, err := seen(c, depth)
			if err != nil {
				return nil, err
			}
			l = append(l, v)
		}
		return l, nil
	case yaml.ScalarNode:
	}
	switch n.ShortTag() {
	case "!!int", "!!float", "!!bool", "!!null":
		var v any
		err := n.Decode(&v)
		return v, err
	}
	return n.Value, nil
}

// TestSchemaTakes checks that the schema takes what is valid: the examples, the
// README's document, and the test data of package spec.
func TestSchemaTakes(t *testing.T) {
	s := printedSchema(t)
	take := func(name string, text []byte) {
		if err := refuses(s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	names, err := fs.Glob(examples.Documents, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := examples.Documents.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		take(name, text)
	}
	files, err := filepath.Glob("../../spec/testdata/[vc]*/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, document, ok := bytes.Cut(text, []byte("```yaml\n")); ok {
			text, _, _ = bytes.Cut(document, []byte("```"))
		}
		take(file, text)
	}
}

// Why a schema cannot refuse some of spec/testdata/invalid.
const (
	twoValues  = "compares two values, which a schema cannot"
	otherItems = "compares items of a list, or documents"
	inherited  = "depends on what defaults and the document say for the route"
	language   = "is about what a filter says; to a schema conditions are any object"
	arithmetic = "needs a calculation"
	notation   = "is a matter of how YAML is written, which is gone when a schema sees values"
	otherText  = "is text by YAML 1.2, by which editors read, and not by every other reader"
	abuse      = "is a bound against documents made to take a reader down"
)

// notRefused are the files of spec/testdata/invalid that a schema takes.
var notRefused = map[string]string{
	"account-of-function":                    twoValues,
	"account-of-role":                        twoValues,
	"age-below-window":                       twoValues,
	"age-long":                               arithmetic,
	"age-milliseconds":                       arithmetic,
	"age-short":                              arithmetic,
	"alias-bomb":                             abuse,
	"catch-all-too-long":                     language,
	"catch-all-twice":                        otherItems,
	"concurrency-minimum":                    twoValues,
	"deep":                                   abuse,
	"duplicate-key":                          notation,
	"duplicate-key-in-route":                 notation,
	"duplicate-key-in-where":                 notation,
	"fan-out-51":                             otherItems,
	"follow-own-alias":                       twoValues,
	"function-in-defaults":                   inherited,
	"function-without-isolation":             inherited,
	"isolation-function-shared":              otherItems,
	"isolation-function-shared-by-documents": otherItems,
	"isolation-function-without":             inherited,
	"key-of-another-region":                  twoValues,
	"number-exponent":                        notation,
	"number-hexadecimal":                     notation,
	"number-octal":                           notation,
	"number-underscore":                      notation,
	"partition-of-destination":               twoValues,
	"partition-of-stream":                    twoValues,
	"path-deep":                              abuse,
	"region-of-function":                     twoValues,
	"region-of-route-function":               twoValues,
	"region-of-stream":                       twoValues,
	"role-beside-none":                       otherItems,
	"roles-of-one-account":                   otherItems,
	"route-name-twice":                       otherItems,
	"routing-name-twice":                     otherItems,
	"standard-mappings-over-documents":       otherItems,
	"standard-mappings-six":                  otherItems,
	"tag-on-key":                             notation,
	"tag-on-mapping":                         notation,
	"text-base-60":                           otherText,
	"text-date":                              otherText,
	"text-no":                                otherText,
	"text-on":                                otherText,
	"text-time":                              otherText,
	"text-y":                                 otherText,
	"text-yes-as-name":                       otherText,
	"type-in-two-routes":                     otherItems,
	"type-in-two-routes-one-allows":          otherItems,
	"type-in-two-routes-one-where":           otherItems,
	"type-in-two-routes-where-overlaps":      otherItems,
	"types-too-many":                         language,
	"where-date":                             otherText,
	"where-empty-value":                      language,
	"where-event-type":                       language,
	"where-in-defaults":                      language,
	"where-infinite":                         language,
	"where-key-on":                           otherText,
	"where-not-a-number":                     language,
	"where-number-outside-numeric":           language,
	"where-octal":                            notation,
	"where-operator":                         language,
	"where-too-large":                        language,
	"where-wildcard":                         language,
	"where-yes":                              otherText,
	"window-long":                            arithmetic,
	"window-milliseconds":                    arithmetic,
}

// TestSchemaRefuses checks that the schema refuses each file of testdata/invalid,
// but for those of which the list says why it cannot.
func TestSchemaRefuses(t *testing.T) {
	s := printedSchema(t)
	files, err := filepath.Glob("../../spec/testdata/invalid/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	rest := maps.Clone(notRefused)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		why, excused := rest[name]
		delete(rest, name)
		warned := !bytes.Contains(text, []byte(" (error, "))
		switch err := refuses(s, text); {
		case err != nil && warned:
			t.Errorf("%s is valid with a warning, and refused: %v", name, err)
		case err != nil && excused:
			t.Errorf("%s is refused: take it off the list", name)
		case err == nil && !excused && !warned:
			first, _, _ := bytes.Cut(text, []byte("\n"))
			t.Errorf("%s is not refused, and the list does not say why: %s", name, first)
		case err == nil && excused && why == "":
			t.Errorf("%s: the list gives no reason", name)
		}
	}
	for name := range rest {
		t.Errorf("%s is on the list, and no such file exists", name)
	}
}

// TestSchemaAgrees puts values at and beyond the limits into every setting that
// is a number, a word, or text. Of numbers and words the schema says what Load
// says; of text it refuses nothing that Load takes.
func TestSchemaAgrees(t *testing.T) {
	s := printedSchema(t)
	long := strings.Repeat("a", 40)
	texts := []string{
		"a", "a-b", "a--b", "A", "-a", "a.b", "a..b", "$or", "$LATEST", "1", "a b", " a", long, long + "a", strings.Repeat("a", 64), strings.Repeat("a", 65),
		strings.Repeat("a", 128), strings.Repeat("a", 129), "eu-west-1", "us-gov-west-1", "europe", "a\u0001", "a\u00a0b", "\u00e9",
		"0", "0s", "-0s", "+0h0m", "1s", "+1s", "-1s", "1.5s", "1.s", ".5s", "1h30m", "24h", "1\u00b5s", "1\u03bcs", "5m", "5m1s", "1d", "s", "0.0h1ns", "59s", "168h",
		"Now", "TrimHorizon", "now", "2026-11-23T08:00:00Z", "2026-11-23T8:00:00.5+01:00", "2026-11-23", "0%", "-0%", "10%", "1000%", "1001%", "-1%", "10",
		"arn:aws:kinesis:eu-west-1:111122223333:stream/orders", "arn:aws-cn:kinesis:cn-north-1:111122223333:stream/orders",
		"arn:aws:lambda:eu-west-1:111122223333:function:f", "arn:aws:lambda:eu-west-1:111122223333:function:f:live", "111122223333:function:f",
		"arn:aws:iam::111122223333:role/path/r", "arn:aws:iam::111122223333:user/u", "arn:aws:kms:eu-west-1:111122223333:alias/k",
		"arn:aws:sqs:eu-west-1:111122223333:q", "arn:aws:sqs:eu-west-1:111122223333:q.fifo", "arn:aws:sns:eu-west-1:111122223333:t", "arn:aws:s3:::bucket",
	}
	tried := 0
	for path, setting := range leaves(s.Schema(), nil) {
		var values []any
		exact := true
		switch {
		case setting.Minimum != nil:
			values = []any{*setting.Minimum - 1, *setting.Minimum}
			if setting.Maximum != nil {
				values = append(values, *setting.Maximum, *setting.Maximum+1)
			}
		case len(setting.Enum) > 0:
			values = append(slices.Clone(setting.Enum), "Odd")
		default:
			exact = false
			for _, text := range texts {
				values = append(values, text)
			}
		}
		for _, v := range values {
			document := placed(v, strings.Split(path, "."))
			text, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			_, findings := spec.Load(fstest.MapFS{"f.json": {Data: text}}, "f.json")
			taken := !slices.ContainsFunc(findings, func(f spec.Finding) bool {
				return f.Severity == spec.Error && (!exact || f.Path == "" || strings.HasPrefix(f.Path, strings.ReplaceAll(path, "routes.", "routes[0].")))
			})
			refused := refuses(s, text)
			tried++
			switch {
			case taken && refused != nil:
				t.Errorf("%s: %v is valid, the schema says: %v", path, v, refused)
			case exact && !taken && refused == nil:
				t.Errorf("%s: %v is taken by the schema, and: %v", path, v, findings)
			}
		}
	}
	if tried < 1000 {
		t.Errorf("only %d values were tried", tried)
	}
}

// leaves are the settings of a schema that hold one value, by path. Lists of
// one value are left out.
func leaves(s *jsonschema.Schema, at []string) map[string]*jsonschema.Schema {
	found := map[string]*jsonschema.Schema{}
	for key, p := range s.Properties {
		path := append(slices.Clone(at), key)
		switch {
		case p.Items != nil && p.Items.Properties != nil:
			maps.Copy(found, leaves(p.Items, path))
		case p.Properties != nil:
			maps.Copy(found, leaves(p, path))
		case p.Type == "string", p.Type == "integer", p.AnyOf != nil:
			found[strings.Join(path, ".")] = p
		}
	}
	return found
}

// placed is a document in which one setting has a value.
func placed(v any, path []string) map[string]any {
	route := map[string]any{"name": "placed", "eventTypes": []any{"A"}}
	document := map[string]any{
		"apiVersion": spec.APIVersion, "kind": spec.Kind, "metadata": map[string]any{"name": "orders"},
		"spec": map[string]any{
			"stream": "orders-events", "function": map[string]any{"name": "f"}, "eventType": map[string]any{"path": "eventType"},
			"routes": []any{route},
		},
	}
	into := document
	for i, key := range path {
		switch next, ok := into[key].(map[string]any); {
		case i == len(path)-1:
			into[key] = v
		case key == "routes":
			into = route
		case ok:
			into = next
		default:
			next := map[string]any{}
			into[key] = next
			into = next
		}
	}
	if slices.Contains(path, "isolation") && v == "Function" {
		route["function"] = "g"
	}
	return document
}

// TestSchemaDescriptions checks that what the schema says of each setting is
// what package spec says of its field.
func TestSchemaDescriptions(t *testing.T) {
	want := fieldComments(t, "../../spec/document.go", "../../spec/value.go")
	const file = "schema.txt"
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("run make golden (-in the code +in %s):\n%s", file, diff)
	}
	var walk func(s *jsonschema.Schema, path string)
	walk = func(s *jsonschema.Schema, path string) {
		if s.Items != nil {
			walk(s.Items, path)
		}
		for key, p := range s.Properties {
			if p.Description == "" {
				t.Errorf("%s.%s has no description: write a comment in package spec, then make golden", path, key)
			}
			walk(p, path+"."+key)
		}
	}
	walk(printedSchema(t).Schema(), "")
}

// fieldComments are the fields of the types of a document, each with its
// comment, else that of the setting that it resolves to, else that of its type.
func fieldComments(t *testing.T, files ...string) string {
	t.Helper()
	types := map[string]string{}
	fields := map[string]map[string]string{}
	var order []string // TYPE.FIELD of TYPE
	said := func(groups ...*ast.CommentGroup) string {
		for _, g := range groups {
			if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
				return text
			}
		}
		return ""
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			decl := g.Specs[0].(*ast.TypeSpec)
			name := decl.Name.Name
			types[name] = said(g.Doc)
			body, ok := decl.Type.(*ast.StructType)
			if !ok {
				continue
			}
			fields[name] = map[string]string{}
			for _, f := range body.Fields.List {
				for _, n := range f.Names {
					fields[name][n.Name] = said(f.Doc, f.Comment)
					if f.Tag != nil && !strings.Contains(f.Tag.Value, `"-"`) {
						order = append(order, name+" "+n.Name+" "+strings.TrimLeft(exprText(f.Type), "*[]"))
					}
				}
			}
		}
	}
	var b strings.Builder
	for _, line := range order {
		part := strings.Fields(line)
		text := cmplib.Or(fields[part[0]][part[1]], fields["Resolved"][part[1]], types[part[2]])
		fmt.Fprintf(&b, "%s.%s\t%s\n", part[0], part[1], text)
	}
	return b.String()
}

func exprText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return exprText(e.X)
	case *ast.ArrayType:
		return exprText(e.Elt)
	}
	return "other"
}

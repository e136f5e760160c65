package command_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestREADMECodes checks that the README lists exactly the finding codes there
// are, each with what the code says of it.
func TestREADMECodes(t *testing.T) {
	var want []string
	for _, file := range []string{"../../spec/codes.go", "../../reconcile/codes.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(v.Names[0].Name, "Code") {
				return true
			}
			code, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, "| `"+code+"` | "+strings.TrimSpace(v.Comment.Text())+" |")
			return true
		})
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	section := string(readme)
	section = section[strings.Index(section, "## Findings"):]
	section = section[:strings.Index(section[3:], "\n## ")+3]
	var got []string
	for line := range strings.SplitSeq(section, "\n") {
		if strings.HasPrefix(line, "| `") {
			got = append(got, line)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("codes (-in the code +in the README):\n%s", diff)
	}
}

// TestREADMEDocument checks that the README's document is valid.
func TestREADMEDocument(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(readme)
	if match == nil {
		t.Fatal("no document in the README")
	}
	load(t, match[1])
}

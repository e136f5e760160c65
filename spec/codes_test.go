package spec_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Every code has a sentence, is used, and is wanted by a file of testdata; and
// no finding has a code that is not listed.
func TestCodes(t *testing.T) {
	codes, used := map[string]string{}, map[string]bool{}
	files, err := filepath.Glob("*.go")
	must(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		must(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if name == "codes.go" {
					code, err := strconv.Unquote(n.Values[0].(*ast.BasicLit).Value)
					must(t, err)
					codes[n.Names[0].Name] = code
					if n.Comment.Text() == "" {
						t.Errorf("%s has no comment", n.Names[0].Name)
					}
				}
				return name != "codes.go"
			case *ast.Ident:
				if strings.HasPrefix(n.Name, "Code") && n.Name != "Code" {
					used[n.Name] = true
				}
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "err" || s.Sel.Name == "warn") {
					if _, ok := n.Args[0].(*ast.Ident); !ok {
						t.Errorf("%s: a finding's code is no constant", name)
					}
				}
			}
			return true
		})
	}
	wanted := wantedCodes(t)
	for name, code := range codes {
		if !used[name] {
			t.Errorf("%s is not used", name)
		}
		if !wanted[code] {
			t.Errorf("no file of testdata wants %q", code)
		}
		delete(used, name)
		delete(wanted, code)
	}
	if len(used) > 0 || len(wanted) > 0 || len(codes) == 0 {
		t.Errorf("not listed in codes.go: %v %v", used, wanted)
	}
}

// wantedCodes is the codes at the end of every line that testdata wants. That
// of paths is wanted by the tests of Load, and only live filters leave it open
// whether they overlap: see the golden plans of reconcile.
func wantedCodes(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{"read": true, "may-overlap": true}
	files, err := filepath.Glob("testdata/[ic]*/*")
	must(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		must(t, err)
		for line := range strings.Lines(wants(text)) {
			if i := strings.LastIndexByte(line, '('); i >= 0 {
				_, code, _ := strings.Cut(line[i:], ", ")
				all[strings.TrimRight(code, ")\n")] = true
			}
		}
	}
	return all
}

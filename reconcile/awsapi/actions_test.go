package awsapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

const sdk = "github.com/aws/aws-sdk-go-v2/service/"

// called lists the SDK operations that the Go files of a folder refer to, tests
// excepted, as IAM names actions: by the inputs and the paginators and waiters
// that they name, and by the methods of interfaces and clients.
func called(t *testing.T, dir string) []string {
	t.Helper()
	packages, err := parser.ParseDir(token.NewFileSet(), dir, func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // files of one folder, no build tags
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range packages {
		for _, f := range p.Files {
			all = append(all, inFile(t, f)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func inFile(t *testing.T, f *ast.File) []string {
	t.Helper()
	services := map[string]string{} // by the name that the file has for it
	for _, i := range f.Imports {
		full, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		service, ok := strings.CutPrefix(full, sdk)
		if !ok || strings.Contains(service, "/") {
			continue
		}
		name := path.Base(full)
		if i.Name != nil {
			name = i.Name.Name
		}
		services[name] = service
	}
	var all []string
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			p, ok := n.X.(*ast.Ident)
			if !ok || services[p.Name] == "" {
				return true
			}
			if op := operationOf(n.Sel.Name); op != "" {
				all = append(all, services[p.Name]+":"+op)
			}
		case *ast.CallExpr: // a client's method, whatever it is given: client.Op(ctx, in)
			s, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || len(n.Args) == 0 {
				return true
			}
			if holder, ok := s.X.(*ast.SelectorExpr); ok {
				if service := clients()[holder.Sel.Name]; service != "" && ast.IsExported(s.Sel.Name) {
					all = append(all, service+":"+s.Sel.Name)
				}
			}
		}
		return true
	})
	return all
}

// clients are the fields that hold clients, and of what service.
func clients() map[string]string {
	return map[string]string{"lambda": "lambda", "write": "lambda", "kinesis": "kinesis", "writeKinesis": "kinesis", "metrics": "cloudwatch"}
}

// operationOf is the operation that a name of the SDK belongs to.
func operationOf(name string) string {
	if op, ok := strings.CutSuffix(name, "Input"); ok {
		return op
	}
	if op, ok := strings.CutPrefix(name, "New"); ok {
		for _, kind := range []string{"Paginator", "Waiter"} {
			if op, ok := strings.CutSuffix(op, kind); ok {
				return op
			}
		}
	}
	return ""
}

// TestDerivation checks that a call is found in whatever way it is made.
func TestDerivation(t *testing.T) {
	for _, code := range []string{
		"r.lambda.GetFunction(ctx, in)",
		"w.write.GetFunction(ctx, in)",
		"client.GetFunction(ctx, &aws.GetFunctionInput{})",
		"aws.NewGetFunctionPaginator(client, nil)",
		"aws.NewGetFunctionWaiter(client)",
		"(interface{ GetFunction(*aws.GetFunctionInput) })(nil)",
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nimport aws \""+sdk+"lambda\"\nvar _ = "+code, 0)
		if err != nil {
			t.Fatal(err)
		}
		got := inFile(t, f)
		slices.Sort(got)
		if diff := cmp.Diff([]string{"lambda:GetFunction"}, slices.Compact(got)); diff != "" {
			t.Errorf("%s: %s", code, diff)
		}
	}
}

// TestActionsAreWhatIsCalled checks that the table has an action for each
// operation that the code calls, and none besides.
func TestActionsAreWhatIsCalled(t *testing.T) {
	var listed []string
	for _, a := range awsapi.Actions() {
		listed = append(listed, a.Name)
	}
	slices.Sort(listed)
	calls := slices.DeleteFunc(called(t, "."), func(name string) bool {
		return name == "sts:GetCallerIdentity" // takes no permission
	})
	if diff := cmp.Diff(calls, listed); diff != "" {
		t.Errorf("actions (-called +listed):\n%s", diff)
	}
}

// TestCommandCallsNothingElse checks that the commands themselves call nothing
// but STS, which assumes roles, and what the demo does to the embedded AWS.
func TestCommandCallsNothingElse(t *testing.T) {
	known := map[string]string{"sts:GetCallerIdentity": "takes no permission", "kinesis:UpdateShardCount": "the demo, on the embedded AWS"}
	for _, action := range called(t, "../../controller/command") {
		if known[action] == "" && !slices.ContainsFunc(awsapi.Actions(), func(a awsapi.Action) bool { return a.Name == action }) {
			t.Errorf("the commands call %s, which no policy has", action)
		}
	}
}

// TestWritersWrite checks that a dry run needs no action that writes: those of
// the interfaces that only a Writer has are marked, and those of a Reader are
// not. GetAlias is a Reader's, and only a Writer calls it.
func TestWritersWrite(t *testing.T) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "client.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	writes := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		methods, ok := spec.Type.(*ast.InterfaceType)
		if !ok {
			return true
		}
		service := strings.Replace(strings.TrimSuffix(strings.TrimSuffix(spec.Name.Name, "Reader"), "Writer"), "metric", "cloudwatch", 1)
		for _, m := range methods.Methods.List {
			writes[service+":"+m.Names[0].Name] = strings.HasSuffix(spec.Name.Name, "Writer")
		}
		return true
	})
	for _, a := range awsapi.Actions() {
		switch want, ok := writes[a.Name]; {
		case !ok:
			t.Errorf("%s is in no interface", a.Name)
		case a.Writes != want && a.Name != "lambda:GetAlias":
			t.Errorf("%s writes: %v, and its interface says %v", a.Name, a.Writes, want)
		}
	}
}

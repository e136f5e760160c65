package command_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/eventrouting/eventrouting"

// deps lists what a package imports, and what that imports, and so on.
func deps(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}

// TestCoreIsPure checks that the core can reach neither the network nor AWS's
// SDK, through whatever it imports.
func TestCoreIsPure(t *testing.T) {
	for _, pkg := range []string{"spec", "spec/pattern", "reconcile", "reconcile/render"} {
		for _, dep := range deps(t, module+"/"+pkg) {
			if dep == "net/http" || dep == "net" || strings.HasPrefix(dep, "github.com/aws/") {
				t.Errorf("%s reaches %s", pkg, dep)
			}
		}
	}
}

// TestImportsRunOneWay checks that each package reaches only those of ours that
// stand to its right: spec <- reconcile <- {awsapi, render} <- controller <-
// command, a source of documents knows spec alone, and the emulator knows nothing of the code that it judges.
func TestImportsRunOneWay(t *testing.T) {
	allowed := map[string][]string{
		"spec/pattern":      {},
		"spec":              {"spec/pattern"},
		"reconcile/lineage": {},
		"reconcile":         {"reconcile/lineage", "reconcile/internal/mutant", "spec", "spec/pattern"},
		"reconcile/render":  {"reconcile", "reconcile/lineage", "reconcile/internal/mutant", "spec", "spec/pattern"},
		"reconcile/awsapi":  {"reconcile", "reconcile/lineage", "reconcile/internal/mutant", "spec", "spec/pattern"},
		"controller":        {"reconcile", "reconcile/awsapi", "reconcile/internal/mutant", "reconcile/lineage", "reconcile/render", "spec", "spec/pattern"},
		"emulator/world":    {"spec/pattern"},
		"emulator":          {"emulator/world", "spec/pattern"},
		"examples":          {},
		"controller/source": {"spec", "spec/pattern"},
		"controller/page":   {},
	}
	for pkg, may := range allowed {
		for _, dep := range deps(t, module+"/"+pkg) {
			ours, ok := strings.CutPrefix(dep, module+"/")
			if ok && ours != pkg && !slices.Contains(may, ours) {
				t.Errorf("%s reaches %s", pkg, ours)
			}
		}
	}
}

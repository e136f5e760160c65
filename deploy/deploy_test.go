// Package deploy_test checks what is in this folder as those who read it would:
// kustomize builds it, Kubernetes' own types decode it, the program is run as it says,
// alerts are evaluated, and the steps of workflows are run by a shell.
package deploy_test

import (
	"context"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/eventrouting/eventrouting/controller/command"
)

// TestMain makes the program a command of that name, for shells and for tests.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"eventrouting": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			defer stop()
			os.Exit(command.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// inREADME is the block of README after a text, without its fences.
func inREADME(t *testing.T, after, fence string) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), after)
	_, rest, begins := strings.Cut(rest, "```"+fence+"\n")
	block, _, ends := strings.Cut(rest, "```\n")
	if !found || !begins || !ends {
		t.Fatalf("README has no %s after %q", fence, after)
	}
	return block
}

// TestTerraformREADME holds what HCL demands of lines, in each block of README and in
// what is quoted within its text: a block on one line holds one setting and no block.
// https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md#structural-elements
func TestTerraformREADME(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if quoted := regexp.MustCompile("`(resource|removed|lifecycle|data) [^`]*\\{[^`]*`").FindString(string(text)); quoted != "" {
		t.Errorf("%s is a block: write it as one", quoted)
	}
	oneLine := regexp.MustCompile(`^\s*[^{]*\{ *([a-z_]+ = [^{}]+)? *\}$`)
	n := 0
	for i, part := range strings.Split(string(text), "```") {
		body, ok := strings.CutPrefix(part, "hcl\n")
		if i%2 == 0 || !ok {
			continue
		}
		n++
		depth := 0
		for line := range strings.Lines(body) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
			if line, _, _ = strings.Cut(line, "#"); strings.Contains(line, "{") && !strings.HasSuffix(strings.TrimSpace(line), "{") && !oneLine.MatchString(line) {
				t.Errorf("%q is no line of HCL", line)
			}
			depth += strings.Count(line, "{") - strings.Count(line, "}")
		}
		if depth != 0 {
			t.Errorf("a block does not end:\n%s", body)
		}
	}
	if n < 2 {
		t.Errorf("%d blocks", n)
	}
}

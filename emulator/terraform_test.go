package emulator_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// withTerraform turns on a test that downloads Terraform's AWS provider, where
// there is no copy of it.
const withTerraform = "EVENTROUTING_TERRAFORM"

// TestTerraform creates the scene of testdata/terraform, plans nothing more,
// changes it, plans nothing more again, and destroys it. The provider waits in
// real time, ten seconds at least for each change of a stream.
func TestTerraform(t *testing.T) {
	if os.Getenv(withTerraform) == "" {
		t.Skipf("set %s to run Terraform with its AWS provider", withTerraform)
	}
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())})
	server := httptest.NewServer(s)
	defer server.Close()

	dir := t.TempDir()
	main, err := os.ReadFile(filepath.Join("testdata", "terraform", "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"main.tf": main, "code.zip": archived(t, "handler.py")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	terraform := func(args ...string) (string, int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "terraform", args...)
		cmd.Dir = dir
		for _, kv := range os.Environ() {
			if !strings.HasPrefix(kv, "AWS_") {
				cmd.Env = append(cmd.Env, kv)
			}
		}
		cmd.Env = append(cmd.Env, "TF_IN_AUTOMATION=1", "TF_VAR_endpoint="+server.URL)
		out, err := cmd.CombinedOutput()
		exit, ran := errors.AsType[*exec.ExitError](err)
		switch {
		case err == nil:
			return string(out), 0
		case ran:
			return string(out), exit.ExitCode()
		}
		t.Skipf("no terraform: %v", err)
		return "", 0
	}
	if out, code := terraform("init", "-input=false", "-no-color"); code != 0 {
		t.Skipf("terraform init: exit code %d\n%s", code, out)
	}
	step := func(want int, args ...string) {
		t.Helper()
		if out, code := terraform(append(args, "-input=false", "-no-color")...); code != want {
			t.Fatalf("terraform %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, out)
		}
	}
	const changes, none = 2, 0
	changed := []string{"-var", "shards=4", "-var", "batch_size=50"}
	step(none, "apply", "-auto-approve")
	step(none, "plan", "-detailed-exitcode")
	step(changes, append([]string{"plan", "-detailed-exitcode"}, changed...)...)
	step(none, append([]string{"apply", "-auto-approve"}, changed...)...)
	step(none, append([]string{"plan", "-detailed-exitcode"}, changed...)...)
	step(none, "destroy", "-auto-approve")
	for _, call := range s.Calls() {
		if call.Code == "UnknownOperationException" && call.Service != "iam" {
			t.Errorf("the provider needs %s %s", call.Service, call.Operation)
		}
	}
}

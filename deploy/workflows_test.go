package deploy_test

import (
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v3"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// workflow is as much of one as is looked at here.
type workflow struct {
	t           *testing.T
	Permissions map[string]string `yaml:"permissions"`
	Concurrency struct {
		Group  string `yaml:"group"`
		Cancel bool   `yaml:"cancel-in-progress"`
	} `yaml:"concurrency"`
	Jobs map[string]struct {
		If    string `yaml:"if"`
		Steps []struct {
			ID   string            `yaml:"id"`
			Name string            `yaml:"name"`
			Uses string            `yaml:"uses"`
			With map[string]string `yaml:"with"`
			Run  string            `yaml:"run"`
			Env  map[string]string `yaml:"env"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
	dir string
	env []string
}

// newWorkflow reads one, to be run in a folder with documents, where an AWS answers and
// gh notes what it is asked.
func newWorkflow(t *testing.T, name string) *workflow {
	t.Helper()
	text, err := os.ReadFile("github-actions/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	w := &workflow{t: t, dir: t.TempDir()}
	if err := yaml.Unmarshal(text, w); err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../examples/orders.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now()), Now: time.Now})
	if err := s.Seed(emulator.Seed{
		Place:   world.Place{Account: emulator.DefaultAccount, Region: "eu-west-1"},
		Streams: map[string]int{"orders-events": 4}, Functions: map[string][]string{"order-processor": {"live"}},
	}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	const gh = "#!/bin/sh\necho \"$@\" >> gh.txt\ncase \"$*\" in *--paginate*) cat comments.txt;; esac\n"
	for file, text := range map[string]string{"routing/orders.yaml": string(example), "bin/gh": gh, "comments.txt": ""} {
		w.write(file, text)
	}
	w.env = []string{
		"PATH=" + filepath.Join(w.dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + w.dir,
		"AWS_ENDPOINT_URL=" + server.URL, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true",
		"GITHUB_STEP_SUMMARY=" + filepath.Join(w.dir, "summary.md"), "GITHUB_OUTPUT=" + filepath.Join(w.dir, "output.txt"), "GITHUB_REPOSITORY=team/routing",
	}
	return w
}

func (w *workflow) write(file, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		w.t.Fatal(err)
	}
}

// read is what a file of the folder holds; nothing where there is none.
func (w *workflow) read(file string) string {
	text, err := os.ReadFile(filepath.Join(w.dir, file))
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	return string(text)
}

// run runs the steps of the only job as GitHub does, and says at which one it stopped.
// What the expressions in their environment stand for is given.
func (w *workflow) run(expressions map[string]string) (stopped, log string) {
	w.t.Helper()
	if len(w.Jobs) != 1 {
		w.t.Fatalf("%d jobs", len(w.Jobs))
	}
	job := w.Jobs[slices.Collect(maps.Keys(w.Jobs))[0]]
	for _, step := range job.Steps {
		if step.Run == "" || strings.HasPrefix(step.Run, "go install ") {
			continue
		}
		// https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#defaultsrunshell
		cmd := exec.CommandContext(w.t.Context(), "bash", "-e", "-c", step.Run)
		cmd.Dir, cmd.Env = w.dir, slices.Clone(w.env)
		for name, value := range step.Env {
			expression := strings.TrimSuffix(strings.TrimPrefix(value, "${{ "), " }}")
			if output, ok := strings.CutPrefix(expression, "steps.plan.outputs."); ok {
				_, rest, _ := strings.Cut(w.read("output.txt"), output+"=")
				expressions[expression], _, _ = strings.Cut(rest, "\n")
			}
			given, ok := expressions[expression]
			if !ok {
				w.t.Errorf("step %s: %s is not known here", step.Name, value)
			}
			cmd.Env = append(cmd.Env, name+"="+given)
		}
		out, err := cmd.CombinedOutput()
		log += string(out)
		if err != nil {
			return step.Name + step.Run, log
		}
	}
	return "", log
}

// TestActions reads the workflows as GitHub does, types of expressions included.
func TestActions(t *testing.T) {
	files, err := filepath.Glob("github-actions/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		problems, err := linter.Lint(file, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Error(p)
		}
	}
}

// TestActionsSettings holds what each may do, and that no apply is cut short.
func TestActionsSettings(t *testing.T) {
	for name, want := range map[string]struct {
		permissions map[string]string
		cancel      bool
		role        string
	}{
		"plan":  {map[string]string{"contents": "read", "id-token": "write", "pull-requests": "write"}, true, "eventrouting-plan"},
		"apply": {map[string]string{"contents": "read", "id-token": "write"}, false, "eventrouting-apply"},
		"drift": {map[string]string{"contents": "read", "id-token": "write"}, true, "eventrouting-plan"},
	} {
		w := newWorkflow(t, name)
		if !maps.Equal(w.Permissions, want.permissions) {
			t.Errorf("%s may %v, want %v", name, w.Permissions, want.permissions)
		}
		if w.Concurrency.Cancel != want.cancel || !strings.HasPrefix(w.Concurrency.Group, "eventrouting-"+name) {
			t.Errorf("%s: %+v", name, w.Concurrency)
		}
		for _, job := range w.Jobs {
			role, credentials := "", ""
			for _, step := range job.Steps {
				if strings.HasPrefix(step.Uses, "aws-actions/configure-aws-credentials@") {
					role = step.With["role-to-assume"]
				}
				if strings.HasPrefix(step.Uses, "actions/checkout@") {
					credentials = step.With["persist-credentials"]
				}
			}
			if !strings.HasSuffix(role, ":role/"+want.role) || credentials != "false" {
				t.Errorf("%s: role %s, credentials kept: %s", name, role, credentials)
			}
			if name == "plan" && job.If != "github.event.pull_request.head.repo.full_name == github.repository" {
				t.Errorf("a fork may get the role: %s", job.If)
			}
		}
	}
}

// TestActionPlan runs the steps for a pull request: the first makes a comment, later
// ones change it, and documents that do not load stop before AWS is asked.
func TestActionPlan(t *testing.T) {
	given := func() map[string]string {
		return map[string]string{"github.token": "token", "github.event.pull_request.number": "7"}
	}
	w := newWorkflow(t, "plan")
	if stopped, log := w.run(given()); stopped != "" {
		t.Fatalf("stopped at %s\n%s", stopped, log)
	}
	if text := w.read("comment.md"); !strings.HasPrefix(text, "<!-- eventrouting plan -->\n") || !strings.Contains(text, "orders/order-placed") || w.read("summary.md") != w.read("plan.md") {
		t.Errorf("the comment is\n%s", text)
	}
	if asked := w.read("gh.txt"); !strings.Contains(asked, "pr comment 7 --repo team/routing --body-file comment.md\n") || strings.Contains(asked, "--method") {
		t.Errorf("gh was asked\n%s", asked)
	}
	w.write("gh.txt", "")
	w.write("comments.txt", "42\n43\n")
	if stopped, log := w.run(given()); stopped != "" {
		t.Fatalf("stopped at %s\n%s", stopped, log)
	}
	if asked := w.read("gh.txt"); !strings.Contains(asked, "api --method PATCH repos/team/routing/issues/comments/42 -F body=@comment.md\n") || strings.Contains(asked, "pr comment") {
		t.Errorf("gh was asked\n%s", asked)
	}
	w.write("gh.txt", "")
	w.write("routing/orders.yaml", "kind: x\n")
	if stopped, _ := w.run(given()); !strings.Contains(stopped, "eventrouting validate") || w.read("gh.txt") != "" {
		t.Errorf("stopped at %q, gh was asked %q", stopped, w.read("gh.txt"))
	}
	// A plan that fails is said in the comment, and fails the job.
	w = newWorkflow(t, "plan")
	w.env = append(w.env, "AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_MAX_ATTEMPTS=1")
	if stopped, _ := w.run(given()); !strings.HasPrefix(stopped, "Result") || !strings.Contains(w.read("comment.md"), "The plan failed") {
		t.Errorf("stopped at %q\n%s", stopped, w.read("comment.md"))
	}
}

// TestActionApply runs the steps on main, and those of the morning before and after.
func TestActionApply(t *testing.T) {
	w := newWorkflow(t, "apply")
	drift := newWorkflow(t, "drift")
	drift.dir, drift.env = w.dir, w.env
	if stopped, log := drift.run(nil); !strings.HasPrefix(stopped, "Compare") || !strings.Contains(log, "::error::") || !strings.Contains(w.read("summary.md"), "orders/order-placed") {
		t.Errorf("drift stopped at %q before the apply\n%s", stopped, log)
	}
	stopped, log := w.run(nil)
	if stopped != "" || !strings.Contains(log, "Applied: 8 created, 1 updated.") {
		t.Fatalf("stopped at %q\n%s", stopped, log)
	}
	if stopped, log := drift.run(nil); stopped != "" {
		t.Errorf("drift stopped at %q after the apply\n%s", stopped, log)
	}
}

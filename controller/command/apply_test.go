package command_test

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/eventrouting/eventrouting/controller/command"
	"github.com/eventrouting/eventrouting/examples"
)

// TestApplyWaitsForBusyMappings applies a document while AWS is still busy with
// what an earlier one asked for: one apply waits, plans again and finishes.
func TestApplyWaitsForBusyMappings(t *testing.T) {
	r := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
	first := routing(t, "    - {name: placed, eventTypes: [OrderPlaced]}\n")
	ctx, kill := context.WithCancelCause(t.Context())
	_, _ = r.apply(ctx, func(req *http.Request) (*http.Response, error) {
		resp, err := r.server.Client().Do(req)
		if req.Method == http.MethodPost && strings.Contains(req.URL.Path, "/event-source-mappings") {
			kill(errKilled) // while AWS creates the mapping
		}
		return resp, err
	}, first)
	web := httptest.NewServer(r.server)
	defer web.Close()
	t.Setenv("AWS_ENDPOINT_URL", web.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", account)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	file := filepath.Join(t.TempDir(), "orders.yaml")
	second := ordersText + "    - {name: placed, eventTypes: [OrderPlaced, OrderChanged]}\n"
	if err := os.WriteFile(file, []byte(second), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := command.Run(t.Context(), []string{"apply", "--auto-approve", file}, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout.String(), stderr.String())
	}
	for _, want := range []string{"AWS is still busy with it", "Applied: 1 updated."} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout.String())
		}
	}
	if want := "waiting for AWS to finish what it is busy with (1 mapping)"; !strings.Contains(stderr.String(), want) {
		t.Errorf("stderr lacks %q:\n%s", want, stderr.String())
	}
}

// TestExamples loads, plans and applies every example, and plans it again.
func TestExamples(t *testing.T) {
	files, err := fs.Glob(examples.Documents, "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text, err := fs.ReadFile(examples.Documents, file)
				if err != nil {
					t.Fatal(err)
				}
				docs := load(t, text)
				streams := map[string]int{}
				var functions []string
				for _, d := range docs {
					streams[d.Spec.Stream] = 4
					for _, route := range d.Resolve() {
						functions = append(functions, route.Function)
					}
				}
				r := newRig(t, streams, functions...)
				if _, err := r.apply(t.Context(), r.server.Client().Do, docs); err != nil {
					t.Fatal(err)
				}
				if p := r.plan(docs); !p.Empty() {
					t.Errorf("the second plan is not empty: %v", p.Changes)
				}
			})
		})
	}
}

package command_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventrouting/eventrouting/controller/command"
)

// TestWrongDocuments takes every document that spec refuses through validate,
// plan, status, match and apply: the exit code is 1, every problem is said, and
// nobody is called.
func TestWrongDocuments(t *testing.T) {
	files, err := filepath.Glob("../../spec/testdata/invalid/*")
	if err != nil || len(files) < 150 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	var calls int
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	defer web.Close()
	t.Setenv("AWS_ENDPOINT_URL", web.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", account)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	texts := map[string][]byte{}
	for _, file := range files {
		if texts[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir())
	must[any](t)(nil, os.WriteFile("events.jsonl", []byte("{}\n"), 0o600))
	refused := 0
	for _, file := range files {
		text := texts[file]
		must[any](t)(nil, os.WriteFile("f.yaml", text, 0o600))
		var problems []string
		for line := range strings.Lines(string(text)) {
			want, ok := strings.CutPrefix(line, "# want: ")
			if !ok {
				break
			}
			if message, _, ok := strings.Cut(want, " (error, "); ok {
				_, message, _ = strings.Cut(message, ": ")
				problems = append(problems, message)
			}
		}
		if len(problems) == 0 {
			continue // warnings only
		}
		refused++
		for _, args := range [][]string{{"validate"}, {"plan"}, {"status"}, {"match", "--event", "events.jsonl"}, {"apply", "--auto-approve"}} {
			var stdout, stderr bytes.Buffer
			code := command.Run(t.Context(), append(args, "f.yaml"), strings.NewReader(""), &stdout, &stderr)
			if code != 1 || calls > 0 {
				t.Fatalf("%s %s: exit code %d, %d calls\n%s%s", args[0], file, code, calls, stdout.String(), stderr.String())
			}
			for _, p := range problems {
				if !strings.Contains(stdout.String()+stderr.String(), p) {
					t.Errorf("%s %s does not say %q:\n%s%s", args[0], file, p, stdout.String(), stderr.String())
				}
			}
		}
	}
	t.Logf("%d documents refused", refused)
}

// TestManyRoutes reads 10,000 routes in one document and says what is wrong with
// that, soon.
func TestManyRoutes(t *testing.T) {
	for isolation, want := range map[string]string{
		"Alias":  "10000 enabled standard mappings are asked for",
		"FanOut": "10000 enhanced fan-out consumers are asked for",
	} {
		var text strings.Builder
		text.WriteString(ordersText)
		for i := range 10_000 {
			fmt.Fprintf(&text, "    - {name: r%d, eventTypes: [T%d], isolation: %s}\n", i, i, isolation)
		}
		file := filepath.Join(t.TempDir(), "many.yaml")
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		began := time.Now()
		code := command.Run(t.Context(), []string{"validate", file}, strings.NewReader(""), &stdout, &stderr)
		if code != 1 || !strings.Contains(stdout.String(), want) {
			t.Errorf("%s: exit code %d, no %q:\n%.2000s", isolation, code, want, stdout.String())
		}
		if d := time.Since(began); d > 20*time.Second {
			t.Errorf("%s took %s", isolation, d)
		}
	}
}

package command_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventrouting/eventrouting/controller/command"
)

// TestStaleConsumers applies against an AWS whose list of consumers is empty while
// they are there: nothing stops, whether the stream says how many it has or not.
func TestStaleConsumers(t *testing.T) {
	r := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
	docs := routing(t, "    - {name: a, eventTypes: [A], isolation: FanOut}\n    - {name: b, eventTypes: [B], isolation: FanOut}\n")
	if _, err := r.apply(t.Context(), r.server.Client().Do, docs); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, count, said string
		code              int
	}{
		{"the stream knows", `"ConsumerCount":2`, "list the consumers of stream orders-events: one of two answers is out of date: the list has 0 and the stream 2", 1},
		{"the stream is as stale", `"ConsumerCount":0`, "No changes. 2 mappings run as wanted.", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r.server.Forget()
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				switch target := req.Header.Get("X-Amz-Target"); {
				case strings.HasSuffix(target, ".ListStreamConsumers"):
					raw(200, `{"Consumers":[]}`)(w, req, r.server)
				case strings.HasSuffix(target, ".DescribeStreamSummary"):
					rec := httptest.NewRecorder()
					r.server.ServeHTTP(rec, req)
					raw(200, strings.Replace(rec.Body.String(), `"ConsumerCount":2`, test.count, 1))(w, req, r.server)
				default:
					r.server.ServeHTTP(w, req)
				}
			}))
			defer web.Close()
			environment(t, web.URL)
			file := filepath.Join(t.TempDir(), "orders.yaml")
			text := ordersText + "    - {name: a, eventTypes: [A], isolation: FanOut}\n    - {name: b, eventTypes: [B], isolation: FanOut}\n"
			must[any](t)(nil, os.WriteFile(file, []byte(text), 0o600))
			var out, errs bytes.Buffer
			if code := command.Run(t.Context(), []string{"apply", "--auto-approve", "--qps", "0", file}, strings.NewReader(""), &out, &errs); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(out.String()+errs.String(), test.said) {
				t.Errorf("nothing says %q:\n%s%s", test.said, &out, &errs)
			}
			for _, c := range r.server.Calls() {
				if !strings.HasPrefix(c.Operation, "List") && !strings.HasPrefix(c.Operation, "Get") && !strings.HasPrefix(c.Operation, "Describe") {
					t.Errorf("it called %s", c)
				}
			}
		})
	}
}

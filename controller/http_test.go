package controller_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/controller"
	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

var update = flag.Bool("update", false, "write the golden files anew")

func token(s string) controller.Token { return func() (string, error) { return s, nil } }

// ask sends a request through the limits of the server.
func ask(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	controller.NewServer(h).Handler.ServeHTTP(w, req)
	return w
}

// TestToken lets only those trigger passes who know the token.
func TestToken(t *testing.T) {
	for _, test := range []struct {
		name   string
		token  controller.Token
		method string
		body   string
		header []string
		want   int
	}{
		{"no token is configured", token(""), "POST", "", nil, 403},
		{"no token is configured, and an empty one given", token(""), "POST", "", []string{"Authorization", "Bearer "}, 403},
		{"the token cannot be read", func() (string, error) { return "", errors.New("/run/secrets/token: no such file") }, "POST", "", []string{"Authorization", "Bearer "}, 500},
		{"none is given", token("secret"), "POST", "", nil, 401},
		{"a wrong one", token("secret"), "POST", "", []string{"Authorization", "Bearer secreT"}, 401},
		{"its beginning", token("secret"), "POST", "", []string{"Authorization", "Bearer secre"}, 401},
		{"another scheme", token("secret"), "POST", "", []string{"Authorization", "Basic secret"}, 401},
		{"the right one", token("secret"), "POST", "", []string{"Authorization", "Bearer secret"}, 202},
		{"the scheme in small letters", token("secret"), "POST", "{}", []string{"Authorization", "bearer secret"}, 202},
		{"a body too long", token("secret"), "POST", strings.Repeat("x", 65<<10), []string{"Authorization", "Bearer secret"}, 413},
		{"another method", token("secret"), "GET", "", []string{"Authorization", "Bearer secret"}, 404},
		{"and another", token("secret"), "DELETE", "", []string{"Authorization", "Bearer secret"}, 405},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, orders(1), func(t *testing.T, r *rig) {
				r.o.DryRun = true
				c, stop := r.run()
				defer stop()
				h := c.Handler(test.token, nil)
				w := ask(h, test.method, "/reconcile", test.body, test.header...)
				if w.Code != test.want {
					t.Errorf("status %d, want %d: %s", w.Code, test.want, w.Body)
				}
				want := []string{"start drift"}
				if test.want == http.StatusAccepted {
					want = append(want, "http drift")
				}
				if got := r.passes(c); !slices.Equal(got, want) {
					t.Errorf("passes %v, want %v", got, want)
				}
				if strings.Contains(w.Body.String()+r.log.String(), "secret") {
					t.Errorf("a secret is told: %s %s", w.Body, r.log)
				}
			})
		})
	}
}

// TestEndpoints asks for everything that needs no token.
func TestEndpoints(t *testing.T) {
	inBubble(t, orders(1), func(t *testing.T, r *rig) {
		h := controller.New(r.o).Handler(token(""), nil)
		for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/metrics": 200, "/api/v1/status": 200, "/": 200, "/other": 404} {
			w := ask(h, "GET", path, "")
			if w.Code != want || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: status %d, want %d, header %v", path, w.Code, want, w.Header())
			}
		}
		if w := ask(h, "GET", "/", ""); !strings.Contains(w.Body.String(), "/api/v1/status") {
			t.Errorf("/: %s", w.Body)
		}
		if w := ask(h, "POST", "/", ""); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST /: status %d", w.Code)
		}
		page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		if w := ask(controller.New(r.o).Handler(token(""), page), "GET", "/", ""); w.Code != http.StatusTeapot {
			t.Errorf("/ with a page: status %d", w.Code)
		}
	})
}

// TestReady is ready once a pass has been completed, and no more when none was
// for three intervals.
func TestReady(t *testing.T) {
	inBubble(t, orders(1), func(t *testing.T, r *rig) {
		lost := func(emulator.Call) emulator.Fault { return emulator.Fault{Lose: emulator.LoseCall} }
		r.server.SetFaults(lost)
		c, stop := r.run()
		defer stop()
		h := c.Handler(token(""), nil)
		ready := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			if w := ask(h, "GET", "/readyz", ""); w.Code != want {
				t.Errorf("%s: %d %s", when, w.Code, w.Body)
			}
		}
		ready("at once", 503)
		time.Sleep(time.Minute)
		ready("without AWS", 503)
		r.server.SetFaults(nil)
		time.Sleep(6 * time.Minute)
		ready("with AWS", 200)
		r.server.SetFaults(lost)
		time.Sleep(9 * time.Minute) // after a pass of up to 5 minutes ago
		ready("for a while without", 200)
		time.Sleep(7 * time.Minute)
		ready("too long without", 503)
		if w := ask(h, "GET", "/healthz", ""); w.Code != 200 {
			t.Errorf("healthz: %d", w.Code)
		}
	})
}

// TestStatus compares what the API says with what the commands print.
func TestStatus(t *testing.T) {
	inBubble(t, orders(2)+strings.Replace(document("audit", ireland, "audit-events", "auditor", 1), "spec:", "spec:\n  paused: true", 1), func(t *testing.T, r *rig) {
		r.o.DryRun = true
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		docs, err := r.docs.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		places, err := r.places(t.Context(), docs.Docs)
		if err != nil {
			t.Fatal(err)
		}
		reader := awsapi.New(places[0].Config, awsapi.Options{}).Reader()
		now := time.Now()
		o := r.o.Pass
		o.Commit = docs.Commit
		p, live, err := reconcile.Look(t.Context(), reader, docs.Docs, o, now)
		if err != nil {
			t.Fatal(err)
		}
		p.Findings = append(slices.DeleteFunc(docs.Findings, func(f spec.Finding) bool { return f.Severity == spec.Error }), p.Findings...)
		s, _ := reconcile.Inspect(docs.Docs, live, r.o.Pass, now)
		s.Findings = p.Findings
		var wantStatus, wantPlan bytes.Buffer
		if err := errors.Join(render.StatusJSON(&wantStatus, s), render.JSON(&wantPlan, p)); err != nil {
			t.Fatal(err)
		}

		var got struct {
			Documents struct {
				Commit   string
				Routings []string
			}
			Places []struct {
				Conditions []controller.Condition
				Status     map[string]any
				Plan       map[string]any
				Passes     []controller.Pass
			}
		}
		c.Trigger(controller.TriggerHTTP) // now
		synctest.Wait()
		w := ask(c.Handler(token(""), nil), "GET", "/api/v1/status", "")
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		if diff := cmp.Diff(decoded(t, wantStatus.Bytes()), got.Places[0].Status); diff != "" {
			t.Errorf("status (-command +API):\n%s", diff)
		}
		if diff := cmp.Diff(decoded(t, wantPlan.Bytes()), got.Places[0].Plan); diff != "" {
			t.Errorf("plan (-command +API):\n%s", diff)
		}
		if got.Documents.Commit != "c0ffee" || !slices.Equal(got.Documents.Routings, []string{"orders", "audit"}) {
			t.Errorf("documents %+v", got.Documents)
		}
		if len(got.Places[0].Passes) != 2 || got.Places[0].Passes[0].Trigger != controller.TriggerHTTP {
			t.Errorf("passes %+v", got.Places[0].Passes)
		}
		var holds []string
		for _, c := range got.Places[0].Conditions {
			if c.Status {
				holds = append(holds, c.Type+" "+c.Reason)
			}
			if c.Since.IsZero() || c.Message == "" || c.Reason == "" {
				t.Errorf("condition %+v lacks something", c)
			}
		}
		if diff := cmp.Diff([]string{"Ready PassCompleted", "CapacitySufficient Enough", "Paused Document"}, holds); diff != "" {
			t.Errorf("conditions that are true (-want +got):\n%s", diff)
		}
	})
}

func decoded(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestCapacity reshards a stream where the account holds less than is needed
// then.
func TestCapacity(t *testing.T) {
	inBubble(t, orders(4), func(t *testing.T, r *rig) {
		r.server.Do(func(w *world.World) { w.SetLimit(here, 120, 100) })
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		if s := r.condition(r.status(c).Places[0], controller.CapacitySufficient); !s.Status {
			t.Errorf("%+v", s)
		}
		r.server.Do(func(w *world.World) {
			if _, err := w.UpdateShardCount(here, "orders-events", 8); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Minute)
		since := time.Now()
		time.Sleep(time.Minute)
		if s := r.condition(r.status(c).Places[0], controller.CapacitySufficient); s.Status || s.Reason != "Shortage" || !s.Since.Before(since) {
			t.Errorf("%+v", s)
		}
		metrics := ask(c.Handler(token(""), nil), "GET", "/metrics", "").Body.String()
		for _, want := range []string{"required_concurrency 32", "reserved_concurrency 20", "concurrency_shortfall 12"} {
			name, value, _ := strings.Cut(want, " ")
			if line := `eventrouting_` + name + `{function="order-processor",place="eu-west-1"} ` + value + "\n"; !strings.Contains(metrics, line) {
				t.Errorf("metrics lack %s", line)
			}
		}
	})
}

// TestMetrics checks the names, labels and types of all metrics of ours after a
// pass that has something of everything. Rules for alerts are written with them.
func TestMetrics(t *testing.T) {
	const file = "testdata/metrics.txt"
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		// One that starts later, one that may not be reserved for, and one that gives
		// a type to another while it is far behind.
		rest := "    - {name: later, eventTypes: [Later], startFrom: " + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + "}\n" +
			document("audit", ireland, "audit-events", "auditor", 1)
		slow := strings.Replace(orders(4), "defaults: {", "defaults: {batchSize: 10, ", 1)
		r.docs.write(slow + rest)
		r.refuse(func(req *http.Request, _ string) bool {
			return req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/functions/auditor/concurrency")
		})
		r.server.Do(func(w *world.World) {
			w.SetHandler(func(string, world.Record, time.Time) (time.Duration, bool) { return 4 * time.Second, true })
		})
		c, stop := r.run()
		defer stop()
		time.Sleep(4 * time.Minute)
		r.server.Do(func(w *world.World) {
			for range 1000 {
				if _, _, err := w.Put(here, "orders-events", "user-1", []byte(`{"eventType":"Type0"}`)); err != nil {
					t.Error(err)
				}
			}
		})
		r.docs.write(strings.NewReplacer("[Type0]", "[Other]", "[Type1]", "[Type0, Type1]").Replace(slow) + rest)
		time.Sleep(36 * time.Minute)
		var got []string
		value := regexp.MustCompile(`(?m)^(# TYPE )?(eventrouting_[a-z_]+)(\{[^}]*\})?(.*)$`)
		text := regexp.MustCompile(`"[^"]*"`)
		for _, m := range value.FindAllStringSubmatch(ask(c.Handler(token(""), nil), "GET", "/metrics", "").Body.String(), -1) {
			line := m[2] + text.ReplaceAllString(m[3], "")
			if m[1] != "" {
				line = "\n" + m[2] + m[4]
			}
			got = append(got, line)
		}
		all := strings.TrimSpace(strings.Join(slices.Compact(got), "\n")) + "\n"
		if *update {
			if err := os.WriteFile(file, []byte(all), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), all); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
	})
}

// TestHeldSeconds moves a type on a stream without traffic, where nothing proves that
// the giver has read on. Each pass has another time and another reason for that.
func TestHeldSeconds(t *testing.T) {
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		held := func() time.Duration {
			t.Helper()
			value := regexp.MustCompile(`(?m)^eventrouting_held_seconds\{place="eu-west-1",why="taker"\} (.*)$`)
			m := value.FindStringSubmatch(ask(c.Handler(token(""), nil), "GET", "/metrics", "").Body.String())
			if m == nil {
				return -1
			}
			seconds, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Error(err)
			}
			return time.Duration(seconds * float64(time.Second))
		}
		within := func(from, to time.Duration) {
			t.Helper()
			if got := held(); got < from || got > to {
				t.Errorf("held for %s, want %s to %s", got, from, to)
			}
		}
		moved := strings.NewReplacer("[Type0]", "[Other]", "[Type1]", "[Type0, Type1]").Replace(orders(2))
		time.Sleep(time.Minute)
		within(-1, -1)
		r.docs.write(moved)
		time.Sleep(3 * time.Hour)
		within(3*time.Hour-time.Minute, 3*time.Hour)
		r.docs.write(orders(2))
		time.Sleep(25 * time.Hour) // nothing of before is in the stream any more
		within(-1, -1)
		r.docs.write(moved)
		time.Sleep(time.Hour)
		within(time.Hour-time.Minute, time.Hour)
	})
}

// TestOverdue has a schedule without nights and weekends: what is overdue goes by the
// passes that are due, and not by how far apart most of them are.
func TestOverdue(t *testing.T) {
	inBubble(t, orders(1), func(t *testing.T, r *rig) { // in which it is Saturday
		weekdays, err := controller.ParseSchedule("*/5 8-18 * * 1-5")
		if err != nil {
			t.Fatal(err)
		}
		r.o.Schedule = weekdays
		c, stop := r.run()
		defer stop()
		want := fmt.Sprintf("eventrouting_overdue_timestamp_seconds{place=%q,routing=%q} %s", ireland, "orders",
			strconv.FormatFloat(float64(time.Date(2000, time.January, 3, 8, 10, 0, 0, time.Local).Unix()), 'g', -1, 64))
		time.Sleep(30 * time.Hour)
		if text := ask(c.Handler(token(""), nil), "GET", "/metrics", "").Body.String(); !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	})
}

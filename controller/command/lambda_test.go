package command_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// runtimeAPI is Lambda's side of the runtime API: it gives the events it is told to
// and keeps what is answered.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type runtimeAPI struct {
	*httptest.Server
	mu      sync.Mutex
	events  []string
	timeout time.Duration
	answers chan string
}

func newRuntimeAPI(t *testing.T, timeout time.Duration, events ...string) *runtimeAPI {
	t.Helper()
	a := &runtimeAPI{events: events, timeout: timeout, answers: make(chan string, len(events))}
	done := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		if len(a.events) == 0 {
			a.mu.Unlock()
			select { // the function is frozen
			case <-done:
			case <-r.Context().Done():
			}
			return
		}
		event := a.events[0]
		a.events = a.events[1:]
		n := len(a.events)
		a.mu.Unlock()
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("8476a536-e9f4-11e8-9739-2dfe598c3fc%d", n))
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(a.timeout).UnixMilli()))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:000000000000:function:eventrouting")
		_, _ = io.WriteString(w, event)
	})
	for _, what := range []string{"response", "error"} {
		mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/"+what, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusAccepted)
			a.answers <- what + " " + string(body)
		})
	}
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	t.Cleanup(func() { close(done) })
	return a
}

// TestLambda speaks to the program as Lambda does: a schedule's event and one of
// CloudTrail, documents that do not load, and a time-out that comes too early.
func TestLambda(t *testing.T) {
	m := newMachine(t, ordersText+"    - {name: placed, eventTypes: [OrderPlaced]}\n")
	var process *exec.Cmd
	serve := func(timeout time.Duration, documents string, events ...string) (*runtimeAPI, *daemon) {
		t.Helper()
		api := newRuntimeAPI(t, timeout, events...)
		var log daemon
		cmd := m.command()
		cmd.Env = append(cmd.Env, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"), "EVENTROUTING_DOCUMENTS="+documents)
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		process = cmd
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return api, &log
	}
	want := func(api *runtimeAPI, want string) {
		t.Helper()
		select {
		case got := <-api.answers:
			if !strings.HasPrefix(got, want) {
				t.Errorf("answered %q, want %q", got, want)
			}
		case <-time.After(90 * time.Second):
			t.Fatal("no answer")
		}
	}
	api, log := serve(5*time.Minute, m.folder,
		`{"detail-type":"Scheduled Event","detail":{}}`,
		`{"detail-type":"AWS API Call via CloudTrail","detail":{"eventName":"UpdateShardCount"}}`)
	want(api, `response {"outcome":"done"}`)
	want(api, `response {"outcome":"done"}`)
	for _, text := range []string{`"by":"Scheduled Event"`, `"by":"UpdateShardCount"`, `"outcome":"applied"`, `"outcome":"quiet"`} {
		log.says(t, text)
	}
	api, _ = serve(5*time.Minute, m.folder+"/nothing.yaml", `{}`)
	want(api, `error {"errorMessage":"the pass failed: the log says why"`)
	api, _ = serve(3*time.Second, m.folder, `{}`)
	want(api, `error {"errorMessage":"the function's time-out leaves no time for a pass`)
	// A pass that has no time to wait for AWS is no error: the next one goes on.
	m.write(ordersText + "    - {name: placed, eventTypes: [OrderPlaced]}\n    - {name: paid, eventTypes: [OrderPaid]}\n")
	api, _ = serve(17*time.Second, m.folder, `{}`)
	want(api, `response {"outcome":`)
	api, _ = serve(5*time.Minute, m.folder, `{}`)
	want(api, `response {"outcome":"done"}`)
	// One signal ends a process that waits for the next event.
	ended := make(chan error, 1)
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- process.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("SIGTERM does not end an idle process")
	}
	// One that could read nothing at all is an error: the alarm counts those.
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	m.env = append(m.env, "AWS_ENDPOINT_URL=http://"+silent.Addr().String())
	api, _ = serve(14*time.Second, m.folder, `{}`)
	want(api, `error {"errorMessage":"eu-west-1: it was time to end before all was read that a pass needs"`)
}

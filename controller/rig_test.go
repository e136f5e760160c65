package controller_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eventrouting/eventrouting/controller"
	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

const (
	account = "111122223333"
	ireland = "eu-west-1"
	oregon  = "us-west-2"
)

// rig is an embedded AWS with a controller beside it, in virtual time.
type rig struct {
	t      testing.TB
	server *emulator.Server
	docs   *documents
	o      controller.Options
	log    *log

	mu   sync.Mutex
	deny func(*http.Request, string) bool
}

// refuse has requests refused, as IAM does; nil none.
func (r *rig) refuse(f func(req *http.Request, body string) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deny = f
}

// inBubble runs f with a rig whose documents are written by text. Every goroutine
// of the controller has to end with it.
func inBubble(t *testing.T, text string, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newRig(t, text)) })
}

func newRig(t testing.TB, text string) *rig {
	t.Helper()
	every, err := controller.ParseSchedule("@every 5m")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, server: emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())}), docs: &documents{}, log: &log{}}
	for _, at := range []string{ireland, oregon} {
		err := r.server.Seed(emulator.Seed{
			Place:     world.Place{Account: account, Region: at},
			Streams:   map[string]int{"orders-events": 4, "audit-events": 4},
			Functions: map[string][]string{"order-processor": {"live"}, "auditor": {"live"}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r.server.Forget()
	r.docs.write(text)
	r.o = controller.Options{
		Source: r.docs, Places: r.places, Pass: reconcile.Options{Owner: "default", RespectManual: time.Hour},
		Log:   slog.New(slog.NewTextHandler(r.log, nil)),
		Build: controller.Build{Version: "v1.2.3", Commit: "abcdef"}, Schedule: every,
		ShardPoll: 30 * time.Second, DocumentPoll: 5 * time.Second, PassTimeout: 15 * time.Minute, Grace: 20 * time.Second,
	}
	return r
}

// places sorts documents by region, all in one account.
func (r *rig) places(_ context.Context, docs []spec.EventRouting) ([]controller.Place, error) {
	all := map[string][]spec.EventRouting{}
	for _, d := range docs {
		all[d.Spec.Region] = append(all[d.Spec.Region], d)
	}
	var places []controller.Place
	for _, region := range slices.Sorted(maps.Keys(all)) {
		places = append(places, controller.Place{Name: region, Account: account, Docs: all[region], Config: aws.Config{
			Region:       region,
			Credentials:  credentials.NewStaticCredentialsProvider(account, "very-secret", ""),
			HTTPClient:   r,
			BaseEndpoint: aws.String("http://embedded.invalid"),
		}})
	}
	return places, nil
}

// Do is the HTTP client of the SDK.
func (r *rig) Do(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	deny := r.deny
	r.mu.Unlock()
	if deny != nil {
		var body bytes.Buffer
		if req.Body != nil {
			if _, err := body.ReadFrom(req.Body); err != nil {
				return nil, err
			}
			req = req.Clone(req.Context())
			req.Body = readCloser{bytes.NewReader(body.Bytes())}
		}
		if deny(req, body.String()) {
			const denied = `{"__type":"AccessDeniedException","Message":"not authorized"}`
			return &http.Response{
				StatusCode: http.StatusForbidden, Header: http.Header{"X-Amzn-Errortype": {"AccessDeniedException"}},
				Body: readCloser{bytes.NewReader([]byte(denied))}, Request: req,
			}, nil
		}
	}
	return r.server.Client().Do(req)
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// run begins a controller, which the function it returns ends.
func (r *rig) run() (*controller.Controller, func()) {
	c := controller.New(r.o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	synctest.Wait()
	return c, func() {
		r.t.Helper()
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
}

// status is what the controller says.
func (r *rig) status(c *controller.Controller) controller.Status {
	r.t.Helper()
	synctest.Wait()
	s, err := c.Status()
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// passes are those of the only place, oldest first, as TRIGGER OUTCOME.
func (r *rig) passes(c *controller.Controller) []string {
	r.t.Helper()
	s := r.status(c)
	if len(s.Places) != 1 {
		r.t.Fatalf("%d places, want one", len(s.Places))
	}
	return words(s.Places[0])
}

func words(p controller.PlaceStatus) []string {
	var all []string
	for _, one := range slices.Backward(p.Passes) {
		all = append(all, string(one.Trigger)+" "+string(one.Outcome))
	}
	return all
}

func (r *rig) condition(p controller.PlaceStatus, name string) controller.Condition {
	r.t.Helper()
	for _, c := range p.Conditions {
		if c.Type == name {
			return c
		}
	}
	r.t.Fatalf("no condition %s", name)
	return controller.Condition{}
}

// reserved is a function's reservation, 0 for none.
func (r *rig) reserved(region, function string) int {
	r.t.Helper()
	n := 0
	r.server.Do(func(w *world.World) {
		p, err := w.Concurrency(world.Place{Account: account, Region: region}, function)
		if err != nil {
			r.t.Error(err)
		}
		if p != nil {
			n = *p
		}
	})
	return n
}

// mappings are the states of a region's mappings, by what they run.
func (r *rig) mappings(region string) map[string]string {
	r.t.Helper()
	all := map[string]string{}
	r.server.Do(func(w *world.World) {
		list, _, err := w.Mappings(world.Place{Account: account, Region: region}, world.MappingsQuery{})
		if err != nil {
			r.t.Error(err)
		}
		for _, m := range list {
			all[m.FunctionArn[strings.LastIndex(m.FunctionArn, ":")+1:]] = m.State
		}
	})
	return all
}

// tag writes a tag on the mapping that runs an alias.
func (r *rig) tag(alias, key, value string) {
	r.t.Helper()
	r.server.Do(func(w *world.World) {
		list, _, err := w.Mappings(here, world.MappingsQuery{})
		if err != nil {
			r.t.Error(err)
		}
		for _, m := range list {
			if strings.HasSuffix(m.FunctionArn, ":"+alias) {
				if err := w.TagResource(here, m.EventSourceMappingArn, world.Tags{key: value}); err != nil {
					r.t.Error(err)
				}
			}
		}
	})
}

// newVersion publishes another version of order-processor.
func (r *rig) newVersion() string {
	r.t.Helper()
	r.server.Do(func(w *world.World) {
		if _, err := w.UpdateCode(here, "order-processor", world.CodeInput{Code: []byte("PK new")}); err != nil {
			r.t.Fatal(err)
		}
	})
	time.Sleep(10 * time.Second) // until it is in use
	version := ""
	r.server.Do(func(w *world.World) {
		f, err := w.PublishVersion(here, "order-processor", world.VersionInput{})
		if err != nil || f.Version == "1" {
			r.t.Fatalf("version %s: %v", f.Version, err)
		}
		version = f.Version
	})
	return version
}

// count counts calls of an operation in a region; empty for any.
func (r *rig) count(region, operation string) int {
	n := 0
	for _, c := range r.server.Calls() {
		if (region == "" || c.Place.Region == region) && (operation == "" || c.Operation == operation) {
			n++
		}
	}
	return n
}

// documents is a source that a test writes to.
type documents struct {
	mu     sync.Mutex
	text   string
	commit string // c0ffee where it is empty
	err    error  // of both
	away   bool   // neither answers
}

func (d *documents) write(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text = text
}

// push writes text as another commit.
func (d *documents) push(commit, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commit, d.text = commit, text
}

func (d *documents) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// hang has the source not answer.
func (d *documents) hang(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
}

func (d *documents) Digest(ctx context.Context) (string, error) {
	d.mu.Lock()
	away := d.away
	d.mu.Unlock()
	if away {
		<-ctx.Done()
		return "", context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprintf("%x", sha256.Sum256([]byte(d.text)))[:12], d.err
}

func (d *documents) Load(context.Context) (controller.Documents, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	docs, findings := spec.Load(fstest.MapFS{"routing.yaml": {Data: []byte(d.text)}}, "routing.yaml")
	return controller.Documents{Docs: docs, Findings: findings, Commit: cmp.Or(d.commit, "c0ffee")}, d.err
}

var errAway = errors.New("the repository is away")

// log is what was logged.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// document is a routing of n routes.
func document(name, region, stream, function string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `---
apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: %s}
spec:
  region: %s
  stream: %s
  function: {name: %s, follow: live}
  eventType: {path: eventType}
  defaults: {retry: {maxAttempts: 5, maxAge: 6h}}
  routes:
`, name, region, stream, function)
	for i := range n {
		fmt.Fprintf(&b, "    - {name: route-%d, eventTypes: [Type%d]}\n", i, i)
	}
	return b.String()
}

func orders(n int) string { return document("orders", ireland, "orders-events", "order-processor", n) }

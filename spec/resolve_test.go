package spec_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// one loads a document that must be valid.
func one(t *testing.T, text string) spec.EventRouting {
	t.Helper()
	docs, findings := spec.Load(fstest.MapFS{"f.yaml": file(text)}, "f.yaml")
	if len(docs) != 1 {
		t.Fatalf("%d documents: %v", len(docs), findings)
	}
	return docs[0]
}

const bare = `apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: orders}
spec:
  stream: orders-events
  function: {name: order-processor}
  eventType: {path: eventType}
  routes:
    - {name: placed, eventTypes: [OrderPlaced]}
`

func TestResolveDefaultsOfAWS(t *testing.T) {
	want := []spec.Resolved{{
		Name: "placed", EventTypes: []string{"OrderPlaced"}, Enabled: true, Isolation: spec.IsolationAlias, Function: "order-processor",
		BatchSize: 100, ParallelizationFactor: 1, MaxAttempts: -1, MaxAge: -time.Second,
	}}
	d := one(t, bare)
	if diff := cmp.Diff(want, d.Resolve()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	others, othersSet := d.Others()
	maximum, maximumSet := d.Maximum()
	lag, lagSet := d.AssumeLagBelow()
	got := []any{
		d.Follow(), d.Policy(), d.Region(), d.RetireAfter(), d.ReleaseAfter(), d.Headroom(), d.Minimum(), d.OnShortage(),
		others, othersSet, maximum, maximumSet, lag, lagSet,
	}
	if diff := cmp.Diff([]any{
		"$LATEST", spec.PolicySync, "", 24 * time.Hour, 24 * time.Hour, spec.Amount{}, 0, spec.OnShortageHold,
		0, false, 0, false, time.Duration(0), false,
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestResolveEverySetting(t *testing.T) {
	docs, _ := spec.Load(os.DirFS("testdata/valid"), "every-setting.yaml")
	if len(docs) != 1 {
		t.Fatal("not one document")
	}
	d := docs[0]
	start, err := spec.ParseStartFrom("2026-11-23T07:00:00Z")
	must(t, err)
	horizon := spec.StartFrom{TrimHorizon: true}
	want := []spec.Resolved{
		{
			Name: "placed", EventTypes: []string{"OrderPlaced", "OrderChanged"}, Isolation: spec.IsolationFunction, Function: "order-placed",
			BatchSize: 1, ParallelizationFactor: 1, StartFrom: start, MaxAttempts: -1, MaxAge: -time.Second, Metrics: []string{},
		},
		{
			Index: 1, Name: "refunds", EventTypes: []string{"RefundIssued"}, Enabled: true,
			Where:     json.RawMessage(`{"amount":[{"numeric":[">",1000.50]}],"$or":[{"country":["DE"]},{"express":[true],"gift":[null]}]}`),
			Isolation: spec.IsolationFanOut, Function: "arn:aws:lambda:eu-west-1:111122223333:function:order-processor",
			BatchSize: 10_000, MaxBatchingWindow: 5 * time.Minute, ParallelizationFactor: 10, MaxAttempts: 10_000, MaxAge: 168 * time.Hour,
			BisectOnError: true, OnFailure: "arn:aws:sns:eu-west-1:111122223333:orders-dead", ReportBatchItemFailures: true,
			KMSKey: "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", Metrics: []string{"EventCount"},
		},
		{
			Index: 2, Name: "everything-else", CatchAll: true, Enabled: true, Where: json.RawMessage(`{"test":[false]}`),
			Isolation: spec.IsolationFanOut, Function: "arn:aws:lambda:eu-west-1:111122223333:function:order-processor",
			BatchSize: 10_000, MaxBatchingWindow: 5 * time.Minute, ParallelizationFactor: 10, StartFrom: horizon, MaxAttempts: 10_000, MaxAge: 168 * time.Hour,
			BisectOnError: true, OnFailure: "arn:aws:s3:::orders-dead", ReportBatchItemFailures: true,
			KMSKey: "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", Metrics: []string{"EventCount"},
		},
	}
	if diff := cmp.Diff(want, d.Resolve()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	others, othersSet := d.Others()
	maximum, maximumSet := d.Maximum()
	lag, lagSet := d.AssumeLagBelow()
	if diff := cmp.Diff([]any{
		"7", spec.PolicyUpsertOnly, "eu-west-1", 36 * time.Hour, 24 * time.Hour, spec.Amount{Percent: true, Value: 10}, 0, spec.OnShortageAdmit,
		0, true, 400, true, 15 * time.Minute, true,
	}, []any{
		d.Follow(), d.Policy(), d.Region(), d.RetireAfter(), d.ReleaseAfter(), d.Headroom(), d.Minimum(), d.OnShortage(),
		others, othersSet, maximum, maximumSet, lag, lagSet,
	}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each part of retry comes from the first that writes it.
func TestResolveRetryInParts(t *testing.T) {
	d := one(t, bare+"      \n  defaults: {retry: {maxAttempts: 5, maxAge: 6h}}\n")
	d.Spec.Routes[0].Retry = &spec.Retry{MaxAge: &spec.Duration{Duration: time.Hour}}
	if r := d.Resolve()[0]; r.MaxAttempts != 5 || r.MaxAge != time.Hour || r.BisectOnError {
		t.Errorf("%d, %s, %t", r.MaxAttempts, r.MaxAge, r.BisectOnError)
	}
}

func TestSetsOfCatchAll(t *testing.T) {
	d := one(t, bare+"    - {name: paid, eventTypes: [Paid, Refunded], enabled: false}\n    - {name: rest, catchAll: true}\n")
	sets, err := d.Sets()
	must(t, err)
	var got [][]string
	for _, s := range sets {
		filters, err := s.Filters()
		must(t, err)
		got = append(got, filters)
	}
	want := [][]string{
		{`{"data":{"eventType":["OrderPlaced"]}}`},
		{`{"data":{"eventType":["Paid","Refunded"]}}`},
		{`{"data":{"eventType":[{"anything-but":["OrderPlaced","Paid","Refunded"]},{"exists":false}]}}`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sets[0].Overlaps(sets[2]).Verdict != pattern.No {
		t.Error("a catch-all overlaps a route")
	}
}

func TestSetsSayWhichRoute(t *testing.T) {
	d := one(t, bare)
	d.Spec.Routes[0].Where = json.RawMessage(`{"eventType":["x"]}`)
	if _, err := d.Sets(); err == nil || err.Error()[:12] != "route placed" {
		t.Errorf("error is %v", err)
	}
}

func TestBareName(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "orders": "orders",
		"arn:aws:kinesis:eu-west-1:111122223333:stream/orders-events":      "orders-events",
		"arn:aws-cn:lambda:cn-north-1:111122223333:function:order-handler": "order-handler",
	} {
		if got := spec.BareName(text); got != want {
			t.Errorf("BareName(%q) is %q, want %q", text, got, want)
		}
	}
}

func TestValidOwner(t *testing.T) {
	for text, want := range map[string]bool{
		"default": true, "Team_A.1-x": true, "12345678901234567890123456789012": true,
		"": false, "123456789012345678901234567890123": false, "a b": false, "a/b": false, "a=b": false, "é": false,
	} {
		if got := spec.ValidOwner(text); got != want {
			t.Errorf("ValidOwner(%q) is %t", text, got)
		}
	}
}

// Documents that were not loaded are checked too, and nothing panics on one
// that is empty.
func TestValidateWithoutLoad(t *testing.T) {
	var got []string
	for _, f := range spec.Validate([]spec.EventRouting{{}, one(t, bare)}) {
		got = append(got, f.Code+" "+f.Path)
	}
	want := []string{
		"kind ", "missing metadata.name", "missing spec.eventType.path", "missing spec.function.name", "missing spec.routes", "missing spec.stream",
		"poison-record spec.routes[0]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	d := one(t, bare)
	for _, where := range []string{`[]`, `"x"`, `{`, `null`} {
		d.Spec.Routes[0].Where = json.RawMessage(where)
		found := spec.Validate([]spec.EventRouting{d})
		if !slices.ContainsFunc(found, func(f spec.Finding) bool { return f.Severity == spec.Error }) {
			t.Errorf("where %s: %v", where, found)
		}
	}
	if got := (spec.EventRouting{}).Resolve(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

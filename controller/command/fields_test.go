package command_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
)

// isolations are what a route of ordersText says to be isolated in each way.
var isolations = map[string]string{
	"Alias":    "isolation: Alias",
	"FanOut":   "isolation: FanOut",
	"Function": "isolation: Function, function: placed-processor",
}

// fields are what each setting of a route is set to, changed to and cleared
// to, as a document writes it; the last is as if it had never been written.
var fields = map[string][]string{
	"batchSize":               {"batchSize: 10", "batchSize: 10000", ""},
	"maxBatchingWindow":       {"maxBatchingWindow: 5s", "maxBatchingWindow: 5m", ""},
	"parallelizationFactor":   {"parallelizationFactor: 10", "parallelizationFactor: 2", ""},
	"retry.maxAttempts":       {"retry: {maxAttempts: 0}", "retry: {maxAttempts: 10000}", "retry: {maxAttempts: -1}"},
	"retry.maxAge":            {"retry: {maxAge: 40m}", "retry: {maxAge: 168h}", "retry: {maxAge: -1s}"},
	"retry.bisectOnError":     {"retry: {bisectOnError: true}", "retry: {bisectOnError: false}", ""},
	"onFailure":               {`onFailure: "arn:aws:sqs:eu-west-1:111122223333:dead"`, `onFailure: "arn:aws:sns:eu-west-1:111122223333:dead"`, `onFailure: ""`, ""},
	"reportBatchItemFailures": {"reportBatchItemFailures: true", "reportBatchItemFailures: false", ""},
	"metrics":                 {"metrics: [EventCount]", "metrics: []", ""},
	"kmsKey": {
		`kmsKey: "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"`,
		`kmsKey: "arn:aws:kms:eu-west-1:111122223333:key/99999999-2222-3333-4444-555555555555"`, "",
	},
	"where":   {`where: {amount: [{numeric: [">", 10]}]}`, `where: {amount: [{numeric: [">", 10, "<", 20]}], country: [de, {exists: false}]}`, ""},
	"enabled": {"enabled: false", "enabled: true", ""},
}

// TestEveryField walks every setting of a route, in every isolation, through
// being set, changed and cleared. After each step a second plan is empty, and
// the live mapping is, in every setting, what one that is made anew would be.
func TestEveryField(t *testing.T) {
	for isolation, written := range isolations {
		for field, values := range fields {
			t.Run(isolation+"/"+field, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, map[string]int{"orders-events": 2}, "order-processor", "placed-processor")
					route := func(value string) string {
						return fmt.Sprintf("    - {%s}\n", strings.TrimSuffix("name: placed, eventTypes: [OrderPlaced], "+written+", "+value, ", "))
					}
					for i, value := range append([]string{""}, values...) {
						docs := routing(t, route(value))
						o, err := r.apply(t.Context(), r.server.Client().Do, docs)
						if err != nil {
							t.Fatalf("%q: %v", value, err)
						}
						if changes := len(o); i == 1 && changes == 0 {
							t.Errorf("%q changes nothing", value)
						}
						r.settle(docs)
						live := r.only()
						fresh := newRig(t, map[string]int{"orders-events": 2}, "order-processor", "placed-processor")
						fresh.settle(docs)
						want := fresh.only()
						if diff := cmp.Diff(reconcile.Differences(&want, &live), []reconcile.Difference(nil)); diff != "" && !live.FiltersUnknown {
							t.Errorf("%q: it differs from one made anew:\n%s", value, diff)
						}
					}
				})
			})
		}
	}
}

// only is the one live mapping.
func (r *rig) only() reconcile.Mapping {
	r.t.Helper()
	live, err := r.client(r.server.Client().Do).Reader().Observe(r.t.Context(), reconcile.Scope{}, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	var all []reconcile.Mapping
	for _, ms := range live.Mappings {
		all = append(all, ms...)
	}
	if len(all) != 1 {
		r.t.Fatalf("%d mappings: %v", len(all), all)
	}
	return all[0]
}

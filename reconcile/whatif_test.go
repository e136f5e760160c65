package reconcile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
)

const whatIfDocuments = `apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: orders}
spec:
  stream: orders-events
  function: {name: order-processor}
  eventType: {path: type}
  defaults: {retry: {maxAttempts: 3}}
  routes:
    - {name: placed, eventTypes: [A]}
    - {name: payments, eventTypes: [B], parallelizationFactor: 2}
---
apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: audit}
spec:
  stream: orders-events
  function: {name: auditor}
  eventType: {path: type}
  isolation: Function
  defaults: {retry: {maxAttempts: 3}}
  routes:
    - {name: all, catchAll: true, function: audit-all}
`

func TestWhatIfRefused(t *testing.T) {
	docs := documents(t, []byte(whatIfDocuments))
	for want, what := range map[string]reconcile.WhatIf{
		"": {Shards: map[string]int{"orders-events": 20000}, AddRoutes: map[string]int{"orders": 0}, Factor: map[string]int{"": 10, "audit": 1, "orders/placed": 3}},
		`stream "x" is none of these documents: orders-events`:                   {Shards: map[string]int{"x": 4}},
		"stream orders-events cannot have 20001 shards: 1 to 20000":              {Shards: map[string]int{"orders-events": 20001}},
		"3 routes of which routing? Write ROUTING=3, where ROUTING is one of":    {AddRoutes: map[string]int{"": 3}},
		"1001 routes cannot be added: 0 to 1000":                                 {AddRoutes: map[string]int{"orders": 1001}},
		`routing "x" is none of these documents: audit, orders`:                  {AddRoutes: map[string]int{"x": 1}},
		"with isolation Function each route needs a function of its own":         {AddRoutes: map[string]int{"audit": 1}},
		"parallelizationFactor cannot be 0: 1 to 10":                             {Factor: map[string]int{"": 0}},
		`route "orders/x" is none of these documents: audit/all, orders/payment`: {Factor: map[string]int{"orders/x": 2}},
	} {
		err := what.Check(docs)
		if got := text(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", what, got, want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestWhatIfLeavesWhatItWasGiven supposes something and looks at the originals.
func TestWhatIfLeavesWhatItWasGiven(t *testing.T) {
	docs, again := documents(t, []byte(whatIfDocuments)), documents(t, []byte(whatIfDocuments))
	live := reconcile.State{Streams: map[string]reconcile.Stream{"orders-events": {Name: "orders-events", Shards: []reconcile.Shard{{ID: "shardId-000000000000"}}}}}
	what := reconcile.WhatIf{Shards: map[string]int{"orders-events": 3, "elsewhere": 2}, AddRoutes: map[string]int{"orders": 2}, Factor: map[string]int{"": 5, "orders": 4, "orders/payments": 3}}
	got, supposed := what.Apply(docs, live)
	if diff := cmp.Diff(again, docs); diff != "" {
		t.Errorf("the documents changed:\n%s", diff)
	}
	if n := len(live.Streams["orders-events"].Shards); n != 1 || len(supposed.Streams) != 1 {
		t.Errorf("%d shards, %d streams", n, len(supposed.Streams))
	}
	factors := map[string]int{}
	for _, d := range got {
		for _, r := range d.Resolve() {
			factors[d.Metadata.Name+"/"+r.Name] = r.ParallelizationFactor
		}
	}
	want := map[string]int{"orders/placed": 4, "orders/payments": 3, "orders/what-if-1": 4, "orders/what-if-2": 4, "audit/all": 5}
	if diff := cmp.Diff(want, factors); diff != "" {
		t.Errorf("factors (-want +got):\n%s", diff)
	}
	if n := len(supposed.Streams["orders-events"].Shards); n != 3 {
		t.Errorf("%d shards supposed", n)
	}
}

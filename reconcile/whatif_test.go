package reconcile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
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
---
apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: copies}
spec:
  stream: orders-events
  function: {name: copier}
  eventType: {path: type}
  defaults: {retry: {maxAttempts: 3}, isolation: Function, function: copy}
  routes:
    - {name: all, eventTypes: [A]}
`

func TestWhatIfRefused(t *testing.T) {
	docs := documents(t, []byte(whatIfDocuments))
	for want, what := range map[string]reconcile.WhatIf{
		"": {Shards: map[string]int{"orders-events": 20000, "arn:aws:kinesis:eu-west-1:111122223333:stream/orders-events": 2}, AddRoutes: map[string]int{"orders": 0}, Factor: map[string]int{"": 10, "audit": 1, "orders/placed": 3}},
		`stream "x" is none of these documents: orders-events`:                               {Shards: map[string]int{"x": 4}},
		`stream/x" is none of these documents: orders-events`:                                {Shards: map[string]int{"arn:aws:kinesis:eu-west-1:111122223333:stream/x": 4}},
		"stream orders-events cannot have 20001 shards: 1 to 20000":                          {Shards: map[string]int{"orders-events": 20001}},
		"3 routes of which routing? Write ROUTING=3, where ROUTING is one of":                {AddRoutes: map[string]int{"": 3}},
		"1001 routes cannot be added: 0 to 1000":                                             {AddRoutes: map[string]int{"orders": 1001}},
		`routing "x" is none of these documents: audit, copies, orders`:                      {AddRoutes: map[string]int{"x": 1}},
		"with isolation Function each route needs a function of its own":                     {AddRoutes: map[string]int{"audit": 1}},
		"parallelizationFactor cannot be 0: 1 to 10":                                         {Factor: map[string]int{"": 0}},
		`route "orders/x" is none of these documents: audit/all, copies/all, orders/payment`: {Factor: map[string]int{"orders/x": 2}},
	} {
		err := what.Check(docs)
		if got := text(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", what, got, want)
		}
	}
}

// TestWhatIfRefusedByDefaults looks for the isolation where routes have it from.
func TestWhatIfRefusedByDefaults(t *testing.T) {
	err := reconcile.WhatIf{AddRoutes: map[string]int{"copies": 1}}.Check(documents(t, []byte(whatIfDocuments)))
	if !strings.Contains(text(err), "each route needs a function of its own") {
		t.Errorf("%v", err)
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
	want := map[string]int{"orders/placed": 4, "orders/payments": 3, "orders/what-if-1": 4, "orders/what-if-2": 4, "audit/all": 5, "copies/all": 5}
	if diff := cmp.Diff(want, factors); diff != "" {
		t.Errorf("factors (-want +got):\n%s", diff)
	}
	open := 0
	for _, s := range supposed.Streams["orders-events"].Shards {
		if !s.Closed {
			open++
		}
	}
	if open != 3 {
		t.Errorf("%d shards supposed", open)
	}
}

// TestWhatIfReshards supposes other numbers of shards. What was open or closed
// before counts beside what would be open.
func TestWhatIfReshards(t *testing.T) {
	shards := func(ids ...string) (all []reconcile.Shard) {
		for _, id := range ids {
			s := reconcile.Shard{ID: "shardId-00000000000" + id[:1], Closed: strings.HasSuffix(id, "closed")}
			for p := range strings.FieldsSeq(id[1:]) {
				if p != "closed" {
					s.Parents = append(s.Parents, "shardId-00000000000"+p)
				}
			}
			all = append(all, s)
		}
		return all
	}
	four := shards("0", "1", "2", "3")
	merged := shards("0 closed", "1 closed", "2 closed", "3 closed", "4 0 1", "5 2 3")
	for _, c := range []struct {
		shards            []reconcile.Shard
		n, open, consumed int
	}{
		{four, 4, 4, 4},
		{four, 8, 8, 8},
		{four, 2, 2, 4},
		{four, 1, 1, 4},
		{four, 6, 6, 8}, // by way of 8, some of which live shortly
		{four, 3, 3, 6},
		{merged, 2, 2, 4}, // the number that there is
		{merged, 1, 1, 4},
		{merged, 4, 4, 4},
		{merged, 8, 8, 8},
		{nil, 3, 3, 3},
	} {
		docs := documents(t, []byte(whatIfDocuments))
		live := reconcile.State{
			Streams: map[string]reconcile.Stream{"orders-events": {Name: "orders-events", Shards: c.shards}},
			Facts:   reconcile.Facts{Lineages: map[string]reconcile.Lineage{"orders-events": {Shards: c.shards}}},
		}
		docs, supposed := reconcile.WhatIf{Shards: map[string]int{"orders-events": c.n}}.Apply(docs, live)
		e, _ := reconcile.Explain(docs, supposed, reconcile.Options{}, reconcile.Prices{}, noon)
		if s := e.Streams[0]; s.Open != c.open || s.Active != c.consumed || s.Earlier.Active != c.consumed {
			t.Errorf("%d of %d shards: %d open, %d at one time, want %d and %d", c.n, len(c.shards), s.Open, s.Active, c.open, c.consumed)
		}
	}

	// What was closed before the window counts beside what is supposed, for those
	// that start further back.
	live := reconcile.State{
		Streams: map[string]reconcile.Stream{"orders-events": {Name: "orders-events", Shards: shards("1", "4")}},
		Facts:   reconcile.Facts{Lineages: map[string]reconcile.Lineage{"orders-events": {Shards: shards("0 closed", "1", "2 0 closed", "3 0 closed", "5 2 closed", "6 2 closed", "7 5 6 closed", "4 3 7")}}},
	}
	docs, supposed := reconcile.WhatIf{Shards: map[string]int{"orders-events": 4}}.Apply(documents(t, []byte(whatIfDocuments)), live)
	e, _ := reconcile.Explain(docs, supposed, reconcile.Options{}, reconcile.Prices{}, noon)
	if s := e.Streams[0]; s.Active != 4 || s.Earlier.Active != 5 {
		t.Errorf("%d at one time, %d further back, want 4 and 5", s.Active, s.Earlier.Active)
	}
}

// TestWhatIfAddsRoutes adds routes beside what has their names, and where
// defaults would disable them.
func TestWhatIfAddsRoutes(t *testing.T) {
	docs := documents(t, []byte(`apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: orders}
spec:
  stream: orders-events
  function: {name: order-processor}
  eventType: {path: type}
  defaults: {retry: {maxAttempts: 3}, enabled: false}
  routes:
    - {name: what-if-1, eventTypes: [what-if-3]}
`))
	docs = reconcile.WhatIf{AddRoutes: map[string]int{"orders": 2}}.Documents(docs)
	var got []string
	for _, r := range docs[0].Resolve() {
		if r.Enabled {
			got = append(got, r.Name)
		}
	}
	if diff := cmp.Diff([]string{"what-if-2", "what-if-4"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if findings := spec.Validate(docs); len(findings) != 0 {
		t.Errorf("%v", findings)
	}
}

// TestWhatIfMeant supposes shards of a stream by its ARN and by its name, and looks at
// when that is an estimate: where AWS decides which shards are split, or did already.
func TestWhatIfMeant(t *testing.T) {
	const arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/orders-events"
	plain, split := []reconcile.Shard{{ID: "1"}}, []reconcile.Shard{{ID: "1", Closed: true}, {ID: "2", Parents: []string{"1"}}}
	for _, c := range []struct {
		mode     string
		shards   []reconcile.Shard
		supposed map[string]int
		written  string
		estimate string // a part of it
	}{
		{"PROVISIONED", plain, map[string]int{"orders-events": 9}, "orders-events", ""},
		{"PROVISIONED", plain, map[string]int{"orders-events": 9, arn: 3}, arn, ""},
		{"PROVISIONED", split, map[string]int{"orders-events": 9}, "orders-events", "hash keys are not observed"},
		{"PROVISIONED", split, map[string]int{"orders-events": 1}, "orders-events", ""},
		{"ON_DEMAND", plain, map[string]int{arn: 9}, arn, "on-demand mode"},
		{"ON_DEMAND", plain, map[string]int{arn: 1}, arn, ""},
	} {
		live := reconcile.State{Streams: map[string]reconcile.Stream{"orders-events": {Name: "orders-events", ARN: arn, Mode: c.mode, Shards: c.shards}}}
		got := reconcile.WhatIf{Shards: c.supposed}.Meant(live)
		if estimate, ok := got[c.written]; !ok || len(got) != 1 || (estimate == "") != (c.estimate == "") || !strings.Contains(estimate, c.estimate) {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

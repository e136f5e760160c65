package command_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"sigs.k8s.io/yaml"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// written imports, and loads what was written as people would.
func (r *rig) written(stream, function, routing string) (reconcile.Written, []spec.EventRouting) {
	r.t.Helper()
	live, err := r.client(r.server.Client().Do).Reader().Observe(r.t.Context(), reconcile.Scope{Streams: []string{stream}, Functions: []string{function}}, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	w, err := reconcile.Write(live, stream, function, routing, "")
	if err != nil {
		r.t.Fatal(err)
	}
	text, err := yaml.Marshal(w.Doc)
	if err != nil {
		r.t.Fatal(err)
	}
	docs, findings := spec.Load(fstest.MapFS{"f.yaml": {Data: text}}, "f.yaml")
	for _, f := range findings {
		if f.Severity == spec.Error {
			r.t.Fatalf("%s\n%s", f, text)
		}
	}
	return w, docs
}

// TestImportOurs applies random documents, imports what is live, and plans that: there
// is nothing to change.
func TestImportOurs(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			r := newRig(t, map[string]int{"orders-events": 2}, "order-processor")
			var routes strings.Builder
			for i := range 1 + rng.IntN(4) {
				fmt.Fprintf(&routes, "    - {name: r%d, eventTypes: [T%d, \"x%d\"]", i, i, i)
				for _, s := range []string{"batchSize: 7", "maxBatchingWindow: 30s", "parallelizationFactor: 2", "reportBatchItemFailures: true", "isolation: FanOut",
					"where: {amount: [{numeric: [\">\", 100]}]}", "retry: {maxAttempts: 9, maxAge: 2h, bisectOnError: true}", "onFailure: \"arn:aws:sqs:" + region + ":" + account + ":dead\""} {
					if rng.IntN(3) == 0 {
						routes.WriteString(", " + s)
					}
				}
				routes.WriteString("}\n")
			}
			docs := routing(t, routes.String())
			r.settle(docs)
			_, got := r.written("orders-events", "order-processor", "orders")
			if p := r.plan(got); !p.Empty() || len(p.Held) > 0 {
				text, _ := yaml.Marshal(got[0])
				t.Errorf("seed %d: %v, held %v\n%s\n%s", seed, p.Changes, p.Held, routes.String(), text)
			}
		})
	}
}

// TestImportTheirs imports what nobody's tool made: adopted, it plans empty; what a
// document cannot say is named and left.
func TestImportTheirs(t *testing.T) {
	for _, c := range []struct {
		name    string
		target  string
		filters []string
		edit    func(*lambda.CreateEventSourceMappingInput)
		left    string
	}{
		{"types", "order-processor", []string{`{"data":{"detail":{"type":["A","B"]}}}`}, nil, ""},
		{"several filters", "order-processor:live", []string{`{"data":{"type":["A"]}}`, `{"data":{"type":["B"]}}`}, nil, ""},
		{"a condition", "order-processor", []string{`{"data":{"type":["A"],"amount":[{"numeric":[">",5]}]}}`}, nil, ""},
		{"everything", "order-processor", nil, nil, "it has no filter, and takes what is no JSON as well"},
		{"settings", "order-processor", []string{`{"data":{"type":["A"]}}`}, func(in *lambda.CreateEventSourceMappingInput) {
			in.BatchSize, in.ParallelizationFactor, in.MaximumRecordAgeInSeconds = aws.Int32(3), aws.Int32(4), aws.Int32(600)
		}, ""},
		{"different conditions", "order-processor", []string{`{"data":{"type":["A"],"x":[1]}}`, `{"data":{"type":["B"],"x":[2]}}`}, nil, "its filters have different conditions besides the event type"},
		{"the key", "order-processor", []string{`{"partitionKey":["k"],"data":{"type":["A"]}}`}, nil, "a filter is about more than the payload"},
		{"a prefix", "order-processor", []string{`{"data":{"type":[{"prefix":"A"}]}}`}, nil, "a filter compares type with more than plain texts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
				p := newPerson(r)
				in := &lambda.CreateEventSourceMappingInput{
					EventSourceArn: aws.String("arn:aws:kinesis:" + region + ":" + account + ":stream/orders-events"), FunctionName: &c.target,
					StartingPosition: types.EventSourcePositionTrimHorizon, MaximumRetryAttempts: aws.Int32(5),
				}
				for _, f := range c.filters {
					if in.FilterCriteria == nil {
						in.FilterCriteria = &types.FilterCriteria{}
					}
					in.FilterCriteria.Filters = append(in.FilterCriteria.Filters, types.Filter{Pattern: &f})
				}
				if c.edit != nil {
					c.edit(in)
				}
				uuid := *must[*lambda.CreateEventSourceMappingOutput](t)(p.lambda.CreateEventSourceMapping(t.Context(), in)).UUID
				time.Sleep(time.Minute)
				if c.left != "" {
					live, err := r.client(r.server.Client().Do).Reader().Observe(t.Context(), reconcile.Scope{Streams: []string{"orders-events"}, Functions: []string{"order-processor"}}, time.Now())
					if err != nil {
						t.Fatal(err)
					}
					if _, err := reconcile.Write(live, "orders-events", "order-processor", "orders", "type"); err == nil || !strings.Contains(err.Error(), c.left) {
						t.Errorf("%v, want %q", err, c.left)
					}
					return
				}
				w, docs := r.written("orders-events", "order-processor", "orders")
				for route := range w.Mappings {
					if _, err := r.adopt(docs, "orders/"+route, uuid); err != nil {
						t.Fatal(err)
					}
				}
				// The function has a reservation of its own once it is ours.
				for _, x := range r.plan(docs).Changes {
					if x.Addr.Kind != reconcile.KindReservation {
						t.Errorf("%s %s: %v -> %v", x.Action, x.Addr, x.Before, x.After)
					}
				}
			})
		})
	}
}

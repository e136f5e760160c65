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

// imported imports, or says why not.
func (r *rig) imported(from reconcile.From) (w reconcile.Written, refused error) {
	r.t.Helper()
	reader := r.client(r.server.Client().Do).Reader()
	live, err := reader.Observe(r.t.Context(), reconcile.Scope{Streams: []string{from.Stream}, Functions: []string{from.Function}, FanOut: []string{from.Stream}}, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	w, _, err = reconcile.Ascertain(r.t.Context(), reader, live, func(live reconcile.State) (w reconcile.Written, asks []reconcile.Ask) {
		w, asks, refused = reconcile.Write(live, from, options, time.Now())
		return w, asks
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return w, refused
}

// written imports, and loads what was written as people would.
func (r *rig) written(stream, function, routing string) (reconcile.Written, []spec.EventRouting) {
	r.t.Helper()
	w, err := r.imported(reconcile.From{Stream: stream, Function: function, Routing: routing})
	if err != nil {
		r.t.Fatal(err)
	}
	return w, r.loaded(w)
}

// loaded loads what was written.
func (r *rig) loaded(w reconcile.Written) []spec.EventRouting {
	r.t.Helper()
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
	return docs
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
					if _, err := r.imported(reconcile.From{Stream: "orders-events", Function: "order-processor", Path: "type"}); err == nil || !strings.Contains(err.Error(), c.left) {
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

// TestImportAny imports random worlds, of which some is ours, some another owner's and
// some nobody's: what is written is valid, and a plan for it changes nothing but
// reservations and has no error; or import says why it writes nothing.
func TestImportAny(t *testing.T) {
	written, refused := 0, map[string]int{}
	for seed := range uint64(120) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 9))
			r := newRig(t, map[string]int{"orders-events": 1}, "order-processor", "fn-a", "fn-b")
			if rng.IntN(3) > 0 {
				r.settle(routing(t, randomRoutes(rng)))
				if rng.IntN(3) == 0 {
					for docs := routing(t, randomRoutes(rng)); rng.IntN(4) > 0; { // some are retired, some are to be
						if _, err := r.apply(t.Context(), r.server.Client().Do, docs); err != nil {
							t.Fatal(err)
						}
						time.Sleep(time.Duration(rng.IntN(10)) * time.Minute)
					}
				}
			}
			p := newPerson(r)
			for range rng.IntN(7) {
				p.something(rng)
			}
			from := reconcile.From{Stream: "orders-events", Function: "order-processor"}
			if rng.IntN(3) > 0 {
				from.Path = "eventType"
			}
			w, err := r.imported(from)
			if err != nil {
				kind, _, _ := strings.Cut(err.Error(), ":")
				refused[kind]++
				return
			}
			written++
			docs := r.loaded(w)
			plan := r.plan(docs)
			for _, c := range plan.Changes {
				if c.Addr.Kind != reconcile.KindReservation {
					t.Errorf("seed %d: %s %s: %s", seed, c.Action, c.Addr, c.Reason)
				}
			}
			for _, h := range plan.Held {
				if h.Addr.Kind != reconcile.KindReservation && h.Why != reconcile.WhyForeign {
					t.Errorf("seed %d: held: %s %s: %s", seed, h.Action, h.Addr, h.Reason)
				}
			}
			for _, f := range plan.Findings {
				if f.Severity == spec.Error {
					t.Errorf("seed %d: %s", seed, f)
				}
			}
			// What it says to type does what it says.
			for _, route := range w.Nobodys {
				if _, err := r.adopt(docs, w.Doc.Metadata.Name+"/"+route, w.Mappings[route].UUID); err != nil {
					t.Errorf("seed %d: adopt: %v", seed, err)
				}
			}
			for _, h := range r.plan(docs).Held {
				if h.Why == reconcile.WhyForeign {
					t.Errorf("seed %d: adopted, and held: %s %s: %s", seed, h.Action, h.Addr, h.Reason)
				}
			}
		})
	}
	t.Logf("%d written; refused: %v", written, refused)
	if written < 40 {
		t.Errorf("only %d written: %v", written, refused)
	}
}

// randomRoutes are some of four routes, of all isolations, and perhaps one for the rest.
func randomRoutes(rng *rand.Rand) string {
	var b strings.Builder
	for i := range 4 {
		if rng.IntN(2) == 0 {
			continue
		}
		fmt.Fprintf(&b, "    - {name: r%d, eventTypes: [T%d]", i, i)
		switch rng.IntN(4) {
		case 0:
			b.WriteString(", isolation: FanOut")
		case 1:
			if i < 2 {
				fmt.Fprintf(&b, ", isolation: Function, function: fn-%c", 'a'+i)
			}
		}
		if rng.IntN(5) == 0 {
			b.WriteString(", enabled: false")
		}
		b.WriteString("}\n")
	}
	if rng.IntN(2) == 0 {
		b.WriteString("    - {name: rest, catchAll: true}\n")
	}
	if b.Len() == 0 {
		return "    - {name: r0, eventTypes: [T0]}\n"
	}
	return b.String()
}

// something makes, tags or disables a mapping, on an alias that is called like a route's
// or otherwise.
func (p person) something(rng *rand.Rand) {
	p.t.Helper()
	target, pick := "order-processor", func(of ...string) string { return of[rng.IntN(len(of))] }
	if name := pick("", "live", "blue", "orders--x", "orders--y", "orders--B", "shop--x", "orders--r0"); name != "" {
		// One that is there stays as it is.
		_, _ = p.lambda.CreateAlias(p.t.Context(), &lambda.CreateAliasInput{FunctionName: &target, Name: &name, FunctionVersion: aws.String("$LATEST")})
		target += ":" + name
	}
	in := &lambda.CreateEventSourceMappingInput{
		EventSourceArn: aws.String("arn:aws:kinesis:" + region + ":" + account + ":stream/orders-events"), FunctionName: &target,
		StartingPosition: types.EventSourcePositionTrimHorizon, Enabled: aws.Bool(rng.IntN(4) > 0),
	}
	if f := pick(`{"data":{"eventType":["A"]}}`, `{"data":{"eventType":["A","B"]}}`, `{"data":{"eventType":["On","1.0"]}}`, `{"data":{"eventType":[""]}}`, `{"data":{"eventType":[{"prefix":"P"}]}}`,
		`{"data":{"eventType":["C"],"n":[{"numeric":[">",1]}]}}`, `{"data":{"eventType":[{"anything-but":["A","B"]},{"exists":false}]}}`, `{}`, ""); f != "" {
		in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: &f}}}
	}
	if rng.IntN(6) == 0 {
		in.Tags = map[string]string{reconcile.TagOwner: "somebody"}
	}
	// One may be there already: AWS refuses a second.
	_, _ = p.lambda.CreateEventSourceMapping(p.t.Context(), in)
	time.Sleep(time.Minute)
}

// TestImportOdd imports what a document has to say in its own way, or cannot say.
func TestImportOdd(t *testing.T) {
	a := func(eventTypes ...string) []string { return eventTypes }
	for _, c := range []struct {
		name     string
		mappings map[string][]string // event types by alias
		written  string              // a part of the document
		left     string
		refused  string
	}{
		{name: "an overlap", mappings: map[string][]string{"orders--a": a("A"), "orders--b": a("A", "B")}, written: "allowOverlap: true"},
		{name: "six", mappings: map[string][]string{"orders--a": a("A"), "orders--b": a("B"), "orders--c": a("C"), "orders--d": a("D"), "orders--e": a("E"), "orders--f": a("F")},
			refused: "the document of 6 mappings would not be valid: spec.stream: 6 enabled standard mappings are asked for on stream orders-events, at most 5 can read it"},
		{name: "upper case", mappings: map[string][]string{"orders--a": a("A"), "orders--B": a("B")}, left: `its route would not be valid: name: "B"`},
		{name: "no type", mappings: map[string][]string{"orders--a": a("A"), "orders--b": a("")}, left: "its route would not be valid: eventTypes[0]: is "},
		{name: "two routings", mappings: map[string][]string{"orders--a": a("A"), "shop--a": a("B")}, refused: "there are mappings of routings orders and shop: say which, such as --name orders"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
				p := newPerson(r)
				for alias, eventTypes := range c.mappings {
					function := "order-processor"
					must[*lambda.CreateAliasOutput](t)(p.lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &function, Name: &alias, FunctionVersion: aws.String("1")}))
					p.create(function+":"+alias, eventTypes...)
				}
				w, err := r.imported(reconcile.From{Stream: "orders-events", Function: "order-processor"})
				if c.refused != "" || err != nil {
					if c.refused == "" || err == nil || !strings.Contains(err.Error(), c.refused) {
						t.Fatalf("%v, want %q", err, c.refused)
					}
					return
				}
				text := must[[]byte](t)(yaml.Marshal(w.Doc))
				r.loaded(w)
				if !strings.Contains(string(text), c.written) {
					t.Errorf("%s\nlacks %q", text, c.written)
				}
				if c.left != "" && (len(w.Left) != 1 || !strings.Contains(w.Left[0].Why, c.left)) {
					t.Errorf("left %v, want %q", w.Left, c.left)
				}
			})
		})
	}
}

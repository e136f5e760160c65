package command_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/reconcile"
)

// person is somebody with the console and other tools.
type person struct {
	*rig
	lambda  *lambda.Client
	kinesis *kinesis.Client
}

func newPerson(r *rig) person {
	cfg := aws.Config{
		Region: region, Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""),
		HTTPClient: doer(func(req *http.Request) (*http.Response, error) { return r.server.Client().Do(req) }), BaseEndpoint: aws.String("http://embedded.invalid"),
	}
	return person{r, lambda.NewFromConfig(cfg), kinesis.NewFromConfig(cfg)}
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (p person) uuid() *string { return aws.String(p.only().UUID) }

func (p person) edit(in lambda.UpdateEventSourceMappingInput) {
	in.UUID = p.uuid()
	must[*lambda.UpdateEventSourceMappingOutput](p.t)(p.lambda.UpdateEventSourceMapping(p.t.Context(), &in))
}

// drifts are what a person can change behind our back. The plan after it shows
// want; heals says that applying it brings back what was, held that the plan is
// empty until a day has passed, or for good.
var drifts = []struct {
	name  string
	in    string // isolations, empty for all
	do    func(person)
	want  []string // in the plan's changes, held and findings, each in one line
	heals string   // now, later, never
}{
	{"disabled", "", func(p person) { p.edit(lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false)}) },
		[]string{"held revive mapping orders/placed (by-hand)", "was disabled by hand", "taken by nobody"}, "later"},
	{"a setting", "", func(p person) { p.edit(lambda.UpdateEventSourceMappingInput{BatchSize: aws.Int32(7)}) },
		[]string{"update mapping orders/placed: batchSize 7 -> 100"}, "now"},
	{"every setting", "", func(p person) {
		p.edit(lambda.UpdateEventSourceMappingInput{
			MaximumBatchingWindowInSeconds: aws.Int32(9), MaximumRetryAttempts: aws.Int32(9), MaximumRecordAgeInSeconds: aws.Int32(999),
			BisectBatchOnFunctionError: aws.Bool(true), FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
			ParallelizationFactor: aws.Int32(2), MetricsConfig: &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{types.EventSourceMappingMetricEventCount}},
			DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:sqs:eu-west-1:111122223333:q")}},
		})
	}, []string{"update mapping orders/placed: maximumBatchingWindowInSeconds 9 -> 0"}, "now"},
	{"a narrower filter", "", func(p person) {
		p.edit(lambda.UpdateEventSourceMappingInput{FilterCriteria: &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"data":{"eventType":["Nothing"]}}`)}}}})
	}, []string{"filterCriteria", "takes more events from when AWS uses the new filter, what was read before is not read again"}, "now"},
	{"no filter", "", func(p person) {
		p.edit(lambda.UpdateEventSourceMappingInput{FilterCriteria: &types.FilterCriteria{}})
	}, []string{"filterCriteria none: takes everything"}, "now"},
	{"a filter in other words", "", func(p person) {
		p.edit(lambda.UpdateEventSourceMappingInput{FilterCriteria: &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(` { "data": {"eventType" : [ "OrderPlaced"] } }`)}}}})
	}, nil, "now"},
	{"deleted", "Alias FanOut", func(p person) {
		must[*lambda.DeleteEventSourceMappingOutput](p.t)(p.lambda.DeleteEventSourceMapping(p.t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: p.uuid()}))
	}, []string{"create mapping orders/placed", "as intended when its"}, "now"},
	{"deleted, and nothing remembers", "Function", func(p person) {
		must[*lambda.DeleteEventSourceMappingOutput](p.t)(p.lambda.DeleteEventSourceMapping(p.t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: p.uuid()}))
	}, []string{"create mapping orders/placed", "events written from then on"}, "now"},
	{"the alias is deleted", "Alias", func(p person) {
		must[*lambda.DeleteAliasOutput](p.t)(p.lambda.DeleteAlias(p.t.Context(), &lambda.DeleteAliasInput{FunctionName: aws.String("order-processor"), Name: aws.String("orders--placed")}))
	}, []string{"create alias order-processor:orders--placed"}, "now"},
	{"the alias points elsewhere", "Alias", func(p person) {
		must[*lambda.UpdateAliasOutput](p.t)(p.lambda.UpdateAlias(p.t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("order-processor"), Name: aws.String("orders--placed"), FunctionVersion: aws.String("$LATEST")}))
	}, []string{"update alias order-processor:orders--placed", "it follows live, which moved"}, "now"},
	{"the alias is described anew", "Alias", func(p person) {
		must[*lambda.UpdateAliasOutput](p.t)(p.lambda.UpdateAlias(p.t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("order-processor"), Name: aws.String("orders--placed"), Description: aws.String("mine")}))
	}, []string{"held", "(foreign)", "was not made by us"}, "never"},
	{"the target", "FanOut Function", func(p person) {
		name := "order-processor"
		if strings.Contains(p.only().Key.Function, "placed") {
			name = "placed-processor"
		}
		p.edit(lambda.UpdateEventSourceMappingInput{FunctionName: aws.String(name)})
	}, []string{"update mapping orders/placed: functionName"}, "now"},
	{"the consumer is deregistered", "FanOut", func(p person) { p.deregister() },
		[]string{"register consumer orders-events/orders--placed", "its consumer is gone", "as intended when its consumer was made"}, "now"},
	{"the consumer is registered anew", "FanOut", func(p person) {
		p.deregister()
		stream := p.stream()
		time.Sleep(time.Minute)
		must[*kinesis.RegisterStreamConsumerOutput](p.t)(p.kinesis.RegisterStreamConsumer(p.t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: stream, ConsumerName: aws.String("orders--placed")}))
	}, []string{"update consumer orders-events/orders--placed", "registered anew by hand", "create mapping orders/placed"}, "now"},
	{"the tags are gone and a setting differs", "FanOut Function", func(p person) {
		p.edit(lambda.UpdateEventSourceMappingInput{BatchSize: aws.Int32(7)})
		time.Sleep(5 * time.Second)
		must[*lambda.UntagResourceOutput](p.t)(p.lambda.UntagResource(p.t.Context(), &lambda.UntagResourceInput{Resource: aws.String(p.only().ARN), TagKeys: []string{reconcile.TagOwner}}))
	}, []string{"(foreign)", "is not ours"}, "never"},
	{"the reservation is smaller", "", func(p person) { p.reserve(1) },
		[]string{"raise reservation", "1 -> 2"}, "now"},
	{"the reservation is gone", "", func(p person) {
		must[*lambda.DeleteFunctionConcurrencyOutput](p.t)(p.lambda.DeleteFunctionConcurrency(p.t.Context(), &lambda.DeleteFunctionConcurrencyInput{FunctionName: p.function()}))
	}, []string{"raise reservation"}, "now"},
	{"the reservation is larger", "", func(p person) { p.reserve(50) },
		[]string{"lower reservation", ": 50 -> 2"}, "now"},
	{"the reservation is 0", "", func(p person) { p.reserve(0) },
		[]string{"reserved-zero"}, "never"},
}

func (p person) function() *string { return aws.String(p.only().Key.Function) }

func (p person) reserve(n int32) {
	must[*lambda.PutFunctionConcurrencyOutput](p.t)(p.lambda.PutFunctionConcurrency(p.t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: p.function(), ReservedConcurrentExecutions: &n}))
}

func (p person) stream() *string {
	return must[*kinesis.DescribeStreamSummaryOutput](p.t)(p.kinesis.DescribeStreamSummary(p.t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("orders-events")})).StreamDescriptionSummary.StreamARN
}

func (p person) deregister() {
	must[*kinesis.DeregisterStreamConsumerOutput](p.t)(p.kinesis.DeregisterStreamConsumer(p.t.Context(), &kinesis.DeregisterStreamConsumerInput{StreamARN: p.stream(), ConsumerName: aws.String("orders--placed")}))
}

// TestDrift lets a person change what we made, in every isolation.
func TestDrift(t *testing.T) {
	for isolation, written := range isolations {
		for _, d := range drifts {
			if d.in != "" && !slices.Contains(strings.Fields(d.in), isolation) {
				continue
			}
			t.Run(isolation+"/"+d.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, map[string]int{"orders-events": 2}, "order-processor", "placed-processor")
					docs := routing(t, "    - {name: placed, eventTypes: [OrderPlaced], "+written+"}\n")
					r.settle(docs)
					time.Sleep(time.Hour)
					d.do(newPerson(r))
					time.Sleep(5 * time.Second)
					p := r.plan(docs)
					shown := lines(p)
					for _, want := range d.want {
						if !strings.Contains(shown, want) {
							t.Errorf("the plan lacks %q:\n%s", want, shown)
						}
					}
					switch {
					case d.want == nil && !p.Empty():
						t.Errorf("that is no difference:\n%s", shown)
					case d.heals == "now":
						r.settle(docs)
						return
					case !p.Empty():
						t.Errorf("it is not left alone:\n%s", shown)
					}
					time.Sleep(25 * time.Hour)
					p = r.plan(docs)
					if healed := !p.Empty(); healed != (d.heals == "later") {
						t.Errorf("a day later:\n%s", lines(p))
					}
				})
			})
		}
	}
}

// lines are the changes, what is held, and the findings of a plan.
func lines(p reconcile.Plan) string {
	var b strings.Builder
	one := func(c reconcile.Change, held string) {
		fmt.Fprintf(&b, "%s%s %s", held, c.Action, c.Addr)
		before, ok1 := c.Before.(*reconcile.Mapping)
		after, ok2 := c.After.(*reconcile.Mapping)
		if ok1 && ok2 {
			for i, d := range reconcile.Differences(before, after) {
				fmt.Fprintf(&b, "%s %s %s -> %s", []string{":", ","}[min(i, 1)], d.Setting, d.Before, d.After)
			}
		}
		rb, _ := c.Before.(*reconcile.Reservation)
		if ra, ok := c.After.(*reconcile.Reservation); ok && rb != nil {
			fmt.Fprintf(&b, ": %d -> %d", rb.Reserved, ra.Reserved)
		}
		fmt.Fprintf(&b, "; %s; %s\n", c.Reason, c.Effect)
	}
	for _, c := range p.Changes {
		one(c, "")
	}
	for _, h := range p.Held {
		fmt.Fprintf(&b, "held %s %s (%s)\n", h.Action, h.Addr, h.Why)
		one(h.Change, "held ")
	}
	for _, f := range p.Findings {
		fmt.Fprintf(&b, "%s %s: %s\n", f.Severity, f.Code, f.Message)
	}
	return b.String()
}

// TestStatusWithoutFunction deletes the function: what its mapping does is shown
// all the same, since AWS keeps the mapping and its tags say whose it is.
func TestStatusWithoutFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
		p := newPerson(r)
		docs := routing(t, "    - {name: placed, eventTypes: [OrderPlaced]}\n")
		if _, err := r.apply(t.Context(), r.server.Client().Do, docs); err != nil {
			t.Fatal(err)
		}
		must[*lambda.DeleteFunctionOutput](t)(p.lambda.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("order-processor")}))
		reader := r.client(r.server.Client().Do).Reader()
		plan, live, err := reconcile.Look(t.Context(), reader, docs, options, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		status, _, err := reconcile.Ascertain(t.Context(), reader, live, func(live reconcile.State) (reconcile.Status, []reconcile.Ask) {
			return reconcile.Inspect(docs, live, options, plan.At)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := status.Routes[0]; got.State != "Enabled" || got.UUID == "" {
			t.Errorf("the route is %s with mapping %q", got.State, got.UUID)
		}
	})
}

package command_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// say writes an operator's word into AWS, and reports what it took.
func (r *rig) say(docs []spec.EventRouting, tag, routing, route string, until time.Time) int {
	r.t.Helper()
	ctx, c := r.t.Context(), r.client(r.server.Client().Do)
	live, err := c.Reader().Observe(ctx, reconcile.Wants(docs), time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	changes, live, err := reconcile.Ascertain(ctx, c.Reader(), live, func(live reconcile.State) ([]reconcile.Change, []reconcile.Ask) {
		changes, asks, err := reconcile.Tell(docs, live, options, time.Now(), tag, routing, route, until)
		if err != nil {
			r.t.Fatal(err)
		}
		return changes, asks
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := reconcile.Apply(ctx, c.Writer(live), changes, nil).Err(); err != nil {
		r.t.Fatal(err)
	}
	return len(changes)
}

// TestPause pauses a routing: what differs stays, while the reservation follows the
// shards and aliases follow theirs, until the time is over.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 2}, "order-processor")
		p := newPerson(r)
		docs := routing(t, "    - {name: placed, eventTypes: [OrderPlaced]}\n    - {name: paid, eventTypes: [OrderPaid]}\n")
		r.settle(docs)
		if n := r.say(docs, reconcile.TagPaused, "orders", reconcile.Routing, time.Now().Add(time.Hour)); n != 2 {
			t.Errorf("%d mappings say so, want both", n)
		}
		changed := routing(t, "    - {name: placed, eventTypes: [OrderPlaced], batchSize: 7}\n    - {name: paid, eventTypes: [OrderPaid]}\n    - {name: new, eventTypes: [New]}\n")
		must[*lambda.PublishVersionOutput](t)(p.lambda.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("order-processor"), Description: aws.String("next")}))
		must[*lambda.UpdateAliasOutput](t)(p.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("order-processor"), Name: aws.String("live"), FunctionVersion: aws.String("$LATEST")}))
		must[*kinesis.UpdateShardCountOutput](t)(p.kinesis.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{
			StreamName: aws.String("orders-events"), TargetShardCount: aws.Int32(4), ScalingType: kinesistypes.ScalingTypeUniformScaling,
		}))
		time.Sleep(2 * time.Minute)
		plan := r.plan(changed)
		var does, held []string
		for _, c := range plan.Changes {
			does = append(does, string(c.Action)+" "+string(c.Addr.Kind))
		}
		for _, h := range plan.Held {
			if h.Why != reconcile.WhyPaused || h.Until.IsZero() {
				t.Errorf("%s is held (%s) until %s", h.Addr, h.Why, h.Until)
			}
			held = append(held, string(h.Action)+" "+h.Addr.String())
		}
		if want := []string{"update alias", "update alias", "raise reservation"}; !slices.Equal(want, does) {
			t.Errorf("changes %v, want %v", does, want)
		}
		if len(held) < 2 {
			t.Errorf("held %v", held)
		}
		time.Sleep(time.Hour)
		if plan := r.plan(changed); len(plan.Changes) <= 3 || slices.ContainsFunc(plan.Held, func(h reconcile.Held) bool { return h.Why == reconcile.WhyPaused }) {
			t.Errorf("after its time: %v, held %v", plan.Changes, plan.Held)
		}
	})
}

// TestPauseIsPassedOn makes mappings while a route is paused: whichever of them is
// asked says so, also where somebody made one who had not heard it yet.
func TestPauseIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 2}, "order-processor")
		p := newPerson(r)
		const placed = "    - {name: placed, eventTypes: [OrderPlaced]}\n"
		r.settle(routing(t, placed))
		time.Sleep(2 * time.Minute)
		r.say(routing(t, placed), reconcile.TagPaused, "orders", "placed", time.Now().Add(time.Hour))
		text := "    - {name: placed, eventTypes: [OrderPlaced], batchSize: 7}\n"
		for i := range 8 {
			text += fmt.Sprintf("    - {name: r%d, eventTypes: [R%d], isolation: FanOut}\n", i, i)
			docs := routing(t, text)
			r.settle(docs)
			if i == 0 { // its own was made without
				m := must[*lambda.ListEventSourceMappingsOutput](t)(p.lambda.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{FunctionName: aws.String("order-processor:live")}))
				must[*lambda.UntagResourceOutput](t)(p.lambda.UntagResource(t.Context(), &lambda.UntagResourceInput{Resource: m.EventSourceMappings[0].EventSourceMappingArn, TagKeys: []string{reconcile.TagPaused}}))
			}
			held := r.plan(docs).Held
			if !slices.ContainsFunc(held, func(h reconcile.Held) bool { return h.Why == reconcile.WhyPaused && h.Addr.Name == "orders/placed" }) {
				t.Fatalf("with %d more mappings the route is not paused any more; held: %v", i+1, held)
			}
		}
		for _, ms := range r.state().Mappings {
			if m := ms[0]; m.Key.Consumer != "" && m.Key.Consumer != "orders--r0" {
				tags := must[*lambda.ListTagsOutput](t)(p.lambda.ListTags(t.Context(), &lambda.ListTagsInput{Resource: &m.ARN})).Tags
				if reconcile.ParseWord(tags[reconcile.TagPaused])["placed"].IsZero() {
					t.Errorf("%s was made without the word: %v", m.Key, tags)
				}
			}
		}
	})
}

// TestPauseAdopted pauses a route, and has mappings join the routing that were changed
// before all others: one that is adopted, and one made by hand on a route's alias.
func TestPauseAdopted(t *testing.T) {
	for _, join := range []struct {
		name  string
		route string // that the mapping is for
		make  func(*testing.T, *rig, person, []spec.EventRouting)
	}{
		{"adopted", "legacy", func(t *testing.T, r *rig, p person, docs []spec.EventRouting) {
			t.Helper()
			for _, ms := range r.state().Mappings {
				if ms[0].Key.Qualifier == "old" {
					must[reconcile.Plan](t)(r.adopt(docs, "orders/legacy", ms[0].UUID))
				}
			}
		}},
		{"by hand", "paid", func(t *testing.T, r *rig, p person, _ []spec.EventRouting) {
			t.Helper()
			for _, ms := range r.state().Mappings {
				if ms[0].Key.Qualifier == "orders--paid" {
					must[*lambda.DeleteEventSourceMappingOutput](t)(p.lambda.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: &ms[0].UUID}))
				}
			}
			time.Sleep(2 * time.Minute)
			p.create("order-processor:orders--paid", "OrderPaid")
		}},
	} {
		t.Run(join.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, map[string]int{"orders-events": 2}, "order-processor")
				p := newPerson(r)
				must[*lambda.CreateAliasOutput](t)(p.lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{
					FunctionName: aws.String("order-processor"), Name: aws.String("old"), FunctionVersion: aws.String("$LATEST"),
				}))
				p.create("order-processor:old", "Legacy")
				time.Sleep(2 * time.Minute)
				const routes = "    - {name: placed, eventTypes: [OrderPlaced]}\n    - {name: paid, eventTypes: [OrderPaid]}\n"
				r.settle(routing(t, routes))
				r.say(routing(t, routes), reconcile.TagPaused, "orders", "placed", time.Now().Add(5*time.Hour))
				docs := routing(t, routes+"    - {name: legacy, eventTypes: [Legacy]}\n")
				join.make(t, r, p, docs)
				time.Sleep(2 * time.Minute)
				for _, ms := range r.state().Mappings {
					if ms[0].Key.Qualifier == "orders--placed" { // which makes the other one the oldest
						must[*lambda.UpdateEventSourceMappingOutput](t)(p.lambda.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &ms[0].UUID, BatchSize: aws.Int32(7)}))
					}
				}
				time.Sleep(2 * time.Minute)
				paused := func(when string) {
					t.Helper()
					held := r.plan(docs).Held
					if !slices.ContainsFunc(held, func(h reconcile.Held) bool { return h.Why == reconcile.WhyPaused && h.Addr.Name == "orders/placed" }) {
						t.Errorf("%s the route is not paused any more; held: %v", when, held)
					}
				}
				paused("before the pass")
				must[reconcile.Outcome](t)(r.apply(t.Context(), r.server.Client().Do, docs))
				paused("after it")
				for _, ms := range r.state().Mappings {
					if m := ms[0]; m.Key.Qualifier == "orders--"+join.route {
						tags := must[*lambda.ListTagsOutput](t)(p.lambda.ListTags(t.Context(), &lambda.ListTagsInput{Resource: &m.ARN})).Tags
						if reconcile.ParseWord(tags[reconcile.TagPaused])["placed"].IsZero() {
							t.Errorf("%s joined without the word: %v", m.Key, tags)
						}
					}
				}
			})
		})
	}
}

// TestRelease lets a route go on that a person disabled, before the time to respect
// that is over.
func TestRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
		p := newPerson(r)
		docs := routing(t, "    - {name: placed, eventTypes: [OrderPlaced]}\n")
		r.settle(docs)
		p.edit(lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false)})
		time.Sleep(2 * time.Minute)
		if plan := r.plan(docs); !plan.Empty() {
			t.Fatalf("changes %v", plan.Changes)
		}
		r.say(docs, reconcile.TagReleased, "orders", "placed", time.Now().Add(time.Minute))
		plan := r.plan(docs)
		if len(plan.Changes) != 1 || plan.Changes[0].Action != reconcile.Revive {
			t.Fatalf("changes %v", plan.Changes)
		}
		if got, want := plan.Changes[0].Reason, "a person disabled it, and an operator released it"; got != want {
			t.Errorf("reason %q, want %q", got, want)
		}
		time.Sleep(2 * time.Minute)
		if plan := r.plan(docs); !plan.Empty() {
			t.Errorf("changes %v after the time is over", plan.Changes)
		}
	})
}

// TestReleaseDrained moves a type on a stream without traffic, where nothing proves
// that the giver has read past where the taker began: released, it leaves the type.
func TestReleaseDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
		r.settle(routing(t, "    - {name: placed, eventTypes: [OrderPlaced, OrderPaid]}\n"))
		docs := routing(t, "    - {name: placed, eventTypes: [OrderPlaced]}\n    - {name: paid, eventTypes: [OrderPaid]}\n")
		for range 10 {
			must[reconcile.Outcome](t)(r.apply(t.Context(), r.server.Client().Do, docs))
			time.Sleep(time.Minute) // after a few of them the taker is qualified
		}
		held := func(p reconcile.Plan) bool {
			return slices.ContainsFunc(p.Held, func(h reconcile.Held) bool { return h.Why == reconcile.WhyTaker && h.Addr.Name == "orders/placed" })
		}
		if plan := r.plan(docs); !plan.Empty() || !held(plan) {
			t.Fatalf("changes %v, held %v", plan.Changes, plan.Held)
		}
		r.say(docs, reconcile.TagReleased, "orders", "paid", time.Now().Add(time.Minute))
		if plan := r.plan(docs); !plan.Empty() || !held(plan) {
			t.Fatalf("with the taker released: changes %v, held %v", plan.Changes, plan.Held)
		}
		r.say(docs, reconcile.TagReleased, "orders", "placed", time.Now().Add(time.Minute))
		plan := r.plan(docs)
		if len(plan.Changes) != 1 || plan.Changes[0].Addr.Name != "orders/placed" || held(plan) {
			t.Fatalf("released: changes %v, held %v", plan.Changes, plan.Held)
		}
		if after, ok := plan.Changes[0].After.(*reconcile.Mapping); !ok || strings.Contains(strings.Join(after.Filters, " "), "OrderPaid") {
			t.Errorf("released it still takes %+v", plan.Changes[0].After)
		}
	})
}

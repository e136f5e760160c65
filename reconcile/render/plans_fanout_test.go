package render_test

import (
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

func consumerAddr(route string) reconcile.Addr {
	return reconcile.Addr{Kind: reconcile.KindConsumer, Name: stream + "/orders--" + route}
}

func consumer(route string) *reconcile.Consumer {
	return &reconcile.Consumer{
		Key: reconcile.ConsumerKey{Stream: stream, Name: "orders--" + route},
		Tags: map[string]string{
			reconcile.TagOwner: "default", reconcile.TagRouting: "orders", reconcile.TagRoute: route,
			reconcile.TagStart: at().Format(time.RFC3339),
		},
	}
}

func register(route string) reconcile.Change {
	return reconcile.Change{
		Action: reconcile.Register, Addr: consumerAddr(route), After: consumer(route),
		Reason: "the route's mapping needs a consumer of its own",
		Effect: "none by itself; AWS charges for it per shard and hour",
	}
}

// onConsumer makes a mapping read the consumer of its route.
func onConsumer(route string) func(*reconcile.Mapping) {
	return func(m *reconcile.Mapping) {
		m.Key.Consumer, m.Key.Qualifier = "orders--"+route, "live"
	}
}

// fanOut has all that becomes of consumers, of mappings on them, and of routes
// with a function of their own.
func fanOut() reconcile.Plan {
	create := createMapping("placed", onConsumer("placed"), "OrderPlaced")
	create.Needs = []reconcile.Addr{consumerAddr("placed"), reservationAddr()}
	live := func(route string, filters ...string) *reconcile.Mapping {
		return edited(live(route, filters...), onConsumer(route))
	}
	tuned, moved, gone := live("tuned", types("A")), live("moved", types("B")), live("gone", types("C"))
	refunds := edited(live("refunds", types("RefundIssued")), func(m *reconcile.Mapping) {
		m.Key = reconcile.Key{Stream: stream, Function: "refunder", Qualifier: "live"}
	})
	adopted := consumer("tuned")
	adopted.ARN, adopted.Status = "arn:aws:kinesis:eu-west-1:111122223333:stream/orders-events/consumer/orders--tuned:1", "ACTIVE"
	before := *adopted
	before.Tags = map[string]string{"team": "data", reconcile.TagRoute: "older"}
	later := hold(register("later"), reconcile.WhyStart, "it starts at 2026-03-02T06:00:00Z")
	later.Until = at().Add(18 * time.Hour)
	return reconcile.Plan{
		Account: "111122223333", Region: "eu-west-1",
		Changes: []reconcile.Change{
			register("placed"),
			{
				Action: reconcile.Update, Addr: consumerAddr("tuned"), Before: &before, After: adopted,
				Reason: "it was registered anew by hand; mapping 6f0c1c4e, left on the one before, is ours", Effect: "none by itself",
			},
			reserve(function, new(8), new(12), 12),
			create,
			update(tuned, edited(tuned, func(m *reconcile.Mapping) { m.BatchSize = 500 }), "tuned", "position kept"),
			update(moved, edited(moved, func(m *reconcile.Mapping) { m.Key.Qualifier = "blue" }), "moved", "position kept"),
			update(refunds, edited(refunds, func(m *reconcile.Mapping) { m.Key.Function = "refunds" }), "refunds", "position kept"),
			{
				Action: reconcile.Retire, Addr: reconcile.Addr{Kind: reconcile.KindMapping, Name: "orders/gone on orders-events/orders--gone"},
				Before: gone, After: edited(gone, func(m *reconcile.Mapping) { m.Enabled = false }),
				Reason: "its consumer is gone", Effect: "none: it reads nothing any more",
			},
			{Action: "delete", Addr: consumerAddr("old"), Before: consumer("old"), Reason: "retired long enough", Effect: "none: nothing reads it"},
		},
		Held: []reconcile.Held{later},
		Findings: []spec.Finding{{
			Severity: spec.Warning, Code: "foreign", File: "orders.yaml", Line: 12, Path: "spec.routes[4]",
			Message: "consumer orders-events/orders--audit exists and is not ours: deregister it, or rename the route",
		}},
		Needs: []reconcile.Need{
			need(function, new(8), new(12), mappingTerm("placed", 4, 1), mappingTerm("tuned", 4, 1), mappingTerm("moved", 4, 1)),
			need("refunds", nil, nil, mappingTerm("refunds", 4, 1)),
		},
	}
}

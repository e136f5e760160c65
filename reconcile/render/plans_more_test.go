package render_test

import (
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

func hold(c reconcile.Change, why reconcile.Why, reason string) reconcile.Held {
	c.Reason = reason
	return reconcile.Held{Change: c, Why: why}
}

// heldBack has nothing but held changes.
func heldBack() reconcile.Plan {
	byHand := live("payments", types("PaymentCaptured"))
	byHand.Enabled, byHand.State = false, "Disabled"
	revive := update(byHand, edited(byHand, func(m *reconcile.Mapping) { m.Enabled = true }), "payments",
		"goes on where it stopped; what expired meanwhile is gone")
	revive.Action = reconcile.Revive
	manual := hold(revive, reconcile.WhyByHand, "a person disabled it")
	manual.Until = at().Add(time.Hour)
	foreign := createMapping("order-placed", nil, "OrderPlaced")
	foreign.Needs = nil
	wider := live("shipping", types("Shipped"))
	return reconcile.Plan{
		Held: []reconcile.Held{
			hold(foreign, reconcile.WhyForeign, "mapping 0f6d2b54-1c0e-4f6c-8a53-f1d7a1b2c3d4 has its key and is not ours"),
			manual,
			hold(createMapping("large-refunds", nil, "RefundIssued"), reconcile.WhyShortage,
				"16 concurrent executions are needed, 12 can be reserved"),
			hold(update(wider, edited(wider, func(m *reconcile.Mapping) { m.ParallelizationFactor = 2 }), "shipping", "position kept"),
				reconcile.WhyUnsettled, "AWS is still busy with it (Updating)"),
			hold(reserve(function, new(40), new(12), 12), reconcile.WhyLowering, ""),
		},
		Findings: []spec.Finding{{
			Severity: spec.Warning, Code: "foreign", File: "orders.yaml", Line: 12, Path: "spec.routes[0]",
			Message: "mapping 0f6d2b54-1c0e-4f6c-8a53-f1d7a1b2c3d4 holds orders-events -> order-processor:orders--order-placed and is not ours: AWS allows one mapping per source and qualified function; remove it, or rename the route",
		}},
		Needs: []reconcile.Need{need(function, new(40), new(40),
			mappingTerm("shipping", 4, 2), reconcile.Term{What: "foreign", Name: "orders-events -> order-processor", Shards: 4, Factor: 1, Value: 4})},
	}
}

// found has findings of every kind, in no order.
func found() reconcile.Plan {
	return reconcile.Plan{
		Findings: []spec.Finding{
			{Severity: spec.Info, Code: "retired", Path: "orders/payments", Message: "mapping 6f0c1c4e (orders-events -> order-processor:orders--payments) is retired: disabled, its position kept"},
			{Severity: spec.Warning, Code: "read-budget", File: "orders.yaml", Line: 3, Path: "spec.routes", Message: "4 standard mappings read orders-events, which serves 5"},
			{Severity: spec.Error, Code: "stream-missing", File: "billing.yaml", Line: 6, Path: "spec.stream", Message: "stream billing-events does not exist in eu-west-1: create it, or correct the name or region"},
			{Severity: spec.Warning, Code: "orphan", Message: "a mapping is ours and no document names its routing"},
			{Severity: spec.Error, Code: "unknown-key", File: "orders.yaml", Line: 21, Path: "spec.routes[2].batchsize", Message: "unknown key; did you mean batchSize?"},
			{Severity: spec.Error, Code: "syntax", File: "broken.yaml", Message: "not a mapping"},
		},
		Needs: []reconcile.Need{need(function, new(0), new(0), fourTerms(4)...)},
	}
}

// nasty has control characters, terminal escapes and more in every string.
func nasty() reconcile.Plan {
	const evil = "a\x1b[31mred\x1b[0m\x07\r\nPlan: 0 to create.\t\u202eesrever\u200b\x9b\xff\u0085<&>"
	m := live("payments", `{"data":{"eventType":["`+"ev\u202eil"+`","\u001b[2J"]}}`)
	after := edited(m, func(m *reconcile.Mapping) {
		m.Filters = []string{`{"data":{"eventType":["\u001b[2J","x\ny"]}}`, evil}
		m.OnFailure, m.KMSKey, m.Metrics = evil, evil, []string{evil}
		m.Tags = map[string]string{evil: evil}
	})
	c := update(m, after, evil, evil)
	c.Reason = evil
	alias := createAlias(evil)
	alias.After = &reconcile.Alias{Version: evil, Weights: map[string]float64{evil: 0.1}}
	held := hold(createMapping(evil, func(m *reconcile.Mapping) { m.Filters = []string{evil} }), reconcile.Why(evil), "")
	return reconcile.Plan{
		Changes:  []reconcile.Change{c, alias, {Action: reconcile.Action(evil), Addr: reconcile.Addr{Kind: reconcile.Kind(evil), Name: evil}}},
		Held:     []reconcile.Held{held},
		Findings: []spec.Finding{{Severity: spec.Severity(evil), Code: evil, Message: evil, Path: evil, File: evil, Line: 3}},
		Needs:    []reconcile.Need{need(evil, nil, new(1), reconcile.Term{What: evil, Name: evil, Value: 1})},
	}
}

// functions has two of them, with every kind of term.
func functions() reconcile.Plan {
	return reconcile.Plan{
		Changes: []reconcile.Change{
			reserve("billing", new(10), new(12), 15),
			reserve(function, new(16), new(49), 49),
		},
		Needs: []reconcile.Need{
			need("audit", nil, nil, mappingTerm("audit", 4, 1)),
			need("billing", new(10), new(12),
				mappingTerm("invoices", 2, 10),
				reconcile.Term{What: "maximum", Name: "billing", Value: -5}),
			need(function, new(16), new(49),
				mappingTerm("order-placed", 4, 1), mappingTerm("payments", 4, 4), mappingTerm("large-refunds", 4, 1), mappingTerm("paused", 4, 0),
				reconcile.Term{What: "headroom", Name: "orders", Value: 3},
				reconcile.Term{What: "foreign", Name: "clicks -> order-processor", Shards: 2, Factor: 1, Value: 2},
				reconcile.Term{What: "foreign", Name: "arn:aws:sqs:eu-west-1:111122223333:jobs -> order-processor", Value: 8},
				reconcile.Term{What: "others", Name: "orders", Value: 7},
				reconcile.Term{What: "provisioned", Name: "live", Value: 5}),
		},
	}
}

// patterns has filters of every shape, new and changed.
func patterns() reconcile.Plan {
	some := live("mixed",
		types("A"),
		`{"data":{"eventType":["RefundIssued"],"amount":[{"numeric":[">",10,"<=",1000]}]}}`,
		`{"data":{"eventType":["X","Y"],"country":["DE"]}}`)
	spelled := live("spelled", types("A", "B"))
	catchAll := live("everything-else", `{"data":{"eventType":[{"anything-but":["A","B","C"]},{"exists":false}]}}`)
	hidden := live("hidden")
	hidden.FiltersUnknown = true
	moved := live("moved", types("A"))
	return reconcile.Plan{Changes: []reconcile.Change{
		createMapping("many", func(m *reconcile.Mapping) {
			m.Filters = []string{
				types(numbered(1, 120)...),
				`{"data":{"user.id":[{"prefix":"eu-"},{"suffix":"#1"},{"equals-ignore-case":"Bob"}],"paid":[true,null,7,"7","true"]}}`,
				`{"data":{"$or":[{"a":["1"]},{"b":[{"exists":true}]}],"ip":[{"cidr":"10.0.0.0/8"}]},"partitionKey":["k"]}`,
				`{"data":`, `{"data":{"eventType":[{"anything-but":"Ping"}]}}`, `{}`,
			}
		}),
		createMapping("all", func(m *reconcile.Mapping) { m.Filters, m.Enabled = nil, false }),
		update(some, edited(some, func(m *reconcile.Mapping) {
			m.Filters = []string{
				types("A"),
				`{"data":{"eventType":["RefundIssued"],"amount":[{"numeric":[">",1000]}]}}`,
				`{"data":{"eventType":["X","Y","Z"],"country":["DE"]}}`,
			}
		}), "mixed", "position kept"),
		update(spelled, edited(spelled, func(m *reconcile.Mapping) { m.Filters = []string{types("B"), types("A")} }), "spelled", "position kept"),
		update(catchAll, edited(catchAll, func(m *reconcile.Mapping) {
			m.Filters = []string{`{"data":{"eventType":[{"anything-but":["A","C","D"]},{"exists":false}]}}`}
		}), "everything-else", "position kept"),
		update(hidden, edited(hidden, func(m *reconcile.Mapping) { m.Filters, m.FiltersUnknown = []string{types("A")}, false }), "hidden", "position kept"),
		update(moved, edited(moved, func(m *reconcile.Mapping) { m.Key.Function, m.Filters = "order-worker", []string{types("B")} }), "moved", "position kept"),
		{Action: "delete", Addr: mappingAddr("moved"), Before: moved, Reason: "retired long enough"},
	}}
}

package render_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

const (
	stream   = "orders-events"
	function = "order-processor"
)

func at() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// types is the pattern of a route that takes event types.
func types(names ...string) string {
	return `{"data":{"eventType":["` + strings.Join(names, `","`) + `"]}}`
}

func numbered(from, to int) []string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprintf("OrderEvent%03d", i))
	}
	return all
}

// live is a mapping as it is before a change.
func live(route string, filters ...string) *reconcile.Mapping {
	return &reconcile.Mapping{
		Key:     reconcile.Key{Stream: stream, Function: function, Qualifier: "orders--" + route},
		Enabled: true, Filters: filters,
		BatchSize: 100, ParallelizationFactor: 1, MaximumRetryAttempts: -1, MaximumRecordAge: -1,
		UUID: "6f0c1c4e-0f0b-4d0b-9a55-5a3b7c1d2e3f", State: "Enabled", Modified: at().Add(-time.Hour),
	}
}

// edited is a copy of a mapping with changes.
func edited(m *reconcile.Mapping, edit func(*reconcile.Mapping)) *reconcile.Mapping {
	c := *m
	edit(&c)
	return &c
}

func mappingAddr(route string) reconcile.Addr {
	return reconcile.Addr{Kind: reconcile.KindMapping, Name: "orders/" + route}
}

func aliasAddr(route string) reconcile.Addr {
	return reconcile.Addr{Kind: reconcile.KindAlias, Name: function + ":orders--" + route}
}

func reservationAddr() reconcile.Addr {
	return reconcile.Addr{Kind: reconcile.KindReservation, Name: function}
}

func createAlias(route string) reconcile.Change {
	note := reconcile.Note{Owner: "default", Stream: stream, Start: reconcile.Start{At: at()}}
	return reconcile.Change{
		Action: reconcile.Create, Addr: aliasAddr(route),
		After: &reconcile.Alias{
			Key:     reconcile.AliasKey{Function: function, Name: "orders--" + route},
			Version: "7", Description: note.String(),
		},
		Reason: "the route's mapping needs a target of its own",
		Effect: "none by itself",
	}
}

func createMapping(route string, edit func(*reconcile.Mapping), names ...string) reconcile.Change {
	m := live(route, types(names...))
	m.UUID, m.State, m.Modified = "", "", time.Time{}
	m.Start = reconcile.Start{At: at()}
	m.Tags = map[string]string{
		reconcile.TagOwner: "default", reconcile.TagRouting: "orders", reconcile.TagRoute: route,
		reconcile.TagSince: at().Format(time.RFC3339),
	}
	if edit != nil {
		edit(m)
	}
	return reconcile.Change{
		Action: reconcile.Create, Addr: mappingAddr(route), After: m,
		Needs:  []reconcile.Addr{aliasAddr(route), reservationAddr()},
		Reason: "the route has no mapping",
		Effect: "starts at 2026-03-01T12:00:00Z: events written from then on",
	}
}

func update(before, after *reconcile.Mapping, route, effect string) reconcile.Change {
	return reconcile.Change{
		Action: reconcile.Update, Addr: mappingAddr(route), Before: before, After: after,
		Reason: "the route wants it so", Effect: effect,
	}
}

func reserve(name string, before, after *int, required int) reconcile.Change {
	c := reconcile.Change{
		Action: reconcile.Raise, Addr: reconcile.Addr{Kind: reconcile.KindReservation, Name: name},
		Reason: fmt.Sprintf("%d concurrent executions are needed", required), Effect: "none on events",
	}
	if before != nil {
		c.Before = &reconcile.Reservation{Function: name, Reserved: *before}
		if *before > *after {
			c.Action = reconcile.Lower
		}
	}
	c.After = &reconcile.Reservation{Function: name, Reserved: *after}
	return c
}

func mappingTerm(route string, shards, factor int) reconcile.Term {
	return reconcile.Term{What: "mapping", Name: "orders/" + route, Shards: shards, Factor: factor, Value: shards * factor}
}

func fourTerms(shards int) []reconcile.Term {
	var all []reconcile.Term
	for _, r := range []string{"order-placed", "payments", "large-refunds", "everything-else"} {
		all = append(all, mappingTerm(r, shards, 1))
	}
	return all
}

func need(name string, before, after *int, terms ...reconcile.Term) reconcile.Need {
	n := reconcile.Need{Function: name, Terms: terms, Reserved: before, After: after}
	for _, t := range terms {
		n.Required += t.Value
	}
	return n
}

// plans are the goldens: testdata/NAME.txt and NAME.json.
func plans() map[string]reconcile.Plan {
	all := map[string]reconcile.Plan{
		"create":    createFour(),
		"update":    updates(),
		"retire":    retireAndRevive(),
		"held":      heldBack(),
		"findings":  found(),
		"nasty":     nasty(),
		"functions": functions(),
		"patterns":  patterns(),
		"fanout":    fanOut(),
		"empty":     {At: at(), Needs: []reconcile.Need{need(function, new(16), new(16), fourTerms(4)...)}},
		"nothing":   {},
	}
	for name, p := range all {
		if !p.At.IsZero() || name == "nothing" {
			continue
		}
		p.At = at()
		all[name] = p
	}
	return all
}

func createFour() reconcile.Plan {
	rest := createMapping("everything-else", func(m *reconcile.Mapping) {
		m.Filters = []string{`{"data":{"eventType":[{"anything-but":["OrderPlaced","PaymentAuthorised","PaymentCaptured","RefundIssued"]},{"exists":false}]}}`}
		m.Start = reconcile.Start{TrimHorizon: true}
	})
	rest.Effect = "starts at the trim horizon: everything that the stream still holds"
	return reconcile.Plan{
		Changes: []reconcile.Change{
			createAlias("order-placed"), createAlias("payments"), createAlias("large-refunds"), createAlias("everything-else"),
			reserve(function, nil, new(16), 16),
			createMapping("order-placed", nil, "OrderPlaced"),
			createMapping("payments", func(m *reconcile.Mapping) {
				m.BatchSize, m.MaximumBatchingWindow = 500, 1
				m.MaximumRetryAttempts, m.MaximumRecordAge, m.BisectBatchOnFunctionError = 5, 21600, true
				m.OnFailure = "arn:aws:sqs:eu-west-1:111122223333:orders-dead"
				m.ReportBatchItemFailures = true
			}, "PaymentAuthorised", "PaymentCaptured"),
			createMapping("large-refunds", func(m *reconcile.Mapping) {
				m.Filters = []string{`{"data":{"amount":[{"numeric":[">",1000]}],"eventType":["RefundIssued"]}}`}
			}),
			rest,
		},
		Findings: []spec.Finding{{
			Severity: spec.Warning, Code: "no-retry", File: "orders.yaml", Line: 14, Path: "spec.routes[0]",
			Message: "without retry, one poison record blocks its shard until it expires",
		}},
		Needs: []reconcile.Need{need(function, nil, new(16), fourTerms(4)...)},
	}
}

func updates() reconcile.Plan {
	wider := "position kept; takes more events from when AWS uses the new filter, what was read before is not read again"
	pending := map[string]string{reconcile.TagSince: reconcile.SincePending}
	payments := live("payments", types("PaymentAuthorised", "PaymentCaptured"))
	long := live("shipping", types(numbered(1, 60)...), types(numbered(61, 120)...))
	placed := live("order-placed", types("OrderPlaced"))
	alias := createAlias("payments")
	old := *alias.After.(*reconcile.Alias)
	old.Version = "6"
	alias.Action, alias.Before = reconcile.Update, &old
	alias.Reason = "it follows live, which moved"
	alias.Effect = "batches that start from now on run what it points to; position kept"
	return reconcile.Plan{
		Changes: []reconcile.Change{
			alias,
			update(payments, edited(payments, func(m *reconcile.Mapping) {
				m.Filters = []string{types("PaymentAuthorised", "PaymentDisputed")}
				m.BatchSize, m.MaximumRetryAttempts = 500, 5
				m.Tags = pending
			}), "payments", wider),
			update(long, edited(long, func(m *reconcile.Mapping) {
				m.Filters = []string{types(numbered(2, 62)...), types(numbered(63, 128)...)}
				m.Tags = pending
			}), "shipping", wider),
			update(placed, edited(placed, func(m *reconcile.Mapping) {
				m.Filters = nil
				m.Tags = pending
			}), "order-placed", wider),
		},
		Needs: []reconcile.Need{need(function, new(12), new(12),
			mappingTerm("order-placed", 4, 1), mappingTerm("payments", 4, 1), mappingTerm("shipping", 4, 1))},
	}
}

func retireAndRevive() reconcile.Plan {
	gone, back := live("payments", types("PaymentCaptured")), live("order-placed", types("OrderPlaced"))
	back.Enabled = false
	return reconcile.Plan{
		Changes: []reconcile.Change{
			{
				Action: reconcile.Revive, Addr: mappingAddr("order-placed"), Before: back,
				After:  edited(back, func(m *reconcile.Mapping) { m.Enabled = true }),
				Reason: "the route wants it again; we disabled it at 2026-03-01T10:00:00Z (removed)",
				Effect: "goes on where it stopped; what expired meanwhile is gone",
			},
			{
				Action: reconcile.Retire, Addr: mappingAddr("payments"), Before: gone,
				After: edited(gone, func(m *reconcile.Mapping) {
					m.Enabled = false
					m.Tags = map[string]string{reconcile.TagOff: reconcile.Off{Cause: reconcile.OffRemoved, At: at()}.String()}
				}),
				Reason: "no route of orders wants it",
				Effect: "disabled, position kept: events that nobody else takes wait for it until they expire",
			},
		},
		Needs: []reconcile.Need{need(function, new(8), new(8), mappingTerm("order-placed", 4, 1), mappingTerm("payments", 4, 1))},
	}
}

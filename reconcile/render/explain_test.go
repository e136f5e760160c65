package render_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

func explanations() []reconcile.Explanation {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ptr := func(n int) *int { return &n }
	reshards := []reconcile.Reshard{}
	for i := range 14 {
		reshards = append(reshards, reconcile.Reshard{Parents: []string{"shardId-000000000000"}, Children: []string{"odd name", "shardId-0000000000" + string(rune('0'+i%10)) + "1"}})
	}
	price := reconcile.Price{Estimate: true, Hour: 0.6, Month: 438, Another: 43.8, ShardHour: 0.015, GB: 0.013, Region: "us-east-1", Date: "2026-05"}
	first := reconcile.Explanation{
		At: at, Account: "111122223333", Region: "eu-west-1",
		Limits: &reconcile.AccountLimits{Limit: 1000, Unreserved: 208, KeepFree: 200, After: 200, Short: 12, Quota: 1015},
		Functions: []reconcile.FunctionExplained{{
			Need: reconcile.Need{Function: "order-processor", Required: 36, Reserved: ptr(16), After: ptr(24), Terms: []reconcile.Term{
				{What: "mapping", Name: "orders/placed", Shards: 8, Factor: 2, Value: 16},
				{What: "stopped", Name: "orders/old", Shards: 8, Factor: 1, Value: 8, Until: at.Add(10 * time.Minute)},
				{What: "foreign", Name: "x|y `z` @all <b> -> f", Shards: 4, Factor: 1, Value: 4},
				{What: "provisioned", Name: "live", Value: 10},
				{What: "maximum", Name: "orders", Value: -2},
			}},
			Today: ptr(20), Most: ptr(24), Action: reconcile.Raise, Rate: 140,
			Waiting: []reconcile.HeldNote{{Name: "orders/new", Action: reconcile.Revive, Why: reconcile.WhyShortage, Reason: "36 are needed, 24 can be reserved"}},
		}, {
			Need:   reconcile.Need{Function: "quiet", Required: 4, Reserved: ptr(8), After: ptr(8)},
			Action: reconcile.Lower,
			Held:   &reconcile.HeldNote{Name: "quiet", Action: reconcile.Lower, Why: reconcile.WhyLowering, Reason: "a mapping changed", Until: at.Add(time.Minute)},
		}},
		Streams: []reconcile.StreamExplained{{
			Name: "orders-events", Status: "UPDATING", Mode: "ON_DEMAND", Retention: 168 * time.Hour,
			Open: 4, Closed: 8, Active: 8, Window: at.Add(-24 * time.Hour),
			Earlier:  &reconcile.EarlierShards{Since: at.Add(-72 * time.Hour), Closed: 12, Active: 10},
			Reshards: reshards,
			Readers:  []reconcile.StreamReader{{Name: "orders/placed", Kind: "route", Count: 1}, {Name: "otherReaders", Kind: "declared", Count: 5}},
			Reads:    6, ReadsLimit: 5, Ingest: 349525, ConsumersLimit: 20, ConsumersMost: 50,
			Price: reconcile.Price{Estimate: true, GB: 0.05, Region: "us-east-1", Date: "2026-05"},
		}, {
			Name: "s", Status: "ACTIVE", Mode: "PROVISIONED", Retention: 24 * time.Hour, Open: 4, Active: 4, Window: at.Add(-24 * time.Hour),
			ReadsLimit: 5, Ingest: 1 << 20, ConsumersLimit: 20, ConsumersMost: 50,
			Consumers: []reconcile.StreamReader{{Name: "orders--placed", Kind: "route", Count: 1}, {Name: "others", Kind: "foreign", Count: 9}}, Price: price,
		}},
		Findings: []spec.Finding{{Severity: spec.Error, Code: "shortage", Path: "spec.concurrency", File: "a.yaml", Line: 3, Message: "too little for @everybody"}},
	}
	return []reconcile.Explanation{first, {At: at, Account: "111122223333", Region: "us-east-1"}}
}

func TestExplain(t *testing.T) {
	all, assumed := explanations(), []string{"8 shards of orders-events"}
	for name, write := range map[string]func(io.Writer) error{
		"explain.txt":  func(w io.Writer) error { return render.ExplainText(w, all, assumed, render.Options{}) },
		"explain.md":   func(w io.Writer) error { return render.ExplainMarkdown(w, all, assumed) },
		"explain.json": func(w io.Writer) error { return render.ExplainJSON(w, all, assumed) },
		"explain-1.txt": func(w io.Writer) error {
			return render.ExplainText(w, all[:1], nil, render.Options{Color: true, Width: 60})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.Bytes())
			if err := write(full{}); err == nil {
				t.Error("a writer that fails is no error")
			}
		})
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// TestExplainJSONHasNoNullList decodes what an empty explanation gives.
func TestExplainJSONHasNoNullList(t *testing.T) {
	var b bytes.Buffer
	e := []reconcile.Explanation{{Functions: make([]reconcile.FunctionExplained, 1), Streams: make([]reconcile.StreamExplained, 1)}}
	if err := render.ExplainJSON(&b, e, nil); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b.Bytes()) {
		t.Fatal("no JSON")
	}
	for _, list := range []string{"terms", "waiting", "reshards", "readers", "consumers", "findings", "whatIf"} {
		if strings.Contains(b.String(), `"`+list+`": null`) {
			t.Errorf("%s is null", list)
		}
	}
}

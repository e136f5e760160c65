package reconcile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
)

// TestPrices looks at what two consumers on four shards cost: by the list, by
// what somebody pays, and on demand, where there is no price by the hour.
func TestPrices(t *testing.T) {
	docs := documents(t, []byte(`apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: orders}
spec:
  stream: orders-events
  function: {name: order-processor}
  eventType: {path: type}
  isolation: FanOut
  defaults: {retry: {maxAttempts: 3}}
  routes:
    - {name: placed, eventTypes: [A]}
    - {name: payments, eventTypes: [B]}
`))
	for _, c := range []struct {
		mode   string
		prices reconcile.Prices
		want   reconcile.Price
	}{
		{"PROVISIONED", reconcile.Prices{}, reconcile.Price{Estimate: true, Hour: 0.12, Month: 87.6, Another: 43.8, ShardHour: 0.015, GB: 0.013, Region: "us-east-1", Date: "2026-05"}},
		{"PROVISIONED", reconcile.Prices{ConsumerShardHour: 0.5}, reconcile.Price{Estimate: true, Hour: 4, Month: 2920, Another: 1460, ShardHour: 0.5, GB: 0.013, Region: "us-east-1", Date: "2026-05"}},
		{"PROVISIONED", reconcile.Prices{ConsumerShardHour: 0.5, GB: 0.25}, reconcile.Price{Hour: 4, Month: 2920, Another: 1460, ShardHour: 0.5, GB: 0.25, Region: "eu-west-1"}},
		{"ON_DEMAND", reconcile.Prices{}, reconcile.Price{Estimate: true, GB: 0.05, Region: "us-east-1", Date: "2026-05"}},
		{"ON_DEMAND", reconcile.Prices{ConsumerShardHour: 0.5, GB: 0.25}, reconcile.Price{GB: 0.25, Region: "eu-west-1"}},
	} {
		live := reconcile.State{Region: "eu-west-1", Streams: map[string]reconcile.Stream{"orders-events": {Name: "orders-events", Mode: c.mode, Shards: make([]reconcile.Shard, 4)}}}
		e, _ := reconcile.Explain(docs, live, reconcile.Options{}, c.prices, noon)
		if diff := cmp.Diff(c.want, e.Streams[0].Price); diff != "" {
			t.Errorf("%s, %+v (-want +got):\n%s", c.mode, c.prices, diff)
		}
	}
}

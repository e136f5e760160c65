package reconcile_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
)

// TestStatus says what is of a route whose alias is gone, of a retired one, and of a
// stream's consumers, whoever registered them.
func TestStatus(t *testing.T) {
	o := reconcile.Options{Owner: "default", RespectManual: time.Hour}
	s := copyState(oddBase(t, documents(t, []byte(oddDocument)), o))
	delete(s.Aliases, reconcile.AliasKey{Function: "order-processor", Name: "orders--placed"})
	gone := reconcile.Key{Stream: "orders-events", Function: "order-processor", Qualifier: "orders--gone"}
	s.Mappings[gone] = []reconcile.Mapping{{
		Key: gone, UUID: "gone", State: "Disabled", ParallelizationFactor: 1, Modified: noon.Add(-time.Hour),
	}}
	s.Facts.Tags["gone"] = map[string]string{
		reconcile.TagOwner: "default", reconcile.TagRouting: "orders", reconcile.TagRoute: "gone",
		reconcile.TagOff: reconcile.Off{Cause: reconcile.OffRemoved, At: noon.Add(-time.Hour)}.String(),
	}
	k := reconcile.ConsumerKey{Stream: "orders-events", Name: "theirs"}
	s.Consumers[k] = reconcile.Consumer{Key: k, ARN: consumerARN(k, 7), Status: "ACTIVE"}
	status, _ := reconcile.Inspect(documents(t, []byte(oddDocument)), s, o, noon)
	var text, doc bytes.Buffer
	if err := render.StatusText(&text, status, render.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := render.StatusJSON(&doc, status); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"orders/placed  Enabled (nothing to run)", "retired, its position kept until 2026-11-24T11:00Z",
		"orders-events  ACTIVE  4       1                 2 (1 not ours)",
		"runs order-processor:orders--placed, which is gone: its events wait",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("nothing says %q:\n%s", want, &text)
		}
	}
	var got struct {
		Routes []struct {
			Name, Until string
			Idle        bool
		}
	}
	if err := json.Unmarshal(doc.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := got
	want.Routes = append(want.Routes[:0:0], want.Routes...)
	for i, r := range want.Routes {
		want.Routes[i].Idle = r.Name == "orders/placed"
		want.Routes[i].Until = map[string]string{"orders/gone": "2026-11-24T11:00:00Z"}[r.Name]
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got.Routes) != 3 {
		t.Errorf("%d routes (-want +got):\n%s", len(got.Routes), diff)
	}
}

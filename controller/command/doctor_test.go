package command_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// TestProbeKilled kills a probe at each of its calls, before the call and after it
// with the answer lost, and cleaning up fails too: the next probe finds what is left
// and takes it away, and what is somebody's stays.
func TestProbeKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
		at := world.Place{Account: account, Region: region}
		stream := world.StreamARN(at, "orders-events")
		newPerson(r).create("order-processor:live")
		probe := func(do func(*http.Request) (*http.Response, error)) ([]awsapi.Probed, error) {
			c := r.client(do)
			return c.Writer(reconcile.State{}).Probe(t.Context(), awsapi.Subject{StreamARN: stream, Function: "order-processor", OnFailure: "arn:aws:sqs:" + region + ":" + account + ":dead"}, func(string) {})
		}
		left := func() (aliases, mappings int) {
			r.server.Do(func(w *world.World) {
				all, _, err := w.Aliases(at, "order-processor", "", world.Page{})
				if err != nil {
					t.Error(err)
				}
				ms, _, err := w.Mappings(at, world.MappingsQuery{})
				if err != nil {
					t.Error(err)
				}
				consumers, _, err := w.ListConsumers(at, "orders-events", "", 100)
				if err != nil || len(consumers) > 0 {
					t.Errorf("%d consumers are left, %v", len(consumers), err)
				}
				aliases, mappings = len(all), len(ms)
			})
			return aliases, mappings
		}
		calls := 0
		answers, err := probe(func(req *http.Request) (*http.Response, error) {
			calls++
			return r.server.Client().Do(req)
		})
		if err != nil || len(answers) != 13 {
			t.Fatalf("%v, %v", answers, err)
		}
		for _, a := range answers {
			if !a.Good || !a.Known {
				t.Errorf("%+v", a)
			}
		}
		for k := range calls {
			for _, after := range []bool{false, true} {
				n := 0
				_, err := probe(func(req *http.Request) (*http.Response, error) {
					n++
					if n < k || n == k && !after {
						return r.server.Client().Do(req)
					}
					if n == k {
						resp, err := r.server.Client().Do(req)
						if err == nil {
							_ = resp.Body.Close()
						}
					}
					return nil, context.DeadlineExceeded
				})
				if err == nil {
					t.Fatalf("cut at call %d: no error", k)
				}
				time.Sleep(time.Minute)
				if _, err := probe(r.server.Client().Do); err != nil {
					t.Fatalf("after a cut at call %d: %v", k, err)
				}
				if aliases, mappings := left(); aliases != 1 || mappings != 1 {
					t.Fatalf("after a cut at call %d: %d aliases and %d mappings, want one of each", k, aliases, mappings)
				}
			}
		}
	})
}

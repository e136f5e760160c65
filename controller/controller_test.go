package controller_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/controller"
	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

var here = world.Place{Account: account, Region: ireland}

// TestQuietHour counts passes and calls of an hour in which nothing happens.
func TestQuietHour(t *testing.T) {
	inBubble(t, orders(4), func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		time.Sleep(10 * time.Second)
		if diff := cmp.Diff([]string{"start applied", "again quiet"}, r.passes(c)); diff != "" {
			t.Errorf("passes (-want +got):\n%s", diff)
		}
		if got := r.reserved(ireland, "order-processor"); got != 16 {
			t.Errorf("%d reserved, want 16", got)
		}
		r.server.Forget()
		time.Sleep(time.Hour)
		passes := r.passes(c)[2:]
		if len(passes) != 12 || slices.ContainsFunc(passes, func(s string) bool { return s != "cron quiet" }) {
			t.Errorf("passes of a quiet hour: %v, want 12 by the schedule", passes)
		}
		t.Logf("AWS calls in a quiet hour, one routing of 4 routes: %d, of them %d of 12 passes", r.count("", ""), r.count("", "")-120-120)
		if n := r.count("", ""); n > 12*6+2*120 {
			t.Errorf("%d calls in a quiet hour, want 6 for each pass, and one for the stream and one for the alias every 30 s", n)
		}
	})
}

// BenchmarkQuietHour reports AWS calls per hour by number of routings.
func BenchmarkQuietHour(b *testing.B) {
	for _, routings := range []int{1, 10} {
		b.Run(fmt.Sprintf("routings=%d", routings), func(b *testing.B) {
			calls := 0
			for b.Loop() {
				// A bubble needs a *testing.T, which is what a test has.
				calls = quietCalls(b, routings)
			}
			b.ReportMetric(float64(calls), "calls/hour")
		})
	}
}

func quietCalls(b *testing.B, routings int) int {
	calls := 0
	ok := testing.RunTests(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "hour", F: func(t *testing.T) {
		var text strings.Builder
		for i := range routings {
			text.WriteString(document(fmt.Sprintf("orders-%d", i), ireland, fmt.Sprintf("stream-%d", i), "order-processor", 4))
		}
		inBubble(t, text.String(), func(t *testing.T, r *rig) {
			streams := map[string]int{}
			for i := range routings {
				streams[fmt.Sprintf("stream-%d", i)] = 4
			}
			if err := r.server.Seed(emulator.Seed{Place: here, Streams: streams}); err != nil {
				t.Fatal(err)
			}
			_, stop := r.run()
			defer stop()
			time.Sleep(time.Hour)
			r.server.Forget()
			time.Sleep(time.Hour)
			calls = r.count("", "")
		})
	}}})
	if !ok {
		b.Fatal("the hour did not pass")
	}
	return calls
}

// TestShards reshards a stream in each second between two polls: the reservation
// rises within a poll and a pass.
func TestShards(t *testing.T) {
	var worst time.Duration
	for second := range 30 {
		inBubble(t, orders(4), func(t *testing.T, r *rig) {
			c, stop := r.run()
			defer stop()
			// Between two passes by the schedule, just after the stream was looked at.
			time.Sleep(90*time.Second + time.Millisecond + time.Duration(second)*time.Second)
			began := time.Now()
			r.server.Do(func(w *world.World) {
				if _, err := w.UpdateShardCount(here, "orders-events", 8); err != nil {
					t.Error(err)
				}
			})
			for r.reserved(ireland, "order-processor") < 32 {
				if time.Since(began) > 31*time.Second { // the README says so
					t.Fatalf("%d reserved %s after the reshard, want 32; passes: %v", r.reserved(ireland, "order-processor"), time.Since(began), r.passes(c))
				}
				time.Sleep(100 * time.Millisecond)
			}
			worst = max(worst, time.Since(began))
			if !slices.Contains(r.passes(c), "shards applied") {
				t.Errorf("passes: %v, want one for the shards", r.passes(c))
			}
		})
	}
	t.Logf("reshard to raised reservation: %s at worst", worst)
}

// TestFollow moves the alias that routes follow.
func TestFollow(t *testing.T) {
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		time.Sleep(100 * time.Second)
		version := r.newVersion()
		r.server.Do(func(w *world.World) {
			if _, err := w.UpdateAlias(here, "order-processor", "live", world.AliasUpdate{FunctionVersion: &version}); err != nil {
				t.Error(err)
			}
		})
		began := time.Now()
		for !slices.Contains(r.passes(c), "follow applied") && time.Since(began) < 35*time.Second {
			time.Sleep(time.Second)
		}
		r.server.Do(func(w *world.World) {
			a, err := w.Alias(here, "order-processor", "orders--route-1")
			if err != nil || a.FunctionVersion != version {
				t.Errorf("the route's alias points to %s (%v), want %s; passes: %v", a.FunctionVersion, err, version, r.passes(c))
			}
		})
	})
}

// TestDocuments changes documents, breaks them, and takes them away.
func TestDocuments(t *testing.T) {
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		r.o.Pass.Prune = true
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute + time.Millisecond) // just after the documents were looked at
		r.docs.write(orders(3))
		began := time.Now()
		for r.mappings(ireland)["orders--route-2"] != "Enabled" {
			if time.Since(began) > 15*time.Second {
				t.Fatalf("the new route's mapping is %q after %s; passes: %v", r.mappings(ireland)["orders--route-2"], time.Since(began), r.passes(c))
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Logf("document changed to mapping enabled: %s", time.Since(began))
		good := r.status(c).Documents

		r.docs.write(strings.Replace(document("audit", ireland, "audit-events", "auditor", 2), "name: route-1", "nam: route-1", 1))
		time.Sleep(time.Hour)
		s := r.status(c)
		if s.Documents.Digest != good.Digest || s.Documents.Trouble == nil || len(s.Documents.Trouble.Findings) == 0 {
			t.Errorf("status of broken documents: %+v, want those before and why", s.Documents)
		}
		if d := r.condition(s.Places[0], controller.Degraded); !d.Status || d.Reason != "Documents" {
			t.Errorf("condition of broken documents: %+v", d)
		}
		if d := r.condition(s.Places[0], controller.Synced); !d.Status {
			t.Errorf("condition of broken documents: %+v", d)
		}
		want := map[string]string{"orders--route-0": "Enabled", "orders--route-1": "Enabled", "orders--route-2": "Enabled"}
		if diff := cmp.Diff(want, r.mappings(ireland)); diff != "" {
			t.Errorf("mappings under broken documents (-want +got):\n%s", diff)
		}
		if n := strings.Count(r.log.String(), "unknown"); n != 1 {
			t.Errorf("the problem is logged %d times, want once:\n%s", n, r.log)
		}

		r.docs.fail(errAway)
		time.Sleep(time.Hour)
		if s := r.status(c); s.Documents.Trouble == nil || !strings.Contains(s.Documents.Trouble.Message, "away") {
			t.Errorf("trouble: %+v", s.Documents.Trouble)
		}
		r.docs.fail(nil)
		r.docs.write(orders(3))
		time.Sleep(10 * time.Second)
		if s := r.status(c); s.Documents.Trouble != nil || r.condition(s.Places[0], controller.Degraded).Status {
			t.Errorf("trouble stays: %+v", s.Documents)
		}
	})
}

// TestBrokenAtStart begins with a document that does not load beside one that
// does: that one is kept, and nothing that none names is touched.
func TestBrokenAtStart(t *testing.T) {
	audit := document("audit", ireland, "audit-events", "auditor", 1)
	inBubble(t, orders(1)+audit, func(t *testing.T, r *rig) {
		_, stop := r.run()
		time.Sleep(10 * time.Second)
		stop()
		r.o.Pass.Prune = true
		r.docs.write(orders(2) + strings.Replace(audit, "routes:", "rout:", 1))
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Hour)
		want := map[string]string{"orders--route-0": "Enabled", "orders--route-1": "Enabled", "audit--route-0": "Enabled"}
		if diff := cmp.Diff(want, r.mappings(ireland)); diff != "" {
			t.Errorf("mappings (-want +got):\n%s", diff)
		}
		if s := r.status(c); !s.Documents.Partial || s.Documents.Trouble == nil {
			t.Errorf("documents: %+v, want them partial", s.Documents)
		}
	})
}

// TestNoDocumentsAtStart is alive, says so, and goes on once there are some.
func TestNoDocumentsAtStart(t *testing.T) {
	inBubble(t, "", func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		if s := r.status(c); s.Documents.Trouble == nil || len(s.Places) != 0 || len(r.server.Calls()) != 0 {
			t.Errorf("status %+v after %d calls", s, len(r.server.Calls()))
		}
		r.docs.write(orders(1))
		time.Sleep(10 * time.Second)
		if got := r.mappings(ireland)["orders--route-0"]; got != "Enabled" {
			t.Errorf("mapping %q", got)
		}
	})
}

// TestCoalesce triggers many passes during one: one follows.
func TestCoalesce(t *testing.T) {
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		r.o.DryRun = true
		r.server.SetFaults(func(emulator.Call) emulator.Fault { return emulator.Fault{Delay: time.Second} })
		c, stop := r.run()
		defer stop()
		for range 50 {
			c.Trigger(controller.TriggerHTTP)
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		if got := r.passes(c); !slices.Equal(got, []string{"start drift", "http drift"}) {
			t.Errorf("passes: %v", got)
		}
	})
}

// TestPlaces has one region fail: it backs off, the other goes on.
func TestPlaces(t *testing.T) {
	text := orders(2) + document("west", oregon, "orders-events", "order-processor", 2)
	inBubble(t, text, func(t *testing.T, r *rig) {
		r.server.SetFaults(func(c emulator.Call) emulator.Fault {
			if c.Place.Region == oregon {
				return emulator.Fault{Lose: emulator.LoseCall}
			}
			return emulator.Fault{}
		})
		r.o.ShardPoll = 0
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Hour)
		s := r.status(c)
		if got := words(s.Places[0]); len(got) != 13 || got[12] != "cron quiet" {
			t.Errorf("passes of the region that works: %v", got)
		}
		// 5 s, 10 s, ... 5 m, each up to half less; three attempts each. The last twenty
		// passes are kept.
		n := r.count(oregon, "ListEventSourceMappings") / 3
		if n < 15 || n > 40 {
			t.Errorf("%d looks at the region that fails in an hour", n)
		}
		failed := slices.Clone(s.Places[1].Passes)
		slices.Reverse(failed)
		if got := words(s.Places[1]); !slices.Contains(got, "retry failed") || len(got) != min(n, 20) {
			t.Errorf("of %d passes of the region that fails: %v", n, got)
		}
		for i := 1; i < len(failed); i++ {
			ended := failed[i-1].At.Add(time.Duration(failed[i-1].Seconds * float64(time.Second)))
			most := min(5*time.Minute, 5*time.Second<<(n-len(failed)+i-1))
			if gap := failed[i].At.Sub(ended); gap < most/2-time.Second || gap > most+time.Second {
				t.Errorf("failure %d was left alone for %s, want half of %s to all of it", n-len(failed)+i, gap, most)
			}
		}
		if d := r.condition(s.Places[1], controller.Degraded); !d.Status || r.condition(s.Places[1], controller.Ready).Status {
			t.Errorf("conditions: %+v", s.Places[1].Conditions)
		}
		if r.condition(s.Places[0], controller.Degraded).Status {
			t.Errorf("conditions: %+v", s.Places[0].Conditions)
		}
		r.server.SetFaults(nil)
		time.Sleep(5*time.Minute + 10*time.Second)
		if got := r.mappings(oregon)["west--route-1"]; got != "Enabled" {
			t.Errorf("mapping %q once the region works again", got)
		}
		if s := r.status(c); r.condition(s.Places[1], controller.Degraded).Status || !r.condition(s.Places[1], controller.Ready).Status {
			t.Errorf("conditions: %+v", s.Places[1].Conditions)
		}
	})
}

// TestRoutingFails has what one routing needs be forbidden: it backs off, the
// other is kept.
func TestRoutingFails(t *testing.T) {
	for _, test := range []struct {
		name, failing string
		deny          func(*http.Request, string) bool
		mappings      map[string]string
	}{
		{"its stream may not be read", "audit", func(req *http.Request, body string) bool {
			return strings.Contains(req.Header.Get("X-Amz-Target"), "DescribeStreamSummary") && strings.Contains(body, "audit-events")
		}, map[string]string{"orders--route-0": "Enabled", "orders--route-1": "Enabled"}},
		{"its function may not be reserved for", "reservation auditor", func(req *http.Request, _ string) bool {
			return req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/functions/auditor/concurrency")
		}, map[string]string{"orders--route-0": "Enabled", "orders--route-1": "Enabled"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, orders(1)+document("audit", ireland, "audit-events", "auditor", 1), func(t *testing.T, r *rig) {
				r.refuse(test.deny)
				c, stop := r.run()
				defer stop()
				time.Sleep(time.Minute)
				r.docs.write(orders(2) + document("audit", ireland, "audit-events", "auditor", 1))
				time.Sleep(10 * time.Minute)
				if diff := cmp.Diff(test.mappings, r.mappings(ireland)); diff != "" {
					t.Errorf("mappings (-want +got):\n%s", diff)
				}
				p := r.status(c).Places[0]
				if len(p.Failing) != 1 || p.Failing[0].Name != test.failing || p.Failing[0].Attempts < 2 {
					t.Errorf("failing: %+v", p.Failing)
				}
				if d := r.condition(p, controller.Degraded); !d.Status || d.Reason != "Failing" || !r.condition(p, controller.Ready).Status {
					t.Errorf("conditions: %+v", p.Conditions)
				}
				r.refuse(nil)
				time.Sleep(6 * time.Minute)
				if got := r.mappings(ireland)["audit--route-0"]; got != "Enabled" {
					t.Errorf("mapping %q once it is allowed", got)
				}
				if p := r.status(c).Places[0]; len(p.Failing) != 0 || r.condition(p, controller.Degraded).Status {
					t.Errorf("still failing: %+v %+v", p.Failing, p.Conditions)
				}
			})
		})
	}
}

// TestLeftOut has a routing's stream not be readable any more: what was seen last of
// it is shown until it can be read again, or no document has it.
func TestLeftOut(t *testing.T) {
	audit := strings.Replace(document("audit", ireland, "audit-events", "auditor", 2), "spec:\n", "spec:\n  concurrency: {others: 0, minimum: 990}\n", 1)
	inBubble(t, orders(1)+audit, func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		shown := func() map[string]bool {
			t.Helper()
			all := map[string]bool{}
			for line := range strings.Lines(ask(c.Handler(token(""), nil), "GET", "/metrics", "").Body.String()) {
				for _, about := range []string{"audit", "eventrouting_mappings", "code=\"shortage\"", "type=\"CapacitySufficient\""} {
					if strings.Contains(line, about) && !strings.Contains(line, "eventrouting_failing") && !strings.Contains(line, "last_success") && !strings.Contains(line, "overdue") {
						all[line] = true
					}
				}
			}
			p := r.status(c).Places[0]
			var status reconcile.Status
			if err := json.Unmarshal(p.Status, &status); err != nil {
				t.Fatal(err)
			}
			for _, route := range status.Routes {
				all["route "+route.Name+" "+route.State] = true
			}
			for _, f := range status.Functions {
				all[fmt.Sprint("function ", f.Name, " ", f.Need)] = true
			}
			for _, s := range status.Streams {
				all[fmt.Sprint("stream ", s.Name, " ", s.Open)] = true
			}
			for _, f := range status.Findings {
				all[f.String()] = true
			}
			return all
		}
		time.Sleep(20 * time.Minute)
		before := shown()
		if len(before) < 15 || r.condition(r.status(c).Places[0], controller.CapacitySufficient).Status {
			t.Fatalf("before: %v", before)
		}
		r.refuse(func(req *http.Request, body string) bool {
			return strings.Contains(req.Header.Get("X-Amz-Target"), "DescribeStreamSummary") && strings.Contains(body, "audit-events")
		})
		time.Sleep(time.Hour)
		if diff := cmp.Diff(before, shown()); diff != "" {
			t.Errorf("while it cannot be read (-want +got):\n%s", diff)
		}
		if d := r.condition(r.status(c).Places[0], controller.Degraded); !d.Status || !strings.Contains(d.Message, "audit (") {
			t.Errorf("%+v", d)
		}
		r.docs.write(orders(1))
		time.Sleep(time.Minute)
		for line := range shown() {
			if strings.Contains(line, `"auditor"`) || strings.Contains(line, "function auditor") || strings.Contains(line, "stream audit") || strings.Contains(line, "shortage") {
				t.Errorf("no document names it any more, and it is shown: %s", line)
			}
		}
		r.docs.write(orders(1) + audit)
		r.refuse(nil)
		time.Sleep(30 * time.Minute)
		if diff := cmp.Diff(before, shown()); diff != "" {
			t.Errorf("once it can be read (-want +got):\n%s", diff)
		}
	})
}

// TestDeadline ends a pass that takes too long, and makes the next.
func TestDeadline(t *testing.T) {
	inBubble(t, orders(1), func(t *testing.T, r *rig) {
		r.o.PassTimeout = 30 * time.Second
		r.server.SetFaults(func(emulator.Call) emulator.Fault { return emulator.Fault{Delay: time.Hour} })
		c, stop := r.run()
		defer stop()
		time.Sleep(31 * time.Second)
		p := r.status(c).Places[0]
		if len(p.Passes) != 1 || p.Passes[0].Seconds > 30 || !strings.Contains(p.Passes[0].Error, "too long") {
			t.Errorf("passes: %+v", p.Passes)
		}
		r.server.SetFaults(nil)
		time.Sleep(20 * time.Second)
		if got := r.passes(c); !slices.Contains(got, "retry applied") {
			t.Errorf("passes: %v", got)
		}
	})
}

// TestHeld has a step held until a time: a pass is made then.
func TestHeld(t *testing.T) {
	inBubble(t, orders(1), func(t *testing.T, r *rig) {
		start := time.Now().Add(17 * time.Minute).UTC()
		r.docs.write(orders(1) + fmt.Sprintf("    - {name: later, eventTypes: [Later], startFrom: %s}\n", start.Format(time.RFC3339)))
		every, err := controller.ParseSchedule("@every 2h")
		if err != nil {
			t.Fatal(err)
		}
		r.o.Schedule = every
		c, stop := r.run()
		defer stop()
		time.Sleep(16 * time.Minute)
		if p := r.status(c).Places[0]; p.Next == nil || !p.Next.At.Equal(start) || p.Next.Trigger != controller.TriggerHeld {
			t.Errorf("next pass %+v, want at %s", p.Next, start)
		}
		time.Sleep(time.Minute + 10*time.Second)
		if got := r.mappings(ireland)["orders--later"]; got != "Enabled" {
			t.Errorf("mapping %q; passes: %v", got, r.passes(c))
		}
	})
}

// TestDryRun makes no call but those that read.
func TestDryRun(t *testing.T) {
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		r.o.DryRun = true
		c, stop := r.run()
		defer stop()
		time.Sleep(30 * time.Minute)
		for _, call := range r.server.Calls() {
			if !slices.ContainsFunc([]string{"List", "Get", "Describe"}, func(verb string) bool { return strings.HasPrefix(call.Operation, verb) }) {
				t.Errorf("call %s", call)
			}
		}
		p := r.status(c).Places[0]
		if s := r.condition(p, controller.Synced); s.Status || s.Reason != "Drift" || len(p.Passes[0].Changes) != 5 {
			t.Errorf("%+v with changes %+v", s, p.Passes[0].Changes)
		}
		if n := strings.Count(r.log.String(), "msg=drift"); n != 5 {
			t.Errorf("%d lines of drift, want one for each change once:\n%s", n, r.log)
		}
	})
}

// TestEnd ends while a mapping is being created: that is waited for, nothing
// else begins, and nothing failed.
func TestEnd(t *testing.T) {
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		_, stop := r.run()
		time.Sleep(500 * time.Millisecond)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %s to end", took)
		}
		if strings.Contains(r.log.String(), "stage=failed") || !strings.Contains(r.log.String(), "outcome=stopped") {
			t.Errorf("log:\n%s", r.log)
		}
		for name, state := range r.mappings(ireland) {
			if state != "Enabled" {
				t.Errorf("%s is %s", name, state)
			}
		}
	})
}

// TestEndAbandons ends while AWS does not answer.
func TestEndAbandons(t *testing.T) {
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		r.server.SetFaults(func(c emulator.Call) emulator.Fault {
			if c.Operation == "CreateEventSourceMapping" {
				return emulator.Fault{Delay: time.Hour}
			}
			return emulator.Fault{}
		})
		_, stop := r.run()
		time.Sleep(500 * time.Millisecond)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 21*time.Second {
			t.Errorf("it took %s to end", took)
		}
	})
}

// TestTwoInstances keeps one world by two controllers, also while documents
// change under them one after the other.
func TestTwoInstances(t *testing.T) {
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		a, stopA := r.run()
		defer stopA()
		_, stopB := r.run()
		defer stopB()
		for n := 3; n < 6; n++ {
			time.Sleep(time.Minute)
			r.docs.write(orders(n))
		}
		time.Sleep(10 * time.Minute)
		if got := r.mappings(ireland); len(got) != 5 {
			t.Errorf("mappings: %v", got)
		}
		if p := r.status(a).Places[0]; p.Passes[0].Outcome != controller.Quiet || r.condition(p, controller.Degraded).Status {
			t.Errorf("last pass %+v", p.Passes[0])
		}
	})
}

// TestThrottled has AWS refuse calls: all of the account slow down together,
// and speed up again.
func TestThrottled(t *testing.T) {
	text := orders(2) + document("west", oregon, "orders-events", "order-processor", 2)
	inBubble(t, text, func(t *testing.T, r *rig) {
		r.server.SetFaults(func(c emulator.Call) emulator.Fault {
			if c.Place.Region == oregon {
				return emulator.Fault{Refuse: emulator.TooManyRequests()}
			}
			return emulator.Fault{}
		})
		r.o.ShardPoll = time.Second
		c, stop := r.run()
		defer stop()
		time.Sleep(5 * time.Minute)
		r.server.Forget()
		time.Sleep(5 * time.Minute)
		if n := r.count(ireland, ""); n > 200 {
			t.Errorf("%d calls in 5 minutes at the region beside the one that throttles", n)
		}
		if n := r.count("", ""); n > 400 {
			t.Errorf("%d calls in 5 minutes while AWS throttles", n)
		}
		r.server.SetFaults(nil)
		time.Sleep(15 * time.Minute)
		s := r.status(c)
		for _, p := range s.Places {
			if r.condition(p, controller.Degraded).Status || !r.condition(p, controller.Synced).Status {
				t.Errorf("%s: %+v", p.Name, p.Conditions)
			}
		}
	})
}

// TestPlaceGoes drops a region from the documents and brings it back.
func TestPlaceGoes(t *testing.T) {
	west := document("west", oregon, "orders-events", "order-processor", 1)
	inBubble(t, orders(1)+west, func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		r.docs.write(orders(1))
		time.Sleep(10 * time.Second)
		if s := r.status(c); len(s.Places) != 1 {
			t.Errorf("%d places", len(s.Places))
		}
		r.server.Forget()
		time.Sleep(time.Hour)
		if n := r.count(oregon, ""); n != 0 {
			t.Errorf("%d calls at a place that no document names", n)
		}
		r.docs.write(orders(1) + west)
		time.Sleep(10 * time.Second)
		if s := r.status(c); len(s.Places) != 2 || !slices.Equal(words(s.Places[1]), []string{"start quiet"}) {
			t.Errorf("places %+v", s.Places)
		}
	})
}

// TestOnce makes one pass and ends.
func TestOnce(t *testing.T) {
	inBubble(t, orders(3), func(t *testing.T, r *rig) {
		result, err := controller.New(r.o).Once(t.Context())
		if err != nil || result.Failed || result.Braked || len(r.mappings(ireland)) != 3 {
			t.Errorf("%+v, %v, mappings %v", result, err, r.mappings(ireland))
		}
		r.docs.write(orders(1))
		if result, err := controller.New(r.o).Once(t.Context()); err != nil || result.Failed || !result.Braked {
			t.Errorf("with the brake: %+v, %v", result, err)
		}
		r.server.SetFaults(func(emulator.Call) emulator.Fault { return emulator.Fault{Lose: emulator.LoseCall} })
		if result, err := controller.New(r.o).Once(t.Context()); err != nil || !result.Failed {
			t.Errorf("without AWS: %+v, %v", result, err)
		}
		r.docs.write("kind: Nothing\n")
		if _, err := controller.New(r.o).Once(t.Context()); err == nil {
			t.Error("broken documents: no error")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.docs.write(orders(1))
		if _, err := controller.New(r.o).Once(ctx); err == nil {
			t.Error("stopped: no error")
		}
	})
	synctest.Test(t, func(*testing.T) {}) // nothing is left behind
}

// TestFault has a fault of the program itself come up in one place: it is
// reported, and the other place goes on.
func TestFault(t *testing.T) {
	text := orders(1) + document("west", oregon, "orders-events", "order-processor", 1)
	inBubble(t, text, func(t *testing.T, r *rig) {
		r.o.ShardPoll = 0
		r.refuse(func(req *http.Request, _ string) bool {
			if strings.Contains(req.Header.Get("Authorization"), oregon) {
				panic("a fault")
			}
			return false
		})
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		s := r.status(c)
		if !r.condition(s.Places[0], controller.Synced).Status {
			t.Errorf("the place beside it: %+v", s.Places[0].Conditions)
		}
		if d := r.condition(s.Places[1], controller.Degraded); !d.Status || !strings.Contains(d.Message, "a fault") {
			t.Errorf("the place itself: %+v", d)
		}
		r.refuse(nil)
		time.Sleep(10 * time.Minute)
		if got := r.mappings(oregon)["west--route-0"]; got != "Enabled" {
			t.Errorf("mapping %q afterwards", got)
		}
	})
}

// TestSettingsFail has the AWS settings be unusable at first.
func TestSettingsFail(t *testing.T) {
	inBubble(t, orders(1), func(t *testing.T, r *rig) {
		began := time.Now()
		r.o.Places = func(ctx context.Context, docs []spec.EventRouting) ([]controller.Place, error) {
			if time.Since(began) < time.Minute {
				return nil, errAway
			}
			return r.places(ctx, docs)
		}
		c, stop := r.run()
		defer stop()
		time.Sleep(30 * time.Second)
		if s := r.status(c); s.Documents.Trouble == nil || !s.Documents.Trouble.Since.Equal(began.UTC()) {
			t.Errorf("trouble %+v", s.Documents.Trouble)
		}
		if n := strings.Count(r.log.String(), errAway.Error()); n != 1 {
			t.Errorf("it is logged %d times, want once", n)
		}
		time.Sleep(time.Minute)
		if s := r.status(c); s.Documents.Trouble != nil || r.mappings(ireland)["orders--route-0"] != "Enabled" {
			t.Errorf("documents %+v", s.Documents)
		}
	})
}

// TestBackOff has one routing's reservation be refused while the alias of
// another's function keeps passes coming: those do not try it each time.
func TestBackOff(t *testing.T) {
	inBubble(t, orders(1)+document("audit", ireland, "audit-events", "auditor", 1), func(t *testing.T, r *rig) {
		var tries atomic.Int32
		r.refuse(func(req *http.Request, _ string) bool {
			denied := req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/functions/auditor/concurrency")
			if denied {
				tries.Add(1)
			}
			return denied
		})
		c, stop := r.run()
		defer stop()
		targets := []string{r.newVersion(), "1"}
		for i := range 60 {
			time.Sleep(30 * time.Second)
			r.server.Do(func(w *world.World) {
				if _, err := w.UpdateAlias(here, "order-processor", "live", world.AliasUpdate{FunctionVersion: &targets[i%2]}); err != nil {
					t.Error(err)
				}
			})
		}
		n := int(tries.Load())
		t.Logf("%d tries in half an hour", n)
		if n < 6 || n > 18 {
			t.Errorf("%d tries in half an hour, want them to become rare", n)
		}
		if got := r.passes(c); !slices.Contains(got, "follow partly") {
			t.Errorf("passes: %v", got)
		}
	})
}

// TestCommitTag checks that mappings say for which commit they were last changed,
// and that a commit which changes nothing of a mapping writes nothing to it.
func TestCommitTag(t *testing.T) {
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		_, stop := r.run()
		defer stop()
		commits := func() map[string]string {
			all := map[string]string{}
			r.server.Do(func(w *world.World) {
				list, _, err := w.Mappings(here, world.MappingsQuery{})
				if err != nil {
					t.Error(err)
				}
				for _, m := range list {
					tags, err := w.Tags(here, m.EventSourceMappingArn)
					if err != nil {
						t.Error(err)
					}
					all[m.FunctionArn[strings.LastIndex(m.FunctionArn, ":")+1:]] = tags["eventrouting.dev/commit"]
				}
			})
			return all
		}
		for _, step := range []struct {
			commit, text string
			calls        int // of TagResource
			want         map[string]string
		}{
			{"c0ffee", orders(2), 0, map[string]string{"orders--route-0": "c0ffee", "orders--route-1": "c0ffee"}},
			{"facade", orders(2) + "# a comment\n", 0, map[string]string{"orders--route-0": "c0ffee", "orders--route-1": "c0ffee"}},
			{"decade", strings.Replace(orders(2), "[Type1]", "[Type1], batchSize: 7", 1), 1, map[string]string{"orders--route-0": "c0ffee", "orders--route-1": "decade"}},
		} {
			r.server.Forget()
			r.docs.push(step.commit, step.text)
			time.Sleep(time.Minute)
			if diff := cmp.Diff(step.want, commits()); diff != "" {
				t.Errorf("commits after %s (-want +got):\n%s", step.commit, diff)
			}
			if n := r.count(ireland, "TagResource"); n != step.calls {
				t.Errorf("%s: %d calls of TagResource, want %d", step.commit, n, step.calls)
			}
		}
	})
}

// TestNothingReadable takes away the right to look: no pass counts as completed,
// and what was seen last stays on show.
func TestNothingReadable(t *testing.T) {
	inBubble(t, orders(1)+document("audit", ireland, "audit-events", "auditor", 1), func(t *testing.T, r *rig) {
		every, err := controller.ParseSchedule("@every 20s")
		if err != nil {
			t.Fatal(err)
		}
		r.o.Schedule, r.o.ShardPoll = every, 0
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		r.refuse(func(req *http.Request, _ string) bool {
			return strings.HasPrefix(req.Header.Get("X-Amz-Target"), "Kinesis")
		})
		time.Sleep(30 * time.Minute)
		p := r.status(c).Places[0]
		for _, pass := range words(p)[5:] {
			if !strings.HasSuffix(pass, " failed") {
				t.Fatalf("passes: %v, want each to fail", words(p))
			}
		}
		if r.condition(p, controller.Ready).Status || !r.condition(p, controller.Degraded).Status {
			t.Errorf("conditions: %+v", p.Conditions)
		}
		if shown := strings.Count(string(p.Status), `"uuid"`); shown != 2 {
			t.Errorf("%d mappings are shown, want the two that were seen last: %s", shown, p.Status)
		}
		r.refuse(nil)
		time.Sleep(time.Minute)
		if p := r.status(c).Places[0]; !r.condition(p, controller.Ready).Status || r.condition(p, controller.Degraded).Status {
			t.Errorf("conditions once it is allowed: %+v", p.Conditions)
		}
	})
}

// TestUnevenSchedule checks that a schedule with gaps is not taken for one that
// comes as often as its closest passes.
func TestUnevenSchedule(t *testing.T) {
	inBubble(t, orders(1), func(t *testing.T, r *rig) {
		uneven, err := controller.ParseSchedule("40,41 * * * *")
		if err != nil {
			t.Fatal(err)
		}
		r.o.Schedule, r.o.ShardPoll = uneven, 0
		c, stop := r.run()
		defer stop()
		for range 3 * 60 {
			time.Sleep(time.Minute)
			if ready := r.condition(r.status(c).Places[0], controller.Ready); !ready.Status {
				t.Fatalf("at %s: %+v", time.Now(), ready)
			}
		}
	})
}

// TestSourceHangs has the documents' source not answer: what is in force is kept,
// and people are told.
func TestSourceHangs(t *testing.T) {
	inBubble(t, orders(1), func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		r.docs.hang(true)
		time.Sleep(3 * time.Minute)
		if s := r.status(c); s.Documents.Trouble == nil {
			t.Error("nothing is said of a source that does not answer")
		}
		before := len(r.passes(c))
		c.Trigger(controller.TriggerHTTP)
		time.Sleep(2 * time.Minute)
		if passes := r.passes(c); !slices.Contains(passes[before:], "http quiet") {
			t.Errorf("passes %v, want the one that was asked for", passes)
		}
		r.docs.hang(false)
		time.Sleep(2 * time.Minute)
		if s := r.status(c); s.Documents.Trouble != nil {
			t.Errorf("trouble stays: %+v", s.Documents.Trouble)
		}
	})
}

// TestAskedAgain has somebody ask for passes again and again while the source of the
// documents does not answer: they are made, and wait no longer than for one.
func TestAskedAgain(t *testing.T) {
	inBubble(t, orders(1), func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		r.docs.hang(true)
		before := len(r.passes(c))
		for range 20 {
			c.Trigger(controller.TriggerHTTP)
			time.Sleep(3 * time.Second)
		}
		if got := r.passes(c)[before:]; len(got) < 4 || len(got) > 6 || got[0] != "http quiet" {
			t.Errorf("passes %v in a minute, want one in 10 to 15 s", got)
		}
	})
}

// TestStrangers names a routing that no document has: people are told, until one has.
func TestStrangers(t *testing.T) {
	west := document("west", oregon, "orders-events", "order-processor", 1)
	inBubble(t, orders(1)+document("east", oregon, "audit-events", "auditor", 1), func(t *testing.T, r *rig) {
		r.o.Pass.Only = []string{"west"}
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Hour)
		var told int
		for _, p := range r.status(c).Places {
			told += strings.Count(string(p.Status), "--only west: no document names routing")
		}
		if told != 1 {
			t.Errorf("status tells %d times of what --only names, want once", told)
		}
		if n := strings.Count(r.log.String(), "--only west: no document names routing"); n != 1 {
			t.Errorf("it is logged %d times, want once:\n%s", n, r.log)
		}
		r.docs.write(orders(1) + west)
		time.Sleep(time.Minute)
		for _, p := range r.status(c).Places {
			if strings.Contains(string(p.Status), "no document names routing") {
				t.Errorf("%s tells of it still", p.Name)
			}
		}
		if got := r.mappings(oregon)["west--route-0"]; got != "Enabled" {
			t.Errorf("mapping %q", got)
		}
	})
}

// TestPausedByOperator pauses a route by hand: the condition says so from when that
// holds something until the time is over.
func TestPausedByOperator(t *testing.T) {
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		r.tag("orders--route-0", reconcile.TagPaused, reconcile.Word{"route-1": time.Now().Add(time.Hour)}.String())
		r.tag("orders--route-1", reconcile.TagPaused, reconcile.Word{"route-1": time.Now().Add(time.Hour)}.String())
		paused := func() controller.Condition { return r.condition(r.status(c).Places[0], controller.Paused) }
		if p := paused(); p.Status {
			t.Errorf("before it holds anything: %+v", p)
		}
		r.docs.write(strings.Replace(orders(2), "[Type1]", "[Type1], batchSize: 7", 1))
		time.Sleep(time.Minute)
		if p := paused(); !p.Status || p.Reason != "Operator" || !strings.HasSuffix(p.Message, ": orders/route-1") {
			t.Errorf("while it holds a change: %+v", p)
		}
		time.Sleep(time.Hour)
		if p := paused(); p.Status {
			t.Errorf("after its time: %+v", p)
		}
	})
}

// TestStale has somebody else be first with a reservation, so that the mapping that
// needs it is skipped: nothing failed, and the next pass puts it right.
func TestStale(t *testing.T) {
	first := func(r *rig) { // to write between the pass's look and its change
		reads := 0
		r.refuse(func(req *http.Request, _ string) bool {
			if req.Method != http.MethodGet || !strings.HasSuffix(req.URL.Path, "/functions/order-processor/concurrency") {
				return false
			}
			if reads++; reads == 2 {
				r.server.Do(func(w *world.World) {
					if err := w.PutConcurrency(here, "order-processor", 9); err != nil {
						r.t.Error(err)
					}
				})
			}
			return false
		})
	}
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		first(r)
		r.docs.write(orders(3))
		time.Sleep(time.Minute)
		if got := r.passes(c)[2:]; !slices.Equal(got, []string{"file stale", "again applied", "again quiet"}) {
			t.Errorf("passes: %v", got)
		}
		if strings.Contains(r.log.String(), "level=ERROR") || strings.Contains(r.log.String(), "changes failed") {
			t.Errorf("log:\n%s", r.log)
		}
		if got := r.mappings(ireland)["orders--route-2"]; got != "Enabled" {
			t.Errorf("mapping %q", got)
		}
	})
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		first(r)
		if result, err := controller.New(r.o).Once(t.Context()); err != nil || result.Failed || len(r.mappings(ireland)) != 2 {
			t.Errorf("once: %+v, %v, mappings %v", result, err, r.mappings(ireland))
		}
	})
}

// TestThrottledUnnamed has one place's documents not name its account: it shares that
// of the other once a pass has seen which it is.
func TestThrottledUnnamed(t *testing.T) {
	text := orders(2) + document("west", oregon, "orders-events", "order-processor", 2)
	inBubble(t, text, func(t *testing.T, r *rig) {
		r.o.Places = func(ctx context.Context, docs []spec.EventRouting) ([]controller.Place, error) {
			places, err := r.places(ctx, docs)
			for i := range places {
				if places[i].Name == oregon {
					places[i].Account = ""
				}
			}
			return places, err
		}
		r.o.ShardPoll = time.Second
		_, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		r.server.SetFaults(func(c emulator.Call) emulator.Fault {
			if c.Place.Region == oregon {
				return emulator.Fault{Refuse: emulator.TooManyRequests()}
			}
			return emulator.Fault{}
		})
		time.Sleep(5 * time.Minute)
		r.server.Forget()
		time.Sleep(5 * time.Minute)
		if n := r.count(ireland, ""); n > 200 {
			t.Errorf("%d calls in 5 minutes at the region beside the one that throttles", n)
		}
	})
}

// TestMissingStream has one of two documents name a stream that does not exist: that
// routing does not succeed, and the place says why.
func TestMissingStream(t *testing.T) {
	inBubble(t, orders(1)+document("audit", ireland, "audit-evnets", "auditor", 1), func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Hour)
		p := r.status(c).Places[0]
		if d := r.condition(p, controller.Degraded); !d.Status || d.Reason != "Missing" || !strings.Contains(d.Message, "audit-evnets") {
			t.Errorf("condition %+v", d)
		}
		text := ask(c.Handler(token(""), nil), "GET", "/metrics", "").Body.String()
		success := func(routing string) (at float64) {
			_, rest, _ := strings.Cut(text, `eventrouting_last_success_timestamp_seconds{place="eu-west-1",routing="`+routing+`"} `)
			if _, err := fmt.Sscan(rest, &at); err != nil {
				t.Errorf("%s: %v", routing, err)
			}
			return at
		}
		if late := success("orders") - success("audit"); late < 3000 {
			t.Errorf("the routing whose stream is missing last succeeded %v s before the other, want never", late)
		}
	})
}

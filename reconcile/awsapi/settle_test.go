package awsapi_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// The budget of issue 2: 2 N calls and at most 5 polls with short delays.
func TestPollsOfManyCreates(t *testing.T) {
	for _, qps := range []float64{0, 5} {
		t.Run(fmt.Sprint(qps), func(t *testing.T) {
			inScene(t, func(s *scene) {
				s.client = awsapi.New(s.cfg, awsapi.Options{QPS: qps})
				const n = 20
				var names []string
				for i := range n {
					names = append(names, fmt.Sprintf("route-%02d", i))
				}
				live := s.observe()
				s.server.Forget()
				var changes []reconcile.Change
				for _, name := range names {
					m, a := creation(name), alias(name)
					m.Needs = []reconcile.Addr{a.Addr}
					changes = append(changes, a, m)
				}
				outcome := reconcile.Apply(s.Context(), s.client.Writer(live), changes, nil)
				s.ok(outcome.Err())
				calls := s.operations()
				polls := count(calls, "ListEventSourceMappings")
				if polls > 5 || len(calls) != 2*n+polls {
					t.Errorf("%d polls in %d calls", polls, len(calls))
				}
				if n := outcome.Count(reconcile.Settled); n != len(changes) {
					t.Errorf("%d of %d settled", n, len(changes))
				}
			})
		})
	}
}

// With AWS's own delays a poll every 5 s is enough.
func TestPollsOfRealDelays(t *testing.T) {
	inSlowScene(t, func(s *scene) {
		live := s.observe()
		s.ok(s.start(live, alias("placed")))
		s.server.Forget()
		start := time.Now()
		s.apply(live, creation("placed"))
		took, polls := time.Since(start), count(s.operations(), "ListEventSourceMappings")
		if took < 75*time.Second || took > 80*time.Second || polls > 20 {
			t.Errorf("%d polls in %s", polls, took)
		}
	})
}

// A poll that is throttled is only late.
func TestSettledThrottled(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.observe()
		s.ok(s.start(live, alias("placed")))
		s.fault = on("ListEventSourceMappings", 1, 7, emulator.Fault{Refuse: &world.Error{Code: "TooManyRequestsException", Status: 429}})
		s.apply(live, creation("placed"))
		if n := count(s.operations(), "ListEventSourceMappings"); n != 1+8 {
			t.Errorf("%d calls", n)
		}
	})
}

// Each is waited for once, and what has settled comes back at once.
func TestSettledInParts(t *testing.T) {
	inScene(t, func(s *scene) {
		s.ok(s.start(s.observe(), alias("early")))
		s.ok(s.start(s.observe(), alias("late")))
		live := s.observe()
		w := s.client.Writer(live)
		early, late := creation("early"), creation("late")
		early.After.(*reconcile.Mapping).Enabled = false
		both := []reconcile.Change{late, alias("x"), early, reservation(nil, 5)}
		s.ok(w.Start(s.Context(), early))
		s.ok(w.Start(s.Context(), late))
		s.server.Forget()
		var got []string
		for left := both; len(left) > 0; {
			done, err := w.Settled(s.Context(), left)
			s.ok(err)
			if len(done) == 0 {
				t.Fatal("nothing settled, and no error")
			}
			var names []string
			for _, c := range done {
				names = append(names, c.Addr.String())
			}
			got = append(got, strings.Join(names, " + "))
			left = without(left, done)
		}
		want := []string{
			"alias order-processor:orders--x + reservation order-processor", "mapping orders/early", "mapping orders/late",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if calls := s.operations(); len(calls) > 3 {
			t.Errorf("calls %v", calls)
		}
		if done, err := w.Settled(s.Context(), nil); done != nil || err != nil {
			t.Errorf("nothing to wait for: %v, %v", done, err)
		}
	})
}

func without(all, some []reconcile.Change) []reconcile.Change {
	var left []reconcile.Change
	for _, c := range all {
		found := false
		for _, s := range some {
			found = found || s.Addr == c.Addr
		}
		if !found {
			left = append(left, c)
		}
	}
	return left
}

// One poll is for all mappings of a stream, whatever their number.
func TestSettledPages(t *testing.T) {
	inScene(t, func(s *scene) {
		s.server.Do(func(w *world.World) {
			for i := range 120 {
				name := fmt.Sprintf("f-%d", i)
				s.ok(w.SeedFunction(s.place, name))
				_, err := w.CreateMapping(s.place, world.MappingInput{EventSourceArn: streamARN, FunctionName: name, StartingPosition: "TRIM_HORIZON"})
				s.ok(err)
			}
		})
		s.seed(map[string]int{"audit": 1}, nil)
		live := s.observeScope(reconcile.Scope{Streams: []string{stream, "audit"}, Functions: []string{function}})
		s.ok(s.start(live, alias("placed")))
		one, other := creation("placed"), creation("audited")
		other.After.(*reconcile.Mapping).Key = reconcile.Key{Stream: "audit", Function: function, Qualifier: "orders--placed"}
		s.server.Forget()
		s.ok(reconcile.Apply(s.Context(), s.client.Writer(live), []reconcile.Change{one, other}, nil).Err())
		if n := count(s.operations(), "ListEventSourceMappings"); n != 2*(2+1) { // two polls of two pages and one
			t.Errorf("%d calls", n)
		}
	})
}

func TestSettleTimeout(t *testing.T) {
	inSlowScene(t, func(s *scene) {
		s.client = awsapi.New(s.cfg, awsapi.Options{SettleTimeout: time.Minute})
		live := s.observe()
		s.ok(s.start(live, alias("placed")))
		w := s.client.Writer(live)
		s.ok(w.Start(s.Context(), creation("placed")))
		start := time.Now()
		_, err := w.Settled(s.Context(), []reconcile.Change{creation("placed")})
		if got := text(err); got != "wait for mapping orders/placed: AWS has not settled in time" {
			t.Error(got)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("after %s", took)
		}
		if _, hint := awsapi.Explain(err); !strings.Contains(hint, "plan again") {
			t.Errorf("hint %q", hint)
		}
	})
}

func TestSettledCancelled(t *testing.T) {
	inScene(t, func(s *scene) {
		s.ok(s.start(s.observe(), alias("placed")))
		live := s.observe()
		w := s.client.Writer(live)
		s.ok(w.Start(s.Context(), creation("placed")))
		for _, after := range []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond} {
			s.fault = on("ListEventSourceMappings", 1, 1, emulator.Fault{Delay: time.Minute}) // cancelled within it
			ctx, cancel := context.WithTimeout(s.Context(), after)
			_, err := w.Settled(ctx, []reconcile.Change{creation("placed")})
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(text(err), "wait for mapping orders/placed: ") {
				t.Errorf("after %s: %v", after, err)
			}
		}
	})
}

// A mapping that somebody takes away, or switches over, while it is waited for
// is an error of its own; the others are waited for first.
func TestSettledTakenAway(t *testing.T) {
	for name, c := range map[string]struct {
		take func(s *scene, uuid string)
		want string
	}{
		"deleted": {func(s *scene, uuid string) {
			_, err := s.lambda.DeleteEventSourceMapping(s.Context(), &lambda.DeleteEventSourceMappingInput{UUID: &uuid})
			s.ok(err)
		}, "mapping orders/taken: it has vanished while it settled"},
		"disabled": {func(s *scene, uuid string) {
			_, err := s.lambda.UpdateEventSourceMapping(s.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: aws.Bool(false)})
			s.ok(err)
		}, "mapping orders/taken: somebody else made it Disabled while it settled"},
	} {
		t.Run(name, func(t *testing.T) {
			inSlowScene(t, func(s *scene) {
				live := s.observe()
				s.ok(s.start(live, alias("taken")))
				s.ok(s.start(live, alias("slow")))
				taken, slow := creation("taken"), creation("slow")
				s.apply(live, taken)
				c.take(s, s.mapping(s.observe(), key("taken")).UUID)
				s.passes(10)
				w := s.client.Writer(live)
				s.ok(w.Start(s.Context(), slow))
				start := time.Now()
				done, err := w.Settled(s.Context(), []reconcile.Change{taken, slow})
				s.ok(err)
				if len(done) != 1 || done[0].Addr != slow.Addr || time.Since(start) < 75*time.Second {
					t.Errorf("first %v, after %s", done, time.Since(start))
				}
				start = time.Now()
				done, err = w.Settled(s.Context(), []reconcile.Change{taken})
				if len(done) != 0 || text(err) != c.want || time.Since(start) > 15*time.Second {
					t.Errorf("then %v, %v\nwant %s", done, err, c.want)
				}
			})
		})
	}
}

// A poll that fails for good ends the wait.
func TestSettledPollFails(t *testing.T) {
	inScene(t, func(s *scene) {
		s.ok(s.start(s.observe(), alias("placed")))
		w := s.client.Writer(s.observe())
		s.ok(w.Start(s.Context(), creation("placed")))
		s.fault = on("ListEventSourceMappings", 1, 99, emulator.Fault{Refuse: &world.Error{Code: "AccessDeniedException", Status: 403}})
		_, err := w.Settled(s.Context(), []reconcile.Change{creation("placed")})
		if !strings.HasPrefix(text(err), "poll mappings: it takes lambda:ListEventSourceMappings: ") {
			t.Error(err)
		}
	})
}

// Where several will not settle, each says what became of itself.
func TestSettledLost(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.withRoutes("one", "two")
		for _, name := range []string{"one", "two"} {
			uuid := s.mapping(live, key(name)).UUID
			_, err := s.lambda.DeleteEventSourceMapping(s.Context(), &lambda.DeleteEventSourceMappingInput{UUID: &uuid})
			s.ok(err)
		}
		s.passes(10)
		w := started{s.client.Writer(live)}
		outcome := reconcile.Apply(s.Context(), w, []reconcile.Change{creation("one"), creation("two")}, nil)
		want := "create mapping orders/one: it has vanished while it settled\ncreate mapping orders/two: it has vanished while it settled"
		if got := text(outcome.Err()); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// started is a writer whose changes AWS has accepted, it says.
type started struct{ *awsapi.Writer }

func (started) Start(context.Context, reconcile.Change) error { return nil }

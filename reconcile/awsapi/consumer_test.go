package awsapi_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
)

func consumerKey(name string) reconcile.ConsumerKey {
	return reconcile.ConsumerKey{Stream: stream, Name: name}
}

func registration(name string) reconcile.Change {
	return reconcile.Change{
		Action: reconcile.Register, Addr: reconcile.Addr{Kind: reconcile.KindConsumer, Name: stream + "/" + name},
		After: &reconcile.Consumer{Key: consumerKey(name), Tags: map[string]string{reconcile.TagOwner: "default", reconcile.TagStart: "trim-horizon"}},
	}
}

var fanOut = reconcile.Scope{Streams: []string{stream}, Functions: []string{function}, FanOut: []string{stream}}

func (s *scene) observeFanOut() reconcile.State {
	s.Helper()
	live, err := s.client.Reader().Observe(s.Context(), fanOut, time.Now())
	s.ok(err)
	return live
}

// Seven consumers are registered, five at a time, waited for, and read back
// with their tags; a mapping reads one of them, known since it was registered.
func TestConsumers(t *testing.T) {
	inScene(t, func(s *scene) {
		var changes []reconcile.Change
		for i := range 7 {
			changes = append(changes, registration(fmt.Sprintf("c%d", i)))
		}
		m := *creation("placed").After.(*reconcile.Mapping)
		m.Key = reconcile.Key{Stream: stream, Consumer: "c6", Function: function, Qualifier: "live"}
		changes = append(changes, reconcile.Change{Action: reconcile.Create, Addr: reconcile.Addr{Kind: reconcile.KindMapping, Name: "orders/placed"}, After: &m, Needs: []reconcile.Addr{changes[6].Addr}})
		out := reconcile.Apply(s.Context(), s.client.Writer(s.observeFanOut()), changes, nil)
		s.ok(out.Err())
		live := s.observeFanOut()
		if len(live.Consumers) != 7 {
			t.Fatalf("%d consumers: %v", len(live.Consumers), live.Consumers)
		}
		c := live.Consumers[consumerKey("c6")]
		if c.Status != "ACTIVE" {
			t.Errorf("status %s", c.Status)
		}
		if got := live.Mappings[m.Key]; len(got) != 1 || got[0].SourceARN != c.ARN || got[0].State != "Enabled" {
			t.Errorf("mapping %+v", got)
		}
		want := registration("c6").After.(*reconcile.Consumer).Tags
		if diff := cmp.Diff(want, s.answer(live, reconcile.Ask{What: reconcile.AskConsumerTags, Name: c.ARN}).ConsumerTags[c.ARN]); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
		before, after := c, c
		before.Tags, after.Tags = want, map[string]string{reconcile.TagOwner: "blue", reconcile.TagStart: "trim-horizon"}
		update := reconcile.Change{Action: reconcile.Update, Addr: changes[6].Addr, Before: &before, After: &after}
		s.apply(live, update)
		if diff := cmp.Diff(after.Tags, s.answer(live, reconcile.Ask{What: reconcile.AskConsumerTags, Name: c.ARN}).ConsumerTags[c.ARN]); diff != "" {
			t.Errorf("changed tags (-want +got):\n%s", diff)
		}
	})
}

// Without FanOut in the scope nobody asks for consumers; with it, one call a
// stream and a page.
func TestConsumersAreAskedForWhereWanted(t *testing.T) {
	inScene(t, func(s *scene) {
		s.server.Forget()
		s.observe()
		for _, c := range s.server.Calls() {
			if c.Operation == "ListStreamConsumers" {
				t.Error("asked without FanOut")
			}
		}
		plain := len(s.server.Calls())
		s.server.Forget()
		s.observeFanOut()
		if got := len(s.server.Calls()); got != plain+1 {
			t.Errorf("%d calls with FanOut, %d without", got, plain)
		}
		live, err := s.client.Reader().Observe(s.Context(), reconcile.Scope{Streams: []string{"nowhere"}, FanOut: []string{"nowhere"}}, time.Now())
		s.ok(err)
		if len(live.Consumers) != 0 {
			t.Errorf("consumers %v", live.Consumers)
		}
	})
}

// A registration that AWS answers with "exists" is ours by its tags, or stale.
func TestConsumerExists(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.observeFanOut()
		s.fault = on("RegisterStreamConsumer", 1, 1, emulator.Fault{Lose: emulator.LoseAnswer})
		s.apply(live, registration("ours"))
		s.fault = nil
		_, err := s.kinesis.RegisterStreamConsumer(s.Context(), &kinesis.RegisterStreamConsumerInput{
			StreamARN: aws.String(live.Streams[stream].ARN), ConsumerName: aws.String("theirs"), Tags: map[string]string{"team": "blue"},
		})
		s.ok(err)
		err = s.start(live, registration("theirs"))
		if !errors.Is(err, reconcile.ErrStale) || !strings.Contains(text(err), "consumer orders-events/theirs exists and has other tags") {
			t.Errorf("theirs: %v", err)
		}
	})
}

// What is refused says what to do; what is gone is stale.
func TestConsumerRefused(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.observeFanOut()
		s.fault = on("RegisterStreamConsumer", 1, 9, emulator.Fault{Refuse: &world.Error{Code: "LimitExceededException", Status: 400, Message: "too many"}})
		if err := s.start(live, registration("c")); !strings.Contains(text(err), "20, or 50 with On-demand Advantage") {
			t.Errorf("limit: %v", err)
		}
		s.fault = nil
		gone := reconcile.Consumer{Key: consumerKey("gone"), ARN: live.Streams[stream].ARN + "/consumer/gone:1"}
		after := gone
		after.Tags = map[string]string{"a": "b"}
		err := s.start(live, reconcile.Change{Action: reconcile.Update, Before: &gone, After: &after})
		if !errors.Is(err, reconcile.ErrStale) {
			t.Errorf("gone: %v", err)
		}
	})
}

// AWS refuses a time before the trim horizon, whatever it documents: shards are
// read all the same, of a young stream and of one whose retention is shorter
// than the time that matters.
func TestShardsSinceBeforeTheHorizon(t *testing.T) {
	inScene(t, func(s *scene) {
		s.server.Do(func(w *world.World) { w.SetKnobs(world.Knobs{RefuseOldTimes: true}) })
		for _, age := range []time.Duration{time.Second, 23*time.Hour + 58*time.Minute, 24*time.Hour + 2*time.Minute, 72 * time.Hour} {
			time.Sleep(age)
			for _, since := range []time.Duration{0, time.Minute, time.Hour, 24 * time.Hour, 24*time.Hour - time.Minute, 7 * 24 * time.Hour} {
				live, err := s.client.Reader().Observe(s.Context(), reconcile.Scope{Streams: []string{stream}, Since: since}, time.Now())
				if err != nil || len(live.Streams[stream].Shards) == 0 {
					t.Fatalf("a stream of %s, closed since %s: %v, %d shards", age, since, err, len(live.Streams[stream].Shards))
				}
			}
		}
	})
}

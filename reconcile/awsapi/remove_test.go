package awsapi_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
)

// TestRemove deletes a mapping, then the alias and the consumer that nothing uses,
// and is not troubled by what is gone already.
func TestRemove(t *testing.T) {
	inScene(t, func(s *scene) {
		_, err := s.kinesis.RegisterStreamConsumer(s.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: aws.String(streamARN), ConsumerName: aws.String("orders--placed"), Tags: map[string]string{"a": "b"}})
		s.ok(err)
		time.Sleep(10 * time.Second)
		_, err = s.lambda.CreateAlias(s.Context(), &lambda.CreateAliasInput{FunctionName: aws.String(function), Name: aws.String("orders--placed"), FunctionVersion: aws.String("$LATEST")})
		s.ok(err)
		uuid := s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(streamARN), FunctionName: aws.String(function + ":orders--placed"), Enabled: aws.Bool(false)})
		time.Sleep(time.Minute)
		live := s.observeScope(reconcile.Scope{Streams: []string{stream}, Functions: []string{function}, FanOut: []string{stream}, Since: time.Hour})
		var mapping *reconcile.Mapping
		for _, ms := range live.Mappings {
			for _, m := range ms {
				if m.UUID == uuid {
					mapping = &m
				}
			}
		}
		alias := live.Aliases[reconcile.AliasKey{Function: function, Name: "orders--placed"}]
		consumer := live.Consumers[reconcile.ConsumerKey{Stream: stream, Name: "orders--placed"}]
		consumer.Tags = map[string]string{"a": "b"}
		for range 2 {
			for _, before := range []reconcile.Object{mapping, &alias, &consumer} {
				c := reconcile.Change{Action: reconcile.Delete, Before: before}
				s.ok(s.start(live, c))
				done, err := s.client.Writer(live).Settled(s.Context(), []reconcile.Change{c})
				s.ok(err)
				if len(done) != 1 {
					t.Errorf("%T: %d settled", before, len(done))
				}
			}
			time.Sleep(10 * time.Second)
		}
		after := s.observeScope(reconcile.Scope{Streams: []string{stream}, Functions: []string{function}, FanOut: []string{stream}, Since: time.Hour})
		if _, there := after.Aliases[alias.Key]; there || len(after.Consumers) > 0 || len(after.Mappings[mapping.Key]) > 0 {
			t.Errorf("left: aliases %v, consumers %v, mappings %v", after.Aliases, after.Consumers, after.Mappings)
		}
	})
}

// TestRemoveMoved deletes nothing that has changed since the plan was made.
func TestRemoveMoved(t *testing.T) {
	inScene(t, func(s *scene) {
		_, err := s.lambda.CreateAlias(s.Context(), &lambda.CreateAliasInput{FunctionName: aws.String(function), Name: aws.String("a"), FunctionVersion: aws.String("$LATEST")})
		s.ok(err)
		_, err = s.kinesis.RegisterStreamConsumer(s.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: aws.String(streamARN), ConsumerName: aws.String("c")})
		s.ok(err)
		uuid := s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(streamARN), FunctionName: aws.String(function), Enabled: aws.Bool(false)})
		time.Sleep(time.Minute)
		live := s.observeScope(reconcile.Scope{Streams: []string{stream}, Functions: []string{function}, FanOut: []string{stream}, Since: time.Hour})
		var mapping reconcile.Mapping
		for _, ms := range live.Mappings {
			for _, m := range ms {
				if m.UUID == uuid {
					mapping = m
				}
			}
		}
		_, err = s.lambda.UpdateEventSourceMapping(s.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: aws.Bool(true)})
		s.ok(err)
		_, err = s.lambda.UpdateAlias(s.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String(function), Name: aws.String("a"), Description: aws.String("mine now")})
		s.ok(err)
		alias := live.Aliases[reconcile.AliasKey{Function: function, Name: "a"}]
		consumer := live.Consumers[reconcile.ConsumerKey{Stream: stream, Name: "c"}]
		consumer.Tags = map[string]string{"owner": "us"}
		for what, before := range map[string]reconcile.Object{"no longer as it was": &mapping, "has changed": &alias, "no tags any more": &consumer} {
			err := s.start(live, reconcile.Change{Action: reconcile.Delete, Before: before})
			if !errors.Is(err, reconcile.ErrStale) || !strings.Contains(text(err), what) {
				t.Errorf("%T: %v, want %q", before, err, what)
			}
		}
		for _, operation := range []string{"DeleteEventSourceMapping", "DeleteAlias", "DeregisterStreamConsumer"} {
			if n := count(s.operations(), operation); n > 0 {
				t.Errorf("%s was called", operation)
			}
		}
	})
}

// TestRemoveUsed takes away no alias and no consumer that a mapping uses, though the
// list that the plan was made from lacked it, and asks with one call more. One that
// is being deleted uses nothing.
func TestRemoveUsed(t *testing.T) {
	inScene(t, func(s *scene) {
		registered, err := s.kinesis.RegisterStreamConsumer(s.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: aws.String(streamARN), ConsumerName: aws.String("orders--placed"), Tags: map[string]string{"a": "b"}})
		s.ok(err)
		_, err = s.lambda.CreateAlias(s.Context(), &lambda.CreateAliasInput{FunctionName: aws.String(function), Name: aws.String("orders--placed"), FunctionVersion: aws.String("$LATEST")})
		s.ok(err)
		time.Sleep(time.Minute)
		onAlias := s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(streamARN), FunctionName: aws.String(function + ":orders--placed"), Enabled: aws.Bool(false)})
		onConsumer := s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: registered.Consumer.ConsumerARN, FunctionName: aws.String(function)})
		other := s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(streamARN), FunctionName: aws.String(function + ":live")})
		live := s.observeFanOut()
		alias := live.Aliases[reconcile.AliasKey{Function: function, Name: "orders--placed"}]
		consumer := live.Consumers[consumerKey("orders--placed")]
		consumer.Tags = map[string]string{"a": "b"}
		live.Mappings = nil // the list lacked them all
		for _, c := range []struct {
			before reconcile.Object
			used   string
			calls  []string
		}{
			{&alias, "mapping " + onAlias + " runs alias order-processor:orders--placed", []string{"GetAlias", "ListEventSourceMappings"}},
			{&consumer, "mapping " + onConsumer + " reads consumer orders-events/orders--placed", []string{"ListTagsForResource", "ListEventSourceMappings"}},
		} {
			s.server.Forget()
			err := s.start(live, reconcile.Change{Action: reconcile.Delete, Before: c.before})
			if !errors.Is(err, reconcile.ErrStale) || !strings.Contains(text(err), c.used+", and the list that the plan saw lacked it") {
				t.Errorf("%T: %v", c.before, err)
			}
			if diff := cmp.Diff(c.calls, s.operations()); diff != "" {
				t.Errorf("%T: calls (-want +got):\n%s", c.before, diff)
			}
		}
		for _, uuid := range []string{onAlias, onConsumer} {
			_, err := s.lambda.DeleteEventSourceMapping(s.Context(), &lambda.DeleteEventSourceMappingInput{UUID: &uuid})
			s.ok(err)
		}
		for _, before := range []reconcile.Object{&alias, &consumer} {
			s.ok(s.start(live, reconcile.Change{Action: reconcile.Delete, Before: before}))
		}
		time.Sleep(10 * time.Second)
		after := s.observeFanOut()
		if _, there := after.Aliases[alias.Key]; there || len(after.Consumers) > 0 || len(after.Mappings) != 1 {
			t.Errorf("left: aliases %v, consumers %v, mappings %v; want of those the one of %s", after.Aliases, after.Consumers, after.Mappings, other)
		}
	})
}

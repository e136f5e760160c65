package emulator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// registered is a new ACTIVE consumer of orders, by its ARN.
func registered(t *testing.T, s *emulator.Server, name string) string {
	t.Helper()
	out := did(kinesisClient(s).RegisterStreamConsumer(t.Context(),
		&kinesis.RegisterStreamConsumerInput{StreamARN: aws.String(orders), ConsumerName: &name})).must(t)
	time.Sleep(world.Short().ConsumerCreate)
	return *out.Consumer.ConsumerARN
}

func deregister(t *testing.T, s *emulator.Server, arn string) {
	t.Helper()
	did(kinesisClient(s).DeregisterStreamConsumer(t.Context(), &kinesis.DeregisterStreamConsumerInput{ConsumerARN: &arn})).must(t)
	time.Sleep(world.Short().ConsumerCreate)
}

// mapConsumer creates a mapping of a consumer to a qualifier of fn.
func mapConsumer(t *testing.T, c *lambda.Client, arn, qualifier string) outcome[*lambda.CreateEventSourceMappingOutput] {
	t.Helper()
	return mapFn(t, c, qualifier, func(in *lambda.CreateEventSourceMappingInput) { in.EventSourceArn = &arn })
}

func consumerTaken(arn, uuid string) string {
	return fmt.Sprintf(`The event source arn (" %s ") and function (" fn ") provided mapping already exists. `+
		`Please update or delete the existing mapping with UUID %s`, arn, uuid)
}

// The key of a mapping is the consumer's ARN and the qualified function: the
// stream itself, another consumer and another qualifier are other keys.
func TestConsumerMappings(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		first, second := registered(t, s, "first"), registered(t, s, "second")
		m := mapConsumer(t, c, first, "a").must(t)
		if *m.EventSourceArn != first || *m.State != "Creating" || *m.BatchSize != 100 || m.DestinationConfig.OnFailure == nil {
			t.Errorf("got %s, %s, batches of %d", *m.EventSourceArn, *m.State, *m.BatchSize)
		}
		mapConsumer(t, c, first, "a").refusedWith(t, "ResourceConflictException", consumerTaken(first, *m.UUID))
		mapConsumer(t, c, first, "b").must(t)
		mapConsumer(t, c, second, "a").must(t)
		mapFn(t, c, "a", nil).must(t)
		for arn, want := range map[string][]string{
			first:  {functionFn + ":a", functionFn + ":b"},
			second: {functionFn + ":a"},
			orders: {functionFn + ":a"},
		} {
			got, _ := listed(t, c, &lambda.ListEventSourceMappingsInput{EventSourceArn: &arn})
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", arn, d)
			}
		}
		for _, arn := range []string{orders + "/consumer/first:1", orders + "/consumer/third:1", first + "0"} {
			mapConsumer(t, c, arn, "c").refusedWith(t, "InvalidParameterValueException", "Stream not found: "+arn)
		}
	})
}

// A mapping waits for its consumer, or does not: AWS does not say.
func TestMappingOfEarlyConsumer(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		out := did(kinesisClient(s).RegisterStreamConsumer(t.Context(),
			&kinesis.RegisterStreamConsumerInput{StreamARN: aws.String(orders), ConsumerName: aws.String("c")})).must(t)
		arn := *out.Consumer.ConsumerARN
		mapConsumer(t, c, arn, "a").refusedWith(t, "InvalidParameterValueException", fmt.Sprintf(
			"Received Exception while reading from provided stream. Consumer c with creation timestamp %d is not in ACTIVE status.",
			out.Consumer.ConsumerCreationTimestamp.Unix()))
		s.Do(func(w *world.World) { w.SetKnobs(world.Knobs{EarlyConsumers: true}) })
		mapConsumer(t, c, arn, "a").must(t)
		s.Do(func(w *world.World) { w.SetKnobs(world.Knobs{}) })
		time.Sleep(world.Short().ConsumerCreate)
		mapConsumer(t, c, arn, "b").must(t)
	})
}

// A mapping outlives its consumer, and stays on the dead ARN when the name is
// registered anew.
func TestMappingOfDeadConsumer(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		dead := registered(t, s, "c")
		m := mapConsumer(t, c, dead, "a").must(t)
		time.Sleep(2 * time.Second)
		deregister(t, s, dead)
		if got := read(t, c, m.UUID); *got.State != "Enabled" || *got.EventSourceArn != dead {
			t.Errorf("without its consumer: %s on %s", *got.State, *got.EventSourceArn)
		}
		mapConsumer(t, c, dead, "b").refusedWith(t, "InvalidParameterValueException", "Stream not found: "+dead)
		alive := registered(t, s, "c")
		if alive == dead {
			t.Fatal("the ARN is used again")
		}
		if got := read(t, c, m.UUID); *got.EventSourceArn != dead {
			t.Errorf("followed to %s", *got.EventSourceArn)
		}
		anew := mapConsumer(t, c, alive, "a").must(t) // another key
		got, _ := listed(t, c, &lambda.ListEventSourceMappingsInput{EventSourceArn: &dead})
		if d := cmp.Diff([]string{functionFn + ":a"}, got); d != "" {
			t.Errorf("on the dead ARN (-want +got):\n%s", d)
		}
		// What is left can be changed and deleted.
		change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, Enabled: aws.Bool(false)}).must(t)
		time.Sleep(time.Second)
		did(c.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: m.UUID})).must(t)
		time.Sleep(time.Second)
		all, _ := listed(t, c, &lambda.ListEventSourceMappingsInput{})
		if len(all) != 1 || *read(t, c, anew.UUID).EventSourceArn != alive {
			t.Errorf("left: %v", all)
		}
	})
}

// FunctionName retargets in place: the mapping stays what it is, and its old
// key becomes free.
func TestRetarget(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		arn := registered(t, s, "c")
		m := mapConsumer(t, c, arn, "a").must(t)
		other := mapConsumer(t, c, arn, "b").must(t)
		time.Sleep(2 * time.Second)
		to := func(name string) outcome[*lambda.UpdateEventSourceMappingOutput] {
			t.Helper()
			return change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, FunctionName: &name})
		}
		to("fn:b").refusedWith(t, "ResourceConflictException", consumerTaken(arn, *other.UUID))
		to("fn:nothing").refusedWith(t, "InvalidParameterValueException", "Function does not exist")
		before := read(t, c, m.UUID)
		if got := to("fn:c").must(t); *got.UUID != *m.UUID || *got.FunctionArn != functionFn+":c" || *got.State != "Updating" {
			t.Errorf("got %s, %s", *got.FunctionArn, *got.State)
		}
		time.Sleep(time.Second)
		after := read(t, c, m.UUID)
		before.FunctionArn, before.LastModified = after.FunctionArn, after.LastModified
		serde := cmpopts.IgnoreUnexported(lambda.GetEventSourceMappingOutput{}, types.DestinationConfig{}, types.OnFailure{})
		meta := cmpopts.IgnoreFields(lambda.GetEventSourceMappingOutput{}, "ResultMetadata")
		if d := cmp.Diff(before, after, serde, meta); d != "" {
			t.Errorf("the rest has changed:\n%s", d)
		}
		mapConsumer(t, c, arn, "a").must(t)
		to("fn:c").must(t) // its own key is no conflict
	})
}

// At most 5 consumers may be CREATING, whatever maps them.
func TestConsumersAtOnce(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, _ *lambda.Client) {
		k := kinesisClient(s)
		register := func(i int) (*kinesis.RegisterStreamConsumerOutput, error) {
			return k.RegisterStreamConsumer(t.Context(),
				&kinesis.RegisterStreamConsumerInput{StreamARN: aws.String(orders), ConsumerName: aws.String(fmt.Sprint("c", i))})
		}
		for i := range 20 {
			if i%5 == 0 && i > 0 {
				_, err := register(i)
				wantKinesisCode(t, err, "LimitExceededException") // the five before are CREATING
				time.Sleep(world.Short().ConsumerCreate)
			}
			did(register(i)).must(t)
		}
		time.Sleep(world.Short().ConsumerCreate)
		_, err := register(20)
		wantKinesisCode(t, err, "LimitExceededException") // 20 a stream
		all := did(k.ListStreamConsumers(t.Context(), &kinesis.ListStreamConsumersInput{StreamARN: aws.String(orders)})).must(t)
		for _, x := range all.Consumers {
			if x.ConsumerStatus != kinesistypes.ConsumerStatusActive {
				t.Errorf("%s is %s", *x.ConsumerName, x.ConsumerStatus)
			}
		}
	})
}

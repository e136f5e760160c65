package emulator_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

const (
	orders     = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"
	theirs     = "arn:aws:sqs:eu-west-1:123456789012:theirs"
	theKey     = "arn:aws:kms:eu-west-1:123456789012:key/k"
	functionFn = "arn:aws:lambda:eu-west-1:123456789012:function:fn"
)

// inLambda runs a test in a bubble on a server with the stream orders, the
// function fn and its aliases a, b and c, and with a client that tries once.
func inLambda(t *testing.T, f func(*testing.T, *emulator.Server, *lambda.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := world.New(1, world.Short(), time.Now())
		w.SetKnobs(world.Knobs{})
		s := emulator.New(emulator.Options{World: w})
		err := s.Seed(emulator.Seed{
			Place:     streamsPlace(),
			Streams:   map[string]int{"orders": 4},
			Functions: map[string][]string{"fn": {"a", "b", "c"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		f(t, s, lambdaClient(s, streamsPlace()))
	})
}

func lambdaClient(s *emulator.Server, at world.Place) *lambda.Client {
	return lambda.New(lambda.Options{
		Region:       at.Region,
		BaseEndpoint: aws.String("https://lambda.test"),
		HTTPClient:   s.Client(),
		Retryer:      aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: at.Account, SecretAccessKey: "secret"}, nil
		}),
	})
}

// outcome of a call, for a test that goes on only if it succeeded.
type outcome[T any] struct {
	v   T
	err error
}

func did[T any](v T, err error) outcome[T] { return outcome[T]{v, err} }

func (o outcome[T]) must(t *testing.T) T {
	t.Helper()
	if o.err != nil {
		t.Fatal(o.err)
	}
	return o.v
}

// refusedWith checks that a call was refused with a code and a text.
func (o outcome[T]) refusedWith(t *testing.T, code, text string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](o.err)
	if !ok {
		t.Fatalf("error %v, want %s", o.err, code)
	}
	if e.ErrorCode() != code || e.ErrorMessage() != text {
		t.Errorf("refused with\n%s: %s\nwant\n%s: %s", e.ErrorCode(), e.ErrorMessage(), code, text)
	}
}

// mapFn creates a mapping of orders to a qualifier of fn.
func mapFn(t *testing.T, c *lambda.Client, qualifier string, change func(*lambda.CreateEventSourceMappingInput)) outcome[*lambda.CreateEventSourceMappingOutput] {
	t.Helper()
	in := &lambda.CreateEventSourceMappingInput{
		EventSourceArn:   aws.String(orders),
		FunctionName:     aws.String("fn:" + qualifier),
		StartingPosition: types.EventSourcePositionTrimHorizon,
	}
	if change != nil {
		change(in)
	}
	return did(c.CreateEventSourceMapping(t.Context(), in))
}

func read(t *testing.T, c *lambda.Client, uuid *string) *lambda.GetEventSourceMappingOutput {
	t.Helper()
	return did(c.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: uuid})).must(t)
}

func change(t *testing.T, c *lambda.Client, in *lambda.UpdateEventSourceMappingInput) outcome[*lambda.UpdateEventSourceMappingOutput] {
	t.Helper()
	return did(c.UpdateEventSourceMapping(t.Context(), in))
}

func TestMappingStates(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		time.Sleep(30*time.Second + 5*time.Millisecond)
		start := time.Now()
		m := mapFn(t, c, "a", nil).must(t)
		state := func(want string) {
			t.Helper()
			if got := *read(t, c, m.UUID).State; got != want {
				t.Errorf("%v after the creation the state is %s, want %s", time.Since(start), got, want)
			}
		}
		if *m.State != "Creating" || !m.LastModified.Equal(start) {
			t.Errorf("created %s at %v, want Creating at %v", *m.State, m.LastModified, start)
		}
		const inUse = " the event source mapping because it is in use."
		change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, BatchSize: aws.Int32(7)}).
			refusedWith(t, "ResourceInUseException", "Cannot update"+inUse)
		did(c.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: m.UUID})).
			refusedWith(t, "ResourceInUseException", "Cannot delete"+inUse)
		time.Sleep(2*time.Second - time.Nanosecond)
		state("Creating")
		time.Sleep(time.Nanosecond)
		state("Enabled")
		if got, want := *read(t, c, m.UUID).LastModified, start.Truncate(time.Minute); !got.Equal(want) {
			t.Errorf("read, LastModified is %v, want %v", got, want)
		}
		for _, s := range []struct {
			in            lambda.UpdateEventSourceMappingInput
			during, after string
		}{
			{lambda.UpdateEventSourceMappingInput{BatchSize: aws.Int32(7)}, "Updating", "Enabled"},
			{lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false)}, "Disabling", "Disabled"},
			{lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false), BatchSize: aws.Int32(8)}, "Updating", "Disabled"},
			{lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(true)}, "Enabling", "Enabled"},
		} {
			s.in.UUID = m.UUID
			if got := *change(t, c, &s.in).must(t).State; got != s.during {
				t.Errorf("update answers %s, want %s", got, s.during)
			}
			state(s.during)
			time.Sleep(time.Second)
			state(s.after)
		}
		if got := *did(c.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: m.UUID})).must(t).State; got != "Deleting" {
			t.Errorf("delete answers %s", got)
		}
		mapFn(t, c, "a", nil).refusedWith(t, "ResourceConflictException", duplicateOf(*m.UUID))
		time.Sleep(time.Second)
		did(c.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: m.UUID})).
			refusedWith(t, "ResourceNotFoundException", "The resource you requested does not exist.")
		mapFn(t, c, "a", nil).must(t)
	})
}

func duplicateOf(uuid string) string {
	return `The event source arn (" ` + orders + ` ") and function (" fn ") provided mapping already exists. ` +
		"Please update or delete the existing mapping with UUID " + uuid
}

func TestMappingCreatedDisabled(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		m := mapFn(t, c, "a", func(in *lambda.CreateEventSourceMappingInput) { in.Enabled = aws.Bool(false) }).must(t)
		if *m.State != "Creating" {
			t.Errorf("created %s", *m.State)
		}
		time.Sleep(time.Second)
		if got := *read(t, c, m.UUID).State; got != "Disabled" {
			t.Errorf("a second later it is %s", got)
		}
	})
}

// TestMappingKey: a source and a qualified function have one mapping, whatever
// it filters.
func TestMappingKey(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		filter := func(pattern string) func(*lambda.CreateEventSourceMappingInput) {
			return func(in *lambda.CreateEventSourceMappingInput) {
				in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: &pattern}}}
			}
		}
		a := mapFn(t, c, "a", filter(`{"data":{"type":["A"]}}`)).must(t)
		b := mapFn(t, c, "b", filter(`{"data":{"type":["B"]}}`)).must(t)
		mapFn(t, c, "a", filter(`{"data":{"type":["C"]}}`)).refusedWith(t, "ResourceConflictException", duplicateOf(*a.UUID))
		time.Sleep(2 * time.Second)
		change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: b.UUID, FunctionName: aws.String("fn:a")}).
			refusedWith(t, "ResourceConflictException", duplicateOf(*a.UUID))
		to := change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: b.UUID, FunctionName: aws.String("fn:c")}).must(t)
		if *to.FunctionArn != functionFn+":c" || *to.UUID != *b.UUID {
			t.Errorf("retargeted to %s, %s", *to.FunctionArn, *to.UUID)
		}
		mapFn(t, c, "b", nil).must(t)
		// A name with $LATEST and one without are two functions.
		mapFn(t, c, "$LATEST", nil).must(t)
		mapFn(t, c, "a", func(in *lambda.CreateEventSourceMappingInput) { in.FunctionName = aws.String("fn") }).must(t)
	})
}

func TestOrphans(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		a, b := mapFn(t, c, "a", nil).must(t), mapFn(t, c, "b", nil).must(t)
		did(c.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: aws.String("fn"), Name: aws.String("a")})).must(t)
		did(c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("fn")})).must(t)
		time.Sleep(2 * time.Second)
		for _, m := range []*lambda.CreateEventSourceMappingOutput{a, b} {
			if got := *read(t, c, m.UUID).State; got != "Enabled" {
				t.Errorf("the mapping of %s is %s", *m.FunctionArn, got)
			}
		}
		mapFn(t, c, "a", nil).refusedWith(t, "InvalidParameterValueException", "Function does not exist")
		// Created anew, the function finds its mappings there.
		did(c.CreateFunction(t.Context(), newFunction("fn"))).must(t)
		did(c.CreateAlias(t.Context(), &lambda.CreateAliasInput{
			FunctionName: aws.String("fn"), Name: aws.String("a"), FunctionVersion: aws.String("$LATEST"),
		})).must(t)
		mapFn(t, c, "a", nil).refusedWith(t, "ResourceConflictException", duplicateOf(*a.UUID))
	})
}

func newFunction(name string) *lambda.CreateFunctionInput {
	return &lambda.CreateFunctionInput{
		FunctionName: aws.String(name),
		Role:         aws.String("arn:aws:iam::123456789012:role/r"),
		Runtime:      types.RuntimeProvidedal2023,
		Handler:      aws.String("bootstrap"),
		Code:         &types.FunctionCode{ZipFile: []byte("zip")},
	}
}

// TestUpdateKeeps: what is not sent stays, what is sent empty goes.
func TestUpdateKeeps(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		pattern := `{"data":{"type":["A"]}}`
		m := mapFn(t, c, "a", func(in *lambda.CreateEventSourceMappingInput) {
			in.BatchSize, in.ParallelizationFactor, in.MaximumBatchingWindowInSeconds = aws.Int32(5), aws.Int32(3), aws.Int32(2)
			in.MaximumRetryAttempts, in.MaximumRecordAgeInSeconds = aws.Int32(4), aws.Int32(600)
			in.BisectBatchOnFunctionError = aws.Bool(true)
			in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: &pattern}}}
			in.KMSKeyArn = aws.String(theKey)
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(theirs)}}
			in.FunctionResponseTypes = []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}
			in.MetricsConfig = &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{types.EventSourceMappingMetricEventCount}}
		}).must(t)
		time.Sleep(2 * time.Second)
		kept := change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, BatchSize: aws.Int32(6)}).must(t)
		if *kept.BatchSize != 6 || *kept.ParallelizationFactor != 3 || *kept.MaximumBatchingWindowInSeconds != 2 ||
			*kept.MaximumRetryAttempts != 4 || *kept.MaximumRecordAgeInSeconds != 600 || !*kept.BisectBatchOnFunctionError ||
			*kept.FilterCriteria.Filters[0].Pattern != pattern || *kept.KMSKeyArn != theKey ||
			*kept.DestinationConfig.OnFailure.Destination != theirs || len(kept.FunctionResponseTypes) != 1 || len(kept.MetricsConfig.Metrics) != 1 {
			t.Errorf("an update of the batch size leaves %+v", kept)
		}
		time.Sleep(time.Second)
		cleared := change(t, c, &lambda.UpdateEventSourceMappingInput{
			UUID:                       m.UUID,
			MaximumRetryAttempts:       aws.Int32(-1),
			MaximumRecordAgeInSeconds:  aws.Int32(-1),
			BisectBatchOnFunctionError: aws.Bool(false),
			FilterCriteria:             &types.FilterCriteria{},
			DestinationConfig:          &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("")}},
			FunctionResponseTypes:      []types.FunctionResponseType{},
			MetricsConfig:              &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{}},
		}).must(t)
		if cleared.FilterCriteria != nil || cleared.KMSKeyArn != nil || cleared.DestinationConfig.OnFailure.Destination != nil ||
			len(cleared.FunctionResponseTypes) != 0 || cleared.MetricsConfig != nil || *cleared.MaximumRetryAttempts != -1 ||
			*cleared.BatchSize != 6 {
			t.Errorf("an update that clears leaves %+v", cleared)
		}
	})
}

// TestStaleUpdates: with the knob set, the old values are shown until the
// update is done.
func TestStaleUpdates(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		s.Do(func(w *world.World) { w.SetKnobs(world.Knobs{StaleUpdates: true}) })
		m := mapFn(t, c, "a", nil).must(t)
		time.Sleep(2 * time.Second)
		up := change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, BatchSize: aws.Int32(6), FunctionName: aws.String("fn:b")}).must(t)
		if *up.State != "Updating" || *up.BatchSize != 100 || *up.FunctionArn != functionFn+":a" {
			t.Errorf("the update answers %s %d %s", *up.State, *up.BatchSize, *up.FunctionArn)
		}
		// Both keys are taken meanwhile.
		mapFn(t, c, "a", nil).refusedWith(t, "ResourceConflictException", duplicateOf(*m.UUID))
		mapFn(t, c, "b", nil).refusedWith(t, "ResourceConflictException", duplicateOf(*m.UUID))
		time.Sleep(time.Second)
		if got := read(t, c, m.UUID); *got.State != "Enabled" || *got.BatchSize != 6 || *got.FunctionArn != functionFn+":b" {
			t.Errorf("settled as %s %d %s", *got.State, *got.BatchSize, *got.FunctionArn)
		}
	})
}

func TestEncryptedFilter(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		pattern := `{"data":{"type":["A"]}}`
		m := mapFn(t, c, "a", func(in *lambda.CreateEventSourceMappingInput) {
			in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: &pattern}}}
			in.KMSKeyArn = aws.String(theKey)
		}).must(t)
		time.Sleep(2 * time.Second)
		if got := read(t, c, m.UUID); *got.FilterCriteria.Filters[0].Pattern != pattern {
			t.Errorf("Get shows %v", got.FilterCriteria)
		}
		list := did(c.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})).must(t)
		if got := list.EventSourceMappings[0]; got.FilterCriteria != nil || *got.KMSKeyArn != theKey {
			t.Errorf("List shows %v", got.FilterCriteria)
		}
		s.Do(func(w *world.World) { w.DenyDecrypt(streamsPlace(), true) })
		got := read(t, c, m.UUID)
		if got.FilterCriteria != nil || got.FilterCriteriaError == nil || *got.FilterCriteriaError.ErrorCode != "AccessDeniedException" {
			t.Errorf("without kms:Decrypt Get shows %v, %v", got.FilterCriteria, got.FilterCriteriaError)
		}
		change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, KMSKeyArn: aws.String("")}).
			refusedWith(t, "InvalidParameterValueException", *got.FilterCriteriaError.Message)
	})
}

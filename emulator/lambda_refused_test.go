package emulator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

func TestRefusedMappings(t *testing.T) {
	const invalid, validation = "InvalidParameterValueException", "ValidationException"
	violates := func(value, member, constraint string) string {
		return fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, constraint)
	}
	atLeast := func(n int) string { return fmt.Sprintf("Member must have value greater than or equal to %d", n) }
	atMost := func(n int) string { return fmt.Sprintf("Member must have value less than or equal to %d", n) }
	filters := func(patterns ...string) *types.FilterCriteria {
		f := &types.FilterCriteria{}
		for _, p := range patterns {
			f.Filters = append(f.Filters, types.Filter{Pattern: &p})
		}
		return f
	}
	past, future := time.Unix(900000000, 0), time.Unix(4000000000, 0)
	good := `{"data":{"type":["A"]}}`
	type input = lambda.CreateEventSourceMappingInput
	for name, c := range map[string]struct {
		change     func(*input)
		code, text string
	}{
		"batch 0":      {func(in *input) { in.BatchSize = aws.Int32(0) }, validation, violates("0", "batchSize", atLeast(1))},
		"batch 10001":  {func(in *input) { in.BatchSize = aws.Int32(10001) }, validation, violates("10001", "batchSize", atMost(10000))},
		"window -1":    {func(in *input) { in.MaximumBatchingWindowInSeconds = aws.Int32(-1) }, validation, violates("-1", "maximumBatchingWindowInSeconds", atLeast(0))},
		"window 301":   {func(in *input) { in.MaximumBatchingWindowInSeconds = aws.Int32(301) }, validation, violates("301", "maximumBatchingWindowInSeconds", atMost(300))},
		"factor 0":     {func(in *input) { in.ParallelizationFactor = aws.Int32(0) }, validation, violates("0", "parallelizationFactor", atLeast(1))},
		"factor 11":    {func(in *input) { in.ParallelizationFactor = aws.Int32(11) }, validation, violates("11", "parallelizationFactor", atMost(10))},
		"tumbling 901": {func(in *input) { in.TumblingWindowInSeconds = aws.Int32(901) }, validation, violates("901", "tumblingWindowInSeconds", atMost(900))},
		"retries -2":   {func(in *input) { in.MaximumRetryAttempts = aws.Int32(-2) }, validation, violates("-2", "maximumRetryAttempts", atLeast(-1))},
		"retries 10001": {func(in *input) { in.MaximumRetryAttempts = aws.Int32(10001) }, validation,
			violates("10001", "maximumRetryAttempts", atMost(10000))},
		"age 604801": {func(in *input) { in.MaximumRecordAgeInSeconds = aws.Int32(604801) }, validation,
			violates("604801", "maximumRecordAgeInSeconds", atMost(604800))},
		"age 59": {func(in *input) { in.MaximumRecordAgeInSeconds = aws.Int32(59) }, invalid,
			"MaximumRecordAgeInSeconds must be -1 or between 60 and 604800."},
		"two violations": {func(in *input) { in.BatchSize, in.ParallelizationFactor = aws.Int32(0), aws.Int32(11) }, validation,
			"2 validation errors detected: Value '0' at 'batchSize' failed to satisfy constraint: " + atLeast(1) +
				"; Value '11' at 'parallelizationFactor' failed to satisfy constraint: " + atMost(10)},
		"no time": {func(in *input) { in.StartingPosition = types.EventSourcePositionAtTimestamp }, invalid, "Need to specify a timestamp"},
		"a time too many": {func(in *input) { in.StartingPositionTimestamp = &past }, invalid,
			"Timestamp only valid with StartingPosition AT_TIMESTAMP"},
		"time in the future": {func(in *input) {
			in.StartingPosition, in.StartingPositionTimestamp = types.EventSourcePositionAtTimestamp, &future
		}, invalid, "Received Exception while reading from provided stream. The timestampInMillis parameter cannot be greater than " +
			"the currentTimestampInMillis. timestampInMillis: 4000000000000, currentTimestampInMillis: 946684800000"},
		"six filters":       {func(in *input) { in.FilterCriteria = filters(good, good, good, good, good, good) }, invalid, "The number of filters (6) exceeds the maximum of 5."},
		"filter not JSON":   {func(in *input) { in.FilterCriteria = filters("type = A") }, invalid, "Invalid filter pattern definition."},
		"filter not object": {func(in *input) { in.FilterCriteria = filters(`["A"]`) }, invalid, "Invalid filter pattern definition."},
		"filter empty":      {func(in *input) { in.FilterCriteria = filters("") }, invalid, "Invalid filter pattern definition."},
		"filter of bare value": {func(in *input) { in.FilterCriteria = filters(`{"data":{"type":"A"}}`) }, invalid,
			"Invalid filter pattern definition."},
		"filter too long": {func(in *input) { in.FilterCriteria = filters(strings.Repeat("x", 4097)) }, validation,
			violates(strings.Repeat("x", 4097), "filterCriteria.filters.1.member.pattern", "Member must have length less than or equal to 4096")},
		"tumbling and factor": {func(in *input) { in.TumblingWindowInSeconds, in.ParallelizationFactor = aws.Int32(60), aws.Int32(2) }, invalid,
			"Parallelization factor must be equal to 1 when tumbling window period is configured"},
		"tumbling and filter": {func(in *input) { in.TumblingWindowInSeconds, in.FilterCriteria = aws.Int32(60), filters(good) }, invalid,
			"FilterCriteria is not supported when TumblingWindowInSeconds is set."},
		"destination of success": {func(in *input) {
			in.DestinationConfig = &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: aws.String(theirs)}}
		}, invalid, "Unsupported DestinationConfig parameter for given event source mapping type."},
		"FIFO destination": {func(in *input) {
			in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(theirs + ".fifo")}}
		}, invalid, "The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination=" + theirs + ".fifo)) is invalid."},
		"two response types": {func(in *input) { in.FunctionResponseTypes = []types.FunctionResponseType{"a", "b"} }, validation,
			violates("[a, b]", "functionResponseTypes", "Member must have length less than or equal to 1")},
		"metrics of Kafka": {func(in *input) {
			in.MetricsConfig = &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{"KafkaMetrics"}}
		}, invalid, "Unsupported MetricsConfig parameter for given event source mapping type."},
		"scaling of SQS": {func(in *input) { in.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: aws.Int32(2)} }, invalid,
			"Unsupported ScalingConfig parameter for given event source mapping type."},
		"topics of Kafka": {func(in *input) { in.Topics = []string{"t"} }, invalid,
			"Unsupported Topics parameter for given event source mapping type."},
		"source not an ARN": {func(in *input) { in.EventSourceArn = aws.String("orders") }, validation,
			violates("orders", "eventSourceArn", `Member must satisfy regular expression pattern: arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)`)},
		"source of no kind": {func(in *input) { in.EventSourceArn = aws.String("arn:aws:s3:::bucket") }, invalid, "Unrecognized event source."},
		"stream missing":    {func(in *input) { in.EventSourceArn = aws.String(orders + "x") }, invalid, "Stream not found: " + orders + "x"},
		"consumer missing": {func(in *input) { in.EventSourceArn = aws.String(orders + "/consumer/c:1") }, invalid,
			"Stream not found: " + orders + "/consumer/c:1"},
		"function missing": {func(in *input) { in.FunctionName = aws.String("nobody") }, invalid, "Function does not exist"},
		"alias missing":    {func(in *input) { in.FunctionName = aws.String("fn:nobody") }, invalid, "Function does not exist"},
		"version missing":  {func(in *input) { in.FunctionName = aws.String("fn:2") }, invalid, "Function does not exist"},
		"51 tags": {func(in *input) {
			in.Tags = map[string]string{}
			for i := range 51 {
				in.Tags[fmt.Sprint(i)] = "x"
			}
		}, invalid, "Number of tags exceeds resource tag limit."},
		"SQS with a position": {func(in *input) { in.EventSourceArn = aws.String(theirs) }, invalid,
			"StartingPosition is not valid for SQS event sources."},
		"SQS with a factor": {func(in *input) {
			in.EventSourceArn, in.StartingPosition, in.ParallelizationFactor = aws.String(theirs), "", aws.Int32(2)
		}, invalid, "Unsupported ParallelizationFactor parameter for given event source mapping type."},
		"SQS batch without window": {func(in *input) {
			in.EventSourceArn, in.StartingPosition, in.BatchSize = aws.String(theirs), "", aws.Int32(11)
		}, invalid, "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"},
		"SQS concurrency of 1": {func(in *input) {
			in.EventSourceArn, in.StartingPosition = aws.String(theirs), ""
			in.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: aws.Int32(1)}
		}, validation, violates("1", "scalingConfig.maximumConcurrency", atLeast(2))},
	} {
		t.Run(name, func(t *testing.T) {
			inLambda(t, func(t *testing.T, s *emulator.Server, client *lambda.Client) {
				mapFn(t, client, "a", c.change).refusedWith(t, c.code, c.text)
				s.Do(func(w *world.World) {
					if all, _, err := w.Mappings(streamsPlace(), world.MappingsQuery{}); err != nil || len(all) > 0 {
						t.Errorf("a refused call leaves %v, %v", all, err)
					}
				})
			})
		})
	}
}

func TestRefusedUpdates(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		m := mapFn(t, c, "a", nil).must(t)
		time.Sleep(2 * time.Second)
		change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, ParallelizationFactor: aws.Int32(11)}).
			refusedWith(t, "ValidationException", "1 validation error detected: Value '11' at 'parallelizationFactor' failed to satisfy constraint: Member must have value less than or equal to 10")
		change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, FunctionName: aws.String("fn:nobody")}).
			refusedWith(t, "InvalidParameterValueException", "Function does not exist")
		change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, MaximumRecordAgeInSeconds: aws.Int32(10)}).
			refusedWith(t, "InvalidParameterValueException", "MaximumRecordAgeInSeconds must be -1 or between 60 and 604800.")
		// What is there counts together with what is sent.
		change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, TumblingWindowInSeconds: aws.Int32(60)}).must(t)
		time.Sleep(time.Second)
		change(t, c, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, ParallelizationFactor: aws.Int32(2)}).
			refusedWith(t, "InvalidParameterValueException", "Parallelization factor must be equal to 1 when tumbling window period is configured")
		if got := read(t, c, m.UUID); *got.State != "Enabled" || *got.ParallelizationFactor != 1 {
			t.Errorf("refused updates leave %s, %d", *got.State, *got.ParallelizationFactor)
		}
	})
}

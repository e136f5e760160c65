package emulator_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// kinesisRefused is an input and what it is refused with, on an ACTIVE stream s of 4
// shards, an on-demand stream od and nothing else.
type kinesisRefused struct {
	name string
	call func(context.Context, *kinesis.Client) error
	code string
	text string
}

func checkRefused(t *testing.T, cases []kinesisRefused) {
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
				seededStream(t, s, 4)
				s.Do(func(w *world.World) {
					if err := w.CreateStream(streamsPlace(), world.NewStream{Name: "od", OnDemand: true}); err != nil {
						t.Fatal(err)
					}
				})
				time.Sleep(world.Short().StreamCreate)
				code, text := kinesisRefusal(t, tc.call(t.Context(), c))
				if code != tc.code || text != tc.text {
					t.Errorf("got  %s: %s\nwant %s: %s", code, text, tc.code, tc.text)
				}
			})
		})
	}
}

const (
	codeValidation = "ValidationException"
	codeArgument   = "InvalidArgumentException"
	codeLimit      = "LimitExceededException"
	codeNotFound   = "ResourceNotFoundException"
	codeInUse      = "ResourceInUseException"
)

func createWith(in kinesis.CreateStreamInput) func(context.Context, *kinesis.Client) error {
	return func(ctx context.Context, c *kinesis.Client) error {
		_, err := c.CreateStream(ctx, &in)
		return err
	}
}

func TestRefusedStreams(t *testing.T) {
	long := strings.Repeat("a", 129)
	checkRefused(t, []kinesisRefused{
		{"exists", createWith(kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)}),
			codeInUse, "Stream s under account 123456789012 already exists."},
		{"two faults at once", createWith(kinesis.CreateStreamInput{StreamName: aws.String("a/b"), ShardCount: aws.Int32(0)}),
			codeValidation, "2 validation errors detected: " +
				"Value 'a/b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; " +
				"Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"long name", createWith(kinesis.CreateStreamInput{StreamName: &long, ShardCount: aws.Int32(1)}),
			codeValidation, "1 validation error detected: Value '" + long + "' at 'streamName' failed to satisfy constraint: " +
				"Member must have length less than or equal to 128"},
		{"mode", createWith(kinesis.CreateStreamInput{StreamName: aws.String("x"), StreamModeDetails: &types.StreamModeDetails{StreamMode: "FREE"}}),
			codeValidation, "1 validation error detected: Value 'FREE' at 'streamModeDetails.streamMode' failed to satisfy constraint: " +
				"Member must satisfy enum value set: [ON_DEMAND, PROVISIONED]"},
		{"provisioned without shards", createWith(kinesis.CreateStreamInput{StreamName: aws.String("x"),
			StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeProvisioned}}),
			codeValidation, "ShardCount must be specified when StreamMode=PROVISIONED"},
		{"on-demand with shards", createWith(kinesis.CreateStreamInput{StreamName: aws.String("x"), ShardCount: aws.Int32(1),
			StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}}),
			codeValidation, "ShardCount not expected when StreamMode=ON_DEMAND"},
		{"shard quota", createWith(kinesis.CreateStreamInput{StreamName: aws.String("x"), ShardCount: aws.Int32(19997)}),
			codeLimit, "This request would exceed the shard limit for the account 123456789012 in eu-west-1. " +
				"Current shard count for the account: 4. Limit: 20000. " +
				"Number of additional shards that would have resulted from this request: 19997. " +
				"Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) " +
				"for current limits and how to request higher limits."},
		{"tag", createWith(kinesis.CreateStreamInput{StreamName: aws.String("x"), ShardCount: aws.Int32(1), Tags: map[string]string{"a": "b;"}}),
			codeArgument, "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @ :."},
		{"no stream", func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("wrong-stream-name")})
			return err
		}, codeNotFound, "Stream wrong-stream-name under account 123456789012 not found."},
		{"stream of another account", func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{
				StreamARN: aws.String("arn:aws:kinesis:eu-west-1:999999999999:stream/s")})
			return err
		}, codeNotFound, "Stream s under account 999999999999 not found."},
		{"name and ARN differ", func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("od"), StreamARN: kinesisStreamARN()})
			return err
		}, codeArgument, "Input stream name od doesn't match the inferred name in stream arn s"},
		{"not an ARN", func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamARN: aws.String("s")})
			return err
		}, codeValidation, `1 validation error detected: Value 's' at 'streamARN' failed to satisfy constraint: ` +
			`Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+`},
		{"retention too short", retentionOf(23), codeArgument,
			"Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short."},
		{"retention too long", retentionOf(8761), codeArgument,
			"Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long."},
		{"stream of another region", func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{
				StreamARN: aws.String("arn:aws:kinesis:us-west-2:123456789012:stream/s")})
			return err
		}, codeArgument, "The region specified in the ARN 'arn:aws:kinesis:us-west-2:123456789012:stream/s' does not match the endpoint region"},
		{"reserved tag", func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.TagResource(ctx, &kinesis.TagResourceInput{ResourceARN: kinesisStreamARN(), Tags: map[string]string{"aws:probe": "x"}})
			return err
		}, codeArgument, "Some tag keys in the request started with 'aws:'. System tags cannot be modified."},
		{"retention not shorter", func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DecreaseStreamRetentionPeriod(ctx,
				&kinesis.DecreaseStreamRetentionPeriodInput{StreamName: aws.String("s"), RetentionPeriodHours: aws.Int32(25)})
			return err
		}, codeArgument, "Requested retention period (25 hours) for stream s can not be longer than existing retention period (24 hours). Use IncreaseRetentionPeriod API."},
		{"51 tags", func(ctx context.Context, c *kinesis.Client) error {
			tags := map[string]string{}
			for i := range 51 {
				tags[strings.Repeat("k", i+1)] = "v"
			}
			_, err := c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: aws.String("s"), Tags: tags})
			return err
		}, codeArgument, "Failed to add tags to stream s under account 123456789012 because a given stream cannot have more than 50 tags associated with it."},
	})
}

func retentionOf(hours int32) func(context.Context, *kinesis.Client) error {
	return func(ctx context.Context, c *kinesis.Client) error {
		_, err := c.IncreaseStreamRetentionPeriod(ctx,
			&kinesis.IncreaseStreamRetentionPeriodInput{StreamName: aws.String("s"), RetentionPeriodHours: &hours})
		return err
	}
}

func shardCount(stream string, n int32) func(context.Context, *kinesis.Client) error {
	return func(ctx context.Context, c *kinesis.Client) error {
		in := scaleTo(n)
		in.StreamName = &stream
		_, err := c.UpdateShardCount(ctx, in)
		return err
	}
}

func splitAt(shard, key string) func(context.Context, *kinesis.Client) error {
	return func(ctx context.Context, c *kinesis.Client) error {
		_, err := c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: aws.String("s"), ShardToSplit: &shard, NewStartingHashKey: &key})
		return err
	}
}

func mergePair(a, b string) func(context.Context, *kinesis.Client) error {
	return func(ctx context.Context, c *kinesis.Client) error {
		_, err := c.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: aws.String("s"), ShardToMerge: &a, AdjacentShardToMerge: &b})
		return err
	}
}

func listWith(in kinesis.ListShardsInput) func(context.Context, *kinesis.Client) error {
	return func(ctx context.Context, c *kinesis.Client) error {
		in.StreamName = aws.String("s")
		_, err := c.ListShards(ctx, &in)
		return err
	}
}

func TestRefusedShards(t *testing.T) {
	checkRefused(t, []kinesisRefused{
		{"more than double", shardCount("s", 9), codeLimit,
			"UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 4, Target shard count: 9"},
		{"less than half", shardCount("s", 1), codeLimit,
			"UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 4, Target shard count: 1"},
		{"more than 10000", shardCount("s", 10001), codeLimit,
			"Target shard count or number of open shards cannot be greater than 10000. Current open shard count: 4, Target shard count: 10001"},
		{"target of 0", shardCount("s", 0), codeValidation,
			"1 validation error detected: Value '0' at 'targetShardCount' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"on-demand", shardCount("od", 8), codeValidation, "Request is invalid. Stream od under account 123456789012 is in On-Demand mode."},
		{"scaling type", func(ctx context.Context, c *kinesis.Client) error {
			in := scaleTo(5)
			in.ScalingType = "SKEWED"
			_, err := c.UpdateShardCount(ctx, in)
			return err
		}, codeValidation, "1 validation error detected: Value 'SKEWED' at 'scalingType' failed to satisfy constraint: " +
			"Member must satisfy enum value set: [UNIFORM_SCALING]"},
		{"split at the second key", splitAt("shardId-000000000000", "1"), codeArgument,
			"NewStartingHashKey 1 used in SplitShard() on shard shardId-000000000000 in stream s under account 123456789012 is not both " +
				"greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey 85070591730234615865843651857942052863."},
		{"split at the last key", splitAt("shard-0", "85070591730234615865843651857942052863"), codeArgument,
			"NewStartingHashKey 85070591730234615865843651857942052863 used in SplitShard() on shard shardId-000000000000 in stream s under account 123456789012 is not both " +
				"greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey 85070591730234615865843651857942052863."},
		{"split above the space", splitAt("0", "999999999999999999999999999999999999999"), codeArgument,
			"NewStartingHashKey 999999999999999999999999999999999999999 used in SplitShard() on shard shardId-000000000000 in stream s under account 123456789012 is not both " +
				"greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey 85070591730234615865843651857942052863."},
		{"split at no key", splitAt("shard-0", "x"), codeValidation,
			`1 validation error detected: Value 'x' at 'newStartingHashKey' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})`},
		{"split no shard", splitAt("shardId-5", "9"), codeNotFound,
			"Could not find shard shardId-000000000005 in stream s under account 123456789012."},
		{"split what names none", splitAt("ABKLFD8", "9"), codeNotFound,
			"Could not find shard ABKLFD8 in stream s under account 123456789012."},
		{"merge strangers", mergePair("shard-0", "shard-2"), codeArgument,
			"Shards shardId-000000000000 and shardId-000000000002 in stream s under account 123456789012 are not an adjacent pair of shards eligible for merging"},
		{"merge the wrong way round", mergePair("shard-1", "shard-0"), codeArgument,
			"Shards shardId-000000000001 and shardId-000000000000 in stream s under account 123456789012 are not an adjacent pair of shards eligible for merging"},
		{"merge the last with the first", mergePair("shard-3", "shard-0"), codeArgument,
			"Shards shardId-000000000003 and shardId-000000000000 in stream s under account 123456789012 are not an adjacent pair of shards eligible for merging"},
		{"filter of no type", listWith(kinesis.ListShardsInput{ShardFilter: &types.ShardFilter{Type: "AT_DAWN"}}), codeValidation,
			"1 validation error detected: Value 'AT_DAWN' at 'shardFilter.type' failed to satisfy constraint: Member must satisfy enum value set: " +
				"[AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP]"},
		{"filter lacks its shard", listWith(kinesis.ListShardsInput{ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAfterShardId}}), codeArgument,
			"ShardId must be provided when the ShardFilter Type is AFTER_SHARD_ID."},
		{"filter lacks its time", listWith(kinesis.ListShardsInput{ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtTimestamp}}), codeArgument,
			"Timestamp must be provided when the ShardFilter Type is AT_TIMESTAMP."},
		{"filter from the future", listWith(kinesis.ListShardsInput{
			ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeFromTimestamp, Timestamp: aws.Time(time.Now().AddDate(100, 0, 0))}}), codeArgument,
			"ShardFilter Timestamp must not be greater than current time."},
		{"page too large", listWith(kinesis.ListShardsInput{MaxResults: aws.Int32(10001)}), codeValidation,
			"1 validation error detected: Value '10001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 10000"},
		{"no token", func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: aws.String("AAAA")})
			return err
		}, codeArgument, "Invalid NextToken."},
		{"token and filter", listWith(kinesis.ListShardsInput{NextToken: aws.String("AAAA"),
			ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}}), codeArgument,
			"NextToken and ShardFilter cannot be provided together."},
	})
}

func TestRefusedConsumers(t *testing.T) {
	describe := func(in kinesis.DescribeStreamConsumerInput) func(context.Context, *kinesis.Client) error {
		return func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.DescribeStreamConsumer(ctx, &in)
			return err
		}
	}
	gone := *kinesisStreamARN() + "/consumer/c:1"
	checkRefused(t, []kinesisRefused{
		{"no consumer by name", describe(kinesis.DescribeStreamConsumerInput{StreamARN: kinesisStreamARN(), ConsumerName: aws.String("c")}),
			codeNotFound, "Consumer c under stream s under account 123456789012 not found."},
		{"no consumer by ARN", describe(kinesis.DescribeStreamConsumerInput{ConsumerARN: &gone}),
			codeNotFound, "Consumer c under stream s under account 123456789012 not found."},
		{"name alone", describe(kinesis.DescribeStreamConsumerInput{ConsumerName: aws.String("c")}),
			codeArgument, "Either ConsumerARN or both StreamARN and ConsumerName should be provided."},
		{"not a consumer's ARN", describe(kinesis.DescribeStreamConsumerInput{ConsumerARN: kinesisStreamARN()}),
			codeValidation, "1 validation error detected: Value 'arn:aws:kinesis:eu-west-1:123456789012:stream/s' at 'consumerARN' failed to satisfy constraint: " +
				`Member must satisfy regular expression pattern: ^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+`},
		{"ARN and name differ", func(ctx context.Context, c *kinesis.Client) error {
			x, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: kinesisStreamARN(), ConsumerName: aws.String("c")})
			if err != nil {
				return err
			}
			_, err = c.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: x.Consumer.ConsumerARN, ConsumerName: aws.String("d")})
			return err
		}, codeArgument, "ConsumerARN arn:aws:kinesis:eu-west-1:123456789012:stream/s/consumer/c:946684801 does not match the ConsumerName or StreamARN provided."},
		{"token of another list", func(ctx context.Context, c *kinesis.Client) error {
			page, err := c.ListStreams(ctx, &kinesis.ListStreamsInput{Limit: aws.Int32(1)})
			if err != nil {
				return err
			}
			_, err = c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: page.NextToken})
			return err
		}, codeArgument, "Invalid NextToken."},
		{"token of another stream", func(ctx context.Context, c *kinesis.Client) error {
			for _, name := range []string{"c", "d"} {
				_, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: kinesisStreamARN(), ConsumerName: &name})
				if err != nil {
					return err
				}
			}
			page, err := c.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{StreamARN: kinesisStreamARN(), MaxResults: aws.Int32(1)})
			if err != nil {
				return err
			}
			_, err = c.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{
				StreamARN: aws.String(world.StreamARN(streamsPlace(), "od")), NextToken: page.NextToken})
			return err
		}, codeArgument, "Invalid NextToken."},
		{"register on no stream", func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
				StreamARN: aws.String(world.StreamARN(streamsPlace(), "none")), ConsumerName: aws.String("c")})
			return err
		}, codeNotFound, "Stream none under account 123456789012 not found."},
		{"register while UPDATING", func(ctx context.Context, c *kinesis.Client) error {
			if _, err := c.UpdateShardCount(ctx, scaleTo(8)); err != nil {
				return err
			}
			_, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: kinesisStreamARN(), ConsumerName: aws.String("c")})
			return err
		}, codeInUse, "Stream s under account 123456789012 not ACTIVE, instead in state UPDATING"},
	})
}

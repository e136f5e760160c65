package emulator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

func kinesisStreamARN() *string { return aws.String(world.StreamARN(streamsPlace(), "s")) }

func register(t *testing.T, c *kinesis.Client, name string) *types.Consumer {
	t.Helper()
	return answered[*kinesis.RegisterStreamConsumerOutput](t)(c.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{
		StreamARN: kinesisStreamARN(), ConsumerName: aws.String(name), Tags: map[string]string{"of": name},
	})).Consumer
}

func TestConsumerLife(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		ctx := t.Context()
		seededStream(t, s, 1)
		first := register(t, c, "c")
		want := &types.ConsumerDescription{
			ConsumerName: aws.String("c"), StreamARN: kinesisStreamARN(), ConsumerStatus: types.ConsumerStatusCreating,
			ConsumerARN:               aws.String(fmt.Sprintf("%s/consumer/c:%d", *kinesisStreamARN(), time.Now().Unix())),
			ConsumerCreationTimestamp: aws.Time(time.Now().UTC().Truncate(time.Second)),
		}
		if got := *first.ConsumerARN; got != *want.ConsumerARN {
			t.Errorf("got %s, want %s", got, *want.ConsumerARN)
		}
		for _, in := range []kinesis.DescribeStreamConsumerInput{
			{ConsumerARN: first.ConsumerARN},
			{StreamARN: kinesisStreamARN(), ConsumerName: aws.String("c")},
			{StreamARN: kinesisStreamARN(), ConsumerName: aws.String("c"), ConsumerARN: first.ConsumerARN},
		} {
			got := answered[*kinesis.DescribeStreamConsumerOutput](t)(c.DescribeStreamConsumer(ctx, &in)).ConsumerDescription
			if d := cmp.Diff(want, got, cmpIgnoreSerde()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		}
		if got := *summaryOf(t, c).ConsumerCount; got != 1 {
			t.Errorf("consumer count %d, want 1", got)
		}
		_, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: kinesisStreamARN(), ConsumerName: aws.String("c")})
		wantKinesisCode(t, err, "ResourceInUseException")
		time.Sleep(world.Short().ConsumerCreate)
		status := func() types.ConsumerStatus {
			return answered[*kinesis.ListStreamConsumersOutput](t)(c.ListStreamConsumers(ctx,
				&kinesis.ListStreamConsumersInput{StreamARN: kinesisStreamARN()})).Consumers[0].ConsumerStatus
		}
		if got := status(); got != types.ConsumerStatusActive {
			t.Errorf("got %s, want ACTIVE", got)
		}
		_, err = c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s")})
		wantKinesisCode(t, err, "ResourceInUseException")
		answered[*kinesis.DeregisterStreamConsumerOutput](t)(c.DeregisterStreamConsumer(ctx,
			&kinesis.DeregisterStreamConsumerInput{ConsumerARN: first.ConsumerARN}))
		if got := status(); got != types.ConsumerStatusDeleting {
			t.Errorf("got %s, want DELETING", got)
		}
		time.Sleep(world.Short().ConsumerCreate)
		_, err = c.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: first.ConsumerARN})
		wantKinesisCode(t, err, "ResourceNotFoundException")

		if second := register(t, c, "c"); *second.ConsumerARN == *first.ConsumerARN {
			t.Error("registered again it has the same ARN")
		}
		_, err = c.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: first.ConsumerARN})
		wantKinesisCode(t, err, "ResourceNotFoundException")
		answered[*kinesis.DeleteStreamOutput](t)(c.DeleteStream(ctx,
			&kinesis.DeleteStreamInput{StreamARN: kinesisStreamARN(), EnforceConsumerDeletion: aws.Bool(true)}))
		if got := status(); got != types.ConsumerStatusDeleting {
			t.Errorf("with its stream: got %s, want DELETING", got)
		}
	})
}

func TestConsumerLimits(t *testing.T) {
	for _, limit := range []int{20, 50} {
		inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
			seededStream(t, s, 1)
			s.Do(func(w *world.World) {
				if limit != 20 {
					l := w.KinesisLimits(streamsPlace())
					l.Consumers = limit
					w.SetKinesisLimits(streamsPlace(), l)
				}
			})
			for i := range limit {
				if i%5 == 0 {
					time.Sleep(world.Short().ConsumerCreate)
				}
				register(t, c, fmt.Sprintf("c%02d", i))
				if i == 4 {
					_, err := c.RegisterStreamConsumer(t.Context(),
						&kinesis.RegisterStreamConsumerInput{StreamARN: kinesisStreamARN(), ConsumerName: aws.String("sixth")})
					wantKinesisCode(t, err, "LimitExceededException") // 5 are CREATING
				}
			}
			time.Sleep(world.Short().ConsumerCreate)
			_, err := c.RegisterStreamConsumer(t.Context(),
				&kinesis.RegisterStreamConsumerInput{StreamARN: kinesisStreamARN(), ConsumerName: aws.String("more")})
			wantKinesisCode(t, err, "LimitExceededException")

			var names []string
			pages := kinesis.NewListStreamConsumersPaginator(c,
				&kinesis.ListStreamConsumersInput{StreamARN: kinesisStreamARN(), MaxResults: aws.Int32(7)})
			for pages.HasMorePages() {
				for _, x := range answered[*kinesis.ListStreamConsumersOutput](t)(pages.NextPage(t.Context())).Consumers {
					names = append(names, *x.ConsumerName)
				}
			}
			if len(names) != limit || names[0] != "c00" || names[limit-1] != fmt.Sprintf("c%02d", limit-1) {
				t.Errorf("got %d: %s", len(names), names)
			}
			page := answered[*kinesis.ListStreamConsumersOutput](t)(c.ListStreamConsumers(t.Context(),
				&kinesis.ListStreamConsumersInput{StreamARN: kinesisStreamARN(), MaxResults: aws.Int32(7)}))
			time.Sleep(301 * time.Second)
			_, err = c.ListStreamConsumers(t.Context(),
				&kinesis.ListStreamConsumersInput{StreamARN: kinesisStreamARN(), NextToken: page.NextToken})
			wantKinesisCode(t, err, "ExpiredNextTokenException")
		})
	}
}

func TestStreamTags(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		ctx := t.Context()
		seededStream(t, s, 1)
		answered[*kinesis.AddTagsToStreamOutput](t)(c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{
			StreamName: aws.String("s"), Tags: map[string]string{"a": "1", "b": "", "ü x": "x:y"},
		}))
		answered[*kinesis.TagResourceOutput](t)(c.TagResource(ctx, &kinesis.TagResourceInput{
			ResourceARN: kinesisStreamARN(), Tags: map[string]string{"a": "2", "c": "3"},
		}))
		answered[*kinesis.RemoveTagsFromStreamOutput](t)(c.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{
			StreamName: aws.String("s"), TagKeys: []string{"c", "never was"},
		}))
		page := answered[*kinesis.ListTagsForStreamOutput](t)(c.ListTagsForStream(ctx,
			&kinesis.ListTagsForStreamInput{StreamName: aws.String("s"), Limit: aws.Int32(1)}))
		if *page.Tags[0].Key != "a" || *page.Tags[0].Value != "2" || !*page.HasMoreTags {
			t.Errorf("got %s=%s, more %v", *page.Tags[0].Key, *page.Tags[0].Value, *page.HasMoreTags)
		}
		page = answered[*kinesis.ListTagsForStreamOutput](t)(c.ListTagsForStream(ctx,
			&kinesis.ListTagsForStreamInput{StreamName: aws.String("s"), ExclusiveStartTagKey: aws.String("a")}))
		if len(page.Tags) != 2 || *page.HasMoreTags {
			t.Errorf("got %d tags after a, more %v", len(page.Tags), *page.HasMoreTags)
		}
	})
}

func TestConsumerTags(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		ctx := t.Context()
		seededStream(t, s, 1)
		x := register(t, c, "c")
		answered[*kinesis.TagResourceOutput](t)(c.TagResource(ctx, &kinesis.TagResourceInput{
			ResourceARN: x.ConsumerARN, Tags: map[string]string{"a": "1", "b": "2"},
		}))
		answered[*kinesis.UntagResourceOutput](t)(c.UntagResource(ctx, &kinesis.UntagResourceInput{
			ResourceARN: x.ConsumerARN, TagKeys: []string{"a"},
		}))
		got := map[string]string{}
		for _, tag := range answered[*kinesis.ListTagsForResourceOutput](t)(c.ListTagsForResource(ctx,
			&kinesis.ListTagsForResourceInput{ResourceARN: x.ConsumerARN})).Tags {
			got[*tag.Key] = *tag.Value
		}
		if d := cmp.Diff(map[string]string{"b": "2", "of": "c"}, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if tags := answered[*kinesis.ListTagsForResourceOutput](t)(c.ListTagsForResource(ctx,
			&kinesis.ListTagsForResourceInput{ResourceARN: kinesisStreamARN()})).Tags; len(tags) != 0 {
			t.Errorf("the stream has %d tags of its consumer's", len(tags))
		}
	})
}

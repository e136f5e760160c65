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

func shardIDs(shards []types.Shard) []string {
	var all []string
	for _, s := range shards {
		all = append(all, *s.ShardId)
	}
	return all
}

// Every filter over the wire, on 2 shards that became 4.
func TestListShardsFilters(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 2)
		time.Sleep(time.Hour)
		between := time.Now()
		time.Sleep(time.Hour)
		answered[*kinesis.UpdateShardCountOutput](t)(c.UpdateShardCount(t.Context(), scaleTo(4)))
		time.Sleep(time.Hour)
		for _, tc := range []struct {
			f    *types.ShardFilter
			want string
		}{
			{nil, "0 1 2 3 4 5"},
			{&types.ShardFilter{Type: types.ShardFilterTypeFromTrimHorizon}, "0 1 2 3 4 5"},
			{&types.ShardFilter{Type: types.ShardFilterTypeAtTrimHorizon}, "0 1"},
			{&types.ShardFilter{Type: types.ShardFilterTypeAtLatest}, "2 3 4 5"},
			{&types.ShardFilter{Type: types.ShardFilterTypeAtTimestamp, Timestamp: &between}, "0 1"},
			{&types.ShardFilter{Type: types.ShardFilterTypeFromTimestamp, Timestamp: &between}, "0 1 2 3 4 5"},
			{&types.ShardFilter{Type: types.ShardFilterTypeFromTimestamp, Timestamp: aws.Time(time.Now().Add(-time.Minute))}, "2 3 4 5"},
			{&types.ShardFilter{Type: types.ShardFilterTypeAfterShardId, ShardId: aws.String("shardId-000000000003")}, "4 5"},
		} {
			got := answered[*kinesis.ListShardsOutput](t)(c.ListShards(t.Context(),
				&kinesis.ListShardsInput{StreamARN: aws.String(world.StreamARN(streamsPlace(), "s")), ShardFilter: tc.f}))
			var short string
			for i, id := range shardIDs(got.Shards) {
				if i > 0 {
					short += " "
				}
				short += id[len(id)-1:]
			}
			if short != tc.want {
				t.Errorf("%+v: got %s, want %s", tc.f, short, tc.want)
			}
		}
		// The wire has all that the world knows.
		got := answered[*kinesis.ListShardsOutput](t)(c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s")})).Shards
		var known []world.Shard
		s.Do(func(w *world.World) { known = w.Shards(streamsPlace(), "s") })
		for i, k := range known {
			want := types.Shard{
				ShardId:      aws.String(k.ID),
				HashKeyRange: &types.HashKeyRange{StartingHashKey: aws.String(k.First.String()), EndingHashKey: aws.String(k.Last.String())},
				SequenceNumberRange: &types.SequenceNumberRange{
					StartingSequenceNumber: aws.String(k.FirstSequence), EndingSequenceNumber: maybe(k.LastSequence),
				},
				ParentShardId: maybe(k.Parent), AdjacentParentShardId: maybe(k.AdjacentParent),
			}
			if d := cmp.Diff(want, got[i], cmpIgnoreSerde()); d != "" {
				t.Errorf("shard %d (-want +got):\n%s", i, d)
			}
		}
	})
}

func maybe(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func TestListShardsPages(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 2500)
		ctx := t.Context()
		var sizes []int
		in := &kinesis.ListShardsInput{StreamName: aws.String("s"), MaxResults: aws.Int32(5000)}
		for {
			out := answered[*kinesis.ListShardsOutput](t)(c.ListShards(ctx, in))
			sizes = append(sizes, len(out.Shards))
			if out.NextToken == nil {
				break
			}
			time.Sleep(300 * time.Second)
			in = &kinesis.ListShardsInput{NextToken: out.NextToken}
		}
		if d := cmp.Diff([]int{1000, 1000, 500}, sizes); d != "" {
			t.Errorf("pages (-want +got):\n%s", d)
		}
		first := answered[*kinesis.ListShardsOutput](t)(c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String("s"), MaxResults: aws.Int32(1)}))
		second := answered[*kinesis.ListShardsOutput](t)(c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: first.NextToken, MaxResults: aws.Int32(2)}))
		if d := cmp.Diff([]string{"shardId-000000000001", "shardId-000000000002"}, shardIDs(second.Shards)); d != "" {
			t.Errorf("second page (-want +got):\n%s", d)
		}
		for name, want := range map[string]string{"s": "", "other": "InvalidArgumentException"} {
			_, err := c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: first.NextToken, StreamName: &name})
			if want != "" {
				wantKinesisCode(t, err, want)
			} else if err != nil {
				t.Errorf("a token beside its own stream: %v", err)
			}
		}
		time.Sleep(300*time.Second + 1)
		_, err := c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: first.NextToken})
		wantKinesisCode(t, err, "ExpiredNextTokenException")

		for _, in := range []kinesis.ListShardsInput{
			{StreamCreationTimestamp: aws.Time(time.Now())},
			{ExclusiveStartShardId: aws.String("shardId-000000000000")},
			{ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}},
		} {
			in.NextToken = second.NextToken
			_, err := c.ListShards(ctx, &in)
			wantKinesisCode(t, err, "InvalidArgumentException")
		}
	})
}

// A token is for the stream that it was given for, not for a later namesake.
func TestTokenOfNamesake(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 2)
		old := time.Now()
		page := answered[*kinesis.ListShardsOutput](t)(c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s"), MaxResults: aws.Int32(1)}))
		answered[*kinesis.DeleteStreamOutput](t)(c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String("s")}))
		time.Sleep(world.Short().StreamCreate)
		seededStream(t, s, 2)
		_, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{NextToken: page.NextToken})
		wantKinesisCode(t, err, "ResourceNotFoundException")
		_, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s"), StreamCreationTimestamp: &old})
		wantKinesisCode(t, err, "ResourceNotFoundException")
		answered[*kinesis.ListShardsOutput](t)(c.ListShards(t.Context(),
			&kinesis.ListShardsInput{StreamName: aws.String("s"), StreamCreationTimestamp: summaryOf(t, c).StreamCreationTimestamp}))
	})
}

func TestDescribeStreamPages(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 130)
		in := &kinesis.DescribeStreamInput{StreamName: aws.String("s"), Limit: aws.Int32(1000)}
		got := answered[*kinesis.DescribeStreamOutput](t)(c.DescribeStream(t.Context(), in)).StreamDescription
		if len(got.Shards) != 100 || !*got.HasMoreShards || got.StreamStatus != "ACTIVE" || *got.RetentionPeriodHours != 24 {
			t.Errorf("got %d shards, more %v, %s", len(got.Shards), *got.HasMoreShards, got.StreamStatus)
		}
		in.ExclusiveStartShardId = got.Shards[99].ShardId
		got = answered[*kinesis.DescribeStreamOutput](t)(c.DescribeStream(t.Context(), in)).StreamDescription
		if len(got.Shards) != 30 || *got.HasMoreShards {
			t.Errorf("got %d shards, more %v; want the other 30", len(got.Shards), *got.HasMoreShards)
		}
	})
}

func TestListStreams(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		s.Do(func(w *world.World) {
			for i := range 205 {
				if err := w.SeedStream(streamsPlace(), fmt.Sprintf("s%03d", i), 1); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.SeedStream(world.Place{Account: kinesisAccount, Region: "us-east-1"}, "elsewhere", 1); err != nil {
				t.Fatal(err)
			}
		})
		var sizes []int
		for p := kinesis.NewListStreamsPaginator(c, &kinesis.ListStreamsInput{}); p.HasMorePages(); {
			out := answered[*kinesis.ListStreamsOutput](t)(p.NextPage(t.Context()))
			sizes = append(sizes, len(out.StreamNames))
			if len(out.StreamSummaries) != len(out.StreamNames) || *out.HasMoreStreams != (out.NextToken != nil) {
				t.Errorf("%d names, %d summaries, more %v", len(out.StreamNames), len(out.StreamSummaries), *out.HasMoreStreams)
			}
		}
		if d := cmp.Diff([]int{100, 100, 5}, sizes); d != "" {
			t.Errorf("pages (-want +got):\n%s", d)
		}
		out := answered[*kinesis.ListStreamsOutput](t)(c.ListStreams(t.Context(),
			&kinesis.ListStreamsInput{ExclusiveStartStreamName: aws.String("s202"), Limit: aws.Int32(1)}))
		if d := cmp.Diff([]string{"s203"}, out.StreamNames); d != "" || !*out.HasMoreStreams {
			t.Errorf("after s202, more %v (-want +got):\n%s", *out.HasMoreStreams, d)
		}
	})
}

func TestSplitAndMerge(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 1)
		answered[*kinesis.SplitShardOutput](t)(c.SplitShard(t.Context(), &kinesis.SplitShardInput{
			StreamName: aws.String("s"), ShardToSplit: aws.String("shard-0"), NewStartingHashKey: aws.String("2"),
		}))
		if got := summaryOf(t, c); *got.OpenShardCount != 1 || got.StreamStatus != types.StreamStatusUpdating {
			t.Errorf("at once: %d shards, %s", *got.OpenShardCount, got.StreamStatus)
		}
		time.Sleep(world.Short().StreamUpdate)
		answered[*kinesis.MergeShardsOutput](t)(c.MergeShards(t.Context(), &kinesis.MergeShardsInput{
			StreamName: aws.String("s"), ShardToMerge: aws.String("shardId-000000000001"), AdjacentShardToMerge: aws.String("shardId-000000000002"),
		}))
		time.Sleep(world.Short().StreamUpdate)
		got := answered[*kinesis.ListShardsOutput](t)(c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s")})).Shards
		if len(got) != 4 || *got[2].HashKeyRange.StartingHashKey != "2" || *got[3].ParentShardId != "shardId-000000000001" ||
			*got[3].AdjacentParentShardId != "shardId-000000000002" || got[3].SequenceNumberRange.EndingSequenceNumber != nil {
			t.Errorf("got %s", shardIDs(got))
		}
	})
}

func TestRetentionOverTheWire(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 1)
		answered[*kinesis.IncreaseStreamRetentionPeriodOutput](t)(c.IncreaseStreamRetentionPeriod(t.Context(),
			&kinesis.IncreaseStreamRetentionPeriodInput{StreamName: aws.String("s"), RetentionPeriodHours: aws.Int32(24)})) // as Terraform does
		answered[*kinesis.IncreaseStreamRetentionPeriodOutput](t)(c.IncreaseStreamRetentionPeriod(t.Context(),
			&kinesis.IncreaseStreamRetentionPeriodInput{StreamName: aws.String("s"), RetentionPeriodHours: aws.Int32(8760)}))
		if got := summaryOf(t, c); *got.RetentionPeriodHours != 24 || got.StreamStatus != types.StreamStatusUpdating {
			t.Errorf("at once %d hours, %s", *got.RetentionPeriodHours, got.StreamStatus)
		}
		time.Sleep(world.Short().StreamUpdate)
		answered[*kinesis.DecreaseStreamRetentionPeriodOutput](t)(c.DecreaseStreamRetentionPeriod(t.Context(),
			&kinesis.DecreaseStreamRetentionPeriodInput{StreamName: aws.String("s"), RetentionPeriodHours: aws.Int32(48)}))
		time.Sleep(world.Short().StreamUpdate)
		if got := *summaryOf(t, c).RetentionPeriodHours; got != 48 {
			t.Errorf("got %d, want 48", got)
		}
	})
}

func TestDescribeLimits(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 7)
		s.Do(func(w *world.World) {
			if err := w.CreateStream(streamsPlace(), world.NewStream{Name: "od", OnDemand: true}); err != nil {
				t.Fatal(err)
			}
		})
		got := answered[*kinesis.DescribeLimitsOutput](t)(c.DescribeLimits(t.Context(), &kinesis.DescribeLimitsInput{}))
		if *got.ShardLimit != 20000 || *got.OpenShardCount != 7 || *got.OnDemandStreamCount != 1 || *got.OnDemandStreamCountLimit != 50 {
			t.Errorf("got %d of %d shards, %d of %d on-demand streams",
				*got.OpenShardCount, *got.ShardLimit, *got.OnDemandStreamCount, *got.OnDemandStreamCountLimit)
		}
	})
}

package emulator_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// settled is the stream s once it is ACTIVE; until then it shows what it was.
func settled(t *testing.T, c *kinesis.Client, before *types.StreamDescriptionSummary) *types.StreamDescriptionSummary {
	t.Helper()
	now := summaryOf(t, c)
	if now.StreamStatus != types.StreamStatusUpdating {
		t.Errorf("got %s, want UPDATING", now.StreamStatus)
	}
	now.StreamStatus = types.StreamStatusActive
	if d := cmp.Diff(before, now, cmpIgnoreSerde()); d != "" {
		t.Errorf("shown too early:\n%s", d)
	}
	time.Sleep(world.Short().StreamUpdate)
	return summaryOf(t, c)
}

func TestMonitoring(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 1)
		ctx, in, out := t.Context(), types.MetricsNameIncomingRecords, types.MetricsNameOutgoingRecords
		at := summaryOf(t, c)
		on := func(want []types.MetricsName, metrics ...types.MetricsName) {
			t.Helper()
			got := answered[*kinesis.EnableEnhancedMonitoringOutput](t)(c.EnableEnhancedMonitoring(ctx,
				&kinesis.EnableEnhancedMonitoringInput{StreamName: aws.String("s"), ShardLevelMetrics: metrics}))
			if d := cmp.Diff(want, got.DesiredShardLevelMetrics); d != "" {
				t.Errorf("desired (-want +got):\n%s", d)
			}
			at = settled(t, c, at)
			if d := cmp.Diff(want, at.EnhancedMonitoring[0].ShardLevelMetrics); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		}
		on([]types.MetricsName{in}, in)
		on([]types.MetricsName{out, in}, out)
		again := answered[*kinesis.EnableEnhancedMonitoringOutput](t)(c.EnableEnhancedMonitoring(ctx,
			&kinesis.EnableEnhancedMonitoringInput{StreamName: aws.String("s"), ShardLevelMetrics: []types.MetricsName{in}}))
		if d := cmp.Diff(again.CurrentShardLevelMetrics, again.DesiredShardLevelMetrics); d != "" || summaryOf(t, c).StreamStatus != "ACTIVE" {
			t.Errorf("what is on already changes something:\n%s", d)
		}
		off := answered[*kinesis.DisableEnhancedMonitoringOutput](t)(c.DisableEnhancedMonitoring(ctx,
			&kinesis.DisableEnhancedMonitoringInput{StreamName: aws.String("s"), ShardLevelMetrics: []types.MetricsName{"ALL"}}))
		if len(off.CurrentShardLevelMetrics) != 2 || len(off.DesiredShardLevelMetrics) != 0 {
			t.Errorf("off: %v to %v", off.CurrentShardLevelMetrics, off.DesiredShardLevelMetrics)
		}
		settled(t, c, at)
		_, err := c.EnableEnhancedMonitoring(ctx,
			&kinesis.EnableEnhancedMonitoringInput{StreamName: aws.String("s"), ShardLevelMetrics: []types.MetricsName{"INVALID"}})
		if _, text := kinesisRefusal(t, err); text != "1 validation error detected: Value '[INVALID]' at 'shardLevelMetrics' failed to satisfy constraint: "+
			"Member must satisfy constraint: [Member must satisfy enum value set: [ALL, IteratorAgeMilliseconds, IncomingBytes, "+
			"WriteProvisionedThroughputExceeded, OutgoingRecords, ReadProvisionedThroughputExceeded, IncomingRecords, OutgoingBytes]]" {
			t.Error(text)
		}
	})
}

func TestEncryptionAndRecordSize(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 1)
		ctx, key := t.Context(), aws.String("alias/aws/kinesis")
		at := summaryOf(t, c)
		for range 2 { // with the same key it is UPDATING again
			answered[*kinesis.StartStreamEncryptionOutput](t)(c.StartStreamEncryption(ctx,
				&kinesis.StartStreamEncryptionInput{StreamName: aws.String("s"), EncryptionType: "KMS", KeyId: key}))
			if at = settled(t, c, at); at.EncryptionType != "KMS" || *at.KeyId != *key {
				t.Errorf("got %s with %v", at.EncryptionType, at.KeyId)
			}
		}
		stop := &kinesis.StopStreamEncryptionInput{StreamName: aws.String("s"), EncryptionType: "KMS", KeyId: key}
		answered[*kinesis.StopStreamEncryptionOutput](t)(c.StopStreamEncryption(ctx, stop))
		if at = settled(t, c, at); at.EncryptionType != "NONE" || at.KeyId != nil {
			t.Errorf("got %s with %v", at.EncryptionType, at.KeyId)
		}
		_, err := c.StopStreamEncryption(ctx, stop)
		if _, text := kinesisRefusal(t, err); text != "Cannot stop encrypting an unencrypted stream." {
			t.Error(text)
		}
		size := &kinesis.UpdateMaxRecordSizeInput{StreamARN: kinesisStreamARN(), MaxRecordSizeInKiB: aws.Int32(2048)}
		answered[*kinesis.UpdateMaxRecordSizeOutput](t)(c.UpdateMaxRecordSize(ctx, size))
		if at = settled(t, c, at); *at.MaxRecordSizeInKiB != 2048 {
			t.Errorf("got %d", *at.MaxRecordSizeInKiB)
		}
		_, err = c.UpdateStreamWarmThroughput(ctx, &kinesis.UpdateStreamWarmThroughputInput{StreamARN: kinesisStreamARN(), WarmThroughputMiBps: aws.Int32(1)})
		if _, text := kinesisRefusal(t, err); text != "Account 123456789012 is not enabled for minimum throughput billing commitment" {
			t.Error(text)
		}
	})
}

// What AWS once answered against its documentation, for clients that have to
// work with either.
func TestShardFilterKnobs(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 2)
		time.Sleep(time.Hour)
		s.Do(func(w *world.World) { w.SetKnobs(world.Knobs{}) })
		list := func(f types.ShardFilter) ([]types.Shard, error) {
			out, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s"), ShardFilter: &f})
			if err != nil {
				return nil, err
			}
			return out.Shards, nil
		}
		old := types.ShardFilter{Type: types.ShardFilterTypeFromTimestamp, Timestamp: aws.Time(time.Unix(1, 0))}
		if got, err := list(old); err != nil || len(got) != 2 {
			t.Errorf("a time in 1970: %d shards, %v", len(got), err)
		}
		s.Do(func(w *world.World) { w.SetKnobs(world.Knobs{RefuseOldTimes: true, LatestLags: true}) })
		_, err := list(old)
		if _, text := kinesisRefusal(t, err); text != "ShardFilter Timestamp cannot be older than TRIM_HORIZON of the stream." {
			t.Error(text)
		}
		answered[*kinesis.UpdateShardCountOutput](t)(c.UpdateShardCount(t.Context(), scaleTo(4)))
		time.Sleep(world.Short().StreamUpdate)
		for _, want := range []int{6, 4} {
			if got, err := list(types.ShardFilter{Type: types.ShardFilterTypeAtLatest}); err != nil || len(got) != want {
				t.Errorf("latest: %d shards, %v, want %d", len(got), err, want)
			}
			time.Sleep(time.Minute)
		}
	})
}

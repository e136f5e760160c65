package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

func put(t *testing.T, c *kinesis.Client, key string, data []byte) *kinesis.PutRecordOutput {
	t.Helper()
	return answered[*kinesis.PutRecordOutput](t)(c.PutRecord(t.Context(),
		&kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: &key, Data: data}))
}

// from is an iterator at a shard's start of some kind.
func from(t *testing.T, c *kinesis.Client, in kinesis.GetShardIteratorInput) *string {
	t.Helper()
	if in.StreamARN == nil {
		in.StreamName = aws.String("s")
	}
	if in.ShardId == nil {
		in.ShardId = aws.String("shardId-000000000000")
	}
	return answered[*kinesis.GetShardIteratorOutput](t)(c.GetShardIterator(t.Context(), &in)).ShardIterator
}

func horizon(shard int) kinesis.GetShardIteratorInput {
	return kinesis.GetShardIteratorInput{
		ShardId: aws.String(fmt.Sprintf("shardId-%012d", shard)), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	}
}

func readOnce(t *testing.T, c *kinesis.Client, iterator *string) *kinesis.GetRecordsOutput {
	t.Helper()
	return answered[*kinesis.GetRecordsOutput](t)(c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator}))
}

// drain reads a shard until there is no more, as a consumer does.
func drain(t *testing.T, c *kinesis.Client, shard int) (all []types.Record, last *kinesis.GetRecordsOutput) {
	t.Helper()
	for it := from(t, c, horizon(shard)); it != nil; it = last.NextShardIterator {
		time.Sleep(200 * time.Millisecond)
		last = answered[*kinesis.GetRecordsOutput](t)(c.GetRecords(t.Context(),
			&kinesis.GetRecordsInput{ShardIterator: it, StreamARN: kinesisStreamARN(), Limit: aws.Int32(7)}))
		all = append(all, last.Records...)
		if len(last.Records) == 0 {
			break
		}
	}
	return all, last
}

// What is put comes back byte for byte, in order for each key, with what the
// writer was told of it; also across a split and a merge.
func TestRecordsComeBack(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		ctx := t.Context()
		seededStream(t, s, 2)
		rng := rand.New(rand.NewPCG(1, 2))
		wrote, places := map[string][][]byte{}, map[string]string{}
		write := func() {
			t.Helper()
			for range 5 {
				batch := &kinesis.PutRecordsInput{StreamARN: kinesisStreamARN()}
				for range 1 + rng.IntN(8) {
					data := make([]byte, rng.IntN(100))
					for i := range data {
						data[i] = byte(rng.Uint32())
					}
					key := fmt.Sprint("k-ü ", rng.IntN(12))
					wrote[key] = append(wrote[key], data)
					batch.Records = append(batch.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String(key), Data: data})
				}
				out := answered[*kinesis.PutRecordsOutput](t)(c.PutRecords(ctx, batch))
				if *out.FailedRecordCount != 0 || len(out.Records) != len(batch.Records) {
					t.Fatalf("%d failed of %d", *out.FailedRecordCount, len(out.Records))
				}
				for i, r := range out.Records {
					places[*r.SequenceNumber] = *r.ShardId + " " + *batch.Records[i].PartitionKey
				}
				time.Sleep(37 * time.Millisecond)
			}
		}
		began := time.Now()
		write()
		answered[*kinesis.SplitShardOutput](t)(c.SplitShard(ctx, &kinesis.SplitShardInput{
			StreamName: aws.String("s"), ShardToSplit: aws.String("shardId-000000000000"), NewStartingHashKey: aws.String("85070591730234615865843651857942052863"),
		}))
		write() // while it is UPDATING
		time.Sleep(world.Short().StreamUpdate)
		write()
		answered[*kinesis.MergeShardsOutput](t)(c.MergeShards(ctx, &kinesis.MergeShardsInput{
			StreamName: aws.String("s"), ShardToMerge: aws.String("shardId-000000000003"), AdjacentShardToMerge: aws.String("shardId-000000000001"),
		}))
		time.Sleep(world.Short().StreamUpdate)
		write()
		ended := time.Now()

		got, before := map[string][][]byte{}, map[string]string{}
		for shard := range 5 { // parents come first
			records, last := drain(t, c, shard)
			for _, r := range records {
				key, number := *r.PartitionKey, *r.SequenceNumber
				got[key] = append(got[key], r.Data)
				if places[number] != fmt.Sprintf("shardId-%012d %s", shard, key) {
					t.Errorf("%s of %s came from shard %d, was put to %s", number, key, shard, places[number])
				}
				if number <= before[key] {
					t.Errorf("%s: %s comes after %s", key, number, before[key])
				}
				before[key] = number
				if at := *r.ApproximateArrivalTimestamp; at.Before(began.Truncate(time.Millisecond)) || at.After(ended) || at.Nanosecond()%1e6 != 0 {
					t.Errorf("arrived at %v", at)
				}
			}
			children := ""
			for _, x := range last.ChildShards {
				children += fmt.Sprint(*x.ShardId, x.ParentShards, *x.HashKeyRange.StartingHashKey, "-", *x.HashKeyRange.EndingHashKey, " ")
			}
			const quarter = "85070591730234615865843651857942052863"
			merged := "shardId-000000000004[shardId-000000000003 shardId-000000000001]" + quarter + "-340282366920938463463374607431768211455 "
			want := []string{
				"shardId-000000000002[shardId-000000000000]0-85070591730234615865843651857942052862 " +
					"shardId-000000000003[shardId-000000000000]" + quarter + "-170141183460469231731687303715884105727 ",
				merged, "", merged, "",
			}[shard]
			if children != want {
				t.Errorf("children of %d: got  %s\nwant %s", shard, children, want)
			}
			if closed := want != ""; closed != (last.NextShardIterator == nil) {
				t.Errorf("shard %d: closed is %v, next iterator %v", shard, closed, last.NextShardIterator)
			}
		}
		if d := cmp.Diff(wrote, got, cmp.Comparer(bytes.Equal)); d != "" {
			t.Errorf("by key (-put +got):\n%s", d)
		}
	})
}

// Each type of iterator, over records a second apart of which the third is
// known by number and time.
func TestIterators(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 1)
		var numbers []*string
		var times []time.Time
		for i := range 5 {
			times = append(times, time.Now())
			numbers = append(numbers, put(t, c, "k", []byte{byte(i)}).SequenceNumber)
			time.Sleep(time.Second)
		}
		latest := from(t, c, kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeLatest})
		put(t, c, "k", []byte{5})
		for _, tc := range []struct {
			name string
			in   kinesis.GetShardIteratorInput
			want int // first record
		}{
			{"the oldest", kinesis.GetShardIteratorInput{ShardIteratorType: "TRIM_HORIZON"}, 0},
			{"by ARN", kinesis.GetShardIteratorInput{StreamARN: kinesisStreamARN(), ShardIteratorType: "TRIM_HORIZON"}, 0},
			{"at a number", kinesis.GetShardIteratorInput{ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: numbers[2]}, 2},
			{"after a number", kinesis.GetShardIteratorInput{ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: numbers[2]}, 3},
			{"at a time", kinesis.GetShardIteratorInput{ShardIteratorType: "AT_TIMESTAMP", Timestamp: &times[2]}, 2},
			{"after a time", kinesis.GetShardIteratorInput{ShardIteratorType: "AT_TIMESTAMP", Timestamp: aws.Time(times[2].Add(time.Millisecond))}, 3},
			{"at 1970", kinesis.GetShardIteratorInput{ShardIteratorType: "AT_TIMESTAMP", Timestamp: aws.Time(time.Unix(0, 0))}, 0},
			{"at the shard's number", kinesis.GetShardIteratorInput{ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: firstNumber(t, c)}, 0},
			{"the newest", kinesis.GetShardIteratorInput{ShardIteratorType: "LATEST"}, 6},
		} {
			time.Sleep(time.Second)
			got := readOnce(t, c, from(t, c, tc.in))
			var want [][]byte
			for i := tc.want; i < 6; i++ {
				want = append(want, []byte{byte(i)})
			}
			var data [][]byte
			for _, r := range got.Records {
				data = append(data, r.Data)
			}
			if d := cmp.Diff(want, data); d != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, d)
			}
		}
		time.Sleep(time.Second)
		if got := readOnce(t, c, latest).Records; len(got) != 1 || got[0].Data[0] != 5 {
			t.Errorf("after LATEST: %v", got)
		}
		time.Sleep(time.Second)
		part := answered[*kinesis.GetRecordsOutput](t)(c.GetRecords(t.Context(),
			&kinesis.GetRecordsInput{ShardIterator: from(t, c, horizon(0)), Limit: aws.Int32(2)}))
		if behind := time.Since(times[2]); len(part.Records) != 2 || *part.MillisBehindLatest != behind.Milliseconds() {
			t.Errorf("%d records, %d ms behind, want 2 and %v", len(part.Records), *part.MillisBehindLatest, behind)
		}
	})
}

func firstNumber(t *testing.T, c *kinesis.Client) *string {
	t.Helper()
	return answered[*kinesis.ListShardsOutput](t)(c.ListShards(t.Context(),
		&kinesis.ListShardsInput{StreamName: aws.String("s")})).Shards[0].SequenceNumberRange.StartingSequenceNumber
}

func TestIteratorsEnd(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		ctx := t.Context()
		seededStream(t, s, 1)
		issued := time.Now().UTC()
		it := from(t, c, horizon(0))
		time.Sleep(5 * time.Minute)
		next := readOnce(t, c, it).NextShardIterator
		time.Sleep(time.Millisecond)
		_, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it})
		var expired *types.ExpiredIteratorException
		if !errors.As(err, &expired) {
			t.Fatalf("got %v", err)
		}
		want := "Iterator expired. The iterator was created at time " + issued.Format("Mon Jan 02 15:04:05 UTC 2006") + " while right now it is " +
			time.Now().UTC().Format("Mon Jan 02 15:04:05 UTC 2006") + " which is further in the future than the tolerated delay of 300000 milliseconds."
		if expired.ErrorMessage() != want {
			t.Errorf("got  %s\nwant %s", expired.ErrorMessage(), want)
		}
		readOnce(t, c, next)

		// A namesake is another stream.
		it = from(t, c, horizon(0))
		answered[*kinesis.DeleteStreamOutput](t)(c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s")}))
		time.Sleep(2 * time.Second)
		seededStream(t, s, 1)
		_, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it})
		if code, text := kinesisRefusal(t, err); code != codeNotFound || text != "Shard shardId-000000000000 in stream s under account 123456789012 does not exist" {
			t.Errorf("got %s: %s", code, text)
		}

		// Nothing but an iterator is one, and none of it can be changed.
		it = from(t, c, horizon(0))
		for i := range *it {
			b := []byte(*it)
			if b[i]++; i%3 == 0 {
				b = b[:i]
			}
			if len(b) == 0 {
				continue
			}
			_, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String(string(b))})
			if code, text := kinesisRefusal(t, err); code != codeArgument || text != "Invalid ShardIterator." {
				t.Errorf("%s: %s: %s", b, code, text)
			}
		}
	})
}

// A shard takes 1000 records and 1 MiB a second, and gives 5 reads.
func TestShardLimits(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		ctx := t.Context()
		seededStream(t, s, 2)
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		batch := &kinesis.PutRecordsInput{StreamName: aws.String("s")}
		for i := range 500 {
			batch.Records = append(batch.Records, types.PutRecordsRequestEntry{
				PartitionKey: aws.String(fmt.Sprint(i)), Data: []byte("x"), ExplicitHashKey: aws.String("0"),
			})
		}
		failed := 0
		for range 3 {
			out := answered[*kinesis.PutRecordsOutput](t)(c.PutRecords(ctx, batch))
			failed += int(*out.FailedRecordCount)
			if r := out.Records[499]; failed > 0 && (aws.ToString(r.ErrorCode) != "ProvisionedThroughputExceededException" || r.ShardId != nil || r.SequenceNumber != nil ||
				aws.ToString(r.ErrorMessage) != "Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012.") {
				t.Errorf("got %+v", r)
			}
		}
		if failed != 500 {
			t.Errorf("%d failed of 1500, want 500", failed)
		}
		// The other shard has room: a batch fails in part.
		batch.Records[3].ExplicitHashKey = aws.String("340282366920938463463374607431768211455")
		out := answered[*kinesis.PutRecordsOutput](t)(c.PutRecords(ctx, batch))
		if *out.FailedRecordCount != 499 || aws.ToString(out.Records[3].ShardId) != "shardId-000000000001" {
			t.Errorf("%d failed, %+v", *out.FailedRecordCount, out.Records[3])
		}
		one := &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), ExplicitHashKey: aws.String("0"), Data: []byte{}}
		_, err := c.PutRecord(ctx, one)
		wantKinesisCode(t, err, "ProvisionedThroughputExceededException")

		time.Sleep(time.Second)
		one.Data = make([]byte, 1<<19)
		answered[*kinesis.PutRecordOutput](t)(c.PutRecord(ctx, one))
		_, err = c.PutRecord(ctx, one) // a byte too many, for the keys
		wantKinesisCode(t, err, "ProvisionedThroughputExceededException")

		it := from(t, c, horizon(1))
		for range 5 {
			readOnce(t, c, it)
		}
		_, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it})
		wantKinesisCode(t, err, "ProvisionedThroughputExceededException")
		readOnce(t, c, from(t, c, horizon(0))) // another shard
		time.Sleep(time.Second)
		readOnce(t, c, it)
	})
}

func putWith(in kinesis.PutRecordInput) func(context.Context, *kinesis.Client) error {
	return func(ctx context.Context, c *kinesis.Client) error {
		if in.StreamName == nil {
			in.StreamName = aws.String("s")
		}
		_, err := c.PutRecord(ctx, &in)
		return err
	}
}

func putAll(records ...types.PutRecordsRequestEntry) func(context.Context, *kinesis.Client) error {
	return func(ctx context.Context, c *kinesis.Client) error {
		_, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records})
		return err
	}
}

func iterate(in kinesis.GetShardIteratorInput) func(context.Context, *kinesis.Client) error {
	return func(ctx context.Context, c *kinesis.Client) error {
		if in.StreamName == nil {
			in.StreamName = aws.String("s")
		}
		if in.ShardId == nil {
			in.ShardId = aws.String("shardId-000000000001")
		}
		_, err := c.GetShardIterator(ctx, &in)
		return err
	}
}

func readWith(in kinesis.GetRecordsInput) func(context.Context, *kinesis.Client) error {
	return func(ctx context.Context, c *kinesis.Client) error {
		if in.ShardIterator == nil {
			out, err := c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
				StreamName: aws.String("s"), ShardId: aws.String("shard-0"), ShardIteratorType: types.ShardIteratorTypeLatest})
			if err != nil {
				return err
			}
			in.ShardIterator = out.ShardIterator
		}
		_, err := c.GetRecords(ctx, &in)
		return err
	}
}

func TestRefusedRecords(t *testing.T) {
	const bad = "1 validation error detected: Value "
	entry := func(key string, bytes int) types.PutRecordsRequestEntry {
		return types.PutRecordsRequestEntry{PartitionKey: &key, Data: make([]byte, bytes)}
	}
	many := make([]types.PutRecordsRequestEntry, 501)
	for i := range many {
		many[i] = entry("k", 0)
	}
	large := make([]types.PutRecordsRequestEntry, 11)
	for i := range large {
		large[i] = entry("k", 1<<20-1)
	}
	const mustEither = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or " +
		"(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified "
	checkRefused(t, []kinesisRefused{
		{"no stream", putWith(kinesis.PutRecordInput{StreamName: aws.String("x"), PartitionKey: aws.String("k"), Data: []byte{}}),
			codeNotFound, "Stream x under account 123456789012 not found."},
		{"no key", putWith(kinesis.PutRecordInput{PartitionKey: aws.String(""), Data: []byte{}}),
			codeValidation, bad + "'' at 'partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"long key", putWith(kinesis.PutRecordInput{PartitionKey: aws.String(strings.Repeat("k", 257)), Data: []byte{}}),
			codeValidation, bad + "'" + strings.Repeat("k", 257) + "' at 'partitionKey' failed to satisfy constraint: Member must have length less than or equal to 256"},
		{"hash key", putWith(kinesis.PutRecordInput{PartitionKey: aws.String("k"), Data: []byte{}, ExplicitHashKey: aws.String("-1")}),
			codeValidation, bad + `'-1' at 'explicitHashKey' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(0|([1-9]\d{0,38}))$`},
		{"hash key too high", putWith(kinesis.PutRecordInput{PartitionKey: aws.String("k"), Data: []byte{}, ExplicitHashKey: aws.String("340282366920938463463374607431768211456")}),
			codeArgument, "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456"},
		{"order", putWith(kinesis.PutRecordInput{PartitionKey: aws.String("k"), Data: []byte{}, SequenceNumberForOrdering: aws.String("xyz")}),
			codeValidation, bad + `'xyz' at 'sequenceNumberForOrdering' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(0|([1-9]\d{0,128}))$`},
		{"larger than any stream's", putWith(kinesis.PutRecordInput{PartitionKey: aws.String("k"), Data: make([]byte, 10<<20+1)}),
			codeValidation, bad + "'java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]' at 'data' failed to satisfy constraint: Member must have length less than or equal to 10485760"},
		{"larger than this stream's", putWith(kinesis.PutRecordInput{PartitionKey: aws.String("k"), Data: make([]byte, 1<<20)}),
			codeArgument, "The record is larger than 1024 KiB."},
		{"dry", putWith(kinesis.PutRecordInput{PartitionKey: aws.String("k"), Data: []byte{}, DryRun: aws.Bool(true)}),
			"DryRunOperationException", "DryRunOperation validation succeeded while calling PutRecord operation.: Request would have succeeded, but DryRun flag is set."},
		{"no records", putAll([]types.PutRecordsRequestEntry{}...),
			codeValidation, bad + "'[]' at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"too many records", putAll(many...),
			codeValidation, bad + "'[...]' at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"},
		{"too large together", putAll(large...), codeArgument, "Records size exceeds 10 MB limit"},
		{"one too large", putAll(entry("k", 1), entry("k", 1<<20)), codeArgument, "The record is larger than 1024 KiB."},
		{"one without a key", putAll(entry("k", 1), entry("", 1)),
			codeValidation, bad + "'' at 'records.2.member.partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"type", iterate(kinesis.GetShardIteratorInput{ShardIteratorType: "INVALID"}),
			codeValidation, bad + "'INVALID' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: " +
				"[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"},
		{"no shard", iterate(kinesis.GetShardIteratorInput{ShardId: aws.String("shardId-000000000004"), ShardIteratorType: "LATEST"}),
			codeNotFound, "Could not find shard shardId-000000000004 in stream s under account 123456789012."},
		{"no number", iterate(kinesis.GetShardIteratorInput{ShardIteratorType: "AT_SEQUENCE_NUMBER"}), codeArgument, mustEither +
			"AT_SEQUENCE_NUMBER and no StartingSequenceNumber."},
		{"a number for the newest", iterate(kinesis.GetShardIteratorInput{ShardIteratorType: "LATEST", StartingSequenceNumber: aws.String("5")}), codeArgument, mustEither +
			"LATEST and also a StartingSequenceNumber."},
		{"a number of nothing", iterate(kinesis.GetShardIteratorInput{ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: aws.String("5")}), codeArgument,
			"StartingSequenceNumber 5 used in GetShardIterator on shard shardId-000000000001 in stream s under account 123456789012 is invalid because it did not come from this stream."},
		{"a number of another shard", func(ctx context.Context, c *kinesis.Client) error {
			out, err := c.PutRecord(ctx, &kinesis.PutRecordInput{
				StreamName: aws.String("s"), PartitionKey: aws.String("k"), ExplicitHashKey: aws.String("0"), Data: []byte("x")})
			if err != nil {
				return err
			}
			return iterate(kinesis.GetShardIteratorInput{ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: out.SequenceNumber})(ctx, c)
		}, codeArgument, "Invalid StartingSequenceNumber. It encodes shardId-000000000000, while it was used in a call to a shard with shardId-000000000001"},
		{"no time", iterate(kinesis.GetShardIteratorInput{ShardIteratorType: "AT_TIMESTAMP"}), codeArgument,
			"Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter."},
		{"tomorrow", iterate(kinesis.GetShardIteratorInput{ShardIteratorType: "AT_TIMESTAMP", Timestamp: aws.Time(time.UnixMilli(4102444800123))}), codeArgument,
			"The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: 4102444800123, currentTimestampInMillis: 946684801000"},
		{"limit of 0", readWith(kinesis.GetRecordsInput{Limit: aws.Int32(0)}),
			codeValidation, bad + "'0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"limit too high", readWith(kinesis.GetRecordsInput{Limit: aws.Int32(10001)}),
			codeValidation, bad + "'10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000"},
		{"no iterator", readWith(kinesis.GetRecordsInput{ShardIterator: aws.String("not-an-iterator")}), codeArgument, "Invalid ShardIterator."},
		{"empty iterator", readWith(kinesis.GetRecordsInput{ShardIterator: aws.String("")}),
			codeValidation, bad + "'' at 'shardIterator' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"iterator of another stream", readWith(kinesis.GetRecordsInput{StreamARN: aws.String("arn:aws:kinesis:eu-west-1:123456789012:stream/od")}),
			codeArgument, "Input stream name s doesn't match the inferred name in stream arn od"},
		{"dry read", readWith(kinesis.GetRecordsInput{DryRun: aws.Bool(true)}),
			"DryRunOperationException", "DryRunOperation validation succeeded while calling GetRecords operation.: Request would have succeeded, but DryRun flag is set."},
	})
}

// A refused batch leaves nothing behind.
func TestRefusedBatchWritesNothing(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 1)
		fine := types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: []byte("x")}
		for _, wrong := range []types.PutRecordsRequestEntry{
			{PartitionKey: aws.String(strings.Repeat("ü", 200)), Data: []byte("x")},
			{PartitionKey: aws.String("k"), Data: make([]byte, 1<<20)},
			{PartitionKey: aws.String("k"), Data: []byte("x"), ExplicitHashKey: aws.String("340282366920938463463374607431768211456")},
		} {
			if err := putAll(fine, wrong)(t.Context(), c); err == nil {
				t.Error("taken")
			}
		}
		if got := readOnce(t, c, from(t, c, horizon(0))).Records; len(got) != 0 {
			t.Errorf("%d records", len(got))
		}
	})
}

// The bytes on the wire are AWS's.
func TestRecordsWire(t *testing.T) {
	now := time.UnixMilli(1789779946100).UTC() // as recorded
	w := world.New(1, world.Short(), now)
	s := emulator.New(emulator.Options{World: w, Now: func() time.Time { return now }})
	if err := w.SeedStream(world.Place{Account: emulator.DefaultAccount, Region: "eu-west-1"}, "s", 1); err != nil {
		t.Fatal(err)
	}
	call := func(operation, body string) map[string]json.RawMessage {
		t.Helper()
		var v map[string]json.RawMessage
		if err := json.Unmarshal(postTo(s, "AKIDEXAMPLE", operation, body).Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	wrote := call("PutRecord", `{"StreamName":"s","PartitionKey":"same","Data":""}`)
	it := call("GetShardIterator", `{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}`)
	got := call("GetRecords", `{"ShardIterator":`+string(it["ShardIterator"])+`}`)
	want := `[{"SequenceNumber":` + string(wrote["SequenceNumber"]) + `,"ApproximateArrivalTimestamp":1789779946.1,"Data":"","PartitionKey":"same"}]`
	if string(got["Records"]) != want || len(got) != 3 || string(got["MillisBehindLatest"]) != "0" || len(wrote) != 2 {
		t.Errorf("got %s, want records %s; wrote %s", got, want, wrote)
	}
	for body, want := range map[string]string{
		`{"StreamName":"s"}`: `2 validation errors detected: Value null at 'partitionKey' failed to satisfy constraint: Member must not be null; ` +
			`Value null at 'data' failed to satisfy constraint: Member must not be null`,
		`{"StreamName":"s","PartitionKey":"k","Data":"?"}`: `STRING_VALUE can not be converted to Blob: illegal base64 data at input byte 0`,
		`{"StreamName":"s","PartitionKey":"k","Data":7}`:   `NUMBER_VALUE can not be converted to Blob`,
	} {
		var text string
		if err := json.Unmarshal(call("PutRecord", body)["message"], &text); err != nil || text != want {
			t.Errorf("%s: %s", body, text)
		}
	}
	for body, want := range map[string]string{
		`{"StreamName":"s","Records":[null]}`: `2 validation errors detected: Value null at 'records.1.member.partitionKey' failed to satisfy constraint: Member must not be null; ` +
			`Value null at 'records.1.member.data' failed to satisfy constraint: Member must not be null`,
		`{"StreamName":"s","Records":[7]}`: `NUMBER_VALUE can not be converted to Structure`,
		`{"StreamName":"s"}`:               `1 validation error detected: Value null at 'records' failed to satisfy constraint: Member must not be null`,
	} {
		var text string
		if err := json.Unmarshal(call("PutRecords", body)["message"], &text); err != nil || text != want {
			t.Errorf("%s: %s", body, text)
		}
	}
}

func TestEncryptedRecords(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 1)
		answered[*kinesis.StartStreamEncryptionOutput](t)(c.StartStreamEncryption(t.Context(), &kinesis.StartStreamEncryptionInput{
			StreamName: aws.String("s"), EncryptionType: types.EncryptionTypeKms, KeyId: aws.String("alias/aws/kinesis")}))
		time.Sleep(world.Short().StreamUpdate)
		if got := put(t, c, "k", []byte{}).EncryptionType; got != types.EncryptionTypeKms {
			t.Errorf("put: %q", got)
		}
		if got := readOnce(t, c, from(t, c, horizon(0))).Records[0].EncryptionType; got != types.EncryptionTypeKms {
			t.Errorf("read: %q", got)
		}
	})
}

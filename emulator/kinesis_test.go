package emulator_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

const kinesisAccount = "123456789012"

func streamsPlace() world.Place { return world.Place{Account: kinesisAccount, Region: "eu-west-1"} }

// kinesisClient is the real SDK against a server in memory. It does not retry,
// so that every refusal is seen.
func kinesisClient(s *emulator.Server) *kinesis.Client {
	return kinesis.NewFromConfig(aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String("http://emulator.test"),
		HTTPClient:   s.Client(),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: kinesisAccount, SecretAccessKey: "x"}, nil
		}),
	})
}

// inKinesis runs a test in virtual time on a new server.
func inKinesis(t *testing.T, f func(*testing.T, *emulator.Server, *kinesis.Client)) {
	synctest.Test(t, func(t *testing.T) {
		s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())})
		f(t, s, kinesisClient(s))
	})
}

// seeded is a server with an ACTIVE stream s of some shards.
func seededStream(t *testing.T, s *emulator.Server, shards int) {
	t.Helper()
	s.Do(func(w *world.World) {
		if err := w.SeedStream(streamsPlace(), "s", shards); err != nil {
			t.Fatal(err)
		}
	})
}

// refusal is the code and text of an error.
func kinesisRefusal(t *testing.T, err error) (code, text string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a refusal", err)
	}
	return e.ErrorCode(), e.ErrorMessage()
}

func wantKinesisCode(t *testing.T, err error, want string) {
	t.Helper()
	if code, text := kinesisRefusal(t, err); code != want {
		t.Errorf("got %s: %s, want %s", code, text, want)
	}
}

func answered[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestStreamLife(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		ctx := t.Context()
		start := time.Now()
		answered[*kinesis.CreateStreamOutput](t)(c.CreateStream(ctx, &kinesis.CreateStreamInput{
			StreamName: aws.String("s"), ShardCount: aws.Int32(3), MaxRecordSizeInKiB: aws.Int32(2048),
			Tags: map[string]string{"a": "1"},
		}))
		if got := summaryOf(t, c); got.StreamStatus != types.StreamStatusCreating || got.OpenShardCount != nil {
			t.Errorf("before: %s with %v shards, want CREATING and no count", got.StreamStatus, got.OpenShardCount)
		}
		_, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String("s")})
		wantKinesisCode(t, err, "ResourceInUseException")

		time.Sleep(world.Short().StreamCreate)
		want := &types.StreamDescriptionSummary{
			StreamName: aws.String("s"), StreamARN: aws.String("arn:aws:kinesis:eu-west-1:123456789012:stream/s"),
			StreamStatus: types.StreamStatusActive, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeProvisioned},
			RetentionPeriodHours: aws.Int32(24), StreamCreationTimestamp: aws.Time(start.UTC().Truncate(time.Second)),
			EnhancedMonitoring: []types.EnhancedMetrics{{ShardLevelMetrics: []types.MetricsName{}}},
			EncryptionType:     types.EncryptionTypeNone, OpenShardCount: aws.Int32(3), ConsumerCount: aws.Int32(0),
			MaxRecordSizeInKiB: aws.Int32(2048), ChannelCount: aws.Int32(0),
		}
		if d := cmp.Diff(want, summaryOf(t, c), cmpIgnoreSerde()); d != "" {
			t.Errorf("summary (-want +got):\n%s", d)
		}

		answered[*kinesis.DeleteStreamOutput](t)(c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s")}))
		if got := summaryOf(t, c).StreamStatus; got != types.StreamStatusDeleting {
			t.Errorf("got %s, want DELETING", got)
		}
		time.Sleep(world.Short().StreamCreate)
		_, err = c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")})
		wantKinesisCode(t, err, "ResourceNotFoundException")
	})
}

func summaryOf(t *testing.T, c *kinesis.Client) *types.StreamDescriptionSummary {
	t.Helper()
	return answered[*kinesis.DescribeStreamSummaryOutput](t)(c.DescribeStreamSummary(t.Context(),
		&kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")})).StreamDescriptionSummary
}

func TestOnDemandStream(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		ctx := t.Context()
		answered[*kinesis.CreateStreamOutput](t)(c.CreateStream(ctx, &kinesis.CreateStreamInput{
			StreamName: aws.String("s"), StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand},
		}))
		time.Sleep(time.Second)
		if got := summaryOf(t, c); *got.OpenShardCount != 4 || got.StreamModeDetails.StreamMode != types.StreamModeOnDemand ||
			got.RecordDistributionStrategy != "USER_PARTITION_KEY" {
			t.Errorf("got %d shards, %s, %s", *got.OpenShardCount, got.StreamModeDetails.StreamMode, got.RecordDistributionStrategy)
		}
		_, err := c.UpdateShardCount(ctx, scaleTo(8))
		wantKinesisCode(t, err, "ValidationException")
		s.Do(func(w *world.World) {
			if err := w.AutoReshard(streamsPlace(), "s", 9); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(world.Short().StreamUpdate)
		if got := *summaryOf(t, c).OpenShardCount; got != 9 {
			t.Errorf("got %d shards, want 9", got)
		}
		provisioned := &kinesis.UpdateStreamModeInput{
			StreamARN:         aws.String(world.StreamARN(streamsPlace(), "s")),
			StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeProvisioned},
		}
		answered[*kinesis.UpdateStreamModeOutput](t)(c.UpdateStreamMode(ctx, provisioned))
		if got := summaryOf(t, c); got.StreamStatus != types.StreamStatusUpdating || got.StreamModeDetails.StreamMode != types.StreamModeOnDemand {
			t.Errorf("got %s as %s, want UPDATING and still ON_DEMAND", got.StreamStatus, got.StreamModeDetails.StreamMode)
		}
		time.Sleep(world.Short().StreamUpdate)
		provisioned.StreamModeDetails.StreamMode = types.StreamModeOnDemand
		answered[*kinesis.UpdateStreamModeOutput](t)(c.UpdateStreamMode(ctx, provisioned))
		time.Sleep(world.Short().StreamUpdate)
		provisioned.StreamModeDetails.StreamMode = types.StreamModeProvisioned
		_, err = c.UpdateStreamMode(ctx, provisioned)
		wantKinesisCode(t, err, "LimitExceededException") // 2 a day
		time.Sleep(24 * time.Hour)
		answered[*kinesis.UpdateStreamModeOutput](t)(c.UpdateStreamMode(ctx, provisioned))
	})
}

func scaleTo(n int32) *kinesis.UpdateShardCountInput {
	return &kinesis.UpdateShardCountInput{
		StreamName: aws.String("s"), TargetShardCount: aws.Int32(n), ScalingType: types.ScalingTypeUniformScaling,
	}
}

// The number of open shards as AWS shows it while a stream is UPDATING.
func TestReshardWanders(t *testing.T) {
	for _, tc := range []struct {
		name     string
		from, to int32
		want     []int32 // at each half of a step
	}{
		{"doubling, one split a shard", 4, 8, []int32{4, 5, 6, 7, 8}},
		{"halving, one merge a pair", 8, 4, []int32{8, 7, 6, 5, 4}},
		{"uneven, with pieces in between", 4, 6, []int32{4, 5, 6, 7, 8, 7, 6}},
		{"to the same, ACTIVE all the time", 4, 4, []int32{4}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
				seededStream(t, s, int(tc.from))
				got := answered[*kinesis.UpdateShardCountOutput](t)(c.UpdateShardCount(t.Context(), scaleTo(tc.to)))
				if *got.CurrentShardCount != tc.from || *got.TargetShardCount != tc.to || *got.StreamName != "s" || *got.StreamARN == "" {
					t.Errorf("got %d to %d", *got.CurrentShardCount, *got.TargetShardCount)
				}
				if tc.from != tc.to {
					_, err := c.UpdateShardCount(t.Context(), scaleTo(tc.to))
					wantKinesisCode(t, err, "ResourceInUseException")
				}
				steps := time.Duration(max(len(tc.want)-1, 1))
				time.Sleep(time.Microsecond)
				for i, want := range tc.want {
					v := summaryOf(t, c)
					status := types.StreamStatusUpdating
					if i == len(tc.want)-1 {
						status = types.StreamStatusActive
					}
					if *v.OpenShardCount != want || v.StreamStatus != status {
						t.Errorf("step %d: %d shards, %s; want %d, %s", i, *v.OpenShardCount, v.StreamStatus, want, status)
					}
					time.Sleep(world.Short().StreamUpdate / steps)
				}
			})
		})
	}
}

func TestScalingLimits(t *testing.T) {
	inKinesis(t, func(t *testing.T, s *emulator.Server, c *kinesis.Client) {
		seededStream(t, s, 5)
		for i := range 10 {
			if _, err := c.UpdateShardCount(t.Context(), scaleTo(int32(5+i%2))); err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
			time.Sleep(time.Minute)
		}
		_, err := c.UpdateShardCount(t.Context(), scaleTo(6))
		wantKinesisCode(t, err, "LimitExceededException")
		time.Sleep(24*time.Hour - 10*time.Minute - time.Second)
		_, err = c.UpdateShardCount(t.Context(), scaleTo(5))
		wantKinesisCode(t, err, "LimitExceededException")
		time.Sleep(time.Second) // the first call is a day old
		answered[*kinesis.UpdateShardCountOutput](t)(c.UpdateShardCount(t.Context(), scaleTo(5)))
		time.Sleep(world.Short().StreamUpdate)
		_, err = c.UpdateShardCount(t.Context(), scaleTo(5))
		wantKinesisCode(t, err, "LimitExceededException") // only that one had passed
	})
}

// post sends a body to a new server and returns its answer.
func post(operation, body string) *httptest.ResponseRecorder {
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())})
	return postTo(s, "AKIDEXAMPLE", operation, body)
}

func postTo(s *emulator.Server, key, operation, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+
		"/20260101/eu-west-1/kinesis/aws4_request, SignedHeaders=host, Signature=0")
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	return rec
}

// What is not in an operation's protocol.
func TestKinesisWire(t *testing.T) {
	for _, tc := range []struct {
		name, operation, body string
		want                  string
	}{
		{"unknown operation", "SubscribeToShard", `{}`, `{"__type":"UnknownOperationException"}`},
		{"no JSON", "ListStreams", `{`, `{"__type":"SerializationException","message":"The body is not a JSON object."}`},
		{"no body", "ListStreams", ``, `{"__type":"SerializationException","message":"The body is not a JSON object."}`},
		{"no object", "ListStreams", `null`, `{"__type":"SerializationException","message":"The body is not a JSON object."}`},
		{"wrong type", "CreateStream", `{"StreamName":"","ShardCount":"3"}`, `{"__type":"SerializationException","message":"STRING_VALUE can not be converted to Integer"}`},
		{"names are case-sensitive", "DescribeStreamSummary", `{"streamName":"s"}`, `{"__type":"InvalidArgumentException","message":"Stream arn and stream name can't be empty at the same time"}`},
		{"null is absent", "DescribeStreamSummary", `{"StreamName":"gone","StreamARN":null}`, `{"__type":"ResourceNotFoundException","message":"Stream gone under account 000000000000 not found."}`},
		{"what is needed", "CreateStream", `{"StreamName":null,"ShardCount":1}`, `{"__type":"ValidationException","message":"1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null"}`},
		{"what is needed of a shard", "MergeShards", `{"StreamName":"s"}`, `{"__type":"ValidationException","message":"2 validation errors detected: Value null at 'shardToMerge' failed to satisfy constraint: Member must not be null; Value null at 'adjacentShardToMerge' failed to satisfy constraint: Member must not be null"}`},
		{"no tags", "AddTagsToStream", `{"StreamName":"s","Tags":{}}`, `{"__type":"ValidationException","message":"1 validation error detected: Value '{}' at 'tags' failed to satisfy constraint: Member must have length greater than or equal to 1"}`},
		{"no keys", "UntagResource", `{"ResourceARN":"arn:aws:kinesis:eu-west-1:000000000000:stream/s","TagKeys":[]}`, `{"__type":"ValidationException","message":"1 validation error detected: Value '[]' at 'tagKeys' failed to satisfy constraint: Member must have length greater than or equal to 1"}`},
		{"filter without a type", "ListShards", `{"StreamName":"s","ShardFilter":{}}`, `{"__type":"ValidationException","message":"1 validation error detected: Value null at 'shardFilter.type' failed to satisfy constraint: Member must not be null"}`},
		{"no output", "CreateStream", `{"StreamName":"new","ShardCount":1}`, ``},
		{"recorded from AWS", "DescribeStreamSummary", `{"StreamName":"gone"}`, `{"__type":"ResourceNotFoundException","message":"Stream gone under account 000000000000 not found."}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := post(tc.operation, tc.body)
			if got := rec.Body.String(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if got := rec.Header().Get("Content-Type"); got != "application/x-amz-json-1.1" {
				t.Errorf("content type %q", got)
			}
			if refused := tc.want != ""; refused != (rec.Code == http.StatusBadRequest) {
				t.Errorf("status %d", rec.Code)
			}
		})
	}
	t.Run("CBOR", func(t *testing.T) {
		rec := post("ListStreams", "\xbf\xff")
		if !strings.Contains(rec.Body.String(), "AWS_CBOR_DISABLE") {
			t.Errorf("got %s", rec.Body)
		}
	})
}

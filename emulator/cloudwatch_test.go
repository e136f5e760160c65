package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

func cloudwatchClient(s *emulator.Server) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String("http://emulator.test"),
		HTTPClient:   s.Client(),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: kinesisAccount, SecretAccessKey: "x"}, nil
		}),
	})
}

// iteratorAge asks for the metric of a function, or with resource of one of its
// aliases.
func iteratorAge(stat string, period int32, resource string) types.MetricDataQuery {
	q := types.MetricDataQuery{Id: aws.String("q"), MetricStat: &types.MetricStat{
		Metric: &types.Metric{
			Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("IteratorAge"),
			Dimensions: []types.Dimension{{Name: aws.String("FunctionName"), Value: aws.String("f")}},
		},
		Period: &period, Stat: &stat,
	}}
	if resource != "" {
		q.MetricStat.Metric.Dimensions = append(q.MetricStat.Metric.Dimensions, types.Dimension{Name: aws.String("Resource"), Value: &resource})
	}
	return q
}

// inFlow runs a test on a stream s with a mapping on the alias live of a
// function f, which takes 20 ms for a record.
func inFlow(t *testing.T, f func(*testing.T, *emulator.Server)) {
	synctest.Test(t, func(t *testing.T) {
		w := world.New(1, world.Short(), time.Now())
		w.SetHandler(func(_ string, r world.Record, _ time.Time) (time.Duration, bool) {
			return 20 * time.Millisecond, string(r.Data) != "bad"
		})
		s := emulator.New(emulator.Options{World: w})
		if err := s.Seed(emulator.Seed{
			Place: streamsPlace(), Streams: map[string]int{"s": 1}, Functions: map[string][]string{"f": {"live"}},
		}); err != nil {
			t.Fatal(err)
		}
		retries := 1
		s.Do(func(w *world.World) {
			if _, err := w.CreateMapping(streamsPlace(), world.MappingInput{
				EventSourceArn: *kinesisStreamARN(), FunctionName: "f:live", StartingPosition: "TRIM_HORIZON",
				Settings: world.MappingSettings{MaximumRetryAttempts: &retries},
			}); err != nil {
				t.Fatal(err)
			}
		})
		time.Sleep(10 * time.Second)
		f(t, s)
	})
}

// A minute with invocations has one datapoint, one without has none.
func TestIteratorAge(t *testing.T) {
	inFlow(t, func(t *testing.T, s *emulator.Server) {
		c := cloudwatchClient(s)
		start := time.Now().UTC().Truncate(time.Minute)
		// Records in minutes 0, 1 and 4; in the last many batches.
		time.Sleep(20 * time.Second)
		put(t, kinesisClient(s), "k", []byte("x"))
		time.Sleep(time.Minute)
		put(t, kinesisClient(s), "k", []byte("x"))
		time.Sleep(150 * time.Second)
		for range 10 {
			put(t, kinesisClient(s), "k", []byte("x"))
			time.Sleep(2 * time.Second)
		}
		ask := func(in cloudwatch.GetMetricDataInput, queries ...types.MetricDataQuery) []types.MetricDataResult {
			t.Helper()
			in.StartTime, in.EndTime, in.MetricDataQueries = aws.Time(start.Add(31*time.Second)), aws.Time(time.Now()), queries
			out := answered[*cloudwatch.GetMetricDataOutput](t)(c.GetMetricData(t.Context(), &in))
			if out.NextToken != nil || len(out.Messages) != 0 {
				t.Errorf("token %v, messages %v", out.NextToken, out.Messages)
			}
			return out.MetricDataResults
		}
		minutes := func(r types.MetricDataResult) (all []int) {
			for _, at := range r.Timestamps {
				all = append(all, int(at.Sub(start)/time.Minute))
			}
			return all
		}

		stats := map[string]types.MetricDataResult{}
		for _, stat := range []string{"Maximum", "Minimum", "Average", "Sum", "SampleCount"} {
			r := ask(cloudwatch.GetMetricDataInput{ScanBy: types.ScanByTimestampAscending}, iteratorAge(stat, 60, "f:live"))[0]
			if got := minutes(r); !slices.Equal(got, []int{0, 1, 4}) || len(r.Values) != 3 {
				t.Errorf("%s in minutes %v: %v", stat, got, r.Values)
			}
			if r.StatusCode != types.StatusCodeComplete || *r.Id != "q" || *r.Label != "IteratorAge" {
				t.Errorf("got %s %s %s", r.StatusCode, *r.Id, *r.Label)
			}
			stats[stat] = r
		}
		var known []world.Datapoint
		s.Do(func(w *world.World) {
			known = w.Metric(streamsPlace(), world.IteratorAge, "f", "f:live", start, time.Now())
		})
		for i, p := range known {
			got := world.Datapoint{
				Minute: stats["Sum"].Timestamps[i].UTC(), Count: int(stats["SampleCount"].Values[i]), Sum: stats["Sum"].Values[i],
				Max: stats["Maximum"].Values[i], Min: stats["Minimum"].Values[i],
			}
			if d := cmp.Diff(p, got); d != "" {
				t.Errorf("minute %d (-known +got):\n%s", i, d)
			}
			if got := stats["Average"].Values[i]; got != p.Sum/float64(p.Count) {
				t.Errorf("average %v", got)
			}
		}
		if n := stats["SampleCount"].Values[2]; n < 5 {
			t.Errorf("%v invocations in the last minute", n)
		}

		// The newest first, a label of one's own, the function as a whole, and 2
		// minutes at a time from the first.
		all := ask(cloudwatch.GetMetricDataInput{MaxDatapoints: aws.Int32(500)},
			with(iteratorAge("Sum", 60, ""), func(q *types.MetricDataQuery) { q.Label = aws.String("lag") }),
			with(iteratorAge("Sum", 120, "f:live"), func(q *types.MetricDataQuery) { q.Id = aws.String("two") }),
			with(iteratorAge("Maximum", 600, "f:live"), func(q *types.MetricDataQuery) { q.Id = aws.String("ten") }))
		if got := minutes(all[0]); !slices.Equal(got, []int{4, 1, 0}) || *all[0].Label != "lag" {
			t.Errorf("descending: %v %s", got, *all[0].Label)
		}
		if got := minutes(all[1]); !slices.Equal(got, []int{4, 0}) || all[1].Values[1] != known[0].Sum+known[1].Sum {
			t.Errorf("in twos: %v %v", got, all[1].Values)
		}
		if got := minutes(all[2]); !slices.Equal(got, []int{0}) || all[2].Values[0] != max(known[0].Max, known[1].Max, known[2].Max) {
			t.Errorf("in tens: %v %v", got, all[2].Values)
		}

		for name, change := range map[string]func(*types.MetricDataQuery){
			"namespace":   func(q *types.MetricDataQuery) { q.MetricStat.Metric.Namespace = aws.String("AWS/Kinesis") },
			"metric":      func(q *types.MetricDataQuery) { q.MetricStat.Metric.MetricName = aws.String("Invocations") },
			"unit":        func(q *types.MetricDataQuery) { q.MetricStat.Unit = types.StandardUnitCount },
			"function":    func(q *types.MetricDataQuery) { q.MetricStat.Metric.Dimensions[0].Value = aws.String("g") },
			"alias":       func(q *types.MetricDataQuery) { q.MetricStat.Metric.Dimensions[1].Value = aws.String("f:other") },
			"dimension":   func(q *types.MetricDataQuery) { q.MetricStat.Metric.Dimensions[1].Name = aws.String("ExecutedVersion") },
			"no function": func(q *types.MetricDataQuery) { q.MetricStat.Metric.Dimensions = nil },
		} {
			r := ask(cloudwatch.GetMetricDataInput{}, with(iteratorAge("Sum", 60, "f:live"), change))[0]
			if len(r.Values) != 0 || len(r.Timestamps) != 0 || r.StatusCode != types.StatusCodeComplete {
				t.Errorf("another %s: %v %s", name, r.Values, r.StatusCode)
			}
		}
		hidden := with(iteratorAge("Sum", 60, ""), func(q *types.MetricDataQuery) { q.ReturnData = aws.Bool(false) })
		if got := ask(cloudwatch.GetMetricDataInput{}, hidden); len(got) != 0 {
			t.Errorf("not to be returned: %v", got)
		}
	})
}

func with(q types.MetricDataQuery, change func(*types.MetricDataQuery)) types.MetricDataQuery {
	change(&q)
	return q
}

func TestRefusedMetrics(t *testing.T) {
	inFlow(t, func(t *testing.T, s *emulator.Server) {
		now := time.Now()
		for _, tc := range []struct {
			name   string
			change func(*cloudwatch.GetMetricDataInput)
			want   string
		}{
			{"no time between", func(in *cloudwatch.GetMetricDataInput) { in.StartTime = &now }, "The parameter StartTime must not equal parameter EndTime.\n"},
			{"backwards", func(in *cloudwatch.GetMetricDataInput) { in.StartTime = aws.Time(now.Add(time.Minute)) }, "The parameter StartTime must be less than the parameter EndTime.\n"},
			{"nothing", func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries = []types.MetricDataQuery{} }, "The parameter MetricDataQueries is required.\n"},
			{"period", func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries[0].MetricStat.Period = aws.Int32(90) },
				"The parameter MetricDataQueries.member.1.MetricStat.Period must be a multiple of 60.\n"},
			{"percentile", func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries[0].MetricStat.Stat = aws.String("p99") },
				"The value p99 for parameter MetricDataQueries.member.1.MetricStat.Stat is not supported.\n"},
			{"two faults", func(in *cloudwatch.GetMetricDataInput) {
				in.ScanBy = "Sideways"
				in.MetricDataQueries = append(in.MetricDataQueries, in.MetricDataQueries[0])
			}, "The value Sideways for parameter ScanBy is invalid.\nThe values for parameter Id in MetricDataQueries are not unique.\n"},
			{"id", func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries[0].Id = aws.String("Q.1") },
				"The value Q.1 for parameter MetricDataQueries.member.1.Id does not match ^[a-z][a-zA-Z0-9_]*$.\n"},
			{"math", func(in *cloudwatch.GetMetricDataInput) {
				in.MetricDataQueries[0] = types.MetricDataQuery{Id: aws.String("m"), Expression: aws.String("1+1")}
			}, "The parameter MetricDataQueries.member.1.MetricStat is required: expressions are not served here.\n"},
		} {
			in := &cloudwatch.GetMetricDataInput{
				StartTime: aws.Time(now.Add(-time.Hour)), EndTime: &now, MetricDataQueries: []types.MetricDataQuery{iteratorAge("Sum", 60, "")},
			}
			tc.change(in)
			_, err := cloudwatchClient(s).GetMetricData(t.Context(), in)
			var e smithy.APIError
			if !errors.As(err, &e) || e.ErrorCode() != "ValidationError" || e.ErrorMessage() != tc.want || e.ErrorFault() != smithy.FaultClient {
				t.Errorf("%s: got %v, want %s", tc.name, err, tc.want)
			}
		}
	})
}

// What is not in the protocol is refused in it, and never ends the server.
func TestCloudWatchWire(t *testing.T) {
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())})
	for _, tc := range []struct{ operation, protocol, body, code string }{
		{"GetMetricData", "rpc-v2-cbor", "", "SerializationException"},
		{"GetMetricData", "rpc-v2-cbor", "\xff", "SerializationException"},
		{"GetMetricData", "rpc-v2-cbor", "\x80", "SerializationException"},
		{"GetMetricData", "rpc-v2-cbor", "\xa1\x69StartTime\xc1\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00", "ValidationError"}, // at infinity
		{"GetMetricData", "rpc-v2-cbor", "\xbf\xff", "ValidationError"},                                                  // an empty map of unknown length
		{"GetMetricData", "json", "{}", "SerializationException"},
		{"PutMetricData", "rpc-v2-cbor", "\xa0", "UnknownOperationException"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/service/GraniteServiceVersion20100801/operation/"+tc.operation, strings.NewReader(tc.body))
		r.Header.Set("Smithy-Protocol", tc.protocol)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/monitoring/aws4_request, SignedHeaders=host, Signature=0")
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, r)
		got := fmt.Sprint(rec.Code, rec.Header().Get("X-Amzn-Query-Error"), rec.Header().Get("Content-Type"), rec.Header().Get("Smithy-Protocol"))
		if want := "400" + tc.code + ";Senderapplication/cborrpc-v2-cbor"; got != want {
			t.Errorf("%s %q: got %s, want %s", tc.operation, tc.body, got, want)
		}
	}
}

package awsapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
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
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// A pass that finds nothing to do costs the same however many routes there
// are: DESIGN.md section 5.
func TestObserveCalls(t *testing.T) {
	inScene(t, func(s *scene) {
		s.withRoutes("placed", "paid")
		s.observe()
		want := []string{
			"DescribeStreamSummary", "GetFunctionConcurrency", "ListAliases", "ListEventSourceMappings",
			"ListProvisionedConcurrencyConfigs", "ListShards",
		}
		if diff := cmp.Diff(want, sorted(s.operations())); diff != "" {
			t.Errorf("calls of a quiet pass (-want +got):\n%s", diff)
		}
	})
}

func TestObserveManyMappings(t *testing.T) {
	inScene(t, func(s *scene) {
		const n = 250
		s.server.Do(func(w *world.World) {
			for i := range n {
				_, err := w.CreateMapping(s.place, world.MappingInput{
					EventSourceArn: fmt.Sprintf("arn:aws:sqs:%s:%s:queue-%d", region, account, i), FunctionName: function,
				})
				s.ok(err)
			}
		})
		s.server.Forget()
		live := s.observe()
		if len(live.Mappings) != n {
			t.Errorf("%d mappings, want %d", len(live.Mappings), n)
		}
		calls := s.operations()
		if pages := count(calls, "ListEventSourceMappings"); pages != 3 || len(calls) != 3+2+3 {
			t.Errorf("%d pages in %d calls, want 3 in 8: %v", pages, len(calls), calls)
		}
	})
}

// Everything of a function matters to its concurrency, whoever it belongs to.
func TestObserveScene(t *testing.T) {
	inScene(t, func(s *scene) {
		s.seed(map[string]int{"audit": 2, "idle": 1, "elsewhere": 1}, map[string][]string{"other": {"billing--refunds"}, "third": nil})
		audit, sqs := "arn:aws:kinesis:"+region+":"+account+":stream/audit", "arn:aws:sqs:"+region+":"+account+":jobs"
		s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: &audit, FunctionName: aws.String(function + ":live")})
		s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: &audit, FunctionName: aws.String(function + ":$LATEST")})
		s.foreign(&lambda.CreateEventSourceMappingInput{
			EventSourceArn: aws.String(strings.Replace(audit, "audit", "idle", 1)), FunctionName: aws.String(function), Enabled: aws.Bool(false),
		})
		s.foreign(&lambda.CreateEventSourceMappingInput{
			EventSourceArn: aws.String(strings.Replace(audit, "audit", "elsewhere", 1)), FunctionName: aws.String("third"),
		})
		s.foreign(&lambda.CreateEventSourceMappingInput{
			EventSourceArn: &sqs, FunctionName: aws.String(function), ScalingConfig: &types.ScalingConfig{MaximumConcurrency: aws.Int32(7)},
		})
		s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(streamARN), FunctionName: aws.String("other:billing--refunds")})
		_, err := s.lambda.PutFunctionConcurrency(s.Context(), &lambda.PutFunctionConcurrencyInput{
			FunctionName: aws.String(function), ReservedConcurrentExecutions: aws.Int32(30),
		})
		s.ok(err)
		_, err = s.lambda.PutProvisionedConcurrencyConfig(s.Context(), &lambda.PutProvisionedConcurrencyConfigInput{
			FunctionName: aws.String(function), Qualifier: aws.String("live"), ProvisionedConcurrentExecutions: aws.Int32(2),
		})
		s.ok(err)

		scope := reconcile.Scope{Streams: []string{"gone", streamARN}, Functions: []string{"nobody", function}, Since: time.Hour}
		if _, ok := s.observeScope(scope).Streams["idle"]; !ok {
			t.Error("what stopped minutes ago may still run, and its stream was not read")
		}
		time.Sleep(time.Hour)
		live := s.observeScope(scope)
		if live.Account != account || live.Region != region || live.Partition != "aws" {
			t.Errorf("observed in %s %s %s", live.Account, live.Region, live.Partition)
		}
		// idle is read by nobody who is enabled, elsewhere by a function that nobody asked for.
		shards := map[string]int{}
		for name, st := range live.Streams {
			shards[name] = len(st.Shards)
		}
		if diff := cmp.Diff(map[string]int{stream: 4, "audit": 2}, shards); diff != "" {
			t.Errorf("shards of streams (-want +got):\n%s", diff)
		}
		want := map[string]reconcile.Function{
			function: {
				Name: function, ARN: "arn:aws:lambda:" + region + ":" + account + ":function:" + function,
				Reserved: aws.Int(30), Provisioned: []reconcile.Provisioned{{Qualifier: "live", Requested: 2}},
			},
			"other": {Name: "other", ARN: "arn:aws:lambda:" + region + ":" + account + ":function:other"},
		}
		if diff := cmp.Diff(want, live.Functions); diff != "" {
			t.Errorf("functions (-want +got):\n%s", diff)
		}
		aliases := map[reconcile.AliasKey]reconcile.Alias{
			{Function: function, Name: "live"}:            {Version: "1"},
			{Function: "other", Name: "billing--refunds"}: {Version: "1"},
		}
		if diff := cmp.Diff(aliases, live.Aliases, cmpopts.IgnoreFields(reconcile.Alias{}, "Key", "ARN", "RevisionID")); diff != "" {
			t.Errorf("aliases (-want +got):\n%s", diff)
		}
		for k, enabled := range map[reconcile.Key]bool{
			{Stream: "audit", Function: function, Qualifier: "live"}:           true,
			{Stream: "audit", Function: function, Qualifier: "$LATEST"}:        true,
			{Stream: "idle", Function: function}:                               false,
			{Stream: "elsewhere", Function: "third"}:                           true,
			{Stream: sqs, Function: function}:                                  true,
			{Stream: stream, Function: "other", Qualifier: "billing--refunds"}: true,
		} {
			if m := s.mapping(live, k); m.Enabled != enabled || m.Key != k {
				t.Errorf("%s: enabled %v", k, m.Enabled)
			}
		}
		if m := s.mapping(live, reconcile.Key{Stream: sqs, Function: function}); m.MaximumConcurrency != 7 || m.Key.Kinesis() {
			t.Errorf("SQS mapping: %+v", m)
		}
	})
}

// Without an alias a mapping shows a function's ARN; without either nothing does.
func TestObserveFunctionARN(t *testing.T) {
	inScene(t, func(s *scene) {
		s.seed(nil, map[string][]string{"read": nil, "bare": nil})
		s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(streamARN), FunctionName: aws.String("read:$LATEST")})
		live := s.observeScope(reconcile.Scope{Functions: []string{"read", "bare"}})
		want := map[string]reconcile.Function{
			"read": {Name: "read", ARN: "arn:aws:lambda:" + region + ":" + account + ":function:read"},
			"bare": {Name: "bare"},
		}
		if diff := cmp.Diff(want, live.Functions); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestObserveNothing(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.observeScope(reconcile.Scope{Streams: []string{"gone"}, Functions: []string{"nobody"}})
		want := reconcile.State{Account: account, Partition: "aws", Region: region}
		if diff := cmp.Diff(want, live, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"ListEventSourceMappings", "DescribeStreamSummary", "ListAliases", "GetCallerIdentity"}, s.operations()); diff != "" {
			t.Errorf("calls for what does not exist (-want +got):\n%s", diff)
		}
	})
}

// A function, or a stream, can go between two calls about it.
func TestObserveGoneMeanwhile(t *testing.T) {
	gone := emulator.Fault{Refuse: &world.Error{Code: "ResourceNotFoundException", Status: 404, Message: "not found"}}
	for _, operation := range []string{"ListAliases", "GetFunctionConcurrency", "ListProvisionedConcurrencyConfigs", "DescribeStreamSummary", "ListShards"} {
		t.Run(operation, func(t *testing.T) {
			inScene(t, func(s *scene) {
				s.fault = on(operation, 1, 1, gone)
				if live := s.observe(); len(live.Streams)+len(live.Functions) != 1 {
					t.Errorf("streams %v, functions %v", live.Streams, live.Functions)
				}
			})
		})
	}
}

func TestObserveShards(t *testing.T) {
	inScene(t, func(s *scene) {
		s.observe()
		time.Sleep(time.Hour)
		_, err := s.kinesis.UpdateShardCount(s.Context(), &kinesis.UpdateShardCountInput{
			StreamName: aws.String(stream), TargetShardCount: aws.Int32(8), ScalingType: kinesistypes.ScalingTypeUniformScaling,
		})
		s.ok(err)
		if st := s.observe().Streams[stream]; st.Status != "UPDATING" {
			t.Errorf("stream is %s", st.Status)
		}
		time.Sleep(time.Hour)
		for since, want := range map[time.Duration][2]int{0: {8, 0}, 30 * time.Minute: {8, 0}, 2 * time.Hour: {8, 4}, 90 * 24 * time.Hour: {8, 4}} {
			st := s.observeScope(reconcile.Scope{Streams: []string{stream}, Since: since}).Streams[stream]
			open, closed := 0, 0
			for _, shard := range st.Shards {
				if shard.Closed {
					closed++
					continue
				}
				open++
				if len(shard.Parents) == 0 {
					t.Errorf("shard %s has no parent", shard.ID)
				}
			}
			if got := [2]int{open, closed}; got != want {
				t.Errorf("since %s: %v open and closed, want %v", since, got, want)
			}
			if st.Status != "ACTIVE" || st.Retention != 24*time.Hour || st.Mode != "PROVISIONED" || st.ARN != streamARN {
				t.Errorf("stream %+v", st)
			}
		}
	})
}

// oddShards edits what Kinesis answers, by operation.
type oddShards struct {
	to   aws.HTTPClient
	edit map[string]func(answer map[string]any)
}

func (o oddShards) Do(r *http.Request) (*http.Response, error) {
	resp, err := o.to.Do(r)
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if err != nil || o.edit[operation] == nil {
		return resp, err
	}
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	o.edit[operation](answer)
	body, err := json.Marshal(answer)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("X-Amz-Crc32")
	return resp, err
}

// A list of shards that has fewer open ones than the stream says is out of date, or
// cut off; a reservation would fall to what is left of it. It may be a reshard that
// came between the two calls: then the stream says another number when asked again,
// or that it is UPDATING.
func TestObserveFewerShards(t *testing.T) {
	keep := func(n int) func(map[string]any) {
		return func(answer map[string]any) { answer["Shards"] = answer["Shards"].([]any)[:n] }
	}
	says := func(first, then map[string]any) func(map[string]any) {
		asked := 0
		return func(answer map[string]any) {
			asked++
			said := first
			if asked > 1 {
				said = then
			}
			maps.Copy(answer["StreamDescriptionSummary"].(map[string]any), said)
		}
	}
	open := func(n int) map[string]any { return map[string]any{"OpenShardCount": n} }
	updating := map[string]any{"StreamStatus": "UPDATING"}
	for name, c := range map[string]struct {
		summary, list func(map[string]any)
		shards, calls int // that are read, and that it takes for the stream
		status, want  string
	}{
		"as many":            {says(nil, nil), keep(4), 4, 2, "ACTIVE", ""},
		"cut off":            {says(nil, nil), keep(1), 0, 3, "", "one of two answers is out of date: the list has 1 open shards and the stream 4"},
		"none":               {says(nil, nil), keep(0), 0, 3, "", "one of two answers is out of date: the list has 0 open shards and the stream 4"},
		"merged in between":  {says(open(8), nil), keep(4), 4, 3, "ACTIVE", ""},
		"being merged":       {says(open(8), updating), keep(4), 4, 3, "UPDATING", ""},
		"UPDATING":           {says(updating, nil), keep(3), 3, 2, "UPDATING", ""},
		"split in between":   {says(open(2), nil), keep(4), 4, 2, "ACTIVE", ""},
		"no number":          {says(open(0), nil), keep(4), 0, 1, "", "the endpoint's answer makes no sense: OpenShardCount 0 in it"},
		"no number any more": {says(open(8), open(-1)), keep(4), 0, 3, "", "the endpoint's answer makes no sense: OpenShardCount -1 in it"},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				edit := map[string]func(map[string]any){"DescribeStreamSummary": c.summary, "ListShards": c.list}
				s.client = awsapi.New(config(oddShards{s.server.Client(), edit}), awsapi.Options{})
				live, err := s.client.Reader().Observe(s.Context(), reconcile.Scope{Streams: []string{stream}}, time.Now())
				if message, _ := awsapi.Explain(err); message != "" && c.want == "" || !strings.HasSuffix(message, c.want) {
					t.Errorf("%s\nwant %s", message, c.want)
				}
				if st := live.Streams[stream]; len(st.Shards) != c.shards || st.Status != c.status {
					t.Errorf("%d shards, %s, want %d, %s", len(st.Shards), st.Status, c.shards, c.status)
				}
				if calls := s.operations(); count(calls, "DescribeStreamSummary")+count(calls, "ListShards") != c.calls {
					t.Errorf("calls %v, want %d for the stream", calls, c.calls)
				}
			})
		})
	}
}

func TestObserveManyShards(t *testing.T) {
	inScene(t, func(s *scene) {
		s.server.Do(func(w *world.World) { s.ok(w.SeedStream(s.place, "wide", 2300)) })
		live := s.observeScope(reconcile.Scope{Streams: []string{"wide"}, Since: time.Hour})
		if n := len(live.Streams["wide"].Shards); n != 2300 {
			t.Errorf("%d shards", n)
		}
		if n := count(s.operations(), "ListShards"); n != 3 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestObserveStreamBeingCreated(t *testing.T) {
	inScene(t, func(s *scene) {
		_, err := s.kinesis.CreateStream(s.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("new"), ShardCount: aws.Int32(1)})
		s.ok(err)
		if st := s.observeScope(reconcile.Scope{Streams: []string{"new"}}).Streams["new"]; st.Status != "CREATING" {
			t.Errorf("stream %+v", st)
		}
	})
}

func TestObserveStreamARNs(t *testing.T) {
	for arn, want := range map[string]string{
		streamARN: "",
		strings.Replace(streamARN, region, "us-east-1", 1):     "stream arn:aws:kinesis:us-east-1:111122223333:stream/orders-events: it is in region us-east-1, and the calls go to region eu-west-1",
		strings.Replace(streamARN, account, "999999999999", 1): "stream arn:aws:kinesis:eu-west-1:999999999999:stream/orders-events: it is in account 999999999999, and the calls go to account 111122223333",
		"arn:aws:sqs:eu-west-1:111122223333:orders-events":     "stream arn:aws:sqs:eu-west-1:111122223333:orders-events: that is no ARN of a Kinesis stream",
		"arn:aws:kinesis:eu-west-1:111122223333:orders-events": "stream arn:aws:kinesis:eu-west-1:111122223333:orders-events: that is no ARN of a Kinesis stream",
	} {
		inScene(t, func(s *scene) {
			_, err := s.client.Reader().Observe(s.Context(), reconcile.Scope{Streams: []string{arn}}, time.Now())
			if got := text(err); got != want {
				t.Errorf("%s: %s\nwant %s", arn, got, want)
			}
		})
	}
}

func TestObserveFunctionARNs(t *testing.T) {
	const arn = "arn:aws:lambda:eu-west-1:111122223333:function:" + function
	for arn, want := range map[string]string{
		arn: "",
		strings.Replace(arn, region, "us-east-1", 1):     "function arn:aws:lambda:us-east-1:111122223333:function:order-processor: it is in region us-east-1, and the calls go to region eu-west-1",
		strings.Replace(arn, account, "999999999999", 1): "function arn:aws:lambda:eu-west-1:999999999999:function:order-processor: it is in account 999999999999, and the calls go to account 111122223333",
	} {
		inScene(t, func(s *scene) {
			_, err := s.client.Reader().Observe(s.Context(), reconcile.Scope{Functions: []string{function}, ARNs: []string{arn}}, time.Now())
			if got := text(err); got != want {
				t.Errorf("%s: %s\nwant %s", arn, got, want)
			}
		})
	}
}

// A list does not show a filter that a key encrypts. That is not "no filter".
func TestObserveEncryptedFilter(t *testing.T) {
	inScene(t, func(s *scene) {
		s.foreign(&lambda.CreateEventSourceMappingInput{
			EventSourceArn: aws.String(streamARN), FunctionName: aws.String(function),
			KMSKeyArn:      aws.String("arn:aws:kms:eu-west-1:111122223333:key/k"),
			FilterCriteria: &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"data":{"a":["b"]}}`)}}},
		})
		m := s.mapping(s.observe(), reconcile.Key{Stream: stream, Function: function})
		if !m.FiltersUnknown || m.Filters != nil || m.KMSKey == "" {
			t.Errorf("%+v", m)
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

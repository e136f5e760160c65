package awsapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

func (s *scene) answer(live reconcile.State, asks ...reconcile.Ask) reconcile.Facts {
	s.Helper()
	answered, err := s.client.Reader().Answer(s.Context(), live, asks)
	s.ok(err)
	return answered.Facts
}

func TestAnswerTags(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.withRoutes("placed", "paid")
		placed, paid := s.mapping(live, key("placed")).UUID, s.mapping(live, key("paid")).UUID
		first, err := s.client.Reader().Answer(s.Context(), live, []reconcile.Ask{{What: reconcile.AskTags, Name: placed}})
		s.ok(err)
		second := s.answer(first, reconcile.Ask{What: reconcile.AskTags, Name: paid})
		want := map[string]map[string]string{placed: route("placed").Tags, paid: route("paid").Tags}
		if diff := cmp.Diff(want, second.Tags); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
		if len(live.Facts.Tags) != 0 || len(first.Facts.Tags) != 1 {
			t.Errorf("the states given have changed: %v, %v", live.Facts, first.Facts)
		}
		if diff := cmp.Diff([]string{"ListTags", "ListTags"}, s.operations()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

// An answer without tags in it is none; AWS sends an empty list, or an empty object,
// where there are none.
func TestAnswerTagsMissing(t *testing.T) {
	arn := streamARN + "/consumer/orders--placed:1"
	live := reconcile.State{Mappings: map[reconcile.Key][]reconcile.Mapping{key("placed"): {{UUID: "u", ARN: "arn:u"}}}}
	for _, c := range []struct {
		ask  reconcile.Ask
		body string
		want string // "" for no tags
	}{
		{reconcile.Ask{What: reconcile.AskTags, Name: "u"}, `{"Tags":{}}`, ""},
		{reconcile.Ask{What: reconcile.AskTags, Name: "u"}, `{}`, "list the tags of mapping u: the endpoint's answer makes no sense: no Tags in it"},
		{reconcile.Ask{What: reconcile.AskTags, Name: "u"}, `{"Tags":null}`, "list the tags of mapping u: the endpoint's answer makes no sense: no Tags in it"},
		{reconcile.Ask{What: reconcile.AskConsumerTags, Name: arn}, `{"Tags":[]}`, ""},
		{reconcile.Ask{What: reconcile.AskConsumerTags, Name: arn}, `{}`, "list the tags of consumer " + arn + ": the endpoint's answer makes no sense: no Tags in it"},
		{reconcile.Ask{What: reconcile.AskConsumerTags, Name: arn}, `{"Tags":null}`, "list the tags of consumer " + arn + ": the endpoint's answer makes no sense: no Tags in it"},
	} {
		_, err := awsapi.New(config(always(200, c.body)), awsapi.Options{}).Reader().Answer(t.Context(), live, []reconcile.Ask{c.ask})
		if text(err) != c.want {
			t.Errorf("%s of %s: %v\nwant %s", c.body, c.ask.What, err, c.want)
		}
	}
}

func TestAnswerFilter(t *testing.T) {
	inScene(t, func(s *scene) {
		pattern := `{"data":{"a":["b"]}}`
		uuid := s.foreign(&lambda.CreateEventSourceMappingInput{
			EventSourceArn: aws.String(streamARN), FunctionName: aws.String(function),
			KMSKeyArn:      aws.String("arn:aws:kms:eu-west-1:111122223333:key/k"),
			FilterCriteria: &types.FilterCriteria{Filters: []types.Filter{{Pattern: &pattern}}},
		})
		live := s.observe()
		ask := reconcile.Ask{What: reconcile.AskFilter, Name: uuid}
		if diff := cmp.Diff(reconcile.EncryptedFilter{Filters: []string{pattern}}, s.answer(live, ask).Filters[uuid]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.server.Do(func(w *world.World) { w.DenyDecrypt(s.place, true) })
		f := s.answer(live, ask).Filters[uuid]
		if !strings.HasPrefix(f.Error, "AccessDeniedException: ") || f.Filters != nil {
			t.Errorf("filter that cannot be decrypted: %+v", f)
		}
	})
}

func TestAnswerInvokers(t *testing.T) {
	inScene(t, func(s *scene) {
		s.aliasOfOthers(reconcile.AliasKey{Function: function, Name: "not--ours"})
		live := s.withRoutes("placed")
		invokers := func() reconcile.Invokers {
			return s.answer(live, reconcile.Ask{What: reconcile.AskInvokers, Name: function}).Invokers[function]
		}
		if diff := cmp.Diff(reconcile.Invokers{}, invokers()); diff != "" {
			t.Errorf("without any (-want +got):\n%s", diff)
		}
		// The function itself, live and one that only looks like a route's, and
		// not the route's alias.
		if diff := cmp.Diff([]string{"GetPolicy", "GetPolicy", "GetPolicy", "ListFunctionUrlConfigs"}, s.operations()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		for _, qualifier := range []*string{nil, aws.String("live")} {
			_, err := s.lambda.AddPermission(s.Context(), &lambda.AddPermissionInput{
				FunctionName: aws.String(function), Qualifier: qualifier, StatementId: aws.String("s"),
				Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("sns.amazonaws.com"),
			})
			s.ok(err)
			_, err = s.lambda.CreateFunctionUrlConfig(s.Context(), &lambda.CreateFunctionUrlConfigInput{
				FunctionName: aws.String(function), Qualifier: qualifier, AuthType: types.FunctionUrlAuthTypeAwsIam,
			})
			s.ok(err)
		}
		both := []string{"$LATEST", "live"}
		if diff := cmp.Diff(reconcile.Invokers{Policies: both, URLs: both}, invokers()); diff != "" {
			t.Errorf("with two of each (-want +got):\n%s", diff)
		}
	})
}

func TestAnswerLimits(t *testing.T) {
	inScene(t, func(s *scene) {
		s.ok(s.start(reconcile.State{}, reservation(nil, 300)))
		want := &reconcile.Limits{ConcurrentExecutions: 1000, Unreserved: 700}
		if diff := cmp.Diff(want, s.answer(s.observe(), reconcile.Ask{What: reconcile.AskLimits}).Limits); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What was asked about may be gone: then the fact is there, and empty.
// TestAnswerLineage reads a stream's shards from further back than the
// observation did: those closed since then, and all that there are where it
// lies before the trim horizon.
func TestAnswerLineage(t *testing.T) {
	inScene(t, func(s *scene) {
		_, err := s.kinesis.IncreaseStreamRetentionPeriod(s.Context(), &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: aws.String(stream), RetentionPeriodHours: aws.Int32(48)})
		s.ok(err)
		reshard := func(n int32) {
			time.Sleep(time.Hour)
			_, err := s.kinesis.UpdateShardCount(s.Context(), &kinesis.UpdateShardCountInput{StreamName: aws.String(stream), TargetShardCount: &n, ScalingType: kinesistypes.ScalingTypeUniformScaling})
			s.ok(err)
			time.Sleep(time.Hour)
		}
		reshard(8) // an hour from now
		reshard(4) // three hours from now
		start := time.Now()
		time.Sleep(20 * time.Hour)
		live := s.observeScope(reconcile.Scope{Streams: []string{stream}, Windows: map[string]time.Duration{stream: time.Hour}, Since: 90 * time.Hour})
		if n := len(live.Streams[stream].Shards); n != 4 {
			t.Errorf("%d shards inside the window", n)
		}
		for since, want := range map[time.Duration]int{0: 4, 2 * time.Hour: 12, 5 * time.Hour: 16, 400 * time.Hour: 16} {
			ask := reconcile.Ask{What: reconcile.AskLineage, Name: stream, Since: start.Add(-since)}
			got := s.answer(live, ask).Lineages[stream]
			if len(got.Shards) != want || !got.Since.Equal(ask.Since) {
				t.Errorf("%d shards since %s before, want %d", len(got.Shards), since, want)
			}
		}
		if got := s.answer(live, reconcile.Ask{What: reconcile.AskLineage, Name: "gone", Since: start}).Lineages["gone"]; len(got.Shards) != 0 {
			t.Errorf("a stream that is gone has %v", got.Shards)
		}
	})
}

// A list from further back lacks no shard that was open just now.
func TestAnswerLineageLacks(t *testing.T) {
	inScene(t, func(s *scene) {
		time.Sleep(time.Hour)
		live := s.observe()
		edit := map[string]func(map[string]any){"ListShards": func(answer map[string]any) { answer["Shards"] = answer["Shards"].([]any)[:3] }}
		reader := awsapi.New(config(oddShards{s.server.Client(), edit}), awsapi.Options{}).Reader()
		_, err := reader.Answer(s.Context(), live, []reconcile.Ask{{What: reconcile.AskLineage, Name: stream, Since: time.Now().Add(-time.Minute)}})
		message, hint := awsapi.Explain(err)
		check(t, message, hint, "list the shards of stream orders-events: one of two answers is out of date: the list lacks shard shardId-000000000003, which was open", "try again")
	})
}

// TestAnswerLeft reads how long a stream keeps records that nothing observed: one that is
// gone is no error, and neither is one that may not be read.
func TestAnswerLeft(t *testing.T) {
	inScene(t, func(s *scene) {
		answer := func(name string) reconcile.LeftStream {
			return s.answer(reconcile.State{}, reconcile.Ask{What: reconcile.AskLeft, Name: name}).Left[name]
		}
		if got, want := answer(stream), (reconcile.LeftStream{Retention: 24 * time.Hour}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if got, want := answer("gone"), (reconcile.LeftStream{Gone: true}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		s.fault = on("DescribeStreamSummary", 1, 1, emulator.Fault{Refuse: &world.Error{Code: "AccessDeniedException", Status: 400}})
		if got := answer(stream); got != (reconcile.LeftStream{}) {
			t.Errorf("%+v of what may not be read", got)
		}
	})
}

// TestAnswerStream reads a stream that the scope did not name, with the shards
// closed since then. One that is gone stays absent.
func TestAnswerStream(t *testing.T) {
	inScene(t, func(s *scene) {
		_, err := s.kinesis.UpdateShardCount(s.Context(), &kinesis.UpdateShardCountInput{StreamName: aws.String(stream), TargetShardCount: aws.Int32(8), ScalingType: kinesistypes.ScalingTypeUniformScaling})
		s.ok(err)
		time.Sleep(2 * time.Hour)
		live := s.observeScope(reconcile.Scope{})
		for since, want := range map[time.Duration]int{time.Hour: 8, 3 * time.Hour: 12} {
			got, err := s.client.Reader().Answer(s.Context(), live, []reconcile.Ask{
				{What: reconcile.AskStream, Name: stream, Since: time.Now().Add(-since)}, {What: reconcile.AskStream, Name: "gone"},
			})
			s.ok(err)
			if n := len(got.Streams[stream].Shards); len(got.Streams) != 1 || n != want {
				t.Errorf("%d streams, %d shards since %s, want %d", len(got.Streams), n, since, want)
			}
		}
		if len(live.Streams) != 0 {
			t.Errorf("the state that was given has %v", live.Streams)
		}
	})
}

// TestAnswerLag reads how old batches were, of an alias and of its function, and
// nothing where there was none.
func TestAnswerLag(t *testing.T) {
	inScene(t, func(s *scene) {
		s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(streamARN), FunctionName: aws.String(function + ":live")})
		time.Sleep(time.Minute)
		s.server.Do(func(w *world.World) {
			_, _, err := w.Put(s.place, stream, "k", []byte("{}"))
			s.ok(err)
		})
		time.Sleep(2 * time.Minute)
		lag := func(name string) reconcile.Lag {
			return s.answer(s.observe(), reconcile.Ask{What: reconcile.AskLag, Name: name, Since: time.Now().Add(-reconcile.LagWindow)}).Lags[name]
		}
		for _, c := range []struct {
			name string
			ago  time.Duration
			want bool
		}{{function + ":live", time.Hour, true}, {function + ":live", 30 * 24 * time.Hour, true}, {function + ":live", 0, false}, {function + ":other", time.Hour, false}} {
			ask := reconcile.Ask{What: reconcile.AskRead, Name: c.name, Since: time.Now().Add(-c.ago)}
			if got := s.answer(s.observe(), ask).Read[ask.Reads()]; got != c.want {
				t.Errorf("delivered by %s since %s: %v", c.name, c.ago, got)
			}
		}
		for name, want := range map[string]int{function: 1, function + ":live": 1, function + ":other": 0, "nobody": 0} {
			got := lag(name).From(time.Now().Add(-5 * time.Minute))
			if got.Batches != want || got.Max > 2*time.Second || want > 0 && got.Max == 0 || got.Throttles != 0 {
				t.Errorf("%s: %+v", name, got)
			}
		}
		time.Sleep(10 * time.Minute)
		if got := lag(function); got.From(time.Now().Add(-5*time.Minute)).Batches != 0 || got.From(time.Now().Add(-15*time.Minute)).Batches != 1 {
			t.Errorf("long after: %+v", got)
		}
		time.Sleep(reconcile.LagWindow)
		if got := lag(function); len(got) != 0 {
			t.Errorf("longer after: %+v", got)
		}
	})
}

// TestAnswerThrottles counts batches that found no room.
func TestAnswerThrottles(t *testing.T) {
	inScene(t, func(s *scene) {
		s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(streamARN), FunctionName: aws.String(function + ":live")})
		_, err := s.lambda.PutFunctionConcurrency(s.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String(function), ReservedConcurrentExecutions: aws.Int32(0)})
		s.ok(err)
		time.Sleep(time.Minute)
		s.server.Do(func(w *world.World) {
			_, _, err := w.Put(s.place, stream, "k", []byte("{}"))
			s.ok(err)
		})
		time.Sleep(2 * time.Minute)
		name := function + ":live"
		got := s.answer(s.observe(), reconcile.Ask{What: reconcile.AskLag, Name: name, Since: time.Now().Add(-reconcile.LagWindow)}).Lags[name].From(time.Now().Add(-5 * time.Minute))
		if got.Batches != 0 || got.Throttles == 0 {
			t.Errorf("%+v, want throttles and no batch", got)
		}
	})
}

// TestAnswerVersions reads how long an invocation may take, of all versions, and when
// $LATEST was changed.
func TestAnswerVersions(t *testing.T) {
	inScene(t, func(s *scene) {
		_, err := s.lambda.UpdateFunctionConfiguration(s.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String(function), Timeout: aws.Int32(7)})
		s.ok(err)
		changed := time.Now()
		time.Sleep(time.Minute)
		_, err = s.lambda.PublishVersion(s.Context(), &lambda.PublishVersionInput{FunctionName: aws.String(function)})
		s.ok(err)
		got := s.answer(s.observe(), reconcile.Ask{What: reconcile.AskVersions, Name: function}).Versions[function]
		if diff := cmp.Diff([]string{"$LATEST", "1", "2"}, got.Names); diff != "" {
			t.Errorf("versions (-want +got):\n%s", diff)
		}
		if got.Timeout != time.Minute || got.Latest.Sub(changed).Abs() > time.Second {
			t.Errorf("%+v, want a minute, which version 1 has, and %s", got, changed)
		}
		if got := s.answer(s.observe(), reconcile.Ask{What: reconcile.AskVersions, Name: "nobody"}).Versions["nobody"]; len(got.Names) != 0 {
			t.Errorf("versions of a function that is gone: %+v", got)
		}
	})
}

func TestAnswerGone(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.withRoutes("placed")
		uuid := s.mapping(live, key("placed")).UUID
		_, err := s.lambda.DeleteEventSourceMapping(s.Context(), &lambda.DeleteEventSourceMappingInput{UUID: &uuid})
		s.ok(err)
		s.fault = on("GetEventSourceMapping", 1, 1, emulator.Fault{Refuse: &world.Error{Code: "ResourceNotFoundException", Status: 404}})
		s.passes(3)
		facts := s.answer(live,
			reconcile.Ask{What: reconcile.AskTags, Name: uuid},
			reconcile.Ask{What: reconcile.AskFilter, Name: uuid},
			reconcile.Ask{What: reconcile.AskGone, Name: streamARN + "/consumer/orders--gone:1"},
			reconcile.Ask{What: reconcile.AskInvokers, Name: "nobody"})
		want := reconcile.Facts{
			Tags:     map[string]map[string]string{uuid: {}},
			Filters:  map[string]reconcile.EncryptedFilter{uuid: {Error: "the mapping does not exist any more"}},
			Invokers: map[string]reconcile.Invokers{"nobody": {}},

			ConsumerTags: map[string]map[string]string{},
			Gone:         map[string]bool{streamARN + "/consumer/orders--gone:1": true},
			Lineages:     map[string]reconcile.Lineage{},
			Lags:         map[string]reconcile.Lag{},
			Read:         map[string]bool{},
			Left:         map[string]reconcile.LeftStream{},
			Versions:     map[string]reconcile.Versions{},
		}
		if diff := cmp.Diff(want, facts); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAnswerDenied(t *testing.T) {
	for _, c := range []struct {
		what   reconcile.AskWhat
		action string
	}{
		{reconcile.AskTags, "lambda:ListTags"},
		{reconcile.AskFilter, "lambda:GetEventSourceMapping"},
		{reconcile.AskInvokers, "lambda:GetPolicy"},
		{reconcile.AskInvokers, "lambda:ListFunctionUrlConfigs"},
		{reconcile.AskLimits, "lambda:GetAccountSettings"},
	} {
		inScene(t, func(s *scene) {
			live := s.withRoutes("placed")
			name := s.mapping(live, key("placed")).UUID
			if c.what == reconcile.AskInvokers {
				name = function
			}
			s.fault = on(strings.TrimPrefix(c.action, "lambda:"), 1, 1, emulator.Fault{Refuse: &world.Error{Code: "AccessDeniedException", Status: 403}})
			_, err := s.client.Reader().Answer(s.Context(), live, []reconcile.Ask{{What: c.what, Name: name}})
			if !strings.Contains(text(err), "it takes "+c.action+":") {
				t.Errorf("%s: %v", c.action, err)
			}
		})
	}
}

func TestAnswerNobodyKnows(t *testing.T) {
	inScene(t, func(s *scene) {
		for _, ask := range []reconcile.Ask{{What: "colour"}, {What: reconcile.AskTags, Name: "no-such-mapping"}} {
			if _, err := s.client.Reader().Answer(s.Context(), reconcile.State{}, []reconcile.Ask{ask}); err == nil {
				t.Errorf("%v was answered", ask)
			}
		}
	})
}

// A consumer that may not be asked about is not taken for gone, and ends no pass.
func TestAnswerGoneDenied(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.observe()
		arn := streamARN + "/consumer/theirs:1"
		s.fault = on("ListTagsForResource", 1, 99, emulator.Fault{Refuse: &world.Error{Code: "AccessDeniedException", Status: 400}})
		if got, known := s.answer(live, reconcile.Ask{What: reconcile.AskGone, Name: arn}).Gone[arn]; got || !known {
			t.Errorf("gone: %t, known: %t", got, known)
		}
	})
}

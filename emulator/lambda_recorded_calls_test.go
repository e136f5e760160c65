package emulator_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator/world"
)

const (
	mappingsPath  = "/2015-03-31/event-source-mappings"
	functionsPath = "/2015-03-31/functions"
	esm           = "TestLambdaEventSourceMappings::"
)

func recordedMappingErrors(t *testing.T, j *judge) {
	r := j.from("lambda-esm.json")
	a := newAWS(t)
	const unknown = mappingsPath + "/00000000-0000-4000-8000-000000000000"
	const test = esm + "test_event_source_mapping_exceptions"
	a.same("get", r.step(t, test, "get_unknown_uuid"), a.call("GET", unknown, nil))
	a.same("delete", r.step(t, test, "delete_unknown_uuid"), a.call("DELETE", unknown, nil))
	a.same("update", r.step(t, test, "update_unknown_uuid"), a.call("PUT", unknown, map[string]any{"Enabled": false}))
	create := func(body map[string]any) map[string]any {
		t.Helper()
		return a.call("POST", mappingsPath, body)
	}
	const queue = "arn:aws:sqs:eu-west-1:111111111111:queue"
	a.same("no source", r.step(t, test, "create_no_event_source_arn"), create(map[string]any{"FunctionName": "doesnotexist"}))
	a.same("no function", r.step(t, test, "create_unknown_params"),
		create(map[string]any{"FunctionName": "doesnotexist", "EventSourceArn": queue}))
	a.function("fn")
	a.same("success", r.step(t, test, "destination_config_failure"), create(map[string]any{
		"FunctionName": "fn", "EventSourceArn": queue,
		"DestinationConfig": map[string]any{"OnSuccess": map[string]any{"Destination": queue}},
	}))

	const stream = "arn:aws:dynamodb:eu-west-1:111111111111:table/t/stream/s"
	a.bound["<table-name>"], a.bound["<stream-name>"] = "t", "s"
	validation := esm + "test_create_event_source_validation"
	a.same("no position", r.step(t, validation, "no_starting_position"), create(map[string]any{"FunctionName": "fn", "EventSourceArn": stream}))
	a.same("position", r.step(t, validation, "invalid_starting_position"),
		create(map[string]any{"FunctionName": "fn", "EventSourceArn": stream, "StartingPosition": "invalid"}))
	a.same("time", r.step(t, validation, "incompatible_starting_position"), create(map[string]any{
		"FunctionName": "fn", "EventSourceArn": stream, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1741010802,
	}))
	kinesis := "arn:aws:kinesis:eu-west-1:111111111111:stream/test-foobar-81ded7e8"
	a.same("no position", r.step(t, validation+"_kinesis", "no_starting_position"),
		create(map[string]any{"FunctionName": "fn", "EventSourceArn": kinesis}))
	a.same("position", r.step(t, validation+"_kinesis", "invalid_starting_position"),
		create(map[string]any{"FunctionName": "fn", "EventSourceArn": kinesis, "StartingPosition": "invalid"}))
	a.same("no stream", r.step(t, "TestKinesisSource::test_esm_with_not_existing_kinesis_stream", "error"),
		create(map[string]any{"FunctionName": "fn", "EventSourceArn": kinesis, "StartingPosition": "LATEST"}))
}

func recordedDuplicates(t *testing.T, j *judge) {
	r := j.from("lambda-esm.json")
	t.Run("Kinesis", func(t *testing.T) {
		const test = "TestKinesisSource::test_duplicate_event_source_mappings"
		a := newAWS(t)
		first := r.step(t, test, "create")
		a.same("create", first, a.create(first))
		a.same("error", r.step(t, test, "error"), a.create(first))
	})
	t.Run("Kafka", func(t *testing.T) {
		const test = esm + "test_create_event_source_self_managed"
		a := newAWS(t)
		first := r.step(t, test, "event-source-mapping-default")
		bare := maps.Clone(first)
		delete(bare, "SourceAccessConfigurations")
		a.same("access", r.step(t, test, "missing-source-access-configuration"), a.create(bare))
		got := a.create(first)
		delete(got, "EventSourceMappingArn")
		a.same("create", first, got)
		a.same("again", r.step(t, test, "duplicate-source"), a.create(first))
		more := maps.Clone(first)
		more["SelfManagedEventSource"] = map[string]any{"Endpoints": map[string]any{"KAFKA_BOOTSTRAP_SERVERS": []any{"kafka:1000", "kafka:2000"}}}
		a.same("more", r.step(t, test, "multiple-duplicate-source"), a.create(more))
	})
}

func recordedLife(t *testing.T, j *judge) {
	r := j.from("lambda-esm.json")
	for _, name := range []string{"test_event_source_mapping_lifecycle", "test_event_source_mapping_lifecycle_delete_function"} {
		t.Run(name, func(t *testing.T) {
			a := newAWS(t)
			test := esm + name
			created := a.create(r.step(t, test, "create_response"))
			a.same("create", r.step(t, test, "create_response"), created)
			one := mappingsPath + "/" + created["UUID"].(string)
			a.now = a.now.Add(2 * time.Second)
			a.same("get", r.step(t, test, "get_response"), a.call("GET", one, nil))
			if strings.HasSuffix(name, "delete_function") {
				got := a.call("DELETE", functionsPath+"/"+strings.TrimPrefix(a.bound["<resource:5>"], "function:"), nil)
				got["StatusCode"] = 204.0 // which botocore takes from the status
				a.same("delete function", r.step(t, test, "delete_function_response"), got)
				a.same("orphan", r.step(t, test, "get_response_post_delete"), a.call("GET", one, nil))
			}
			a.same("delete", r.step(t, test, "delete_response"), a.call("DELETE", one, nil))
		})
	}
}

func recordedConcurrency(t *testing.T, j *judge) {
	r := j.from("lambda-esm.json")
	a := newAWS(t)
	a.function("fn")
	put := func(function string, n int) map[string]any {
		t.Helper()
		return a.call("PUT", "/2017-10-31/functions/"+url.PathEscape(function)+"/concurrency", map[string]any{"ReservedConcurrentExecutions": n})
	}
	get := func() map[string]any { t.Helper(); return a.call("GET", "/2019-09-30/functions/fn/concurrency", nil) }
	const test = "TestLambdaReservedConcurrency::test_function_concurrency"
	a.same("0", r.step(t, test, "put_function_concurrency_with_reserved_0"), put("fn", 0))
	a.same("1", r.step(t, test, "put_function_concurrency_with_reserved_1"), put("fn", 1))
	a.same("get", r.step(t, test, "get_function_concurrency"), get())
	a.same("delete", r.step(t, test, "delete_response"), a.call("DELETE", "/2017-10-31/functions/fn/concurrency", nil))
	a.same("none", r.step(t, test, "get_function_concurrency_after_delete"), get())

	const refused = test + "_exceptions"
	a.same("missing", r.step(t, refused, "put_function_concurrency_with_function_name_doesnotexist"), put("doesnotexist", 1))
	a.same("missing", r.step(t, refused, "put_function_concurrency_with_function_name_doesnotexist_and_invalid_concurrency"), put("doesnotexist", 1000000))
	a.same("qualified", r.step(t, refused, "put_function_concurrency_with_qualified_arn"),
		put("arn:aws:lambda:eu-west-1:111111111111:function:fn:$LATEST", 1))

	a.bound["<min_unreserved_concurrency>"] = "100"
	a.same("limit", r.step(t, test+"_limits", "put_function_concurrency_account_limit_exceeded"), put("fn", 1001))
	a.same("floor", r.step(t, test+"_limits", "put_function_concurrency_below_unreserved_min_value"), put("fn", 901))
	if got := put("fn", 900); got["Error"] != nil {
		t.Errorf("what leaves the floor free is refused: %v", got)
	}

	// Of account settings only the members' names are recorded.
	want := r.step(t, "TestLambdaAccountSettings::test_account_settings", "acc_settings_modded")
	got := a.call("GET", "/2016-08-19/account-settings", nil)
	for _, part := range []string{"AccountLimit", "AccountUsage"} {
		var names []any
		for _, k := range slices.Sorted(maps.Keys(got[part].(map[string]any))) {
			names = append(names, k)
		}
		got[part] = names
	}
	a.same("account", want, got)
}

func recordedTags(t *testing.T, j *judge) {
	r := j.from("lambda-esm.json")
	a := newAWS(t)
	const life = "TestLambdaTag::test_tag_lifecycle[event_source_mapping]"
	a.function("fn")
	created := a.call("POST", mappingsPath, map[string]any{
		"FunctionName": "fn", "EventSourceArn": "arn:aws:sqs:eu-west-1:111111111111:queue",
	})
	arn := created["EventSourceMappingArn"].(string)
	path := "/2017-03-31/tags/" + url.PathEscape(arn)
	for _, s := range []struct {
		step  string
		tags  map[string]any
		untag string
	}{
		{step: "tag_single_response", tags: map[string]any{"A": "tag-a"}},
		{step: "tag_multiple_response", tags: map[string]any{"B": "tag-b", "C": "tag-c"}},
		{step: "tag_overlap_response", tags: map[string]any{"C": "tag-c-newsuffix", "D": "tag-d"}},
		{step: "untag_single_response", untag: "?tagKeys=A"},
		{step: "untag_multiple_response", untag: "?tagKeys=B&tagKeys=C"},
		{step: "untag_nonexisting_response", untag: "?tagKeys=F"},
		{step: "untag_existing_and_nonexisting_response", untag: "?tagKeys=D&tagKeys=F"},
	} {
		var got map[string]any
		if s.tags != nil {
			got = a.call("POST", path, map[string]any{"Tags": s.tags})
		} else {
			got = a.call("DELETE", path+s.untag, nil)
		}
		a.same(s.step, r.step(t, life, s.step), got)
		a.same(s.step+"_listtags", r.step(t, life, s.step+"_listtags"), a.call("GET", path, nil))
	}

	const refused = "TestLambdaTag::test_tag_exceptions[event_source_mapping]"
	three := func(step string, want func(string) map[string]any, arn string) {
		t.Helper()
		path := "/2017-03-31/tags/" + url.PathEscape(arn)
		a.same(step, want("tag"), a.call("POST", path, map[string]any{"Tags": map[string]any{"A": "B"}}))
		a.same(step, want("untag"), a.call("DELETE", path+"?tagKeys=A", nil))
		a.same(step, want("list"), a.call("GET", path, nil))
	}
	a.bound["<resource-name>"] = "00000000-0000-4000-8000-000000000000"
	three("missing", func(verb string) map[string]any { return r.step(t, refused, "not_found_exception_"+verb) },
		a.fill("arn:aws:lambda:eu-west-1:111111111111:event-source-mapping:<resource-name>"))
	three("alias", func(string) map[string]any { return r.step(t, refused, "aliased_arn_exception") },
		a.fill("arn:aws:lambda:eu-west-1:111111111111:event-source-mapping:<resource-name>:alias"))
	three("invalid", func(string) map[string]any { return r.step(t, refused, "invalid_arn_exception") },
		a.fill("arn:aws:lambda:eu-west-1:111111111111:foobar:<resource-name>"))

	const gone = "TestLambdaTag::test_tag_nonexisting_resource"
	a.bound["<function-name:1>"] = "fn"
	a.same("function", r.step(t, gone, "pre_delete_get_function"), a.call("GET", functionsPath+"/fn", nil))
	a.call("DELETE", functionsPath+"/fn", nil)
	three("gone", func(verb string) map[string]any { return r.step(t, gone, "not_found_exception_"+verb) },
		"arn:aws:lambda:eu-west-1:111111111111:function:fn")
}

func recordedTagsOfCreate(t *testing.T, j *judge) {
	r := j.from("lambda-esm.json")
	a := newAWS(t)
	a.function("fn")
	created := a.call("POST", mappingsPath, map[string]any{
		"FunctionName": "fn", "EventSourceArn": "arn:aws:sqs:eu-west-1:111111111111:queue",
		"Tags": map[string]string{"testtag": "value"},
	})
	got := a.call("GET", mappingsPath+"/"+created["UUID"].(string), nil)
	_, shown := got["Tags"]
	if _, ok := created["Tags"]; ok || j.raw(t, "lambda-esm.json", "TestLambdaTag::test_create_tag_on_esm_create", "get_event_source_mapping_with_tag") == shown {
		t.Error("a mapping shows its tags")
	}
	a.same("list", r.step(t, "TestLambdaTag::test_create_tag_on_esm_create", "list_tags_result"),
		a.call("GET", "/2017-03-31/tags/"+url.PathEscape(created["EventSourceMappingArn"].(string)), nil))
}

// recordedCodeSize: a function's code counts, and that of its versions.
func recordedCodeSize(t *testing.T, j *judge) {
	const file, test, config = "lambda-esm.json", "TestLambdaAccountSettings::test_account_settings_total_code_size",
		"TestLambdaAccountSettings::test_account_settings_total_code_size_config_update"
	a := newAWS(t)
	size := func() (n float64) {
		a.s.Do(func(w *world.World) { n = float64(w.Account(recordedPlace()).TotalCodeSize) })
		return n
	}
	compare := func(test, name string, got any) {
		t.Helper()
		if d := cmp.Diff(j.raw(t, file, test, name), got); d != "" {
			t.Errorf("%s: AWS answered -, we answer +:\n%s", name, d)
		}
	}
	code := map[string]any{"ZipFile": make([]byte, 276)}
	a.functionOf("fn", code)
	compare(test, "total_code_size_diff_create_function", size())
	a.call("PUT", functionsPath+"/fn/code", code)
	compare(test, "total_code_size_diff_update_function", size())
	compare(config, "is_total_code_size_diff_create_function_more_than_200", size() > 200)
	before := size()
	a.call("PUT", functionsPath+"/fn/configuration", map[string]any{"Description": "x"})
	compare(config, "total_code_size_diff_update_function_configuration", size()-before)
	a.call("POST", functionsPath+"/fn/versions", nil)
	compare(config, "is_total_code_size_diff_publish_version_after_config_update_more_than_200", size()-before > 200)
}

// recordedKinesisMappings: what was recorded beside creations in the tests of
// mappings of Kinesis.
func recordedKinesisMappings(t *testing.T, j *judge) {
	r := j.from("test_lambda_integration_kinesis.snapshot.json")
	const test = "TestKinesisSource::"
	a := newAWS(t)
	created := a.create(r.step(t, test+"test_kinesis_empty_provided", "create_event_source_mapping_response"))
	a.same("create", r.step(t, test+"test_kinesis_empty_provided", "create_event_source_mapping_response"), created)
	a.now = a.now.Add(2 * time.Second)
	a.s.Do(func(w *world.World) { // the recorded one had handed over a record
		if err := w.SetProcessingResult(recordedPlace(), created["UUID"].(string), "OK"); err != nil {
			t.Fatal(err)
		}
	})
	a.same("get", r.step(t, test+"test_kinesis_empty_provided", "get_esm_result"),
		a.call("GET", mappingsPath+"/"+created["UUID"].(string), nil))

	a = newAWS(t)
	first := r.step(t, test+"test_duplicate_event_source_mappings", "create")
	a.same("create", first, a.create(first))
	a.same("error", r.step(t, test+"test_duplicate_event_source_mappings", "error"), a.create(first))

	a = newAWS(t)
	a.function("fn")
	a.same("no stream", r.step(t, test+"test_esm_with_not_existing_kinesis_stream", "error"), a.call("POST", mappingsPath, map[string]any{
		"FunctionName": "fn", "EventSourceArn": "arn:aws:kinesis:eu-west-1:111111111111:stream/test-foobar-81ded7e8", "StartingPosition": "LATEST",
	}))
}

package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

func decodeJSON(t *testing.T, raw json.RawMessage) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

// asBase64 is data as calls carry it, from the form that Python prints.
func asBase64(t *testing.T, printed string) string {
	t.Helper()
	inner := strings.TrimSuffix(strings.TrimPrefix(printed, "b'"), "'")
	text, err := strconv.Unquote(`"` + inner + `"`)
	if err != nil {
		t.Fatalf("%s: %v", printed, err)
	}
	return base64.StdEncoding.EncodeToString([]byte(text))
}

// kinesisOf is a server with the account of the recordings, and how to call it.
func kinesisOf(t *testing.T, now *time.Time) (call func(operation, body string) json.RawMessage) {
	t.Helper()
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), *now), Now: func() time.Time { return *now }})
	return func(operation, body string) json.RawMessage {
		t.Helper()
		return postTo(s, "111111111111", operation, body).Body.Bytes()
	}
}

const recordedStream = "arn:aws:kinesis:eu-west-1:111111111111:stream/s"

func recordedKinesis(t *testing.T, j *judge) {
	const file, test = "test_kinesis.snapshot.json", "TestKinesis::"
	now := time.Now()
	call := kinesisOf(t, &now)
	part := func(raw json.RawMessage, fields ...string) any {
		t.Helper()
		v := decodeJSON(t, raw)
		for _, f := range fields {
			v = v.(map[string]any)[f]
		}
		return v
	}
	a := newAWS(t)
	a.bound["<stream-name>"] = "stream/s"
	// Values are compared but for those that the recording has masked: placeholders,
	// times and hash keys.
	same := func(name string, want, got any) {
		t.Helper()
		if d := cmp.Diff(a.settle(want, got), got); d != "" {
			t.Errorf("%s (-AWS +here):\n%s", name, d)
		}
	}
	call("CreateStream", `{"StreamName":"s"}`)
	now = now.Add(world.Short().StreamCreate)
	same("a stream without a shard count", j.raw(t, file, test+"test_create_stream_without_shard_count", "Shards"),
		part(call("ListShards", `{"StreamName":"s"}`), "Shards"))

	call("RegisterStreamConsumer", `{"StreamARN":"`+recordedStream+`","ConsumerName":"consumer"}`)
	now = now.Add(world.Short().ConsumerCreate)
	same("consumers listed", j.raw(t, file, test+"test_stream_consumers", "One_consumer_by_list_stream"),
		part(call("ListStreamConsumers", `{"StreamARN":"`+recordedStream+`"}`), "Consumers"))
	same("consumer described", j.raw(t, file, test+"test_stream_consumers", "One_consumer_by_describe_stream"),
		part(call("DescribeStreamConsumer", `{"StreamARN":"`+recordedStream+`","ConsumerName":"consumer"}`), "ConsumerDescription"))

	call("AddTagsToStream", `{"StreamName":"s","Tags":{"foo":"bar"}}`)
	tags := part(call("ListTagsForStream", `{"StreamName":"s"}`), "Tags")
	if d := cmp.Diff([]any{j.raw(t, file, test+"test_add_tags_to_stream", "Tags")}, tags); d != "" {
		t.Errorf("tags (-AWS +here):\n%s", d)
	}
	records := j.raw(t, file, test+"test_record_lifecycle_data_integrity", "Records").([]any)
	for i, r := range records {
		record := r.(map[string]any)
		data := asBase64(t, record["Data"].(string))
		record["Data"] = data
		call([]string{"PutRecord", "PutRecords"}[i%2], []string{
			`{"StreamName":"s","PartitionKey":"1","Data":"` + data + `"}`,
			`{"StreamName":"s","Records":[{"PartitionKey":"1","Data":"` + data + `"}]}`,
		}[i%2])
	}
	read := 0
	for shard := range 4 { // one of them has the key
		it := part(call("GetShardIterator", fmt.Sprintf(`{"StreamName":"s","ShardId":"shard-%d","ShardIteratorType":"TRIM_HORIZON"}`, shard)), "ShardIterator").(string)
		if got := part(call("GetRecords", `{"ShardIterator":"`+it+`"}`), "Records").([]any); len(got) > 0 {
			read++
			same("records", any(records), got)
		}
	}
	if read != 1 {
		t.Errorf("records are in %d shards", read)
	}
	got := part(call("DescribeStreamSummary", `{"StreamName":"wrong-stream-name"}`))
	if d := cmp.Diff(j.raw(t, file, test+"test_cbor_exceptions", "cbor-error"), got); d != "" {
		t.Errorf("no stream (-AWS +here):\n%s", d)
	}
}

// recordedPolicies repeats the life of a resource policy.
func recordedPolicies(t *testing.T, j *judge) {
	now := time.Now()
	call := kinesisOf(t, &now)
	call("CreateStream", `{"StreamName":"s","ShardCount":1}`)
	now = now.Add(world.Short().StreamCreate)
	compare := func(step, operation, policy string) {
		t.Helper()
		body := map[string]any{"ResourceARN": recordedStream}
		if policy != "" {
			body["Policy"] = policy
		}
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]any{"ResponseMetadata": map[string]any{"HTTPHeaders": map[string]any{}, "HTTPStatusCode": 200.0}}
		if raw := call(operation, string(b)); len(raw) > 0 {
			got["Policy"] = decodeJSON(t, json.RawMessage(decodeJSON(t, raw).(map[string]any)["Policy"].(string)))
		}
		a := newAWS(t)
		a.bound["<stream-name>"] = "stream/s"
		a.same(step, j.from("test_kinesis.snapshot.json").step(t, "TestKinesis::test_resource_policy_crud", step), got)
	}
	statement := func(sid, actions string) string {
		return `{"Version": "2012-10-17", "Statement": [{"Sid": "` + sid + `", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"},` +
			` "Action": ` + actions + `, "Resource": "` + recordedStream + `"}]}`
	}
	compare("default_policy_if_not_set", "GetResourcePolicy", "")
	compare("put_resource_policy_if_not_set", "PutResourcePolicy", statement("AllowCrossAccountWrite", `["kinesis:PutRecord"]`))
	compare("get_resource_policy_after_set", "GetResourcePolicy", "")
	compare("update_resource_policy", "PutResourcePolicy", statement("AllowCrossAccountReadWrite", `["kinesis:PutRecord", "kinesis:GetRecords"]`))
	compare("get_resource_policy_after_update", "GetResourcePolicy", "")
	compare("delete_resource_policy", "DeleteResourcePolicy", "")
	compare("get_resource_policy_after_delete", "GetResourcePolicy", "")
}

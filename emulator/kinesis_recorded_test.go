package emulator_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// recordedKinesis is what AWS answered in LocalStack's tests, by the test's
// name. The recordings lie beside the repository, not in it.
func recordedKinesis(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		b, err := os.ReadFile(filepath.Join(dir, "shared", "aws-recorded", "test_kinesis.snapshot.json"))
		if err == nil {
			var all map[string]struct {
				Content json.RawMessage `json:"recorded-content"`
			}
			if err := json.Unmarshal(b, &all); err != nil {
				t.Fatal(err)
			}
			answers := map[string]json.RawMessage{}
			for name, r := range all {
				answers[name[strings.LastIndex(name, ":")+1:]] = r.Content
			}
			return answers
		}
		if dir == filepath.Dir(dir) {
			t.Skip("no shared/aws-recorded above this folder")
		}
	}
}

// outline is the fields of a JSON value: objects become their sorted fields,
// lists their elements, and what the recording has masked is left out.
func outline(v any) any {
	switch v := v.(type) {
	case map[string]any:
		fields := map[string]any{}
		for k := range maps.Keys(v) {
			fields[k] = outline(v[k])
		}
		return fields
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = outline(v[i])
		}
		return all
	}
	return "value"
}

func decodeJSON(t *testing.T, raw json.RawMessage) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

func TestRecordedKinesis(t *testing.T) {
	answers := recordedKinesis(t)
	now := time.Now()
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), now), Now: func() time.Time { return now }})
	call := func(operation, body string) json.RawMessage {
		t.Helper()
		return postTo(s, "111111111111", operation, body).Body.Bytes()
	}
	part := func(raw json.RawMessage, fields ...string) json.RawMessage {
		t.Helper()
		for _, f := range fields {
			var v map[string]json.RawMessage
			if err := json.Unmarshal(raw, &v); err != nil || v[f] == nil {
				t.Fatalf("no %s in %s", f, raw)
			}
			raw = v[f]
		}
		return raw
	}
	const arn = "arn:aws:kinesis:eu-west-1:111111111111:stream/s"

	call("CreateStream", `{"StreamName":"s"}`)
	now = now.Add(world.Short().StreamCreate)
	same := func(name string, want, got json.RawMessage) {
		t.Helper()
		if d := cmp.Diff(outline(decodeJSON(t, want)), outline(decodeJSON(t, got))); d != "" {
			t.Errorf("%s (-AWS +here):\n%s", name, d)
		}
	}
	same("a stream without a shard count", answers["test_create_stream_without_shard_count"], call("ListShards", `{"StreamName":"s"}`))

	call("RegisterStreamConsumer", `{"StreamARN":"`+arn+`","ConsumerName":"consumer"}`)
	now = now.Add(world.Short().ConsumerCreate)
	same("consumers listed", part(answers["test_stream_consumers"], "One_consumer_by_list_stream"),
		part(call("ListStreamConsumers", `{"StreamARN":"`+arn+`"}`), "Consumers"))
	same("consumer described", part(answers["test_stream_consumers"], "One_consumer_by_describe_stream"),
		part(call("DescribeStreamConsumer", `{"StreamARN":"`+arn+`","ConsumerName":"consumer"}`), "ConsumerDescription"))

	call("AddTagsToStream", `{"StreamName":"s","Tags":{"foo":"bar"}}`)
	tags := decodeJSON(t, part(call("ListTagsForStream", `{"StreamName":"s"}`), "Tags"))
	if d := cmp.Diff([]any{decodeJSON(t, part(answers["test_add_tags_to_stream"], "Tags"))}, tags); d != "" {
		t.Errorf("tags (-AWS +here):\n%s", d)
	}
	want := decodeJSON(t, part(answers["test_cbor_exceptions"], "cbor-error"))
	got := decodeJSON(t, call("DescribeStreamSummary", `{"StreamName":"wrong-stream-name"}`))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("no stream (-AWS +here):\n%s", d)
	}
}

package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// aws is the account of the recordings on an emulator with a clock of its own.
type aws111 struct {
	t     *testing.T
	s     *emulator.Server
	now   time.Time
	bound map[string]string // values of placeholders
	extra map[string]any    // sent with a creation, though its answer does not show it
}

func recordedPlace() world.Place { return world.Place{Account: "111111111111", Region: "eu-west-1"} }

func newAWS(t *testing.T) *aws111 {
	a := &aws111{t: t, now: time.Date(2026, 11, 23, 12, 0, 30, 5e6, time.UTC)}
	a.bound = map[string]string{"<partition>": "aws", "<region>": "eu-west-1"}
	w := world.New(7, world.Short(), a.now)
	w.SetKnobs(world.Knobs{})
	a.s = emulator.New(emulator.Options{World: w, Now: func() time.Time { return a.now }})
	return a
}

// call sends a Lambda request by hand and answers in botocore's form.
func (a *aws111) call(method, path string, body any) map[string]any {
	a.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	if body == nil {
		b = nil
	}
	req, err := http.NewRequestWithContext(a.t.Context(), method, "https://lambda.test"+path, bytes.NewReader(b))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=111111111111/20261123/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := a.s.Client().Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	out := map[string]any{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			a.t.Fatalf("%s: %v", raw, err)
		}
	}
	if code := resp.Header.Get("X-Amzn-Errortype"); code != "" {
		text := out["message"]
		if text == nil {
			text = out["Message"]
		}
		if code == "ValidationException" { // not in the API model: botocore drops its members
			out = map[string]any{}
		}
		out["Error"] = map[string]any{"Code": code, "Message": text}
	}
	out["ResponseMetadata"] = map[string]any{"HTTPHeaders": map[string]any{}, "HTTPStatusCode": float64(resp.StatusCode)}
	return out
}

// fill puts values in place of the placeholders of a text.
func (a *aws111) fill(s string) string {
	return placeholder().ReplaceAllStringFunc(s, func(p string) string {
		if _, ok := a.bound[p]; !ok {
			a.bound[p] = "r" + fmt.Sprint(len(a.bound))
		}
		return a.bound[p]
	})
}

func placeholder() *regexp.Regexp { return regexp.MustCompile(`<[a-z0-9_-]+(:\d+)?>`) }

// same compares what we answer with what AWS answered, member by member.
func (a *aws111) same(step string, want, got map[string]any) {
	a.t.Helper()
	if d := cmp.Diff(a.settle(want, got), any(got)); d != "" {
		a.t.Errorf("%s: AWS answered -, we answer +:\n%s", step, d)
	}
}

// settle is want with our values wherever the recording has a placeholder that
// they fit.
func (a *aws111) settle(want, got any) any {
	switch w := want.(type) {
	case map[string]any:
		if s, ok := got.(string); ok { // patterns were recorded as JSON
			b, _ := json.Marshal(w)
			var plain any
			if json.Unmarshal([]byte(s), &plain) == nil && cmp.Equal(any(w), plain) {
				return s
			}
			return string(b)
		}
		g, _ := got.(map[string]any)
		out := map[string]any{}
		for k, v := range w {
			out[k] = a.settle(v, g[k])
		}
		return out
	case []any:
		g, _ := got.([]any)
		out := make([]any, len(w))
		for i := range w {
			var item any
			if i < len(g) {
				item = g[i]
			}
			out[i] = a.settle(w[i], item)
		}
		return out
	case string:
		return a.settleText(w, got)
	}
	return want
}

func (a *aws111) settleText(want string, got any) any {
	switch want {
	case "date", "datetime", "<datetime>", "<code-size>", "<location>", "timestamp", "starting_hash", "ending_hash":
		return got
	}
	s, ok := got.(string)
	if !ok {
		return want
	}
	// Known placeholders are texts, others match anything and are known from
	// then on.
	pattern, free := "", []string{}
	rest := want
	for {
		i := placeholder().FindStringIndex(rest)
		if i == nil {
			break
		}
		p := rest[i[0]:i[1]]
		pattern += regexp.QuoteMeta(rest[:i[0]])
		if v, ok := a.bound[p]; ok {
			pattern += regexp.QuoteMeta(v)
		} else {
			pattern += "(.+)"
			free = append(free, p)
		}
		rest = rest[i[1]:]
	}
	m := regexp.MustCompile("^" + pattern + regexp.QuoteMeta(rest) + "$").FindStringSubmatch(s)
	if m == nil {
		return want
	}
	for i, p := range free {
		a.bound[p] = m[i+1]
	}
	return s
}

// function creates a function by hand, as the recorded tests do.
func (a *aws111) function(name string) {
	a.t.Helper()
	a.functionOf(name, map[string]any{"ZipFile": "emlw"})
}

func (a *aws111) functionOf(name string, code map[string]any) {
	a.t.Helper()
	a.call("POST", "/2015-03-31/functions", map[string]any{
		"FunctionName": name, "Runtime": "python3.12", "Handler": "handler.handler",
		"Role": "arn:aws:iam::111111111111:role/role", "Timeout": 30, "MemorySize": 128,
		"Environment": map[string]any{"Variables": map[string]any{}},
		"Code":        code,
	})
}

// scene makes what a recorded mapping names: its stream and its function.
func (a *aws111) scene(mapping map[string]any) (source, function string) {
	a.t.Helper()
	source, _ = mapping["EventSourceArn"].(string)
	source, function = a.fill(source), a.fill(mapping["FunctionArn"].(string))
	if name, ok := strings.CutPrefix(source, "arn:aws:kinesis:eu-west-1:111111111111:stream/"); ok {
		if err := a.s.Seed(emulator.Seed{Place: recordedPlace(), Streams: map[string]int{name: 1}}); err != nil {
			a.t.Fatal(err)
		}
	}
	name, qualifier, _ := strings.Cut(strings.TrimPrefix(function, "arn:aws:lambda:eu-west-1:111111111111:function:"), ":")
	a.function(name)
	if qualifier != "" {
		a.call("POST", "/2015-03-31/functions/"+name+"/versions", nil)
	}
	if qualifier == "myalias" {
		a.call("POST", "/2015-03-31/functions/"+name+"/aliases", map[string]any{"Name": qualifier, "FunctionVersion": "1"})
	}
	return source, function
}

// create repeats the call that a recorded mapping came from: whatever is not
// AWS's default was sent.
func (a *aws111) create(mapping map[string]any) map[string]any {
	a.t.Helper()
	source, function := a.scene(mapping)
	body := map[string]any{"FunctionName": function}
	maps.Copy(body, a.extra)
	if source != "" {
		body["EventSourceArn"] = source
	}
	defaults := map[string]any{
		"BatchSize": 100.0, "MaximumBatchingWindowInSeconds": 0.0, "MaximumRetryAttempts": -1.0,
		"MaximumRecordAgeInSeconds": -1.0, "StartingPosition": nil,
	}
	if strings.Contains(source, ":sqs:") {
		defaults["BatchSize"] = 10.0
	}
	for name, value := range defaults {
		if v, ok := mapping[name]; ok && v != value {
			body[name] = v
		}
	}
	for _, name := range []string{"Topics", "SelfManagedEventSource", "SourceAccessConfigurations"} {
		if v, ok := mapping[name]; ok {
			b, _ := json.Marshal(v)
			body[name] = json.RawMessage(a.fill(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(b))))
		}
	}
	if v, ok := mapping["SelfManagedKafkaEventSourceConfig"].(map[string]any); ok && v["ConsumerGroupId"] == "random_id" {
		body["SelfManagedKafkaEventSourceConfig"] = v
	}
	if v, ok := mapping["FunctionResponseTypes"].([]any); ok && len(v) > 0 {
		body["FunctionResponseTypes"] = v
	}
	if d, ok := mapping["DestinationConfig"].(map[string]any); ok {
		if to, ok := d["OnFailure"].(map[string]any)["Destination"].(string); ok {
			body["DestinationConfig"] = map[string]any{"OnFailure": map[string]any{"Destination": a.fill(to)}}
		}
	}
	if f, ok := mapping["FilterCriteria"].(map[string]any); ok {
		var filters []any
		for _, one := range f["Filters"].([]any) {
			b, _ := json.Marshal(one.(map[string]any)["Pattern"])
			filters = append(filters, map[string]any{"Pattern": string(b)})
		}
		body["FilterCriteria"] = map[string]any{"Filters": filters}
	}
	return a.call("POST", "/2015-03-31/event-source-mappings", body)
}

// recordedMappings repeats every creation of a mapping that was recorded.
func recordedMappings(t *testing.T, j *judge) {
	n := 0
	for _, s := range j.steps() {
		r := j.files[s.file][s.test]
		want, ok := r.Content[s.name].(map[string]any)
		if !ok || want["State"] != "Creating" {
			continue
		}
		n++
		t.Run(s.test+"/"+s.name, func(t *testing.T) {
			a := newAWS(t)
			if s.name == "response-with-empty-filters" {
				a.extra = map[string]any{"FilterCriteria": map[string]any{"Filters": []any{}}}
			}
			got := a.create(j.from(s.file).step(t, s.test, s.name))
			if strings.Contains(r.Date, "2024") {
				// Mappings have had an ARN since September 2024.
				delete(got, "EventSourceMappingArn")
			}
			a.same(s.name, want, got)
		})
	}
	if n == 0 {
		t.Error("no mapping was recorded")
	}
}

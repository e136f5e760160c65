package command_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eventrouting/eventrouting/controller/command"
	"github.com/eventrouting/eventrouting/emulator"
)

// odd is an answer that AWS, or what stands in its place, should not give.
type odd struct {
	name string
	on   string // "METHOD part-of-path", or the Kinesis operation
	with func(http.ResponseWriter, *http.Request, *emulator.Server)
	want string // on stderr, or in the plan
	code int
}

// raw answers with a body, whatever is asked.
func raw(status int, body string) func(http.ResponseWriter, *http.Request, *emulator.Server) {
	return func(w http.ResponseWriter, _ *http.Request, _ *emulator.Server) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// refuse answers with an AWS exception.
func refuse(status int, code, message string) func(http.ResponseWriter, *http.Request, *emulator.Server) {
	return func(w http.ResponseWriter, _ *http.Request, _ *emulator.Server) {
		w.Header().Set("X-Amzn-ErrorType", code)
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":%q,"message":%q,"Message":%q,"Type":"User"}`, code, message, message)
	}
}

// edit changes what the emulator answers; markers are taken off the request.
func edit(f func(map[string]any)) func(http.ResponseWriter, *http.Request, *emulator.Server) {
	return func(w http.ResponseWriter, r *http.Request, s *emulator.Server) {
		q := r.URL.Query()
		q.Del("Marker")
		r.URL.RawQuery = q.Encode()
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, r)
		var answer map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || rec.Code >= 300 {
			panic(fmt.Sprint(rec.Code, err))
		}
		f(answer)
		w.WriteHeader(rec.Code)
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// each edits every mapping of a list.
func each(f func(map[string]any)) func(http.ResponseWriter, *http.Request, *emulator.Server) {
	return edit(func(answer map[string]any) {
		for _, m := range answer["EventSourceMappings"].([]any) {
			f(m.(map[string]any))
		}
	})
}

const (
	listMappings = "GET /event-source-mappings"
	aliases      = "GET /aliases"
	reservation  = "GET /concurrency"
	provisioned  = "GET /provisioned-concurrency"
	settings     = "GET /account-settings"
)

func odds() []odd {
	set := func(key string, value any) func(map[string]any) { return func(m map[string]any) { m[key] = value } }
	return []odd{
		// Not JSON, or not all of it.
		{"mappings are HTML", listMappings, raw(200, "<html>"), "list mappings: .*makes no sense: HTTP 200", 1},
		{"mappings are cut off", listMappings, raw(200, `{"EventSourceMappings":[{"UUID":"1"`), "list mappings: ", 1},
		{"mappings are empty", listMappings, raw(200, ""), "list mappings: ", 1},
		{"mappings are an empty object", listMappings, raw(200, "{}"), "list mappings: ", 1},
		{"mappings are null", listMappings, raw(200, `{"EventSourceMappings":null}`), "list mappings: ", 1},
		{"mappings are a list", listMappings, raw(200, "[]"), "list mappings: ", 1},
		{"mappings are a text", listMappings, raw(200, `{"EventSourceMappings":"none"}`), "list mappings: ", 1},
		{"a mapping is a number", listMappings, raw(200, `{"EventSourceMappings":[1]}`), "list mappings: ", 1},
		{"a mapping is empty", listMappings, raw(200, `{"EventSourceMappings":[{}]}`), "list mappings: ", 1},
		{"a mapping is null", listMappings, raw(200, `{"EventSourceMappings":[null]}`), "list mappings: ", 1},
		{"a marker without end", listMappings, edit(set("NextMarker", "again")), "page marker .*again.* twice", 1},
		{"a new marker each time", listMappings, endless(), "no end after", 1},
		{"a batch size that is a text", listMappings, each(set("BatchSize", "many")), "list mappings: ", 1},
		{"a batch size beyond int32", listMappings, each(set("BatchSize", 1e12)), "list mappings: ", 1},
		{"a mapping without a UUID", listMappings, each(set("UUID", nil)), "list mappings: ", 1},
		{"a mapping without a function", listMappings, each(set("FunctionArn", nil)), "list mappings: ", 1},
		{"a function ARN that is none", listMappings, each(set("FunctionArn", "somewhere")), "list mappings: ", 1},
		{"a state that nobody knows", listMappings, each(set("State", "Dreaming")), "", 0},
		{"a filter that is no pattern", listMappings, each(set("FilterCriteria", map[string]any{"Filters": []any{map[string]any{"Pattern": "{"}}})), "filterCriteria", 0},
		{"a filter without a pattern", listMappings, each(set("FilterCriteria", map[string]any{"Filters": []any{map[string]any{}}})), "- an empty text", 0},
		{"a time that is none", listMappings, each(set("LastModified", "yesterday")), "list mappings: ", 1},
		{"a time long ago", listMappings, each(set("LastModified", -1e15)), "", 0},

		{"a factor below 0", listMappings, each(set("ParallelizationFactor", -1)), "list mappings: .*ParallelizationFactor -1", 1},
		{"a factor beyond reason", listMappings, each(set("ParallelizationFactor", 2147483647)), "list mappings: .*ParallelizationFactor 2147483647", 1},
		{"a maximum beyond reason", listMappings, each(set("ScalingConfig", map[string]any{"MaximumConcurrency": 2147483647})), "list mappings: .*MaximumConcurrency 2147483647", 1},

		// Refused.
		{"no permission to list mappings", listMappings, refuse(403, "AccessDeniedException", "User: x is not authorized to perform: lambda:ListEventSourceMappings"), "not authorized to perform: lambda:ListEventSourceMappings", 1},
		{"an expired token", listMappings, refuse(403, "ExpiredTokenException", "The security token included in the request is expired"), "expired", 1},
		{"a clock that is off", listMappings, refuse(403, "InvalidSignatureException", "Signature expired: 20261123T210000Z is now earlier than 20261123T214500Z"), "Signature expired", 1},
		{"an unknown key", listMappings, refuse(403, "UnrecognizedClientException", "The security token included in the request is invalid."), "security token", 1},
		{"too many requests", listMappings, refuse(429, "TooManyRequestsException", "Rate exceeded"), "Rate exceeded", 1},
		{"an internal error", listMappings, refuse(500, "ServiceException", "An error occurred"), "An error occurred|500", 1},
		{"an outage", listMappings, raw(503, "<html>Service Unavailable</html>"), "503", 1},
		{"a redirect", listMappings, raw(302, ""), "list mappings: ", 1},
		{"not implemented", listMappings, raw(501, "{}"), "list mappings: ", 1},

		// Streams.
		{"the stream is HTML", "DescribeStreamSummary", raw(200, "<html>"), "describe stream orders-events: ", 1},
		{"the stream is empty", "DescribeStreamSummary", raw(200, "{}"), "describe stream orders-events: ", 1},
		{"the stream is refused", "DescribeStreamSummary", refuse(400, "AccessDeniedException", "not authorized to perform: kinesis:DescribeStreamSummary"), "kinesis:DescribeStreamSummary", 1},
		{"another stream", "DescribeStreamSummary", summary("StreamARN", "arn:aws:kinesis:eu-west-1:111122223333:stream/other"), "describe stream orders-events: .*StreamARN .*stream/other", 1},
		{"a stream that is a consumer", "DescribeStreamSummary", summary("StreamARN", "arn:aws:kinesis:eu-west-1:111122223333:stream/orders-events/consumer/x:1"), "describe stream orders-events: .*StreamARN", 1},
		{"a retention below 0", "DescribeStreamSummary", summary("RetentionPeriodHours", -24), "describe stream orders-events: .*RetentionPeriodHours -24", 1},
		{"no retention", "DescribeStreamSummary", summary("RetentionPeriodHours", nil), "describe stream orders-events: .*RetentionPeriodHours 0", 1},
		{"a retention beyond a year", "DescribeStreamSummary", summary("RetentionPeriodHours", 2147483647), "describe stream orders-events: .*RetentionPeriodHours 2147483647", 1},
		{"consumers below 0", "DescribeStreamSummary", summary("ConsumerCount", -1), "describe stream orders-events: .*ConsumerCount -1", 1},
		{"the shards are empty", "ListShards", raw(200, "{}"), "describe stream orders-events: |shards", 1},
		{"a shard is empty", "ListShards", raw(200, `{"Shards":[{}]}`), "describe stream orders-events: ", 1},
		{"shards without end", "ListShards", raw(200, `{"Shards":[{"ShardId":"shardId-000000000000","HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"1"},"SequenceNumberRange":{"StartingSequenceNumber":"1"}}],"NextToken":"again"}`), "twice", 1},
		{"the shards are refused", "ListShards", refuse(400, "LimitExceededException", "Rate exceeded"), "Rate exceeded", 1},

		// Functions.
		{"the reservation is empty text", reservation, raw(200, ""), "describe function order-processor: ", 1},
		{"the reservation is negative", reservation, raw(200, `{"ReservedConcurrentExecutions":-5}`), "describe function order-processor: ", 1},
		{"the reservation is a text", reservation, raw(200, `{"ReservedConcurrentExecutions":"all"}`), "describe function order-processor: ", 1},
		{"the aliases are empty", aliases, raw(200, "{}"), "describe function order-processor: ", 1},
		{"an alias is empty", aliases, raw(200, `{"Aliases":[{}]}`), "describe function order-processor: ", 1},
		{"an alias of another function", aliases, raw(200, `{"Aliases":[{"Name":"live","FunctionVersion":"1","AliasArn":"arn:aws:lambda:eu-west-1:111122223333:function:other:live"}]}`), "describe function order-processor: .*AliasArn .*other:live", 1},
		{"a reservation beyond reason", reservation, raw(200, `{"ReservedConcurrentExecutions":2147483647}`), "describe function order-processor: .*ReservedConcurrentExecutions 2147483647", 1},
		{"provisioned concurrency of another function", provisioned, raw(200, `{"ProvisionedConcurrencyConfigs":[{"FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:other:live","RequestedProvisionedConcurrentExecutions":1}]}`), "describe function order-processor: .*FunctionArn .*other:live", 1},
		{"provisioned concurrency below 0", provisioned, raw(200, `{"ProvisionedConcurrencyConfigs":[{"FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:order-processor:live","RequestedProvisionedConcurrentExecutions":-1}]}`), "describe function order-processor: .*RequestedProvisionedConcurrentExecutions -1", 1},
		{"aliases without end", aliases, edit(set("NextMarker", "again")), "twice", 1},
		{"the aliases are refused", aliases, refuse(403, "AccessDeniedException", "not authorized to perform: lambda:ListAliases"), "lambda:ListAliases", 1},
		{"provisioned concurrency is empty", provisioned, raw(200, "{}"), "describe function order-processor: ", 1},
		{"provisioned concurrency is refused", provisioned, refuse(403, "AccessDeniedException", "not authorized to perform: lambda:ListProvisionedConcurrencyConfigs"), "lambda:ListProvisionedConcurrencyConfigs", 1},

		// The account.
		{"no limits", settings, raw(200, "{}"), "limit", 1},
		{"limits of 0", settings, raw(200, `{"AccountLimit":{"ConcurrentExecutions":0,"UnreservedConcurrentExecutions":0}}`), `needs 1 reserved concurrent executions and 0 can be had \(limit 0, unreserved 0, 100 stay free\)`, 0},
		{"limits beyond reason", settings, raw(200, `{"AccountLimit":{"ConcurrentExecutions":2147483647,"UnreservedConcurrentExecutions":1}}`), "limits: .*ConcurrentExecutions 2147483647", 1},
		{"limits beyond int32", settings, raw(200, `{"AccountLimit":{"ConcurrentExecutions":1e12,"UnreservedConcurrentExecutions":1e12}}`), "limit", 1},
		{"limits are refused", settings, refuse(403, "AccessDeniedException", "not authorized to perform: lambda:GetAccountSettings"), "lambda:GetAccountSettings", 1},
	}
}

// summary edits what is said of a stream.
func summary(key string, value any) func(http.ResponseWriter, *http.Request, *emulator.Server) {
	return edit(func(answer map[string]any) { answer["StreamDescriptionSummary"].(map[string]any)[key] = value })
}

func endless() func(http.ResponseWriter, *http.Request, *emulator.Server) {
	n := 0
	return edit(func(m map[string]any) {
		n++
		m["NextMarker"] = fmt.Sprint(n)
	})
}

func (o odd) concerns(r *http.Request) bool {
	method, part, both := strings.Cut(o.on, " ")
	if !both {
		return strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+o.on)
	}
	path := r.URL.Path
	if part == "/concurrency" {
		return r.Method == method && strings.HasSuffix(path, part)
	}
	return r.Method == method && strings.Contains(path, part)
}

// TestOddAnswers plans against an AWS of which one operation answers what it
// should not. One line says so, the exit code is right, and nothing is written.
func TestOddAnswers(t *testing.T) {
	docs := routing(t, "    - {name: placed, eventTypes: [OrderPlaced]}\n")
	applied := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
	if _, err := applied.apply(t.Context(), applied.server.Client().Do, docs); err != nil {
		t.Fatal(err)
	}
	for _, o := range odds() {
		t.Run(o.name, func(t *testing.T) {
			r := applied
			if o.on == settings { // nobody asks once all is as it should be
				r = newRig(t, map[string]int{"orders-events": 1}, "order-processor")
			}
			r.server.Forget()
			asked := false
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if o.concerns(req) {
					asked = true
					o.with(w, req, r.server)
					return
				}
				r.server.ServeHTTP(w, req)
			}))
			defer web.Close()
			stdout, stderr, code := plan(t, web.URL)
			if !asked {
				t.Fatal("nobody asked")
			}
			if code != o.code {
				t.Errorf("exit code %d, want %d", code, o.code)
			}
			if where := stderr; !regexp.MustCompile(o.want).MatchString(where + stdout) {
				t.Errorf("nothing says %q:\n%s%s", o.want, stderr, stdout)
			}
			if code == 1 && strings.Count(stderr, "eventrouting: ") != 1 {
				t.Errorf("not one line:\n%s", stderr)
			}
			for _, c := range r.server.Calls() {
				if !strings.HasPrefix(c.Operation, "List") && !strings.HasPrefix(c.Operation, "Get") && !strings.HasPrefix(c.Operation, "Describe") {
					t.Errorf("a plan called %s", c)
				}
			}
		})
	}
}

// environment points the SDK at an endpoint.
func environment(t *testing.T, endpoint string) {
	t.Setenv("AWS_ENDPOINT_URL", endpoint)
	t.Setenv("AWS_ACCESS_KEY_ID", account)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	t.Setenv("AWS_CA_BUNDLE", "")
}

// plan runs the command against an endpoint.
func plan(t *testing.T, endpoint string) (stdout, stderr string, code int) {
	t.Helper()
	environment(t, endpoint)
	file := filepath.Join(t.TempDir(), "orders.yaml")
	text := ordersText + "    - {name: placed, eventTypes: [OrderPlaced]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	began := time.Now()
	code = command.Run(t.Context(), []string{"plan", "--qps", "0", file}, strings.NewReader(""), &out, &errs)
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %s", d)
	}
	return out.String(), errs.String(), code
}

package awsapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// endpoint answers requests as no AWS would.
type endpoint func(*http.Request) (status int, body string)

func (e endpoint) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	status, body := e(r)
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r}, nil
}

// always gives every request the same answer.
func always(status int, body string) endpoint {
	return func(*http.Request) (int, string) { return status, body }
}

var everything = reconcile.Scope{Streams: []string{stream}, Functions: []string{function}}

// What is not AWS must not read as an empty account, in which everything would
// have to be created.
func TestNonsense(t *testing.T) {
	for _, c := range []endpoint{
		always(200, ""),
		always(200, " \n"),
		always(200, "{}"),
		always(200, "null"),
		always(200, "[]"),
		always(200, `{"hello":"world"}`),
		always(200, `{"EventSourceMappings":null}`),
		always(200, `{"EventSourceMappings":`),
		always(200, `{"EventSourceMappings":{}}`),
		always(200, `{"EventSourceMappings":[{"UUID":7}]}`),
		always(200, "<!DOCTYPE html><html><body>Welcome to nginx!</body></html>"),
		always(404, "<html>not found</html>"),
		always(404, ""),
		always(400, `{"ok":false}`),
		always(503, "<html>busy</html>"),
		always(302, ""),
	} {
		synctest.Test(t, func(t *testing.T) {
			_, body := c(nil)
			_, err := awsapi.New(config(c), awsapi.Options{}).Reader().Observe(t.Context(), everything, time.Now())
			message, hint := awsapi.Explain(err)
			if !strings.HasPrefix(message, "list mappings: the endpoint's answer makes no sense") || !strings.Contains(hint, "AWS_ENDPOINT_URL") ||
				strings.Contains(message, "\n") {
				t.Errorf("answer %q: %v\n%s\n%s", body, err, message, hint)
			}
		})
	}
}

// Each list that an answer lacks is missed, not taken for empty.
func TestMissingLists(t *testing.T) {
	full := map[string]string{
		"event-source-mappings":                  `{"EventSourceMappings":[]}`,
		"Kinesis_20131202.DescribeStreamSummary": `{"StreamDescriptionSummary":{"RetentionPeriodHours":24,"StreamName":"s","StreamARN":"` + streamARN + `","StreamStatus":"ACTIVE","OpenShardCount":1}}`,
		"Kinesis_20131202.ListShards":            `{"Shards":[{"ShardId":"shardId-000000000000"}]}`,
		"aliases":                                `{"Aliases":[]}`,
		"concurrency":                            `{}`,
		"provisioned-concurrency":                `{"ProvisionedConcurrencyConfigs":[]}`,
	}
	for broken := range full {
		nothing := "{}"
		if broken == "concurrency" {
			nothing = "" // {} is what an unset reservation looks like
		}
		synctest.Test(t, func(t *testing.T) {
			client := awsapi.New(config(endpoint(func(r *http.Request) (int, string) {
				name := r.Header.Get("X-Amz-Target")
				if name == "" {
					name = r.URL.Path[strings.LastIndexByte(strings.TrimSuffix(r.URL.Path, "/"), '/')+1:]
					name = strings.TrimSuffix(name, "/")
				}
				if name == broken {
					return 200, nothing
				}
				return 200, full[name]
			})), awsapi.Options{})
			if _, err := client.Reader().Observe(t.Context(), everything, time.Now()); !strings.Contains(text(err), "the endpoint's answer makes no sense: ") {
				t.Errorf("%s is %q: %v", broken, nothing, err)
			}
		})
	}
}

// Whatever a mapping looks like, it has a key of its own and nothing crashes.
func TestObserveAnyMapping(t *testing.T) {
	const mappings = `{"EventSourceMappings":[
		{"UUID":"1","EventSourceArn":"arn:aws:kinesis:eu-west-1:111122223333:stream/s","FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f:7","State":"Enabled","EventSourceMappingArn":"arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:1"},
		{"UUID":"2","EventSourceArn":"arn:aws:kinesis:eu-west-1:111122223333:stream/s/consumer/c:1700000000","FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f","State":"Disabling"},
		{"UUID":"3","EventSourceArn":"arn:aws:kinesis:eu-west-1:999999999999:stream/s","FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f","State":"Updating"},
		{"UUID":"4","EventSourceArn":"arn:aws:dynamodb:eu-west-1:111122223333:table/t/stream/2026","FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f:$LATEST","State":"Deleting"},
		{"UUID":"5","SelfManagedEventSource":{"Endpoints":{"KAFKA_BOOTSTRAP_SERVERS":["b:9092","a:9092"]}},"Topics":["t"],"FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f"},
		{"UUID":"6","EventSourceArn":"nonsense","FunctionArn":"arn:nonsense"},
		{"UUID":"7","EventSourceArn":"arn:aws:kinesis:us-east-1:111122223333:stream/s","FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f"},
		{"UUID":"8","EventSourceArn":"arn:aws:kinesis:eu-west-1:111122223333:stream/s","FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f:7","State":"Enabled"}
	]}`
	synctest.Test(t, func(t *testing.T) {
		live, err := awsapi.New(config(endpoint(func(r *http.Request) (int, string) { return 200, mappings })), awsapi.Options{}).
			Reader().Observe(t.Context(), reconcile.Scope{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for k, all := range live.Mappings {
			for _, m := range all {
				got[m.UUID] = fmt.Sprintf("%s kinesis=%v enabled=%v", k, k.Kinesis(), m.Enabled)
				if m.BatchSize != 100 || m.ParallelizationFactor != 1 || m.MaximumRetryAttempts != -1 || m.MaximumRecordAge != -1 {
					t.Errorf("defaults of %s: %+v", m.UUID, m)
				}
			}
		}
		want := map[string]string{
			"1": "s -> f:7 kinesis=true enabled=true",
			"2": "s/c -> f kinesis=true enabled=false",
			"3": "arn:aws:kinesis:eu-west-1:999999999999:stream/s -> f kinesis=false enabled=true",
			"4": "arn:aws:dynamodb:eu-west-1:111122223333:table/t/stream/2026 -> f:$LATEST kinesis=false enabled=false",
			"5": "arn:self-managed:a:9092,b:9092/t -> f kinesis=false enabled=true",
			"6": "arn:unknown:nonsense -> arn:nonsense kinesis=false enabled=true",
			"7": "arn:aws:kinesis:us-east-1:111122223333:stream/s -> f kinesis=false enabled=true",
			"8": "s -> f:7 kinesis=true enabled=true",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if live.Account != account {
			t.Errorf("account %q", live.Account)
		}
	})
}

// A listing that does not end is left.
func TestEndlessPages(t *testing.T) {
	for name, c := range map[string]struct {
		next  func(n int) string
		pages int
	}{
		"the same marker again": {func(int) string { return "again" }, 2},
		"markers in a circle":   {func(n int) string { return fmt.Sprint(n % 5) }, 6},
		"ever new markers":      {func(n int) string { return fmt.Sprint(n) }, 1000},
	} {
		for _, list := range []string{"EventSourceMappings", "Shards"} {
			t.Run(name+" of "+list, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := 0
					client := awsapi.New(config(endpoint(func(r *http.Request) (int, string) {
						if list == "Shards" {
							switch r.Header.Get("X-Amz-Target") {
							case "":
								return 200, `{"EventSourceMappings":[]}`
							case "Kinesis_20131202.DescribeStreamSummary":
								return 200, `{"StreamDescriptionSummary":{"RetentionPeriodHours":24,"StreamARN":"` + streamARN + `"}}`
							}
						}
						n++
						marker, _ := json.Marshal(c.next(n))
						return 200, fmt.Sprintf(`{%q:[],"NextMarker":%s,"NextToken":%s}`, list, marker, marker)
					})), awsapi.Options{})
					_, err := client.Reader().Observe(t.Context(), everything, time.Now())
					if !strings.Contains(text(err), "the endpoint's answer makes no sense") || n != c.pages {
						t.Errorf("%v after %d pages", err, n)
					}
				})
			})
		}
	}
}

func TestReaderCannotWrite(t *testing.T) {
	client := awsapi.New(config(always(200, "")), awsapi.Options{})
	if _, ok := any(client.Reader()).(reconcile.Writer); ok {
		t.Error("a reader is a writer")
	}
}

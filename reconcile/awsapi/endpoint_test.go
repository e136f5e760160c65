package awsapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
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
		"Kinesis_20131202.DescribeStreamSummary": `{"StreamDescriptionSummary":{"StreamName":"s","StreamARN":"` + streamARN + `","StreamStatus":"ACTIVE"}}`,
		"Kinesis_20131202.ListShards":            `{"Shards":[]}`,
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
		{},
		{"UUID":"1","EventSourceArn":"arn:aws:kinesis:eu-west-1:111122223333:stream/s","FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f:7","State":"Enabled","EventSourceMappingArn":"arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:1"},
		{"UUID":"2","EventSourceArn":"arn:aws:kinesis:eu-west-1:111122223333:stream/s/consumer/c:1700000000","FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f","State":"Disabling"},
		{"UUID":"3","EventSourceArn":"arn:aws:kinesis:eu-west-1:999999999999:stream/s","FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f","State":"Updating"},
		{"UUID":"4","EventSourceArn":"arn:aws:dynamodb:eu-west-1:111122223333:table/t/stream/2026","FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f:$LATEST","State":"Deleting"},
		{"UUID":"5","SelfManagedEventSource":{"Endpoints":{"KAFKA_BOOTSTRAP_SERVERS":["b:9092","a:9092"]}},"Topics":["t"],"FunctionArn":"arn:aws:lambda:eu-west-1:111122223333:function:f"},
		{"UUID":"6","EventSourceArn":"nonsense","FunctionArn":"nonsense"},
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
			"":  "arn:self-managed:/ ->  kinesis=false enabled=true",
			"1": "s -> f:7 kinesis=true enabled=true",
			"2": "s/c -> f kinesis=true enabled=false",
			"3": "arn:aws:kinesis:eu-west-1:999999999999:stream/s -> f kinesis=false enabled=true",
			"4": "arn:aws:dynamodb:eu-west-1:111122223333:table/t/stream/2026 -> f:$LATEST kinesis=false enabled=false",
			"5": "arn:self-managed:a:9092,b:9092/t -> f kinesis=false enabled=true",
			"6": "arn:unknown:nonsense -> nonsense kinesis=false enabled=true",
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
								return 200, `{"StreamDescriptionSummary":{"StreamARN":"` + streamARN + `"}}`
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

// Attempts are counted against the rate, retries too.
func TestRate(t *testing.T) {
	inScene(t, func(s *scene) {
		s.client = awsapi.New(s.cfg, awsapi.Options{QPS: 5})
		var times []time.Duration
		start := time.Now()
		refuse := on("ListAliases", 1, 2, emulator.Fault{Refuse: &world.Error{Code: "TooManyRequestsException", Status: 429}})
		s.fault = func(c emulator.Call) emulator.Fault {
			times = append(times, time.Since(start))
			return refuse(c)
		}
		for range 10 {
			s.observe()
		}
		// 62 attempts, 5 of them at once; the waits for the retries waste some turns.
		if took := time.Since(start); len(times) != 62 || took < 11*time.Second || took > 14*time.Second {
			t.Errorf("%d attempts in %s", len(times), took)
		}
		for i := range times[:len(times)-6] {
			if times[i+6]-times[i] < 200*time.Millisecond {
				t.Fatalf("six attempts within %s", times[i+6]-times[i])
			}
		}
	})
}

func TestRateCancelled(t *testing.T) {
	inScene(t, func(s *scene) {
		s.client = awsapi.New(s.cfg, awsapi.Options{QPS: 0.01})
		ctx, cancel := context.WithCancelCause(s.Context())
		go func() {
			time.Sleep(time.Second)
			cancel(errors.New("enough"))
		}()
		if _, err := s.client.Reader().Observe(ctx, everything, time.Now()); !strings.Contains(text(err), "enough") {
			t.Error(err)
		}
	})
}

// At AWS's 15 requests a second a client of 5 is not throttled, and one without
// a limit of its own gets through by its retries.
func TestThrottled(t *testing.T) {
	for _, qps := range []float64{0, 5} {
		inScene(t, func(s *scene) {
			s.client = awsapi.New(s.cfg, awsapi.Options{QPS: qps})
			s.fault = emulator.Throttle()
			for range 10 {
				s.observe()
			}
			refused := 0
			for _, c := range s.server.Calls() {
				if c.Code == "TooManyRequestsException" {
					refused++
				}
			}
			if (refused > 0) != (qps == 0) {
				t.Errorf("with %v requests a second: %d refused", qps, refused)
			}
		})
	}
}

// An endpoint that takes requests and says nothing is left, and tried again.
func TestSilence(t *testing.T) {
	for _, silent := range []int{2, 99} {
		inScene(t, func(s *scene) {
			s.fault = on("ListAliases", 1, silent, emulator.Fault{Delay: time.Hour})
			start := time.Now()
			_, err := s.client.Reader().Observe(s.Context(), everything, time.Now())
			took := time.Since(start)
			if silent == 2 && (err != nil || took > 45*time.Second) {
				t.Errorf("%v after %s", err, took)
			}
			if message, hint := awsapi.Explain(err); silent == 99 &&
				(message != "describe function order-processor: no answer from emulator: none within 20s" || hint == "" || took > 65*time.Second) {
				t.Errorf("%s after %s\n%s", message, took, hint)
			}
		})
	}
}

// The caller decides how often to try.
func TestAttempts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*aws.Config)
		want   int
	}{
		"retryer":            {func(*aws.Config) {}, 3},
		"the SDK's own":      {func(c *aws.Config) { c.Retryer = nil }, 3},
		"AWS_MAX_ATTEMPTS=6": {func(c *aws.Config) { c.Retryer, c.RetryMaxAttempts = nil, 6 }, 6},
		"none":               {func(c *aws.Config) { c.Retryer = func() aws.Retryer { return aws.NopRetryer{} } }, 1},
		"adaptive": {func(c *aws.Config) {
			c.Retryer = func() aws.Retryer { return retry.NewAdaptiveMode() }
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				c.change(&s.cfg)
				s.client = awsapi.New(s.cfg, awsapi.Options{QPS: 100})
				s.fault = on("ListEventSourceMappings", 1, 99, emulator.Fault{Refuse: &world.Error{Code: "TooManyRequestsException", Status: 429, Message: "Rate exceeded"}})
				_, err := s.client.Reader().Observe(s.Context(), everything, time.Now())
				if n := len(s.operations()); n != c.want || !awsapi.IsThrottled(err) {
					t.Errorf("%d attempts, %v", n, err)
				}
			})
		})
	}
}

func TestObserveCancelled(t *testing.T) {
	inScene(t, func(s *scene) {
		s.fault = on("ListShards", 1, 1, emulator.Fault{Delay: time.Minute})
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := s.client.Reader().Observe(ctx, everything, time.Now())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

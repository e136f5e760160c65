package emulator_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

func accountSettings(t *testing.T, c *lambda.Client) error {
	t.Helper()
	_, err := c.GetAccountSettings(t.Context(), &lambda.GetAccountSettingsInput{})
	return err
}

func TestThrottle(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		s.SetFaults(emulator.Throttle())
		served := func() (n int) {
			for range 20 {
				if accountSettings(t, c) == nil {
					n++
				}
			}
			return n
		}
		if n := served(); n != 15 {
			t.Errorf("%d calls served at once, want 15", n)
		}
		did(0, accountSettings(t, c)).refusedWith(t, "TooManyRequestsException", "Rate exceeded")
		// GetFunction and the Kinesis side have rates of their own, so have
		// other regions.
		did(c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("fn")})).must(t)
		if err := accountSettings(t, lambdaClient(s, world.Place{Account: "123456789012", Region: "us-east-1"})); err != nil {
			t.Error(err)
		}
		time.Sleep(400 * time.Millisecond)
		if n := served(); n != 6 {
			t.Errorf("%d calls served 0.4 s later, want 6", n)
		}
	})
}

// TestThrottleIsRetried: the SDK as it comes waits and gets through.
func TestThrottleIsRetried(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, _ *lambda.Client) {
		s.SetFaults(emulator.Throttle())
		patient := lambda.New(lambdaClient(s, streamsPlace()).Options(), func(o *lambda.Options) {
			o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 10 })
		})
		for range 40 {
			if err := accountSettings(t, patient); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestLoss(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		for _, w := range []struct {
			lose emulator.Loss
			left int
		}{{emulator.LoseCall, 0}, {emulator.LoseAnswer, 1}} {
			s.Forget()
			s.SetFaults(func(call emulator.Call) emulator.Fault {
				if call.Operation == "CreateEventSourceMapping" {
					return emulator.Fault{Lose: w.lose}
				}
				return emulator.Fault{}
			})
			if out := mapFn(t, c, "a", nil); out.err == nil {
				t.Errorf("loss %d: an answer came: %v", w.lose, out.v)
			}
			all, _ := listed(t, c, &lambda.ListEventSourceMappingsInput{})
			if len(all) != w.left {
				t.Errorf("loss %d leaves %v", w.lose, all)
			}
			if got := s.Calls(); len(got) != 2 || !got[0].Lost || got[0].Operation != "CreateEventSourceMapping" || got[1].Lost {
				t.Errorf("recorded %v", got)
			}
		}
	})
}

// TestDelay: latency is the caller's, the effect is at once, and a context that
// ends ends the call.
func TestDelay(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		s.SetFaults(func(emulator.Call) emulator.Fault { return emulator.Fault{Delay: time.Minute} })
		start := time.Now()
		if err := accountSettings(t, c); err != nil || time.Since(start) != time.Minute {
			t.Errorf("answered %v after %v", err, time.Since(start))
		}
		impatient := lambda.New(c.Options(), func(o *lambda.Options) {
			o.HTTPClient = timeout{o.HTTPClient, time.Second}
		})
		start = time.Now()
		if err := accountSettings(t, impatient); err == nil || time.Since(start) != time.Second {
			t.Errorf("answered %v after %v", err, time.Since(start))
		}
	})
}

type timeout struct {
	lambda.HTTPClient
	after time.Duration
}

func (c timeout) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), c.after)
	defer cancel()
	return c.HTTPClient.Do(r.WithContext(ctx))
}

func TestRefuse(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		s.SetFaults(func(emulator.Call) emulator.Fault {
			return emulator.Fault{Refuse: &world.Error{Code: "ServiceException", Status: 500, Message: "no"}}
		})
		did(0, accountSettings(t, c)).refusedWith(t, "ServiceException", "no")
		if got := s.Calls(); len(got) != 1 || got[0].Code != "ServiceException" || got[0].Status != 500 || got[0].N != 1 {
			t.Errorf("recorded %v", got)
		}
	})
}

// TestLambdaWire sends what no SDK sends.
func TestLambdaWire(t *testing.T) {
	const signed = "AWS4-HMAC-SHA256 Credential=123456789012/20261123/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0"
	for name, c := range map[string]struct {
		method, path, auth, body string
		status                   int
		code, answer             string
	}{
		"no signature": {"GET", "/2016-08-19/account-settings", "", "", 403, "MissingAuthenticationTokenException", `{"message":"Missing Authentication Token"}`},
		"half a signature": {"GET", "/2016-08-19/account-settings", "AWS4-HMAC-SHA256 Credential=123456789012", "", 403,
			"MissingAuthenticationTokenException", `{"message":"Missing Authentication Token"}`},
		"unknown path": {"GET", "/2015-03-31/layers", signed, "", 404, "UnknownOperationException",
			`{"message":"the embedded AWS does not serve lambda GET /2015-03-31/layers"}`},
		"unknown method": {"PATCH", "/2015-03-31/functions/fn", signed, "", 404, "UnknownOperationException",
			`{"message":"the embedded AWS does not serve lambda PATCH /2015-03-31/functions/fn"}`},
		"another service": {"POST", "/", strings.Replace(signed, "lambda", "sqs", 1), "", 404,
			"UnknownOperationException", `{"message":"the embedded AWS does not serve sqs POST /"}`},
		"no JSON": {"POST", "/2015-03-31/event-source-mappings", signed, `{"FunctionName":`, 400, "SerializationException",
			`{"message":"Could not parse request body into json."}`},
		"no object": {"POST", "/2015-03-31/event-source-mappings", signed, `[]`, 400, "SerializationException",
			`{"message":"Start of structure or map expected."}`},
		"text for a number": {"POST", "/2015-03-31/event-source-mappings", signed, `{"BatchSize":"5"}`, 400, "SerializationException",
			`{"message":"STRING_VALUE can not be converted to an Integer"}`},
		"half a number": {"POST", "/2015-03-31/event-source-mappings", signed, `{"BatchSize":5.5}`, 400, "SerializationException",
			`{"message":"NUMBER_VALUE can not be converted to an Integer"}`},
		"number for a text": {"POST", "/2015-03-31/event-source-mappings", signed, `{"FunctionName":5}`, 400, "SerializationException",
			`{"message":"NUMBER_VALUE can not be converted to a String"}`},
		"text for a structure": {"POST", "/2015-03-31/event-source-mappings", signed, `{"FilterCriteria":{"Filters":["x"]}}`, 400,
			"SerializationException", `{"message":"START_ARRAY can not be converted to a list of structures"}`},
		// What is not known is ignored, and so is a name in another case.
		"unknown member": {"POST", "/2015-03-31/event-source-mappings", signed, `{"Nonsense":[1],"batchSize":"x"}`, 400,
			"InvalidParameterValueException", `{"Type":"User","message":"Unrecognized event source."}`},
		"trailing slash": {"GET", "/2015-03-31/event-source-mappings/", signed, "", 200, "", `{"EventSourceMappings":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())})
			req, err := http.NewRequestWithContext(t.Context(), c.method, "https://lambda.test"+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.auth != "" {
				req.Header.Set("Authorization", c.auth)
			}
			resp, err := s.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status || resp.Header.Get("X-Amzn-Errortype") != c.code {
				t.Errorf("answered %d %s", resp.StatusCode, resp.Header.Get("X-Amzn-Errortype"))
			}
			if d := cmp.Diff(c.answer, string(body)); d != "" {
				t.Error(d)
			}
			if resp.Header.Get("X-Amzn-Requestid") == "" {
				t.Error("no request id")
			}
		})
	}
}

func TestTooLargeBody(t *testing.T) {
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())})
	body := io.LimitReader(zeros{}, 69905067+1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://lambda.test/2015-03-31/functions", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=123456789012/20261123/eu-west-1/lambda/aws4_request")
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 413 || resp.Header.Get("X-Amzn-Errortype") != "RequestEntityTooLargeException" {
		t.Errorf("answered %d %s", resp.StatusCode, resp.Header.Get("X-Amzn-Errortype"))
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// TestSameAnswers: the same seed and the same calls give the same bytes.
func TestSameAnswers(t *testing.T) {
	run := func() (all []string) {
		inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
			record := lambda.New(c.Options(), func(o *lambda.Options) { o.HTTPClient = tape{o.HTTPClient, &all} })
			for _, q := range []string{"c", "a", "b"} {
				m := mapFn(t, record, q, func(in *lambda.CreateEventSourceMappingInput) {
					in.Tags = map[string]string{"x": "1", "y": "2", "z": "3"}
				}).must(t)
				did(record.ListTags(t.Context(), &lambda.ListTagsInput{Resource: m.EventSourceMappingArn})).must(t)
			}
			time.Sleep(2 * time.Second)
			listed(t, record, &lambda.ListEventSourceMappingsInput{MaxItems: aws.Int32(2)})
			did(record.CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{
				FunctionName: aws.String("fn"), AuthType: types.FunctionUrlAuthTypeNone,
			})).must(t)
			did(record.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("fn")})).must(t)
			for _, call := range s.Calls() {
				all = append(all, call.String())
			}
		})
		return all
	}
	if d := cmp.Diff(run(), run()); d != "" {
		t.Error(d)
	}
}

// tape keeps every answer.
type tape struct {
	lambda.HTTPClient
	all *[]string
}

func (c tape) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	*c.all = append(*c.all, string(body))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, err
}

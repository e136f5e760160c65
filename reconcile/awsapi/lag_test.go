package awsapi_test

import (
	"bytes"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// metricAnswer is what CloudWatch answers to one call.
type metricAnswer struct {
	MetricDataResults []metricResult
	NextToken         string `cbor:",omitempty"`
}

type metricResult struct {
	ID         string `cbor:"Id"`
	StatusCode string
	Timestamps []time.Time
	Values     []float64
}

// oddMetrics edits what CloudWatch answers; token is the one that was asked with.
type oddMetrics struct {
	to   aws.HTTPClient
	edit func(token string, a *metricAnswer)
}

func (o oddMetrics) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/GetMetricData") {
		return o.to.Do(r)
	}
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(asked))
	resp, err := o.to.Do(r)
	if err != nil {
		return nil, err
	}
	answered, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var in struct{ NextToken string }
	var a metricAnswer
	if err := cbor.Unmarshal(asked, &in); err != nil {
		return nil, err
	}
	if err := cbor.Unmarshal(answered, &a); err != nil {
		return nil, err
	}
	o.edit(in.NextToken, &a)
	mode, err := cbor.EncOptions{Time: cbor.TimeUnixMicro, TimeTag: cbor.EncTagRequired}.EncMode()
	if err != nil {
		return nil, err
	}
	body, err := mode.Marshal(a)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, err
}

// withBatches runs f an hour after a batch in each of three minutes, all of them over.
func withBatches(t *testing.T, f func(s *scene, ask reconcile.Ask)) {
	t.Helper()
	inScene(t, func(s *scene) {
		s.foreign(&lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(streamARN), FunctionName: aws.String(function + ":live")})
		for range 3 {
			time.Sleep(time.Minute)
			s.server.Do(func(w *world.World) {
				_, _, err := w.Put(s.place, stream, "k", []byte("{}"))
				s.ok(err)
			})
		}
		time.Sleep(time.Hour)
		f(s, reconcile.Ask{What: reconcile.AskLag, Name: function + ":live", Since: time.Now().Add(-reconcile.LagWindow)})
	})
}

func (s *scene) oddLag(ask reconcile.Ask, edit func(token string, a *metricAnswer)) (reconcile.Lag, error) {
	client := awsapi.New(config(oddMetrics{s.server.Client(), edit}), awsapi.Options{})
	got, err := client.Reader().Answer(s.Context(), reconcile.State{}, []reconcile.Ask{ask})
	return got.Facts.Lags[ask.Name], err
}

// TestLagPages reads a lag that comes in parts, of which some have one metric alone.
func TestLagPages(t *testing.T) {
	withBatches(t, func(s *scene, ask reconcile.Ask) {
		want := s.answer(reconcile.State{}, ask).Lags[ask.Name]
		if len(want) != 3 {
			t.Fatalf("%d minutes with a batch", len(want))
		}
		got, err := s.oddLag(ask, func(token string, a *metricAnswer) {
			age := &a.MetricDataResults[0]
			n := len(token)
			age.Timestamps, age.Values = age.Timestamps[n:n+1], age.Values[n:n+1]
			if n < 2 {
				age.StatusCode, a.NextToken = "PartialData", token+"+"
			}
			if n > 0 {
				a.MetricDataResults = a.MetricDataResults[:1]
			}
		})
		s.ok(err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in parts (-want +got):\n%s", diff)
		}
	})
}

// TestOddLag refuses answers of CloudWatch that are not all there is, or cannot be:
// a batch that is left out, or looks younger than it was, proves that a mapping has
// read past what it has not.
func TestOddLag(t *testing.T) {
	const partial, nonsense = "CloudWatch has not answered in full: ", "the endpoint's answer makes no sense: "
	age := func(v float64) func(string, *metricAnswer) {
		return func(_ string, a *metricAnswer) { a.MetricDataResults[0].Values[1] = v }
	}
	throttles := func(v float64) func(string, *metricAnswer) {
		return func(_ string, a *metricAnswer) {
			r := &a.MetricDataResults[1]
			r.Timestamps, r.Values = a.MetricDataResults[0].Timestamps[:1], []float64{v}
		}
	}
	status := func(code string) func(string, *metricAnswer) {
		return func(_ string, a *metricAnswer) { a.MetricDataResults[0].StatusCode = code }
	}
	again := func(token string, a *metricAnswer) {
		if a.NextToken = "again"; token != "" {
			a.MetricDataResults = nil
		}
	}
	for name, c := range map[string]struct {
		edit func(string, *metricAnswer)
		want string
	}{
		"a part and no more":     {status("PartialData"), partial + `age is "PartialData"`},
		"an internal error":      {status("InternalError"), partial + `age is "InternalError"`},
		"forbidden":              {status("Forbidden"), partial + `age is "Forbidden"`},
		"no status":              {status(""), partial + `age is ""`},
		"a token without end":    {again, nonsense + `it gave the page marker "again" twice`},
		"no results":             {func(_ string, a *metricAnswer) { a.MetricDataResults = nil }, nonsense + "no age in it"},
		"no throttles":           {func(_ string, a *metricAnswer) { a.MetricDataResults = a.MetricDataResults[:1] }, nonsense + "no throttles in it"},
		"no ages":                {func(_ string, a *metricAnswer) { a.MetricDataResults = a.MetricDataResults[1:] }, nonsense + "no age in it"},
		"another metric":         {func(_ string, a *metricAnswer) { a.MetricDataResults[0].ID = "errors" }, nonsense + "Id errors in it"},
		"more times than values": {func(_ string, a *metricAnswer) { a.MetricDataResults[0].Values = nil }, nonsense + "metric data of unequal length in it"},
		"a minute twice":         {func(_ string, a *metricAnswer) { ts := a.MetricDataResults[0].Timestamps; ts[1] = ts[0] }, nonsense + "age of "},
		"a minute to come":       {func(_ string, a *metricAnswer) { a.MetricDataResults[0].Timestamps[0] = time.Now().Add(time.Hour) }, nonsense + "age of "},
		"a minute before": {func(_ string, a *metricAnswer) {
			a.MetricDataResults[0].Timestamps[0] = time.Now().Add(-25 * time.Hour)
		}, nonsense + "age of "},
		"an age below 0":           {age(-1), nonsense + "age -1 in it"},
		"an age that is no number": {age(math.NaN()), nonsense + "age NaN in it"},
		"an age without end":       {age(math.Inf(1)), nonsense + "age +Inf in it"},
		"an age beyond 400 days":   {age(401 * 24 * 3600e3), nonsense + "age 3.46464e+10 in it"},
		"an age that overflows":    {age(1e13), nonsense + "age 1e+13 in it"},
		"throttles below 0":        {throttles(-1), nonsense + "throttles -1 in it"},
		"throttles that overflow":  {throttles(1e19), nonsense + "throttles 1e+19 in it"},
		"throttles of no number":   {throttles(math.NaN()), nonsense + "throttles NaN in it"},
	} {
		t.Run(name, func(t *testing.T) {
			withBatches(t, func(s *scene, ask reconcile.Ask) {
				got, err := s.oddLag(ask, c.edit)
				message, hint := awsapi.Explain(err)
				if !strings.HasPrefix(message, "read the IteratorAge of order-processor:live: "+c.want) {
					t.Errorf("%s\nwant %s\nlag  %v", message, c.want, got)
				}
				if strings.HasPrefix(c.want, partial) && !strings.Contains(hint, "try again") {
					t.Errorf("hint %q", hint)
				}
			})
		})
	}
}

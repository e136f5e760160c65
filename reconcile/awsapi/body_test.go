package awsapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// tap writes down the bodies of requests on their way.
type tap struct {
	to     aws.HTTPClient
	bodies map[string][]string // by method and kind
}

func (t tap) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
		name := r.Method + " " + strings.Split(r.URL.Path+"//", "/")[2]
		t.bodies[name] = append(t.bodies[name], string(b))
	}
	return t.to.Do(r)
}

// What is sent, to the letter: AWS reads an absent member as "leave it", so
// that a cleared setting has to be there, with the value that clears it.
// AWS-FACTS.md section 2, "Go wire check".
func TestBodies(t *testing.T) {
	inScene(t, func(s *scene) {
		tapped := tap{to: s.server.Client(), bodies: map[string][]string{}}
		s.client = awsapi.New(config(tapped), awsapi.Options{})
		s.ok(s.start(s.observe(), alias("placed")))
		create := creation("placed")
		full := create.After.(*reconcile.Mapping)
		full.Start = reconcile.Start{At: time.Unix(946684700, 0)}
		full.OnFailure, full.KMSKey = "arn:aws:sqs:eu-west-1:111122223333:dead", "arn:aws:kms:eu-west-1:111122223333:key/k"
		full.Metrics, full.ReportBatchItemFailures = []string{"EventCount"}, true
		s.apply(s.observe(), create)
		before := s.mapping(s.observe(), key("placed"))
		before.Filters, before.FiltersUnknown = full.Filters, false
		s.apply(s.observe(), update(before, func(m *reconcile.Mapping) {
			m.Filters, m.OnFailure, m.KMSKey, m.Metrics, m.ReportBatchItemFailures = nil, "", "", nil, false
			m.MaximumRetryAttempts, m.Enabled = 0, false
		}))
		for name, want := range map[string]string{
			"POST event-source-mappings": `{
				"EventSourceArn": "arn:aws:kinesis:eu-west-1:111122223333:stream/orders-events",
				"FunctionName": "order-processor:orders--placed",
				"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 946684700, "Enabled": true,
				"BatchSize": 100, "MaximumBatchingWindowInSeconds": 0, "ParallelizationFactor": 1, "MaximumRetryAttempts": -1,
				"MaximumRecordAgeInSeconds": -1, "BisectBatchOnFunctionError": false, "TumblingWindowInSeconds": 0,
				"FilterCriteria": {"Filters": [{"Pattern": "{\"data\":{\"eventType\":[\"placed\"]}}"}]},
				"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:111122223333:dead"}},
				"FunctionResponseTypes": ["ReportBatchItemFailures"], "MetricsConfig": {"Metrics": ["EventCount"]},
				"KMSKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/k",
				"Tags": {"eventrouting.dev/owner": "default", "eventrouting.dev/route": "placed"}}`,
			"PUT event-source-mappings": `{
				"Enabled": false, "MaximumRetryAttempts": 0, "FilterCriteria": {}, "DestinationConfig": {"OnFailure": {"Destination": ""}},
				"FunctionResponseTypes": [], "MetricsConfig": {"Metrics": []}, "KMSKeyArn": ""}`,
		} {
			if len(tapped.bodies[name]) != 1 {
				t.Fatalf("%s: %q", name, tapped.bodies)
			}
			var got, wanted any
			s.ok(json.Unmarshal([]byte(tapped.bodies[name][0]), &got))
			s.ok(json.Unmarshal([]byte(want), &wanted))
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

package emulator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

type metricQueries struct {
	MetricDataQueries  []metricQuery
	StartTime, EndTime time.Time
	ScanBy             string
}

type metricQuery struct {
	ID         string `cbor:"Id"`
	Label      string
	Expression string
	MetricStat *metricStat
	ReturnData *bool
}

type metricStat struct {
	Metric struct {
		Namespace, MetricName string
		Dimensions            []struct{ Name, Value string }
	}
	Period     int
	Stat, Unit string
}

type metricResult struct {
	ID         string `cbor:"Id"`
	Label      string
	Timestamps []time.Time
	Values     []float64
	StatusCode string
}

type metricData struct {
	MetricDataResults []metricResult
	Messages          []struct{}
}

// metricQueriesJSON and metricResultJSON have their times in seconds.
type metricQueriesJSON struct {
	MetricDataQueries  []metricQuery
	StartTime, EndTime jsonTime
	ScanBy             string
}

type metricResultJSON struct {
	ID         string `json:"Id"`
	Label      string
	Timestamps []int64
	Values     []float64
	StatusCode string
}

// jsonTime is seconds since 1970; a fraction is taken and none is given, as metrics have none.
type jsonTime float64

func (s jsonTime) time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(s * 1000)).UTC()
}

func (in metricQueriesJSON) queries() metricQueries {
	return metricQueries{in.MetricDataQueries, in.StartTime.time(), in.EndTime.time(), in.ScanBy}
}

func (v metricData) json() any {
	results := make([]metricResultJSON, len(v.MetricDataResults))
	for i, r := range v.MetricDataResults {
		results[i] = metricResultJSON{r.ID, r.Label, make([]int64, len(r.Timestamps)), r.Values, r.StatusCode}
		for k, t := range r.Timestamps {
			results[i].Timestamps[k] = t.Unix()
		}
	}
	return map[string]any{"MetricDataResults": results, "Messages": v.Messages}
}

// getMetricData answers all datapoints in one page, however many are asked for
// at most. It knows the metrics of [world.World.Metric]; all others are there and
// have no datapoints, as on AWS. Metrics are there at once, where AWS takes a minute
// or more, and stay.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
func getMetricData(w *world.World, at world.Place, in metricQueries) (metricData, error) {
	if err := in.check(); err != nil {
		return metricData{}, err
	}
	v := metricData{MetricDataResults: []metricResult{}, Messages: []struct{}{}}
	for _, q := range in.MetricDataQueries {
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		r := q.MetricStat.read(w, at, in.StartTime.Truncate(time.Minute), in.EndTime)
		r.ID, r.StatusCode, r.Label = q.ID, "Complete", q.Label
		if r.Label == "" {
			r.Label = q.MetricStat.Metric.MetricName
		}
		if in.ScanBy != "TimestampAscending" {
			slices.Reverse(r.Timestamps)
			slices.Reverse(r.Values)
		}
		v.MetricDataResults = append(v.MetricDataResults, r)
	}
	return v, nil
}

// read makes one datapoint of each period that has any. Periods begin with the
// first: github.com/boto/boto3 issue 3457.
func (s metricStat) read(w *world.World, at world.Place, from, to time.Time) metricResult {
	r := metricResult{Timestamps: []time.Time{}, Values: []float64{}}
	period := time.Duration(s.Period) * time.Second
	var all world.Datapoint
	for _, p := range s.minutes(w, at, from, to) {
		begins := from.Add(p.Minute.Sub(from).Truncate(period))
		if n := len(r.Timestamps); n > 0 && r.Timestamps[n-1].Equal(begins) {
			all = world.Datapoint{
				Count: all.Count + p.Count, Sum: all.Sum + p.Sum, Max: max(all.Max, p.Max), Min: min(all.Min, p.Min),
			}
			r.Values[n-1] = s.of(all)
			continue
		}
		all = p
		r.Timestamps, r.Values = append(r.Timestamps, begins), append(r.Values, s.of(all))
	}
	return r
}

// minutes is what there is of a metric. Dimensions are part of its name: it is
// found by exactly those that it has.
func (s metricStat) minutes(w *world.World, at world.Place, from, to time.Time) []world.Datapoint {
	unit := map[string]string{world.IteratorAge: "Milliseconds", world.Throttles: "Count"}[s.Metric.MetricName]
	if s.Metric.Namespace != "AWS/Lambda" || unit == "" || s.Unit != "" && s.Unit != unit {
		return nil
	}
	has := map[string]string{}
	for _, d := range s.Metric.Dimensions {
		has[d.Name] = d.Value
	}
	function, resource := has["FunctionName"], has["Resource"]
	delete(has, "FunctionName")
	delete(has, "Resource")
	if len(has) > 0 {
		return nil
	}
	return w.Metric(at, s.Metric.MetricName, function, resource, from, to)
}

// of is the statistic of a datapoint.
func (s metricStat) of(p world.Datapoint) float64 {
	switch s.Stat {
	case "Maximum":
		return p.Max
	case "Minimum":
		return p.Min
	case "Sum":
		return p.Sum
	case "SampleCount":
		return float64(p.Count)
	}
	return p.Sum / float64(p.Count) // Average, by check
}

// check tells of all that is wrong at once. What AWS would take and is not
// served here is refused too: metric math, percentiles, periods under a minute.
// The texts on equal times were seen on AWS: github.com/elastic/beats issue 32687.
// Unverified: all others.
func (in metricQueries) check() error {
	var f metricFaults
	f.unless(!in.StartTime.IsZero(), "The parameter StartTime is required.")
	f.unless(!in.EndTime.IsZero(), "The parameter EndTime is required.")
	switch from, to := in.StartTime.Truncate(time.Second), in.EndTime.Truncate(time.Second); {
	case len(f) > 0:
	case from.Equal(to):
		f.unless(false, "The parameter StartTime must not equal parameter EndTime.")
	default:
		f.unless(from.Before(to), "The parameter StartTime must be less than the parameter EndTime.")
	}
	f.unless(slices.Contains([]string{"", "TimestampAscending", "TimestampDescending"}, in.ScanBy),
		"The value %s for parameter ScanBy is invalid.", in.ScanBy)
	f.unless(len(in.MetricDataQueries) > 0, "The parameter MetricDataQueries is required.")
	f.unless(len(in.MetricDataQueries) <= 500, "The collection MetricDataQueries must not have a size greater than 500.")
	ids := map[string]bool{}
	for i, q := range in.MetricDataQueries {
		at := fmt.Sprintf("MetricDataQueries.member.%d.", i+1)
		f.unless(isQueryID(q.ID), "The value %s for parameter %sId does not match ^[a-z][a-zA-Z0-9_]*$.", q.ID, at)
		f.unless(!ids[q.ID], "The values for parameter Id in MetricDataQueries are not unique.")
		ids[q.ID] = true
		q.check(&f, at)
	}
	return f.err()
}

func (q metricQuery) check(f *metricFaults, at string) {
	s := q.MetricStat
	if q.Expression != "" || s == nil {
		f.unless(false, "The parameter %sMetricStat is required: expressions are not served here.", at)
		return
	}
	f.unless(s.Metric.MetricName != "", "The parameter %sMetricStat.Metric.MetricName is required.", at)
	f.unless(s.Period > 0 && s.Period%60 == 0, "The parameter %sMetricStat.Period must be a multiple of 60.", at)
	f.unless(slices.Contains([]string{"Maximum", "Minimum", "Average", "Sum", "SampleCount"}, s.Stat),
		"The value %s for parameter %sMetricStat.Stat is not supported.", s.Stat, at)
	for _, d := range s.Metric.Dimensions {
		f.unless(d.Name != "" && d.Value != "", "The parameters Name and Value of %sMetricStat.Metric.Dimensions are required.", at)
	}
}

func isQueryID(s string) bool {
	return s != "" && len(s) <= 255 && s[0] >= 'a' && s[0] <= 'z' && isName(s) && !strings.ContainsAny(s, ".-")
}

// metricFaults is what is wrong with a call, in the form that CloudWatch has for
// it.
type metricFaults []string

func (f *metricFaults) unless(fine bool, format string, args ...any) {
	if !fine {
		*f = append(*f, fmt.Sprintf(format, args...)+"\n")
	}
}

func (f *metricFaults) err() error {
	if len(*f) == 0 {
		return nil
	}
	return refuseMetrics("ValidationError", strings.Join(*f, ""))
}

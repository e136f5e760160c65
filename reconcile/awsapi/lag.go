package awsapi

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eventrouting/eventrouting/reconcile"
)

// What is asked of CloudWatch, by the Id of the query.
const (
	ageQuery       = "age"
	throttlesQuery = "throttles"
)

// lag reads how far behind a function's batches were, minute by minute, and
// whether any was throttled. One call for both: a day of them is 2,880 values,
// of the 100,800 that fit on a page. CloudWatch may give them in parts all the same.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
func (r *Reader) lag(ctx context.Context, ask reconcile.Ask) (reconcile.Lag, error) {
	// Whole minutes, the one under way included: AWS rounds the rest.
	from := ask.Since.Truncate(time.Minute)
	to := ask.Since.Add(reconcile.LagWindow).Truncate(time.Minute).Add(time.Minute)
	minutes, err := r.measured(ctx, ask.Name, from, to, time.Minute)
	if err != nil {
		return nil, failed(err, "read the IteratorAge of %s", ask.Name)
	}
	l := reconcile.Lag(slices.Collect(maps.Values(minutes)))
	slices.SortFunc(l, func(a, b reconcile.LagMinute) int { return a.At.Compare(b.At) })
	return l, nil
}

// measured reads what there is of the age of batches and of throttles, period by period,
// each by when it began.
func (r *Reader) measured(ctx context.Context, target string, from, to time.Time, period time.Duration) (map[time.Time]reconcile.LagMinute, error) {
	m := measured{
		from: from, to: to,
		minutes: map[time.Time]reconcile.LagMinute{}, seen: map[string]map[time.Time]bool{}, status: map[string]types.StatusCode{},
	}
	err := eachPage(func(token string) (*string, error) {
		out, err := r.metrics.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
			StartTime: &from, EndTime: &to, NextToken: markerOf(token),
			MetricDataQueries: []types.MetricDataQuery{
				lambdaQuery(target, ageQuery, "IteratorAge", "Maximum", period), lambdaQuery(target, throttlesQuery, "Throttles", "Sum", period),
			},
		})
		if err != nil {
			return nil, err
		}
		for _, result := range out.MetricDataResults {
			if err := m.add(result); err != nil {
				return nil, err
			}
		}
		return out.NextToken, nil
	})
	if err == nil {
		err = m.whole()
	}
	return m.minutes, err
}

// lambdaQuery asks for a metric of a function, or of one of its qualifiers.
func lambdaQuery(target, id, metric, stat string, period time.Duration) types.MetricDataQuery {
	function, qualifier, qualified := strings.Cut(target, ":")
	dimensions := []types.Dimension{{Name: aws.String("FunctionName"), Value: &function}}
	if qualified && qualifier != latest {
		dimensions = append(dimensions, types.Dimension{Name: aws.String("Resource"), Value: &target})
	}
	return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: &metric, Dimensions: dimensions},
		Period: aws.Int32(int32(period.Seconds())), Stat: &stat,
	}}
}

// read says whether a mapping has delivered by a qualifier since a time, or was throttled:
// only what reads a stream has an IteratorAge. AWS keeps minutes for 15 days and hours for
// 455, of which the first that is asked for begins after that time.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html
func (r *Reader) read(ctx context.Context, ask reconcile.Ask) (bool, error) {
	period := time.Minute
	if time.Since(ask.Since) > reconcile.LagWindow {
		period = time.Hour
	}
	from, to := ask.Since.Truncate(period).Add(period), time.Now().Truncate(period).Add(period)
	if !from.Before(to) {
		return false, nil
	}
	periods, err := r.measured(ctx, ask.Name, from, to, period)
	if err != nil {
		return false, failed(err, "read whether a mapping delivered by %s", ask.Name)
	}
	for _, p := range periods {
		if p.Batches || p.Throttles > 0 {
			return true, nil
		}
	}
	return false, nil
}

// measured is a lag as its parts come in. A part that is missing, or makes a batch
// look younger than it was, would prove that a mapping has read past what it has
// not: none of that is taken.
type measured struct {
	from, to time.Time
	minutes  map[time.Time]reconcile.LagMinute
	seen     map[string]map[time.Time]bool // by query
	status   map[string]types.StatusCode   // of each query's last part
}

func (m *measured) add(result types.MetricDataResult) error {
	id := aws.ToString(result.Id)
	switch {
	case id != ageQuery && id != throttlesQuery:
		return nonsensical("Id", id)
	case len(result.Values) != len(result.Timestamps):
		return nonsensical("metric data", "of unequal length")
	case result.StatusCode != types.StatusCodeComplete && result.StatusCode != types.StatusCodePartialData:
		return fmt.Errorf("%w: %s is %q", errPartial, id, result.StatusCode)
	}
	m.status[id] = result.StatusCode
	if m.seen[id] == nil {
		m.seen[id] = map[time.Time]bool{}
	}
	for i, v := range result.Values {
		at := result.Timestamps[i].UTC()
		if m.seen[id][at] || at.Before(m.from) || !at.Before(m.to) {
			return nonsensical(id+" of", at.Format(time.RFC3339))
		}
		m.seen[id][at] = true
		if err := saneMetric(id, v); err != nil {
			return err
		}
		minute := m.minutes[at]
		minute.At = at
		if id == throttlesQuery {
			minute.Throttles = int(math.Ceil(v))
		} else {
			minute.Batches, minute.Age = true, time.Duration(math.Ceil(v))*time.Millisecond
		}
		m.minutes[at] = minute
	}
	return nil
}

// whole says whether each query was answered to its end.
func (m *measured) whole() error {
	for _, id := range []string{ageQuery, throttlesQuery} {
		switch status, ok := m.status[id]; {
		case !ok:
			return missing(id)
		case status != types.StatusCodeComplete:
			return fmt.Errorf("%w: %s is %q", errPartial, id, status)
		}
	}
	return nil
}

// saneMetric refuses what no age in milliseconds and no number of throttles can be.
func saneMetric(id string, v float64) error {
	most := float64(mostAge.Milliseconds())
	if id == throttlesQuery {
		most = math.MaxInt32
	}
	if math.IsNaN(v) || v < 0 || v > most {
		return nonsensical(id, v)
	}
	return nil
}

// mostAge is older than any record: a stream keeps them for 365 days at most.
const mostAge = 400 * 24 * time.Hour

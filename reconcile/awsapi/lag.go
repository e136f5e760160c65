package awsapi

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eventrouting/eventrouting/reconcile"
)

// lag reads how far behind a function's batches were, minute by minute, and
// whether any was throttled. One call for both, of less than an hour, which comes
// on one page.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
func (r *Reader) lag(ctx context.Context, ask reconcile.Ask) (reconcile.Lag, error) {
	function, qualifier, qualified := strings.Cut(ask.Name, ":")
	dimensions := []types.Dimension{{Name: aws.String("FunctionName"), Value: &function}}
	if qualified && qualifier != latest {
		dimensions = append(dimensions, types.Dimension{Name: aws.String("Resource"), Value: &ask.Name})
	}
	query := func(id, metric, stat string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: &metric, Dimensions: dimensions},
			Period: aws.Int32(60), Stat: &stat,
		}}
	}
	out, err := r.metrics.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		// Whole minutes, the one under way included: AWS rounds the rest.
		StartTime: aws.Time(ask.Since.Truncate(time.Minute)), EndTime: aws.Time(ask.Since.Add(reconcile.LagWindow).Truncate(time.Minute).Add(time.Minute)),
		MetricDataQueries: []types.MetricDataQuery{query("age", "IteratorAge", "Maximum"), query("throttles", "Throttles", "Sum")},
	})
	if err != nil {
		return nil, failed(err, "read the IteratorAge of %s", ask.Name)
	}
	minutes := map[time.Time]reconcile.LagMinute{}
	for _, result := range out.MetricDataResults {
		if len(result.Values) != len(result.Timestamps) {
			return nil, fmt.Errorf("read the IteratorAge of %s: %w", ask.Name, nonsensical("metric data", "of unequal length"))
		}
		for i, v := range result.Values {
			at := result.Timestamps[i].UTC()
			m := minutes[at]
			m.At = at
			if aws.ToString(result.Id) == "throttles" {
				m.Throttles += int(v)
			} else {
				m.Batches, m.Age = true, time.Duration(v)*time.Millisecond
			}
			minutes[at] = m
		}
	}
	l := reconcile.Lag(slices.Collect(maps.Values(minutes)))
	slices.SortFunc(l, func(a, b reconcile.LagMinute) int { return a.At.Compare(b.At) })
	return l, nil
}

package awsapi

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/eventrouting/eventrouting/reconcile"
)

// lag reads how far behind a function's batches were, minute by minute, and
// whether any was throttled. One call for both.
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
		StartTime: aws.Time(ask.Since.Truncate(time.Minute)), EndTime: aws.Time(ask.Since.Add(lagMinutes).Truncate(time.Minute).Add(time.Minute)),
		MetricDataQueries: []types.MetricDataQuery{query("age", "IteratorAge", "Maximum"), query("throttles", "Throttles", "Sum")},
	})
	if err != nil {
		return reconcile.Lag{}, failed(err, "read the IteratorAge of %s", ask.Name)
	}
	var l reconcile.Lag
	for _, result := range out.MetricDataResults {
		if len(result.Values) != len(result.Timestamps) {
			return l, fmt.Errorf("read the IteratorAge of %s: %w", ask.Name, nonsensical("metric data", "of unequal length"))
		}
		for _, v := range result.Values {
			if aws.ToString(result.Id) == "throttles" {
				l.Throttles += int(v)
				continue
			}
			l.Datapoints++
			l.Max = max(l.Max, time.Duration(v)*time.Millisecond)
		}
	}
	return l, nil
}

// lagMinutes is how much of a metric is looked at.
const lagMinutes = 5 * time.Minute

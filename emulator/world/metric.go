package world

import "time"

// The metrics of Lambda that there are.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
const (
	// IteratorAge is the age of the last record of each invocation's batch, in
	// milliseconds, as of when it began. It is there once that has ended.
	// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html
	IteratorAge = "IteratorAge"
	// Throttles counts invocations that found no room.
	Throttles = "Throttles"
)

// Datapoint is what CloudWatch has of one metric for one minute.
type Datapoint struct {
	Minute time.Time
	Count  int
	Sum    float64
	Max    float64
	Min    float64
}

// series is one metric's name and dimensions.
type series struct {
	place              Place
	metric             string
	function, resource string
}

// measure takes down a value of a metric, by function and by qualified function.
func (w *World) measure(metric string, inv *invocation, value float64) {
	for _, resource := range []string{"", inv.function + ":" + inv.target} {
		if resource != "" && inv.target == "" {
			continue
		}
		k := series{inv.place, metric, inv.function, resource}
		points := w.metrics[k]
		minute := inv.began.Truncate(time.Minute)
		last := len(points) - 1
		for last >= 0 && points[last].Minute.After(minute) {
			last-- // it ran for longer than a minute
		}
		if last < 0 || !points[last].Minute.Equal(minute) {
			p := Datapoint{Minute: minute, Count: 1, Sum: value, Max: value, Min: value}
			points = append(points, Datapoint{})
			copy(points[last+2:], points[last+1:])
			points[last+1] = p
		} else {
			p := &points[last]
			p.Count++
			p.Sum += value
			p.Max, p.Min = max(p.Max, value), min(p.Min, value)
		}
		w.metrics[k] = points
	}
}

// Metric is a metric of a function, or of one of its aliases or versions as
// FUNCTION:QUALIFIER, minute by minute, from a time and before another. A minute
// in which nothing was measured has no datapoint.
func (w *World) Metric(at Place, metric, function, resource string, from, to time.Time) []Datapoint {
	var all []Datapoint
	for _, p := range w.metrics[series{at, metric, function, resource}] {
		if !p.Minute.Before(from) && p.Minute.Before(to) {
			all = append(all, p)
		}
	}
	return all
}

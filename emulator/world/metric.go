package world

import "time"

// Datapoint is what CloudWatch has of one metric for one minute.
type Datapoint struct {
	Minute time.Time
	Count  int
	Sum    float64
	Max    float64
	Min    float64
}

// measure takes down an invocation's IteratorAge: the age of the last record of
// its batch, by function and by qualified function.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
func (w *World) measure(inv *invocation) {
	ms := float64(inv.age.Milliseconds())
	for _, resource := range []string{"", inv.function + ":" + inv.target} {
		if resource != "" && inv.target == "" {
			continue
		}
		k := series{inv.place, inv.function, resource}
		points := w.ages[k]
		minute := inv.began.Truncate(time.Minute)
		last := len(points) - 1
		for last >= 0 && points[last].Minute.After(minute) {
			last-- // it ran for longer than a minute
		}
		if last < 0 || !points[last].Minute.Equal(minute) {
			p := Datapoint{Minute: minute, Count: 1, Sum: ms, Max: ms, Min: ms}
			points = append(points, Datapoint{})
			copy(points[last+2:], points[last+1:])
			points[last+1] = p
		} else {
			p := &points[last]
			p.Count++
			p.Sum += ms
			p.Max, p.Min = max(p.Max, ms), min(p.Min, ms)
		}
		w.ages[k] = points
	}
}

// series is one metric's dimensions.
type series struct {
	place              Place
	function, resource string
}

// IteratorAge is the metric of that name of a function, or of one of its aliases
// or versions as FUNCTION:QUALIFIER, minute by minute, from a time and before
// another. A minute without an invocation has no datapoint.
func (w *World) IteratorAge(at Place, function, resource string, from, to time.Time) []Datapoint {
	var all []Datapoint
	for _, p := range w.ages[series{at, function, resource}] {
		if !p.Minute.Before(from) && p.Minute.Before(to) {
			all = append(all, p)
		}
	}
	return all
}

package deploy_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metricsql"
)

// evaluator evaluates as much of PromQL as the alerts use, by Prometheus' rules for
// which series of two sides belong together, at one time. What it does not know is an
// error. Prometheus' own module would bring a hundred others into this one.
// https://prometheus.io/docs/prometheus/latest/querying/operators/#vector-matching
type evaluator struct {
	now    time.Time
	series []sample
}

// sample is one series at that time.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

// vector is a result; a scalar is one that belongs to any series.
type vector struct {
	scalar  bool
	samples []sample
}

func (e evaluator) query(text string) ([]sample, error) {
	expr, err := metricsql.Parse(text)
	if err != nil {
		return nil, err
	}
	v, err := e.eval(expr)
	return v.samples, err
}

func (e evaluator) eval(expr metricsql.Expr) (vector, error) {
	number := func(f float64) vector { return vector{scalar: true, samples: []sample{{value: f}}} }
	switch x := expr.(type) {
	case *metricsql.NumberExpr:
		return number(x.N), nil
	case *metricsql.MetricExpr:
		return e.selects(x)
	case *metricsql.FuncExpr:
		switch {
		case x.Name == "time" && len(x.Args) == 0:
			return number(float64(e.now.Unix())), nil
		case x.Name == "absent" && len(x.Args) == 1:
			v, err := e.eval(x.Args[0])
			if err != nil || len(v.samples) > 0 {
				return vector{}, err
			}
			return vector{samples: []sample{{value: 1}}}, nil
		}
	case *metricsql.AggrFuncExpr:
		return e.aggregates(x)
	case *metricsql.BinaryOpExpr:
		left, err := e.eval(x.Left)
		if err != nil {
			return vector{}, err
		}
		right, err := e.eval(x.Right)
		if err != nil {
			return vector{}, err
		}
		return operates(x, left, right)
	}
	return vector{}, fmt.Errorf("%s is not known here", expr.AppendString(nil))
}

func (e evaluator) selects(x *metricsql.MetricExpr) (vector, error) {
	if len(x.LabelFilterss) != 1 {
		return vector{}, fmt.Errorf("%s is not known here", x.AppendString(nil))
	}
	var v vector
	for _, s := range e.series {
		matches := true
		for _, f := range x.LabelFilterss[0] {
			if f.IsNegative {
				return vector{}, fmt.Errorf("%s is not known here", x.AppendString(nil))
			}
			got := s.labels[f.Label]
			if f.Label == "__name__" {
				got = s.name
			}
			if !f.IsRegexp {
				matches = matches && got == f.Value
				continue
			}
			whole, err := regexp.Compile("^(?:" + f.Value + ")$")
			if err != nil {
				return vector{}, err
			}
			matches = matches && whole.MatchString(got)
		}
		if matches {
			v.samples = append(v.samples, s)
		}
	}
	return v, nil
}

// aggregates is max and min by labels.
func (e evaluator) aggregates(x *metricsql.AggrFuncExpr) (vector, error) {
	better := map[string]func(a, b float64) float64{"max": func(a, b float64) float64 { return max(a, b) }, "min": func(a, b float64) float64 { return min(a, b) }}[x.Name]
	if better == nil || len(x.Args) != 1 || !strings.EqualFold(x.Modifier.Op, "by") {
		return vector{}, fmt.Errorf("%s is not known here", x.AppendString(nil))
	}
	v, err := e.eval(x.Args[0])
	if err != nil {
		return vector{}, err
	}
	groups := map[string]sample{}
	for _, s := range v.samples {
		by := map[string]string{}
		for _, label := range x.Modifier.Args {
			by[label] = s.labels[label]
		}
		key := fmt.Sprint(by)
		if g, ok := groups[key]; ok {
			s.value = better(s.value, g.value)
		}
		groups[key] = sample{labels: by, value: s.value}
	}
	return vector{samples: slices.Collect(maps.Values(groups))}, nil
}

// operates puts the series of two sides together: those with the same labels, or with
// the same of those that on names, several of the left with one of the right where
// group_left says so.
func operates(x *metricsql.BinaryOpExpr, left, right vector) (vector, error) {
	if x.Op == "or" && x.GroupModifier.Op == "" && !left.scalar && !right.scalar {
		return vector{samples: slices.Concat(left.samples, right.samples)}, nil // of other labels each
	}
	op := map[string]func(a, b float64) (float64, bool){
		"+": func(a, b float64) (float64, bool) { return a + b, true },
		"-": func(a, b float64) (float64, bool) { return a - b, true },
		"*": func(a, b float64) (float64, bool) { return a * b, true },
		">": func(a, b float64) (float64, bool) { return a, a > b },
	}[x.Op]
	on, join := strings.ToLower(x.GroupModifier.Op), strings.ToLower(x.JoinModifier.Op)
	switch {
	case op == nil || x.Bool || on != "" && on != "on" || join != "" && join != "group_left" || len(x.JoinModifier.Args) > 0:
		return vector{}, fmt.Errorf("%s is not known here", x.AppendString(nil))
	case (left.scalar || right.scalar) && (on != "" || join != ""):
		return vector{}, fmt.Errorf("%s: series are put together with a number", x.AppendString(nil))
	}
	belongs := func(s sample) string {
		labels := maps.Clone(s.labels)
		if on != "" {
			maps.DeleteFunc(labels, func(name, _ string) bool { return !slices.Contains(x.GroupModifier.Args, name) })
		}
		return fmt.Sprint(labels)
	}
	one := map[string]sample{}
	if !left.scalar && !right.scalar {
		for _, s := range right.samples {
			key := belongs(s)
			if _, twice := one[key]; twice {
				return vector{}, fmt.Errorf("%s: several series on the right with %s", x.AppendString(nil), key)
			}
			one[key] = s
		}
	}
	out := vector{scalar: left.scalar && right.scalar}
	taken := map[string]bool{}
	for _, l := range left.samples {
		others := right.samples
		if !left.scalar && !right.scalar {
			key := belongs(l)
			r, ok := one[key]
			if !ok {
				continue
			}
			if taken[key] && join == "" {
				return vector{}, fmt.Errorf("%s: several series on the left with %s", x.AppendString(nil), key)
			}
			taken[key], others = true, []sample{r}
		}
		for _, r := range others {
			labels := l.labels
			if left.scalar {
				labels = r.labels
			}
			if value, keep := op(l.value, r.value); keep {
				out.samples = append(out.samples, sample{labels: labels, value: value})
			}
		}
	}
	return out, nil
}

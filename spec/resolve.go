package spec

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Defaults of what is not written. Those of a mapping are AWS's own.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
const (
	defaultFollow       = "$LATEST"
	defaultBatchSize    = 100
	defaultRetireAfter  = 24 * time.Hour
	defaultReleaseAfter = 24 * time.Hour
	unlimited           = -1 // of retries; as an age -1s, AWS's way to write "no limit"
)

// Resolve is the routes in the order written, with every default filled in:
// what the route says, else the document's `defaults`, else AWS's own. It is
// total: what is wrong with a document, [Validate] says.
func (e EventRouting) Resolve() []Resolved {
	all := make([]Resolved, len(e.Spec.Routes))
	for i := range e.Spec.Routes {
		all[i] = e.resolve(i)
	}
	return all
}

func (e EventRouting) resolve(i int) Resolved {
	r := e.Spec.Routes[i]
	s, d := r.Settings, Settings{}
	if e.Spec.Defaults != nil {
		d = *e.Spec.Defaults
	}
	retry := mergeRetry(s.Retry, d.Retry)
	v := Resolved{
		Index:                   i,
		Name:                    r.Name,
		EventTypes:              slices.Clone(r.EventTypes),
		CatchAll:                r.CatchAll,
		Enabled:                 first(true, s.Enabled, d.Enabled),
		Where:                   conditions(s.Where, d.Where),
		AllowOverlap:            first(false, s.AllowOverlap, d.AllowOverlap),
		Isolation:               cmp.Or(s.Isolation, d.Isolation, e.Spec.Isolation, IsolationAlias),
		Function:                e.Spec.Function.Name,
		BatchSize:               first(defaultBatchSize, s.BatchSize, d.BatchSize),
		MaxBatchingWindow:       first(Duration{}, s.MaxBatchingWindow, d.MaxBatchingWindow).Duration,
		ParallelizationFactor:   first(1, s.ParallelizationFactor, d.ParallelizationFactor),
		StartFrom:               first(StartFrom{}, s.StartFrom, d.StartFrom),
		MaxAttempts:             first(unlimited, retry.MaxAttempts),
		MaxAge:                  first(Duration{unlimited * time.Second}, retry.MaxAge).Duration,
		BisectOnError:           first(false, retry.BisectOnError),
		OnFailure:               first("", s.OnFailure, d.OnFailure),
		ReportBatchItemFailures: first(false, s.ReportBatchItemFailures, d.ReportBatchItemFailures),
		TumblingWindow:          first(Duration{}, s.TumblingWindow, d.TumblingWindow).Duration,
		KMSKey:                  first("", s.KMSKey, d.KMSKey),
		Metrics:                 slices.Clone(first(nil, s.Metrics, d.Metrics)),
	}
	if v.Isolation == IsolationFunction {
		v.Function = cmp.Or(s.Function, d.Function)
	}
	return v
}

// mergeRetry takes each part of retry from the first that writes it.
func mergeRetry(route, defaults *Retry) Retry {
	r, d := first(Retry{}, route), first(Retry{}, defaults)
	return Retry{
		MaxAttempts:   cmp.Or(r.MaxAttempts, d.MaxAttempts),
		MaxAge:        cmp.Or(r.MaxAge, d.MaxAge),
		BisectOnError: cmp.Or(r.BisectOnError, d.BisectOnError),
	}
}

// first is the first value that was written, else the default.
func first[T any](otherwise T, written ...*T) T {
	for _, p := range written {
		if p != nil {
			return *p
		}
	}
	return otherwise
}

// conditions is the first `where` that was written; {} is a way to write none
// where defaults have some.
func conditions(written ...json.RawMessage) json.RawMessage {
	for _, raw := range written {
		if string(raw) == "{}" {
			return nil
		}
		if len(raw) > 0 {
			return raw
		}
	}
	return nil
}

// BareName is the name of a stream or function that is written as a name or as
// an ARN: what follows the last "/" of a stream's, the last ":" of a function's.
func BareName(nameOrARN string) string {
	return nameOrARN[strings.LastIndexAny(nameOrARN, ":/")+1:]
}

// Follow is the alias or version that routes run.
func (e EventRouting) Follow() string { return cmp.Or(e.Spec.Function.Follow, defaultFollow) }

// Policy limits which changes a pass may make.
func (e EventRouting) Policy() Policy { return cmp.Or(e.Spec.Policy, PolicySync) }

// RetireAfter is how long a retired mapping keeps its position before it is
// deleted.
func (e EventRouting) RetireAfter() time.Duration {
	return first(Duration{defaultRetireAfter}, e.Spec.RetireAfter).Duration
}

// ReleaseAfter is how long closed shards are to count as running. They do for as long as
// their last invocations may take, however short it is.
func (e EventRouting) ReleaseAfter() time.Duration {
	return first(Duration{defaultReleaseAfter}, e.concurrency().ReleaseAfter).Duration
}

// Headroom is added to the routing's need.
func (e EventRouting) Headroom() Amount { return first(Amount{}, e.concurrency().Headroom) }

// Minimum is the least that the function is to have reserved; 0 for none.
func (e EventRouting) Minimum() int { return first(0, e.concurrency().Minimum) }

// Maximum caps the routing's own share, where one is set.
func (e EventRouting) Maximum() (executions int, set bool) {
	m := e.concurrency().Maximum
	return first(0, m), m != nil
}

// Others is what invokers need that cannot be counted. An explicit 0 says that
// there are none, which differs from saying nothing.
func (e EventRouting) Others() (executions int, set bool) {
	o := e.concurrency().Others
	return first(0, o), o != nil
}

// OnShortage is what becomes of new routes when the reservation cannot grow.
func (e EventRouting) OnShortage() OnShortage {
	return cmp.Or(e.concurrency().OnShortage, OnShortageHold)
}

// AssumeLagBelow is the lag that a handover may assume without a measurement,
// where one is set.
func (e EventRouting) AssumeLagBelow() (lag time.Duration, set bool) {
	if e.Spec.Handover == nil || e.Spec.Handover.AssumeLagBelow == nil {
		return 0, false
	}
	return e.Spec.Handover.AssumeLagBelow.Duration, true
}

func (e EventRouting) concurrency() Concurrency { return first(Concurrency{}, e.Spec.Concurrency) }

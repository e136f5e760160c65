package reconcile

import (
	"context"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// Look observes and computes, and while the plan asks for facts it answers and
// computes again. It changes nothing: r has no way to.
func Look(ctx context.Context, r Reader, docs []spec.EventRouting, o Options, now time.Time) (Plan, State, error) {
	live, err := r.Observe(ctx, Wants(docs), now)
	if err != nil {
		return Plan{}, State{}, err
	}
	return Ascertain(ctx, r, live, func(live State) (Plan, []Ask) {
		p := Compute(docs, live, o, now)
		return p, p.Asks
	})
}

// Ascertain computes something of a state, and while that asks for facts it
// answers and computes again.
func Ascertain[T any](ctx context.Context, r Reader, live State, compute func(State) (T, []Ask)) (T, State, error) {
	result, asks := compute(live)
	var asked []Ask
	for {
		// A fact is asked for once: an answer that leaves its question open is
		// an answer, and what lacks it stays held.
		asks = slices.DeleteFunc(slices.Clone(asks), func(a Ask) bool { return slices.Contains(asked, a) })
		if len(asks) == 0 {
			return result, live, nil
		}
		asked = append(asked, asks...)
		var err error
		if live, err = r.Answer(ctx, live, asks); err != nil {
			return result, live, err
		}
		result, asks = compute(live)
	}
}

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
	p := Compute(docs, live, o, now)
	var asked []Ask
	for {
		// A fact is asked for once: an answer that leaves its question open is
		// an answer, and what lacks it stays held.
		asks := slices.DeleteFunc(slices.Clone(p.Asks), func(a Ask) bool { return slices.Contains(asked, a) })
		if len(asks) == 0 {
			return p, live, nil
		}
		asked = append(asked, asks...)
		if live, err = r.Answer(ctx, live, asks); err != nil {
			return Plan{}, State{}, err
		}
		p = Compute(docs, live, o, now)
	}
}

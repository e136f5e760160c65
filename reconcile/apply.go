package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrStale says that a change's target is no longer what the plan saw. The
// next pass plans afresh.
var ErrStale = errors.New("it has changed since the plan was made")

// Lost is the error of a [Writer] of which each change has its own.
type Lost map[Addr]error

func (l Lost) Error() string {
	var lines []string
	for _, addr := range slices.SortedFunc(maps.Keys(l), compareAddrs) {
		lines = append(lines, addr.String()+": "+l[addr].Error())
	}
	return strings.Join(lines, "\n")
}

// of is what an error says of one change.
func of(err error, a Addr) error {
	lost, ok := errors.AsType[Lost](err)
	if own := lost[a]; ok && own != nil {
		return own
	}
	return err
}

// Stage is how far a change has come.
type Stage string

// The stages of a change. Every change ends in one of the last five.
const (
	Started Stage = "started" // AWS has accepted it
	Waiting Stage = "waiting" // for AWS to carry it out
	Settled Stage = "settled" // AWS is done
	Failed  Stage = "failed"  // AWS refused it, or did not settle
	Stale   Stage = "stale"   // the target moved, nothing was written
	Left    Stage = "left"    // the context ended first: AWS may carry it out, the next pass sees
	Skipped Stage = "skipped" // something it needs did not settle, or the context ended before it started
)

// Step reports progress: a change has reached a stage.
type Step struct {
	Change Change
	Stage  Stage
	Err    error // of Failed, Stale, Left and Skipped
}

// Outcome is how each change of a plan ended, in the order of the plan.
type Outcome []Step

// Count is how many changes ended in a stage.
func (o Outcome) Count(s Stage) int {
	n := 0
	for _, step := range o {
		if step.Stage == s {
			n++
		}
	}
	return n
}

// Err joins what went wrong; nil when every change settled.
func (o Outcome) Err() error {
	var all []error
	for _, s := range o {
		if s.Err != nil {
			all = append(all, fmt.Errorf("%s %s: %w", s.Change.Action, s.Change.Addr, s.Err))
		}
	}
	return errors.Join(all...)
}

// Apply carries out changes: it starts all that are ready, waits once for all
// that are under way, and goes on. What depends on a failure is skipped, the
// rest is not. onStep, which may be nil, hears of every stage.
//
// A context that ends stops new changes from being started. Whatever had
// started is AWS's to finish and the next pass's to see.
func Apply(ctx context.Context, w Writer, changes []Change, onStep func(Step)) Outcome {
	a := application{steps: make(Outcome, len(changes)), at: make(map[Addr]int, len(changes)), onStep: onStep}
	for i, c := range changes {
		a.steps[i].Change = c
		if _, twice := a.at[c.Addr]; twice {
			a.reach(i, Failed, errors.New("the plan changes it twice"))
			continue
		}
		a.at[c.Addr] = i
	}
	for {
		a.startReady(ctx, w)
		pending := a.pending()
		if len(pending) == 0 {
			if a.startReady(ctx, w); len(a.pending()) == 0 {
				a.giveUp()
				return a.steps
			}
			continue
		}
		settled, err := w.Settled(ctx, pending)
		for _, c := range settled {
			a.reach(a.at[c.Addr], Settled, nil)
		}
		if err != nil {
			stage := Failed
			if ctx.Err() != nil {
				stage, err = Left, context.Cause(ctx)
			}
			for _, c := range a.pending() {
				a.reach(a.at[c.Addr], stage, of(err, c.Addr))
			}
		}
	}
}

type application struct {
	steps  Outcome
	at     map[Addr]int
	onStep func(Step)
}

func (a *application) reach(i int, s Stage, err error) {
	a.steps[i].Stage, a.steps[i].Err = s, err
	if a.onStep != nil {
		a.onStep(a.steps[i])
	}
}

// startReady starts what has all it needs, again and again until nothing more
// is ready: a change that fails decides over those that need it.
func (a *application) startReady(ctx context.Context, w Writer) {
	for i := range a.steps {
		if a.steps[i].Stage != "" {
			continue
		}
		ready, err := a.needs(a.steps[i].Change)
		switch {
		case err != nil:
			a.reach(i, Skipped, err)
		case !ready, a.crowded(a.steps[i].Change):
		case ctx.Err() != nil:
			a.reach(i, Skipped, context.Cause(ctx))
		default:
			a.start(ctx, w, i)
		}
	}
}

// maxRegistering is how many consumers of one stream AWS creates at a time.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html
const maxRegistering = 5

// crowded says whether a consumer has to wait for others of its stream.
func (a *application) crowded(c Change) bool {
	want, ok := c.After.(*Consumer)
	if !ok || c.Before != nil {
		return false
	}
	n := 0
	for _, s := range a.steps {
		if other, ok := s.Change.After.(*Consumer); ok && s.Change.Before == nil && other.Key.Stream == want.Key.Stream && (s.Stage == Started || s.Stage == Waiting) {
			n++
		}
	}
	return n >= maxRegistering
}

func (a *application) start(ctx context.Context, w Writer, i int) {
	switch err := w.Start(ctx, a.steps[i].Change); {
	case errors.Is(err, ErrStale):
		a.reach(i, Stale, err)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()): // AWS may have heard
		a.reach(i, Left, context.Cause(ctx))
	case err != nil:
		a.reach(i, Failed, err)
	default:
		a.reach(i, Started, nil)
	}
}

// giveUp ends what never became ready: changes that need each other.
func (a *application) giveUp() {
	for i := range a.steps {
		if a.steps[i].Stage == "" {
			a.reach(i, Skipped, errors.New("what it needs was never started"))
		}
	}
}

// needs says whether all that a change needs has settled, or that it never will.
func (a *application) needs(c Change) (bool, error) {
	ready := true
	for _, addr := range c.Needs {
		i, ok := a.at[addr]
		if !ok {
			continue
		}
		switch a.steps[i].Stage {
		case Settled:
		case Failed, Stale, Left, Skipped:
			return false, fmt.Errorf("it needs %s, which %s", addr, a.steps[i].Stage.ended())
		default:
			ready = false
		}
	}
	return ready, nil
}

// ended says in a sentence how a change ended that others need.
func (s Stage) ended() string {
	switch s {
	case Stale:
		return "is stale"
	case Left:
		return "has not settled"
	case Skipped:
		return "was skipped"
	default:
		return string(s)
	}
}

// pending lists what has started and not ended, and says so once.
func (a *application) pending() []Change {
	var all []Change
	for i := range a.steps {
		switch a.steps[i].Stage {
		case Started:
			a.reach(i, Waiting, nil)
			all = append(all, a.steps[i].Change)
		case Waiting:
			all = append(all, a.steps[i].Change)
		default: // not started, or ended
		}
	}
	return all
}

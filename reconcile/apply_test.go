package reconcile_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
)

// scripted is an AWS in which changes fail as told, and settle one per poll.
type scripted struct {
	fail  map[string]error
	log   []string
	polls int
	err   error // of every poll
}

func (s *scripted) Start(_ context.Context, c reconcile.Change) error {
	s.log = append(s.log, c.Addr.Name)
	return s.fail[c.Addr.Name]
}

func (s *scripted) Settled(_ context.Context, started []reconcile.Change) ([]reconcile.Change, error) {
	s.polls++
	if s.err != nil {
		return nil, s.err
	}
	return started[:1], nil
}

func change(name string, needs ...string) reconcile.Change {
	c := reconcile.Change{Action: reconcile.Create, Addr: reconcile.Addr{Kind: reconcile.KindMapping, Name: name}}
	for _, n := range needs {
		c.Needs = append(c.Needs, reconcile.Addr{Kind: reconcile.KindMapping, Name: n})
	}
	return c
}

func TestApply(t *testing.T) {
	broken := errors.New("AWS said no")
	for _, test := range []struct {
		name    string
		changes []reconcile.Change
		fail    map[string]error
		poll    error
		want    string // name=stage, in the order of the changes
		started string
	}{
		{name: "nothing", want: "", started: ""},
		{
			name:    "twice the same address",
			changes: []reconcile.Change{change("a"), change("a"), change("b", "a")},
			want:    "a=settled a=failed b=settled", started: "a b",
		},
		{
			name:    "what is needed settles first",
			changes: []reconcile.Change{change("a"), change("b", "a"), change("c", "b")},
			want:    "a=settled b=settled c=settled", started: "a b c",
		},
		{
			name:    "order in the list makes no difference",
			changes: []reconcile.Change{change("c", "b"), change("b", "a"), change("a")},
			want:    "c=settled b=settled a=settled", started: "a b c",
		},
		{
			name:    "what depends on a failure is skipped, the rest goes on",
			changes: []reconcile.Change{change("a"), change("b", "a"), change("c", "b"), change("d")},
			fail:    map[string]error{"a": broken},
			want:    "a=failed b=skipped c=skipped d=settled", started: "a d",
		},
		{
			name:    "stale is no failure of AWS, and skips all the same",
			changes: []reconcile.Change{change("a"), change("b", "a")},
			fail:    map[string]error{"a": reconcile.ErrStale},
			want:    "a=stale b=skipped", started: "a",
		},
		{
			name:    "a poll that fails ends those that wait",
			changes: []reconcile.Change{change("a"), change("b"), change("c", "a")},
			poll:    broken,
			want:    "a=failed b=failed c=skipped", started: "a b",
		},
		{
			name:    "changes that need each other end",
			changes: []reconcile.Change{change("a", "b"), change("b", "a"), change("c")},
			want:    "a=skipped b=skipped c=settled", started: "c",
		},
		{
			name:    "a need outside the plan is no need",
			changes: []reconcile.Change{change("a", "elsewhere")},
			want:    "a=settled", started: "a",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &scripted{fail: test.fail, err: test.poll}
			steps := 0
			outcome := reconcile.Apply(t.Context(), w, test.changes, func(reconcile.Step) { steps++ })
			var got []string
			for _, s := range outcome {
				got = append(got, s.Change.Addr.Name+"="+string(s.Stage))
				if bad := s.Stage != reconcile.Settled; bad != (s.Err != nil) {
					t.Errorf("%s is %s with error %v", s.Change.Addr, s.Stage, s.Err)
				}
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.started, strings.Join(w.log, " ")); diff != "" {
				t.Errorf("started (-want +got):\n%s", diff)
			}
			if len(test.changes) > 0 && steps < len(test.changes) {
				t.Errorf("%d steps were reported of %d changes", steps, len(test.changes))
			}
			if ended := outcome.Err() == nil; ended != (outcome.Count(reconcile.Settled) == len(test.changes)) {
				t.Errorf("error %v for %s", outcome.Err(), test.want)
			}
		})
	}
}

// TestApplyLeft ends a context while AWS carries out a change: whether it will
// is AWS's business, and neither a success nor a failure.
func TestApplyLeft(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("interrupt signal received")
	var said []string
	outcome := reconcile.Apply(ctx, &scripted{err: context.Canceled}, []reconcile.Change{change("a"), change("b", "a")}, func(s reconcile.Step) {
		if s.Stage == reconcile.Waiting {
			cancel(stop)
		}
		if s.Err != nil {
			said = append(said, string(s.Stage)+": "+s.Err.Error())
		}
	})
	if outcome[0].Stage != reconcile.Left || outcome[1].Stage != reconcile.Skipped {
		t.Errorf("a is %s and b is %s", outcome[0].Stage, outcome[1].Stage)
	}
	if diff := cmp.Diff("left: interrupt signal received", said[0]); diff != "" {
		t.Errorf("what is said (-want +got):\n%s", diff)
	}
}

// TestApplyNeeds says of what is skipped what it needs and how that ended.
func TestApplyNeeds(t *testing.T) {
	w := &scripted{fail: map[string]error{"a": errors.New("AWS said no")}}
	outcome := reconcile.Apply(t.Context(), w, []reconcile.Change{change("a"), change("b", "a"), change("c", "b")}, func(reconcile.Step) {})
	got := outcome[1].Err.Error() + "\n" + outcome[2].Err.Error()
	if diff := cmp.Diff("it needs mapping a, which failed\nit needs mapping b, which was skipped", got); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// TestApplyCancelled ends a context while a change is under way: nothing more
// is started, and what was not is skipped with the cause.
func TestApplyCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	outcome := reconcile.Apply(ctx, &scripted{}, []reconcile.Change{change("a"), change("b", "a")}, func(s reconcile.Step) {
		if s.Stage == reconcile.Settled {
			cancel(stop)
		}
	})
	stages := slices.Collect(func(yield func(reconcile.Stage) bool) {
		for _, s := range outcome {
			yield(s.Stage)
		}
	})
	if diff := cmp.Diff([]reconcile.Stage{reconcile.Settled, reconcile.Skipped}, stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	if !errors.Is(outcome.Err(), stop) {
		t.Errorf("error %v does not say why", outcome.Err())
	}
}

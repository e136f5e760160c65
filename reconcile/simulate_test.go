package reconcile_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
)

// simulate carries out a plan on a copy of live as AWS would, at the time now:
// everything settles.
func simulate(t testing.TB, live reconcile.State, changes []reconcile.Change, now time.Time) reconcile.State {
	t.Helper()
	next := copyState(live)
	for _, c := range changes {
		switch after := c.After.(type) {
		case *reconcile.Alias:
			next.Aliases[after.Key] = *after
		case *reconcile.Reservation:
			f := next.Functions[after.Function]
			if limits := next.Facts.Limits; limits != nil {
				own := 0
				if f.Reserved != nil {
					own = *f.Reserved
				}
				next.Facts.Limits = &reconcile.Limits{
					ConcurrentExecutions: limits.ConcurrentExecutions,
					Unreserved:           limits.Unreserved - after.Reserved + own,
				}
			}
			f.Reserved = &after.Reserved
			next.Functions[after.Function] = f
		case *reconcile.Mapping:
			simulateMapping(t, next, c, *after, now)
		default:
			t.Fatalf("%s %s: cannot simulate %T", c.Action, c.Addr, c.After)
		}
	}
	return next
}

func simulateMapping(t testing.TB, next reconcile.State, c reconcile.Change, after reconcile.Mapping, now time.Time) {
	t.Helper()
	at := next.Mappings[after.Key]
	if c.Before == nil {
		if len(at) > 0 {
			t.Fatalf("%s is created where AWS has %s: 409", after.Key, at[0].UUID)
		}
		if _, ok := next.Aliases[reconcile.AliasKey{Function: after.Key.Function, Name: after.Key.Qualifier}]; !ok {
			t.Fatalf("%s is created before its alias", after.Key)
		}
		after.UUID = fmt.Sprintf("uuid-of-%s-%s", after.Key.Stream, after.Key.Qualifier)
		at = []reconcile.Mapping{after}
	}
	tags := maps.Clone(next.Facts.Tags[after.UUID])
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, after.Tags)
	next.Facts.Tags[after.UUID] = tags
	after.Tags = nil
	after.State = "Disabled"
	if after.Enabled {
		after.State = "Enabled"
	}
	after.Modified = now.Truncate(time.Minute)
	for i := range at {
		if at[i].UUID == after.UUID {
			at[i] = after
			next.Mappings[after.Key] = at
			return
		}
	}
	t.Fatalf("%s: mapping %s is gone", c.Addr, after.UUID)
}

func copyState(s reconcile.State) reconcile.State {
	s.Streams, s.Functions, s.Aliases = maps.Clone(s.Streams), maps.Clone(s.Functions), maps.Clone(s.Aliases)
	mappings := make(map[reconcile.Key][]reconcile.Mapping, len(s.Mappings))
	for k, ms := range s.Mappings {
		mappings[k] = slices.Clone(ms)
	}
	s.Mappings = mappings
	if s.Aliases == nil {
		s.Aliases = map[reconcile.AliasKey]reconcile.Alias{}
	}
	s.Facts.Tags = maps.Clone(s.Facts.Tags)
	if s.Facts.Tags == nil {
		s.Facts.Tags = map[string]map[string]string{}
	}
	return s
}

// settle plans and simulates until a plan is empty, and gives up after a few
// rounds.
func settle(t testing.TB, live reconcile.State, plan func(reconcile.State, time.Time) reconcile.Plan, now time.Time) (reconcile.State, int) {
	t.Helper()
	for round := range 5 {
		p := plan(live, now)
		ordered(t, p)
		if p.Empty() {
			return live, round
		}
		live = simulate(t, live, p.Changes, now)
		now = now.Add(time.Minute)
	}
	t.Fatalf("no empty plan after 5 rounds; the last one has %v", plan(live, now).Changes)
	return live, 0
}

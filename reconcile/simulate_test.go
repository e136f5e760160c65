package reconcile_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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
		if c.After == nil {
			simulateDelete(t, next, c)
			continue
		}
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
		case *reconcile.Consumer:
			simulateConsumer(t, next, c, *after)
		case *reconcile.Mapping:
			simulateMapping(t, next, c, *after, now)
		default:
			t.Fatalf("%s %s: cannot simulate %T", c.Action, c.Addr, c.After)
		}
	}
	return next
}

func simulateDelete(t testing.TB, next reconcile.State, c reconcile.Change) {
	t.Helper()
	switch before := c.Before.(type) {
	case *reconcile.Mapping:
		if before.Enabled {
			t.Fatalf("%s %s: it is enabled", c.Action, c.Addr)
		}
		next.Mappings[before.Key] = slices.DeleteFunc(next.Mappings[before.Key], func(m reconcile.Mapping) bool { return m.UUID == before.UUID })
		if len(next.Mappings[before.Key]) == 0 {
			delete(next.Mappings, before.Key)
		}
	case *reconcile.Alias:
		for k, ms := range next.Mappings {
			if k.Function == before.Key.Function && k.Qualifier == before.Key.Name && len(ms) > 0 {
				t.Fatalf("%s %s: mapping %s uses it", c.Action, c.Addr, ms[0].UUID)
			}
		}
		delete(next.Aliases, before.Key)
	case *reconcile.Consumer:
		for k, ms := range next.Mappings {
			for _, m := range ms {
				if m.SourceARN == before.ARN {
					t.Fatalf("%s %s: mapping %s reads it (%s)", c.Action, c.Addr, m.UUID, k)
				}
			}
		}
		delete(next.Consumers, before.Key)
	default:
		t.Fatalf("%s %s: cannot simulate the end of %T", c.Action, c.Addr, c.Before)
	}
}

func simulateConsumer(t testing.TB, next reconcile.State, c reconcile.Change, after reconcile.Consumer) {
	t.Helper()
	_, exists := next.Consumers[after.Key]
	if exists == (c.Before == nil) {
		t.Fatalf("%s %s: it exists: %t", c.Action, c.Addr, exists)
	}
	if c.Before == nil {
		created := 1
		for k, ms := range next.Mappings {
			if k.Stream == after.Key.Stream && k.Consumer == after.Key.Name {
				created += len(ms)
			}
		}
		after.ARN = consumerARN(after.Key, created)
		after.Status = "ACTIVE"
	}
	next.Facts.ConsumerTags[after.ARN] = after.Tags
	after.Tags = nil
	next.Consumers[after.Key] = after
}

func consumerARN(k reconcile.ConsumerKey, created int) string {
	return fmt.Sprintf("arn:aws:kinesis:eu-west-1:111122223333:stream/%s/consumer/%s:%d", k.Stream, k.Name, created)
}

func simulateMapping(t testing.TB, next reconcile.State, c reconcile.Change, after reconcile.Mapping, now time.Time) {
	t.Helper()
	if before, ok := c.Before.(*reconcile.Mapping); ok && before.Key != after.Key {
		next.Mappings[before.Key] = slices.DeleteFunc(next.Mappings[before.Key], func(m reconcile.Mapping) bool { return m.UUID == before.UUID })
		next.Mappings[after.Key] = append(next.Mappings[after.Key], *before)
	}
	at := next.Mappings[after.Key]
	if c.Before == nil {
		after.SourceARN = "arn:aws:kinesis:eu-west-1:111122223333:stream/" + after.Key.Stream
		after.UUID = fmt.Sprintf("uuid-of-%s-%s", after.Key.Stream, after.Key.Qualifier)
		switch {
		case after.Key.Consumer != "":
			consumer, ok := next.Consumers[reconcile.ConsumerKey{Stream: after.Key.Stream, Name: after.Key.Consumer}]
			if !ok {
				t.Fatalf("%s is created before its consumer", after.Key)
			}
			after.SourceARN = consumer.ARN
			after.UUID = fmt.Sprintf("uuid-of-%s-%s", after.Key.Stream, consumer.ARN[strings.LastIndexByte(consumer.ARN, '/')+1:])
		case strings.Contains(after.Key.Qualifier, "--"):
			if _, ok := next.Aliases[reconcile.AliasKey{Function: after.Key.Function, Name: after.Key.Qualifier}]; !ok {
				t.Fatalf("%s is created before its alias", after.Key)
			}
		default:
			after.UUID = fmt.Sprintf("uuid-of-%s-%s", after.Key.Stream, after.Key.Function)
		}
		for _, m := range at {
			if m.SourceARN == after.SourceARN {
				t.Fatalf("%s is created where AWS has %s: 409", after.Key, m.UUID)
			}
		}
		at = append(at, after)
	}
	tags := maps.Clone(next.Facts.Tags[after.UUID])
	if tags == nil {
		tags = map[string]string{}
	}
	if c.Before == nil && !after.Enabled {
		tags[reconcile.TagMade] = now.Format(time.RFC3339)
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
	s.Consumers, s.Facts.ConsumerTags, s.Facts.Gone = maps.Clone(s.Consumers), maps.Clone(s.Facts.ConsumerTags), maps.Clone(s.Facts.Gone)
	if s.Consumers == nil {
		s.Consumers = map[reconcile.ConsumerKey]reconcile.Consumer{}
	}
	if s.Facts.ConsumerTags == nil {
		s.Facts.ConsumerTags = map[string]map[string]string{}
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

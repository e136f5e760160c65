package awsapi_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
)

func filterCriteria(patterns ...string) *types.FilterCriteria {
	c := &types.FilterCriteria{}
	for _, p := range patterns {
		c.Filters = append(c.Filters, types.Filter{Pattern: &p})
	}
	return c
}

// realias is the change of an alias in place.
func realias(before reconcile.Alias, change func(*reconcile.Alias)) reconcile.Change {
	after := before
	change(&after)
	return reconcile.Change{Action: reconcile.Update, Addr: addr(reconcile.KindAlias, before.Key.String()), Before: &before, After: &after}
}

// publish makes another version of the function.
func (s *scene) publish() string {
	s.Helper()
	_, err := s.lambda.UpdateFunctionCode(s.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(function), ZipFile: []byte("new")})
	s.ok(err)
	out, err := s.lambda.PublishVersion(s.Context(), &lambda.PublishVersionInput{FunctionName: aws.String(function)})
	s.ok(err)
	return *out.Version
}

func TestAlias(t *testing.T) {
	inScene(t, func(s *scene) {
		second := s.publish()
		k := reconcile.AliasKey{Function: function, Name: "orders--placed"}
		create := alias("placed")
		s.apply(s.observe(), create)
		check := func(what string, want *reconcile.Alias) reconcile.Alias {
			t.Helper()
			live := s.observe().Aliases[k]
			if diff := cmp.Diff(*want, live, cmpopts.IgnoreFields(reconcile.Alias{}, "ARN", "RevisionID")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			return live
		}
		before := check("created", create.After.(*reconcile.Alias))
		for _, step := range []struct {
			what   string
			change func(*reconcile.Alias)
		}{
			{"weights", func(a *reconcile.Alias) { a.Weights = map[string]float64{second: 0.25} }},
			{"no weights", func(a *reconcile.Alias) { a.Weights = nil }},
			{"another version", func(a *reconcile.Alias) { a.Version = second }},
			{"another version with weights", func(a *reconcile.Alias) { a.Version, a.Weights = "1", map[string]float64{second: 0.5} }},
			{"$LATEST", func(a *reconcile.Alias) { a.Version, a.Weights = "$LATEST", nil }},
			{"description", func(a *reconcile.Alias) { a.Description = "mine" }},
		} {
			c := realias(before, step.change)
			s.server.Forget()
			s.apply(reconcile.State{}, c)
			if diff := cmp.Diff([]string{"UpdateAlias"}, s.operations()); diff != "" {
				t.Errorf("%s: calls (-want +got):\n%s", step.what, diff)
			}
			before = check(step.what, c.After.(*reconcile.Alias))
		}
	})
}

func TestAliasWithWeights(t *testing.T) {
	inScene(t, func(s *scene) {
		second := s.publish()
		c := alias("placed")
		a := c.After.(*reconcile.Alias)
		a.Weights = map[string]float64{second: 0.1}
		s.apply(s.observe(), c)
		if diff := cmp.Diff(a.Weights, s.observe().Aliases[a.Key].Weights); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAliasMoved(t *testing.T) {
	gone := emulator.Fault{Refuse: &world.Error{Code: "ResourceNotFoundException", Status: 404}}
	denied := emulator.Fault{Refuse: &world.Error{Code: "AccessDeniedException", Status: 403}}
	redescribe := func(a *reconcile.Alias) { a.Description = "mine" }
	for name, c := range map[string]struct {
		before func(*scene, reconcile.AliasKey)
		create bool
		want   string
		stale  bool
	}{
		"exists and is equal": {func(s *scene, _ reconcile.AliasKey) { s.apply(s.observe(), alias("placed")) }, true, "", false},
		"create's answer lost": {func(s *scene, _ reconcile.AliasKey) {
			s.fault = on("CreateAlias", 1, 1, emulator.Fault{Lose: emulator.LoseAnswer})
		}, true, "", false},
		"exists and is another": {func(s *scene, k reconcile.AliasKey) { s.aliasOfOthers(k) }, true, `points to 1 and says "theirs"`, true},
		"exists and has weights": {func(s *scene, k reconcile.AliasKey) {
			c := alias("placed")
			c.After.(*reconcile.Alias).Weights = map[string]float64{s.publish(): 0.1}
			s.apply(s.observe(), c)
		}, true, "points to 1", true},
		"came and went": {func(s *scene, k reconcile.AliasKey) {
			s.aliasOfOthers(k)
			s.fault = on("GetAlias", 1, 1, gone)
		}, true, "came and went", true},
		"create denied": {func(s *scene, _ reconcile.AliasKey) { s.fault = on("CreateAlias", 1, 1, denied) }, true, "it takes lambda:CreateAlias:", false},
		"update's answer lost": {func(s *scene, _ reconcile.AliasKey) {
			s.fault = on("UpdateAlias", 1, 1, emulator.Fault{Lose: emulator.LoseAnswer})
		}, false, "", false},
		"moved": {func(s *scene, k reconcile.AliasKey) {
			_, err := s.lambda.UpdateAlias(s.Context(), &lambda.UpdateAliasInput{FunctionName: &k.Function, Name: &k.Name, Description: aws.String("theirs")})
			s.ok(err)
		}, false, `points to 1 and says "theirs"`, true},
		"gone": {func(s *scene, k reconcile.AliasKey) {
			_, err := s.lambda.DeleteAlias(s.Context(), &lambda.DeleteAliasInput{FunctionName: &k.Function, Name: &k.Name})
			s.ok(err)
		}, false, "is gone", true},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				change := alias("placed")
				k := change.After.(*reconcile.Alias).Key
				if !c.create {
					s.apply(s.observe(), change)
					change = realias(s.observe().Aliases[k], redescribe)
				}
				c.before(s, k)
				err := s.start(s.observe(), change)
				if (err == nil) != (c.want == "") || !strings.Contains(text(err), c.want) || errors.Is(err, reconcile.ErrStale) != c.stale {
					t.Errorf("%v\nwant %s", err, c.want)
				}
			})
		})
	}
}

func (s *scene) aliasOfOthers(k reconcile.AliasKey) {
	_, err := s.lambda.CreateAlias(s.Context(), &lambda.CreateAliasInput{
		FunctionName: &k.Function, Name: &k.Name, FunctionVersion: aws.String("1"), Description: aws.String("theirs"),
	})
	s.ok(err)
}

// reservation is the change from one reservation, nil for unset, to another.
func reservation(before *int, after int) reconcile.Change {
	c := reconcile.Change{
		Action: reconcile.Raise, Addr: addr(reconcile.KindReservation, function),
		After: &reconcile.Reservation{Function: function, Reserved: after},
	}
	if before != nil {
		c.Before = &reconcile.Reservation{Function: function, Reserved: *before}
	}
	return c
}

func TestReservation(t *testing.T) {
	inScene(t, func(s *scene) {
		set := []string{"GetFunctionConcurrency", "PutFunctionConcurrency"}
		for _, step := range []struct {
			before *int
			after  int
			calls  []string
		}{{nil, 16, set}, {aws.Int(16), 32, set}, {aws.Int(32), 8, slices.Concat([]string{"ListEventSourceMappings"}, set, []string{"ListEventSourceMappings"})}} {
			s.server.Forget()
			s.apply(reconcile.State{}, reservation(step.before, step.after))
			if diff := cmp.Diff(step.calls, s.operations()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(aws.Int(step.after), s.observe().Functions[function].Reserved); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	})
}

func TestReservationRefused(t *testing.T) {
	typed := reservation(nil, 5)
	typed.Before = (*reconcile.Reservation)(nil)
	for name, c := range map[string]struct {
		live   *int32
		change reconcile.Change
		want   string
		stale  bool
	}{
		"moved":             {aws.Int32(10), reservation(aws.Int(9), 20), "has a reservation of 10", true},
		"set meanwhile":     {aws.Int32(10), reservation(nil, 20), "has a reservation of 10", true},
		"unset meanwhile":   {nil, reservation(aws.Int(9), 20), "has no reservation", true},
		"0 is not unset":    {aws.Int32(0), reservation(nil, 20), "has a reservation of 0", true},
		"typed nil is none": {nil, typed, "", false},
		"0":                 {nil, reservation(nil, 0), "would refuse every invocation", false},
		"negative":          {nil, reservation(nil, -1), "would refuse every invocation", false},
		"too much":          {nil, reservation(nil, 950), "below its minimum value", false},
		"gone":              {nil, reconcile.Change{After: &reconcile.Reservation{Function: "nobody", Reserved: 5}}, "function nobody is gone", true},
		"mixed": {nil, reconcile.Change{Before: &reconcile.Alias{}, After: &reconcile.Reservation{Function: function, Reserved: 5}},
			"cannot turn", false},
		"delete":   {nil, reconcile.Change{Action: "delete", Before: &reconcile.Mapping{}}, "its UUID is not known", false},
		"release":  {nil, reconcile.Change{Action: "delete", Before: &reconcile.Reservation{Function: function}}, "this version cannot do that", false},
		"consumer": {nil, reconcile.Change{Action: "register", After: &reconcile.Consumer{Key: reconcile.ConsumerKey{Stream: "nowhere", Name: "c"}}}, "stream nowhere does not exist", false},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				if c.live != nil {
					_, err := s.lambda.PutFunctionConcurrency(s.Context(), &lambda.PutFunctionConcurrencyInput{
						FunctionName: aws.String(function), ReservedConcurrentExecutions: c.live,
					})
					s.ok(err)
				}
				err := s.start(s.observe(), c.change)
				if (err == nil) != (c.want == "") || !strings.Contains(text(err), c.want) || errors.Is(err, reconcile.ErrStale) != c.stale {
					t.Errorf("%v\nwant %s", err, c.want)
				}
			})
		})
	}
}

// A reservation that is what it is to be, by another pass, is done.
func TestReservedDone(t *testing.T) {
	inScene(t, func(s *scene) {
		s.apply(reconcile.State{}, reservation(nil, 20))
		for _, before := range []*int{nil, aws.Int(9)} {
			s.server.Forget()
			s.ok(s.start(reconcile.State{}, reservation(before, 20)))
			if calls := s.operations(); count(calls, "PutFunctionConcurrency") > 0 {
				t.Errorf("calls %v", calls)
			}
		}
	})
}

package verdict_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator/verdict"
	"github.com/eventrouting/eventrouting/emulator/world"
)

var dawn = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return dawn.Add(time.Duration(seconds) * time.Second) }

func wrote(second, index int, key, eventType string) world.Fact {
	return world.Fact{Kind: world.Wrote, At: at(second), Stream: "s", Index: index, Key: key, Data: fmt.Appendf(nil, `{"type":"%s"}`, eventType)}
}

func attempt(second int, mapping string, o world.Outcome, done int, indexes ...int) world.Fact {
	return world.Fact{Kind: world.Attempted, At: at(second), Until: at(second + 1), Stream: "s", Mapping: mapping, Outcome: o, Done: done, Indexes: indexes}
}

func discarded(second int, mapping, cause string, indexes ...int) world.Fact {
	return world.Fact{Kind: world.Discarded, At: at(second), Stream: "s", Mapping: mapping, Cause: cause, Indexes: indexes}
}

func in(region string, f world.Fact) world.Fact {
	f.Place = world.Place{Account: "111122223333", Region: region}
	return f
}

type counts struct {
	Expected, Delivered, Waiting, Failed, Lost, Again, Beside, Disorder, Across int
}

func TestJudge(t *testing.T) {
	always := []verdict.Routed{{Type: "A", From: dawn}}
	for _, c := range []struct {
		name   string
		facts  []world.Fact
		routed []verdict.Routed
		waits  bool
		want   counts
	}{
		{"delivered", []world.Fact{wrote(1, 0, "k", "A"), attempt(2, "m", world.OK, 0, 0)}, always, false, counts{Expected: 1, Delivered: 1}},
		{"of no routed type", []world.Fact{wrote(1, 0, "k", "B")}, always, false, counts{}},
		{"passed over", []world.Fact{wrote(1, 0, "k", "A")}, always, false, counts{Expected: 1, Lost: 1}},
		{"still to come", []world.Fact{wrote(1, 0, "k", "A")}, always, true, counts{Expected: 1, Waiting: 1}},
		{"throttled is not tried", []world.Fact{wrote(1, 0, "k", "A"), attempt(2, "m", world.Throttled, 0, 0), discarded(9, "m", world.ByExpiry, 0)}, always, false, counts{Expected: 1, Lost: 1}},
		{"given up after it was tried", []world.Fact{wrote(1, 0, "k", "A"), attempt(2, "m", world.Failed, 0, 0), discarded(9, "m", world.ByAttempts, 0)}, always, false, counts{Expected: 1, Failed: 1}},
		{"too old on arrival", []world.Fact{wrote(1, 0, "k", "A"), discarded(9, "m", world.ByAge, 0)}, always, false, counts{Expected: 1, Lost: 1}},
		{"written before the route", []world.Fact{wrote(1, 0, "k", "A")}, []verdict.Routed{{Type: "A", From: at(2)}}, false, counts{}},
		{"withdrawn before it was delivered", []world.Fact{wrote(1, 0, "k", "A")}, []verdict.Routed{{Type: "A", From: dawn, To: at(5)}}, false, counts{}},
		{"moved without a break", []world.Fact{wrote(1, 0, "k", "A")}, []verdict.Routed{{Type: "A", From: dawn, To: at(5)}, {Type: "A", From: at(5)}}, false, counts{Expected: 1, Lost: 1}},
		{"part of a batch", []world.Fact{wrote(1, 0, "k", "A"), wrote(1, 1, "k", "A"), attempt(2, "m", world.Failed, 1, 0, 1)}, always, true, counts{Expected: 2, Delivered: 1, Waiting: 1}},
		{"again and beside", []world.Fact{wrote(1, 0, "k", "A"), attempt(2, "m", world.OK, 0, 0), attempt(4, "m", world.OK, 0, 0), attempt(6, "n", world.OK, 0, 0)}, always, false, counts{Expected: 1, Delivered: 1, Again: 1, Beside: 1}},
		{"out of order", []world.Fact{wrote(1, 0, "k", "A"), wrote(2, 1, "k", "A"), attempt(3, "m", world.OK, 0, 1), attempt(5, "m", world.OK, 0, 0)}, always, false, counts{Expected: 2, Delivered: 2, Disorder: 1}},
		{"out of order, between mappings", []world.Fact{wrote(1, 0, "k", "A"), wrote(2, 1, "k", "A"), attempt(3, "m", world.OK, 0, 1), attempt(5, "n", world.OK, 0, 0)}, always, false, counts{Expected: 2, Delivered: 2, Across: 1}},
		{"of two types, between mappings", []world.Fact{wrote(1, 0, "k", "A"), wrote(2, 1, "k", "B"), attempt(3, "m", world.OK, 0, 1), attempt(5, "n", world.OK, 0, 0)}, always, false, counts{Expected: 1, Delivered: 1}},
		{"beside, after a later one", []world.Fact{wrote(1, 0, "k", "A"), wrote(2, 1, "k", "A"), attempt(3, "m", world.OK, 0, 0, 1), attempt(5, "n", world.OK, 0, 0, 1)}, always, false, counts{Expected: 2, Delivered: 2, Beside: 2}},
		{"without a target is not tried", []world.Fact{wrote(1, 0, "k", "A"), attempt(2, "m", world.TargetGone, 0, 0), discarded(9, "m", world.ByExpiry, 0)}, always, false, counts{Expected: 1, Lost: 1}},
		{"delivered before it was withdrawn", []world.Fact{wrote(1, 0, "k", "A"), attempt(2, "m", world.OK, 0, 0)}, []verdict.Routed{{Type: "A", From: dawn, To: at(5)}}, false, counts{Expected: 1, Delivered: 1}},
		{"in two regions, delivered in both", []world.Fact{in("eu-west-1", wrote(1, 0, "k", "A")), in("us-east-1", wrote(2, 0, "k", "A")), in("us-east-1", attempt(3, "m", world.OK, 0, 0)), in("eu-west-1", attempt(3, "n", world.OK, 0, 0))}, always, false, counts{Expected: 2, Delivered: 2}},
		{"by somebody else", []world.Fact{wrote(1, 0, "k", "A"), attempt(2, "theirs", world.OK, 0, 0)}, always, false, counts{Expected: 1, Lost: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := verdict.Judge(verdict.Case{
				Facts: c.facts, Routed: c.routed, TypeOf: verdict.TypeAt("type"), Mappings: map[string]bool{"m": true, "n": true},
				Waits: func(verdict.Record) bool { return c.waits },
			})
			got := counts{v.Expected, v.Delivered, v.Waiting, v.Failed, len(v.Lost), v.Duplicates["again"], v.Duplicates["beside"], len(v.Disorder), len(v.Across)}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAges(t *testing.T) {
	var facts []world.Fact
	for i := range 100 {
		facts = append(facts, wrote(0, i, "k", "A"), attempt(i, "m", world.OK, 0, i))
	}
	a := verdict.Judge(verdict.Case{Facts: facts, TypeOf: verdict.TypeAt("type")}).ByType["A"]
	if p50, p99, p100 := a.Percentile(0.5), a.Percentile(0.99), a.Percentile(1); p50 != 50*time.Second || p99 != 99*time.Second || p100 != 100*time.Second {
		t.Errorf("%s, %s, %s", p50, p99, p100)
	}
}

// TestAgesSoFar counts what waits as old as it is in the end, and what was given up
// not at all.
func TestAgesSoFar(t *testing.T) {
	facts := []world.Fact{wrote(0, 0, "k", "A"), wrote(10, 1, "k", "A"), wrote(10, 2, "k", "A"), attempt(1, "m", world.OK, 0, 0), discarded(20, "m", world.ByAge, 2)}
	c := verdict.Case{Facts: facts, TypeOf: verdict.TypeAt("type"), End: at(100)}
	if diff := cmp.Diff([]time.Duration{2 * time.Second, 90 * time.Second}, verdict.Judge(c).ByType["A"].Ages); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

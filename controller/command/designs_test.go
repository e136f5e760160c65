package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDesigns asserts what is claimed of the three designs, for several draws: which
// types wait behind a failing one, and that healthy types wait the longer the less is
// reserved.
func TestDesigns(t *testing.T) {
	if testing.Short() {
		t.Skip("it simulates for 15 s, and for minutes with the race detector")
	}
	cs := comparisons()
	run := func(c comparison, seeds int) [][]measured {
		t.Helper()
		all, err := c.measureAll(seeds)
		if err != nil {
			t.Fatal(err)
		}
		for _, draws := range all {
			for i, m := range draws {
				if n := len(m.verdict.Disorder) + len(m.verdict.Across); n > 0 {
					t.Errorf("%s, seed %d: %d records out of order", m.name, i+1, n)
				}
			}
		}
		return all
	}
	seeds := designSeeds
	if testing.Short() {
		seeds = 1
	}
	all := run(cs[0], seeds)
	var first []measured
	for i, draws := range all {
		first = append(first, draws[0])
		for k, m := range draws {
			for _, eventType := range append(healthy(cs[0].traffic), slowType) {
				switch worst := m.verdict.ByType[eventType].Percentile(1); {
				case i == 0 && worst < failsFor:
					t.Errorf("seed %d: with one mapping %s waits %s at most, which is not behind the failing type", k+1, eventType, worst)
				case i > 0 && worst > 10*time.Second:
					t.Errorf("%s, seed %d: %s waits up to %s", m.name, k+1, eventType, worst)
				}
			}
			if worst := m.verdict.ByType[failingType].Percentile(1); worst < failsFor {
				t.Errorf("%s, seed %d: the failing type waits %s at most", m.name, k+1, worst)
			}
		}
	}
	plot := filepath.Join("..", "..", "examples", "designs.svg")
	shown, err := os.ReadFile(plot)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(shown, plotDesigns(first, cs[0].traffic)) {
		t.Errorf("%s is not what is measured: go run . demo --designs --svg examples/designs.svg", plot)
	}

	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	types := healthy(cs[1].traffic)
	var before span
	for i, draws := range run(cs[1], designSeeds) {
		s := spanOf(draws, types)
		// The worst of all draws with more is better than the best with less.
		if i > 0 && (s.p50[0] <= before.p50[1] || s.p99[0] <= before.p99[1] || s.backlog[0] <= before.backlog[1]) {
			t.Errorf("%s is not worse than one step before: %v, %v", draws[0].name, s.columns(), before.columns())
		}
		if enough := s.p99[1] < 15*time.Second; enough != (i == 0) {
			t.Errorf("%s: p99 %s", draws[0].name, s.columns()[1])
		}
		before = s
		columns := s.columns()
		row := fmt.Sprintf("| %d | %s |", draws[0].reserved, strings.Join(columns[:], " | "))
		if !strings.Contains(string(readme), row+"\n") {
			t.Errorf("the README does not say what is measured: %s", row)
		}
	}
}

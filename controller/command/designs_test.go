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

// TestDesigns asserts what is claimed of the three designs: which types wait
// behind a failing one, and who starves when too little is reserved.
func TestDesigns(t *testing.T) {
	cs := comparisons()
	run := func(c comparison, i int) measured {
		t.Helper()
		m, err := c.designs[i].measure(c.traffic, 1)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(m.verdict.Disorder); n > 0 {
			t.Errorf("%s: %d records out of order", m.name, n)
		}
		return m
	}
	others := []string{"OrderPlaced", "PaymentCaptured", slowType}
	var all []measured
	for i := range cs[0].designs {
		all = append(all, run(cs[0], i))
	}
	for _, eventType := range others {
		if worst := all[0].verdict.ByType[eventType].Percentile(1); worst < failsFor {
			t.Errorf("with one mapping %s waits %s at most, which is not behind the failing type", eventType, worst)
		}
		for _, m := range all[1:] {
			if worst := m.verdict.ByType[eventType].Percentile(1); worst > 10*time.Second {
				t.Errorf("%s: %s waits up to %s", m.name, eventType, worst)
			}
		}
	}
	for _, m := range all {
		if worst := m.verdict.ByType[failingType].Percentile(1); worst < failsFor {
			t.Errorf("%s: the failing type waits %s at most", m.name, worst)
		}
	}
	plot := filepath.Join("..", "..", "examples", "designs.svg")
	shown, err := os.ReadFile(plot)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(shown, plotDesigns(all, cs[0].traffic)) {
		t.Errorf("%s is not what is measured: go run . demo --designs --svg examples/designs.svg", plot)
	}

	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var before time.Duration
	for i, want := range []struct{ least, most time.Duration }{{0, 15 * time.Second}, {15 * time.Second, time.Hour}, {time.Minute, time.Hour}, {time.Minute, time.Hour}} {
		m := run(cs[1], i)
		fast := m.verdict.ByType["OrderPlaced"].Percentile(0.99)
		if fast < want.least || fast > want.most || fast < before/2 {
			t.Errorf("%s: OrderPlaced p99 %s, want %s to %s", m.name, fast, want.least, want.most)
		}
		before = fast
		row := fmt.Sprintf("| %d | %.1f s | %.1f s | %d |", m.reserved, m.verdict.ByType["OrderPlaced"].Percentile(0.5).Seconds(), fast.Seconds(), m.most("OrderPlaced"))
		if !strings.Contains(string(readme), row+"\n") {
			t.Errorf("the README does not say what is measured: %s", row)
		}
	}
}

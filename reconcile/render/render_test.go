package render_test

import (
	"bytes"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files anew")
	flag.Parse()
	os.Exit(m.Run())
}

// golden compares what was written with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got), go test -update writes it anew:\n%s", file, diff)
	}
}

func text(t *testing.T, p reconcile.Plan, o render.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := render.Text(&b, p, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	all := plans()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".txt", text(t, all[name], render.Options{}))
			var b bytes.Buffer
			if err := render.JSON(&b, all[name]); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", b.Bytes())
		})
	}
}

func TestWidth(t *testing.T) {
	p := plans()["held"]
	golden(t, "held-60.txt", text(t, p, render.Options{Width: 60}))
}

// Colour adds escapes and changes nothing else.
func TestColor(t *testing.T) {
	for name, p := range plans() {
		colored := string(text(t, p, render.Options{Color: true}))
		for _, code := range []string{"0", "1", "2", "31", "32", "33", "35", "36"} {
			colored = strings.ReplaceAll(colored, "\x1b["+code+"m", "")
		}
		if diff := cmp.Diff(string(text(t, p, render.Options{})), colored); diff != "" {
			t.Errorf("%s (-plain +coloured without its colours):\n%s", name, diff)
		}
	}
	golden(t, "retire-color.txt", text(t, plans()["retire"], render.Options{Color: true}))
}

// Every setting of a mapping that reconcile writes is shown when it changes.
func TestEverySettingShows(t *testing.T) {
	edits := map[string]func(*reconcile.Mapping){
		"functionName: order-processor:orders--payments -> order-processor:live": func(m *reconcile.Mapping) { m.Key.Qualifier = "live" },
		"filterCriteria":                           func(m *reconcile.Mapping) { m.Filters = []string{types("B")} },
		"enabled: true -> false":                   func(m *reconcile.Mapping) { m.Enabled = false },
		"batchSize: 100 -> 5":                      func(m *reconcile.Mapping) { m.BatchSize = 5 },
		"maximumBatchingWindowInSeconds: 0 -> 5":   func(m *reconcile.Mapping) { m.MaximumBatchingWindow = 5 },
		"parallelizationFactor: 1 -> 5":            func(m *reconcile.Mapping) { m.ParallelizationFactor = 5 },
		"maximumRetryAttempts: unlimited -> 0":     func(m *reconcile.Mapping) { m.MaximumRetryAttempts = 0 },
		"maximumRecordAgeInSeconds: unlimited -> ": func(m *reconcile.Mapping) { m.MaximumRecordAge = 60 },
		"bisectBatchOnFunctionError: false -> ":    func(m *reconcile.Mapping) { m.BisectBatchOnFunctionError = true },
		"tumblingWindowInSeconds: 0 -> 5":          func(m *reconcile.Mapping) { m.TumblingWindow = 5 },
		"onFailure: none -> x":                     func(m *reconcile.Mapping) { m.OnFailure = "x" },
		"reportBatchItemFailures: false -> true":   func(m *reconcile.Mapping) { m.ReportBatchItemFailures = true },
		"kmsKeyArn: none -> x":                     func(m *reconcile.Mapping) { m.KMSKey = "x" },
		"metrics: none -> EventCount":              func(m *reconcile.Mapping) { m.Metrics = []string{"EventCount"} },
	}
	for want, edit := range edits {
		before := live("payments", types("A"))
		p := reconcile.Plan{Changes: []reconcile.Change{update(before, edited(before, edit), "payments", "")}}
		if got := string(text(t, p, render.Options{})); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestSteps(t *testing.T) {
	create, alias := createMapping("payments", nil, "A"), createAlias("payments")
	retire := plans()["retire"].Changes[1]
	raise := reserve(function, new(16), new(32), 32)
	update := plans()["update"].Changes[1]
	outcome := reconcile.Outcome{}
	var b bytes.Buffer
	for _, s := range []struct {
		change  reconcile.Change
		stage   reconcile.Stage
		err     error
		elapsed time.Duration
	}{
		{change: alias, stage: reconcile.Started},
		{change: alias, stage: reconcile.Waiting},
		{change: alias, stage: reconcile.Settled, elapsed: 40 * time.Millisecond},
		{change: raise, stage: reconcile.Started},
		{change: raise, stage: reconcile.Settled},
		{change: create, stage: reconcile.Started},
		{change: create, stage: reconcile.Waiting, elapsed: 10*time.Second + 3*time.Millisecond},
		{change: create, stage: reconcile.Waiting, elapsed: 70 * time.Second},
		{change: create, stage: reconcile.Settled, elapsed: 83 * time.Second},
		{change: retire, stage: reconcile.Started},
		{change: retire, stage: reconcile.Failed, err: errors.New("update mapping orders/payments: \x1b[1mThrottled\n  try later"), elapsed: 2 * time.Second},
		{change: update, stage: reconcile.Stale, err: reconcile.ErrStale},
		{change: create, stage: reconcile.Skipped, err: errors.New("it needs alias order-processor:orders--payments, which is failed")},
	} {
		step := reconcile.Step{Change: s.change, Stage: s.stage, Err: s.err}
		if err := render.Step(&b, step, s.elapsed, render.Options{}); err != nil {
			t.Fatal(err)
		}
		if s.stage != reconcile.Started && s.stage != reconcile.Waiting {
			outcome = append(outcome, step)
		}
	}
	for _, o := range []reconcile.Outcome{outcome, outcome[:3], nil} {
		if err := render.Outcome(&b, o, render.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "steps.txt", b.Bytes())
}

func TestFindings(t *testing.T) {
	var b bytes.Buffer
	all := plans()["findings"].Findings
	if err := render.Findings(&b, all, render.Options{}); err != nil {
		t.Fatal(err)
	}
	b.WriteString(render.CountFindings(all) + "\n")
	golden(t, "validate.txt", b.Bytes())
	if got := render.CountFindings(nil); got != "" {
		t.Errorf("count of no findings: %q", got)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteErrors(t *testing.T) {
	p := plans()["create"]
	step := reconcile.Step{Change: p.Changes[0], Stage: reconcile.Started}
	for name, err := range map[string]error{
		"text":     render.Text(broken{}, p, render.Options{}),
		"json":     render.JSON(broken{}, p),
		"markdown": render.Markdown(broken{}, []reconcile.Plan{p}, render.MarkdownOptions{}),
		"step":     render.Step(broken{}, step, 0, render.Options{}),
		"outcome":  render.Outcome(broken{}, reconcile.Outcome{step}, render.Options{}),
		"findings": render.Findings(broken{}, p.Findings, render.Options{}),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

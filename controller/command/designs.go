package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eventrouting/eventrouting/emulator"
	verdicts "github.com/eventrouting/eventrouting/emulator/verdict"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// The three designs, on the same traffic: 4 shards, 4 event types, one of them
// slow, one failing for ten minutes. Nothing here is planned by us: the worlds
// are made by AWS's own calls, so that what is compared is what the designs do.

// design is one way to run event types on a stream.
type design struct {
	name     string
	mappings bool // one for each type; else one for all
	own      bool // a function for each type
	reserved int  // of the one function; 0 for none
}

// comparison is some designs on one traffic.
type comparison struct {
	title   string
	designs []design
	traffic []traffic
	seeds   int // draws that are shown: one by type, several by how far they are apart
}

// traffic is what is written of a type, and how long its function takes.
type traffic struct {
	eventType string
	every     time.Duration // between two records
	takes     time.Duration // for one record
}

const (
	designShards = 4
	failsFrom    = 5 * time.Minute
	failsFor     = 10 * time.Minute
	designRuns   = 30 * time.Minute
	slowType     = "ReportRequested"
	failingType  = "EmailQueued"
	designSeeds  = 5
)

// comparisons are two. In the first one mapping could carry all types, so that
// what it suffers from is the failing one. In the second each type keeps its
// executions nearly busy, so that it shows what a reservation is for. There it is
// chance which type starves, so that the healthy ones are looked at together, and over
// several draws.
func comparisons() []comparison {
	types := func(takes, slow time.Duration) []traffic {
		every := 100 * time.Millisecond
		return []traffic{{"OrderPlaced", every, takes}, {"PaymentCaptured", every, takes}, {slowType, every, slow}, {failingType, every, takes}}
	}
	const perType = "one function, a mapping per type"
	return []comparison{
		{"The three designs", []design{
			{name: "one function, one mapping"},
			{name: "a function per type", mappings: true, own: true},
			{name: perType, mappings: true, reserved: 16},
		}, types(20*time.Millisecond, 200*time.Millisecond), 1},
		{"What is reserved, where 4 shards x 4 mappings x 1 = 16 can run", []design{
			{name: perType + ", 16 reserved", mappings: true, reserved: 16},
			{name: perType + ", 15 reserved", mappings: true, reserved: 15},
			{name: perType + ", 12 reserved", mappings: true, reserved: 12},
			{name: perType + ", 8 reserved", mappings: true, reserved: 8},
		}, types(360*time.Millisecond, 380*time.Millisecond), designSeeds},
	}
}

// measured is what came of one design.
type measured struct {
	design
	began   time.Time
	verdict verdicts.Verdict
	written map[string][]time.Time // by type
}

// measure runs one design on some traffic.
func (d design) measure(types []traffic, seed uint64) (measured, error) {
	w := world.New(seed, world.Short(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	m := measured{design: d, began: w.Now().Add(time.Minute), written: map[string][]time.Time{}}
	at := world.Place{Account: emulator.DefaultAccount, Region: embeddedRegion}
	takes := map[string]time.Duration{}
	for _, t := range types {
		takes[t.eventType] = t.takes
	}
	typeOf := verdicts.TypeAt("eventType")
	w.SetHandler(func(_ string, r world.Record, now time.Time) (time.Duration, bool) {
		eventType := typeOf(r.Data)
		fails := eventType == failingType && !now.Before(m.began.Add(failsFrom)) && now.Before(m.began.Add(failsFrom+failsFor))
		return takes[eventType], !fails
	})
	if err := d.build(w, at, types); err != nil {
		return measured{}, err
	}
	w.Advance(m.began) // mappings are polling
	w.Log(true)
	if err := m.run(w, at, types); err != nil {
		return m, err
	}
	m.verdict = verdicts.Judge(verdicts.Case{Facts: w.Facts(), TypeOf: typeOf, End: m.began.Add(designRuns)})
	return m, nil
}

// measureAll runs the designs of a comparison with some seeds, from 1: all of each
// design, in the order of seeds.
func (c comparison) measureAll(seeds int) ([][]measured, error) {
	all, errs := make([][]measured, len(c.designs)), make([]error, len(c.designs)*seeds)
	var runs sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, d := range c.designs {
		all[i] = make([]measured, seeds)
		for k := range seeds {
			runs.Go(func() {
				room <- struct{}{}
				all[i][k], errs[i*seeds+k] = d.measure(c.traffic, uint64(k)+1)
				<-room
			})
		}
	}
	runs.Wait()
	return all, errors.Join(errs...)
}

// healthy are the types that are neither slow nor failing.
func healthy(types []traffic) []string {
	var all []string
	for _, t := range types {
		if t.eventType != slowType && t.eventType != failingType {
			all = append(all, t.eventType)
		}
	}
	return all
}

// together are the ages of several types, and the longest backlog of one of them.
func (m *measured) together(types []string) (ages verdicts.Ages, backlog int) {
	for _, t := range types {
		if a := m.verdict.ByType[t]; a != nil {
			ages.Ages = append(ages.Ages, a.Ages...)
		}
		backlog = max(backlog, m.most(t))
	}
	slices.Sort(ages.Ages)
	return ages, backlog
}

// span is what several draws of a design have of the healthy types, from the least to
// the most.
type span struct {
	p50, p99 [2]time.Duration
	backlog  [2]int
}

func spanOf(draws []measured, types []string) (s span) {
	for i := range draws {
		ages, backlog := draws[i].together(types)
		p50, p99 := ages.Percentile(0.5), ages.Percentile(0.99)
		if i == 0 {
			s = span{[2]time.Duration{p50, p50}, [2]time.Duration{p99, p99}, [2]int{backlog, backlog}}
		}
		s.p50 = [2]time.Duration{min(s.p50[0], p50), max(s.p50[1], p50)}
		s.p99 = [2]time.Duration{min(s.p99[0], p99), max(s.p99[1], p99)}
		s.backlog = [2]int{min(s.backlog[0], backlog), max(s.backlog[1], backlog)}
	}
	return s
}

// columns are a span for people.
func (s span) columns() [3]string {
	return [3]string{
		fmt.Sprintf("%.1f to %.1f s", s.p50[0].Seconds(), s.p50[1].Seconds()),
		fmt.Sprintf("%.1f to %.1f s", s.p99[0].Seconds(), s.p99[1].Seconds()),
		fmt.Sprintf("%d to %d", s.backlog[0], s.backlog[1]),
	}
}

// build makes the stream, the functions and the mappings.
func (d design) build(w *world.World, at world.Place, types []traffic) error {
	if err := w.SeedStream(at, "events", designShards); err != nil {
		return err
	}
	create := func(function, filter string) error {
		batch, window := 10, 1
		s := world.MappingSettings{BatchSize: &batch, MaximumBatchingWindowInSeconds: &window}
		if filter != "" {
			s.FilterCriteria = &[]string{fmt.Sprintf(`{"data":{"eventType":[%q]}}`, filter)}
		}
		_, err := w.CreateMapping(at, world.MappingInput{
			EventSourceArn: world.StreamARN(at, "events"), FunctionName: function, StartingPosition: "TRIM_HORIZON", Settings: s,
		})
		return err
	}
	if err := w.SeedFunction(at, "processor"); err != nil {
		return err
	}
	if !d.mappings {
		return create("processor", "")
	}
	for _, t := range types {
		function := strings.ToLower(t.eventType)
		switch {
		case d.own:
			if err := w.SeedFunction(at, function); err != nil {
				return err
			}
		default:
			if _, err := w.CreateAlias(at, "processor", world.AliasInput{Name: function, FunctionVersion: "$LATEST"}); err != nil {
				return err
			}
			function = "processor:" + function
		}
		if err := create(function, t.eventType); err != nil {
			return err
		}
	}
	if d.reserved > 0 {
		return w.PutConcurrency(at, "processor", d.reserved)
	}
	return nil
}

// run writes the traffic.
func (m *measured) run(w *world.World, at world.Place, types []traffic) error {
	next := make([]time.Time, len(types))
	for i := range next {
		next[i] = m.began.Add(time.Duration(i) * 7 * time.Millisecond)
	}
	for n := 0; ; n++ {
		i := 0
		for k := range next {
			if next[k].Before(next[i]) {
				i = k
			}
		}
		t := types[i].eventType
		if !next[i].Before(m.began.Add(designRuns)) {
			return nil
		}
		w.Advance(next[i])
		payload := fmt.Appendf(nil, `{"eventType":%q,"id":%d}`, t, n)
		if _, _, err := w.Put(at, "events", fmt.Sprintf("user-%d", n%1009), payload); err != nil {
			return err
		}
		m.written[t] = append(m.written[t], next[i])
		next[i] = next[i].Add(types[i].every)
	}
}

// backlog is how many records of a type were written and not delivered at a time.
func (m *measured) backlog(eventType string, at time.Time) int {
	written, _ := slices.BinarySearchFunc(m.written[eventType], at, time.Time.Compare)
	a := m.verdict.ByType[eventType]
	if a == nil {
		return written
	}
	delivered, _ := slices.BinarySearchFunc(a.At, at, func(d verdicts.Delivery, t time.Time) int { return d.At.Compare(t) })
	return written - delivered
}

const lookEvery = 15 * time.Second

// most is the longest backlog of a type.
func (m *measured) most(eventType string) int {
	n := 0
	for d := lookEvery; d <= designRuns; d += lookEvery {
		n = max(n, m.backlog(eventType, m.began.Add(d)))
	}
	return n
}

// showDesigns measures all designs and writes tables, and a plot of the first
// where a file is named.
func showDesigns(out io.Writer, plot string) error {
	fmt.Fprintf(out, "%d shards, 4 event types at 10 records a second each, for %d minutes of simulated time.\n%s is slow, %s fails from minute %d to %d.\n",
		designShards, int(designRuns.Minutes()), slowType, failingType, int(failsFrom.Minutes()), int((failsFrom + failsFor).Minutes()))
	fmt.Fprintln(out, "How old records are when they are first delivered, or are in the end if they still wait, in seconds,\nand the longest backlog in records:")
	for _, c := range comparisons() {
		fmt.Fprintf(out, "\n%s\n", c.title)
		all, err := c.measureAll(c.seeds)
		if err != nil {
			return err
		}
		if c.seeds > 1 {
			showSpans(out, c, all)
			continue
		}
		var one []measured
		for _, draws := range all {
			m := draws[0]
			one = append(one, m)
			fmt.Fprintf(out, "\n  %-50s%9s%9s%9s%9s\n", m.name, "p50", "p99", "max", "backlog")
			for _, t := range c.traffic {
				a := m.verdict.ByType[t.eventType]
				fmt.Fprintf(out, "    %-48s%9.1f%9.1f%9.1f%9d\n", t.eventType,
					a.Percentile(0.5).Seconds(), a.Percentile(0.99).Seconds(), a.Percentile(1).Seconds(), m.most(t.eventType))
			}
		}
		if plot != "" {
			if err := os.WriteFile(plot, plotDesigns(one, c.traffic), 0o644); err != nil {
				return fmt.Errorf("write the plot: %w", err)
			}
		}
	}
	return nil
}

// showSpans writes what several draws have of the healthy types together, and of each
// type.
func showSpans(out io.Writer, c comparison, all [][]measured) {
	types := healthy(c.traffic)
	fmt.Fprintf(out, "from the least to the most of %d draws: who starves is chance\n", c.seeds)
	row := func(name string, s span) {
		columns := s.columns()
		fmt.Fprintf(out, "    %-34s%18s%20s%18s\n", name, columns[0], columns[1], columns[2])
	}
	for _, draws := range all {
		fmt.Fprintf(out, "\n  %-36s%18s%20s%18s\n", draws[0].name, "p50", "p99", "backlog")
		row(strings.Join(types, " and "), spanOf(draws, types))
		for _, t := range c.traffic {
			row(t.eventType, spanOf(draws, []string{t.eventType}))
		}
	}
}

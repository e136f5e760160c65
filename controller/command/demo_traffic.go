package command

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventrouting/eventrouting/emulator"
	verdicts "github.com/eventrouting/eventrouting/emulator/verdict"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/spec"
)

// liveTraffic writes records while the story goes on, so that it shows what
// becomes of them.
type liveTraffic struct {
	server *emulator.Server
	at     world.Place
	stream string
	types  []string
	began  time.Time
	quit   chan struct{}
	ended  chan error
	once   sync.Once
	err    error
}

// writeEvery is how often a record is written.
const writeEvery = 40 * time.Millisecond

// flow begins to write records of event types, in turn, until it is stopped.
func flow(server *emulator.Server, at world.Place, stream string, eventTypes []string) *liveTraffic {
	f := &liveTraffic{server: server, at: at, stream: stream, types: eventTypes, quit: make(chan struct{}), ended: make(chan error, 1)}
	server.Do(func(w *world.World) {
		w.Log(true)
		f.began = w.Now()
	})
	go func() {
		tick := time.NewTicker(writeEvery)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-f.quit:
				f.ended <- nil
				return
			case <-tick.C:
			}
			var err error
			server.Do(func(w *world.World) {
				payload := fmt.Appendf(nil, `{"eventType":%q,"id":%d}`, f.types[n%len(f.types)], n)
				_, _, err = w.Put(f.at, f.stream, fmt.Sprintf("user-%d", n%17), payload)
			})
			if err != nil {
				f.ended <- err
				return
			}
		}
	}()
	return f
}

// stop ends the traffic and waits until what was written is delivered.
func (f *liveTraffic) stop(ctx context.Context, mappings []string) error {
	if err := f.end(); err != nil {
		return fmt.Errorf("write traffic: %w", err)
	}
	for {
		left := 0
		f.server.Do(func(w *world.World) {
			for _, id := range mappings {
				left += w.Backlog(f.at, id)
			}
		})
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// end ends the traffic, once.
func (f *liveTraffic) end() error {
	f.once.Do(func() {
		close(f.quit)
		f.err = <-f.ended
	})
	return f.err
}

// judge says what became of the traffic so far: every record of a routed type is to
// arrive, once its mapping's start has come.
func (d *demonstration) judge(ctx context.Context, waits func(verdicts.Record) bool) (verdicts.Verdict, error) {
	starts, _, err := d.starts(ctx)
	if err != nil {
		return verdicts.Verdict{}, err
	}
	c := verdicts.Case{TypeOf: verdicts.TypeAt(d.doc.Spec.EventType.Path), Waits: waits}
	for _, r := range d.doc.Resolve() {
		from, made := starts[d.doc.Metadata.Name+"--"+r.Name]
		for _, t := range r.EventTypes {
			if _, known := d.since[t]; !known && made {
				d.since[t] = from // also while its route is removed: that waits
			}
		}
	}
	for t, from := range d.since {
		c.Routed = append(c.Routed, verdicts.Routed{Type: t, From: from})
	}
	d.server.Do(func(w *world.World) { c.Facts = slices.Clone(w.Facts()) })
	return verdicts.Judge(c), nil
}

// progress tells how far the traffic is.
func (d *demonstration) progress(ctx context.Context) error {
	oldest := d.now()
	v, err := d.judge(ctx, func(r verdicts.Record) bool {
		if r.Written.Before(oldest) {
			oldest = r.Written
		}
		return true
	})
	if err != nil {
		return err
	}
	waiting := ""
	if v.Waiting > 0 {
		waiting = fmt.Sprintf(", the oldest for %s", d.now().Sub(oldest).Round(time.Second))
	}
	_, err = fmt.Fprintf(d.out, "  records: %d written, %d delivered, %d waiting%s\n", v.Expected, v.Delivered, v.Waiting, waiting)
	return err
}

// delivered judges the traffic in the end.
func (d *demonstration) delivered(ctx context.Context) error {
	_, ids, err := d.starts(ctx)
	if err != nil {
		return err
	}
	if err := d.traffic.stop(ctx, ids); err != nil {
		return err
	}
	v, err := d.judge(ctx, nil)
	if err != nil {
		return err
	}
	ages := &verdicts.Ages{}
	for _, a := range v.ByType {
		ages.Ages = append(ages.Ages, a.Ages...)
	}
	slices.Sort(ages.Ages)
	for _, row := range []struct {
		what string
		n    int
	}{
		{"records written since the first apply", v.Written},
		{"of a type that was routed by then", v.Expected},
		{"delivered", v.Delivered},
		{"lost", len(v.Lost)},
		{"delivered by two mappings, while a type moved", v.Duplicates["beside"]},
		{"delivered again by the same mapping", v.Duplicates["again"]},
		{"out of order within a mapping and key", len(v.Disorder)},
		{"after a later one of its key, across a move", len(v.Across)},
	} {
		fmt.Fprintf(d.out, "  %-46s %5d\n", row.what, row.n)
	}
	fmt.Fprintf(d.out, "\nThey were %s old at the median, and %s at most: those of the route that was removed waited.\n",
		ages.Percentile(0.5).Round(100*time.Millisecond), ages.Percentile(1).Round(time.Second))
	if v.Expected == 0 || v.Delivered != v.Expected || len(v.Disorder) > 0 {
		return fmt.Errorf("%w: records were lost, or came out of order", errClaim)
	}
	return nil
}

// starts reads from where each mapping reads, by the alias that it runs.
func (d *demonstration) starts(ctx context.Context) (byAlias map[string]time.Time, ids []string, err error) {
	byAlias = map[string]time.Time{}
	pages := lambda.NewListEventSourceMappingsPaginator(d.lambda, &lambda.ListEventSourceMappingsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("list event source mappings: %w", err)
		}
		for _, m := range page.EventSourceMappings {
			byAlias[spec.BareName(aws.ToString(m.FunctionArn))] = aws.ToTime(m.StartingPositionTimestamp)
			ids = append(ids, aws.ToString(m.UUID))
		}
	}
	return byAlias, ids, nil
}

// typesOf are all event types of a document.
func typesOf(d spec.EventRouting) []string {
	var all []string
	for _, r := range d.Resolve() {
		all = append(all, r.EventTypes...)
	}
	return all
}

package awsapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
)

// pollDelay is how long to wait before a poll: soon at first, for those who
// wait a second or two, then every 5 s, for AWS takes one or two minutes to
// create a mapping that is enabled.
func pollDelay(n int) time.Duration {
	delays := [...]time.Duration{1, 1, 2, 3, 5}
	return delays[min(n, len(delays)-1)] * time.Second
}

// oddPolls is in how many polls in a row a mapping may be missing, or be in the
// opposite state, before it counts as taken away: lists may lag behind writes.
const oddPolls = 5

// Settled waits for changes that were started. Aliases and reservations, and
// mappings and consumers of which only tags changed, have settled by then. For
// all others together it polls the mappings of what they read, and the consumers
// of their streams, and returns as soon as one is Enabled or Disabled as wanted,
// or ACTIVE.
//
// A mapping that goes missing, or is switched over by somebody, does not keep
// the others from being waited for: it becomes an error once no other change
// is left that could settle. So an error is about all that were given and not
// returned; where each has its own it is a [reconcile.Lost]. When nothing settles for [Options].SettleTimeout that is the error;
// AWS may well go on, and the next pass sees what came of it.
func (w *Writer) Settled(ctx context.Context, started []reconcile.Change) ([]reconcile.Change, error) {
	if done := atOnce(started); len(done) > 0 || len(started) == 0 {
		return done, nil
	}
	target, err := w.targets(started)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.timeout, errSettleTimeout)
	defer cancel()
	odd := map[reconcile.Addr]int{}
	for n := 0; ; n++ {
		if err := sleep(ctx, pollDelay(n)); err != nil {
			return nil, fmt.Errorf("wait for %s: %w", names(started), err)
		}
		seen, err := w.poll(ctx, target)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil, fmt.Errorf("wait for %s: %w", names(started), context.Cause(ctx))
		case IsThrottled(err):
			continue // the next poll asks the same; the timeout bounds it
		default:
			return nil, err
		}
		done, lost := judge(started, seen, odd)
		if len(done) > 0 {
			return done, nil
		}
		if len(lost) == len(started) {
			return nil, lost
		}
	}
}

// atOnce are the changes that AWS carried out when it answered.
func atOnce(started []reconcile.Change) []reconcile.Change {
	var done []reconcile.Change
	for _, c := range started {
		if c.After == nil {
			if _, ok := c.Before.(*reconcile.Mapping); ok {
				continue
			}
		}
		switch after := c.After.(type) {
		case *reconcile.Consumer:
			if c.Before == nil {
				continue
			}
		case *reconcile.Mapping:
			before, ok := c.Before.(*reconcile.Mapping)
			if !ok {
				continue
			}
			if _, changes, err := updateInput(before, after); changes || err != nil {
				continue
			}
		}
		done = append(done, c)
	}
	return done
}

// targets is what to poll: the ARNs that mappings read, and the streams of
// consumers, each sorted.
type targets struct {
	sources []string
	sweep   bool // one list of all mappings costs less than one for each source
	streams []string
}

func (w *Writer) targets(started []reconcile.Change) (targets, error) {
	var t targets
	for _, c := range started {
		if gone, ok := c.Before.(*reconcile.Mapping); ok && c.After == nil {
			t.sources = append(t.sources, gone.SourceARN)
		}
		switch after := c.After.(type) {
		case *reconcile.Mapping:
			source, err := w.sourceARN(after)
			if err != nil {
				return t, fmt.Errorf("wait for %s: %w", c.Addr, err)
			}
			t.sources = append(t.sources, source)
		case *reconcile.Consumer:
			t.streams = append(t.streams, after.Key.Stream)
		default: // has settled
		}
	}
	t.sources, t.streams = unique(t.sources), unique(t.streams)
	all := len(started)
	for _, ms := range w.live.Mappings {
		all += len(ms)
	}
	t.sweep = len(t.sources) > all/mappingsPerPage+1
	return t, nil
}

// seen is what a poll showed.
type seen struct {
	mappings  []reconcile.Mapping // that read a source that was asked for
	consumers []reconcile.Consumer
}

func (w *Writer) poll(ctx context.Context, t targets) (seen, error) {
	var s seen
	sources := t.sources
	if t.sweep {
		sources = []string{""}
	}
	for _, source := range sources {
		all, err := w.listMappings(ctx, source, "")
		if err != nil {
			return s, failed(err, "poll mappings")
		}
		for _, m := range all {
			if slices.Contains(t.sources, m.SourceARN) {
				s.mappings = append(s.mappings, m)
			}
		}
	}
	for _, stream := range t.streams {
		all, err := w.listConsumers(ctx, stream, w.live.Streams[stream].ARN)
		if err != nil {
			return s, failed(err, "poll consumers of stream %s", stream)
		}
		s.consumers = append(s.consumers, all...)
	}
	return s, nil
}

// judge says which changes have settled and which will not, by what a poll
// showed; odd counts the polls in a row that showed them wrong.
func judge(started []reconcile.Change, s seen, odd map[reconcile.Addr]int) (done []reconcile.Change, lost reconcile.Lost) {
	lost = reconcile.Lost{}
	for _, c := range started {
		settled, problem := s.consumer(c)
		if after, ok := c.After.(*reconcile.Mapping); ok {
			settled, problem = s.mapping(c, after)
		}
		if gone, ok := c.Before.(*reconcile.Mapping); ok && c.After == nil {
			settled = !slices.ContainsFunc(s.mappings, func(m reconcile.Mapping) bool { return m.UUID == gone.UUID })
		}
		switch {
		case settled:
			done = append(done, c)
		case problem == "":
			odd[c.Addr] = 0
		default:
			if odd[c.Addr]++; odd[c.Addr] >= oddPolls {
				lost[c.Addr] = errors.New(problem + " while it settled")
			}
		}
	}
	return done, lost
}

// mapping says whether the mapping of a change has settled, and what is wrong
// with it if it looks as if it never will.
func (s seen) mapping(c reconcile.Change, after *reconcile.Mapping) (settled bool, problem string) {
	i := slices.IndexFunc(s.mappings, func(m reconcile.Mapping) bool { return isOf(m, c) })
	if i < 0 {
		return false, vanished
	}
	switch m := s.mappings[i]; {
	case !m.Settled():
		return false, ""
	case m.Enabled == after.Enabled:
		return true, ""
	default:
		return false, "somebody else made it " + m.State
	}
}

// consumer is the same for a consumer.
func (s seen) consumer(c reconcile.Change) (settled bool, problem string) {
	after, ok := c.After.(*reconcile.Consumer)
	if !ok {
		return false, ""
	}
	i := slices.IndexFunc(s.consumers, func(live reconcile.Consumer) bool { return live.Key == after.Key })
	if i < 0 || s.consumers[i].Status == "DELETING" {
		return false, vanished
	}
	return s.consumers[i].Status == "ACTIVE", ""
}

const vanished = "it has vanished"

// isOf says whether a mapping is the one of a change: by its UUID where the
// plan knew it, by its key when it is new.
func isOf(m reconcile.Mapping, c reconcile.Change) bool {
	if before, ok := c.Before.(*reconcile.Mapping); ok {
		return m.UUID == before.UUID
	}
	return m.Key == c.After.(*reconcile.Mapping).Key
}

// names lists changes for people.
func names(all []reconcile.Change) string {
	const most = 3
	var list []string
	for i, c := range all {
		if i == most {
			list = append(list, fmt.Sprintf("%d more", len(all)-most))
			break
		}
		list = append(list, c.Addr.String())
	}
	return strings.Join(list, ", ")
}

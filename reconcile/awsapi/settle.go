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
// mappings of which only tags changed, have settled by then. For all others
// together it polls the mappings of their streams, and returns as soon as one
// is Enabled or Disabled as wanted.
//
// A mapping that goes missing, or is switched over by somebody, does not keep
// the others from being waited for: it becomes an error once no other change
// is left that could settle. So an error is about all that were given and not
// returned. When nothing settles for [Options].SettleTimeout that is the error;
// AWS may well go on, and the next pass sees what came of it.
func (w *Writer) Settled(ctx context.Context, started []reconcile.Change) ([]reconcile.Change, error) {
	if done := atOnce(started); len(done) > 0 || len(started) == 0 {
		return done, nil
	}
	sources, err := w.sources(started)
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
		seen, err := w.poll(ctx, sources)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil, fmt.Errorf("wait for %s: %w", names(started), context.Cause(ctx))
		case IsThrottled(err):
			continue // the next poll asks the same; the timeout bounds it
		default:
			return nil, failed(err, "poll mappings")
		}
		done, lost := judge(started, seen, odd)
		if len(done) > 0 {
			return done, nil
		}
		if len(lost) == len(started) {
			return nil, errors.Join(lost...)
		}
	}
}

// atOnce are the changes that AWS carried out when it answered.
func atOnce(started []reconcile.Change) []reconcile.Change {
	var done []reconcile.Change
	for _, c := range started {
		after, ok := c.After.(*reconcile.Mapping)
		if ok {
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

// sources are the ARNs that started mappings read, sorted.
func (w *Writer) sources(started []reconcile.Change) ([]string, error) {
	var all []string
	for _, c := range started {
		source, err := w.sourceARN(c.After.(*reconcile.Mapping))
		if err != nil {
			return nil, fmt.Errorf("wait for %s: %w", c.Addr, err)
		}
		all = append(all, source)
	}
	return unique(all), nil
}

// poll reads the mappings of sources.
func (w *Writer) poll(ctx context.Context, sources []string) ([]reconcile.Mapping, error) {
	var all []reconcile.Mapping
	for _, source := range sources {
		mappings, err := w.listMappings(ctx, source)
		if err != nil {
			return nil, err
		}
		all = append(all, mappings...)
	}
	return all, nil
}

// judge says which changes have settled and which will not, by what a poll
// showed; odd counts the polls in a row that showed them wrong.
func judge(started []reconcile.Change, seen []reconcile.Mapping, odd map[reconcile.Addr]int) (done []reconcile.Change, lost []error) {
	for _, c := range started {
		after := c.After.(*reconcile.Mapping)
		i := slices.IndexFunc(seen, func(m reconcile.Mapping) bool { return isOf(m, c) })
		problem := "it has vanished"
		if i >= 0 {
			switch m := seen[i]; {
			case !m.Settled():
				problem = ""
			case m.Enabled == after.Enabled:
				done = append(done, c)
				continue
			default:
				problem = "somebody else made it " + m.State
			}
		}
		if problem == "" {
			odd[c.Addr] = 0
			continue
		}
		if odd[c.Addr]++; odd[c.Addr] >= oddPolls {
			lost = append(lost, fmt.Errorf("%s: %s while it settled", c.Addr, problem))
		}
	}
	return done, lost
}

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

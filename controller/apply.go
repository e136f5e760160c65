package controller

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// apply carries out what of a plan need not wait for an earlier failure.
func (w *worker) apply(ctx context.Context, p Pass, found finding) Pass {
	changes := w.allowed(found.plan.Changes, p.At)
	grace, cancel := graceful(ctx, w.o.Grace)
	defer cancel()
	began := map[reconcile.Addr]time.Time{}
	outcome := reconcile.Apply(ctx, patient{w.write(found.live), grace}, changes, func(s reconcile.Step) { w.step(ctx, s, began) })
	for _, s := range outcome {
		d := Done{Action: s.Change.Action, Kind: s.Change.Addr.Kind, Address: s.Change.Addr.Name, Stage: s.Stage}
		if s.Err != nil {
			d.Error, _ = awsapi.Explain(s.Err)
		}
		p.Changes = append(p.Changes, d)
	}
	stopped := ctx.Err() != nil
	if !stopped || errors.Is(context.Cause(ctx), errPassTimeout) {
		w.learn(outcome, p.At)
	}
	switch {
	case stopped:
		p.Outcome, p.Error = Partly, context.Cause(ctx).Error()
	case outcome.Count(reconcile.Failed) > 0, len(changes) < len(found.plan.Changes):
		p.Outcome, p.Error = Partly, "changes failed: "+names(w.failing)
	case outcome.Count(reconcile.Stale) > 0: // also what was skipped, for nothing else went wrong
		p.Outcome = Stale
	case outcome.Count(reconcile.Skipped) > 0:
		p.Outcome, p.Error = Partly, "changes were skipped"
	case len(outcome) > 0:
		p.Outcome = Applied
	default:
		p.Outcome = Quiet
	}
	return p
}

// step logs and counts how a change ended.
func (w *worker) step(ctx context.Context, s reconcile.Step, began map[reconcile.Addr]time.Time) {
	addr := s.Change.Addr
	level := slog.LevelInfo
	switch s.Stage {
	case reconcile.Started:
		began[addr] = time.Now()
		return
	case reconcile.Waiting:
		return
	case reconcile.Failed:
		level = slog.LevelError
	case reconcile.Stale, reconcile.Left, reconcile.Skipped:
		level = slog.LevelWarn
	case reconcile.Settled:
	}
	attrs := []slog.Attr{
		slog.String("action", string(s.Change.Action)), slog.String("kind", string(addr.Kind)), slog.String("address", addr.Name),
		slog.String("stage", string(s.Stage)), slog.String("reason", s.Change.Reason),
	}
	if t, ok := began[addr]; ok {
		attrs = append(attrs, slog.Duration("elapsed", time.Since(t)))
	}
	if s.Err != nil {
		text, _ := awsapi.Explain(s.Err)
		attrs = append(attrs, slog.String("err", text))
	}
	w.log.LogAttrs(ctx, level, "change", attrs...)
	w.metrics.change(w.name, s)
}

// graceful ends some time after ctx has.
func graceful(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	timer := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(timer)
		if sleep(longer, grace) {
			cancel(errGrace)
		}
	})
	return longer, func() {
		cancel(nil)
		if !stop() {
			<-timer
		}
	}
}

// patient is a writer that finishes the change in hand, within the time of its
// context, when the pass has to end.
type patient struct {
	reconcile.Writer
	grace context.Context
}

func (p patient) Start(_ context.Context, c reconcile.Change) error {
	return p.Writer.Start(p.grace, c)
}

func (p patient) Settled(_ context.Context, started []reconcile.Change) ([]reconcile.Change, error) {
	return p.Writer.Settled(p.grace, started)
}

// unit is what fails and backs off together: a routing, or the reservation of a
// function, which several may share.
func unit(a reconcile.Addr) string {
	routing := a.Name
	switch a.Kind {
	case reconcile.KindReservation:
		return a.String()
	case reconcile.KindAlias:
		_, routing, _ = strings.Cut(a.Name, ":")
	case reconcile.KindConsumer:
		_, routing, _ = strings.Cut(a.Name, "/")
	case reconcile.KindMapping:
		routing, _, _ = strings.Cut(a.Name, "/")
		return routing
	}
	if r, _, ok := reconcile.SplitQualifier(routing); ok {
		return r
	}
	return a.String()
}

// allowed leaves out what failed lately, and what needs it.
func (w *worker) allowed(changes []reconcile.Change, now time.Time) []reconcile.Change {
	out := map[reconcile.Addr]bool{}
	for _, c := range changes {
		out[c.Addr] = w.failing.waits(unit(c.Addr), now)
	}
	for again := true; again; {
		again = false
		for _, c := range changes {
			if !out[c.Addr] && slices.ContainsFunc(c.Needs, func(a reconcile.Addr) bool { return out[a] }) {
				out[c.Addr], again = true, true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c reconcile.Change) bool { return out[c.Addr] })
}

// learn notes what failed and what no longer does. What was only skipped, or is
// stale, says nothing.
func (w *worker) learn(outcome reconcile.Outcome, now time.Time) {
	failed, tried := map[string]string{}, map[string]bool{}
	for _, s := range outcome {
		name := unit(s.Change.Addr)
		tried[name] = true
		if s.Stage == reconcile.Failed {
			text, _ := awsapi.Explain(s.Err)
			failed[name] = cmp.Or(failed[name], text)
		}
	}
	for name := range w.failing {
		// What the plan no longer wants cannot fail; what waits still does.
		if _, again := failed[name]; !again && (tried[name] || !w.failing.waits(name, now)) {
			delete(w.failing, name)
		}
	}
	for name, text := range failed {
		w.failing.fail(name, text, time.Now(), w.interval(now))
	}
}

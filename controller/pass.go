package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/spec"
)

// Outcome is how a pass ended.
type Outcome string

// The outcomes.
const (
	Quiet   Outcome = "quiet"   // there was nothing to do
	Applied Outcome = "applied" // every change settled
	Drift   Outcome = "drift"   // a dry run found changes to make
	Stale   Outcome = "stale"   // somebody else changed first what was to be changed: the next pass plans afresh
	Partly  Outcome = "partly"  // a change or a routing failed, the others went on
	Failed  Outcome = "failed"  // nothing could be read
	Stopped Outcome = "stopped" // the process was told to end
)

// Pass is one that was made.
type Pass struct {
	Trigger Trigger   `json:"trigger"`
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Outcome Outcome   `json:"outcome"`
	Changes []Done    `json:"changes"`
	Held    int       `json:"held"`
	Error   string    `json:"error,omitempty"`
}

// Done is a change of a pass, and what came of it.
type Done struct {
	Action  reconcile.Action `json:"action"`
	Kind    reconcile.Kind   `json:"kind"`
	Address string           `json:"address"`
	Stage   reconcile.Stage  `json:"stage"` // empty in a dry run, and for what was not begun
	Error   string           `json:"error,omitempty"`
}

var (
	errPassTimeout = errors.New("the pass has taken too long")
	errGrace       = errors.New("stopped before AWS was done")
)

// pass looks, plans and applies, and notes what came of it. Whatever happens in
// it, the next one can be made.
func (w *worker) pass(ctx context.Context, t Trigger) {
	if ctx.Err() != nil {
		return
	}
	p := Pass{Trigger: t, At: time.Now().UTC(), Changes: []Done{}}
	running := p
	w.change(func(v *view) { v.running = &running })
	limited, cancel := context.WithTimeoutCause(ctx, w.o.PassTimeout, errPassTimeout)
	defer cancel()
	p, err := w.try(limited, p)
	now := time.Now()
	p.Seconds = now.Sub(p.At).Seconds()
	if ctx.Err() != nil {
		p.Outcome, p.Error = Stopped, ""
	}
	w.finish(p, err, now)
	level := slog.LevelInfo
	if p.Outcome == Failed || p.Outcome == Partly {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("trigger", string(p.Trigger)), slog.String("outcome", string(p.Outcome)), slog.Int("changes", len(p.Changes)),
		slog.Int("held", p.Held), slog.Duration("elapsed", now.Sub(p.At)),
	}
	if commit := w.commit(); commit != "" {
		attrs = append(attrs, slog.String("commit", commit))
	}
	if p.Error != "" {
		attrs = append(attrs, slog.String("err", p.Error))
	}
	w.log.LogAttrs(ctx, level, "pass", attrs...)
	w.metrics.pass(w.name, p)
}

// try makes a pass. An error is about all of it. A panic is one: a fault that
// one place's documents bring out must not take the other places down.
func (w *worker) try(ctx context.Context, p Pass) (done Pass, err error) {
	defer func() {
		if r := recover(); r != nil {
			w.log.ErrorContext(ctx, "panic", "err", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = fmt.Errorf("a fault of eventrouting itself: %v", r)
			done = p
			done.Outcome, done.Error = Failed, err.Error()
		}
	}()
	want := w.wants()
	if p.Trigger.asked() {
		w.failing, w.unread = failures{}, failures{}
	}
	found, err := w.observe(ctx, want, p.At)
	if err != nil {
		p.Outcome, p.Error = Failed, explain(ctx, err)
		return p, err
	}
	if found.live.Account != "" {
		w.pace.Store(w.paceOf(found.live.Account)) // its documents may not name it
	}
	w.baseline(found.docs, found.live)
	w.tell(ctx, found.plan, want.found)
	w.change(func(v *view) { v.found(found) })
	p.Held = len(found.plan.Held)
	if w.write == nil {
		p = w.drift(ctx, p, found.plan)
	} else {
		p = w.apply(ctx, p, found)
	}
	if len(w.unread) > 0 {
		p.Outcome = Partly
		p.Error = strings.Join(slices.DeleteFunc([]string{p.Error, "cannot be read: " + names(w.unread)}, func(s string) bool { return s == "" }), "; ")
	}
	return p, nil
}

// tell logs errors that a plan found, once and not with each pass. Those in the
// documents have been logged when they were loaded.
func (w *worker) tell(ctx context.Context, plan reconcile.Plan, known []spec.Finding) {
	known = append(slices.Clone(known), w.look().plan.Findings...)
	for _, f := range plan.Findings {
		if f.Severity == spec.Error && !slices.Contains(known, f) {
			w.log.WarnContext(ctx, "finding", "code", f.Code, "err", f.String())
		}
	}
}

// drift reports what a dry run found.
func (w *worker) drift(ctx context.Context, p Pass, plan reconcile.Plan) Pass {
	before := w.lastChanges()
	for _, c := range plan.Changes {
		p.Changes = append(p.Changes, Done{Action: c.Action, Kind: c.Addr.Kind, Address: c.Addr.Name})
	}
	p.Outcome = Quiet
	if len(p.Changes) > 0 {
		p.Outcome = Drift
	}
	if !slices.Equal(before, p.Changes) { // said once, not with each pass
		for _, c := range plan.Changes {
			w.log.WarnContext(ctx, "drift", "action", c.Action, "kind", c.Addr.Kind, "address", c.Addr.Name, "reason", c.Reason)
		}
	}
	return p
}

func (w *worker) lastChanges() []Done {
	v := w.look()
	if len(v.passes) == 0 {
		return nil
	}
	return v.passes[len(v.passes)-1].Changes
}

// finish notes how a pass ended and what follows from it.
func (w *worker) finish(p Pass, err error, now time.Time) {
	behind := w.behind(p)
	settled := slices.ContainsFunc(p.Changes, func(d Done) bool { return d.Stage == reconcile.Settled || d.Stage == reconcile.Stale })
	if err == nil && (settled || w.busy()) {
		w.followUp++
	} else {
		w.followUp = 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	v := &w.view
	v.running = nil
	v.passes = append(slices.Clone(v.passes[max(0, len(v.passes)-keptPasses+1):]), p)
	v.failing = maps.Clone(w.failing)
	maps.Copy(v.failing, w.unread)
	v.slow = w.pace.Load().slow()
	switch {
	case p.Outcome == Stopped:
	case err != nil:
		v.attempts++
		v.retry = now.Add(delay(v.attempts, w.interval(now)))
	default:
		v.attempts, v.retry = 0, time.Time{}
		v.complete(now, w.o.Schedule)
		for _, name := range v.routings {
			if !behind[name] {
				v.succeeded[name] = p.At
			}
		}
	}
	v.judge(now)
}

// behind are the routings of which a pass left something undone that it should
// have done. What a dry run does not do is none of it.
func (w *worker) behind(p Pass) map[string]bool {
	units := map[string]bool{}
	for name := range w.unread {
		units[name] = true
	}
	if w.write != nil {
		done := map[reconcile.Addr]bool{}
		for _, d := range p.Changes {
			done[reconcile.Addr{Kind: d.Kind, Name: d.Address}] = d.Stage == reconcile.Settled
		}
		for _, c := range w.look().plan.Changes {
			if !done[c.Addr] {
				units[unit(c.Addr)] = true
			}
		}
	}
	docs := w.wants().docs
	for _, f := range w.look().plan.Findings {
		if reconcile.MissingReference(f.Code) {
			units[routingAt(docs, f)] = true
		}
	}
	for _, d := range docs {
		for _, r := range d.Resolve() {
			reservation := reconcile.Addr{Kind: reconcile.KindReservation, Name: spec.BareName(r.Function)}
			units[d.Metadata.Name] = units[d.Metadata.Name] || units[reservation.String()]
		}
	}
	return units
}

// routingAt is the routing whose document a finding is about; empty for none.
func routingAt(docs []spec.EventRouting, f spec.Finding) string {
	name, line := "", 0
	for _, d := range docs {
		if d.Origin.File == f.File && d.Origin.Line <= f.Line && d.Origin.Line >= line {
			name, line = d.Metadata.Name, d.Origin.Line
		}
	}
	return name
}

// names lists what fails, with why.
func names(all failures) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+" ("+all[name].err+")")
	}
	return strings.Join(list, ", ")
}

// explain puts an error into words for people.
func explain(ctx context.Context, err error) string {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause.Error()
	}
	text, advice := awsapi.Explain(err)
	if advice != "" {
		text += " (" + advice + ")"
	}
	return cmp.Or(text, err.Error())
}

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

	"github.com/aws/smithy-go"

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
	w.baseline(found.docs, found.live)
	w.change(func(v *view) { v.plan, v.live, v.status = found.plan, found.live, found.status })
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
	case outcome.Count(reconcile.Failed)+outcome.Count(reconcile.Skipped) > 0, len(changes) < len(found.plan.Changes):
		p.Outcome = Partly
	case len(outcome) > 0:
		p.Outcome = Applied
	default:
		p.Outcome = Quiet
	}
	if p.Outcome == Partly && p.Error == "" {
		p.Error = "changes failed: " + names(w.failing)
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
	case reconcile.Stale, reconcile.Skipped:
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
	v.slow = w.pace.slow()
	switch {
	case p.Outcome == Stopped:
	case err != nil:
		v.attempts++
		v.retry = now.Add(delay(v.attempts, w.interval(now)))
	default:
		v.attempts, v.retry = 0, time.Time{}
		v.complete(now, w.interval(now))
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
	for _, d := range w.wants().docs {
		for _, r := range d.Resolve() {
			reservation := reconcile.Addr{Kind: reconcile.KindReservation, Name: spec.BareName(r.Function)}
			units[d.Metadata.Name] = units[d.Metadata.Name] || units[reservation.String()]
		}
	}
	return units
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

// finding is what a look came to.
type finding struct {
	docs   []spec.EventRouting // that could be looked at
	plan   reconcile.Plan
	live   reconcile.State
	status reconcile.Status
}

// observe looks at what is and plans. A routing whose stream or function may
// not be read is left out for a while and the others go on.
func (w *worker) observe(ctx context.Context, want wanted, now time.Time) (finding, error) {
	docs := slices.DeleteFunc(slices.Clone(want.docs), func(d spec.EventRouting) bool { return w.unread.waits(d.Metadata.Name, now) })
	f, err := w.compute(ctx, docs, want, now)
	if err != nil && local(ctx, err) && len(docs) > 0 {
		var good []spec.EventRouting
		if good, err = w.readable(ctx, docs, now); err != nil {
			return f, err
		}
		f, err = w.compute(ctx, good, want, now)
	} else if err == nil {
		for _, d := range docs {
			delete(w.unread, d.Metadata.Name)
		}
	}
	return f, err
}

func (w *worker) compute(ctx context.Context, docs []spec.EventRouting, want wanted, now time.Time) (finding, error) {
	o := w.o.Pass
	// What no document names may be named by one that is left out here.
	partial := want.partial || w.look().trouble != nil || len(docs) < len(want.docs)
	o.Prune = o.Prune && !partial
	f := finding{docs: docs}
	var err error
	if f.plan, f.live, err = reconcile.Look(ctx, w.reader, docs, o, now); err != nil {
		return f, err
	}
	live := slices.DeleteFunc(slices.Clone(f.plan.Findings), func(f spec.Finding) bool { return partial && f.Code == reconcile.CodeOrphan })
	f.plan.Findings = append(slices.Clone(want.found), live...)
	f.status, _, err = reconcile.Ascertain(ctx, w.reader, f.live, func(live reconcile.State) (reconcile.Status, []reconcile.Ask) {
		return reconcile.Inspect(docs, live, o, f.plan.At)
	})
	f.status.Findings = f.plan.Findings
	return f, err
}

// readable finds the documents whose things can be read, by halves, and notes
// the others.
func (w *worker) readable(ctx context.Context, docs []spec.EventRouting, now time.Time) ([]spec.EventRouting, error) {
	_, err := w.reader.Observe(ctx, reconcile.Wants(docs), now)
	switch {
	case err == nil:
		for _, d := range docs {
			delete(w.unread, d.Metadata.Name)
		}
		return docs, nil
	case !local(ctx, err):
		return nil, err
	case len(docs) == 1:
		w.unread.fail(docs[0].Metadata.Name, explain(ctx, err), now, w.interval(now))
		return nil, nil
	}
	half := len(docs) / 2
	first, err := w.readable(ctx, docs[:half], now)
	if err != nil {
		return nil, err
	}
	second, err := w.readable(ctx, docs[half:], now)
	return append(slices.Clone(first), second...), err
}

// local says whether an error is about one stream or function, so that without
// the document that names it the others can be looked at.
func local(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	op, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return true // no call failed: a document names what cannot be here
	}
	return awsapi.IsDenied(err) && op.OperationName != "ListEventSourceMappings"
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

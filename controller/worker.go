package controller

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"golang.org/x/time/rate"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/spec"
)

// settleTimeout is how long a pass waits while nothing settles: AWS takes one
// or two minutes for a mapping, and what takes longer the next pass sees.
const settleTimeout = 4 * time.Minute

// soonest is how soon a pass may follow the one before by itself.
const soonest = time.Second

// worker keeps one place. It makes one pass at a time.
type worker struct {
	o        Options
	log      *slog.Logger
	name     string
	metrics  *metrics
	interval func(time.Time) time.Duration
	pace     atomic.Pointer[pace] // of its account, as far as that is known
	paceOf   func(account string) *pace
	reader   reconcile.Reader
	write    func(live reconcile.State) reconcile.Writer // nil in a dry run
	watches  []watch

	triggers chan Trigger // at most one waits
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	wanted wanted
	seen   map[seenKey]string // by the watch
	view   view

	// What follows is the pass's alone.
	failing  failures // changes, by routing or function
	unread   failures // routings, whose things cannot be read
	followUp int      // passes in a row that changed something
}

// wanted is what a place's passes work on.
type wanted struct {
	docs    []spec.EventRouting
	found   []spec.Finding // in them
	partial bool           // there are more, which do not load
	commit  string         // of the repository that they are from; empty for none
}

// newWorker makes the worker of a place, its clients with it.
func (c *Controller) newWorker(p Place) *worker {
	w := &worker{
		o: c.o, log: c.o.Log.With("place", p.Name), name: p.Name, metrics: c.metrics, interval: c.interval, paceOf: c.paceOf,
		triggers: make(chan Trigger, 1), cancel: func() {},
		seen: map[seenKey]string{}, failing: failures{}, unread: failures{},
		view: view{name: p.Name, began: time.Now(), wantedSince: map[string]time.Time{}, succeeded: map[string]time.Time{}},
	}
	w.pace.Store(c.pace(p.Account))
	cfg := p.Config.Copy()
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), c.observed(&w.pace)...)
	client := awsapi.New(cfg, awsapi.Options{QPS: p.QPS, SettleTimeout: settleTimeout})
	g := glancer{kinesis: kinesis.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg)}
	w.reader = client.Reader()
	w.watches = []watch{
		{trigger: TriggerShards, list: streamsOf, read: g.stream, limiter: func() *rate.Limiter { return w.pace.Load().streams }},
		{trigger: TriggerFollow, list: followedOf, read: g.alias, limiter: func() *rate.Limiter { return c.aliases }},
	}
	if !c.o.DryRun {
		w.write = func(live reconcile.State) reconcile.Writer { return client.Writer(live) }
	}
	return w
}

// trigger has a pass made. While one is due already it does nothing: that one
// looks at everything.
func (w *worker) trigger(t Trigger) {
	select {
	case w.triggers <- t:
	default:
	}
}

// want sets what passes work on from the next one on.
func (w *worker) want(next wanted, t *Trouble) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wanted = next
	w.view.routings, w.view.paused = nil, nil
	for _, d := range next.docs {
		w.view.routings = append(w.view.routings, d.Metadata.Name)
		if d.Spec.Paused {
			w.view.paused = append(w.view.paused, d.Metadata.Name)
		}
	}
	for _, name := range w.view.routings {
		if _, known := w.view.wantedSince[name]; !known {
			w.view.wantedSince[name] = time.Now()
		}
	}
	gone := func(name string, _ time.Time) bool { return !slices.Contains(w.view.routings, name) }
	maps.DeleteFunc(w.view.wantedSince, gone)
	maps.DeleteFunc(w.view.succeeded, gone)
	w.view.trouble = t
	w.view.judge(time.Now())
}

func (w *worker) wants() wanted {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wanted
}

// troubled notes why the newest documents are not in force; nil when they are.
func (w *worker) troubled(t *Trouble) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.view.trouble = t
	w.view.judge(time.Now())
}

// look is what is known now.
func (w *worker) look() view {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.view
	v.succeeded, v.wantedSince = maps.Clone(v.succeeded), maps.Clone(v.wantedSince)
	v.ready(time.Now(), w.o.Schedule)
	return v
}

// commit is that of the documents in force.
func (w *worker) commit() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wanted.commit
}

// change changes what is known.
func (w *worker) change(f func(*view)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.view)
}

// busy says whether something waits for AWS to finish what it is busy with.
func (w *worker) busy() bool {
	v := w.look()
	return slices.ContainsFunc(v.plan.Held, func(h reconcile.Held) bool { return h.Why == reconcile.WhyUnsettled })
}

// stale says whether somebody else was first in the last pass.
func (w *worker) stale() bool {
	v := w.look()
	return len(v.passes) > 0 && v.passes[len(v.passes)-1].Outcome == Stale
}

// start makes passes until ctx ends or the worker is cancelled.
func (w *worker) start(ctx context.Context) {
	ctx, w.cancel = context.WithCancel(ctx)
	if w.o.ShardPoll > 0 {
		for _, by := range w.watches {
			w.running.Go(func() { w.watch(ctx, by) })
		}
	}
	w.running.Go(func() {
		w.trigger(TriggerStart)
		for ctx.Err() == nil {
			w.await(ctx)
		}
	})
}

// await waits for the next trigger and makes its pass.
func (w *worker) await(ctx context.Context) {
	at, due := w.due(time.Now())
	w.change(func(v *view) { v.next, v.nextTrigger = at, due })
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case t := <-w.triggers:
		w.pass(ctx, t)
	case <-timer.C:
		w.pass(ctx, due)
	}
}

// due is when the next pass is due by itself, and why.
func (w *worker) due(now time.Time) (time.Time, Trigger) {
	at, why := w.o.Schedule.Next(now), TriggerCron
	sooner := func(t time.Time, trigger Trigger) {
		if t = latest(t, now.Add(soonest)); t.Before(at) {
			at, why = t, trigger
		}
	}
	v := w.look()
	if !v.retry.IsZero() {
		sooner(v.retry, TriggerRetry) // nothing newer is known that could be due
		return at, why
	}
	for _, h := range v.plan.Held {
		if h.Until.After(v.plan.At) {
			sooner(h.Until, TriggerHeld)
		}
	}
	for _, next := range []time.Time{w.failing.next(), w.unread.next()} {
		if !next.IsZero() {
			sooner(next, TriggerRetry)
		}
	}
	if w.followUp > 0 {
		// Doubled each time, lest two that want different things go at it without end.
		sooner(now.Add(min(w.interval(now), soonest<<min(w.followUp, 20))), TriggerAgain)
	}
	return at, why
}

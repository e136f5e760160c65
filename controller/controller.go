// Package controller is the daemon: it keeps AWS what documents want, for as
// long as it runs, and can be left alone.
//
// A [Controller] has one worker for each account and region, a place. A worker
// makes one pass at a time, so that a function has one writer; the places go on
// beside each other, and one that fails backs off by itself.
//
//	schedule, start     --+
//	shards, aliases     --+
//	documents           --+--> trigger, at most one waits --> pass
//	POST /reconcile     --+
//	SIGHUP              --+
//	a held step is due  --+
//
// A pass is level-based: it looks at what is, whatever triggered it, and keeps
// nothing that the next one needs. Whatever goes wrong in one is for the next
// to put right, so that a pass may be stopped, or the process killed, at any
// point, and a second instance does no harm.
//
// Documents that do not load leave the last good ones in force. A dry run holds
// nothing that can write.
package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/robfig/cron/v3"
	"golang.org/x/time/rate"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// Trigger is why a pass is made.
type Trigger string

// The triggers.
const (
	TriggerStart  Trigger = "start"
	TriggerCron   Trigger = "cron"   // the schedule
	TriggerShards Trigger = "shards" // a stream's status or shard count moved
	TriggerFollow Trigger = "follow" // an alias that routes follow moved
	TriggerFile   Trigger = "file"   // the documents changed
	TriggerHTTP   Trigger = "http"   // POST /reconcile
	TriggerSignal Trigger = "signal" // SIGHUP
	TriggerHeld   Trigger = "held"   // the time of something held has come
	TriggerRetry  Trigger = "retry"  // something failed
	TriggerAgain  Trigger = "again"  // the pass before changed something, or AWS was still busy
)

// asked says whether a person stands behind the trigger, who wants everything
// tried at once.
func (t Trigger) asked() bool {
	return t == TriggerStart || t == TriggerFile || t == TriggerHTTP || t == TriggerSignal
}

// Place is an account and region with its documents.
type Place struct {
	Name    string // unique and stable, for people: eu-west-1, or eu-west-1 as ROLE
	Account string // whose request limits apply, as far as known before a pass has seen it; places with the same text share them
	Docs    []spec.EventRouting
	Config  aws.Config
	QPS     float64 // of passes, 0 for no limit
}

// Options of a [Controller].
type Options struct {
	Source Source
	// Places sorts documents by account and region.
	Places func(ctx context.Context, docs []spec.EventRouting) ([]Place, error)
	Pass   reconcile.Options
	DryRun bool // workers get a reader and no writer
	Log    *slog.Logger
	Build  Build

	Schedule     cron.Schedule
	ShardPoll    time.Duration // 0 for none
	DocumentPoll time.Duration
	PassTimeout  time.Duration
	// Grace is how long the change in hand may take once a pass has to end.
	Grace time.Duration
}

// Build says what is running.
type Build struct{ Version, Commit string }

// shortest is how close passes may be by the schedule.
const shortest = time.Second

// ParseSchedule reads a cron expression of five fields, or @every DURATION, of at
// least a second.
func ParseSchedule(text string) (cron.Schedule, error) {
	s, err := cron.ParseStandard(text)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", text, err)
	}
	// The parser makes a second of whatever is less.
	if _, every, ok := strings.Cut(text, "@every "); ok {
		if d, err := time.ParseDuration(every); err == nil && d < shortest {
			return nil, fmt.Errorf("schedule %q: %s is below %s", text, d, shortest)
		}
	}
	if s.Next(time.Now()).IsZero() {
		return nil, fmt.Errorf("schedule %q: it never comes", text)
	}
	return s, nil
}

// Controller keeps AWS what documents want. It is safe for concurrent use.
type Controller struct {
	o       Options
	began   time.Time
	metrics *metrics
	aliases *rate.Limiter // reads of followed aliases, in all
	wake    chan Trigger

	mu       sync.Mutex // guards what follows
	sources  sources
	workers  map[string]*worker // by place
	accounts map[string]*pace
}

// New returns a controller. It does nothing until [Controller.Run].
func New(o Options) *Controller {
	c := &Controller{
		o: o, began: time.Now(), aliases: rate.NewLimiter(aliasReads, 1), wake: make(chan Trigger, 1),
		workers: map[string]*worker{}, accounts: map[string]*pace{},
	}
	c.metrics = newMetrics(c)
	return c
}

// Run makes passes until ctx ends, and returns once all have ended. It returns
// no error for what AWS or the documents do.
func (c *Controller) Run(ctx context.Context) error {
	defer c.stop()
	var loading sync.WaitGroup
	defer loading.Wait()
	load := func() chan struct{} {
		done := make(chan struct{})
		loading.Go(func() {
			defer close(done)
			c.reload(ctx)
		})
		return done
	}
	tick := time.NewTicker(c.o.DocumentPoll)
	defer tick.Stop()
	var (
		loaded  = load() // nil while nothing is loaded
		again   bool     // what is loaded may have been read too early
		asked   Trigger  // of the passes that wait for it; empty for none
		waited  <-chan time.Time
		trigger = func() {
			for _, w := range c.all() {
				if asked != "" {
					w.trigger(asked)
				}
			}
			asked, waited = "", nil
		}
	)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-waited:
			trigger()
		case <-loaded:
			if loaded = nil; again {
				loaded, again = load(), false
				continue
			}
			trigger()
		case <-tick.C:
			if loaded == nil {
				loaded = load()
			}
		case asked = <-c.wake:
			if waited == nil { // who asked first waits longest
				waited = time.After(sourcePatience)
			}
			if again = loaded != nil; !again {
				loaded = load()
			}
		}
	}
}

// Trigger has passes made at all places. While one is due already it does
// nothing.
func (c *Controller) Trigger(t Trigger) {
	select {
	case c.wake <- t:
	default:
	}
}

// Result is how [Controller.Once] ended.
type Result struct {
	Failed bool // something could not be read, or not be changed
	Braked bool // the brake held something
}

const (
	// onceRounds bounds how often Once looks again because AWS was still busy with a
	// mapping or somebody else was first, and onceDelay is how long it waits for that.
	onceRounds = 12
	onceDelay  = 5 * time.Second
)

// ErrDocuments says that documents did not load; [Controller.Trouble] has the
// details.
var ErrDocuments = errors.New("the documents do not load")

// ErrUnread says that a ctx ended before the documents, or all that a pass needs of a
// place, were read.
var ErrUnread = errors.New("it was time to end before all was read that a pass needs")

// Once makes one pass at each place. Documents that do not load are an error.
func (c *Controller) Once(ctx context.Context) (Result, error) {
	places, err := c.load(ctx)
	if err != nil && ctx.Err() != nil {
		return Result{}, fmt.Errorf("documents: %w", ErrUnread)
	}
	if err != nil {
		return Result{}, err
	}
	c.place(places)
	warned := c.warn(places)
	var passes sync.WaitGroup
	for _, w := range c.all() {
		passes.Go(func() {
			for range onceRounds {
				if w.pass(ctx, TriggerStart); !w.busy() && !w.stale() || !sleep(ctx, onceDelay) {
					return
				}
			}
		})
	}
	passes.Wait()
	r, err := c.result(ctx)
	r.Failed = r.Failed || warned
	return r, err
}

// result is how the passes of Once ended.
func (c *Controller) result(ctx context.Context) (Result, error) {
	var r Result
	var unread []string
	for _, w := range c.all() {
		v := w.look()
		if v.plan.At.IsZero() {
			unread = append(unread, w.name)
		}
		r.Failed = r.Failed || v.failed() || w.busy()
		r.Braked = r.Braked || v.plan.Braked()
	}
	switch {
	case ctx.Err() != nil && len(unread) > 0:
		return r, fmt.Errorf("%s: %w", strings.Join(unread, ", "), ErrUnread)
	case ctx.Err() != nil:
		return r, context.Cause(ctx)
	}
	return r, nil
}

// all are the workers, by the name of their place.
func (c *Controller) all() []*worker {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*worker
	for _, name := range slices.Sorted(maps.Keys(c.workers)) {
		all = append(all, c.workers[name])
	}
	return all
}

// place makes the workers those of places, and returns the ones that are new
// and those that have nothing to do any more.
func (c *Controller) place(places []Place) (added, gone []*worker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keep := map[string]bool{}
	for i, p := range places {
		found := c.sources.findings(places, i)
		if i == 0 {
			found = append(found, c.strangers(places)...)
		}
		keep[p.Name] = true
		w, ok := c.workers[p.Name]
		if !ok {
			w = c.newWorker(p)
			c.workers[p.Name] = w
			added = append(added, w)
		}
		w.want(wanted{docs: p.Docs, found: found, partial: c.sources.partial, commit: c.sources.docs.Commit}, c.sources.trouble())
	}
	for name, w := range c.workers {
		if !keep[name] {
			delete(c.workers, name)
			gone = append(gone, w)
		}
	}
	return added, gone
}

// strangers are findings about flags that name what no document does.
func (c *Controller) strangers(places []Place) []spec.Finding {
	var docs []spec.EventRouting
	for _, p := range places {
		docs = append(docs, p.Docs...)
	}
	return c.o.Pass.Strangers(docs)
}

// warn logs strangers, and says whether there are any.
func (c *Controller) warn(places []Place) bool {
	all := c.strangers(places)
	for _, f := range all {
		c.o.Log.Warn("flags", "err", f.Message)
	}
	return len(all) > 0
}

// stop ends all workers and waits for them.
func (c *Controller) stop() {
	_, gone := c.place(nil)
	for _, w := range gone {
		w.cancel()
	}
	for _, w := range gone {
		w.running.Wait()
	}
}

// paceOf is pace for those who do not hold the lock.
func (c *Controller) paceOf(account string) *pace {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pace(account)
}

// pace is what the places of an account share.
func (c *Controller) pace(account string) *pace {
	p, ok := c.accounts[account]
	if !ok {
		p = newPace()
		c.accounts[account] = p
	}
	return p
}

// interval is how far apart the next passes are by the schedule, at most: "0 9,10 * * 1-5"
// has gaps of an hour, of a night and of a weekend. It bounds retries, which need
// no more than that.
func (c *Controller) interval(now time.Time) time.Duration {
	var longest time.Duration
	at := c.o.Schedule.Next(now)
	for range 20 {
		next := c.o.Schedule.Next(at)
		longest, at = max(longest, next.Sub(at)), next
	}
	return longest
}

// sleep waits, and says whether it was for all of d.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 { // Go 1.26's race detector crashes on timers of a synctest bubble that are due already
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

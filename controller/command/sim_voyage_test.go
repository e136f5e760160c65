package command_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/verdict"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/spec"
)

// voyage is a scene under way: a world in which records flow, controllers that
// pass over it, and what they did.
//
// Its time is the bubble's minus shift, so that a copy of it can go another way
// from the same instant.
type voyage struct {
	t      testing.TB
	plot   plot
	server *emulator.Server
	shift  time.Duration
	random *rand.Rand

	doc     draft
	n       int                  // records written
	begun   bool                 // the edit at hand is in force already
	failed  string               // type that the function fails now
	judged  map[part]*judging    // what is judged now
	routed  []verdict.Routed     // what was
	busy    []window             // when handovers were under way
	log     []note               // what happened
	wrong   []string             // what must not be
	kinds   []string             // of what is wrong
	foreign map[string]bool      // UUIDs of other people's mappings
	held    map[string]bool      // what the last pass held
	moved   map[string]time.Time // UUIDs of mappings that others took over, and since when
	lock    *sync.Mutex          // of began
	began   time.Time            // when the last process did
	born    map[string]birth     // by UUID of a mapping of ours
	wanted  map[part]time.Time   // since when the document wants what is not judged yet

	edits, passes, crashes int
	gaps                   []time.Duration // from the commit that first wanted a part to where its mapping starts
}

// birth is how a mapping began.
type birth struct {
	start time.Time     // as AWS shows it
	parts map[part]bool // that its route has wanted ever since
}

// judging is since when a part is wanted without a break.
type judging struct {
	since time.Time
	off   time.Time // since when its route is disabled by the document; zero for not
	leg   string    // its route then
}

// window is a stretch of time in which parts, or all, may be delivered twice; open
// while to is zero.
type window struct {
	from, to time.Time
	parts    map[string]bool // nil for all
}

type note struct {
	at   time.Time
	text string
}

func (v *voyage) now() time.Time { return time.Now().Add(-v.shift) }

func (v *voyage) say(format string, args ...any) {
	v.log = append(v.log, note{v.now(), fmt.Sprintf(format, args...)})
}

// fail says what must not be; kind is the same for what shrinking may take for the
// same.
func (v *voyage) fail(kind, format string, args ...any) {
	v.kinds = append(v.kinds, kind)
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
	v.say("WRONG: "+format, args...)
}

func (v *voyage) do(f func(w *world.World)) { v.server.Do(f) }

// newVoyage makes the world of a scene.
func newVoyage(t testing.TB, s plot) *voyage {
	t.Helper()
	v := &voyage{lock: &sync.Mutex{}, t: t, plot: s, judged: map[part]*judging{}, foreign: map[string]bool{}, moved: map[string]time.Time{}, born: map[string]birth{}, wanted: map[part]time.Time{}}
	v.random = rand.New(rand.NewPCG(s.seed, 7))
	w := world.New(s.seed, world.Short(), v.now())
	v.server = emulator.New(emulator.Options{World: w, Now: v.now})
	seed := emulator.Seed{Place: here, Streams: map[string]int{"orders-events": 2, "billing-events": 1}, Functions: map[string][]string{"stranger": {"live"}}}
	for _, f := range []string{"order-processor", "next", "own-0", "own-1", "own-2", "own-3", "own-4", "own-5"} {
		seed.Functions[f] = []string{"live"}
	}
	if err := v.server.Seed(seed); err != nil {
		t.Fatal(err)
	}
	if s.slow {
		v.do(func(w *world.World) { allow(t, w, 900, slices.Sorted(maps.Keys(seed.Functions))...) })
	}
	coin := func() bool { return v.random.IntN(2) == 0 }
	v.do(func(w *world.World) {
		stream, err := w.Stream(here, "orders-events")
		if err != nil {
			t.Fatal(err)
		}
		m, err := w.CreateMapping(here, world.MappingInput{
			EventSourceArn: stream.ARN, FunctionName: "stranger:live", StartingPosition: "TRIM_HORIZON",
		})
		if err != nil {
			t.Fatal(err)
		}
		v.foreign[m.UUID] = true
		w.Log(true)
		w.SetTiming(lateTiming())
		w.SetKnobs(world.Knobs{StaleUpdates: coin(), EarlyConsumers: coin(), RefuseOldTimes: coin(), LatestAtCreate: coin(), FilterAtBatch: coin(), ListLag: time.Duration(v.random.IntN(3)) * 4 * time.Second})
	})
	v.handle()
	return v
}

// allow lets invocations of functions, by their alias live, take so many seconds.
func allow(t testing.TB, w *world.World, seconds int, functions ...string) {
	t.Helper()
	for _, name := range functions {
		f, err := w.UpdateConfiguration(here, name, world.FunctionSettings{Timeout: &seconds}, "")
		if err != nil {
			t.Fatal(err)
		}
		w.Advance(w.Now().Add(5 * time.Second)) // until it is in use
		if f, err = w.PublishVersion(here, name, world.VersionInput{}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.UpdateAlias(here, name, "live", world.AliasUpdate{FunctionVersion: &f.Version}); err != nil {
			t.Fatal(err)
		}
	}
}

// lateTiming has a data plane that is up to five minutes late.
func lateTiming() world.Timing {
	timing := world.Short()
	timing.DataPlaneLeast, timing.DataPlane = 0, 5*time.Minute
	return timing
}

// handle makes the functions fail the type that the voyage says.
func (v *voyage) handle() {
	typeOf := verdict.TypeAt("eventType")
	v.do(func(w *world.World) {
		w.SetHandler(func(_ string, x world.Record, _ time.Time) (time.Duration, bool) {
			takes := 5 * time.Millisecond
			if h := (uint64(x.Index) + 31*uint64(x.Shard)) * 0x9e3779b97f4a7c15 >> 32; v.plot.slow && h%499 == 0 {
				takes = time.Duration(3+h/499%11) * time.Minute
			}
			return takes, v.failed == "" || typeOf(x.Data) != v.failed
		})
	})
}

// fork is a copy that goes on by itself from this instant.
func (v *voyage) fork() *voyage {
	c := *v
	at := v.now()
	v.do(func(w *world.World) {
		other := w.Clone()
		c.server = emulator.New(emulator.Options{World: other, Now: func() time.Time { return c.now() }})
	})
	c.shift = time.Since(at)
	c.judged = map[part]*judging{}
	for p, j := range v.judged {
		copied := *j
		c.judged[p] = &copied
	}
	c.routed, c.busy, c.log, c.wrong = slices.Clone(v.routed), slices.Clone(v.busy), slices.Clone(v.log), slices.Clone(v.wrong)
	c.foreign, c.moved, c.wanted, c.gaps = maps.Clone(v.foreign), maps.Clone(v.moved), maps.Clone(v.wanted), slices.Clone(v.gaps)
	c.born = map[string]birth{}
	for uuid, b := range v.born {
		c.born[uuid] = birth{b.start, maps.Clone(b.parts)}
	}
	c.handle()
	return &c
}

// client is how a process calls AWS.
func (v *voyage) client(do func(*http.Request) (*http.Response, error)) *awsapi.Client {
	return awsapi.New(aws.Config{
		Region:       region,
		Credentials:  credentials.NewStaticCredentialsProvider(account, "secret", ""),
		HTTPClient:   doer(do),
		BaseEndpoint: aws.String("http://embedded.invalid"),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.Backoff = steady{} })
		},
	}, awsapi.Options{})
}

// owner is who passes, and over what.
type owner struct {
	name    string
	docs    []spec.EventRouting
	partial bool
}

func (v *voyage) look(ctx context.Context, who owner, do func(*http.Request) (*http.Response, error)) (reconcile.Plan, *awsapi.Client, reconcile.State, error) {
	c := v.client(do)
	p, live, err := reconcile.Look(ctx, c.Reader(), who.docs, v.options(who), v.now())
	return p, c, live, err
}

func (v *voyage) options(who owner) reconcile.Options {
	return reconcile.Options{Owner: who.name, RespectManual: time.Hour, AllowDeletes: 100, Prune: v.plot.partly, Partial: who.partial}
}

// process is one process that plans and applies.
func (v *voyage) process(ctx context.Context, who owner, do func(*http.Request) (*http.Response, error)) (reconcile.Plan, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Hour, errStuck)
	defer cancel()
	v.begins()
	p, c, live, err := v.look(ctx, who, do)
	if err != nil {
		return p, err
	}
	err = reconcile.Apply(ctx, c.Writer(live), p.Changes, nil).Err()
	if errors.Is(context.Cause(ctx), errStuck) {
		v.fail("stuck", "a pass of %s is not done within an hour: %v: %v", who.name, p.Changes, err)
	}
	return p, err
}

// begins notes when a process began; of two at the same time it is the same time.
func (v *voyage) begins() {
	v.lock.Lock()
	defer v.lock.Unlock()
	v.began = v.now()
}

var errStuck = errors.New("stuck")

// plan looks and changes nothing, and nothing goes wrong.
func (v *voyage) plan(who owner) reconcile.Plan {
	p, _, _, err := v.look(context.Background(), who, v.server.Client().Do)
	if err != nil {
		v.t.Fatal(err)
	}
	return p
}

// ours are the documents in force.
func (v *voyage) ours() owner {
	return owner{name: "default", docs: docs(v.doc.text(), billingText)}
}

// theirs are those of the other owner.
func (v *voyage) theirs() owner { return owner{name: "auditors", docs: docs(auditText)} }

// flow lets records be written for a while.
func (v *voyage) flow(d time.Duration) {
	for end := v.now().Add(d); v.now().Before(end); {
		time.Sleep(time.Duration(2+v.random.IntN(16)) * time.Second)
		v.do(func(w *world.World) {
			for _, p := range parts {
				v.n++
				if _, _, err := w.Put(here, p.stream(), fmt.Sprint("k", v.n%13), p.payload(v.n)); err != nil {
					v.t.Fatal(err)
				}
			}
		})
	}
}

// commit puts a document in force: what it does not want any more is judged no
// longer, and what waits for a route that is disabled goes on to be.
func (v *voyage) commit(d draft) {
	now := v.now()
	for _, b := range v.born {
		maps.DeleteFunc(b.parts, func(p part, _ bool) bool {
			return p.eventType != "F" && v.doc.legOf(p) != d.legOf(p)
		})
	}
	v.doc = d
	for _, p := range parts {
		switch _, since := v.wanted[p]; {
		case !v.wants(p):
			delete(v.wanted, p)
		case !since:
			v.wanted[p] = now
		}
	}
	defer func() { v.busy = append(v.busy, window{from: now.Add(-3 * time.Minute)}) }()
	for p, j := range v.judged {
		l := d.route(p)
		if p.eventType == "F" {
			continue
		}
		// Who disables a route in the middle of a handover withdraws what the giver
		// has not read: the README says so.
		halfway := l != nil && l.off && j.off.IsZero() && v.wasBusy(now.Add(-time.Second), "")
		same := l != nil && d.legOf(p) == j.leg
		switch {
		case !j.off.IsZero() && !same, l == nil, halfway, l.off && j.off.IsZero() && l.name != strings.SplitN(j.leg, "[", 2)[0]:
			end := now
			if !j.off.IsZero() {
				end = j.off
			}
			v.routed = append(v.routed, verdict.Routed{Type: p.String(), From: j.since, To: end})
			delete(v.judged, p)
			continue
		case l.off && j.off.IsZero():
			j.off = now
		case !l.off:
			j.off = time.Time{}
		}
		j.leg = d.legOf(p)
	}
}

// wants says whether the documents ask for a part to be taken: one that is paused
// asks for nothing new.
func (v *voyage) wants(p part) bool {
	l := v.doc.route(p)
	return p.eventType == "F" || l != nil && !l.off && !v.doc.paused
}

// meet notes the mappings that are new, with what their routes want of them.
func (v *voyage) meet() {
	v.do(func(w *world.World) {
		all, _, err := w.Mappings(here, world.MappingsQuery{})
		if err != nil {
			v.t.Fatal(err)
		}
		for _, m := range all {
			if _, known := v.born[m.UUID]; known || v.strange(m) {
				continue
			}
			b := birth{parts: map[part]bool{}}
			switch m.StartingPosition {
			case "AT_TIMESTAMP":
				b.start = *m.StartingPositionTime
			case "TRIM_HORIZON":
				b.start = v.now().Add(-keeps)
			default: // it says nothing of where; it was to be from when it was asked for
				b.start = v.began
			}
			tags, _ := w.Tags(here, m.EventSourceMappingArn)
			for _, p := range parts {
				if v.routeOf(p) == tags[reconcile.TagRouting]+"/"+tags[reconcile.TagRoute] {
					b.parts[p] = true
				}
			}
			v.born[m.UUID] = b
		}
	})
}

// routeOf names the route that takes a part.
func (v *voyage) routeOf(p part) string {
	if p.eventType == "F" {
		return "billing/invoices"
	}
	if l := v.doc.route(p); l != nil {
		return "orders/" + l.name
	}
	return ""
}

// begin says from when on a part that nobody took before is judged: from where the
// mapping starts that was made for it, as AWS shows it, or once a mapping was widened
// for it and AWS's data plane knows.
func (v *voyage) begin(p reconcile.Plan) {
	v.meet()
	for _, x := range parts {
		if _, known := v.judged[x]; known || !v.wants(x) || changing(p, v.routeOf(x)) {
			continue
		}
		since := v.now().Add(6 * time.Minute)
		if start, made := v.start(x); made {
			since = start
			v.gaps = append(v.gaps, max(0, start.Sub(v.wanted[x])))
		}
		delete(v.wanted, x)
		v.judged[x] = &judging{since: since, leg: v.doc.legOf(x)}
	}
}

// keeps is the streams' retention.
const keeps = 24 * time.Hour

// start is where the mapping starts that was made for a part: the last one that is
// enabled; without what expires while the data plane gets to it.
func (v *voyage) start(x part) (start time.Time, made bool) {
	v.do(func(w *world.World) {
		all, _, err := w.Mappings(here, world.MappingsQuery{})
		if err != nil {
			v.t.Fatal(err)
		}
		for _, m := range all {
			if b := v.born[m.UUID]; m.State == "Enabled" && b.parts[x] && b.start.After(start) {
				start, made = b.start, true
			}
		}
	})
	if horizon := v.now().Add(10*time.Minute - keeps); start.Before(horizon) {
		start = horizon
	}
	return start, made
}

// changing says whether a plan does more to a route's mapping than narrow it.
func changing(p reconcile.Plan, route string) bool {
	mine := func(c reconcile.Change) bool {
		return c.Addr == reconcile.Addr{Kind: reconcile.KindMapping, Name: route}
	}
	return slices.ContainsFunc(p.Changes, mine) || slices.ContainsFunc(p.Held, func(h reconcile.Held) bool {
		return mine(h.Change) && h.Why != reconcile.WhyTaker && h.Why != reconcile.WhyCatchingUp
	})
}

// pass is one pass of the controllers, in which things go wrong.
func (v *voyage) pass() {
	v.passes++
	who := v.ours()
	if v.plot.partly && v.random.IntN(4) == 0 {
		who = owner{name: "default", docs: docs(v.doc.text()), partial: true}
		v.say("billing does not load")
	}
	if v.random.IntN(3) == 0 {
		k, effect := 1+v.random.IntN(25), v.random.IntN(2) == 0
		n := v.killed(who, k, effect)
		v.say("it died at call %d of %d, with its effect: %t", k, n, effect)
		v.crashes++
		time.Sleep(time.Duration(v.random.IntN(60)) * time.Second)
	}
	if v.random.IntN(4) == 0 {
		v.troubled()
		defer v.server.SetFaults(nil)
	}
	switch {
	case v.random.IntN(5) == 0:
		v.duel(who, who)
	case v.plot.audit:
		v.duel(who, v.theirs())
	default:
		p, err := v.process(v.t.Context(), who, v.server.Client().Do)
		v.tell(p, err)
	}
	v.server.SetFaults(nil)
	v.after()
}

// tell writes down what a pass did.
func (v *voyage) tell(p reconcile.Plan, err error) {
	for _, c := range p.Changes {
		v.say("%s %s: %s", c.Action, c.Addr, c.Reason)
		v.excuse(c)
		if c.Addr.Name == "billing/invoices" && (c.Action == reconcile.Retire || c.Action == reconcile.Delete) {
			v.fail("pruned", "%s of a route whose document did not load", c.Action)
		}
	}
	held := map[string]bool{}
	for _, h := range p.Held {
		text := fmt.Sprintf("held %s %s: %s", h.Action, h.Addr, h.Why)
		held[text] = true
		if !v.held[text] {
			v.say("%s: %s", text, h.Reason)
		}
	}
	v.held = held
	if err != nil {
		v.say("the pass failed: %v", err)
	}
}

// excuse takes down that a mapping which goes on where it stopped brings again what
// others took since, unless it is one that others have taken over from.
func (v *voyage) excuse(c reconcile.Change) {
	if made, ok := c.After.(*reconcile.Mapping); ok && c.Before == nil && (made.Start.TrimHorizon || made.Start.At.Before(v.now().Add(-10*time.Minute))) {
		v.busy = append(v.busy, window{to: v.now().Add(6 * time.Minute), parts: v.partsOf(c.Addr.Name)})
	}
	m, ok := c.Before.(*reconcile.Mapping)
	if !ok {
		return
	}
	v.busy = append(v.busy, window{from: v.now().Add(-3 * time.Minute), to: v.now().Add(6 * time.Minute)})
	switch after, _ := c.After.(*reconcile.Mapping); {
	case c.Action == reconcile.Retire && strings.HasPrefix(after.Tags[reconcile.TagOff], reconcile.OffMoved):
		v.moved[m.UUID] = v.now()
	case c.Action == reconcile.Revive && !v.takenOver(c.Addr.Name, m.UUID):
		v.busy = append(v.busy, window{to: v.now().Add(6 * time.Minute), parts: v.partsOf(c.Addr.Name)})
	}
}

// partsOf are what a route takes by its document; all where no route has the name.
func (v *voyage) partsOf(route string) map[string]bool {
	of := map[string]bool{}
	for _, p := range parts {
		if l := v.doc.route(p); l != nil && "orders/"+l.name == route {
			of[p.String()] = true
		}
	}
	if len(of) == 0 {
		return nil
	}
	return of
}

// takenOver says whether others took over what a mapping took, and have taken it
// ever since.
func (v *voyage) takenOver(route, uuid string) bool {
	at, ok := v.moved[uuid]
	return ok && slices.ContainsFunc(parts, func(p part) bool {
		l, j := v.doc.route(p), v.judged[p]
		return l != nil && "orders/"+l.name == route && j != nil && j.since.Before(at)
	})
}

// after looks at what a pass left: whether it is at rest.
func (v *voyage) after() {
	p := v.plan(v.ours())
	v.begin(p)
	v.agree(p)
	if quiet(p) {
		for i := range v.busy {
			if v.busy[i].to.IsZero() {
				v.busy[i].to = v.now().Add(6 * time.Minute)
			}
		}
	} else if !slices.ContainsFunc(v.busy, func(w window) bool { return w.to.IsZero() }) {
		v.busy = append(v.busy, window{from: v.now().Add(-3 * time.Minute)})
	}
}

// agree checks that the status of routes says what the plan holds, and why.
func (v *voyage) agree(p reconcile.Plan) {
	status, _ := reconcile.Inspect(v.ours().docs, v.state(), v.options(v.ours()), v.now())
	said := map[string]bool{}
	for _, r := range status.Routes {
		for _, h := range r.Held {
			said[fmt.Sprint(r.Name, h.Action, h.Why, h.Until)] = true
		}
	}
	for _, h := range p.Held {
		_, was := h.Before.(*reconcile.Mapping)
		if name, _, _ := strings.Cut(h.Addr.Name, " "); h.Addr.Kind == reconcile.KindMapping && was && !said[fmt.Sprint(name, h.Action, h.Why, h.Until)] {
			v.fail("status", "the plan holds %s %s (%s), the status does not say so: %v", h.Action, h.Addr, h.Why, said)
		}
	}
}

// quiet says whether a plan has nothing to do and waits for nothing.
func quiet(p reconcile.Plan) bool {
	return p.Empty() && !slices.ContainsFunc(p.Held, func(h reconcile.Held) bool { return h.Action != reconcile.Lower })
}

// killed is a process that dies at its k-th call: before the call has had its
// effect, or after it with the answer lost. It returns how many calls it made.
func (v *voyage) killed(who owner, k int, effect bool) int {
	ctx, kill := context.WithCancelCause(v.t.Context())
	defer kill(nil)
	n := 0
	p, _ := v.process(ctx, who, func(req *http.Request) (*http.Response, error) {
		n++
		switch {
		case n < k:
			return v.server.Client().Do(req)
		case n == k && effect:
			_, _ = v.server.Client().Do(req)
		}
		kill(errKilled)
		return nil, errKilled
	})
	for _, c := range p.Changes {
		v.excuse(c)
	}
	return n
}

// troubled makes calls fail at random: throttled, refused by an error of AWS's own,
// or done with the answer lost.
func (v *voyage) troubled() {
	random := rand.New(rand.NewPCG(v.random.Uint64(), 3))
	v.server.SetFaults(func(emulator.Call) emulator.Fault {
		switch random.IntN(24) {
		case 0:
			return emulator.Fault{Refuse: &world.Error{Code: "TooManyRequestsException", Status: 429, Message: "Rate exceeded"}}
		case 1:
			return emulator.Fault{Refuse: &world.Error{Code: "ServiceException", Status: 500, Message: "An error occurred"}}
		case 2:
			return emulator.Fault{Lose: emulator.LoseAnswer}
		case 3:
			return emulator.Fault{Lose: emulator.LoseCall}
		}
		return emulator.Fault{}
	})
}

// edit puts a document in force and lets time pass.
func (v *voyage) edit(e revision) {
	v.edits++
	v.random = rand.New(rand.NewPCG(e.seed, 11))
	v.say("edit: %s\n%s", e.op, e.doc.text())
	v.commit(e.doc)
	v.pass()
	for range v.random.IntN(12) {
		v.flow(time.Duration(20+v.random.IntN(240)) * time.Second)
		v.pass()
	}
	if v.random.IntN(3) == 0 {
		d := time.Duration(1+v.random.IntN(5)) * time.Hour
		v.say("nobody looks for %s", d)
		for range 20 {
			v.flow(d / 100)
			time.Sleep(d / 25)
		}
	}
	if v.random.IntN(8) == 0 {
		v.day()
	}
	v.mishap()
}

// day lets more time pass than the stream keeps, with little traffic and a pass now
// and then: what is retired is deleted, and what waits expires.
func (v *voyage) day() {
	if v.doc.paused { // nobody mends what a person breaks
		return
	}
	v.say("a day passes")
	v.failed = ""
	v.do(func(w *world.World) { w.SetLimit(here, 1000, 100) })
	for p, j := range v.judged {
		if !j.off.IsZero() { // longer than the stream keeps it
			v.routed = append(v.routed, verdict.Routed{Type: p.String(), From: j.since, To: j.off})
			delete(v.judged, p)
		}
	}
	for range 52 {
		v.flow(10 * time.Second)
		v.pass()
		time.Sleep(30 * time.Minute)
	}
}

// mishap is something that happens besides.
func (v *voyage) mishap() {
	switch v.random.IntN(10) {
	case 9:
		v.touch()
	case 0, 1:
		if !v.plot.short {
			v.failed = parts[v.random.IntN(len(parts))].eventType
			v.say("the function fails %s", v.failed)
		}
	case 2:
		v.failed = ""
	case 3:
		n := 1 + v.random.IntN(4)
		v.do(func(w *world.World) {
			if _, err := w.UpdateShardCount(here, "orders-events", n); err == nil {
				v.say("resharded to %d", n)
			}
		})
	case 4, 5:
		what := v.random.IntN(2)
		if v.plot.short { // who enables a mapping by hand has to see to its maxAge
			what = 0
		}
		v.person(what)
	case 6:
		v.deploy()
	case 7:
		if !v.plot.short {
			limit := []int{102, 106, 112, 1000}[v.random.IntN(4)]
			v.say("the account's limit is %d", limit)
			v.do(func(w *world.World) { w.SetLimit(here, limit, 100) })
		}
	case 8:
		if v.random.IntN(2) == 0 && v.deregister() || quiet(v.plan(v.ours())) && v.remove() {
			v.mended()
		}
	}
}

// remove is a person who deletes a mapping that reads. It is read again from where it
// was to start; nothing remembers that with isolation Function. Its position is gone,
// which what it alone has yet to read before others do would miss: the README says so.
func (v *voyage) remove() (done bool) {
	v.do(func(w *world.World) {
		all, _, err := w.Mappings(here, world.MappingsQuery{})
		all = slices.DeleteFunc(all, func(m world.Mapping) bool {
			return v.strange(m) || m.State != "Enabled" || !strings.Contains(m.FunctionArn, ":orders--") && !strings.Contains(m.EventSourceArn, "/consumer/")
		})
		if err != nil || len(all) == 0 {
			return
		}
		m := all[v.random.IntN(len(all))]
		_, err = w.DeleteMapping(here, m.UUID)
		v.say("a person deletes %s of %s (%v)", m.UUID[:8], m.FunctionArn, err)
		v.busy = append(v.busy, window{to: w.Now()})
		done = err == nil
	})
	return done
}

// person disables or enables a mapping of ours.
func (v *voyage) person(what int) {
	v.do(func(w *world.World) {
		all, _, err := w.Mappings(here, world.MappingsQuery{})
		all = slices.DeleteFunc(all, func(m world.Mapping) bool { return v.strange(m) })
		if err != nil || len(all) == 0 {
			return
		}
		m := all[v.random.IntN(len(all))]
		_, err = w.UpdateMapping(here, m.UUID, world.MappingUpdate{Settings: world.MappingSettings{Enabled: new(what == 1)}})
		if what == 1 { // what it has not read comes now, whoever had it
			v.busy = append(v.busy, window{to: w.Now().Add(10 * time.Minute)})
		}
		v.say("a person %s %s of %s (%v)", []string{"disables", "enables"}[what], m.UUID[:8], m.FunctionArn, err)
	})
}

// touch is a person who saves a mapping as it is: its LastModified jumps.
func (v *voyage) touch() {
	v.do(func(w *world.World) {
		all, _, err := w.Mappings(here, world.MappingsQuery{})
		all = slices.DeleteFunc(all, func(m world.Mapping) bool { return v.strange(m) })
		if err != nil || len(all) == 0 {
			return
		}
		m := all[v.random.IntN(len(all))]
		_, err = w.UpdateMapping(here, m.UUID, world.MappingUpdate{Settings: world.MappingSettings{BatchSize: &m.BatchSize}})
		v.say("a person saves %s of %s as it is (%v)", m.UUID[:8], m.FunctionArn, err)
	})
}

// strange says whether a mapping is not of the owner whose records are judged.
func (v *voyage) strange(m world.Mapping) bool {
	if strings.Contains(m.FunctionArn, ":audit--") {
		v.foreign[m.UUID] = true
	}
	return v.foreign[m.UUID]
}

// deploy moves what routes follow.
func (v *voyage) deploy() {
	v.do(func(w *world.World) {
		published, err := w.UpdateCode(here, "order-processor", world.CodeInput{Code: fmt.Append(nil, v.n), Publish: true})
		if err == nil {
			_, err = w.UpdateAlias(here, "order-processor", "live", world.AliasUpdate{FunctionVersion: new(published.Version)})
		}
		v.say("a deployment: live is %s (%v)", published.Version, err)
	})
}

// deregister is a person who deregisters a consumer.
func (v *voyage) deregister() (done bool) {
	v.do(func(w *world.World) {
		all, _, err := w.ListConsumers(here, "orders-events", "", 100)
		if err != nil || len(all) == 0 {
			return
		}
		c := all[v.random.IntN(len(all))]
		err = w.DeregisterConsumer(here, "orders-events", c.Name)
		v.say("a person deregisters consumer %s (%v)", c.Name, err)
		v.busy = append(v.busy, window{to: w.Now()}) // it is read again from where it began
		done = err == nil
	})
	return done
}

// mended waits until what a person broke is whole again: an edit before that moves
// events to mappings that cannot begin where the broken one stopped.
func (v *voyage) mended() {
	for range 20 {
		v.flow(time.Minute)
		v.pass()
		if quiet(v.plan(v.ours())) {
			return
		}
	}
}

// home waits for the last handovers.
func (v *voyage) home() {
	v.random = rand.New(rand.NewPCG(v.plot.seed, 13))
	v.failed = ""
	v.say("everybody goes home")
	v.do(func(w *world.World) { w.SetLimit(here, 1000, 100) })
	if last := v.doc.on(); last.text() != v.doc.text() {
		v.say("edit: everything on")
		v.commit(last)
	}
	calm := 0
	for i := range 60 {
		v.flow(5 * time.Minute)
		if i == 30 {
			v.idle()
		}
		p, err := v.process(v.t.Context(), v.ours(), v.server.Client().Do)
		v.tell(p, err)
		if v.plot.audit {
			_, _ = v.process(v.t.Context(), v.theirs(), v.server.Client().Do)
		}
		v.after()
		v.onTime(p)
		if calm++; !quiet(p) {
			calm = 0
		}
		if calm == 3 {
			break
		}
	}
	v.flow(time.Minute)
	time.Sleep(30 * time.Minute)
	for range 3 { // what is left behind goes once nothing runs it any more
		p, err := v.process(v.t.Context(), v.ours(), v.server.Client().Do)
		v.tell(p, err)
		time.Sleep(time.Minute)
	}
	v.settled()
	v.server.Forget()
	for range 3 {
		v.duel(v.ours(), v.ours())
		time.Sleep(5 * time.Minute)
	}
	for _, c := range v.server.Calls() {
		if writes(c) {
			v.fail("flapping", "two controllers at rest write: %s", c)
		}
	}
}

// idle lets the time pass for which something is held yet, with little traffic: what
// takes no batch proves nothing until the stream has nothing from before.
func (v *voyage) idle() {
	var until time.Time
	for _, h := range v.plan(v.ours()).Held {
		if h.Action != reconcile.Lower && h.Until.After(until) {
			until = h.Until
		}
	}
	for v.now().Before(until.Add(5 * time.Minute)) {
		v.flow(time.Second)
		time.Sleep(10 * time.Minute)
	}
}

// onTime checks that what is held until some time is not held beyond it for the
// same reason.
func (v *voyage) onTime(p reconcile.Plan) {
	for _, h := range p.Held {
		if !h.Until.IsZero() && h.Until.Before(p.At) {
			v.fail("late", "%s %s is held until %s, which has passed: %s", h.Action, h.Addr, h.Until, h.Reason)
		}
	}
}

// settled checks what is left when everything has come to rest.
func (v *voyage) settled() {
	p := v.plan(v.ours())
	if !quiet(p) {
		v.tell(p, nil)
		v.fail("restless", "it does not come to rest: %d changes, %d held", len(p.Changes), len(p.Held))
	}
	if v.plot.audit {
		if p := v.plan(v.theirs()); !quiet(p) {
			v.fail("restless", "the other owner does not come to rest: %v %v", p.Changes, p.Held)
		}
	}
	var want, got []string
	for _, d := range v.ours().docs {
		for _, r := range d.Resolve() {
			if r.Enabled {
				want = append(want, d.Metadata.Name+"/"+r.Name)
			}
		}
	}
	status, _ := reconcile.Inspect(v.ours().docs, v.state(), reconcile.Options{Owner: "default", RespectManual: time.Hour}, v.now())
	for _, r := range status.Routes {
		if r.State == "Enabled" {
			got = append(got, r.Name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		v.fail("running", "the mappings that run are %v, want %v", got, want)
	}
	v.do(func(w *world.World) {
		all, _, err := w.Mappings(here, world.MappingsQuery{})
		if i := slices.IndexFunc(all, func(m world.Mapping) bool {
			return strings.HasSuffix(m.FunctionArn, ":stranger:live") && m.State == "Enabled"
		}); err != nil || i < 0 {
			v.fail("stranger", "the stranger's mapping was touched (%v)", err)
		}
		for _, m := range all {
			v.strange(m)
		}
	})
}

// state is what is live, with the tags that tell who owns what.
func (v *voyage) state() reconcile.State {
	_, _, live, err := v.look(context.Background(), v.ours(), v.server.Client().Do)
	if err != nil && !errors.Is(err, context.Canceled) {
		v.t.Fatal(err)
	}
	return live
}

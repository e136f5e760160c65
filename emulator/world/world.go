// Package world is the model behind the emulator: accounts and regions with
// their Kinesis streams and Lambda functions, aliases and event source
// mappings, as AWS shows them over time, and the sessions of roles.
//
// A World is deterministic and has no goroutines, timers or clock of its own.
// Time is an argument: every operation happens at the time that [World.Advance]
// last reached, and whatever AWS does later (a mapping that becomes Enabled, a
// stream that becomes ACTIVE) is an event in a queue until time reaches it. The
// same seed and the same calls give the same world, to the byte, and
// [World.Clone] gives an independent copy at any instant.
//
// The model is written from what AWS does, not from what our client sends: it
// shares no type with the code under test. It imports the standard library and
// spec/pattern, which judges filters.
package world

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// Place is one account in one region. Nothing in AWS Lambda or Kinesis that we
// model reaches from one place to another.
type Place struct {
	Account string // 12 digits
	Region  string // such as eu-west-1
}

// World is a whole embedded AWS. The zero value is not usable; see [New].
// It is not safe for concurrent use.
type World struct {
	now    time.Time
	timing Timing
	knobs  Knobs
	rng    rand.PCG
	places map[Place]*place
	queue  queue

	seed           uint64
	handler        Handler
	invocations    map[uint64]*invocation
	lastInvocation uint64
	throttledReads int
	metrics        map[series][]Datapoint
	facts          []Fact
	logging        bool
	trace          func(Fact)

	sessions    map[string]Session // by access key id
	deniedRoles map[string]bool    // by ARN

	seq uint64 // number of events ever queued: breaks ties in time
}

// Knobs are what AWS leaves open. A client has to work with every setting; [New]
// draws one from the seed.
type Knobs struct {
	// StaleUpdates makes the reply to UpdateEventSourceMapping, and reads until
	// the update is done, show the values from before it. AWS says that they
	// may.
	// https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
	StaleUpdates bool
	// EarlyConsumers lets a mapping be created on a consumer that is still
	// CREATING. Neither outcome is documented or recorded; without the knob the
	// mapping is refused, so that whoever waits for ACTIVE is right on AWS
	// whatever it does.
	EarlyConsumers bool
	// RefuseOldTimes makes ListShards refuse a time before the trim horizon, as
	// recorded in September 2026 for a time in 1970, where AWS documents that it
	// is taken for the trim horizon.
	// Recorded: radkawar/stackd, testdata/aws/kinesis/topology.json, FROM_TIMESTAMP-past.
	RefuseOldTimes bool
	// LatestLags makes ListShards show with AT_LATEST also what was closed in the
	// last minute, as recorded two seconds after a reshard. The seed does not
	// draw it.
	// Recorded: radkawar/stackd, testdata/aws/kinesis/topology.json, scaled-current-leaves.
	LatestLags bool
	// ListLag is how far lists of mappings lag behind what was done, which reading one
	// mapping does not. None was ever seen, and none is ruled out. The seed does not
	// draw it.
	ListLag time.Duration
	// LatestAtCreate anchors a mapping that starts at LATEST when it is made, and
	// not when polling begins. Neither is documented; AWS says that records may be
	// missed.
	LatestAtCreate bool
	// FilterAtBatch applies a changed filter also to records that were read before
	// and wait for their batch. AWS does not say when a change takes effect for
	// them.
	FilterAtBatch bool
}

// SetKnobs settles what the seed has drawn, for a test of one setting.
func (w *World) SetKnobs(k Knobs) { w.knobs = k }

// place is what one account has in one region.
type place struct {
	kinesis kinesis
	lambda  lambda
}

// New returns an empty world at start. Whatever is random in it, identifiers
// included, follows from seed.
func New(seed uint64, t Timing, start time.Time) *World {
	w := &World{
		now:    start.UTC(),
		timing: t,
		rng:    *rand.NewPCG(seed, seed),
		places: map[Place]*place{},

		seed:        seed,
		invocations: map[uint64]*invocation{},
		metrics:     map[series][]Datapoint{},

		sessions:    map[string]Session{},
		deniedRoles: map[string]bool{},
	}
	drawn := w.rng.Uint64()
	w.knobs = Knobs{StaleUpdates: drawn&1 == 0, EarlyConsumers: drawn&2 == 0, RefuseOldTimes: drawn&4 == 0, LatestAtCreate: drawn&8 == 0, FilterAtBatch: drawn&16 == 0}
	return w
}

// Now is the time that the world has reached.
func (w *World) Now() time.Time { return w.now }

// Next is the time of the next thing that happens by itself; false when
// nothing is under way.
func (w *World) Next() (time.Time, bool) {
	if len(w.queue) == 0 {
		return time.Time{}, false
	}
	return w.queue[0].at, true
}

// Advance lets time pass until to, carrying out everything due on the way in
// the order of its time. A time before [World.Now] changes nothing: time does
// not run backwards.
func (w *World) Advance(to time.Time) {
	for len(w.queue) > 0 && !w.queue[0].at.After(to) {
		e := w.queue.pop()
		w.now = e.at
		w.happen(e)
	}
	if to.After(w.now) {
		w.now = to.UTC()
	}
}

// Clone returns a copy that shares nothing with w: advancing or changing one
// leaves the other as it was.
func (w *World) Clone() *World {
	c := *w
	c.places = make(map[Place]*place, len(w.places))
	for at, p := range w.places {
		c.places[at] = &place{kinesis: p.kinesis.clone(), lambda: p.lambda.clone()}
	}
	c.queue = append(queue(nil), w.queue...)
	c.invocations = make(map[uint64]*invocation, len(w.invocations))
	for n, inv := range w.invocations {
		copied := *inv // its batch is never changed
		c.invocations[n] = &copied
	}
	c.metrics = make(map[series][]Datapoint, len(w.metrics))
	for k, points := range w.metrics {
		c.metrics[k] = slices.Clone(points)
	}
	c.facts, c.trace = slices.Clip(w.facts), nil
	c.sessions, c.deniedRoles = maps.Clone(w.sessions), maps.Clone(w.deniedRoles)
	return &c
}

// Places lists the accounts and regions that anything was ever asked of.
func (w *World) Places() []Place {
	all := make([]Place, 0, len(w.places))
	for at := range maps.Keys(w.places) {
		all = append(all, at)
	}
	sortPlaces(all)
	return all
}

// at returns what there is in one place, an empty one the first time.
func (w *World) at(at Place) *place {
	p, ok := w.places[at]
	if !ok {
		p = &place{kinesis: newKinesis(), lambda: newLambda()}
		w.places[at] = p
	}
	return p
}

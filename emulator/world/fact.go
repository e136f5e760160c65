package world

import "time"

// FactKind says what a [Fact] is about.
type FactKind uint8

// The kinds of facts.
const (
	Wrote     FactKind = iota + 1 // a record was written
	Attempted                     // a batch was handed to the function
	Discarded                     // records were given up, see Cause
)

// Outcome is how an attempt ended.
type Outcome uint8

// The outcomes of an attempt. The last two never reached the function: there was no
// room, or no such function, alias or version.
const (
	OK Outcome = iota + 1
	Failed
	Throttled
	TargetGone
)

// Reached says whether an attempt got to the function.
func (o Outcome) Reached() bool { return o == OK || o == Failed }

// Causes of a discard.
const (
	ByAge      = "age"      // older than MaximumRecordAgeInSeconds
	ByAttempts = "attempts" // failed MaximumRetryAttempts times again
	ByExpiry   = "expired"  // older than the stream's retention
	ByFilter   = "filter"   // read by one filter, and left out by a newer one before it was handed over
)

// Fact is one thing that happened to records. Facts are for judges: they say
// what happened, and nothing about whether it should have.
type Fact struct {
	Kind   FactKind
	At     time.Time // of an attempt: when it began
	Until  time.Time // of an attempt: when it ended
	Place  Place
	Stream string
	Shard  int

	// Of a write.
	Index int
	Key   string
	Data  []byte

	// Of an attempt and a discard.
	Mapping  string // UUID
	Function string
	Indexes  []int // of the records in their shard
	Outcome  Outcome
	Done     int // of an attempt that failed: how many of the first are done all the same
	Cause    string

	// Destination is where AWS tells of a discard: the mapping's on-failure
	// destination, empty for none and for causes of which it tells nobody.
	Destination string
}

// Log begins to keep facts, or stops.
func (w *World) Log(on bool) { w.logging = on }

// Facts are those that were kept, in the order of time. Attempts stand where
// they ended.
func (w *World) Facts() []Fact { return w.facts }

// Forget throws away the facts that were kept so far.
func (w *World) Forget() { w.facts = nil }

func (w *World) note(f Fact) {
	if w.logging {
		w.facts = append(w.facts, f)
	}
	if w.trace != nil {
		w.trace(f)
	}
}

// Trace calls f with every fact as it happens; nil stops that. A clone has none.
func (w *World) Trace(f func(Fact)) { w.trace = f }

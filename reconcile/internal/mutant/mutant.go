// Package mutant has the errors that the proof of the handover has to find. Without
// the build tag mutants there are none.
package mutant

// The mutants: rules of the handover left out.
const (
	NarrowAtOnce = "narrow at once"          // events leave a filter before others take them
	RetireEarly  = "retire early"            // a mapping stops before others take its events
	Undrained    = "undrained"               // a giver is not asked how far it has read
	Latest       = "start at LATEST"         // a taker starts whenever AWS gets to it
	LatestNow    = "start at LATEST for now" // so does what is to start now
	NoSince      = "no since"                // a widening is not written down, nor read off LastModified
	TrustEnabled = "trust Enabled"           // a state says that a mapping reads
	ReviveMoved  = "revive a moved mapping"  // what others took over comes again
	PrunePartial = "prune on a partial set"  // documents that did not load are taken for gone
	ForgetAge    = "forget the age"          // what waited is discarded on arrival
	TagLast      = "tag last"                // what a change of a filter writes down comes after it, nor is it read off LastModified
)

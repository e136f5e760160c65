package reconcile

import (
	"fmt"
	"strings"
	"time"
)

// The tags that a mapping of ours carries. AWS is the only memory there is.
const (
	TagOwner   = "eventrouting.dev/owner"
	TagRouting = "eventrouting.dev/routing"
	TagRoute   = "eventrouting.dev/route"
	// TagSince is when the mapping's present coverage began, RFC 3339, or
	// [SincePending] from before a change of its filter on. Never earlier than the truth.
	TagSince = "eventrouting.dev/since"
	// TagStart is the start intended for what a consumer's mapping reads, on
	// both: RFC 3339 or trim-horizon. A mapping that goes missing beside its
	// consumer, or stays behind on a dead one, comes back from there.
	TagStart = "eventrouting.dev/start"
	// TagCatchingUp is when a mapping began to run without a limit of age, on
	// purpose: RFC 3339, or done.
	TagCatchingUp = "eventrouting.dev/catching-up"
	// TagCommit is the commit of the documents that a mapping was last changed for. It
	// is written with another change only, so that a commit by itself costs no call.
	TagCommit = "eventrouting.dev/commit"
	// TagStopped is since when a mapping had been disabled that we enabled again: it has
	// that to read first.
	TagStopped = "eventrouting.dev/stopped"
	// TagStreamLeft is since when a mapping's routing reads another stream: RFC 3339, or
	// none for one that is read again.
	TagStreamLeft = "eventrouting.dev/stream-left"
	// TagMade is when a mapping was made disabled, RFC 3339. Whoever makes it writes the
	// tag as it does, and nothing else does: one that has not changed since never ran.
	TagMade = "eventrouting.dev/made"
	// TagOff is the cause and the time of a disabling by us, see [Off].
	TagOff = "eventrouting.dev/off"
)

// SincePending is the value of [TagSince] while a change of the filter is under way. It
// counts as now.
const SincePending = "pending"

// Causes for which we disable a mapping, the first word of [TagOff].
const (
	OffRemoved   = "removed"   // no route wants its events any more
	OffMoved     = "moved"     // other routes take its events
	OffDeclared  = "declared"  // the document says enabled: false
	OffAdmission = "admission" // there are too few concurrent executions for it yet
	// OffRevived is none of them: it is written before a mapping is enabled again, so
	// that what a person disables right afterwards is not taken for our doing.
	OffRevived = "revived"
)

// offGrace is how far LastModified of a disabled mapping may lie behind the time
// in its /off tag, which is written first. LastModified is floored to minutes.
const offGrace = 10 * time.Minute

// Off is the value of [TagOff].
type Off struct {
	Cause string
	At    time.Time
}

func (o Off) String() string { return o.Cause + " " + o.At.UTC().Format(time.RFC3339) }

// ParseOff reads the value of [TagOff]; false when it is none.
func ParseOff(text string) (Off, bool) {
	cause, at, ok := strings.Cut(text, " ")
	t, err := time.Parse(time.RFC3339, at)
	if !ok || err != nil || cause == "" {
		return Off{}, false
	}
	return Off{Cause: cause, At: t.UTC()}, true
}

// offBy says why we disabled a mapping that is live and disabled; false when
// its tags show that a person did, or that nobody knows.
func offBy(m Mapping, tags map[string]string) (Off, bool) {
	o, ok := ParseOff(tags[TagOff])
	switch {
	case !ok:
		return Off{}, false
	case o.Cause == OffRevived:
		// A pass that ended before it had enabled the mapping leaves the tag newer
		// than the mapping. In one and the same minute that cannot be told, and it
		// is rather enabled once too often than not at all.
		return o, !m.Modified.After(o.At)
	}
	// Older than the tag is a mapping that was disabled already when we took it over.
	return o, m.Modified.Sub(o.At) <= offGrace
}

// Note is what the description of a route's alias says: whose it is, the
// stream that its mapping reads and the start intended for it there. Routing
// and route are in the alias's name. It makes a mapping that a crash or a
// person took away come back without a gap, and costs no call to read.
type Note struct {
	Owner  string
	Stream string
	Start  Start
	Left   bool // its mapping went to another alias: once it has, nothing is remembered
}

const (
	notePrefix  = "eventrouting.dev"
	noteHorizon = "trim-horizon"
	noteLeft    = "left"
)

// String is the description: at most 256 characters, AWS's limit, for an owner
// of 32 and a stream of 128.
func (n Note) String() string {
	start := noteHorizon
	if !n.Start.TrimHorizon {
		start = n.Start.At.UTC().Format(time.RFC3339)
	}
	text := fmt.Sprintf("%s owner=%s stream=%s start=%s", notePrefix, n.Owner, n.Stream, start)
	if n.Left {
		text += " " + noteLeft
	}
	return text
}

// ParseNote reads an alias's description; false when we did not write it.
func ParseNote(description string) (Note, bool) {
	words := strings.Fields(description)
	left := len(words) == 5 && words[4] == noteLeft
	if left {
		words = words[:4]
	}
	if len(words) != 4 || words[0] != notePrefix {
		return Note{}, false
	}
	owner, ok1 := strings.CutPrefix(words[1], "owner=")
	stream, ok2 := strings.CutPrefix(words[2], "stream=")
	start, ok3 := strings.CutPrefix(words[3], "start=")
	if !ok1 || !ok2 || !ok3 || owner == "" || stream == "" {
		return Note{}, false
	}
	n := Note{Owner: owner, Stream: stream, Left: left}
	if start == noteHorizon {
		n.Start.TrimHorizon = true
		return n, true
	}
	at, err := time.Parse(time.RFC3339, start)
	if err != nil {
		return Note{}, false
	}
	n.Start.At = at.UTC()
	return n, true
}

// separator stands between routing and route in the name of an alias. No name
// contains it.
const separator = "--"

// QualifierOf is the alias of a route.
func QualifierOf(routing, route string) string { return routing + separator + route }

// SplitQualifier says which routing and route an alias would belong to; false
// for a name that no route has. The name alone makes nothing ours.
func SplitQualifier(qualifier string) (routing, route string, ok bool) {
	routing, route, ok = strings.Cut(qualifier, separator)
	return routing, route, ok && routing != "" && route != ""
}

package reconcile

import (
	"slices"

	"github.com/eventrouting/eventrouting/spec"
)

// Codes of findings about what is live. Those about documents are spec's;
// a stream with too many readers is [spec.CodeReadBudget] there and here.
const (
	CodeAdopted          = "adopted"           // a mapping made by hand on a route's alias becomes the route's
	CodeAssumed          = "assumed"           // --assume-drained names a route that no document has, and nothing live
	CodeBrake            = "brake"             // too many mappings of a routing would stop at once
	CodeByHand           = "by-hand"           // a person disabled a mapping that a route wants running
	CodeFilterUnknown    = "filter-unknown"    // a live filter on the stream is encrypted, or written in what this tool does not know
	CodeFilterUnreadable = "filter-unreadable" // a live filter is encrypted and cannot be read
	CodeFollowMissing    = "follow-missing"    // the alias or version to follow does not exist, or the alias belongs to a route
	CodeForeign          = "foreign"           // a mapping or alias that a route wants is somebody else's
	CodeFunctionMissing  = "function-missing"  // the function does not exist
	CodeIdle             = "idle"              // a mapping runs, and what it is to invoke is gone
	CodeInvokers         = "unknown-invokers"  // a first reservation waits for concurrency.others
	CodeMaximum          = "maximum"           // concurrency.maximum is below a routing's need
	CodeOnly             = "only"              // --only names a route that no document has, and nothing live
	CodeOrder            = "order"             // events move between mappings, which keep the order of a key each for itself
	CodeOrphan           = "orphan"            // a mapping of ours whose routing no document names
	CodeReservationLeft  = "reservation-left"  // a function keeps its reservation and no mapping of a stream runs it any more
	CodeReservedZero     = "reserved-zero"     // somebody reserved 0, which refuses every invocation
	CodeRetired          = "retired"           // a mapping that we disabled and that is not deleted yet
	CodeShortage         = "shortage"          // the account has too few concurrent executions
	CodeStartClamped     = "start-clamped"     // a mapping made anew starts later than intended: events expired
	CodeStreamMissing    = "stream-missing"    // the stream does not exist
	CodeUnsupported      = "unsupported"       // this version cannot do what the document asks
)

// MissingReference says whether a finding's code is about something that a
// document names and that does not exist: the document is wrong, or what it
// names has yet to be made. Either way its routes cannot be planned.
func MissingReference(code string) bool {
	return code == CodeStreamMissing || code == CodeFunctionMissing || code == CodeFollowMissing
}

// Incomplete says whether the documents, or --only, name something that does not exist,
// which is an error. Other findings about what is live never change an exit code.
func (p Plan) Incomplete() bool { return incomplete(p.Findings) }

// Incomplete says the same of an explanation.
func (e Explanation) Incomplete() bool { return incomplete(e.Findings) }

func incomplete(all []spec.Finding) bool {
	return slices.ContainsFunc(all, func(f spec.Finding) bool {
		return MissingReference(f.Code) || f.Code == CodeUnsupported || f.Code == CodeOnly
	})
}

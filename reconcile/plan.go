package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// Kind is the kind of object that an address or a change is about.
type Kind string

// The kinds, in the order that plans list them.
const (
	KindAlias       Kind = "alias"
	KindConsumer    Kind = "consumer"
	KindReservation Kind = "reservation"
	KindMapping     Kind = "mapping"
)

// Addr names an object for people and for dependencies: {mapping
// orders/payments}, {alias order-processor:orders--payments}, {consumer
// orders-events/orders--payments}, {reservation order-processor}.
type Addr struct {
	Kind Kind
	Name string
}

func (a Addr) String() string { return string(a.Kind) + " " + a.Name }

// Action is what a change does.
type Action string

// The actions. A plan has no other way to touch AWS.
const (
	Create   Action = "create"   // a mapping or alias that is not there
	Register Action = "register" // a consumer that is not there
	Update   Action = "update"   // in place; a mapping's position is kept, of a consumer only tags change
	Retire   Action = "retire"   // disable a mapping that no route wants; its position is kept
	Revive   Action = "revive"   // enable a mapping that we had disabled
	Raise    Action = "raise"    // the reservation
	Lower    Action = "lower"    // the reservation
	Delete   Action = "delete"   // what we retired long ago, and the alias or consumer that it used
)

// Change is one step of a plan, as plain data.
//
//	Before  After
//	nil     set    creates
//	set     set    changes in place
//	set     nil    deletes
type Change struct {
	Action Action
	Addr   Addr
	Before Object
	After  Object
	// Needs have to have settled in this apply before the change starts; when
	// one of them does not, the change is skipped. Each is the address of
	// another change of the same plan.
	Needs []Addr
	// Reserved is how many executions have to be reserved for the function of a mapping
	// that is to run more of it, if any are; 0 where nothing hangs on that. Whoever
	// carries the change out looks again.
	Reserved int
	// Reason and Effect are for people; nothing branches on them.
	Reason string // why
	Effect string // what becomes of events
}

// Why says in one word why something wanted is not done yet.
type Why string

// The reasons to hold a change.
const (
	WhyForeign     Why = "foreign"     // the key belongs to somebody else
	WhyUnsettled   Why = "unsettled"   // AWS is still busy with the mapping
	WhyEnding      Why = "ending"      // an invocation of the mapping that is to go may still run
	WhyAsked       Why = "asked"       // a fact is missing that was asked for
	WhyUnreadable  Why = "unreadable"  // the live filter is encrypted and cannot be read
	WhyByHand      Why = "by-hand"     // a person disabled the mapping
	WhyStart       Why = "start"       // the start lies in the future
	WhyShortage    Why = "shortage"    // too few concurrent executions may be reserved
	WhyInvokers    Why = "invokers"    // a first reservation would cap traffic that we cannot see
	WhyLowering    Why = "lowering"    // what is reserved too much may still be in use, or is not ours to take
	WhyBrake       Why = "brake"       // too many mappings of a routing would stop at once
	WhyCatchingUp  Why = "catching-up" // a limit of age would discard what it has yet to read
	WhyTaker       Why = "taker"       // who takes the events over is held itself
	WhyPolicy      Why = "policy"      // the document's policy does not allow it
	WhyPaused      Why = "paused"      // the document is paused, or an operator paused it for a while
	WhyOnly        Why = "only"        // the operator named others for this pass
	WhyMissing     Why = "missing"     // something it needs does not exist
	WhyUnsupported Why = "unsupported" // this version cannot do it
)

// Held is a change that is wanted and not allowed yet.
type Held struct {
	Change
	Why   Why
	Until time.Time // zero: looked at again in every pass
}

// Term is one summand of a function's need.
type Term struct {
	What   string    `json:"what"`             // mapping, foreign, stopped, headroom, others, provisioned, minimum, maximum
	Name   string    `json:"name"`             // the route, the mapping's key, the routing, the qualifier
	Shards int       `json:"shards,omitempty"` // of a mapping: shards of its stream that it can consume at one time
	Factor int       `json:"factor,omitempty"` // of a mapping: parallelizationFactor
	Value  int       `json:"value"`            // executions; negative where maximum cuts
	Until  time.Time `json:"until,omitzero"`   // of a stopped mapping: when its last invocation has ended
	Note   string    `json:"note,omitempty"`   // of a mapping that is to run less, or not at all: for how long it counts as before
}

// Need is a function's concurrency, term by term. Every place that shows
// capacity reads this one.
type Need struct {
	Function string `json:"function"`
	Terms    []Term `json:"terms"`
	Required int    `json:"required"` // sum of the terms
	Reserved *int   `json:"reserved"` // live; nil is unset
	After    *int   `json:"after"`    // once the plan is applied; nil stays unset
}

// Ask is a fact that a plan lacks.
type Ask struct {
	What  AskWhat
	Name  string    // UUID of a mapping, a function, a stream, or the ARN of a consumer; empty for limits
	Since time.Time // of a lineage, a lag, a delivery and a stream's shards: from when on
}

// Reads is what Facts.Read has the answer to such an ask by.
func (a Ask) Reads() string { return a.Name + " since " + a.Since.UTC().Format(time.RFC3339) }

// AskWhat is the kind of a fact.
type AskWhat string

// What can be asked; each answer has its place in [Facts].
const (
	AskTags         AskWhat = "tags"          // of the mapping UUID
	AskFilter       AskWhat = "filter"        // of the mapping UUID, which is encrypted
	AskInvokers     AskWhat = "invokers"      // of the function
	AskLimits       AskWhat = "limits"        // of the account
	AskConsumerTags AskWhat = "consumer-tags" // of the consumer ARN
	AskGone         AskWhat = "gone"          // whether the consumer ARN is, which a list lacks
	AskLineage      AskWhat = "lineage"       // of the stream, further back than its window
	AskLag          AskWhat = "lag"           // of FUNCTION or FUNCTION:QUALIFIER
	AskRead         AskWhat = "read"          // whether a mapping has delivered by FUNCTION:QUALIFIER since a time, into Facts.Read
	AskLeft         AskWhat = "left"          // how long a stream that no document names keeps records, into Facts.Left
	AskVersions     AskWhat = "versions"      // of the function
	AskFunction     AskWhat = "function"      // that no route runs any more, into State.Functions
	AskStream       AskWhat = "stream"        // that mappings of such a function read, into State.Streams
)

// Plan is what a pass would do and what it found. It is data: printing,
// storing and applying it are somebody else's.
type Plan struct {
	At       time.Time
	Account  string // 12 digits; empty when nothing observed names it
	Region   string
	Changes  []Change // in an order in which they can be applied
	Held     []Held
	Findings []spec.Finding
	Needs    []Need
	Asks     []Ask // facts to answer before this plan is worth applying
	// Busy are mappings that are as wanted and that AWS is not done with, such as
	// those of an apply that was killed: each as the change that would wait for it.
	Busy []Change
}

// Empty says whether there is nothing to apply. What is held counts as nothing.
func (p Plan) Empty() bool { return len(p.Changes) == 0 }

// Braked says whether something is held because too much would stop at once.
func (p Plan) Braked() bool {
	return slices.ContainsFunc(p.Held, func(h Held) bool { return h.Why == WhyBrake })
}

// Options are what the operator decides for a pass.
type Options struct {
	Owner string // whose things are ours; at most 32 characters
	// RespectManual is how long a mapping that a person disabled is left alone.
	RespectManual time.Duration
	// KeepFree is how many of the account's concurrent executions stay
	// unreserved; 0 is the larger of 100 and a fifth of the account's limit.
	KeepFree int
	// AllowDeletes is how many mappings of a routing may be stopped in one pass
	// whatever share of it they are.
	AllowDeletes int
	// AssumeDrained names routes, ROUTING/ROUTE, that the operator knows to have read
	// past where those that take their events began.
	AssumeDrained []string
	// Only names routings, and routes as ROUTING/ROUTE, that this pass changes; empty
	// for all. The reservation and what follows an alias are never left out.
	Only []string
	// Commit is that of the documents, for the tags of mappings that change; empty for none.
	Commit string
	// Words asks what operators said of each routing also where nothing hangs on it.
	Words bool
	// Prune retires what no document names as what a document names no longer.
	Prune bool
	// Partial says that not all documents could be loaded: nothing of a routing that
	// none names is touched, also with Prune.
	Partial bool
}

// Strangers are findings about routings that options name and no document has.
// Documents of several accounts and regions are planned apart, and no plan could
// tell. With Prune it may be an orphan that is meant.
func (o Options) Strangers(docs []spec.EventRouting) []spec.Finding {
	var all []spec.Finding
	find := func(flag, code string, names []string) {
		for _, name := range names {
			routing, _, _ := strings.Cut(name, "/")
			if !o.Prune && !slices.ContainsFunc(docs, func(d spec.EventRouting) bool { return d.Metadata.Name == routing }) {
				all = append(all, spec.Finding{
					Severity: spec.Error, Code: code, Path: name,
					Message: fmt.Sprintf("%s %s: no document names routing %q", flag, name, routing),
				})
			}
		}
	}
	find("--only", CodeOnly, o.Only)
	find("--assume-drained", CodeAssumed, o.AssumeDrained)
	return all
}

// Scope is what of AWS a set of documents concerns.
type Scope struct {
	Streams   []string // names or ARNs, as the documents write them; sorted
	Functions []string // names, sorted
	ARNs      []string // of those of Functions that the documents write as ARNs
	FanOut    []string // those of Streams whose consumers matter, as in Streams
	// Since is how far back closed shards matter, the longest releaseAfter, and
	// Windows the same by name of those streams that documents name.
	Since   time.Duration
	Windows map[string]time.Duration
}

// Reader looks at AWS and changes nothing. A dry run has only this.
type Reader interface {
	// Observe reads the live state of a scope at a time. Streams and functions
	// that do not exist are absent from it; that is no error.
	Observe(ctx context.Context, s Scope, now time.Time) (State, error)
	// Answer adds the facts that a plan asked for to a state that Observe or
	// Answer returned, which is left as it was.
	Answer(ctx context.Context, s State, asks []Ask) (State, error)
}

// Writer changes AWS.
type Writer interface {
	// Start begins one change. It first reads its target again and returns
	// [ErrStale] if that no longer equals Before, or if less is reserved than the
	// change says. A create that is answered "exists" is read back: equal to After it
	// is done, else stale.
	Start(ctx context.Context, c Change) error
	// Settled waits until at least one of the started changes has settled and
	// returns those that have, by one poll for all of them.
	Settled(ctx context.Context, started []Change) ([]Change, error)
}

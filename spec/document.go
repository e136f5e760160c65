// Package spec is what people write: EventRouting documents, how they are
// loaded, and what is wrong with them.
//
// A document names one stream, one function and the routes between them. [Load]
// reads documents from files and folders and reports every problem of every
// file as a [Finding] with file, line and path. What it returns holds exactly
// what was written; [EventRouting.Resolve] answers with defaults filled in.
//
// The package does no I/O but through the fs.FS it is given, reads no clock and
// knows nothing of AWS's API.
package spec

import (
	"encoding/json"
	"time"
)

// What apiVersion and kind must say.
const (
	APIVersion = "eventrouting.dev/v1alpha1"
	Kind       = "EventRouting"
)

// EventRouting is one document: a routing of event types from one stream.
// Pointers and empty strings are settings that were not written.
type EventRouting struct {
	APIVersion string   `json:"apiVersion"` // eventrouting.dev/v1alpha1
	Kind       string   `json:"kind"`       // EventRouting
	Metadata   Metadata `json:"metadata"`
	Spec       Spec     `json:"spec"`

	// Origin is where the document was read from; it is no part of it.
	Origin Origin `json:"-"`
	// Home is where it is as far as it does not say, once that is known.
	Home Home `json:"-"`
}

// Home is where documents are that do not say: the region and the account of who
// runs the program. Empty for not known.
type Home struct{ Region, Account string }

// Metadata names a routing.
type Metadata struct {
	// Name is a DNS label without "--", at most 40 characters, unique among the
	// documents of an owner.
	Name string `json:"name"`
	// Labels are for --selector: at most 63 characters of letters, digits, '-',
	// '_' and '.', a key with an optional DNS prefix, as Kubernetes has them.
	Labels map[string]string `json:"labels,omitempty"`
}

// Spec is what a routing wants.
type Spec struct {
	Region      string       `json:"region,omitempty"`     // else the SDK's own chain
	AssumeRole  string       `json:"assumeRole,omitempty"` // ARN of an IAM role
	Stream      string       `json:"stream"`               // name or ARN
	Function    Function     `json:"function"`
	EventType   EventType    `json:"eventType"`
	Defaults    *Settings    `json:"defaults,omitempty"`  // what routes set that do not set it themselves
	Isolation   Isolation    `json:"isolation,omitempty"` // Alias, FanOut or Function, of routes that say nothing else; default Alias
	Routes      []Route      `json:"routes"`              // [] retires all that there are
	Concurrency *Concurrency `json:"concurrency,omitempty"`
	// OtherReaders is how many readers of the stream share its read budget
	// without being visible to us, 0 to 1000.
	OtherReaders int       `json:"otherReaders,omitempty"`
	Handover     *Handover `json:"handover,omitempty"`
	RetireAfter  *Duration `json:"retireAfter,omitempty"` // how long a retired mapping keeps its position before it is deleted; default 24h
	Policy       Policy    `json:"policy,omitempty"`      // which changes a pass may make; default Sync, which is all
	Paused       bool      `json:"paused,omitempty"`      // aliases follow and the reservation rises, nothing else
}

// Function is the Lambda function that routes run.
type Function struct {
	Name   string `json:"name"`             // name or ARN, unqualified
	Follow string `json:"follow,omitempty"` // alias or version that routes run; default $LATEST
}

// EventType says where an event's type stands.
type EventType struct {
	// Path is dotted, inside the record's decoded JSON payload, such as
	// "eventType" or "meta.type".
	Path string `json:"path"`
}

// Isolation is how a route's mapping gets a key of its own: AWS allows one
// mapping per event source and qualified function, whatever the filter.
type Isolation string

// The three ways, by what tells the mappings apart.
const (
	IsolationAlias    Isolation = "Alias"    // an alias of the function
	IsolationFanOut   Isolation = "FanOut"   // an enhanced fan-out consumer of the stream
	IsolationFunction Isolation = "Function" // a function of its own
)

// Policy limits which changes a pass may make.
type Policy string

// Policies, from everything to nothing but additions.
const (
	PolicySync       Policy = "Sync"
	PolicyUpsertOnly Policy = "UpsertOnly"
	PolicyCreateOnly Policy = "CreateOnly"
)

// Route sends events of some types to the function.
type Route struct {
	// Name is a DNS label without "--", at most 40 characters, unique in the
	// document.
	Name string `json:"name"`
	// EventTypes are what the route takes, letter by letter.
	EventTypes []string `json:"eventTypes,omitempty"`
	// CatchAll takes what no other route of the document names, and events
	// without a type.
	CatchAll bool `json:"catchAll,omitempty"`
	Settings
}

// Settings are what a route may set, and `defaults` for all routes of the
// document. nil and empty mean not written.
type Settings struct {
	Enabled *bool `json:"enabled,omitempty"` // false: disabled, position kept
	// Where holds further conditions on the payload in Lambda's pattern syntax,
	// a JSON object.
	Where                   json.RawMessage `json:"where,omitempty"`
	AllowOverlap            *bool           `json:"allowOverlap,omitempty"` // true on both: two routes may take the same events
	Isolation               Isolation       `json:"isolation,omitempty"`    // Alias, FanOut or Function
	Function                string          `json:"function,omitempty"`     // with isolation Function: name or ARN, unqualified
	BatchSize               *int            `json:"batchSize,omitempty"`
	MaxBatchingWindow       *Duration       `json:"maxBatchingWindow,omitempty"`
	ParallelizationFactor   *int            `json:"parallelizationFactor,omitempty"` // batches per shard at once, 1 to 10
	StartFrom               *StartFrom      `json:"startFrom,omitempty"`             // Now, TrimHorizon or an RFC 3339 time; read when a mapping is created, never again
	Retry                   *Retry          `json:"retry,omitempty"`
	OnFailure               *string         `json:"onFailure,omitempty"`               // ARN; "" for none where defaults name one
	ReportBatchItemFailures *bool           `json:"reportBatchItemFailures,omitempty"` // the function says which records of a batch failed
	TumblingWindow          *Duration       `json:"tumblingWindow,omitempty"`          // 0s: AWS takes none beside a filter
	KMSKey                  *string         `json:"kmsKey,omitempty"`                  // ARN of the key that encrypts the filter; "" for none
	Metrics                 *[]string       `json:"metrics,omitempty"`                 // EventCount
}

// Retry says what happens to a batch that the function fails.
type Retry struct {
	MaxAttempts   *int      `json:"maxAttempts,omitempty"`   // retries, 0 to 10000; -1 or unset: without end
	MaxAge        *Duration `json:"maxAge,omitempty"`        // 1m to 168h; unset: until the data expires
	BisectOnError *bool     `json:"bisectOnError,omitempty"` // try a failed batch again in halves
}

// Concurrency is this routing's share of the function's reservation.
type Concurrency struct {
	Headroom     *Amount    `json:"headroom,omitempty"`     // share of the routing's need, or executions
	Minimum      *int       `json:"minimum,omitempty"`      // of the function's reservation
	Maximum      *int       `json:"maximum,omitempty"`      // cap of the routing's own share
	Others       *int       `json:"others,omitempty"`       // executions for invokers that cannot be counted; 0 differs from unset
	ReleaseAfter *Duration  `json:"releaseAfter,omitempty"` // how long closed shards count as running, 21m at least; default 24h
	OnShortage   OnShortage `json:"onShortage,omitempty"`   // Hold or Admit: what becomes of new routes when too little can be reserved; default Hold
}

// OnShortage says what becomes of new routes when the reservation cannot be
// made large enough.
type OnShortage string

// Hold keeps new routes waiting so that running ones stay isolated; Admit lets
// them share what there is.
const (
	OnShortageHold  OnShortage = "Hold"
	OnShortageAdmit OnShortage = "Admit"
)

// Handover tunes how event types move between routes.
type Handover struct {
	// AssumeLagBelow is the lag that a handover assumes where none is measured.
	AssumeLagBelow *Duration `json:"assumeLagBelow,omitempty"`
}

// Resolved is a route with every default filled in: the document's `defaults`,
// then AWS's own.
type Resolved struct {
	Index                   int // of the route in its document
	Name                    string
	EventTypes              []string
	CatchAll                bool
	Enabled                 bool
	Where                   json.RawMessage
	AllowOverlap            bool
	Isolation               Isolation
	Function                string        // the route's own with isolation Function, else the document's; as written
	BatchSize               int           // records, 1 to 10000
	MaxBatchingWindow       time.Duration // whole seconds, 0 to 5m
	ParallelizationFactor   int           // 1 to 10
	StartFrom               StartFrom
	MaxAttempts             int           // retries, -1 for no limit
	MaxAge                  time.Duration // -1s for no limit, as AWS writes it
	BisectOnError           bool
	OnFailure               string
	ReportBatchItemFailures bool
	TumblingWindow          time.Duration // whole seconds, 0 for none
	KMSKey                  string
	Metrics                 []string
}

package reconcile

import "time"

// Object is a thing in AWS that a plan can change: a *[Mapping], *[Alias],
// *[Consumer] or *[Reservation].
type Object interface{ object() }

func (*Mapping) object()     {}
func (*Alias) object()       {}
func (*Consumer) object()    {}
func (*Reservation) object() {}

// Mapping is an event source mapping. Settings carry AWS's names and units; the
// zero value of each is AWS's "none", and -1 its "no limit".
type Mapping struct {
	Key     Key  `json:"key"`
	Enabled bool `json:"enabled"` // live: not Disabled, Disabling or Deleting

	Filters        []string `json:"filters,omitempty"`        // patterns, ORed; none takes everything
	FiltersUnknown bool     `json:"filtersUnknown,omitempty"` // live: encrypted, and not read or not readable

	BatchSize                  int      `json:"batchSize"`
	MaximumBatchingWindow      int      `json:"maximumBatchingWindowInSeconds"`
	ParallelizationFactor      int      `json:"parallelizationFactor"`
	MaximumRetryAttempts       int      `json:"maximumRetryAttempts"`
	MaximumRecordAge           int      `json:"maximumRecordAgeInSeconds"`
	BisectBatchOnFunctionError bool     `json:"bisectBatchOnFunctionError"`
	TumblingWindow             int      `json:"tumblingWindowInSeconds"`
	OnFailure                  string   `json:"onFailure,omitempty"`
	ReportBatchItemFailures    bool     `json:"reportBatchItemFailures"`
	KMSKey                     string   `json:"kmsKeyArn,omitempty"`
	Metrics                    []string `json:"metrics,omitempty"`

	Start Start             `json:"start"`          // read when a mapping is created; never a difference
	Tags  map[string]string `json:"tags,omitempty"` // to write; live: see Facts.Tags

	// The rest is live.

	UUID               string    `json:"uuid,omitempty"`
	ARN                string    `json:"arn,omitempty"`
	SourceARN          string    `json:"sourceArn,omitempty"`
	FunctionARN        string    `json:"functionArn,omitempty"`
	State              string    `json:"state,omitempty"` // Creating, Enabling, Enabled, Disabling, Disabled, Updating or Deleting
	Modified           time.Time `json:"modified,omitzero"`
	LastResult         string    `json:"lastResult,omitempty"`
	MaximumConcurrency int       `json:"maximumConcurrency,omitempty"` // of an SQS source; 0 is none
}

// Settled says whether AWS is done with the last change of the mapping. Until
// then its reply may show old values, and it refuses another change.
func (m Mapping) Settled() bool { return m.State == "Enabled" || m.State == "Disabled" }

// Start is where a mapping begins to read.
type Start struct {
	TrimHorizon bool      `json:"trimHorizon,omitempty"`
	At          time.Time `json:"at,omitzero"` // zero unless AT_TIMESTAMP
}

func (s Start) String() string {
	switch {
	case s.TrimHorizon:
		return "the trim horizon"
	case s.At.IsZero():
		return "unknown"
	}
	return s.At.UTC().Format(time.RFC3339)
}

// Alias is an alias of a function. Ours are the targets of mappings.
type Alias struct {
	Key         AliasKey           `json:"key"`
	Version     string             `json:"version"`           // what it points to: a version or $LATEST
	Weights     map[string]float64 `json:"weights,omitempty"` // share of invocations, 0 to 1, that go to another version
	Description string             `json:"description"`       // ours: see [Note]

	// The rest is live.

	ARN        string `json:"arn,omitempty"`
	RevisionID string `json:"revisionId,omitempty"`
}

// Consumer is an enhanced fan-out consumer of a stream.
type Consumer struct {
	Key  ConsumerKey       `json:"key"`
	Tags map[string]string `json:"tags,omitempty"` // to write; live: see Facts.ConsumerTags

	ARN    string `json:"arn,omitempty"`    // live
	Status string `json:"status,omitempty"` // live: CREATING, ACTIVE or DELETING
}

// Reservation is a function's reserved concurrency. A function without one has
// no Reservation.
type Reservation struct {
	Function string `json:"function"`
	Reserved int    `json:"reserved"` // concurrent executions; 0 refuses every invocation
}

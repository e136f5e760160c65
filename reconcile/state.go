// Package reconcile is the tool: it compares what documents want with what is
// live and says, as data, what has to change.
//
// The loop around it is Observe, Compute; while the plan asks, Answer and
// Compute again; then Apply.
//
//	documents --+
//	            +--> Compute --> Plan --> Apply --> AWS
//	live State -+                  |
//	     ^-------- Answer <-- Asks +
//
// [Compute] is a pure and total function of the documents, the live [State]
// and the time of the pass: the same input in any order gives the same [Plan].
// Desired and live have the same types, so that two values of one type are
// compared and a list of plain changes comes out.
//
// Nothing here does I/O or reads a clock. [Reader] and [Writer] are what a pass
// needs of AWS; awsapi has both, and a dry run holds a Reader only.
package reconcile

import (
	"fmt"
	"strings"
	"time"
)

// State is what is live in one account and region, as far as the documents
// concern it. The desired side is made of the same objects, with the fields
// marked live left empty. Absent from a map means that it does not exist.
type State struct {
	Account   string `json:"account,omitempty"`   // 12 digits; empty when nothing observed names it
	Region    string `json:"region,omitempty"`    // where the calls went
	Partition string `json:"partition,omitempty"` // aws, aws-cn, ...

	Streams   map[string]Stream        `json:"streams,omitempty"`   // by name
	Functions map[string]Function      `json:"functions,omitempty"` // by name
	Aliases   map[AliasKey]Alias       `json:"aliases,omitempty"`   // every alias of those functions
	Consumers map[ConsumerKey]Consumer `json:"consumers,omitempty"` // every consumer of the streams in Scope.FanOut
	Mappings  map[Key][]Mapping        `json:"mappings,omitempty"`  // every mapping of account and region; more than one per key only where AWS allows what we do not know

	Facts Facts `json:"facts"`
}

// Facts were read on demand, because a plan asked. Absent means not asked,
// never "none".
type Facts struct {
	Tags     map[string]map[string]string `json:"tags,omitempty"`     // of a mapping, by UUID
	Filters  map[string]EncryptedFilter   `json:"filters,omitempty"`  // of a mapping whose filter is encrypted, by UUID
	Invokers map[string]Invokers          `json:"invokers,omitempty"` // by function
	Limits   *Limits                      `json:"limits,omitempty"`   // of the account in the region

	ConsumerTags map[string]map[string]string `json:"consumerTags,omitempty"` // by the ARN of the consumer
	Gone         map[string]bool              `json:"gone,omitempty"`         // whether a consumer is that a list lacks, by its ARN
	Lineages     map[string]Lineage           `json:"lineages,omitempty"`     // further back than Stream.Shards, by stream
	Lags         map[string]Lag               `json:"lags,omitempty"`         // by FUNCTION or FUNCTION:QUALIFIER
	Read         map[string]bool              `json:"read,omitempty"`         // whether a mapping has delivered, by [Ask.Reads]
	Left         map[string]LeftStream        `json:"left,omitempty"`         // that no document names any more, by name
	Versions     map[string]Versions          `json:"versions,omitempty"`     // by function
}

// Lag is how far behind the batches of a function, or of one of its qualifiers,
// were when they began, minute by minute, by CloudWatch's IteratorAge. A minute
// without a batch or a throttle is left out. What is under way is not in it: AWS
// reports an invocation when it has ended.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html
type Lag []LagMinute

// LagMinute is one minute of a [Lag].
type LagMinute struct {
	At        time.Time     `json:"at"`      // when it began
	Batches   bool          `json:"batches"` // one began in it
	Age       time.Duration `json:"age"`     // of the last record of a batch, at most
	Throttles int           `json:"throttles,omitempty"`
}

// LeftStream is what is known of a stream that no document names; nothing where it may not
// be read.
type LeftStream struct {
	Retention time.Duration `json:"retention,omitempty"`
	Gone      bool          `json:"gone,omitempty"`
}

// Versions are those of a function, $LATEST among them.
type Versions struct {
	Names []string `json:"names"`
	// Timeout is the longest that any of them allows an invocation to take, and
	// Latest when $LATEST was last changed: what it allowed before nobody knows.
	Timeout time.Duration `json:"timeout"`
	Latest  time.Time     `json:"latest"`
}

// Lineage is what a stream's shards are and were since some time.
type Lineage struct {
	Since  time.Time `json:"since"`
	Shards []Shard   `json:"shards,omitempty"` // open ones, and those closed since
}

// EncryptedFilter is what could be read of a filter that a KMS key encrypts.
type EncryptedFilter struct {
	Filters []string `json:"filters,omitempty"`
	Error   string   `json:"error,omitempty"` // why it could not be read; Filters then say nothing
}

// Invokers are those of a function that mappings do not show.
type Invokers struct {
	Policies []string `json:"policies,omitempty"` // qualifiers with a resource policy, $LATEST for the function itself
	URLs     []string `json:"urls,omitempty"`     // qualifiers with a function URL
}

// Limits are the account's concurrent executions in a region.
type Limits struct {
	ConcurrentExecutions int `json:"concurrentExecutions"`
	Unreserved           int `json:"unreserved"` // what no function has reserved
}

// Key is AWS's uniqueness of mappings, by names, so that the desired side needs
// no account id.
type Key struct {
	Stream    string // name of a stream of this account and region; for any other source its ARN, or a text like one
	Consumer  string // name of the enhanced fan-out consumer, empty for the shared iterator
	Function  string // name
	Qualifier string // alias, version or $LATEST as the mapping names it; empty for none, which AWS keeps apart from $LATEST
}

// Kinesis says whether the source is a stream of this account and region.
func (k Key) Kinesis() bool { return k.Stream != "" && !strings.HasPrefix(k.Stream, "arn:") }

// Target is the function as calls name it.
func (k Key) Target() string {
	if k.Qualifier == "" {
		return k.Function
	}
	return k.Function + ":" + k.Qualifier
}

func (k Key) String() string { return k.source() + " -> " + k.Target() }

// source is the stream, or the stream and the consumer.
func (k Key) source() string {
	if k.Consumer != "" {
		return k.Stream + "/" + k.Consumer
	}
	return k.Stream
}

// MarshalText makes a Key the key of a JSON object, in the form of String.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (k *Key) UnmarshalText(b []byte) error {
	source, target, ok := strings.Cut(string(b), " -> ")
	if !ok {
		return fmt.Errorf("key %q: want SOURCE -> FUNCTION[:QUALIFIER]", b)
	}
	*k = Key{Stream: source}
	if k.Kinesis() {
		k.Stream, k.Consumer, _ = strings.Cut(source, "/")
	}
	k.Function, k.Qualifier, _ = strings.Cut(target, ":")
	return nil
}

// AliasKey names an alias of a function.
type AliasKey struct{ Function, Name string }

func (k AliasKey) String() string { return k.Function + ":" + k.Name }

// MarshalText makes an AliasKey the key of a JSON object.
func (k AliasKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (k *AliasKey) UnmarshalText(b []byte) error {
	k.Function, k.Name, _ = strings.Cut(string(b), ":")
	return nil
}

// ConsumerKey names an enhanced fan-out consumer of a stream.
type ConsumerKey struct{ Stream, Name string }

func (k ConsumerKey) String() string { return k.Stream + "/" + k.Name }

// MarshalText makes a ConsumerKey the key of a JSON object.
func (k ConsumerKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (k *ConsumerKey) UnmarshalText(b []byte) error {
	k.Stream, k.Name, _ = strings.Cut(string(b), "/")
	return nil
}

// Stream is a live Kinesis stream.
type Stream struct {
	Name      string        `json:"name"`
	ARN       string        `json:"arn,omitempty"`
	Status    string        `json:"status"` // CREATING, ACTIVE, UPDATING or DELETING
	Mode      string        `json:"mode,omitempty"`
	Retention time.Duration `json:"retention,omitempty"`
	// ConsumerCount is of enhanced fan-out consumers, whoever they belong to.
	ConsumerCount int     `json:"consumerCount,omitempty"`
	Shards        []Shard `json:"shards,omitempty"` // open ones, and those closed inside the window that [Scope] asked for
}

// Shard is one shard and where it came from.
type Shard struct {
	ID      string   `json:"id"`
	Parents []string `json:"parents,omitempty"` // none, one after a split, two after a merge; they may be gone
	Closed  bool     `json:"closed,omitempty"`
}

// Function is a live Lambda function.
type Function struct {
	Name        string        `json:"name"`
	ARN         string        `json:"arn,omitempty"`      // unqualified; empty where nothing observed shows it
	Reserved    *int          `json:"reserved,omitempty"` // reserved concurrent executions; nil is unset, which is not 0
	Provisioned []Provisioned `json:"provisioned,omitempty"`
}

// Provisioned is the provisioned concurrency of one version or alias. It is
// carved out of the function's reservation.
type Provisioned struct {
	Qualifier string `json:"qualifier"`
	Requested int    `json:"requested"`
}

package world

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// kinesis is what one account has of Kinesis in one region.
type kinesis struct {
	limits  *KinesisLimits // nil: those of the region
	streams map[string]*stream
}

// stream is one data stream. What it is waiting for is in stamp.
type stream struct {
	id        uint64 // another stream may come to have its name
	name, arn string
	status    string
	settings
	next      *settings // that an update under way will bring
	created   time.Time // whole seconds, as AWS shows them
	horizon   time.Time // nothing from before is readable any more, whatever the retention
	policy    string    // resource policy; empty: none
	tags      map[string]string
	begin     int // shards to open when created
	shards    lineage
	plan      []reshape // of the reshard under way
	steps     int       // how many steps it has left,
	until     time.Time // and when the last is due
	stamp     uint64
	scalings  []time.Time // accepted UpdateShardCount calls
	modes     []time.Time // accepted UpdateStreamMode calls
	consumers map[string]*consumer
	epochs    map[string]int64 // the creation second of the last consumer of a name

	logs         []log // records, by shard
	otherReaders int   // on the shared iterator, that are no mappings
}

// settings are what a stream's owner can change. AWS goes on showing the old
// ones while the stream is UPDATING.
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, retention-ready-0,
// mode-on-demand-ready-0, settled-monitor-add-ready-0, settled-max-record-2048-ready-0.
type settings struct {
	onDemand  bool
	retention time.Duration
	recordKiB int
	strategy  string   // record distribution, as asked for
	metrics   []string // enhanced monitoring; replaced, never changed
	key       string   // KMS key as it was named; empty: not encrypted
}

// final is a stream's settings as they will be once it is ACTIVE.
func (s *stream) final() settings {
	if s.next != nil {
		return *s.next
	}
	return s.settings
}

// States of streams and consumers. Consumers have no UPDATING.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StreamDescription.html
const (
	StatusCreating = "CREATING"
	StatusActive   = "ACTIVE"
	StatusUpdating = "UPDATING"
	StatusDeleting = "DELETING"
)

func newKinesis() kinesis { return kinesis{streams: map[string]*stream{}} }

func (k kinesis) clone() kinesis {
	c := kinesis{limits: k.limits, streams: make(map[string]*stream, len(k.streams))}
	for name, s := range k.streams {
		c.streams[name] = s.clone()
	}
	return c
}

func (s *stream) clone() *stream {
	c := *s
	c.tags = maps.Clone(s.tags)
	c.shards = s.shards.clone()
	c.plan = slices.Clone(s.plan)
	c.scalings = slices.Clone(s.scalings)
	c.modes = slices.Clone(s.modes)
	c.epochs = maps.Clone(s.epochs)
	c.logs = slices.Clone(s.logs)
	for i := range c.logs {
		c.logs[i].records = slices.Clip(c.logs[i].records) // never changed, and grown by a copy
	}
	if s.next != nil {
		next := *s.next
		c.next = &next
	}
	c.consumers = make(map[string]*consumer, len(s.consumers))
	for name, x := range s.consumers {
		y := *x
		y.tags = maps.Clone(x.tags)
		c.consumers[name] = &y
	}
	return &c
}

// KinesisLimits are the quotas of one account in one region.
// https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
type KinesisLimits struct {
	Shards          int // open shards of all provisioned streams
	OnDemandStreams int
	Consumers       int // enhanced fan-out consumers of one stream: 20, or 50 with On-demand Advantage
}

// KinesisLimits are those set, else AWS's defaults: 20,000 shards in three
// large regions and 1,000 elsewhere (newer accounts have 6,000 in some).
func (w *World) KinesisLimits(at Place) KinesisLimits {
	if l := w.at(at).kinesis.limits; l != nil {
		return *l
	}
	l := KinesisLimits{Shards: 1000, OnDemandStreams: 50, Consumers: 20}
	switch at.Region {
	case "us-east-1", "us-west-2", "eu-west-1":
		l.Shards = 20000
	}
	return l
}

// SetKinesisLimits changes the quotas, as AWS does on request.
func (w *World) SetKinesisLimits(at Place, l KinesisLimits) { w.at(at).kinesis.limits = &l }

// unready is the consumer that a source names where it is still CREATING.
func (k *kinesis) unready(arn string) (*consumer, bool) {
	resource := arn[strings.LastIndex(arn, ":stream/")+1:]
	name, _, isConsumer := strings.Cut(strings.TrimPrefix(resource, "stream/"), "/consumer/")
	if s := k.streams[name]; isConsumer && s != nil {
		c := s.consumer(arn)
		return c, c != nil && c.status == StatusCreating
	}
	return nil, false
}

// hasSource tells whether a mapping can be created on a stream or consumer.
func (k *kinesis) hasSource(arn string) bool {
	if !strings.HasPrefix(arn, "arn:") {
		return false
	}
	resource := arn[strings.LastIndex(arn, ":stream/")+1:]
	name, _, isConsumer := strings.Cut(strings.TrimPrefix(resource, "stream/"), "/consumer/")
	s := k.streams[name]
	if s == nil || s.status == StatusDeleting {
		return false
	}
	if !isConsumer {
		return s.arn == arn
	}
	c := s.consumer(arn)
	return c != nil && c.status != StatusDeleting
}

// stream finds a stream by its name.
func (w *World) stream(at Place, name string) (*stream, error) {
	s := w.at(at).kinesis.streams[name]
	if s == nil {
		return nil, noStream(name, at.Account)
	}
	return s, nil
}

// idle finds a stream that nothing is under way on.
func (w *World) idle(at Place, name string) (*stream, error) {
	s, err := w.stream(at, name)
	if err != nil {
		return nil, err
	}
	if s.status != StatusActive {
		return nil, notActive(s, at)
	}
	return s, nil
}

// noStream has the text recorded from AWS.
func noStream(name, account string) error {
	return refuse(http.StatusBadRequest, "ResourceNotFoundException",
		"Stream %s under account %s not found.", name, account)
}

// notActive has the text seen on AWS: github.com/mhart/kinesalite test/splitShard.js
func notActive(s *stream, at Place) error {
	return refuse(http.StatusBadRequest, "ResourceInUseException",
		"Stream %s under account %s not ACTIVE, instead in state %s", s.name, at.Account, s.status)
}

func badArgument(format string, args ...any) error {
	return refuse(http.StatusBadRequest, "InvalidArgumentException", format, args...)
}

func failsValidation(format string, args ...any) error {
	return refuse(http.StatusBadRequest, "ValidationException", format, args...)
}

func overLimit(format string, args ...any) error {
	return refuse(http.StatusBadRequest, "LimitExceededException", format, args...)
}

// isStreamName tells whether s can name a stream or consumer.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
func isStreamName(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

func badName(member, value string) error {
	return failsValidation("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: "+
		"Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+", value, member)
}

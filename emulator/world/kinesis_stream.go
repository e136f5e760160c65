package world

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// NewStream says what to create. Shards is for a provisioned stream only.
type NewStream struct {
	Name         string
	Shards       int
	OnDemand     bool
	Tags         map[string]string
	RecordKiB    int    // largest record; 0 is AWS's 1024
	Distribution string // record distribution strategy; empty is AWS's USER_PARTITION_KEY
}

// Stream is what a stream is like at one moment.
type Stream struct {
	Name, ARN    string
	Status       string // StatusCreating, StatusActive, StatusUpdating, StatusDeleting
	OnDemand     bool
	Created      time.Time // whole seconds
	Retention    time.Duration
	OpenShards   int
	Consumers    int
	RecordKiB    int
	Distribution string   // empty for a provisioned stream
	Metrics      []string // shard-level metrics that are on
	KeyID        string   // of the KMS key, as it was given; empty: not encrypted
	Tags         map[string]string
}

// An on-demand stream begins with 4 shards, as recorded from AWS.
const onDemandShards = 4

// StreamARN is the ARN of a stream, whether it exists or not.
func StreamARN(at Place, name string) string {
	return fmt.Sprintf("arn:aws:kinesis:%s:%s:stream/%s", at.Region, at.Account, name)
}

// CreateStream starts the creation of a stream, which is ACTIVE after
// [Timing].StreamCreate. Until then it has no shards.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
func (w *World) CreateStream(at Place, n NewStream) error {
	if err := w.checkNewStream(at, n); err != nil {
		return err
	}
	busy := 0
	for _, s := range w.at(at).kinesis.streams {
		if s.status == StatusCreating || s.status == StatusDeleting {
			busy++
		}
	}
	if busy >= 5 {
		// Text: github.com/aws/aws-sdk-java-v2, its Kinesis integration tests.
		return overLimit("This request would have exceed the limit on the number of streams " +
			"that can simultaneously be in CREATING or DELETING. Limit: 5")
	}
	s := w.addStream(at, n)
	s.status = StatusCreating
	s.stamp = w.later(w.timing.StreamCreate, streamSettles, at, s.name)
	return nil
}

// SeedStream puts a provisioned stream into the world that is ACTIVE at once. A
// stream that is there already and has that many open shards stays as it is.
func (w *World) SeedStream(at Place, name string, shards int) error {
	if s := w.at(at).kinesis.streams[name]; s != nil && s.status == StatusActive && len(s.shards.open) == shards {
		return nil
	}
	n := NewStream{Name: name, Shards: shards}
	if err := w.checkNewStream(at, n); err != nil {
		return err
	}
	s := w.addStream(at, n)
	w.open(s)
	return nil
}

func (w *World) checkNewStream(at Place, n NewStream) error {
	if !isStreamName(n.Name) {
		return badName("streamName", n.Name)
	}
	if !n.OnDemand && n.Shards < 1 {
		return failsValidation("1 validation error detected: Value '%d' at 'shardCount' failed to satisfy constraint: "+
			"Member must have value greater than or equal to 1", n.Shards)
	}
	if n.RecordKiB != 0 && (n.RecordKiB < 1024 || n.RecordKiB > 10240) {
		return failsValidation("1 validation error detected: Value '%d' at 'maxRecordSizeInKiB' failed to satisfy constraint: "+
			"Member must be between 1024 and 10240", n.RecordKiB)
	}
	if n.Distribution != "" && !n.OnDemand {
		// Unverified text. The rule: the documentation of CreateStream.
		return failsValidation("RecordDistributionStrategy is only supported for streams in ON_DEMAND mode.")
	}
	if err := checkTags("stream", n.Name, at, nil, n.Tags); err != nil {
		return err
	}
	if w.at(at).kinesis.streams[n.Name] != nil {
		return refuse(http.StatusBadRequest, "ResourceInUseException",
			"Stream %s under account %s already exists.", n.Name, at.Account)
	}
	if !n.OnDemand {
		return w.checkShardLimit(at, n.Shards)
	}
	if count, limit := w.onDemandStreams(at), w.KinesisLimits(at).OnDemandStreams; count >= limit {
		return overLimit("This request would exceed the limit of %d on-demand streams for the account %s in %s.",
			limit, at.Account, at.Region) // Unverified text
	}
	return nil
}

// checkShardLimit refuses more shards than the quota allows, in the words seen
// on AWS: github.com/mhart/kinesalite test/createStream.js
func (w *World) checkShardLimit(at Place, more int) error {
	limit := w.KinesisLimits(at).Shards
	if count := w.provisionedShards(at); count+more > limit {
		return overLimit("This request would exceed the shard limit for the account %s in %s. "+
			"Current shard count for the account: %d. Limit: %d. "+
			"Number of additional shards that would have resulted from this request: %d. "+
			"Refer to the AWS Service Limits page "+
			"(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) "+
			"for current limits and how to request higher limits.", at.Account, at.Region, count, limit, more)
	}
	return nil
}

// provisionedShards counts what the shard quota counts: the shards of
// provisioned streams as they will be when what is under way is done.
func (w *World) provisionedShards(at Place) int {
	count := 0
	for _, s := range w.at(at).kinesis.streams {
		if s.final().onDemand || s.status == StatusDeleting {
			continue
		}
		if s.status == StatusCreating {
			count += s.begin
		}
		count += len(s.shards.open)
		for _, r := range s.plan {
			if r.split {
				count++
			} else {
				count--
			}
		}
	}
	return count
}

func (w *World) onDemandStreams(at Place) int {
	count := 0
	for _, s := range w.at(at).kinesis.streams {
		if s.final().onDemand {
			count++
		}
	}
	return count
}

func (w *World) addStream(at Place, n NewStream) *stream {
	w.seq++
	s := &stream{
		id: w.seq, name: n.Name, arn: StreamARN(at, n.Name), begin: n.Shards,
		settings: settings{onDemand: n.OnDemand, retention: 24 * time.Hour, recordKiB: 1024},
		created:  w.now.Truncate(time.Second), tags: map[string]string{},
		consumers: map[string]*consumer{}, epochs: map[string]int64{},
	}
	maps.Copy(s.tags, n.Tags)
	if n.RecordKiB != 0 {
		s.recordKiB = n.RecordKiB
	}
	s.strategy = n.Distribution
	if n.OnDemand {
		s.begin = onDemandShards
	}
	w.at(at).kinesis.streams[n.Name] = s
	return s
}

// open makes a new stream ACTIVE. Its trim horizon is never earlier than this.
func (w *World) open(s *stream) {
	s.status = StatusActive
	s.horizon = w.now
	s.shards.begin(s.begin, w.now)
}

// DeleteStream starts the deletion of a stream, which is gone after
// [Timing].StreamCreate. One with consumers is deleted only by force, and they
// with it.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DeleteStream.html
func (w *World) DeleteStream(at Place, name string, force bool) error {
	s, err := w.idle(at, name)
	if err != nil {
		return err
	}
	if len(s.consumers) > 0 && !force {
		// Unverified text.
		return refuse(http.StatusBadRequest, "ResourceInUseException",
			"Stream %s under account %s has registered consumers. "+
				"Deregister them or set EnforceConsumerDeletion.", name, at.Account)
	}
	s.status = StatusDeleting
	for _, c := range s.consumers {
		c.status, c.stamp = StatusDeleting, 0 // they go when the stream goes
	}
	s.stamp = w.later(w.timing.StreamCreate, streamSettles, at, name)
	return nil
}

// settleStream is the next thing that happens to a stream by itself.
func (w *World) settleStream(e event) {
	k := &w.at(e.place).kinesis
	s := k.streams[e.subject]
	if s == nil || s.stamp != e.stamp {
		return // it was waiting for something else
	}
	switch s.status {
	case StatusCreating:
		w.open(s)
	case StatusDeleting:
		delete(k.streams, s.name)
	case StatusUpdating:
		w.step(e.place, s)
	}
}

// Stream is what a stream is like now.
func (w *World) Stream(at Place, name string) (Stream, error) {
	s, err := w.stream(at, name)
	if err != nil {
		return Stream{}, err
	}
	v := Stream{
		Name: s.name, ARN: s.arn, Status: s.status, OnDemand: s.onDemand, Created: s.created,
		Retention: s.retention, OpenShards: len(s.shards.open), Consumers: len(s.consumers),
		RecordKiB: s.recordKiB, Metrics: slices.Clone(s.metrics), KeyID: s.key, Tags: maps.Clone(s.tags),
	}
	if s.onDemand {
		v.Distribution = s.strategy
		if v.Distribution == "" {
			v.Distribution = "USER_PARTITION_KEY"
		}
	}
	return v, nil
}

// Streams are the names of all streams of a place, sorted.
func (w *World) Streams(at Place) []string {
	return slices.Sorted(maps.Keys(w.at(at).kinesis.streams))
}

package world

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// consumer is an enhanced fan-out consumer of a stream.
type consumer struct {
	name, arn string
	status    string
	created   time.Time // whole seconds
	tags      map[string]string
	policy    string // resource policy; empty: none
	stamp     uint64
}

// Consumer is what a consumer is like at one moment.
type Consumer struct {
	Name, ARN, Stream, StreamARN string
	Status                       string    // StatusCreating, StatusActive, StatusDeleting
	Created                      time.Time // whole seconds
	Tags                         map[string]string
}

// At most so many consumers may be CREATING at a time.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html
const maxCreatingConsumers = 5

// RegisterConsumer starts the creation of a consumer, which is ACTIVE after
// [Timing].ConsumerCreate. Its ARN ends in the second of its creation: the same
// name registered again gives another ARN. Unverified: whether the limit of
// those in CREATING is one of the stream, as here, or of the account.
func (w *World) RegisterConsumer(at Place, stream, name string, tags map[string]string) (Consumer, error) {
	s, err := w.idle(at, stream)
	if err != nil {
		return Consumer{}, err
	}
	if !isStreamName(name) {
		return Consumer{}, badName("consumerName", name)
	}
	if err := checkTags("consumer", name, at, nil, tags); err != nil {
		return Consumer{}, err
	}
	if c := s.consumers[name]; c != nil {
		// Unverified text, after that of a consumer that is not ACTIVE.
		return Consumer{}, refuse(http.StatusBadRequest, "ResourceInUseException",
			"Consumer %s with creation timestamp %d under stream: %s , account %s already exists.",
			name, c.created.Unix(), stream, at.Account)
	}
	creating := 0
	for _, c := range s.consumers {
		if c.status == StatusCreating {
			creating++
		}
	}
	if limit := w.KinesisLimits(at).Consumers; len(s.consumers) >= limit {
		return Consumer{}, overLimit("Stream %s under account %s cannot have more than %d registered consumers.",
			stream, at.Account, limit) // Unverified text
	}
	if creating >= maxCreatingConsumers {
		return Consumer{}, overLimit("Stream %s under account %s cannot have more than %d consumers in CREATING status.",
			stream, at.Account, maxCreatingConsumers) // Unverified text
	}
	epoch := max(w.now.Unix(), s.epochs[name]+1)
	s.epochs[name] = epoch
	c := &consumer{
		name: name, arn: fmt.Sprintf("%s/consumer/%s:%d", s.arn, name, epoch),
		status: StatusCreating, created: time.Unix(epoch, 0).UTC(), tags: map[string]string{},
	}
	maps.Copy(c.tags, tags)
	s.consumers[name] = c
	c.stamp = w.later(w.timing.ConsumerCreate, consumerSettles, at, c.arn)
	return s.showConsumer(c), nil
}

// DeregisterConsumer starts the end of a consumer, which is gone after
// [Timing].ConsumerCreate. One that is going already is left to go.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DeregisterStreamConsumer.html
func (w *World) DeregisterConsumer(at Place, stream, name string) error {
	s, err := w.stream(at, stream)
	if err != nil {
		return err
	}
	c := s.consumers[name]
	if c == nil {
		return noConsumer(name, stream, at)
	}
	if c.status != StatusDeleting {
		c.status = StatusDeleting
		c.stamp = w.later(w.timing.ConsumerCreate, consumerSettles, at, c.arn)
	}
	return nil
}

// settleConsumer is the next thing that happens to a consumer by itself.
func (w *World) settleConsumer(e event) {
	name, _, _ := strings.Cut(e.subject[strings.LastIndex(e.subject, ":stream/")+len(":stream/"):], "/")
	s := w.at(e.place).kinesis.streams[name]
	if s == nil {
		return
	}
	c := s.consumer(e.subject)
	if c == nil || c.stamp != e.stamp {
		return
	}
	switch c.status {
	case StatusCreating:
		c.status = StatusActive
	case StatusDeleting:
		delete(s.consumers, c.name)
	}
}

// consumer finds a consumer by its ARN.
func (s *stream) consumer(arn string) *consumer {
	_, rest, _ := strings.Cut(arn, "/consumer/")
	name, _, _ := strings.Cut(rest, ":")
	if c := s.consumers[name]; c != nil && c.arn == arn {
		return c
	}
	return nil
}

func (s *stream) showConsumer(c *consumer) Consumer {
	return Consumer{
		Name: c.name, ARN: c.arn, Stream: s.name, StreamARN: s.arn,
		Status: c.status, Created: c.created, Tags: maps.Clone(c.tags),
	}
}

// Consumer is what a consumer is like now.
func (w *World) Consumer(at Place, stream, name string) (Consumer, error) {
	s, err := w.stream(at, stream)
	if err != nil {
		return Consumer{}, err
	}
	c := s.consumers[name]
	if c == nil {
		return Consumer{}, noConsumer(name, stream, at)
	}
	return s.showConsumer(c), nil
}

// ListConsumers is the consumers of a stream by name, from the first after one
// ("" for all): at most limit, and whether there are more.
func (w *World) ListConsumers(at Place, stream, after string, limit int) ([]Consumer, bool, error) {
	s, err := w.stream(at, stream)
	if err != nil {
		return nil, false, err
	}
	names, more := pageOfNames(slices.Sorted(maps.Keys(s.consumers)), after, limit)
	all := make([]Consumer, len(names))
	for i, name := range names {
		all[i] = s.showConsumer(s.consumers[name])
	}
	return all, more, nil
}

// noConsumer's text is unverified.
func noConsumer(name, stream string, at Place) error {
	return refuse(http.StatusBadRequest, "ResourceNotFoundException",
		"Consumer %s under stream %s under account %s not found.", name, stream, at.Account)
}

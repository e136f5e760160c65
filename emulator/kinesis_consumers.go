package emulator

import (
	"fmt"
	"strings"

	"github.com/eventrouting/eventrouting/emulator/world"
)

type consumerListed struct {
	ConsumerName              string
	ConsumerARN               string
	ConsumerStatus            string
	ConsumerCreationTimestamp epoch
}

type consumerDescription struct {
	consumerListed
	StreamARN string
}

func showConsumer(c world.Consumer) consumerListed {
	return consumerListed{c.Name, c.ARN, c.Status, epochOf(c.Created)}
}

func registerStreamConsumer(w *world.World, at world.Place, m *members) (any, error) {
	m.need("StreamARN")
	m.need("ConsumerName")
	name, tags := m.nameText("ConsumerName"), m.tags("Tags")
	stream, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	c, err := w.RegisterConsumer(at, stream, name, tags)
	if err != nil {
		return nil, err
	}
	return struct{ Consumer consumerListed }{showConsumer(c)}, nil
}

// consumer reads which consumer a call is about: its ARN, or the ARN of its
// stream and its name, or all three where they agree.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeStreamConsumer.html
func (m *members) consumer(w *world.World, at world.Place) (world.Consumer, error) {
	arn := m.text("ConsumerARN",
		matching(`^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+`, isConsumerARN),
		length(2048))
	name, streamARN := m.nameText("ConsumerName"), m.streamARN()
	if err := m.check(); err != nil {
		return world.Consumer{}, err
	}
	if arn != "" {
		c, err := consumerByARN(w, at, arn)
		if err == nil && (name != "" && name != c.Name || streamARN != "" && streamARN != c.StreamARN) {
			// Unverified text.
			return c, refuseKinesis("InvalidArgumentException",
				fmt.Sprintf("ConsumerARN %s does not match the ConsumerName or StreamARN provided.", arn))
		}
		return c, err
	}
	if name == "" || streamARN == "" { // Unverified text.
		return world.Consumer{}, refuseKinesis("InvalidArgumentException",
			"Either ConsumerARN or both StreamARN and ConsumerName should be provided.")
	}
	a, err := here(at, streamARN)
	if err != nil {
		return world.Consumer{}, err
	}
	return w.Consumer(at, a.stream, name)
}

// consumerByARN finds the consumer that has exactly this ARN: a namesake that
// was registered later is another one.
func consumerByARN(w *world.World, at world.Place, arn string) (world.Consumer, error) {
	a, err := here(at, arn)
	if err != nil {
		return world.Consumer{}, err
	}
	name, _, _ := strings.Cut(a.consumer, ":")
	c, err := w.Consumer(at, a.stream, name)
	if err == nil && c.ARN != arn { // Unverified text.
		return c, refuseKinesis("ResourceNotFoundException",
			fmt.Sprintf("Consumer %s under stream %s under account %s not found.", a.consumer, a.stream, at.Account))
	}
	return c, err
}

func describeStreamConsumer(w *world.World, at world.Place, m *members) (any, error) {
	c, err := m.consumer(w, at)
	if err != nil {
		return nil, err
	}
	return struct{ ConsumerDescription consumerDescription }{
		consumerDescription{showConsumer(c), c.StreamARN},
	}, nil
}

func deregisterStreamConsumer(w *world.World, at world.Place, m *members) (any, error) {
	c, err := m.consumer(w, at)
	if err != nil {
		return nil, err
	}
	return nil, w.DeregisterConsumer(at, c.Stream, c.Name)
}

// listStreamConsumers answers at most 100 consumers, by name. StreamARN is
// required with NextToken too.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListStreamConsumers.html
func listStreamConsumers(w *world.World, at world.Place, m *members) (any, error) {
	m.need("StreamARN")
	limit := m.number("MaxResults", 1, 10000)
	next := m.text("NextToken", length(1048576))
	created, _ := m.moment("StreamCreationTimestamp")
	name, second, err := m.namesake(at, created)
	if err != nil {
		return nil, err
	}
	t := pageToken{List: "ListStreamConsumers", Stream: name, Created: second}
	if next != "" {
		if err := m.apart("StreamCreationTimestamp"); err != nil {
			return nil, err
		}
		if t, err = readToken(next, "ListStreamConsumers", w.Now()); err != nil {
			return nil, err
		}
		if t.Stream != name {
			return nil, refuseKinesis("InvalidArgumentException", invalidToken)
		}
	}
	s, err := same(w, at, t.Stream, t.Created)
	if err != nil {
		return nil, err
	}
	consumers, more, err := w.ListConsumers(at, name, t.After, pageSize(limit, 100))
	if err != nil {
		return nil, err
	}
	v := struct {
		Consumers []consumerListed
		NextToken string `json:",omitempty"`
	}{Consumers: make([]consumerListed, len(consumers))}
	for i, c := range consumers {
		v.Consumers[i] = showConsumer(c)
	}
	if more {
		t.Created, t.After, t.Issued = s.Created.Unix(), consumers[len(consumers)-1].Name, w.Now()
		v.NextToken = t.String()
	}
	return v, nil
}

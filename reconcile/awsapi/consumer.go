package awsapi

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventrouting/eventrouting/reconcile"
)

// listConsumers lists the enhanced fan-out consumers of a stream.
func (r *Reader) listConsumers(ctx context.Context, stream, streamARN string) ([]reconcile.Consumer, error) {
	var all []reconcile.Consumer
	err := eachPage(func(token string) (*string, error) {
		out, err := r.kinesis.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{StreamARN: &streamARN, NextToken: markerOf(token)})
		switch {
		case err != nil:
			return nil, err
		case out.Consumers == nil:
			return nil, missing("Consumers")
		}
		for _, c := range out.Consumers {
			if err := saneConsumer(stream, c.ConsumerName, c.ConsumerARN); err != nil {
				return nil, err
			}
			all = append(all, reconcile.Consumer{
				Key: reconcile.ConsumerKey{Stream: stream, Name: *c.ConsumerName}, ARN: *c.ConsumerARN, Status: string(c.ConsumerStatus),
			})
		}
		return out.NextToken, nil
	})
	return all, err
}

// fannedOut names the streams whose consumers matter: those of the scope where routes
// have some or there are any, for one of ours may be left over.
func (o *observation) fannedOut() []string {
	var names []string
	for _, name := range o.streams {
		if o.live.Streams[name].ConsumerCount > 0 {
			names = append(names, name)
		}
	}
	for key := range o.live.Mappings {
		if key.Consumer != "" && slices.Contains(o.streams, key.Stream) || likeRoute(key.Consumer) && slices.Contains(o.scope.Functions, key.Function) {
			names = append(names, key.Stream) // it may be on one that is gone
		}
	}
	for _, text := range o.scope.FanOut {
		name, _, ok := splitStream(text)
		if !ok {
			name = text
		}
		names = append(names, name)
	}
	return unique(names)
}

func (o *observation) readConsumers(ctx context.Context) error {
	for _, name := range o.fannedOut() {
		stream, ok := o.live.Streams[name]
		if !ok {
			continue
		}
		all, err := o.listConsumers(ctx, name, stream.ARN)
		switch {
		case IsNotFound(err):
			continue // the stream has gone since
		case err != nil:
			return failed(err, "list the consumers of stream %s", name)
		}
		if len(all) < stream.ConsumerCount {
			return fmt.Errorf("list the consumers of stream %s: %w: the list has %d and the stream %d", name, errOutdated, len(all), stream.ConsumerCount)
		}
		for _, c := range all {
			o.live.Consumers[c.Key] = c
		}
	}
	return nil
}

// gone says whether a consumer does not exist any more, whatever a list shows: its
// tags are looked for by its ARN. One that may not be asked about, as it may be of
// somebody else, counts as there.
func (r *Reader) gone(ctx context.Context, arn string) (bool, error) {
	_, err := r.kinesis.ListTagsForResource(ctx, &kinesis.ListTagsForResourceInput{ResourceARN: &arn})
	switch {
	case IsNotFound(err):
		return true, nil
	case IsDenied(err):
		return false, nil
	case err != nil:
		return false, failed(err, "look for consumer %s", arn)
	}
	return false, nil
}

// consumerTags reads the tags of a consumer.
func (r *Reader) consumerTags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := r.kinesis.ListTagsForResource(ctx, &kinesis.ListTagsForResourceInput{ResourceARN: &arn})
	switch {
	case IsNotFound(err):
		return map[string]string{}, nil
	case err != nil:
		return nil, failed(err, "list the tags of consumer %s", arn)
	case out.Tags == nil:
		return nil, fmt.Errorf("list the tags of consumer %s: %w", arn, missing("Tags"))
	}
	tags := map[string]string{}
	for _, t := range out.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

// registerConsumer registers a consumer. Its tags are part of the call, so that
// it is never there without them.
func (w *Writer) registerConsumer(ctx context.Context, after *reconcile.Consumer) error {
	stream, ok := w.live.Streams[after.Key.Stream]
	if !ok || stream.ARN == "" {
		return fmt.Errorf("register consumer %s: stream %s does not exist", after.Key, after.Key.Stream)
	}
	out, err := w.writeKinesis.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: &stream.ARN, ConsumerName: &after.Key.Name, Tags: after.Tags,
	})
	switch {
	case IsBusy(err): // AWS's word for "exists"
		return w.confirmConsumer(ctx, after, stream.ARN)
	case isCode(err, "LimitExceededException"):
		return failed(err, "register consumer %s: AWS creates 5 consumers of a stream at a time, and a stream has 20, or 50 with On-demand Advantage", after.Key)
	case err != nil:
		return failed(err, "register consumer %s", after.Key)
	case out.Consumer == nil:
		return fmt.Errorf("register consumer %s: %w", after.Key, missing("Consumer"))
	}
	if err := saneConsumer(after.Key.Stream, out.Consumer.ConsumerName, out.Consumer.ConsumerARN); err != nil || *out.Consumer.ConsumerName != after.Key.Name {
		return fmt.Errorf("register consumer %s: %w", after.Key, cmp.Or(err, nonsensical("ConsumerName", aws.ToString(out.Consumer.ConsumerName))))
	}
	w.registered[after.Key] = *out.Consumer.ConsumerARN
	return nil
}

// confirmConsumer is for a registration that AWS answered with "exists". That is
// this very consumer when an answer was lost on the way; its tags tell.
func (w *Writer) confirmConsumer(ctx context.Context, after *reconcile.Consumer, streamARN string) error {
	all, err := w.listConsumers(ctx, after.Key.Stream, streamARN)
	if err != nil {
		return failed(err, "list the consumers of stream %s", after.Key.Stream)
	}
	i := slices.IndexFunc(all, func(c reconcile.Consumer) bool { return c.Key == after.Key })
	switch {
	case i < 0:
		return stale("AWS is busy with stream %s, or consumer %s came and went", after.Key.Stream, after.Key)
	case all[i].Status == "DELETING":
		return stale("consumer %s is being deleted", after.Key)
	case w.reads(all[i].ARN):
		return stale("consumer %s was there all the time, and the list that the plan saw lacked it", after.Key)
	}
	tags, err := w.consumerTags(ctx, all[i].ARN)
	if err != nil {
		return err
	}
	if !maps.Equal(tags, after.Tags) {
		return stale("consumer %s exists and has other tags", after.Key)
	}
	w.registered[after.Key] = all[i].ARN
	return nil
}

// reads says whether a mapping that the plan saw reads a consumer.
func (w *Writer) reads(arn string) bool {
	for _, all := range w.live.Mappings {
		if slices.ContainsFunc(all, func(m reconcile.Mapping) bool { return m.SourceARN == arn }) {
			return true
		}
	}
	return false
}

// tagConsumer changes the tags of a consumer that still is the one that the
// plan saw.
func (w *Writer) tagConsumer(ctx context.Context, before, after *reconcile.Consumer) error {
	changed := map[string]string{}
	for key, value := range after.Tags {
		if old, ok := before.Tags[key]; !ok || old != value {
			changed[key] = value
		}
	}
	if len(changed) == 0 {
		return nil
	}
	_, err := w.writeKinesis.TagResource(ctx, &kinesis.TagResourceInput{ResourceARN: &before.ARN, Tags: changed})
	switch {
	case IsNotFound(err):
		return stale("consumer %s is gone", after.Key) // one of its name has another ARN
	case err != nil:
		return failed(err, "tag consumer %s", after.Key)
	}
	return nil
}

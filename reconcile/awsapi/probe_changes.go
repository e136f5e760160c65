package awsapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/reconcile"
)

// longAgo is before the trim horizon of any stream: none keeps more than a year.
const longAgo = 2 * 365 * 24 * time.Hour

// early asks whether a mapping may start before the trim horizon. Where it would begin
// cannot be seen of one that is disabled. It leaves nothing on the third alias.
func (p *prober) early(ctx context.Context, _ string) error {
	const question = "AT_TIMESTAMP before the trim horizon is taken"
	target := p.Function + ":" + probePrefix + "c"
	uuid, err := p.make(ctx, &lambda.CreateEventSourceMappingInput{
		EventSourceArn: &p.StreamARN, FunctionName: &target,
		StartingPosition: types.EventSourcePositionAtTimestamp, StartingPositionTimestamp: aws.Time(time.Now().Add(-longAgo)),
	})
	if isInvalid(err) {
		p.answer(question, false, "refused: %v", essenceOf(err))
		return nil
	}
	if err != nil {
		return err
	}
	p.answer(question, true, "true; where it begins then shows only with events")
	return p.deleteProbe(ctx, uuid)
}

// retargets asks whether a mapping can be given another target, and stays.
func (p *prober) retargets(ctx context.Context, uuid string) error {
	const question = "FunctionName of a mapping can be changed, and the mapping is kept"
	target := p.Function + ":" + probePrefix + "c"
	p.say("change mapping " + uuid + " to " + target)
	return p.change(ctx, question, &lambda.UpdateEventSourceMappingInput{UUID: &uuid, FunctionName: &target}, func(m *lambda.GetEventSourceMappingOutput) bool {
		return strings.HasSuffix(aws.ToString(m.FunctionArn), ":"+probePrefix+"c") && aws.ToString(m.UUID) == uuid
	})
}

// clears asks whether an empty destination and an empty key are taken for none: where
// documents name one, of one that is there.
func (p *prober) clears(ctx context.Context, uuid string) error {
	destination := func(to string) *lambda.UpdateEventSourceMappingInput {
		return &lambda.UpdateEventSourceMappingInput{UUID: &uuid, DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: &to}}}
	}
	key := func(arn string) *lambda.UpdateEventSourceMappingInput {
		return &lambda.UpdateEventSourceMappingInput{UUID: &uuid, KMSKeyArn: &arn}
	}
	for _, c := range []struct {
		what, value string
		update      func(string) *lambda.UpdateEventSourceMappingInput
		is          func(*lambda.GetEventSourceMappingOutput) string
	}{
		{"destination", p.OnFailure, destination, func(m *lambda.GetEventSourceMappingOutput) string {
			if m.DestinationConfig == nil || m.DestinationConfig.OnFailure == nil {
				return ""
			}
			return aws.ToString(m.DestinationConfig.OnFailure.Destination)
		}},
		{"KMSKeyArn", p.KMSKey, key, func(m *lambda.GetEventSourceMappingOutput) string { return aws.ToString(m.KMSKeyArn) }},
	} {
		question := "an empty " + c.what + " is taken, and is none"
		if c.value != "" {
			set := "a " + c.what + " can be set"
			if err := p.change(ctx, set, c.update(c.value), func(m *lambda.GetEventSourceMappingOutput) bool { return c.is(m) == c.value }); err != nil {
				return err
			}
			if p.answers[len(p.answers)-1].Good {
				question = "an empty " + c.what + " clears the one that is there"
			}
		}
		if err := p.change(ctx, question, c.update(""), func(m *lambda.GetEventSourceMappingOutput) bool { return c.is(m) == "" }); err != nil {
			return err
		}
	}
	return nil
}

// metrics asks whether a mapping's own metrics can be had, and be given up.
func (p *prober) metrics(ctx context.Context, uuid string) error {
	count := func(m *lambda.GetEventSourceMappingOutput) int {
		if m.MetricsConfig == nil {
			return 0
		}
		return len(m.MetricsConfig.Metrics)
	}
	update := func(metrics ...types.EventSourceMappingMetric) *lambda.UpdateEventSourceMappingInput {
		if metrics == nil {
			metrics = []types.EventSourceMappingMetric{} // none, rather than unchanged
		}
		return &lambda.UpdateEventSourceMappingInput{UUID: &uuid, MetricsConfig: &types.EventSourceMappingMetricsConfig{Metrics: metrics}}
	}
	if err := p.change(ctx, "MetricsConfig takes EventCount", update(types.EventSourceMappingMetricEventCount), func(m *lambda.GetEventSourceMappingOutput) bool { return count(m) == 1 }); err != nil {
		return err
	}
	return p.change(ctx, "an empty list clears MetricsConfig", update(), func(m *lambda.GetEventSourceMappingOutput) bool { return count(m) == 0 })
}

// change changes a mapping, which stays disabled, and answers a question with whether
// it is then as it should be.
func (p *prober) change(ctx context.Context, question string, in *lambda.UpdateEventSourceMappingInput, good func(*lambda.GetEventSourceMappingOutput) bool) error {
	in.Enabled = aws.Bool(false)
	if _, err := p.write.UpdateEventSourceMapping(ctx, in); err != nil {
		if !isInvalid(err) && !IsConflict(err) {
			return failed(err, "update mapping %s", aws.ToString(in.UUID))
		}
		p.answer(question, false, "refused: %v", essenceOf(err))
		return nil
	}
	m, err := p.settled(ctx, aws.ToString(in.UUID))
	if err != nil {
		return err
	}
	p.answer(question, m != nil && good(m), "%v", m != nil && good(m))
	return nil
}

// consumers asks whether two mappings on two consumers of one function coexist, and
// whether one whose consumer is gone stays. Consumers cost by the hour.
func (p *prober) consumers(ctx context.Context, _ string) error {
	const beside, stays = "two mappings on two consumers of one function", "a mapping whose consumer was deregistered stays, and can be changed"
	names := probeNames()[:2]
	for _, name := range names {
		p.say("register consumer " + probePrefix + name + ", which costs by the hour until it is deregistered")
		_, err := p.writeKinesis.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
			StreamARN: &p.StreamARN, ConsumerName: aws.String(probePrefix + name), Tags: map[string]string{reconcile.TagOwner: probePrefix},
		})
		switch {
		case IsDenied(err), isCode(err, "LimitExceededException"):
			p.open(beside, essenceOf(err))
			p.open(stays, "there is no consumer")
			return nil
		case err != nil && !IsBusy(err): // busy: there is one, by an answer that was lost
			return failed(err, "register consumer %s", probePrefix+name)
		}
	}
	var uuids []string
	own, err := p.awaitConsumers(ctx, func(c reconcile.Consumer) bool { return c.Status == "ACTIVE" })
	if err != nil {
		return err
	}
	for _, c := range own {
		uuid, err := p.make(ctx, &lambda.CreateEventSourceMappingInput{EventSourceArn: &c.ARN, FunctionName: &p.Function, StartingPosition: types.EventSourcePositionLatest})
		if IsConflict(err) {
			p.answer(beside, false, "refused: %v", essenceOf(err))
			return nil
		}
		if err != nil {
			return err
		}
		uuids = append(uuids, uuid)
	}
	if len(uuids) < len(names) {
		return fmt.Errorf("AWS shows %d of the probe's %d consumers", len(uuids), len(names))
	}
	p.answer(beside, true, "both exist")
	if err := p.deregister(ctx); err != nil {
		return err
	}
	return p.change(ctx, stays, &lambda.UpdateEventSourceMappingInput{UUID: &uuids[0], BatchSize: aws.Int32(10)}, func(m *lambda.GetEventSourceMappingOutput) bool {
		return aws.ToInt32(m.BatchSize) == 10
	})
}

// ownConsumers are those that probes have made of the stream; none where the caller
// may not look at consumers, and so can have made none.
func (p *prober) ownConsumers(ctx context.Context) ([]reconcile.Consumer, error) {
	stream := p.StreamARN[strings.LastIndex(p.StreamARN, "/")+1:]
	all, err := p.listConsumers(ctx, stream, p.StreamARN)
	if IsDenied(err) {
		return nil, nil
	}
	if err != nil {
		return nil, failed(err, "list the consumers of stream %s", stream)
	}
	var own []reconcile.Consumer
	for _, c := range all {
		if !strings.HasPrefix(c.Key.Name, probePrefix) {
			continue
		}
		tags, err := p.consumerTags(ctx, c.ARN)
		if err != nil {
			return nil, err
		}
		if tags[reconcile.TagOwner] == probePrefix || c.Status == "DELETING" {
			own = append(own, c)
		}
	}
	return own, nil
}

// deregister takes away the consumers that probes have made, and waits until they are
// gone: before they are made they cannot be.
func (p *prober) deregister(ctx context.Context) error {
	own, err := p.awaitConsumers(ctx, func(c reconcile.Consumer) bool { return c.Status != "CREATING" })
	if err != nil {
		return err
	}
	for _, c := range own {
		if c.Status == "DELETING" {
			continue
		}
		p.say("deregister consumer " + c.Key.Name)
		if _, err := p.writeKinesis.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: &c.ARN}); err != nil && !IsNotFound(err) {
			return failed(err, "deregister consumer %s", c.Key.Name)
		}
	}
	_, err = p.awaitConsumers(ctx, func(reconcile.Consumer) bool { return false })
	return err
}

// awaitConsumers waits until all consumers that probes have made, and that are still
// there, are as they should be.
func (p *prober) awaitConsumers(ctx context.Context, good func(reconcile.Consumer) bool) (own []reconcile.Consumer, err error) {
	err = await(ctx, "the probe's consumers", func() (bool, error) {
		own, err = p.ownConsumers(ctx)
		return !slices.ContainsFunc(own, func(c reconcile.Consumer) bool { return !good(c) }), err
	})
	return own, err
}

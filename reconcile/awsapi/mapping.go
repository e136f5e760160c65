package awsapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/internal/mutant"
)

// createMapping creates a mapping by names. Its tags are part of the create, so
// that it is never there without them.
func (w *Writer) createMapping(ctx context.Context, after *reconcile.Mapping) error {
	source, err := w.sourceARN(after)
	if err != nil {
		return fmt.Errorf("create mapping %s: %w", after.Key, err)
	}
	in, err := createInput(after, source)
	if err != nil {
		return fmt.Errorf("create mapping %s: %w", after.Key, err)
	}
	_, err = w.write.CreateEventSourceMapping(ctx, in)
	switch {
	case IsConflict(err):
		return w.confirmMapping(ctx, after, err)
	case err != nil:
		return failed(err, "create mapping %s", after.Key)
	}
	return nil
}

// sourceARN is the ARN of what a mapping reads.
func (w *Writer) sourceARN(m *reconcile.Mapping) (string, error) {
	k := m.Key
	switch {
	case m.SourceARN != "":
		return m.SourceARN, nil
	case !k.Kinesis():
		return "", fmt.Errorf("source %q is no stream of this account and region", k.Stream)
	case k.Consumer != "":
		key := reconcile.ConsumerKey{Stream: k.Stream, Name: k.Consumer}
		if arn, ok := w.registered[key]; ok {
			return arn, nil // not that of one before, which may be listed still
		}
		if c, ok := w.live.Consumers[key]; ok && c.ARN != "" {
			return c.ARN, nil
		}
		return "", fmt.Errorf("consumer %s of stream %s does not exist", k.Consumer, k.Stream)
	}
	if s, ok := w.live.Streams[k.Stream]; ok && s.ARN != "" {
		return s.ARN, nil
	}
	return "", fmt.Errorf("stream %s does not exist", k.Stream)
}

// confirmMapping is for a create that AWS answered with "exists". That is this
// very mapping when an answer was lost on the way, or one of an earlier pass
// that was killed; its tags tell it from somebody else's that looks the same.
func (w *Writer) confirmMapping(ctx context.Context, after *reconcile.Mapping, refused error) error {
	uuid := conflicting(refused)
	if uuid == "" {
		return failed(refused, "create mapping %s", after.Key)
	}
	out, err := w.readMapping(ctx, uuid)
	switch {
	case IsNotFound(err):
		return stale("mapping %s came and went", uuid)
	case err != nil:
		return failed(err, "read mapping %s", uuid)
	}
	live := mappingOf(configuration(out), w.region)
	if live.Key != after.Key {
		return stale("mapping %s is in the way, it is %s", uuid, live.Key)
	}
	want := *after
	if !live.Settled() {
		want.Enabled = live.Enabled // not decided yet
	}
	if field := difference(&want, &live); field != "" {
		return stale("mapping %s exists and has another %s", uuid, field)
	}
	tags, err := w.tags(ctx, stateOf(live), uuid)
	if err != nil {
		return err
	}
	for key, value := range after.Tags {
		if tags[key] != value {
			return stale("mapping %s exists and has another tag %s", uuid, key)
		}
	}
	return nil
}

// stateOf is a state that holds one mapping.
func stateOf(m reconcile.Mapping) reconcile.State {
	return reconcile.State{Mappings: map[reconcile.Key][]reconcile.Mapping{m.Key: {m}}}
}

// conflicting finds the UUID in AWS's text "Please update or delete the
// existing mapping with UUID ...".
func conflicting(err error) string {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return ""
	}
	_, rest, _ := strings.Cut(api.ErrorMessage(), " UUID ")
	uuid, _, _ := strings.Cut(rest, " ")
	return strings.TrimRight(uuid, ".,;)\"'")
}

// updateMapping changes a mapping in place, its tags first: they have to be
// right whatever a crash follows. Only what changes is sent.
func (w *Writer) updateMapping(ctx context.Context, before, after *reconcile.Mapping) error {
	uuid := before.UUID
	in, changes, err := updateInput(before, after)
	if err != nil {
		return err
	}
	live, err := w.readUnmoved(ctx, before)
	switch {
	case live != nil && err != nil:
		return w.confirmUpdate(ctx, live, after, err)
	case err != nil:
		return err
	}
	w.changed[uuid] = changes
	if changes && mutant.Is(mutant.TagLast) {
		if err := w.sendUpdate(ctx, in, after); err != nil {
			return err
		}
		return w.tag(ctx, live.ARN, uuid, after.Tags)
	}
	if err := w.tag(ctx, live.ARN, uuid, after.Tags); err != nil || !changes {
		return err
	}
	return w.sendUpdate(ctx, in, after)
}

// tag writes tags of a mapping. Others that it has stay.
func (w *Writer) tag(ctx context.Context, arn, uuid string, tags map[string]string) error {
	if len(tags) == 0 {
		return nil
	}
	_, err := w.write.TagResource(ctx, &lambda.TagResourceInput{Resource: &arn, Tags: tags})
	switch {
	case IsNotFound(err):
		return stale("mapping %s is gone", uuid)
	case err != nil:
		return failed(err, "tag mapping %s", uuid)
	}
	return nil
}

// readUnmoved reads a mapping again and compares it with what the plan saw. AWS
// has no revision of mappings, and their LastModified, floored to the minute,
// is none. One that has moved comes with the error that says so.
func (w *Writer) readUnmoved(ctx context.Context, before *reconcile.Mapping) (*reconcile.Mapping, error) {
	if before.UUID == "" {
		return nil, fmt.Errorf("update mapping %s: its UUID is not known", before.Key)
	}
	out, err := w.readMapping(ctx, before.UUID)
	switch {
	case IsNotFound(err):
		return nil, stale("mapping %s is gone", before.UUID)
	case err != nil:
		return nil, failed(err, "read mapping %s", before.UUID)
	}
	live := mappingOf(configuration(out), w.region)
	if !live.Settled() {
		return &live, stale("mapping %s is %s, AWS is still busy with it", before.UUID, live.State)
	}
	if before.FunctionARN != "" && live.FunctionARN != before.FunctionARN || live.Key != before.Key {
		return &live, stale("mapping %s is now %s", before.UUID, live.Key)
	}
	if field := difference(before, &live); field != "" {
		return &live, stale("mapping %s has another %s", before.UUID, field)
	}
	return &live, nil
}

// sendUpdate sends an update. A mapping in transition refuses it; when that is
// this very update, its answer lost on the way, the mapping shows it.
func (w *Writer) sendUpdate(ctx context.Context, in *lambda.UpdateEventSourceMappingInput, after *reconcile.Mapping) error {
	uuid := *in.UUID
	var refused error
	for _, delay := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 0} {
		_, err := w.write.UpdateEventSourceMapping(ctx, in)
		switch {
		case err == nil:
			return nil
		case IsNotFound(err):
			return stale("mapping %s is gone", uuid)
		case IsConflict(err):
			return fmt.Errorf("update mapping %s: %w: %w", uuid, reconcile.ErrStale, err)
		case !IsBusy(err):
			return failed(err, "update mapping %s", uuid)
		}
		refused = err
		if delay == 0 {
			break
		}
		if err := sleep(ctx, delay); err != nil {
			return fmt.Errorf("update mapping %s: %w", uuid, err)
		}
		done, err := w.shows(ctx, uuid, after)
		if done || err != nil {
			return err
		}
	}
	return fmt.Errorf("update mapping %s: AWS is still busy with it: %w: %w", uuid, reconcile.ErrStale, refused)
}

// confirmUpdate is for a mapping that has moved: another pass may have made of it all
// that a change was to.
func (w *Writer) confirmUpdate(ctx context.Context, live, after *reconcile.Mapping, moved error) error {
	if live.Key != after.Key || difference(after, live) != "" {
		return moved
	}
	if len(after.Tags) == 0 {
		return nil
	}
	tags, err := w.tags(ctx, stateOf(*live), live.UUID)
	if err != nil {
		return err
	}
	for key, value := range after.Tags {
		if tags[key] != value {
			return moved
		}
	}
	return nil
}

// shows says whether a mapping is what a change makes of it.
func (w *Writer) shows(ctx context.Context, uuid string, after *reconcile.Mapping) (bool, error) {
	out, err := w.readMapping(ctx, uuid)
	switch {
	case IsNotFound(err):
		return false, stale("mapping %s is gone", uuid)
	case err != nil:
		return false, failed(err, "read mapping %s", uuid)
	}
	live := mappingOf(configuration(out), w.region)
	return live.Key == after.Key && difference(after, &live) == "", nil
}

// difference names the first setting in which a live mapping is not what it was
// thought to be; empty when there is none. A filter that was never known is not
// compared; one that cannot be read any more is another.
func difference(want, live *reconcile.Mapping) string {
	w, l := *want, *live
	if w.FiltersUnknown {
		w.FiltersUnknown, w.Filters = false, nil
		l.FiltersUnknown, l.Filters = false, nil
	}
	if all := reconcile.Differences(&w, &l); len(all) > 0 {
		return all[0].Setting
	}
	return ""
}

// configuration is the mapping that a get answers, in the type of a list's.
func configuration(o *lambda.GetEventSourceMappingOutput) types.EventSourceMappingConfiguration {
	return types.EventSourceMappingConfiguration{
		BatchSize:                      o.BatchSize,
		BisectBatchOnFunctionError:     o.BisectBatchOnFunctionError,
		DestinationConfig:              o.DestinationConfig,
		EventSourceArn:                 o.EventSourceArn,
		EventSourceMappingArn:          o.EventSourceMappingArn,
		FilterCriteria:                 o.FilterCriteria,
		FilterCriteriaError:            o.FilterCriteriaError,
		FunctionArn:                    o.FunctionArn,
		FunctionResponseTypes:          o.FunctionResponseTypes,
		KMSKeyArn:                      o.KMSKeyArn,
		LastModified:                   o.LastModified,
		LastProcessingResult:           o.LastProcessingResult,
		MaximumBatchingWindowInSeconds: o.MaximumBatchingWindowInSeconds,
		MaximumRecordAgeInSeconds:      o.MaximumRecordAgeInSeconds,
		MaximumRetryAttempts:           o.MaximumRetryAttempts,
		MetricsConfig:                  o.MetricsConfig,
		ParallelizationFactor:          o.ParallelizationFactor,
		ScalingConfig:                  o.ScalingConfig,
		SelfManagedEventSource:         o.SelfManagedEventSource,
		StartingPosition:               o.StartingPosition,
		StartingPositionTimestamp:      o.StartingPositionTimestamp,
		State:                          o.State,
		Topics:                         o.Topics,
		TumblingWindowInSeconds:        o.TumblingWindowInSeconds,
		UUID:                           o.UUID,
	}
}

// startingPosition is where a create begins to read. It is never LATEST, which
// can miss records while a mapping is created.
// https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
func startingPosition(s reconcile.Start) (types.EventSourcePosition, *time.Time, error) {
	switch {
	case mutant.Is(mutant.Latest), mutant.Is(mutant.LatestNow) && time.Since(s.At) < 90*time.Second:
		return types.EventSourcePositionLatest, nil, nil
	case s.TrimHorizon:
		return types.EventSourcePositionTrimHorizon, nil, nil
	case s.At.IsZero():
		return "", nil, errors.New("it does not say where to start reading")
	}
	return types.EventSourcePositionAtTimestamp, &s.At, nil
}

package awsapi

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventrouting/eventrouting/reconcile"
)

// remove deletes what a change leaves nothing of, if it still is what the plan
// saw. What is gone already is done.
func (w *Writer) remove(ctx context.Context, c reconcile.Change) error {
	switch before := c.Before.(type) {
	case *reconcile.Mapping:
		return w.deleteMapping(ctx, before)
	case *reconcile.Alias:
		return w.deleteAlias(ctx, before)
	case *reconcile.Consumer:
		return w.deregisterConsumer(ctx, before)
	}
	return fmt.Errorf("%s %s: this version cannot do that", c.Action, c.Addr)
}

func (w *Writer) deleteMapping(ctx context.Context, before *reconcile.Mapping) error {
	if before.UUID == "" {
		return fmt.Errorf("delete mapping %s: its UUID is not known", before.Key)
	}
	out, err := w.readMapping(ctx, before.UUID)
	switch {
	case IsNotFound(err):
		return nil
	case err != nil:
		return failed(err, "read mapping %s", before.UUID)
	}
	live := mappingOf(configuration(out), w.region)
	if difference(before, &live) != "" || live.State != before.State {
		return stale("mapping %s is %s and no longer as it was", before.UUID, live.State)
	}
	_, err = w.write.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: &before.UUID})
	switch {
	case err == nil, IsNotFound(err):
		return nil
	case IsBusy(err), IsConflict(err):
		return stale("mapping %s is being changed", before.UUID)
	}
	return failed(err, "delete mapping %s", before.UUID)
}

// usedBy is the UUID of a mapping that uses something, and is not being deleted; empty
// for none. AWS deletes an alias that is in use, and for all that is known a consumer
// too: a mapping that the plan's list of all lacked would have nothing to run or read.
func (w *Writer) usedBy(ctx context.Context, source, function string) (string, error) {
	all, err := w.listMappings(ctx, source, function)
	if err != nil {
		return "", failed(err, "list the mappings of %s", source+function)
	}
	i := slices.IndexFunc(all, func(m reconcile.Mapping) bool { return m.State != "Deleting" })
	if i < 0 {
		return "", nil
	}
	return all[i].UUID, nil
}

// deleteAlias looks at the alias right before, and whether a mapping runs it: AWS
// has no condition for either.
func (w *Writer) deleteAlias(ctx context.Context, before *reconcile.Alias) error {
	out, err := w.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &before.Key.Function, Name: &before.Key.Name})
	switch {
	case IsNotFound(err):
		return nil
	case err != nil:
		return failed(err, "read alias %s", before.Key)
	case before.RevisionID != "" && out.RevisionId != nil && *out.RevisionId != before.RevisionID:
		return stale("alias %s has changed", before.Key)
	}
	uuid, err := w.usedBy(ctx, "", before.Key.String())
	switch {
	case err != nil:
		return err
	case uuid != "":
		return stale("mapping %s runs alias %s, and the list that the plan saw lacked it", uuid, before.Key)
	}
	_, err = w.write.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: &before.Key.Function, Name: &before.Key.Name})
	if err == nil || IsNotFound(err) {
		return nil
	}
	return failed(err, "delete alias %s", before.Key)
}

// deregisterConsumer ends a consumer by its ARN: one that was registered anew has
// another. Its tags still have to say that it is ours, and no mapping may read it.
func (w *Writer) deregisterConsumer(ctx context.Context, before *reconcile.Consumer) error {
	tags, err := w.consumerTags(ctx, before.ARN)
	switch {
	case err != nil:
		return err
	case len(tags) == 0 && len(before.Tags) > 0:
		all, err := w.listConsumers(ctx, before.Key.Stream, w.live.Streams[before.Key.Stream].ARN)
		if err != nil {
			return failed(err, "list the consumers of stream %s", before.Key.Stream)
		}
		if !slices.ContainsFunc(all, func(c reconcile.Consumer) bool { return c.ARN == before.ARN }) {
			return nil
		}
		return stale("consumer %s has no tags any more", before.Key)
	case len(before.Tags) > 0 && !maps.Equal(tags, before.Tags):
		return stale("consumer %s has other tags", before.Key)
	}
	uuid, err := w.usedBy(ctx, before.ARN, "")
	switch {
	case err != nil:
		return err
	case uuid != "":
		return stale("mapping %s reads consumer %s, and the list that the plan saw lacked it", uuid, before.Key)
	}
	_, err = w.writeKinesis.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: &before.ARN})
	switch {
	case err == nil, IsNotFound(err):
		return nil
	case IsBusy(err):
		return stale("consumer %s is being changed", before.Key)
	}
	return failed(err, "deregister consumer %s", before.Key)
}

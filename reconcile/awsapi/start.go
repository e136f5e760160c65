package awsapi

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/reconcile"
)

// Start begins one change. Its error is [reconcile.ErrStale] where the target
// has moved, also between the look at it and the write, or is gone or taken. One
// that is all that the change makes of it is done: another pass was first.
//
// Any other refusal is reported at once, such as one over the function's role:
// how long a new permission takes to spread is nobody's to know, and the pass
// that would wait for it has other changes to carry out. The next pass tries
// again.
func (w *Writer) Start(ctx context.Context, c reconcile.Change) error {
	if c.After == nil {
		return w.remove(ctx, c)
	}
	switch after := c.After.(type) {
	case *reconcile.Mapping:
		before, err := beforeOf[reconcile.Mapping](c)
		if err != nil {
			return err
		}
		if err := w.stillReserved(ctx, after.Key.Function, c.Reserved); err != nil {
			return err
		}
		if before == nil {
			err = w.createMapping(ctx, after)
		} else {
			err = w.updateMapping(ctx, before, after)
		}
		if err != nil {
			return err
		}
		return w.keepReserved(ctx, after.Key.Function, c.Reserved)
	case *reconcile.Alias:
		before, err := beforeOf[reconcile.Alias](c)
		switch {
		case err != nil:
			return err
		case before == nil:
			return w.createAlias(ctx, after)
		}
		return w.updateAlias(ctx, before, after)
	case *reconcile.Consumer:
		before, err := beforeOf[reconcile.Consumer](c)
		switch {
		case err != nil:
			return err
		case before == nil:
			return w.registerConsumer(ctx, after)
		}
		return w.tagConsumer(ctx, before, after)
	case *reconcile.Reservation:
		before, err := beforeOf[reconcile.Reservation](c)
		if err != nil {
			return err
		}
		return w.reserve(ctx, before, after)
	}
	return fmt.Errorf("%s %s: this version cannot do that", c.Action, c.Addr)
}

// beforeOf is a change's Before, nil for none. It has to be of After's type.
func beforeOf[T any](c reconcile.Change) (*T, error) {
	if c.Before == nil {
		return nil, nil
	}
	before, ok := c.Before.(any).(*T)
	if !ok {
		return nil, fmt.Errorf("%s %s: it cannot turn a %T into a %T", c.Action, c.Addr, c.Before, c.After)
	}
	return before, nil
}

// stale is ErrStale with what was found.
func stale(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), reconcile.ErrStale)
}

func (w *Writer) createAlias(ctx context.Context, after *reconcile.Alias) error {
	in := &lambda.CreateAliasInput{
		FunctionName:    &after.Key.Function,
		Name:            &after.Key.Name,
		FunctionVersion: &after.Version,
		Description:     &after.Description,
	}
	if len(after.Weights) > 0 {
		in.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: after.Weights}
	}
	_, err := w.write.CreateAlias(ctx, in)
	switch {
	case IsConflict(err):
		return w.confirmAlias(ctx, after)
	case err != nil:
		return failed(err, "create alias %s", after.Key)
	}
	return nil
}

// updateAlias writes a whole alias, if it still is of the revision that the
// plan saw.
func (w *Writer) updateAlias(ctx context.Context, before, after *reconcile.Alias) error {
	if before.RevisionID == "" {
		return fmt.Errorf("update alias %s: its revision is not known", after.Key)
	}
	in := &lambda.UpdateAliasInput{
		FunctionName:    &after.Key.Function,
		Name:            &after.Key.Name,
		FunctionVersion: &after.Version,
		Description:     &after.Description,
		RevisionId:      &before.RevisionID,
	}
	if len(before.Weights)+len(after.Weights) > 0 {
		// Absent would leave the weights; empty, which must be sent, ends them.
		weights := map[string]float64{}
		maps.Copy(weights, after.Weights)
		in.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights}
	}
	_, err := w.write.UpdateAlias(ctx, in)
	switch {
	case isMoved(err):
		return w.confirmAlias(ctx, after)
	case IsNotFound(err):
		return stale("alias %s is gone", after.Key)
	case err != nil:
		return failed(err, "update alias %s", after.Key)
	}
	return nil
}

// confirmAlias is for a write that AWS refused because somebody was there
// first. That can be this very write, its answer lost on the way.
func (w *Writer) confirmAlias(ctx context.Context, after *reconcile.Alias) error {
	out, err := w.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &after.Key.Function, Name: &after.Key.Name})
	switch {
	case IsNotFound(err):
		return stale("alias %s came and went", after.Key)
	case err != nil:
		return failed(err, "read alias %s", after.Key)
	}
	answer := types.AliasConfiguration{
		Name: out.Name, AliasArn: out.AliasArn, FunctionVersion: out.FunctionVersion, Description: out.Description, RoutingConfig: out.RoutingConfig,
	}
	if err := saneAlias(after.Key.Function, answer); err != nil {
		return failed(err, "read alias %s", after.Key)
	}
	live := aliasOf(after.Key.Function, answer)
	if live.Version == after.Version && live.Description == after.Description && maps.Equal(live.Weights, after.Weights) {
		return nil
	}
	return stale("alias %s points to %s and says %q", after.Key, live.Version, live.Description)
}

// sleep waits, unless the context ends first; then it says why.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

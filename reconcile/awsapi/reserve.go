package awsapi

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventrouting/eventrouting/reconcile"
)

// reserve sets a function's reservation. AWS has no condition for it, so the
// look at it comes right before, and where it falls the look at what runs.
func (w *Writer) reserve(ctx context.Context, before, after *reconcile.Reservation) error {
	if after.Reserved <= 0 {
		// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
		return fmt.Errorf("reserve %d for function %s: that would refuse every invocation", after.Reserved, after.Function)
	}
	if before != nil && after.Reserved < before.Reserved {
		if err := w.runsNoMore(ctx, after.Function); err != nil {
			return err
		}
	}
	live, err := w.reserved(ctx, after.Function)
	switch {
	case IsNotFound(err):
		return stale("function %s is gone", after.Function)
	case err != nil:
		return failed(err, "read the reservation of function %s", after.Function)
	}
	switch {
	case live != nil && *live == after.Reserved:
		return nil // by another pass
	case live == nil && before != nil:
		return stale("function %s has no reservation", after.Function)
	case live != nil && (before == nil || *live != before.Reserved):
		return stale("function %s has a reservation of %d", after.Function, *live)
	}
	_, err = w.write.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{
		FunctionName:                 &after.Function,
		ReservedConcurrentExecutions: aws.Int32(int32(after.Reserved)),
	})
	if err != nil {
		return failed(err, "reserve %d for function %s", after.Reserved, after.Function)
	}
	return nil
}

// runsNoMore says whether the mappings of a function are what the plan saw: what it
// found to be free may have been put to use since. What the pass itself changed beside a
// lowering runs nothing. AWS lists by function only what runs the very qualifier, so that
// all have to be listed.
func (w *Writer) runsNoMore(ctx context.Context, function string) error {
	all, err := w.listMappings(ctx, "", "")
	if err != nil {
		return failed(err, "list the mappings of function %s", function)
	}
	seen := map[string]reconcile.Mapping{}
	for key, ms := range w.live.Mappings {
		for _, m := range ms {
			if key.Function == function {
				seen[m.UUID] = m
			}
		}
	}
	for _, m := range all {
		if m.Key.Function != function || w.changed[m.UUID] {
			continue
		}
		was, ok := seen[m.UUID]
		if !ok || m.State != was.State || m.ParallelizationFactor != was.ParallelizationFactor || !m.Modified.Equal(was.Modified) {
			return stale("mapping %s of function %s is %s and no longer as it was", m.UUID, function, m.State)
		}
	}
	return nil
}

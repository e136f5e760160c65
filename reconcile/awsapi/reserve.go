package awsapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventrouting/eventrouting/reconcile"
)

// reserve sets a function's reservation. AWS has no condition for it, so the look at it
// comes right before, and where it falls a look at what runs as well. Another look at
// that comes right after: with [Writer.keepReserved], which looks after a change of what
// runs, one of two processes sees the other, however their calls fall.
func (w *Writer) reserve(ctx context.Context, before, after *reconcile.Reservation) error {
	if before == nil || after.Reserved >= before.Reserved {
		return w.setReserved(ctx, before, after)
	}
	if err := w.runsNoMore(ctx, after.Function); err != nil {
		return err
	}
	if err := w.setReserved(ctx, before, after); err != nil {
		return err
	}
	if err := w.runsNoMore(ctx, after.Function); err != nil {
		return errors.Join(err, w.takeBack(ctx, before, after))
	}
	return nil
}

// takeBack undoes a lowering, unless another process has set something else since.
func (w *Writer) takeBack(ctx context.Context, before, after *reconcile.Reservation) error {
	live, err := w.readReserved(ctx, after.Function)
	if err != nil || live == nil || *live != after.Reserved {
		return err
	}
	return w.putReserved(ctx, before)
}

// setReserved sets a reservation that is what it was thought to be.
func (w *Writer) setReserved(ctx context.Context, before, after *reconcile.Reservation) error {
	if after.Reserved <= 0 {
		// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
		return fmt.Errorf("reserve %d for function %s: that would refuse every invocation", after.Reserved, after.Function)
	}
	live, err := w.readReserved(ctx, after.Function)
	switch {
	case err != nil:
		return err
	case live != nil && *live == after.Reserved:
		return nil // by another pass
	case live == nil && before != nil:
		return stale("function %s has no reservation", after.Function)
	case live != nil && (before == nil || *live != before.Reserved):
		return stale("function %s has a reservation of %d", after.Function, *live)
	}
	return w.putReserved(ctx, after)
}

func (w *Writer) putReserved(ctx context.Context, r *reconcile.Reservation) error {
	_, err := w.write.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{
		FunctionName:                 &r.Function,
		ReservedConcurrentExecutions: aws.Int32(int32(r.Reserved)),
	})
	if err != nil {
		return failed(err, "reserve %d for function %s", r.Reserved, r.Function)
	}
	return nil
}

// readReserved reads a reservation again; nil is unset.
func (w *Writer) readReserved(ctx context.Context, function string) (*int, error) {
	live, err := w.reserved(ctx, function)
	switch {
	case IsNotFound(err):
		return nil, stale("function %s is gone", function)
	case err != nil:
		return nil, failed(err, "read the reservation of function %s", function)
	}
	return live, nil
}

// reliance is what a pass has seen of a reservation that changes of it rely on.
type reliance struct {
	lacks error // before the first of them
	kept  bool  // it was looked at after the first of them
}

func (w *Writer) reliance(function string) (r *reliance, known bool) {
	r, known = w.relies[function]
	if !known {
		r = &reliance{}
		w.relies[function] = r
	}
	return r, known
}

// stillReserved says whether so much is reserved for a function as changes of it rely
// on: another pass may have taken it for free. It looks before the first of them; once
// that is under way others see that it is needed.
func (w *Writer) stillReserved(ctx context.Context, function string, n int) error {
	if n == 0 {
		return nil
	}
	r, known := w.reliance(function)
	if known {
		return r.lacks
	}
	live, err := w.readReserved(ctx, function)
	switch {
	case err != nil:
		r.lacks = err
	case live != nil && *live < n:
		r.lacks = stale("function %s has a reservation of %d, and %d are to run", function, *live, n)
	}
	return r.lacks
}

// keepReserved looks again after the first of the changes that rely on a reservation,
// and raises what another pass has lowered meanwhile: it did not see the change.
func (w *Writer) keepReserved(ctx context.Context, function string, n int) error {
	if n == 0 {
		return nil
	}
	r, _ := w.reliance(function)
	if r.kept {
		return nil
	}
	r.kept = true
	live, err := w.readReserved(ctx, function)
	switch {
	case err != nil || live == nil || *live >= n:
		return err
	case *live == 0:
		return stale("function %s has a reservation of 0, which a person set meanwhile", function)
	}
	return w.putReserved(ctx, &reconcile.Reservation{Function: function, Reserved: n})
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

package controller

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/smithy-go"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/spec"
)

// finding is what a look came to.
type finding struct {
	docs   []spec.EventRouting // that could be looked at
	out    []spec.EventRouting // that could not
	said   []spec.Finding      // in documents, and of plan as well
	plan   reconcile.Plan
	live   reconcile.State
	status reconcile.Status
}

// observe looks at what is and plans. A routing whose stream or function may
// not be read is left out for a while and the others go on. With none that can be
// read it is the place that fails, and backs off.
func (w *worker) observe(ctx context.Context, want wanted, now time.Time) (finding, error) {
	docs := slices.DeleteFunc(slices.Clone(want.docs), func(d spec.EventRouting) bool { return w.unread.waits(d.Metadata.Name, now) })
	if len(docs) == 0 {
		docs = want.docs
	}
	f, err := w.compute(ctx, docs, want, now)
	if err != nil && local(ctx, err) && len(docs) > 0 {
		var good []spec.EventRouting
		if good, err = w.readable(ctx, docs, now); err != nil {
			if len(docs) == len(want.docs) {
				clear(w.unread)
			}
			return f, err
		}
		f, err = w.compute(ctx, good, want, now)
	} else if err == nil {
		for _, d := range docs {
			delete(w.unread, d.Metadata.Name)
		}
	}
	return f, err
}

func (w *worker) compute(ctx context.Context, docs []spec.EventRouting, want wanted, now time.Time) (finding, error) {
	o := w.o.Pass
	o.Commit = want.commit
	// What no document names may be named by one that is left out here.
	o.Partial = o.Partial || want.partial || w.look().trouble != nil || len(docs) < len(want.docs)
	f := finding{docs: docs, said: want.found}
	for _, d := range want.docs {
		if !slices.ContainsFunc(docs, func(x spec.EventRouting) bool { return x.Metadata.Name == d.Metadata.Name }) {
			f.out = append(f.out, d)
		}
	}
	var err error
	if f.plan, f.live, err = reconcile.Look(ctx, w.reader, docs, o, now); err != nil {
		return f, err
	}
	f.plan.Findings = append(slices.Clone(want.found), f.plan.Findings...)
	f.status, _, err = reconcile.Ascertain(ctx, w.reader, f.live, func(live reconcile.State) (reconcile.Status, []reconcile.Ask) {
		return reconcile.Inspect(docs, live, o, f.plan.At)
	})
	f.status.Findings = f.plan.Findings
	return f, err
}

// readable finds the documents whose things can be read, by halves, and notes
// the others. With none it returns why.
func (w *worker) readable(ctx context.Context, docs []spec.EventRouting, now time.Time) ([]spec.EventRouting, error) {
	o := w.o.Pass
	o.Partial = true
	_, _, err := reconcile.Look(ctx, w.reader, docs, o, now)
	switch {
	case err == nil:
		for _, d := range docs {
			delete(w.unread, d.Metadata.Name)
		}
		return docs, nil
	case !local(ctx, err):
		return nil, err
	case len(docs) == 1:
		w.unread.fail(docs[0].Metadata.Name, explain(ctx, err), now, w.interval(now))
		return nil, err
	}
	half := len(docs) / 2
	var good []spec.EventRouting
	for _, part := range [][]spec.EventRouting{docs[:half], docs[half:]} {
		some, bad := w.readable(ctx, part, now)
		if bad != nil && !local(ctx, bad) {
			return nil, bad
		}
		good = append(good, some...)
	}
	if len(good) > 0 {
		err = nil
	}
	return good, err
}

// local says whether an error may be about one stream or function only, so that
// without the document that names it the others can be looked at.
func local(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	op, called := errors.AsType[*smithy.OperationError](err)
	if !called {
		return true // no call failed: a document names what cannot be here
	}
	_, answered := errors.AsType[smithy.APIError](err)
	return answered && !awsapi.IsThrottled(err) && op.OperationName != "ListEventSourceMappings" // which is about no document
}

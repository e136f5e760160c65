package command

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// move moves an event type from one route to another while records flow, and goes
// on until the handover is over.
func (d *demonstration) move(ctx context.Context) error {
	const eventType, giver, taker = "RefundIssued", "refunds", "payments"
	d.say("A commit moves %s from %s to %s. Nothing leaves a filter before another mapping is known to take it: %s takes the type as well, and %s keeps it until %s has had it for 6 minutes and %s is known to have read past where that began.",
		eventType, giver, taker, taker, giver, taker, giver)
	d.doc.Spec.Routes = slices.Clone(d.doc.Spec.Routes)
	for i, r := range d.doc.Spec.Routes {
		switch r.Name {
		case giver:
			d.doc.Spec.Routes[i].EventTypes = []string{"RefundRejected"}
		case taker:
			d.doc.Spec.Routes[i].EventTypes = append(slices.Clone(r.EventTypes), eventType)
		}
	}
	began := d.now()
	for {
		p, err := d.plan(ctx)
		if err != nil {
			return err
		}
		held := handover(p)
		switch {
		case !p.Empty():
			if err := d.pass(ctx); err != nil {
				return err
			}
		case held == "":
			fmt.Fprintf(d.out, "\nThe handover took %s.\n", d.now().Sub(began).Round(time.Second))
			return d.mappings(ctx)
		default:
			fmt.Fprintf(d.out, "%s later, held: %s\n", d.now().Sub(began).Round(time.Minute), held)
		}
		if err := d.sleep(ctx, time.Minute); err != nil {
			return err
		}
	}
}

// handover is why something is held, but for a reservation that has to stay high
// for a while; empty for nothing.
func handover(p reconcile.Plan) string {
	for _, h := range p.Held {
		if h.Action != reconcile.Lower {
			return h.Reason
		}
	}
	return ""
}

// revert removes a route, and puts it back half an hour later: it goes on where it
// stopped.
func (d *demonstration) revert(ctx context.Context) error {
	const name = "shipping"
	before := d.doc.Spec.Routes
	d.say("A commit removes route %s, by mistake. Its mapping is disabled and keeps its position; nobody else wants its events.", name)
	d.doc.Spec.Routes = slices.DeleteFunc(slices.Clone(before), func(r spec.Route) bool { return r.Name == name })
	if err := d.pass(ctx); err != nil {
		return err
	}
	if err := d.sleep(ctx, 5*time.Minute); err != nil {
		return err
	}
	d.say("Minutes later the commit is reverted: the mapping goes on where it stopped.")
	d.doc.Spec.Routes = before
	return d.apply(ctx, 40)
}

// sleep waits for a stretch of the demo's time, and tells each minute, and in the end,
// what becomes of the records meanwhile.
func (d *demonstration) sleep(ctx context.Context, length time.Duration) error {
	for ; length > 0; length -= time.Minute {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(min(length, time.Minute) / demoSpeed):
		}
		if err := d.progress(ctx); err != nil {
			return err
		}
	}
	return nil
}

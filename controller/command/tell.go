package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/reconcile"
)

// telling is a command with which an operator says something of a route or a
// routing for a while.
type telling struct {
	cloud cloud
	o     reconcile.Options
	tag   string
	back  bool // takes it back
	lasts time.Duration
	most  time.Duration
	done  string // what it says when it is done
}

// mostPause and mostRelease are how long a word may last: what is forgotten has to
// end by itself.
const (
	mostPause   = 7 * 24 * time.Hour
	mostRelease = 24 * time.Hour
)

func newPause() *cobra.Command {
	t := telling{tag: reconcile.TagPaused, most: mostPause, done: "paused"}
	cmd := t.command("pause ROUTING[/ROUTE] PATH...", "Leave a route or a routing alone for a while")
	cmd.Long = `Pause writes a time into the tags of the routing's mappings. Until then no apply
and no controller, wherever it runs, changes the route, or any route of the
routing: what would change is held, and plan and status say until when. Events
go on being processed. The reservation still follows the shards, and route
aliases still follow theirs.`
	cmd.Example = `  eventrouting pause orders/payments routing/             # for an hour
  eventrouting pause orders --for 8h routing/
  eventrouting resume orders/payments routing/`
	cmd.Flags().DurationVar(&t.lasts, "for", time.Hour, "how long, at most 168h")
	return cmd
}

func newResume() *cobra.Command {
	t := telling{tag: reconcile.TagPaused, back: true, done: "resumed"}
	cmd := t.command("resume ROUTING[/ROUTE] PATH...", "End a pause before its time")
	cmd.Long = `Resume takes back what pause said of the same route, or of the same routing.`
	cmd.Example = `  eventrouting resume orders/payments routing/
  eventrouting resume orders routing/                     # routes that were paused each for itself stay so`
	return cmd
}

func newRelease() *cobra.Command {
	t := telling{tag: reconcile.TagReleased, most: mostRelease, done: "released"}
	cmd := t.command("release ROUTING[/ROUTE] PATH...", "Let a held step go on, or lift a routing's brake")
	cmd.Long = `Release writes a time into the tags of the routing's mappings. Until then every
apply and controller takes it that

  of a ROUTE: a person vouches that it has read past where those that take its
      events began, as --assume-drained does, and that it may be enabled again
      although somebody disabled it;
  of a ROUTING: as many of its mappings may stop at once as its document wants, as
      --allow-deletes does.

Nothing else that is held is let go, and what was done is not undone when the
time has passed.`
	cmd.Example = `  eventrouting release orders/payments routing/           # for 15 minutes
  eventrouting release orders --for 1h routing/           # the brake`
	cmd.Flags().DurationVar(&t.lasts, "for", 15*time.Minute, "how long, at most 24h")
	cmd.Flags().BoolVar(&t.back, "undo", false, "take it back before its time")
	return cmd
}

func (t *telling) command(use, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			const usage = "%s ROUTING[/ROUTE] PATH..., such as %s orders/payments routing/"
			switch len(args) {
			case 0:
				return hint(errors.New("no route named"), usage, cmd.CommandPath(), cmd.CommandPath())
			case 1:
				return hint(errors.New("no documents named"), usage, cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: t.run,
	}
	t.cloud.flags(cmd)
	cmd.Flags().StringVar(&t.o.Owner, "owner", "default", "whose mappings and aliases are ours, at most 32 characters")
	return cmd
}

func (t *telling) run(cmd *cobra.Command, args []string) error {
	if err := checkOptions(t.o); err != nil {
		return err
	}
	routing, route, one := strings.Cut(args[0], "/")
	if routing == "" || one && route == "" {
		return hint(fmt.Errorf("%q is no route", args[0]), "write ROUTING or ROUTING/ROUTE, as the plan says")
	}
	if !t.back && (t.lasts < time.Minute || t.lasts > t.most) {
		return hint(fmt.Errorf("--for %s is not between 1m and %s", t.lasts, t.most), "use a duration such as 1h")
	}
	places, _, err := t.cloud.open(cmd, args[1:])
	if err != nil {
		return err
	}
	for _, pl := range places {
		for _, d := range pl.docs {
			if d.Metadata.Name == routing {
				return t.tell(cmd, pl, routing, cmp.Or(route, reconcile.Routing), args[0])
			}
		}
	}
	return hint(fmt.Errorf("no document names routing %s", routing), "write ROUTING or ROUTING/ROUTE, and the documents that name it")
}

// tell writes it down in one place.
func (t *telling) tell(cmd *cobra.Command, pl place, routing, route, name string) error {
	ctx, now := cmd.Context(), pl.time().UTC().Truncate(time.Second)
	var until time.Time
	if !t.back {
		until = now.Add(t.lasts)
	}
	client := pl.client()
	live, err := client.Reader().Observe(ctx, reconcile.Wants(pl.docs), now)
	if err != nil {
		return err
	}
	var refused error
	changes, live, err := reconcile.Ascertain(ctx, client.Reader(), live, func(live reconcile.State) ([]reconcile.Change, []reconcile.Ask) {
		changes, asks, err := reconcile.Tell(pl.docs, live, t.o, now, t.tag, routing, route, until)
		refused = err
		return changes, asks
	})
	if err = cmp.Or(err, refused); err != nil {
		return err
	}
	if err := carry(ctx, client.Writer(live), changes); err != nil {
		return hint(err, "run it again: until it is done some mappings say so and others do not")
	}
	if until.IsZero() {
		fmt.Fprintf(cmd.OutOrStdout(), "%s is %s.\n", name, map[bool]string{true: "resumed", false: "not released any more"}[t.tag == reconcile.TagPaused])
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is %s until %s (%s).\n", name, t.done, until.Format(time.RFC3339), t.lasts)
	return nil
}

// carry makes changes that need no plan to be shown.
func carry(ctx context.Context, w reconcile.Writer, changes []reconcile.Change) error {
	for _, c := range changes { // a handover's two mappings may go by one address
		if err := reconcile.Apply(ctx, w, []reconcile.Change{c}, nil).Err(); err != nil {
			return err
		}
	}
	return nil
}

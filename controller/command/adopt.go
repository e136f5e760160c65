package command

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/reconcile"
)

func newAdopt() *cobra.Command {
	var c cloud
	var o reconcile.Options
	var uuid string
	var approved bool
	cmd := &cobra.Command{
		Use:   "adopt PATH... ROUTING/ROUTE --uuid UUID",
		Short: "Make a mapping of nobody a route's, in place",
		Long: `Adopt tags a live mapping as a route's. It shows first what the next apply will do
with it: its settings and its target become the route's, it keeps its position, and
no event is lost or comes twice because of that. Where it takes more events than the
route wants it goes on taking them until other routes do.

It changes nothing but tags, and the description of the alias where the mapping runs
one that is called like the route's. A mapping of another owner, on another stream
or function, or of another route is refused.`,
		Example: `  eventrouting adopt routing/ orders/payments --uuid 14e0db71-5d35-4eb5-b481-8945cf9d10c2
  eventrouting apply routing/`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return hint(errors.New("adopt needs documents and a route"), "%s PATH... ROUTING/ROUTE --uuid UUID", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOptions(o); err != nil {
				return err
			}
			paths, name, err := routeOf(args)
			switch {
			case err != nil:
				return err
			case uuid == "":
				return hint(errors.New("which mapping: no --uuid"), "eventrouting plan names those that hold a route's place; aws lambda list-event-source-mappings names all")
			case !approved && !terminal(cmd.InOrStdin()):
				return hint(errors.New("adopt asks before it changes anything, and there is no terminal to ask on"), "--auto-approve, after it has shown what would change")
			}
			places, _, err := c.open(cmd, paths)
			if err != nil {
				return err
			}
			routing, _, _ := strings.Cut(name, "/")
			for _, pl := range places {
				for _, d := range pl.docs {
					if d.Metadata.Name == routing {
						return adopt(cmd, pl, o, name, uuid, approved)
					}
				}
			}
			return hint(fmt.Errorf("no document names routing %s", routing), "write ROUTING/ROUTE, and the documents that name it")
		},
	}
	c.flags(cmd)
	passFlags(cmd, &o)
	cmd.Flags().StringVar(&uuid, "uuid", "", "UUID of the mapping")
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "do not ask")
	return cmd
}

// routeOf tells the route among arguments from the paths, in whatever order.
func routeOf(args []string) (paths []string, name string, err error) {
	for _, a := range args {
		if _, err := os.Stat(a); err != nil && name == "" && strings.Count(a, "/") == 1 {
			name = a
			continue
		}
		paths = append(paths, a)
	}
	if name == "" || len(paths) == 0 {
		return nil, "", hint(fmt.Errorf("no route among %s", strings.Join(args, " ")), "write PATH... ROUTING/ROUTE, as the plan says")
	}
	return paths, name, nil
}

func adopt(cmd *cobra.Command, pl place, o reconcile.Options, name, uuid string, approved bool) error {
	ctx, now, client := cmd.Context(), pl.time(), pl.client()
	live, err := client.Reader().Observe(ctx, reconcile.Wants(pl.docs), now)
	if err != nil {
		return err
	}
	type found struct {
		taking []reconcile.Change
		after  reconcile.Plan
		err    error
	}
	f, live, err := reconcile.Ascertain(ctx, client.Reader(), live, func(live reconcile.State) (found, []reconcile.Ask) {
		var f found
		var asks []reconcile.Ask
		f.taking, f.after, asks, f.err = reconcile.Adopt(pl.docs, live, o, now, name, uuid)
		return f, asks
	})
	if err != nil {
		return err
	}
	if f.err != nil {
		return f.err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Mapping %s becomes %s's%s. The apply after that:\n\n", uuid, name, alsoTaken(f.taking))
	if err := show(cmd.OutOrStdout(), f.after, "text", pl, 1); err != nil {
		return err
	}
	a := applier{cmd: cmd, approved: approved, question: "Adopt it, and change nothing else yet"}
	if err := a.ask(); err != nil {
		return err
	}
	if err := carry(ctx, client.Writer(live), f.taking); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Adopted: eventrouting apply makes it what the route wants.\n")
	if target := movedFrom(f.taking); target != "" {
		fmt.Fprintf(cmd.OutOrStdout(), "Until then who applies has to be allowed lambda:UpdateEventSourceMapping for what it runs: eventrouting iam --for controller --adopt '%s' prints that too.\n", target)
	}
	return nil
}

// movedFrom is the ARN of what an adopted mapping runs, where that is not its route's
// target yet; empty where it is.
func movedFrom(taking []reconcile.Change) string {
	for _, c := range taking {
		if m, ok := c.After.(*reconcile.Mapping); ok && m.Tags[reconcile.TagAdopted] != "" {
			home, _, _ := strings.Cut(m.ARN, "event-source-mapping:")
			return home + "function:" + m.Key.Target()
		}
	}
	return ""
}

// alsoTaken names the alias that is taken over with a mapping; empty for none.
func alsoTaken(taking []reconcile.Change) string {
	for _, c := range taking {
		if c.Addr.Kind == reconcile.KindAlias {
			return ", and alias " + c.Addr.Name + " with it"
		}
	}
	return ""
}

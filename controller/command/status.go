package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
)

func newStatus() *cobra.Command {
	var c cloud
	var o reconcile.Options
	var format string
	cmd := &cobra.Command{
		Use:   "status PATH...",
		Short: "Show what is: routes, functions, streams, and what is held",
		Long: `Status shows, per route of the documents, its mapping's key and state, since when
and with what last result, what the next apply would do and what is held until
when; retired mappings; per function what it needs and what is reserved; per
stream its shards and readers; and what was found. It has no way to write.`,
		Example: "  eventrouting status routing/",
		Args:    paths,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return hint(fmt.Errorf("unknown output %q", format), "-o text or -o json")
			}
			o.Words = true
			if err := checkOptions(o); err != nil {
				return err
			}
			if err := c.limit(&o); err != nil {
				return err
			}
			places, findings, err := c.open(cmd, args)
			if err != nil {
				return err
			}
			missing := false
			out := cmd.OutOrStdout()
			for i, pl := range places {
				r := pl.client().Reader()
				p, live, err := look(cmd.Context(), r, pl, o, findings[i])
				if err != nil {
					return err
				}
				missing = missing || p.Incomplete()
				s, _, err := reconcile.Ascertain(cmd.Context(), r, live, func(live reconcile.State) (reconcile.Status, []reconcile.Ask) {
					return reconcile.Inspect(pl.docs, live, o, p.At)
				})
				if err != nil {
					return err
				}
				s.Findings = p.Findings
				if format == "json" {
					err = render.StatusJSON(out, s)
				} else {
					if i > 0 {
						fmt.Fprintln(out)
					}
					if len(places) > 1 {
						fmt.Fprintf(out, "# %s\n", pl.name())
					}
					err = render.StatusText(out, s, render.Options{Color: colour(out)})
				}
				if err != nil {
					return err
				}
			}
			if missing {
				return exit(exitError)
			}
			return nil
		},
	}
	c.flags(cmd)
	passFlags(cmd, &o)
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return cmd
}

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

// respectManual is how long a mapping that a person disabled is left alone unless told.
const respectManual = time.Hour

// passFlags adds what the operator decides for a pass.
func passFlags(cmd *cobra.Command, o *reconcile.Options) {
	f := cmd.Flags()
	f.StringVar(&o.Owner, "owner", "default", "whose mappings and aliases are ours, at most 32 characters")
	f.DurationVar(&o.RespectManual, "respect-manual", respectManual, "how long a mapping that a person disabled is left alone")
	f.IntVar(&o.AllowDeletes, "allow-deletes", 0, "how many mappings of a routing may be stopped in one run, whatever share of it they are")
	f.StringArrayVar(&o.AssumeDrained, "assume-drained", nil, "ROUTING/ROUTE that is known to have read past where those that take its events began; may be repeated")
	f.StringArrayVar(&o.Only, "only", nil, "ROUTING or ROUTING/ROUTE: change nothing else, but for the reservation and what follows an alias; may be repeated")
	f.BoolVar(&o.Prune, "prune", false, "retire what is ours and no document names as well")
	f.IntVar(&o.KeepFree, "keep-free", 0, "concurrent executions of the account that stay unreserved; 0 is the larger of 100 and a fifth of the limit")
}

// checkOptions refuses what no pass can work with.
func checkOptions(o reconcile.Options) error {
	switch {
	case !validOwner(o.Owner):
		return hint(fmt.Errorf("--owner %q is no owner", o.Owner), "use 1 to 32 letters, digits, '-', '_' or '.'")
	case o.KeepFree < 0 || o.KeepFree > spec.MostExecutions:
		return hint(fmt.Errorf("--keep-free %d is out of range", o.KeepFree), "use 0 to %d", spec.MostExecutions)
	case o.AllowDeletes < 0:
		return hint(fmt.Errorf("--allow-deletes %d is below 0", o.AllowDeletes), "use 0 or more")
	case o.RespectManual < 0:
		return hint(fmt.Errorf("--respect-manual %s is below 0", o.RespectManual), "use a duration such as 1h")
	}
	for _, name := range o.AssumeDrained {
		if routing, route, ok := strings.Cut(name, "/"); !ok || routing == "" || route == "" {
			return hint(fmt.Errorf("--assume-drained %q is no route", name), "write ROUTING/ROUTE, as the plan says")
		}
	}
	return nil
}

// checkNames refuses flags that name routings which no document has.
func checkNames(o reconcile.Options, places []place) error {
	var docs []spec.EventRouting
	for _, pl := range places {
		docs = append(docs, pl.docs...)
	}
	if strangers := o.Strangers(docs); len(strangers) > 0 {
		return hint(errors.New(strangers[0].Message), "copy the name from the plan, and name its documents")
	}
	return nil
}

// validOwner keeps owners readable in an alias's description, whose words are
// separated by spaces, and short enough for its 256 characters.
func validOwner(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return s != "" && len(s) <= 32 && strings.Trim(s, allowed) == ""
}

// planning is a plan command and its flags.
type planning struct {
	cloud    cloud
	o        reconcile.Options
	format   string
	detailed bool
	limit    int    // bytes of Markdown
	out      string // file that the plan is saved to; empty for none
}

func newPlan() *cobra.Command {
	var p planning
	cmd := &cobra.Command{
		Use:   "plan PATH...",
		Short: "Show what would change, and change nothing",
		Long: `Plan compares documents with what is live and shows the changes that would make
them agree, what is held and why, and what it found. It has no way to write.

Exit code 0, or 1 for an error. With --detailed-exitcode 2 says that there are
changes; what is held and warnings alone are no changes, but for what the brake
holds: too many mappings of a routing that would stop at once.

With --out the plan is saved as well, with its documents, options, account,
region and time, and without credentials. apply --plan carries out exactly that.`,
		Example: `  eventrouting plan routing/
  eventrouting plan --detailed-exitcode -o json routing/ > plan.json
  eventrouting plan --out plan.json routing/          # eventrouting apply --plan plan.json
  eventrouting plan -o markdown routing/ | gh pr comment --body-file -`,
		Args: paths,
		RunE: p.run,
	}
	p.cloud.flags(cmd)
	passFlags(cmd, &p.o)
	cmd.Flags().StringVarP(&p.format, "output", "o", "text", "text, json or markdown, which is made for a pull-request comment")
	cmd.Flags().IntVar(&p.limit, "markdown-limit", render.MarkdownLimit, "bytes of -o markdown; 32000 suits Bitbucket Data Center")
	cmd.Flags().StringVar(&p.out, "out", "", "file to save the plan to, for apply --plan")
	cmd.Flags().BoolVar(&p.detailed, "detailed-exitcode", false, "exit 2 when there are changes")
	return cmd
}

func (p *planning) check() error {
	switch {
	case p.format == "ut" || strings.HasPrefix(p.format, "ut="): // -out, as Terraform has it
		return hint(errors.New("-out is --out here"), "--out plan.json saves the plan")
	case !slices.Contains([]string{"text", "json", "markdown"}, p.format):
		return hint(fmt.Errorf("unknown output %q", p.format), "-o text, -o json or -o markdown")
	case p.out == "-":
		return hint(errors.New("--out - is no file: a saved plan is for apply --plan, which reads one"), "--out plan.json; -o json prints the plan")
	case p.out != "" && p.cloud.selector != "":
		return hint(errors.New("--out with --selector: a saved plan is of whole files"), "name the files that hold the documents")
	case p.limit < minComment:
		return hint(fmt.Errorf("--markdown-limit %d is too small for a plan", p.limit), "use %d or more", minComment)
	}
	return checkOptions(p.o)
}

func (p *planning) run(cmd *cobra.Command, args []string) error {
	if err := p.check(); err != nil {
		return err
	}
	if err := p.cloud.limit(&p.o); err != nil {
		return err
	}
	var kept saved
	open := p.cloud.open
	if p.out != "" {
		kept.Options = optionsToSave(p.o)
		open = kept.open(&p.cloud)
	}
	places, findings, err := open(cmd, args)
	if err != nil {
		return err
	}
	if err := checkNames(p.o, places); err != nil {
		return err
	}
	var plans []reconcile.Plan
	for i, pl := range places {
		plan, _, err := look(cmd.Context(), pl.client().Reader(), pl, p.o, findings[i])
		if err != nil {
			return err
		}
		if p.format != "markdown" {
			if err := show(cmd.OutOrStdout(), plan, p.format, pl, len(places)); err != nil {
				return err
			}
		}
		plans = append(plans, plan)
	}
	if p.format == "markdown" {
		if err := render.Markdown(cmd.OutOrStdout(), plans, render.MarkdownOptions{Limit: p.limit}); err != nil {
			return err
		}
	}
	if p.out != "" {
		if err := kept.save(p.out, places, plans); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "saved: eventrouting apply --plan %s carries out exactly this plan\n", p.out)
	}
	return p.exit(plans)
}

// exit is the exit code of plans.
func (p *planning) exit(plans []reconcile.Plan) error {
	changes := slices.ContainsFunc(plans, func(p reconcile.Plan) bool { return !p.Empty() || p.Braked() })
	switch {
	case slices.ContainsFunc(plans, reconcile.Plan.Incomplete):
		return exit(exitError)
	case changes && p.detailed:
		return exit(exitChanges)
	}
	return nil
}

// minComment is the least that a plan as Markdown can be cut to, in bytes.
const minComment = 2000

// open loads documents and sorts them, and what was found in them, by place.
func (c *cloud) open(cmd *cobra.Command, args []string) ([]place, [][]spec.Finding, error) {
	docs, found, err := valid(cmd.Context(), args, cmd.ErrOrStderr())
	if err != nil {
		return nil, nil, err
	}
	return c.sorted(cmd.Context(), docs, found)
}

// sorted sorts documents, and what was found in them, by place.
func (c *cloud) sorted(ctx context.Context, docs []spec.EventRouting, found []spec.Finding) ([]place, [][]spec.Finding, error) {
	places, err := c.places(ctx, docs)
	if err != nil {
		return nil, nil, err
	}
	return places, byPlace(places, told(docs, found, c.home)), nil
}

// told is what was found in documents, with what they share told anew now that their
// home is known.
func told(docs []spec.EventRouting, found []spec.Finding, home spec.Home) []spec.Finding {
	before, now := spec.Together(docs), spec.Together(at(docs, home))
	if slices.Equal(before, now) {
		return found
	}
	found = slices.DeleteFunc(slices.Clone(found), func(f spec.Finding) bool { return slices.Contains(before, f) })
	return append(found, now...)
}

// byPlace sorts what was found in documents by their places.
func byPlace(places []place, found []spec.Finding) [][]spec.Finding {
	findings := make([][]spec.Finding, len(places))
	for _, f := range found {
		at := 0
		for i, pl := range places {
			for _, d := range pl.docs {
				if d.Origin.File == f.File {
					at = i
				}
			}
		}
		findings[at] = append(findings[at], f)
	}
	return findings
}

// look plans for one place. What was found in its documents stands first.
func look(ctx context.Context, r reconcile.Reader, pl place, o reconcile.Options, found []spec.Finding) (reconcile.Plan, reconcile.State, error) {
	p, live, err := reconcile.Look(ctx, r, pl.docs, o, pl.time())
	if err != nil {
		return p, live, err
	}
	p.Findings = append(append([]spec.Finding(nil), found...), p.Findings...)
	return p, live, nil
}

func show(w io.Writer, p reconcile.Plan, format string, pl place, places int) error {
	if format == "json" {
		return render.JSON(w, p)
	}
	if places > 1 {
		if _, err := fmt.Fprintf(w, "# %s\n", pl.name()); err != nil {
			return err
		}
	}
	return render.Text(w, p, render.Options{Color: colour(w)})
}

var errNotApproved = errors.New("not approved, nothing was changed")

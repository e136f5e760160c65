package command

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/spec"
)

// How a check ended.
const (
	checkOK      = "ok"
	checkFailed  = "failed"
	checkWarning = "warning"
	checkOpen    = "not tried"
)

// checked is one line of what doctor found.
type checked struct {
	Place  string `json:"place"`
	Check  string `json:"check"`
	Result string `json:"result"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

func newDoctor() *cobra.Command {
	var c cloud
	var o reconcile.Options
	var format string
	var probe bool
	cmd := &cobra.Command{
		Use:   "doctor PATH...",
		Short: "Check an account before the first use: credentials, permissions, limits",
		Long: `Doctor asks, for each account and region of the documents, whose credentials these
are, whether all that a plan and a pass read can be read, and what the account's
concurrency allows. It changes nothing.

With --write-probe it also asks AWS what nobody documents: it makes three aliases
of a function of the documents, two consumers of the stream, and a disabled mapping
on each, which read nothing, and takes all of it away again, whatever happens. The
consumers cost what AWS charges per shard for an hour each. What an earlier probe
left, because its process was killed, is taken away first. That takes the rights to
make, change and delete aliases and mappings of that function, which the policy that
eventrouting iam prints gives for the routes' alone; what takes consumers is left
out where they may not be made.

Exit code 0 when all is well, 1 when a check failed.`,
		Example: `  eventrouting doctor routing/
  eventrouting doctor --write-probe routing/             # in an account for trying things
  eventrouting doctor -o json routing/`,
		Args: paths,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"text", "json"}, format) {
				return hint(fmt.Errorf("unknown output %q", format), "-o text or -o json")
			}
			if err := checkOptions(o); err != nil {
				return err
			}
			places, _, err := c.open(cmd, args)
			if err != nil {
				return err
			}
			var all []checked
			for _, pl := range places {
				d := doctor{place: pl, o: o, stderr: cmd.ErrOrStderr()}
				d.examine(cmd.Context(), probe)
				all = append(all, d.all...)
			}
			if err := showChecked(cmd.OutOrStdout(), all, format); err != nil {
				return err
			}
			if slices.ContainsFunc(all, func(c checked) bool { return c.Result == checkFailed }) {
				return exit(exitError)
			}
			return nil
		},
	}
	c.flags(cmd)
	passFlags(cmd, &o)
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	cmd.Flags().BoolVar(&probe, "write-probe", false, "ask AWS by making aliases, consumers and disabled mappings, and deleting them; consumers cost by the hour")
	return cmd
}

// doctor examines one place.
type doctor struct {
	place  place
	o      reconcile.Options
	stderr io.Writer
	all    []checked
}

func (d *doctor) note(check, result, format string, args ...any) {
	d.all = append(d.all, checked{Place: d.place.name(), Check: check, Result: result, Detail: fmt.Sprintf(format, args...)})
}

// tried notes how something went that is well when it has no error.
func (d *doctor) tried(check, well string, err error) bool {
	if err == nil {
		d.note(check, checkOK, "%s", well)
		return true
	}
	message, advice := awsapi.Explain(err)
	d.note(check, checkFailed, "%s", message)
	d.all[len(d.all)-1].Hint = advice
	return false
}

func (d *doctor) examine(ctx context.Context, probe bool) {
	who, err := sts.NewFromConfig(d.place.cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	well := ""
	if err == nil {
		well = fmt.Sprintf("%s in account %s", aws.ToString(who.Arn), aws.ToString(who.Account))
	}
	if !d.tried("credentials", well, err) {
		return
	}
	now, r := d.place.time(), d.place.client().Reader()
	live, err := r.Observe(ctx, reconcile.Wants(d.place.docs), now)
	if !d.tried("read mappings, streams and functions", fmt.Sprintf("%d mappings in the region", countMappings(live)), err) {
		return
	}
	live = d.ask(ctx, r, live)
	plan, known, err := reconcile.Ascertain(ctx, r, live, func(live reconcile.State) (reconcile.Plan, []reconcile.Ask) {
		p := reconcile.Compute(d.place.docs, live, d.o, now)
		return p, p.Asks
	})
	if d.tried("plan", fmt.Sprintf("%d changes, %d held", len(plan.Changes), len(plan.Held)), err) {
		live = known
		d.findings(plan)
	}
	d.limits(plan, live)
	if !probe {
		d.note("write", checkOpen, "nothing was written: eventrouting iam prints what it takes, --write-probe tries")
		return
	}
	d.probe(ctx, live)
}

// question is a fact that a pass may need.
type question struct {
	check string
	ask   reconcile.Ask
}

// ask asks each kind of fact that a pass may need, by itself, of the functions that
// the documents name: what no pass asks, the policy for one need not allow.
func (d *doctor) ask(ctx context.Context, r *awsapi.Reader, live reconcile.State) reconcile.State {
	asks := []question{{"read the account's limits", reconcile.Ask{What: reconcile.AskLimits}}}
	counted := d.counted()
	for _, name := range reconcile.Wants(d.place.docs).Functions {
		if _, exists := live.Functions[name]; !exists {
			continue
		}
		if !counted[name] {
			asks = append(asks, question{"read who else invokes " + name, reconcile.Ask{What: reconcile.AskInvokers, Name: name}})
		}
		asks = append(asks, question{"read the lag of " + name, reconcile.Ask{What: reconcile.AskLag, Name: name, Since: d.place.time().Add(-reconcile.LagWindow)}})
	}
	for _, ms := range live.Mappings {
		asks = append(asks, question{"read a mapping's tags", reconcile.Ask{What: reconcile.AskTags, Name: ms[0].UUID}})
		break // one is as good as another
	}
	for _, a := range asks {
		answered, err := r.Answer(ctx, live, []reconcile.Ask{a.ask})
		if d.tried(a.check, "allowed", err) {
			live = answered
		}
	}
	return live
}

// counted are the functions of which documents say how much others need.
func (d *doctor) counted() map[string]bool {
	all := map[string]bool{}
	for _, doc := range d.place.docs {
		for _, r := range doc.Resolve() {
			_, set := doc.Others()
			all[spec.BareName(r.Function)] = all[spec.BareName(r.Function)] || set
		}
	}
	return all
}

func (d *doctor) findings(plan reconcile.Plan) {
	for _, f := range plan.Findings {
		switch {
		case reconcile.MissingReference(f.Code):
			d.note("documents", checkFailed, "%s", f.String())
		case f.Severity != spec.Info:
			d.note("documents", checkWarning, "%s", f.String())
		}
	}
}

// limits compares what is needed with what the account has and what is to stay free.
func (d *doctor) limits(plan reconcile.Plan, live reconcile.State) {
	l := live.Facts.Limits
	if l == nil {
		return
	}
	need, has, missing := 0, 0, 0
	for _, n := range plan.Needs {
		reserved := 0
		if n.Reserved != nil {
			reserved = *n.Reserved
		}
		need, has, missing = need+n.Required, has+reserved, missing+max(0, n.Required-reserved)
	}
	free := d.o.StayFree(l.ConcurrentExecutions)
	result, can := checkOK, max(0, l.Unreserved-free)
	if missing > can {
		result = checkFailed
	}
	d.note("concurrency", result, "the account has %d concurrent executions, %d of them unreserved, of which %d stay so; the documents need %d and have %d reserved: %d are missing, and %d can be had",
		l.ConcurrentExecutions, l.Unreserved, free, need, has, missing, can)
	if result == checkFailed {
		d.all[len(d.all)-1].Hint = "ask AWS for a higher quota of concurrent executions; the plan's finding shortage names the value"
	}
}

// probe asks by doing, with the first stream and function of a document that exist.
func (d *doctor) probe(ctx context.Context, live reconcile.State) {
	of, ok := d.subject(live)
	if !ok {
		d.note("write", checkFailed, "no document's stream and function exist, so there is nothing to try it with")
		return
	}
	answers, err := d.place.client().Writer(live).Probe(ctx, of, func(what string) { fmt.Fprintln(d.stderr, what) })
	for _, a := range answers {
		result := checkOK
		switch {
		case !a.Known:
			result = checkOpen
		case !a.Good:
			result = checkFailed
		}
		d.note(a.Question, result, "%s", a.Answer)
	}
	d.tried("write", "aliases, mappings and tags can be made, changed and deleted, and nothing of it is left", err)
}

// subject is what a probe tries things with: a function that a route runs.
func (d *doctor) subject(live reconcile.State) (of awsapi.Subject, ok bool) {
	for _, doc := range d.place.docs {
		stream, exists := live.Streams[spec.BareName(doc.Spec.Stream)]
		for _, r := range doc.Resolve() {
			function, runs := live.Functions[spec.BareName(r.Function)]
			if !exists || !runs {
				continue
			}
			if !ok {
				of, ok = awsapi.Subject{StreamARN: stream.ARN, Function: function.Name}, true
			}
			of.OnFailure, of.KMSKey = cmp.Or(of.OnFailure, r.OnFailure), cmp.Or(of.KMSKey, r.KMSKey)
		}
	}
	return of, ok
}

func countMappings(live reconcile.State) int {
	n := 0
	for _, ms := range live.Mappings {
		n += len(ms)
	}
	return n
}

func showChecked(w io.Writer, all []checked, format string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(map[string]any{"formatVersion": "1.0", "checks": all}); err != nil {
			return fmt.Errorf("write the checks: %w", err)
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for i, c := range all {
		if i == 0 || all[i-1].Place != c.Place {
			fmt.Fprintf(t, "%s\n", c.Place)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", c.Result, c.Check, c.Detail)
		if c.Hint != "" {
			fmt.Fprintf(t, "  \t\thint: %s\n", c.Hint)
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the checks: %w", err)
	}
	return nil
}

package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

// explaining is an explain command and its flags.
type explaining struct {
	cloud  cloud
	o      reconcile.Options
	format string
	prices reconcile.Prices
	shards []string
	routes []string
	factor []string
	meant  map[string]*meant // streams whose shards are supposed, as they were written
}

// meant is what was written of a stream.
type meant struct {
	places   []string // that have such a stream
	estimate string   // why what is supposed is one; empty for it is none
}

func newExplain() *cobra.Command {
	var x explaining
	cmd := &cobra.Command{
		Use:   "explain PATH...",
		Short: "Show concurrency and read budget, term by term",
		Long: `Explain shows, for each function, what its reserved concurrency consists of: shards
x parallelization factor for each mapping, other people's included, headroom,
others, provisioned; what is reserved, what may be, and what the account has left.
For each stream it shows shards, lineage, readers, what they may read, and what
consumers cost. Figures are those once the documents are applied.

--shards, --add-routes and --parallelization-factor ask what would be if. It has no
way to write.`,
		Example: `  eventrouting explain routing/
  eventrouting explain routing/ --shards orders-events=16
  eventrouting explain routing/ --add-routes orders=3 --parallelization-factor orders/payments=4`,
		Args: paths,
		RunE: x.run,
	}
	x.cloud.flags(cmd)
	passFlags(cmd, &x.o)
	f := cmd.Flags()
	f.StringVarP(&x.format, "output", "o", "text", "text, json or markdown")
	f.StringArrayVar(&x.shards, "shards", nil, "what if: open shards of a stream, by name or ARN, STREAM=N; may be repeated")
	f.StringArrayVar(&x.routes, "add-routes", nil, "what if: further routes, N or ROUTING=N; may be repeated")
	f.StringArrayVar(&x.factor, "parallelization-factor", nil, "what if: of all routes N, of some ROUTING=N or ROUTING/ROUTE=N; may be repeated")
	f.Float64Var(&x.prices.ConsumerShardHour, "consumer-shard-hour", 0, "US dollars that an enhanced fan-out consumer costs per shard and hour; 0 is a list price, with its date")
	f.Float64Var(&x.prices.GB, "consumer-gb", 0, "US dollars per GB that a consumer reads; 0 is a list price")
	return cmd
}

// whatIf reads the flags that suppose something.
func (x *explaining) whatIf() (w reconcile.WhatIf, assumed []string, err error) {
	parse := func(flag string, texts []string, key bool, said string) map[string]int {
		all := map[string]int{}
		for _, written := range texts {
			name, number, found := strings.Cut(written, "=")
			if !found {
				name, number = "", written
			}
			n, wrong := strconv.Atoi(number)
			before, twice := all[name]
			switch {
			case err != nil:
			case wrong != nil || key && !found || found && name == "":
				want := "NAME=N or N"
				if key {
					want = "STREAM=N"
				}
				err = hint(fmt.Errorf("--%s %q is not understood", flag, written), "write %s, where N is a whole number", want)
			case twice:
				err = hint(fmt.Errorf("--%s says %d and %d of the same", flag, before, n), "write one of them")
			}
			all[name] = n
			format := said
			if n == 1 {
				format = strings.Replace(said, "s of ", " of ", 1)
			}
			assumed = append(assumed, strings.TrimSuffix(fmt.Sprintf(format, n, name), " of "))
		}
		return all
	}
	w.Shards = parse("shards", x.shards, true, "%d shards of %s")
	w.AddRoutes = parse("add-routes", x.routes, false, "%d more routes of %s")
	w.Factor = parse("parallelization-factor", x.factor, false, "parallelizationFactor %d of %s")
	return w, assumed, err
}

func (x *explaining) check() error {
	switch {
	case !slices.Contains([]string{"text", "json", "markdown"}, x.format):
		return hint(fmt.Errorf("unknown output %q", x.format), "-o text, -o json or -o markdown")
	case !isPrice(x.prices.ConsumerShardHour):
		return hint(fmt.Errorf("--consumer-shard-hour %g is no price", x.prices.ConsumerShardHour), "use US dollars, such as 0.015")
	case !isPrice(x.prices.GB):
		return hint(fmt.Errorf("--consumer-gb %g is no price", x.prices.GB), "use US dollars, such as 0.013")
	}
	return checkOptions(x.o)
}

// isPrice leaves out what is no number, and what could not be multiplied.
func isPrice(usd float64) bool { return usd >= 0 && usd <= 1e6 }

func (x *explaining) run(cmd *cobra.Command, args []string) error {
	if err := x.check(); err != nil {
		return err
	}
	what, assumed, err := x.whatIf()
	if err != nil {
		return err
	}
	x.meant = map[string]*meant{}
	places, findings, err := x.cloud.open(cmd, args)
	if err != nil {
		return err
	}
	if err := checkNames(x.o, places); err != nil {
		return err
	}
	refused := false
	if !what.Empty() {
		if findings, refused, err = suppose(places, what); err != nil {
			return err
		}
	}
	all, err := x.explainAll(cmd.Context(), places, findings, what)
	if err != nil {
		return err
	}
	if err := x.annotate(assumed); err != nil {
		return err
	}
	err = x.show(cmd.OutOrStdout(), all, assumed)
	if err == nil && (refused || slices.ContainsFunc(all, reconcile.Explanation.Incomplete)) {
		return exit(exitError)
	}
	return err
}

// annotate says which streams were meant, and of which what is supposed is an estimate.
func (x *explaining) annotate(assumed []string) error {
	for i, supposed := range x.shards { // they stand first
		stream, _, _ := strings.Cut(supposed, "=")
		m := x.meant[stream]
		switch {
		case m == nil && strings.HasPrefix(stream, "arn:"):
			return hint(fmt.Errorf("no stream of these documents is %s", stream), "write its name, or the ARN with the account and region that the documents are for")
		case m == nil:
			continue // it does not exist, which is a finding
		case len(m.places) > 1:
			assumed[i] += ", each of those in " + strings.Join(m.places, " and ") + ": an ARN names one"
		}
		if m.estimate != "" {
			assumed[i] += ", an estimate: " + m.estimate
		}
	}
	return nil
}

func (x *explaining) show(w io.Writer, all []reconcile.Explanation, assumed []string) error {
	switch x.format {
	case "json":
		return render.ExplainJSON(w, all, assumed)
	case "markdown":
		return render.ExplainMarkdown(w, all, assumed)
	}
	return render.ExplainText(w, all, assumed, render.Options{Color: colour(w)})
}

// suppose checks documents in which something has come about: what is found in
// them, by place, and whether they would be refused.
func suppose(places []place, what reconcile.WhatIf) (findings [][]spec.Finding, refused bool, err error) {
	var docs []spec.EventRouting
	for _, pl := range places {
		docs = append(docs, pl.docs...)
	}
	if err := what.Check(docs); err != nil {
		return nil, false, err
	}
	found := spec.Validate(what.Documents(docs))
	return byPlace(places, found), count(found, spec.Error) > 0, nil
}

// explainAll explains all places, with what was found in the documents about
// readers, and with what would be refused in those that are supposed.
func (x *explaining) explainAll(ctx context.Context, places []place, findings [][]spec.Finding, what reconcile.WhatIf) ([]reconcile.Explanation, error) {
	var all []reconcile.Explanation
	for i, pl := range places {
		e, err := x.explain(ctx, pl, what)
		if err != nil {
			return nil, err
		}
		for _, f := range findings[i] {
			if f.Severity == spec.Error || f.Code == spec.CodeReadBudget || f.Code == spec.CodeConsumers {
				e.Findings = append(e.Findings, f)
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// explain explains one place, and supposes what its documents have to do with.
func (x *explaining) explain(ctx context.Context, pl place, what reconcile.WhatIf) (reconcile.Explanation, error) {
	r, now := pl.client().Reader(), time.Now()
	live, err := r.Observe(ctx, reconcile.Wants(pl.docs), now)
	if err != nil {
		return reconcile.Explanation{}, err
	}
	explain := func(docs []spec.EventRouting) func(reconcile.State) (reconcile.Explanation, []reconcile.Ask) {
		return func(live reconcile.State) (reconcile.Explanation, []reconcile.Ask) {
			return reconcile.Explain(docs, live, x.o, x.prices, now)
		}
	}
	today, live, err := reconcile.Ascertain(ctx, r, live, explain(pl.docs))
	if err != nil || what.Empty() {
		return today, err
	}
	for stream, estimate := range what.Meant(live) {
		m := x.meant[stream]
		if m == nil {
			m = &meant{}
			x.meant[stream] = m
		}
		m.places, m.estimate = append(m.places, pl.name()), cmp.Or(m.estimate, estimate)
	}
	e, _, err := reconcile.Ascertain(ctx, r, live, func(live reconcile.State) (reconcile.Explanation, []reconcile.Ask) {
		docs, supposed := what.Apply(pl.docs, live) // again with every answer, which is about what there is
		return explain(docs)(supposed)
	})
	for i := range e.Functions {
		for _, f := range today.Functions {
			if f.Function == e.Functions[i].Function {
				e.Functions[i].Today = &f.Required
			}
		}
	}
	return e, err
}

package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// pathsOrPlan demands documents or a saved plan, and not both.
func pathsOrPlan(cmd *cobra.Command, args []string) error {
	switch file, err := cmd.Flags().GetString("plan"); {
	case err != nil:
		return err
	case file == "":
		return paths(cmd, args)
	case len(args) > 0:
		return hint(errors.New("a saved plan has its documents with it"), "%s --plan %s, or %s PATH...", cmd.CommandPath(), file, cmd.CommandPath())
	}
	for _, name := range passFlagNames(cmd) {
		if cmd.Flags().Changed(name) {
			return hint(fmt.Errorf("--%s was decided when the plan was made", name), "eventrouting plan --%s ... --out FILE makes another", name)
		}
	}
	return nil
}

// passFlagNames are the flags that decide what a plan is of and that cmd has.
func passFlagNames(cmd *cobra.Command) []string {
	var all []string
	for _, name := range []string{"owner", "respect-manual", "allow-deletes", "assume-drained", "prune", "keep-free", "only", "selector"} {
		if cmd.Flags().Lookup(name) != nil {
			all = append(all, name)
		}
	}
	return all
}

// opened is a saved plan, ready to be made anew.
type opened struct {
	saved
	o        reconcile.Options
	places   []place
	findings [][]spec.Finding
}

// openSaved reads a plan file, and its documents as if they stood where they
// stood then.
func (c *cloud) openSaved(cmd *cobra.Command, name string) (opened, error) {
	broken := func(err error) error {
		return hint(fmt.Errorf("read plan %s: %w", name, err), "make it anew: eventrouting plan --out %s PATH...", name)
	}
	s, err := readSaved(name)
	if err != nil {
		return opened{}, err
	}
	p := opened{saved: s}
	if p.o, err = s.Options.options(); err != nil {
		return opened{}, broken(fmt.Errorf("%w: %w", errDamaged, err))
	}
	docs, found := savedFiles(s.Documents).load()
	if n := count(found, spec.Error); n > 0 || len(docs) == 0 {
		return opened{}, broken(fmt.Errorf("%w: %s in its documents", errDamaged, plural(n, "error")))
	}
	if p.places, p.findings, err = c.sorted(cmd.Context(), docs, found); err != nil {
		return opened{}, err
	}
	if len(p.places) != len(s.Plans) {
		return opened{}, elsewhere(fmt.Errorf("read plan %s: it is for %s, and its documents are now for %d", name, plural(len(s.Plans), "region"), len(p.places)))
	}
	for i, pl := range s.Plans {
		at := p.places[i]
		if at.region != pl.Region || at.role != pl.Role {
			return opened{}, elsewhere(fmt.Errorf("read plan %s: it is for %s, and the calls would go to %s", name, place{role: pl.Role, region: pl.Region}.name(), at.name()))
		}
		then, err := pl.read()
		if err != nil {
			return opened{}, broken(err)
		}
		p.places[i].now = func() time.Time { return then.At }
	}
	return p, nil
}

func elsewhere(err error) error {
	return hint(err, "set AWS_REGION and AWS_PROFILE as they were when the plan was made, or plan again")
}

// applySaved carries out a saved plan, if it still is what would be planned.
func applySaved(cmd *cobra.Command, c *cloud, name string, approved bool) error {
	p, err := c.openSaved(cmd, name)
	if err != nil {
		return err
	}
	ready, stale, err := p.again(cmd, name)
	switch {
	case err != nil:
		return err
	case stale:
		return exit(exitStale)
	}
	failed, braked := false, false
	for _, r := range ready {
		r.approved = approved
		ok, err := r.carryOut(cmd.Context())
		if err != nil {
			return err
		}
		failed, braked = failed || !ok, braked || r.plan.Braked()
	}
	switch {
	case failed:
		return exit(exitError)
	case braked:
		return exit(exitBraked)
	}
	return nil
}

// remade is a saved plan that still holds, at one place.
type remade struct {
	applier
	plan   reconcile.Plan
	writer reconcile.Writer
}

// again makes a saved plan anew from what is live, at every place before
// anything is written to one, and says what moved.
func (p opened) again(cmd *cobra.Command, name string) (ready []remade, stale bool, err error) {
	applied, planned := true, false
	for i, pl := range p.places {
		then, err := p.Plans[i].read()
		if err != nil {
			return nil, false, err
		}
		client := pl.client()
		fresh, live, err := look(cmd.Context(), client.Reader(), pl, p.o, p.findings[i])
		if err != nil {
			return nil, false, err
		}
		if account := accountAt(cmd.Context(), pl, fresh); account != "" && then.Account != "" && account != then.Account {
			return nil, false, elsewhere(fmt.Errorf("apply plan %s: it is for account %s, and the calls go to account %s", name, then.Account, account))
		}
		m, err := movedSince(then, fresh)
		if err != nil {
			return nil, false, err
		}
		applied, planned = applied && (m.applied || len(then.Changes) == 0), planned || len(then.Changes) > 0
		if len(m.lines) > 0 {
			stale = true
			fmt.Fprintf(cmd.ErrOrStderr(), "Since %s, when %s was made, this has moved in %s:\n", then.At.UTC().Format(time.RFC3339), name, pl.name())
			for _, line := range m.lines {
				fmt.Fprintln(cmd.ErrOrStderr(), line)
			}
		}
		ready = append(ready, remade{
			applier: applier{cmd: cmd, place: pl, places: len(p.places)},
			plan:    fresh, writer: client.Writer(live),
		})
	}
	if stale {
		report(cmd.ErrOrStderr(), staleness(name, applied && planned))
	}
	return ready, stale, nil
}

// accountAt is the account that a plan looked at, as far as can be told: one
// without anything the documents name shows it to STS alone.
func accountAt(ctx context.Context, pl place, p reconcile.Plan) string {
	if p.Account != "" {
		return p.Account
	}
	who, err := identity(ctx, pl.cfg)
	if err != nil {
		return ""
	}
	return who.account
}

func staleness(name string, applied bool) error {
	if applied {
		return hint(fmt.Errorf("plan %s was applied already, or what it wants was done otherwise; nothing was changed", name), "eventrouting plan shows what is left to do")
	}
	return hint(fmt.Errorf("plan %s does not hold any more, nothing was changed", name), "make it anew: eventrouting plan --out %s PATH...", name)
}

// movedSince compares a saved plan with the same made anew.
func movedSince(then planned, fresh reconcile.Plan) (moved, error) {
	text, err := planJSON(fresh)
	if err != nil {
		return moved{}, err
	}
	var now planned
	if err := json.Unmarshal(text, &now); err != nil {
		return moved{}, fmt.Errorf("read plan: %w", err)
	}
	return compare(then, now)
}

// carryOut shows, asks and applies, once: what AWS is still busy with is for
// another plan.
func (r remade) carryOut(ctx context.Context) (bool, error) {
	if err := show(r.cmd.OutOrStdout(), r.plan, "text", r.place, r.places); err != nil {
		return false, err
	}
	ok := !r.plan.Incomplete()
	if !r.plan.Empty() {
		if err := r.ask(); err != nil {
			return false, err
		}
		done, err := r.apply(ctx, r.writer, r.plan.Changes)
		if err != nil {
			return false, err
		}
		ok = ok && done
	}
	if n := len(unsettled(r.plan)); n > 0 {
		fmt.Fprintf(r.cmd.ErrOrStderr(), "AWS is busy with %s, which this plan leaves alone: plan again\n", plural(n, "mapping"))
	}
	return ok, nil
}

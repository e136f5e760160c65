package command

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

// maxRounds bounds how often one apply plans again because AWS was still busy
// with a mapping when it looked.
const maxRounds = 3

func newApply() *cobra.Command {
	var c cloud
	var o reconcile.Options
	var approved bool
	var file string
	cmd := &cobra.Command{
		Use:   "apply PATH... | --plan FILE",
		Short: "Make AWS what the documents want",
		Long: `Apply plans, shows the plan, asks, and carries it out: the reservation rises
before what needs it, new routes read before others stop. What fails is
reported, what depended on it is skipped, the rest goes on.

An apply that is interrupted at any point is finished by running it again.

With --plan it carries out a plan that plan --out saved: it observes again, plans
again with the documents, options and time of then, and changes something only
if the changes are the same and the same is held. Else it says what moved.

Exit code 0 when done, 1 for an error, 3 when a saved plan does not hold any more, 4 when the brake held what would have stopped
too many mappings of a routing at once; --allow-deletes lets it through.`,
		Example: `  eventrouting apply routing/
  eventrouting apply --plan plan.json                 # what plan --out has shown, or nothing
  eventrouting apply --auto-approve routing/          # where nobody can be asked`,
		Args: pathsOrPlan,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOptions(o); err != nil {
				return err
			}
			if err := c.limit(&o); err != nil {
				return err
			}
			if !approved && !terminal(cmd.InOrStdin()) {
				return hint(errors.New("apply asks before it changes anything, and there is no terminal to ask on"), "--auto-approve, after eventrouting plan has shown what would change")
			}
			if file != "" {
				return applySaved(cmd, &c, file, approved)
			}
			places, findings, err := c.open(cmd, args)
			if err != nil {
				return err
			}
			if err := checkNames(o, places); err != nil {
				return err
			}
			failed, braked := false, false
			for i, pl := range places {
				a := applier{cmd: cmd, place: pl, places: len(places), o: o, approved: approved, found: findings[i]}
				ok, err := a.run(cmd.Context())
				if err != nil {
					return err
				}
				failed, braked = failed || !ok, braked || a.braked
			}
			switch {
			case failed:
				return exit(exitError)
			case braked:
				return exit(exitBraked)
			}
			return nil
		},
	}
	c.flags(cmd)
	passFlags(cmd, &o)
	cmd.Flags().StringVar(&file, "plan", "", "carry out the plan that plan --out saved in this file, or nothing")
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "do not ask")
	return cmd
}

// applier applies to one place.
type applier struct {
	cmd      *cobra.Command
	place    place
	places   int
	o        reconcile.Options
	approved bool
	found    []spec.Finding
	braked   bool   // the brake held something
	question string // in place of the usual one
}

// run plans, asks and applies, and says whether everything went well. What AWS
// was still busy with when it looked is planned again once it has settled.
func (a *applier) run(ctx context.Context) (bool, error) {
	client := a.place.client()
	ok := true
	for round := 1; ; round++ {
		p, live, err := look(ctx, client.Reader(), a.place, a.o, a.found)
		if err != nil {
			return false, err
		}
		w := client.Writer(live)
		if err := show(a.cmd.OutOrStdout(), p, "text", a.place, a.places); err != nil {
			return false, err
		}
		ok = ok && !p.Incomplete()
		a.braked = p.Braked()
		done, err := a.carryOut(ctx, w, p)
		if err != nil {
			return false, err
		}
		ok = ok && done
		busy := unsettled(p)
		switch {
		case len(busy) == 0 && (!anew(p) || !ok || round == maxRounds):
			return ok, nil
		case len(busy) == 0:
			continue
		case round == maxRounds:
			return false, hint(fmt.Errorf("AWS is still busy with %s", plural(len(busy), "mapping")), "run apply again")
		}
		fmt.Fprintf(a.cmd.ErrOrStderr(), "waiting for AWS to finish what it is busy with (%s)\n", plural(len(busy), "mapping"))
		if err := settleAll(ctx, w, busy); err != nil {
			return false, err
		}
	}
}

// interrupted is the error of an apply that was told to stop.
func interrupted(ctx context.Context) error {
	return hint(fmt.Errorf("stopped before everything was done: %w", context.Cause(ctx)), "AWS finishes what has started; run apply again for the rest")
}

// settleAll waits until AWS is done with all that it is busy with. What settles
// otherwise than it looked is for the next plan to see; only a context that ends is
// an error.
func settleAll(ctx context.Context, w reconcile.Writer, busy []reconcile.Change) error {
	for len(busy) > 0 {
		done, err := w.Settled(ctx, busy)
		if err != nil {
			return interrupted(ctx)
		}
		busy = slices.DeleteFunc(busy, func(c reconcile.Change) bool {
			return slices.ContainsFunc(done, func(d reconcile.Change) bool { return d.Addr == c.Addr })
		})
	}
	return nil
}

// carryOut applies a plan's changes, if it has any and is let.
func (a *applier) carryOut(ctx context.Context, w reconcile.Writer, p reconcile.Plan) (bool, error) {
	if p.Empty() {
		return true, nil
	}
	if err := a.ask(); err != nil {
		return false, err
	}
	return a.apply(ctx, w, p.Changes)
}

// unsettled lists what is wanted of mappings that AWS is busy with.
func unsettled(p reconcile.Plan) []reconcile.Change {
	all := slices.Clone(p.Busy)
	for _, h := range p.Held {
		if h.Why == reconcile.WhyUnsettled && h.Before != nil {
			// As if it had just been made: all that matters is that AWS is done.
			all = append(all, reconcile.Change{Action: reconcile.Create, Addr: h.Addr, After: h.Before})
		}
	}
	return all
}

// anew says whether a plan deletes a mapping that is to be made anew: what makes it
// is for another round.
func anew(p reconcile.Plan) bool {
	return slices.ContainsFunc(p.Held, func(h reconcile.Held) bool { return h.Why == reconcile.WhyUnsettled && h.Before == nil })
}

// ask wants a yes, unless it was given beforehand.
func (a applier) ask() error {
	if a.approved {
		return nil
	}
	fmt.Fprintf(a.cmd.OutOrStdout(), "\n%s? Only yes is a yes: ", cmp.Or(a.question, "Apply these changes"))
	line, err := bufio.NewReader(a.cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(line) != "yes" {
		return errNotApproved
	}
	return nil
}

// apply carries out changes and reports on them.
func (a applier) apply(ctx context.Context, w reconcile.Writer, changes []reconcile.Change) (bool, error) {
	stderr := a.cmd.ErrOrStderr()
	p := newProgress(stderr, render.Options{Color: colour(stderr)})
	outcome := reconcile.Apply(ctx, w, changes, p.step)
	p.stop()
	if err := render.Outcome(a.cmd.OutOrStdout(), outcome, render.Options{Color: colour(a.cmd.OutOrStdout())}); err != nil {
		return false, err
	}
	if ctx.Err() != nil {
		return false, interrupted(ctx)
	}
	return outcome.Err() == nil, nil
}

// progress prints the stages of an apply, and every ten seconds what is still
// waiting.
type progress struct {
	mu      sync.Mutex
	w       io.Writer
	o       render.Options
	began   map[reconcile.Addr]time.Time
	waiting map[reconcile.Addr]reconcile.Step
	order   []reconcile.Addr
	done    chan struct{}
	ended   sync.WaitGroup
}

const stillEvery = 10 * time.Second

func newProgress(w io.Writer, o render.Options) *progress {
	p := &progress{
		w: w, o: o, done: make(chan struct{}),
		began: map[reconcile.Addr]time.Time{}, waiting: map[reconcile.Addr]reconcile.Step{},
	}
	p.ended.Go(func() {
		tick := time.NewTicker(stillEvery)
		defer tick.Stop()
		for {
			select {
			case <-p.done:
				return
			case <-tick.C:
				p.still()
			}
		}
	})
	return p
}

func (p *progress) stop() {
	close(p.done)
	p.ended.Wait()
}

func (p *progress) step(s reconcile.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := s.Change.Addr
	switch s.Stage {
	case reconcile.Started:
		p.began[a] = time.Now()
		p.order = append(p.order, a)
	case reconcile.Waiting:
		p.waiting[a] = s
		return // said when it takes long
	default:
		delete(p.waiting, a)
	}
	p.print(s)
}

func (p *progress) still() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.order {
		if s, ok := p.waiting[a]; ok {
			p.print(s)
		}
	}
}

// print says one stage. Progress that cannot be written is no reason to stop.
func (p *progress) print(s reconcile.Step) {
	if message, _ := awsapi.Explain(s.Err); message != "" {
		s.Err = errors.New(message) // without the SDK's noise
	}
	var elapsed time.Duration
	if t, ok := p.began[s.Change.Addr]; ok {
		elapsed = time.Since(t)
	}
	_ = render.Step(p.w, s, elapsed, p.o)
}

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/examples"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

// demoTime is more than the demo takes by far; a demo that hangs is a failure.
const demoTime = 50 * time.Second

// demoSpeed is how much faster than a wall clock the demo's runs.
const demoSpeed = 60

// demoTiming has AWS take as long as it was seen to, but for what people would wait
// for: a mapping is made in 20 s, and the data plane knows half a minute later.
func demoTiming() world.Timing {
	t := world.Real()
	t.MappingCreate = 20 * time.Second
	t.DataPlaneLeast, t.DataPlane = 5*time.Second, 30*time.Second
	return t
}

var (
	errDemoTime = errors.New("the demo took longer than it may")
	errClaim    = errors.New("the demo's claim does not hold")
)

func newDemo() *cobra.Command {
	var compare bool
	var plot string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole story on the embedded AWS; fails if a claim fails",
		Long: `Demo runs the main job on an embedded AWS, in this process and with nothing else
needed: routes are applied, the stream is resharded under live traffic, an event
type is added, and the reservation follows; then a type moves from one route to
another, and a route is removed and put back. Every number is read back through the
AWS API, and every record is accounted for. It ends by itself, and with exit code 1
if something is wrong. Its clock runs 60 times faster than yours: what takes minutes
on AWS takes seconds here.

With --designs it runs the three designs of the README side by side on the same
traffic instead, in simulated time.`,
		Example: `  eventrouting demo
  eventrouting demo --designs --svg designs.svg`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case compare:
				return showDesigns(cmd.OutOrStdout(), plot)
			case plot != "":
				return hint(errors.New("--svg draws what --designs compares"), "add --designs")
			}
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), demoTime, errDemoTime)
			defer cancel()
			docs, findings := spec.Load(examples.Documents, "orders.yaml")
			if len(docs) != 1 || count(findings, spec.Error) > 0 {
				return fmt.Errorf("load the example: %v", findings)
			}
			began := time.Now()
			now := func() time.Time { return began.Add(demoSpeed * time.Since(began)) }
			server, err := embedAt(docs, nil, demoTiming(), now)
			if err != nil {
				return err
			}
			d := newDemonstration(cmd, server, docs[0])
			d.now = now
			return d.run(ctx)
		},
	}
	cmd.Flags().BoolVar(&compare, "designs", false, "instead: run the three designs side by side on the same traffic, in simulated time")
	cmd.Flags().StringVar(&plot, "svg", "", "with --designs: a file for the plot")
	return cmd
}

// demonstration tells the story in steps, each checked against AWS.
type demonstration struct {
	cmd     *cobra.Command
	out     io.Writer
	doc     spec.EventRouting
	server  *emulator.Server
	cfg     aws.Config
	lambda  *lambda.Client
	kinesis *kinesis.Client
	seen    []string // the reservation after each step, as AWS says
	now     func() time.Time
	traffic *liveTraffic
	since   map[string]time.Time // from when on a type was routed first
}

func newDemonstration(cmd *cobra.Command, s *emulator.Server, doc spec.EventRouting) *demonstration {
	cfg := inProcess(s, emulator.DefaultAccount)
	cfg.Region = doc.Spec.Region
	return &demonstration{
		cmd: cmd, out: cmd.OutOrStdout(), doc: doc, server: s, cfg: cfg,
		lambda: lambda.NewFromConfig(cfg), kinesis: kinesis.NewFromConfig(cfg), since: map[string]time.Time{},
	}
}

func (d *demonstration) run(ctx context.Context) error {
	stream, function := spec.BareName(d.doc.Spec.Stream), spec.BareName(d.doc.Spec.Function.Name)
	d.say("An embedded AWS has stream %s with 4 shards and function %s, which nothing limits yet.", stream, function)
	if err := d.reserved(ctx, nil); err != nil {
		return err
	}

	d.say("Apply examples/orders.yaml: %d routes, one filtered mapping each. 4 shards x 4 mappings x 1 = 16.", len(d.doc.Spec.Routes))
	if err := d.apply(ctx, 16); err != nil {
		return err
	}

	d.traffic = flow(d.server, world.Place{Account: emulator.DefaultAccount, Region: d.cfg.Region}, stream, append(typesOf(d.doc), "OrderReturned"))
	defer func() { _ = d.traffic.end() }() // said already, if it went wrong

	d.say("Records flow now. The stream is resharded to 8, as traffic grows. 8 x 4 x 1 = 32.")
	if err := d.reshard(ctx, stream, 8); err != nil {
		return err
	}
	if err := d.apply(ctx, 32); err != nil {
		return err
	}
	if err := d.sleep(ctx, time.Minute); err != nil {
		return err
	}

	d.say("A commit adds a route for one more event type. 8 x 5 x 1 = 40.")
	d.doc.Spec.Routes = append(d.doc.Spec.Routes, spec.Route{Name: "order-returned", EventTypes: []string{"OrderReturned"}})
	if err := d.apply(ctx, 40); err != nil {
		return err
	}
	if err := d.move(ctx); err != nil {
		return err
	}
	if err := d.revert(ctx); err != nil {
		return err
	}
	d.say("What became of the records, which the embedded AWS wrote down.")
	if err := d.delivered(ctx); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.out, "\nreservation: %s\n", strings.Join(d.seen, " -> "))
	return err
}

func (d *demonstration) say(format string, args ...any) {
	fmt.Fprintf(d.out, "\n== "+format+"\n\n", args...)
}

// apply plans, applies, plans again, which must find nothing, and reads the
// mappings and the reservation back.
func (d *demonstration) apply(ctx context.Context, want int) error {
	if err := d.pass(ctx); err != nil {
		return err
	}
	again, err := d.plan(ctx)
	if err != nil {
		return err
	}
	if !again.Empty() {
		if err := render.Text(d.out, again, render.Options{}); err != nil {
			return err
		}
		return fmt.Errorf("%w: the second plan is not empty", errClaim)
	}
	fmt.Fprintln(d.out, "A second plan finds nothing to do.")
	if err := d.mappings(ctx); err != nil {
		return err
	}
	return d.reserved(ctx, &want)
}

// options are those of every pass.
func (d *demonstration) options() reconcile.Options {
	return reconcile.Options{Owner: "default", RespectManual: time.Hour}
}

func (d *demonstration) place() place {
	return place{region: d.cfg.Region, docs: []spec.EventRouting{d.doc}, cfg: d.cfg, now: d.now}
}

// pass plans and applies.
func (d *demonstration) pass(ctx context.Context) error {
	a := applier{cmd: d.cmd, place: d.place(), places: 1, o: d.options(), approved: true}
	ok, err := a.run(ctx)
	if err == nil && !ok {
		err = fmt.Errorf("%w: not every change was applied", errClaim)
	}
	return err
}

// plan looks and changes nothing.
func (d *demonstration) plan(ctx context.Context) (reconcile.Plan, error) {
	p, _, err := reconcile.Look(ctx, d.place().client().Reader(), []spec.EventRouting{d.doc}, d.options(), d.now())
	return p, err
}

// mappings reads the mappings back: one per route, enabled.
func (d *demonstration) mappings(ctx context.Context) error {
	enabled := 0
	pages := lambda.NewListEventSourceMappingsPaginator(d.lambda, &lambda.ListEventSourceMappingsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list event source mappings: %w", err)
		}
		for _, m := range page.EventSourceMappings {
			if aws.ToString(m.State) == "Enabled" {
				enabled++
			}
		}
	}
	if enabled != len(d.doc.Spec.Routes) {
		return fmt.Errorf("%w: %d mappings are enabled for %d routes", errClaim, enabled, len(d.doc.Spec.Routes))
	}
	fmt.Fprintf(d.out, "AWS lists %d enabled mappings.\n", enabled)
	return nil
}

// reserved reads the reservation back; nil wants none.
func (d *demonstration) reserved(ctx context.Context, want *int) error {
	got, err := d.lambda.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: aws.String(spec.BareName(d.doc.Spec.Function.Name))})
	if err != nil {
		return fmt.Errorf("get function concurrency: %w", err)
	}
	if n := number(got.ReservedConcurrentExecutions); len(d.seen) == 0 || d.seen[len(d.seen)-1] != n {
		d.seen = append(d.seen, n)
	}
	wanted := "unset"
	if want != nil {
		wanted = fmt.Sprint(*want)
	}
	if last := d.seen[len(d.seen)-1]; last != wanted {
		return fmt.Errorf("%w: the reservation is %s, not %s", errClaim, last, wanted)
	}
	fmt.Fprintf(d.out, "AWS says the reservation is %s.\n", wanted)
	return nil
}

func number(n *int32) string {
	if n == nil {
		return "unset"
	}
	return fmt.Sprint(*n)
}

// reshard asks Kinesis for a shard count and waits until the stream has it.
func (d *demonstration) reshard(ctx context.Context, stream string, shards int32) error {
	_, err := d.kinesis.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
		StreamName: aws.String(stream), TargetShardCount: aws.Int32(shards), ScalingType: types.ScalingTypeUniformScaling,
	})
	if err != nil {
		return fmt.Errorf("update shard count: %w", err)
	}
	for {
		got, err := d.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(stream)})
		if err != nil {
			return fmt.Errorf("describe stream %s: %w", stream, err)
		}
		s := got.StreamDescriptionSummary
		if s.StreamStatus == types.StreamStatusActive {
			if n := aws.ToInt32(s.OpenShardCount); n != shards {
				return fmt.Errorf("%w: the stream has %d open shards, not %d", errClaim, n, shards)
			}
			fmt.Fprintf(d.out, "AWS says %s has %d open shards.\n\n", stream, shards)
			return nil
		}
		fmt.Fprintf(d.out, "AWS says %s is %s.\n", stream, s.StreamStatus)
		if err := d.sleep(ctx, 15*time.Second); err != nil {
			return err
		}
	}
}

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/spec"
)

func newEmulator() *cobra.Command {
	var listen, delays, policy string
	var seed, shards []string
	var trace bool
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Serve an embedded AWS: Lambda and Kinesis over their own protocols",
		Long: `Emulator serves an embedded AWS until it is interrupted. With --seed the streams
and functions that documents name are there when it starts to listen. Any AWS
client can use it; it checks no signatures, takes the region from them, and the
account from an access key id of 12 digits (else 000000000000). What --seed makes
is in the region and account that a document's ARNs and spec.region name, else in
AWS_REGION and 000000000000: the commands that it prints call it there.

With --trace it prints what happens to records: a line for each that is written,
each batch that a function is given, and each that is given up.

It listens where --listen says and asks for no password: keep it on loopback.`,
		Example: `  eventrouting emulator --seed examples/orders.yaml --shards orders-events=8
  AWS_ENDPOINT_URL=http://127.0.0.1:4566 eventrouting plan examples/orders.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			timing, err := timingOf(delays)
			if err != nil {
				return err
			}
			counts, err := shardCounts(shards)
			if err != nil {
				return err
			}
			var docs []spec.EventRouting
			if len(seed) > 0 {
				if docs, _, err = valid(cmd.Context(), seed, cmd.ErrOrStderr()); err != nil {
					return err
				}
			}
			if err := seeded(counts, docs); err != nil {
				return err
			}
			server, err := embed(docs, counts, timing)
			if err != nil {
				return err
			}
			if policy != "" {
				if err := enforce(server, policy); err != nil {
					return err
				}
			}
			return serve(cmd, server, docs, serving{listen: listen, trace: trace})
		},
	}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:4566", "address to listen on; port 0 picks a free one")
	f.StringArrayVar(&seed, "seed", nil, "documents whose streams and functions exist from the start; may be given again")
	f.StringArrayVar(&shards, "shards", nil, "STREAM=N: open shards of a seeded stream, 4 unless given")
	f.StringVar(&delays, "delays", "short", "how long AWS takes to settle things: short (at most 2 s) or real")
	f.StringVar(&policy, "policy", "", "file with an IAM policy that every call is held to, such as eventrouting iam prints")
	f.BoolVar(&trace, "trace", false, "print what happens to records, times in UTC")
	return cmd
}

// enforce holds callers of a server to the policy in a file.
func enforce(s *emulator.Server, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read policy %s: %w", file, pathless(err))
	}
	p, err := emulator.ParsePolicy(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	s.SetPolicy(p)
	return nil
}

func timingOf(delays string) (world.Timing, error) {
	switch delays {
	case "short":
		return world.Short(), nil
	case "real":
		return world.Real(), nil
	}
	return world.Timing{}, hint(fmt.Errorf("unknown --delays %q", delays), "--delays short or --delays real")
}

// shardCounts reads STREAM=N.
func shardCounts(all []string) (map[string]int, error) {
	counts := map[string]int{}
	for _, s := range all {
		stream, n, ok := strings.Cut(s, "=")
		count, err := strconv.Atoi(n)
		if !ok || stream == "" || err != nil || count < 1 || count > 10000 {
			return nil, hint(fmt.Errorf("--shards %q is no shard count", s), "--shards STREAM=N with N from 1 to 10000, such as --shards orders-events=8")
		}
		counts[stream] = count
	}
	return counts, nil
}

// seeded refuses a shard count for a stream that no document names: it would
// be ignored.
func seeded(counts map[string]int, docs []spec.EventRouting) error {
	for stream := range counts {
		named := false
		for _, d := range docs {
			named = named || spec.BareName(d.Spec.Stream) == stream
		}
		if !named {
			return hint(fmt.Errorf("--shards names stream %s, which no seeded document has", stream), "--seed PATH with a document that names it")
		}
	}
	return nil
}

// serving is how a server serves.
type serving struct {
	listen string
	trace  bool
}

// serve listens until the command's context ends.
func serve(cmd *cobra.Command, s *emulator.Server, docs []spec.EventRouting, how serving) error {
	ctx := cmd.Context()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", how.listen)
	if err != nil {
		return hint(fmt.Errorf("listen on %s: %w", how.listen, err), "--listen 127.0.0.1:0 picks a free port")
	}
	region := environmentRegion()
	if len(docs) > 0 && docs[0].Spec.Region != "" {
		region = docs[0].Spec.Region
	}
	account := emulator.DefaultAccount
	if a := accountOf(docs); a != "" {
		account = a
	}
	fmt.Fprintf(cmd.OutOrStdout(), `embedded AWS listening on http://%s
to use it, in another terminal:

  export AWS_ENDPOINT_URL=http://%s AWS_REGION=%s AWS_DEFAULT_REGION=%s
  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=embedded
`, l.Addr(), l.Addr(), region, region, account)

	if how.trace {
		defer follow(ctx, s.Trace(), cmd.OutOrStdout())()
	}
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = web.Close() }) // the world ends with the command: nothing to drain
	defer stop()
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// traceEvery is how often a trace is printed, and how coarsely time passes in a
// world that nobody calls.
const traceEvery = 100 * time.Millisecond

// follow prints a trace until ctx ends or the function it returns is called,
// which waits for the last line.
func follow(ctx context.Context, t *emulator.Trace, out io.Writer) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(traceEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
			for _, line := range t.Lines() {
				fmt.Fprintln(out, line)
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

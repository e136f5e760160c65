package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/controller"
	"github.com/eventrouting/eventrouting/controller/page"
	"github.com/eventrouting/eventrouting/controller/source"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

// tokenVariable is the environment variable that holds the token for writes.
const tokenVariable = "EVENTROUTING_TOKEN"

// running is a run command and its flags.
type running struct {
	cloud     cloud
	pass      reconcile.Options
	schedule  string
	shardPoll time.Duration
	filePoll  time.Duration
	deadline  time.Duration
	grace     time.Duration
	listen    string
	tokenFile string
	logFormat string
	once, dry bool
	git       repository
}

// repository is where documents are in git.
type repository struct {
	url, ref, path string
	poll           time.Duration
}

func newRun() *cobra.Command {
	var r running
	cmd := &cobra.Command{
		Use:   "run PATH... | --git URL",
		Short: "Keep AWS what the documents want, until it is told to end",
		Long: `Run makes passes: each looks, plans and applies, as apply --auto-approve does. A
pass is made at the start, by the schedule, as soon as a stream's shards or an
alias that routes follow have moved, when the documents have changed, when
something held is due, on POST /reconcile and on SIGHUP. Accounts and regions go
on beside each other; one that fails is tried again later and later, at least as
often as the schedule says.

Documents are files and folders, or those of a git repository with --git: at --ref,
in --path. Credentials for it are in ` + source.EnvToken + ` or the file of
` + source.EnvTokenFile + `, or for ssh in the file of ` + source.EnvSSHKeyFile + `.

Documents that do not load leave the last good ones in force. With --dry-run
nothing is ever written: it reports drift. A second instance does no harm.

At --listen it answers /healthz, /readyz, /metrics and /api/v1/status, and POST
/reconcile for those who know the token of --token-file or EVENTROUTING_TOKEN. It
has no TLS: keep it on loopback, or behind something that has.

SIGTERM and SIGINT end it: the change in hand is finished, for at most
--shutdown-timeout, and the exit code is 0. With --once it makes one pass and
ends with 0, with 1 if something failed, or with 4 when the brake held something.`,
		Example: `  eventrouting run routing/
  eventrouting run --dry-run --schedule '*/10 * * * *' --log-format json routing/
  eventrouting run --git https://example.org/team/routing.git --ref main --path routing/
  eventrouting run --once routing/                    # from a scheduler of your own
  eventrouting run --emulator examples/orders.yaml    # nothing needed`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case r.git.url == "":
				return paths(cmd, args)
			case len(args) > 0:
				return hint(errors.New("both --git and paths"), "name one or the other; --path is a path in the repository")
			}
			return nil
		},
		RunE: r.run,
	}
	r.cloud.flags(cmd)
	passFlags(cmd, &r.pass)
	f := cmd.Flags()
	f.StringVar(&r.git.url, "git", "", "git repository of the documents: an https, ssh or file URL, or a path")
	f.StringVar(&r.git.ref, "ref", "", "with --git: branch, tag or full commit id; none is the default branch")
	f.StringVar(&r.git.path, "path", "", "with --git: file or folder in the repository; none is all of it")
	f.DurationVar(&r.git.poll, "git-poll", time.Minute, "with --git: how often the repository is asked for its newest commit")
	f.StringVar(&r.schedule, "schedule", "@every 5m", "when passes are made whatever happens: five cron fields in local time, or @every DURATION, 1s or more")
	f.DurationVar(&r.shardPoll, "shard-poll", 30*time.Second, "how often each stream, and each alias that is followed, is looked at between passes; 0 for never")
	f.DurationVar(&r.filePoll, "document-poll", 5*time.Second, "how often the documents are looked at")
	f.DurationVar(&r.deadline, "pass-timeout", 15*time.Minute, "how long a pass may take")
	f.DurationVar(&r.grace, "shutdown-timeout", 20*time.Second, "how long the change in hand may take when it is time to end")
	f.StringVar(&r.listen, "listen", "127.0.0.1:8080", `address of HTTP; port 0 picks a free one, "" is none`)
	f.StringVar(&r.tokenFile, "token-file", "", "file with the bearer token that POST needs, read for each; else "+tokenVariable+"; without one nobody may POST")
	f.StringVar(&r.logFormat, "log-format", "text", "text or json, on stderr")
	f.BoolVar(&r.once, "once", false, "make one pass and end; nothing listens")
	f.BoolVar(&r.dry, "dry-run", false, "never write; report drift")
	return cmd
}

func (r *running) run(cmd *cobra.Command, args []string) error {
	o, err := r.options(cmd.ErrOrStderr(), args)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	c := controller.New(o)
	if r.once {
		return once(ctx, c, cmd.ErrOrStderr())
	}
	stop, err := r.serve(ctx, c, o.Log)
	if err != nil {
		return err
	}
	defer stop()
	defer hangUp(c)()
	o.Log.Info("run", "schedule", r.schedule, "shard_poll", r.shardPoll, "dry_run", r.dry, "owner", r.pass.Owner, "version", o.Build.Version)
	err = c.Run(ctx)
	o.Log.Info("ended")
	return err
}

// options are those of the controller. What is wrong with flags is said before
// anything begins.
func (r *running) options(stderr io.Writer, args []string) (controller.Options, error) {
	log, err := r.log(stderr)
	if err != nil {
		return controller.Options{}, err
	}
	schedule, err := controller.ParseSchedule(r.schedule)
	if err != nil {
		return controller.Options{}, hint(err, "--schedule '@every 5m', or five cron fields such as '*/5 * * * *'")
	}
	for _, limit := range []struct {
		flag     string
		is, from time.Duration
	}{
		{"--shard-poll", r.shardPoll, 0}, {"--document-poll", r.filePoll, time.Millisecond},
		{"--git-poll", r.git.poll, time.Second}, {"--pass-timeout", r.deadline, time.Second}, {"--shutdown-timeout", r.grace, 0},
	} {
		if limit.is < limit.from {
			return controller.Options{}, hint(fmt.Errorf("%s %s is below %s", limit.flag, limit.is, limit.from), "use a duration such as 30s")
		}
	}
	if err := checkOptions(r.pass); err != nil {
		return controller.Options{}, err
	}
	if err := r.cloud.check(); err != nil {
		return controller.Options{}, err
	}
	if err := r.cloud.limit(&r.pass); err != nil {
		return controller.Options{}, err
	}
	if _, err := r.token(); err != nil {
		return controller.Options{}, err
	}
	from, poll, err := r.source(args)
	if err != nil {
		return controller.Options{}, err
	}
	version, commit := build()
	return controller.Options{
		Source: from, Places: r.places, Pass: r.pass, DryRun: r.dry, Log: log,
		Build: controller.Build{Version: version, Commit: commit}, Schedule: schedule, ShardPoll: r.shardPoll,
		DocumentPoll: poll, PassTimeout: r.deadline, Grace: r.grace,
	}, nil
}

// source is where the documents are, and how often they are looked at.
func (r *running) source(args []string) (controller.Source, time.Duration, error) {
	if r.git.url == "" {
		if r.git.ref != "" || r.git.path != "" {
			return nil, 0, hint(errors.New("--ref and --path are about a git repository"), "name it with --git")
		}
		return documents{source.Files{Paths: args}}, r.filePoll, nil
	}

	g, err := source.NewGit(r.git.url, r.git.ref, r.git.path, source.CredentialsFrom(os.Getenv))
	if err != nil {
		return nil, 0, err
	}
	return documents{g}, r.git.poll, nil
}

func (r *running) log(stderr io.Writer) (*slog.Logger, error) {
	switch r.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(stderr, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(stderr, nil)), nil
	}
	return nil, hint(fmt.Errorf("unknown --log-format %q", r.logFormat), "--log-format text or --log-format json")
}

// token reads the token for writes; empty when none is configured.
func (r *running) token() (string, error) {
	if r.tokenFile == "" {
		return os.Getenv(tokenVariable), nil
	}
	text, err := os.ReadFile(r.tokenFile)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", hint(fmt.Errorf("%s holds no token", r.tokenFile), "write one into it, such as what openssl rand -hex 32 prints")
	}
	return token, nil
}

// places sorts documents by where AWS is for them.
func (r *running) places(ctx context.Context, docs []spec.EventRouting) ([]controller.Place, error) {
	all, err := r.cloud.places(ctx, docs)
	if err != nil {
		return nil, err
	}
	var places []controller.Place
	for _, p := range all {
		account := accountOf(p.docs) // a role's own comes first
		places = append(places, controller.Place{Name: p.name(), Account: account, Docs: p.docs, Config: p.cfg, QPS: p.api.QPS})
	}
	return places, nil
}

// once makes one pass at each place, and says in the exit code how it went.
func once(ctx context.Context, c *controller.Controller, stderr io.Writer) error {
	result, err := c.Once(ctx)
	switch {
	case errors.Is(err, controller.ErrDocuments):
		findings := c.Trouble().Findings
		if err := render.Findings(stderr, findings, render.Options{Color: colour(stderr)}); err != nil {
			return err
		}
		return hint(fmt.Errorf("%s in the documents, nothing was done", plural(len(findings), "error")), "correct them; eventrouting validate checks without calling AWS")
	case err != nil:
		return err
	case result.Failed:
		return exit(exitError) // the log has said why
	case result.Braked:
		return exit(exitBraked)
	}
	return nil
}

// serve answers HTTP until the function it returns is called.
func (r *running) serve(ctx context.Context, c *controller.Controller, log *slog.Logger) (stop func(), err error) {
	if r.listen == "" {
		return func() {}, nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", r.listen)
	if err != nil {
		return nil, hint(fmt.Errorf("listen on %s: %w", r.listen, err), `--listen 127.0.0.1:0 picks a free port, --listen "" has none`)
	}
	web := controller.NewServer(c.Handler(r.token, page.Handler()))
	web.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug) // what strangers send is no problem of ours
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("http", "err", err)
		}
	})
	log.Info("listening", "url", "http://"+l.Addr().String())
	return func() {
		const patience = 2 * time.Second // answers are short
		ending, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := web.Shutdown(ending); err != nil {
			_ = web.Close() // it has had its time
		}
		serving.Wait()
	}, nil
}

// hangUp makes passes on SIGHUP until the function it returns is called.
func hangUp(c *controller.Controller) (stop func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		for {
			select {
			case <-signals:
				c.Trigger(controller.TriggerSignal)
			case <-done:
				return
			}
		}
	})
	return func() {
		signal.Stop(signals)
		close(done)
		waiting.Wait()
	}
}

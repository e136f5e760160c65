// Package command is the command line of eventrouting. It alone wires
// everything: documents from files, AWS or the embedded AWS, the plan, and the
// terminal.
//
// Results go to stdout, progress and problems to stderr. An error is one line
// that says what is wrong and, where there is one, a second that says what to
// type. Exit codes are those of the README; a usage error is 1.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// The exit codes.
const (
	exitOK      = 0
	exitError   = 1
	exitChanges = 2 // plan --detailed-exitcode
	exitStale   = 3 // apply --plan: the plan does not hold any more
	exitBraked  = 4 // the brake held something
)

// exit is an error that only carries an exit code: what is wrong has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// hinted is an error with what to type about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func hint(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

// Run runs the command that args name and returns its exit code. A ctx that
// ends stops it: nothing new is started in AWS.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return exitCode(execute(ctx, args, stdin, stdout, stderr))
}

// execute runs the command that args name, and says what is wrong before it returns
// it.
func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if _, said := errors.AsType[exit](err); err != nil && !said {
		report(stderr, err)
	}
	return err
}

func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if code, ok := errors.AsType[exit](err); ok {
		return int(code)
	}
	return exitError
}

// report says what is wrong, then what to type.
func report(w io.Writer, err error) {
	message, advice := err.Error(), ""
	if h, ok := errors.AsType[hinted](err); ok {
		advice = h.hint
	} else if m, a := awsapi.Explain(err); m != "" {
		message, advice = m, a
	}
	fmt.Fprintf(w, "eventrouting: %s\n", message)
	if advice != "" {
		fmt.Fprintf(w, "hint: %s\n", advice)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "eventrouting",
		Short: "One Kinesis stream, one Lambda function, one filtered mapping per event type",
		Long: `eventrouting keeps Lambda event source mappings, one per event type, and the
reserved concurrency that they need, as EventRouting documents declare them.

It reads documents, observes what is live, plans, and applies. It keeps no
state of its own: a run that is interrupted is finished by the next one.`,
		Example: `  eventrouting demo                                  # the whole story, nothing needed
  eventrouting validate routing/                     # offline, every problem
  eventrouting plan routing/                         # what would change
  eventrouting apply routing/                        # change it
  eventrouting run routing/                          # keep it so
  eventrouting apply --emulator --auto-approve examples/orders.yaml`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return hint(fmt.Errorf("unknown command %q", args[0]), "%s", commandHabit(args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return hint(flagError(err), "%s", flagHabit(cmd, err))
	})
	root.SetHelpCommand(newHelp(root))
	root.AddCommand(newValidate(), newPlan(), newApply(), newRun(), newStatus(), newImport(), newAdopt(), newPause(), newResume(), newRelease(), newExplain(), newMatch(), newIAM(), newDoctor(), newEmulator(), newDemo(), newSchema(), newCompletion(root), newVersion())
	complete(root)
	return root
}

// flagError leaves out of a flag's error what only a Go programmer understands.
func flagError(err error) error {
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	kinds := map[string]string{
		"int": "a whole number", "float64": "a number", "bool": "true or false", "duration": "a duration such as 30s or 1h30m",
	}
	kind, ok := kinds[wrong.GetFlag().Value.Type()]
	if !ok {
		return err
	}
	return fmt.Errorf("--%s %q is not %s", wrong.GetFlag().Name, wrong.GetValue(), kind)
}

// newHelp is cobra's help, but for a command that does not exist, which is an error.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [command]",
		Short:   "Help about any command",
		Example: `  eventrouting help plan`,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return hint(fmt.Errorf("unknown command %q", strings.Join(args, " ")), "eventrouting --help lists the commands")
			}
			return cmd.Help()
		},
	}
}

// paths demands at least one file or folder.
func paths(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return hint(errors.New("no documents named"), "%s PATH..., such as %s routing/", cmd.CommandPath(), cmd.CommandPath())
	}
	if slices.Contains(args, "-") {
		return hint(errors.New("documents are not read from standard input"), "write them to a file: %s FILE", cmd.CommandPath())
	}
	return nil
}

// colour says whether output to w may be coloured: a terminal, and NO_COLOR
// not set. https://no-color.org
func colour(w io.Writer) bool { return os.Getenv("NO_COLOR") == "" && terminal(w) }

func terminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

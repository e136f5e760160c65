package command

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newCompletion prints the script with which a shell completes commands, flags
// and the values of flags that have few.
func newCompletion(root *cobra.Command) *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print the script that completes commands and flags in a shell",
		Long: `Completion prints a script for bash (with bash-completion), zsh or fish. Load it
once in a shell, or from a file that the shell reads at its start.`,
		Example: `  source <(eventrouting completion bash)
  eventrouting completion zsh >"${fpath[1]}/_eventrouting"
  eventrouting completion fish >~/.config/fish/completions/eventrouting.fish`,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return hint(fmt.Errorf("%s named, not one", plural(len(args), "shell")), "eventrouting completion %s", strings.Join(shells, "|"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			}
			return hint(fmt.Errorf("unknown shell %q", args[0]), "eventrouting completion %s", strings.Join(shells, "|"))
		},
	}
}

// complete makes shells complete what follows commands and flags. The words of
// a flag are those that its help names, as in "text, json or markdown"; what a
// command has registered itself stays.
func complete(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		if strings.Contains(cmd.Use, "PATH") {
			cmd.ValidArgsFunction = documentFiles
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			switch choice := choices(f.Usage); {
			case choice != nil:
				_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(choice, cobra.ShellCompDirectiveNoFileComp))
			case f.Value.Type() != "string" || f.DefValue != "":
				_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
			}
		})
	}
}

// choices are the words that the help of a flag offers: a list with "or" before
// the last, remarks in parentheses left out. nil for none.
func choices(usage string) []string {
	const word = `[a-zA-Z]+(?: \([^)]*\))?`
	m := regexp.MustCompile(`(?:^|: )((?:` + word + `, )*)(` + word + `) or (` + word + `)(?:$|, )`).FindStringSubmatch(usage)
	if m == nil {
		return nil
	}
	var all []string
	for w := range strings.SplitSeq(m[1]+m[2]+", "+m[3], ", ") {
		w, _, _ = strings.Cut(w, " ")
		all = append(all, w)
	}
	return all
}

// documentFiles completes files that documents can stand in, and folders.
func documentFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
}

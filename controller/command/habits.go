package command

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What people type who know Terraform, kubectl or external-dns, and what it is here.

// commandHabit is what somebody who typed a command that does not exist wants.
func commandHabit(name string) string {
	switch name {
	case "diff", "preview":
		return "eventrouting plan PATH... shows what would change"
	case "lint", "check":
		return "eventrouting validate PATH... finds every problem, offline"
	case "get", "describe", "show", "list", "ls":
		return "eventrouting status PATH... shows what is live"
	case "init", "refresh":
		return "there is nothing to prepare: eventrouting plan PATH... observes AWS each time"
	case "destroy", "delete":
		return "take routes out of their document and apply; a routing whose document is gone goes with apply --prune on the others"
	}
	return "eventrouting --help lists the commands"
}

// flagHabit is what somebody who typed a flag that a command does not have wants.
func flagHabit(cmd *cobra.Command, err error) string {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return cmd.CommandPath() + " --help lists the flags"
	}
	has := func(name string) bool { return cmd.Flags().Lookup(name) != nil }
	name, _, _ := strings.Cut(unknown.GetSpecifiedShortnames(), "=") // -name, as Terraform has it
	if len(name) > 1 && has(name) {
		return "long flags have two dashes: --" + name
	}
	if name == "" {
		name = unknown.GetSpecifiedName()
	}
	if slices.Contains([]string{"f", "file", "filename"}, name) {
		return cmd.CommandPath() + " PATH...: files and folders stand without a flag"
	}
	for _, habit := range []struct {
		names []string
		means string // a flag here; "" for a command
		hint  string
	}{
		{[]string{"y", "yes", "force"}, "auto-approve", "--auto-approve does not ask"},
		{[]string{"target"}, "only", "--only ROUTING/ROUTE changes nothing else"},
		{[]string{"interval"}, "schedule", "--schedule '@every 5m' says when"},
		{[]string{"dry-run"}, "", "eventrouting plan PATH... is the dry run"},
	} {
		if slices.Contains(habit.names, name) && (habit.means == "" || has(habit.means)) {
			return habit.hint
		}
	}
	return cmd.CommandPath() + " --help lists the flags"
}

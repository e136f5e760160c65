package command

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go version",
		Example: `  eventrouting version
  eventrouting version -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			version, commit := build()
			out := cmd.OutOrStdout()
			switch format {
			case "text":
				_, err := fmt.Fprintf(out, "eventrouting %s commit %s %s\n", version, commit, runtime.Version())
				return err
			case "json":
				return json.NewEncoder(out).Encode(map[string]string{"version": version, "commit": commit, "go": runtime.Version()})
			}
			return hint(fmt.Errorf("unknown output %q", format), "-o text or -o json")
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return cmd
}

// build is the version and the commit of this program.
func build() (version, commit string) {
	version, commit = "(devel)", "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, commit
	}
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	return version, commit
}

// versionText is version and commit of this program.
func versionText() string {
	version, commit := build()
	return version + " commit " + commit
}

package command

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

// regionOfEnvironment is where the SDK's own chain goes, without a call; empty where it
// says nothing, or cannot be read.
func regionOfEnvironment(ctx context.Context) string {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return ""
	}
	return cfg.Region
}

func newValidate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate PATH...",
		Short: "Check documents offline: every problem, with file and line",
		Long: `Validate reads documents from files and folders and lists every problem of
every file. It calls nobody. Exit code 0 when there is no error (warnings are
none), 1 otherwise. A document without a region is taken to be in that of the
environment (AWS_REGION, or the profile's), as plan and apply take it.

It also says which events go to several routes and which to none, with an event
that shows it. That assumes one text, or nothing, in each record's event type
field: an array there may go to several routes.`,
		Example: "  eventrouting validate routing/",
		Args:    paths,
		RunE: func(cmd *cobra.Command, args []string) error {
			docs, findings, err := load(cmd.Context(), args)
			if err != nil {
				return err
			}
			if count(findings, spec.Error) == 0 {
				home := spec.Home{Region: regionOfEnvironment(cmd.Context())}
				findings, docs = told(docs, findings, home), at(docs, home)
			}
			if count(findings, spec.Error) == 0 {
				findings = append(findings, spec.CoverDocuments(docs)...)
			}
			out := cmd.OutOrStdout()
			if err := render.Findings(out, findings, render.Options{Color: colour(out)}); err != nil {
				return err
			}
			errs, warnings := count(findings, spec.Error), count(findings, spec.Warning)
			if errs > 0 {
				fmt.Fprintf(out, "Invalid: %s, %s.\n", plural(errs, "error"), plural(warnings, "warning"))
				return exit(exitError)
			}
			routes := 0
			for _, d := range docs {
				routes += len(d.Spec.Routes)
			}
			fmt.Fprintf(out, "Valid: %s, %s, %s.\n", plural(len(docs), "document"), plural(routes, "route"), plural(warnings, "warning"))
			return nil
		},
	}
}

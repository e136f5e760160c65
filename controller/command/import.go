package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

func newImport() *cobra.Command {
	var c cloud
	var from reconcile.From
	var region string
	o := reconcile.Options{RespectManual: respectManual}
	cmd := &cobra.Command{
		Use:   "import --stream STREAM --function FUNCTION",
		Short: "Write a document of live mappings",
		Long: `Import reads the mappings that run a function from a stream, and those on the stream
that are of the same routing, and prints a document that says what they are: a plan for
it changes nothing but the function's reserved concurrency. It changes nothing in AWS.
What a document cannot say is named, with the reason, and stays as it is.

Mappings of nobody become the routes' with adopt, which is printed for each.

Exit code 0, or 1 where no valid document leaves everything as it is, with the reason.`,
		Example: `  eventrouting import --stream orders-events --function order-processor > routing/orders.yaml
  eventrouting plan routing/`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case from.Stream == "" || from.Function == "":
				return hint(errors.New("import needs a stream and a function"), "%s --stream STREAM --function FUNCTION", cmd.CommandPath())
			case c.selector != "":
				return hint(errors.New("import writes documents: there is none to select"), "leave out --selector")
			}
			if err := checkOptions(o); err != nil {
				return err
			}
			// The places of documents are those of one that names the same.
			d := spec.EventRouting{Metadata: spec.Metadata{Name: from.Routing}, Spec: spec.Spec{
				Region: region, Stream: from.Stream, Isolation: spec.IsolationFanOut, // so that consumers are read
				Function: spec.Function{Name: from.Function}, Routes: []spec.Route{{}},
			}}
			places, err := c.places(cmd.Context(), []spec.EventRouting{d})
			if err != nil {
				return err
			}
			pl := places[0]
			from.Stream, from.Function = spec.BareName(from.Stream), spec.BareName(from.Function)
			w, err := written(cmd.Context(), pl, from, o)
			if e, ok := errors.AsType[*reconcile.DisturbsError](err); ok {
				return hint(e, "write its document by hand, and plan for it; --name ANOTHER writes what is not routing %s's", e.Routing)
			}
			if err != nil {
				return err
			}
			return writeDocument(cmd.OutOrStdout(), cmd.ErrOrStderr(), w)
		},
	}
	c.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&from.Stream, "stream", "", "the stream, by name")
	f.StringVar(&from.Function, "function", "", "the function, by name")
	f.StringVar(&from.Routing, "name", "", "name of the routing; else that of its mappings, aliases or consumers, or orders")
	f.StringVar(&from.Path, "event-type-path", "", "where an event's type stands in the payload; else the filters tell")
	f.StringVar(&o.Owner, "owner", "default", "whose mappings and aliases are ours, at most 32 characters")
	f.StringVar(&region, "region", "", "where they are; else as for every command")
	return cmd
}

// written makes the document of what is live at a place.
func written(ctx context.Context, pl place, from reconcile.From, o reconcile.Options) (reconcile.Written, error) {
	now, r := pl.time(), pl.client().Reader()
	live, err := r.Observe(ctx, reconcile.Wants(pl.docs), now)
	if err != nil {
		return reconcile.Written{}, err
	}
	type found struct {
		w   reconcile.Written
		err error
	}
	f, _, err := reconcile.Ascertain(ctx, r, live, func(live reconcile.State) (f found, asks []reconcile.Ask) {
		f.w, asks, f.err = reconcile.Write(live, from, o, now)
		return f, asks
	})
	if err != nil {
		return reconcile.Written{}, err
	}
	return f.w, f.err
}

// writeDocument writes a document, with what it leaves out as comments, and says what
// to do next.
func writeDocument(out, stderr io.Writer, w reconcile.Written) error {
	text, err := yaml.Marshal(w.Doc)
	if err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	var b strings.Builder
	for _, l := range w.Left {
		fmt.Fprintf(&b, "# Left out: mapping %s (%s): %s.\n", l.Mapping.UUID, l.Mapping.Key, l.Why)
	}
	if _, err := fmt.Fprintf(out, "%s%s", b.String(), text); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	fmt.Fprint(stderr, b.String())
	slices.Sort(w.Nobodys)
	for _, route := range w.Nobodys {
		fmt.Fprintf(stderr, "to take it over: eventrouting adopt FILE %s/%s --uuid %s\n", w.Doc.Metadata.Name, route, w.Mappings[route].UUID)
	}
	return nil
}

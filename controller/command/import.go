package command

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

func newImport() *cobra.Command {
	var c cloud
	var stream, function, name, path, region string
	cmd := &cobra.Command{
		Use:   "import --stream STREAM --function FUNCTION",
		Short: "Write a document of live mappings",
		Long: `Import reads the mappings that run a function from a stream and prints a document
that says what they are: a plan for it changes nothing of them. It changes nothing in
AWS. What a document cannot say is named, with the reason, and stays as it is.

Mappings of nobody become the routes' with adopt, which is printed for each.`,
		Example: `  eventrouting import --stream orders-events --function order-processor > routing/orders.yaml
  eventrouting plan routing/`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case stream == "" || function == "":
				return hint(errors.New("import needs a stream and a function"), "%s --stream STREAM --function FUNCTION", cmd.CommandPath())
			case c.selector != "":
				return hint(errors.New("import writes documents: there is none to select"), "leave out --selector")
			}
			// The places of documents are those of one that names the same.
			d := spec.EventRouting{Metadata: spec.Metadata{Name: name}, Spec: spec.Spec{Region: region, Stream: stream, Function: spec.Function{Name: function}}}
			places, err := c.places(cmd.Context(), []spec.EventRouting{d})
			if err != nil {
				return err
			}
			pl := places[0]
			live, err := pl.client().Reader().Observe(cmd.Context(), reconcile.Wants(pl.docs), pl.time())
			if err != nil {
				return err
			}
			w, err := reconcile.Write(live, spec.BareName(stream), spec.BareName(function), name, path)
			if err != nil {
				return err
			}
			return writeDocument(cmd.OutOrStdout(), cmd.ErrOrStderr(), w)
		},
	}
	c.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&stream, "stream", "", "the stream, by name")
	f.StringVar(&function, "function", "", "the function, by name")
	f.StringVar(&name, "name", "orders", "name of the routing; that of its aliases where there are some")
	f.StringVar(&path, "event-type-path", "", "where an event's type stands in the payload; else the filters tell")
	f.StringVar(&region, "region", "", "where they are; else as for every command")
	return cmd
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
	for _, route := range slices.Sorted(maps.Keys(w.Mappings)) {
		m := w.Mappings[route]
		if _, _, own := reconcile.SplitQualifier(m.Key.Qualifier); !own {
			fmt.Fprintf(stderr, "to take it over: eventrouting adopt FILE %s/%s --uuid %s\n", w.Doc.Metadata.Name, route, m.UUID)
		}
	}
	return nil
}

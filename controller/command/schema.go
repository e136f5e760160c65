package command

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/spec"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of documents, for editors",
		Long: `Schema prints the JSON Schema (draft 7) of EventRouting documents. Editors
complete, explain and check with it while you type. It is part of validate, which
knows more: what may not stand twice, what filters say, what routes share.`,
		Example: `  eventrouting schema >eventrouting.schema.json
  # then, as the first line of a document, for editors that run yaml-language-server:
  # yaml-language-server: $schema=eventrouting.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := documentSchema()
			if err != nil {
				return err
			}
			out := json.NewEncoder(cmd.OutOrStdout())
			out.SetIndent("", "  ")
			out.SetEscapeHTML(false)
			return out.Encode(s)
		},
	}
}

// descriptions are what package spec says about its fields, TYPE.FIELD, a tab
// and the text on each line. A test compares them with the source and, with
// -update, writes them.
//
//go:embed schema.txt
var descriptions string

// documentSchema is the schema of a document: keys and types are those of
// [spec.EventRouting], the rest is what limit says. It refuses no document that
// [spec.Load] takes.
func documentSchema() (*jsonschema.Schema, error) {
	s, err := jsonschema.For[spec.EventRouting](&jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[spec.Duration](): formed(`[+-]?(0|` + formSpan + `)`),
		reflect.TypeFor[spec.StartFrom](): formed(`Now|TrimHorizon|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{1,2}:[0-9]{2}:[0-9]{2}` +
			`([.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})`),
		reflect.TypeFor[spec.Amount](): {AnyOf: []*jsonschema.Schema{
			{Type: "integer", Minimum: new(0.0), Maximum: new(float64(spec.MostExecutions))}, formed(`(\+?0*([0-9]{1,3}|1000)|-0+)%`),
		}},
		reflect.TypeFor[spec.Isolation]():  words(spec.IsolationAlias, spec.IsolationFanOut, spec.IsolationFunction),
		reflect.TypeFor[spec.Policy]():     words(spec.PolicySync, spec.PolicyUpsertOnly, spec.PolicyCreateOnly),
		reflect.TypeFor[spec.OnShortage](): words(spec.OnShortageHold, spec.OnShortageAdmit),
		reflect.TypeFor[json.RawMessage](): {Type: "object"},
	}})
	if err != nil {
		return nil, fmt.Errorf("make the schema: %w", err)
	}
	s.Schema = "http://json-schema.org/draft-07/schema#" // what editors know best
	s.Title = spec.Kind
	noNull(s)
	limit(s)
	told := map[string]string{}
	for line := range strings.Lines(descriptions) {
		name, said, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		told[name] = said
	}
	describe(s, reflect.TypeFor[spec.EventRouting](), told)
	return s, nil
}

// noNull takes null from the types: keys are left out, not set to nothing.
func noNull(s *jsonschema.Schema) {
	if i := slices.Index(s.Types, "null"); i >= 0 {
		rest := slices.Delete(slices.Clone(s.Types), i, i+1)
		if s.Types = rest; len(rest) == 1 {
			s.Type, s.Types = rest[0], nil
		}
	}
	if len(s.AnyOf) > 0 {
		s.Types, s.Type = nil, "" // an alternative each says its own
	}
	for _, p := range s.Properties {
		noNull(p)
	}
	if s.Items != nil {
		noNull(s.Items)
	}
}

// describe writes what is told of the fields of t, and of those inside them.
func describe(s *jsonschema.Schema, t reflect.Type, told map[string]string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
		if s.Items != nil {
			s = s.Items
		}
	}
	if t.Kind() != reflect.Struct || s.Properties == nil {
		return
	}
	for f := range t.Fields() {
		if f.Anonymous {
			describe(s, f.Type, told)
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if p := s.Properties[key]; p != nil {
			p.Description = told[t.Name()+"."+f.Name]
			describe(p, f.Type, told)
		}
	}
}

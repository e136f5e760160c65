package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/eventrouting/eventrouting/controller/source"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

// load reads documents and what is wrong with them.
func load(ctx context.Context, names []string) ([]spec.EventRouting, []spec.Finding, error) {
	set, err := source.Files{Paths: names}.Load(ctx)
	return set.Docs, set.Findings, err
}

// valid loads documents and refuses them, with every problem on stderr, unless
// none is an error. Warnings are shown once, by the plan.
func valid(ctx context.Context, names []string, stderr io.Writer) ([]spec.EventRouting, []spec.Finding, error) {
	docs, findings, err := load(ctx, names)
	if err != nil {
		return nil, nil, err
	}
	if n := count(findings, spec.Error); n > 0 {
		if err := render.Findings(stderr, findings, render.Options{Color: colour(stderr)}); err != nil {
			return nil, nil, err
		}
		return nil, nil, hint(fmt.Errorf("%s in the documents, nothing was done", plural(n, "error")), "correct them; eventrouting validate checks without calling AWS")
	}
	if len(docs) == 0 {
		return nil, nil, hint(errors.New("no EventRouting document found"), "name files or folders that hold some; examples/orders.yaml is one")
	}
	return docs, findings, nil
}

func count(findings []spec.Finding, s spec.Severity) int {
	n := 0
	for _, f := range findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

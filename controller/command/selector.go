package command

import (
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// limit makes a pass one of the selected documents alone: it may not take what the
// others name for orphans.
func (c *cloud) limit(o *reconcile.Options) error {
	if c.selector == "" {
		return nil
	}
	if o.Prune {
		return hint(errors.New("--selector with --prune: what other documents name would be retired"), "leave out one of them")
	}
	o.Partial = true
	_, err := c.selected(nil)
	return err
}

// selected are the documents whose labels the selector wants. One function's
// documents go together: their reservation is one number.
func (c *cloud) selected(docs []spec.EventRouting) ([]spec.EventRouting, error) {
	if c.selector == "" {
		return docs, nil
	}
	wants, err := labels.Parse(c.selector)
	if err != nil {
		return nil, hint(fmt.Errorf("--selector %q is none: %w", c.selector, err), "write one as kubectl takes it, such as team=orders or 'shard in (a, b)'")
	}
	if docs == nil {
		return nil, nil
	}
	in := func(d spec.EventRouting) bool { return wants.Matches(labels.Set(d.Metadata.Labels)) }
	takes := map[string]spec.EventRouting{}
	for _, d := range docs {
		if in(d) {
			for _, r := range d.Resolve() {
				takes[spec.BareName(r.Function)] = d
			}
		}
	}
	for _, d := range docs {
		for _, r := range d.Resolve() {
			if other, both := takes[spec.BareName(r.Function)]; both && !in(d) {
				return nil, hint(fmt.Errorf("--selector %q takes routing %s and not %s, which runs the same function %s", c.selector, other.Metadata.Name, d.Metadata.Name, r.Function),
					"label them alike: what is reserved for a function is for all of its routings")
			}
		}
	}
	chosen := slices.DeleteFunc(slices.Clone(docs), func(d spec.EventRouting) bool { return !in(d) })
	if len(chosen) == 0 {
		return nil, hint(fmt.Errorf("--selector %q takes none of the documents", c.selector), "metadata.labels is what it goes by")
	}
	return chosen, nil
}

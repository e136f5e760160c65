package command

import (
	"context"

	"github.com/eventrouting/eventrouting/controller"
	"github.com/eventrouting/eventrouting/controller/source"
)

// documents are those of a source, as the controller takes them: it keeps the last
// good ones itself.
type documents struct{ source.Source }

var _ controller.Source = documents{}

// Load reads them.
func (d documents) Load(ctx context.Context) (controller.Documents, error) {
	set, err := d.Source.Load(ctx)
	return controller.Documents{Docs: set.Docs, Findings: set.Findings, Commit: set.Commit}, err
}

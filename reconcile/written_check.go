package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// wrong says what is wrong with the last route of a document by itself; empty for
// nothing. Overlaps are no fault of one route.
func wrong(d spec.EventRouting) string {
	last := fmt.Sprintf("spec.routes[%d]", len(d.Spec.Routes)-1)
	for _, f := range spec.Validate([]spec.EventRouting{d}) {
		rest, of := strings.CutPrefix(f.Path, last)
		if of && f.Severity == spec.Error && f.Code != spec.CodeOverlap {
			return strings.TrimPrefix(rest+": ", ".") + f.Message
		}
	}
	return ""
}

// allowOverlaps says of routes that take the same events that they may: they do.
func (w *writing) allowOverlaps() {
	routes := w.doc.Spec.Routes
	sets, err := w.doc.Sets()
	if err != nil {
		return // valid says so
	}
	for i := range routes {
		for j := range i {
			shared := func(t string) bool { return slices.Contains(routes[j].EventTypes, t) }
			if slices.ContainsFunc(routes[i].EventTypes, shared) && sets[i].Overlaps(sets[j]).Verdict != pattern.No {
				routes[i].AllowOverlap, routes[j].AllowOverlap = new(true), new(true)
			}
		}
	}
}

// valid says what is wrong with the document; nil for nothing.
func (w *writing) valid() error {
	for _, f := range spec.Validate([]spec.EventRouting{w.doc}) {
		if f.Severity == spec.Error {
			return fmt.Errorf("the document of %d mappings would not be valid: %s: %s", len(w.Mappings), f.Path, f.Message)
		}
	}
	return nil
}

// disturbs plans for the document and says what of the live things it would change;
// nil for nothing but reservations. What is nobody's yet waits to be adopted.
func (w *writing) disturbs() ([]Ask, error) {
	plan := Compute([]spec.EventRouting{w.doc}, w.live, w.o, w.now)
	var all []string
	for _, c := range plan.Changes {
		if c.Addr.Kind != KindReservation {
			all = append(all, w.change(c))
		}
	}
	for _, h := range plan.Held {
		if h.Addr.Kind != KindReservation && h.Why != WhyForeign {
			all = append(all, w.change(h.Change))
		}
	}
	for _, f := range plan.Findings {
		if f.Severity == spec.Error {
			all = append(all, f.Message)
		}
	}
	if len(all) == 0 {
		return plan.Asks, nil
	}
	return plan.Asks, &DisturbsError{Routing: w.doc.Metadata.Name, What: all}
}

// DisturbsError is a document that cannot be written without a change of what is live.
type DisturbsError struct {
	Routing string
	What    []string // that a plan for it would do
}

func (e *DisturbsError) Error() string {
	return fmt.Sprintf("a document of routing %s would not leave what is live as it is: %s", e.Routing, strings.Join(e.What, "; "))
}

// change says what a plan would do, and why what it does it to is not in the document.
func (w *writing) change(c Change) string {
	text := fmt.Sprintf("%s %s %s", c.Action, c.Addr.Kind, c.Addr.Name)
	before, ok := c.Before.(*Mapping)
	if !ok {
		return text + ", as " + c.Reason
	}
	text += " (" + before.UUID + ")"
	for _, l := range w.Left {
		if l.Mapping.UUID == before.UUID {
			return text + ", which is left out, as " + l.Why
		}
	}
	return text + ", as " + c.Reason
}

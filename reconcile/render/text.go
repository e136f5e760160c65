package render

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
)

// Text writes a plan for people: what changes, what is held and why, what was
// found, each function's concurrency, and one closing line. The settings of a
// mapping carry AWS's names; those of a new one are shown where they differ
// from AWS's defaults.
func Text(w io.Writer, p reconcile.Plan, o Options) error {
	g := page{o: o}
	if len(p.Changes) > 0 {
		g.line(0, span{"Changes:", bold})
	}
	for _, c := range p.Changes {
		g.gap()
		g.change(c)
	}
	g.held(p.Held)
	g.findings(p.Findings)
	g.needs(p.Needs)
	g.gap()
	g.closing(p)
	return g.to(w, "plan")
}

// change writes the block of one change.
func (p *page) change(c reconcile.Change) {
	sign, look := symbol(c)
	p.line(2, span{sign, look}, say(" "+string(c.Action)+" "), span{c.Addr.String(), bold})
	p.settings(6, c)
	p.prose(6, span{"reason: ", dim}, c.Reason)
	p.prose(6, span{"effect: ", dim}, c.Effect)
}

// symbol is the sign that a change goes by.
func symbol(c reconcile.Change) (string, style) {
	switch c.Action {
	case reconcile.Create, reconcile.Register:
		return "+", green
	case reconcile.Retire, reconcile.Delete:
		return "-", red
	case reconcile.Update, reconcile.Revive, reconcile.Raise, reconcile.Lower:
		return "~", yellow
	}
	return "~", yellow
}

func (p *page) held(all []reconcile.Held) {
	if len(all) == 0 {
		return
	}
	p.gap()
	p.line(0, span{"Held, wanted and not allowed yet:", bold})
	for _, h := range all {
		p.gap()
		p.heldOne(h)
	}
}

// heldOne writes the block of one held change.
func (p *page) heldOne(h reconcile.Held) {
	p.line(2, span{"!", magenta}, say(" "+string(h.Action)+" "), span{h.Addr.String(), bold})
	p.settings(6, h.Change)
	p.prose(6, span{"held:   ", magenta}, fmt.Sprintf("%s: %s", h.Why, cmp.Or(h.Reason, whyText(h.Why))))
	p.prose(6, span{"until:  ", dim}, untilText(h.Until))
	p.prose(6, span{"effect: ", dim}, h.Effect)
}

// whyText says in words why a change is held that does not say so itself.
func whyText(w reconcile.Why) string {
	words := map[reconcile.Why]string{
		reconcile.WhyForeign:     "something that is not ours has its place",
		reconcile.WhyUnsettled:   "AWS is still busy with it",
		reconcile.WhyAsked:       "what decides it could not be read yet",
		reconcile.WhyUnreadable:  "its live filter is encrypted and cannot be read",
		reconcile.WhyByHand:      "a person disabled it",
		reconcile.WhyStart:       "its start lies in the future",
		reconcile.WhyShortage:    "too few concurrent executions may be reserved",
		reconcile.WhyInvokers:    "a first reservation would cap invocations that cannot be counted",
		reconcile.WhyLowering:    "what is reserved too much may still be in use",
		reconcile.WhyBrake:       "too many mappings would stop at once",
		reconcile.WhyTaker:       "what takes its events over is held itself",
		reconcile.WhyPolicy:      "the document's policy does not allow it",
		reconcile.WhyPaused:      "it is paused",
		reconcile.WhyOnly:        "--only names others",
		reconcile.WhyMissing:     "something it needs does not exist",
		reconcile.WhyUnsupported: "this version cannot do it",
	}
	return cmp.Or(words[w], "it is not allowed yet")
}

func untilText(t time.Time) string {
	if t.IsZero() {
		return "looked at again in every pass"
	}
	return t.UTC().Format(time.RFC3339)
}

// closing writes the last line: the counts, and what becomes of reservations.
func (p *page) closing(plan reconcile.Plan) {
	p.line(0, span{closingCounts(plan) + closingReservations(plan), bold})
}

func closingReservations(p reconcile.Plan) string {
	if p.Empty() {
		return ""
	}
	return reservations(p.Needs)
}

// closingCounts says how many changes there are of each kind.
func closingCounts(plan reconcile.Plan) string {
	if plan.Empty() {
		return nothing(plan)
	}
	var t tally
	for _, c := range plan.Changes {
		t.add(c.Action)
	}
	parts := []string{
		fmt.Sprintf("%d to create", t.create),
		fmt.Sprintf("%d to update", t.update),
		fmt.Sprintf("%d to retire", t.retire),
	}
	if t.revive > 0 {
		parts = append(parts, fmt.Sprintf("%d to revive", t.revive))
	}
	if t.remove > 0 {
		parts = append(parts, fmt.Sprintf("%d to delete", t.remove))
	}
	if len(plan.Held) > 0 {
		parts = append(parts, fmt.Sprintf("%d held", len(plan.Held)))
	}
	return "Plan: " + strings.Join(parts, ", ") + "."
}

// nothing is the closing line of a plan that changes nothing.
func nothing(p reconcile.Plan) string {
	if n := len(p.Held); n > 0 {
		return fmt.Sprintf("No changes. %d held.", n)
	}
	mappings := 0
	for _, n := range p.Needs {
		for _, t := range n.Terms {
			if t.What == termMapping {
				mappings++
			}
		}
	}
	switch {
	case summarize(p).Findings.Error > 0 || mappings == 0:
		return "No changes."
	case len(p.Busy) > 0:
		return fmt.Sprintf("No changes. %d of %d mappings run as wanted, AWS is not done yet with %d.", max(0, mappings-len(p.Busy)), mappings, len(p.Busy))
	case mappings == 1:
		return "No changes. 1 mapping runs as wanted."
	}
	return fmt.Sprintf("No changes. %d mappings run as wanted.", mappings)
}

// reservations says which reservations change, and is empty if none does.
func reservations(needs []reconcile.Need) string {
	var parts []string
	for _, n := range needs {
		if unset(n.Reserved) != unset(n.After) {
			parts = append(parts, fmt.Sprintf("of %s: %s -> %s", n.Function, unset(n.Reserved), unset(n.After)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " Reserved concurrency " + strings.Join(parts, ", ") + "."
}

// unset writes a reservation, which may not be there.
func unset(n *int) string {
	if n == nil {
		return "unset"
	}
	return strconv.Itoa(*n)
}

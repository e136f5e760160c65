package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
)

// Step writes one line about a change that has reached a stage. Elapsed is
// how long the change has been under way, by the caller's clock. A change that
// waits gets a line once that is a second or more, so that the caller may pass
// on every step and, on a timer of its own, repeat those that wait.
func Step(w io.Writer, s reconcile.Step, elapsed time.Duration, o Options) error {
	p := page{o: o}
	name := span{text: s.Change.Addr.String() + ": "}
	took := ""
	if elapsed >= time.Second {
		took = fmt.Sprintf(" (%s)", elapsed.Truncate(time.Second))
	}
	doing, done := verbs(s.Change)
	switch s.Stage {
	case reconcile.Started:
		p.line(0, name, say(doing+"..."))
	case reconcile.Waiting:
		if took != "" {
			p.line(0, name, span{"still waiting" + took, dim})
		}
	case reconcile.Settled:
		p.line(0, name, span{done, green}, span{took, dim})
	case reconcile.Failed:
		p.line(0, name, span{string(s.Change.Action) + " failed", red}, say(because(s.Err)+took))
	case reconcile.Left:
		p.line(0, name, span{"left to AWS", yellow}, say(because(s.Err)+took))
	case reconcile.Stale, reconcile.Skipped:
		p.line(0, name, span{string(s.Change.Action) + " skipped", yellow}, say(because(s.Err)))
	default:
		p.line(0, name, say(string(s.Stage)+because(s.Err)))
	}
	return p.to(w, "progress")
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + oneLine(err.Error())
}

// verbs are what is said of a change while it is made and afterwards.
func verbs(c reconcile.Change) (doing, done string) {
	to := ""
	if r, ok := c.After.(*reconcile.Reservation); ok && r != nil {
		to = fmt.Sprintf(" to %d", r.Reserved)
	}
	switch c.Action {
	case reconcile.Create:
		return "creating", "created"
	case reconcile.Register:
		return "registering", "registered"
	case reconcile.Update:
		return "updating", "updated"
	case reconcile.Retire:
		return "retiring", "retired"
	case reconcile.Revive:
		return "reviving", "revived"
	case reconcile.Raise:
		return "raising" + to, "raised" + to
	case reconcile.Lower:
		return "lowering" + to, "lowered" + to
	case reconcile.Delete:
		return "deleting", "deleted"
	}
	return string(c.Action), string(c.Action) + " done"
}

// Outcome writes the closing line of an apply. As in the closing line of a
// plan, a reservation that was raised or lowered counts as updated.
func Outcome(w io.Writer, all reconcile.Outcome, o Options) error {
	var made tally
	for _, s := range all {
		if s.Stage == reconcile.Settled {
			made.add(s.Change.Action)
		}
	}
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(made.create, "created")
	add(made.update, "updated")
	add(made.revive, "revived")
	add(made.retire, "retired")
	add(made.remove, "deleted")
	undone := 0
	for _, s := range []reconcile.Stage{reconcile.Failed, reconcile.Stale, reconcile.Left, reconcile.Skipped} {
		n := all.Count(s)
		add(n, unmade(s))
		undone += n
	}
	if len(parts) == 0 {
		parts = []string{"nothing"}
	}
	look := bold
	if undone > 0 {
		look = red
	}
	p := page{o: o}
	p.line(0, span{"Applied: " + strings.Join(parts, ", ") + ".", look})
	return p.to(w, "outcome")
}

// unmade is what the closing line calls changes that were not made.
func unmade(s reconcile.Stage) string {
	if s == reconcile.Left {
		return "left to AWS"
	}
	return string(s)
}

// tally counts changes as closing lines do.
type tally struct{ create, update, revive, retire, remove int }

func (t *tally) add(a reconcile.Action) {
	switch a {
	case reconcile.Create, reconcile.Register:
		t.create++
	case reconcile.Retire:
		t.retire++
	case reconcile.Revive:
		t.revive++
	case reconcile.Delete:
		t.remove++
	case reconcile.Update, reconcile.Raise, reconcile.Lower:
		t.update++
	default:
		t.update++
	}
}

package controller

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// keptPasses is how many passes of a place are remembered.
const keptPasses = 20

// missed is how many passes of the schedule may be due without one that ends before
// a place is not ready.
const missed = 3

// overdue is when a place is not ready any more if the pass that ended at a time
// stays the last.
func overdue(s cron.Schedule, ended time.Time) time.Time {
	for range missed {
		ended = s.Next(ended)
	}
	return ended
}

// Condition says one thing about a place, in the manner of Kubernetes.
type Condition struct {
	Type    string    `json:"type"`
	Status  bool      `json:"status"`
	Reason  string    `json:"reason"` // one word
	Message string    `json:"message"`
	Since   time.Time `json:"since"` // when Status last changed
}

// The conditions of a place.
const (
	Ready              = "Ready"              // passes are being completed
	Synced             = "Synced"             // AWS is what the documents want, as far as they may have it
	Degraded           = "Degraded"           // something keeps failing
	CapacitySufficient = "CapacitySufficient" // all that is wanted can be reserved
	Paused             = "Paused"             // a document says so, or an operator's pause holds something
)

// view is what is known of a place. Its lists are replaced, never changed.
type view struct {
	name     string
	began    time.Time
	routings []string // in force
	paused   []string // of these
	trouble  *Trouble // why newer documents are not in force

	plan      reconcile.Plan // of the last pass that could look; of routings that it left out what was known before
	live      reconcile.State
	status    reconcile.Status
	said      []spec.Finding        // those of plan that are in documents
	heldSince map[heldKey]time.Time // what the plan holds: since when without a break

	running     *Pass
	passes      []Pass // oldest first
	next        time.Time
	nextTrigger Trigger
	attempts    int       // looks that failed in a row
	retry       time.Time // when to look again after one; zero for none
	failing     failures
	slow        bool                 // AWS refused calls for being too many
	completed   time.Time            // the last pass that could look
	readySince  time.Time            // since when passes are completed without a break
	wantedSince map[string]time.Time // by routing
	succeeded   map[string]time.Time // by routing: the last pass in which nothing of it failed

	conditions []Condition
}

// heldKey is a change that is held. Its reason may change meanwhile, and with each
// pass its time.
type heldKey struct {
	addr   reconcile.Addr
	action reconcile.Action
}

// found takes over what a pass saw.
func (v *view) found(f finding) {
	f.keep(*v)
	since := map[heldKey]time.Time{}
	for _, h := range f.plan.Held {
		k := heldKey{h.Addr, h.Action}
		since[k] = f.plan.At
		if before, held := v.heldSince[k]; held {
			since[k] = before
		}
	}
	v.plan, v.live, v.status, v.said, v.heldSince = f.plan, f.live, f.status, f.said, since
}

// failed says whether the last pass left something undone that it should not.
func (v *view) failed() bool {
	if len(v.passes) == 0 {
		return true
	}
	switch v.passes[len(v.passes)-1].Outcome {
	case Failed, Partly, Stale, Stopped:
		return true
	case Quiet, Applied, Drift:
	}
	return slices.ContainsFunc(v.plan.Findings, func(f spec.Finding) bool {
		return reconcile.MissingReference(f.Code) || f.Code == reconcile.CodeUnsupported || f.Code == reconcile.CodeOnly
	})
}

// complete notes that a pass could look.
func (v *view) complete(now time.Time, s cron.Schedule) {
	if v.completed.IsZero() || now.After(overdue(s, v.completed)) {
		v.readySince = now
	}
	v.completed = now
}

// ready sets the one condition that time alone changes.
func (v *view) ready(now time.Time, s cron.Schedule) {
	c := Condition{Type: Ready, Since: v.began, Reason: "NoPassYet", Message: "no pass has been completed yet"}
	switch {
	case v.completed.IsZero():
	case now.After(overdue(s, v.completed)):
		c.Since, c.Reason, c.Message = overdue(s, v.completed), "PassOverdue", fmt.Sprintf("no pass has been completed since %s", v.completed.UTC().Format(time.RFC3339))
	default:
		c.Since, c.Status, c.Reason, c.Message = v.readySince, true, "PassCompleted", fmt.Sprintf("the last pass was completed at %s", v.completed.UTC().Format(time.RFC3339))
	}
	c.Since = c.Since.UTC()
	v.conditions = append([]Condition{c}, v.conditions...)
}

// judge says anew what holds, but for Ready.
func (v *view) judge(now time.Time) {
	before := v.conditions
	v.conditions = []Condition{v.synced(), v.degraded(), v.capacity(), v.pausing()}
	for i := range v.conditions {
		c := &v.conditions[i]
		c.Since = now.UTC()
		if i < len(before) && before[i].Status == c.Status {
			c.Since = before[i].Since
		}
	}
}

func (v *view) synced() Condition {
	c := Condition{Type: Synced}
	if len(v.passes) == 0 {
		c.Reason, c.Message = "NoPassYet", "no pass has ended yet"
		return c
	}
	switch p := v.passes[len(v.passes)-1]; {
	case p.Outcome == Failed:
		c.Reason, c.Message = "NotObserved", p.Error
	case p.Outcome == Stopped:
		c.Reason, c.Message = "Stopped", "the last pass was stopped"
	case p.Outcome == Stale:
		c.Reason, c.Message = "Stale", "somebody else changed something first; the next pass plans afresh"
	case p.Outcome == Partly:
		c.Reason, c.Message = "ChangesFailed", p.Error
	case p.Outcome == Drift:
		c.Reason, c.Message = "Drift", fmt.Sprintf("%d changes are wanted, and this is a dry run", len(p.Changes))
	case v.plan.Braked():
		c.Reason, c.Message = "Braked", "too many mappings of a routing would stop at once"
	case p.Held > 0:
		c.Status, c.Reason, c.Message = true, "Held", fmt.Sprintf("all is done but for %d held changes", p.Held)
	default:
		c.Status, c.Reason, c.Message = true, "InSync", "AWS is what the documents want"
	}
	return c
}

func (v *view) degraded() Condition {
	c := Condition{Type: Degraded, Status: true}
	switch {
	case v.trouble != nil:
		c.Reason, c.Message = "Documents", v.trouble.Message
	case v.attempts > 0:
		c.Reason, c.Message = "NotObserved", v.passes[len(v.passes)-1].Error
	case len(v.failing) > 0:
		c.Reason, c.Message = "Failing", names(v.failing)
	case v.missing() != "":
		c.Reason, c.Message = "Missing", v.missing()
	case v.slow:
		c.Reason, c.Message = "Throttled", "AWS refuses calls of this account for being too many"
	default:
		c.Status, c.Reason, c.Message = false, "AsExpected", "nothing keeps failing"
	}
	return c
}

// missing says what a document names that does not exist; empty for nothing.
func (v *view) missing() string {
	for _, f := range v.plan.Findings {
		if reconcile.MissingReference(f.Code) {
			return f.Message
		}
	}
	return ""
}

func (v *view) capacity() Condition {
	c := Condition{Type: CapacitySufficient, Status: true, Reason: "Enough", Message: "all that is needed is reserved, or will be with the next change"}
	for _, n := range v.plan.Needs {
		if short := shortfall(n); short > 0 {
			c.Status, c.Reason, c.Message = false, "Shortfall", fmt.Sprintf("function %s lacks %d concurrent executions", n.Function, short)
			break
		}
	}
	for _, h := range v.plan.Held {
		if h.Why == reconcile.WhyShortage {
			c.Status, c.Reason, c.Message = false, "Shortage", h.Reason
		}
	}
	for _, f := range v.plan.Findings {
		if f.Code == reconcile.CodeShortage || f.Code == reconcile.CodeMaximum {
			c.Status, c.Reason, c.Message = false, "Shortage", f.Message
		}
	}
	return c
}

// shortfall is how many executions a function lacks once the plan is applied.
// One without a reservation takes from what the account has.
func shortfall(n reconcile.Need) int {
	if n.After == nil {
		return 0
	}
	return max(0, n.Required-*n.After)
}

func (v *view) pausing() Condition {
	c := Condition{Type: Paused, Reason: "NotPaused", Message: "no document says so, and no operator's pause holds anything"}
	var says []string
	if held := v.byOperator(); len(held) > 0 {
		c.Status, c.Reason = true, "Operator"
		says = append(says, "held by an operator's pause: "+strings.Join(held, ", "))
	}
	if len(v.paused) > 0 {
		c.Status, c.Reason = true, "Document"
		says = append(says, "paused by their documents: "+strings.Join(v.paused, ", "))
	}
	if c.Status {
		c.Message = strings.Join(says, "; ")
	}
	return c
}

// byOperator are the routes, or where it is about no route the routings, of which an
// operator's pause holds something. A document's has no end.
func (v *view) byOperator() []string {
	var names []string
	for _, h := range v.plan.Held {
		switch {
		case h.Why != reconcile.WhyPaused || h.Until.IsZero():
		case h.Addr.Kind == reconcile.KindMapping:
			names = append(names, h.Addr.Name)
		default:
			names = append(names, unit(h.Addr))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

package reconcile

import (
	"fmt"
	"strings"

	"github.com/eventrouting/eventrouting/spec"
)

// quotaName is how AWS calls the limit to ask for.
const quotaName = "Lambda concurrent executions (L-B99A9384)"

// reserve plans the reservation of one function.
//
// Reserved concurrency is floor and ceiling at once, for every invoker of the
// function. https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
func (p *planner) reserve(d *demand) {
	live, need := d.function.Reserved, d.Required
	switch {
	case need == 0:
		return // never derive 0: it would refuse every invocation
	case live != nil && *live == 0:
		p.find(d.find(spec.Error, CodeReservedZero,
			"function %s has a reservation of 0, which refuses every invocation: a person set it, so it is left; remove it with aws lambda delete-function-concurrency --function-name %s", d.Function, d.Function))
		return
	case live != nil && *live == need:
		return
	case live != nil && *live > need:
		s := p.reservation(d, Lower, need)
		s.hold(WhyLowering, fmt.Sprintf("%d are reserved and %d needed; this version does not lower", *live, need))
		return
	case live == nil && !d.othersSet && p.blind(d):
		return
	}
	p.raise(d)
}

// reservation adds a step that changes the function's reservation.
func (p *planner) reservation(d *demand, a Action, value int) *step {
	s := &step{Change: Change{
		Action: a, Addr: Addr{KindReservation, d.Function},
		After:  &Reservation{Function: d.Function, Reserved: value},
		Reason: fmt.Sprintf("%d concurrent executions are needed", d.Required),
		Effect: "none on events",
	}}
	if d.function.Reserved != nil {
		s.Before = &Reservation{Function: d.Function, Reserved: *d.function.Reserved}
	}
	return p.add(s)
}

// blind says whether a first reservation has to wait because it would cap
// traffic that we cannot see. Where that is not known yet it asks.
func (p *planner) blind(d *demand) bool {
	seen, known := p.live.Facts.Invokers[d.Function]
	if !known {
		p.ask(AskInvokers, d.Function)
		p.reservation(d, Raise, d.Required).hold(WhyAsked, "who else invokes the function is not known yet")
		return true
	}
	list := d.blind
	for _, q := range seen.Policies {
		list = append(list, "resource policy of "+q)
	}
	for _, q := range seen.URLs {
		list = append(list, "function URL of "+q)
	}
	if len(list) == 0 {
		return false
	}
	p.find(d.find(spec.Warning, CodeInvokers,
		"function %s has no reservation, and invokers that cannot be counted (%s): a first reservation would cap them; set concurrency.others to the executions that they need, 0 for none", d.Function, strings.Join(list, ", ")))
	p.reservation(d, Raise, d.Required).hold(WhyInvokers, "a first reservation would cap invokers that cannot be counted: set concurrency.others")
	return true
}

// raise plans a larger reservation, as far as the account allows.
func (p *planner) raise(d *demand) {
	limits := p.live.Facts.Limits
	if limits == nil {
		p.ask(AskLimits, "")
		s := p.reservation(d, Raise, d.Required)
		s.hold(WhyAsked, "the account's limit is not known yet")
		p.gate(d, s)
		return
	}
	own := 0
	if d.function.Reserved != nil {
		own = *d.function.Reserved
	}
	free := p.o.KeepFree
	if free == 0 {
		free = max(100, limits.ConcurrentExecutions/5)
	}
	reach := own + limits.Unreserved - free
	target := min(d.Required, max(reach, own))
	if target < d.Required {
		short := d.Required - target
		before := len(d.rises)
		d.rises = admit(d.rises, short, fmt.Sprintf("%d concurrent executions are needed, %d can be reserved", d.Required, target))
		then := "event types that run now may starve each other"
		if held := before - len(d.rises); held > 0 {
			then = "new routes and larger factors are held until then"
		}
		p.find(d.find(spec.Error, CodeShortage,
			"function %s needs %d reserved concurrent executions and %d can be had (limit %d, unreserved %d, %d stay free): ask AWS for a quota %s of %d, or lower what other functions reserve; %s",
			d.Function, d.Required, target, limits.ConcurrentExecutions, limits.Unreserved, free, quotaName, limits.ConcurrentExecutions+short, then))
	}
	if target <= own {
		return
	}
	p.gate(d, p.reservation(d, Raise, target))
	d.After = &target
}

// gate makes everything that adds to the need wait for the reservation.
func (p *planner) gate(d *demand, s *step) {
	for _, r := range d.rises {
		r.step.Needs = append(r.step.Needs, s.Addr)
	}
}

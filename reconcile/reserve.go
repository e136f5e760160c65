package reconcile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eventrouting/eventrouting/spec"
)

// quotaName is how AWS calls the limit to ask for.
const quotaName = "Lambda concurrent executions (L-B99A9384)"

// reserve plans the reservations that are below what is needed. What the account
// has left goes to what runs first, of all functions, and then to what is new.
//
// Reserved concurrency is floor and ceiling at once, for every invoker of the
// function. https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
func (p *planner) reserve() {
	var raising []*demand
	for _, d := range p.demands {
		if p.raises(d) {
			raising = append(raising, d)
		}
	}
	if len(raising) == 0 {
		return
	}
	limits := p.live.Facts.Limits
	if limits == nil {
		p.ask(AskLimits, "")
		for _, d := range raising {
			s := p.reservation(d, Raise, d.Required)
			s.hold(WhyAsked, "the account's limit is not known yet")
			p.gate(d, s)
		}
		return
	}
	room := max(0, limits.Unreserved-p.o.StayFree(limits.ConcurrentExecutions))
	targets := p.grant(raising, room)
	p.giveBack(raising, room)
	p.short = -room
	for _, d := range raising {
		p.short += d.Required - d.own()
	}
	p.short = max(0, p.short)
	for i, d := range raising {
		p.raise(d, targets[i], p.o.quota(*limits, p.short))
	}
}

// raises says whether a function's reservation is to be raised. What stands in
// the way of one is held or found.
func (p *planner) raises(d *demand) bool {
	live, need := d.function.Reserved, d.Required
	switch {
	case need == 0, live == nil && d.real < d.least():
		return false // never derive 0, or one for what is provisioned or wished for alone: it would refuse the rest
	case d.real == 0 && d.capped:
		return false // all that needs it is held
	case live != nil && *live == 0:
		p.refused(d)
		return false
	case live != nil && *live >= need:
		if len(d.rises) > 0 || p.resharded(d) {
			p.unsure(d)
		}
		return false
	case live == nil && !d.othersSet && p.blind(d):
		return false
	}
	return !p.unsure(d)
}

// resharded says whether a stream of a function was resharded of late, or is being:
// what is reserved was enough for the shards before.
func (p *planner) resharded(d *demand) bool {
	for name := range d.streams {
		s, ok := p.live.Streams[name]
		if ok && (s.Status != "ACTIVE" || slices.ContainsFunc(s.Shards, func(s Shard) bool { return s.Closed })) {
			return true
		}
	}
	return false
}

// refused leaves a reservation of 0, which a person set, and has what is new wait: a
// mapping that runs while every invocation is refused discards what gets older than
// retry.maxAge, and one that is disabled keeps its position. Admit shares what there is,
// which is nothing.
func (p *planner) refused(d *demand) {
	p.hear() // for the figures: nothing is done by them
	for _, r := range d.rises {
		if !r.step.held() {
			p.postpone(r.step, "the function has a reservation of 0, which refuses every invocation")
			d.held = append(d.held, r.step.Addr.Name)
		}
	}
	p.find(d.find(spec.Error, CodeReservedZero,
		"function %s has a reservation of 0, which refuses every invocation: a person set it, so it is left; remove it with aws lambda delete-function-concurrency --function-name %s%s", d.Function, d.Function, untilThen("; ", d.held)))
}

// unsure says whether what is needed is not known yet: a mapping that changed
// lately may have run more before, one that stopped lately may have been made
// disabled, and further shards may count.
func (p *planner) unsure(d *demand) bool {
	what := p.hear()
	for _, m := range d.stopped {
		if _, known := p.live.Facts.Tags[m.UUID]; !known && p.ours(m) {
			p.ask(AskTags, m.UUID)
			what = "whether mapping " + m.UUID + " ever ran, its tags will tell"
		}
	}
	for stream := range d.streams {
		if p.guesses(stream) {
			what = "how many shards of " + stream + " can be active has to be read further back"
		}
	}
	if what == "" {
		return false
	}
	s := p.reservation(d, Raise, max(d.Required, d.own()))
	s.hold(WhyAsked, what)
	p.gate(d, s)
	return true
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
	list, known := p.unseen(d)
	if !known {
		p.reservation(d, Raise, d.Required).hold(WhyAsked, "who else invokes the function is not known yet")
		return true
	}
	if len(list) == 0 {
		return false
	}
	p.find(d.find(spec.Warning, CodeInvokers,
		"function %s has no reservation, and invokers that cannot be counted (%s): a first reservation would cap them; set concurrency.others to the executions that they need, 0 for none", d.Function, strings.Join(list, ", ")))
	p.reservation(d, Raise, d.Required).hold(WhyInvokers, "a first reservation would cap invokers that cannot be counted: set concurrency.others")
	return true
}

// unseen lists a function's invokers that cannot be counted; where they are not
// known it asks.
func (p *planner) unseen(d *demand) (list []string, known bool) {
	seen, known := p.live.Facts.Invokers[d.Function]
	if !known {
		p.ask(AskInvokers, d.Function)
		return nil, false
	}
	list = slices.Clone(d.blind)
	for _, q := range seen.Policies {
		list = append(list, "resource policy of "+q)
	}
	for _, q := range seen.URLs {
		list = append(list, "function URL of "+q)
	}
	return list, true
}

// least is the smallest reservation that may be made: AWS reserves no less than what is
// provisioned. A first one is above that, for it refuses everything else, and not
// below what runs, which it would throttle.
func (d *demand) least() int {
	provisioned := d.function.provisioned()
	if d.function.Reserved != nil {
		return provisioned
	}
	return max(d.running, provisioned+1)
}

// runsFreely says whether a function without a reservation runs more than is provisioned.
func (d *demand) runsFreely() bool {
	return d.function.Reserved == nil && d.running > d.function.provisioned()
}

// own is what a function has reserved.
func (d *demand) own() int {
	if d.function.Reserved == nil {
		return 0
	}
	return *d.function.Reserved
}

// provisioned is all provisioned concurrency of a function.
func (f Function) provisioned() int {
	n := 0
	for _, pc := range f.Provisioned {
		n += pc.Requested
	}
	return n
}

// target is how far a reservation goes.
type target struct {
	value   int
	offered int // the most that there was room for
}

// grant says how far each reservation goes: what runs comes first, in the order
// of the functions, then what is new, then what is wished for beyond that. A
// first reservation below what runs would throttle it, and is not made; neither
// is one for what is held altogether.
func (p *planner) grant(raising []*demand, room int) []target {
	targets := make([]target, len(raising))
	give := func(i, want int) {
		t, d := &targets[i], raising[i]
		more := max(0, min(want-t.value, room))
		t.offered = max(t.offered, t.value+more)
		if t.value+more < d.least() {
			return // others can use it
		}
		t.value += more
		room -= more
	}
	for i, d := range raising {
		targets[i].value = d.own()
		give(i, d.running)
	}
	idle := make([]bool, len(raising))
	for i, d := range raising {
		t := &targets[i]
		n := d.admitted(t.value + room)
		if idle[i] = n <= d.function.provisioned() && d.real > n; idle[i] {
			t.offered = max(t.offered, t.value+min(d.real-t.value, room))
		}
		give(i, n)
	}
	for i, d := range raising {
		if !idle[i] {
			give(i, d.Required)
		}
	}
	return targets
}

// giveBack has functions give back what they have for headroom and minimum alone,
// as far as others lack it for what can run.
func (p *planner) giveBack(raising []*demand, room int) {
	spare := 0
	for _, d := range p.demands {
		spare += d.spare()
	}
	lacking := -room
	for i, t := range p.grant(raising, room+spare) {
		lacking += max(0, min(t.value, raising[i].real)-raising[i].own())
	}
	for _, d := range p.demands {
		d.gives = max(0, min(d.spare(), lacking))
		lacking -= d.gives
	}
}

// spare is what a function has reserved beyond what can run, and may give back:
// nothing where its reservation is left as it is.
func (d *demand) spare() int {
	if why, _ := d.frozen(); why != "" || !d.runs {
		return 0
	}
	return max(0, d.own()-max(1, d.real, d.function.provisioned()))
}

// giving names the functions that give something back.
func (p *planner) giving() string {
	var all []string
	for _, d := range p.demands {
		if d.gives > 0 {
			all = append(all, fmt.Sprintf("%s gives back %d that it has for headroom and minimum, once they are certainly free", d.Function, d.gives))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, "; ") + ")"
}

// StayFree is how many of an account's concurrent executions stay unreserved.
func (o Options) StayFree(limit int) int {
	if o.KeepFree > 0 {
		return o.KeepFree
	}
	return max(100, limit/5)
}

// quota is the account's limit with which nothing would be short.
func (o Options) quota(l Limits, short int) int {
	room := max(0, l.Unreserved-o.StayFree(l.ConcurrentExecutions))
	n := l.ConcurrentExecutions + short
	// A larger limit keeps more free; and where less is free than should be, that
	// comes first.
	for l.Unreserved+n-l.ConcurrentExecutions-o.StayFree(n) < room+short {
		n++
	}
	return n
}

// raise plans a larger reservation, as far as it may go.
func (p *planner) raise(d *demand, t target, quota int) {
	can := max(t.value, t.offered)
	if excess := d.real - t.value; excess > 0 {
		d.rises, d.held, _ = p.admit(d.rises, excess, fmt.Sprintf("%d concurrent executions are needed, %d can be reserved%s", d.real, can, p.giving()))
	}
	if d.Required > t.value {
		p.find(p.shortage(d, t.value, can, quota))
	}
	switch {
	case t.value > d.own():
		p.gate(d, p.reservation(d, Raise, t.value))
		d.After = &t.value
	case d.runsFreely():
		p.reservation(d, Raise, d.Required).hold(WhyShortage, fmt.Sprintf("%d can run now and %d can be reserved: a first reservation would throttle what runs freely", d.running, can))
	}
}

// shortage is the finding that a function gets too little. Short of nothing but
// headroom and minimum, what runs has what it needs.
func (p *planner) shortage(d *demand, target, can, quota int) spec.Finding {
	limits := p.live.Facts.Limits
	had := fmt.Sprintf("%d can be had (limit %d, unreserved %d, %d stay free): ask AWS for a quota %s of %d",
		can, limits.ConcurrentExecutions, limits.Unreserved, p.o.StayFree(limits.ConcurrentExecutions), quotaName, quota)
	if d.real <= target {
		return d.find(spec.Warning, CodeShortage,
			"function %s needs %d reserved concurrent executions, %d with headroom and minimum, and %s, or ask for less; nothing is held for that",
			d.Function, d.real, d.Required, had)
	}
	after := starving(d.held)
	if target == 0 && d.runsFreely() {
		after = "a first reservation of less than the " + strconv.Itoa(d.running) + " that can run now would throttle them, so none is made" + untilThen("; ", d.held)
	}
	if len(d.held) > 0 {
		after += "; concurrency.onShortage: Admit lets all share what there is"
	}
	return d.find(spec.Error, CodeShortage, "function %s needs %d reserved concurrent executions and %s, or lower what other functions reserve%s; %s",
		d.Function, d.Required, had, p.giving(), after)
}

// starving says what becomes of routes when there is too little.
func starving(held []string) string {
	if len(held) == 0 {
		return "event types that run now may starve each other"
	}
	return untilThen("", held)
}

// untilThen names what is held; nothing for none.
func untilThen(prefix string, held []string) string {
	const most = 5
	switch n := len(held); {
	case n == 0:
		return ""
	case n == 1:
		return prefix + "until then " + held[0] + " is held"
	case n > most:
		held = append(slices.Clone(held[:most]), fmt.Sprintf("%d more", n-most))
	}
	return prefix + "until then " + strings.Join(held[:len(held)-1], ", ") + " and " + held[len(held)-1] + " are held"
}

// rely has mappings that run more of a function say what is reserved for that once the
// plan is applied: another pass may lower it first, which does not know of them.
func (p *planner) rely() {
	for _, d := range p.demands {
		for _, r := range d.rises {
			_, after := r.step.mappings()
			if d.After != nil && after != nil && after.Enabled && !r.step.held() {
				r.step.Reserved = min(*d.After, d.real)
			}
		}
	}
}

// gate makes everything that adds to the need wait for the reservation.
func (p *planner) gate(d *demand, s *step) {
	for _, r := range d.rises {
		r.step.Needs = append(r.step.Needs, s.Addr)
	}
}

package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// lower plans reservations that fall to what is needed. It comes after
// everything else: what changes in the same pass is a reason not to.
func (p *planner) lower() {
	u := p.unrest()
	for _, d := range p.demands {
		live, want := d.function.Reserved, min(d.Required, d.own()-d.gives)
		switch {
		case live == nil || p.index.wantFunction[d.Function] == nil, p.step(Addr{KindReservation, d.Function}) != nil:
		case !d.runs && *live > d.real:
			p.find(d.left(*live))
		case *live <= want:
		default:
			s := p.reservation(d, Lower, want)
			needed := strconv.Itoa(d.Required) + " needed"
			if s.Reason += ", and nothing that ran more can still run"; want < d.Required {
				needed = strconv.Itoa(d.real) + " can run, the rest is headroom and minimum, and other functions lack it"
				s.Reason = needed
			}
			if why, reason, until := p.inUse(d, u); why != "" {
				s.hold(why, fmt.Sprintf("%d are reserved and %s; %s", *live, needed, reason))
				s.until = until
				continue
			}
			d.After = &want
		}
	}
	p.leftBehind()
}

// left is the finding that a function which no mapping of a stream runs keeps what it
// has reserved.
func (d *demand) left(reserved int) spec.Finding {
	if others := slices.Concat(d.beside, d.blind); len(others) > 0 {
		return d.find(spec.Info, CodeReservationLeft,
			"function %s has %d reserved and no mapping of a stream that runs: the reservation is left, for %s may need it", d.Function, reserved, either(others))
	}
	return d.find(spec.Info, CodeReservationLeft,
		"function %s has %d reserved and no mapping that runs: the reservation is left; remove it with aws lambda delete-function-concurrency --function-name %s if nothing else needs it", d.Function, reserved, d.Function)
}

// frozen says which document leaves the reservation as it is; empty for none.
func (d *demand) frozen() (Why, string) {
	for _, doc := range d.owners {
		switch {
		case doc.Spec.Paused:
			return WhyPaused, doc.Metadata.Name + " is paused"
		case doc.Policy() == spec.PolicyCreateOnly:
			return WhyPolicy, "the policy of " + doc.Metadata.Name + " is " + string(doc.Policy())
		}
	}
	return "", ""
}

// inUse says why a reservation must not fall yet: what it has too much may still
// be in use, or may be somebody else's. Empty for nothing of the kind.
func (p *planner) inUse(d *demand, u unrest) (Why, string, time.Time) {
	if why, reason := d.frozen(); why != "" {
		return why, reason, time.Time{}
	}
	if what := p.hear(); what != "" {
		return WhyAsked, what, time.Time{}
	}
	if reason := p.moving(d, u); reason != "" {
		return WhyLowering, reason, time.Time{}
	}
	if m, until := p.latest(d); p.now.Before(until) {
		return WhyLowering, fmt.Sprintf("mapping %s changed at %s, and what it ran before may run until 21 minutes later", m.UUID, m.Modified.Format(time.RFC3339)), until
	}
	if why, reason := p.sharedWith(d); why != "" {
		return why, reason, time.Time{}
	}
	if d.othersSet {
		return "", "", time.Time{}
	}
	switch list, known := p.unseen(d); {
	case !known:
		return WhyAsked, "who else invokes the function is not known yet", time.Time{}
	case len(list) > 0:
		return WhyInvokers, "some may be for invokers that cannot be counted (" + strings.Join(list, ", ") + "): set concurrency.others, 0 for none", time.Time{}
	}
	return "", "", time.Time{}
}

// unrest is what is not at rest about functions and streams, by name.
type unrest struct{ functions, streams map[string]string }

// unrest finds the mappings that change in this pass, whatever they did run or
// will run, and those that cannot be planned.
func (p *planner) unrest() unrest {
	u := unrest{functions: map[string]string{}, streams: map[string]string{}}
	for _, s := range p.steps {
		before, after := s.mappings()
		for _, m := range []*Mapping{before, after} {
			switch {
			case m == nil || before != nil && !before.MayRun(p.now) && (after == nil || !after.Enabled):
			case !s.held():
				u.functions[m.Key.Function] = s.Addr.String() + " changes in this pass"
				u.streams[m.Key.Stream] = u.functions[m.Key.Function]
			case s.why == WhyMissing && u.functions[m.Key.Function] == "":
				u.functions[m.Key.Function] = "what " + s.Addr.String() + " needs does not exist"
			}
		}
	}
	return u
}

// moving says what about a function is not at rest; empty for nothing.
func (p *planner) moving(d *demand, u unrest) string {
	if reason := u.functions[d.Function]; reason != "" {
		return reason
	}
	for _, name := range slices.Sorted(maps.Keys(d.streams)) {
		switch s, ok := p.live.Streams[name]; {
		case u.streams[name] != "":
			return u.streams[name]
		case ok && s.Status != "ACTIVE":
			return "stream " + name + " is " + s.Status + ", so its shards may be more before they are fewer"
		case p.guesses(name):
			return "how many shards of " + name + " can be active has to be read further back"
		}
	}
	return ""
}

// latest is the mapping that changed last, of those that run the function, or
// read one of its streams or one that an alias of the function notes, whoever
// made it: it may have run the function before. until is when nothing that it
// ran before can still run.
func (p *planner) latest(d *demand) (last Mapping, until time.Time) {
	look := func(all []Mapping) {
		for _, m := range all {
			if m.Modified.After(last.Modified) {
				last = m
			}
		}
	}
	look(p.index.onFunction[d.Function])
	for _, name := range slices.Sorted(maps.Keys(d.streams)) {
		look(p.index.onStream[name])
	}
	for _, k := range p.index.aliases[d.Function] {
		if note, ok := ParseNote(p.live.Aliases[k].Description); ok {
			look(p.index.onStream[note.Stream])
		}
	}
	return last, last.Modified.Add(runsOn)
}

// sharedWith says who else keeps mappings on a function, or is about to, so that we
// only raise: another owner, or a routing of ours that no document of this pass names.
func (p *planner) sharedWith(d *demand) (Why, string) {
	if reason := p.aliasOfOthers(d); reason != "" {
		return WhyForeign, reason
	}
	unknown := false
	for _, m := range p.index.onFunction[d.Function] {
		owner := p.live.Facts.Tags[m.UUID][TagOwner]
		if note, noted := ParseNote(p.live.Aliases[m.Key.alias()].Description); noted && m.Key.Consumer == "" {
			owner = note.Owner
		}
		routing, route, ours := p.owned(m)
		_, known := p.live.Facts.Tags[m.UUID]
		switch {
		case owner != "" && owner != p.o.Owner:
			return WhyForeign, "owner " + owner + " has mapping " + m.UUID + " on the function, and what is reserved may be for it"
		case ours && !p.named(m):
			return WhyForeign, "no document names " + routing + "/" + route + ", which has mapping " + m.UUID + " on the function"
		case !known && !ours && (p.claimed[m.UUID] == nil || !p.ours(m)):
			p.ask(AskTags, m.UUID)
			unknown = true
		}
	}
	if unknown {
		return WhyAsked, "whose mappings run the function, their tags will tell"
	}
	return "", ""
}

// aliasOfOthers says whose alias a function has that nothing runs: it is made before the
// reservation is raised for its mapping. Empty for none.
func (p *planner) aliasOfOthers(d *demand) string {
	for _, k := range p.index.aliases[d.Function] {
		note, noted := ParseNote(p.live.Aliases[k].Description)
		routing, _, _ := SplitQualifier(k.Name)
		switch {
		case !noted || len(p.on(k)) > 0: // its mapping tells more
		case note.Owner != p.o.Owner:
			return "owner " + note.Owner + " has alias " + k.String() + ", and what is reserved may be for the mapping that is to run it; delete it if none is"
		case !slices.ContainsFunc(p.docs, func(doc spec.EventRouting) bool { return doc.Metadata.Name == routing }):
			return "no document names " + routing + ", which has alias " + k.String() + ", and what is reserved may be for the mapping that is to run it; delete it if none is"
		}
	}
	return ""
}

// leftBehind reports the reservations of functions that routes ran once and none
// runs now.
func (p *planner) leftBehind() {
	for _, name := range slices.Sorted(maps.Keys(p.live.Functions)) {
		f := p.live.Functions[name]
		if f.Reserved == nil || *f.Reserved == 0 || p.index.wantFunction[name] != nil {
			continue
		}
		if slices.ContainsFunc(p.index.onFunction[name], func(m Mapping) bool { return m.MayRun(p.now) }) {
			continue // it is still needed
		}
		for _, m := range p.index.onFunction[name] {
			if routing, route, ok := p.owned(m); ok && p.named(m) {
				p.find(spec.Finding{Severity: spec.Info, Code: CodeReservationLeft, Path: routing + "/" + route, Message: fmt.Sprintf(
					"function %s has %d reserved and no route runs it any more: the reservation is left; remove it with aws lambda delete-function-concurrency --function-name %s if nothing else needs it", name, *f.Reserved, name)})
				break
			}
		}
	}
}

package command_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/verdict"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// partOf looks up which part of the traffic a payload is.
func partOf(data []byte) string {
	p := part{eventType: verdict.TypeAt("eventType")(data)}
	_, rest, _ := strings.Cut(string(data), `"amount":`)
	if _, err := fmt.Sscanf(rest, "%d", &p.amount); err != nil {
		return "?"
	}
	return p.String()
}

// judge says what became of the records, and what of that must not be.
func (v *voyage) judge() verdict.Verdict {
	routed := slices.Clone(v.routed)
	for p, j := range v.judged {
		routed = append(routed, verdict.Routed{Type: p.String(), From: j.since})
	}
	facts := v.facts()
	ours := map[string]bool{}
	for _, f := range facts {
		ours[f.Mapping] = !v.foreign[f.Mapping]
	}
	got := verdict.Judge(verdict.Case{Facts: facts, Routed: routed, TypeOf: partOf, Mappings: ours})
	if n := len(got.Lost); n > 0 {
		v.fail("lost", "%d lost, such as %+v", n, got.Lost[0])
	}
	if n := len(got.Disorder); n > 0 {
		v.fail("order", "%d out of order, such as %+v", n, got.Disorder[0])
	}
	if got.Waiting > 0 {
		v.fail("waiting", "%d tried, neither delivered nor given up", got.Waiting)
	}
	calm := slices.DeleteFunc(slices.Clone(got.Beside), func(r verdict.Record) bool { return v.wasBusy(r.Written, r.Type) })
	if len(calm) > 0 {
		v.fail("beside", "%d delivered by two mappings while nothing was handed over, such as %+v", len(calm), calm[0])
	}
	return got
}

func (v *voyage) facts() (facts []world.Fact) {
	v.do(func(w *world.World) { facts = slices.Clone(w.Facts()) })
	return facts
}

// wasBusy says whether a handover of a part was under way at a time; of any for the
// empty one.
func (v *voyage) wasBusy(at time.Time, part string) bool {
	return slices.ContainsFunc(v.busy, func(w window) bool {
		return (w.parts == nil || part == "" || w.parts[part]) && !at.Before(w.from) && (w.to.IsZero() || !at.After(w.to))
	})
}

// history is what happened, in the order of time: edits, passes and mishaps, the
// calls that write, and what became of some records.
func (v *voyage) history(records []verdict.Record) string {
	all := slices.Clone(v.log)
	for _, c := range v.server.Calls() {
		if writes(c) {
			all = append(all, note{c.At, "call " + c.String()})
		}
	}
	for _, f := range v.facts() {
		for _, r := range records {
			about := f.Stream == r.Stream && f.Shard == r.Shard && (f.Kind == world.Wrote && f.Index == r.Index || slices.Contains(f.Indexes, r.Index))
			if about && !v.foreign[f.Mapping] {
				text := fmt.Sprintf("record %d/%d (%s) %s", f.Shard, r.Index, r.Type, []string{"", "written", "attempted", "discarded"}[f.Kind])
				if f.Kind != world.Wrote {
					text += fmt.Sprintf(" by %.8s on %s: %s %s", f.Mapping, f.Function, []string{"", "done", "failed", "throttled"}[f.Outcome], f.Cause)
				}
				all = append(all, note{f.At, text})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b note) int { return a.at.Compare(b.at) })
	var b strings.Builder
	for _, n := range all {
		fmt.Fprintf(&b, "%s  %s\n", n.at.UTC().Format("02 15:04:05"), strings.ReplaceAll(n.text, "\n", "\n             "))
	}
	return b.String()
}

func writes(c emulator.Call) bool {
	for _, verb := range []string{"Create", "Update", "Delete", "Put", "Tag", "Register", "Deregister"} {
		if strings.HasPrefix(c.Operation, verb) {
			return true
		}
	}
	return false
}

// fingerprint is what AWS has of ours: two worlds of one fingerprint go on alike.
func (v *voyage) fingerprint() string {
	var b strings.Builder
	v.do(func(w *world.World) {
		all, _, _ := w.Mappings(here, world.MappingsQuery{})
		for _, m := range all {
			tags, _ := w.Tags(here, m.EventSourceMappingArn)
			fmt.Fprintln(&b, "mapping", m, tags)
		}
		for _, f := range []string{"order-processor", "next", "own-0", "own-1", "own-2", "own-3", "own-4", "own-5"} {
			aliases, _, _ := w.Aliases(here, f, "", world.Page{})
			slices.SortFunc(aliases, func(x, y world.Alias) int { return cmp.Compare(x.Name, y.Name) })
			reserved, _ := w.Concurrency(here, f)
			fmt.Fprintln(&b, f, aliases, reserved != nil && *reserved > 0, reserved != nil)
			if reserved != nil {
				fmt.Fprintln(&b, *reserved)
			}
		}
		consumers, _, _ := w.ListConsumers(here, "orders-events", "", 100)
		fmt.Fprintln(&b, consumers)
	})
	return b.String()
}

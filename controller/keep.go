package controller

import (
	"cmp"
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// keep adds what is known from before of the routings that a look left out, which
// fail: that they cannot be read makes nothing of it untrue. Of a function or stream
// that the look saw as well it is what that saw.
func (f *finding) keep(before view) {
	if len(f.out) == 0 {
		return
	}
	out, seen := reconcile.Wants(f.out), f.plan.Needs
	byName := func(name string) bool {
		return slices.ContainsFunc(f.out, func(d spec.EventRouting) bool { return d.Metadata.Name == name })
	}
	ofFunction := func(name string) bool {
		return slices.Contains(out.Functions, name) && !slices.ContainsFunc(seen, func(n reconcile.Need) bool { return n.Function == name })
	}
	ofStream := func(name string) bool {
		return slices.ContainsFunc(out.Streams, func(s string) bool { return spec.BareName(s) == name })
	}
	f.plan.Needs = kept(f.plan.Needs, before.plan.Needs, func(n reconcile.Need) string { return n.Function }, ofFunction)
	f.status.Functions = kept(f.status.Functions, before.status.Functions, func(s reconcile.FunctionStatus) string { return s.Name }, ofFunction)
	f.status.Streams = kept(f.status.Streams, before.status.Streams, func(s reconcile.StreamStatus) string { return s.Name }, ofStream)
	f.plan.Held, f.status.Routes = slices.Clone(f.plan.Held), slices.Clone(f.status.Routes)
	for _, h := range before.plan.Held {
		name, reservation := strings.CutPrefix(unit(h.Addr), string(reconcile.KindReservation)+" ")
		is := byName
		if reservation {
			is = ofFunction
		}
		// What AWS was busy with then, which passes would follow, is over by now.
		if is(name) && h.Why != reconcile.WhyUnsettled && !slices.ContainsFunc(f.plan.Held, func(x reconcile.Held) bool { return x.Addr == h.Addr }) {
			f.plan.Held = append(f.plan.Held, h)
		}
	}
	for _, r := range before.status.Routes {
		if routing, _, _ := strings.Cut(r.Name, "/"); byName(routing) {
			f.status.Routes = append(f.status.Routes, r)
		}
	}
	f.plan.Findings = slices.Clone(f.plan.Findings)
	for _, x := range before.plan.Findings {
		if !slices.Contains(before.said, x) && !slices.Contains(f.plan.Findings, x) && slices.ContainsFunc(f.out, func(d spec.EventRouting) bool { return isAbout(x, d) }) {
			f.plan.Findings = append(f.plan.Findings, x)
		}
	}
	f.status.Findings = f.plan.Findings
}

// kept is now with what before has besides and that is wanted, by name.
func kept[T any](now, before []T, name func(T) string, wanted func(string) bool) []T {
	all := slices.Clone(now)
	for _, t := range before {
		if wanted(name(t)) && !slices.ContainsFunc(now, func(x T) bool { return name(x) == name(t) }) {
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(name(a), name(b)) })
	return all
}

// isAbout says whether a finding is about a document, or something of it that is live.
func isAbout(f spec.Finding, d spec.EventRouting) bool {
	if f.File == "" {
		return strings.HasPrefix(f.Path, d.Metadata.Name+"/")
	}
	return f == d.Find(f.Severity, f.Code, f.Path, "%s", f.Message)
}

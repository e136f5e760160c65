package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/eventrouting/eventrouting/spec"
)

// WhatIf is a change that somebody thinks about. Keys are as people write them.
type WhatIf struct {
	Shards    map[string]int // open shards, by stream: its ARN, or its name for all that have it
	AddRoutes map[string]int // further routes, by routing; "" where there is one
	Factor    map[string]int // parallelizationFactor, by routing or routing/route; "" for every route
}

// Empty says whether nothing is asked.
func (w WhatIf) Empty() bool { return len(w.Shards)+len(w.AddRoutes)+len(w.Factor) == 0 }

// Check says what cannot be supposed of documents, all that there are, and what
// could have been written instead.
func (w WhatIf) Check(docs []spec.EventRouting) error {
	for _, name := range slices.Sorted(maps.Keys(w.Shards)) {
		if err := checkShards(docs, name, w.Shards[name]); err != nil {
			return err
		}
	}
	for _, routing := range slices.Sorted(maps.Keys(w.AddRoutes)) {
		if err := checkRoutes(docs, routing, w.AddRoutes[routing]); err != nil {
			return err
		}
	}
	for _, what := range slices.Sorted(maps.Keys(w.Factor)) {
		if err := checkFactor(docs, what, w.Factor[what]); err != nil {
			return err
		}
	}
	return nil
}

func checkShards(docs []spec.EventRouting, stream string, n int) error {
	streams := names(docs, func(d spec.EventRouting) []string { return []string{spec.BareName(d.Spec.Stream)} })
	switch {
	case !slices.ContainsFunc(docs, func(d spec.EventRouting) bool { return reads(d, stream) }):
		return fmt.Errorf("stream %q is none of these documents: %s", stream, either(streams))
	case n < 1 || n > maxShards:
		return fmt.Errorf("stream %s cannot have %d shards: 1 to %d", stream, n, maxShards)
	}
	return nil
}

// reads says whether a document is about a stream, a name or an ARN, as far as it
// says where it is.
func reads(d spec.EventRouting, stream string) bool {
	name := spec.BareName(d.Spec.Stream)
	p := strings.SplitN(stream, ":", 6)
	if len(p) < 6 {
		return stream == name
	}
	unsaid := func(said, want string) bool { return said == "" || said == want }
	return p[2] == "kinesis" && p[5] == "stream/"+name && unsaid(d.Region(), p[3]) && unsaid(d.Account(), p[4])
}

func checkRoutes(docs []spec.EventRouting, routing string, n int) error {
	all := routings(docs)
	switch {
	case n < 0 || n > maxRoutes:
		return fmt.Errorf("%d routes cannot be added: 0 to %d", n, maxRoutes)
	case routing == "" && len(all) > 1:
		return fmt.Errorf("%d routes of which routing? Write ROUTING=%d, where ROUTING is one of %s", n, n, either(all))
	case routing != "" && !slices.Contains(all, routing):
		return fmt.Errorf("routing %q is none of these documents: %s", routing, either(all))
	}
	for _, d := range docs {
		d.Spec.Routes = []spec.Route{{}}
		if (routing == "" || routing == d.Metadata.Name) && d.Resolve()[0].Isolation == spec.IsolationFunction {
			return fmt.Errorf("with isolation Function each route needs a function of its own: write routes into a copy of the document")
		}
	}
	return nil
}

func checkFactor(docs []spec.EventRouting, what string, n int) error {
	all := routings(docs)
	kind := "routing"
	if strings.Contains(what, "/") {
		kind = "route"
		all = names(docs, func(d spec.EventRouting) (routes []string) {
			for _, r := range d.Spec.Routes {
				routes = append(routes, d.Metadata.Name+"/"+r.Name)
			}
			return routes
		})
	}
	switch {
	case n < 1 || n > 10:
		return fmt.Errorf("parallelizationFactor cannot be %d: 1 to 10", n)
	case what != "" && !slices.Contains(all, what):
		return fmt.Errorf("%s %q is none of these documents: %s", kind, what, either(all))
	}
	return nil
}

func routings(docs []spec.EventRouting) []string {
	return names(docs, func(d spec.EventRouting) []string { return []string{d.Metadata.Name} })
}

// names are what of documents can be written, each once.
func names(docs []spec.EventRouting, of func(spec.EventRouting) []string) []string {
	var all []string
	for _, d := range docs {
		all = append(all, of(d)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// What can be supposed ends somewhere: AWS has no stream with more shards in one
// account, and no routing is that long.
const (
	maxShards = 20_000
	maxRoutes = 1_000
)

// either lists what may be written.
func either(names []string) string {
	const most = 10
	if rest := len(names) - most; rest > 0 {
		names = append(slices.Clone(names[:most]), fmt.Sprintf("%d more", rest))
	}
	return strings.Join(names, ", ")
}

// Apply returns documents and a state in which the change has come about, as far
// as it is about them. What it is given stays as it was.
func (w WhatIf) Apply(docs []spec.EventRouting, live State) ([]spec.EventRouting, State) {
	live.Streams, live.Facts.Lineages = maps.Clone(live.Streams), maps.Clone(live.Facts.Lineages)
	for name, st := range live.Streams {
		written, ok := w.names(st)
		if !ok {
			continue
		}
		st.Shards = resharded(st.Shards, w.Shards[written])
		live.Streams[name] = st
		if l, ok := live.Facts.Lineages[name]; ok {
			l.Shards = resharded(l.Shards, w.Shards[written])
			live.Facts.Lineages[name] = l
		}
	}
	return w.Documents(docs), live
}

// names is how a stream whose shards are supposed was written: its ARN wins.
func (w WhatIf) names(st Stream) (written string, ok bool) {
	for _, written := range []string{st.ARN, st.Name} {
		if _, ok := w.Shards[written]; ok && written != "" {
			return written, true
		}
	}
	return "", false
}

// Meant lists the streams of a state whose shards are supposed, by how they were
// written, and why what is supposed of one is an estimate; empty where it is none.
func (w WhatIf) Meant(live State) map[string]string {
	all := map[string]string{}
	for _, st := range live.Streams {
		if written, ok := w.names(st); ok {
			all[written] = st.estimated(w.Shards[written])
		}
	}
	return all
}

// estimated says why other open shards of a stream are an estimate.
func (st Stream) estimated(n int) string {
	open, _ := openAndClosed(st.Shards)
	switch {
	case open == n:
		return ""
	case st.Mode == "ON_DEMAND":
		return "it is in on-demand mode, in which AWS splits and merges shards as it sees fit"
	case slices.ContainsFunc(st.Shards, func(s Shard) bool { return len(s.Parents) > 0 }):
		return "it was resharded, and is taken for equal shards in their order, as their hash keys are not observed"
	}
	return ""
}

// Documents returns documents in which the change has come about.
func (w WhatIf) Documents(docs []spec.EventRouting) []spec.EventRouting {
	docs = slices.Clone(docs)
	for i := range docs {
		d := &docs[i]
		d.Spec.Routes = slices.Clone(d.Spec.Routes)
		w.setFactors(d)
		w.addRoutes(d)
	}
	return docs
}

// addRoutes adds routes that run, by names and event types that the document does
// not have.
func (w WhatIf) addRoutes(d *spec.EventRouting) {
	taken := map[string]bool{}
	for _, r := range d.Spec.Routes {
		taken[r.Name] = true
		for _, t := range r.EventTypes {
			taken[t] = true
		}
	}
	added := w.AddRoutes[""] + w.AddRoutes[d.Metadata.Name]
	for k := 1; added > 0; k++ {
		name, enabled := "what-if-"+strconv.Itoa(k), true
		if taken[name] {
			continue
		}
		r := spec.Route{Name: name, EventTypes: []string{name}, Settings: spec.Settings{Enabled: &enabled}}
		if n, ok := w.factor(d.Metadata.Name, ""); ok {
			r.ParallelizationFactor = &n
		}
		d.Spec.Routes = append(d.Spec.Routes, r)
		added--
	}
}

func (w WhatIf) setFactors(d *spec.EventRouting) {
	for k := range d.Spec.Routes {
		if n, ok := w.factor(d.Metadata.Name, d.Spec.Routes[k].Name); ok {
			d.Spec.Routes[k].ParallelizationFactor = &n
		}
	}
}

// factor is what is supposed of a route: the more particular wins.
func (w WhatIf) factor(routing, route string) (int, bool) {
	for _, key := range []string{routing + "/" + route, routing, ""} {
		if n, ok := w.Factor[key]; ok {
			return n, true
		}
	}
	return 0, false
}

package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// A mapping that somebody deletes takes its position with it. Its alias stays, and says
// where it began, but not what it took by then: the document may be another one since, or
// a handover may have been under way. So what was given to others after that start is
// read once more from there, by a new route itself or else by the mapping made anew.

// placeOf is a routing on a stream.
type placeOf struct{ routing, stream string }

// lostAliases are the aliases of a routing on a stream whose mapping is gone, in order.
// It is called once every route's mapping is claimed.
func (p *planner) lostAliases(routing, stream string) []AliasKey {
	if p.lost == nil {
		p.lost = map[placeOf][]AliasKey{}
		used := map[AliasKey]bool{}
		for _, m := range p.index.mappings {
			used[m.Key.alias()] = true
		}
		for k, a := range p.live.Aliases {
			of, route, ok := SplitQualifier(k.Name)
			note, noted := ParseNote(a.Description)
			if !ok || !noted || note.Owner != p.o.Owner || used[k] || note.Start.At.After(p.now) {
				continue
			}
			// A route that has a mapping elsewhere is about to have it on this alias.
			if w := p.index.wantAddr[Addr{KindMapping, of + "/" + route}]; w == nil || w.live == nil {
				at := placeOf{of, note.Stream}
				p.lost[at] = append(p.lost[at], k)
			}
		}
		for _, all := range p.lost {
			slices.SortFunc(all, compareAliasKeys)
		}
	}
	return p.lost[placeOf{routing, stream}]
}

// lostGiver is a mapping of a new route's routing that somebody deleted, where it began,
// and its alias: it may have taken what the route takes.
func (p *planner) lostGiver(w *wish) (at Start, name string, alias AliasKey) {
	for _, k := range p.lostAliases(w.doc.Metadata.Name, w.mapping.Key.Stream) {
		note, _ := ParseNote(p.live.Aliases[k].Description)
		if k == w.alias.Key && w.route.Isolation == spec.IsolationAlias || name != "" && !note.Start.before(at) {
			continue
		}
		routing, route, _ := SplitQualifier(k.Name)
		at, name, alias = note.Start, routing+"/"+route, k
	}
	return at, name, alias
}

// before says whether a mapping that starts so reads further back.
func (s Start) before(other Start) bool {
	return !other.TrimHorizon && (s.TrimHorizon || s.At.Before(other.At))
}

// regain has a mapping that is made anew take, beside what its route wants, what others of
// its routing took over, or are about to, since it began.
func (p *planner) regain(w *wish, s *step) {
	at, ok := p.remember(w)
	a, there := p.live.Aliases[w.alias.Key]
	if !ok || !there || w.route.Isolation != spec.IsolationAlias || !w.route.Enabled || len(p.on(a.Key)) > 0 || p.assumed(w.addr.Name) {
		return
	}
	set, names := w.set, []string(nil)
	for _, other := range p.index.wantStream[w.mapping.Key.Stream] {
		if other != w && other.doc.Metadata.Name == w.doc.Metadata.Name && other.route.Enabled && other.live != nil && p.tookLater(other, at) {
			set, names = set.Union(other.set), append(names, other.addr.Name)
		}
	}
	if len(names) == 0 {
		return
	}
	filters, err := set.Filters()
	if err != nil {
		s.hold(WhyTaker, fmt.Sprintf("somebody deleted its mapping, which may have had events of %s to read, and all of that does not fit into one filter (%v); --assume-drained %s says that it had not",
			strings.Join(names, ", "), err, w.addr.Name))
		return
	}
	m := *s.After.(*Mapping)
	m.Filters = filters
	s.After = &m
	s.Effect += fmt.Sprintf("; with what %s took over since: somebody deleted the mapping, and how far it had read is not known", strings.Join(names, ", "))
}

// tookLater says whether a route's mapping has, or will have, something of what it wants
// only since later than a start, and some of what was written before is still there.
func (p *planner) tookLater(w *wish, at Start) bool {
	if p.taken(*w.live).Covers(w.set).Verdict != pattern.Yes {
		return true
	}
	tags, known := p.live.Facts.Tags[w.live.UUID]
	if !known {
		p.ask(AskTags, w.live.UUID)
		return false
	}
	since, err := time.Parse(time.RFC3339, tags[TagSince])
	if err != nil {
		return true
	}
	// What began with its own start, and not as a taker, had that from nobody.
	own, ok := p.remember(w)
	began := !ok || own.At.Before(since)
	return began && since.After(at.At.Add(2*takeoverLead)) && p.now.Before(since.Add(p.live.Streams[w.mapping.Key.Stream].Retention))
}

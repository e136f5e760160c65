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
//
// An alias whose mapping was never made looks the same: a pass died, or AWS refuses it.
// CloudWatch tells them apart, for only a mapping that was there has delivered.

// placeOf is a routing on a stream.
type placeOf struct{ routing, stream string }

// bare are the aliases of a routing on a stream that have no mapping, in order. It is
// called once every route's mapping is claimed.
func (p *planner) bare(routing, stream string) []AliasKey {
	if p.bareAliases == nil {
		p.bareAliases = map[placeOf][]AliasKey{}
		for k := range p.live.Aliases {
			of, route, ok := SplitQualifier(k.Name)
			note, ours := p.noteOf(k)
			if !ok || !ours || note.Left || len(p.on(k)) > 0 || note.Start.At.After(p.now) {
				continue
			}
			// A route that has a mapping elsewhere is about to have it on this alias.
			if w := p.index.wantAddr[Addr{KindMapping, of + "/" + route}]; w == nil || w.live == nil {
				at := placeOf{of, note.Stream}
				p.bareAliases[at] = append(p.bareAliases[at], k)
			}
		}
		for _, all := range p.bareAliases {
			slices.SortFunc(all, compareAliasKeys)
		}
	}
	return p.bareAliases[placeOf{routing, stream}]
}

// lost says whether a bare alias had a mapping that delivered, and asks where that is not
// known.
func (p *planner) lost(k AliasKey) (lost, known bool) {
	note, _ := p.noteOf(k)
	if !note.Start.TrimHorizon && p.now.Sub(note.Start.At) < youngAlias {
		return false, true
	}
	return p.delivered(k.String(), later(note.Start.At, p.now.Truncate(time.Hour).Add(-askedBack)))
}

// delivered says whether mappings have delivered by a target since a time, and asks where
// that is not known.
func (p *planner) delivered(target string, since time.Time) (ever, known bool) {
	ask := Ask{What: AskRead, Name: target, Since: since}
	ever, known = p.live.Facts.Read[ask.Reads()]
	if !known {
		p.asks = append(p.asks, ask)
	}
	return ever, known
}

// youngAlias is how long a pass that died may be ago for nothing to be asked: a mapping that
// was made and deleted within that time is taken for never made.
const youngAlias = 10 * time.Minute

// askedBack is how far back it is asked whether a mapping delivered. One that has not for so
// long is taken for never made: a choice, for CloudWatch would tell of 455 days.
const askedBack = 30 * 24 * time.Hour

// lostGiver is a mapping of a new route's routing that somebody deleted, where it began,
// and its alias: it may have taken what the route takes.
func (p *planner) lostGiver(w *wish) (at Start, name string, alias AliasKey) {
	for _, k := range p.bare(w.doc.Metadata.Name, w.mapping.Key.Stream) {
		note, _ := p.noteOf(k)
		if k == w.alias.Key && w.route.Isolation == spec.IsolationAlias || name != "" && !note.Start.before(at) {
			continue
		}
		if lost, _ := p.lost(k); !lost {
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

// regain has a mapping that is made in the place of one that somebody deleted take, beside
// what its route wants, what others of its routing took over, or are about to, since that
// began.
func (p *planner) regain(w *wish, s *step) {
	at, k, own := p.regains(w)
	if addr, ok := w.anchor(); ok && !own && k.Name != "" {
		p.heirs[k] = append(p.heirs[k], addr)
	}
	if !own && p.unheardOf(w, s) || k.Name == "" || p.regained[k] || !w.route.Enabled || p.assumed(w.addr.Name) {
		return
	}
	set, names := p.tookOver(w, at)
	if len(names) == 0 || own && p.neverRan(k, s) {
		return
	}
	p.regained[k] = true
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

// regains is the alias whose deleted mapping a new one may stand for, and where that began:
// its own, or that of a route which is gone or goes elsewhere.
func (p *planner) regains(w *wish) (at Start, k AliasKey, own bool) {
	if at, ok := p.remember(w); ok {
		if w.route.Isolation == spec.IsolationAlias && slices.Contains(p.bare(w.doc.Metadata.Name, w.mapping.Key.Stream), w.alias.Key) {
			k = w.alias.Key
		}
		return at, k, true
	}
	at, _, k = p.lostGiver(w)
	return at, k, false
}

// neverRan says whether a bare alias is not known to have had a mapping that delivered;
// where that has to be read first it holds the step.
func (p *planner) neverRan(k AliasKey, s *step) bool {
	lost, known := p.lost(k)
	if !known {
		s.hold(WhyAsked, "whether the mapping that alias "+k.String()+" lacks was ever there, its metrics will tell")
	}
	return !lost
}

// unheardOf holds the making of a new route's mapping until it has been read which bare
// aliases of its routing had one, and says whether it does.
func (p *planner) unheardOf(w *wish, s *step) bool {
	for _, k := range p.bare(w.doc.Metadata.Name, w.mapping.Key.Stream) {
		if p.neverRan(k, s); s.held() {
			return true
		}
	}
	return false
}

// tookOver is what a route wants and what others of its routing took over later than a
// start, and who they are.
func (p *planner) tookOver(w *wish, at Start) (all pattern.Set, names []string) {
	all = w.set
	for _, other := range p.index.wantStream[w.mapping.Key.Stream] {
		if other != w && other.doc.Metadata.Name == w.doc.Metadata.Name && other.route.Enabled && other.live != nil && p.tookLater(other, at) {
			all, names = all.Union(other.set), append(names, other.addr.Name)
		}
	}
	return all, names
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
	if own, ok := p.remember(w); ok && !own.TrimHorizon && !own.At.Before(since) {
		return false // it began with its own start, not as a taker, and had that from nobody
	}
	return since.After(at.At.Add(2*takeoverLead)) && p.now.Before(since.Add(p.live.Streams[w.mapping.Key.Stream].Retention))
}

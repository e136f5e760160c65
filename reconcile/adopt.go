package reconcile

import (
	"fmt"
	"maps"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// TagAdopted is when a mapping on another target than its route's became the
// route's: RFC 3339. The next pass gives it the route's target, position kept.
const TagAdopted = "eventrouting.dev/adopted"

// Adopt plans to make a mapping of nobody a route's: it is tagged, and with it the
// alias that it runs where that is called like the route's. The plan that follows,
// which is returned too, changes both into what the route wants, in place. Name is
// ROUTING/ROUTE. What cannot be taken over is an error that says why.
func Adopt(docs []spec.EventRouting, live State, o Options, now time.Time, name, uuid string) (taking []Change, after Plan, asks []Ask, err error) {
	p := computed(docs, live, o, now)
	w := p.index.wantAddr[Addr{KindMapping, name}]
	if w == nil {
		return nil, Plan{}, nil, fmt.Errorf("no document here has route %s", name)
	}
	m, found := p.byUUID(uuid)
	if !found {
		return nil, Plan{}, nil, fmt.Errorf("there is no mapping %s%s", uuid, p.where())
	}
	tags, known := live.Facts.Tags[uuid]
	if !known {
		return nil, Plan{}, []Ask{{What: AskTags, Name: uuid}}, nil
	}
	alias, theirs := p.strangeAlias(w)
	if p.names(w, tags) && p.claimed[m.UUID] == w && !theirs {
		return nil, Plan{}, nil, fmt.Errorf("mapping %s is %s's already", uuid, name)
	}
	if err := p.adoptable(w, m, tags); err != nil {
		return nil, Plan{}, nil, err
	}
	if theirs {
		c, err := p.adoptAlias(w, m, alias)
		if err != nil {
			return nil, Plan{}, nil, err
		}
		taking = append(taking, c)
		live.Aliases = maps.Clone(live.Aliases)
		live.Aliases[alias.Key] = *c.After.(*Alias)
	}
	at := p.now.Format(time.RFC3339)
	tagged := m
	tagged.Tags = map[string]string{
		TagOwner: o.Owner, TagRouting: w.doc.Metadata.Name, TagRoute: w.route.Name, TagSince: at,
	}
	if m.Key != w.mapping.Key {
		tagged.Tags[TagAdopted] = at
	}
	for _, tag := range []string{TagPaused, TagReleased} { // what it may carry was said of another routing
		if word := p.word(tag, w.doc.Metadata.Name); len(word) > 0 || tags[tag] != "" {
			tagged.Tags[tag] = word.String()
		}
	}
	live.Facts.Tags = maps.Clone(live.Facts.Tags)
	live.Facts.Tags[uuid] = maps.Clone(tags)
	if live.Facts.Tags[uuid] == nil {
		live.Facts.Tags[uuid] = map[string]string{}
	}
	maps.Copy(live.Facts.Tags[uuid], tagged.Tags)
	after = Compute(docs, live, o, now)
	return append(taking, Change{
		Action: Update, Addr: w.addr, Before: &m, After: &tagged,
		Reason: "it is to be the route's", Effect: "none",
	}), after, append(p.asks, after.Asks...), nil
}

// strangeAlias is an alias that is called like a route's and is not ours.
func (p *planner) strangeAlias(w *wish) (Alias, bool) {
	a, exists := p.live.Aliases[w.alias.Key]
	return a, exists && w.route.Isolation == spec.IsolationAlias && !p.ownsAlias(w.alias.Key)
}

// adoptAlias makes the alias that a mapping runs the route's: its description says so,
// and what it points to is for the pass that follows. Nothing else may run it.
func (p *planner) adoptAlias(w *wish, m Mapping, live Alias) (Change, error) {
	if note, noted := ParseNote(live.Description); noted {
		return Change{}, fmt.Errorf("alias %s belongs to owner %s", live.Key, note.Owner)
	}
	for _, other := range p.on(live.Key) {
		if other.UUID != m.UUID {
			return Change{}, fmt.Errorf("alias %s, which is to be %s's, was not made by us, and mapping %s runs it: adopt that one, or rename the route", live.Key, w.addr.Name, other.UUID)
		}
	}
	after := live
	after.Description = Note{Owner: p.o.Owner, Stream: w.mapping.Key.Stream, Start: p.start(w).at}.String()
	return Change{
		Action: Update, Addr: Addr{KindAlias, live.Key.String()}, Before: &live, After: &after,
		Reason: "it is to be the route's", Effect: "none",
	}, nil
}

func (p *planner) byUUID(uuid string) (Mapping, bool) {
	for _, m := range p.index.mappings {
		if m.UUID == uuid {
			return m, true
		}
	}
	return Mapping{}, false
}

// adoptable says why a mapping cannot become a route's; nil if it can.
func (p *planner) adoptable(w *wish, m Mapping, tags map[string]string) error {
	name, want := w.addr.Name, w.mapping.Key
	switch owner := tags[TagOwner]; {
	case owner != "" && owner != p.o.Owner:
		return fmt.Errorf("mapping %s is of owner %s", m.UUID, owner)
	case p.claimed[m.UUID] != nil && p.claimed[m.UUID] != w && p.ours(m):
		return fmt.Errorf("mapping %s is %s's", m.UUID, p.claimed[m.UUID].addr.Name)
	case w.live != nil && w.live.UUID != m.UUID && p.ours(*w.live):
		return fmt.Errorf("%s has mapping %s already: take the route out, or adopt for another", name, w.live.UUID)
	case m.Key.Stream != want.Stream:
		return fmt.Errorf("mapping %s reads %s, and %s reads stream %s: a mapping cannot change what it reads", m.UUID, m.Key, name, want.Stream)
	case m.Key.Consumer != want.Consumer:
		return fmt.Errorf("mapping %s and %s do not read the same consumer: with isolation FanOut that is %q", m.UUID, name, want.Consumer)
	case m.Key.Function != want.Function:
		return fmt.Errorf("mapping %s runs function %s, and %s runs %s: write that function first, and change it afterwards", m.UUID, m.Key.Function, name, want.Function)
	case !m.Settled():
		return fmt.Errorf("AWS is busy with mapping %s (%s): try again in a minute", m.UUID, m.State)
	}
	return nil
}

// adopted says whether a mapping on another target was made a route's by hand.
func (p *planner) adopted(w *wish, m Mapping) bool {
	tags := p.live.Facts.Tags[m.UUID]
	return w.route.Isolation == spec.IsolationAlias && tags[TagAdopted] != "" && p.names(w, tags)
}

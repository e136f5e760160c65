package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// route plans what one route wants: its alias, then its mapping.
func (p *planner) route(w *wish) {
	if p.idle(w) {
		p.find(w.find(spec.Warning, CodeIdle, "%s", w.live.waits()))
	}
	if why, reason := p.impossible(w); why != "" {
		p.holdWanted(w, why, reason)
		return
	}
	if !p.planAnchor(w) {
		return
	}
	switch {
	case w.live == nil:
		p.planCreate(w)
		return
	case w.renewed:
		p.planAnew(w)
		return
	}
	p.planUpdate(w, *w.live)
}

// impossible says why nothing can be planned for a route in this world.
func (p *planner) impossible(w *wish) (Why, string) {
	var missing []string
	if _, ok := p.live.Streams[w.mapping.Key.Stream]; !ok {
		p.find(w.doc.Find(spec.Error, CodeStreamMissing, "spec.stream",
			"stream %s does not exist%s: create it, or correct the name or region", w.mapping.Key.Stream, p.where()))
		missing = append(missing, "stream "+w.mapping.Key.Stream+" does not exist")
	}
	if _, ok := p.live.Functions[w.mapping.Key.Function]; !ok {
		path := "spec.function.name"
		if w.route.Isolation == spec.IsolationFunction {
			path = w.path() + ".function"
		}
		p.find(w.doc.Find(spec.Error, CodeFunctionMissing, path,
			"function %s does not exist%s: create it, or correct the name or region", w.mapping.Key.Function, p.where()))
		missing = append(missing, "function "+w.mapping.Key.Function+" does not exist")
	}
	if len(missing) == 0 {
		return "", ""
	}
	return WhyMissing, strings.Join(missing, ", ")
}

// idle says whether a route's mapping runs and what it is to invoke is gone.
func (p *planner) idle(w *wish) bool {
	m := w.live
	return m != nil && m.Enabled && m.Key.Function == w.mapping.Key.Function && p.ours(*m) && p.idleTarget(*m)
}

// idleTarget says whether what a mapping invokes is gone. Of a function that no route
// runs that is not known.
func (p *planner) idleTarget(m Mapping) bool {
	if p.index.wantFunction[m.Key.Function] == nil {
		return false
	}
	if _, ok := p.live.Functions[m.Key.Function]; !ok {
		return true
	}
	_, ok := p.live.Aliases[m.Key.alias()]
	return !ok && IsAlias(m.Key.Qualifier)
}

// bringBack makes the alias of a mapping anew that no route wants and that has yet to
// read what others want: without it nothing of that is delivered.
func (p *planner) bringBack(doc *spec.EventRouting, m Mapping, name string) {
	if _, ok := p.live.Functions[m.Key.Function]; doc == nil || !ok || !p.idleTarget(m) || !p.wantsAny(m) {
		return
	}
	if _, _, alias := SplitQualifier(m.Key.Qualifier); !alias || p.step(Addr{KindAlias, m.Key.alias().String()}) != nil {
		return
	}
	p.find(spec.Finding{Severity: spec.Warning, Code: CodeIdle, Path: name, Message: m.waits()})
	followed, ok := p.live.Aliases[AliasKey{m.Key.Function, doc.Follow()}]
	if !ok {
		followed.Version = doc.Follow()
		if IsAlias(followed.Version) {
			return // what it would follow is gone as well, which is an error of its own
		}
	}
	s := p.add(&step{doc: doc, Change: Change{
		Action: Create, Addr: Addr{KindAlias, m.Key.alias().String()},
		After: &Alias{Key: m.Key.alias(), Version: followed.Version, Weights: followed.Weights,
			Description: Note{Owner: p.o.Owner, Stream: m.Key.Stream, Start: m.Start}.String()},
	}})
	s.explainGone(m)
}

// waits says that a mapping's target is gone.
func (m Mapping) waits() string {
	return fmt.Sprintf("mapping %s runs %s, which is gone: its events wait, for at most the stream's retention", m.UUID, m.Key.Target())
}

// explainGone says of the making of an alias that a mapping waits for it.
func (s *step) explainGone(m Mapping) {
	s.Reason = "it is gone, and mapping " + m.UUID + " has nothing to run"
	s.Effect = "goes on where it stopped: its events have waited, and what expired meanwhile is gone"
}

// where names the account and region, as far as they are known.
func (p *planner) where() string {
	switch {
	case p.live.Region == "":
		return ""
	case p.live.Account == "":
		return " in " + p.live.Region
	}
	return " in " + p.live.Region + " of account " + p.live.Account
}

// foreign holds a route whose key somebody else has.
func (p *planner) foreign(w *wish, uuid string) {
	p.find(w.find(spec.Warning, CodeForeign,
		"mapping %s holds %s and is not ours: AWS allows one mapping per source and qualified function; remove it, or rename the route", uuid, w.mapping.Key))
	p.add(p.creation(w)).hold(WhyForeign, "mapping "+uuid+" has its key and is not ours")
}

// planAlias plans the route's alias and says whether the route can go on.
func (p *planner) planAlias(w *wish) bool {
	live, exists := p.live.Aliases[w.alias.Key]
	if !exists && w.live != nil && !w.inherited() && !p.stayed(w) {
		return false
	}
	note, noted := ParseNote(live.Description)
	if exists && (!noted || note.Owner != p.o.Owner) {
		p.foreignAlias(w, live, note.Owner)
		return false
	}
	if !p.follow(w) {
		return false
	}
	if !exists {
		p.createAlias(w)
		return true
	}
	want := w.alias
	start := p.start(w)
	if at, ok := p.remember(w); ok {
		start.at = at
	} else if note.Stream == w.mapping.Key.Stream && !w.ending.IsZero() {
		start.at = note.Start
	}
	want.Description = Note{Owner: p.o.Owner, Stream: w.mapping.Key.Stream, Start: start.at}.String()
	want.ARN, want.RevisionID = live.ARN, live.RevisionID
	if aliasDiffers(live, want) {
		p.add(&step{wish: w, doc: &w.doc, Change: Change{
			Action: Update, Addr: Addr{KindAlias, live.Key.String()}, Before: &live, After: &want,
			Reason: p.aliasReason(w, live, want),
			Effect: "batches that start from now on run what it points to; position kept",
		}})
	}
	return true
}

// stayed says whether a mapping whose alias is gone is the route's: only its tags tell.
func (p *planner) stayed(w *wish) bool {
	switch tags, known := p.live.Facts.Tags[w.live.UUID]; {
	case !known:
		p.ask(AskTags, w.live.UUID)
		p.add(p.creation(w)).hold(WhyAsked, "its key is taken by mapping "+w.live.UUID+"; whose that is, its tags will tell")
	case tags[TagOwner] != p.o.Owner || tags[TagRouting] != w.doc.Metadata.Name:
		p.foreign(w, w.live.UUID)
	default:
		return true
	}
	return false
}

// foreignAlias holds a route whose alias is somebody else's; owner is empty where
// nobody says.
func (p *planner) foreignAlias(w *wish, live Alias, owner string) {
	whose := "was not made by us"
	if owner != "" {
		whose = "belongs to owner " + owner
	}
	if w.live != nil {
		whose += ", and mapping " + w.live.UUID + " runs it"
	}
	p.find(w.find(spec.Warning, CodeForeign,
		"alias %s exists and %s: remove it, rename the route, or use its owner with --owner", live.Key, whose))
	p.add(p.creation(w)).hold(WhyForeign, "alias "+live.Key.String()+" "+whose)
}

func (p *planner) aliasReason(w *wish, live, want Alias) string {
	if w.renewed {
		return "its mapping is made anew, and starts later than the one before"
	}
	if live.Version != want.Version || !maps.Equal(live.Weights, want.Weights) {
		return "it follows " + w.doc.Follow() + ", which moved"
	}
	return "its description records owner, stream and start"
}

func (p *planner) createAlias(w *wish) {
	start := p.start(w)
	want := w.alias
	want.Description = Note{Owner: p.o.Owner, Stream: w.mapping.Key.Stream, Start: start.at}.String()
	s := p.add(&step{wish: w, doc: &w.doc, Change: Change{
		Action: Create, Addr: Addr{KindAlias, want.Key.String()}, After: &want,
		Reason: "the route's mapping needs a target of its own",
		Effect: "none by itself",
	}})
	if p.idle(w) {
		s.explainGone(*w.live)
	}
	if len(p.on(want.Key)) > 0 && p.strangers(w) {
		s.hold(WhyForeign, "a mapping of somebody else targets the name")
	}
}

// on lists live mappings that target an alias, whatever they read.
func (p *planner) on(a AliasKey) []Mapping { return p.index.onAlias[a] }

// strangers says whether a mapping that reads something else targets the
// route's alias, which is missing, and is not known to be ours: making the
// alias would bring it to life.
func (p *planner) strangers(w *wish) bool {
	strange := false
	for _, m := range p.on(w.alias.Key) {
		tags, known := p.live.Facts.Tags[m.UUID]
		if !known {
			p.ask(AskTags, m.UUID)
		}
		if tags[TagOwner] != p.o.Owner {
			strange = true
		}
	}
	return strange
}

// planCreate plans a mapping where there is none.
func (p *planner) planCreate(w *wish) {
	s := p.add(p.creation(w))
	start := p.start(w)
	if !start.future {
		p.regain(w, s)
		return
	}
	steps := []*step{s}
	if addr, ok := w.anchor(); ok && addr.Kind == KindConsumer && p.step(addr) != nil {
		steps = append(steps, p.step(addr)) // it costs by the hour, and the document remembers the start
	}
	for _, s := range steps {
		s.hold(WhyStart, "it starts at "+start.at.String())
		s.until = start.at.At
	}
}

// holdWanted holds what a route would do to its mapping, if it could. A mapping that
// is as it should be is no change, and one of somebody else is not the route's.
func (p *planner) holdWanted(w *wish, why Why, reason string) {
	if w.live == nil {
		p.add(p.creation(w)).hold(why, reason)
		return
	}
	tags, known := p.live.Facts.Tags[w.live.UUID]
	switch ours := p.ours(*w.live); {
	case !ours && !known:
		p.ask(AskTags, w.live.UUID) // with a function its aliases are gone: only tags tell
		p.add(p.creation(w)).hold(why, reason)
	case !ours || tags[TagOwner] != "" && tags[TagOwner] != p.o.Owner:
		p.foreign(w, w.live.UUID)
	default:
		if s := p.update(w, *w.live); len(Differences(w.live, s.After.(*Mapping))) > 0 {
			p.add(s).hold(why, reason)
		}
	}
}

// creation is the making of a route's mapping.
func (p *planner) creation(w *wish) *step {
	start := p.start(w)
	m := w.mapping
	m.Start = start.at
	m.Tags = map[string]string{
		TagOwner:   p.o.Owner,
		TagRouting: w.doc.Metadata.Name,
		TagRoute:   w.route.Name,
		TagSince:   p.now.Format(time.RFC3339),
	}
	effect := start.effect
	if !m.Enabled {
		m.Tags[TagOff] = Off{OffDeclared, p.now}.String()
		effect += "; disabled, so they wait"
	}
	if p.startsBehind(&m) {
		effect += "; without a limit of age until it has caught up"
	}
	var needs []Addr
	if addr, ok := w.anchor(); ok {
		needs = append(needs, addr)
		if addr.Kind == KindConsumer {
			m.Tags[TagStart] = start.at.tag()
		}
	}
	return &step{wish: w, doc: &w.doc, Change: Change{
		Action: Create, Addr: w.addr, After: &m,
		Needs:  needs,
		Reason: "the route has no mapping",
		Effect: effect,
	}}
}

// named says whether a document names the routing of a mapping of ours.
func (p *planner) named(m Mapping) bool {
	routing, _, ok := p.owned(m)
	return ok && slices.ContainsFunc(p.docs, func(d spec.EventRouting) bool { return d.Metadata.Name == routing })
}

// ownsAlias says whether a live alias is ours: its description says so.
func (p *planner) ownsAlias(k AliasKey) bool {
	_, ours := p.noteOf(k)
	return ours
}

// noteOf is what the description of an alias of ours says; false for none that is.
func (p *planner) noteOf(k AliasKey) (Note, bool) {
	note, noted := ParseNote(p.live.Aliases[k].Description)
	return note, noted && note.Owner == p.o.Owner
}

// nameOf is what people call a live mapping: its route, or its key.
func (p *planner) nameOf(m Mapping) string {
	if w := p.claimed[m.UUID]; w != nil && p.ours(m) {
		return w.addr.Name
	}
	if routing, route, ok := p.owned(m); ok {
		return routing + "/" + route
	}
	return m.Key.String()
}

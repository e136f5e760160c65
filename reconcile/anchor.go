package reconcile

import (
	"maps"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// A route's anchor is what gives its mapping a key of its own and outlives it:
// with isolation Alias the alias that it targets, with FanOut the consumer that
// it reads. It says whose the route is and where it was to start, so that a
// mapping that a crash or a person took away comes back without a gap. With
// isolation Function there is none: only the mapping's tags tell.

// anchor is the address of a route's anchor; false for none.
func (w *wish) anchor() (Addr, bool) {
	switch w.route.Isolation {
	case spec.IsolationAlias:
		return Addr{KindAlias, w.alias.Key.String()}, true
	case spec.IsolationFanOut:
		return Addr{KindConsumer, w.consumer().String()}, true
	case spec.IsolationFunction:
	}
	return Addr{}, false
}

// consumer is the route's consumer, with isolation FanOut.
func (w *wish) consumer() ConsumerKey {
	return ConsumerKey{w.mapping.Key.Stream, w.mapping.Key.Consumer}
}

// claim finds each route's live mapping.
func (p *planner) claim() {
	for _, w := range p.wishes {
		switch w.route.Isolation {
		case spec.IsolationAlias:
			if found := p.live.Mappings[w.mapping.Key]; len(found) > 0 {
				w.live = &found[0]
			}
		case spec.IsolationFanOut:
			p.claimConsumer(w)
		case spec.IsolationFunction:
			p.claimFunction(w)
		}
		if w.live != nil {
			p.claimed[w.live.UUID] = w
		}
	}
}

// claimConsumer finds the mapping that reads the route's consumer, whatever it
// runs, and one that was left on a consumer of that name which is gone.
func (p *planner) claimConsumer(w *wish) {
	for _, m := range p.index.onStream[w.mapping.Key.Stream] {
		switch {
		case m.Key.Consumer != w.mapping.Key.Consumer:
		case p.dead(m):
			if w.left == nil || m.Enabled && !w.left.Enabled {
				w.left = &m
			}
		case w.live == nil || m.Key == w.mapping.Key:
			w.live = &m
		}
	}
}

// claimFunction finds the mapping of the route's function. One that targets
// another qualifier of it is the route's if its tags say so.
func (p *planner) claimFunction(w *wish) {
	if found := p.live.Mappings[w.mapping.Key]; len(found) > 0 {
		w.live = &found[0]
		return
	}
	for _, m := range p.index.onStream[w.mapping.Key.Stream] {
		if m.Key.Consumer != "" || m.Key.Function != w.mapping.Key.Function || p.index.wanted[m.Key] != nil || p.ownsAlias(m.Key.alias()) {
			continue
		}
		if tags, known := p.live.Facts.Tags[m.UUID]; !known {
			p.ask(AskTags, m.UUID)
			w.unclear = m.UUID
		} else if p.names(w, tags) && w.live == nil {
			w.live = &m
		}
	}
}

// dead says whether a mapping reads a consumer that is known to be gone: one of
// that name may have been registered since. It reads nothing any more. A list can
// be out of date, so that the consumer itself is asked about: what is dead stops past
// the brake.
func (p *planner) dead(m Mapping) bool {
	if m.Key.Consumer == "" || !p.index.fanOut[m.Key.Stream] {
		return false // nobody has looked at the consumers
	}
	c, exists := p.live.Consumers[ConsumerKey{m.Key.Stream, m.Key.Consumer}]
	if exists && c.ARN == m.SourceARN {
		return false
	}
	gone, known := p.live.Facts.Gone[m.SourceARN]
	if !known {
		p.ask(AskGone, m.SourceARN)
	}
	return gone
}

// names says whether tags name a route as ours.
func (p *planner) names(w *wish, tags map[string]string) bool {
	return tags[TagOwner] == p.o.Owner && tags[TagRouting] == w.doc.Metadata.Name && tags[TagRoute] == w.route.Name
}

// ours says whether a live mapping is ours, as far as is known.
func (p *planner) ours(m Mapping) bool {
	if w := p.claimed[m.UUID]; w != nil && w.route.Isolation != spec.IsolationAlias {
		s := p.step(w.addr)
		return s == nil || s.why != WhyForeign
	}
	return p.aliased(m) || p.live.Facts.Tags[m.UUID][TagOwner] == p.o.Owner
}

// aliased says whether a live mapping targets an alias of ours, and nothing says
// that it is somebody else's all the same.
func (p *planner) aliased(m Mapping) bool {
	owner := p.live.Facts.Tags[m.UUID][TagOwner]
	return p.ownsAlias(m.Key.alias()) && (owner == "" || owner == p.o.Owner)
}

// proven says whether a mapping that is about to change is the route's by its tags;
// what is not is held. With an alias of ours it is enough that they name nobody
// else.
func (p *planner) proven(w *wish, live Mapping) bool {
	tags, known := p.live.Facts.Tags[live.UUID]
	alias := w.route.Isolation == spec.IsolationAlias
	switch {
	case !known:
		p.ask(AskTags, live.UUID)
		p.add(p.update(w, live)).hold(WhyAsked, "it differs from the document; whose mapping "+live.UUID+" is, its tags will tell")
	case alias && (tags[TagOwner] == "" || tags[TagOwner] == p.o.Owner):
		return true
	case alias || !p.names(w, tags) && !p.renamed(w, tags):
		p.foreign(w, live.UUID)
	default:
		return true
	}
	return false
}

// renamed says whether tags name a route of ours that is gone from a route's
// routing: with isolation Function its key is the same under its new name.
func (p *planner) renamed(w *wish, tags map[string]string) bool {
	return w.route.Isolation == spec.IsolationFunction && tags[TagOwner] == p.o.Owner && tags[TagRouting] == w.doc.Metadata.Name &&
		p.index.wantAddr[Addr{KindMapping, tags[TagRouting] + "/" + tags[TagRoute]}] == nil
}

// planAnchor plans the route's anchor and says whether the route can go on.
func (p *planner) planAnchor(w *wish) bool {
	switch w.route.Isolation {
	case spec.IsolationFanOut:
		return p.follow(w) && p.planConsumer(w)
	case spec.IsolationFunction:
		return p.follow(w) && p.clear(w)
	case spec.IsolationAlias:
	}
	return p.clear(w) && p.planAlias(w)
}

// clear says whether it is known that a route without a mapping has none to
// inherit.
func (p *planner) clear(w *wish) bool {
	if w.live != nil || w.unclear == "" {
		return true
	}
	p.add(p.creation(w)).hold(WhyAsked, "mapping "+w.unclear+" may be the route's; its tags will tell")
	return false
}

// planConsumer plans the route's consumer and says whether the route can go on.
func (p *planner) planConsumer(w *wish) bool {
	c, exists := p.live.Consumers[w.consumer()]
	if w.renewed && w.ending.IsZero() {
		return p.restart(w, c)
	}
	if w.live != nil {
		return true // it reads the consumer, which is the route's if the mapping is
	}
	if !p.knowsLeft(w) {
		return false
	}
	if !exists {
		p.register(w)
		return true
	}
	tags, known := p.live.Facts.ConsumerTags[c.ARN]
	addr, _ := w.anchor()
	switch {
	case c.Status == "DELETING" || c.Status == "CREATING":
		p.add(&step{wish: w, doc: &w.doc, Change: Change{Action: Update, Addr: addr, Before: &c, After: &c, Effect: "none by itself"}}).
			hold(WhyUnsettled, "AWS is still busy with it ("+c.Status+")")
		p.add(p.creation(w))
	case !known:
		p.ask(AskConsumerTags, c.ARN)
		p.add(p.creation(w)).hold(WhyAsked, "consumer "+w.consumer().String()+" exists; whose it is, its tags will tell")
	case p.names(w, tags):
		return true
	case tags[TagOwner] == "" && w.left != nil && p.names(w, p.live.Facts.Tags[w.left.UUID]):
		p.adoptConsumer(w, c, tags)
		return true
	case tags[TagOwner] == "":
		p.find(w.find(spec.Warning, CodeForeign,
			"consumer %s exists and no tag says whose it is: if it is this route's, aws kinesis tag-resource --resource-arn %s --tags %s=%s,%s=%s,%s=%s; else deregister it, or rename the route",
			w.consumer(), c.ARN, TagOwner, p.o.Owner, TagRouting, w.doc.Metadata.Name, TagRoute, w.route.Name))
		p.add(p.creation(w)).hold(WhyForeign, "consumer "+w.consumer().String()+" is not known to be ours")
	default:
		p.find(w.find(spec.Warning, CodeForeign,
			"consumer %s exists and is not ours: deregister it, or rename the route", w.consumer()))
		p.add(p.creation(w)).hold(WhyForeign, "consumer "+w.consumer().String()+" is not ours")
	}
	return false
}

// knowsLeft says whether it is known whose the mapping is that was left on a consumer
// of a route's which is gone.
func (p *planner) knowsLeft(w *wish) bool {
	if w.left == nil {
		return true
	}
	if _, known := p.live.Facts.Tags[w.left.UUID]; known {
		return true
	}
	p.ask(AskTags, w.left.UUID)
	p.add(p.creation(w)).hold(WhyAsked, "mapping "+w.left.UUID+" was left on a consumer that is gone; whose it is, its tags will tell")
	return false
}

// restart plans to write down where the route's mapping is to start once it is
// made anew.
func (p *planner) restart(w *wish, live Consumer) bool {
	addr, _ := w.anchor()
	tags, known := p.live.Facts.ConsumerTags[live.ARN]
	if !known {
		p.ask(AskConsumerTags, live.ARN)
		p.add(p.creation(w)).hold(WhyAsked, "whose consumer "+w.consumer().String()+" is, its tags will tell")
		return false
	}
	before, after := live, live
	before.Tags = maps.Clone(tags)
	after.Tags = p.anchorTags(w)
	p.add(&step{wish: w, doc: &w.doc, Change: Change{
		Action: Update, Addr: addr, Before: &before, After: &after,
		Reason: "its mapping is made anew", Effect: "none by itself",
	}})
	return true
}

// register plans the registration of the route's consumer.
func (p *planner) register(w *wish) {
	addr, _ := w.anchor()
	reason := "the route's mapping needs a consumer of its own"
	if w.left != nil {
		reason = "its consumer is gone"
	}
	p.add(&step{wish: w, doc: &w.doc, Change: Change{
		Action: Register, Addr: addr, After: &Consumer{Key: w.consumer(), Tags: p.anchorTags(w)},
		Reason: reason, Effect: "none by itself; AWS charges for it per shard and hour",
	}})
}

// adoptConsumer tags a consumer that somebody registered in place of ours.
func (p *planner) adoptConsumer(w *wish, live Consumer, tags map[string]string) {
	addr, _ := w.anchor()
	before, after := live, live
	before.Tags = maps.Clone(tags)
	after.Tags = p.anchorTags(w)
	p.add(&step{wish: w, doc: &w.doc, Change: Change{
		Action: Update, Addr: addr, Before: &before, After: &after,
		Reason: "it was registered anew by hand; mapping " + w.left.UUID + ", left on the one before, is ours", Effect: "none by itself",
	}})
}

// anchorTags are the tags of a route's consumer.
func (p *planner) anchorTags(w *wish) map[string]string {
	return map[string]string{
		TagOwner: p.o.Owner, TagRouting: w.doc.Metadata.Name, TagRoute: w.route.Name, TagStart: p.start(w).at.tag(),
	}
}

// remember is the start that a route's anchor carries; false for none.
func (p *planner) remember(w *wish) (Start, bool) {
	if w.renewed {
		return Start{}, false
	}
	switch w.route.Isolation {
	case spec.IsolationAlias:
		if w.inherited() {
			if at, ok := p.noted(w, w.live.Key.alias()); ok {
				return at, true
			}
		}
		return p.noted(w, w.alias.Key)
	case spec.IsolationFanOut:
		return p.rememberConsumer(w)
	case spec.IsolationFunction:
	}
	return Start{}, false
}

// noted is the start that an alias carries for a route; false for none, or where it is
// that of a mapping that goes with another route, or has left it.
func (p *planner) noted(w *wish, k AliasKey) (Start, bool) {
	on := p.on(k)
	for _, m := range on {
		if heir := p.claimed[m.UUID]; heir != nil && heir != w {
			return Start{}, false
		}
	}
	note, ours := p.noteOf(k)
	return note.Start, ours && note.Stream == w.mapping.Key.Stream && (!note.Left || len(on) > 0)
}

// rememberConsumer is the start that the tags of a route's consumer carry, or those
// of the mapping left on one before it.
func (p *planner) rememberConsumer(w *wish) (Start, bool) {
	if c, ok := p.live.Consumers[w.consumer()]; ok {
		if tags := p.live.Facts.ConsumerTags[c.ARN]; p.names(w, tags) {
			return startTag(tags), true
		}
	}
	if w.left != nil {
		tags := p.live.Facts.Tags[w.left.UUID]
		off, ours := offBy(*w.left, tags)
		moved := !w.left.running() && ours && off.Cause == OffMoved // others have all that it had
		if p.names(w, tags) && !moved {
			return startTag(tags), true
		}
	}
	return Start{}, false
}

// startTag is the start that tags carry. One that somebody edited is taken for the
// trim horizon: rather twice than not at all.
func startTag(tags map[string]string) Start {
	at, ok := parseStart(tags[TagStart])
	if !ok {
		return Start{TrimHorizon: true}
	}
	return at
}

// tag is a start as text, for tags and descriptions.
func (s Start) tag() string {
	if s.TrimHorizon {
		return noteHorizon
	}
	return s.At.UTC().Format(time.RFC3339)
}

// parseStart reads what tag wrote.
func parseStart(text string) (Start, bool) {
	if text == noteHorizon {
		return Start{TrimHorizon: true}, true
	}
	at, err := time.Parse(time.RFC3339, text)
	return Start{At: at.UTC()}, err == nil
}

// alias is the alias that a mapping would target.
func (k Key) alias() AliasKey { return AliasKey{k.Function, k.Qualifier} }

// owned says which route a live mapping of ours belongs, or belonged, to; false
// for one that is not ours, or of which that is not known.
func (p *planner) owned(m Mapping) (routing, route string, ok bool) {
	if p.aliased(m) && m.Key.Consumer == "" {
		return SplitQualifier(m.Key.Qualifier)
	}
	tags := p.live.Facts.Tags[m.UUID]
	routing, route = tags[TagRouting], tags[TagRoute]
	return routing, route, tags[TagOwner] == p.o.Owner && routing != "" && route != ""
}

// askOwners asks whose the mappings are that no route wants: without an alias of ours
// only their tags tell. Those on streams that the documents name may be ours, and
// those that a routing left on a stream that it read before: they read a consumer of
// its name, or run a function that a route has for itself.
func (p *planner) askOwners() {
	for _, m := range p.index.mappings {
		if _, known := p.live.Facts.Tags[m.UUID]; known || p.claimed[m.UUID] != nil || p.ownsAlias(m.Key.alias()) {
			continue
		}
		routing, _, fanned := SplitQualifier(m.Key.Consumer)
		own := slices.ContainsFunc(p.index.wantFunction[m.Key.Function], func(w *wish) bool { return w.route.Isolation == spec.IsolationFunction })
		if p.index.wantStream[m.Key.Stream] != nil || m.Key.Kinesis() && (fanned && p.index.wantRouting[routing] != nil || own && m.Key.Consumer == "") {
			p.ask(AskTags, m.UUID)
		}
	}
}

// consumersOf reports streams with more consumers than AWS allows without
// On-demand Advantage, which cannot be seen.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html
func (p *planner) consumersOf(doc *spec.EventRouting, stream string) {
	names := map[string]bool{}
	for _, k := range p.index.consumers[stream] {
		names[k.Name] = true
	}
	foreign := len(names)
	for _, w := range p.index.wantStream[stream] {
		if w.route.Isolation == spec.IsolationFanOut {
			if names[w.mapping.Key.Consumer] {
				foreign--
			}
			names[w.mapping.Key.Consumer] = true
		}
	}
	if foreign > 0 && len(names) > manyConsumers {
		p.find(doc.Find(spec.Warning, spec.CodeConsumers, "spec.stream",
			"stream %s has %d enhanced fan-out consumers with those of the documents, %d of them not of these documents: AWS allows %d, and 50 with On-demand Advantage only",
			stream, len(names), foreign, manyConsumers))
	}
}

// AWS allows this many consumers of a stream, and the larger number with On-demand
// Advantage.
const (
	manyConsumers = 20
	mostConsumers = 50
)

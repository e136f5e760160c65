package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// A word is what an operator says of a routing for a while, at 3 a.m., without a
// commit: it stands in a tag of every mapping of the routing, so that every
// instance hears it, and ends by itself.
const (
	// TagPaused names routes that no pass changes until a time, as [Word] has it.
	// Raising the reservation and following an alias go on.
	TagPaused = "eventrouting.dev/paused"
	// TagReleased names routes of which a held step may go on until a time: drained,
	// or disabled by a person. [Routing] releases the routing's brake.
	TagReleased = "eventrouting.dev/released"
)

// Routing stands in a [Word] for the routing itself. No route has this name.
const Routing = "@"

// maxTag is what the value of a tag may hold.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
const maxTag = 256

// Word is the value of [TagPaused] and [TagReleased]: until when, by route.
type Word map[string]time.Time

// ParseWord reads a tag's value; what is no word in it is left out.
func ParseWord(text string) Word {
	w := Word{}
	for entry := range strings.FieldsSeq(text) {
		name, until, _ := strings.Cut(entry, "=")
		if t, err := time.Parse(time.RFC3339, until); err == nil && name != "" {
			w[name] = t.UTC()
		}
	}
	return w
}

// String is the tag's value, the same for the same word; "none" for none, since
// AWS's older calls refuse an empty one.
func (w Word) String() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(w)) {
		all = append(all, name+"="+w[name].UTC().Format(time.RFC3339))
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, " ")
}

// said is what an operator said of a route, or of its routing; zero when it is
// over.
func (p *planner) said(tag, routing string, names ...string) time.Time {
	var until time.Time
	word := p.word(tag, routing)
	for _, name := range names {
		if t := word[name]; t.After(until) {
			until = t
		}
	}
	return until
}

// word is what an operator said in a routing, as far as it is not over. One mapping
// of the routing is asked, the one that was left alone for longest: the word was
// written on all that there were, and a pass that did not know of it may have made
// another one since. One that somebody made on a route's alias, and that no pass has
// changed yet, carries none.
func (p *planner) word(tag, routing string) Word {
	for _, m := range p.mappingsOf(routing) {
		tags, known := p.live.Facts.Tags[m.UUID]
		if !known {
			p.ask(AskTags, m.UUID)
			return nil
		}
		if tags[TagOwner] == "" && tags[tag] == "" {
			continue
		}
		word := ParseWord(tags[tag])
		maps.DeleteFunc(word, func(_ string, until time.Time) bool { return !until.After(p.now) })
		return word
	}
	return nil
}

// passOn makes a mapping that joins a routing, made new or adopted, carry what an
// operator said in it.
func (p *planner) passOn(s *step, routing string) {
	if _, after := s.mappings(); after == nil || after.Tags[TagRouting] == "" {
		return
	}
	for _, tag := range []string{TagPaused, TagReleased} {
		if word := p.word(tag, routing); len(word) > 0 {
			s.setTag(tag, word.String())
		}
	}
}

// mappingsOf are the live mappings of a routing of ours, the one that was left alone
// for longest first.
func (p *planner) mappingsOf(routing string) []Mapping {
	if p.members == nil {
		p.members = map[string][]Mapping{}
		for _, m := range p.index.mappings {
			if name, _, ok := strings.Cut(p.nameOf(m), "/"); ok && p.ours(m) {
				p.members[name] = append(p.members[name], m)
			}
		}
		for _, ms := range p.members {
			slices.SortFunc(ms, func(a, b Mapping) int { return cmp.Or(a.Modified.Compare(b.Modified), strings.Compare(a.UUID, b.UUID)) })
		}
	}
	return p.members[routing]
}

// routeOf is the route whose step it is; both are empty for none.
func (p *planner) routeOf(s *step) (routing, route string) {
	before, _ := s.mappings()
	switch {
	case s.wish != nil:
		return s.wish.doc.Metadata.Name, s.wish.route.Name
	case before != nil:
		routing, route, _ = p.owned(*before)
	case s.doc != nil:
		routing = s.doc.Metadata.Name
	}
	return routing, route
}

// heed holds what an operator paused, or left out of this pass.
func (p *planner) heed(s *step) {
	routing, route := p.routeOf(s)
	if s.held() || routing == "" {
		return
	}
	if len(p.o.Only) > 0 && !slices.Contains(p.o.Only, routing) && !slices.Contains(p.o.Only, routing+"/"+route) {
		s.hold(WhyOnly, "--only names others")
		return
	}
	p.passOn(s, routing)
	if until := p.said(TagPaused, routing, route, Routing); !until.IsZero() {
		s.hold(WhyPaused, "paused by hand; eventrouting resume ends that")
		s.until = until
	}
}

// Tell plans to write a word into the tags of a routing's mappings: until when a
// route, or the routing for [Routing], is paused or released; zero takes it back.
// What is over is left out. It fails where nothing is live that could carry it.
func Tell(docs []spec.EventRouting, live State, o Options, now time.Time, tag, routing, route string, until time.Time) ([]Change, []Ask, error) {
	p := computed(docs, live, o, now)
	p.members = nil
	ms := p.mappingsOf(routing)
	if len(ms) == 0 {
		return nil, p.asks, fmt.Errorf("%s has no mapping that is live: there is nothing to write it on", routing)
	}
	if route != Routing && p.index.wantAddr[Addr{KindMapping, routing + "/" + route}] == nil &&
		!slices.ContainsFunc(ms, func(m Mapping) bool { return p.nameOf(m) == routing+"/"+route }) {
		return nil, p.asks, fmt.Errorf("%s has no route %s, in its document or live", routing, route)
	}
	var changes []Change
	var asks []Ask
	word := Word{}
	for _, m := range ms {
		tags, known := live.Facts.Tags[m.UUID]
		if !known {
			asks = append(asks, Ask{What: AskTags, Name: m.UUID})
		}
		for name, t := range ParseWord(tags[tag]) {
			if t.After(now) {
				word[name] = t
			}
		}
	}
	if delete(word, route); !until.IsZero() {
		word[route] = until
	}
	value := word.String()
	if len(value) > maxTag {
		return nil, asks, fmt.Errorf("%s has too many routes that something is said of for one tag: say it of the routing", routing)
	}
	for _, m := range ms {
		if live.Facts.Tags[m.UUID][tag] == value {
			continue
		}
		after := m
		after.Tags = map[string]string{tag: value}
		changes = append(changes, Change{
			Action: Update, Addr: Addr{KindMapping, p.nameOf(m)}, Before: &m, After: &after,
			Reason: "an operator says so", Effect: "none",
		})
	}
	return changes, asks, nil
}

package reconcile

import (
	"cmp"
	"maps"
	"slices"

	"github.com/eventrouting/eventrouting/spec"
)

// clean plans the end of aliases and consumers of ours that no route needs and no
// mapping uses, or none but those that go in this pass.
func (p *planner) clean() {
	p.leave()
	going := map[string]Addr{} // by UUID
	for _, s := range p.steps {
		if before, _ := s.mappings(); s.Action == Delete && before != nil {
			going[before.UUID] = s.Addr
		}
	}
	p.cleanAliases(going)
	p.cleanConsumers(going)
}

// leave has the aliases that mappings are about to leave say so: once one has, what is
// made on it later begins anew. A pass that dies in between has left no alias that
// looks as if somebody had deleted its mapping.
func (p *planner) leave() {
	for _, s := range slices.Clone(p.steps) {
		before, after := s.mappings()
		if s.held() || before == nil || after == nil || before.Key.alias() == after.Key.alias() {
			continue
		}
		k := before.Key.alias()
		live := p.live.Aliases[k]
		note, ours := p.noteOf(k)
		if !ours || note.Left || len(p.on(k)) > 1 || p.step(Addr{KindAlias, k.String()}) != nil {
			continue
		}
		left := live
		note.Left = true
		left.Description = note.String()
		p.obeyOne(p.add(&step{doc: s.doc, Change: Change{
			Action: Update, Addr: Addr{KindAlias, k.String()}, Before: &live, After: &left,
			Reason: "its mapping is about to have another target", Effect: "none",
		}}))
	}
}

// nameless says whether nothing of a routing may be touched: no document names it.
func (p *planner) nameless(routing string) bool {
	return !p.prunes() && !slices.ContainsFunc(p.docs, func(d spec.EventRouting) bool { return d.Metadata.Name == routing })
}

// docOf is the document of a routing; nil for none.
func (p *planner) docOf(routing string) *spec.EventRouting {
	i := slices.IndexFunc(p.docs, func(d spec.EventRouting) bool { return d.Metadata.Name == routing })
	if i < 0 {
		return nil
	}
	return &p.docs[i]
}

func (p *planner) cleanAliases(going map[string]Addr) {
	wanted := map[AliasKey]bool{}
	for _, w := range p.wishes {
		wanted[w.alias.Key] = wanted[w.alias.Key] || w.route.Isolation == spec.IsolationAlias
	}
	for _, k := range slices.SortedFunc(maps.Keys(p.live.Aliases), compareAliasKeys) {
		routing, _, ok := SplitQualifier(k.Name)
		if !ok || !p.ownsAlias(k) || wanted[k] || p.nameless(routing) {
			continue
		}
		live := p.live.Aliases[k]
		if on := p.on(k); len(on) == 0 && p.leftLately(k.Function, routing) {
			continue
		}
		if needs, free := used(p.on(k), going); free {
			p.add(&step{doc: p.docOf(routing), Change: Change{
				Action: Delete, Addr: Addr{KindAlias, k.String()}, Before: &live, Needs: append(needs, p.heirs[k]...),
				Reason: "no route and no mapping uses it", Effect: "none on events",
			}})
		}
	}
}

// leftLately says whether a mapping may have been given another target than an
// alias of a routing so lately that AWS still invokes that.
func (p *planner) leftLately(function, routing string) bool {
	return slices.ContainsFunc(p.index.mappings, func(m Mapping) bool {
		of, _, ours := p.owned(m)
		return (m.Key.Function == function || ours && of == routing) && p.now.Before(m.Modified.Add(runsOn))
	})
}

func compareAliasKeys(a, b AliasKey) int {
	return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.Name, b.Name))
}

func (p *planner) cleanConsumers(going map[string]Addr) {
	wanted := map[ConsumerKey]bool{}
	for _, w := range p.wishes {
		if w.route.Isolation == spec.IsolationFanOut {
			wanted[w.consumer()] = true
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(p.live.Consumers), compareConsumerKeys) {
		c := p.live.Consumers[k]
		routing, _, ok := SplitQualifier(k.Name)
		if !ok || wanted[k] || c.Status == "DELETING" || p.nameless(routing) {
			continue
		}
		var readers []Mapping
		for _, m := range p.index.onStream[k.Stream] {
			if m.SourceARN == c.ARN {
				readers = append(readers, m)
			}
		}
		needs, free := used(readers, going)
		if !free {
			continue
		}
		tags, known := p.live.Facts.ConsumerTags[c.ARN]
		switch {
		case !known:
			p.ask(AskConsumerTags, c.ARN)
		case tags[TagOwner] == p.o.Owner && tags[TagRouting] == routing:
			c.Tags = maps.Clone(tags)
			p.add(&step{doc: p.docOf(routing), Change: Change{
				Action: Delete, Addr: Addr{KindConsumer, k.String()}, Before: &c, Needs: needs,
				Reason: "no route and no mapping uses it", Effect: "none on events; AWS charges no longer for it",
			}})
		}
	}
}

func compareConsumerKeys(a, b ConsumerKey) int {
	return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Name, b.Name))
}

// used says whether mappings are all on their way out, and what of the plan has to
// have settled for that.
func used(all []Mapping, going map[string]Addr) (needs []Addr, free bool) {
	for _, m := range all {
		addr, goes := going[m.UUID]
		if !goes {
			return nil, false
		}
		needs = append(needs, addr)
	}
	return needs, true
}

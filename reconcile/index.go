package reconcile

import (
	"maps"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// index finds live mappings and wishes without going through all of them: a
// plan's cost grows with the documents, not with their square.
type index struct {
	mappings     []Mapping // all live ones, by key
	onStream     map[string][]Mapping
	onFunction   map[string][]Mapping
	onAlias      map[AliasKey][]Mapping
	aliases      map[string][]AliasKey    // of a function, sorted
	consumers    map[string][]ConsumerKey // of a stream, sorted
	wanted       map[Key]*wish
	wantAddr     map[Addr]*wish
	wantStream   map[string][]*wish
	wantFunction map[string][]*wish
	wantRouting  map[string][]*wish
	fanOut       map[string]bool // streams whose consumers were looked at
	windows      map[string]time.Duration
	longest      time.Duration
}

func newIndex(docs []spec.EventRouting, wishes []*wish, live State) index {
	x := index{
		onStream: map[string][]Mapping{}, onFunction: map[string][]Mapping{}, onAlias: map[AliasKey][]Mapping{}, aliases: map[string][]AliasKey{}, consumers: map[string][]ConsumerKey{},
		wanted: map[Key]*wish{}, wantAddr: map[Addr]*wish{}, wantStream: map[string][]*wish{}, wantFunction: map[string][]*wish{}, wantRouting: map[string][]*wish{}, fanOut: map[string]bool{},
	}
	x.windows, x.longest = windows(docs)
	for _, ms := range live.Mappings {
		x.mappings = append(x.mappings, ms...)
	}
	slices.SortFunc(x.mappings, compareMappings)
	for _, m := range x.mappings {
		x.onStream[m.Key.Stream] = append(x.onStream[m.Key.Stream], m)
		x.onFunction[m.Key.Function] = append(x.onFunction[m.Key.Function], m)
		x.onAlias[m.Key.alias()] = append(x.onAlias[m.Key.alias()], m)
	}
	for _, k := range slices.SortedFunc(maps.Keys(live.Aliases), compareAliasKeys) {
		x.aliases[k.Function] = append(x.aliases[k.Function], k)
	}
	for _, w := range wishes {
		k := w.mapping.Key
		x.fanOut[k.Stream] = x.fanOut[k.Stream] || slices.ContainsFunc(x.onStream[k.Stream], func(m Mapping) bool { return m.Key.Consumer != "" })
		x.wanted[k], x.wantAddr[w.addr] = w, w
		x.fanOut[k.Stream] = x.fanOut[k.Stream] || k.Consumer != "" || live.Streams[k.Stream].ConsumerCount > 0
		x.wantStream[k.Stream] = append(x.wantStream[k.Stream], w)
		x.wantFunction[k.Function] = append(x.wantFunction[k.Function], w)
		x.wantRouting[w.doc.Metadata.Name] = append(x.wantRouting[w.doc.Metadata.Name], w)
	}
	for _, k := range slices.SortedFunc(maps.Keys(live.Consumers), compareConsumerKeys) {
		x.consumers[k.Stream] = append(x.consumers[k.Stream], k)
		x.fanOut[k.Stream] = true // they were looked at
	}
	return x
}

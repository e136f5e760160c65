package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// randomDocument draws a routing in which every event type stands in at most
// one route.
func randomDocument(t *rapid.T, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: %s}
spec:
  stream: %s
  function: {name: f, follow: live}
  eventType: {path: type}
  defaults: {retry: {maxAttempts: 3}}
`, name, rapid.SampledFrom([]string{"s", "s2"}).Draw(t, "stream"))
	if rapid.Bool().Draw(t, "concurrency") {
		fmt.Fprintf(&b, "  concurrency: {headroom: %d, onShortage: %s}\n",
			rapid.IntRange(0, 3).Draw(t, "headroom"), rapid.SampledFrom([]string{"Hold", "Admit"}).Draw(t, "shortage"))
	}
	b.WriteString("  routes:\n")
	n := rapid.IntRange(1, 4).Draw(t, "routes")
	types := make([][]string, n)
	for i := range n {
		types[i] = []string{fmt.Sprintf("%s-own%d", name, i)}
	}
	for _, shared := range []string{"A", "B", "C", "D"} {
		if at := rapid.IntRange(-1, n-1).Draw(t, shared); at >= 0 {
			types[at] = append(types[at], name+shared)
		}
	}
	for i := range n {
		isolation := rapid.SampledFrom([]string{"Alias", "Alias", "FanOut", "Function"}).Draw(t, "isolation")
		if isolation == "Function" {
			isolation = fmt.Sprintf("Function, function: %s%d", name, i)
		}
		fmt.Fprintf(&b, "    - {name: r%d, eventTypes: [%s], isolation: %s, enabled: %v, parallelizationFactor: %d, batchSize: %d}\n", i, strings.Join(types[i], ", "), isolation,
			rapid.IntRange(0, 4).Draw(t, "enabled") > 0, rapid.IntRange(1, 3).Draw(t, "factor"), rapid.SampledFrom([]int{10, 100}).Draw(t, "batch"))
	}
	if rapid.Bool().Draw(t, "catchAll") {
		b.WriteString("    - {name: rest, catchAll: true}\n")
	}
	return b.String()
}

func randomDocuments(t *rapid.T) []spec.EventRouting {
	text := randomDocument(t, "one")
	if rapid.Bool().Draw(t, "second") {
		text += "---\n" + randomDocument(t, "two")
	}
	docs, findings := spec.Load(fstest.MapFS{"routing.yaml": {Data: []byte(text)}}, "routing.yaml")
	for _, f := range findings {
		// Two documents may ask for more readers than a stream has; the plan is
		// made all the same.
		if f.Severity == spec.Error {
			t.Skip(f)
		}
	}
	return docs
}

// world is an account with two streams and one function, which somebody else
// uses too.
func randomWorld(t *rapid.T) reconcile.State {
	shards := func(n int) []reconcile.Shard {
		all := make([]reconcile.Shard, n)
		for i := range all {
			all[i].ID = fmt.Sprintf("shardId-%012d", i)
		}
		return all
	}
	stream := func(name string) reconcile.Stream {
		return reconcile.Stream{Name: name, ARN: "arn:aws:kinesis:eu-west-1:111122223333:stream/" + name, Status: "ACTIVE",
			Retention: 24 * time.Hour, Shards: shards(rapid.IntRange(1, 8).Draw(t, "shards of "+name))}
	}
	live := reconcile.State{
		Account: "111122223333", Region: "eu-west-1", Partition: "aws",
		Streams:   map[string]reconcile.Stream{"s": stream("s"), "s2": stream("s2")},
		Functions: map[string]reconcile.Function{"f": {Name: "f"}},
		Aliases: map[reconcile.AliasKey]reconcile.Alias{
			{Function: "f", Name: "live"}:     {Key: reconcile.AliasKey{Function: "f", Name: "live"}, Version: "1"},
			{Function: "f", Name: "one--r3"}:  {Key: reconcile.AliasKey{Function: "f", Name: "one--r3"}, Version: "1", Description: rapid.SampledFrom([]string{"", "eventrouting.dev owner=blue stream=s start=trim-horizon"}).Draw(t, "foreign")},
			{Function: "f", Name: "x--y"}:     {Key: reconcile.AliasKey{Function: "f", Name: "x--y"}, Version: "1", Description: "eventrouting.dev owner=default stream=s start=trim-horizon"},
			{Function: "f", Name: "blue--r0"}: {Key: reconcile.AliasKey{Function: "f", Name: "blue--r0"}, Version: "1", Description: "eventrouting.dev owner=blue stream=s start=trim-horizon"},
		},
		Mappings: map[reconcile.Key][]reconcile.Mapping{},
		Facts: reconcile.Facts{
			Limits:   &reconcile.Limits{ConcurrentExecutions: 1000, Unreserved: rapid.SampledFrom([]int{205, 230, 1000}).Draw(t, "unreserved")},
			Invokers: map[string]reconcile.Invokers{"f": {}},
		},
	}
	for _, f := range []string{"one", "two"} {
		for i := range 4 {
			name := fmt.Sprint(f, i)
			live.Functions[name] = reconcile.Function{Name: name}
			k := reconcile.AliasKey{Function: name, Name: "live"}
			live.Aliases[k] = reconcile.Alias{Key: k, Version: "1"}
			live.Facts.Invokers[name] = reconcile.Invokers{}
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "consumer") == 0 {
		k := reconcile.ConsumerKey{Stream: "s", Name: "one--r1"}
		c := reconcile.Consumer{Key: k, ARN: consumerARN(k, 0), Status: "ACTIVE"}
		live.Consumers = map[reconcile.ConsumerKey]reconcile.Consumer{k: c}
		live.Facts.ConsumerTags = map[string]map[string]string{c.ARN: {}}
	}
	for i, k := range []reconcile.Key{
		{Stream: "s", Function: "one0", Qualifier: "live"}, {Stream: "s", Function: "one1"},
		{Stream: "s", Function: "f", Qualifier: "x--y"}, {Stream: "s", Function: "f", Qualifier: "blue--r0"},
		{Stream: "s2", Function: "f"}, {Stream: "s", Function: "other"}, {Stream: "s", Function: "f", Qualifier: "one--r2"},
	} {
		if rapid.IntRange(0, 2).Draw(t, k.String()) == 0 {
			uuid := fmt.Sprintf("foreign-%d", i)
			live.Mappings[k] = []reconcile.Mapping{{Key: k, UUID: uuid, Enabled: true, State: "Enabled", ParallelizationFactor: 2,
				BatchSize: 100, Filters: []string{`{"data":{"type":["foreign"]}}`}}}
			if live.Facts.Tags == nil {
				live.Facts.Tags = map[string]map[string]string{}
			}
			live.Facts.Tags[uuid] = map[string]string{}
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "provisioned") == 0 {
		f := live.Functions["f"]
		f.Provisioned = []reconcile.Provisioned{{Qualifier: "live", Requested: 3}}
		live.Functions["f"] = f
	}
	return live
}

// perturb does what people do behind our back.
func perturb(t *rapid.T, live reconcile.State) reconcile.State {
	live = copyState(live)
	for _, k := range slices.SortedFunc(mapKeys(live.Consumers), func(a, b reconcile.ConsumerKey) int { return strings.Compare(a.String(), b.String()) }) {
		c := live.Consumers[k]
		if live.Facts.Gone == nil {
			live.Facts.Gone = map[string]bool{}
		}
		switch rapid.IntRange(0, 5).Draw(t, "perturb "+k.String()) {
		case 0:
			live.Facts.Gone[c.ARN] = true
			delete(live.Consumers, k)
		case 1:
			live.Facts.Gone[c.ARN] = true
			c.ARN += "9"
			live.Facts.ConsumerTags[c.ARN] = map[string]string{}
			live.Consumers[k] = c
		}
	}
	for _, k := range slices.SortedFunc(mapKeys(live.Mappings), func(a, b reconcile.Key) int { return strings.Compare(a.String(), b.String()) }) {
		m := live.Mappings[k][0]
		switch rapid.IntRange(0, 9).Draw(t, "perturb "+k.String()) {
		case 0:
			delete(live.Mappings, k)
			continue
		case 1:
			m.BatchSize = 7
		case 2:
			m.Enabled, m.State, m.Modified = false, "Disabled", noon.Add(-time.Duration(rapid.IntRange(0, 120).Draw(t, "ago"))*time.Minute)
		case 3:
			m.Filters = []string{`{"data":{"type":["edited"]}}`}
		case 4:
			if strings.HasPrefix(k.Qualifier, "one--") {
				delete(live.Aliases, reconcile.AliasKey{Function: k.Function, Name: k.Qualifier})
			}
		}
		live.Mappings[k] = []reconcile.Mapping{m}
	}
	return live
}

func mapKeys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestProperties plans random documents in random worlds that earlier random
// documents shaped and people disturbed, and follows each plan change by change.
func TestProperties(t *testing.T) {
	o := reconcile.Options{Owner: "default"}
	rapid.Check(t, func(r *rapid.T) {
		before, after := randomDocuments(r), randomDocuments(r)
		plan := func(docs []spec.EventRouting) func(reconcile.State, time.Time) reconcile.Plan {
			return func(s reconcile.State, now time.Time) reconcile.Plan { return reconcile.Compute(docs, s, o, now) }
		}
		live, _ := settle(t, randomWorld(r), plan(before), noon.Add(-24*time.Hour))
		live = perturb(r, live)

		p := reconcile.Compute(after, live, o, noon)
		shuffled := rapid.Permutation(after).Draw(r, "order")
		if diff := cmp.Diff(p, reconcile.Compute(shuffled, live, o, noon)); diff != "" {
			r.Fatalf("other order, other plan:\n%s", diff)
		}
		now := noon
		for round := 0; !p.Empty(); round++ {
			if round == 5 {
				r.Fatalf("no empty plan after 5 rounds: %v", p.Changes)
			}
			ordered(t, p)
			untouched(t, live, p, o)
			live = follow(r, t, live, p, after, now)
			now = now.Add(time.Minute)
			p = reconcile.Compute(after, live, o, now)
		}
		if t.Failed() {
			r.FailNow()
		}
	})
}

// routed says whether a route runs a function: the reservation of another is left.
func routed(docs []spec.EventRouting, function string) bool {
	return slices.ContainsFunc(docs, func(d spec.EventRouting) bool {
		return slices.ContainsFunc(d.Resolve(), func(r spec.Resolved) bool { return spec.BareName(r.Function) == function })
	})
}

// follow carries a plan out change by change. After each, what could run fits
// into the reservation wherever the account allows it, and no event that a
// mapping took and an enabled route wants is taken by nobody.
func follow(r *rapid.T, t testing.TB, live reconcile.State, p reconcile.Plan, docs []spec.EventRouting, now time.Time) reconcile.State {
	for _, c := range p.Changes {
		next := simulate(t, live, []reconcile.Change{c}, now)
		for _, doc := range docs {
			for _, eventType := range wantedTypes(doc) {
				payload := fmt.Appendf(nil, `{"type":%q}`, eventType)
				if taken(live, doc.Spec.Stream, payload) && !taken(next, doc.Spec.Stream, payload) {
					r.Fatalf("after %s %s nobody takes %s", c.Action, c.Addr, payload)
				}
			}
		}
		short := slices.ContainsFunc(p.Findings, func(f spec.Finding) bool { return f.Code == reconcile.CodeShortage })
		admit := slices.ContainsFunc(docs, func(d spec.EventRouting) bool { return d.OnShortage() == spec.OnShortageAdmit })
		if m, ok := c.After.(*reconcile.Mapping); ok && runs(next, m.Key) > runs(live, m.Key) && (!short || !admit) && routed(docs, m.Key.Function) {
			f := next.Functions[m.Key.Function]
			room := 0
			if f.Reserved != nil {
				room = *f.Reserved
			}
			for _, pc := range f.Provisioned {
				room -= pc.Requested
			}
			need := 0
			for k := range next.Mappings {
				if k.Function == f.Name {
					need += runs(next, k)
				}
			}
			if room < need {
				r.Fatalf("after %s %s %d can run and %d are reserved for them", c.Action, c.Addr, need, room)
			}
		}
		live = next
	}
	return live
}

// wantedTypes are those that enabled routes of a document name.
func wantedTypes(doc spec.EventRouting) []string {
	var all []string
	for _, route := range doc.Resolve() {
		if route.Enabled {
			all = append(all, route.EventTypes...)
		}
	}
	return all
}

func taken(s reconcile.State, stream string, payload []byte) bool {
	for k, ms := range s.Mappings {
		for _, m := range ms {
			ours := strings.Contains(s.Aliases[reconcile.AliasKey{Function: k.Function, Name: k.Qualifier}].Description, "owner=default ")
			if !strings.Contains(k.Qualifier, "--") {
				ours = s.Facts.Tags[m.UUID][reconcile.TagOwner] == "default"
			}
			if k.Consumer != "" {
				ours = ours && s.Consumers[reconcile.ConsumerKey{Stream: k.Stream, Name: k.Consumer}].ARN == m.SourceARN
			}
			if ours && k.Stream == stream && m.Enabled && pattern.NewSet(m.Filters).Match(payload) {
				return true
			}
		}
	}
	return false
}

// runs is how many executions a mapping can use at one time.
func runs(s reconcile.State, k reconcile.Key) int {
	n := 0
	for _, m := range s.Mappings[k] {
		if m.Enabled {
			n += len(s.Streams[k.Stream].Shards) * m.ParallelizationFactor
		}
	}
	return n
}

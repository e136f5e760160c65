package command_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing/fstest"

	"github.com/eventrouting/eventrouting/spec"
)

// leg is a route of a simulated document.
type leg struct {
	name      string
	types     []string
	from, to  int // of type A, the amounts that it takes: from <= amount < to; 0 for no end
	catchAll  bool
	off       bool // enabled: false
	isolation string
	batch     int
	factor    int
	window    int // seconds
}

// draft is a simulated document. Which part of the traffic goes where is looked up
// in it, without a filter.
type draft struct {
	legs           []leg
	path           string // of the event type
	function       string
	paused         bool
	age            string // maxAge
	policy, follow string // Sync and live where they are empty
}

// part is one kind of record: a type, and for A an amount.
type part struct {
	eventType string
	amount    int
}

func (p part) String() string {
	if p.amount == 0 {
		return p.eventType
	}
	return fmt.Sprint(p.eventType, "/", p.amount)
}

func (p part) payload(n int) []byte {
	return fmt.Appendf(nil, `{"eventType":"%s","kind":"%s","amount":%d,"n":%d}`, p.eventType, p.eventType, p.amount, n)
}

// stream is where a part is written to.
func (p part) stream() string {
	if p.eventType == "F" {
		return "billing-events"
	}
	return "orders-events"
}

// parts are what is written. F is of a document and a stream of its own.
var parts = []part{{"A", 50}, {"A", 200}, {"A", 500}, {"B", 0}, {"C", 0}, {"D", 0}, {"E", 0}, {"F", 0}}

// takes says whether a route that names its types takes a part.
func (l leg) takes(p part) bool {
	return slices.Contains(l.types, p.eventType) && (p.eventType != "A" || l.from <= p.amount && (l.to == 0 || p.amount < l.to))
}

// route finds the leg that takes a part: one that names it, else the catch-all, if
// no route names its type; nil for none.
func (d draft) route(p part) *leg {
	var rest *leg
	named := false
	for i, l := range d.legs {
		switch {
		case l.takes(p):
			return &d.legs[i]
		case l.catchAll:
			rest = &d.legs[i]
		case slices.Contains(l.types, p.eventType):
			named = true
		}
	}
	if named || p.eventType == "F" {
		return nil
	}
	return rest
}

// legOf is how a part is taken; empty for a part that no route takes.
func (d draft) legOf(p part) string {
	l := d.route(p)
	if p.eventType == "F" || l == nil {
		return ""
	}
	return fmt.Sprint(l.name, l.types, l.from, l.to, l.isolation, d.path, d.function)
}

// text is the document.
func (d draft) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: orders}
spec:
  region: eu-west-1
  stream: orders-events
  function: {name: %s, follow: %s}
  policy: %s
  eventType: {path: %s}
  paused: %t
  retireAfter: 12h
  defaults: {retry: {maxAge: %s}}
  routes:
`, d.function, cmp.Or(d.follow, "live"), cmp.Or(d.policy, "Sync"), d.path, d.paused, d.age)
	for i, l := range d.legs {
		fmt.Fprintf(&b, "    - {name: %s, isolation: %s, batchSize: %d, parallelizationFactor: %d, maxBatchingWindow: %ds, enabled: %t", l.name, l.isolation, l.batch, l.factor, l.window, !l.off)
		if l.isolation == "Function" {
			fmt.Fprintf(&b, ", function: own-%d", i)
		}
		if l.catchAll {
			b.WriteString(", catchAll: true")
		} else {
			fmt.Fprintf(&b, ", eventTypes: [%s]", strings.Join(l.types, ", "))
		}
		switch {
		case l.from > 0:
			fmt.Fprintf(&b, `, where: {amount: [{numeric: [">=", %d]}]}`, l.from)
		case l.to > 0:
			fmt.Fprintf(&b, `, where: {amount: [{numeric: ["<", %d]}]}`, l.to)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

const billingText = `apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: billing}
spec:
  region: eu-west-1
  stream: billing-events
  function: {name: order-processor, follow: live}
  eventType: {path: eventType}
  defaults: {retry: {maxAge: 23h}}
  routes:
    - {name: invoices, eventTypes: [F]}
`

const auditText = `apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: audit}
spec:
  region: eu-west-1
  stream: orders-events
  function: {name: order-processor, follow: live}
  eventType: {path: eventType}
  defaults: {retry: {maxAge: 23h}}
  routes:
    - {name: all-d, eventTypes: [D], allowOverlap: true}
`

// docs loads texts, one document each; nil for documents that are refused.
func docs(texts ...string) []spec.EventRouting {
	files, names := fstest.MapFS{}, []string{}
	for i, text := range texts {
		names = append(names, fmt.Sprintf("%d.yaml", i))
		files[names[i]] = &fstest.MapFile{Data: []byte(text)}
	}
	all, findings := spec.Load(files, names...)
	for _, f := range findings {
		if f.Severity == spec.Error {
			return nil
		}
	}
	return all
}

// revision is one change of a scene: a document, and what happens until the next one.
// It stands for itself, so that a scene that fails can be cut down.
type revision struct {
	op   string
	seed uint64 // of what happens
	doc  draft
}

// plot is what a voyage goes through.
type plot struct {
	seed   uint64
	edits  []revision
	short  bool // maxAge is minutes: the function never fails and always has room
	audit  bool // another owner has a routing on the same function
	partly bool // sometimes a document does not load, and --prune is given
	slow   bool // invocations may take 15 minutes, and some nearly do
}

// newPlot draws a scene.
func newPlot(seed uint64, n int) plot {
	random := rand.New(rand.NewPCG(seed, 1))
	s := plot{seed: seed, audit: random.IntN(4) == 0, partly: random.IntN(2) == 0}
	age := []string{"23h", "23h", "1h", "3m"}[random.IntN(4)]
	s.short = age != "23h"
	s.slow = !s.short && seed%3 == 0
	d := fresh(random)
	d.age = age
	past := []draft{}
	for i := range n {
		e := revision{op: "start", seed: seed<<8 + uint64(i)}
		if i > 0 {
			for range 20 {
				op := ops[random.IntN(len(ops))]
				next := op.apply(d.copy(), past, random)
				next.age = age
				if next.text() != d.text() && docs(next.text(), billingText) != nil {
					e.op, d = op.name, next
					break
				}
			}
		}
		past = append(past, d)
		e.doc = d
		s.edits = append(s.edits, e)
	}
	return s
}

func (d draft) copy() draft {
	d.legs = slices.Clone(d.legs)
	for i := range d.legs {
		d.legs[i].types = slices.Clone(d.legs[i].types)
	}
	return d
}

// on is the document with nothing disabled or paused.
func (d draft) on() draft {
	d = d.copy()
	d.paused = false
	d.policy = "Sync"
	for i := range d.legs {
		d.legs[i].off = false
	}
	return d
}

// fresh deals the types out to routes.
func fresh(random *rand.Rand) draft {
	d := draft{path: "eventType", function: "order-processor"}
	n := 1 + random.IntN(3)
	dealt := make([][]string, n)
	for _, t := range []string{"A", "B", "C", "D", "E"} {
		if i := random.IntN(n + 1); i < n {
			dealt[i] = append(dealt[i], t)
		}
	}
	for i, types := range dealt {
		if len(types) > 0 {
			d.legs = append(d.legs, leg{name: fmt.Sprint("r", i), types: types, isolation: isolation(random), batch: 1 + random.IntN(20), factor: 1})
		}
	}
	if random.IntN(2) == 0 || len(d.legs) == 0 {
		d.legs = append(d.legs, leg{name: "rest", catchAll: true, isolation: "Alias", batch: 10, factor: 1})
	}
	return d
}

func isolation(random *rand.Rand) string {
	return []string{"Alias", "Alias", "Alias", "FanOut", "Function"}[random.IntN(5)]
}

// ops are the edits that people make.
var ops = []struct {
	name  string
	apply func(d draft, past []draft, random *rand.Rand) draft
}{
	{"anything", func(d draft, _ []draft, random *rand.Rand) draft { return fresh(random) }},
	{"revert", func(d draft, past []draft, random *rand.Rand) draft { return past[random.IntN(len(past))].copy() }},
	{"revert", func(d draft, past []draft, _ *rand.Rand) draft { return past[max(0, len(past)-2)].copy() }},
	{"remove a route", func(d draft, _ []draft, random *rand.Rand) draft {
		i := random.IntN(len(d.legs))
		d.legs = slices.Delete(d.legs, i, i+1)
		return d
	}},
	{"rename a route", func(d draft, _ []draft, random *rand.Rand) draft {
		d.legs[random.IntN(len(d.legs))].name = fmt.Sprint("n", random.IntN(5))
		return d
	}},
	{"move a type", moveType},
	{"move a type", moveType},
	{"move a type", moveType},
	{"split by amount", func(d draft, _ []draft, random *rand.Rand) draft {
		i := slices.IndexFunc(d.legs, func(l leg) bool { return slices.Contains(l.types, "A") })
		if i < 0 {
			return d
		}
		at := []int{100, 300}[random.IntN(2)]
		if d.legs[i].from+d.legs[i].to > 0 { // the boundary moves
			for j := range d.legs {
				if d.legs[j].from > 0 {
					d.legs[j].from = at
				}
				if d.legs[j].to > 0 {
					d.legs[j].to = at
				}
			}
			return d
		}
		if len(d.legs[i].types) > 1 {
			d.legs[i].types = slices.DeleteFunc(d.legs[i].types, func(t string) bool { return t == "A" })
			d.legs = append(d.legs, leg{name: "low", types: []string{"A"}, to: at, isolation: "Alias", batch: 10, factor: 1})
		} else {
			d.legs[i].to = at
		}
		d.legs = append(d.legs, leg{name: "high", types: []string{"A"}, from: at, isolation: "Alias", batch: 10, factor: 1})
		return d
	}},
	{"merge two routes", func(d draft, _ []draft, random *rand.Rand) draft {
		i, j := random.IntN(len(d.legs)), random.IntN(len(d.legs))
		if i == j || d.legs[i].catchAll || d.legs[j].catchAll || d.legs[i].to+d.legs[i].from+d.legs[j].to+d.legs[j].from > 0 {
			return d
		}
		d.legs[i].types = append(d.legs[i].types, d.legs[j].types...)
		d.legs = slices.Delete(d.legs, j, j+1)
		return d
	}},
	{"catch-all on or off", func(d draft, _ []draft, _ *rand.Rand) draft {
		if i := slices.IndexFunc(d.legs, func(l leg) bool { return l.catchAll }); i >= 0 {
			d.legs = slices.Delete(d.legs, i, i+1)
			return d
		}
		d.legs = append(d.legs, leg{name: "rest", catchAll: true, isolation: "Alias", batch: 10, factor: 1})
		return d
	}},
	{"another path", func(d draft, _ []draft, _ *rand.Rand) draft {
		d.path = map[string]string{"eventType": "kind", "kind": "eventType"}[d.path]
		return d
	}},
	{"another isolation", func(d draft, _ []draft, random *rand.Rand) draft {
		d.legs[random.IntN(len(d.legs))].isolation = isolation(random)
		return d
	}},
	{"another function", func(d draft, _ []draft, _ *rand.Rand) draft {
		d.function = map[string]string{"order-processor": "next", "next": "order-processor"}[d.function]
		return d
	}},
	{"settings", func(d draft, _ []draft, random *rand.Rand) draft {
		l := &d.legs[random.IntN(len(d.legs))]
		l.batch, l.factor = 1+random.IntN(20), 1+random.IntN(3)
		return d
	}},
	{"a route off or on", func(d draft, _ []draft, random *rand.Rand) draft {
		l := &d.legs[random.IntN(len(d.legs))]
		l.off = !l.off
		return d
	}},
	{"policy", func(d draft, _ []draft, random *rand.Rand) draft {
		d.policy = []string{"Sync", "UpsertOnly", "CreateOnly"}[random.IntN(3)]
		if random.IntN(2) == 0 {
			return d
		}
		return moveType(d, nil, random)
	}},
	{"follow", func(d draft, _ []draft, random *rand.Rand) draft {
		d.follow = []string{"live", "$LATEST"}[random.IntN(2)]
		return d
	}},
	{"window", func(d draft, _ []draft, random *rand.Rand) draft {
		if d.age == "23h" {
			d.legs[random.IntN(len(d.legs))].window = []int{0, 20, 120, 300}[random.IntN(4)]
		}
		return d
	}},
	{"pause or go on", func(d draft, _ []draft, _ *rand.Rand) draft {
		d.paused = !d.paused
		return d
	}},
}

// moveType moves one type from a route to another one.
func moveType(d draft, _ []draft, random *rand.Rand) draft {
	i, j := random.IntN(len(d.legs)), random.IntN(len(d.legs))
	if i == j || len(d.legs[i].types) < 2 || d.legs[j].catchAll || d.legs[i].to+d.legs[i].from+d.legs[j].to+d.legs[j].from > 0 {
		return d
	}
	k := random.IntN(len(d.legs[i].types))
	d.legs[j].types = append(d.legs[j].types, d.legs[i].types[k])
	d.legs[i].types = slices.Delete(d.legs[i].types, k, k+1)
	return d
}

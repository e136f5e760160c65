package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Limits of one stream.
const (
	// A shard answers 5 reads a second, and every standard mapping reads every
	// shard once a second, whatever it filters.
	// https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
	maxReaders  = 5
	manyReaders = 3 // from here on reads are late when a mapping catches up
	// 20 enhanced fan-out consumers, 50 with On-demand Advantage.
	// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html
	maxConsumers  = 50
	manyConsumers = 20
)

// Together says what is wrong with documents that are valid one by one, all together.
// [Load] has done so as far as documents say where they are; once their Home is known
// there may be more.
func Together(docs []EventRouting) []Finding {
	all := make([]*check, len(docs))
	for i, d := range docs {
		all[i] = &check{doc: d, routes: d.Resolve()}
	}
	together(all)
	var findings []Finding
	for _, c := range all {
		findings = append(findings, c.findings...)
	}
	sortFindings(findings)
	return findings
}

// streams names the stream of each document, the same for those of one stream of one
// account and region. All that assume no role are in one account, which some may name.
func streams(docs []EventRouting) []string {
	own := ""
	for _, d := range docs {
		if d.Spec.AssumeRole == "" && own == "" {
			own = d.Account()
		}
	}
	all := make([]string, len(docs))
	for i, d := range docs {
		all[i] = strings.Join([]string{BareName(d.Spec.Stream), d.Region(), cmp.Or(d.Account(), own)}, "\x00")
	}
	return all
}

// together checks what documents share. A finding stands in every document
// that it concerns, as each of them may be what has to change.
func together(all []*check) {
	uniqueNames(all)
	ownAliases(all)
	oneRole(all)
	docs := make([]EventRouting, len(all))
	for i, c := range all {
		docs[i] = c.doc
	}
	demands := map[string]*demand{}
	var order []*demand
	for i, key := range streams(docs) {
		c := all[i]
		if c.wrong("spec.stream") || c.doc.Spec.Stream == "" {
			continue
		}
		if demands[key] == nil {
			demands[key] = &demand{name: BareName(c.doc.Spec.Stream), functions: map[string]string{}}
			order = append(order, demands[key])
		}
		demands[key].add(c)
	}
	for _, d := range order {
		d.report()
	}
}

// uniqueNames checks that no two documents are one routing. One routing has
// one stream, so this also keeps (routing, function) off a second stream.
func uniqueNames(all []*check) {
	byName := map[string][]*check{}
	for _, c := range all {
		if name := c.doc.Metadata.Name; name != "" {
			byName[name] = append(byName[name], c)
		}
	}
	for _, c := range all {
		name := c.doc.Metadata.Name
		for _, other := range byName[name] {
			if other != c {
				c.err(CodeDuplicate, "metadata.name", "routing %s is also defined %s: rename one, or merge them", name, other.where())
				break
			}
		}
	}
}

// where is what people call the place of a document.
func (c *check) where() string {
	if c.doc.Origin.File == "" {
		return "by another document"
	}
	return fmt.Sprintf("in %s:%d", c.doc.Origin.File, c.doc.Origin.Line)
}

// ownAliases checks that no routing follows an alias that a route owns: such a
// one is kept at what its routing follows, and could follow itself.
func ownAliases(all []*check) {
	owned := map[string]string{}
	for _, c := range all {
		for _, r := range c.routes {
			if r.Isolation == IsolationAlias {
				owned[BareName(r.Function)+":"+c.doc.Metadata.Name+"--"+r.Name] = c.doc.Metadata.Name + "/" + r.Name
			}
		}
	}
	for _, c := range all {
		if route := owned[BareName(c.doc.Spec.Function.Name)+":"+c.doc.Follow()]; route != "" {
			c.err(CodeConflict, "spec.function.follow", "%s is the alias of route %s: follow one that deployments move", c.doc.Follow(), route)
		}
	}
}

// oneRole checks that the documents that run one function are handled as one: what
// is reserved for it is one number, and those of each role are planned apart. Of a
// document that names no account only AWS can tell.
func oneRole(all []*check) {
	first := map[string]*check{} // that runs a function, by it, its account and region
	said := map[*check]bool{}
	for _, c := range all {
		account := c.doc.Account()
		if account == "" || c.wrong("spec.assumeRole") {
			continue
		}
		for _, r := range c.routes {
			name := BareName(r.Function)
			key := strings.Join([]string{name, account, c.doc.Region()}, "\n")
			other, taken := first[key]
			if !taken {
				first[key] = c
				continue
			}
			if name == "" || other.doc.Spec.AssumeRole == c.doc.Spec.AssumeRole {
				continue
			}
			for _, pair := range [][2]*check{{c, other}, {other, c}} {
				if one, two := pair[0], pair[1]; !said[one] {
					said[one] = true
					one.err(CodeConflict, "spec.assumeRole", "documents that run one function say the same assumeRole: routing %s, %s, runs %s in account %s as well, and its reservation is one number", two.doc.Metadata.Name, two.where(), name, account)
				}
			}
		}
	}
}

// demand is what documents ask of one stream.
type demand struct {
	name      string
	readers   asked             // enabled standard mappings
	consumers asked             // enhanced fan-out
	functions map[string]string // with isolation Function, whose they are
}

// asked is how many of something, and by which documents.
type asked struct {
	count int
	by    []*check
}

func (a *asked) add(c *check) {
	a.count++
	if len(a.by) == 0 || a.by[len(a.by)-1] != c {
		a.by = append(a.by, c)
	}
}

func (d *demand) add(c *check) {
	for i, r := range c.routes {
		switch {
		case r.Isolation == IsolationFanOut:
			d.consumers.add(c)
		case r.Enabled:
			d.readers.add(c)
		}
		if r.Isolation == IsolationFunction && r.Function != "" {
			d.own(c, i)
		}
	}
}

// own checks that a function serves one route of the stream only: AWS allows
// one mapping per source and function, whatever the filter.
func (d *demand) own(c *check, i int) {
	function, route := BareName(c.routes[i].Function), c.doc.Metadata.Name+"/"+c.routes[i].Name
	if other, taken := d.functions[function]; taken {
		c.err(CodeConflict, routePath(i)+".function", "function %s runs %s on stream %s already: with isolation Function every route needs its own", function, other, d.name)
		return
	}
	d.functions[function] = route
}

func (d *demand) report() {
	const advice = "merge routes into one, or set isolation: FanOut on some"
	reads := fmt.Sprintf("each reads every shard once a second and a shard answers %d reads/s", maxReaders)
	switch r := d.readers; {
	case r.count > maxReaders:
		r.say(Error, CodeReadBudget, "%d enabled standard mappings are asked for on stream %s%s, at most %d can read it: %s; %s", r.count, d.name, r.among(), maxReaders, reads, advice)
	case r.count >= manyReaders:
		r.say(Warning, CodeReadBudget, "%d of %d possible standard mappings on stream %s%s: %s, so one that catches up is slowed; %s if that matters", r.count, maxReaders, d.name, r.among(), reads, advice)
	}
	switch n := d.consumers; {
	case n.count > maxConsumers:
		n.say(Error, CodeConsumers, "%d enhanced fan-out consumers are asked for on stream %s%s, AWS allows %d: merge routes into one", n.count, d.name, n.among(), maxConsumers)
	case n.count > manyConsumers:
		n.say(Warning, CodeConsumers, "%d enhanced fan-out consumers on stream %s%s: AWS allows %d, and %d with On-demand Advantage only; merge routes into one if the account has none", n.count, d.name, n.among(), manyConsumers, maxConsumers)
	}
}

// among names the documents, if they are several.
func (a asked) among() string {
	if len(a.by) == 1 {
		return ""
	}
	const most = 5
	var names []string
	for _, c := range a.by {
		names = append(names, c.doc.Metadata.Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if rest := len(names) - most; rest > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", rest))
	}
	return " by " + strings.Join(names, ", ")
}

func (a asked) say(s Severity, code, format string, args ...any) {
	for _, c := range a.by {
		c.add(s, code, "spec.stream", format, args)
	}
}

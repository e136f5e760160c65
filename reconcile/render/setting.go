package render

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
)

// as is an object of one type, nil where there is none or one of another type.
func as[T reconcile.Object](o reconcile.Object) T {
	t, _ := o.(T)
	return t
}

// setting is a named value as people read it.
type setting struct {
	name, value string
	usual       string // AWS's default
}

// settings writes what a change sets: all that differs, or of something new
// what is not AWS's default.
func (p *page) settings(indent int, c reconcile.Change) {
	var before, after []setting
	switch c.Addr.Kind {
	case reconcile.KindMapping:
		p.mapping(indent, as[*reconcile.Mapping](c.Before), as[*reconcile.Mapping](c.After))
		return
	case reconcile.KindAlias:
		before, after = ofAlias(as[*reconcile.Alias](c.Before)), ofAlias(as[*reconcile.Alias](c.After))
	case reconcile.KindConsumer:
		p.consumer(indent, as[*reconcile.Consumer](c.Before), as[*reconcile.Consumer](c.After))
		return
	case reconcile.KindReservation:
		before, after = ofReservation(as[*reconcile.Reservation](c.Before)), ofReservation(as[*reconcile.Reservation](c.After))
	}
	p.differences(indent, before, after)
}

// differences writes one line per setting that differs, or of a new object per
// setting that is not usual. Of an object that goes nothing is written.
func (p *page) differences(indent int, before, after []setting) {
	was := make(map[string]string, len(before))
	for _, s := range before {
		was[s.name] = s.value
	}
	for _, s := range after {
		old, known := was[s.name]
		switch {
		case len(before) == 0 && s.value != s.usual:
			p.line(indent, say(s.name+": "+s.value))
		case len(before) > 0 && !known:
			p.line(indent, say(s.name+": none"), span{" -> ", yellow}, say(s.value))
		case known && old != s.value:
			p.line(indent, say(s.name+": "+old), span{" -> ", yellow}, say(s.value))
		}
		delete(was, s.name)
	}
	if len(after) == 0 {
		return
	}
	for _, s := range before {
		if _, left := was[s.name]; left {
			p.line(indent, say(s.name+": "+s.value), span{" -> ", yellow}, say("none"))
		}
	}
}

func ofReservation(r *reconcile.Reservation) []setting {
	value := "unset"
	if r != nil {
		value = strconv.Itoa(r.Reserved)
	}
	return []setting{{name: "reservedConcurrentExecutions", value: value}}
}

func ofAlias(a *reconcile.Alias) []setting {
	if a == nil {
		return nil
	}
	weights := make([]string, 0, len(a.Weights))
	for _, version := range slices.Sorted(maps.Keys(a.Weights)) {
		weights = append(weights, version+"="+strconv.FormatFloat(a.Weights[version], 'g', -1, 64))
	}
	return []setting{
		{name: "functionVersion", value: a.Version},
		{name: "routingConfig", value: orNone(strings.Join(weights, ", ")), usual: "none"},
		{name: "description", value: orNone(a.Description), usual: orNone(a.Description)},
	}
}

// consumer writes the tags that are set. Those that people gave it stay.
func (p *page) consumer(indent int, before, after *reconcile.Consumer) {
	if after == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(after.Tags)) {
		old, known := "", false
		if before != nil {
			old, known = before.Tags[name]
		}
		p.tag(indent, name, old, after.Tags[name], known)
	}
}

// mapping writes what becomes of a mapping. Where it reads is shown of a new
// one and of one that moves; its start of a new one only.
func (p *page) mapping(indent int, before, after *reconcile.Mapping) {
	switch {
	case after == nil && before == nil:
	case after == nil:
		p.line(indent, say(before.Key.String()))
	case before == nil:
		p.line(indent, say(after.Key.String()))
		p.filters(indent, after.Filters)
		p.line(indent, say("startingPosition: "+startText(after.Start)))
		p.differences(indent, nil, ofMapping(after))
	default:
		if before.Key != after.Key {
			p.differences(indent, ofKey(before.Key), ofKey(after.Key))
		}
		switch {
		case after.FiltersUnknown:
		case before.FiltersUnknown:
			p.line(indent, say(filterName+": encrypted, and not known; wanted"))
			p.anyOf(indent+4, after.Filters)
		default:
			p.filterChange(indent, before.Filters, after.Filters)
		}
		p.differences(indent, ofMapping(before), ofMapping(after))
		p.tags(indent, before.Tags, after.Tags)
	}
}

// tags writes the tags that are set. Those of a live mapping are often not
// known; the ones that name its owner and route are then as good as there.
func (p *page) tags(indent int, before, after map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(after)) {
		old, known := before[name]
		identity := name == reconcile.TagOwner || name == reconcile.TagRouting || name == reconcile.TagRoute
		if known || !identity {
			p.tag(indent, name, old, after[name], known)
		}
	}
}

// tag writes a tag that is new or changes.
func (p *page) tag(indent int, name, old, value string, known bool) {
	switch {
	case !known:
		p.line(indent, say("tag "+name+" = "+strconv.Quote(value)))
	case old != value:
		p.line(indent, say("tag "+name+": "+orNone(old)), span{" -> ", yellow}, say(orNone(value)))
	}
}

func startText(s reconcile.Start) string {
	switch {
	case s.TrimHorizon:
		return "TRIM_HORIZON"
	case s.At.IsZero():
		return "unknown"
	}
	return "AT_TIMESTAMP " + s.At.UTC().Format(time.RFC3339)
}

// ofKey is where a mapping reads and what it runs.
func ofKey(k reconcile.Key) []setting {
	source, _, _ := strings.Cut(k.String(), " -> ")
	return []setting{{name: "eventSource", value: source}, {name: "functionName", value: k.Target()}}
}

// ofMapping lists what a mapping is set to, its filters and tags excepted.
func ofMapping(m *reconcile.Mapping) []setting {
	number := func(name string, n int, usual string) setting {
		if n == -1 {
			return setting{name, "unlimited", usual}
		}
		return setting{name, strconv.Itoa(n), usual}
	}
	claim := func(name string, b bool, usual string) setting {
		return setting{name, strconv.FormatBool(b), usual}
	}
	return []setting{
		claim("enabled", m.Enabled, "true"),
		number("batchSize", m.BatchSize, "100"),
		number("maximumBatchingWindowInSeconds", m.MaximumBatchingWindow, "0"),
		number("parallelizationFactor", m.ParallelizationFactor, "1"),
		number("maximumRetryAttempts", m.MaximumRetryAttempts, "unlimited"),
		number("maximumRecordAgeInSeconds", m.MaximumRecordAge, "unlimited"),
		claim("bisectBatchOnFunctionError", m.BisectBatchOnFunctionError, "false"),
		number("tumblingWindowInSeconds", m.TumblingWindow, "0"),
		{"onFailure", orNone(m.OnFailure), "none"},
		claim("reportBatchItemFailures", m.ReportBatchItemFailures, "false"),
		{"kmsKeyArn", orNone(m.KMSKey), "none"},
		{"metrics", orNone(strings.Join(m.Metrics, ", ")), "none"},
	}
}

func orNone(s string) string { return cmp.Or(s, "none") }

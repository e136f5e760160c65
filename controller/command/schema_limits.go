package command

import (
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/eventrouting/eventrouting/spec"
)

// Forms of text, as in package spec, which alone decides; a test compares.
const (
	formUnits  = `(ns|us|µs|μs|ms|s|m|h)`
	formSpan   = `(([0-9]+(\.[0-9]*)?|\.[0-9]+)` + formUnits + `)+` // a length of time without its sign
	formNoSpan = `(0|((0+(\.0*)?|\.0+)` + formUnits + `)+)`         // one of nothing

	formRegion    = `[a-z]{1,16}(-[a-z]{1,16})+-[0-9]{1,2}`
	formPartition = `arn:aws(-[^:]*)?:`
	formHome      = `:` + formRegion + `:[0-9]{12}:`
	formStream    = `[A-Za-z0-9_.-]{1,128}`
	formFunction  = `[A-Za-z0-9_-]{1,64}`
)

// formed is text that a pattern matches as a whole.
func formed(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: whole(pattern)}
}

func whole(pattern string) string { return "^(" + pattern + ")$" }

func words[T ~string](all ...T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, w := range all {
		s.Enum = append(s.Enum, string(w))
	}
	return s
}

// limited is a schema in which values are looked up by path, keys with dots
// between.
type limited struct{ *jsonschema.Schema }

func (l limited) at(path string) *jsonschema.Schema {
	s := l.Schema
	for key := range strings.SplitSeq(path, ".") {
		if s = s.Properties[key]; s.Items != nil && s.Items.Properties != nil {
			s = s.Items
		}
	}
	return s
}

func (l limited) pattern(path, pattern string) { l.at(path).Pattern = whole(pattern) }

func (l limited) between(path string, least, most float64) {
	l.at(path).Minimum, l.at(path).Maximum = &least, &most
}

// limit adds what the types do not say.
func limit(s *jsonschema.Schema) {
	l := limited{s}
	l.at("apiVersion").Enum = []any{spec.APIVersion}
	l.at("kind").Enum = []any{spec.Kind}
	l.name("metadata.name")
	l.pattern("spec.region", formRegion)
	l.pattern("spec.assumeRole", formPartition+`iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}`)
	l.pattern("spec.stream", formStream+`|`+formPartition+`kinesis`+formHome+`stream/`+formStream)
	l.function("spec.function.name")
	l.pattern("spec.function.follow", `\$LATEST|[A-Za-z0-9_-]{1,128}`)
	path := l.at("spec.eventType.path")
	path.Pattern = whole(`[^.]+(\.[^.]+)*`)
	path.Not = &jsonschema.Schema{Pattern: `(^|\.)\$or(\.|$)|^\s|\s$|[\x00-\x1f\x7f]`}
	l.between("spec.otherReaders", 0, spec.MostReaders)
	l.positive("spec.retireAfter")
	l.positive("spec.handover.assumeLagBelow")
	l.between("spec.concurrency.minimum", 0, spec.MostExecutions)
	l.between("spec.concurrency.maximum", 1, spec.MostExecutions)
	l.between("spec.concurrency.others", 0, spec.MostExecutions)
	l.positive("spec.concurrency.releaseAfter")
	l.settings("spec.defaults")
	l.settings("spec.routes")
	l.route(l.at("spec.routes"))
}

// route is about what a route alone has.
func (l limited) route(route *jsonschema.Schema) {
	l.name("spec.routes.name")
	types := route.Properties["eventTypes"]
	types.UniqueItems = true
	types.Items.MinLength = new(1)
	var yes any = true
	only := &jsonschema.Schema{Required: []string{"catchAll"}, Properties: map[string]*jsonschema.Schema{"catchAll": {Const: &yes}}}
	some := &jsonschema.Schema{MinItems: new(1)}
	route.If = only
	route.Then = &jsonschema.Schema{Not: &jsonschema.Schema{Required: []string{"eventTypes"}}}
	route.Else = &jsonschema.Schema{Required: []string{"eventTypes"}, Properties: map[string]*jsonschema.Schema{"eventTypes": some}}
}

// settings are those of a route, or of all.
func (l limited) settings(at string) {
	l.function(at + ".function")
	l.between(at+".batchSize", 1, 10_000)
	l.between(at+".parallelizationFactor", 1, 10)
	l.pattern(at+".maxBatchingWindow", `\+?(0|`+formSpan+`)|-`+formNoSpan)
	l.pattern(at+".tumblingWindow", `[+-]?`+formNoSpan) // AWS takes none beside a filter
	l.between(at+".retry.maxAttempts", -1, 10_000)
	l.at(at + ".retry.maxAge").Not = &jsonschema.Schema{Pattern: whole(`[+-]?` + formNoSpan)}
	failed := l.at(at + ".onFailure")
	failed.MaxLength = new(350)
	failed.Pattern = whole(`|` + formPartition + `(sqs` + formHome + `[A-Za-z0-9_-]{1,80}|sns` + formHome + `[A-Za-z0-9_-]{1,256}|s3:::[a-z0-9.-]{3,63})`)
	l.pattern(at+".kmsKey", `|`+formPartition+`kms`+formHome+`(key|alias)/[A-Za-z0-9_/-]{1,256}`)
	metrics := l.at(at + ".metrics")
	metrics.UniqueItems = true
	metrics.Items.Enum = []any{"EventCount"}
}

// name is one that becomes a part of ROUTING--ROUTE.
func (l limited) name(path string) {
	l.pattern(path, `[a-z0-9]([a-z0-9-]*[a-z0-9])?`)
	s := l.at(path)
	s.MaxLength = new(40)
	s.Not = &jsonschema.Schema{Pattern: "--"}
}

func (l limited) function(path string) {
	l.pattern(path, formFunction+`|`+formPartition+`lambda`+formHome+`function:`+formFunction)
}

// positive is a length of time above 0.
func (l limited) positive(path string) {
	l.pattern(path, `\+?`+formSpan)
	l.at(path).Not = &jsonschema.Schema{Pattern: whole(`\+?` + formNoSpan)}
}

package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// allRoutes checks the routes of a document, one by one and against each other.
func (c *check) allRoutes() {
	if c.doc.Spec.Routes == nil {
		c.err(CodeMissing, routesPath, "is missing: write at least one route, or routes: [] to retire all that there are")
		return
	}
	if len(c.doc.Spec.Routes) == 0 {
		c.warn(CodeNoRoutes, routesPath, "has no route: what the routing has live is retired")
	}
	names, catchAll := map[string]int{}, -1
	for i, r := range c.doc.Spec.Routes {
		path := routePath(i)
		c.named(path+".name", r.Name, "order-placed", checkName)
		if first, twice := names[r.Name]; !twice {
			names[r.Name] = i
		} else if r.Name != "" {
			c.err(CodeDuplicate, path+".name", "%q is also the name of %s: rename one", r.Name, routePath(first))
		}
		c.eventTypes(i)
		if r.CatchAll && catchAll >= 0 {
			c.err(CodeConflict, path+".catchAll", "route %s is a catch-all already: a document has one", c.doc.Spec.Routes[catchAll].Name)
		} else if r.CatchAll {
			catchAll = i
		}
		c.settings(path, r.Settings)
		c.isolated(i)
	}
	c.overlaps(c.filters())
	c.poison()
	c.waits()
}

// eventTypes checks what a route takes.
func (c *check) eventTypes(i int) {
	r, path := c.doc.Spec.Routes[i], routePath(i)+".eventTypes"
	switch {
	case r.CatchAll && len(r.EventTypes) > 0:
		c.err(CodeConflict, routePath(i)+".catchAll", "stands beside eventTypes: a catch-all takes what no other route names; remove one of the two")
	case r.CatchAll && r.EventTypes != nil:
		c.err(CodeConflict, path, "stands beside catchAll: remove one of the two")
	case !r.CatchAll && len(r.EventTypes) == 0:
		c.err(CodeMissing, path, "names no event type, so the route takes nothing: write eventTypes: [NAME], or catchAll: true for what no other route names")
	}
	for k, t := range r.EventTypes {
		at := fmt.Sprintf("%s[%d]", path, k)
		if t == "" {
			c.err(CodeMissing, at, "is empty: write the type")
		} else if first := slices.Index(r.EventTypes, t); first < k {
			c.err(CodeDuplicate, at, "%q is also eventTypes[%d]: remove one", t, first)
		}
	}
}

// settings checks what a route or `defaults` writes. The limits are AWS's.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
func (c *check) settings(path string, s Settings) {
	oneOf(c, path+".isolation", s.Isolation, isolations())
	if s.Function != "" {
		c.must(path+".function", checkFunction(s.Function))
	}
	c.between(path+".batchSize", s.BatchSize, 1, 10_000)
	c.between(path+".parallelizationFactor", s.ParallelizationFactor, 1, 10)
	c.span(path+".maxBatchingWindow", s.MaxBatchingWindow, 0, 5*time.Minute)
	c.tumbling(path+".tumblingWindow", s.TumblingWindow)
	if s.Retry != nil {
		c.between(path+".retry.maxAttempts", s.Retry.MaxAttempts, unlimited, 10_000)
		if v := s.Retry.MaxAge; v == nil || v.Duration != unlimited*time.Second {
			c.span(path+".retry.maxAge", v, time.Minute, 7*24*time.Hour)
		}
	}
	if s.OnFailure != nil && *s.OnFailure != "" {
		c.must(path+".onFailure", checkDestination(*s.OnFailure))
	}
	if s.KMSKey != nil && *s.KMSKey != "" {
		c.must(path+".kmsKey", checkKey(*s.KMSKey))
	}
	if s.Metrics != nil {
		c.metrics(path+".metrics", *s.Metrics)
	}
}

// tumbling refuses every window: Lambda accepts none beside a filter, and
// every route has a filter. What AWS answers was recorded for DynamoDB streams.
//
// Unverified: that Kinesis mappings behave alike.
func (c *check) tumbling(path string, v *Duration) {
	c.span(path, v, 0, 15*time.Minute)
	if v != nil && v.Duration > 0 && !c.wrong(path) {
		c.err(CodeConflict, path, "Lambda accepts no tumbling window beside a filter, and every route has one: remove it")
	}
}

// metrics checks the groups of metrics that a mapping emits. AWS has others,
// for Kafka.
func (c *check) metrics(path string, groups []string) {
	for i, m := range groups {
		at := fmt.Sprintf("%s[%d]", path, i)
		oneOf(c, at, m, []string{"EventCount"})
		switch {
		case m == "":
			c.err(CodeMissing, at, "is empty: write EventCount")
		case slices.Index(groups, m) < i:
			c.err(CodeDuplicate, at, "%q is here twice: remove one", m)
		}
	}
}

// isolated checks that a route has a function of its own if, and only if, that
// is how it is isolated.
func (c *check) isolated(i int) {
	r, written := c.routes[i], c.doc.Spec.Routes[i]
	path := routePath(i) + ".function"
	if r.Isolation == IsolationFunction {
		if r.Function == "" {
			c.err(CodeMissing, path, "isolation Function needs a function of the route's own: write it")
		}
		return
	}
	if written.Function == "" && c.doc.Spec.Defaults != nil && c.doc.Spec.Defaults.Function != "" {
		path = defaultsPath + ".function"
	} else if written.Function == "" {
		return
	}
	if !c.wrong(path) {
		c.err(CodeConflict, path, "stands without isolation: Function, so nothing would run it: add that or remove this")
	}
}

// waits refuses routes whose records may be too old for a first attempt by the time
// that their batch is gathered: they would be discarded unread.
// https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
func (c *check) waits() {
	for i, r := range c.routes {
		path := routePath(i) + ".retry.maxAge"
		if c.refused(defaultsPath+".retry") || c.refused(routePath(i)+".retry") || r.MaxAge < 0 || r.MaxAge > r.MaxBatchingWindow {
			continue
		}
		c.err(CodeConflict, path, "route %s discards what is older than %s and gathers a batch for up to %s: it would discard what it has not tried; use a longer maxAge or a shorter maxBatchingWindow", r.Name, r.MaxAge, r.MaxBatchingWindow)
	}
}

// poison warns of routes that retry without end: a record that always fails
// then blocks its shard for the route until the stream drops it.
// https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
func (c *check) poison() {
	var names []string
	path := ""
	for i, r := range c.routes {
		if c.refused(defaultsPath+".retry") || c.refused(routePath(i)+".retry") {
			continue
		}
		if r.Enabled && r.MaxAttempts == unlimited && r.MaxAge == unlimited*time.Second {
			names = append(names, r.Name)
			if path == "" {
				path = routePath(i)
			}
		}
	}
	const what = "one record that always fails blocks its shard until the data expires; set retry: {maxAttempts: 5, maxAge: 6h}, and onFailure to keep what is given up"
	switch {
	case len(names) == 1:
		c.warn(CodePoison, path, "route %s retries without end: %s", names[0], what)
	case len(names) > 1:
		c.warn(CodePoison, routesPath, "routes %s retry without end: %s", strings.Join(names, ", "), what)
	}
}

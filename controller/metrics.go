package controller

import (
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/eventrouting/eventrouting/reconcile"
)

// metrics are the controller's. Counters are kept; every gauge is made of what
// is known when it is asked for, so that nothing outlives what it is about.
type metrics struct {
	registry *prometheus.Registry
	passes   *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	changes  *prometheus.CounterVec
	calls    *prometheus.CounterVec
}

func newMetrics(c *Controller) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		passes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eventrouting_passes_total", Help: "Passes by what triggered them and how they ended.",
		}, []string{"place", "trigger", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eventrouting_pass_duration_seconds", Help: "How long passes took.",
			Buckets: []float64{0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000},
		}, []string{"place", "outcome"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eventrouting_changes_total", Help: "Changes by what they were and the stage in which they ended.",
		}, []string{"place", "kind", "action", "stage"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eventrouting_aws_calls_total", Help: "Attempts of AWS calls by AWS's code; OK for success, no-answer for none.",
		}, []string{"service", "operation", "code"}),
	}
	m.registry.MustRegister(m.passes, m.seconds, m.changes, m.calls, newGauges(c),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) pass(place string, p Pass) {
	m.passes.WithLabelValues(place, string(p.Trigger), string(p.Outcome)).Inc()
	m.seconds.WithLabelValues(place, string(p.Outcome)).Observe(p.Seconds)
}

func (m *metrics) change(place string, s reconcile.Step) {
	m.changes.WithLabelValues(place, string(s.Change.Addr.Kind), string(s.Change.Action), string(s.Stage)).Inc()
}

// gauges are the metrics of what is.
type gauges struct {
	c *Controller

	build, documents, trouble                 *prometheus.Desc
	condition, held, heldFor, finding         *prometheus.Desc
	required, reserved, shortfall             *prometheus.Desc
	active, open, mappings, lag, behind       *prometheus.Desc
	retention                                 *prometheus.Desc
	success, completed, overdue, backoff, dry *prometheus.Desc
}

func newGauges(c *Controller) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("eventrouting_"+name, help, labels, nil)
	}
	return &gauges{
		c:         c,
		build:     desc("build_info", "What is running; always 1.", "version", "commit", "go_version"),
		dry:       desc("dry_run", "1 when nothing is ever written."),
		documents: desc("documents_info", "The documents in force; always 1.", "digest", "commit"),
		trouble:   desc("documents_not_loaded", "1 while the newest documents do not load and older ones are in force."),
		condition: desc("condition", "1 while a condition of a place is true.", "place", "type"),
		held:      desc("held", "Changes that are wanted and not allowed yet.", "place", "why"),
		heldFor:   desc("held_seconds", "For how long a change has been held without a break, as far as this process has seen; of several the longest, by why it is held now.", "place", "why"),
		finding:   desc("findings", "What the last pass found.", "place", "code", "severity"),
		required:  desc("required_concurrency", "Concurrent executions that a function needs.", "place", "function"),
		reserved:  desc("reserved_concurrency", "Concurrent executions that are reserved for a function; absent when unset.", "place", "function"),
		shortfall: desc("concurrency_shortfall", "Concurrent executions that a function lacks and that may not be reserved.", "place", "function"),
		active:    desc("active_shards", "Shards that can be consumed at one time, closed parents included.", "place", "stream"),
		open:      desc("open_shards", "Open shards.", "place", "stream"),
		retention: desc("retention_seconds", "How long a stream keeps records.", "place", "stream"),
		mappings:  desc("mappings", "Mappings of routes by state; Missing for a route that has none.", "place", "state"),
		lag:       desc("lag_seconds", "Age of the oldest last record of a batch in the last 5 minutes, where a pass asked for it.", "place", "target"),
		behind:    desc("follow_behind", "1 while a route's alias does not point where what it follows points.", "place", "route"),
		success:   desc("last_success_timestamp_seconds", "When the last pass began in which nothing of a routing failed; before the first one, since when it is wanted.", "place", "routing"),
		completed: desc("last_pass_timestamp_seconds", "When the last pass that could look ended.", "place"),
		overdue:   desc("overdue_timestamp_seconds", "When three passes of the schedule are due since the last one in which nothing of a routing failed.", "place", "routing"),
		backoff:   desc("failing", "Failures in a row of a routing, or of the reservation of a function.", "place", "what"),
	}
}

// Describe is of [prometheus.Collector].
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		g.build, g.dry, g.documents, g.trouble, g.condition, g.held, g.heldFor, g.finding, g.required, g.reserved, g.shortfall,
		g.active, g.open, g.retention, g.mappings, g.lag, g.behind, g.success, g.completed, g.overdue, g.backoff,
	} {
		ch <- d
	}
}

// out sends gauges to where they are gathered.
type out chan<- prometheus.Metric

func (o out) set(d *prometheus.Desc, v float64, labels ...string) {
	o <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// Collect is of [prometheus.Collector].
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	o, now := out(ch), time.Now()
	o.set(g.build, 1, g.c.o.Build.Version, g.c.o.Build.Commit, runtime.Version())
	o.set(g.dry, number(g.c.o.DryRun))
	s := g.c.inForce()
	if !s.at.IsZero() {
		o.set(g.documents, 1, s.digest, s.docs.Commit)
	}
	o.set(g.trouble, number(s.trouble() != nil))
	for _, w := range g.c.all() {
		v := w.look()
		g.place(o, v, now)
		g.live(o, v)
	}
}

// place is about a place's passes.
func (g *gauges) place(o out, v view, now time.Time) {
	for _, c := range v.conditions {
		o.set(g.condition, number(c.Status), v.name, c.Type)
	}
	held, longest := map[string]float64{}, map[string]time.Duration{}
	for _, h := range v.plan.Held {
		why := string(h.Why)
		held[why]++
		longest[why] = max(longest[why], now.Sub(v.heldSince[heldKey{h.Addr, h.Action}]))
	}
	for why, n := range held {
		o.set(g.held, n, v.name, why)
		o.set(g.heldFor, longest[why].Seconds(), v.name, why)
	}
	type found struct{ code, severity string }
	findings := map[found]float64{}
	for _, f := range v.plan.Findings {
		findings[found{f.Code, strings.ToLower(string(f.Severity))}]++
	}
	for f, n := range findings {
		o.set(g.finding, n, v.name, f.code, f.severity)
	}
	for routing, since := range v.wantedSince {
		success := latest(since, v.succeeded[routing])
		o.set(g.success, seconds(success), v.name, routing)
		o.set(g.overdue, seconds(overdue(g.c.o.Schedule, success)), v.name, routing)
	}
	if !v.completed.IsZero() {
		o.set(g.completed, seconds(v.completed), v.name)
	}
	for name, f := range v.failing {
		o.set(g.backoff, float64(f.n), v.name, name)
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// lagShown is how much of a lag is shown: what it was further back says nothing of
// what it is.
const lagShown = 5 * time.Minute

// live is about what the last pass saw.
func (g *gauges) live(o out, v view) {
	streams := map[string]string{} // of each route
	mappings := map[string]float64{}
	for _, r := range v.status.Routes {
		mappings[r.State]++
		var k reconcile.Key
		if k.UnmarshalText([]byte(r.Key)) == nil {
			streams[r.Name] = k.Stream
		}
		if r.Alias != nil {
			o.set(g.behind, number(r.Alias.Behind), v.name, r.Name)
		}
	}
	for state, n := range mappings {
		o.set(g.mappings, n, v.name, state)
	}
	active := map[string]int{}
	for _, n := range v.plan.Needs {
		o.set(g.required, float64(n.Required), v.name, n.Function)
		if n.Reserved != nil {
			o.set(g.reserved, float64(*n.Reserved), v.name, n.Function)
		}
		o.set(g.shortfall, float64(shortfall(n)), v.name, n.Function)
		for _, t := range n.Terms {
			if stream, ok := streams[t.Name]; ok && t.Shards > 0 {
				active[stream] = max(active[stream], t.Shards)
			}
		}
	}
	for stream, n := range active {
		o.set(g.active, float64(n), v.name, stream)
	}
	for _, s := range v.status.Streams {
		o.set(g.open, float64(s.Open), v.name, s.Name)
		o.set(g.retention, s.Retention.Seconds(), v.name, s.Name)
	}
	for target, l := range v.live.Facts.Lags {
		if recent := l.From(v.plan.At.Add(-lagShown)); recent.Batches > 0 {
			o.set(g.lag, recent.Max.Seconds(), v.name, target)
		}
	}
}

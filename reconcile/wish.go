package reconcile

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

// Wants says what of AWS documents concern. The documents are of one account
// and region.
func Wants(docs []spec.EventRouting) Scope {
	var s Scope
	for _, d := range docs {
		s.Streams = append(s.Streams, d.Spec.Stream)
		for _, r := range d.Resolve() {
			s.Functions = append(s.Functions, spec.BareName(r.Function))
			if strings.HasPrefix(r.Function, "arn:") {
				s.ARNs = append(s.ARNs, r.Function)
			}
			if r.Isolation == spec.IsolationFanOut {
				s.FanOut = append(s.FanOut, d.Spec.Stream)
			}
		}
	}
	s.Windows, s.Since = windows(docs)
	slices.Sort(s.Streams)
	slices.Sort(s.Functions)
	slices.Sort(s.FanOut)
	slices.Sort(s.ARNs)
	s.Streams, s.Functions, s.FanOut, s.ARNs = slices.Compact(s.Streams), slices.Compact(s.Functions), slices.Compact(s.FanOut), slices.Compact(s.ARNs)
	return s
}

// wish is one route with what it wants of AWS.
type wish struct {
	doc     spec.EventRouting
	route   spec.Resolved
	set     pattern.Set // what the route takes
	addr    Addr        // of its mapping
	mapping Mapping     // desired; Start and Tags are filled in by a create
	alias   Alias       // desired, with isolation Alias; Version and Weights are filled in by follow

	live    *Mapping // the route's, as far as can be told; nil for none
	left    *Mapping // with isolation FanOut: left on a consumer of its name that is gone
	unclear string   // a mapping that may be the route's
	renewed bool     // its mapping is deleted and made anew
	// ending is until when an invocation of that may still run: it stays until then.
	ending time.Time
}

// path of the route in its document.
func (w *wish) path() string { return "spec.routes[" + strconv.Itoa(w.route.Index) + "]" }

func (w *wish) find(s spec.Severity, code, format string, args ...any) spec.Finding {
	return w.doc.Find(s, code, w.path(), format, args...)
}

// wishes turns documents into what they want, by routing and route. A route
// whose filter does not fit AWS's limits is a finding and no wish: documents
// that spec has validated have none.
func wishes(docs []spec.EventRouting, o Options) ([]*wish, []spec.Finding) {
	var all []*wish
	var findings []spec.Finding
	for _, d := range docs {
		sets, err := d.Sets()
		if err != nil {
			findings = append(findings, d.Find(spec.Error, spec.CodeFilter, "spec.routes", "%v", err))
			continue
		}
		for i, r := range d.Resolve() {
			filters, err := sets[i].Filters()
			if err != nil {
				findings = append(findings, d.Find(spec.Error, spec.CodeFilter, "spec.routes["+strconv.Itoa(i)+"]", "%v", err))
				continue
			}
			all = append(all, newWish(d, r, sets[i], filters, o))
		}
	}
	slices.SortStableFunc(all, func(a, b *wish) int {
		return cmp.Or(cmp.Compare(a.doc.Metadata.Name, b.doc.Metadata.Name), cmp.Compare(a.route.Index, b.route.Index))
	})
	return all, findings
}

func newWish(d spec.EventRouting, r spec.Resolved, set pattern.Set, filters []string, o Options) *wish {
	routing := d.Metadata.Name
	name := QualifierOf(routing, r.Name)
	key := Key{Stream: spec.BareName(d.Spec.Stream), Function: spec.BareName(r.Function), Qualifier: name}
	if r.Isolation != spec.IsolationAlias {
		if key.Qualifier = d.Follow(); key.Qualifier == latest {
			key.Qualifier = "" // AWS keeps both apart; without is what people write
		}
	}
	if r.Isolation == spec.IsolationFanOut {
		key.Consumer = name
	}
	return &wish{
		doc: d, route: r, set: set,
		addr: Addr{KindMapping, routing + "/" + r.Name},
		alias: Alias{
			Key:         AliasKey{key.Function, name},
			Description: Note{Owner: o.Owner, Stream: spec.BareName(d.Spec.Stream)}.String(),
		},
		mapping: Mapping{
			Key:                        key,
			Enabled:                    r.Enabled,
			Filters:                    filters,
			BatchSize:                  r.BatchSize,
			MaximumBatchingWindow:      seconds(r.MaxBatchingWindow),
			ParallelizationFactor:      r.ParallelizationFactor,
			MaximumRetryAttempts:       r.MaxAttempts,
			MaximumRecordAge:           seconds(r.MaxAge),
			BisectBatchOnFunctionError: r.BisectOnError,
			TumblingWindow:             seconds(r.TumblingWindow),
			OnFailure:                  r.OnFailure,
			ReportBatchItemFailures:    r.ReportBatchItemFailures,
			KMSKey:                     r.KMSKey,
			Metrics:                    r.Metrics,
		},
	}
}

func seconds(d time.Duration) int { return int(d / time.Second) }

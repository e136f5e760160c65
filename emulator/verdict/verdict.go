// Package verdict judges what became of records from what a world logged. It
// knows which event types were to be read when, and looks types up: it does not
// know filters, so that an error in those does not hide itself.
package verdict

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// Routed says that an event type was to be read from a time until another.
type Routed struct {
	Type     string
	From, To time.Time // To zero: to the end
}

// Case is what is judged.
type Case struct {
	Facts  []world.Fact
	Routed []Routed
	// TypeOf is the type of a payload; [TypeAt] makes one.
	TypeOf func(data []byte) string
	// Mappings are those that count, by UUID: others are somebody else's. nil is
	// all.
	Mappings map[string]bool
	// Waits says whether a record is still to be read by a mapping, at the end of
	// the log; nil is that none is.
	Waits func(r Record) bool
	// End makes records that were neither delivered nor given up count among the ages,
	// as old as they are then. Zero is that they do not count.
	End time.Time
}

// Verdict is what became of records.
type Verdict struct {
	Written    int
	Expected   int // of a type that was routed from their write until they were delivered
	Delivered  int // at least once, of those expected
	Waiting    int // of those expected, still to be read or tried again
	Failed     int // of those expected: tried by a mapping, and given up by the same as its settings say
	Lost       []Record
	Duplicates map[string]int // deliveries after the first: again by the same mapping, or beside by another
	Beside     []Record       // delivered by several mappings
	Disorder   []Record       // delivered by a mapping after a later one of their key
	Across     []Record       // delivered first after a later one of their type and key, by another mapping
	ByType     map[string]*Ages
}

// Record is a record that a verdict names.
type Record struct {
	Place        world.Place
	Stream       string
	Shard, Index int
	Type, Key    string
	Written      time.Time
	Cause        string // of its loss, as far as the log has one
}

// Ages are how old records of one type were when they were delivered first, and by
// [Case.End] those that were not.
type Ages struct {
	Ages []time.Duration // sorted
	At   []Delivery      // in the order of delivery
}

// Delivery is one first delivery.
type Delivery struct {
	At  time.Time
	Age time.Duration
}

// Percentile is the age that a share of the records, from 0 to 1, did not exceed: the
// nearest rank.
func (a *Ages) Percentile(share float64) time.Duration {
	if a == nil || len(a.Ages) == 0 {
		return 0
	}
	return a.Ages[max(0, int(math.Ceil(share*float64(len(a.Ages))))-1)]
}

// id names a record.
type id struct {
	place        world.Place
	stream       string
	shard, index int
}

// history is what happened to one record.
type history struct {
	record    Record
	order     int       // of its write
	delivered time.Time // first
	by        map[string]bool
	tried     map[string]bool   // by mapping
	gone      map[string]string // causes of its discard, by mapping
	goneAt    time.Time         // the last of them
}

// failed says whether a mapping tried the record and gave it up as its settings
// say. One that is deleted, or that comes to leave the record out, has not.
func (h *history) failed() bool {
	for mapping, cause := range h.gone {
		if h.tried[mapping] && cause != world.ByFilter {
			return true
		}
	}
	return false
}

// cause is that of a loss.
func (h *history) cause() string {
	all := slices.Sorted(maps.Values(h.gone))
	if len(h.tried) > 0 {
		all = append(all, "tried and dropped")
	}
	return strings.Join(slices.Compact(all), ", ")
}

// Judge says what became of the records of a case.
func Judge(c Case) Verdict {
	v := Verdict{Duplicates: map[string]int{}, ByType: map[string]*Ages{}}
	records := map[id]*history{}
	var all []*history
	last := latest{within: map[string]int{}, across: map[series]map[string]int{}}
	for _, f := range c.Facts {
		switch {
		case f.Kind == world.Wrote:
			h := &history{order: len(all), record: Record{
				Place: f.Place, Stream: f.Stream, Shard: f.Shard, Index: f.Index, Type: c.TypeOf(f.Data), Key: f.Key, Written: f.At,
			}}
			records[id{f.Place, f.Stream, f.Shard, f.Index}] = h
			all = append(all, h)
		case c.Mappings != nil && !c.Mappings[f.Mapping]:
		case f.Kind == world.Attempted && f.Outcome.Reached():
			v.attempt(f, records, last)
		case f.Kind == world.Discarded:
			for _, i := range f.Indexes {
				if h := records[id{f.Place, f.Stream, f.Shard, i}]; h != nil {
					h.discard(f)
				}
			}
		}
	}
	v.Written = len(all)
	for _, h := range all {
		v.count(c, h)
	}
	for _, a := range v.ByType {
		slices.Sort(a.Ages)
		slices.SortFunc(a.At, func(x, y Delivery) int { return x.At.Compare(y.At) })
	}
	return v
}

func (h *history) discard(f world.Fact) {
	if h.gone == nil {
		h.gone = map[string]string{}
	}
	h.gone[f.Mapping], h.goneAt = f.Cause, f.At
}

func (h *history) attempt(mapping string) {
	if h.tried == nil {
		h.tried = map[string]bool{}
	}
	h.tried[mapping] = true
}

// latest is the order of the latest delivery: by mapping and key, and of what one
// mapping may take over from another by mapping.
type latest struct {
	within map[string]int
	across map[series]map[string]int
}

// series are the records of one type and key of a stream. Those of different types
// have no order among each other: each mapping reads for itself.
type series struct {
	place             world.Place
	stream, kind, key string
}

// attempt takes one attempt down.
func (v *Verdict) attempt(f world.Fact, records map[id]*history, last latest) {
	for k, i := range f.Indexes {
		h := records[id{f.Place, f.Stream, f.Shard, i}]
		if h == nil {
			continue // written before the log began
		}
		h.attempt(f.Mapping)
		if f.Outcome != world.OK && k >= f.Done {
			continue
		}
		switch {
		case h.by == nil:
			h.by = map[string]bool{}
			h.delivered = f.Until
			if last.overtaken(h, f.Mapping) {
				v.Across = append(v.Across, h.record)
			}
		case h.by[f.Mapping]:
			v.Duplicates["again"]++
			continue
		default:
			v.Duplicates["beside"]++
			if len(h.by) == 1 {
				v.Beside = append(v.Beside, h.record)
			}
		}
		h.by[f.Mapping] = true
		key := f.Mapping + " " + h.record.Key
		if latest, ok := last.within[key]; ok && h.order < latest {
			v.Disorder = append(v.Disorder, h.record)
		} else {
			last.within[key] = h.order
		}
		by := last.across[seriesOf(h.record)]
		if by == nil {
			by = map[string]int{}
			last.across[seriesOf(h.record)] = by
		}
		by[f.Mapping] = max(by[f.Mapping], h.order)
	}
}

// overtaken says whether another mapping has delivered a later record of the same
// type and key.
func (l latest) overtaken(h *history, mapping string) bool {
	for other, order := range l.across[seriesOf(h.record)] {
		if other != mapping && order > h.order {
			return true
		}
	}
	return false
}

func seriesOf(r Record) series { return series{r.Place, r.Stream, r.Type, r.Key} }

// count adds one record to the verdict.
func (v *Verdict) count(c Case, h *history) {
	switch {
	case !h.delivered.IsZero():
		a, age := v.ages(h.record.Type), h.delivered.Sub(h.record.Written)
		a.Ages = append(a.Ages, age)
		a.At = append(a.At, Delivery{At: h.delivered, Age: age})
	case !c.End.IsZero() && len(h.gone) == 0:
		a := v.ages(h.record.Type)
		a.Ages = append(a.Ages, c.End.Sub(h.record.Written))
	}
	if !expected(c.Routed, h) {
		return
	}
	v.Expected++
	switch {
	case !h.delivered.IsZero():
		v.Delivered++
	case c.Waits != nil && c.Waits(h.record):
		v.Waiting++
	case h.failed():
		v.Failed++
	default:
		h.record.Cause = h.cause()
		v.Lost = append(v.Lost, h.record)
	}
}

func (v *Verdict) ages(eventType string) *Ages {
	a := v.ByType[eventType]
	if a == nil {
		a = &Ages{}
		v.ByType[eventType] = a
	}
	return a
}

// expected says whether a record's type was routed from its write until it was
// delivered, or given up, or to the end of the log. A record that was passed over
// without a trace before its route was withdrawn cannot be told from one that was
// waiting then: such a loss shows only where the route stays.
func expected(all []Routed, h *history) bool {
	at, ended := h.record.Written, h.delivered
	if ended.IsZero() {
		ended = h.goneAt
	}
	for _, r := range sortedByTime(all) { // one may follow on another
		if r.Type != h.record.Type || r.From.After(at) || !r.To.IsZero() && !r.To.After(at) {
			continue
		}
		if r.To.IsZero() || !ended.IsZero() && !r.To.Before(ended) {
			return true
		}
		at = r.To
	}
	return false
}

func sortedByTime(all []Routed) []Routed {
	sorted := func(a, b Routed) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Type, b.Type)) }
	if slices.IsSortedFunc(all, sorted) {
		return all
	}
	all = slices.Clone(all)
	slices.SortFunc(all, sorted)
	return all
}

// TypeAt reads the type of a payload {"PATH":"TYPE",...} by looking for its field:
// for payloads that a test or a demonstration makes itself.
func TypeAt(field string) func([]byte) string {
	return func(data []byte) string {
		_, rest, _ := strings.Cut(string(data), `"`+field+`":"`)
		name, _, _ := strings.Cut(rest, `"`)
		return name
	}
}

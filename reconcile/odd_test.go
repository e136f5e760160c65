package reconcile_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

const oddDocument = `apiVersion: eventrouting.dev/v1alpha1
kind: EventRouting
metadata: {name: orders}
spec:
  stream: orders-events
  function: {name: order-processor, follow: live}
  eventType: {path: eventType}
  defaults: {retry: {maxAttempts: 5}}
  routes:
    - {name: placed, eventTypes: [OrderPlaced]}
    - {name: fast, eventTypes: [Fast], isolation: FanOut}
`

// oddStates are live states that people, other tools or AWS's oddities can
// leave behind; want is what the plan says, changes how many changes it has, code
// its exit code.
var oddStates = []struct {
	name    string
	do      func(*reconcile.State)
	want    string
	changes int
	code    int // exit code of a plan
}{
	{"nothing odd", func(*reconcile.State) {}, "No changes.", 0, 0},
	{"follow is a route's alias", func(s *reconcile.State) {
		note(s, "live", "eventrouting.dev owner=default stream=orders-events start=trim-horizon")
	}, "belongs to a route: follow the alias that your deployments move", 0, 1},
	{"follow is gone", func(s *reconcile.State) {
		delete(s.Aliases, reconcile.AliasKey{Function: "order-processor", Name: "live"})
	}, "order-processor:live does not exist", 0, 1},
	{"the stream is being deleted", func(s *reconcile.State) { stream(s, func(st *reconcile.Stream) { st.Status = "DELETING" }) }, "No changes.", 0, 0},
	{"the stream has no shard", func(s *reconcile.State) { stream(s, func(st *reconcile.Stream) { st.Shards = nil }) }, "8 more than needed", 0, 0},
	{"a shard is its own parent", func(s *reconcile.State) {
		stream(s, func(st *reconcile.Stream) { st.Shards[0].Parents = []string{st.Shards[0].ID} })
	}, "No changes.", 0, 0},
	{"10,000 shards", func(s *reconcile.State) {
		stream(s, func(st *reconcile.Stream) {
			for i := range 10_000 {
				st.Shards = append(st.Shards, reconcile.Shard{ID: fmt.Sprint(i)})
			}
		})
	}, "20008 concurrent executions are needed", 1, 0},
	{"the retention is 0", func(s *reconcile.State) { stream(s, func(st *reconcile.Stream) { st.Retention = 0 }) }, "No changes.", 0, 0},
	{"a mapping twice on one key", func(s *reconcile.State) {
		k := placed()
		m := s.Mappings[k][0]
		m.UUID = "twin"
		s.Mappings[k] = append(s.Mappings[k], m)
	}, "retire mapping orders/placed on orders-events", 1, 0},
	{"a factor beyond reason", func(s *reconcile.State) {
		s.Mappings[reconcile.Key{Stream: "orders-events", Function: "order-processor"}] = []reconcile.Mapping{{
			Key: reconcile.Key{Stream: "orders-events", Function: "order-processor"}, UUID: "huge", Enabled: true, State: "Enabled", ParallelizationFactor: math.MaxInt32,
		}}
	}, "concurrent executions are needed", 1, 0},
	{"a negative factor", func(s *reconcile.State) { mapping(s, func(m *reconcile.Mapping) { m.ParallelizationFactor = -4 }) }, "parallelizationFactor: -4 -> 1", 1, 0},
	{"a state that nobody knows", func(s *reconcile.State) {
		mapping(s, func(m *reconcile.Mapping) { m.State = "Dreaming"; m.BatchSize = 7 })
	}, "AWS is still busy with it (Dreaming)", 0, 0},
	{"a change in the future", func(s *reconcile.State) {
		mapping(s, func(m *reconcile.Mapping) {
			m.Modified = noon.Add(1000 * time.Hour)
			m.Enabled, m.State = false, "Disabled"
		})
	}, "a person disabled it", 0, 0},
	{"a change at the beginning of time", func(s *reconcile.State) {
		mapping(s, func(m *reconcile.Mapping) { m.Modified = time.Time{}; m.Enabled, m.State = false, "Disabled" })
	}, "the time to respect that has passed", 1, 0},
	{"tags that are garbage", func(s *reconcile.State) {
		mapping(s, func(m *reconcile.Mapping) { m.Enabled, m.State = false, "Disabled" })
		s.Facts.Tags[s.Mappings[placed()][0].UUID] = map[string]string{reconcile.TagOff: "\x00 yesterday", reconcile.TagSince: strings.Repeat("9", 300)}
	}, "made by hand on alias order-processor:orders--placed", 1, 0},
	{"a description that is garbage", func(s *reconcile.State) {
		note(s, "orders--placed", "eventrouting.dev owner= stream= start=")
	}, "was not made by us", 0, 0},
	{"a description of a start that is none", func(s *reconcile.State) {
		note(s, "orders--placed", "eventrouting.dev owner=default stream=orders-events start=soon")
	}, "was not made by us", 0, 0},
	{"a start in the far future", func(s *reconcile.State) {
		note(s, "orders--placed", "eventrouting.dev owner=default stream=orders-events start=9999-01-01T00:00:00Z")
		delete(s.Mappings, placed())
	}, "it starts at 9999-01-01T00:00:00Z", 1, 0},
	{"a start before the epoch", func(s *reconcile.State) {
		note(s, "orders--placed", "eventrouting.dev owner=default stream=orders-events start=0001-01-01T00:00:00Z")
		delete(s.Mappings, placed())
	}, "starts at the trim horizon: what was written between", 1, 0},
	{"an alias of another stream", func(s *reconcile.State) {
		note(s, "orders--placed", "eventrouting.dev owner=default stream=other start=trim-horizon")
	}, "its description records owner, stream and start", 1, 0},
	{"a filter that is not JSON", func(s *reconcile.State) {
		mapping(s, func(m *reconcile.Mapping) { m.Filters = []string{"{"} })
	}, "filterCriteria", 1, 0},
	{"a filter of odd Unicode", func(s *reconcile.State) {
		mapping(s, func(m *reconcile.Mapping) {
			m.Filters = []string{"{\"data\":{\"eventType\":[\"\u202eOrderPlaced\u0000\"]}}", "\xff\xfe"}
		})
	}, `\u202e|\xff`, 1, 0},
	{"a filter of a megabyte", func(s *reconcile.State) {
		mapping(s, func(m *reconcile.Mapping) {
			m.Filters = []string{`{"data":{"eventType":["` + strings.Repeat("x", 1<<20) + `"]}}`}
		})
	}, "filterCriteria", 1, 0},
	{"a filter that nests deep", func(s *reconcile.State) {
		mapping(s, func(m *reconcile.Mapping) {
			m.Filters = []string{strings.Repeat(`{"data":`, 5000) + `["x"]` + strings.Repeat("}", 5000)}
		})
	}, "filterCriteria", 1, 0},
	{"an encrypted filter that cannot be read", func(s *reconcile.State) {
		mapping(s, func(m *reconcile.Mapping) { m.Filters, m.FiltersUnknown, m.KMSKey = nil, true, "arn:aws:kms:x" })
		s.Facts.Filters = map[string]reconcile.EncryptedFilter{s.Mappings[placed()][0].UUID: {Error: "KMSAccessDeniedException: no"}}
	}, "is encrypted and cannot be read", 0, 0},
	{"weights beyond 1", func(s *reconcile.State) {
		k := reconcile.AliasKey{Function: "order-processor", Name: "live"}
		a := s.Aliases[k]
		a.Weights = map[string]float64{"2": 17, "": math.Inf(1)}
		s.Aliases[k] = a
	}, "it follows live, which moved", 1, 0},
	{"a reservation beyond the account", func(s *reconcile.State) { reserved(s, math.MaxInt32) }, "2147483647 -> 8", 1, 0},
	{"a reservation of 0", func(s *reconcile.State) { reserved(s, 0) }, "somebody reserved 0|reserved concurrency of 0|refuses every invocation|is 0", 0, 0},
	{"an account without concurrency", func(s *reconcile.State) {
		reserved(s, 1)
		s.Facts.Limits = &reconcile.Limits{}
	}, "needs 8 reserved concurrent executions and 1 can be had (limit 0, unreserved 0, 100 stay free)", 0, 0},
	{"limits that contradict each other", func(s *reconcile.State) {
		reserved(s, 1)
		s.Facts.Limits = &reconcile.Limits{ConcurrentExecutions: 10, Unreserved: 5000}
	}, "reservedConcurrentExecutions: 1 -> 8", 1, 0},
	{"the function is gone, its mappings are not", func(s *reconcile.State) { delete(s.Functions, "order-processor") },
		"function order-processor does not exist", 0, 1},
	{"the stream is gone, its mappings are not", func(s *reconcile.State) { delete(s.Streams, "orders-events") },
		"stream orders-events does not exist", 0, 1},
	{"a consumer of no status", func(s *reconcile.State) { consumer(s, func(c *reconcile.Consumer) { c.Status = "" }) }, "No changes.", 0, 0},
	{"a consumer without an ARN", func(s *reconcile.State) { consumer(s, func(c *reconcile.Consumer) { c.ARN = "" }) }, "No changes. 2 mappings run as wanted.", 0, 0},
	{"a consumer of another partition", func(s *reconcile.State) {
		consumer(s, func(c *reconcile.Consumer) { c.ARN = strings.Replace(c.ARN, "arn:aws:", "arn:aws-cn:", 1) })
	}, "No changes. 2 mappings run as wanted.", 0, 0},
	{"a consumer that is being deleted", func(s *reconcile.State) {
		for k := range s.Mappings {
			if k.Consumer != "" {
				delete(s.Mappings, k)
			}
		}
		consumer(s, func(c *reconcile.Consumer) { c.Status = "DELETING" })
	}, "AWS is still busy with it (DELETING)", 0, 0},
	{"no account, no region", func(s *reconcile.State) { s.Account, s.Region, s.Partition = "", "", "" }, "No changes.", 0, 0},
	{"China", func(s *reconcile.State) {
		s.Partition = "aws-cn"
		stream(s, func(st *reconcile.Stream) { st.ARN = "arn:aws-cn:kinesis:cn-north-1:111122223333:stream/orders-events" })
	}, "No changes.", 0, 0},
	{"a foreign mapping without anything", func(s *reconcile.State) { s.Mappings[reconcile.Key{}] = []reconcile.Mapping{{}} }, "No changes.", 0, 0},
	{"nothing at all", func(s *reconcile.State) { *s = reconcile.State{} }, "does not exist", 0, 1},
}

func placed() reconcile.Key {
	return reconcile.Key{Stream: "orders-events", Function: "order-processor", Qualifier: "orders--placed"}
}

func note(s *reconcile.State, alias, description string) {
	k := reconcile.AliasKey{Function: "order-processor", Name: alias}
	a := s.Aliases[k]
	a.Description = description
	s.Aliases[k] = a
}

func stream(s *reconcile.State, f func(*reconcile.Stream)) {
	st := s.Streams["orders-events"]
	f(&st)
	s.Streams["orders-events"] = st
}

func mapping(s *reconcile.State, f func(*reconcile.Mapping)) { f(&s.Mappings[placed()][0]) }

func reserved(s *reconcile.State, n int) {
	f := s.Functions["order-processor"]
	f.Reserved = &n
	s.Functions["order-processor"] = f
}

func consumer(s *reconcile.State, f func(*reconcile.Consumer)) {
	for k, c := range s.Consumers {
		f(&c)
		s.Consumers[k] = c
	}
}

// TestOddStates plans for each odd state: it never panics, says what it should,
// changes nothing that it must not, prints without a control character, and a
// second plan says the same.
func TestOddStates(t *testing.T) {
	o := reconcile.Options{Owner: "default", RespectManual: time.Hour}
	docs := documents(t, []byte(oddDocument))
	live := oddBase(t, docs, o)
	for _, odd := range oddStates {
		t.Run(odd.name, func(t *testing.T) {
			s := copyState(live)
			odd.do(&s)
			p := reconcile.Compute(docs, s, o, noon)
			var text, again bytes.Buffer
			if err := render.Text(&text, p, render.Options{}); err != nil {
				t.Fatal(err)
			}
			if err := render.Text(&again, reconcile.Compute(docs, s, o, noon), render.Options{}); err != nil {
				t.Fatal(err)
			}
			if text.String() != again.String() {
				t.Error("another plan the second time")
			}
			if len(p.Changes) != odd.changes {
				t.Errorf("%d changes, want %d", len(p.Changes), odd.changes)
			}
			if code := map[bool]int{true: 1}[p.Incomplete()]; code != odd.code {
				t.Errorf("exit code %d, want %d", code, odd.code)
			}
			said := false
			for want := range strings.SplitSeq(odd.want, "|") {
				said = said || strings.Contains(text.String(), want)
			}
			if !said {
				t.Errorf("nothing says %q", odd.want)
			}
			if i := strings.IndexFunc(text.String(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x202e || r == 0xfffd }); i >= 0 {
				t.Errorf("the text has an unprintable character at %d", i)
			}
			if text.Len() > 3<<20 {
				t.Errorf("%d bytes of text", text.Len())
			}
			if t.Failed() {
				t.Logf("%.3000s", text.String())
			}
			untouched(t, s, p, o)
		})
	}
	t.Logf("%d odd states", len(oddStates))
}

// oddBase is a world in which nothing is odd yet, and all is as documents want it.
func oddBase(t *testing.T, docs []spec.EventRouting, o reconcile.Options) reconcile.State {
	t.Helper()
	base := reconcile.State{
		Account: "111122223333", Region: "eu-west-1", Partition: "aws",
		Streams: map[string]reconcile.Stream{"orders-events": {
			Name: "orders-events", ARN: "arn:aws:kinesis:eu-west-1:111122223333:stream/orders-events", Status: "ACTIVE", Retention: 24 * time.Hour,
			Shards: []reconcile.Shard{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}},
		}},
		Functions: map[string]reconcile.Function{"order-processor": {Name: "order-processor"}},
		Aliases: map[reconcile.AliasKey]reconcile.Alias{
			{Function: "order-processor", Name: "live"}: {Key: reconcile.AliasKey{Function: "order-processor", Name: "live"}, Version: "1"},
		},
		Mappings: map[reconcile.Key][]reconcile.Mapping{},
		Facts: reconcile.Facts{
			Limits:   &reconcile.Limits{ConcurrentExecutions: 100_000, Unreserved: 100_000},
			Invokers: map[string]reconcile.Invokers{"order-processor": {}},
		},
	}
	live, _ := settle(t, base, func(s reconcile.State, now time.Time) reconcile.Plan { return reconcile.Compute(docs, s, o, now) }, noon.Add(-24*time.Hour))
	return live
}

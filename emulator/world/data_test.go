package world

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	dataPlace = Place{Account: "111122223333", Region: "eu-west-1"}
	dawn      = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
)

// flow is a world with a stream s, a function f and what a test makes of them.
type flow struct {
	*World
	t testing.TB
}

func newFlow(t testing.TB, shards int) *flow {
	t.Helper()
	w := New(1, Short(), dawn)
	f := &flow{w, t}
	f.ok(w.SeedStream(dataPlace, "s", shards))
	f.ok(w.SeedFunction(dataPlace, "f", "live"))
	w.Log(true)
	return f
}

func (f *flow) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *flow) pass(d time.Duration) { f.Advance(f.Now().Add(d)) }

// mapping makes a mapping of event types on a new alias.
func (f *flow) mapping(name, start string, s MappingSettings, types ...string) string {
	f.t.Helper()
	_, err := f.CreateAlias(dataPlace, "f", AliasInput{Name: name, FunctionVersion: "$LATEST"})
	f.ok(err)
	if len(types) > 0 {
		filter := []string{fmt.Sprintf(`{"data":{"type":["%s"]}}`, strings.Join(types, `","`))}
		s.FilterCriteria = &filter
	}
	in := MappingInput{EventSourceArn: StreamARN(dataPlace, "s"), FunctionName: "f:" + name, StartingPosition: start, Settings: s}
	if start == "AT_TIMESTAMP" {
		now := f.Now()
		in.StartingPositionTime = &now
	}
	m, err := f.CreateMapping(dataPlace, in)
	f.ok(err)
	return m.UUID
}

func (f *flow) put(key, eventType string) {
	f.t.Helper()
	_, _, err := f.Put(dataPlace, "s", key, fmt.Appendf(nil, `{"type":%q,"at":%d}`, eventType, f.Now().UnixMilli()))
	f.ok(err)
}

// delivered counts the records that a mapping's function has done, by key.
func (f *flow) delivered(uuid string) map[string]int {
	keys := map[string]string{}
	got := map[string]int{}
	for _, fact := range f.Facts() {
		switch {
		case fact.Kind == Wrote:
			keys[fmt.Sprint(fact.Shard, "/", fact.Index)] = fact.Key
		case fact.Kind == Attempted && fact.Outcome == OK && fact.Mapping == uuid:
			for _, i := range fact.Indexes {
				got[keys[fmt.Sprint(fact.Shard, "/", i)]]++
			}
		}
	}
	return got
}

func TestDeliver(t *testing.T) {
	f := newFlow(t, 4)
	a := f.mapping("a", "TRIM_HORIZON", MappingSettings{}, "A")
	b := f.mapping("b", "TRIM_HORIZON", MappingSettings{}, "B")
	for i := range 100 {
		f.put(fmt.Sprint("k", i), []string{"A", "B", "C"}[i%3])
		f.pass(100 * time.Millisecond)
	}
	f.pass(time.Minute)
	if n, m := len(f.delivered(a)), len(f.delivered(b)); n != 34 || m != 33 {
		t.Errorf("%d and %d delivered", n, m)
	}
	if n := f.Backlog(dataPlace, a); n != 0 {
		t.Errorf("backlog %d", n)
	}
	if _, busy := f.Next(); busy {
		t.Error("an idle world has events")
	}
}

package reconcile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

var update = flag.Bool("update", false, "write the golden files anew")

// noon is the time of every golden pass. What stands in before.yaml was applied
// a day earlier.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TestGoldenPlans checks each file of testdata/plan three ways: the plan is as
// written; carrying it out leads to an empty plan, with nothing unmanaged
// touched; and the order of the input makes no difference.
//
// A file has a sentence why; routing.yaml, the documents; live.json, what is
// live; plan.txt, the plan; and where it matters explain.txt, concurrency and
// readers term by term. Where before.yaml is given, live.json is the world
// in which it was applied a day before, and since.json what changed after that:
// a JSON merge patch, in which an object in place of a list patches its first
// element.
func TestGoldenPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/plan/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden plans: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(bytes.TrimSpace(archive.Comment)) == 0 {
		t.Error("the file does not say why it is here")
	}
	o := reconcile.Options{Owner: "default", RespectManual: time.Hour}
	docs := documents(t, member(archive, "routing.yaml"))
	live := liveState(t, archive, o)

	p := reconcile.Compute(docs, live, o, noon)
	var text bytes.Buffer
	if err := render.Text(&text, p, render.Options{}); err != nil {
		t.Fatal(err)
	}
	if *update {
		setMember(archive, "plan.txt", text.Bytes())
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(member(archive, "plan.txt")), text.String()); diff != "" {
		t.Errorf("plan (-want +got), make golden writes it anew:\n%s", diff)
	}

	if explained := member(archive, "explain.txt"); explained != nil {
		goldenExplanation(t, file, archive, explained, docs, live, o)
	}
	ordered(t, p)
	untouched(t, live, p, o)
	settle(t, live, func(s reconcile.State, now time.Time) reconcile.Plan { return reconcile.Compute(docs, s, o, now) }, noon)

	slices.Reverse(docs)
	if diff := cmp.Diff(p, reconcile.Compute(docs, live, o, noon)); diff != "" {
		t.Errorf("other order, other plan:\n%s", diff)
	}
}

// goldenExplanation checks what a file has as explain.txt.
func goldenExplanation(t *testing.T, file string, archive *txtar.Archive, want []byte, docs []spec.EventRouting, live reconcile.State, o reconcile.Options) {
	t.Helper()
	e, _ := reconcile.Explain(docs, live, o, reconcile.Prices{}, noon)
	var got bytes.Buffer
	if err := render.ExplainText(&got, []reconcile.Explanation{e}, nil, render.Options{}); err != nil {
		t.Fatal(err)
	}
	if *update {
		setMember(archive, "explain.txt", got.Bytes())
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("explanation (-want +got), make golden writes it anew:\n%s", diff)
	}
}

// ordered checks that what a change needs stands before it: the plan can be
// applied from top to bottom, and no two changes wait for each other.
func ordered(t testing.TB, p reconcile.Plan) {
	t.Helper()
	seen := map[reconcile.Addr]bool{}
	for _, c := range p.Changes {
		for _, n := range c.Needs {
			if !seen[n] {
				t.Errorf("%s %s needs %s, which does not stand before it", c.Action, c.Addr, n)
			}
		}
		if seen[c.Addr] {
			t.Errorf("%s is changed twice", c.Addr)
		}
		seen[c.Addr] = true
	}
}

// untouched checks that a plan changes nothing that is not ours.
func untouched(t testing.TB, live reconcile.State, p reconcile.Plan, o reconcile.Options) {
	t.Helper()
	for _, c := range p.Changes {
		switch before := c.Before.(type) {
		case *reconcile.Mapping:
			a, ok := live.Aliases[reconcile.AliasKey{Function: before.Key.Function, Name: before.Key.Qualifier}]
			ok = ok && before.Key.Consumer == "" && strings.Contains(before.Key.Qualifier, "--")
			if ok && !strings.Contains(a.Description, "owner="+o.Owner+" ") {
				t.Errorf("%s %s: its alias is not ours: %q", c.Action, c.Addr, a.Description)
			}
			if !ok && live.Facts.Tags[before.UUID][reconcile.TagOwner] != o.Owner {
				t.Errorf("%s %s: it has no alias, and its tags are not ours", c.Action, c.Addr)
			}
		case *reconcile.Consumer:
			if owner := live.Facts.ConsumerTags[before.ARN][reconcile.TagOwner]; owner != "" && owner != o.Owner {
				t.Errorf("%s %s is not ours", c.Action, c.Addr)
			}
		case *reconcile.Alias:
			if !strings.Contains(before.Description, "owner="+o.Owner+" ") {
				t.Errorf("%s %s is not ours", c.Action, c.Addr)
			}
		}
		if r, ok := c.After.(*reconcile.Reservation); ok && r.Reserved < 1 {
			t.Errorf("%s sets a reservation of %d", c.Addr, r.Reserved)
		}
	}
}

func liveState(t *testing.T, a *txtar.Archive, o reconcile.Options) reconcile.State {
	live := decodeState(t, member(a, "live.json"))
	before := member(a, "before.yaml")
	if before == nil {
		return live
	}
	docs := documents(t, before)
	live, _ = settle(t, live, func(s reconcile.State, now time.Time) reconcile.Plan { return reconcile.Compute(docs, s, o, now) }, noon.Add(-24*time.Hour))
	live.Facts.ConsumerTags = nil // nobody has asked yet
	patch := member(a, "since.json")
	if patch == nil {
		return live
	}
	whole, err := json.Marshal(live)
	if err != nil {
		t.Fatal(err)
	}
	var to, from any
	for v, b := range map[*any][]byte{&to: whole, &from: patch} {
		if err := json.Unmarshal(b, v); err != nil {
			t.Fatal(err)
		}
	}
	merged, err := json.Marshal(merge(to, from))
	if err != nil {
		t.Fatal(err)
	}
	return decodeState(t, merged)
}

// merge is RFC 7386, but that an object patches the first element of a list.
func merge(to, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	if list, ok := to.([]any); ok && len(list) > 0 {
		list[0] = merge(list[0], patch)
		return list
	}
	t, ok := to.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for k, v := range p {
		if v == nil {
			delete(t, k)
		} else {
			t[k] = merge(t[k], v)
		}
	}
	return t
}

func decodeState(t *testing.T, b []byte) reconcile.State {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var s reconcile.State
	if err := d.Decode(&s); err != nil {
		t.Fatalf("live state: %v", err)
	}
	for k, ms := range s.Mappings {
		for i := range ms {
			ms[i].Key = k
		}
	}
	for k, a := range s.Aliases {
		a.Key = k
		s.Aliases[k] = a
	}
	for k, c := range s.Consumers {
		c.Key = k
		s.Consumers[k] = c
	}
	for k, st := range s.Streams {
		st.Name = k
		s.Streams[k] = st
	}
	for k, f := range s.Functions {
		f.Name = k
		s.Functions[k] = f
	}
	return s
}

func documents(t testing.TB, text []byte) []spec.EventRouting {
	t.Helper()
	docs, findings := spec.Load(fstest.MapFS{"routing.yaml": {Data: text}}, "routing.yaml")
	for _, f := range findings {
		if f.Severity == spec.Error {
			t.Fatalf("routing.yaml: %s", f)
		}
	}
	return docs
}

func member(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func setMember(a *txtar.Archive, name string, data []byte) {
	for i := range a.Files {
		if a.Files[i].Name == name {
			a.Files[i].Data = data
			return
		}
	}
	a.Files = append(a.Files, txtar.File{Name: name, Data: data})
}

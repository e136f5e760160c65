package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eventrouting/eventrouting/controller/command"
	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/spec"
)

// document is a policy that can be taken apart.
type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid, Effect      string
	Action, Resource []string
	Condition        map[string]map[string][]string `json:",omitempty"`
}

// printed is the policy that the command prints.
func printed(t testing.TB, args ...string) document {
	t.Helper()
	var out, problems strings.Builder
	if code := command.Run(context.Background(), append([]string{"iam", "-o", "json"}, args...), nil, &out, &problems); code != 0 {
		t.Fatalf("iam %v: exit code %d: %s", args, code, &problems)
	}
	var d document
	if err := json.Unmarshal([]byte(out.String()), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// without is the policy without an action.
func (d document) without(action string) document {
	left := document{Version: d.Version}
	for _, s := range d.Statement {
		s.Action = slices.DeleteFunc(slices.Clone(s.Action), func(a string) bool { return a == action })
		if len(s.Action) > 0 {
			left.Statement = append(left.Statement, s)
		}
	}
	return left
}

func (d document) actions() []string {
	var all []string
	for _, s := range d.Statement {
		all = append(all, s.Action...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// enforced is the policy as the emulator knows it.
func (d document) enforced(t testing.TB) *emulator.Policy {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := emulator.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// chapter is a step in the life of an example.
type chapter struct {
	name  string
	after time.Duration
	edit  func(*spec.Spec)

	deploy bool // a version is published, and live points to it
}

// chapters are an example as it is, a change, a type that moves, a route that is
// removed, and the day after.
func chapters(file string) []chapter {
	seven, gone := 7, 1
	all := []chapter{
		{name: "as it is", edit: func(*spec.Spec) {}},
		{name: "a change", edit: func(s *spec.Spec) { s.Routes[0].BatchSize = &seven }},
		{name: "a type moves"},
		{name: "a deployment", deploy: true, edit: func(*spec.Spec) {}},
		{name: "a route is removed", edit: func(s *spec.Spec) { s.Routes = slices.Delete(slices.Clone(s.Routes), gone, gone+1) }},
		{name: "the day after", after: 50 * time.Hour, edit: func(*spec.Spec) {}},
		{name: "it comes back", edit: func(s *spec.Spec) {
			s.Routes = append(s.Routes, spec.Route{Name: "back", EventTypes: []string{"Back"}})
			s.Routes[len(s.Routes)-1].Function = s.Routes[0].Function
		}},
	}
	all[2].edit = map[string]func(*spec.Spec){
		"orders.yaml":    func(s *spec.Spec) { moveTypeOf(s, 1, 0) },
		"functions.yaml": func(s *spec.Spec) { moveTypeOf(s, 0, 1) },
		"fan-out.yaml":   func(s *spec.Spec) { s.Routes[0].EventTypes = s.Routes[0].EventTypes[:1] }, // to the catch-all
		"single.yaml": func(s *spec.Spec) { // from the catch-all
			s.Routes = append(s.Routes, spec.Route{Name: "clicks", EventTypes: []string{"Clicked"}})
		},
		"keys.yaml":  func(s *spec.Spec) { moveTypeOf(s, 0, 1) },
		"known.yaml": func(s *spec.Spec) { moveTypeOf(s, 0, 1) },
	}[file]
	if file == "fan-out.yaml" { // that with an alias goes as well
		all = append(all,
			chapter{name: "the catch-all is removed", edit: func(s *spec.Spec) {
				s.Routes = slices.DeleteFunc(slices.Clone(s.Routes), func(r spec.Route) bool { return r.CatchAll })
			}},
			chapter{name: "and the day after", after: 50 * time.Hour, edit: func(*spec.Spec) {}})
	}
	if file == "functions.yaml" {
		all = all[:6] // two routes may not share a function
	}
	return all
}

// moveTypeOf gives the first type of a route to another, and the route a new one.
func moveTypeOf(s *spec.Spec, from, to int) {
	a, b := &s.Routes[from], &s.Routes[to]
	b.EventTypes = append(slices.Clone(b.EventTypes), a.EventTypes[0])
	a.EventTypes = append(slices.Clone(a.EventTypes[1:]), a.EventTypes[0]+"Anew")
}

// life lives through the chapters of an example, under two policies: each pass
// is planned under the one for plan, and applied under the one for the
// controller. It says what went wrong first.
func life(t testing.TB, file string, text []byte, plan, controller *emulator.Policy) error {
	t.Helper()
	docs := load(t, text)
	d := &docs[0]
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())})
	at := world.Place{Account: emulator.DefaultAccount, Region: region}
	seed := emulator.Seed{Place: at, Streams: map[string]int{d.Spec.Stream: 4}, Functions: map[string][]string{}}
	for _, r := range d.Resolve() {
		seed.Functions[r.Function] = []string{"live"}
	}
	if err := s.Seed(seed); err != nil {
		t.Fatal(err)
	}
	s.Do(func(w *world.World) { // somebody else reads the stream, too
		if _, err := w.RegisterConsumer(at, d.Spec.Stream, "somebody-else", nil); err != nil {
			t.Fatal(err)
		}
	})
	client := awsapi.New(aws.Config{
		Region:       region,
		Credentials:  credentials.NewStaticCredentialsProvider("AKIASOMEBODY", "secret", ""),
		HTTPClient:   s.Client(),
		BaseEndpoint: aws.String("http://embedded.invalid"),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.Backoff = steady{} })
		},
	}, awsapi.Options{})
	for _, c := range chapters(file) {
		time.Sleep(c.after)
		c.edit(&d.Spec)
		if c.deploy {
			s.Do(func(w *world.World) { deployed(t, w, at, d.Resolve()[0].Function) })
		}
		if err := untilQuiet(t.Context(), s, client, docs, plan, controller); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

func deployed(t testing.TB, w *world.World, at world.Place, function string) {
	t.Helper()
	all, _, err := w.Aliases(at, function, "", world.Page{})
	if err != nil {
		t.Fatal(err)
	}
	to := "$LATEST"
	for _, a := range all {
		if a.Name == "live" && a.FunctionVersion == to {
			to = "1"
		}
	}
	if _, err := w.UpdateAlias(at, function, "live", world.AliasUpdate{FunctionVersion: &to}); err != nil {
		t.Fatal(err)
	}
}

func untilQuiet(ctx context.Context, s *emulator.Server, c *awsapi.Client, docs []spec.EventRouting, plan, controller *emulator.Policy) error {
	var last reconcile.Plan
	for range 30 {
		time.Sleep(3 * time.Second)
		s.SetPolicy(plan)
		p, _, err := reconcile.Look(ctx, c.Reader(), docs, options, time.Now())
		if err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		s.SetPolicy(controller)
		again, live, err := reconcile.Look(ctx, c.Reader(), docs, options, time.Now())
		if err != nil {
			return fmt.Errorf("look: %w", err)
		}
		if !reflect.DeepEqual(p, again) {
			return fmt.Errorf("plan and controller see different things: %+v and %+v", p, again)
		}
		if p.Empty() {
			wait := handingOver(p)
			if wait == 0 {
				return nil
			}
			time.Sleep(wait)
			continue
		}
		last = again
		if err := reconcile.Apply(ctx, c.Writer(live), again.Changes, nil).Err(); err != nil && !errors.Is(err, reconcile.ErrStale) {
			return fmt.Errorf("apply: %w", err)
		}
	}
	return fmt.Errorf("it does not come to rest: %+v, held %+v", last.Changes, last.Held)
}

// spared are actions that a life does without, by who has them, and why they are
// in the policy all the same.
func spared(file, whom, action string) string {
	if whom == "plan" && action == "lambda:GetEventSourceMapping" && file != "keys.yaml" {
		return "it reads the encrypted filter of a route's mapping, and somebody else can have set a key, or the document may have named one before"
	}
	return ""
}

// TestLeastPrivilege lives through each example with the printed policies; then
// again and again, with each action taken away in turn: each is missed.
func TestLeastPrivilege(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, path := range append(files, "testdata/iam/keys.yaml", "testdata/iam/known.yaml") {
		file := filepath.Base(path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			plan := printed(t, path, "--for", "plan", "--account", emulator.DefaultAccount)
			controller := printed(t, path, "--for", "controller", "--account", emulator.DefaultAccount)
			live := func(plan, controller document) (err error) {
				synctest.Test(t, func(t *testing.T) {
					err = life(t, file, text, plan.enforced(t), controller.enforced(t))
				})
				return err
			}
			if err := live(plan, controller); err != nil {
				t.Fatal(err)
			}
			check := func(whom, action string, err error) {
				t.Helper()
				why := spared(file, whom, action)
				switch {
				case err == nil && why == "":
					t.Errorf("the policy for %s has %s, and nothing misses it", whom, action)
				case err != nil && why != "":
					t.Errorf("the policy for %s is said to have %s because %s, and without it: %v", whom, action, why, err)
				case err != nil && !strings.Contains(err.Error(), action) && action != "kms:Decrypt":
					t.Errorf("without %s another thing fails: %v", action, err)
				}
			}
			for _, action := range plan.actions() {
				check("plan", action, live(plan.without(action), controller))
			}
			for _, action := range controller.actions() {
				check("controller", action, live(plan, controller.without(action)))
			}
		})
	}
}

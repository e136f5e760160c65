package world_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator/world"
)

func lambdaPlace() world.Place { return world.Place{Account: "123456789012", Region: "eu-west-1"} }

// lambdaScene is a world with a function and a mapping under way.
func lambdaScene(t *testing.T) (*world.World, world.Mapping) {
	t.Helper()
	w := world.New(3, world.Short(), time.Unix(1e9, 0))
	w.SetKnobs(world.Knobs{})
	if err := w.SeedStream(lambdaPlace(), "orders", 2); err != nil {
		t.Fatal(err)
	}
	if err := w.SeedFunction(lambdaPlace(), "fn", "a", "b"); err != nil {
		t.Fatal(err)
	}
	m, err := w.CreateMapping(lambdaPlace(), world.MappingInput{
		EventSourceArn:   "arn:aws:kinesis:eu-west-1:123456789012:stream/orders",
		FunctionName:     "fn:a",
		StartingPosition: "LATEST",
		Settings:         world.MappingSettings{FilterCriteria: &[]string{`{"data":{"type":["A"]}}`}},
		Tags:             world.Tags{"k": "v"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, m
}

// lambdaView is all that can be read of Lambda in a world.
func lambdaView(t *testing.T, w *world.World, m world.Mapping) string {
	t.Helper()
	at := lambdaPlace()
	mappings, _, err := w.Mappings(at, world.MappingsQuery{})
	if err != nil {
		t.Fatal(err)
	}
	functions, _, err := w.Functions(at, world.Page{})
	if err != nil {
		t.Fatal(err)
	}
	s := fmt.Sprint(w.Now(), mappings, w.Account(at))
	for _, f := range functions {
		aliases, _, err := w.Aliases(at, f.FunctionName, "", world.Page{})
		if err != nil {
			t.Fatal(err)
		}
		versions, _, err := w.Versions(at, f.FunctionName, world.Page{})
		if err != nil {
			t.Fatal(err)
		}
		urls, _, err := w.URLs(at, f.FunctionName, world.Page{})
		if err != nil {
			t.Fatal(err)
		}
		provisioned, _, err := w.AllProvisioned(at, f.FunctionName, world.Page{})
		if err != nil {
			t.Fatal(err)
		}
		policy, _, _ := w.Policy(at, f.FunctionName, "")
		tags, err := w.Tags(at, f.FunctionArn)
		if err != nil {
			t.Fatal(err)
		}
		for i := range versions {
			versions[i].Settings = world.FunctionSettings{} // pointers print as addresses
		}
		s += fmt.Sprint(aliases, versions, urls, provisioned, policy, tags)
	}
	tags, err := w.Tags(at, m.EventSourceMappingArn)
	return s + fmt.Sprint(tags, err)
}

// TestLambdaClone: neither copy sees what happens to the other, whatever it is.
func TestLambdaClone(t *testing.T) {
	at := lambdaPlace()
	text := func(s string) *string { return &s }
	for name, change := range map[string]func(*world.World, world.Mapping) error{
		"time": func(w *world.World, _ world.Mapping) error { w.Advance(w.Now().Add(time.Hour)); return nil },
		"mapping": func(w *world.World, m world.Mapping) error {
			w.Advance(w.Now().Add(time.Hour))
			_, err := w.UpdateMapping(at, m.UUID, world.MappingUpdate{FunctionName: text("fn:b")})
			return err
		},
		"result": func(w *world.World, m world.Mapping) error { return w.SetProcessingResult(at, m.UUID, "PROBLEM") },
		"mapping tags": func(w *world.World, m world.Mapping) error {
			return w.TagResource(at, m.EventSourceMappingArn, world.Tags{"k": "w"})
		},
		"untag": func(w *world.World, m world.Mapping) error {
			return w.UntagResource(at, m.EventSourceMappingArn, []string{"k"})
		},
		"new alias": func(w *world.World, _ world.Mapping) error {
			_, err := w.CreateAlias(at, "fn", world.AliasInput{Name: "c", FunctionVersion: "1"})
			return err
		},
		"changed alias": func(w *world.World, _ world.Mapping) error {
			_, err := w.UpdateAlias(at, "fn", "a", world.AliasUpdate{Description: text("d")})
			return err
		},
		"no alias": func(w *world.World, _ world.Mapping) error { return w.DeleteAlias(at, "fn", "a") },
		"version": func(w *world.World, _ world.Mapping) error {
			_, err := w.UpdateCode(at, "fn", world.CodeInput{Code: []byte("new"), Publish: true})
			return err
		},
		"configuration": func(w *world.World, _ world.Mapping) error {
			_, err := w.UpdateConfiguration(at, "fn", world.FunctionSettings{Description: text("d")}, "")
			return err
		},
		"reservation": func(w *world.World, _ world.Mapping) error { return w.PutConcurrency(at, "fn", 5) },
		"provisioned": func(w *world.World, _ world.Mapping) error { _, err := w.PutProvisioned(at, "fn", "a", 5); return err },
		"URL": func(w *world.World, _ world.Mapping) error {
			_, err := w.CreateURL(at, "fn", "", world.URLInput{AuthType: text("NONE")})
			return err
		},
		"policy": func(w *world.World, _ world.Mapping) error {
			_, err := w.AddPermission(at, "fn", "", world.Permission{StatementID: "s", Action: "*", Principal: "*"})
			return err
		},
		"function tags": func(w *world.World, _ world.Mapping) error {
			return w.TagResource(at, "arn:aws:lambda:eu-west-1:123456789012:function:fn", world.Tags{"x": "y"})
		},
		"limit":       func(w *world.World, _ world.Mapping) error { w.SetLimit(at, 10, 10); return nil },
		"no function": func(w *world.World, _ world.Mapping) error { return w.DeleteFunction(at, "fn", "") },
	} {
		t.Run(name, func(t *testing.T) {
			w, m := lambdaScene(t)
			c := w.Clone()
			before := lambdaView(t, w, m)
			if d := cmp.Diff(before, lambdaView(t, c, m)); d != "" {
				t.Fatalf("a clone is not the same:\n%s", d)
			}
			if err := change(c, m); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(before, lambdaView(t, w, m)); d != "" {
				t.Errorf("the original changed with its clone:\n%s", d)
			}
			if before == lambdaView(t, c, m) {
				t.Error("the change does not show: this test proves nothing")
			}
			if err := change(w, m); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(lambdaView(t, w, m), lambdaView(t, c, m)); d != "" {
				t.Errorf("the same change makes different worlds:\n%s", d)
			}
		})
	}
}

// TestNext: an idle world has nothing under way.
func TestNext(t *testing.T) {
	w, m := lambdaScene(t)
	at, ok := w.Next()
	if !ok || !at.Equal(time.Unix(1e9+2, 0)) {
		t.Errorf("next is %v, %v", at, ok)
	}
	w.Advance(at)
	if got, err := w.Mapping(lambdaPlace(), m.UUID); err != nil || got.State != "Enabled" {
		t.Errorf("then the mapping is %s, %v", got.State, err)
	}
	if at, ok := w.Next(); ok {
		t.Errorf("a settled world has something at %v", at)
	}
	w.Advance(time.Unix(0, 0))
	if !w.Now().Equal(time.Unix(1e9+2, 0)) {
		t.Errorf("time ran back to %v", w.Now())
	}
}

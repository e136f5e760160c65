package command_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/controller/command"
	"github.com/eventrouting/eventrouting/emulator/verdict"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// adopt makes a mapping a route's, or says why not.
func (r *rig) adopt(docs []spec.EventRouting, name, uuid string) (reconcile.Plan, error) {
	r.t.Helper()
	ctx, c := r.t.Context(), r.client(r.server.Client().Do)
	live, err := c.Reader().Observe(ctx, reconcile.Wants(docs), time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	var taking []reconcile.Change
	var refused error
	after, live, err := reconcile.Ascertain(ctx, c.Reader(), live, func(live reconcile.State) (after reconcile.Plan, asks []reconcile.Ask) {
		taking, after, asks, refused = reconcile.Adopt(docs, live, options, time.Now(), name, uuid)
		return after, asks
	})
	switch {
	case err != nil:
		r.t.Fatal(err)
	case refused != nil:
		return after, refused
	}
	if err := reconcile.Apply(ctx, c.Writer(live), taking, nil).Err(); err != nil {
		r.t.Fatal(err)
	}
	return after, nil
}

// create makes a mapping of nobody, of event types; none is all.
func (p person) create(target string, eventTypes ...string) string {
	p.t.Helper()
	in := &lambda.CreateEventSourceMappingInput{
		EventSourceArn: aws.String(world.StreamARN(world.Place{Account: account, Region: region}, "orders-events")), FunctionName: &target,
		StartingPosition: types.EventSourcePositionTrimHorizon, MaximumRetryAttempts: aws.Int32(5),
	}
	if len(eventTypes) > 0 {
		in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"data":{"eventType":["` + strings.Join(eventTypes, `","`) + `"]}}`)}}}
	}
	out := must[*lambda.CreateEventSourceMappingOutput](p.t)(p.lambda.CreateEventSourceMapping(p.t.Context(), in))
	time.Sleep(time.Minute)
	return *out.UUID
}

// TestRoads goes from each of the three designs to a mapping per event type, with
// records flowing all the while: the mappings that are there are adopted, none is
// made anew where one can be kept, and nothing is lost.
func TestRoads(t *testing.T) {
	const third = "    - {name: a, eventTypes: [A]}\n    - {name: b, eventTypes: [B]}\n    - {name: c, eventTypes: [C]}\n"
	for _, road := range []struct {
		name, routes string
		begin        func(person) map[string]string // UUIDs by the route that adopts
	}{
		{"one mapping for everything", third, func(p person) map[string]string {
			return map[string]string{"orders/a": p.create("order-processor")}
		}},
		{"a mapping per type on aliases of its own", third, func(p person) map[string]string {
			return map[string]string{"orders/a": p.create("order-processor", "A"), "orders/b": p.create("order-processor:live", "B", "C")}
		}},
		{"a function per type", third, func(p person) map[string]string {
			return map[string]string{"orders/a": p.create("fn-a", "A"), "orders/b": p.create("fn-b", "B"), "orders/c": p.create("fn-c", "C")}
		}},
	} {
		t.Run(road.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, map[string]int{"orders-events": 2}, "order-processor", "fn-a", "fn-b", "fn-c")
				p := newPerson(r)
				begun := road.begin(p)
				r.server.Do(func(w *world.World) { w.Log(true) })
				began := time.Now()
				traffic := time.NewTicker(500 * time.Millisecond)
				done := make(chan struct{})
				go func() {
					for n := 0; ; n++ {
						select {
						case <-traffic.C:
							r.server.Do(func(w *world.World) {
								_, _, err := w.Put(world.Place{Account: account, Region: region}, "orders-events", fmt.Sprint("k", n%17), fmt.Appendf(nil, `{"eventType":"%c","n":%d}`, 'A'+n%3, n))
								if err != nil {
									t.Error(err)
								}
							})
						case <-done:
							return
						}
					}
				}()
				time.Sleep(time.Minute)
				if strings.Contains(road.name, "function per") {
					// First as it is, each route with its function; then all to one.
					docs := routing(t, "    - {name: a, eventTypes: [A], isolation: Function, function: fn-a}\n    - {name: b, eventTypes: [B], isolation: Function, function: fn-b}\n    - {name: c, eventTypes: [C], isolation: Function, function: fn-c}\n")
					r.take(docs, begun)
					r.settle(docs)
				} else {
					r.take(routing(t, road.routes), begun)
				}
				docs := routing(t, road.routes)
				r.settle(docs)
				if plan := r.plan(docs); !plan.Empty() || len(plan.Held) > 0 {
					t.Errorf("in the end: %v, held %v", plan.Changes, plan.Held)
				}
				time.Sleep(10 * time.Minute)
				traffic.Stop()
				close(done)
				time.Sleep(10 * time.Minute)
				var routed []verdict.Routed
				for _, eventType := range []string{"A", "B", "C"} {
					routed = append(routed, verdict.Routed{Type: eventType, From: began})
				}
				var facts []world.Fact
				r.server.Do(func(w *world.World) { facts = w.Facts() })
				v := verdict.Judge(verdict.Case{Facts: facts, Routed: routed, TypeOf: verdict.TypeAt("eventType")})
				t.Logf("%d records, %d delivered, %d lost, duplicates %v", v.Written, v.Delivered, len(v.Lost), v.Duplicates)
				if len(v.Lost) > 0 || v.Waiting > 0 || v.Written < 1000 {
					t.Errorf("%d lost, such as %+v, %d waiting", len(v.Lost), v.Lost[:min(1, len(v.Lost))], v.Waiting)
				}
			})
		})
	}
}

// take adopts and applies.
func (r *rig) take(docs []spec.EventRouting, begun map[string]string) {
	r.t.Helper()
	for name, uuid := range begun {
		if _, err := r.adopt(docs, name, uuid); err != nil {
			r.t.Fatal(err)
		}
	}
	if _, err := r.apply(r.t.Context(), r.server.Client().Do, docs); err != nil {
		r.t.Fatal(err)
	}
	kept := map[string]bool{}
	for _, ms := range r.state().Mappings {
		for _, m := range ms {
			kept[m.UUID] = true
		}
	}
	for name, uuid := range begun {
		if !kept[uuid] {
			r.t.Errorf("the mapping of %s was not kept", name)
		}
	}
}

// state is what is live.
func (r *rig) state() reconcile.State {
	r.t.Helper()
	live, err := r.client(r.server.Client().Do).Reader().Observe(r.t.Context(), reconcile.Scope{Streams: []string{"orders-events"}}, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	return live
}

// TestAdoptRefuses names what cannot be taken over, and why.
func TestAdoptRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 1}, "order-processor", "fn-a")
		p := newPerson(r)
		docs := routing(t, "    - {name: a, eventTypes: [A]}\n    - {name: f, eventTypes: [F], isolation: FanOut}\n")
		other, theirs := p.create("fn-a"), p.create("order-processor")
		arn := must[*lambda.GetEventSourceMappingOutput](t)(p.lambda.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: &theirs})).EventSourceMappingArn
		must[*lambda.TagResourceOutput](t)(p.lambda.TagResource(t.Context(), &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{reconcile.TagOwner: "somebody"}}))
		for _, c := range []struct{ name, uuid, want string }{
			{"orders/x", other, "no document here has route orders/x"},
			{"orders/a", "no-such", "there is no mapping no-such in eu-west-1 of account " + account},
			{"orders/a", other, "runs function fn-a, and orders/a runs order-processor"},
			{"orders/f", other, "do not read the same consumer"},
			{"orders/a", theirs, "is of owner somebody"},
		} {
			if _, err := r.adopt(docs, c.name, c.uuid); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s by %s: %v, want %q", c.uuid, c.name, err, c.want)
			}
		}
	})
}

// TestAdoptWantedKey adopts a mapping on an alias that somebody made and that is called
// like the route's: both are the route's then, the mapping is the same one, and the
// alias follows what the document says.
func TestAdoptWantedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
		p := newPerson(r)
		function, alias, version := "order-processor", "orders--a", "$LATEST"
		must[*lambda.CreateAliasOutput](t)(p.lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &function, Name: &alias, FunctionVersion: &version}))
		uuid := p.create("order-processor:orders--a", "A")
		docs := routing(t, "    - {name: a, eventTypes: [A]}\n    - {name: b, eventTypes: [B]}\n")
		after, err := r.adopt(docs, "orders/a", uuid)
		if err != nil {
			t.Fatal(err)
		}
		if len(after.Held) > 0 {
			t.Errorf("the plan that was shown holds %v", after.Held)
		}
		if _, err := r.adopt(docs, "orders/a", uuid); err == nil || !strings.Contains(err.Error(), "is orders/a's already") {
			t.Errorf("adopted twice: %v", err)
		}
		r.settle(docs)
		live := r.state()
		if ms := live.Mappings[reconcile.Key{Stream: "orders-events", Function: function, Qualifier: alias}]; len(ms) != 1 || ms[0].UUID != uuid {
			t.Errorf("%v, want mapping %s", ms, uuid)
		}
		followed := live.Aliases[reconcile.AliasKey{Function: function, Name: "live"}]
		if got := live.Aliases[reconcile.AliasKey{Function: function, Name: alias}]; got.Version != followed.Version || got.Version == version {
			t.Errorf("the alias points to %s, and live to %s", got.Version, followed.Version)
		}
	})
}

// TestAdoptAliasRefused takes over no alias that others run, or that is another
// owner's.
func TestAdoptAliasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 1, "other-events": 1}, "order-processor")
		p := newPerson(r)
		function := "order-processor"
		for alias, description := range map[string]string{"orders--a": "", "orders--b": reconcile.Note{Owner: "somebody", Stream: "x", Start: reconcile.Start{TrimHorizon: true}}.String()} {
			must[*lambda.CreateAliasOutput](t)(p.lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &function, Name: &alias, FunctionVersion: aws.String("$LATEST"), Description: &description}))
		}
		onA, bare := p.create("order-processor:orders--a", "A"), p.create("order-processor", "A")
		docs := routing(t, "    - {name: a, eventTypes: [A]}\n    - {name: b, eventTypes: [B]}\n")
		for _, c := range []struct{ name, uuid, want string }{
			{"orders/a", bare, "was not made by us, and mapping " + onA + " runs it: adopt that one, or rename the route"},
			{"orders/b", bare, "alias order-processor:orders--b belongs to owner somebody"},
		} {
			if _, err := r.adopt(docs, c.name, c.uuid); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s by %s: %v, want %q", c.uuid, c.name, err, c.want)
			}
		}
	})
}

// TestAdoptPrivilege goes the road of the README with the printed policy: it changes no
// mapping on another qualifier, but with --adopt the one that was adopted.
func TestAdoptPrivilege(t *testing.T) {
	const routes = "    - {name: a, eventTypes: [A]}\n    - {name: b, eventTypes: [B]}\n"
	file := filepath.Join(t.TempDir(), "orders.yaml")
	if err := os.WriteFile(file, []byte(ordersText+routes), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{file, "--for", "controller", "--account", account}
	without := printed(t, args...)
	with := printed(t, append(args, "--adopt", "arn:aws:lambda:"+region+":"+account+":function:order-processor:old")...)
	elsewhere := printed(t, append(args, "--adopt", "arn:aws:lambda:us-west-2:"+account+":function:order-processor:old")...)
	if diff := cmp.Diff(without, elsewhere); diff != "" {
		t.Errorf("of another region (-without +got):\n%s", diff)
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
		p := newPerson(r)
		function, alias := "order-processor", "old"
		must[*lambda.CreateAliasOutput](t)(p.lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &function, Name: &alias, FunctionVersion: aws.String("$LATEST")}))
		uuid := p.create("order-processor:old", "A", "B")
		docs := routing(t, routes)
		must[reconcile.Plan](t)(r.adopt(docs, "orders/a", uuid))
		r.server.SetPolicy(without.enforced(t))
		if _, err := r.apply(t.Context(), r.server.Client().Do, docs); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("without --adopt: %v", err)
		}
		r.server.SetPolicy(with.enforced(t))
		must[reconcile.Outcome](t)(r.apply(t.Context(), r.server.Client().Do, docs))
		r.server.SetPolicy(without.enforced(t)) // it was for that one update
		r.settle(docs)
		if ms := r.state().Mappings[reconcile.Key{Stream: "orders-events", Function: function, Qualifier: "orders--a"}]; len(ms) != 1 || ms[0].UUID != uuid {
			t.Errorf("%v, want mapping %s", ms, uuid)
		}
	})
}

// TestAdoptSays has adopt say what has to be allowed for the apply that follows.
func TestAdoptSays(t *testing.T) {
	r := newRig(t, map[string]int{"orders-events": 1}, "order-processor")
	created := must[*lambda.CreateEventSourceMappingOutput](t)(newPerson(r).lambda.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		EventSourceArn: aws.String(world.StreamARN(world.Place{Account: account, Region: region}, "orders-events")), FunctionName: aws.String("order-processor:live"),
		StartingPosition: types.EventSourcePositionTrimHorizon,
	}))
	for r.state().Mappings[reconcile.Key{Stream: "orders-events", Function: "order-processor", Qualifier: "live"}][0].State != "Enabled" {
		time.Sleep(100 * time.Millisecond)
	}
	web := httptest.NewServer(r.server)
	defer web.Close()
	t.Setenv("AWS_ENDPOINT_URL", web.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", account)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	file := filepath.Join(t.TempDir(), "orders.yaml")
	must[any](t)(nil, os.WriteFile(file, []byte(ordersText+"    - {name: a, eventTypes: [A]}\n"), 0o600))
	var stdout, stderr bytes.Buffer
	if code := command.Run(t.Context(), []string{"adopt", "--auto-approve", file, "orders/a", "--uuid", *created.UUID}, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout.String(), stderr.String())
	}
	if want := "eventrouting iam --for controller --adopt 'arn:aws:lambda:" + region + ":" + account + ":function:order-processor:live' prints that too"; !strings.Contains(stdout.String(), want) {
		t.Errorf("stdout lacks %q:\n%s", want, stdout.String())
	}
}

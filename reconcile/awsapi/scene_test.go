package awsapi_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

const (
	account   = "111122223333"
	region    = "eu-west-1"
	stream    = "orders-events"
	function  = "order-processor"
	streamARN = "arn:aws:kinesis:" + region + ":" + account + ":stream/" + stream
)

// scene is an embedded AWS in virtual time: a stream of four shards and a
// function with the alias live.
type scene struct {
	*testing.T
	server  *emulator.Server
	cfg     aws.Config
	client  *awsapi.Client
	lambda  *lambda.Client // to set the scene as others would
	kinesis *kinesis.Client
	place   world.Place
	fault   emulator.Faults // asked about each call, when set
}

// inScene runs f with a scene, in a bubble.
func inScene(t *testing.T, f func(*scene)) {
	t.Helper()
	inTiming(t, world.Short(), f)
}

// inSlowScene runs f with AWS's own delays.
func inSlowScene(t *testing.T, f func(*scene)) {
	t.Helper()
	inTiming(t, world.Real(), f)
}

func inTiming(t *testing.T, timing world.Timing, f func(*scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{T: t, place: world.Place{Account: account, Region: region}}
		w := world.New(1, timing, time.Now())
		s.server = emulator.New(emulator.Options{World: w, Now: time.Now, Faults: func(c emulator.Call) emulator.Fault {
			if s.fault == nil {
				return emulator.Fault{}
			}
			return s.fault(c)
		}})
		s.ok(s.server.Seed(emulator.Seed{
			Place:     s.place,
			Streams:   map[string]int{stream: 4},
			Functions: map[string][]string{function: {"live"}},
		}))
		s.cfg = config(s.server.Client())
		s.lambda, s.kinesis = lambda.NewFromConfig(s.cfg), kinesis.NewFromConfig(s.cfg)
		s.client = awsapi.New(s.cfg, awsapi.Options{})
		f(s)
	})
}

// config is the SDK's configuration, with three attempts and no jitter.
func config(c aws.HTTPClient) aws.Config {
	return aws.Config{
		Region:       region,
		Credentials:  credentials.NewStaticCredentialsProvider(account, "secret", ""),
		HTTPClient:   c,
		BaseEndpoint: aws.String("http://emulator"),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
					return time.Duration(attempt) * time.Second, nil
				})
			})
		},
	}
}

func (s *scene) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// seed puts more streams and functions there.
func (s *scene) seed(streams map[string]int, functions map[string][]string) {
	s.Helper()
	s.ok(s.server.Seed(emulator.Seed{Place: s.place, Streams: streams, Functions: functions}))
}

// observe reads the scope of this scene's stream and function.
func (s *scene) observe() reconcile.State {
	s.Helper()
	return s.observeScope(reconcile.Scope{Streams: []string{stream}, Functions: []string{function}, Since: 24 * time.Hour})
}

func (s *scene) observeScope(scope reconcile.Scope) reconcile.State {
	s.Helper()
	live, err := s.client.Reader().Observe(s.Context(), scope, time.Now())
	s.ok(err)
	return live
}

// mapping finds the one mapping of a key.
func (s *scene) mapping(live reconcile.State, k reconcile.Key) reconcile.Mapping {
	s.Helper()
	if len(live.Mappings[k]) != 1 {
		s.Fatalf("%d mappings of %s in %v", len(live.Mappings[k]), k, live.Mappings)
	}
	return live.Mappings[k][0]
}

// foreign creates a mapping as somebody else does, and waits until it settles.
func (s *scene) foreign(in *lambda.CreateEventSourceMappingInput) string {
	s.Helper()
	if in.StartingPosition == "" && in.ScalingConfig == nil {
		in.StartingPosition = types.EventSourcePositionTrimHorizon
	}
	out, err := s.lambda.CreateEventSourceMapping(s.Context(), in)
	s.ok(err)
	time.Sleep(3 * time.Second)
	return *out.UUID
}

// start starts a change and waits until it has settled.
func (s *scene) apply(live reconcile.State, c reconcile.Change) {
	s.Helper()
	s.ok(reconcile.Apply(s.Context(), s.client.Writer(live), []reconcile.Change{c}, nil).Err())
}

func (s *scene) start(live reconcile.State, c reconcile.Change) error {
	return s.client.Writer(live).Start(s.Context(), c)
}

// operations are the calls since the last time, by name.
func (s *scene) operations() []string {
	var all []string
	for _, c := range s.server.Calls() {
		all = append(all, c.Operation)
	}
	s.server.Forget()
	return all
}

func count(all []string, name string) int {
	n := 0
	for _, one := range all {
		if one == name {
			n++
		}
	}
	return n
}

// on makes a fault of the calls of an operation, from the nth on and for as
// many.
func on(operation string, nth, many int, f emulator.Fault) emulator.Faults {
	seen := 0
	return func(c emulator.Call) emulator.Fault {
		if c.Operation != operation {
			return emulator.Fault{}
		}
		seen++
		if seen < nth || seen >= nth+many {
			return emulator.Fault{}
		}
		return f
	}
}

// key is of a route of the scene's stream and function.
func key(route string) reconcile.Key {
	return reconcile.Key{Stream: stream, Function: function, Qualifier: "orders--" + route}
}

func addr(kind reconcile.Kind, name string) reconcile.Addr {
	return reconcile.Addr{Kind: kind, Name: name}
}

// route is the desired mapping of a route, with AWS's values where it can.
func route(name string) *reconcile.Mapping {
	return &reconcile.Mapping{
		Key:                   key(name),
		Enabled:               true,
		Filters:               []string{fmt.Sprintf(`{"data":{"eventType":[%q]}}`, name)},
		BatchSize:             100,
		ParallelizationFactor: 1,
		MaximumRetryAttempts:  -1,
		MaximumRecordAge:      -1,
		Start:                 reconcile.Start{At: time.Now().Add(-time.Minute).UTC()},
		Tags:                  map[string]string{reconcile.TagOwner: "default", reconcile.TagRoute: name},
	}
}

// creation is the change that creates a route's mapping.
func creation(name string) reconcile.Change {
	return reconcile.Change{Action: reconcile.Create, Addr: addr(reconcile.KindMapping, "orders/"+name), After: route(name)}
}

// update is the change that makes a live mapping another.
func update(before reconcile.Mapping, change func(*reconcile.Mapping)) reconcile.Change {
	after := before
	after.Tags = nil
	change(&after)
	return reconcile.Change{
		Action: reconcile.Update, Addr: addr(reconcile.KindMapping, before.Key.String()), Before: &before, After: &after,
	}
}

// alias is the change that creates a route's alias.
func alias(name string) reconcile.Change {
	k := reconcile.AliasKey{Function: function, Name: "orders--" + name}
	note := reconcile.Note{Owner: "default", Stream: stream, Start: reconcile.Start{TrimHorizon: true}}
	return reconcile.Change{
		Action: reconcile.Create, Addr: addr(reconcile.KindAlias, k.String()),
		After: &reconcile.Alias{Key: k, Version: "1", Description: note.String()},
	}
}

// withRoutes creates the aliases and mappings of routes and observes them.
func (s *scene) withRoutes(names ...string) reconcile.State {
	s.Helper()
	live := s.observe()
	var changes []reconcile.Change
	for _, name := range names {
		m := creation(name)
		a := alias(name)
		m.Needs = []reconcile.Addr{a.Addr}
		changes = append(changes, a, m)
	}
	s.ok(reconcile.Apply(s.Context(), s.client.Writer(live), changes, nil).Err())
	live = s.observe()
	s.server.Forget()
	return live
}

func sorted(all []string) []string { return slices.Sorted(slices.Values(all)) }

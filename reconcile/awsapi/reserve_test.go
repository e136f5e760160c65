package awsapi_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
)

// TestLoweringStale lowers a reservation after a mapping has changed, by whomever: what
// was free when the plan was made may not be any more.
func TestLoweringStale(t *testing.T) {
	change := func(in *lambda.UpdateEventSourceMappingInput) func(*scene, reconcile.Mapping) {
		return func(s *scene, m reconcile.Mapping) {
			in.UUID = &m.UUID
			_, err := s.lambda.UpdateEventSourceMapping(s.Context(), in)
			s.ok(err)
			time.Sleep(10 * time.Second)
		}
	}
	for name, c := range map[string]struct {
		meanwhile func(*scene, reconcile.Mapping)
		want      string
	}{
		"nothing":  {func(*scene, reconcile.Mapping) {}, ""},
		"factor":   {change(&lambda.UpdateEventSourceMappingInput{ParallelizationFactor: aws.Int32(4)}), "no longer as it was"},
		"disabled": {change(&lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false)}), "is Disabled and no longer"},
		"touched": {func(s *scene, m reconcile.Mapping) {
			time.Sleep(time.Minute)
			change(&lambda.UpdateEventSourceMappingInput{BatchSize: aws.Int32(7)})(s, m)
		}, "no longer as it was"},
		"made": {func(s *scene, _ reconcile.Mapping) {
			s.ok(s.start(s.observe(), alias("paid")))
			s.ok(s.start(s.observe(), creation("paid")))
		}, "is Creating and no longer"},
		"deleted": {func(s *scene, m reconcile.Mapping) {
			_, err := s.lambda.DeleteEventSourceMapping(s.Context(), &lambda.DeleteEventSourceMappingInput{UUID: &m.UUID})
			s.ok(err)
			time.Sleep(10 * time.Second)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				s.apply(reconcile.State{}, reservation(nil, 16))
				live := s.withRoutes("placed")
				c.meanwhile(s, s.mapping(live, key("placed")))
				err := s.start(live, reservation(aws.Int(16), 8))
				if (err == nil) != (c.want == "") || !strings.Contains(text(err), c.want) || errors.Is(err, reconcile.ErrStale) != (c.want != "") {
					t.Errorf("%v\nwant %s", err, c.want)
				}
			})
		})
	}
}

// What a pass changes itself of a mapping that is disabled does not keep it from lowering.
func TestLoweringBesideItsOwn(t *testing.T) {
	inScene(t, func(s *scene) {
		s.apply(reconcile.State{}, reservation(nil, 16))
		live := s.withRoutes("placed")
		s.apply(live, update(s.mapping(live, key("placed")), func(m *reconcile.Mapping) { m.Enabled = false }))
		live = s.observe()
		w := s.client.Writer(live)
		s.ok(w.Start(s.Context(), update(s.mapping(live, key("placed")), func(m *reconcile.Mapping) { m.BatchSize = 7 })))
		s.ok(w.Start(s.Context(), reservation(aws.Int(16), 8)))
	})
}

// TestRelies makes two mappings that rely on a reservation: it is read before and after
// the first of them, and where too little is left nothing is made.
func TestRelies(t *testing.T) {
	create := []string{"CreateEventSourceMapping"}
	read := []string{"GetFunctionConcurrency"}
	for name, c := range map[string]struct {
		live  *int
		calls []string
		stale bool
	}{
		"as much": {aws.Int(8), slices.Concat(read, create, read, create), false},
		"more":    {aws.Int(9), slices.Concat(read, create, read, create), false},
		"less":    {aws.Int(7), read, true},
		"unset":   {nil, slices.Concat(read, create, read, create), false},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				if c.live != nil {
					s.apply(reconcile.State{}, reservation(nil, *c.live))
				}
				for _, name := range []string{"placed", "paid"} {
					s.ok(s.start(s.observe(), alias(name)))
				}
				w := s.client.Writer(s.observe())
				s.server.Forget()
				for _, name := range []string{"placed", "paid"} {
					change := creation(name)
					change.Reserved = 8
					if err := w.Start(s.Context(), change); errors.Is(err, reconcile.ErrStale) != c.stale || (err != nil) != c.stale {
						t.Error(err)
					}
				}
				if diff := cmp.Diff(c.calls, s.operations()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
		})
	}
}

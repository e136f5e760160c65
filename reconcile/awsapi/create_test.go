package awsapi_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
)

// A create whose answer was lost is sent again by the SDK and then refused: it
// is done all the same. What looks alike and is somebody else's is not.
func TestCreateExists(t *testing.T) {
	for name, c := range map[string]struct {
		there func(*scene, *lambda.CreateEventSourceMappingInput)
		want  string // error; empty for none
	}{
		"another mapping": {func(s *scene, in *lambda.CreateEventSourceMappingInput) {
			in.FunctionName = aws.String(function)
			s.fault = on("CreateEventSourceMapping", 2, 1, emulator.Fault{Refuse: &world.Error{
				Code: "ResourceConflictException", Status: 409, Message: "delete the existing mapping with UUID " + s.foreign(in),
			}})
			s.fault(emulator.Call{Operation: "CreateEventSourceMapping"})
		}, "is in the way, it is orders-events -> order-processor: it has changed"},
		"its own answer lost": {func(s *scene, _ *lambda.CreateEventSourceMappingInput) {
			s.fault = on("CreateEventSourceMapping", 1, 1, emulator.Fault{Lose: emulator.LoseAnswer})
		}, ""},
		"of an earlier pass": {func(s *scene, in *lambda.CreateEventSourceMappingInput) { s.foreign(in) }, ""},
		"of an earlier pass, still being created": {func(s *scene, in *lambda.CreateEventSourceMappingInput) {
			_, err := s.lambda.CreateEventSourceMapping(s.Context(), in)
			s.ok(err)
		}, ""},
		"disabled": {func(s *scene, in *lambda.CreateEventSourceMappingInput) {
			in.Enabled = aws.Bool(false)
			s.foreign(in)
		}, "exists and has another enabled"},
		"other settings": {func(s *scene, in *lambda.CreateEventSourceMappingInput) {
			in.BatchSize = aws.Int32(3)
			s.foreign(in)
		}, "exists and has another batchSize"},
		"other owner": {func(s *scene, in *lambda.CreateEventSourceMappingInput) {
			in.Tags = map[string]string{reconcile.TagOwner: "somebody"}
			s.foreign(in)
		}, "exists and has another tag eventrouting.dev/"},
		"gone meanwhile": {func(s *scene, in *lambda.CreateEventSourceMappingInput) {
			s.foreign(in)
			s.fault = on("GetEventSourceMapping", 1, 1, emulator.Fault{Refuse: &world.Error{Code: "ResourceNotFoundException", Status: 404}})
		}, "came and went"},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				s.ok(s.start(s.observe(), alias("placed")))
				create := creation("placed")
				m := create.After.(*reconcile.Mapping)
				c.there(s, asCreated(m))
				err := s.start(s.observe(), create)
				if c.want == "" {
					s.ok(err)
				} else if !errors.Is(err, reconcile.ErrStale) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v\nwant %s", err, c.want)
				}
				s.fault = nil
				if n := len(s.observe().Mappings); n != 1 {
					t.Errorf("%d mappings", n)
				}
				for _, all := range s.observe().Mappings {
					if err != nil && !strings.Contains(err.Error(), all[0].UUID) {
						t.Errorf("no UUID in %v", err)
					}
				}
			})
		})
	}
}

// Whether a mapping is to be enabled shows only once it has been created.
func TestCreateDisabledExists(t *testing.T) {
	inSlowScene(t, func(s *scene) {
		live := s.observe()
		s.ok(s.start(live, alias("placed")))
		create := creation("placed")
		m := create.After.(*reconcile.Mapping)
		m.Enabled = false
		in := asCreated(m)
		in.Enabled = aws.Bool(false)
		_, err := s.lambda.CreateEventSourceMapping(s.Context(), in)
		s.ok(err)
		s.apply(live, create)
		if m := s.mapping(s.observe(), key("placed")); m.State != "Disabled" {
			t.Errorf("%+v", m)
		}
	})
}

// asCreated is a mapping as an earlier pass has created it.
func asCreated(m *reconcile.Mapping) *lambda.CreateEventSourceMappingInput {
	return &lambda.CreateEventSourceMappingInput{
		EventSourceArn: aws.String(streamARN), FunctionName: aws.String(m.Key.Target()), Tags: m.Tags,
		FilterCriteria: filterCriteria(m.Filters...), StartingPosition: types.EventSourcePositionTrimHorizon,
	}
}

func TestCreateRefused(t *testing.T) {
	conflict := &world.Error{Code: "ResourceConflictException", Status: 409, Message: "The operation is in progress."}
	role := &world.Error{Code: "InvalidParameterValueException", Status: 400, Message: "The role defined for the function cannot be assumed by Lambda."}
	for name, c := range map[string]struct {
		change func(*reconcile.Mapping)
		fault  *world.Error
		want   string
	}{
		"no start":            {func(m *reconcile.Mapping) { m.Start = reconcile.Start{} }, nil, "it does not say where to start reading"},
		"no such stream":      {func(m *reconcile.Mapping) { m.Key.Stream = "gone" }, nil, "stream gone does not exist"},
		"no such consumer":    {func(m *reconcile.Mapping) { m.Key.Consumer = "fast" }, nil, "consumer fast of stream orders-events does not exist"},
		"another source":      {func(m *reconcile.Mapping) { m.Key.Stream = "arn:aws:sqs:eu-west-1:1:q" }, nil, "is no stream of this account and region"},
		"no such alias":       {func(m *reconcile.Mapping) { m.Key.Qualifier = "nobody" }, nil, "Function does not exist"},
		"out of range":        {func(m *reconcile.Mapping) { m.ParallelizationFactor = 11 }, nil, "ValidationException"},
		"conflict of no UUID": {func(*reconcile.Mapping) {}, conflict, "The operation is in progress."},
		"role":                {func(*reconcile.Mapping) {}, role, "cannot be assumed"},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				s.ok(s.start(s.observe(), alias("placed")))
				live := s.observe()
				s.server.Forget()
				if c.fault != nil {
					s.fault = on("CreateEventSourceMapping", 1, 99, emulator.Fault{Refuse: c.fault})
				}
				create := creation("placed")
				c.change(create.After.(*reconcile.Mapping))
				err := s.start(live, create)
				if !strings.Contains(text(err), c.want) || errors.Is(err, reconcile.ErrStale) {
					t.Errorf("%v\nwant %s", err, c.want)
				}
				if calls := s.operations(); len(calls) > 1 {
					t.Errorf("calls %v", calls)
				}
			})
		})
	}
}

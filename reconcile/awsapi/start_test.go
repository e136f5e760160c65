package awsapi_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
)

// settings compares mappings by what a plan compares, and where they start.
func settings() cmp.Option {
	return cmp.Options{
		cmpopts.IgnoreFields(reconcile.Mapping{}, "Tags", "UUID", "ARN", "SourceARN", "FunctionARN", "State", "Modified", "LastResult"),
		cmpopts.EquateEmpty(),
	}
}

// What is created is what is observed afterwards, and it can be changed field
// by field, and back.
func TestEverySetting(t *testing.T) {
	full := func(m *reconcile.Mapping) {
		m.Filters = []string{`{"data":{"eventType":["a"]}}`, `{"data":{"eventType":["b"],"amount":[{"numeric":[">",10]}]}}`}
		m.BatchSize, m.MaximumBatchingWindow, m.ParallelizationFactor = 500, 5, 4
		m.MaximumRetryAttempts, m.MaximumRecordAge = 3, 3600
		m.BisectBatchOnFunctionError, m.ReportBatchItemFailures = true, true
		m.OnFailure = "arn:aws:sqs:eu-west-1:111122223333:dead"
		m.KMSKey = ""
		m.Metrics = []string{"EventCount"}
	}
	steps := map[string]func(*reconcile.Mapping){
		"enabled":               func(m *reconcile.Mapping) { m.Enabled = false },
		"filters":               func(m *reconcile.Mapping) { m.Filters = []string{`{"data":{"eventType":["c"]}}`} },
		"no filters":            func(m *reconcile.Mapping) { m.Filters = nil },
		"batch size":            func(m *reconcile.Mapping) { m.BatchSize = 100 },
		"window":                func(m *reconcile.Mapping) { m.MaximumBatchingWindow = 0 },
		"factor":                func(m *reconcile.Mapping) { m.ParallelizationFactor = 1 },
		"retries":               func(m *reconcile.Mapping) { m.MaximumRetryAttempts = -1 },
		"no retries":            func(m *reconcile.Mapping) { m.MaximumRetryAttempts = 0 },
		"age":                   func(m *reconcile.Mapping) { m.MaximumRecordAge = -1 },
		"bisect":                func(m *reconcile.Mapping) { m.BisectBatchOnFunctionError = false },
		"report":                func(m *reconcile.Mapping) { m.ReportBatchItemFailures = false },
		"no destination":        func(m *reconcile.Mapping) { m.OnFailure = "" },
		"another destination":   func(m *reconcile.Mapping) { m.OnFailure = "arn:aws:sns:eu-west-1:111122223333:dead" },
		"no metrics":            func(m *reconcile.Mapping) { m.Metrics = nil },
		"target":                func(m *reconcile.Mapping) { m.Key.Qualifier = "live" },
		"tumbling":              func(m *reconcile.Mapping) { m.Filters, m.ParallelizationFactor, m.TumblingWindow = nil, 1, 30 },
		"several, and disabled": func(m *reconcile.Mapping) { m.BatchSize, m.Enabled, m.OnFailure = 1, false, "" },
	}
	for name, step := range steps {
		for _, lag := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				inScene(t, func(s *scene) {
					s.server.Do(func(w *world.World) { w.SetKnobs(world.Knobs{StaleUpdates: lag}) })
					s.ok(s.start(s.observe(), alias("placed")))
					c := creation("placed")
					full(c.After.(*reconcile.Mapping))
					live := s.observe()
					s.apply(live, c)
					live = s.observe()
					created := s.mapping(live, key("placed"))
					if diff := cmp.Diff(*c.After.(*reconcile.Mapping), created, settings()); diff != "" {
						t.Errorf("created (-want +got):\n%s", diff)
					}
					there := update(created, step)
					s.apply(live, there)
					want := there.After.(*reconcile.Mapping)
					live = s.observe()
					changed := s.mapping(live, want.Key)
					if diff := cmp.Diff(*want, changed, settings()); diff != "" {
						t.Errorf("changed (-want +got):\n%s", diff)
					}
					s.apply(live, update(changed, func(m *reconcile.Mapping) { full(m); m.Key, m.Enabled, m.TumblingWindow = key("placed"), true, 0 }))
					if diff := cmp.Diff(created, s.mapping(s.observe(), key("placed")), settings()); diff != "" {
						t.Errorf("changed back (-want +got):\n%s", diff)
					}
				})
			})
		}
	}
}

func TestKey(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.withRoutes("placed")
		kms := "arn:aws:kms:eu-west-1:111122223333:key/k"
		before := s.mapping(live, key("placed"))
		s.apply(live, update(before, func(m *reconcile.Mapping) { m.KMSKey = kms }))
		live = s.observe()
		encrypted := s.mapping(live, key("placed"))
		if encrypted.KMSKey != kms || !encrypted.FiltersUnknown {
			t.Fatalf("with a key: %+v", encrypted)
		}
		// Retired without ever reading its filter, which stays.
		s.apply(live, update(encrypted, func(m *reconcile.Mapping) { m.Enabled = false }))
		live = s.observe()
		retired := s.mapping(live, key("placed"))
		if retired.Enabled || retired.KMSKey != kms {
			t.Fatalf("retired: %+v", retired)
		}
		facts := s.answer(live, reconcile.Ask{What: reconcile.AskFilter, Name: retired.UUID})
		retired.Filters, retired.FiltersUnknown = facts.Filters[retired.UUID].Filters, false
		s.apply(live, update(retired, func(m *reconcile.Mapping) { m.KMSKey, m.Enabled = "", true }))
		if diff := cmp.Diff(before, s.mapping(s.observe(), key("placed")), settings()); diff != "" {
			t.Errorf("without the key again (-want +got):\n%s", diff)
		}
	})
}

// Only what changes is sent, and tags before it; tags alone are no update.
func TestUpdateCalls(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*reconcile.Mapping)
		want   []string
	}{
		"setting": {
			func(m *reconcile.Mapping) { m.BatchSize = 7 },
			[]string{"GetEventSourceMapping", "UpdateEventSourceMapping", "ListEventSourceMappings"},
		},
		"setting and tag": {
			func(m *reconcile.Mapping) {
				m.BatchSize = 7
				m.Tags = map[string]string{reconcile.TagSince: reconcile.SincePending}
			},
			[]string{"GetEventSourceMapping", "TagResource", "UpdateEventSourceMapping", "ListEventSourceMappings"},
		},
		"tag": {
			func(m *reconcile.Mapping) { m.Tags = map[string]string{reconcile.TagSince: reconcile.SincePending} },
			[]string{"GetEventSourceMapping", "TagResource"},
		},
		"spelling of the filter": {
			func(m *reconcile.Mapping) { m.Filters = []string{`{ "data" : {"eventType": ["placed"]}}`} },
			[]string{"GetEventSourceMapping"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				live := s.withRoutes("placed")
				before := s.mapping(live, key("placed"))
				s.apply(live, update(before, c.change))
				if diff := cmp.Diff(c.want, s.operations()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				want := maps.Clone(route("placed").Tags)
				if len(c.want) == 2 && c.want[1] == "TagResource" || len(c.want) == 4 {
					want[reconcile.TagSince] = reconcile.SincePending
				}
				tags := s.answer(live, reconcile.Ask{What: reconcile.AskTags, Name: before.UUID}).Tags[before.UUID]
				if diff := cmp.Diff(want, tags); diff != "" {
					t.Errorf("tags (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Whatever moved since the plan was made, nothing is written.
func TestUpdateStale(t *testing.T) {
	for name, c := range map[string]struct {
		move func(*scene, *lambda.UpdateEventSourceMappingInput)
		want string
	}{
		"setting": {func(_ *scene, in *lambda.UpdateEventSourceMappingInput) { in.BatchSize = aws.Int32(3) }, "has another batchSize"},
		"filter": {func(_ *scene, in *lambda.UpdateEventSourceMappingInput) {
			in.FilterCriteria = filterCriteria(`{"data":{"x":["y"]}}`)
		}, "has another filterCriteria"},
		"enabled": {func(_ *scene, in *lambda.UpdateEventSourceMappingInput) { in.Enabled = aws.Bool(false) }, "has another enabled"},
		"function": {func(_ *scene, in *lambda.UpdateEventSourceMappingInput) {
			in.FunctionName = aws.String(function + ":live")
		}, "is now orders-events -> order-processor:live"},
		"in transition": {nil, "AWS is still busy with it"},
		"gone":          {nil, "is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				live := s.withRoutes("placed")
				before := s.mapping(live, key("placed"))
				in := &lambda.UpdateEventSourceMappingInput{UUID: &before.UUID}
				if c.move != nil {
					c.move(s, in)
				}
				if name == "gone" {
					_, err := s.lambda.DeleteEventSourceMapping(s.Context(), &lambda.DeleteEventSourceMappingInput{UUID: &before.UUID})
					s.ok(err)
				} else {
					_, err := s.lambda.UpdateEventSourceMapping(s.Context(), in)
					s.ok(err)
				}
				if name != "in transition" {
					s.passes(3)
				}
				s.server.Forget()
				err := s.start(live, update(before, func(m *reconcile.Mapping) { m.BatchSize, m.Tags = 9, map[string]string{"a": "b"} }))
				if !errors.Is(err, reconcile.ErrStale) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), before.UUID) {
					t.Errorf("%v\nwant %s", err, c.want)
				}
				if diff := cmp.Diff([]string{"GetEventSourceMapping"}, s.operations()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Between the look and the write somebody can be faster.
func TestUpdateRaces(t *testing.T) {
	refuse := func(status int, code string) emulator.Fault {
		return emulator.Fault{Refuse: &world.Error{Code: code, Status: status, Message: "no"}}
	}
	for name, c := range map[string]struct {
		fault emulator.Faults
		want  string
		stale bool
	}{
		"busy for a while":       {on("UpdateEventSourceMapping", 1, 2, refuse(400, "ResourceInUseException")), "", false},
		"busy for long":          {on("UpdateEventSourceMapping", 1, 99, refuse(400, "ResourceInUseException")), "AWS is still busy with it", true},
		"gone":                   {on("UpdateEventSourceMapping", 1, 1, refuse(404, "ResourceNotFoundException")), "is gone", true},
		"gone before its tag":    {on("TagResource", 1, 1, refuse(404, "ResourceNotFoundException")), "is gone", true},
		"another is under way":   {on("UpdateEventSourceMapping", 1, 1, refuse(409, "ResourceConflictException")), "ResourceConflictException", true},
		"denied":                 {on("UpdateEventSourceMapping", 1, 1, refuse(403, "AccessDeniedException")), "it takes lambda:UpdateEventSourceMapping:", false},
		"tag denied":             {on("TagResource", 1, 1, refuse(403, "AccessDeniedException")), "it takes lambda:TagResource:", false},
		"its own answer lost":    {on("UpdateEventSourceMapping", 1, 1, emulator.Fault{Lose: emulator.LoseAnswer}), "", false},
		"answer to its tag lost": {on("TagResource", 1, 1, emulator.Fault{Lose: emulator.LoseAnswer}), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				live := s.withRoutes("placed")
				before := s.mapping(live, key("placed"))
				s.fault = c.fault
				err := s.start(live, update(before, func(m *reconcile.Mapping) { m.BatchSize, m.Tags = 9, map[string]string{"a": "b"} }))
				if (err == nil) != (c.want == "") || !strings.Contains(text(err), c.want) || errors.Is(err, reconcile.ErrStale) != c.stale {
					t.Errorf("%v\nwant %s", err, c.want)
				}
				s.fault = nil
				s.passes(10)
				if err == nil && s.mapping(s.observe(), key("placed")).BatchSize != 9 {
					t.Error("it was not changed")
				}
				if n := count(s.operations(), "UpdateEventSourceMapping"); n > 4 {
					t.Errorf("%d updates sent", n)
				}
			})
		})
	}
}

// An update whose answer was lost shows in the mapping, before AWS is done with
// it, or is carried out once more.
func TestUpdateAnswerLost(t *testing.T) {
	for lag, want := range map[bool]int{false: 2, true: 4} {
		inSlowScene(t, func(s *scene) {
			s.server.Do(func(w *world.World) { w.SetKnobs(world.Knobs{StaleUpdates: lag}) })
			live := s.withRoutes("placed")
			s.fault = on("UpdateEventSourceMapping", 1, 1, emulator.Fault{Lose: emulator.LoseAnswer})
			s.ok(s.start(live, update(s.mapping(live, key("placed")), func(m *reconcile.Mapping) { m.BatchSize = 9 })))
			if n := count(s.operations(), "UpdateEventSourceMapping"); n > want {
				t.Errorf("old values shown %v: %d updates", lag, n)
			}
			s.passes(10)
			if m := s.mapping(s.observe(), key("placed")); m.BatchSize != 9 {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestUpdateGoneWhileBusy(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.withRoutes("placed")
		busy := on("UpdateEventSourceMapping", 1, 99, emulator.Fault{Refuse: &world.Error{Code: "ResourceInUseException", Status: 400}})
		gone := on("GetEventSourceMapping", 2, 1, emulator.Fault{Refuse: &world.Error{Code: "ResourceNotFoundException", Status: 404}})
		s.fault = func(c emulator.Call) emulator.Fault {
			if c.Operation == "GetEventSourceMapping" {
				return gone(c)
			}
			return busy(c)
		}
		err := s.start(live, update(s.mapping(live, key("placed")), func(m *reconcile.Mapping) { m.BatchSize = 9 }))
		if !errors.Is(err, reconcile.ErrStale) || !strings.Contains(err.Error(), "is gone") {
			t.Error(err)
		}
	})
}

// A change of what was never observed is a mistake of the caller's.
func TestUpdateUnknown(t *testing.T) {
	inScene(t, func(s *scene) {
		for _, c := range []reconcile.Change{
			update(reconcile.Mapping{Key: key("placed")}, func(m *reconcile.Mapping) { m.BatchSize = 9 }),
			realias(reconcile.Alias{Key: reconcile.AliasKey{Function: function, Name: "live"}}, func(a *reconcile.Alias) { a.Version = "1" }),
		} {
			if err := s.start(s.observe(), c); !strings.Contains(text(err), "is not known") {
				t.Error(err)
			}
		}
	})
}

// A key that is taken refuses a retarget.
func TestRetargetTaken(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.withRoutes("placed", "paid")
		err := s.start(live, update(s.mapping(live, key("placed")), func(m *reconcile.Mapping) { m.Key = key("paid") }))
		if !errors.Is(err, reconcile.ErrStale) || !strings.Contains(err.Error(), "already exists") {
			t.Error(err)
		}
	})
}

func (s *scene) passes(seconds int) { time.Sleep(time.Duration(seconds) * time.Second) }

// What another pass has made of a target already, all of it, is done.
func TestUpdateDone(t *testing.T) {
	inScene(t, func(s *scene) {
		live := s.withRoutes("placed")
		before := s.mapping(live, key("placed"))
		for name, c := range map[string]reconcile.Change{
			"setting":         update(before, func(m *reconcile.Mapping) { m.BatchSize = 7 }),
			"setting and tag": update(before, func(m *reconcile.Mapping) { m.BatchSize, m.Tags = 7, map[string]string{"k": "v"} }),
		} {
			s.apply(live, c)
			s.server.Forget()
			if err := reconcile.Apply(s.Context(), s.client.Writer(live), []reconcile.Change{c}, nil).Err(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if calls := s.operations(); count(calls, "UpdateEventSourceMapping") > 0 {
				t.Errorf("%s: %v", name, calls)
			}
			other := update(before, func(m *reconcile.Mapping) { m.BatchSize, m.Tags = 7, map[string]string{"k": "other"} })
			if err := s.start(live, other); !errors.Is(err, reconcile.ErrStale) {
				t.Errorf("%s: another tag: %v", name, err)
			}
			s.apply(s.observe(), update(s.mapping(s.observe(), key("placed")), func(m *reconcile.Mapping) { m.BatchSize = before.BatchSize }))
		}
	})
}

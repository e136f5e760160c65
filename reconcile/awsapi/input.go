package awsapi

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/reconcile"
)

// createInput has every setting in it, so that a default of AWS that changes
// changes nothing here.
func createInput(m *reconcile.Mapping, source string) (*lambda.CreateEventSourceMappingInput, error) {
	position, at, err := startingPosition(m.Start)
	if err != nil {
		return nil, err
	}
	in := &lambda.CreateEventSourceMappingInput{
		EventSourceArn:                 &source,
		FunctionName:                   aws.String(m.Key.Target()),
		StartingPosition:               position,
		StartingPositionTimestamp:      at,
		Enabled:                        &m.Enabled,
		BatchSize:                      number32(m.BatchSize),
		MaximumBatchingWindowInSeconds: number32(m.MaximumBatchingWindow),
		ParallelizationFactor:          number32(m.ParallelizationFactor),
		MaximumRetryAttempts:           number32(m.MaximumRetryAttempts),
		MaximumRecordAgeInSeconds:      number32(m.MaximumRecordAge),
		BisectBatchOnFunctionError:     &m.BisectBatchOnFunctionError,
		TumblingWindowInSeconds:        number32(m.TumblingWindow),
		FunctionResponseTypes:          responseTypes(m),
		Tags:                           m.Tags,
	}
	if !m.Enabled {
		// By the plan's time it could not be told from what a person does minutes later.
		in.Tags = map[string]string{reconcile.TagMade: time.Now().UTC().Format(time.RFC3339)}
		maps.Copy(in.Tags, m.Tags)
	}
	// None of these is the absence of it. A value of "none" is for updates.
	if len(m.Filters) > 0 {
		in.FilterCriteria = criteria(m.Filters)
	}
	if m.OnFailure != "" {
		in.DestinationConfig = destination(m.OnFailure)
	}
	if m.KMSKey != "" {
		in.KMSKeyArn = &m.KMSKey
	}
	if len(m.Metrics) > 0 {
		in.MetricsConfig = metrics(m.Metrics)
	}
	return in, nil
}

// updateInput has in it what changes, and nothing where nothing does. To AWS a
// setting that is absent stays; what is to go is sent with the value that
// clears it: no filters, an empty list, -1, 0 or "".
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
func updateInput(before, after *reconcile.Mapping) (*lambda.UpdateEventSourceMappingInput, bool, error) {
	in := &lambda.UpdateEventSourceMappingInput{UUID: &before.UUID}
	changes := false
	for _, d := range reconcile.Differences(before, after) {
		if d.Setting == "filterCriteria" && after.FiltersUnknown {
			continue // it stays, whatever it is
		}
		if !put(in, d.Setting, after) {
			return nil, false, fmt.Errorf("update mapping %s: this version cannot change %s", after.Key, d.Setting)
		}
		changes = true
	}
	return in, changes, nil
}

// put puts one setting of a mapping into an update; false when there is none of
// that name. The names are those of [reconcile.Difference].
func put(in *lambda.UpdateEventSourceMappingInput, setting string, m *reconcile.Mapping) bool {
	switch setting {
	case "functionName":
		in.FunctionName = aws.String(m.Key.Target())
	case "enabled":
		in.Enabled = &m.Enabled
	case "bisectBatchOnFunctionError":
		in.BisectBatchOnFunctionError = &m.BisectBatchOnFunctionError
	case "onFailure":
		in.DestinationConfig = destination(m.OnFailure)
	case "reportBatchItemFailures":
		in.FunctionResponseTypes = responseTypes(m)
	case "kmsKeyArn":
		in.KMSKeyArn = &m.KMSKey
	case "metrics":
		in.MetricsConfig = metrics(m.Metrics)
	case "filterCriteria":
		in.FilterCriteria = criteria(m.Filters)
	default:
		return putNumber(in, setting, m)
	}
	return true
}

func putNumber(in *lambda.UpdateEventSourceMappingInput, setting string, m *reconcile.Mapping) bool {
	switch setting {
	case "batchSize":
		in.BatchSize = number32(m.BatchSize)
	case "maximumBatchingWindowInSeconds":
		in.MaximumBatchingWindowInSeconds = number32(m.MaximumBatchingWindow)
	case "parallelizationFactor":
		in.ParallelizationFactor = number32(m.ParallelizationFactor)
	case "maximumRetryAttempts":
		in.MaximumRetryAttempts = number32(m.MaximumRetryAttempts)
	case "maximumRecordAgeInSeconds":
		in.MaximumRecordAgeInSeconds = number32(m.MaximumRecordAge)
	case "tumblingWindowInSeconds":
		in.TumblingWindowInSeconds = number32(m.TumblingWindow)
	default:
		return false
	}
	return true
}

func number32(n int) *int32 { return aws.Int32(int32(n)) }

// criteria is never nil: without filters it clears those that are there.
func criteria(patterns []string) *types.FilterCriteria {
	c := &types.FilterCriteria{}
	for _, p := range patterns {
		c.Filters = append(c.Filters, types.Filter{Pattern: &p})
	}
	return c
}

// destination is never nil: an empty ARN clears it.
func destination(onFailure string) *types.DestinationConfig {
	return &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: &onFailure}}
}

// responseTypes is never nil: an empty list clears it.
func responseTypes(m *reconcile.Mapping) []types.FunctionResponseType {
	if m.ReportBatchItemFailures {
		return []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}
	}
	return []types.FunctionResponseType{}
}

// metrics is never nil: an empty list clears it.
func metrics(names []string) *types.EventSourceMappingMetricsConfig {
	list := []types.EventSourceMappingMetric{}
	for _, name := range slices.Sorted(slices.Values(names)) {
		list = append(list, types.EventSourceMappingMetric(name))
	}
	return &types.EventSourceMappingMetricsConfig{Metrics: list}
}

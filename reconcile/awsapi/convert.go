package awsapi

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/reconcile"
)

// AWS's values for settings that an answer leaves out.
// https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
const (
	defaultBatchSize = 100
	defaultFactor    = 1
	noLimit          = -1
)

// mappingOf is a live mapping. region is where it was asked for, in case that
// none of its ARNs says so.
func mappingOf(c types.EventSourceMappingConfiguration, region string) reconcile.Mapping {
	at, ok := homeOf(aws.ToString(c.EventSourceMappingArn))
	if !ok {
		if at, ok = homeOf(aws.ToString(c.FunctionArn)); !ok {
			at.region = region
		}
	}
	m := reconcile.Mapping{
		Key:                        keyOf(c, at),
		Enabled:                    enabled(aws.ToString(c.State)),
		BatchSize:                  number(c.BatchSize, defaultBatchSize),
		MaximumBatchingWindow:      number(c.MaximumBatchingWindowInSeconds, 0),
		ParallelizationFactor:      number(c.ParallelizationFactor, defaultFactor),
		MaximumRetryAttempts:       number(c.MaximumRetryAttempts, noLimit),
		MaximumRecordAge:           number(c.MaximumRecordAgeInSeconds, noLimit),
		BisectBatchOnFunctionError: aws.ToBool(c.BisectBatchOnFunctionError),
		TumblingWindow:             number(c.TumblingWindowInSeconds, 0),
		ReportBatchItemFailures:    slices.Contains(c.FunctionResponseTypes, types.FunctionResponseTypeReportBatchItemFailures),
		KMSKey:                     aws.ToString(c.KMSKeyArn),
		Start:                      startOf(c),
		UUID:                       aws.ToString(c.UUID),
		ARN:                        aws.ToString(c.EventSourceMappingArn),
		SourceARN:                  aws.ToString(c.EventSourceArn),
		FunctionARN:                aws.ToString(c.FunctionArn),
		State:                      aws.ToString(c.State),
		Modified:                   aws.ToTime(c.LastModified).UTC(),
		LastResult:                 aws.ToString(c.LastProcessingResult),
	}
	m.Filters, m.FiltersUnknown = filtersOf(c)
	if d := c.DestinationConfig; d != nil && d.OnFailure != nil {
		m.OnFailure = aws.ToString(d.OnFailure.Destination)
	}
	if c.MetricsConfig != nil {
		for _, metric := range c.MetricsConfig.Metrics {
			m.Metrics = append(m.Metrics, string(metric))
		}
	}
	if c.ScalingConfig != nil {
		m.MaximumConcurrency = number(c.ScalingConfig.MaximumConcurrency, 0)
	}
	return m
}

// filtersOf reads a mapping's patterns. A list leaves those out that a KMS key
// encrypts, and a mapping has a key only while it has a filter: absent is then
// unknown, not none.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
func filtersOf(c types.EventSourceMappingConfiguration) (patterns []string, unknown bool) {
	if c.FilterCriteria == nil {
		return nil, c.KMSKeyArn != nil && *c.KMSKeyArn != "" || c.FilterCriteriaError != nil
	}
	for _, f := range c.FilterCriteria.Filters {
		patterns = append(patterns, aws.ToString(f.Pattern))
	}
	return patterns, false
}

func enabled(state string) bool {
	switch state {
	case "Disabled", "Disabling", "Deleting":
		return false
	}
	return true
}

func startOf(c types.EventSourceMappingConfiguration) reconcile.Start {
	switch c.StartingPosition {
	case types.EventSourcePositionTrimHorizon:
		return reconcile.Start{TrimHorizon: true}
	case types.EventSourcePositionAtTimestamp:
		return reconcile.Start{At: aws.ToTime(c.StartingPositionTimestamp).UTC()}
	case types.EventSourcePositionLatest:
	}
	return reconcile.Start{}
}

func aliasOf(function string, c types.AliasConfiguration) reconcile.Alias {
	a := reconcile.Alias{
		Key:         reconcile.AliasKey{Function: function, Name: aws.ToString(c.Name)},
		Version:     aws.ToString(c.FunctionVersion),
		Description: aws.ToString(c.Description),
		ARN:         aws.ToString(c.AliasArn),
		RevisionID:  aws.ToString(c.RevisionId),
	}
	if c.RoutingConfig != nil && len(c.RoutingConfig.AdditionalVersionWeights) > 0 {
		a.Weights = c.RoutingConfig.AdditionalVersionWeights
	}
	return a
}

// shardOf is a shard of a listing. One that has an end takes no new records.
func shardOf(s kinesistypes.Shard) reconcile.Shard {
	shard := reconcile.Shard{ID: aws.ToString(s.ShardId)}
	for _, parent := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
		if parent != nil && *parent != "" {
			shard.Parents = append(shard.Parents, *parent)
		}
	}
	shard.Closed = s.SequenceNumberRange != nil && s.SequenceNumberRange.EndingSequenceNumber != nil
	return shard
}

func number(p *int32, absent int) int {
	if p == nil {
		return absent
	}
	return int(*p)
}

package awsapi

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventrouting/eventrouting/reconcile"
)

// mappingsPerPage is the most that AWS puts on a page, whatever is asked for.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
const mappingsPerPage = 100

// listMappings lists the mappings of a source ARN, and of a function, sorted; of
// all of them where it is empty. AWS's filter by function is exact on the qualifier.
func (r *Reader) listMappings(ctx context.Context, source, function string) ([]reconcile.Mapping, error) {
	byUUID := map[string]reconcile.Mapping{} // a mapping can move between pages meanwhile
	err := eachPage(func(marker string) (*string, error) {
		out, err := r.lambda.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{
			EventSourceArn: markerOf(source),
			FunctionName:   markerOf(function),
			Marker:         markerOf(marker),
			MaxItems:       aws.Int32(mappingsPerPage),
		})
		switch {
		case err != nil:
			return nil, err
		case out.EventSourceMappings == nil:
			return nil, missing("EventSourceMappings")
		}
		for _, c := range out.EventSourceMappings {
			if err := saneMapping(c); err != nil {
				return nil, err
			}
			m := mappingOf(c, r.region)
			byUUID[m.UUID] = m
		}
		return out.NextMarker, nil
	})
	all := make([]reconcile.Mapping, 0, len(byUUID))
	for _, m := range byUUID {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b reconcile.Mapping) int { return cmp.Compare(a.UUID, b.UUID) })
	return all, err
}

// readMapping reads one mapping.
func (r *Reader) readMapping(ctx context.Context, uuid string) (*lambda.GetEventSourceMappingOutput, error) {
	out, err := r.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid})
	if err != nil {
		return out, err
	}
	if err := saneMapping(configuration(out)); err != nil {
		return out, err
	}
	if *out.UUID != uuid {
		return out, nonsensical("UUID", *out.UUID)
	}
	return out, nil
}

// readStream reads a stream and its shards: those open now, and those closed
// since then. Where the list lacks some the stream is asked again: a reshard may
// have come between the two calls.
func (r *Reader) readStream(ctx context.Context, name string, since time.Duration, now time.Time) (reconcile.Stream, error) {
	d, err := r.summary(ctx, name)
	if err != nil {
		return reconcile.Stream{}, err
	}
	filter := shardFilter(since, now, oldest(d, now))
	shards, err := r.listShards(ctx, name, filter)
	if isCode(err, "InvalidArgumentException") && filter.Timestamp != nil {
		// The horizon is nearer than it looked; AWS draws it.
		shards, err = r.listShards(ctx, name, fromTrimHorizon())
	}
	switch {
	case IsBusy(err) && d.StreamStatus == kinesistypes.StreamStatusCreating:
		return streamOf(name, d), nil // it has none yet
	case err != nil:
		return reconcile.Stream{}, err
	}
	if lacksShards(shards, d) {
		if d, err = r.summary(ctx, name); err != nil {
			return reconcile.Stream{}, err
		}
		if lacksShards(shards, d) {
			return reconcile.Stream{}, fmt.Errorf("%w: the list has %d open shards and the stream %d", errOutdated, openShards(shards), *d.OpenShardCount)
		}
	}
	s := streamOf(name, d)
	s.Shards = shards
	return s, nil
}

func (r *Reader) summary(ctx context.Context, name string) (*kinesistypes.StreamDescriptionSummary, error) {
	out, err := r.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	if err != nil {
		return nil, err
	}
	return out.StreamDescriptionSummary, saneStream(name, out.StreamDescriptionSummary)
}

// streamOf is a stream without its shards.
func streamOf(name string, d *kinesistypes.StreamDescriptionSummary) reconcile.Stream {
	s := reconcile.Stream{
		Name:      name,
		ARN:       *d.StreamARN,
		Status:    string(d.StreamStatus),
		Retention: time.Duration(number(d.RetentionPeriodHours, 0)) * time.Hour,

		ConsumerCount: int(number(d.ConsumerCount, 0)),
	}
	if d.StreamModeDetails != nil {
		s.Mode = string(d.StreamModeDetails.StreamMode)
	}
	return s
}

// lacksShards says whether a list has fewer open shards than the stream says. While
// it is UPDATING pieces come and go, and the two need not agree.
func lacksShards(shards []reconcile.Shard, d *kinesistypes.StreamDescriptionSummary) bool {
	return d.StreamStatus == kinesistypes.StreamStatusActive && openShards(shards) < number(d.OpenShardCount, 0)
}

func openShards(shards []reconcile.Shard) int {
	n := 0
	for _, s := range shards {
		if !s.Closed {
			n++
		}
	}
	return n
}

// oldest is the trim horizon of a stream, as far as can be told: what it holds
// is no older than the stream.
func oldest(d *kinesistypes.StreamDescriptionSummary, now time.Time) time.Time {
	horizon := now.Add(-time.Duration(number(d.RetentionPeriodHours, 0)) * time.Hour)
	if made := aws.ToTime(d.StreamCreationTimestamp); made.After(horizon) {
		return made
	}
	return horizon
}

// shardFilter asks for the shards open now and those closed since then. A time
// before the trim horizon is documented to be taken for it, and was seen refused
// in September 2026: from near it on all that the stream holds is asked for.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ShardFilter.html
func shardFilter(since time.Duration, now, horizon time.Time) *kinesistypes.ShardFilter {
	if since <= 0 {
		return &kinesistypes.ShardFilter{Type: kinesistypes.ShardFilterTypeAtLatest}
	}
	at := now.Add(-since)
	if at.Before(horizon.Add(horizonMargin)) {
		return fromTrimHorizon()
	}
	return &kinesistypes.ShardFilter{Type: kinesistypes.ShardFilterTypeFromTimestamp, Timestamp: &at}
}

// horizonMargin is how near to the trim horizon a time is not asked for: clocks
// differ, and the horizon moves on.
const horizonMargin = 5 * time.Minute

func fromTrimHorizon() *kinesistypes.ShardFilter {
	return &kinesistypes.ShardFilter{Type: kinesistypes.ShardFilterTypeFromTrimHorizon}
}

// listShards lists shards, 1,000 a page. A token stands for the stream and the
// filter, which must not be sent beside it.
func (r *Reader) listShards(ctx context.Context, name string, filter *kinesistypes.ShardFilter) ([]reconcile.Shard, error) {
	var all []reconcile.Shard
	err := eachPage(func(token string) (*string, error) {
		in := &kinesis.ListShardsInput{StreamName: &name, ShardFilter: filter}
		if token != "" {
			in = &kinesis.ListShardsInput{NextToken: &token}
		}
		out, err := r.kinesis.ListShards(ctx, in)
		switch {
		case err != nil:
			return nil, err
		case out.Shards == nil:
			return nil, missing("Shards")
		}
		for _, s := range out.Shards {
			if err := saneShard(s); err != nil {
				return nil, err
			}
			all = append(all, shardOf(s))
		}
		return out.NextToken, nil
	})
	slices.SortFunc(all, func(a, b reconcile.Shard) int { return cmp.Compare(a.ID, b.ID) })
	return all, err
}

// readFunction reads a function's aliases, reservation and provisioned
// concurrency. It is not found when any of them says so: a function can go
// between two calls.
func (r *Reader) readFunction(ctx context.Context, name string) (reconcile.Function, []reconcile.Alias, error) {
	f := reconcile.Function{Name: name}
	aliases, err := r.listAliases(ctx, name)
	if err != nil {
		return f, nil, err
	}
	for _, a := range aliases {
		f.ARN = unqualified(a.ARN)
	}
	if f.Reserved, err = r.reserved(ctx, name); err != nil {
		return f, nil, err
	}
	if f.Provisioned, err = r.listProvisioned(ctx, name); err != nil {
		return f, nil, err
	}
	return f, aliases, nil
}

func (r *Reader) listAliases(ctx context.Context, function string) ([]reconcile.Alias, error) {
	var all []reconcile.Alias
	err := eachPage(func(marker string) (*string, error) {
		out, err := r.lambda.ListAliases(ctx, &lambda.ListAliasesInput{
			FunctionName: &function,
			Marker:       markerOf(marker),
			MaxItems:     aws.Int32(10000), // as many as AWS likes to send
		})
		switch {
		case err != nil:
			return nil, err
		case out.Aliases == nil:
			return nil, missing("Aliases")
		}
		for _, c := range out.Aliases {
			if err := saneAlias(function, c); err != nil {
				return nil, err
			}
			all = append(all, aliasOf(function, c))
		}
		return out.NextMarker, nil
	})
	return all, err
}

// reserved is a function's reservation; nil is unset, which is not 0.
func (r *Reader) reserved(ctx context.Context, function string) (*int, error) {
	out, err := r.lambda.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &function})
	if err != nil || out.ReservedConcurrentExecutions == nil {
		return nil, err
	}
	n := int(*out.ReservedConcurrentExecutions)
	return &n, saneCount("ReservedConcurrentExecutions", *out.ReservedConcurrentExecutions)
}

func (r *Reader) listProvisioned(ctx context.Context, function string) ([]reconcile.Provisioned, error) {
	var all []reconcile.Provisioned
	err := eachPage(func(marker string) (*string, error) {
		out, err := r.lambda.ListProvisionedConcurrencyConfigs(ctx, &lambda.ListProvisionedConcurrencyConfigsInput{
			FunctionName: &function,
			Marker:       markerOf(marker),
		})
		switch {
		case err != nil:
			return nil, err
		case out.ProvisionedConcurrencyConfigs == nil:
			return nil, missing("ProvisionedConcurrencyConfigs")
		}
		for _, c := range out.ProvisionedConcurrencyConfigs {
			qualifier, err := saneQualified(function, c.FunctionArn)
			if err != nil {
				return nil, err
			}
			requested := number(c.RequestedProvisionedConcurrentExecutions, 0)
			if err := saneCount("RequestedProvisionedConcurrentExecutions", int32(requested)); err != nil {
				return nil, err
			}
			all = append(all, reconcile.Provisioned{Qualifier: qualifier, Requested: requested})
		}
		return out.NextMarker, nil
	})
	slices.SortFunc(all, func(a, b reconcile.Provisioned) int { return cmp.Compare(a.Qualifier, b.Qualifier) })
	return all, err
}

// versions reads a function's versions and how long an invocation may take; of one
// that is gone there are none.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html
func (r *Reader) versions(ctx context.Context, function string) (reconcile.Versions, error) {
	var v reconcile.Versions
	err := eachPage(func(marker string) (*string, error) {
		out, err := r.lambda.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionInput{FunctionName: &function, Marker: markerOf(marker)})
		if err != nil {
			return nil, err
		}
		for _, c := range out.Versions {
			name := aws.ToString(c.Version)
			if name == "" || c.Timeout == nil {
				return nil, missing("Version or Timeout of a version")
			}
			v.Names = append(v.Names, name)
			v.Timeout = max(v.Timeout, time.Duration(*c.Timeout)*time.Second)
			if name == latest {
				if v.Latest, err = time.Parse(lastModified, aws.ToString(c.LastModified)); err != nil {
					return nil, nonsensical("LastModified", aws.ToString(c.LastModified))
				}
			}
		}
		return out.NextMarker, nil
	})
	if IsNotFound(err) {
		return reconcile.Versions{}, nil
	}
	if err != nil {
		return v, failed(err, "list the versions of function %s", function)
	}
	return v, nil
}

// lastModified is how Lambda writes when a function was changed.
const lastModified = "2006-01-02T15:04:05.000-0700"

package awsapi

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventrouting/eventrouting/reconcile"
)

// Answer reads the facts that a plan asked for. What an ask is about may be
// gone by now: then its fact is there and empty, and of a filter it says so,
// lest it be taken for none.
func (r *Reader) Answer(ctx context.Context, s reconcile.State, asks []reconcile.Ask) (reconcile.State, error) {
	facts := reconcile.Facts{
		Tags:     copied(s.Facts.Tags),
		Filters:  copied(s.Facts.Filters),
		Invokers: copied(s.Facts.Invokers),
		Limits:   s.Facts.Limits,

		ConsumerTags: copied(s.Facts.ConsumerTags),
		Gone:         copied(s.Facts.Gone),
		Lineages:     copied(s.Facts.Lineages),
		Lags:         copied(s.Facts.Lags),
		Read:         copied(s.Facts.Read),
		Left:         copied(s.Facts.Left),
		Versions:     copied(s.Facts.Versions),
	}
	for _, ask := range asks {
		var err error
		switch ask.What {
		case reconcile.AskTags:
			facts.Tags[ask.Name], err = r.tags(ctx, s, ask.Name)
		case reconcile.AskFilter:
			facts.Filters[ask.Name], err = r.filter(ctx, ask.Name)
		case reconcile.AskInvokers:
			facts.Invokers[ask.Name], err = r.invokers(ctx, s, ask.Name)
		case reconcile.AskConsumerTags:
			facts.ConsumerTags[ask.Name], err = r.consumerTags(ctx, ask.Name)
		case reconcile.AskGone:
			facts.Gone[ask.Name], err = r.gone(ctx, ask.Name)
		case reconcile.AskLineage:
			facts.Lineages[ask.Name], err = r.lineage(ctx, s, ask)
		case reconcile.AskLag, reconcile.AskRead, reconcile.AskLeft:
			err = r.handover(ctx, ask, &facts)
		case reconcile.AskVersions:
			facts.Versions[ask.Name], err = r.versions(ctx, ask.Name)
		case reconcile.AskFunction:
			s, err = r.function(ctx, s, ask.Name)
		case reconcile.AskStream:
			s, err = r.stream(ctx, s, ask)
		case reconcile.AskLimits:
			facts.Limits, err = r.limits(ctx)
		default:
			err = fmt.Errorf("answer %q: nobody knows what that is", ask.What)
		}
		if err != nil {
			return reconcile.State{}, err
		}
	}
	s.Facts = facts
	return s, nil
}

// handover answers what only serves to end one.
func (r *Reader) handover(ctx context.Context, ask reconcile.Ask, facts *reconcile.Facts) (err error) {
	switch ask.What {
	case reconcile.AskRead:
		facts.Read[ask.Reads()], err = r.read(ctx, ask)
	case reconcile.AskLeft:
		facts.Left[ask.Name], err = r.left(ctx, ask.Name)
	default:
		facts.Lags[ask.Name], err = r.lag(ctx, ask)
	}
	return err
}

// left reads how long a stream keeps records that no document names. Who may read no others
// is not refused a pass for that.
func (r *Reader) left(ctx context.Context, name string) (reconcile.LeftStream, error) {
	d, err := r.summary(ctx, name)
	switch {
	case IsNotFound(err):
		return reconcile.LeftStream{Gone: true}, nil
	case IsDenied(err):
		return reconcile.LeftStream{}, nil
	case err != nil:
		return reconcile.LeftStream{}, failed(err, "describe stream %s", name)
	}
	return reconcile.LeftStream{Retention: streamOf(name, d).Retention}, nil
}

// function reads a function that the scope did not name. One that is gone stays
// absent.
func (r *Reader) function(ctx context.Context, s reconcile.State, name string) (reconcile.State, error) {
	f, aliases, err := r.readFunction(ctx, name)
	switch {
	case IsNotFound(err):
		return s, nil
	case err != nil:
		return s, failed(err, "describe function %s", name)
	}
	s.Functions, s.Aliases = maps.Clone(s.Functions), maps.Clone(s.Aliases)
	s.Functions[name] = f
	for _, a := range aliases {
		s.Aliases[a.Key] = a
	}
	return s, nil
}

// stream reads a stream that no document names. One that is gone stays absent.
func (r *Reader) stream(ctx context.Context, s reconcile.State, ask reconcile.Ask) (reconcile.State, error) {
	stream, err := r.readStream(ctx, ask.Name, time.Since(ask.Since), time.Now())
	switch {
	case IsNotFound(err):
		return s, nil
	case err != nil:
		return s, failed(err, "describe stream %s", ask.Name)
	}
	s.Streams = maps.Clone(s.Streams)
	s.Streams[ask.Name] = stream
	return s, nil
}

func copied[V any](m map[string]V) map[string]V {
	c := make(map[string]V, len(m))
	maps.Copy(c, m)
	return c
}

// tags reads a mapping's tags, which no other answer shows.
func (r *Reader) tags(ctx context.Context, s reconcile.State, uuid string) (map[string]string, error) {
	resource := mappingARN(s, uuid)
	if resource == "" {
		return nil, fmt.Errorf("list the tags of mapping %s: the state has no such mapping", uuid)
	}
	out, err := r.lambda.ListTags(ctx, &lambda.ListTagsInput{Resource: &resource})
	switch {
	case IsNotFound(err):
		return map[string]string{}, nil
	case err != nil:
		return nil, failed(err, "list the tags of mapping %s", uuid)
	case out.Tags == nil:
		return nil, fmt.Errorf("list the tags of mapping %s: %w", uuid, missing("Tags"))
	}
	return copied(out.Tags), nil
}

func mappingARN(s reconcile.State, uuid string) string {
	for _, all := range s.Mappings {
		for _, m := range all {
			if m.UUID == uuid {
				return m.ARN
			}
		}
	}
	return ""
}

// filter reads an encrypted filter, which a list leaves out and this call shows
// to who may decrypt it.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
func (r *Reader) filter(ctx context.Context, uuid string) (reconcile.EncryptedFilter, error) {
	out, err := r.readMapping(ctx, uuid)
	switch {
	case IsNotFound(err):
		return reconcile.EncryptedFilter{Error: "the mapping does not exist any more"}, nil
	case err != nil:
		return reconcile.EncryptedFilter{}, failed(err, "read the filter of mapping %s", uuid)
	}
	if e := out.FilterCriteriaError; e != nil {
		return reconcile.EncryptedFilter{Error: aws.ToString(e.ErrorCode) + ": " + aws.ToString(e.Message)}, nil
	}
	patterns, unknown := filtersOf(configuration(out))
	if unknown {
		return reconcile.EncryptedFilter{Error: "AWS shows neither the filter nor why not"}, nil
	}
	return reconcile.EncryptedFilter{Filters: patterns}, nil
}

// invokers reads who may call a function beside mappings: resource policies and
// function URLs of the function and of the aliases that are not a route's. A
// policy on a version is not looked for.
func (r *Reader) invokers(ctx context.Context, s reconcile.State, function string) (reconcile.Invokers, error) {
	var found reconcile.Invokers
	for _, qualifier := range foreignQualifiers(s, function) {
		has, err := r.hasPolicy(ctx, function, qualifier)
		if err != nil {
			return found, failed(err, "read the policy of function %s:%s", function, cmp.Or(qualifier, latest))
		}
		if has {
			found.Policies = append(found.Policies, cmp.Or(qualifier, latest))
		}
	}
	err := eachPage(func(marker string) (*string, error) {
		out, err := r.lambda.ListFunctionUrlConfigs(ctx, &lambda.ListFunctionUrlConfigsInput{
			FunctionName: &function,
			Marker:       markerOf(marker),
		})
		switch {
		case IsNotFound(err):
			return nil, nil
		case err != nil:
			return nil, err
		case out.FunctionUrlConfigs == nil:
			return nil, missing("FunctionUrlConfigs")
		}
		for _, c := range out.FunctionUrlConfigs {
			qualifier, err := saneQualified(function, c.FunctionArn)
			if err != nil {
				return nil, err
			}
			found.URLs = append(found.URLs, cmp.Or(qualifier, latest))
		}
		return out.NextMarker, nil
	})
	if err != nil {
		return found, failed(err, "list the URLs of function %s", function)
	}
	slices.Sort(found.URLs)
	return found, nil
}

// latest is how facts name the function itself.
const latest = "$LATEST"

// foreignQualifiers are the function itself, as "", and its aliases but for
// those of routes, which only mappings call.
func foreignQualifiers(s reconcile.State, function string) []string {
	all := []string{""}
	for key, alias := range s.Aliases {
		_, _, named := reconcile.SplitQualifier(key.Name)
		_, noted := reconcile.ParseNote(alias.Description)
		if route := named && noted; key.Function == function && !route {
			all = append(all, key.Name)
		}
	}
	slices.Sort(all)
	return all
}

func (r *Reader) hasPolicy(ctx context.Context, function, qualifier string) (bool, error) {
	out, err := r.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &function, Qualifier: markerOf(qualifier)})
	switch {
	case IsNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	case out.Policy == nil:
		return false, missing("Policy")
	}
	return true, nil
}

// lineage reads a stream's shards from further back than an observation does: those
// that it saw open are among them, however many were closed since. A stream that is
// gone has none.
func (r *Reader) lineage(ctx context.Context, s reconcile.State, ask reconcile.Ask) (reconcile.Lineage, error) {
	found := reconcile.Lineage{Since: ask.Since}
	shards, err := r.listShards(ctx, ask.Name, &kinesistypes.ShardFilter{Type: kinesistypes.ShardFilterTypeFromTimestamp, Timestamp: &ask.Since})
	if isCode(err, "InvalidArgumentException") {
		shards, err = r.listShards(ctx, ask.Name, fromTrimHorizon())
	}
	switch {
	case IsNotFound(err):
		return found, nil
	case err != nil:
		return found, failed(err, "list the shards of stream %s", ask.Name)
	}
	listed := map[string]bool{}
	for _, c := range shards {
		listed[c.ID] = true
	}
	for _, seen := range s.Streams[ask.Name].Shards {
		if !seen.Closed && !listed[seen.ID] {
			return found, fmt.Errorf("list the shards of stream %s: %w: the list lacks shard %s, which was open", ask.Name, errOutdated, seen.ID)
		}
	}
	found.Shards = shards
	return found, nil
}

func (r *Reader) limits(ctx context.Context) (*reconcile.Limits, error) {
	out, err := r.lambda.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	switch {
	case err != nil:
		return nil, failed(err, "read the account's limits")
	case out.AccountLimit == nil || out.AccountLimit.UnreservedConcurrentExecutions == nil:
		return nil, fmt.Errorf("read the account's limits: %w", missing("UnreservedConcurrentExecutions"))
	case out.AccountLimit.ConcurrentExecutions < *out.AccountLimit.UnreservedConcurrentExecutions || *out.AccountLimit.UnreservedConcurrentExecutions < 0:
		return nil, fmt.Errorf("read the account's limits: %w", nonsensical("limits", fmt.Sprintf("%d, unreserved %d,",
			out.AccountLimit.ConcurrentExecutions, *out.AccountLimit.UnreservedConcurrentExecutions)))
	}
	if err := saneCount("ConcurrentExecutions", out.AccountLimit.ConcurrentExecutions); err != nil {
		return nil, fmt.Errorf("read the account's limits: %w", err)
	}
	return &reconcile.Limits{
		ConcurrentExecutions: int(out.AccountLimit.ConcurrentExecutions),
		Unreserved:           int(*out.AccountLimit.UnreservedConcurrentExecutions),
	}, nil
}

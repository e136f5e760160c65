package controller

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"golang.org/x/time/rate"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/spec"
)

// glanceTimeout is how long one read of the watch may take, retries included.
const glanceTimeout = 20 * time.Second

// gone is what is seen of something that does not exist.
const gone = "missing"

// glancer reads what can move between passes: little, and often.
type glancer struct {
	kinesis interface {
		DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
	}
	lambda interface {
		GetAlias(context.Context, *lambda.GetAliasInput, ...func(*lambda.Options)) (*lambda.GetAliasOutput, error)
	}
}

// stream is a stream's status and number of open shards.
func (g glancer) stream(ctx context.Context, name string) (string, error) {
	out, err := g.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	switch {
	case awsapi.IsNotFound(err):
		return gone, nil
	case err != nil:
		return "", err
	case out.StreamDescriptionSummary == nil:
		return "", fmt.Errorf("describe stream %s: the answer is empty", name)
	}
	d := out.StreamDescriptionSummary
	return streamGlance(string(d.StreamStatus), int(aws.ToInt32(d.OpenShardCount))), nil
}

func streamGlance(status string, open int) string { return fmt.Sprintf("%s %d", status, open) }

// alias is what an alias, FUNCTION:NAME, points to.
func (g glancer) alias(ctx context.Context, name string) (string, error) {
	function, alias, _ := strings.Cut(name, ":")
	out, err := g.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &function, Name: &alias})
	switch {
	case awsapi.IsNotFound(err):
		return gone, nil
	case err != nil:
		return "", err
	}
	var weights map[string]float64
	if out.RoutingConfig != nil {
		weights = out.RoutingConfig.AdditionalVersionWeights
	}
	return aliasGlance(aws.ToString(out.FunctionVersion), weights), nil
}

func aliasGlance(version string, weights map[string]float64) string {
	parts := []string{version}
	for _, v := range slices.Sorted(maps.Keys(weights)) {
		parts = append(parts, fmt.Sprintf("%s=%g", v, weights[v]))
	}
	return strings.Join(parts, " ")
}

// streamsOf names the streams of documents.
func streamsOf(docs []spec.EventRouting) []string {
	var all []string
	for _, d := range docs {
		all = append(all, spec.BareName(d.Spec.Stream))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// followedOf names the aliases, FUNCTION:NAME, that documents' routes follow.
func followedOf(docs []spec.EventRouting) []string {
	var all []string
	for _, d := range docs {
		f := d.Follow()
		if !reconcile.IsAlias(f) {
			continue // neither moves
		}
		for _, r := range d.Resolve() {
			all = append(all, spec.BareName(r.Function)+":"+f)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// watch is one round after the other over things that can move.
type watch struct {
	trigger Trigger // when one has
	list    func([]spec.EventRouting) []string
	read    func(context.Context, string) (string, error)
	limiter func() *rate.Limiter
}

// watch reads everything once in each interval, spread evenly, until ctx ends.
func (w *worker) watch(ctx context.Context, by watch) {
	poll := w.o.ShardPoll
	for began := time.Now(); ctx.Err() == nil; {
		all := by.list(w.wants().docs)
		for i, name := range all {
			at := began.Add(poll * time.Duration(i) / time.Duration(len(all)))
			if !sleep(ctx, time.Until(at)) || by.limiter().Wait(ctx) != nil {
				return
			}
			w.glance(ctx, by, name)
		}
		// Where the limit stretches a round, the next one follows at once.
		began = latest(began.Add(poll), time.Now())
		if !sleep(ctx, time.Until(began)) {
			return
		}
	}
}

// glance reads one thing and triggers a pass if it has moved. What cannot be
// read is for passes to report.
func (w *worker) glance(ctx context.Context, by watch, name string) {
	ctx, cancel := context.WithTimeout(ctx, glanceTimeout)
	defer cancel()
	now, err := by.read(ctx, name)
	if err != nil {
		w.log.Debug("glance", "what", by.trigger, "name", name, "err", err)
		return
	}
	w.mu.Lock()
	before, known := w.seen[seenKey{by.trigger, name}]
	w.seen[seenKey{by.trigger, name}] = now
	w.mu.Unlock()
	if known && before != now {
		w.log.Info("moved", "trigger", by.trigger, "name", name, "before", before, "after", now)
		w.trigger(by.trigger)
	}
}

type seenKey struct {
	trigger Trigger
	name    string
}

// baseline takes what a pass saw for what a watch has not looked at yet: what
// moved between the two must not go unseen.
func (w *worker) baseline(docs []spec.EventRouting, live reconcile.State) {
	now := map[seenKey]string{}
	for _, name := range streamsOf(docs) {
		s, ok := live.Streams[name]
		open := 0
		for _, shard := range s.Shards {
			if !shard.Closed {
				open++
			}
		}
		now[seenKey{TriggerShards, name}] = gone
		if ok {
			now[seenKey{TriggerShards, name}] = streamGlance(s.Status, open)
		}
	}
	for _, name := range followedOf(docs) {
		function, alias, _ := strings.Cut(name, ":")
		a, ok := live.Aliases[reconcile.AliasKey{Function: function, Name: alias}]
		now[seenKey{TriggerFollow, name}] = gone
		if ok {
			now[seenKey{TriggerFollow, name}] = aliasGlance(a.Version, a.Weights)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for k := range w.seen {
		if _, ok := now[k]; !ok {
			delete(w.seen, k)
		}
	}
	for k, v := range now {
		w.seen[k] = cmp.Or(w.seen[k], v)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

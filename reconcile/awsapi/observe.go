package awsapi

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eventrouting/eventrouting/reconcile"
)

// Observe reads the state of a scope: one sweep of all mappings, whoever they
// belong to; the streams of the scope and those that the scope's functions
// read; the functions of the scope and those that have something like a
// route's alias. What does not exist is absent.
//
// The calls are one per 100 mappings, two per stream, one more per stream with
// enhanced fan-out, and three per function; one more to STS where nothing of all
// that exists.
func (r *Reader) Observe(ctx context.Context, s reconcile.Scope, now time.Time) (reconcile.State, error) {
	if r.region == "" {
		return reconcile.State{}, errNoRegion
	}
	o := observation{Reader: r, scope: s, now: now, arns: map[string]string{}}
	if err := o.nameStreams(); err != nil {
		return reconcile.State{}, err
	}
	o.live = reconcile.State{
		Region:    r.region,
		Streams:   map[string]reconcile.Stream{},
		Functions: map[string]reconcile.Function{},
		Aliases:   map[reconcile.AliasKey]reconcile.Alias{},
		Consumers: map[reconcile.ConsumerKey]reconcile.Consumer{},
		Mappings:  map[reconcile.Key][]reconcile.Mapping{},
	}
	for _, step := range []func(context.Context) error{o.sweep, o.readStreams, o.readConsumers, o.readFunctions, o.identify} {
		if err := step(ctx); err != nil {
			return reconcile.State{}, err
		}
	}
	return o.live, o.checkAccount()
}

// observation is one Observe under way.
type observation struct {
	*Reader
	scope   reconcile.Scope
	now     time.Time
	streams []string          // of the scope, by name
	arns    map[string]string // of those that the scope names by ARN
	live    reconcile.State
}

// nameStreams finds the names of the scope's streams. One in another region
// cannot be read by this client, and nothing by its name here is meant.
func (o *observation) nameStreams() error {
	for _, text := range o.scope.Streams {
		if !strings.HasPrefix(text, "arn:") {
			o.streams = append(o.streams, text)
			continue
		}
		name, _, ok := splitStream(text)
		at, full := homeOf(text)
		switch {
		case !ok || !full:
			return fmt.Errorf("stream %s: that is no ARN of a Kinesis stream", text)
		case at.region != o.region:
			return fmt.Errorf("stream %s: it is in region %s, and the calls go to region %s", text, at.region, o.region)
		}
		o.streams = append(o.streams, name)
		o.arns[name] = text
	}
	for _, text := range o.scope.ARNs {
		if at, ok := homeOf(text); !ok || at.region != o.region {
			return fmt.Errorf("function %s: it is in region %s, and the calls go to region %s", text, at.region, o.region)
		}
	}
	return nil
}

// checkAccount refuses streams and functions of another account, which is known only
// once something of this one has been seen: nothing by their names here is meant.
func (o *observation) checkAccount() error {
	check := func(what, text string) error {
		if at, _ := homeOf(text); o.live.Account != "" && at.account != o.live.Account {
			return fmt.Errorf("%s %s: it is in account %s, and the calls go to account %s", what, text, at.account, o.live.Account)
		}
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(o.arns)) {
		if err := check("stream", o.arns[name]); err != nil {
			return err
		}
	}
	for _, text := range o.scope.ARNs {
		if err := check("function", text); err != nil {
			return err
		}
	}
	return nil
}

func (o *observation) sweep(ctx context.Context) error {
	all, err := o.listMappings(ctx, "", "")
	if err != nil {
		return failed(err, "list mappings")
	}
	for _, m := range all {
		o.live.Mappings[m.Key] = append(o.live.Mappings[m.Key], m)
		o.locate(m.ARN)
		o.locate(m.FunctionARN)
	}
	return nil
}

func (o *observation) readStreams(ctx context.Context) error {
	names := slices.Clone(o.streams)
	for key, all := range o.live.Mappings {
		// What a mapping reads counts towards its function's concurrency, also
		// while AWS is still busy with it, and while what it ran may go on.
		reads := slices.ContainsFunc(all, func(m reconcile.Mapping) bool { return m.MayRun(o.now) })
		if (reads || likeRoute(key.Consumer)) && key.Kinesis() && slices.Contains(o.scope.Functions, key.Function) {
			names = append(names, key.Stream)
		}
	}
	for _, name := range unique(names) {
		stream, err := o.readStream(ctx, name, o.scope.Window(name), o.now)
		switch {
		case IsNotFound(err):
			continue
		case err != nil:
			return failed(err, "describe stream %s", name)
		}
		o.live.Streams[name] = stream
		o.locate(stream.ARN)
	}
	return nil
}

// likeRoute says whether a consumer's name is like a route's: a routing that reads
// another stream now may have left it, and it costs by the hour.
func likeRoute(consumer string) bool {
	_, _, ok := reconcile.SplitQualifier(consumer)
	return ok
}

func (o *observation) readFunctions(ctx context.Context) error {
	names := slices.Clone(o.scope.Functions)
	arns := map[string]string{}
	for key, all := range o.live.Mappings {
		if _, _, ok := reconcile.SplitQualifier(key.Qualifier); ok {
			names = append(names, key.Function)
		}
		for _, m := range all {
			arns[key.Function] = unqualified(m.FunctionARN)
		}
	}
	for _, name := range unique(names) {
		if name == "" {
			continue
		}
		f, aliases, err := o.readFunction(ctx, name)
		switch {
		case IsNotFound(err):
			continue // with its mappings left over, as AWS leaves them
		case err != nil:
			return failed(err, "describe function %s", name)
		}
		f.ARN = cmp.Or(f.ARN, arns[name])
		o.live.Functions[name] = f
		o.locate(f.ARN)
		for _, a := range aliases {
			o.live.Aliases[a.Key] = a
		}
	}
	return nil
}

// locate learns the account and the partition from the ARN of anything here.
func (o *observation) locate(text string) {
	if at, ok := homeOf(text); ok && o.live.Account == "" {
		o.live.Account, o.live.Partition = at.account, at.partition
	}
}

// identify asks whose account this is when nothing in it has told, which is so
// when what the documents name does not exist. It serves messages and the check
// of ARNs alone: an endpoint without STS is no error.
func (o *observation) identify(ctx context.Context) error {
	if o.live.Account != "" || len(o.scope.Streams) == 0 {
		return nil
	}
	out, err := o.who.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return ctx.Err()
	}
	o.live.Account = aws.ToString(out.Account)
	if at, err := arn.Parse(aws.ToString(out.Arn)); err == nil {
		o.live.Partition = at.Partition
	}
	return nil
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

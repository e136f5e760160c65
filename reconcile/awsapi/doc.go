// Package awsapi is live AWS behind [reconcile.Reader] and [reconcile.Writer],
// for one account in one region.
//
// [New] takes the SDK's configuration as the caller's chain resolved it. A
// [Reader] looks and cannot write; a dry run holds only that. A [Writer] is a
// Reader that also starts changes and waits for them, made for one pass from
// the state that the pass observed:
//
//	client := awsapi.New(cfg, awsapi.Options{QPS: 5})
//	live, err := client.Reader().Observe(ctx, scope, now)
//	...
//	outcome := reconcile.Apply(ctx, client.Writer(live), plan.Changes, onStep)
//
// Lambda's control plane allows about 15 requests a second per account and
// region, shared with every deploy there, so calls are counted:
//
//	Observe      1 per 100 mappings of the region, 2 per stream, 3 per function
//	Answer       1 per tags, filter or limits; 2 per function's invokers, and 1 per alias that is not a route's
//	Start        1 to create; 2 to change, one more where tags are written too; 2 for a reservation; 1 for an alias;
//	             2 to delete a mapping, 3 for an alias or a consumer
//	Settled      1 per stream that a started mapping reads and 100 mappings of it, each poll
//
// Retries are the SDK's: as many attempts as cfg or AWS_MAX_ATTEMPTS say, and
// [Options].QPS holds for every one of them. AWS's error codes are judged by
// the Is functions here and nowhere else; [Explain] is for people.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
package awsapi

package command

import (
	"strings"

	"github.com/eventrouting/eventrouting/spec"
)

// functionPolicies are what the execution roles of the documents' functions take
// for their mappings. Logs, and what the code does itself, are not in them.
// https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
func functionPolicies(docs []located, streamKeys []string) []principal {
	var all []principal
	for _, d := range docs {
		for _, r := range d.Resolve() {
			name := d.function(r.Function)
			i := 0
			for i < len(all) && all[i].name != name {
				i++
			}
			if i == len(all) {
				all = append(all, principal{name: name, title: "the execution role of function " + name, policy: iamPolicy{Version: policyVersion}})
			}
			all[i].policy.allowRoute(d, r, streamKeys)
		}
	}
	return all
}

// allowRoute adds what one route's mapping does as the function's role.
// kinesis:ListStreams, which AWS's own managed policy has, is not needed.
// Measured: radkawar/stackd, with each action denied in turn.
func (p *iamPolicy) allowRoute(d located, r spec.Resolved, streamKeys []string) {
	stream := d.stream(d.Spec.Stream)
	p.allow(iamStatement{
		Sid: "ReadStreams", why: "Lambda reads the stream as the function",
		Action:   []string{"kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"},
		Resource: []string{stream},
	})
	if r.Isolation == spec.IsolationFanOut {
		p.allow(iamStatement{
			Sid: "ReadConsumers", why: "enhanced fan-out",
			Action: []string{"kinesis:SubscribeToShard"}, Resource: []string{d.consumers(d.EventRouting)},
		})
	}
	for _, key := range streamKeys {
		p.allow(iamStatement{
			Sid: "DecryptStreams", why: "records of an encrypted stream",
			Action: []string{"kms:Decrypt"}, Resource: []string{key},
		})
	}
	p.allowFailures(r.OnFailure)
}

// allowFailures adds what sending batches that were given up takes.
// https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
func (p *iamPolicy) allowFailures(arn string) {
	const why = "batches that were given up go to onFailure"
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return
	}
	switch parts[2] {
	case "sqs":
		p.allow(iamStatement{Sid: "SendFailures", why: why, Action: []string{"sqs:SendMessage"}, Resource: []string{arn}})
	case "sns":
		p.allow(iamStatement{Sid: "PublishFailures", why: why, Action: []string{"sns:Publish"}, Resource: []string{arn}})
	case "s3":
		p.allow(iamStatement{Sid: "StoreFailures", why: why, Action: []string{"s3:PutObject"}, Resource: []string{arn + "/*"}})
		p.allow(iamStatement{Sid: "ListFailures", why: why, Action: []string{"s3:ListBucket"}, Resource: []string{arn}})
	}
}

package awsapi

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/reconcile"
)

// home is whose things can be named without an ARN.
type home struct{ partition, region, account string }

// homeOf reads where an ARN's thing lives; false when it is no full ARN.
func homeOf(text string) (home, bool) {
	a, err := arn.Parse(text)
	if err != nil || a.Region == "" || a.AccountID == "" {
		return home{}, false
	}
	return home{a.Partition, a.Region, a.AccountID}, true
}

// splitFunction reads arn:...:function:NAME[:QUALIFIER].
func splitFunction(text string) (name, qualifier string) {
	a, err := arn.Parse(text)
	if err != nil {
		return text, ""
	}
	name, qualifier, _ = strings.Cut(strings.TrimPrefix(a.Resource, "function:"), ":")
	return name, qualifier
}

// unqualified is a function's ARN without alias or version.
func unqualified(text string) string {
	if _, q := splitFunction(text); q != "" {
		return strings.TrimSuffix(text, ":"+q)
	}
	return text
}

// splitStream reads arn:...:stream/NAME[/consumer/CONSUMER:CREATED]; false when
// it is of nothing in Kinesis.
func splitStream(text string) (stream, consumer string, ok bool) {
	a, err := arn.Parse(text)
	if err != nil || a.Service != "kinesis" {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(a.Resource, "stream/")
	if !ok {
		return "", "", false
	}
	stream, rest, _ = strings.Cut(rest, "/")
	consumer, _, _ = strings.Cut(strings.TrimPrefix(rest, "consumer/"), ":")
	return stream, consumer, stream != ""
}

// keyOf is the key of a live mapping.
func keyOf(c types.EventSourceMappingConfiguration, at home) reconcile.Key {
	var k reconcile.Key
	k.Function, k.Qualifier = splitFunction(aws.ToString(c.FunctionArn))
	source := aws.ToString(c.EventSourceArn)
	if source == "" {
		k.Stream = selfManaged(c)
		return k
	}
	if !strings.HasPrefix(source, "arn:") {
		source = "arn:unknown:" + source // lest it be taken for a stream's name
	}
	k.Stream = source
	if there, ok := homeOf(source); ok && there == at {
		if stream, consumer, ok := splitStream(source); ok {
			k.Stream, k.Consumer = stream, consumer
		}
	}
	return k
}

// selfManaged names a source that has no ARN, a Kafka cluster outside AWS. It
// has the form of an ARN lest it be taken for a stream's name.
func selfManaged(c types.EventSourceMappingConfiguration) string {
	var servers []string
	if c.SelfManagedEventSource != nil {
		for _, at := range c.SelfManagedEventSource.Endpoints {
			servers = append(servers, at...)
		}
	}
	slices.Sort(servers)
	return "arn:self-managed:" + strings.Join(servers, ",") + "/" + strings.Join(c.Topics, ",")
}

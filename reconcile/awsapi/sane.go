package awsapi

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/spec"
)

// An answer that is JSON of the right shape and says what AWS never says, or is
// about something else than was asked for, comes from something else. It is refused:
// a mapping that lost its function would look like one that nobody wants.

// nonsensical is an answer in which a value cannot be.
func nonsensical(what string, value any) error {
	return fmt.Errorf("%w: %s %v in it", errNonsense, what, value)
}

func saneMapping(c types.EventSourceMappingConfiguration) error {
	switch {
	case aws.ToString(c.UUID) == "":
		return missing("UUID of a mapping")
	case aws.ToString(c.FunctionArn) == "":
		return missing("FunctionArn of mapping " + *c.UUID)
	case !strings.HasPrefix(*c.FunctionArn, "arn:"):
		return nonsensical("FunctionArn", *c.FunctionArn)
	}
	most := int32(0)
	if c.ScalingConfig != nil {
		most = int32(number(c.ScalingConfig.MaximumConcurrency, 0))
	}
	return cmp.Or(saneCount("ParallelizationFactor", int32(number(c.ParallelizationFactor, defaultFactor))), saneCount("MaximumConcurrency", most))
}

// maxRetention is the longest that a stream keeps records, in hours.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_IncreaseStreamRetentionPeriod.html
const maxRetention = 8760

func saneStream(name string, d *kinesistypes.StreamDescriptionSummary) error {
	if d == nil || d.StreamARN == nil {
		return missing("StreamARN")
	}
	if at, consumer, _ := splitStream(*d.StreamARN); at != name || consumer != "" {
		return nonsensical("StreamARN", *d.StreamARN)
	}
	if hours := number(d.RetentionPeriodHours, 0); hours < 1 || hours > maxRetention {
		return nonsensical("RetentionPeriodHours", hours)
	}
	if open := number(d.OpenShardCount, 0); open < 1 && d.StreamStatus == kinesistypes.StreamStatusActive {
		return nonsensical("OpenShardCount", open)
	}
	return saneCount("ConsumerCount", int32(number(d.ConsumerCount, 0)))
}

// saneConsumer checks the name and the ARN of a consumer of a stream.
func saneConsumer(stream string, name, arn *string) error {
	if aws.ToString(name) == "" || aws.ToString(arn) == "" {
		return missing("ConsumerName or ConsumerARN of a consumer")
	}
	if at, consumer, _ := splitStream(*arn); at != stream || consumer != *name {
		return nonsensical("ConsumerARN", *arn)
	}
	return nil
}

func saneShard(s kinesistypes.Shard) error {
	if aws.ToString(s.ShardId) == "" {
		return missing("ShardId of a shard")
	}
	return nil
}

func saneAlias(function string, c types.AliasConfiguration) error {
	switch {
	case aws.ToString(c.Name) == "":
		return missing("Name of an alias")
	case aws.ToString(c.FunctionVersion) == "":
		return missing("FunctionVersion of alias " + *c.Name)
	}
	if of, name := splitFunction(aws.ToString(c.AliasArn)); c.AliasArn != nil && (of != function || name != *c.Name) {
		return nonsensical("AliasArn", *c.AliasArn)
	}
	return nil
}

// saneQualified checks that an ARN is of a function, and returns the qualifier.
func saneQualified(function string, arn *string) (qualifier string, err error) {
	of, qualifier := splitFunction(aws.ToString(arn))
	if of != function {
		return "", nonsensical("FunctionArn", aws.ToString(arn))
	}
	return qualifier, nil
}

// saneCount refuses numbers of things that are counted below 0, and beyond what any
// account has: sums of them stay numbers.
func saneCount(what string, n int32) error {
	if n < 0 || n > spec.MostExecutions {
		return nonsensical(what, n)
	}
	return nil
}

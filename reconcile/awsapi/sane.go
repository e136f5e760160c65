package awsapi

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// An answer that is JSON of the right shape and says what AWS never says comes
// from something else. It is refused: a mapping that lost its function would
// look like one that nobody wants.

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
	return nil
}

func saneShard(s kinesistypes.Shard) error {
	if aws.ToString(s.ShardId) == "" {
		return missing("ShardId of a shard")
	}
	return nil
}

func saneAlias(c types.AliasConfiguration) error {
	switch {
	case aws.ToString(c.Name) == "":
		return missing("Name of an alias")
	case aws.ToString(c.FunctionVersion) == "":
		return missing("FunctionVersion of alias " + *c.Name)
	}
	return nil
}

// saneCount refuses numbers below 0 of things that are counted.
func saneCount(what string, n int32) error {
	if n < 0 {
		return nonsensical(what, n)
	}
	return nil
}

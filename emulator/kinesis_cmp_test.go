package emulator_test

import (
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// cmpIgnoreSerde leaves out the SDK's unexported fields.
func cmpIgnoreSerde() cmp.Option {
	return cmpopts.IgnoreUnexported(types.StreamDescriptionSummary{}, types.StreamModeDetails{}, types.EnhancedMetrics{},
		types.Shard{}, types.HashKeyRange{}, types.SequenceNumberRange{}, types.Tag{}, types.Consumer{},
		types.ConsumerDescription{}, types.StreamSummary{}, types.StreamDescription{})
}

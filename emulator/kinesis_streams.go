package emulator

import (
	"github.com/eventrouting/eventrouting/emulator/world"
)

type streamMode struct{ StreamMode string }

func modeOf(onDemand bool) streamMode {
	if onDemand {
		return streamMode{"ON_DEMAND"}
	}
	return streamMode{"PROVISIONED"}
}

// mode reads StreamModeDetails; empty when absent.
func (m *members) mode() string {
	details, ok := m.object("StreamModeDetails")
	if !ok {
		return ""
	}
	details.need("StreamMode")
	return details.text("StreamMode", oneOf("ON_DEMAND", "PROVISIONED"))
}

// warm refuses what needs the account's MinimumThroughputBillingCommitment,
// which nothing here can set.
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, warm-provisioned.
// Unverified: that other calls than UpdateStreamWarmThroughput say the same.
func (m *members) warm(at world.Place) error {
	if m.has("WarmThroughputMiBps") {
		return refuseKinesis("ValidationException",
			"Account "+at.Account+" is not enabled for minimum throughput billing commitment")
	}
	return nil
}

const maxInt32 = 1<<31 - 1

func createStream(w *world.World, at world.Place, m *members) (any, error) {
	m.need("StreamName")
	mode := m.mode()
	n := world.NewStream{
		Name:         m.nameText("StreamName"),
		Shards:       m.number("ShardCount", 1, maxInt32),
		Tags:         m.tags("Tags"),
		RecordKiB:    m.number("MaxRecordSizeInKiB", 1024, 10240),
		Distribution: m.text("RecordDistributionStrategy", oneOf("AUTO", "USER_PARTITION_KEY")),
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	// Without a mode and a count AWS makes 4 shards (recorded 2022-08), which is
	// what an on-demand stream begins with. The texts are those that people
	// quote, of CloudFormation or of the API: github.com/aws/aws-cdk/issues/18139
	n.OnDemand = mode == "ON_DEMAND" || mode == "" && n.Shards == 0
	switch {
	case n.OnDemand && n.Shards != 0:
		return nil, refuseKinesis("ValidationException", "ShardCount not expected when StreamMode=ON_DEMAND")
	case !n.OnDemand && n.Shards == 0:
		return nil, refuseKinesis("ValidationException", "ShardCount must be specified when StreamMode=PROVISIONED")
	}
	if err := m.warm(at); err != nil {
		return nil, err
	}
	return nil, w.CreateStream(at, n)
}

func deleteStream(w *world.World, at world.Place, m *members) (any, error) {
	force := m.flag("EnforceConsumerDeletion")
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	return nil, w.DeleteStream(at, name, force)
}

type enhanced struct{ ShardLevelMetrics []string }

func monitoring(metrics []string) []enhanced { return []enhanced{{ShardLevelMetrics: list(metrics)}} }

func encryption(key string) string {
	if key != "" {
		return "KMS"
	}
	return "NONE"
}

type streamSummary struct {
	StreamName                 string
	StreamARN                  string
	StreamStatus               string
	StreamModeDetails          streamMode
	RetentionPeriodHours       int
	StreamCreationTimestamp    epoch
	EnhancedMonitoring         []enhanced
	EncryptionType             string
	KeyID                      string `json:"KeyId,omitempty"`
	OpenShardCount             *int   `json:",omitempty"`
	ConsumerCount              int
	MaxRecordSizeInKiB         int
	ChannelCount               int
	RecordDistributionStrategy string `json:",omitempty"`
}

// describeStreamSummary answers every member of its type but WarmThroughput,
// which only accounts with a throughput commitment see, and StreamId, which AWS
// reserves. A stream that is CREATING or DELETING has no OpenShardCount.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StreamDescriptionSummary.html
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, create-ready-0,
// mode-on-demand-ready-1, encryption-ready-1, cleanup-absence.
func describeStreamSummary(w *world.World, at world.Place, m *members) (any, error) {
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	s, err := w.Stream(at, name)
	if err != nil {
		return nil, err
	}
	v := streamSummary{
		StreamName: s.Name, StreamARN: s.ARN, StreamStatus: s.Status, StreamModeDetails: modeOf(s.OnDemand),
		RetentionPeriodHours: int(s.Retention.Hours()), StreamCreationTimestamp: epochOf(s.Created),
		EnhancedMonitoring: monitoring(s.Metrics), EncryptionType: encryption(s.KeyID), KeyID: s.KeyID,
		ConsumerCount:      s.Consumers,
		MaxRecordSizeInKiB: s.RecordKiB, RecordDistributionStrategy: s.Distribution,
	}
	if hasShards(s) {
		v.OpenShardCount = &s.OpenShards
	}
	return struct{ StreamDescriptionSummary streamSummary }{v}, nil
}

type streamListed struct {
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       streamMode
	StreamCreationTimestamp epoch
}

// listStreams answers at most 100 streams, by name.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListStreams.html
func listStreams(w *world.World, at world.Place, m *members) (any, error) {
	limit := m.number("Limit", 1, 10000)
	after := m.nameText("ExclusiveStartStreamName")
	next := m.text("NextToken", length(1048576))
	if err := m.check(); err != nil {
		return nil, err
	}
	if next != "" {
		if after != "" { // Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, list-token-and-name
			return nil, refuseKinesis("InvalidArgumentException", "ExclusiveStartStreamName and NextToken cannot be provided together.")
		}
		t, err := readToken(next, "ListStreams", w.Now())
		if err != nil {
			return nil, err
		}
		after = t.After
	}
	var v struct {
		StreamNames     []string
		HasMoreStreams  bool
		NextToken       string `json:",omitempty"`
		StreamSummaries []streamListed
	}
	v.StreamNames, v.StreamSummaries = []string{}, []streamListed{}
	for _, name := range w.Streams(at) {
		if name <= after {
			continue
		}
		if len(v.StreamNames) == pageSize(limit, 100) {
			v.HasMoreStreams = true
			v.NextToken = pageToken{List: "ListStreams", After: v.StreamNames[len(v.StreamNames)-1], Issued: w.Now()}.String()
			break
		}
		s, err := w.Stream(at, name)
		if err != nil {
			return nil, err
		}
		v.StreamNames = append(v.StreamNames, name)
		v.StreamSummaries = append(v.StreamSummaries,
			streamListed{s.Name, s.ARN, s.Status, modeOf(s.OnDemand), epochOf(s.Created)})
	}
	return v, nil
}

// pageSize is how many a page has: as asked for, but no more than AWS's most,
// which is also its default.
func pageSize(asked, most int) int {
	if asked == 0 {
		return most
	}
	return min(asked, most)
}

// describeLimits answers the quotas. The shards of on-demand streams do not
// count.
// Recorded: radkawar/stackd, testdata/aws/kinesis/topology.json, ohio-after-on-demand.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeLimits.html
func describeLimits(w *world.World, at world.Place, _ *members) (any, error) {
	l := w.KinesisLimits(at)
	v := struct {
		ShardLimit, OpenShardCount, OnDemandStreamCount, OnDemandStreamCountLimit int
		ChannelCount, ChannelCountLimit                                           int
	}{ShardLimit: l.Shards, OnDemandStreamCountLimit: l.OnDemandStreams, ChannelCountLimit: 100}
	for _, name := range w.Streams(at) {
		s, err := w.Stream(at, name)
		if err != nil {
			return nil, err
		}
		if s.OnDemand {
			v.OnDemandStreamCount++
		} else {
			v.OpenShardCount += s.OpenShards
		}
	}
	return v, nil
}

func updateStreamMode(w *world.World, at world.Place, m *members) (any, error) {
	m.need("StreamARN")
	m.need("StreamModeDetails")
	mode := m.mode()
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	if err := m.warm(at); err != nil {
		return nil, err
	}
	return nil, w.UpdateStreamMode(at, name, mode == "ON_DEMAND")
}

func changeRetention(change func(*world.World, world.Place, string, int) error) kinesisCall {
	return func(w *world.World, at world.Place, m *members) (any, error) {
		m.need("RetentionPeriodHours")
		hours := m.number("RetentionPeriodHours", 1, maxInt32)
		name, err := m.stream(at)
		if err != nil {
			return nil, err
		}
		return nil, change(w, at, name, hours)
	}
}

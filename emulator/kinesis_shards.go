package emulator

import (
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

type shardShown struct {
	ShardID               string `json:"ShardId"`
	ParentShardID         string `json:"ParentShardId,omitempty"`
	AdjacentParentShardID string `json:"AdjacentParentShardId,omitempty"`
	HashKeyRange          struct{ StartingHashKey, EndingHashKey string }
	SequenceNumberRange   struct {
		StartingSequenceNumber string
		EndingSequenceNumber   string `json:",omitempty"`
	}
}

func showShards(shards []world.Shard) []shardShown {
	all := make([]shardShown, len(shards))
	for i, s := range shards {
		v := &all[i]
		v.ShardID, v.ParentShardID, v.AdjacentParentShardID = s.ID, s.Parent, s.AdjacentParent
		v.HashKeyRange.StartingHashKey, v.HashKeyRange.EndingHashKey = s.First.String(), s.Last.String()
		v.SequenceNumberRange.StartingSequenceNumber = s.FirstSequence
		v.SequenceNumberRange.EndingSequenceNumber = s.LastSequence
	}
	return all
}

type streamDescription struct {
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       streamMode
	Shards                  []shardShown
	HasMoreShards           bool
	RetentionPeriodHours    int
	StreamCreationTimestamp epoch
	EnhancedMonitoring      []enhanced
	EncryptionType          string
	KeyID                   string `json:"KeyId,omitempty"`
}

func hasShards(s world.Stream) bool {
	return s.Status == world.StatusActive || s.Status == world.StatusUpdating
}

// describeStream answers at most 100 shards a call. A stream that is being
// created has none yet, as seen on AWS: github.com/mhart/kinesalite
// test/createStream.js
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeStream.html
func describeStream(w *world.World, at world.Place, m *members) (any, error) {
	limit := m.number("Limit", 1, 10000)
	after := m.nameText("ExclusiveStartShardId")
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	s, err := w.Stream(at, name)
	if err != nil {
		return nil, err
	}
	v := streamDescription{
		StreamName: s.Name, StreamARN: s.ARN, StreamStatus: s.Status, StreamModeDetails: modeOf(s.OnDemand),
		Shards: []shardShown{}, RetentionPeriodHours: int(s.Retention.Hours()),
		StreamCreationTimestamp: epochOf(s.Created), EnhancedMonitoring: monitoring(s.Metrics),
		EncryptionType: encryption(s.KeyID), KeyID: s.KeyID,
	}
	if hasShards(s) {
		shards, more, err := w.ListShards(at, name, world.ShardFilter{}, after, pageSize(limit, 100))
		if err != nil {
			return nil, err
		}
		v.Shards, v.HasMoreShards = showShards(shards), more
	}
	return struct{ StreamDescription streamDescription }{v}, nil
}

// shardFilter reads a filter and what its type requires. A time that the type
// does not have is ignored; a shard is started after whatever the type.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ShardFilter.html
// Recorded: radkawar/stackd, testdata/aws/kinesis/topology.json, after-missing-id,
// latest-extra-timestamp, latest-extra-shard. Unverified: the text on a missing time.
func (m *members) shardFilter() (f world.ShardFilter, misfit error) {
	o, ok := m.object("ShardFilter")
	if !ok {
		return f, nil
	}
	o.need("Type")
	f.Type = o.text("Type", oneOf(world.AfterShardID, world.AtTrimHorizon, world.FromTrimHorizon,
		world.AtLatest, world.AtTimestamp, world.FromTimestamp))
	f.ShardID = o.nameText("ShardId")
	var timed bool
	f.Time, timed = o.moment("Timestamp")
	switch {
	case f.Type == world.AfterShardID && f.ShardID == "":
		misfit = refuseKinesis("InvalidArgumentException", "ShardId must be provided when the ShardFilter Type is "+f.Type+".")
	case (f.Type == world.AtTimestamp || f.Type == world.FromTimestamp) && !timed:
		misfit = refuseKinesis("InvalidArgumentException", "Timestamp must be provided when the ShardFilter Type is "+f.Type+".")
	}
	return f, misfit
}

// listShards answers at most 1000 shards, and a token for 300 s when there are
// more. The name or ARN of the token's stream may stand beside it.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html
// Recorded: radkawar/stackd, testdata/aws/kinesis/topology.json, token-with-arn,
// token-with-name, token-with-filter. Older clients report refusals.
func listShards(w *world.World, at world.Place, m *members) (any, error) {
	limit := m.number("MaxResults", 1, 10000)
	next := m.text("NextToken", length(1048576))
	created, _ := m.moment("StreamCreationTimestamp")
	after := m.nameText("ExclusiveStartShardId")
	filter, misfit := m.shardFilter()
	t := pageToken{List: "ListShards", After: after, Filter: filter}
	if next != "" {
		var err error
		if t, err = m.shardsToken(next, w.Now()); err != nil {
			return nil, err
		}
	} else {
		var err error
		if t.Stream, t.Created, err = m.namesake(at, created); err != nil {
			return nil, err
		}
		if misfit != nil {
			return nil, misfit
		}
	}
	s, err := same(w, at, t.Stream, t.Created)
	if err != nil {
		return nil, err
	}
	shards, more, err := w.ListShards(at, t.Stream, t.Filter, t.After, pageSize(limit, 1000))
	if err != nil {
		return nil, err
	}
	v := struct {
		Shards    []shardShown
		NextToken string `json:",omitempty"`
	}{Shards: showShards(shards)}
	if more {
		t.Created, t.After, t.Issued = s.Created.Unix(), shards[len(shards)-1].ID, w.Now()
		v.NextToken = t.String()
	}
	return v, nil
}

// shardsToken reads where a list of shards goes on.
func (m *members) shardsToken(next string, now time.Time) (pageToken, error) {
	name, arn := m.nameText("StreamName"), m.streamARN()
	if err := m.check(); err != nil {
		return pageToken{}, err
	}
	if err := m.apart("StreamCreationTimestamp", "ExclusiveStartShardId", "ShardFilter"); err != nil {
		return pageToken{}, err
	}
	t, err := readToken(next, "ListShards", now)
	a, _ := parseKinesisARN(arn)
	if err == nil && (name != "" && name != t.Stream || arn != "" && a.stream != t.Stream) {
		return t, refuseKinesis("InvalidArgumentException", invalidToken) // Unverified
	}
	return t, err
}

// namesake reads which stream a list is of; a creation time, when given, tells
// it from an earlier or later one of that name.
func (m *members) namesake(at world.Place, created time.Time) (string, int64, error) {
	name, err := m.stream(at)
	if err != nil || created.IsZero() {
		return name, 0, err
	}
	return name, created.Unix(), nil
}

func updateShardCount(w *world.World, at world.Place, m *members) (any, error) {
	m.need("TargetShardCount")
	m.need("ScalingType")
	target := m.number("TargetShardCount", 1, maxInt32)
	m.text("ScalingType", oneOf("UNIFORM_SCALING"))
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	before, err := w.UpdateShardCount(at, name, target)
	if err != nil {
		return nil, err
	}
	return struct {
		StreamName                          string
		CurrentShardCount, TargetShardCount int
		StreamARN                           string
	}{name, before, target, world.StreamARN(at, name)}, nil
}

func splitShard(w *world.World, at world.Place, m *members) (any, error) {
	m.need("NewStartingHashKey")
	m.need("ShardToSplit")
	key := m.text("NewStartingHashKey", matching(`0|([1-9]\d{0,38})`, isHashKey))
	shard := m.nameText("ShardToSplit")
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	return nil, w.SplitShard(at, name, shard, key)
}

func isHashKey(s string) bool {
	if s == "" || len(s) > 39 || s[0] == '0' && len(s) > 1 {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func mergeShards(w *world.World, at world.Place, m *members) (any, error) {
	m.need("ShardToMerge")
	m.need("AdjacentShardToMerge")
	shard, adjacent := m.nameText("ShardToMerge"), m.nameText("AdjacentShardToMerge")
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	return nil, w.MergeShards(at, name, shard, adjacent)
}

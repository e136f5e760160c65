package world

import (
	"slices"
	"time"
)

// ShardFilter chooses among the shards of a stream. The zero value is AWS's
// default, FROM_TRIM_HORIZON.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ShardFilter.html
type ShardFilter struct {
	Type    string
	ShardID string    // for AFTER_SHARD_ID
	Time    time.Time // for AT_TIMESTAMP and FROM_TIMESTAMP
}

// Types of a [ShardFilter].
const (
	AfterShardID    = "AFTER_SHARD_ID"
	AtTrimHorizon   = "AT_TRIM_HORIZON"
	FromTrimHorizon = "FROM_TRIM_HORIZON"
	AtLatest        = "AT_LATEST"
	AtTimestamp     = "AT_TIMESTAMP"
	FromTimestamp   = "FROM_TIMESTAMP"
)

// Shards is every shard that a stream ever had, those that no call shows any
// more included, in the order of their ids; nil when there is no stream.
func (w *World) Shards(at Place, name string) []Shard {
	s := w.at(at).kinesis.streams[name]
	if s == nil {
		return nil
	}
	all := make([]Shard, len(s.shards.shards))
	for i := range all {
		all[i] = s.shards.view(i)
	}
	return all
}

// ListShards is the shards that a filter chooses, in the order of their ids,
// from the first after the shard named by after ("" for all): at most limit,
// and whether there are more. Shards closed for longer than the retention are
// never among them.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html
func (w *World) ListShards(at Place, name string, f ShardFilter, after string, limit int) ([]Shard, bool, error) {
	s, err := w.stream(at, name)
	if err != nil {
		return nil, false, err
	}
	// The Kinesis Client Library takes ResourceInUseException from ListShards
	// for a stream neither ACTIVE nor UPDATING:
	// github.com/awslabs/amazon-kinesis-client KinesisShardDetector.java
	if s.status == StatusCreating || s.status == StatusDeleting {
		return nil, false, notActive(s, at)
	}
	first := 0
	for _, id := range []string{after, f.ShardID} {
		if id == "" {
			continue
		}
		i, ok := parseShardID(id)
		if !ok {
			return nil, false, noShard(id, name, at)
		}
		first = max(first, i+1)
	}
	shards, more := s.list(f, first, limit, w.now)
	return shards, more, nil
}

func (s *stream) list(f ShardFilter, first, limit int, now time.Time) (shards []Shard, more bool) {
	horizon := s.trimHorizon(now)
	for i := first; i < len(s.shards.shards); i++ {
		if !s.visible(i, now) || !f.takes(s.shards.shards[i], horizon) {
			continue
		}
		if len(shards) == limit {
			return shards, true
		}
		shards = append(shards, s.shards.view(i))
	}
	return shards, false
}

// takes tells whether a shard that is not trimmed passes. Ends are inclusive,
// so that a shard and its children are both open at the instant of a reshard;
// times before the trim horizon are taken for it. AWS documents the latter for
// FROM_TIMESTAMP; for AT_TIMESTAMP it is likely.
func (f ShardFilter) takes(s shard, horizon time.Time) bool {
	t := f.Time
	if t.Before(horizon) {
		t = horizon
	}
	open := s.closed.IsZero()
	switch f.Type {
	case AtLatest:
		return open
	case AtTrimHorizon:
		return !s.opened.After(horizon)
	case AtTimestamp:
		return !s.opened.After(t) && (open || !s.closed.Before(t))
	case FromTimestamp:
		return open || !s.closed.Before(t)
	}
	return true
}

// trimHorizon is the time of the oldest record that can be read.
func (s *stream) trimHorizon(now time.Time) time.Time {
	if t := now.Add(-s.retention); t.After(s.horizon) {
		return t
	}
	return s.horizon
}

// visible tells whether a shard may still hold records. A shard expires when
// its youngest possible record does.
// https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
func (s *stream) visible(i int, now time.Time) bool {
	closed := s.shards.shards[i].closed
	return closed.IsZero() || !closed.Before(s.trimHorizon(now))
}

// Retention is in whole hours from a day to a year.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_IncreaseStreamRetentionPeriod.html
const (
	minRetention = 24
	maxRetention = 8760
)

// IncreaseRetention lengthens the time that records stay. What had expired
// stays so. Unverified: that the stream is not UPDATING meanwhile. The texts
// were seen on AWS: github.com/mhart/kinesalite test/increaseStreamRetentionPeriod.js
func (w *World) IncreaseRetention(at Place, name string, hours int) error {
	s, err := w.retainable(at, name, hours)
	if err != nil {
		return err
	}
	if has := int(s.retention.Hours()); hours <= has {
		return badArgument("Requested retention period (%d hours) for stream %s can not be shorter than "+
			"existing retention period (%d hours). Use DecreaseRetentionPeriod API.", hours, name, has)
	}
	s.retain(hours, w.now)
	return nil
}

// DecreaseRetention shortens the time that records stay; older ones are gone at
// once, and with them shards that held nothing younger.
func (w *World) DecreaseRetention(at Place, name string, hours int) error {
	s, err := w.retainable(at, name, hours)
	if err != nil {
		return err
	}
	if has := int(s.retention.Hours()); hours >= has {
		return badArgument("Requested retention period (%d hours) for stream %s can not be longer than "+
			"existing retention period (%d hours). Use IncreaseRetentionPeriod API.", hours, name, has)
	}
	s.retain(hours, w.now)
	return nil
}

func (w *World) retainable(at Place, name string, hours int) (*stream, error) {
	if hours < minRetention {
		return nil, badArgument("Minimum allowed retention period is %d hours. "+
			"Requested retention period (%d hours) is too short.", minRetention, hours)
	}
	if hours > maxRetention {
		return nil, badArgument("Maximum allowed retention period is %d hours. "+
			"Requested retention period (%d hours) is too long.", maxRetention, hours)
	}
	return w.idle(at, name)
}

// retain keeps what has expired so far expired.
func (s *stream) retain(hours int, now time.Time) {
	s.horizon = s.trimHorizon(now)
	s.retention = time.Duration(hours) * time.Hour
}

// pageOfNames is one page of sorted names that come after one.
func pageOfNames(names []string, after string, limit int) ([]string, bool) {
	first := 0
	if after != "" {
		var found bool
		if first, found = slices.BinarySearch(names, after); found {
			first++
		}
	}
	names = names[first:]
	if len(names) > limit {
		return names[:limit], true
	}
	return names, false
}

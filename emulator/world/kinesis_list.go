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
	if err := w.checkTime(s, f); err != nil {
		return nil, false, err
	}
	shards, more := s.list(f, first, limit, w.now, w.knobs.LatestLags)
	return shards, more, nil
}

// checkTime refuses times that a filter cannot have.
// Recorded: radkawar/stackd, testdata/aws/kinesis/topology.json, AT_TIMESTAMP-future,
// FROM_TIMESTAMP-past.
func (w *World) checkTime(s *stream, f ShardFilter) error {
	switch {
	case f.Type != AtTimestamp && f.Type != FromTimestamp:
	case f.Time.After(w.now):
		return badArgument("ShardFilter Timestamp must not be greater than current time.")
	case w.knobs.RefuseOldTimes && f.Time.Before(s.trimHorizon(w.now)):
		return badArgument("ShardFilter Timestamp cannot be older than TRIM_HORIZON of the stream.")
	}
	return nil
}

// latestLag is for how long a closed shard still counts as latest where
// [Knobs].LatestLags is set. Unverified: the length.
const latestLag = time.Minute

func (s *stream) list(f ShardFilter, first, limit int, now time.Time, lags bool) (shards []Shard, more bool) {
	horizon := s.trimHorizon(now)
	for i := first; i < len(s.shards.shards); i++ {
		sh := s.shards.shards[i]
		takes := f.takes(sh, horizon) || lags && f.Type == AtLatest && now.Sub(sh.closed) < latestLag
		if !s.visible(i, now) || !takes {
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
// times before the trim horizon are taken for it, unless [Knobs].RefuseOldTimes.
// AWS documents the latter for FROM_TIMESTAMP; for AT_TIMESTAMP it is likely.
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

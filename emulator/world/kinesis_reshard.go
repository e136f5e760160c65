package world

import (
	"net/http"
	"time"
)

// Limits of UpdateShardCount and UpdateStreamMode per stream.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
// https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html
const (
	maxShardsOfStream = 10000
	scalingsPerDay    = 10
	modesPerDay       = 2
)

// maxSteps bounds the events of one reshard, however many shards it touches.
const maxSteps = 10

// UpdateShardCount starts a reshard to n equal shards and returns the number of
// open shards before. Real splits and merges happen one after the other over
// [Timing].StreamUpdate, so that the number of open shards wanders while the
// stream is UPDATING and pieces come and go.
func (w *World) UpdateShardCount(at Place, name string, n int) (int, error) {
	s, err := w.provisioned(at, name)
	if err != nil {
		return 0, err
	}
	if err := w.checkScaling(at, s, n); err != nil {
		return 0, err
	}
	before := len(s.shards.open)
	// Unverified: that a change to the same count is one of the day's.
	s.scalings = append(within(s.scalings, w.now), w.now)
	// To the same count the stream stays ACTIVE.
	// Recorded: radkawar/stackd, testdata/aws/kinesis/topology.json, unchanged-target.
	if plan := s.shards.uniform(n); len(plan) > 0 {
		w.reshard(at, s, plan)
	}
	return before, nil
}

func (w *World) checkScaling(at Place, s *stream, n int) error {
	open := len(s.shards.open)
	// The texts on double and half are AWS's, with this code after
	// github.com/mhart/kinesalite test/updateShardCount.js. Unverified: the code
	// (kinesis-mock has InvalidArgumentException), and the other texts.
	switch counts := "Current open shard count: %d, Target shard count: %d"; {
	case len(within(s.scalings, w.now)) >= scalingsPerDay:
		return overLimit("UpdateShardCount cannot be called more than %d times in a rolling 24-hour period "+
			"on stream %s under account %s.", scalingsPerDay, s.name, at.Account)
	case n > maxShardsOfStream:
		return overLimit("Target shard count or number of open shards cannot be greater than %d. "+counts,
			maxShardsOfStream, open, n)
	case n > 2*open:
		return overLimit("UpdateShardCount cannot scale up over double your current open shard count. "+counts, open, n)
	case n < open/2: // 3 may become 1. Recorded: radkawar/stackd, testdata/aws/kinesis/topology.json, scale-below-half
		return overLimit("UpdateShardCount cannot scale down below half your current open shard count. "+counts, open, n)
	case n > open:
		return w.checkShardLimit(at, n-open)
	}
	return nil
}

// within is the times of the last 24 hours.
func within(times []time.Time, now time.Time) []time.Time {
	first := 0
	for first < len(times) && now.Sub(times[first]) >= 24*time.Hour {
		first++
	}
	return times[first:]
}

// provisioned finds an idle stream whose shards its owner may change.
func (w *World) provisioned(at Place, name string) (*stream, error) {
	s, err := w.stream(at, name)
	if err != nil {
		return nil, err
	}
	if s.onDemand {
		// The code is documented for exactly this. Unverified text.
		return nil, failsValidation("Request is invalid. Stream %s under account %s is in On-Demand mode.", name, at.Account)
	}
	return w.idle(at, name)
}

// AutoReshard is what AWS does by itself to an on-demand stream whose traffic
// grows or falls: n shards, with no call that anybody could see.
// Unverified: that the stream is UPDATING meanwhile, as its status is defined.
// https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html
func (w *World) AutoReshard(at Place, name string, n int) error {
	s, err := w.idle(at, name)
	if err != nil {
		return err
	}
	if !s.onDemand || n < 1 {
		return badArgument("Only on-demand streams change by themselves, and to at least 1 shard: %s, %d.", name, n)
	}
	w.reshard(at, s, s.shards.uniform(n))
	return nil
}

// SplitShard starts the split of an open shard at a hash key in decimal, which
// becomes the first of the upper child. The shards change when the stream is ACTIVE again.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_SplitShard.html
func (w *World) SplitShard(at Place, name, id, start string) error {
	i, ok := parseShardID(id)
	if !ok {
		return noShard(id, name, at)
	}
	s, err := w.provisioned(at, name)
	if err != nil {
		return err
	}
	p, err := w.openShard(at, s, i)
	if err != nil {
		return err
	}
	key, ok := ParseHashKey(start)
	if !ok || key.Compare(p.first.Next()) <= 0 || key.Compare(p.last) >= 0 {
		// Seen on AWS: github.com/mhart/kinesalite test/splitShard.js
		return badArgument("NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under account %s is not both "+
			"greater than one plus the shard's StartingHashKey %s and less than the shard's EndingHashKey %s.",
			start, shardID(i), name, at.Account, p.first, p.last)
	}
	if err := w.checkShardLimit(at, 1); err != nil {
		return err
	}
	w.reshard(at, s, []reshape{{split: true, at: key}})
	return nil
}

// MergeShards starts the merge of two open shards of which the second follows
// the first in the hash space.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_MergeShards.html
func (w *World) MergeShards(at Place, name, id, adjacent string) error {
	i, ok := parseShardID(id)
	if !ok {
		return noShard(id, name, at)
	}
	j, ok := parseShardID(adjacent)
	if !ok {
		return noShard(adjacent, name, at)
	}
	s, err := w.provisioned(at, name)
	if err != nil {
		return err
	}
	low, err := w.openShard(at, s, i)
	if err != nil {
		return err
	}
	high, err := w.openShard(at, s, j)
	if err != nil {
		return err
	}
	if i == j || low.last == highestKey() || low.last.Next() != high.first {
		// Seen on AWS, the inverted order included: kinesalite test/mergeShards.js
		return badArgument("Shards %s and %s in stream %s under account %s are not an adjacent pair of shards eligible for merging",
			shardID(i), shardID(j), name, at.Account)
	}
	w.reshard(at, s, []reshape{{at: high.first}})
	return nil
}

func (w *World) openShard(at Place, s *stream, i int) (shard, error) {
	if i >= len(s.shards.shards) || !s.visible(i, w.now) {
		return shard{}, noShard(shardID(i), s.name, at)
	}
	p := s.shards.shards[i]
	if !p.closed.IsZero() {
		// Recorded: radkawar/stackd, testdata/aws/kinesis/topology.json, closed-split-shard.
		return shard{}, badArgument("Shard %s in stream %s under account %s has already been merged or split, "+
			"and thus is not eligible for merging or splitting.", shardID(i), s.name, at.Account)
	}
	return p, nil
}

// noShard has the text seen on AWS: github.com/mhart/kinesalite test/splitShard.js
func noShard(id, stream string, at Place) error {
	return refuse(http.StatusBadRequest, "ResourceNotFoundException",
		"Could not find shard %s in stream %s under account %s.", id, stream, at.Account)
}

// reshard makes a stream UPDATING until the plan is done.
func (w *World) reshard(at Place, s *stream, plan []reshape) {
	s.status = StatusUpdating
	s.plan = plan
	s.steps = min(max(len(plan), 1), maxSteps)
	s.until = w.now.Add(w.timing.StreamUpdate)
	w.await(at, s)
}

// await queues the next step so that all that are left take equal times and the
// last is due exactly at the end.
func (w *World) await(at Place, s *stream) {
	s.stamp = w.later(s.until.Sub(w.now)/time.Duration(s.steps), streamSettles, at, s.name)
}

// step carries out an equal part of what is left of a plan.
func (w *World) step(at Place, s *stream) {
	share := (len(s.plan) + s.steps - 1) / s.steps
	for _, r := range s.plan[:share] {
		s.shards.reshape(r, w.now)
	}
	s.plan = s.plan[share:]
	s.steps--
	if s.steps > 0 {
		w.await(at, s)
		return
	}
	s.status, s.plan = StatusActive, nil
	w.adopt(s)
}

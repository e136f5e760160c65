package world

import (
	"net/http"
	"slices"
	"time"
)

// Retention is in whole hours from a day to a year.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_IncreaseStreamRetentionPeriod.html
const (
	minRetention = 24
	maxRetention = 8760
)

// change makes a stream UPDATING until its new settings are there.
func (w *World) change(at Place, s *stream, to settings) {
	s.next = &to
	w.reshard(at, s, nil)
}

// adopt gives a stream the settings of the update that has ended.
func (w *World) adopt(s *stream) {
	if s.next == nil {
		return
	}
	s.horizon = s.trimHorizon(w.now) // what has expired stays so
	s.settings, s.next = *s.next, nil
}

// IncreaseRetention lengthens the time that records stay. What had expired
// stays so. The time that it is already changes nothing, as in the other calls
// on settings. The texts were seen on AWS: github.com/mhart/kinesalite
// test/increaseStreamRetentionPeriod.js
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, retention-increase-noop.
func (w *World) IncreaseRetention(at Place, name string, hours int) error {
	s, err := w.retainable(at, name, hours)
	if err != nil {
		return err
	}
	if has := int(s.retention.Hours()); hours < has {
		return badArgument("Requested retention period (%d hours) for stream %s can not be shorter than "+
			"existing retention period (%d hours). Use DecreaseRetentionPeriod API.", hours, name, has)
	}
	w.retain(at, s, hours)
	return nil
}

// DecreaseRetention shortens the time that records stay; when the stream is
// ACTIVE again older ones are gone, and with them shards that held nothing
// younger.
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, retention-reset.
func (w *World) DecreaseRetention(at Place, name string, hours int) error {
	s, err := w.retainable(at, name, hours)
	if err != nil {
		return err
	}
	if has := int(s.retention.Hours()); hours > has {
		return badArgument("Requested retention period (%d hours) for stream %s can not be longer than "+
			"existing retention period (%d hours). Use IncreaseRetentionPeriod API.", hours, name, has)
	}
	w.retain(at, s, hours)
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

func (w *World) retain(at Place, s *stream, hours int) {
	to := s.settings
	to.retention = time.Duration(hours) * time.Hour
	if to.retention != s.retention {
		w.change(at, s, to)
	}
}

// UpdateStreamMode makes a stream on-demand or provisioned. Its shards stay. To
// the mode that it has already it changes nothing.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateStreamMode.html
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, mode-on-demand-repeat,
// mode-third-switch.
func (w *World) UpdateStreamMode(at Place, name string, onDemand bool) error {
	s, err := w.idle(at, name)
	if err != nil || s.onDemand == onDemand {
		return err
	}
	if len(within(s.modes, w.now)) >= modesPerDay {
		return overLimit("Rate exceeded for stream %s under account %s.", name, at.Account)
	}
	if onDemand {
		if count, limit := w.onDemandStreams(at), w.KinesisLimits(at).OnDemandStreams; count >= limit {
			return overLimit("This request would exceed the limit of %d on-demand streams for the account %s in %s.",
				limit, at.Account, at.Region)
		}
	} else if err := w.checkShardLimit(at, len(s.shards.open)); err != nil {
		return err
	}
	s.modes = append(within(s.modes, w.now), w.now)
	to := s.settings
	to.onDemand = onDemand
	w.change(at, s, to)
	return nil
}

// UpdateRecordSize changes the size of the largest record.
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, settled-max-record-2048.
func (w *World) UpdateRecordSize(at Place, name string, kib int) error {
	s, err := w.idle(at, name)
	if err != nil || s.recordKiB == kib {
		return err
	}
	to := s.settings
	to.recordKiB = kib
	w.change(at, s, to)
	return nil
}

// ShardMetrics are the shard-level metrics, without ALL.
func ShardMetrics() []string {
	return []string{
		"IteratorAgeMilliseconds", "IncomingBytes", "WriteProvisionedThroughputExceeded", "OutgoingRecords",
		"ReadProvisionedThroughputExceeded", "IncomingRecords", "OutgoingBytes",
	}
}

// Monitor turns shard-level metrics on or off; ALL stands for each of them. It
// returns those that were on and those that will be. Added ones come first.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_EnableEnhancedMonitoring.html
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, settled-monitor-union,
// settled-monitor-disable-noop.
func (w *World) Monitor(at Place, name string, metrics []string, on bool) (before, after []string, err error) {
	s, err := w.idle(at, name)
	if err != nil {
		return nil, nil, err
	}
	if slices.Contains(metrics, "ALL") {
		metrics = ShardMetrics()
	}
	if on {
		for _, m := range metrics {
			if !slices.Contains(after, m) && !slices.Contains(s.metrics, m) {
				after = append(after, m)
			}
		}
		after = append(after, s.metrics...)
	} else {
		for _, m := range s.metrics {
			if !slices.Contains(metrics, m) {
				after = append(after, m)
			}
		}
	}
	before = slices.Clone(s.metrics)
	if len(after) != len(before) {
		to := s.settings
		to.metrics = slices.Clone(after)
		w.change(at, s, to)
	}
	return before, after, nil
}

// Encrypt turns server-side encryption on with a key, or off. With the key that
// it has the stream is UPDATING all the same.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StartStreamEncryption.html
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, encryption-repeat,
// encryption-stop-repeat. Not modelled: that the key exists, and 25 calls a day.
func (w *World) Encrypt(at Place, name, key string, on bool) error {
	s, err := w.idle(at, name)
	if err != nil {
		return err
	}
	to := s.settings
	switch {
	case on:
		to.key = key
	case s.key == "":
		return badArgument("Cannot stop encrypting an unencrypted stream.")
	default:
		to.key = ""
	}
	w.change(at, s, to)
	return nil
}

// SetPolicy puts a resource policy on a stream or on a consumer of it, or takes
// it away when it is empty. It means nothing here: no account reaches another's.
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, policy-*.
func (w *World) SetPolicy(at Place, stream, consumer, policy string) error {
	s, err := w.stream(at, stream)
	if err != nil {
		return err
	}
	if consumer == "" {
		s.policy = policy
		return nil
	}
	c := s.consumers[consumer]
	if c == nil {
		return noConsumer(consumer, stream, at)
	}
	if c.status != StatusActive {
		// Text: github.com/aws-cloudformation/cloudformation-coverage-roadmap issue 2442.
		return refuse(http.StatusBadRequest, "ResourceInUseException",
			"Consumer %s with creation timestamp %d under stream %s and account %s is not in ACTIVE status.",
			consumer, c.created.Unix(), stream, at.Account)
	}
	c.policy = policy
	return nil
}

// ResourcePolicy is the policy of a stream or of a consumer of it, empty for
// none.
func (w *World) ResourcePolicy(at Place, stream, consumer string) (string, error) {
	s, err := w.stream(at, stream)
	if err != nil || consumer == "" {
		return s.policyOrNone(), err
	}
	if c := s.consumers[consumer]; c != nil {
		return c.policy, nil
	}
	return "", noConsumer(consumer, stream, at)
}

func (s *stream) policyOrNone() string {
	if s == nil {
		return ""
	}
	return s.policy
}

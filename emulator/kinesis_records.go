package emulator

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// kinesisCallOnRecords is the calls that write and read records. Enhanced
// fan-out (SubscribeToShard) is for Lambda's own pollers only.
func kinesisCallOnRecords(name string) kinesisCall {
	switch name {
	case "PutRecord":
		return putRecord
	case "PutRecords":
		return putRecords
	case "GetShardIterator":
		return getShardIterator
	case "GetRecords":
		return getRecords
	}
	return nil
}

// Limits of one call.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
// Recorded: radkawar/stackd, testdata/aws/kinesis/throughput.json,
// three-large-plus-tiny-batch, for more than the 5 MiB that once were the most.
const (
	mostRecords     = 500
	mostRecordBytes = 10 << 20
	mostPutBytes    = 10 << 20
)

// entry is a record to be written.
type entry struct {
	key  string
	data []byte
	hash string // explicit; empty for none
}

func (e entry) size() int { return len(e.key) + len(e.data) }

func (m *members) entry() entry {
	m.need("PartitionKey")
	m.need("Data")
	return entry{
		key:  m.text("PartitionKey", isPartitionKey),
		data: m.blob("Data", mostRecordBytes),
		hash: m.text("ExplicitHashKey", matching(`^(0|([1-9]\d{0,38}))$`, isHashKey)),
	}
}

// isPartitionKey has AWS's limit of 256 characters.
// Unverified: that it counts bytes.
func isPartitionKey(s string) string {
	switch {
	case s == "":
		return "have length greater than or equal to 1"
	case len(s) > 256:
		return "have length less than or equal to 256"
	}
	return ""
}

// explicit is the hash key that stands in for the partition key's, nil for none.
// Recorded: radkawar/stackd, testdata/aws/kinesis/records.json, explicit-hash-overflow.
func (e entry) explicit() (*world.HashKey, error) {
	if e.hash == "" {
		return nil, nil
	}
	k, ok := world.ParseHashKey(e.hash)
	if !ok {
		return nil, refuseKinesis("InvalidArgumentException",
			"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was "+e.hash)
	}
	return &k, nil
}

// rehearsed is the answer to a call that would succeed and has DryRun set.
// Recorded: radkawar/stackd, testdata/aws/kinesis/dry_run.json.
func rehearsed(operation string) error {
	return refuseKinesis("DryRunOperationException", "DryRunOperation validation succeeded while calling "+operation+
		" operation.: Request would have succeeded, but DryRun flag is set.")
}

// written is where a record went, or why it did not.
type written struct {
	SequenceNumber string `json:",omitempty"`
	ShardID        string `json:"ShardId,omitempty"`
	ErrorCode      string `json:",omitempty"`
	ErrorMessage   string `json:",omitempty"`
}

// encryptedBy is what records' answers say of encryption: nothing for none, as
// recorded from AWS.
func encryptedBy(key string) string {
	if key == "" {
		return ""
	}
	return encryption(key)
}

// putRecord takes a number to order by and has no use for it: one server writes
// in the order of the calls.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html
func putRecord(w *world.World, at world.Place, m *members) (any, error) {
	e := m.entry()
	m.sequence("SequenceNumberForOrdering")
	dry := m.flag("DryRun")
	s, err := m.target(w, at)
	if err != nil {
		return nil, err
	}
	explicit, err := e.explicit()
	if err != nil {
		return nil, err
	}
	if dry {
		return nil, rehearsed("PutRecord")
	}
	v := struct {
		written
		EncryptionType string `json:",omitempty"`
	}{EncryptionType: encryptedBy(s.KeyID)}
	v.ShardID, v.SequenceNumber, err = w.PutRecord(at, s.Name, e.key, explicit, e.data)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// target is the stream of a call.
func (m *members) target(w *world.World, at world.Place) (world.Stream, error) {
	name, err := m.stream(at)
	if err != nil {
		return world.Stream{}, err
	}
	return w.Stream(at, name)
}

// sequence reads a sequence number.
// Recorded: radkawar/stackd, testdata/aws/kinesis/records.json, ordering-malformed.
func (m *members) sequence(name string) string {
	return m.text(name, matching(`^(0|([1-9]\d{0,128}))$`, func(s string) bool {
		for _, c := range []byte(s) {
			if c < '0' || c > '9' {
				return false
			}
		}
		return s != "" && len(s) <= 129 && (s == "0" || s[0] != '0')
	}))
}

// putRecords writes all that there is room for. One record that is wrong in
// itself refuses them all; one that a shard has no room for fails alone.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
// Recorded: radkawar/stackd, testdata/aws/kinesis/records.json,
// put-records-invalid-entry-whole-request.
func putRecords(w *world.World, at world.Place, m *members) (any, error) {
	entries := m.entries()
	dry := m.flag("DryRun")
	s, err := m.target(w, at)
	if err != nil {
		return nil, err
	}
	hashes, err := hashesOf(entries, s)
	if err != nil {
		return nil, err
	}
	if dry {
		return nil, rehearsed("PutRecords")
	}
	v := struct {
		FailedRecordCount int
		Records           []written
		EncryptionType    string `json:",omitempty"`
	}{Records: make([]written, len(entries)), EncryptionType: encryptedBy(s.KeyID)}
	for i, e := range entries {
		r := &v.Records[i]
		r.ShardID, r.SequenceNumber, err = w.PutRecord(at, s.Name, e.key, hashes[i], e.data)
		if over := tooMuch(err); over != nil {
			r.ErrorCode, r.ErrorMessage = over.Code, over.Message
			v.FailedRecordCount++
		} else if err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (m *members) entries() []entry {
	all := m.objects("Records", mostRecords)
	entries := make([]entry, len(all))
	for i, o := range all {
		entries[i] = o.entry()
	}
	return entries
}

// hashesOf checks what can be wrong with records before any is written.
// Unverified: the texts on sizes. With 5 MiB the first had "5 MB":
// github.com/snowplow/enrich issue 685.
func hashesOf(entries []entry, s world.Stream) ([]*world.HashKey, error) {
	hashes := make([]*world.HashKey, len(entries))
	total := 0
	for i, e := range entries {
		if total += e.size(); total > mostPutBytes {
			return nil, refuseKinesis("InvalidArgumentException", "Records size exceeds 10 MB limit")
		}
		if e.size() > s.RecordKiB<<10 {
			return nil, refuseKinesis("InvalidArgumentException", fmt.Sprintf("The record is larger than %d KiB.", s.RecordKiB))
		}
		var err error
		if hashes[i], err = e.explicit(); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// tooMuch is the error of a shard that has no room in this second.
func tooMuch(err error) *world.Error {
	var e *world.Error
	if errors.As(err, &e) && e.Code == "ProvisionedThroughputExceededException" {
		return e
	}
	return nil
}

type childShown struct {
	ShardID      string `json:"ShardId"`
	ParentShards []string
	HashKeyRange struct{ StartingHashKey, EndingHashKey string }
}

// childrenOf are the shards that go on where one ends.
func childrenOf(w *world.World, at world.Place, stream, shard string) []childShown {
	var all []childShown
	for _, s := range w.Shards(at, stream) {
		if s.Parent != shard && s.AdjacentParent != shard {
			continue
		}
		v := childShown{ShardID: s.ID, ParentShards: []string{s.Parent}}
		if s.AdjacentParent != "" {
			v.ParentShards = append(v.ParentShards, s.AdjacentParent)
		}
		v.HashKeyRange.StartingHashKey, v.HashKeyRange.EndingHashKey = s.First.String(), s.Last.String()
		all = append(all, v)
	}
	return all
}

// arrival is a record's time: seconds, to the millisecond.
type arrival time.Time

func (a arrival) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Time(a).UnixMilli())/1000, 'f', -1, 64), nil
}

type recordShown struct {
	SequenceNumber              string
	ApproximateArrivalTimestamp arrival
	Data                        []byte
	PartitionKey                string
	EncryptionType              string `json:",omitempty"`
}

// getRecords reads from an iterator on. The call that returns a closed shard's
// last records has an iterator still; the next one has none, and tells of the
// shard's children.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
// Recorded: radkawar/stackd, testdata/aws/kinesis/records.json,
// settled-closed-count-parent-0 and -1.
func getRecords(w *world.World, at world.Place, m *members) (any, error) {
	limit := m.number("Limit", 1, 10000)
	dry := m.flag("DryRun")
	it, err := m.iterator(w, at)
	if err != nil {
		return nil, err
	}
	s, err := it.stream(w, at)
	if err != nil {
		return nil, err
	}
	if dry {
		return nil, rehearsed("GetRecords")
	}
	records, next, more, behind, err := w.GetRecords(at, it.position(), pageSize(limit, 10000))
	if err != nil {
		return nil, err
	}
	v := struct {
		Records            []recordShown
		NextShardIterator  string `json:",omitempty"`
		MillisBehindLatest int64
		ChildShards        []childShown `json:",omitempty"`
	}{Records: make([]recordShown, len(records)), MillisBehindLatest: behind.Milliseconds()}
	for i, r := range records {
		v.Records[i] = recordShown{r.Sequence, arrival(r.Written), append([]byte{}, r.Data...), r.Key, encryptedBy(s.KeyID)}
	}
	if more || len(records) > 0 {
		v.NextShardIterator = iteratorAt(next, s, w.Now()).String()
	} else {
		v.ChildShards = childrenOf(w, at, s.Name, shardName(it.Shard))
	}
	return v, nil
}

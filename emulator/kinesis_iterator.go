package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/big"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// iterator is a place in a shard. As a text it holds all there is to know, so
// that the world keeps nothing between two calls.
type iterator struct {
	Stream       string
	Created      int64 // of the stream: a namesake is another one
	Shard, Index int
	Issued       time.Time
}

// iteratorLife is how long an iterator can be used.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html
const iteratorLife = 300 * time.Second

// javaDate is a time as Java writes it.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"

func iteratorAt(p world.Position, s world.Stream, now time.Time) iterator {
	return iterator{Stream: s.Name, Created: s.Created.Unix(), Shard: p.Shard, Index: p.Index, Issued: now}
}

func (i iterator) position() world.Position {
	return world.Position{Stream: i.Stream, Shard: i.Shard, Index: i.Index}
}

// String is opaque to clients: AWS's own are encrypted and begin like this. The
// sum tells one that was tampered with.
func (i iterator) String() string {
	b, err := json.Marshal(i)
	if err != nil {
		panic(err) // only our own types come here
	}
	b = binary.BigEndian.AppendUint32(append(iteratorHead(), b...), crc32.ChecksumIEEE(b))
	return base64.StdEncoding.EncodeToString(b)
}

func iteratorHead() []byte { return []byte{0, 0, 0, 0, 0, 0, 0, 1} }

func parseIterator(s string) (i iterator, ok bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	b, ok = bytes.CutPrefix(b, iteratorHead())
	n := len(b) - 4
	if err != nil || !ok || n < 0 || crc32.ChecksumIEEE(b[:n]) != binary.BigEndian.Uint32(b[n:]) {
		return i, false
	}
	err = json.Unmarshal(b[:n], &i)
	return i, err == nil && i.Shard >= 0 && i.Index >= 0
}

// iterator reads the iterator of a call. The stream's ARN may stand beside it.
// Recorded: radkawar/stackd, testdata/aws/kinesis/records.json, malformed-iterator.
// and dry_run.json, missing-resource-dry-run-GetRecords. The text of an expired
// one was seen on AWS: github.com/mhart/kinesalite actions/getRecords.js
func (m *members) iterator(w *world.World, at world.Place) (iterator, error) {
	m.need("ShardIterator")
	text, arn := m.text("ShardIterator", length(512)), m.streamARN()
	if err := m.check(); err != nil {
		return iterator{}, err
	}
	i, ok := parseIterator(text)
	if !ok {
		return i, refuseKinesis("InvalidArgumentException", "Invalid ShardIterator.")
	}
	if arn != "" {
		a, err := here(at, arn)
		if err != nil {
			return i, err
		}
		if a.stream != i.Stream {
			return i, refuseKinesis("InvalidArgumentException",
				fmt.Sprintf("Input stream name %s doesn't match the inferred name in stream arn %s", i.Stream, a.stream))
		}
	}
	if w.Now().Sub(i.Issued) > iteratorLife {
		return i, refuseKinesis("ExpiredIteratorException", fmt.Sprintf(
			"Iterator expired. The iterator was created at time %s while right now it is %s "+
				"which is further in the future than the tolerated delay of %d milliseconds.",
			i.Issued.UTC().Format(javaDate), w.Now().UTC().Format(javaDate), iteratorLife.Milliseconds()))
	}
	return i, nil
}

// stream is the iterator's stream, if it is still there with the shard.
func (i iterator) stream(w *world.World, at world.Place) (world.Stream, error) {
	s, err := same(w, at, i.Stream, i.Created)
	if err == nil {
		_, err = w.ShardIterator(at, i.Stream, shardName(i.Shard), "TRIM_HORIZON", "", time.Time{})
	}
	if err != nil { // Seen on AWS: github.com/mhart/kinesalite actions/getRecords.js
		return s, refuseKinesis("ResourceNotFoundException",
			fmt.Sprintf("Shard %s in stream %s under account %s does not exist", shardName(i.Shard), i.Stream, at.Account))
	}
	return s, nil
}

func shardName(n int) string { return fmt.Sprintf("shardId-%012d", n) }

// start is where a reader wants to begin.
type start struct {
	kind, sequence string
	when           time.Time
	timed          bool
}

// getShardIterator finds a place in a shard.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html
func getShardIterator(w *world.World, at world.Place, m *members) (any, error) {
	m.need("ShardId")
	m.need("ShardIteratorType")
	shard := m.nameText("ShardId")
	from := start{
		kind: m.text("ShardIteratorType",
			oneOf("AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON")),
		sequence: m.sequence("StartingSequenceNumber"),
	}
	from.when, from.timed = m.moment("Timestamp")
	dry := m.flag("DryRun")
	s, err := m.target(w, at)
	if err != nil {
		return nil, err
	}
	p, err := w.ShardIterator(at, s.Name, shard, from.kind, from.sequence, from.when)
	if err != nil {
		return nil, err
	}
	if err := from.check(w, at, p); err != nil {
		return nil, err
	}
	if dry {
		return nil, rehearsed("GetShardIterator")
	}
	return struct{ ShardIterator string }{iteratorAt(p, s, w.Now()).String()}, nil
}

// check refuses a start that says too much or too little.
// Recorded: radkawar/stackd, testdata/aws/kinesis/records.json,
// sequence-mode-missing-sequence, latest-with-unneeded-sequence, future-timestamp.
func (f start) check(w *world.World, at world.Place, p world.Position) error {
	numbered := f.kind == "AT_SEQUENCE_NUMBER" || f.kind == "AFTER_SEQUENCE_NUMBER"
	has := "no"
	if f.sequence != "" {
		has = "also a"
	}
	switch now := w.Now(); {
	case numbered != (f.sequence != "") && f.kind != "AT_TIMESTAMP":
		return refuseKinesis("InvalidArgumentException",
			"Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "+
				"(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified "+f.kind+" and "+has+" StartingSequenceNumber.")
	case f.kind == "AT_TIMESTAMP" && !f.timed:
		return refuseKinesis("InvalidArgumentException", "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. "+
			"Current request has no timestamp parameter.")
	case f.kind == "AT_TIMESTAMP" && f.when.UnixMilli() > now.UnixMilli():
		return refuseKinesis("InvalidArgumentException", fmt.Sprintf(
			"The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "+
				"timestampInMillis: %d, currentTimestampInMillis: %d", f.when.UnixMilli(), now.UnixMilli()))
	case numbered:
		return f.native(w, at, p)
	}
	return nil
}

// native refuses a sequence number that is not the shard's.
// Seen on AWS: github.com/mhart/kinesalite test/getShardIterator.js. Of numbers
// in an older layout AWS tells another form.
func (f start) native(w *world.World, at world.Place, p world.Position) error {
	first := origin(w.Shards(at, p.Stream)[p.Shard].FirstSequence)
	got := origin(f.sequence)
	switch {
	case got == first:
		return nil
	case got.layout == first.layout && got.shard != first.shard:
		return refuseKinesis("InvalidArgumentException", fmt.Sprintf(
			"Invalid StartingSequenceNumber. It encodes %s, while it was used in a call to a shard with %s",
			shardName(int(got.shard)), shardName(p.Shard)))
	}
	return refuseKinesis("InvalidArgumentException", fmt.Sprintf(
		"StartingSequenceNumber %s used in GetShardIterator on shard %s in stream %s under account %s "+
			"is invalid because it did not come from this stream.", f.sequence, shardName(p.Shard), p.Stream, at.Account))
}

// numbers is what all sequence numbers of a shard have in common: the layout,
// at both ends, the shard, and the second in which it began.
type numbers struct {
	layout, born uint64
	shard        uint32
}

// origin reads a sequence number in AWS's layout of version 2:
// github.com/mhart/kinesalite db/index.js
func origin(sequence string) numbers {
	v, _ := new(big.Int).SetString(sequence, 10)
	part := func(shift, width uint) uint64 {
		p := new(big.Int).Rsh(v, shift)
		return p.And(p, new(big.Int).SetUint64(1<<width-1)).Uint64()
	}
	return numbers{
		layout: uint64(v.BitLen())<<4 | part(0, 4),
		shard:  uint32(part(4, 32)),
		born:   part(148, 36),
	}
}

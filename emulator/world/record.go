package world

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"
)

// Record is one record of a stream.
type Record struct {
	Key      string // partition key
	Data     []byte
	Written  time.Time
	Shard    int // number of its shard
	Index    int // in its shard, from 0
	Sequence string
}

// record is a record as a shard holds it.
type record struct {
	at   time.Time
	key  string
	data []byte
}

func (r record) size() int { return len(r.key) + len(r.data) }

// log is what was written to one shard and can still be read, and how much of
// its throughput is used up.
type log struct {
	base    int // index of the first record, counted from the shard's beginning
	records []record

	wroteIn        int64     // the second in which the next two were counted
	wrote, written int       // records, bytes
	readIn         int64     // the second in which the next two were counted
	reads, others  int       // answered; of those who are no mappings, asked
	readFree       time.Time // when what was read on the shared iterator is paid off
}

func (l *log) end() int { return l.base + len(l.records) }

// from is the index of the first record written at t or later.
func (l *log) from(t time.Time) int {
	return l.base + sort.Search(len(l.records), func(i int) bool { return !l.records[i].at.Before(t) })
}

// trim forgets what is older than a time. Memory is given back when half of it
// is past.
func (l *log) trim(horizon time.Time) {
	if !l.expires(horizon) {
		return
	}
	n := l.from(horizon) - l.base
	l.base += n
	l.records = l.records[n:]
	if cap(l.records) > 2*len(l.records)+1024 {
		l.records = slices.Clone(l.records)
	}
}

// expires says whether anything is older than a time.
func (l *log) expires(horizon time.Time) bool {
	return len(l.records) > 0 && l.records[0].at.Before(horizon)
}

// log is the records of a shard.
func (s *stream) log(shard int) *log {
	for len(s.logs) <= shard {
		s.logs = append(s.logs, log{})
	}
	return &s.logs[shard]
}

// trimmed is the trim horizon now.
func (s *stream) trimmed(now time.Time) time.Time {
	horizon := now.Add(-s.retention)
	if s.horizon.After(horizon) {
		return s.horizon
	}
	return horizon
}

// Limits of one shard in one second.
// https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
const (
	shardWrites     = 1000
	shardWriteBytes = 1 << 20
	shardReads      = 5
	shardReadBytes  = 2 << 20
	readMost        = 10_000 // records of one call
	readMostBytes   = 10 << 20
)

func overThroughput(format string, args ...any) error {
	return refuse(http.StatusBadRequest, "ProvisionedThroughputExceededException", format, args...)
}

// PutRecord writes one record to the shard that has the hash of its key, or the
// hash key that is given in its place. It returns the shard and the sequence
// number.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html
func (w *World) PutRecord(at Place, stream, key string, explicit *HashKey, data []byte) (shard, sequence string, err error) {
	s, err := w.stream(at, stream)
	if err != nil {
		return "", "", err
	}
	i, n, err := w.put(at, s, key, explicit, data)
	if err != nil {
		return "", "", err
	}
	return shardID(i), s.sequence(i, n), nil
}

// Put writes a record and says where it went: for those who write many, and have
// no use for AWS's names.
func (w *World) Put(at Place, stream, key string, data []byte) (shard, index int, err error) {
	s, err := w.stream(at, stream)
	if err != nil {
		return 0, 0, err
	}
	return w.put(at, s, key, nil, data)
}

func (w *World) put(at Place, s *stream, key string, explicit *HashKey, data []byte) (shard, index int, err error) {
	switch {
	case s.status == StatusCreating || s.status == StatusDeleting:
		return 0, 0, refuse(http.StatusBadRequest, "ResourceInUseException",
			"Stream %s under account %s not ACTIVE, instead in state %s", s.name, at.Account, s.status)
	case key == "" || len(key) > 256:
		return 0, 0, badArgument("Partition key must be 1 to 256 characters long.") // Unverified text
	case len(data)+len(key) > s.recordKiB<<10:
		return 0, 0, badArgument("The record is larger than %d KiB.", s.recordKiB) // Unverified text
	}
	hash := hashOf(key)
	if explicit != nil {
		hash = *explicit
	}
	i := s.shards.open[s.shards.covering(hash)]
	l := s.log(i)
	if second := w.now.Unix(); second != l.wroteIn {
		l.wroteIn, l.wrote, l.written = second, 0, 0
	}
	// A record may be larger than what a shard takes in a second: AWS takes it at once.
	// Recorded: radkawar/stackd, testdata/aws/kinesis/throughput.json
	if l.wrote+1 > shardWrites || l.written > 0 && l.written+len(data)+len(key) > shardWriteBytes {
		// Seen on AWS: github.com/mhart/kinesalite
		return 0, 0, overThroughput("Rate exceeded for shard %s in stream %s under account %s.", shardID(i), s.name, at.Account)
	}
	l.wrote++
	l.written += len(data) + len(key)
	w.trim(at, s, i)
	l.records = append(l.records, record{at: w.now, key: key, data: data})
	index = l.end() - 1
	w.note(Fact{Kind: Wrote, At: w.now, Place: at, Stream: s.name, Shard: i, Index: index, Key: key, Data: data})
	w.announce(at, s, i)
	return i, index, nil
}

// hashOf is the place of a partition key in the hash space.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html
func hashOf(key string) HashKey {
	sum := md5.Sum([]byte(key))
	return HashKey{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:])}
}

func (s *stream) sequence(shard, index int) string {
	return sequence(s.shards.shards[shard].born, shard, uint64(index)+1, s.shards.shards[shard].born)
}

// record is one record of a shard; false when it is not there any more.
func (s *stream) record(shard, index int) (Record, bool) {
	l := s.log(shard)
	if index < l.base || index >= l.end() {
		return Record{}, false
	}
	r := l.records[index-l.base]
	return Record{Key: r.key, Data: r.data, Written: r.at, Shard: shard, Index: index, Sequence: s.sequence(shard, index)}, true
}

// Position is where somebody reads in a shard.
type Position struct {
	Stream string
	Shard  int
	Index  int
}

// ShardIterator is the position that GetShardIterator stands for.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html
func (w *World) ShardIterator(at Place, stream, shard, kind, sequence string, when time.Time) (Position, error) {
	s, err := w.stream(at, stream)
	if err != nil {
		return Position{}, err
	}
	i, ok := parseShardID(shard)
	if !ok || i >= len(s.shards.shards) || !s.visible(i, w.now) {
		return Position{}, noShard(shard, stream, at)
	}
	l := s.log(i)
	w.trim(at, s, i)
	p := Position{Stream: stream, Shard: i, Index: l.base}
	switch kind {
	case "TRIM_HORIZON":
	case "LATEST":
		p.Index = l.end()
	case "AT_TIMESTAMP":
		p.Index = l.from(when)
	case "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER":
		n := sort.Search(len(l.records), func(k int) bool { return s.sequence(i, l.base+k) >= sequence })
		p.Index = l.base + n
		if kind == "AFTER_SEQUENCE_NUMBER" && n < len(l.records) && s.sequence(i, p.Index) == sequence {
			p.Index++
		}
	default:
		return Position{}, badArgument("unknown ShardIteratorType %q", kind)
	}
	return p, nil
}

// GetRecords reads from a position on: at most limit records, and 10 MB. It
// returns the position after them, false once a closed shard is read to its end,
// and how far behind the last one written that is.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
func (w *World) GetRecords(at Place, p Position, limit int) (all []Record, next Position, more bool, behind time.Duration, err error) {
	s, err := w.stream(at, p.Stream)
	if err != nil {
		return nil, p, false, 0, err
	}
	l := s.log(p.Shard)
	w.trim(at, s, p.Shard)
	if !w.mayRead(at, s, p.Shard, true) {
		return nil, p, false, 0, overThroughput("Rate exceeded for shard %s in stream %s under account %s.", shardID(p.Shard), s.name, at.Account)
	}
	p.Index = max(p.Index, l.base)
	bytes := 0
	for p.Index < l.end() && len(all) < min(limit, readMost) {
		r, _ := s.record(p.Shard, p.Index)
		if bytes += len(r.Data) + len(r.Key); bytes > readMostBytes && len(all) > 0 {
			break
		}
		all = append(all, r)
		p.Index++
	}
	w.pay(l, bytes)
	if p.Index < l.end() {
		behind = w.now.Sub(l.records[p.Index-l.base].at)
	}
	closed := !s.shards.shards[p.Shard].closed.IsZero()
	return all, p, !closed || p.Index < l.end(), behind, nil
}

// mayRead takes one of a shard's reads of this second, if there is one left. Where
// more look than there are reads, it is chance who gets one.
func (w *World) mayRead(at Place, s *stream, shard int, other bool) bool {
	l := s.log(shard)
	if second := w.now.Unix(); second != l.readIn {
		l.readIn, l.reads, l.others = second, 0, 0
	}
	if other {
		l.others++
	}
	readers := w.standardReaders(at, s) + l.others
	switch {
	case w.now.Before(l.readFree), l.reads+w.looked(at, s, shard)*shardReads/max(shardReads, readers) >= shardReads:
		return false
	case readers > shardReads && w.random()*float64(readers) >= shardReads:
		return false
	}
	l.reads++
	return true
}

// looked counts the mappings that have looked at a shard in this second with nothing
// to read: they have no event, and take a read all the same.
func (w *World) looked(at Place, s *stream, shard int) int {
	n := 0
	second := w.now.Truncate(pollEvery)
	for _, m := range w.at(at).lambda.readersOf(s.name) {
		if !m.polls() || w.now.Sub(second) < w.phase(m, shard) {
			continue
		}
		if p, known := m.reads(s, shard); !known || p.began && p.version != 0 && p.nextPoll.Before(second) && p.wake.IsZero() {
			n++
		}
	}
	return n
}

// pay takes what was read out of the 2 MB a second that a shard gives: a large
// answer is followed by a pause. The bytes of one second are free to begin with.
func (w *World) pay(l *log, bytes int) {
	from := l.readFree
	if earliest := w.now.Add(-time.Second); from.Before(earliest) {
		from = earliest
	}
	l.readFree = from.Add(time.Duration(bytes) * time.Second / shardReadBytes)
}

// readers are the mappings of a stream, in the order of their names.
func (l *lambda) readersOf(stream string) []*mapping {
	if l.byStream == nil {
		l.byStream = map[string][]*mapping{}
		for _, id := range sorted(l.mappings) {
			if m := l.mappings[id]; m.stream != "" {
				l.byStream[m.stream] = append(l.byStream[m.stream], m)
			}
		}
	}
	return l.byStream[stream]
}

// streamOf is the stream of a place that an ARN names, itself or by a consumer;
// empty for any other source.
func streamOf(at Place, source string) (stream, consumer string) {
	rest, ok := strings.CutPrefix(source, fmt.Sprintf("arn:aws:kinesis:%s:%s:stream/", at.Region, at.Account))
	if !ok {
		return "", ""
	}
	name, _, isConsumer := strings.Cut(rest, "/consumer/")
	if isConsumer {
		consumer = source
	}
	return name, consumer
}

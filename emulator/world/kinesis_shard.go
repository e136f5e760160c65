package world

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Shard is one shard as the world knows it, closed ones included.
type Shard struct {
	ID             string
	Parent         string // empty for a shard the stream began with
	AdjacentParent string // the second parent, for a merged shard only
	First, Last    HashKey
	Opened         time.Time
	Closed         time.Time // zero while open
	FirstSequence  string
	LastSequence   string // empty while open
}

// Open tells whether records can be written to the shard.
func (s Shard) Open() bool { return s.Closed.IsZero() }

// shard holds its relatives by number, which is also its index in the stream:
// AWS numbers shards in the order it makes them.
type shard struct {
	first, last      HashKey
	parent, adjacent int // -1: none
	opened, closed   time.Time
	born             int64 // the second of creation in its sequence numbers
	ended            int64
}

func shardID(i int) string { return fmt.Sprintf("shardId-%012d", i) }

// parseShardID reads a shard id as AWS does: what precedes the last hyphen does
// not matter, and the number may lack its leading zeros. Larger numbers than an
// int32 and other texts name no shard.
// Seen on AWS: github.com/mhart/kinesalite test/splitShard.js
func parseShardID(id string) (int, bool) {
	n, err := strconv.ParseInt(id[strings.LastIndexByte(id, '-')+1:], 10, 32)
	return int(n), err == nil && n >= 0
}

// lineage is the shards of one stream, from the first it ever had.
type lineage struct {
	shards []shard
	open   []int // the open ones in the order of their keys
}

func (l lineage) clone() lineage {
	return lineage{shards: slices.Clone(l.shards), open: slices.Clone(l.open)}
}

func (l *lineage) view(i int) Shard {
	s := l.shards[i]
	v := Shard{
		ID: shardID(i), First: s.first, Last: s.last, Opened: s.opened, Closed: s.closed,
		FirstSequence: sequence(s.born, i, 0, s.born),
	}
	if s.parent >= 0 {
		v.Parent = shardID(s.parent)
	}
	if s.adjacent >= 0 {
		v.AdjacentParent = shardID(s.adjacent)
	}
	if !s.closed.IsZero() {
		v.LastSequence = sequence(s.born, i, lastInShard, s.ended)
	}
	return v
}

// begin opens n equal shards.
func (l *lineage) begin(n int, now time.Time) {
	for i := range n {
		s := shard{first: tile(i, n), last: highestKey(), parent: -1, adjacent: -1, opened: now, born: now.Unix()}
		if i+1 < n {
			s.last = tile(i+1, n).prev()
		}
		l.open = append(l.open, len(l.shards))
		l.shards = append(l.shards, s)
	}
}

// covering is the place in open of the shard that has a key.
func (l *lineage) covering(k HashKey) int {
	return sort.Search(len(l.open), func(i int) bool { return l.shards[l.open[i]].last.Compare(k) >= 0 })
}

// boundaries are the keys at which one open shard ends and the next begins.
func (l *lineage) boundaries() []HashKey {
	all := make([]HashKey, 0, len(l.open))
	for _, i := range l.open[1:] {
		all = append(all, l.shards[i].first)
	}
	return all
}

// split closes the shard that has a key and opens two: all below the key, and
// the key with all above.
func (l *lineage) split(at HashKey, now time.Time) {
	o := l.covering(at)
	p := l.open[o]
	l.close(p, now)
	low := l.child(p, -1, l.shards[p].first, at.prev(), now)
	high := l.child(p, -1, at, l.shards[p].last, now)
	l.open = slices.Replace(l.open, o, o+1, low, high)
}

// merge closes the two shards on either side of a boundary and opens one. The
// lower is the parent, as in a MergeShards call, which takes the shards in the
// order of their keys.
func (l *lineage) merge(at HashKey, now time.Time) {
	o := l.covering(at)
	p, adjacent := l.open[o-1], l.open[o]
	l.close(p, now)
	l.close(adjacent, now)
	c := l.child(p, adjacent, l.shards[p].first, l.shards[adjacent].last, now)
	l.open = slices.Replace(l.open, o-1, o+1, c)
}

func (l *lineage) close(i int, now time.Time) {
	s := &l.shards[i]
	s.closed = now
	s.ended = max(now.Unix(), s.born)
}

// child makes a shard whose sequence numbers start in a second after its
// parents' last: on AWS they lie exactly one second apart, also when the
// parents are themselves less than a second old.
func (l *lineage) child(parent, adjacent int, first, last HashKey, now time.Time) int {
	born := l.shards[parent].ended + 1
	if adjacent >= 0 {
		born = max(born, l.shards[adjacent].ended+1)
	}
	l.shards = append(l.shards, shard{
		first: first, last: last, parent: parent, adjacent: adjacent, opened: now, born: born,
	})
	return len(l.shards) - 1
}

// reshape is one step of a reshard, told by the key alone so that it does not
// matter which shard has it by then.
type reshape struct {
	split bool // else merge
	at    HashKey
}

func (l *lineage) reshape(r reshape, now time.Time) {
	if r.split {
		l.split(r.at, now)
	} else {
		l.merge(r.at, now)
	}
}

// uniform is how the open shards become n equal ones: first splits at every
// boundary that is missing, then merges over every boundary too many. The
// pieces in between are AWS's short-lived shards. A plain doubling is one split
// per shard, a plain halving one merge per pair.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
func (l *lineage) uniform(n int) []reshape {
	wanted := make([]HashKey, 0, n)
	for i := 1; i < n; i++ {
		wanted = append(wanted, tile(i, n))
	}
	has := l.boundaries()
	missing := without(wanted, has)
	var steps []reshape
	for _, o := range l.open {
		s := l.shards[o]
		end := 0
		for end < len(missing) && missing[end].Compare(s.last) <= 0 {
			end++
		}
		steps = halves(steps, missing[:end])
		missing = missing[end:]
	}
	for _, k := range without(has, wanted) {
		steps = append(steps, reshape{at: k})
	}
	return steps
}

// halves splits one shard at several keys, the middle one first, so that the
// lineage gets no deeper than it must.
func halves(steps []reshape, keys []HashKey) []reshape {
	if len(keys) == 0 {
		return steps
	}
	m := len(keys) / 2
	steps = append(steps, reshape{split: true, at: keys[m]})
	steps = halves(steps, keys[:m])
	return halves(steps, keys[m+1:])
}

// without is the keys of a that are not in b; both are sorted.
func without(a, b []HashKey) []HashKey {
	var rest []HashKey
	for _, k := range a {
		if _, found := slices.BinarySearchFunc(b, k, HashKey.Compare); !found {
			rest = append(rest, k)
		}
	}
	return rest
}

package reconcile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// resharded is what shards become when the open ones are made n equal ones, as
// UpdateShardCount does it: first splits at every boundary that is missing, then
// merges over every boundary too many. What was open is closed then, and counts
// until its window has passed. That the open ones are equal now, and stand in
// their order, is assumed: their hash keys are not observed.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
func resharded(shards []Shard, n int) []Shard {
	r := resharding{shards: slices.Clone(shards)}
	var open []int
	for i, s := range shards {
		if !s.Closed {
			open = append(open, i)
		}
		if number, err := strconv.Atoi(strings.TrimPrefix(s.ID, "shardId-")); err == nil {
			r.last = max(r.last, number+1)
		}
	}
	switch m := len(open); m {
	case n:
	case 0:
		for range n {
			r.add()
		}
	default:
		// On a scale of m x n each of the m is n long, and each of the n is m long.
		for k, i := range open {
			var missing []int
			for at := (k*n/m + 1) * m; at < (k+1)*n; at += m {
				missing = append(missing, at)
			}
			r.split(i, k*n, missing)
		}
		r.merge(m)
	}
	return r.shards
}

// resharding is one under way.
type resharding struct {
	shards []Shard
	last   int     // number of the next shard
	pieces []piece // what is open between splits and merges
}

// piece is a shard, by its place in the list, and where it begins.
type piece struct{ shard, at int }

func (r *resharding) add(parents ...int) int {
	s := Shard{ID: fmt.Sprintf("shardId-%012d", r.last)}
	for _, p := range parents {
		r.shards[p].Closed = true
		s.Parents = append(s.Parents, r.shards[p].ID)
	}
	r.last++
	r.shards = append(r.shards, s)
	return len(r.shards) - 1
}

// split splits a shard that begins at some place at further ones, the middle one
// first.
func (r *resharding) split(shard, from int, at []int) {
	if len(at) == 0 {
		r.pieces = append(r.pieces, piece{shard, from})
		return
	}
	m := len(at) / 2
	lower, upper := r.add(shard), r.add(shard)
	r.split(lower, from, at[:m])
	r.split(upper, at[m], at[m+1:])
}

// merge merges pieces until each that is left begins at a multiple of size.
func (r *resharding) merge(size int) {
	whole := r.pieces[0].shard
	for _, p := range r.pieces[1:] {
		if p.at%size == 0 {
			whole = p.shard
		} else {
			whole = r.add(whole, p.shard)
		}
	}
}

// Package lineage says how many shards of a stream can be consumed at one time.
//
// A split or a merge closes shards and opens others. Lambda drains a parent
// before its children, so shards of which one descends from another never run
// together, and any others can: the most that run at once is the largest set of
// shards none of which descends from another, the width of the lineage.
//
//	4 split to 8    8
//	8 merged to 4   8, until the closed parents are drained
//	4 to 8 to 4     8
package lineage

// Width is the largest number of shards none of which descends from another.
// parents lists, for each shard, the places of its parents; places out of range
// and a shard that is its own parent are left out. Without parents it is the
// number of shards. In a circle, which no stream has, every shard descends from
// every other.
//
// By Dilworth's theorem it is the least number of lines of descent that together
// pass through every shard. Lines may share shards, so that it is a flow along
// parent edges with at least 1 through each shard, and no ancestors need to be
// listed: chains that share none are a flow to begin with, and as much of it is
// taken back as goes. Time grows with shards times the layers of reshards that
// lie between them.
func Width(parents [][]int) int {
	g := newGraph(parents)
	chains := g.cover(parents)
	return max(chains-g.takeBack(), min(len(parents), 1))
}

// graph is the residual graph of the flow, from the sink to the source: what
// flows can be taken back, and sent along another way.
//
// Shard i has a top, 2i, into which its parents flow, and a bottom, 2i+1, out of
// which its children do.
type graph struct {
	source, sink int
	first        []int32 // by node, its first edge; -1 for none
	edges        []edge  // in pairs: e^1 is e reversed
	level        []int32
	at           []int32
	queue        []int32
}

type edge struct {
	to, next int32
	free     int32 // how much more may go this way
}

const unbounded = 1 << 30

func newGraph(parents [][]int) *graph {
	n := 2*len(parents) + 2
	g := &graph{source: n - 2, sink: n - 1, first: make([]int32, n), level: make([]int32, n), at: make([]int32, n)}
	for i := range g.first {
		g.first[i] = -1
	}
	return g
}

// connect adds an edge that carries flow already and must carry least.
func (g *graph) connect(from, to, flow, least int) {
	g.edges = append(g.edges,
		edge{to: int32(to), next: g.first[from], free: unbounded},
		edge{to: int32(from), next: g.first[to], free: int32(flow - least)})
	g.first[from], g.first[to] = int32(len(g.edges)-2), int32(len(g.edges)-1)
}

// cover lays chains through all shards, each shard in one, and returns how many.
func (g *graph) cover(parents [][]int) int {
	chains := 0
	continued := make([]bool, len(parents)) // by a child in the same chain
	for i, list := range parents {
		began := true
		for _, p := range list {
			if p < 0 || p >= len(parents) || p == i {
				continue
			}
			flow := 0
			if began && !continued[p] {
				flow, began, continued[p] = 1, false, true
			}
			g.connect(2*p+1, 2*i, flow, 0)
		}
		flow := 0
		if began {
			flow = 1
			chains++
		}
		g.connect(g.source, 2*i, flow, 0)
		g.connect(2*i, 2*i+1, 1, 1)
	}
	for i, on := range continued {
		flow := 1
		if on {
			flow = 0
		}
		g.connect(2*i+1, g.sink, flow, 0)
	}
	return chains
}

// takeBack is how many chains can be done without: the largest flow from the
// sink back to the source, by Dinic's algorithm.
func (g *graph) takeBack() int {
	total := 0
	for g.levels() {
		copy(g.at, g.first)
		for {
			n := g.push(g.sink, unbounded)
			if n == 0 {
				break
			}
			total += n
		}
	}
	return total
}

// levels measures the distance of nodes from the sink, and says whether the
// source can be reached.
func (g *graph) levels() bool {
	for i := range g.level {
		g.level[i] = -1
	}
	g.level[g.sink] = 0
	g.queue = append(g.queue[:0], int32(g.sink))
	for k := 0; k < len(g.queue); k++ {
		n := g.queue[k]
		for e := g.first[n]; e >= 0; e = g.edges[e].next {
			if to := g.edges[e].to; g.edges[e].free > 0 && g.level[to] < 0 {
				g.level[to] = g.level[n] + 1
				g.queue = append(g.queue, to)
			}
		}
	}
	return g.level[g.source] >= 0
}

// push sends as much as goes along one way of rising levels. It keeps its own
// stack: a lineage may be longer than a goroutine's is wise to be.
func (g *graph) push(from int, limit int32) int {
	var way []int32 // edges
	n := int32(from)
	for int(n) != g.source {
		e := g.at[n]
		switch {
		case e < 0: // no way on: back
			if len(way) == 0 {
				return 0
			}
			last := way[len(way)-1]
			way = way[:len(way)-1]
			n = g.edges[last^1].to
			g.at[n] = g.edges[g.at[n]].next
		case g.edges[e].free > 0 && g.level[g.edges[e].to] == g.level[n]+1:
			way = append(way, e)
			n = g.edges[e].to
		default:
			g.at[n] = g.edges[e].next
		}
	}
	for _, e := range way {
		limit = min(limit, g.edges[e].free)
	}
	for _, e := range way {
		g.edges[e].free -= limit
		g.edges[e^1].free += limit
	}
	return int(limit)
}

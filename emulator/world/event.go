package world

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// kind says what an event does when its time has come. Events are values, not
// closures, so that a world can be cloned and printed.
type kind int

const (
	mappingSettles  kind = iota + 1 // subject: UUID of a mapping
	streamSettles                   // subject: name of a stream
	consumerSettles                 // subject: ARN of a consumer
)

// event is something that will happen by itself. stamp tells whether it still
// applies: the subject carries the stamp of the transition it is waiting for,
// and an event with another stamp is left over from an earlier one.
type event struct {
	at      time.Time
	seq     uint64
	kind    kind
	place   Place
	subject string
	stamp   uint64
}

// later queues an event after a delay and returns its stamp, which the subject
// keeps to recognise it.
func (w *World) later(delay time.Duration, k kind, at Place, subject string) uint64 {
	w.seq++
	heap.Push(&w.queue, event{at: w.now.Add(delay), seq: w.seq, kind: k, place: at, subject: subject, stamp: w.seq})
	return w.seq
}

// happen carries out one event.
func (w *World) happen(e event) {
	switch e.kind {
	case mappingSettles:
		w.settleMapping(e)
	case streamSettles:
		w.settleStream(e)
	case consumerSettles:
		w.settleConsumer(e)
	}
}

// queue is a heap of events by time, then by the order they were queued in.
type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

func sortPlaces(all []Place) {
	slices.SortFunc(all, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
}

package world

import (
	"cmp"
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
	pollerWakes                     // subject: UUID of a mapping; n: a shard
	invocationEnds                  // n: the invocation
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
	n       uint64
	stamp   uint64
}

// later queues an event after a delay and returns its stamp, which the subject
// keeps to recognise it.
func (w *World) later(delay time.Duration, k kind, at Place, subject string) uint64 {
	return w.laterAt(w.now.Add(delay), k, at, subject, 0)
}

// laterAt queues an event for a time.
func (w *World) laterAt(t time.Time, k kind, at Place, subject string, n uint64) uint64 {
	w.seq++
	w.queue.push(event{at: t, seq: w.seq, kind: k, place: at, subject: subject, n: n, stamp: w.seq})
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
	case pollerWakes:
		w.wakePoller(e)
	case invocationEnds:
		w.endInvocation(e)
	}
}

// queue is a heap of events by time, then by the order they were queued in.
type queue []event

func (q queue) less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].seq < q[j].seq
}

func (q *queue) push(e event) {
	*q = append(*q, e)
	h := *q
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(i, up) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (q *queue) pop() event {
	h := *q
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h[last] = event{}
	h = h[:last]
	for i := 0; ; {
		least := i
		for _, down := range [2]int{2*i + 1, 2*i + 2} {
			if down < last && h.less(down, least) {
				least = down
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	*q = h
	return first
}

func sortPlaces(all []Place) {
	slices.SortFunc(all, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
}

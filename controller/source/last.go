package source

import (
	"context"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// Last keeps the last good Set of a source in force. It is for one goroutine
// at a time; the [InForce] that it returns may go to others.
type Last struct {
	Source Source
	now    InForce
}

// InForce is what counts after a refresh, and what stands in the way of
// something newer.
type InForce struct {
	// Set is the newest that was good. It has documents and no error, or is
	// empty, because nothing was good yet.
	Set Set

	// Changed says that this refresh put other contents in force than before.
	// A commit that changes no document changes Set.Commit alone.
	Changed bool

	// Refused is the newer Set that was broken, and empty once a good one came
	// or the documents are back where Set has them. Its Findings say what is
	// wrong; one of them is an error.
	Refused Set

	// Err says why it is not known where the documents stand, or what they say
	// there.
	Err error

	// Newest is when Set was last known to be the newest.
	Newest time.Time
}

// Empty reports that nothing was ever good, so there is nothing to work with.
func (i InForce) Empty() bool { return len(i.Set.Docs) == 0 }

// Stale reports that Set is not the newest, or that nobody knows. Then nothing
// may be pruned for missing in Set: somebody may have asked for it since.
func (i InForce) Stale() bool { return i.Err != nil || len(i.Refused.Findings) > 0 }

// Refresh looks at the source and reads it if it moved. Whatever goes wrong,
// what was good before stays in force. A broken Set is read again only when the
// source has moved on; what could not be read is tried at each refresh.
func (l *Last) Refresh(ctx context.Context) InForce {
	l.now.Changed, l.now.Err = false, nil
	digest, err := l.Source.Digest(ctx)
	switch {
	case err != nil:
		l.now.Err = err
	case !l.now.Empty() && digest == l.now.Set.stands():
		l.now.Refused, l.now.Newest = Set{}, time.Now()
	case l.now.Refused.At.IsZero() || digest != l.now.Refused.stands():
		l.load(ctx)
	}
	return l.now
}

func (l *Last) load(ctx context.Context) {
	set, err := l.Source.Load(ctx)
	switch {
	case err != nil:
		l.now.Err = err
	case set.Broken():
		if !slices.ContainsFunc(set.Findings, isError) {
			set.Findings = append(slices.Clone(set.Findings), spec.Finding{Severity: spec.Error, Code: spec.CodeRead, Message: "no EventRouting document found"})
		}
		l.now.Refused = set
	default:
		l.now.Changed = set.Digest != l.now.Set.Digest
		l.now.Set, l.now.Refused, l.now.Newest = set, Set{}, set.At
	}
}

// Package source is where documents come from: files and folders ([Files]), or
// a git repository ([Git]). Both answer two questions, where the documents
// stand and what they say; [Last] asks them again and again and keeps what was
// good.
//
//	Digest   where the documents stand, cheap enough to ask every few seconds
//	Load     the documents there, and everything that is wrong with them
//	Refresh  the newest good documents, and what is wrong with newer ones
//
// A typing error in one file must not retire what the other files want, nor
// must a remote that cannot be reached. So a [Set] is taken as a whole or not
// at all: with one error in it, the Set before it stays in force.
package source

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

// Source is where documents come from.
type Source interface {
	// Digest says where the documents stand: the Commit of the Set that Load
	// would return or, of files, its Digest. While the answer stays the same
	// the documents do.
	Digest(ctx context.Context) (string, error)

	// Load reads the documents. What is wrong with a document or a path is a
	// finding of the Set; an error says that nothing is known about them, and
	// then the Set is empty.
	Load(ctx context.Context) (Set, error)
}

// Set is documents that were read together.
type Set struct {
	Docs     []spec.EventRouting // those without an error, in the order of spec.Load
	Findings []spec.Finding      // sorted by file and line
	Digest   string              // hash over names and contents of all that was read
	Commit   string              // full id; "" for files
	At       time.Time           // when it was read
}

// Broken reports that a Set must not be put in force: one of its findings is an
// error, or there is no document in it. The second is no way to retire
// everything, because a folder that was not mounted looks the same.
func (s Set) Broken() bool {
	return len(s.Docs) == 0 || slices.ContainsFunc(s.Findings, isError)
}

// stands is what Digest answers while the source holds this Set.
func (s Set) stands() string { return cmp.Or(s.Commit, s.Digest) }

func isError(f spec.Finding) bool { return f.Severity == spec.Error }

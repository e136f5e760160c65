package source

import (
	"context"
	"io/fs"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// NewTree is a tree for tests.
func NewTree(store storer.EncodedObjectStorer, root plumbing.Hash) fs.FS { return newTree(store, root) }

// Read is read for tests.
func Read(ctx context.Context, fsys fs.FS, paths ...string) (Set, error) {
	return read(ctx, fsys, paths...)
}

// Steady is steady for tests.
func Steady(ctx context.Context, fsys fs.FS, paths ...string) (Set, error) {
	return steady(ctx, fsys, paths...)
}

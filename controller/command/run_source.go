package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/controller"
)

// fileSource is documents in files and folders.
type fileSource []string

var _ controller.Source = fileSource{}

// Load reads them as every command does.
func (s fileSource) Load(context.Context) (controller.Documents, error) {
	docs, findings, err := load(s)
	return controller.Documents{Docs: docs, Findings: findings}, err
}

// Digest is of the names and bytes of all files that Load reads, so that however
// they are replaced is seen: by renaming, by a link, or in place. What cannot be
// read is part of it, and for Load to report.
func (s fileSource) Digest(ctx context.Context) (string, error) {
	f, err := machine()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range s {
		inside, err := f.add(name)
		if err != nil {
			return "", err
		}
		// The callback takes every error itself but for a context that ends.
		err = fs.WalkDir(f, inside, func(file string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil:
				_, _ = fmt.Fprintf(h, "%s unreadable %v\n", file, err)
			case file != inside && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return fs.SkipDir
				}
			case !d.IsDir() && (file == inside || slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(file))):
				digest(h, f, file)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// digest adds a file to a digest.
func digest(h io.Writer, fsys fs.FS, file string) {
	_, _ = fmt.Fprintf(h, "%s\n", file) // a hash takes everything
	f, err := fsys.Open(file)
	if err == nil {
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		err = errors.Join(err, f.Close())
		_, _ = h.Write(sum.Sum(nil))
	}
	if err != nil {
		_, _ = fmt.Fprintf(h, "unreadable %v\n", err)
	}
}

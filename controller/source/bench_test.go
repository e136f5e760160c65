package source_test

import (
	"fmt"
	"testing"

	"github.com/eventrouting/eventrouting/controller/source"
)

// BenchmarkFilesDigest is one look at a thousand files, every few seconds.
func BenchmarkFilesDigest(b *testing.B) {
	dir := b.TempDir()
	for i := range 1000 {
		name := fmt.Sprintf("r%d", i)
		write(b, dir, name+".yaml", routing(name))
	}
	f := source.Files{Paths: []string{dir}}
	for b.Loop() {
		digest(b, f)
	}
}

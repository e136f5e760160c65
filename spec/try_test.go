package spec_test

import (
	"fmt"
	"github.com/eventrouting/eventrouting/spec"
	"os"
	"testing"
)

func TestTry(t *testing.T) {
	docs, fs := spec.Load(os.DirFS(".."), "examples", "reconcile/testdata", "nope")
	fmt.Println(len(docs))
	for _, f := range fs {
		fmt.Println(f.Severity, f.Code, f)
	}
	for _, d := range docs {
		s, err := d.Sets()
		fmt.Println(len(s), err)
	}
}

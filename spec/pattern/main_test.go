package pattern_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain gives every property the same budget, unless -rapid.checks says
// otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "rapid.checks" })
	if !set {
		if err := flag.Set("rapid.checks", "250"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

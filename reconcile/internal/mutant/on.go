//go:build mutants

package mutant

import "os"

// Is says whether a mutant is at work: the environment names it.
func Is(name string) bool { return os.Getenv("EVENTROUTING_MUTANT") == name }

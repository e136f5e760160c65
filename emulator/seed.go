package emulator

import (
	"fmt"
	"maps"
	"slices"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// Seed is a scene to begin with.
type Seed struct {
	Place     world.Place
	Streams   map[string]int      // shards by stream
	Functions map[string][]string // aliases by function
}

// Seed creates the streams, functions and aliases of a scene that are not
// there, all of them usable at once: streams are ACTIVE, functions Active, and
// the aliases of a new function point to its version 1. What is there stays as
// it is.
func (s *Server) Seed(scene Seed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.Advance(s.now())
	for _, name := range slices.Sorted(maps.Keys(scene.Streams)) {
		if err := s.world.SeedStream(scene.Place, name, scene.Streams[name]); err != nil {
			return fmt.Errorf("seed stream %s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(scene.Functions)) {
		if err := s.world.SeedFunction(scene.Place, name, scene.Functions[name]...); err != nil {
			return fmt.Errorf("seed function %s: %w", name, err)
		}
	}
	return nil
}

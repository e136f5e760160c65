package emulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// clockless leaves out of each line when it was.
func clockless(t *testing.T, lines []string) string {
	t.Helper()
	var all []string
	for _, line := range lines {
		clock, rest, _ := strings.Cut(line, " ")
		if _, err := time.Parse("15:04:05.000", clock); err != nil {
			t.Error(err)
		}
		all = append(all, rest)
	}
	return strings.Join(all, "\n")
}

func TestTrace(t *testing.T) {
	inFlow(t, func(t *testing.T, s *emulator.Server) {
		c := kinesisClient(s)
		trace := s.Trace()
		began := time.Now().UTC()
		put(t, c, "user-1", []byte(`{"eventType":"OrderPlaced"}`))
		put(t, c, "a\nb", []byte("\x1b[2J\u202e\xff"+strings.Repeat("long", 40)))
		lines := trace.Lines()
		if clock, _, _ := strings.Cut(lines[0], " "); clock != began.Format("15:04:05.000") {
			t.Errorf("written at %s", clock)
		}
		time.Sleep(5 * time.Second)
		lines = append(lines, trace.Lines()...)
		put(t, c, "k", []byte("bad"))
		time.Sleep(time.Minute)
		lines = append(lines, trace.Lines()...)
		s.Do(func(w *world.World) {
			if err := w.PutConcurrency(streamsPlace(), "f", 0); err != nil {
				t.Error(err)
			}
		})
		put(t, c, "k", []byte{})
		time.Sleep(1200 * time.Millisecond)
		throttled := clockless(t, trace.Lines())
		want := `write   s shard 0 #0 key=user-1 {"eventType":"OrderPlaced"}
write   s shard 0 #1 key=a\x0ab \x1b[2J\u202e\xff` + strings.Repeat("long", 18) + `lo...
deliver s shard 0 #0..#1 to f:live (ok, 40ms)
write   s shard 0 #2 key=k bad
deliver s shard 0 #2 to f:live (failed, 20ms)
deliver s shard 0 #2 to f:live (failed, 20ms)
discard s shard 0 #2 of f:live (attempts)`
		if d := cmp.Diff(want, clockless(t, lines)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if !strings.HasPrefix(throttled, "write   s shard 0 #3 key=k \ndeliver s shard 0 #3 to f:live (throttled)") {
			t.Errorf("throttled: %s", throttled)
		}
		s.Do(func(w *world.World) {
			if err := w.DeleteAlias(streamsPlace(), "f", "live"); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(20 * time.Second)
		if gone := clockless(t, trace.Lines()); !strings.HasSuffix(gone, "deliver s shard 0 #3 to f:live (the function, alias or version does not exist)") {
			t.Errorf("without its alias: %s", gone)
		}
	})
}

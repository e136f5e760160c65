package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eventrouting/eventrouting/controller"
	"github.com/eventrouting/eventrouting/emulator"
)

// TestWatchIsGentle counts what the watch reads: each stream and alias once in an
// interval, spread evenly, or as fast as the rates let it where they are more.
func TestWatchIsGentle(t *testing.T) {
	for _, test := range []struct {
		n, minutes       int
		streams, aliases int // looks in all
		burst            int // most looks at streams within a second
	}{
		{n: 10, minutes: 8, streams: 160, aliases: 160, burst: 1},
		{n: 400, minutes: 8, streams: 8 * 600, aliases: 8 * 60, burst: 20},
	} {
		t.Run(fmt.Sprintf("streams=%d", test.n), func(t *testing.T) {
			var text strings.Builder
			seed := emulator.Seed{Place: here, Streams: map[string]int{}, Functions: map[string][]string{}}
			for i := range test.n {
				stream, function := fmt.Sprintf("stream-%d", i), fmt.Sprintf("function-%d", i)
				seed.Streams[stream], seed.Functions[function] = 1, []string{"live"}
				text.WriteString(document(fmt.Sprintf("routing-%d", i), ireland, stream, function, 1))
			}
			inBubble(t, text.String(), func(t *testing.T, r *rig) {
				if err := r.server.Seed(seed); err != nil {
					t.Fatal(err)
				}
				seldom, err := controller.ParseSchedule("@every 10h")
				if err != nil {
					t.Fatal(err)
				}
				r.o.DryRun, r.o.Schedule = true, seldom // so that all calls are the watch's
				_, stop := r.run()
				defer stop()
				time.Sleep(10 * time.Second)
				r.server.Forget()
				time.Sleep(time.Duration(test.minutes) * time.Minute)
				count, second := map[string]int{}, map[string]int{}
				for _, c := range r.server.Calls() {
					count[c.Operation]++
					second[c.Operation+" "+c.At.Truncate(time.Second).String()]++
				}
				for op, most := range map[string]int{"DescribeStreamSummary": test.burst, "GetAlias": 1} {
					for at, n := range second {
						if strings.HasPrefix(at, op) && n > most {
							t.Errorf("%d times %s", n, at)
						}
					}
				}
				for op, want := range map[string]int{"DescribeStreamSummary": test.streams, "GetAlias": test.aliases} {
					if got := count[op]; got < want*95/100 || got > want*101/100+1 {
						t.Errorf("%d times %s, want about %d", got, op, want)
					}
				}
				if len(count) != 2 {
					t.Errorf("calls: %v", count)
				}
			})
		})
	}
}

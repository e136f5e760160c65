package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestMemory measures what a controller holds in memory with many routings, each of
// four routes, after its first passes. It takes minutes, so it has to be asked for:
//
//	MEASURE=1 go test ./controller/command -run TestMemory -v
func TestMemory(t *testing.T) {
	if os.Getenv("MEASURE") == "" {
		t.Skip("it measures, and takes minutes: MEASURE=1")
	}
	for _, n := range []int{1, 100, 1000} {
		m := newMachine(t, ordersText+"    - {name: placed, eventTypes: [OrderPlaced]}\n")
		for i := range n {
			text := strings.NewReplacer("{name: orders}", fmt.Sprintf("{name: r%d}", i), "stream: orders-events", fmt.Sprintf("stream: s%d", i), "name: order-processor", fmt.Sprintf("name: f%d", i/10)).Replace(ordersText)
			for k := range 4 {
				text += fmt.Sprintf("    - {name: route-%d, eventTypes: [Type%d]}\n", k, k)
			}
			if err := os.WriteFile(filepath.Join(m.folder, fmt.Sprintf("r%d.yaml", i)), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// The emulator of a machine knows the first document alone: one of its own,
		// in the same process, would count.
		if err := os.Remove(filepath.Join(m.folder, "orders.yaml")); err != nil {
			t.Fatal(err)
		}
		other := m.seeded(t)
		d := &daemon{Cmd: other.command("run", "--listen", "", "--qps", "0", "--log-format", "json", m.folder)}
		d.Stderr = d
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for !strings.Contains(d.String(), `"outcome":"quiet"`) {
			if time.Since(began) > 10*time.Minute {
				t.Fatalf("%d routings: %s", n, d)
			}
			time.Sleep(time.Second)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.Process.Pid))
		if err != nil {
			t.Skip(err)
		}
		_ = d.Process.Kill()
		_ = d.Wait()
		t.Logf("%d routings: %s, %s; in step after %s", n, regexp.MustCompile(`VmRSS:.*kB`).Find(status), regexp.MustCompile(`VmHWM:.*kB`).Find(status), time.Since(began).Round(time.Second))
	}
}

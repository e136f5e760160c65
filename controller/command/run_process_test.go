package command_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// machine is the real program, built once, and an emulator in a process.
type machine struct {
	t      *testing.T
	binary string
	env    []string
	folder string // of the documents
}

func newMachine(t *testing.T, seed string) machine {
	t.Helper()
	dir := t.TempDir()
	m := machine{t: t, binary: filepath.Join(dir, "eventrouting"), folder: filepath.Join(dir, "routing")}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", m.binary, "../..").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	if err := os.Mkdir(m.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	m.write(seed)
	m.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AWS_EC2_METADATA_DISABLED=true", "EVENTROUTING_TOKEN=" + secret,
	}
	return m.seeded(t)
}

// seeded is the machine with an emulator that knows its documents.
func (m machine) seeded(t *testing.T) machine {
	t.Helper()
	emulator := m.command("emulator", "--listen", "127.0.0.1:0", "--seed", m.folder)
	out, err := emulator.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := emulator.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "SECRET_ACCESS_KEY") {
		if words, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "export "); ok {
			m.env = append(m.env, strings.Fields(words)...)
		}
	}
	if words, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "export "); ok {
		m.env = append(m.env, strings.Fields(words)...)
	}
	t.Cleanup(func() {
		_ = emulator.Process.Signal(os.Interrupt)
		_ = emulator.Wait() // it says nothing that is checked here
	})
	return m
}

const secret = "correct-horse-battery-staple"

// write replaces the document as editors and ConfigMaps do: by renaming.
func (m machine) write(text string) {
	m.t.Helper()
	next := filepath.Join(m.folder, ".next")
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(m.folder, "orders.yaml")); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), m.binary, args...)
	cmd.Env = m.env
	return cmd
}

// daemon is a run in a process of its own.
type daemon struct {
	*exec.Cmd
	mu  sync.Mutex
	log bytes.Buffer
}

func (d *daemon) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(b)
}

func (d *daemon) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

// says waits until the log has a text: it comes through a pipe, after what it tells of.
func (d *daemon) says(t *testing.T, text string) {
	t.Helper()
	for range 100 {
		if strings.Contains(d.String(), text) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the log lacks %s:\n%s", text, d)
}

func (m machine) daemon() *daemon {
	m.t.Helper()
	d := &daemon{Cmd: m.command("run", "--listen", "127.0.0.1:0", "--schedule", "@every 2s", "--shard-poll", "1s", "--document-poll", "50ms",
		"--qps", "50", "--allow-deletes", "10", m.folder)}
	d.Stderr = d
	if err := d.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = d.Process.Kill() }) // it has ended already, unless the test failed
	return d
}

// edits are documents that follow one another, each with work of another kind.
func edits(n int) string {
	routes := []string{
		"    - {name: a, eventTypes: [A]}\n    - {name: b, eventTypes: [B]}\n",
		"    - {name: a, eventTypes: [A], batchSize: 7}\n    - {name: b, eventTypes: [B], parallelizationFactor: 3}\n    - {name: c, eventTypes: [C]}\n",
		"    - {name: a, eventTypes: [A, D]}\n    - {name: b, eventTypes: [B]}\n    - {name: rest, catchAll: true}\n",
		"    - {name: a, eventTypes: [A], isolation: FanOut}\n    - {name: b, eventTypes: [B, C]}\n    - {name: d, eventTypes: [D]}\n",
		"    - {name: a, eventTypes: [A]}\n    - {name: d, eventTypes: [D], batchSize: 50}\n    - {name: e, eventTypes: [E]}\n",
	}
	return ordersText + routes[n%len(routes)]
}

// TestKilled kills the real daemon again and again while it applies, changes
// documents meanwhile, and lets the last one finish: then nothing is left to do.
// An HTTP client and SIGTERM find that one alive.
func TestKilled(t *testing.T) {
	m := newMachine(t, edits(0))
	random := rand.New(rand.NewPCG(1, 2))
	during := 0
	const kills = 12
	for n := range kills {
		d := m.daemon()
		time.Sleep(100*time.Millisecond + time.Duration(random.IntN(200))*time.Millisecond)
		m.write(edits(n + 1))
		time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
		if err := d.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = d.Wait() // killed
		log := d.String()
		if last := log[strings.LastIndex(log[:max(0, len(log)-1)], "\n")+1:]; strings.Contains(last, "msg=change") || strings.Contains(last, "msg=documents") {
			during++
		}
	}
	t.Logf("%d of %d kills in the middle of a pass", during, kills)
	if during < kills/4 {
		t.Errorf("only %d of %d kills came in the middle of a pass", during, kills)
	}

	d := m.daemon()
	var err error
	for range 100 {
		time.Sleep(100 * time.Millisecond)
		if err = m.command("plan", "--detailed-exitcode", "--allow-deletes", "10", m.folder).Run(); err == nil {
			break
		}
	}
	if err != nil {
		out, _ := m.command("plan", "--allow-deletes", "10", m.folder).CombinedOutput()
		t.Fatalf("not converged: %v\n%s\n%s", err, out, d)
	}
	m.alive(d)

	d.says(t, "trigger=http")
	if err := d.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	d.says(t, "trigger=signal")
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	d.says(t, "msg=ended")
	log := d.String()
	if strings.Contains(log, secret) {
		t.Errorf("the log tells a secret:\n%s", log)
	}
}

// alive asks the daemon over HTTP.
func (m machine) alive(d *daemon) {
	m.t.Helper()
	found := regexp.MustCompile(`msg=listening url=(\S+)`).FindStringSubmatch(d.String())
	if found == nil {
		m.t.Fatalf("it does not say where it listens:\n%s", d)
	}
	for _, ask := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/readyz", "", 200}, {"GET", "/metrics", "", 200}, {"GET", "/api/v1/status", "", 200},
		{"POST", "/reconcile", "wrong", 401}, {"POST", "/reconcile", secret, 202},
	} {
		if got, err := request(m.t.Context(), ask.method, found[1]+ask.path, ask.token); err != nil || got != ask.want {
			m.t.Errorf("%s %s: %d %v, want %d", ask.method, ask.path, got, err, ask.want)
		}
	}
}

func request(ctx context.Context, method, url, token string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask: %w", err)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

package command_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/eventrouting/eventrouting/controller/command"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"eventrouting": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			defer stop()
			os.Exit(command.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestScripts runs the real command, as a process, against the emulator, as
// another. Beside testscript's own verbs there are:
//
//	exits N CMD ARGS...   the command's exit code is N
//	emulate ARGS...       serve an embedded AWS and point the SDK at it
//	answer TEXT           serve TEXT, whatever is asked, and point the SDK at it
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			// No settings of the machine: neither credentials nor a metadata service.
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("AWS_CONFIG_FILE", filepath.Join(e.WorkDir, "no-config"))
			e.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(e.WorkDir, "no-credentials"))
			example, err := os.ReadFile("../../examples/orders.yaml")
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "orders.yaml"), example, 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"emulate": emulate,
			"answer":  answer,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N CMD ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		got = failed.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func emulate(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: emulate ARGS...")
	}
	path, err := exec.LookPath("eventrouting")
	ts.Check(err)
	cmd := exec.Command(path, append([]string{"emulator", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "AWS_REGION=")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		words, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "export ")
		if !ok {
			continue
		}
		for word := range strings.FieldsSeq(words) {
			name, value, _ := strings.Cut(word, "=")
			ts.Setenv(name, value)
		}
		if ts.Getenv("AWS_SECRET_ACCESS_KEY") != "" {
			return
		}
	}
	ts.Fatalf("the emulator did not start: %v", lines.Err())
}

func answer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: answer TEXT")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if args[0] == "nothing" {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, args[0])
	})}
	go func() { _ = s.Serve(l) }()
	ts.Defer(func() { _ = s.Close() })
	ts.Setenv("AWS_ENDPOINT_URL", "http://"+l.Addr().String())
	ts.Setenv("AWS_ACCESS_KEY_ID", "test")
	ts.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	ts.Setenv("AWS_REGION", "eu-west-1")
}

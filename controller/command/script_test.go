package command_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/eventrouting/eventrouting/controller/command"
)

func TestMain(m *testing.M) {
	// The same random worlds in every run, unless -rapid.seed says otherwise: what one finds
	// is the fault of what changed. `make simulate` draws others.
	if err := flag.Set("rapid.seed", "1"); err != nil {
		panic(err)
	}
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
//	put STREAM KEY DATA   write a record
//	traced REGEXP         wait for a line that the emulator prints
//	answer TEXT           serve TEXT, whatever is asked, and point the SDK at it
//	edited IN OUT OLD NEW write IN to OUT with its first OLD replaced by NEW
//	private FILE          only the owner can read the file
//	reshard STREAM N      change a stream to N shards
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
			"put":     put,
			"traced":  traced,
			"answer":  answer,
			"edited":  edited,
			"private": private,
			"reshard": reshardStream,
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
	rest := make(chan struct{})
	lines := bufio.NewScanner(out)
	ts.Defer(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-rest
		if err := cmd.Wait(); err != nil {
			ts.Logf("the emulator: %v", err)
		}
	})
	// What is printed later is for traced.
	defer func() {
		log, err := os.Create(ts.MkAbs("emulator.log"))
		go func() {
			defer close(rest)
			for lines.Scan() {
				_, _ = fmt.Fprintln(log, lines.Text())
			}
			_ = log.Close()
		}()
		ts.Check(err)
	}()
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

func put(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: put STREAM KEY DATA")
	}
	c := kinesis.New(kinesis.Options{
		Region:       ts.Getenv("AWS_REGION"),
		BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL")),
		Credentials:  credentials.NewStaticCredentialsProvider(ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})
	_, err := c.PutRecord(context.Background(), &kinesis.PutRecordInput{StreamName: &args[0], PartitionKey: &args[1], Data: []byte(args[2])})
	ts.Check(err)
}

func traced(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: traced REGEXP")
	}
	line := regexp.MustCompile("(?m)" + args[0])
	for range 300 {
		if line.MatchString(ts.ReadFile("emulator.log")) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("no line matches %s:\n%s", args[0], ts.ReadFile("emulator.log"))
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
		if args[0] == "half" {
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, `{"Ev`)
			_ = http.NewResponseController(w).Flush()
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

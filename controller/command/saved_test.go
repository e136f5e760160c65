package command_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/eventrouting/eventrouting/controller/command"
)

func edited(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: edited IN OUT OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[2]) {
		ts.Fatalf("%s holds no %q", args[0], args[2])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Replace(text, args[2], args[3], 1)), 0o600))
}

func private(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: private FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if info.Mode() != 0o600 {
		ts.Fatalf("%s has mode %v", args[0], info.Mode())
	}
}

func reshardStream(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: reshard STREAM N")
	}
	n, err := strconv.ParseInt(args[1], 10, 32)
	ts.Check(err)
	c := kinesis.New(kinesis.Options{
		Region:       ts.Getenv("AWS_REGION"),
		BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL")),
		Credentials:  credentials.NewStaticCredentialsProvider(ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})
	ctx := context.Background()
	_, err = c.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
		StreamName: &args[0], TargetShardCount: aws.Int32(int32(n)), ScalingType: kinesistypes.ScalingTypeUniformScaling,
	})
	ts.Check(err)
	for range 100 {
		out, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &args[0]})
		ts.Check(err)
		if out.StreamDescriptionSummary.StreamStatus == kinesistypes.StreamStatusActive {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("stream %s stays busy", args[0])
}

// savedPlan is a plan file that plan --out wrote.
func savedPlan(t testing.TB) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plan.json")
	var out strings.Builder
	if code := command.Run(t.Context(), []string{"plan", "--emulator", "--out", file, "../../examples/orders.yaml"}, nil, &out, &out); code != 0 {
		t.Fatalf("exit code %d: %s", code, &out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestSavedTruncated cuts a plan file short in many places.
func TestSavedTruncated(t *testing.T) {
	text := savedPlan(t)
	for n := 0; n < len(text)-2; n += 97 {
		if command.DecodesSaved(text[:n]) {
			t.Fatalf("the first %d of %d bytes are a plan", n, len(text))
		}
	}
	if !command.DecodesSaved(text) {
		t.Fatal("the whole is no plan")
	}
}

// TestSavedFlipped changes each byte of a plan file's content, in turn. White
// space may change.
func TestSavedFlipped(t *testing.T) {
	text := savedPlan(t)
	for n := 0; n < len(text); n += 61 {
		if text[n] == ' ' || text[n] == '\n' {
			continue
		}
		other := append([]byte(nil), text...)
		other[n] ^= 1
		if command.DecodesSaved(other) {
			t.Fatalf("with byte %d changed from %q to %q it is a plan still", n, text[n], other[n])
		}
	}
}

// FuzzSaved checks that no file makes the reader panic, and that what it takes
// can be written and read again.
func FuzzSaved(f *testing.F) {
	text := savedPlan(f)
	f.Add(text)
	for _, seed := range []string{"", "null", "{}", "[]", `{"formatVersion":"1.0","digest":"x","content":null}`, `{"formatVersion":"1.0","content":{"plans":[{"plan":null}]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := command.RewriteSaved(text); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzMoved checks that any two plans can be compared, and that one is equal to
// itself.
func FuzzMoved(f *testing.F) {
	f.Add([]byte(`{"changes":[{"action":"create","kind":"alias","address":"a","before":null,"after":{"x":[1,{}]}}]}`), []byte(`{"changes":[{"action":1}],"held":[{"kind":"a"}]}`))
	f.Fuzz(func(t *testing.T, then, now []byte) {
		if lines := command.Moved(then, then); len(lines) > 0 && !strings.HasPrefix(lines[0], "error") {
			t.Fatalf("it differs from itself: %q", lines)
		}
		command.Moved(then, now)
	})
}

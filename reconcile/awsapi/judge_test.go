package awsapi_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// TestAgainstKinesisMock holds the Kinesis side of the client against a server
// that we did not write. KINESIS_MOCK is its folder, see .ci/kinesis-mock;
// without it the test is skipped, but not in CI.
//
// It keeps no tags that come with a registration, so those are set anew.
func TestAgainstKinesisMock(t *testing.T) {
	j := newJudge(t)
	j.create("s", 4, types.StreamModeProvisioned)
	if got := j.observe(time.Hour).Streams["s"]; len(open(got)) != 4 || got.Status != "ACTIVE" || got.Mode != "PROVISIONED" || got.Retention != 24*time.Hour {
		t.Errorf("at first: %+v", got)
	}
	if _, ok := j.observe(time.Hour).Streams["nowhere"]; ok {
		t.Error("a stream that does not exist is there")
	}
	j.reshard(8)
	j.lineage(8, 4, 1)
	j.reshard(4)
	j.lineage(4, 12, 2)
	if got := j.observe(0).Streams["s"]; len(got.Shards) != 4 {
		t.Errorf("open now: %+v", got.Shards)
	}
	j.must(j.kinesis.IncreaseStreamRetentionPeriod(j.Context(), &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: aws.String("s"), RetentionPeriodHours: aws.Int32(48)}))
	if got := j.observe(time.Hour).Streams["s"].Retention; got != 48*time.Hour {
		t.Errorf("retention %s", got)
	}
	j.create("flexible", 0, types.StreamModeOnDemand)
	if got := j.observe(time.Hour).Streams["flexible"]; got.Mode != "ON_DEMAND" || len(open(got)) == 0 {
		t.Errorf("on demand: %+v", got)
	}
	j.consumers()
}

// judge is kinesis-mock for Kinesis, and our emulator for Lambda.
type judge struct {
	*testing.T
	kinesis *kinesis.Client
	client  *awsapi.Client
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	endpoint := startMock(t)
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())})
	cfg := aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("000000000000", "secret", ""), BaseEndpoint: &endpoint,
		HTTPClient: split(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Amz-Target") == "" {
				return s.Client().Do(r)
			}
			return http.DefaultClient.Do(r)
		}),
	}
	return &judge{T: t, kinesis: kinesis.NewFromConfig(cfg), client: awsapi.New(cfg, awsapi.Options{SettleTimeout: time.Minute})}
}

type split func(*http.Request) (*http.Response, error)

func (s split) Do(r *http.Request) (*http.Response, error) { return s(r) }

// startMock starts the server on loopback and waits until it answers.
func startMock(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("KINESIS_MOCK")
	node, err := exec.LookPath("node")
	if folder == "" || err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI needs kinesis-mock: KINESIS_MOCK is not set, or there is no node")
		}
		t.Skip(`kinesis-mock is not here: export KINESIS_MOCK="$(bash .ci/kinesis-mock)"`)
	}
	// The server binds every interface unless told otherwise.
	preload := filepath.Join(t.TempDir(), "loopback.js")
	const loopback = `const net = require("net"), listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...a) {
  if (a[0] && typeof a[0] === "object") a[0].host = "127.0.0.1";
  else if (typeof a[1] === "string") a[1] = "127.0.0.1";
  else a.splice(1, 0, "127.0.0.1");
  return listen.apply(this, a);
};`
	if err := os.WriteFile(preload, []byte(loopback), 0o600); err != nil {
		t.Fatal(err)
	}
	plain, tls := freePort(t), freePort(t)
	cmd := exec.Command(node, "-r", preload, filepath.Join(folder, "main.js"))
	cmd.Env = append(os.Environ(), "KINESIS_MOCK_PLAIN_PORT="+plain, "KINESIS_MOCK_TLS_PORT="+tls,
		"KINESIS_MOCK_CERT_PATH="+filepath.Join(folder, "server.json"), "SHARD_LIMIT=500")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	endpoint := "http://127.0.0.1:" + plain
	wait(t, "kinesis-mock", func() bool {
		resp, err := http.Get(endpoint + "/healthcheck")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return endpoint
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// wait looks until something is so; the server of others has a clock of its own.
func wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s is not ready in time", what)
		}
	}
}

func (j *judge) must(_ any, err error) {
	j.Helper()
	if err != nil {
		j.Fatal(err)
	}
}

func (j *judge) observe(since time.Duration) reconcile.State {
	j.Helper()
	live, err := j.client.Reader().Observe(j.Context(), reconcile.Scope{Streams: []string{"s", "nowhere", "flexible"}, FanOut: []string{"s", "nowhere"}, Since: since}, time.Now())
	if err != nil {
		j.Fatal(err)
	}
	return live
}

func (j *judge) active(stream string) {
	j.Helper()
	wait(j.T, stream, func() bool { return j.observe(time.Hour).Streams[stream].Status == "ACTIVE" })
}

func (j *judge) create(stream string, shards int32, mode types.StreamMode) {
	j.Helper()
	in := &kinesis.CreateStreamInput{StreamName: &stream, StreamModeDetails: &types.StreamModeDetails{StreamMode: mode}}
	if shards > 0 {
		in.ShardCount = &shards
	}
	j.must(j.kinesis.CreateStream(j.Context(), in))
	j.active(stream)
}

// reshard changes the number of shards, and looks at the stream meanwhile.
func (j *judge) reshard(n int32) {
	j.Helper()
	j.must(j.kinesis.UpdateShardCount(j.Context(), &kinesis.UpdateShardCountInput{StreamName: aws.String("s"), TargetShardCount: &n, ScalingType: types.ScalingTypeUniformScaling}))
	if got := j.observe(time.Hour).Streams["s"]; got.Status != "UPDATING" && got.Status != "ACTIVE" {
		j.Errorf("while it is resharded: %s", got.Status)
	}
	j.active("s")
}

// lineage wants open shards with a number of parents each that are closed.
func (j *judge) lineage(opened, closed, parents int) {
	j.Helper()
	shards := j.observe(time.Hour).Streams["s"].Shards
	over := map[string]bool{}
	for _, s := range shards {
		over[s.ID] = s.Closed
	}
	n := 0
	for _, s := range shards {
		if s.Closed {
			continue
		}
		n++
		if len(s.Parents) != parents || slices.ContainsFunc(s.Parents, func(p string) bool { return !over[p] }) {
			j.Errorf("parents of %s: %v", s.ID, s.Parents)
		}
	}
	if n != opened || len(shards)-n != closed {
		j.Errorf("%d open and %d closed, want %d and %d", n, len(shards)-n, opened, closed)
	}
}

func open(s reconcile.Stream) []reconcile.Shard {
	return slices.DeleteFunc(slices.Clone(s.Shards), func(s reconcile.Shard) bool { return s.Closed })
}

// consumers registers seven, of which AWS creates five at a time, changes the
// tags of one, and meets one that exists.
func (j *judge) consumers() {
	j.Helper()
	register := func(name string) reconcile.Change {
		return reconcile.Change{
			Action: reconcile.Register, Addr: reconcile.Addr{Kind: reconcile.KindConsumer, Name: "s/" + name},
			After: &reconcile.Consumer{Key: reconcile.ConsumerKey{Stream: "s", Name: name}, Tags: map[string]string{reconcile.TagOwner: "default"}},
		}
	}
	var changes []reconcile.Change
	for i := range 7 {
		changes = append(changes, register(fmt.Sprintf("c%d", i)))
	}
	live := j.observe(0)
	if err := reconcile.Apply(j.Context(), j.client.Writer(live), changes, nil).Err(); err != nil {
		j.Fatal(err)
	}
	live = j.observe(0)
	if len(live.Consumers) != 7 {
		j.Fatalf("%d consumers", len(live.Consumers))
	}
	for _, c := range live.Consumers {
		if c.Status != "ACTIVE" || !strings.Contains(c.ARN, "/consumer/"+c.Key.Name+":") {
			j.Errorf("%+v", c)
		}
	}
	before := live.Consumers[reconcile.ConsumerKey{Stream: "s", Name: "c1"}]
	after := before
	after.Tags = map[string]string{reconcile.TagOwner: "blue"}
	if err := j.client.Writer(live).Start(j.Context(), reconcile.Change{Action: reconcile.Update, Before: &before, After: &after}); err != nil {
		j.Fatal(err)
	}
	live, err := j.client.Reader().Answer(j.Context(), live, []reconcile.Ask{{What: reconcile.AskConsumerTags, Name: before.ARN}})
	if err != nil || live.Facts.ConsumerTags[before.ARN][reconcile.TagOwner] != "blue" {
		j.Errorf("tags %v: %v", live.Facts.ConsumerTags, err)
	}
	if err := j.client.Writer(live).Start(j.Context(), register("c1")); !errors.Is(err, reconcile.ErrStale) {
		j.Errorf("one that exists: %v", err)
	}
}

package emulator_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// cli is the AWS CLI in front of a server whose clock the test moves.
type cli struct {
	t      *testing.T
	server *emulator.Server
	url    string
	env    []string
	mu     sync.Mutex
	now    time.Time
}

// awsCLI starts a server for the AWS CLI, or skips the test.
func awsCLI(t *testing.T) *cli {
	t.Helper()
	if testing.Short() {
		t.Skip("the AWS CLI takes a second a call")
	}
	if out, err := exec.CommandContext(t.Context(), "aws", "--version").CombinedOutput(); err != nil {
		t.Skipf("no AWS CLI: %v %s", err, out)
	}
	c := &cli{t: t, now: time.Now().UTC().Truncate(time.Second)}
	w := world.New(1, world.Short(), c.now)
	w.SetKnobs(world.Knobs{})
	c.server = emulator.New(emulator.Options{World: w, Now: func() time.Time {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.now
	}})
	s := httptest.NewServer(c.server)
	t.Cleanup(s.Close)
	c.url = s.URL
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") { // a bundle of certificates above all
			c.env = append(c.env, kv)
		}
	}
	c.env = append(c.env, "AWS_ACCESS_KEY_ID=123456789012", "AWS_SECRET_ACCESS_KEY=secret", "AWS_DEFAULT_REGION=eu-west-1",
		"AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "HOME="+t.TempDir())
	return c
}

// pass lets time go by.
func (c *cli) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *cli) try(args ...string) (string, error) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "aws", append([]string{"--endpoint-url", c.url, "--output", "json"}, args...)...)
	cmd.Env = c.env
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if err != nil {
		return stderr.String(), err
	}
	return out.String(), nil
}

// run calls AWS and returns its answer, nil for none.
func (c *cli) run(args ...string) map[string]any {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	if strings.TrimSpace(out) == "" {
		return nil
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		c.t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return v
}

// refused calls AWS and wants an exception.
func (c *cli) refused(code string, args ...string) {
	c.t.Helper()
	out, err := c.try(args...)
	if err == nil || !strings.Contains(out, "("+code+")") {
		c.t.Errorf("aws %s: %v, %s, want %s", strings.Join(args, " "), err, strings.TrimSpace(out), code)
	}
}

// want compares parts of an answer, by dotted path.
func (c *cli) want(got map[string]any, parts map[string]any) {
	c.t.Helper()
	for path, want := range parts {
		var v any = got
		for key := range strings.SplitSeq(path, ".") {
			m, _ := v.(map[string]any)
			v = m[key]
		}
		if d := cmp.Diff(want, v); d != "" {
			c.t.Errorf("%s (-want +got):\n%s", path, d)
		}
	}
}

func (c *cli) summary(stream string) map[string]any {
	c.t.Helper()
	return c.run("kinesis", "describe-stream-summary", "--stream-name", stream)["StreamDescriptionSummary"].(map[string]any)
}

const cliStream = "arn:aws:kinesis:eu-west-1:123456789012:stream/cli"

// TestCLIStreams creates, reads, changes and destroys a stream with a consumer.
func TestCLIStreams(t *testing.T) {
	t.Parallel()
	c := awsCLI(t)
	c.run("kinesis", "create-stream", "--stream-name", "cli", "--shard-count", "2")
	c.want(c.summary("cli"), map[string]any{"StreamStatus": "CREATING", "OpenShardCount": nil})
	c.pass(time.Second)
	c.run("kinesis", "wait", "stream-exists", "--stream-name", "cli")
	c.run("kinesis", "add-tags-to-stream", "--stream-name", "cli", "--tags", "team=orders")
	c.want(c.run("kinesis", "list-tags-for-stream", "--stream-name", "cli"), map[string]any{
		"Tags": []any{map[string]any{"Key": "team", "Value": "orders"}}})
	c.run("kinesis", "increase-stream-retention-period", "--stream-name", "cli", "--retention-period-hours", "24")
	c.run("kinesis", "increase-stream-retention-period", "--stream-name", "cli", "--retention-period-hours", "48")
	c.pass(2 * time.Second)
	c.run("kinesis", "enable-enhanced-monitoring", "--stream-name", "cli", "--shard-level-metrics", "IncomingBytes")
	c.pass(2 * time.Second)
	c.run("kinesis", "start-stream-encryption", "--stream-name", "cli", "--encryption-type", "KMS", "--key-id", "alias/aws/kinesis")
	c.pass(2 * time.Second)
	c.want(c.run("kinesis", "update-shard-count", "--stream-name", "cli", "--target-shard-count", "4", "--scaling-type", "UNIFORM_SCALING"),
		map[string]any{"CurrentShardCount": 2.0, "TargetShardCount": 4.0})
	c.pass(2 * time.Second)
	c.want(c.summary("cli"), map[string]any{
		"StreamStatus": "ACTIVE", "OpenShardCount": 4.0, "RetentionPeriodHours": 48.0, "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis",
		"EnhancedMonitoring": []any{map[string]any{"ShardLevelMetrics": []any{"IncomingBytes"}}}})
	if n := len(c.run("kinesis", "list-shards", "--stream-name", "cli", "--page-size", "4")["Shards"].([]any)); n != 6 {
		t.Errorf("got %d shards, want 6 over two pages", n)
	}

	x := c.run("kinesis", "register-stream-consumer", "--stream-arn", cliStream, "--consumer-name", "reader")["Consumer"].(map[string]any)
	c.pass(time.Second)
	c.want(c.run("kinesis", "describe-stream-consumer", "--consumer-arn", x["ConsumerARN"].(string)),
		map[string]any{"ConsumerDescription.ConsumerStatus": "ACTIVE", "ConsumerDescription.StreamARN": cliStream})
	c.refused("ResourceInUseException", "kinesis", "delete-stream", "--stream-name", "cli")
	c.run("kinesis", "update-stream-mode", "--stream-arn", cliStream, "--stream-mode-details", "StreamMode=ON_DEMAND")
	c.pass(2 * time.Second)
	c.want(c.summary("cli"), map[string]any{"StreamModeDetails.StreamMode": "ON_DEMAND", "ConsumerCount": 1.0})
	c.run("kinesis", "delete-stream", "--stream-name", "cli", "--enforce-consumer-deletion")
	c.pass(time.Second)
	c.run("kinesis", "wait", "stream-not-exists", "--stream-name", "cli")
}

// TestCLIRecords writes and reads records.
func TestCLIRecords(t *testing.T) {
	t.Parallel()
	c := awsCLI(t)
	scene := emulator.Seed{Place: world.Place{Account: "123456789012", Region: "eu-west-1"}, Streams: map[string]int{"cli": 1}}
	if err := c.server.Seed(scene); err != nil {
		t.Fatal(err)
	}
	stream := []string{"--stream-name", "cli"}
	on := func(call string, more ...string) map[string]any {
		t.Helper()
		return c.run(append(append([]string{"kinesis", call}, stream...), more...)...)
	}
	one := on("put-record", "--partition-key", "k", "--data", "YQ==")
	two := on("put-records", "--records", "PartitionKey=k,Data=Yg==", "PartitionKey=k,Data=Yw==")
	c.want(two, map[string]any{"FailedRecordCount": 0.0})
	it := on("get-shard-iterator", "--shard-id", "shardId-000000000000", "--shard-iterator-type", "AFTER_SEQUENCE_NUMBER",
		"--starting-sequence-number", one["SequenceNumber"].(string))
	var got, want []any // numbers: the CLI's versions differ in whether data is base64
	for _, r := range c.run("kinesis", "get-records", "--shard-iterator", it["ShardIterator"].(string))["Records"].([]any) {
		got = append(got, r.(map[string]any)["SequenceNumber"])
	}
	for _, r := range two["Records"].([]any) {
		want = append(want, r.(map[string]any)["SequenceNumber"])
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("records (-put +got):\n%s", d)
	}
	c.pass(6 * time.Minute)
	c.refused("ExpiredIteratorException", "kinesis", "get-records", "--shard-iterator", it["ShardIterator"].(string))
}

// TestCLIMetrics asks for IteratorAge as people do: the AWS CLI speaks another of
// CloudWatch's protocols than the SDK.
func TestCLIMetrics(t *testing.T) {
	t.Parallel()
	c := awsCLI(t)
	at := world.Place{Account: "123456789012", Region: "eu-west-1"}
	if err := c.server.Seed(emulator.Seed{Place: at, Streams: map[string]int{"s": 1}, Functions: map[string][]string{"f": {"live"}}}); err != nil {
		t.Fatal(err)
	}
	c.server.Do(func(w *world.World) {
		_, err := w.CreateMapping(at, world.MappingInput{EventSourceArn: world.StreamARN(at, "s"), FunctionName: "f:live", StartingPosition: "TRIM_HORIZON"})
		if err != nil {
			t.Fatal(err)
		}
	})
	from := c.now.Format(time.RFC3339)
	c.run("kinesis", "put-record", "--stream-name", "s", "--partition-key", "k", "--data", "YQ==")
	c.pass(2 * time.Minute)
	query := `[{"Id":"q","MetricStat":{"Metric":{"Namespace":"AWS/Lambda","MetricName":"IteratorAge","Dimensions":[{"Name":"FunctionName","Value":"f"}]},"Period":60,"Stat":"SampleCount"}}]`
	got := c.run("cloudwatch", "get-metric-data", "--start-time", from, "--end-time", c.now.Format(time.RFC3339), "--metric-data-queries", query)
	result := got["MetricDataResults"].([]any)[0].(map[string]any)
	if d := cmp.Diff([]any{1.0}, result["Values"]); d != "" {
		t.Errorf("values (-want +got):\n%s", d)
	}
	c.refused("ValidationError", "cloudwatch", "get-metric-data", "--start-time", from, "--end-time", from, "--metric-data-queries", query)
}

// archived is an archive of one empty file.
func archived(t *testing.T, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if _, err := w.Create(name); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestCLIFunctions does so with a function, its versions, aliases and mappings.
func TestCLIFunctions(t *testing.T) {
	t.Parallel()
	c := awsCLI(t)
	scene := emulator.Seed{Place: world.Place{Account: "123456789012", Region: "eu-west-1"}, Streams: map[string]int{"cli": 1}}
	if err := c.server.Seed(scene); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "code.zip")
	if err := os.WriteFile(archive, archived(t, "h.py"), 0o600); err != nil {
		t.Fatal(err)
	}
	fn := []string{"--function-name", "cli"}
	on := func(call string, more ...string) map[string]any {
		t.Helper()
		return c.run(append(append([]string{"lambda", call}, fn...), more...)...)
	}
	c.want(on("create-function", "--runtime", "python3.12", "--handler", "h.h", "--role", "arn:aws:iam::123456789012:role/r",
		"--zip-file", "fileb://"+archive, "--tags", "a=b"), map[string]any{"State": "Pending", "Version": "$LATEST"})
	c.run("lambda", "wait", "function-active-v2", "--function-name", "cli")
	c.want(on("update-function-configuration", "--timeout", "30"), map[string]any{"Timeout": 30.0, "LastUpdateStatus": "InProgress"})
	c.run("lambda", "wait", "function-updated-v2", "--function-name", "cli")
	c.want(on("publish-version"), map[string]any{"Version": "1"})
	if n := len(on("list-versions-by-function")["Versions"].([]any)); n != 2 {
		t.Errorf("got %d versions, want $LATEST and 1", n)
	}
	on("put-function-concurrency", "--reserved-concurrent-executions", "5")
	c.want(on("get-function"), map[string]any{
		"Configuration.State": "Active", "Tags": map[string]any{"a": "b"}, "Concurrency.ReservedConcurrentExecutions": 5.0})
	on("get-function-code-signing-config")
	c.want(on("get-runtime-management-config"), map[string]any{"UpdateRuntimeOn": "Auto"})
	on("create-alias", "--name", "live", "--function-version", "1")
	c.want(on("update-alias", "--name", "live", "--description", "x"), map[string]any{"Description": "x", "FunctionVersion": "1"})

	m := c.run("lambda", "create-event-source-mapping", "--function-name", "cli:live", "--event-source-arn", cliStream,
		"--starting-position", "AT_TIMESTAMP", "--starting-position-timestamp", "2026-01-01T00:00:00Z",
		"--filter-criteria", `{"Filters":[{"Pattern":"{\"data\":{\"type\":[\"A\"]}}"}]}`)
	c.want(m, map[string]any{"State": "Creating", "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:cli:live"})
	id := m["UUID"].(string)
	c.refused("ResourceConflictException", "lambda", "create-event-source-mapping", "--function-name", "cli:live",
		"--event-source-arn", cliStream, "--starting-position", "LATEST")
	c.pass(2 * time.Second)
	c.run("lambda", "update-event-source-mapping", "--uuid", id, "--batch-size", "7", "--function-name", "cli")
	c.pass(time.Second)
	c.want(c.run("lambda", "get-event-source-mapping", "--uuid", id), map[string]any{
		"State": "Enabled", "BatchSize": 7.0, "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:cli"})
	c.run("lambda", "tag-resource", "--resource", m["EventSourceMappingArn"].(string), "--tags", "k=v")
	c.want(c.run("lambda", "list-tags", "--resource", m["EventSourceMappingArn"].(string)), map[string]any{"Tags.k": "v"})
	if n := len(c.run("lambda", "list-event-source-mappings", "--event-source-arn", cliStream)["EventSourceMappings"].([]any)); n != 1 {
		t.Errorf("got %d mappings", n)
	}
	c.run("lambda", "delete-event-source-mapping", "--uuid", id)
	c.pass(time.Second)
	c.refused("ResourceNotFoundException", "lambda", "get-event-source-mapping", "--uuid", id)
	on("delete-alias", "--name", "live")
	on("delete-function")
	c.refused("ResourceNotFoundException", "lambda", "get-function", "--function-name", "cli")
}

// TestCLIRole assumes a role and acts as it.
func TestCLIRole(t *testing.T) {
	t.Parallel()
	c := awsCLI(t)
	c.want(c.run("sts", "get-caller-identity"), map[string]any{"Account": "123456789012"})
	out := c.run("sts", "assume-role", "--role-arn", ordersRole, "--role-session-name", "cli", "--duration-seconds", "900")
	k := out["Credentials"].(map[string]any)
	user := c.env
	c.env = append(slices.Clip(c.env), "AWS_ACCESS_KEY_ID="+k["AccessKeyId"].(string),
		"AWS_SECRET_ACCESS_KEY="+k["SecretAccessKey"].(string), "AWS_SESSION_TOKEN="+k["SessionToken"].(string))
	c.want(c.run("sts", "get-caller-identity"), map[string]any{
		"Account": "999999999999", "Arn": "arn:aws:sts::999999999999:assumed-role/orders/cli"})
	c.run("kinesis", "create-stream", "--stream-name", "theirs", "--shard-count", "1")
	c.pass(15 * time.Minute)
	c.refused("ExpiredToken", "sts", "get-caller-identity")
	c.refused("ExpiredTokenException", "kinesis", "list-streams")
	c.env = user
	c.want(c.run("kinesis", "list-streams"), map[string]any{"StreamNames": []any{}})
}

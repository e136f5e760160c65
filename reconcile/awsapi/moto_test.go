package awsapi_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// TestAgainstMoto creates, changes and clears a mapping with every setting, its
// alias and its reservation on moto, which others wrote, and reads each back. It
// is skipped where moto_server is not installed, in CI too.
//
// moto has no transitions, no limits and no second answer for a taken key: that
// is our emulator's to judge. It forgets the alias that a mapping targets, so the
// mapping here targets the function. It does not know ListProvisionedConcurrencyConfigs
// either, which is answered for it.
func TestAgainstMoto(t *testing.T) {
	cfg := startMoto(t)
	client := awsapi.New(cfg, awsapi.Options{SettleTimeout: time.Minute})
	scope := reconcile.Scope{Streams: []string{"s"}, Functions: []string{"f"}}
	observe := func() reconcile.State {
		t.Helper()
		live, err := client.Reader().Observe(t.Context(), scope, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return live
	}
	apply := func(c reconcile.Change) {
		t.Helper()
		if err := reconcile.Apply(t.Context(), client.Writer(observe()), []reconcile.Change{c}, nil).Err(); err != nil {
			t.Fatal(err)
		}
	}
	k := reconcile.Key{Stream: "s", Function: "f"}
	apply(reconcile.Change{Action: reconcile.Create, Addr: reconcile.Addr{Kind: reconcile.KindAlias, Name: "f:orders--placed"},
		After: &reconcile.Alias{Key: reconcile.AliasKey{Function: "f", Name: "orders--placed"}, Version: "1", Description: "eventrouting.dev owner=default stream=s start=trim-horizon"}})
	apply(reconcile.Change{Action: reconcile.Raise, Addr: reconcile.Addr{Kind: reconcile.KindReservation, Name: "f"}, After: &reconcile.Reservation{Function: "f", Reserved: 7}})
	full := reconcile.Mapping{
		Key: k, Enabled: true, Filters: []string{`{"data":{"eventType":["OrderPlaced"]}}`}, BatchSize: 10, MaximumBatchingWindow: 5, ParallelizationFactor: 3,
		MaximumRetryAttempts: 4, MaximumRecordAge: 3600, BisectBatchOnFunctionError: true, OnFailure: "arn:aws:sqs:us-east-1:123456789012:dead",
		ReportBatchItemFailures: true, Start: reconcile.Start{TrimHorizon: true}, Tags: map[string]string{reconcile.TagOwner: "default", reconcile.TagSince: "pending"},
	}
	apply(reconcile.Change{Action: reconcile.Create, Addr: reconcile.Addr{Kind: reconcile.KindMapping, Name: "orders/placed"}, After: &full})
	read := func(want reconcile.Mapping) reconcile.Mapping {
		t.Helper()
		live := observe()
		if len(live.Mappings[k]) != 1 {
			t.Fatalf("mappings %v", live.Mappings)
		}
		got := live.Mappings[k][0]
		if diff := reconcile.Differences(&want, &got); len(diff) > 0 {
			t.Errorf("read back: %v", diff)
		}
		return got
	}
	before := read(full)
	live := observe()
	if a := live.Aliases[reconcile.AliasKey{Function: "f", Name: "orders--placed"}]; a.Version != "1" || !strings.Contains(a.Description, "owner=default") {
		t.Errorf("alias %+v", a)
	}
	if r := live.Functions["f"].Reserved; r == nil || *r != 7 {
		t.Errorf("reserved %v", r)
	}
	live, err := client.Reader().Answer(t.Context(), live, []reconcile.Ask{{What: reconcile.AskTags, Name: before.UUID}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full.Tags, live.Facts.Tags[before.UUID]); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	after := before
	after.Enabled, after.BatchSize, after.MaximumBatchingWindow, after.ParallelizationFactor = false, 100, 0, 1
	after.MaximumRetryAttempts, after.MaximumRecordAge, after.BisectBatchOnFunctionError = 2, 60, false
	after.Filters = []string{`{"data":{"eventType":["OrderPlaced","OrderMoved"]}}`}
	apply(reconcile.Change{Action: reconcile.Update, Addr: reconcile.Addr{Kind: reconcile.KindMapping, Name: "orders/placed"}, Before: &before, After: &after})
	read(after)
}

// startMoto starts moto with a stream, a role and a function of one version.
func startMoto(t *testing.T) aws.Config {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not here: pip install moto[server]")
	}
	port := freePort(t)
	cmd := exec.Command(path, "-H", "127.0.0.1", "-p", port)
	if err := cmd.Start(); err != nil {
		t.Skipf("moto_server does not start: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	endpoint := "http://127.0.0.1:" + port
	wait(t, "moto", func() bool {
		resp, err := http.Post(endpoint+"/moto-api/reset", "", nil)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	form := url.Values{"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {"r"}, "AssumeRolePolicyDocument": {"{}"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("create a role: %v %v", err, resp)
	}
	_ = resp.Body.Close()
	cfg := aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("x", "secret", ""), BaseEndpoint: &endpoint,
		HTTPClient: split(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/provisioned-concurrency") {
				none := io.NopCloser(strings.NewReader(`{"ProvisionedConcurrencyConfigs":[]}`))
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: none, Request: r}, nil
			}
			return http.DefaultClient.Do(r)
		}),
	}
	if _, err := kinesis.NewFromConfig(cfg).CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	const emptyZip = "PK\x05\x06" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	if _, err := lambda.NewFromConfig(cfg).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("f"), Role: aws.String("arn:aws:iam::123456789012:role/r"), Runtime: types.RuntimePython312, Handler: aws.String("h.h"),
		Code: &types.FunctionCode{ZipFile: []byte(emptyZip)}, Publish: true,
	}); err != nil {
		t.Fatal(err)
	}
	return cfg
}

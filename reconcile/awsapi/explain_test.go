package awsapi_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// broken is a network on which no request arrives.
type broken struct{ err error }

func (b broken) Do(r *http.Request) (*http.Response, error) {
	return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: b.err}
}

func refusedWith(status int, code, message string) aws.HTTPClient {
	return always(status, fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message))
}

// observeWith is the error of a first call.
func observeWith(t *testing.T, cfg aws.Config) error {
	t.Helper()
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	_, err := awsapi.New(cfg, awsapi.Options{}).Reader().Observe(t.Context(), everything, time.Now())
	if err == nil {
		t.Error("no error")
	}
	return err
}

func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		client  aws.HTTPClient
		message string // exactly
		hint    string // part of it
	}{
		"refused": {
			broken{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}},
			"list mappings: nothing listens at emulator", "eventrouting emulator",
		},
		"no host": {
			broken{&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Name: "lambda.eu-mars-1.amazonaws.com", Err: "no such host", IsNotFound: true}}},
			"list mappings: host lambda.eu-mars-1.amazonaws.com cannot be found", "AWS_REGION",
		},
		"cut off": {broken{errors.New("unexpected EOF")}, "list mappings: no answer from emulator: unexpected EOF", "network"},
		"certificate": {
			broken{&tls.CertificateVerificationError{Err: errors.New("x509: certificate signed by unknown authority")}},
			"list mappings: no safe connection to emulator: x509: certificate signed by unknown authority", "AWS_CA_BUNDLE",
		},
		"denied": {
			refusedWith(403, "AccessDeniedException", "User: u is not authorized to perform: lambda:ListEventSourceMappings"),
			"list mappings: it takes lambda:ListEventSourceMappings: AccessDeniedException: User: u is not authorized to perform: lambda:ListEventSourceMappings",
			"allow lambda:ListEventSourceMappings",
		},
		"denied without a word": {
			always(403, `{"__type":"AccessDeniedException"}`),
			"list mappings: it takes lambda:ListEventSourceMappings: AccessDeniedException", "allow lambda:ListEventSourceMappings",
		},
		"expired": {
			refusedWith(403, "ExpiredTokenException", "The security token included in the request is expired"),
			"list mappings: the AWS credentials have expired", "aws sso login",
		},
		"unknown credentials": {
			refusedWith(403, "UnrecognizedClientException", "The security token included in the request is invalid."),
			"list mappings: UnrecognizedClientException: The security token included in the request is invalid.", "AWS_PROFILE",
		},
		"wrong secret": {
			refusedWith(403, "InvalidSignatureException", "The request signature we calculated does not match"),
			"list mappings: InvalidSignatureException: The request signature we calculated does not match", "keys",
		},
		"throttled": {
			refusedWith(429, "TooManyRequestsException", "Rate exceeded"),
			"list mappings: TooManyRequestsException: Rate exceeded", "--qps",
		},
		"HTML": {
			always(200, "<html>\n<body>"),
			`list mappings: the endpoint's answer makes no sense: HTTP 200 with the body "<html>\n<body>"`, "AWS_ENDPOINT_URL",
		},
		"anything else of AWS": {
			refusedWith(500, "ServiceException", "An error\noccurred"),
			"list mappings: ServiceException: An error occurred", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			message, hint := awsapi.Explain(observeWith(t, config(c.client)))
			check(t, message, hint, c.message, c.hint)
		})
	}
}

func check(t *testing.T, message, hint, wantMessage, wantHint string) {
	t.Helper()
	if message != wantMessage {
		t.Errorf("message %s\nwant    %s", message, wantMessage)
	}
	if !strings.Contains(hint, wantHint) || (hint == "") != (wantHint == "") {
		t.Errorf("hint %q, want %q in it", hint, wantHint)
	}
}

func TestExplainConfiguration(t *testing.T) {
	for _, name := range []string{"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION",
		"AWS_DEFAULT_REGION", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
		"AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("HOME", t.TempDir())
	bare, err := sdkconfig.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bare.BaseEndpoint = aws.String("http://emulator")

	message, hint := awsapi.Explain(observeWith(t, bare))
	check(t, message, hint, "no AWS region is set", "AWS_REGION")

	bare.Region = region
	message, hint = awsapi.Explain(observeWith(t, bare))
	check(t, message, hint, "list mappings: there are no AWS credentials", "AWS_PROFILE")

	_, err = sdkconfig.LoadDefaultConfig(t.Context(), sdkconfig.WithSharedConfigProfile("nobody"))
	message, hint = awsapi.Explain(err)
	check(t, message, hint, "failed to get shared config profile, nobody", "AWS_PROFILE")

	cfg := config(http.DefaultClient)
	cfg.BaseEndpoint = aws.String("127.0.0.1:4566")
	message, hint = awsapi.Explain(observeWith(t, cfg))
	check(t, message, hint, "list mappings: the endpoint is no URL with scheme and host", "http://")
}

// On a real network, without the emulator's short cut.
func TestExplainNetwork(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	host := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	for name, c := range map[string]struct{ endpoint, message, hint string }{
		"nothing listens": {gone.URL, "list mappings: nothing listens at " + host(gone), "eventrouting emulator"},
		"not AWS":         {plain.URL, "list mappings: the endpoint's answer makes no sense: HTTP 404", "AWS_ENDPOINT_URL"},
		"no TLS":          {"https://" + host(plain), "list mappings: no safe connection to " + host(plain) + ": http: server gave HTTP response to HTTPS client", "http://"},
		"own authority":   {secure.URL, "list mappings: no safe connection to " + host(secure) + ": x509: certificate signed by unknown authority", "AWS_CA_BUNDLE"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(nil)
			cfg.HTTPClient = nil
			cfg.BaseEndpoint = &c.endpoint
			message, hint := awsapi.Explain(observeWith(t, cfg))
			check(t, message, hint, c.message, c.hint)
		})
	}
}

func TestExplainAnything(t *testing.T) {
	denied := &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
	assume := &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: denied}
	for name, c := range map[string]struct {
		err           error
		message, hint string
	}{
		"nil":     {nil, "", ""},
		"plain":   {errors.New("a"), "a", ""},
		"stale":   {fmt.Errorf("mapping 1 is gone: %w", reconcile.ErrStale), "mapping 1 is gone: it has changed since the plan was made", "plan and apply again"},
		"stopped": {fmt.Errorf("list: %w", context.Canceled), "stopped: list: context canceled", ""},
		"role": {
			fmt.Errorf("list mappings: %w", &smithy.OperationError{ServiceID: "Lambda", OperationName: "ListEventSourceMappings", Err: fmt.Errorf("get identity: get credentials: %w", assume)}),
			"list mappings: AccessDenied: no", "allow sts:AssumeRole",
		},
		"SSO": {
			&smithy.OperationError{ServiceID: "Lambda", OperationName: "X", Err: errors.New("get identity: get credentials: the SSO session has expired or is invalid")},
			"the SSO session has expired", "aws sso login",
		},
		"several": {
			errors.Join(fmt.Errorf("create a: %w", reconcile.ErrStale), errors.New("b"), fmt.Errorf("c: %w: %w", reconcile.ErrStale, denied)),
			"create a: it has changed since the plan was made\nb\nc: it has changed since the plan was made: api error AccessDenied: no", "plan and apply again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			message, hint := awsapi.Explain(c.err)
			check(t, message, hint, c.message, c.hint)
		})
	}
}

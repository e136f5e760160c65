package awsapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/time/rate"
)

const (
	// patience is how long an attempt may take. The SDK itself would wait for
	// ever on an endpoint that takes a request and says nothing.
	patience = 20 * time.Second
	// maxAnswer is more bytes than any answer has: 100 mappings, 1,000 shards.
	maxAnswer = 32 << 20
)

// middlewares are what every attempt of every call passes through.
func middlewares(qps float64) []func(*middleware.Stack) error {
	// Behind the retries, so that each attempt waits for its turn and has its
	// own time; before the signature, whose time must not be old.
	attempt := func(m middleware.FinalizeMiddleware) func(*middleware.Stack) error {
		return func(s *middleware.Stack) error { return s.Finalize.Insert(m, "Retry", middleware.After) }
	}
	all := []func(*middleware.Stack) error{
		func(s *middleware.Stack) error { return s.Deserialize.Add(sense{}, middleware.After) },
		attempt(deadline{}),
	}
	if qps > 0 {
		all = append(all, attempt(turn{rate.NewLimiter(rate.Limit(qps), max(1, int(qps)))}))
	}
	return all
}

// deadline ends an attempt that gets no answer. Another attempt may.
type deadline struct{}

func (deadline) ID() string { return "eventrouting:deadline" }

func (deadline) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	limited, cancel := context.WithTimeoutCause(ctx, patience, errSilent)
	defer cancel() // the answer has been read by then
	out, md, err := next.HandleFinalize(limited, in)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		to := ""
		if r, ok := in.Request.(*smithyhttp.Request); ok {
			to = r.URL.String()
		}
		err = &smithyhttp.RequestSendError{Err: &url.Error{Op: "wait", URL: to, Err: errSilent}}
	}
	return out, md, err
}

// turn makes an attempt wait until the rate limit lets it.
type turn struct{ limiter *rate.Limiter }

func (turn) ID() string { return "eventrouting:turn" }

func (t turn) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	if err := t.limiter.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("wait for the client's own rate limit: %w", err)
	}
	return next.HandleFinalize(ctx, in)
}

// sense refuses a success that is no AWS answer. To the SDK an empty body is an
// output with nothing set, which would read as "nothing exists".
type sense struct{}

func (sense) ID() string { return "eventrouting:sense" }

func (sense) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	out, md, err := next.HandleDeserialize(ctx, in)
	resp, ok := out.RawResponse.(*smithyhttp.Response)
	if err != nil || !ok || resp.StatusCode/100 != 2 || resp.StatusCode == 204 {
		return out, md, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	_ = resp.Body.Close() // it has been read
	if err != nil {
		// The answer was cut off on its way, which is worth another attempt.
		return out, md, &smithyhttp.RequestSendError{Err: fmt.Errorf("read the answer: %w", err)}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	start := bytes.TrimSpace(body)
	if len(start) == 0 {
		switch awsmiddleware.GetOperationName(ctx) {
		case "TagResource", "DeregisterStreamConsumer", "DeleteAlias":
			return out, md, nil // operations without an output: Kinesis answers nothing
		}
	}
	if len(start) == 0 || start[0] != '{' {
		return out, md, fmt.Errorf("%w: HTTP %d with %s", errNonsense, resp.StatusCode, excerpt(start))
	}
	return out, md, nil
}

// excerpt shows what a body begins with.
func excerpt(body []byte) string {
	const most = 40
	switch {
	case len(body) == 0:
		return "an empty body"
	case len(body) > most:
		return fmt.Sprintf("a body that begins %q", body[:most])
	}
	return fmt.Sprintf("the body %q", body)
}

package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

const (
	// streamReads is how many streams of an account are looked at in a second.
	// AWS allows 20, and passes need some.
	// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeStreamSummary.html
	streamReads = 10
	// aliasReads is the same of followed aliases, in all accounts together.
	aliasReads = 1
)

const (
	throttledRate = 5                // calls a second after the first refusal
	slowest       = 0.2              // calls a second after many
	calm          = 10 * time.Second // without a refusal until the rate is doubled
)

// pace slows all calls of one account down together once AWS refuses some for
// being too many, and speeds them up again when it no longer does.
type pace struct {
	streams *rate.Limiter // of the shard watch

	mu      sync.Mutex
	calls   *rate.Limiter
	changed time.Time // the rate, last
}

func newPace() *pace {
	return &pace{streams: rate.NewLimiter(streamReads, 1), calls: rate.NewLimiter(rate.Inf, 1)}
}

// wait waits for a call's turn.
func (p *pace) wait(ctx context.Context) error {
	if err := p.calls.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("wait for the account's request limit: %w", err)
	}
	return nil
}

// heed learns from the answer to an attempt.
func (p *pace) heed(throttled bool, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := p.calls.Limit()
	switch {
	case throttled && limit == rate.Inf:
		limit = throttledRate
	case throttled && now.Sub(p.changed) >= time.Second: // several at once are one
		limit = max(slowest, limit/2)
	case throttled || limit == rate.Inf || now.Sub(p.changed) < calm:
		return
	case limit >= throttledRate:
		limit = rate.Inf
	default:
		limit *= 2
	}
	p.changed = now
	p.calls.SetLimitAt(now, limit)
}

// slow says whether calls are being slowed down.
func (p *pace) slow() bool { return p.calls.Limit() != rate.Inf }

// observed are the middlewares by which calls are paced and counted; p is the pace
// that holds at the time. A call waits once, before its first attempt: what an attempt
// may take has a limit of its own, and repeated ones wait for longer each time anyway.
func (c *Controller) observed(p *atomic.Pointer[pace]) []func(*middleware.Stack) error {
	wait := middleware.InitializeMiddlewareFunc("eventrouting:pace", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
		middleware.InitializeOutput, middleware.Metadata, error,
	) {
		if err := p.Load().wait(ctx); err != nil {
			return middleware.InitializeOutput{}, middleware.Metadata{}, err
		}
		return next.HandleInitialize(ctx, in)
	})
	count := middleware.FinalizeMiddlewareFunc("eventrouting:count", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
		middleware.FinalizeOutput, middleware.Metadata, error,
	) {
		out, md, err := next.HandleFinalize(ctx, in)
		p.Load().heed(awsapi.IsThrottled(err), time.Now())
		c.metrics.calls.WithLabelValues(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx), codeOf(err)).Inc()
		return out, md, err
	})
	return []func(*middleware.Stack) error{
		func(s *middleware.Stack) error { return s.Initialize.Add(wait, middleware.After) },
		func(s *middleware.Stack) error { return s.Finalize.Insert(count, "Retry", middleware.After) },
	}
}

// codeOf is how an attempt ended, in a word.
func codeOf(err error) string {
	api, ok := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil:
		return "OK"
	case ok && api.ErrorCode() != "":
		return api.ErrorCode()
	case errors.Is(err, context.Canceled):
		return "stopped"
	}
	return "no-answer"
}

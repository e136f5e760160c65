package awsapi_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
)

// Attempts are counted against the rate, retries too.
func TestRate(t *testing.T) {
	inScene(t, func(s *scene) {
		s.client = awsapi.New(s.cfg, awsapi.Options{QPS: 5})
		var times []time.Duration
		start := time.Now()
		refuse := on("ListAliases", 1, 2, emulator.Fault{Refuse: &world.Error{Code: "TooManyRequestsException", Status: 429}})
		s.fault = func(c emulator.Call) emulator.Fault {
			times = append(times, time.Since(start))
			return refuse(c)
		}
		for range 10 {
			s.observe()
		}
		// 62 attempts, 5 of them at once; the waits for the retries waste some turns.
		if took := time.Since(start); len(times) != 62 || took < 11*time.Second || took > 14*time.Second {
			t.Errorf("%d attempts in %s", len(times), took)
		}
		for i := range times[:len(times)-6] {
			if times[i+6]-times[i] < 200*time.Millisecond {
				t.Fatalf("six attempts within %s", times[i+6]-times[i])
			}
		}
	})
}

func TestRateCancelled(t *testing.T) {
	inScene(t, func(s *scene) {
		s.client = awsapi.New(s.cfg, awsapi.Options{QPS: 0.01})
		ctx, cancel := context.WithCancelCause(s.Context())
		go func() {
			time.Sleep(time.Second)
			cancel(errors.New("enough"))
		}()
		if _, err := s.client.Reader().Observe(ctx, everything, time.Now()); !strings.Contains(text(err), "enough") {
			t.Error(err)
		}
	})
}

// At AWS's 15 requests a second a client of 5 is not throttled, and one without
// a limit of its own gets through by its retries.
func TestThrottled(t *testing.T) {
	for _, qps := range []float64{0, 5} {
		inScene(t, func(s *scene) {
			s.client = awsapi.New(s.cfg, awsapi.Options{QPS: qps})
			s.fault = emulator.Throttle()
			for range 10 {
				s.observe()
			}
			refused := 0
			for _, c := range s.server.Calls() {
				if c.Code == "TooManyRequestsException" {
					refused++
				}
			}
			if (refused > 0) != (qps == 0) {
				t.Errorf("with %v requests a second: %d refused", qps, refused)
			}
		})
	}
}

// An endpoint that takes requests and says nothing is left, and tried again.
func TestSilence(t *testing.T) {
	for _, silent := range []int{2, 99} {
		inScene(t, func(s *scene) {
			s.fault = on("ListAliases", 1, silent, emulator.Fault{Delay: time.Hour})
			start := time.Now()
			_, err := s.client.Reader().Observe(s.Context(), everything, time.Now())
			took := time.Since(start)
			if silent == 2 && (err != nil || took > 45*time.Second) {
				t.Errorf("%v after %s", err, took)
			}
			if message, hint := awsapi.Explain(err); silent == 99 &&
				(message != "describe function order-processor: no answer from emulator: none within 20s" || hint == "" || took > 65*time.Second) {
				t.Errorf("%s after %s\n%s", message, took, hint)
			}
		})
	}
}

// The caller decides how often to try. (The SDK's adaptive mode works too, but
// not in virtual time: it can wait for less than a nanosecond, for ever.)
func TestAttempts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*aws.Config)
		want   int
	}{
		"retryer":            {func(*aws.Config) {}, 3},
		"the SDK's own":      {func(c *aws.Config) { c.Retryer = nil }, 3},
		"AWS_MAX_ATTEMPTS=6": {func(c *aws.Config) { c.Retryer, c.RetryMaxAttempts = nil, 6 }, 6},
		"none":               {func(c *aws.Config) { c.Retryer = func() aws.Retryer { return aws.NopRetryer{} } }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				c.change(&s.cfg)
				s.client = awsapi.New(s.cfg, awsapi.Options{QPS: 100})
				s.fault = on("ListEventSourceMappings", 1, 99, emulator.Fault{Refuse: &world.Error{Code: "TooManyRequestsException", Status: 429, Message: "Rate exceeded"}})
				_, err := s.client.Reader().Observe(s.Context(), everything, time.Now())
				if n := len(s.operations()); n != c.want || !awsapi.IsThrottled(err) {
					t.Errorf("%d attempts, %v", n, err)
				}
			})
		})
	}
}

func TestObserveCancelled(t *testing.T) {
	inScene(t, func(s *scene) {
		s.fault = on("ListShards", 1, 1, emulator.Fault{Delay: time.Minute})
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := s.client.Reader().Observe(ctx, everything, time.Now())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

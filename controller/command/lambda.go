package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/eventrouting/eventrouting/controller"
)

// RuntimeVariable is set where this program is a Lambda function.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
const RuntimeVariable = "AWS_LAMBDA_RUNTIME_API"

// What a function is told by its environment.
const (
	// DocumentsVariable is where the documents are: files or folders in the package,
	// separated as in PATH.
	DocumentsVariable = "EVENTROUTING_DOCUMENTS"
	// FlagsVariable holds further flags of run, separated by spaces.
	FlagsVariable = "EVENTROUTING_FLAGS"
)

const (
	// lambdaLead is how long before the function's time-out a pass ends, so that its
	// log is written and the change in hand has lambdaGrace to end.
	lambdaLead  = 12 * time.Second
	lambdaGrace = 8 * time.Second
	// lambdaAnswer is how long the answer to an invocation may take on its way when
	// the process ends.
	lambdaAnswer = 200 * time.Millisecond
)

// ServeLambda serves the runtime API: each invocation is one pass at each account
// and region, whatever the event is. What a pass leaves undone because its time is
// over, the next one does: that is no error, unless it could not even read what is
// live. It returns when ctx ends and the invocation in hand has.
func ServeLambda(ctx context.Context) {
	var busy sync.Mutex
	// It does not end by itself, and waits for the next invocation whatever ctx says.
	go lambda.StartWithOptions(func(ctx context.Context, event json.RawMessage) (any, error) {
		busy.Lock()
		defer busy.Unlock()
		return invoked(ctx, event)
	}, lambda.WithContext(ctx))
	<-ctx.Done()
	if !busy.TryLock() {
		busy.Lock()
		time.Sleep(lambdaAnswer)
	}
}

// passed is the answer to an invocation.
type passed struct {
	Outcome string `json:"outcome"` // done, or unfinished where time was over
}

// invoked makes the passes of one invocation.
func invoked(ctx context.Context, event json.RawMessage) (passed, error) {
	limited := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadline(ctx, end.Add(-lambdaLead))
		defer cancel()
	}
	if limited.Err() != nil {
		return passed{}, fmt.Errorf("the function's time-out leaves no time for a pass: it has to be well above %s, such as 300 s", lambdaLead)
	}
	args := []string{"run", "--once", "--log-format", "json", "--shutdown-timeout", lambdaGrace.String()}
	args = append(args, strings.Fields(os.Getenv(FlagsVariable))...)
	args = append(args, "--")
	args = append(args, filepath.SplitList(cmp.Or(os.Getenv(DocumentsVariable), packaged()))...)
	fmt.Fprintf(os.Stderr, `{"level":"INFO","msg":"invoked","by":%q}`+"\n", cause(event))
	err := execute(limited, args, strings.NewReader(""), os.Stdout, os.Stderr)
	switch code := exitCode(err); {
	case errors.Is(err, controller.ErrUnread) && ctx.Err() == nil:
		return passed{}, err
	case limited.Err() != nil:
		return passed{"unfinished"}, nil
	case code == exitBraked:
		return passed{}, errors.New("the brake held what would stop too many mappings at once: the log says which")
	case code != exitOK:
		return passed{}, errors.New("the pass failed: the log says why")
	}
	return passed{"done"}, nil
}

// packaged is the folder that documents have in the function's package.
func packaged() string { return filepath.Join(os.Getenv("LAMBDA_TASK_ROOT"), "routing") }

// cause says what an event is of: the call that CloudTrail saw, the schedule, or
// nothing that is known.
func cause(event json.RawMessage) string {
	var e struct {
		DetailType string `json:"detail-type"`
		Detail     struct {
			EventName string `json:"eventName"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return "unknown"
	}
	return cmp.Or(e.Detail.EventName, e.DetailType, "unknown")
}

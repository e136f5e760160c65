package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// Call is one request as the server understood it.
type Call struct {
	N         int // 1 for the first call that the server got
	At        time.Time
	Service   string // as signed: lambda, kinesis, monitoring, sts
	Operation string // AWS's name, such as CreateEventSourceMapping
	Place     world.Place
	Status    int    // HTTP status of the answer
	Code      string // AWS's exception, empty for success
	Lost      bool   // the answer did not reach the client
}

// String is a line of a log.
func (c Call) String() string {
	return fmt.Sprintf("%d %s %s %d %s", c.N, c.Service, c.Operation, c.Status, c.Code)
}

// Fault is what goes wrong with one call. The zero value is nothing.
type Fault struct {
	Delay  time.Duration // the answer comes this much later; the effect does not
	Refuse *world.Error  // answered instead of carrying the call out
	Lose   Loss          // the connection ends without an answer
}

// Loss says what of a call is lost.
type Loss int

const (
	// LoseNothing is a connection that holds.
	LoseNothing Loss = iota
	// LoseCall ends the connection before the call has had an effect.
	LoseCall
	// LoseAnswer ends it after the effect: the client cannot tell the two apart.
	LoseAnswer
)

// Faults decide what goes wrong. It is asked before each call, whose outcome is
// not known yet, under the server's lock: it must not call the server.
type Faults func(Call) Fault

// SetFaults changes what goes wrong from now on; nil is nothing.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Calls returns every call since the server was made or [Server.Forget] was
// called, in the order they took effect.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Forget empties the record of calls; the numbers go on.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// Throttle returns faults that refuse Lambda control-plane calls beyond 15 a
// second in each account and region with 429, as AWS does; GetFunction has 100
// and GetPolicy 15 of its own. Time is the server's.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
//
// Unverified: that a second's worth can be spent at once.
func Throttle() Faults {
	type bucket struct {
		place world.Place
		name  string
	}
	type level struct {
		at     time.Time
		tokens float64
	}
	levels := map[bucket]level{}
	return func(c Call) Fault {
		if c.Service != "lambda" {
			return Fault{}
		}
		b, rate := bucket{c.Place, ""}, 15.0
		switch c.Operation {
		case "GetFunction":
			b.name, rate = c.Operation, 100
		case "GetPolicy":
			b.name = c.Operation
		}
		l, seen := levels[b]
		if !seen {
			l = level{at: c.At, tokens: rate}
		}
		l.tokens = min(rate, l.tokens+c.At.Sub(l.at).Seconds()*rate)
		l.at = c.At
		refused := l.tokens < 1
		if !refused {
			l.tokens--
		}
		levels[b] = l
		if refused {
			return Fault{Refuse: TooManyRequests()}
		}
		return Fault{}
	}
}

// TooManyRequests is how Lambda refuses a call beyond its rate. Retry-After and
// the reason are added on the wire.
func TooManyRequests() *world.Error {
	return &world.Error{
		Code:    codeThrottled,
		Status:  http.StatusTooManyRequests,
		Message: "Rate exceeded",
		Type:    "User",
	}
}

const codeThrottled = "TooManyRequestsException"

// answer carries out one call and says how long the answer takes to arrive.
func (s *Server) answer(r *http.Request, body []byte, readErr error) (answer, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.Advance(s.now())

	op, place := recognise(s.world, r, body, readErr)
	s.n++
	call := Call{N: s.n, At: s.world.Now(), Service: op.service, Operation: op.name, Place: place}
	var f Fault
	if s.faults != nil {
		f = s.faults(call)
	}
	var a answer
	switch {
	case f.Refuse != nil:
		a = op.refusal(f.Refuse)
	case f.Lose == LoseCall:
	default:
		a = s.carryOut(op, place, r, body)
	}
	a.lost = f.Lose != LoseNothing
	// A number is enough to tell requests apart, and it is the same in each run.
	a = a.numbered(fmt.Sprintf("00000000-0000-4000-8000-%012d", s.n))
	call.Status, call.Code, call.Lost = a.status, a.code, a.lost
	s.calls = append(s.calls, call)
	return a, f.Delay
}

// carryOut carries out a call that the policy allows.
func (s *Server) carryOut(op operation, at world.Place, r *http.Request, body []byte) answer {
	if err := s.denied(op, at, r, body); err != nil {
		return op.refusal(err)
	}
	if s.policy != nil {
		defer s.world.DenyDecrypt(at, false) // which the policy has set for this call
	}
	return op.run(s.world, at)
}

var errNoAnswer = errors.New("connection closed without an answer")

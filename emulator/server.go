// Package emulator is an embedded AWS: the Lambda, Kinesis, CloudWatch and STS
// calls that eventrouting makes, and those that people need to set a scene for
// it, records included, over their real wire protocols. A newcomer runs the main job on it with nothing
// installed, every test uses it as its backend, and because it is written from
// what AWS does it judges our client.
//
// [Server] is an http.Handler. Served on a listener it works with any AWS
// client; in a test the SDK reaches it in memory through [Server.Client], also
// inside a testing/synctest bubble. The model behind it is [world.World].
//
// The region comes from the scope of the request's signature, the account from
// an access key id of 12 digits, or from one that AssumeRole gave out, else it
// is [DefaultAccount]. Signatures are not verified.
package emulator

import (
	"net/http"
	"sync"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// DefaultAccount owns what is created by an access key id that is not an
// account number.
const DefaultAccount = "000000000000"

// Server answers AWS's protocols from a world. It is safe for concurrent use;
// calls take effect one at a time.
type Server struct {
	mu     sync.Mutex
	world  *world.World
	now    func() time.Time
	faults Faults
	policy *Policy
	calls  []Call
	n      int // calls answered
}

// Options of a [Server]. Only World is required.
type Options struct {
	World  *world.World
	Now    func() time.Time // default time.Now; each call first advances the world to it
	Faults Faults           // default none
	Policy *Policy          // what callers may do; default everything
}

// New returns a server over a world.
func New(o Options) *Server {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &Server{world: o.World, now: now, faults: o.Faults, policy: o.Policy}
}

// Do runs f on the world as it is now, with no call in between: to set a scene
// or to look at one. f must not keep the world.
func (s *Server) Do(f func(*world.World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.Advance(s.now())
	f(s.world)
}

// ServeHTTP answers one AWS call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r)
	a, delay := s.answer(r, body, err)
	// Latency lies outside the lock: a mutex held over a sleep would hang a
	// test's virtual time.
	if delay > 0 {
		t := time.NewTimer(delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			a.lost = true
		}
	}
	if a.lost {
		// http.Server ends the connection on this panic, and says nothing.
		panic(http.ErrAbortHandler)
	}
	a.write(w)
}

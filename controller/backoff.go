package controller

import (
	"math/rand/v2"
	"time"
)

// firstDelay is how long to wait after a first failure; it doubles with each, up to
// lastDelay.
const (
	firstDelay = 5 * time.Second
	lastDelay  = time.Hour
)

// delay is how long to wait after the n-th failure in a row, 1 for the first: not more
// than most and [lastDelay], and up to half of that less, so that those that failed
// together do not come back together.
func delay(n int, most time.Duration) time.Duration {
	d := min(most, lastDelay, firstDelay<<min(n-1, 20))
	return d - rand.N(d/2+1)
}

// failure is something that failed and is left alone for a while.
type failure struct {
	n     int
	until time.Time
	err   string
}

// failures are by the name of a routing, or of the reservation of a function.
type failures map[string]failure

// fail notes another failure.
func (f failures) fail(name, err string, now time.Time, most time.Duration) {
	n := f[name].n + 1
	f[name] = failure{n: n, until: now.Add(delay(n, most)), err: err}
}

// waits says whether something is still to be left alone.
func (f failures) waits(name string, now time.Time) bool { return now.Before(f[name].until) }

// next is when the first of them is due; zero for none.
func (f failures) next() time.Time {
	var first time.Time
	for _, one := range f {
		if first.IsZero() || one.until.Before(first) {
			first = one.until
		}
	}
	return first
}

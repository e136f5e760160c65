package emulator

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// Trace tells what happens to records, a line for each fact, such as
//
//	12:00:01.250 write   orders-events shard 0 #17 key=user-1 {"eventType":"OrderPlaced"}
//	12:00:02.010 deliver orders-events shard 0 #17..#19 to order-processor:orders--placed (ok, 12ms)
//	12:00:09.120 discard orders-events shard 0 #18 of order-processor:orders--placed (age)
//
// Times are UTC; a delivery stands where it ended.
type Trace struct {
	server *Server
	lines  []string // under the server's lock
}

// Trace begins to tell of all records. A server has one trace: an earlier one
// ends.
func (s *Server) Trace() *Trace {
	t := &Trace{server: s}
	s.Do(func(w *world.World) {
		w.Trace(func(f world.Fact) { t.lines = append(t.lines, lineOf(w, f)) })
	})
	return t
}

// Lines lets time pass until now, and returns what happened since it was last
// called. Whoever traces has to call it: nothing is thrown away.
func (t *Trace) Lines() []string {
	var lines []string
	t.server.Do(func(*world.World) { lines, t.lines = t.lines, nil })
	return lines
}

func lineOf(w *world.World, f world.Fact) string {
	const clock = "15:04:05.000"
	where := fmt.Sprintf("%s shard %d", f.Stream, f.Shard)
	switch f.Kind {
	case world.Wrote:
		return fmt.Sprintf("%s write   %s #%d key=%s %s", f.At.Format(clock), where, f.Index, printable(f.Key), printable(string(f.Data)))
	case world.Attempted:
		return fmt.Sprintf("%s deliver %s %s to %s (%s)", f.Until.Format(clock), where, runs(f.Indexes), functionOf(w, f), outcomeOf(f))
	case world.Discarded:
		return fmt.Sprintf("%s discard %s %s of %s (%s)", f.At.Format(clock), where, runs(f.Indexes), functionOf(w, f), f.Cause)
	}
	return fmt.Sprintf("%s %d %s", f.At.Format(clock), f.Kind, where)
}

func outcomeOf(f world.Fact) string {
	took := f.Until.Sub(f.At).Round(time.Millisecond)
	switch {
	case f.Outcome == world.OK:
		return fmt.Sprintf("ok, %s", took)
	case f.Outcome == world.Throttled:
		return "throttled"
	case f.Outcome == world.TargetGone:
		return "the function, alias or version does not exist"
	case f.Done > 0:
		return fmt.Sprintf("failed after %d, %s", f.Done, took)
	}
	return fmt.Sprintf("failed, %s", took)
}

// functionOf is the function of a fact with its qualifier, which is the
// mapping's as long as it has not been pointed elsewhere since.
func functionOf(w *world.World, f world.Fact) string {
	m, err := w.Mapping(f.Place, f.Mapping)
	_, named, ok := strings.Cut(m.FunctionArn, ":function:")
	name, _, _ := strings.Cut(named, ":")
	switch {
	case err == nil && ok && (f.Function == "" || f.Function == name):
		return named
	case f.Function != "":
		return f.Function
	}
	return "mapping " + f.Mapping // deleted meanwhile
}

// runs shows the numbers of records: those in a row as their first and last,
// and what is in many pieces by its ends.
func runs(indexes []int) string {
	var parts []string
	for i := 0; i < len(indexes); {
		k := i + 1
		for k < len(indexes) && indexes[k] == indexes[k-1]+1 {
			k++
		}
		part := fmt.Sprintf("#%d", indexes[i])
		if k-i > 1 {
			part += fmt.Sprintf("..#%d", indexes[k-1])
		}
		parts = append(parts, part)
		i = k
	}
	if len(parts) > 4 {
		return fmt.Sprintf("%d of #%d..#%d", len(indexes), indexes[0], indexes[len(indexes)-1])
	}
	return strings.Join(parts, ",")
}

// printable is a text for one line of a terminal: what does not print is
// escaped, and no more than 80 characters are shown.
func printable(s string) string {
	const most = 80
	var b strings.Builder
	for n := 0; len(s) > 0; n++ {
		if n == most {
			return b.String() + "..."
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r < utf8.RuneSelf && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

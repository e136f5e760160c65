package render

import (
	"fmt"
	"strings"

	filter "github.com/eventrouting/eventrouting/spec/pattern"
)

// Misses says on one line each why routes do not take events:
//
//	eventType is "OrderPlaced", wanted eventType in [PaymentAuthorised, PaymentCaptured]
//
// It remembers the words for conditions: there are as many as documents have.
// The zero Misses is ready; it is not safe for concurrent use.
type Misses struct{ words map[wanted]string }

type wanted struct{ path, want string }

// Text is the line for one miss.
func (s *Misses) Text(m *filter.Miss) string {
	switch m.Reason {
	case filter.PayloadNotJSON:
		return "the payload is not JSON, which every filter drops"
	case filter.NotUnderstood:
		return "its filter is not understood"
	case filter.Elements:
		return "its conditions hold, but in different elements of an array"
	case filter.Condition:
	}
	is := " is missing"
	if len(m.Got) > 0 {
		is = " is " + clean(strings.Join(m.Got, ", "))
		if m.More > 0 {
			is += fmt.Sprintf(" and %d more", m.More)
		}
	}
	key := wanted{m.Path, m.Want}
	words, ok := s.words[key]
	if !ok {
		words = clean(parsePattern(`{"data":{` + compact(m.Path) + `:` + m.Want + `}}`).text(shownMissed))
		if s.words == nil {
			s.words = map[wanted]string{}
		}
		s.words[key] = words
	}
	return clean(shortPath("data."+m.Path)) + is + ", wanted " + words
}

// Clean makes text from outside fit for a terminal: what is not printable is
// escaped.
func Clean(s string) string { return clean(s) }

// shownMissed is how many of a condition's values one line names.
const shownMissed = 8

package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time written as Go writes it: 30s, 15m, 24h.
type Duration struct{ time.Duration }

// UnmarshalJSON reads a duration; a bare number is refused because its unit
// would be a guess.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%s is no duration: write it with a unit, such as 30s, 15m or 24h", bytes.TrimSpace(b))
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is no duration: write it with a unit, such as 30s, 15m or 24h", s)
	}
	d.Duration = v
	return nil
}

// MarshalJSON writes the form that UnmarshalJSON reads.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// StartFrom is where a new mapping begins to read: now, the trim horizon, or a
// time. It is read when a mapping is created, never again.
type StartFrom struct {
	TrimHorizon bool
	At          time.Time // zero: now, unless TrimHorizon
}

// The two starting points that are words.
const (
	startNow         = "Now"
	startTrimHorizon = "TrimHorizon"
)

// Now says whether reading starts at the time of creation.
func (s StartFrom) Now() bool { return !s.TrimHorizon && s.At.IsZero() }

func (s StartFrom) String() string {
	switch {
	case s.TrimHorizon:
		return startTrimHorizon
	case s.At.IsZero():
		return startNow
	}
	return s.At.UTC().Format(time.RFC3339Nano)
}

// ParseStartFrom reads Now, TrimHorizon or an RFC 3339 time.
func ParseStartFrom(text string) (StartFrom, error) {
	switch text {
	case startNow:
		return StartFrom{}, nil
	case startTrimHorizon:
		return StartFrom{TrimHorizon: true}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.IsZero() {
		return StartFrom{}, fmt.Errorf("%q is no starting point: write Now, TrimHorizon, or a time such as 2026-11-23T08:00:00Z", text)
	}
	return StartFrom{At: t.UTC()}, nil
}

// UnmarshalJSON reads the form that String writes.
func (s *StartFrom) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("%s is no starting point: write Now, TrimHorizon, or a time such as 2026-11-23T08:00:00Z", bytes.TrimSpace(b))
	}
	v, err := ParseStartFrom(text)
	if err != nil {
		return err
	}
	*s = v
	return nil
}

// MarshalJSON writes the form that UnmarshalJSON reads.
func (s StartFrom) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// Amount is a number of concurrent executions, or a share of a need in percent.
type Amount struct {
	Percent bool
	Value   int // 0 or more
}

// Of is the amount for a need: itself, or its share of the need rounded up.
func (a Amount) Of(need int) int {
	if !a.Percent {
		return a.Value
	}
	return (need*a.Value + 99) / 100
}

func (a Amount) String() string {
	if a.Percent {
		return strconv.Itoa(a.Value) + "%"
	}
	return strconv.Itoa(a.Value)
}

// UnmarshalJSON reads 20 or "10%".
func (a *Amount) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &a.Value); err == nil {
		a.Percent = false
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err == nil {
		if digits, ok := strings.CutSuffix(s, "%"); ok {
			if v, err := strconv.Atoi(digits); err == nil {
				*a = Amount{Percent: true, Value: v}
				return nil
			}
		}
	}
	return fmt.Errorf("%s is no amount: write a number such as 20, or a share such as 10%%", bytes.TrimSpace(b))
}

// MarshalJSON writes the form that UnmarshalJSON reads.
func (a Amount) MarshalJSON() ([]byte, error) {
	if a.Percent {
		return json.Marshal(a.String())
	}
	return json.Marshal(a.Value)
}

package pattern

// Verdict answers a question about sets.
type Verdict int

// No and Yes are certain, under the assumption of one scalar in each field; May
// is everything else.
const (
	No Verdict = iota
	May
	Yes
)

// String is "no", "may" or "yes".
func (v Verdict) String() string {
	switch v {
	case No:
		return "no"
	case May:
		return "may"
	case Yes:
		return "yes"
	}
	return "unknown verdict"
}

// Answer is a verdict with proof.
type Answer struct {
	Verdict Verdict
	// Witness is a payload that proves the verdict, checked with [Set.Match]: of
	// [Set.Overlaps] Yes, one that both take; of [Set.Covers] No, one that only
	// the other takes. It is JSON unless only other payloads prove it. Else nil.
	Witness []byte
}

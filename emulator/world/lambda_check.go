package world

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// violations are constraints of Lambda's API model that a call breaks. They are
// answered together and before anything else is looked at.
// Recorded: test_create_event_source_validation, invalid_starting_position.
type violations []string

func (v *violations) add(value any, member, constraint string, args ...any) {
	*v = append(*v, fmt.Sprintf("Value '%v' at '%s' failed to satisfy constraint: ", value, member)+
		fmt.Sprintf(constraint, args...))
}

func (v violations) err() error {
	switch len(v) {
	case 0:
		return nil
	case 1:
		return refuse(http.StatusBadRequest, "ValidationException", "1 validation error detected: %s", v[0])
	}
	return refuse(http.StatusBadRequest, "ValidationException", "%d validation errors detected: %s",
		len(v), strings.Join(v, "; "))
}

// between checks an optional number. low and high are inclusive.
func (v *violations) between(n *int, member string, low, high int) {
	switch {
	case n == nil:
	case *n < low:
		v.add(*n, member, "Member must have value greater than or equal to %d", low)
	case *n > high:
		v.add(*n, member, "Member must have value less than or equal to %d", high)
	}
}

// length checks a text against the range of its length, in characters.
func (v *violations) length(s, member string, low, high int) {
	switch n := len([]rune(s)); {
	case n < low:
		v.add(s, member, "Member must have length greater than or equal to %d", low)
	case n > high:
		v.add(s, member, "Member must have length less than or equal to %d", high)
	}
}

// oneOf checks a text against an enumeration, written in the order that AWS
// writes it where that is recorded.
func (v *violations) oneOf(s, member string, allowed ...string) {
	if !slices.Contains(allowed, s) {
		v.add(s, member, "Member must satisfy enum value set: [%s]", strings.Join(allowed, ", "))
	}
}

// shape checks a text against a pattern of the model.
func (v *violations) shape(ok bool, s, member, pattern string) {
	if !ok {
		v.add(s, member, "Member must satisfy regular expression pattern: %s", pattern)
	}
}

// absent reports a member that must be there.
func (v *violations) absent(member string) {
	*v = append(*v, "Value null at '"+member+"' failed to satisfy constraint: Member must not be null")
}

// word tells whether s has characters, all letters, digits or among others.
func word(s, others string) bool {
	for _, r := range s {
		if !letter(r) && !digit(r) && !strings.ContainsRune(others, r) {
			return false
		}
	}
	return s != ""
}

func letter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

func digit(r rune) bool { return '0' <= r && r <= '9' }

// number tells whether s is all digits: versions are, aliases are not.
func number(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// arn is an Amazon resource name in its six parts.
type arn struct{ partition, service, region, account, resource string }

// parseARN splits an ARN; false when it is none by the pattern that Lambda's
// model gives for event sources.
func parseARN(s string) (arn, bool) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" || !strings.HasPrefix(p[1], "aws") || !word(p[2], "-") {
		return arn{}, false
	}
	if p[3] != "" && !region(p[3]) || p[4] != "" && !account(p[4]) {
		return arn{}, false
	}
	return arn{partition: p[1], service: p[2], region: p[3], account: p[4], resource: p[5]}, true
}

func account(s string) bool { return len(s) == 12 && number(s) }

// region tells whether s looks like a region, such as us-gov-west-1.
func region(s string) bool {
	p := strings.Split(strings.TrimPrefix(s, "eusc-"), "-")
	if len(p) < 3 || len(p) > 4 || len(p[0]) != 2 {
		return false
	}
	last := p[len(p)-1]
	return len(last) == 1 && number(last) && word(strings.Join(p[:len(p)-1], ""), "")
}

// list cuts one page out of names, which are in order. An empty next is the
// last page. Markers are opaque to callers and unchecked by age.
func list(names []string, page Page, most int) (cut []string, next string, err error) {
	from := 0
	if page.Marker != "" {
		after, ok := strings.CutPrefix(decodeMarker(page.Marker), "after ")
		if !ok {
			// Unverified: the text.
			return nil, "", invalid("Invalid marker.")
		}
		i, found := slices.BinarySearch(names, after)
		if found {
			i++
		}
		from = i
	}
	size := most
	if page.MaxItems != nil {
		size = min(*page.MaxItems, most)
	}
	to := min(from+size, len(names))
	if to < len(names) && to > 0 {
		next = encodeMarker("after " + names[to-1])
	}
	return names[from:to], next, nil
}

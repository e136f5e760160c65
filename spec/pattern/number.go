package pattern

import (
	"math"
	"strconv"
	"strings"
)

// longestNumber is how many characters of a number are looked at; a longer one
// is compared as text. Jackson, which AWS's engine reads with, refuses it.
const longestNumber = 1000

// comparable reads a JSON number as AWS's engine does: numbers are compared by
// value if the shortest decimal of their float64 is that very number, else as
// text. So 300, 300.0 and 3e2 are one, and 9007199254740993 equals only itself.
// https://github.com/aws/event-ruler (ComparableNumber)
func comparableNumber(text []byte) (float64, bool) {
	if len(text) > longestNumber {
		return 0, false
	}
	if f, ok := smallInteger(text); ok {
		return f, true
	}
	s := string(text)
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		return 0, false
	}
	if f == 0 {
		f = 0 // no negative zero
		return f, significand(s) == ""
	}
	digits, exp := decimal(s)
	got, gotExp := decimal(strconv.FormatFloat(f, 'e', -1, 64))
	return f, digits == got && exp == gotExp
}

// smallInteger is the common case: up to 15 digits, each of which float64 holds.
func smallInteger(text []byte) (float64, bool) {
	digits, neg := text, false
	if len(digits) > 0 && digits[0] == '-' {
		digits, neg = digits[1:], true
	}
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if neg {
		n = -n
	}
	return float64(n), true
}

// significand is the digits of a number without the zeros on either side.
func significand(s string) string {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		s = s[:i]
	}
	s = strings.Replace(strings.TrimPrefix(s, "-"), ".", "", 1)
	return strings.Trim(s, "0")
}

// decimal is a number as digits and the power of ten that stands before them.
func decimal(s string) (digits string, exp int) {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
		if err != nil {
			return "", 0
		}
		exp, s = e, s[:i]
	}
	s = strings.TrimPrefix(s, "-")
	whole, frac, _ := strings.Cut(s, ".")
	exp += len(whole)
	digits = whole + frac
	n := len(digits)
	digits = strings.TrimLeft(digits, "0")
	exp -= n - len(digits)
	return strings.TrimRight(digits, "0"), exp
}

// formatNumber is the plain text of a float64, which reads back as the same.
func formatNumber(f float64) string {
	if a := math.Abs(f); a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'e', -1, 64)
}

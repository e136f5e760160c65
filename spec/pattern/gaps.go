package pattern

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

func (k *collector) number(text string) {
	k.numbers[text] = struct{}{}
	if f, ok := comparableNumber([]byte(text)); ok {
		k.points[f] = struct{}{}
	}
}

// numeric are numbers: each named spelling, each named value spelled otherwise,
// one number of each gap, and one that is compared as text only.
func (k *collector) numeric() []class {
	var all []class
	add := func(text string, open bool) {
		v := value{kind: kindNumber, text: []byte(text)}
		v.num, v.real = comparableNumber(v.text)
		all = append(all, class{v: v, open: open})
	}
	for _, text := range sortedKeys(k.numbers) {
		add(text, false)
	}
	points := make([]float64, 0, len(k.points))
	for f := range k.points {
		points = append(points, f)
	}
	slices.SortFunc(points, cmp.Compare)
	for _, f := range points {
		add(k.spelling(formatNumber(f)), true)
	}
	low := math.Inf(-1)
	for _, high := range append(points, math.Inf(1)) {
		if f, ok := between(low, high); ok {
			add(formatNumber(f), true)
		}
		low = high
	}
	add(k.spelling("0.1000000000000000055511151231257827"), true)
	return all
}

// spelling is a number written in a way that is not named.
func (k *collector) spelling(text string) string {
	for {
		if _, ok := k.numbers[text]; !ok {
			return text
		}
		if i := strings.LastIndexAny(text, "+-"); i > 0 {
			text = text[:i+1] + "0" + text[i+1:]
			continue
		}
		if !strings.Contains(text, ".") {
			text += "."
		}
		text += "0"
	}
}

// between is a float64 inside a gap, a short one if possible.
func between(low, high float64) (float64, bool) {
	var f float64
	switch {
	case math.IsInf(low, -1) && math.IsInf(high, 1):
		return 0, true
	case math.IsInf(low, -1):
		f = math.Floor(high) - 1
	case math.IsInf(high, 1):
		f = math.Ceil(low) + 1
	default:
		if f = math.Floor(low) + 1; !(low < f && f < high) {
			f = low + (high-low)/2
		}
	}
	if !(low < f && f < high) {
		f = math.Nextafter(low, math.Inf(1))
		if math.IsInf(low, -1) {
			f = math.Nextafter(high, low)
		}
	}
	return f, low < f && f < high && !math.IsInf(f, 0)
}

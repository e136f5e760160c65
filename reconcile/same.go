package reconcile

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

// Difference is one setting that two objects do not share, in AWS's words.
type Difference struct {
	Setting       string
	Before, After string // as text; filters as a JSON array of patterns
}

// Same says whether two mappings have the same settings, target and state.
// Filters are compared by meaning, their spelling and order make no
// difference. Where a mapping starts, its tags and what only a live one has
// are no part of it.
func Same(a, b *Mapping) bool { return len(Differences(a, b)) == 0 }

// Differences lists the settings in which after differs from before, in a
// fixed order.
func Differences(before, after *Mapping) []Difference {
	var all []Difference
	b, a := before.settings(), after.settings()
	for i := range b {
		if b[i].value != a[i].value {
			all = append(all, Difference{Setting: b[i].name, Before: b[i].value, After: a[i].value})
		}
	}
	if before.FiltersUnknown || after.FiltersUnknown || !sameFilters(before.Filters, after.Filters) {
		all = append(all, Difference{Setting: "filterCriteria", Before: before.filterText(), After: after.filterText()})
	}
	return all
}

type setting struct{ name, value string }

// settings are all but the filter, each as text that is equal exactly when the
// values are.
func (m *Mapping) settings() []setting {
	metrics := slices.Clone(m.Metrics)
	slices.Sort(metrics)
	return []setting{
		{"functionName", m.Key.Target()},
		{"enabled", strconv.FormatBool(m.Enabled)},
		{"batchSize", strconv.Itoa(m.BatchSize)},
		{"maximumBatchingWindowInSeconds", strconv.Itoa(m.MaximumBatchingWindow)},
		{"parallelizationFactor", strconv.Itoa(m.ParallelizationFactor)},
		{"maximumRetryAttempts", strconv.Itoa(m.MaximumRetryAttempts)},
		{"maximumRecordAgeInSeconds", strconv.Itoa(m.MaximumRecordAge)},
		{"bisectBatchOnFunctionError", strconv.FormatBool(m.BisectBatchOnFunctionError)},
		{"tumblingWindowInSeconds", strconv.Itoa(m.TumblingWindow)},
		{"onFailure", m.OnFailure},
		{"reportBatchItemFailures", strconv.FormatBool(m.ReportBatchItemFailures)},
		{"kmsKeyArn", m.KMSKey},
		{"metrics", strings.Join(metrics, ",")},
	}
}

func (m *Mapping) filterText() string {
	if m.FiltersUnknown {
		return "unknown (encrypted)"
	}
	if len(m.Filters) == 0 {
		return "none: takes everything"
	}
	b, err := json.Marshal(m.Filters)
	if err != nil { // strings always marshal
		return strings.Join(m.Filters, " ")
	}
	return string(b)
}

func sameFilters(a, b []string) bool {
	return slices.Equal(a, b) || pattern.NewSet(a).Equal(pattern.NewSet(b))
}

// Differences of aliases: what [Alias] wants against what is live.
func aliasDiffers(live, want Alias) bool {
	if live.Version != want.Version || live.Description != want.Description || len(live.Weights) != len(want.Weights) {
		return true
	}
	for version, weight := range want.Weights {
		if w, ok := live.Weights[version]; !ok || w != weight {
			return true
		}
	}
	return false
}

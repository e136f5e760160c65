package spec

import (
	"maps"
	"slices"
	"strings"
)

// Limits of labels, in characters: Kubernetes' own, as --selector is kubectl's.
// Its code for them reaches the network, which the core must not.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
const (
	maxLabel  = 63
	maxPrefix = 253
)

// labels checks what --selector goes by.
func (c *check) labels() {
	all := c.doc.Metadata.Labels
	for _, key := range slices.Sorted(maps.Keys(all)) {
		name, prefixed := key, true
		if prefix, rest, cut := strings.Cut(key, "/"); cut {
			name, prefixed = rest, isSubdomain(prefix)
		}
		if !prefixed || !isLabel(name) {
			c.err(CodeName, "metadata.labels", "%q is no key of a label: use at most 63 letters, digits, '-', '_' and '.', a letter or digit first and last, such as team or example.org/team", key)
		}
		if value := all[key]; value != "" && !isLabel(value) {
			c.err(CodeName, "metadata.labels", "%q is no value of label %s: use at most 63 letters, digits, '-', '_' and '.', a letter or digit first and last", value, key)
		}
	}
}

// isLabel says whether text can be the name in a label's key, or its value.
func isLabel(text string) bool {
	return madeOf(text, letter+number+"-_.", 1, maxLabel) && strings.Trim(text, "-_.") == text
}

// isSubdomain says whether text is a DNS name in lower case.
func isSubdomain(text string) bool {
	for part := range strings.SplitSeq(text, ".") {
		if !madeOf(part, lower+number+"-", 1, maxPrefix) || strings.Trim(part, "-") != part {
			return false
		}
	}
	return len(text) <= maxPrefix
}

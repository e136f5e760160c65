package spec

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// labels checks what --selector goes by, with Kubernetes' own rules.
func (c *check) labels() {
	all := c.doc.Metadata.Labels
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if wrong := validation.IsQualifiedName(key); len(wrong) > 0 {
			c.err(CodeName, "metadata.labels", "%q is no key of a label: %s", key, strings.Join(wrong, "; "))
		}
		if wrong := validation.IsValidLabelValue(all[key]); len(wrong) > 0 {
			c.err(CodeName, "metadata.labels", "%q is no value of label %s: %s", all[key], key, strings.Join(wrong, "; "))
		}
	}
}

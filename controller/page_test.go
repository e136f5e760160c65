package controller_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPageData checks that the status which the page's tests show has the names that
// the controller's has.
func TestPageData(t *testing.T) {
	inBubble(t, orders(2), func(t *testing.T, r *rig) {
		c, stop := r.run()
		defer stop()
		time.Sleep(time.Minute)
		text, err := os.ReadFile("page/testdata/status.json")
		if err != nil {
			t.Fatal(err)
		}
		live := names(t, ask(c.Handler(token(""), nil), "GET", "/api/v1/status", "").Body.Bytes())
		shown := names(t, text)
		delete(live, "documents.commit") // the page's is of files
		if diff := cmp.Diff(slices.Sorted(maps.Keys(live)), slices.Sorted(maps.Keys(shown))); diff != "" {
			t.Errorf("names (-of the controller +in page/testdata/status.json):\n%s", diff)
		}
	})
}

// names are the paths of a JSON document's members, but for findings and details
// of the plan, which differ with the world.
func names(t *testing.T, text []byte) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	var walk func(v any, path string)
	walk = func(v any, path string) {
		if strings.Contains(path, "findings") || strings.Contains(path, "trouble") {
			return
		}
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x, path)
			}
		case map[string]any:
			for k, x := range v {
				at := strings.TrimPrefix(fmt.Sprint(path, ".", k), ".")
				all[at] = true
				walk(x, at)
			}
		}
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	walk(v, "")
	return all
}

package pattern_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/eventrouting/eventrouting/spec/pattern"
)

// vector is one line of the filter vectors. Pattern and Event are raw JSON text,
// so that the spelling of numbers and repeated keys survive.
type vector struct {
	ID      string  `json:"id"`
	Kind    string  `json:"kind"`
	Pattern string  `json:"pattern"`
	Event   *string `json:"event,omitempty"`
	Payload *string `json:"data_b64,omitempty"`
	Match   *bool   `json:"match,omitempty"`
	Valid   bool    `json:"valid"`
	Tier    string  `json:"lambda_tier"`
}

// disagreements are the vectors that this package answers differently, with the
// reason. Every other one must agree, whatever its tier.
func disagreements() map[string]string {
	return map[string]string{
		// AWS's wildcard complexity limit is not published, and whether Lambda
		// takes wildcard at all is unknown: the tier says so, Parse accepts.
		"ls-content_wildcard_complex_EXC": "AWS refuses a complex wildcard by a limit that is not public",
	}
}

func readVectors(t *testing.T, path string) []vector {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var all []vector
	d := json.NewDecoder(bufio.NewReader(f))
	for {
		var v vector
		if err := d.Decode(&v); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
}

// sharedVectors is the file beside the repository, empty where there is none.
func sharedVectors() string {
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "shared", "vectors", "filters.jsonl")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

func TestVectors(t *testing.T) {
	checkVectors(t, readVectors(t, filepath.Join("testdata", "vectors.jsonl")))
}

func TestSharedVectors(t *testing.T) {
	path := sharedVectors()
	if path == "" {
		t.Skip("no shared/vectors/filters.jsonl in a folder above: testdata/vectors.jsonl is checked alone")
	}
	checkVectors(t, readVectors(t, path))
}

func checkVectors(t *testing.T, all []vector) {
	t.Helper()
	if len(all) < 100 {
		t.Fatalf("only %d vectors", len(all))
	}
	known := disagreements()
	for _, v := range all {
		got := checkVector(v)
		if why, ok := known[v.ID]; ok {
			if got == "" {
				t.Errorf("%s: agrees by now, though %s", v.ID, why)
			}
			continue
		}
		if got != "" {
			t.Errorf("%s (%s): %s\npattern %s", v.ID, v.Tier, got, v.Pattern)
		}
	}
}

// checkVector says what is wrong, or nothing.
func checkVector(v vector) string {
	p, err := pattern.Parse(v.Pattern)
	if err != nil {
		if v.Valid {
			return "refused: " + err.Error()
		}
		return ""
	}
	if !v.Valid {
		return "accepted"
	}
	if got := tierName(p.Tier()); got != v.Tier {
		return "tier " + got
	}
	again, err := pattern.Parse(p.String())
	if err != nil {
		return "own text refused: " + err.Error()
	}
	if v.Match == nil {
		return ""
	}
	if v.Event != nil && (p.MatchEvent([]byte(*v.Event)) != *v.Match || again.MatchEvent([]byte(*v.Event)) != *v.Match) {
		return "event " + *v.Event
	}
	if v.Payload != nil {
		payload, err := base64.StdEncoding.DecodeString(*v.Payload)
		if err != nil {
			return err.Error()
		}
		if p.Match(payload) != *v.Match {
			return "payload " + string(payload)
		}
	}
	return ""
}

func tierName(t pattern.Tier) string {
	switch t {
	case pattern.Documented:
		return "documented"
	case pattern.SeenAccepted:
		return "seen-accepted"
	case pattern.PipesOnly:
		return "pipes-only"
	case pattern.EventBridgeOnly:
		return "eventbridge-only"
	}
	return "unknown"
}

package emulator_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// recordedFolder names the folder with AWS's own answers; without it the folder
// shared/aws-recorded is looked for above the test's.
const recordedFolder = "EVENTROUTING_AWS_RECORDED"

// judge holds every answer that was recorded on AWS, and what became of it here.
type judge struct {
	files map[string]map[string]recording // by file and test
	fate  map[step]string
}

// recording is what one of LocalStack's tests recorded on AWS, in botocore's
// form.
type recording struct {
	Date    string         `json:"recorded-date"`
	Content map[string]any `json:"recorded-content"`
}

// step is one recorded answer.
type step struct{ file, test, name string }

const compared = "compared"

// TestRecorded compares our answers with all that AWS was recorded to give, value by
// value, and fails on a difference and on an answer that nobody has looked at. go test
// -v prints what became of each.
func TestRecorded(t *testing.T) {
	j := loadRecordings(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *judge)
	}{
		{"mappings", recordedMappings},
		{"mapping errors", recordedMappingErrors},
		{"duplicates", recordedDuplicates},
		{"life", recordedLife},
		{"Kinesis mappings", recordedKinesisMappings},
		{"concurrency", recordedConcurrency},
		{"tags", recordedTags},
		{"tags of create", recordedTagsOfCreate},
		{"code size", recordedCodeSize},
		{"Kinesis", recordedKinesis},
		{"Kinesis policies", recordedPolicies},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, j) })
	}
	j.explain()
	j.table(t)
}

// loadRecordings reads all recordings, or skips the test.
func loadRecordings(t *testing.T) *judge {
	t.Helper()
	folder := os.Getenv(recordedFolder)
	if folder == "" {
		folder = folderAbove(t, filepath.Join("shared", "aws-recorded"))
	}
	names, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(names) == 0 {
		t.Skipf("no recordings: set %s, or put them into shared/aws-recorded above this folder", recordedFolder)
	}
	j := &judge{files: map[string]map[string]recording{}, fate: map[step]string{}}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]recording
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		file := map[string]recording{}
		for test, r := range all {
			file[test[strings.Index(test, "Test"):]] = r
		}
		j.files[filepath.Base(name)] = file
	}
	return j
}

func folderAbove(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name)
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

// raw is what was recorded, and marks it as looked at.
func (j *judge) raw(t *testing.T, file, test, name string) any {
	t.Helper()
	v, ok := j.files[file][test].Content[name]
	if !ok {
		t.Fatalf("no recording of %s %s in %s", test, name, file)
	}
	j.fate[step{file, test, name}] = compared
	return v
}

// from reads one file's answers to calls.
func (j *judge) from(file string) recorded { return recorded{j, file} }

// recorded is the recordings of one file.
type recorded struct {
	judge *judge
	file  string
}

func (r recorded) step(t *testing.T, test, name string) map[string]any {
	t.Helper()
	m, ok := r.judge.raw(t, r.file, test, name).(map[string]any)
	if !ok {
		t.Fatalf("%s %s is no answer", test, name)
	}
	return m
}

// explain says why answers were not compared.
func (j *judge) explain() {
	for _, r := range []struct{ test, name, reason string }{
		{"", "update_table_response", "not served: DynamoDB"},
		{"", "total_code_size_diff_publish_layer", "not served: layers"},
		{"", "kinesis_records", "not served: what a function is invoked with"},
		{"", "kinesis_events", "not served: what a function is invoked with"},
		{"", "invocation_events", "not served: what a function is invoked with"},
		{"", "kinesis-record-lambda-payload", "not served: what a function is invoked with"},
		{"maximum_record_age_exceeded_discard", "Records", "not served: what a function is invoked with"},
		{"test_subscribe_to_shard", "", "not served: SubscribeToShard"},
		{"", "sqs_payload", "not served: SQS, and failed invocations"},
		{"", "failure_sns_message", "not served: SNS, and failed invocations"},
		{"", "record_body", "not served: S3, and failed invocations"},
		{"", "record_age_exceeded_payload", "not served: SQS, and failed invocations"},
	} {
		for _, s := range j.steps() {
			if j.fate[s] == "" && strings.Contains(s.test, r.test) && strings.HasPrefix(s.name, r.name) {
				j.fate[s] = r.reason
			}
		}
	}
}

func (j *judge) steps() []step {
	var all []step
	for _, file := range slices.Sorted(maps.Keys(j.files)) {
		for _, test := range slices.Sorted(maps.Keys(j.files[file])) {
			for _, name := range slices.Sorted(maps.Keys(j.files[file][test].Content)) {
				all = append(all, step{file, test, name})
			}
		}
	}
	return all
}

func (j *judge) table(t *testing.T) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	counts := map[string]int{}
	for _, s := range j.steps() {
		fate := j.fate[s]
		if fate == "" {
			fate = "NOT LOOKED AT"
			t.Errorf("%s: %s %s: compare it, or say why not", s.file, s.test, s.name)
		}
		counts[fate]++
		_, test, _ := strings.Cut(s.test, "::")
		fmt.Fprintf(w, "%s\t%s\t%s\n", test, s.name, fate)
	}
	w.Flush() //nolint:errcheck // into memory
	for _, fate := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, "%4d %s\n", counts[fate], fate)
	}
	t.Log("recorded on AWS:\n" + b.String())
}

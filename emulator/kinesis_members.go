package emulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// members is the input of one call. Reading a member checks it; what is wrong
// is kept, and [members.check] tells of all of it at once, as AWS does: a value
// of the wrong type first, else every constraint that failed. Names are
// case-sensitive, null is absent, and members that nobody reads are ignored.
// The texts were seen on AWS: github.com/mhart/kinesalite test/, and
// https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html
type members struct {
	raw    map[string]json.RawMessage
	path   string // of the members of a member, such as shardFilter.
	faults *faults
}

type faults struct {
	mistyped error
	failed   []string
}

func readMembers(body []byte, readErr error) (*members, error) {
	m := members{faults: &faults{}}
	switch {
	case readErr != nil:
		return nil, refuseKinesis("SerializationException", "The body could not be read: "+readErr.Error())
	case len(body) > 0 && body[0] >= 0xa0 && body[0] <= 0xbf:
		return nil, refuseKinesis("SerializationException", "The body is CBOR, which is not served here: "+
			"send application/x-amz-json-1.1 (AWS_CBOR_DISABLE=true, or -Daws.cborEnabled=false in Java).")
	}
	if err := json.Unmarshal(body, &m.raw); err != nil || m.raw == nil {
		return nil, refuseKinesis("SerializationException", "The body is not a JSON object.")
	}
	return &m, nil
}

// check is what was wrong with the members read so far.
func (m *members) check() error {
	if m.faults.mistyped != nil {
		return m.faults.mistyped
	}
	n := min(len(m.faults.failed), 10) // AWS tells of no more
	if n == 0 {
		return nil
	}
	errors := "errors"
	if n == 1 {
		errors = "error"
	}
	return refuseKinesis("ValidationException",
		fmt.Sprintf("%d validation %s detected: %s", n, errors, strings.Join(m.faults.failed[:n], "; ")))
}

// get reads a member into v; false when it is absent or not of v's type.
func (m *members) get(name, want string, v any) bool {
	raw, ok := m.raw[name]
	if !ok || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		if m.faults.mistyped == nil {
			m.faults.mistyped = refuseKinesis("SerializationException",
				fmt.Sprintf("%s can not be converted to %s", tokenKind(raw), want))
		}
		return false
	}
	return true
}

func tokenKind(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "START_OBJECT"
	case '[':
		return "START_ARRAY"
	case '"':
		return "STRING_VALUE"
	case 't':
		return "TRUE_VALUE"
	case 'f':
		return "FALSE_VALUE"
	}
	return "NUMBER_VALUE"
}

// has tells whether a member is there.
func (m *members) has(name string) bool {
	raw, ok := m.raw[name]
	return ok && string(raw) != "null"
}

func (m *members) fail(name, value, rule string) {
	at := m.path + strings.ToLower(name[:1]) + name[1:]
	if value != "null" {
		value = "'" + value + "'"
	}
	m.faults.failed = append(m.faults.failed,
		fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: Member must %s", value, at, rule))
}

// need refuses a call without a member.
func (m *members) need(name string) {
	if !m.has(name) {
		m.fail(name, "null", "not be null")
	}
}

// rule is what a text must satisfy; the result is empty when it does.
type rule func(string) string

func (m *members) text(name string, rules ...rule) string {
	var v string
	if !m.get(name, "String", &v) {
		return ""
	}
	for _, r := range rules {
		if broken := r(v); broken != "" {
			m.fail(name, v, broken)
		}
	}
	return v
}

// number reads a whole number; a fraction is cut off. Zero when absent.
func (m *members) number(name string, low, high int) int {
	var f float64
	if !m.get(name, "Integer", &f) {
		return 0
	}
	v := int(max(min(math.Trunc(f), math.MaxInt32), math.MinInt32))
	if v < low {
		m.fail(name, strconv.Itoa(v), "have value greater than or equal to "+strconv.Itoa(low))
	}
	if v > high {
		m.fail(name, strconv.Itoa(v), "have value less than or equal to "+strconv.Itoa(high))
	}
	return v
}

func (m *members) flag(name string) bool {
	var v bool
	return m.get(name, "Boolean", &v) && v
}

// moment reads seconds since 1970, with AWS's precision of a millisecond.
func (m *members) moment(name string) (time.Time, bool) {
	var f float64
	if !m.get(name, "Timestamp", &f) || math.Abs(f) > 1e12 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), true
}

func (m *members) texts(name string) []string {
	var v []string
	m.get(name, "List", &v)
	return v
}

// tags reads a map of texts; null values are absent values.
func (m *members) tags(name string) map[string]string {
	var v map[string]string
	m.get(name, "Map", &v)
	return v
}

// object reads a member that has members.
func (m *members) object(name string) (*members, bool) {
	o := &members{path: m.path + strings.ToLower(name[:1]) + name[1:] + ".", faults: m.faults}
	return o, m.get(name, "Structure", &o.raw)
}

// objects reads a list of what has members, from 1 to most of them, counted from
// 1 as AWS counts them in its refusals.
// Unverified: how AWS shows a list that is too long.
func (m *members) objects(name string, most int) []*members {
	m.need(name)
	var raw []json.RawMessage
	if !m.get(name, "List", &raw) {
		return nil
	}
	if len(raw) == 0 {
		m.fail(name, "[]", "have length greater than or equal to 1")
	}
	if len(raw) > most {
		m.fail(name, "[...]", "have length less than or equal to "+strconv.Itoa(most))
		return nil
	}
	all := make([]*members, len(raw))
	for i := range raw {
		list := &members{raw: map[string]json.RawMessage{name: raw[i]}, faults: m.faults}
		all[i], _ = list.object(name)
		all[i].path = fmt.Sprintf("%s%s.%d.member.", m.path, strings.ToLower(name[:1])+name[1:], i+1)
	}
	return all
}

// blob reads bytes in base64. The buffer's text was seen on AWS:
// github.com/awslabs/kinesis-aggregation issue 30.
// Unverified: the text on what is not base64.
func (m *members) blob(name string, most int) []byte {
	var text string
	if !m.get(name, "Blob", &text) {
		return nil
	}
	v, err := base64.StdEncoding.DecodeString(text)
	if err != nil && m.faults.mistyped == nil {
		m.faults.mistyped = refuseKinesis("SerializationException", "STRING_VALUE can not be converted to Blob: "+err.Error())
	}
	if len(v) > most {
		m.fail(name, fmt.Sprintf("java.nio.HeapByteBuffer[pos=0 lim=%d cap=%d]", len(v), len(v)),
			"have length less than or equal to "+strconv.Itoa(most))
	}
	return v
}

// length is from 1 to most characters.
func length(most int) rule {
	return func(s string) string {
		switch n := utf8.RuneCountInString(s); {
		case n < 1:
			return "have length greater than or equal to 1"
		case n > most:
			return "have length less than or equal to " + strconv.Itoa(most)
		}
		return ""
	}
}

func matching(expr string, matches func(string) bool) rule {
	return func(s string) string {
		if !matches(s) {
			return "satisfy regular expression pattern: " + expr
		}
		return ""
	}
}

func oneOf(values ...string) rule {
	return func(s string) string {
		if !slices.Contains(values, s) {
			return "satisfy enum value set: [" + strings.Join(values, ", ") + "]"
		}
		return ""
	}
}

// nameText reads the name of a stream, shard or consumer.
func (m *members) nameText(name string) string {
	return m.text(name, matching("[a-zA-Z0-9_.-]+", isName), length(128))
}

func isName(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return s != ""
}

// tag is a tag as Kinesis lists them.
type tag struct{ Key, Value string }

func tagList(tags map[string]string) []tag {
	all := make([]tag, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, tag{k, tags[k]})
	}
	return all
}

package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/examples"
	"github.com/eventrouting/eventrouting/spec"
)

// FuzzEvents reads whatever there is: it ends, loses no line that is an event,
// and reads the same whether it comes at once or byte by byte.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("{\"a\":1}\n\n{\n\"b\":[\n1]}\n{} {}\n"))
	f.Add([]byte("[\n[\n[\n{\"a\":\n"))
	f.Add([]byte("\xef\xbb\xbf{}\r\n\x00\xff\n{\"Records\":[{\"Data\":\"e30=\",\"PartitionKey\":\"\",\"SequenceNumber\":\"\"}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		whole := readAll(t, bytes.NewReader(text))
		slow := readAll(t, oneByOne{bytes.NewReader(text)})
		if whole != slow {
			t.Errorf("at once:\n%s\nbyte by byte:\n%s", whole, slow)
		}
		if !bytes.Contains(text, []byte("Records")) && !bytes.Contains(text, []byte("ata")) && len(strings.Fields(whole)) == 0 && len(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))) > 0 {
			t.Errorf("nothing read of %q", text)
		}
	})
}

type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(b []byte) (int, error) { return o.r.Read(b[:min(len(b), 1)]) }

func readAll(t *testing.T, in io.Reader) string {
	t.Helper()
	r := newEventReader(in)
	var b strings.Builder
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %q\n", e, e.payload)
	}
}

func TestEvents(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"lines", "{\"a\":1}\n\n  {\"b\":2}  \n", "line 1 {\"a\":1}; line 3 {\"b\":2}"},
		{"several lines", "{\n\"a\":1\n}\n{}", "line 1 {\n\"a\":1\n}; line 4 {}"},
		{"two on a line", `{} {"a":1}[2]`, `line 1 {}; line 1 {"a":1}; line 1 [2]`},
		{"a broken line loses no other", "{\"a\":\n{\"b\":1}\n{\"c\":\n1}\n", "line 1 {\"a\": (it begins a JSON value that breaks off at line 3); line 2 {\"b\":1}; line 3 {\"c\":\n1}"},
		{"scalars and text", "1\n\"x\"\nhello\n", `line 1 1; line 2 "x"; line 3 hello`},
		{"no newline in the end", "{\"a\":[", "line 1 {\"a\":[ (it begins a JSON value that breaks off at line 1)"},
		{"a payload that looks like a record", `{"Data":"e30=","PartitionKey":"1"}`, `line 1 {"Data":"e30=","PartitionKey":"1"}`},
		{"a record whose data is no base64", `{"Data":"?","PartitionKey":"1","SequenceNumber":"1"}`, "line 1 ? (it is a record whose data is no base64)"},
		{"a record whose base64 lost its padding", `{"Data":"e30","PartitionKey":"1","SequenceNumber":"1"}`, "line 1 {}"},
		{"a batch with one bad record", `{"Records":[{"Data":"!!","PartitionKey":"1","SequenceNumber":"1"},{"Data":"MQ==","PartitionKey":"1","SequenceNumber":"1"}]}`,
			"line 1, record 1 !! (it is a record whose data is no base64); line 1, record 2 1"},
		{"a bracket too many", "{\"a\":1}}\n{}", "line 1 {\"a\":1}}; line 2 {}"},
		{"more than a buffer on a line", strings.Repeat(`{"a":1} `, 1000), strings.TrimSuffix(strings.Repeat(`line 1 {"a":1}; `, 1000), "; ")},
		{"the last of a line goes on", "{} {\"a\":\n1} {}\n[]", "line 1 {}; line 1 {\"a\":\n1}; line 2 {}; line 3 []"},
		{"a list that is cut off", "[\n{\"a\":1},\n{\"b\":2},", `line 1 [ (it begins a JSON value that breaks off at line 3); line 2 {"a":1},; line 3 {"b":2},`},
		{"a text over two lines", "{\"a\":\"x\ny\"}", "line 1 {\"a\":\"x; line 2 y\"}"},
		{"a comma too many", "{\"a\":1,\n}", "line 1 {\"a\":1, (it begins a JSON value that breaks off at line 2); line 2 }"},
		{"a word that is none", "[\ntru\n]", "line 1 [ (it begins a JSON value that breaks off at line 3); line 2 tru; line 3 ]"},
		{"a list called records", `{"Records":[1,2]}`, `line 1 {"Records":[1,2]}`},
		{"no records", `{"Records":[]}`, `line 1 {"Records":[]}`},
		{"records", `{"Records":[{"Data":"e30=","PartitionKey":"1","SequenceNumber":"1"},{"Data":"MQ==","PartitionKey":"1","SequenceNumber":"1"}]}`, `line 1, record 1 {}; line 1, record 2 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newEventReader(strings.NewReader(c.text))
			var got []string
			for {
				e, err := r.next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				note := ""
				if e.note != "" {
					note = " (" + e.note + ")"
				}
				got = append(got, fmt.Sprintf("%s %s%s", e, e.payload, note))
			}
			if got := strings.Join(got, "; "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Whatever JSON objects and lists are written one after the other, on lines or
// over lines, is read as that.
func TestEventsAreAllRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "x", "}{", "\\\"", "a,b:[", "\u00e9\n"})
		object := rapid.Deferred(func() *rapid.Generator[any] {
			return rapid.OneOf(
				rapid.Map(rapid.MapOfN(text, rapid.Custom(func(t *rapid.T) any { return text.Draw(t, "value") }), 0, 3), func(m map[string]any) any { return m }),
				rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]any{1.5, -2e10, true, nil, "x", []any{}, map[string]any{"y": []any{"z"}}}), 0, 4), func(l []any) any { return append([]any{}, l...) }),
			)
		})
		var in strings.Builder
		var want []string
		for range rapid.IntRange(0, 6).Draw(t, "values") {
			v := object.Draw(t, "value")
			indent := rapid.SampledFrom([]string{"", "  ", "\t"}).Draw(t, "indent")
			b, err := json.MarshalIndent(v, "", indent)
			if indent == "" {
				b, err = json.Marshal(v)
			}
			if err != nil {
				t.Fatal(err)
			}
			in.Write(b)
			in.WriteString(rapid.SampledFrom([]string{"", " ", "\n", " \r\n\n"}).Draw(t, "between"))
			compact, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, string(compact))
		}
		r := newEventReader(strings.NewReader(in.String()))
		var got []string
		for {
			e, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			var compact bytes.Buffer
			if err != nil || json.Compact(&compact, e.payload) != nil {
				t.Fatalf("%v: %q", err, e.payload)
			}
			got = append(got, compact.String())
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q\nis read as %q", in.String(), got)
		}
	})
}

// Noise costs no more than a multiple of its length.
func TestEventsOfNoise(t *testing.T) {
	for name, text := range map[string]string{
		"brackets":           strings.Repeat("[\n", 200_000),
		"a list cut off":     "[\n" + strings.Repeat("{\"eventType\":\"OrderPlaced\"},\n", 200_000),
		"a list with a tail": "[\n" + strings.Repeat("{\"eventType\":\"OrderPlaced\"},\n", 200_000) + "oops",
		"one line":           strings.Repeat("{\"eventType\":\"OrderPlaced\"}", 200_000),
		"lists in lists":     strings.Repeat("[\n", 900) + strings.Repeat("[1,\n", 50_000),
	} {
		began := time.Now()
		n := strings.Count(readAll(t, strings.NewReader(text)), "\n")
		if n < 1000 {
			t.Errorf("%s: %d events", name, n)
		}
		if d := time.Since(began); d > 30*time.Second {
			t.Errorf("%s took %s", name, d)
		}
	}
}

func TestEventTooLong(t *testing.T) {
	for _, text := range []io.Reader{
		io.LimitReader(endless{'x'}, maxEvent+10),
		io.MultiReader(strings.NewReader("{\n"), io.LimitReader(endless{' '}, maxEvent/2), strings.NewReader("\n["), io.LimitReader(endless{'1'}, maxEvent)),
	} {
		if _, err := newEventReader(text).next(); err == nil || !strings.Contains(err.Error(), "longer than 32 MiB") {
			t.Errorf("got %v", err)
		}
	}
}

type endless struct{ b byte }

func (e endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = e.b
	}
	return len(b), nil
}

// BenchmarkMatch streams a million events through the command; what stays in
// memory does not grow with them.
func BenchmarkMatch(b *testing.B) {
	docs, findings := spec.Load(examples.Documents, "orders.yaml")
	if len(docs) != 1 {
		b.Fatal(findings)
	}
	m, err := newMatcher(docs)
	if err != nil {
		b.Fatal(err)
	}
	const events = 1_000_000
	for b.Loop() {
		in := &manyEvents{left: events}
		if err := m.show("events", in, io.Discard, "text"); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(in.peak)/(1<<20), "peak-heap-MiB")
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/events, "µs/event")
}

// manyEvents makes events as they are read, and looks at the memory now and then.
type manyEvents struct {
	left int
	rest []byte
	peak uint64
}

func (m *manyEvents) Read(b []byte) (int, error) {
	if len(m.rest) == 0 {
		if m.left == 0 {
			return 0, io.EOF
		}
		if m.left--; m.left%100_000 == 0 {
			var s runtime.MemStats
			runtime.ReadMemStats(&s)
			m.peak = max(m.peak, s.HeapAlloc)
		}
		m.rest = fmt.Appendf(m.rest[:0], "{\"id\":%d,\"eventType\":%q,\"lines\":[{\"sku\":\"a\"}]}\n", m.left, []string{"OrderPlaced", "Other"}[m.left%2])
	}
	n := copy(b, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

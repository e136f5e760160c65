package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

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
		{"a broken line loses no other", "{\"a\":\n{\"b\":1}\n{\"c\":\n1}\n", "line 1 {\"a\":; line 2 {\"b\":1}; line 3 {\"c\":\n1}"},
		{"scalars and text", "1\n\"x\"\nhello\n", `line 1 1; line 2 "x"; line 3 hello`},
		{"no newline in the end", "{\"a\":[", "line 1 {\"a\":["},
		{"a payload that looks like a record", `{"Data":"e30=","PartitionKey":"1"}`, `line 1 {"Data":"e30=","PartitionKey":"1"}`},
		{"a record whose data is no base64", `{"Data":"?","PartitionKey":"1","SequenceNumber":"1"}`, `line 1 {"Data":"?","PartitionKey":"1","SequenceNumber":"1"}`},
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
				got = append(got, fmt.Sprintf("%s %s", e, e.payload))
			}
			if got := strings.Join(got, "; "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
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

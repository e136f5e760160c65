package command

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxEvent bounds one event of a file, in bytes: more than Kinesis' 10 MiB for a
// record in base64, or Lambda's 6 MB for a batch.
const maxEvent = 32 << 20

// event is one record's payload, as a filter gets it.
type event struct {
	line    int    // where it begins, 1 for the first
	record  int    // which record of a batch, 1 for the first; 0 for none
	stream  string // name, where a record names it
	payload []byte // valid until the next event is read
}

func (e event) String() string {
	if e.record > 0 {
		return fmt.Sprintf("line %d, record %d", e.line, e.record)
	}
	return fmt.Sprintf("line %d", e.line)
}

// eventReader reads events from JSON lines, or JSON over several lines. A line
// that is no JSON is a payload that is none. Memory is bounded by [maxEvent].
type eventReader struct {
	in     *bufio.Reader
	line   int
	lines  [][]byte // read and put back
	queued []event  // the rest of a batch
	read   int      // bytes
	wasted int      // bytes read ahead for values that then were none
}

// patience is how many bytes may be read ahead in vain before lines that begin
// a value and do not end it are taken for what they are, and again for each byte
// that was read: noise costs no more than a multiple of its length.
const patience = 1 << 20

func newEventReader(r io.Reader) *eventReader {
	return &eventReader{in: bufio.NewReaderSize(r, 64<<10)}
}

// next is the next event; its error is io.EOF at the end.
func (r *eventReader) next() (event, error) {
	if len(r.queued) == 0 {
		text, line, err := r.value()
		if err != nil {
			return event{}, err
		}
		r.queued = payloads(text, line)
	}
	e := r.queued[0]
	r.queued = r.queued[1:]
	return e, nil
}

// value is the text of the next JSON value, or of a line that begins none, and
// the line that it begins in.
func (r *eventReader) value() ([]byte, int, error) {
	for {
		first, err := r.readLine()
		if err != nil {
			return nil, 0, err
		}
		at := r.line
		if len(first) == 0 {
			continue
		}
		r.read += len(first)
		if json.Valid(first) || first[0] != '{' && first[0] != '[' || r.wasted > patience+16*r.read {
			return first, at, nil
		}
		text, err := r.longer(first)
		return text, at, err
	}
}

// longer reads the rest of a value that begins in a line. If the line begins no
// value it is returned alone, and what was read beyond it is put back.
func (r *eventReader) longer(first []byte) ([]byte, error) {
	f := &feed{r: r, lines: [][]byte{first}}
	d := json.NewDecoder(f)
	var value json.RawMessage
	begins := d.Decode(&value) == nil
	switch {
	case f.err != nil:
		return nil, f.err
	case !begins:
		r.unread(f.lines[1:])
		r.wasted += f.size
		return first, nil
	}
	rest, err := io.ReadAll(d.Buffered())
	if err != nil {
		return nil, err
	}
	if rest = bytes.TrimSpace(rest); len(rest) > 0 {
		r.unread([][]byte{rest})
	}
	return value, nil
}

// feed gives a decoder one line at a time, so that no more are taken than the
// value has.
type feed struct {
	r     *eventReader
	lines [][]byte
	given int    // lines
	rest  []byte // of the line that is being given
	size  int
	err   error // not of the input's end
}

func (f *feed) Read(b []byte) (int, error) {
	if len(f.rest) == 0 {
		if f.given == len(f.lines) {
			line, err := f.r.readLine()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					f.err = err
				}
				return 0, err
			}
			f.lines = append(f.lines, line)
		}
		line := f.lines[f.given]
		f.given++
		if f.size += len(line); f.size > maxEvent {
			f.err = tooLong(f.r.line)
			return 0, f.err
		}
		f.rest = append(append([]byte(nil), line...), '\n')
	}
	n := copy(b, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// unread puts lines back; the last of them is the last that was read.
func (r *eventReader) unread(lines [][]byte) {
	r.lines = append(append([][]byte(nil), lines...), r.lines...)
	r.line -= len(lines)
}

// readLine is the next line without spaces around it.
func (r *eventReader) readLine() ([]byte, error) {
	if len(r.lines) > 0 {
		line := r.lines[0]
		r.lines = r.lines[1:]
		r.line++
		return line, nil
	}
	var line []byte
	for {
		part, err := r.in.ReadSlice('\n')
		if len(line)+len(part) > maxEvent {
			return nil, tooLong(r.line + 1)
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(line) == 0):
			return nil, err
		}
		if r.line++; r.line == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")) // an editor's mark of UTF-8
		}
		return bytes.TrimSpace(line), nil
	}
}

func tooLong(line int) error {
	return hint(fmt.Errorf("line %d: the event is longer than %d MiB", line, maxEvent>>20), "a Kinesis record holds at most 10 MiB; write one event per line")
}

// record is what is looked at to tell a record from a payload: one that
// Kinesis' GetRecords gives, one of a Lambda batch, or what filters see of it.
type record struct {
	Records *[]json.RawMessage `json:"Records"`

	Data           *string `json:"Data"` // of GetRecords
	PartitionKey   *string `json:"PartitionKey"`
	SequenceNumber *string `json:"SequenceNumber"`

	EventSource    string     `json:"eventSource"` // of Lambda
	EventSourceARN string     `json:"eventSourceARN"`
	Kinesis        *innermost `json:"kinesis"`

	innermost // what filters see
}

type innermost struct {
	Data    *string `json:"data"`
	Version string  `json:"kinesisSchemaVersion"`
	Key     *string `json:"partitionKey"`
}

// payloads takes records apart; what is none is a payload itself.
func payloads(text []byte, line int) []event {
	var r record
	if text[0] != '{' || json.Unmarshal(text, &r) != nil {
		return []event{{line: line, payload: text}}
	}
	if r.Records == nil {
		if e, ok := r.payload(); ok {
			e.line = line
			return []event{e}
		}
		return []event{{line: line, payload: text}}
	}
	var all []event
	for i, one := range *r.Records {
		var inner record
		if err := json.Unmarshal(one, &inner); err != nil {
			return []event{{line: line, payload: text}}
		}
		e, ok := inner.payload()
		if !ok {
			return []event{{line: line, payload: text}}
		}
		e.line, e.record = line, i+1
		all = append(all, e)
	}
	if len(all) == 0 {
		return []event{{line: line, payload: text}}
	}
	return all
}

func (r *record) payload() (event, bool) {
	var data *string
	switch {
	case r.Kinesis != nil && r.Kinesis.Data != nil && r.EventSource == "aws:kinesis":
		data = r.Kinesis.Data
	case r.Data != nil && r.PartitionKey != nil && r.SequenceNumber != nil:
		data = r.Data
	case r.innermost.Data != nil && r.Version != "" && r.Key != nil:
		data = r.innermost.Data
	default:
		return event{}, false
	}
	payload, err := base64.StdEncoding.DecodeString(*data)
	if err != nil {
		return event{}, false
	}
	return event{payload: payload, stream: streamOf(r.EventSourceARN)}, true
}

// streamOf is the name of the stream in the ARN of a stream or its consumer.
func streamOf(arn string) string {
	_, rest, _ := strings.Cut(arn, ":stream/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

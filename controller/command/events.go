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
	payload []byte
	note    string // what is wrong with it as it was read, and makes it no JSON
}

func (e event) String() string {
	if e.record > 0 {
		return fmt.Sprintf("line %d, record %d", e.line, e.record)
	}
	return fmt.Sprintf("line %d", e.line)
}

// eventReader reads events from JSON lines, or JSON over several lines. A line
// that is neither JSON nor the beginning of it is a payload that is none. Memory
// is bounded by [maxEvent].
type eventReader struct {
	in     *bufio.Reader
	line   int      // of the last line read
	lines  [][]byte // read and put back
	values []value  // of the line, still to be given
	queued []event  // the rest of a batch
	read   int      // bytes
	wasted int      // bytes read ahead for values that then were none
}

// value is one JSON value of the input, or a line that is none.
type value struct {
	text []byte
	line int
	note string // why it is none
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
		v, err := r.value()
		if err != nil {
			return event{}, err
		}
		r.queued = payloads(v)
	}
	e := r.queued[0]
	r.queued = r.queued[1:]
	return e, nil
}

// value is the next value.
func (r *eventReader) value() (value, error) {
	for len(r.values) == 0 {
		line, err := r.readLine()
		if err != nil {
			return value{}, err
		}
		r.read += len(line)
		if len(line) > 0 {
			if r.values, err = r.split(line); err != nil {
				return value{}, err
			}
		}
	}
	v := r.values[0]
	r.values = r.values[1:]
	return v, nil
}

// split takes the values of a line apart; the last may go on in lines that
// follow. A line of which any part is no JSON is a payload that is none.
func (r *eventReader) split(line []byte) ([]value, error) {
	at := r.line
	if json.Valid(line) {
		return []value{{text: line, line: at}}, nil
	}
	whole := []value{{text: line, line: at}}
	var all []value
	for rest := line; len(rest) > 0; rest = bytes.TrimLeft(rest, " \t\r") {
		n, s, how := scan(rest)
		switch {
		case how == ends && json.Valid(rest[:n]):
			all = append(all, value{text: rest[:n], line: at})
			rest = rest[n:]
		case how == goesOn && r.wasted <= patience+16*r.read:
			last, err := r.longer(rest, s)
			switch {
			case err != nil:
				return nil, err
			case last.note != "" || last.text == nil:
				whole[0].note = last.note
				return whole, nil
			}
			return append(all, last), nil
		default:
			return whole, nil
		}
	}
	return all, nil
}

// scan follows a text up to the end of its first value, and says how that is.
func scan(text []byte) (n int, s *scanner, how step) {
	s = &scanner{}
	for i, c := range text {
		if how = s.next(c); how != goesOn {
			return i + 1, s, how
		}
	}
	return len(text), s, goesOn
}

// longer reads the rest of a value that begins in a line and does not end there.
// If it turns out to be none, what was read beyond that line is put back, and a
// note says so.
func (r *eventReader) longer(first []byte, s *scanner) (value, error) {
	at := r.line
	text := append([]byte(nil), first...)
	var lines [][]byte
	broken := func() (value, error) {
		note := fmt.Sprintf("it begins a JSON value that breaks off at line %d", r.line)
		r.unread(lines)
		r.wasted += len(text)
		return value{line: at, note: note}, nil
	}
	if s.next('\n') == breaks {
		return value{line: at}, nil
	}
	for {
		line, err := r.readLine()
		switch {
		case errors.Is(err, io.EOF):
			return broken()
		case err != nil:
			return value{}, err
		}
		lines = append(lines, line)
		text = append(append(text, '\n'), line...)
		if len(text) > maxEvent {
			return value{}, tooLong(at)
		}
		for i, c := range line {
			switch s.next(c) {
			case goesOn:
				continue
			case ends:
				if whole := text[:len(text)-len(line)+i+1]; json.Valid(whole) {
					if rest := bytes.TrimSpace(line[i+1:]); len(rest) > 0 {
						r.unread([][]byte{rest})
					}
					return value{text: whole, line: at}, nil
				}
				return broken()
			case breaks:
				return broken()
			}
		}
		if s.next('\n') == breaks {
			return broken()
		}
	}
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
func payloads(v value) []event {
	plain := []event{{line: v.line, payload: v.text, note: v.note}}
	var r record
	if v.note != "" || v.text[0] != '{' || json.Unmarshal(v.text, &r) != nil {
		return plain
	}
	if r.Records == nil {
		if e, ok := r.payload(); ok {
			e.line = v.line
			return []event{e}
		}
		return plain
	}
	var all []event
	for i, one := range *r.Records {
		var inner record
		if err := json.Unmarshal(one, &inner); err != nil {
			return plain
		}
		e, ok := inner.payload()
		if !ok {
			return plain
		}
		e.line, e.record = v.line, i+1
		all = append(all, e)
	}
	if len(all) == 0 {
		return plain
	}
	return all
}

// payload is what a record carries; false for what is none by its form.
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
	e := event{stream: streamOf(r.EventSourceARN)}
	var err error
	// Padding is what copying loses most easily.
	if e.payload, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(*data, "=")); err != nil {
		e.payload, e.note = []byte(*data), "it is a record whose data is no base64"
	}
	return e, true
}

// streamOf is the name of the stream in the ARN of a stream or its consumer.
func streamOf(arn string) string {
	_, rest, _ := strings.Cut(arn, ":stream/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

package command

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
	"github.com/eventrouting/eventrouting/spec/pattern"
)

func newMatch() *cobra.Command {
	var file, expect, format string
	cmd := &cobra.Command{
		Use:   "match PATH... --event FILE|-",
		Short: "Which routes take an event, and why the others do not",
		Long: `Match reads events and says which routes of the documents take each, and for the
others the first condition that fails. It calls nobody.

Events are JSON, one or several a line, or one over several lines: payloads as
producers write them, or records with base64 data as Kinesis' GetRecords, Lambda,
or a filter shows them; those are recognised. A line of which any part is no JSON
is a payload that is none, which every filter drops. Where a record names its stream, only routes of
that stream are looked at.

With --expect FILE it is a test: each line of FILE is {"event": EVENT,
"routes": [NAME...]}, NAME as ROUTE or ROUTING/ROUTE. Exit code 1, with the
differences, when other routes take an event.`,
		Example: `  eventrouting match routing/ --event event.json
  tail -n 1000 events.jsonl | eventrouting match routing/ --event - -o json
  eventrouting match routing/ --expect routing/events.jsonl`,
		Args: paths,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case format != "text" && format != "json":
				return hint(fmt.Errorf("unknown output %q", format), "-o text or -o json")
			case file == "" && expect == "":
				return hint(errors.New("no events named"), "--event FILE, --event - for standard input, or --expect FILE")
			case file != "" && expect != "":
				return hint(errors.New("--event and --expect exclude each other"), "the events of --expect stand in its file")
			}
			docs, _, err := valid(cmd.Context(), args, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			m, err := newMatcher(docs)
			if err != nil {
				return err
			}
			name := cmp.Or(expect, file)
			in, err := input(name, cmd.InOrStdin())
			if err != nil {
				return err
			}
			out := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
			if expect != "" {
				err = m.test(name, in, out, format)
			} else {
				err = m.show(name, in, out, format)
			}
			return errors.Join(err, out.Flush(), in.Close())
		},
	}
	cmd.Flags().StringVar(&file, "event", "", "file with events, - for standard input")
	cmd.Flags().StringVar(&expect, "expect", "", "file with events and the routes that are to take them, - for standard input")
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return cmd
}

func input(name string, stdin io.Reader) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(fmt.Errorf("read events: %s is a folder", name), f.Close())
	}
	return f, nil
}

// matcher knows all routes of some documents, in their order.
type matcher struct {
	routes []matched
	index  *pattern.Index
	took   []int
	words  render.Misses
}

type matched struct {
	name    string // ROUTING/ROUTE
	short   string // ROUTE
	stream  string
	field   string // dotted path of the event type
	enabled bool
}

func newMatcher(docs []spec.EventRouting) (*matcher, error) {
	m := &matcher{}
	var sets []pattern.Set
	for _, d := range docs {
		own, err := d.Sets()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Metadata.Name, err)
		}
		sets = append(sets, own...)
		for _, r := range d.Resolve() {
			m.routes = append(m.routes, matched{
				name: d.Metadata.Name + "/" + r.Name, short: r.Name, stream: spec.BareName(d.Spec.Stream),
				field: d.Spec.EventType.Path, enabled: r.Enabled,
			})
		}
	}
	if len(sets) == 0 {
		return nil, errors.New("the documents have no route")
	}
	m.index = pattern.NewIndex(sets)
	return m, nil
}

// verdict is what the routes do with one event.
type verdict struct {
	takes []string
	other []refusal
}

// refusal is a route that does not get an event, and why.
type refusal struct {
	route  string
	reason string
	miss   *pattern.Miss // nil where the filter takes it
}

// decide says what the routes do with an event; why asks for the reasons.
func (m *matcher) decide(e event, why bool) verdict {
	var v verdict
	if e.note != "" {
		e.payload = nil // no JSON, whatever it looks like
	}
	m.took = m.index.Match(m.took[:0], e.payload)
	next := 0
	var misses map[string][]*pattern.Miss // by field
	for i, r := range m.routes {
		takes := next < len(m.took) && m.took[next] == i
		if takes {
			next++
		}
		switch {
		case e.stream != "" && e.stream != r.stream:
		case takes && r.enabled:
			v.takes = append(v.takes, r.name)
		case !why:
		case takes:
			v.other = append(v.other, refusal{route: r.name, reason: "the route is disabled; its filter takes the event, which waits until it expires"})
		default:
			if misses == nil {
				misses = map[string][]*pattern.Miss{}
			}
			if misses[r.field] == nil {
				misses[r.field] = m.index.Misses(e.payload, r.field)
			}
			miss := misses[r.field][i]
			v.other = append(v.other, refusal{route: r.name, reason: m.words.Text(miss), miss: miss})
		}
	}
	return v
}

// streams says whether any route reads a stream.
func (m *matcher) reads(stream string) bool {
	for _, r := range m.routes {
		if r.stream == stream {
			return true
		}
	}
	return false
}

// tally counts what became of events.
type tally struct{ once, dropped, more int }

func (t *tally) add(takes int) {
	switch takes {
	case 0:
		t.dropped++
	case 1:
		t.once++
	default:
		t.more++
	}
}

func (t *tally) String() string {
	return fmt.Sprintf("%s: %d taken once, %d taken by several routes, %d dropped.", plural(t.once+t.dropped+t.more, "event"), t.once, t.more, t.dropped)
}

// show writes what becomes of each event.
func (m *matcher) show(name string, in io.Reader, out io.Writer, format string) error {
	r := newEventReader(in)
	var t tally
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		v := m.decide(e, true)
		t.add(len(v.takes))
		if format == "json" {
			err = writeVerdict(out, e, v)
		} else {
			err = m.describe(out, e, v)
		}
		if err != nil {
			return err
		}
	}
	if t == (tally{}) {
		return hint(fmt.Errorf("%s holds no event", name), "one JSON value per line")
	}
	if format == "json" {
		return nil
	}
	_, err := fmt.Fprintln(out, t.String())
	return err
}

func (m *matcher) describe(out io.Writer, e event, v verdict) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", e, brief(e.payload))
	if e.note != "" {
		fmt.Fprintf(&b, "  ! %s\n", e.note)
	}
	for _, r := range v.takes {
		fmt.Fprintf(&b, "  + %s\n", r)
	}
	for _, r := range v.other {
		fmt.Fprintf(&b, "  - %s: %s\n", r.route, r.reason)
	}
	switch {
	case e.stream != "" && !m.reads(e.stream):
		fmt.Fprintf(&b, "  dropped: no document reads stream %s\n", e.stream)
	case len(v.takes) == 0:
		b.WriteString("  dropped: no route takes it\n")
	}
	_, err := io.WriteString(out, b.String()+"\n")
	return err
}

// verdictJSON is one line of -o json.
type verdictJSON struct {
	Line   int           `json:"line"`
	Record int           `json:"record,omitempty"`
	Stream string        `json:"stream,omitempty"`
	Note   string        `json:"note,omitempty"` // what is wrong with the event as it was read
	Routes []string      `json:"routes"`
	Others []refusalJSON `json:"others"`
}

type refusalJSON struct {
	Route  string            `json:"route"`
	Reason string            `json:"reason"`
	Path   string            `json:"path,omitempty"`
	Want   json.RawMessage   `json:"want,omitempty"`
	Got    []json.RawMessage `json:"got,omitempty"`
}

func writeVerdict(out io.Writer, e event, v verdict) error {
	j := verdictJSON{Line: e.line, Record: e.record, Stream: e.stream, Note: e.note, Routes: append([]string{}, v.takes...), Others: []refusalJSON{}}
	for _, r := range v.other {
		one := refusalJSON{Route: r.route, Reason: r.reason}
		if r.miss != nil && r.miss.Reason == pattern.Condition {
			one.Path, one.Want = r.miss.Path, json.RawMessage(r.miss.Want)
			for _, g := range r.miss.Got {
				if json.Valid([]byte(g)) { // one that was cut is not
					one.Got = append(one.Got, json.RawMessage(g))
				}
			}
		}
		j.Others = append(j.Others, one)
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(j)
}

// brief is the beginning of a payload, for people to know it again.
func brief(payload []byte) string {
	const most = 100
	text := render.Clean(string(payload[:min(len(payload), most)]))
	if len(payload) > most {
		text += fmt.Sprintf("... (%d bytes)", len(payload))
	}
	return text
}

package command

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// expectation is one line of --expect.
type expectation struct {
	event  json.RawMessage
	routes *[]string
}

const expectForm = `write {"event": EVENT, "routes": [NAME...]}`

// readExpectation reads one line. Keys are as they are written: encoding/json
// would take another case for them, and the last of two that are the same.
func readExpectation(text []byte) (x expectation, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return x, hint(errors.New("it is no JSON object"), expectForm)
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return x, hint(err, expectForm)
		}
		key, _ := t.(string)
		switch {
		case seen[key]:
			return x, hint(fmt.Errorf("%s is written twice", key), expectForm)
		case key == "event":
			err = d.Decode(&x.event)
		case key == "routes":
			err = d.Decode(&x.routes)
		default:
			err = fmt.Errorf("unknown field %q", key)
		}
		if err != nil {
			return x, hint(err, expectForm)
		}
		seen[key] = true
	}
	switch {
	case x.event == nil:
		return x, hint(errors.New("event is missing"), expectForm)
	case x.routes == nil:
		return x, hint(errors.New("routes is missing"), expectForm+"; [] for an event that is dropped")
	}
	return x, nil
}

// test holds what routes do against what is expected of them.
func (m *matcher) test(name string, in io.Reader, out io.Writer, format string) error {
	r := newEventReader(in)
	tested, failed := 0, 0
	for {
		text, err := r.value()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		e, want, err := m.expectation(text)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, text.line, err)
		}
		e.line, e.record = text.line, 0
		tested++
		v := m.decide(e, true)
		if slices.Equal(want, slices.Sorted(slices.Values(v.takes))) {
			continue
		}
		failed++
		if format == "json" {
			err = writeDifference(out, e, want, v)
		} else {
			err = describeDifference(out, name, e, want, v)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case tested == 0:
		return hint(fmt.Errorf("%s holds no event", name), `one {"event": EVENT, "routes": [NAME...]} per line`)
	case failed > 0 && format != "json":
		fmt.Fprintf(out, "Failed: %d of %s.\n", failed, plural(tested, "event"))
	case format != "json":
		fmt.Fprintf(out, "Passed: %s.\n", plural(tested, "event"))
	}
	if failed > 0 {
		return exit(exitError)
	}
	return nil
}

// expectation reads one line: its event, and the routes' names in full, sorted.
func (m *matcher) expectation(v value) (event, []string, error) {
	if v.note != "" || !json.Valid(v.text) {
		return event{}, nil, hint(errors.New(cmp.Or(v.note, "it is no JSON")), expectForm)
	}
	x, err := readExpectation(v.text)
	if err != nil {
		return event{}, nil, err
	}
	all := payloads(value{text: x.event})
	switch {
	case len(all) != 1:
		return event{}, nil, hint(fmt.Errorf("event is a batch of %d records", len(all)), "write one record or payload per line")
	case all[0].note != "":
		return event{}, nil, fmt.Errorf("event: %s", all[0].note)
	}
	want := []string{}
	for _, name := range *x.routes {
		full, err := m.fullName(name)
		if err != nil {
			return event{}, nil, err
		}
		want = append(want, full)
	}
	slices.Sort(want)
	return all[0], slices.Compact(want), nil
}

// fullName is ROUTING/ROUTE of a name that may be ROUTE alone.
func (m *matcher) fullName(name string) (string, error) {
	var found []string
	for _, r := range m.routes {
		if r.name == name || r.short == name {
			found = append(found, r.name)
		}
	}
	switch len(found) {
	case 0:
		return "", hint(fmt.Errorf("no document has a route %q", name), "the routes are %s", m.names())
	case 1:
		return found[0], nil
	}
	return "", hint(fmt.Errorf("several documents have a route %q", name), "write one of %s", strings.Join(found, ", "))
}

// names lists the routes, as far as a line goes.
func (m *matcher) names() string {
	const most = 20
	var all []string
	for _, r := range m.routes[:min(len(m.routes), most)] {
		all = append(all, r.name)
	}
	if n := len(m.routes) - most; n > 0 {
		all = append(all, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(all, ", ")
}

func describeDifference(out io.Writer, name string, e event, want []string, v verdict) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s\n", name, e.line, brief(e.payload))
	for _, r := range v.takes {
		if !slices.Contains(want, r) {
			fmt.Fprintf(&b, "  + %s takes it and is not expected to\n", r)
		}
	}
	for _, r := range want {
		if !slices.Contains(v.takes, r) {
			fmt.Fprintf(&b, "  - %s does not take it: %s\n", r, v.reason(r, e))
		}
	}
	_, err := io.WriteString(out, b.String()+"\n")
	return err
}

func (v *verdict) reason(route string, e event) string {
	for _, r := range v.other {
		if r.route == route {
			return r.reason
		}
	}
	return "it reads another stream than " + e.stream
}

// differenceJSON is one line of -o json with --expect.
type differenceJSON struct {
	Line   int      `json:"line"`
	Want   []string `json:"want"`
	Routes []string `json:"routes"`
}

func writeDifference(out io.Writer, e event, want []string, v verdict) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(differenceJSON{Line: e.line, Want: want, Routes: append([]string{}, v.takes...)})
}

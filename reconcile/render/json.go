package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/spec"
)

// formatVersion is of what [JSON] writes.
const formatVersion = "1.0"

type document struct {
	FormatVersion string           `json:"formatVersion"`
	At            time.Time        `json:"at"`
	Account       string           `json:"account"`
	Region        string           `json:"region"`
	Changes       []change         `json:"changes"`
	Held          []held           `json:"held"`
	Findings      []finding        `json:"findings"`
	Needs         []reconcile.Need `json:"needs"`
	Summary       summary          `json:"summary"`
}

type change struct {
	Action  reconcile.Action `json:"action"`
	Kind    reconcile.Kind   `json:"kind"`
	Address string           `json:"address"`
	Before  reconcile.Object `json:"before"`
	After   reconcile.Object `json:"after"`
	Needs   []string         `json:"needs"`
	Reason  string           `json:"reason"`
	Effect  string           `json:"effect"`
}

type held struct {
	change
	Why   reconcile.Why `json:"why"`
	Until *time.Time    `json:"until"`
}

// finding is a [spec.Finding] with every field written.
type finding struct {
	Severity spec.Severity `json:"severity"`
	Code     string        `json:"code"`
	Message  string        `json:"message"`
	Path     string        `json:"path"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
}

type summary struct {
	Changes  int        `json:"changes"`
	Create   int        `json:"create"`
	Register int        `json:"register"`
	Update   int        `json:"update"`
	Retire   int        `json:"retire"`
	Revive   int        `json:"revive"`
	Raise    int        `json:"raise"`
	Lower    int        `json:"lower"`
	Delete   int        `json:"delete"`
	Held     int        `json:"held"`
	Findings severities `json:"findings"`
}

type severities struct {
	Error   int `json:"error"`
	Warning int `json:"warning"`
	Info    int `json:"info"`
}

// JSON writes a plan as one indented JSON object in the format that the
// package describes.
func JSON(w io.Writer, p reconcile.Plan) error {
	d := document{
		FormatVersion: formatVersion,
		At:            p.At.UTC(), Account: p.Account, Region: p.Region,
		Changes:  make([]change, 0, len(p.Changes)),
		Held:     make([]held, 0, len(p.Held)),
		Findings: make([]finding, 0, len(p.Findings)),
		Needs:    make([]reconcile.Need, 0, len(p.Needs)),
		Summary:  summarize(p),
	}
	for _, c := range p.Changes {
		d.Changes = append(d.Changes, changeOf(c))
	}
	for _, h := range p.Held {
		one := held{change: changeOf(h.Change), Why: h.Why}
		if !h.Until.IsZero() {
			until := h.Until.UTC()
			one.Until = &until
		}
		d.Held = append(d.Held, one)
	}
	for _, f := range p.Findings {
		d.Findings = append(d.Findings, finding(f))
	}
	for _, n := range p.Needs {
		if n.Terms == nil {
			n.Terms = []reconcile.Term{}
		}
		d.Needs = append(d.Needs, n)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	if _, err := w.Write(cleanJSON(b.Bytes())); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

func changeOf(c reconcile.Change) change {
	needs := make([]string, 0, len(c.Needs))
	for _, a := range c.Needs {
		needs = append(needs, a.String())
	}
	return change{
		Action: c.Action, Kind: c.Addr.Kind, Address: c.Addr.Name,
		Before: c.Before, After: c.After, Needs: needs, Reason: c.Reason, Effect: c.Effect,
	}
}

func summarize(p reconcile.Plan) summary {
	s := summary{Changes: len(p.Changes), Held: len(p.Held)}
	for _, c := range p.Changes {
		switch c.Action {
		case reconcile.Create:
			s.Create++
		case reconcile.Register:
			s.Register++
		case reconcile.Update:
			s.Update++
		case reconcile.Retire:
			s.Retire++
		case reconcile.Revive:
			s.Revive++
		case reconcile.Raise:
			s.Raise++
		case reconcile.Lower:
			s.Lower++
		case reconcile.Delete:
			s.Delete++
		}
	}
	for _, f := range p.Findings {
		switch f.Severity {
		case spec.Error:
			s.Findings.Error++
		case spec.Warning:
			s.Findings.Warning++
		case spec.Info:
			s.Findings.Info++
		}
	}
	return s
}

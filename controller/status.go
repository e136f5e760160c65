package controller

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

// statusVersion is of the form of [Status].
const statusVersion = "1.0"

// Status is what the controller knows, as /api/v1/status says it.
type Status struct {
	FormatVersion string          `json:"formatVersion"`
	At            time.Time       `json:"at"`
	Version       string          `json:"version"`
	Commit        string          `json:"commit"`
	Since         time.Time       `json:"since"` // when the process began
	Owner         string          `json:"owner"`
	DryRun        bool            `json:"dryRun"`
	Documents     DocumentsStatus `json:"documents"`
	Places        []PlaceStatus   `json:"places"`
}

// DocumentsStatus is about the documents in force.
type DocumentsStatus struct {
	Digest   string         `json:"digest"`
	Commit   string         `json:"commit,omitempty"`
	Loaded   *time.Time     `json:"loaded"` // null while none are in force
	Routings []string       `json:"routings"`
	Partial  bool           `json:"partial"` // those with an error are missing, for there never was a good set
	Trouble  *TroubleStatus `json:"trouble"` // why newer ones are not in force; null for none
}

// TroubleStatus is why the newest documents are not in force.
type TroubleStatus struct {
	Since    time.Time      `json:"since"`
	Message  string         `json:"message"`
	Findings []spec.Finding `json:"findings"`
}

// PlaceStatus is about one account and region.
type PlaceStatus struct {
	Name       string          `json:"name"`
	Conditions []Condition     `json:"conditions"`
	Running    *Pass           `json:"running"` // null when no pass is being made
	Next       *NextPass       `json:"next"`
	Failing    []Failing       `json:"failing"`
	Passes     []Pass          `json:"passes"` // the newest first
	Status     json.RawMessage `json:"status"` // as status -o json prints it; null before the first pass
	Plan       json.RawMessage `json:"plan"`   // as plan -o json prints it; null before the first pass
}

// NextPass is when a pass is due by itself, and why.
type NextPass struct {
	At      time.Time `json:"at"`
	Trigger Trigger   `json:"trigger"`
}

// Failing is a routing, or the reservation of a function, that is left alone
// for a while because it failed.
type Failing struct {
	Name     string    `json:"name"`
	Attempts int       `json:"attempts"`
	Until    time.Time `json:"until"`
	Error    string    `json:"error"`
}

// Status is what is known now. It makes no call.
func (c *Controller) Status() (Status, error) {
	s := Status{
		FormatVersion: statusVersion, At: time.Now().UTC(), Version: c.o.Build.Version, Commit: c.o.Build.Commit, Since: c.began.UTC(),
		Owner: c.o.Pass.Owner, DryRun: c.o.DryRun, Documents: c.documents(), Places: []PlaceStatus{},
	}
	for _, w := range c.all() {
		p, err := placeStatus(w.look())
		if err != nil {
			return Status{}, err
		}
		s.Places = append(s.Places, p)
	}
	return s, nil
}

func (c *Controller) documents() DocumentsStatus {
	s := c.inForce()
	d := DocumentsStatus{Digest: s.digest, Commit: s.docs.Commit, Partial: s.partial, Routings: []string{}}
	if !s.at.IsZero() {
		at := s.at.UTC()
		d.Loaded = &at
	}
	for _, doc := range s.docs.Docs {
		d.Routings = append(d.Routings, doc.Metadata.Name)
	}
	if t := s.trouble(); t != nil {
		d.Trouble = &TroubleStatus{Since: t.Since.UTC(), Message: t.Message, Findings: append([]spec.Finding{}, t.Findings...)}
	}
	return d
}

func placeStatus(v view) (PlaceStatus, error) {
	p := PlaceStatus{Name: v.name, Conditions: v.conditions, Running: v.running, Failing: []Failing{}, Passes: append([]Pass{}, v.passes...)}
	slices.Reverse(p.Passes)
	if !v.next.IsZero() {
		p.Next = &NextPass{At: v.next.UTC(), Trigger: v.nextTrigger}
	}
	for _, name := range slices.Sorted(maps.Keys(v.failing)) {
		f := v.failing[name]
		p.Failing = append(p.Failing, Failing{Name: name, Attempts: f.n, Until: f.until.UTC(), Error: f.err})
	}
	if v.plan.At.IsZero() {
		return p, nil
	}
	var status, plan bytes.Buffer
	if err := render.StatusJSON(&status, v.status); err != nil {
		return p, err
	}
	if err := render.JSON(&plan, v.plan); err != nil {
		return p, err
	}
	p.Status, p.Plan = status.Bytes(), plan.Bytes()
	return p, nil
}

package command

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/render"
	"github.com/eventrouting/eventrouting/spec"
)

// savedFormat is the version of the file that plan --out writes.
const savedFormat = "1.0"

// maxSaved is more bytes than any plan has that people can review.
const maxSaved = 64 << 20

// savedFile is a plan on disk: what was planned, and all that planning it again
// takes but for what is live. It holds no credentials and nothing of the
// environment.
type savedFile struct {
	FormatVersion string          `json:"formatVersion"`
	Version       string          `json:"version"` // of the program that wrote it
	Digest        string          `json:"digest"`  // of Content without white space
	Content       json.RawMessage `json:"content"`
}

// saved is the content of a [savedFile].
type saved struct {
	Options   savedOptions    `json:"options"`
	Documents []savedDocument `json:"documents"`
	Plans     []savedPlan     `json:"plans"` // one for each account and region
}

// savedOptions are what the operator decided.
type savedOptions struct {
	Owner         string   `json:"owner"`
	RespectManual string   `json:"respectManual"`
	AllowDeletes  int      `json:"allowDeletes"`
	AssumeDrained []string `json:"assumeDrained"`
	Prune         bool     `json:"prune"`
	KeepFree      int      `json:"keepFree"`
	Only          []string `json:"only,omitempty"`
}

// savedDocument is a file of documents, as people call it.
type savedDocument struct {
	File string `json:"file"`
	Text string `json:"text"`
}

// savedPlan is the plan of one place, as -o json shows it.
type savedPlan struct {
	Role   string          `json:"assumeRole"`
	Region string          `json:"region"` // that calls go to
	Plan   json.RawMessage `json:"plan"`
}

// planned is what of a plan's JSON counts when it is compared.
type planned struct {
	At      time.Time         `json:"at"`
	Account string            `json:"account"`
	Region  string            `json:"region"`
	Changes []json.RawMessage `json:"changes"`
	Held    []savedHeld       `json:"held"`
}

// savedHeld is one held change as JSON.
type savedHeld struct {
	Action  string `json:"action"`
	Kind    string `json:"kind"`
	Address string `json:"address"`
}

func optionsToSave(o reconcile.Options) savedOptions {
	return savedOptions{
		Owner: o.Owner, RespectManual: o.RespectManual.String(), AllowDeletes: o.AllowDeletes,
		AssumeDrained: append([]string{}, o.AssumeDrained...), Prune: o.Prune, KeepFree: o.KeepFree, Only: o.Only,
	}
}

func (s savedOptions) options() (reconcile.Options, error) {
	respect, err := time.ParseDuration(s.RespectManual)
	if err != nil {
		return reconcile.Options{}, fmt.Errorf("respectManual: %w", err)
	}
	o := reconcile.Options{
		Owner: s.Owner, RespectManual: respect, AllowDeletes: s.AllowDeletes,
		AssumeDrained: s.AssumeDrained, Prune: s.Prune, KeepFree: s.KeepFree, Only: s.Only,
	}
	return o, checkOptions(o)
}

// planJSON is a plan as -o json shows it, without white space.
func planJSON(p reconcile.Plan) (json.RawMessage, error) {
	var shown, b bytes.Buffer
	if err := render.JSON(&shown, p); err != nil {
		return nil, err
	}
	if err := json.Compact(&b, shown.Bytes()); err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	return b.Bytes(), nil
}

// plain is v as JSON in which <, > and & stand for themselves.
func plain(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	return b.Bytes(), nil
}

// digestOf is the same however content is laid out.
func digestOf(content []byte) (string, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, content); err != nil {
		return "", err
	}
	sum := sha256.Sum256(b.Bytes())
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// encode is the text of a plan file.
func (s saved) encode() ([]byte, error) {
	content, err := plain(s, "")
	if err != nil {
		return nil, err
	}
	f := savedFile{FormatVersion: savedFormat, Version: versionText(), Content: content}
	if f.Digest, err = digestOf(content); err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	return plain(f, "  ")
}

// errDamaged says that a plan file is not what plan --out wrote.
var errDamaged = errors.New("it is damaged or was edited")

// decodeSaved reads the text of a plan file. Whatever plan --out of this
// version did not write is an error.
func decodeSaved(text []byte) (saved, error) {
	var f savedFile
	if err := json.Unmarshal(text, &f); err != nil {
		if f.FormatVersion == "" {
			return saved{}, fmt.Errorf("that is no plan of plan --out: %w", err)
		}
		return saved{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	switch {
	case f.FormatVersion == "" || f.Digest == "" || len(f.Content) == 0:
		return saved{}, errors.New("that is no plan of plan --out")
	case f.FormatVersion != savedFormat:
		return saved{}, fmt.Errorf("its format is %.20q, and this version reads %q", f.FormatVersion, savedFormat)
	case f.Version != versionText():
		return saved{}, fmt.Errorf("%.80q wrote it, and this is %q", f.Version, versionText())
	}
	digest, err := digestOf(f.Content)
	switch {
	case err != nil:
		return saved{}, fmt.Errorf("%w: %w", errDamaged, err)
	case digest != f.Digest:
		return saved{}, fmt.Errorf("%w: its digest is another", errDamaged)
	}
	var s saved
	d := json.NewDecoder(bytes.NewReader(f.Content))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return saved{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if len(s.Plans) == 0 || len(s.Documents) == 0 {
		return saved{}, fmt.Errorf("%w: it holds no plan", errDamaged)
	}
	for _, p := range s.Plans {
		if _, err := p.read(); err != nil {
			return saved{}, err
		}
	}
	return s, nil
}

// read is what of a saved plan counts.
func (s savedPlan) read() (planned, error) {
	var p planned
	if err := json.Unmarshal(s.Plan, &p); err != nil {
		return p, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if p.At.IsZero() {
		return p, fmt.Errorf("%w: it does not say when it was made", errDamaged)
	}
	return p, nil
}

// readSaved reads a plan file.
func readSaved(name string) (saved, error) {
	s, err := func() (saved, error) {
		f, err := os.Open(name)
		if err != nil {
			return saved{}, pathless(err)
		}
		defer func() { _ = f.Close() }() // only read: nothing is lost
		info, err := f.Stat()
		switch {
		case err != nil:
			return saved{}, pathless(err)
		case !info.Mode().IsRegular():
			return saved{}, errors.New("that is no file")
		case info.Size() > maxSaved:
			return saved{}, fmt.Errorf("it is bigger than %d MiB", maxSaved>>20)
		}
		text, err := io.ReadAll(io.LimitReader(f, maxSaved))
		if err != nil {
			return saved{}, pathless(err)
		}
		return decodeSaved(text)
	}()
	if err != nil {
		return s, hint(fmt.Errorf("read plan %s: %w", name, err), "make it anew: eventrouting plan --out %s PATH...", name)
	}
	return s, nil
}

// pathless is an error without the path, which stands before it already.
func pathless(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// write puts a plan into a file that only its owner can read, whole or not at
// all.
func (s saved) write(name string) error {
	text, err := s.encode()
	if err != nil {
		return err
	}
	if len(text) > maxSaved {
		return fmt.Errorf("write plan %s: it has more than %d MiB: plan fewer documents at a time", name, maxSaved>>20)
	}
	if err := replaceFile(name, text); err != nil {
		return fmt.Errorf("write plan %s: %w", name, pathless(err))
	}
	return nil
}

func replaceFile(name string, text []byte) error {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return errors.New("something else than a file is there")
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".plan-*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// savedDocuments reads the files that documents came from.
func savedDocuments(docs []spec.EventRouting) ([]savedDocument, error) {
	var all []savedDocument
	for _, d := range docs {
		name := d.Origin.File
		if slices.ContainsFunc(all, func(s savedDocument) bool { return s.File == name }) {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, pathless(err))
		}
		all = append(all, savedDocument{File: name, Text: string(text)})
	}
	return all, nil
}

// open is [cloud.open] that keeps the documents: what is planned is what was
// kept, and not what stands in the files a moment later.
func (s *saved) open(c *cloud) func(*cobra.Command, []string) ([]place, [][]spec.Finding, error) {
	return func(cmd *cobra.Command, args []string) ([]place, [][]spec.Finding, error) {
		docs, found, err := valid(cmd.Context(), args, cmd.ErrOrStderr())
		if err != nil {
			return nil, nil, err
		}
		if s.Documents, err = savedDocuments(docs); err != nil {
			return nil, nil, err
		}
		kept, again := savedFiles(s.Documents).load()
		if !reflect.DeepEqual(kept, docs) {
			return nil, nil, hint(errors.New("the documents changed while they were read"), "plan again")
		}
		for _, f := range found { // about files without a document, too
			if !slices.Contains(again, f) {
				again = append(again, f)
			}
		}
		return c.sorted(cmd.Context(), kept, again)
	}
}

// save keeps the plans of places, and writes all of it to a file.
func (s *saved) save(name string, places []place, plans []reconcile.Plan) error {
	for i, p := range plans {
		text, err := planJSON(p)
		if err != nil {
			return err
		}
		s.Plans = append(s.Plans, savedPlan{Role: places[i].role, Region: places[i].region, Plan: text})
	}
	return s.write(name)
}

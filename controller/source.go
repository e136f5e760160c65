package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventrouting/eventrouting/spec"
)

const (
	// digestTimeout is how long a source may take to say whether something changed,
	// and loadTimeout how long to give it out.
	digestTimeout = 30 * time.Second
	loadTimeout   = 10 * time.Minute
	// sourcePatience is how long passes that somebody asks for wait for the newest
	// documents.
	sourcePatience = 10 * time.Second
)

var errSourceTimeout = errors.New("no answer in time")

// Source is where documents come from.
type Source interface {
	// Digest says in a few bytes what the documents are now. It is asked every
	// few seconds; while it stays the same they are not loaded again. Both return
	// soon after their context has ended.
	Digest(ctx context.Context) (string, error)
	// Load reads the documents. What is wrong with them is a finding; an error is
	// about getting at them at all.
	Load(ctx context.Context) (Documents, error)
}

// Documents are what a [Source] has loaded.
type Documents struct {
	Docs     []spec.EventRouting // those without an error
	Findings []spec.Finding
	Commit   string // of the repository that they are from; empty for none
}

// Trouble is why the newest documents are not in force.
type Trouble struct {
	Since    time.Time
	Message  string
	Findings []spec.Finding // those of documents that did not load
}

// newTrouble is trouble that may have begun before.
func newTrouble(before *Trouble, message string, findings []spec.Finding) *Trouble {
	t := &Trouble{Since: time.Now(), Message: message, Findings: findings}
	if before != nil {
		t.Since = before.Since
	}
	return t
}

// sources are the documents in force and those that are not.
type sources struct {
	docs    Documents
	digest  string    // of docs
	at      time.Time // when docs were loaded; zero while none are in force
	partial bool      // docs lack those with an error, for there never was a good set

	tried  string   // digest of what was loaded last, whatever came of it
	unread *Trouble // the source does not answer
	wrong  *Trouble // what it gave last does not load
}

// trouble is what there is; nil for none.
func (s *sources) trouble() *Trouble {
	if s.unread != nil {
		return s.unread
	}
	return s.wrong
}

// findings are those of the documents in force that belong to a place; what
// belongs to none is the first one's.
func (s *sources) findings(places []Place, at int) []spec.Finding {
	var all []spec.Finding
	for _, f := range s.docs.Findings {
		home := 0
		for i, p := range places {
			if slices.ContainsFunc(p.Docs, func(d spec.EventRouting) bool { return d.Origin.File == f.File }) {
				home = i
			}
		}
		if home == at {
			all = append(all, f)
		}
	}
	return all
}

// Trouble is why the newest documents are not in force; nil when they are.
func (c *Controller) Trouble() *Trouble {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sources.trouble()
}

// inForce are the documents in force.
func (c *Controller) inForce() sources {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sources
}

// reload takes over documents that have changed. What does not load changes
// nothing but what status says.
func (c *Controller) reload(ctx context.Context) {
	before := c.Trouble()
	places, err := c.load(ctx)
	if ctx.Err() != nil {
		return
	}
	after := c.Trouble()
	if err != nil && (before == nil || before.Message != after.Message) {
		c.o.Log.Error("documents", "err", after.Message)
		for _, f := range after.Findings {
			c.o.Log.Error("document", "err", f.String())
		}
	}
	if places == nil {
		if before != nil && after == nil {
			c.o.Log.Info("documents", "digest", c.inForce().digest, "commit", c.inForce().docs.Commit)
		}
		for _, w := range c.all() {
			w.troubled(after)
		}
		return
	}
	s := c.inForce()
	c.o.Log.Info("documents", "documents", len(s.docs.Docs), "digest", s.digest, "commit", s.docs.Commit, "places", len(places))
	c.warn(places)
	added, gone := c.place(places)
	for _, w := range gone {
		w.cancel()
	}
	for _, w := range gone {
		w.running.Wait() // should the place come back it must not have two writers
	}
	for _, w := range c.all() {
		if !slices.Contains(added, w) {
			w.trigger(TriggerFile)
		}
	}
	for _, w := range added {
		w.start(ctx)
	}
}

// load reads the documents if they have changed and returns their places; none
// when what is in force stays so. An error is trouble.
func (c *Controller) load(ctx context.Context) ([]Place, error) {
	digest, err := c.digest(ctx)
	if err != nil {
		return nil, c.unread(err)
	}
	c.mu.Lock()
	known := digest == c.sources.tried
	c.sources.unread = nil
	c.mu.Unlock()
	if known {
		return nil, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, loadTimeout, errSourceTimeout)
	defer cancel()
	docs, err := c.o.Source.Load(ctx)
	if err != nil {
		return nil, c.unread(err)
	}
	if len(docs.Docs) == 0 {
		return c.take(digest, docs, nil, errors.New("there is no document"))
	}
	places, err := c.o.Places(ctx, docs.Docs)
	return c.take(digest, docs, places, err)
}

func (c *Controller) digest(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, digestTimeout, errSourceTimeout)
	defer cancel()
	return c.o.Source.Digest(ctx)
}

// take puts documents in force, if nothing is wrong with them or there is
// nothing better; wrong is why they have no places. It returns the places of
// what it put in force, and what is wrong.
func (c *Controller) take(digest string, docs Documents, places []Place, wrong error) ([]Place, error) {
	errs := slices.DeleteFunc(slices.Clone(docs.Findings), func(f spec.Finding) bool { return f.Severity != spec.Error })
	if len(errs) > 0 {
		wrong = ErrDocuments
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.sources
	before := s.wrong
	s.tried, s.wrong = digest, nil
	if wrong != nil {
		s.wrong = newTrouble(before, wrong.Error(), errs)
		if len(errs) == 0 && len(docs.Docs) > 0 {
			s.tried = "" // it is about the AWS settings, which can change without them
		}
		if !s.at.IsZero() && !s.partial || len(places) == 0 {
			return nil, wrong
		}
	}
	// Without a good set before, what does load is better than nothing.
	s.docs, s.digest, s.at, s.partial = docs, digest, time.Now(), wrong != nil
	return places, wrong
}

// unread notes that the source does not answer.
func (c *Controller) unread(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources.unread = newTrouble(c.sources.unread, err.Error(), nil)
	return fmt.Errorf("load documents: %w", err)
}

package controller

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	maxBody   = 64 << 10 // bytes of a request
	maxHeader = 16 << 10
)

// Token gives the bearer token that writes need; empty when there is none, and
// then nobody may write.
type Token func() (string, error)

// NewServer serves a handler with limits on time and size.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(h, maxBody),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
	}
}

// Handler answers everything that the daemon is asked over HTTP. root serves
// what is at / and below and has no other place; nil is a text that names the
// endpoints.
func (c *Controller) Handler(token Token, root http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", c.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.metrics.registry, promhttp.HandlerOpts{
		Registry: c.metrics.registry, MaxRequestsInFlight: 4, Timeout: 20 * time.Second,
	}))
	mux.HandleFunc("GET /api/v1/status", c.status)
	mux.Handle("POST /reconcile", guarded(token, http.HandlerFunc(c.reconcile)))
	if root == nil {
		root = http.HandlerFunc(index)
	}
	mux.Handle("GET /", root)
	return headed(mux)
}

// headed sets what every answer carries.
func headed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("X-Frame-Options", "DENY")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

// guarded lets those through who know the token.
func guarded(token Token, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want, err := token()
		scheme, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		switch {
		case err != nil:
			answer(w, http.StatusInternalServerError, "the token cannot be read\n") // the log of the start says where from
		case want == "":
			answer(w, http.StatusForbidden, "no token is configured, so nobody may write: --token-file, or EVENTROUTING_TOKEN\n")
		case !strings.EqualFold(scheme, "Bearer") || !same(got, want):
			w.Header().Set("WWW-Authenticate", `Bearer realm="eventrouting"`)
			answer(w, http.StatusUnauthorized, "this needs Authorization: Bearer TOKEN\n")
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// same compares in a time that tells neither where two texts differ nor how
// long the other is.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // who does not read the answer does not want it
}

func index(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	answer(w, http.StatusOK, `eventrouting run

GET  /healthz         the process runs
GET  /readyz          passes are being completed
GET  /metrics         for Prometheus
GET  /api/v1/status   what is, what is held and why, the plan, the last passes
POST /reconcile       a pass now; needs the token
`)
}

// readyz says whether every place has completed a pass lately.
func (c *Controller) readyz(w http.ResponseWriter, _ *http.Request) {
	text, status := "", http.StatusOK
	all := c.all()
	for _, worker := range all {
		v := worker.look()
		ready := v.conditions[0]
		if !ready.Status {
			status = http.StatusServiceUnavailable
		}
		text += fmt.Sprintf("%s: %s\n", v.name, ready.Message)
	}
	if len(all) == 0 {
		status, text = http.StatusServiceUnavailable, "no documents are in force\n"
	}
	answer(w, status, text)
}

// reconcile has passes made. The body means nothing, but has a limit.
func (c *Controller) reconcile(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		answer(w, http.StatusRequestEntityTooLarge, "the body is too long\n")
		return
	}
	c.Trigger(TriggerHTTP)
	answer(w, http.StatusAccepted, "passes are on their way: GET /api/v1/status\n")
}

func (c *Controller) status(w http.ResponseWriter, _ *http.Request) {
	s, err := c.Status()
	if err != nil {
		answer(w, http.StatusInternalServerError, "the status cannot be written\n")
		c.o.Log.Error("status", "err", err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(s) // who does not read the answer does not want it
}

// Package page is the status page of the controller: one document, one style
// sheet and one script, which asks /api/v1/status again and again. It needs no
// internet, and nothing that another site has is loaded.
package page

import (
	"bytes"
	"embed"
	"net/http"
	"path"
	"time"
)

//go:embed static
var static embed.FS

// policy lets the page load what stands beside it and nothing else; nothing of it
// is written in line, and no other site may frame it.
// https://developer.mozilla.org/docs/Web/HTTP/CSP
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page at / and its files below. Everything else is not found.
func Handler() http.Handler {
	files := map[string]string{"/": "index.html", "/page.css": "page.css", "/page.js": "page.js", "/icon.svg": "icon.svg"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		content, err := static.ReadFile(path.Join("static", name))
		if err != nil {
			http.Error(w, "the page cannot be read", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}

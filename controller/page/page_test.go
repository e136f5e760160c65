package page_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/eventrouting/eventrouting/controller/page"
)

// site is the page beside a status that the test changes, and what was asked of it.
type site struct {
	*httptest.Server
	mu     sync.Mutex
	status string
	down   bool
	posted []string // tokens
}

// anything is a part of a JSON document.
type anything = map[string]any

// newSite serves a status that the controller gave once, edited.
func newSite(t *testing.T, edits ...func(place anything)) *site {
	t.Helper()
	s := &site{}
	s.change(t, edits...)
	root := page.Handler()
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case r.Method == http.MethodPost:
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			s.posted = append(s.posted, token)
			w.WriteHeader(map[bool]int{true: http.StatusAccepted, false: http.StatusUnauthorized}[token == "right"])
		case r.URL.Path == "/api/v1/status" && s.down:
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/api/v1/status":
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(s.status))
		default:
			root.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// change edits the status that is served: of its first place.
func (s *site) change(t *testing.T, edits ...func(place anything)) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "status.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v anything
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for _, edit := range edits {
		edit(v["places"].([]any)[0].(anything))
	}
	text, err = json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = string(text)
}

func route(place anything, i int) anything {
	return place["status"].(anything)["routes"].([]any)[i].(anything)
}

// browser is a headless Chromium, or the end of the test where there is none.
func browser(t *testing.T, width, height int64) context.Context {
	t.Helper()
	found := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if p, err := exec.LookPath(name); err == nil {
			found = p
			break
		}
	}
	if found == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no Chromium, and CI needs one: apt-get install chromium")
		}
		t.Skip("no Chromium here: apt-get install chromium")
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(found), chromedp.NoSandbox, chromedp.WindowSize(int(width), int(height)))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), o...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	do(t, ctx, chromedp.EmulateViewport(width, height))
	return ctx
}

func do(t *testing.T, ctx context.Context, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// text waits for a text on the page, and is the page's then.
func text(t *testing.T, ctx context.Context, want string) string {
	t.Helper()
	quoted, _ := json.Marshal(want)
	var all string
	err := chromedp.Run(ctx,
		chromedp.Poll(`document.body.innerText.includes(`+string(quoted)+`)`, nil, chromedp.WithPollingTimeout(20*time.Second)),
		chromedp.Evaluate(`document.body.innerText`, &all))
	if err != nil {
		_ = chromedp.Run(ctx, chromedp.Evaluate(`document.body.innerText`, &all))
		t.Fatalf("waiting for %q: %v\n%s", want, err, all)
	}
	return all
}

// picture keeps a picture of the page where PICTURES says.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("PICTURES")
	if dir == "" {
		return
	}
	var png []byte
	do(t, ctx, chromedp.FullScreenshot(&png, 100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPage shows what is, and goes on by itself when that changes.
func TestPage(t *testing.T) {
	s := newSite(t)
	ctx := browser(t, 1280, 900)
	do(t, ctx, chromedp.Navigate(s.URL))
	all := text(t, ctx, "orders/payments")
	for _, want := range []string{
		"orders-events -> order-processor:orders--payments", "4 shards × 4 mappings × 1 = 16", "16 needed, 16 reserved",
		"4 of 5 reads a second and shard", "Nothing to change.", "read-budget", "account 000000000000", "9 changes",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not on the page:\n%s", want, all)
		}
	}
	picture(t, ctx, "light")
	s.change(t, func(p anything) { route(p, 0)["state"] = "Disabled" }, held)
	all = text(t, ctx, "Disabled")
	if want := "it goes on beside orders/refunds"; !strings.Contains(all, want) {
		t.Errorf("%q is not on the page:\n%s", want, all)
	}
	picture(t, ctx, "held")
	s.mu.Lock()
	s.down = true
	s.mu.Unlock()
	text(t, ctx, "The controller cannot be reached since")
	s.mu.Lock()
	s.down = false
	s.mu.Unlock()
	text(t, ctx, "up to date at")
}

// held is something that waits, something that is planned, and a failure.
func held(p anything) {
	p["plan"].(anything)["held"] = []any{anything{
		"action": "retire", "kind": "mapping", "address": "orders/payments", "why": "taker",
		"reason": "it goes on beside orders/refunds until it is known to have read past where that began: its lag has to be read", "until": "2026-11-24T18:00:00Z",
	}}
	p["plan"].(anything)["changes"] = []any{anything{"action": "update", "kind": "mapping", "address": "orders/shipping", "reason": "it differs from the document", "effect": "position kept"}}
	p["failing"] = []any{anything{"name": "orders", "attempts": 2, "until": "2026-11-24T18:00:00Z", "error": "AWS said no"}}
	f := p["status"].(anything)["functions"].([]any)[0].(anything)
	f["need"], f["reserved"] = 20, 16
	for _, c := range p["conditions"].([]any) {
		if c := c.(anything); c["type"] == "CapacitySufficient" {
			c["status"], c["message"] = false, "function order-processor lacks 4 concurrent executions"
		}
	}
}

// TestPhone fits the page to a small screen, also with long names.
func TestPhone(t *testing.T) {
	long := strings.Repeat("a-long-name", 9)
	s := newSite(t, held, func(p anything) {
		route(p, 1)["name"], route(p, 1)["key"] = "orders/"+long, "orders-events -> order-processor:orders--"+long
	})
	ctx := browser(t, 360, 740)
	do(t, ctx, chromedp.Navigate(s.URL))
	text(t, ctx, long)
	var wide float64
	do(t, ctx, chromedp.Evaluate(`document.documentElement.scrollWidth`, &wide))
	if wide > 360 {
		t.Errorf("the page is %v wide, on a screen of 360", wide)
	}
	picture(t, ctx, "phone")
}

// TestDark follows what the system prefers, with text that can be read.
func TestDark(t *testing.T) {
	s := newSite(t, held)
	ctx := browser(t, 1280, 900)
	do(t, ctx, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}), chromedp.Navigate(s.URL))
	text(t, ctx, "orders/payments")
	picture(t, ctx, "dark")
	// Contrast as WCAG measures it, of each word with a colour of its own.
	const contrast = `(() => {
	  const light = c => { const [r, g, b] = c.match(/[\d.]+/g).map(Number).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!c.includes("rgba") ) return c; } return "rgb(255, 255, 255)"; };
	  let least = 99;
	  for (const e of document.querySelectorAll(".word, .chip, .note, .dim, td, th, h3, button, #alert:not([hidden])")) {
	    if (!e.innerText.trim()) continue;
	    const [x, y] = [light(getComputedStyle(e).color), light(behind(e))];
	    least = Math.min(least, (Math.max(x, y) + .05) / (Math.min(x, y) + .05));
	  }
	  return least; })()`
	for _, scheme := range []string{"dark", "light"} {
		var least float64
		do(t, ctx, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}), chromedp.Evaluate(contrast, &least))
		if least < 4.5 {
			t.Errorf("%s: a contrast of %.2f, and 4.5 is the least that can be read well", scheme, least)
		}
	}
	var paper string
	do(t, ctx, chromedp.Evaluate(`getComputedStyle(document.body).backgroundColor`, &paper))
	if paper != "rgb(251, 250, 247)" {
		t.Errorf("light is %s", paper)
	}
}

// TestHostile writes markup into every text there is: it is shown, and nothing else.
func TestHostile(t *testing.T) {
	const hostile = `<img src=x onerror="window.taken=1"><script>window.taken=1</script>`
	var poison func(v any) any
	poison = func(v any) any {
		switch v := v.(type) {
		case string:
			if _, err := time.Parse(time.RFC3339, v); err != nil {
				return v + hostile
			}
		case []any:
			for i := range v {
				v[i] = poison(v[i])
			}
		case anything:
			for k := range v {
				v[k] = poison(v[k])
			}
		}
		return v
	}
	s := newSite(t, held, func(p anything) { poison(p) })
	ctx := browser(t, 1280, 900)
	do(t, ctx, chromedp.Navigate(s.URL))
	all := text(t, ctx, "orders/payments")
	var markup int
	var taken bool
	do(t, ctx, chromedp.Evaluate(`document.querySelectorAll("main img, main script").length`, &markup), chromedp.Evaluate(`"taken" in window`, &taken))
	if markup > 0 || taken || !strings.Contains(all, hostile) {
		t.Errorf("%d elements came out of text, taken: %v, shown: %v", markup, taken, strings.Contains(all, hostile))
	}
}

// TestKeyboard goes through the page with the keyboard alone: a pass is opened, and
// stays so when the page is drawn anew; then a wrong token, and the right one.
func TestKeyboard(t *testing.T) {
	s := newSite(t)
	ctx := browser(t, 1280, 900)
	do(t, ctx, chromedp.Navigate(s.URL))
	text(t, ctx, "9 changes")
	focused := func() string {
		var tag string
		do(t, ctx, chromedp.Evaluate(`document.activeElement.tagName + " " + (document.activeElement.id || document.activeElement.innerText)`, &tag))
		return tag
	}
	reach := func(want string) {
		t.Helper()
		for range 30 {
			do(t, ctx, chromedp.KeyEvent(kb.Tab))
			if strings.Contains(focused(), want) {
				return
			}
		}
		t.Fatalf("no way to %q, but to %q", want, focused())
	}
	reach("9 changes")
	do(t, ctx, chromedp.KeyEvent(kb.Enter))
	text(t, ctx, "create mapping orders/payments")
	s.change(t, func(p anything) { route(p, 0)["state"] = "Disabled" })
	text(t, ctx, "Disabled")
	if all := text(t, ctx, "create mapping orders/payments"); !strings.Contains(focused(), "9 changes") {
		t.Errorf("the focus went to %q\n%s", focused(), all)
	}
	reach("Reconcile now")
	do(t, ctx, chromedp.KeyEvent(kb.Enter))
	reach("token")
	do(t, ctx, chromedp.KeyEvent("wrong"), chromedp.KeyEvent(kb.Enter))
	text(t, ctx, "That is not the token of this controller.")
	do(t, ctx, chromedp.SetValue("#token", "right", chromedp.ByID), chromedp.Focus("#token", chromedp.ByID), chromedp.KeyEvent(kb.Enter))
	text(t, ctx, "Passes are on their way.")
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Join(s.posted, " ") != "wrong right" {
		t.Errorf("posted with %q", s.posted)
	}
}

// TestPolicy checks what the page may load: what stands beside it. Nothing else is
// served, and nothing in it is written in line.
func TestPolicy(t *testing.T) {
	h := page.Handler()
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	for _, path := range []string{"/", "/page.css", "/page.js", "/icon.svg"} {
		w := ask(path)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'; style-src 'self';") {
			t.Errorf("%s: %d, %v", path, w.Code, w.Header())
		}
		for _, wrong := range []string{"style=\"", "onclick", "innerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if strings.Contains(w.Body.String(), wrong) {
				t.Errorf("%s has %s", path, wrong)
			}
		}
	}
	for _, path := range []string{"/static/index.html", "/page.go", "/..", "/x"} {
		if w := ask(path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

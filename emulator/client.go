package emulator

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// Client returns an HTTP client that hands each request to the server in
// memory: no listener, no goroutine left behind, and virtual time in a
// testing/synctest bubble. Give it to an SDK client as its HTTPClient, with any
// BaseEndpoint.
func (s *Server) Client() Client { return Client{s} }

// Client is what the SDK asks of an HTTP client, served by a [Server].
type Client struct{ server *Server }

// Do answers one request. A lost answer is an error, as it is on a network.
func (c Client) Do(r *http.Request) (resp *http.Response, err error) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in := r.Clone(ctx)
	in.Body = http.NoBody
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close() // its bytes are all here
		if err != nil {
			return nil, err
		}
		in.Body = io.NopCloser(bytes.NewReader(body))
	}
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if e, ok := p.(error); !ok || !errors.Is(e, http.ErrAbortHandler) {
			panic(p)
		}
		resp, err = nil, errNoAnswer
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}()
	w := recorder{header: http.Header{}}
	c.server.ServeHTTP(&w, in)
	return w.response(r), nil
}

// recorder keeps an answer. That of net/http/httptest would bring a flag into
// every program that serves the emulator in process.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) { w.status = status }

func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }

func (w *recorder) response(r *http.Request) *http.Response {
	return &http.Response{
		Status:        strconv.Itoa(w.status) + " " + http.StatusText(w.status),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.header,
		Body:          io.NopCloser(&w.body),
		ContentLength: int64(w.body.Len()),
		Request:       r,
	}
}

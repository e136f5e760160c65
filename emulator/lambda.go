package emulator

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// call is one Lambda call on its way through a handler.
type call struct {
	world *world.World
	at    world.Place
	path  []string // what stands for the {} of the route
	query url.Values
	body  object
}

// route is one call of Lambda's API, by method and path.
type route struct {
	name, method, path string
	handle             func(call) (answer, error)
}

// routes are the calls that are served. Paths, query names and statuses are
// those of AWS's API model, lambda/2015-03-31.
func routes() []route {
	return slices.Concat(functionRoutes(), mappingRoutes(), restRoutes(), controlRoutes())
}

// lambdaOperation finds the call that a request is.
func lambdaOperation(r *http.Request, body []byte, readErr error) operation {
	segments, err := segmentsOf(r.URL)
	if err != nil {
		return unknown("lambda", r)
	}
	for _, t := range routes() {
		if t.method != r.Method {
			continue
		}
		if path, ok := match(t.path, segments); ok && listAll(t.name, r.URL.Query()) {
			return t.operation(path, r, body, readErr)
		}
	}
	return unknown("lambda", r)
}

// listAll tells GetProvisionedConcurrencyConfig from the list of them, which
// has the same path and List=ALL in its query.
func listAll(name string, q url.Values) bool {
	switch name {
	case "ListProvisionedConcurrencyConfigs":
		return q.Get("List") == "ALL"
	case "GetProvisionedConcurrencyConfig":
		return !q.Has("List")
	}
	return true
}

// segmentsOf splits a path. Names may hold escaped characters, ARNs do. Older
// clients end some paths with a slash.
func segmentsOf(u *url.URL) ([]string, error) {
	p := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i, s := range p {
		plain, err := url.PathUnescape(s)
		if err != nil {
			return nil, err
		}
		p[i] = plain
	}
	return p, nil
}

func match(pattern string, segments []string) (found []string, ok bool) {
	p := strings.Split(strings.Trim(pattern, "/"), "/")
	if len(p) != len(segments) {
		return nil, false
	}
	for i, s := range p {
		switch {
		case s == "{}":
			found = append(found, segments[i])
		case s != segments[i]:
			return nil, false
		}
	}
	return found, true
}

func (t route) operation(path []string, r *http.Request, body []byte, readErr error) operation {
	run := func(w *world.World, at world.Place) answer {
		if readErr != nil {
			return lambdaRefusal(unreadable(t.name, readErr))
		}
		c := call{world: w, at: at, path: path, query: r.URL.Query(), body: object{err: new(error)}}
		if t.method == http.MethodPost || t.method == http.MethodPut {
			o, err := parse(body)
			if err != nil {
				return lambdaRefusal(err)
			}
			c.body = o
		}
		a, err := t.handle(c)
		if err != nil {
			return lambdaRefusal(err)
		}
		return a
	}
	return operation{service: "lambda", name: t.name, run: run, refusal: lambdaRefusal}
}

// unreadable is the answer to a body that could not be read to its end.
func unreadable(operation string, err error) error {
	if errors.Is(err, errBodyTooLarge) {
		return &world.Error{
			Code:    "RequestEntityTooLargeException",
			Status:  http.StatusRequestEntityTooLarge,
			Message: "Request must be smaller than " + strconv.Itoa(maxBody) + " bytes for the " + operation + " operation",
		}
	}
	return serialization("Could not read request body.")
}

// lambdaRefusal writes an error as Lambda does: the code in a header, the text
// in the body, under a name that depends on the exception, and whose fault it
// is where AWS says so.
// Recorded: test_event_source_mapping_exceptions, test_function_concurrency_limits.
func lambdaRefusal(err error) answer {
	e, ok := errors.AsType[*world.Error](err)
	if !ok {
		e = &world.Error{Code: "ServiceException", Status: http.StatusInternalServerError, Message: err.Error()}
	}
	body := map[string]any{}
	if e.Message != "" {
		body[messageMember(e.Code)] = e.Message
	}
	if e.Type != "" {
		body["Type"] = e.Type
	}
	if e.Code == codeThrottled {
		body["Reason"] = "CallerRateLimitExceeded"
	}
	a := jsonAnswer(e.Status, body).with("X-Amzn-Errortype", e.Code)
	if e.Code == codeThrottled {
		a = a.with("Retry-After", "1")
	}
	a.code = e.Code
	return a
}

// messageMember is where an exception carries its text. Lambda's API model has
// it both ways.
func messageMember(code string) string {
	switch code {
	case "ResourceNotFoundException", "ResourceInUseException", "ServiceException", "CodeSigningConfigNotFoundException":
		return "Message"
	}
	return "message"
}

// ended is the error of a body whose members were all read.
func (c call) ended() error { return *c.body.err }

// page reads Marker and MaxItems.
func (c call) page() (world.Page, error) {
	p := world.Page{Marker: c.query.Get("Marker")}
	if s := c.query.Get("MaxItems"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return p, serialization("STRING_VALUE can not be converted to an Integer")
		}
		p.MaxItems = &n
	}
	return p, nil
}

// reply is the members of a reply; those that are absent are left out.
type reply map[string]any

// add puts a text in unless it is empty.
func (m reply) add(name, text string) {
	if text != "" {
		m[name] = text
	}
}

// listed is a page of a list with the marker of the next.
func listed(name string, items []reply, next string) answer {
	if items == nil {
		items = []reply{}
	}
	m := reply{name: items}
	m.add("NextMarker", next)
	return jsonAnswer(http.StatusOK, m)
}

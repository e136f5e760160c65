package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// maxBody is what Lambda takes at most, for a function's code in base64; all
// other calls are far smaller.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxBody = 69905067

// errBodyTooLarge is what is wrong with a request over maxBody.
var errBodyTooLarge = errors.New("request body too large")

// operation is one recognised call: its name, and how to carry it out.
type operation struct {
	service, name string
	run           func(*world.World, world.Place) answer
	refusal       func(error) answer // the protocol's form of an error
}

// answer is what goes back over the wire.
type answer struct {
	status int
	code   string // AWS's exception, for the record of calls
	header http.Header
	body   []byte
	lost   bool
}

func (a answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client is gone: nobody is left to tell
}

// numbered writes a request's number where XML has left a place for it.
func (a answer) numbered(id string) answer {
	const place = "<RequestId></RequestId>"
	a.body = bytes.ReplaceAll(a.body, []byte(place), []byte("<RequestId>"+id+"</RequestId>"))
	return a.with("X-Amzn-Requestid", id)
}

// with sets a header on the way out.
func (a answer) with(key, value string) answer {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(key, value)
	return a
}

// recognise finds out which call a request is, and whose.
func recognise(w *world.World, r *http.Request, body []byte, readErr error) (operation, world.Place) {
	s := signer(r)
	if s.service == "" {
		return unsigned(r), s.place
	}
	by, refusal := s.caller(w, r.Header.Get("X-Amz-Security-Token"))
	s.place.Account = by.Account
	var op operation
	switch target := r.Header.Get("X-Amz-Target"); {
	case strings.HasPrefix(target, kinesisTarget):
		op = kinesisOperation(strings.TrimPrefix(target, kinesisTarget), body, readErr)
	case strings.HasPrefix(target, cloudwatchTarget):
		op = cloudwatchJSON(strings.TrimPrefix(target, cloudwatchTarget), body, readErr)
	case s.service == "lambda":
		op = lambdaOperation(r, body, readErr)
	case s.service == "sts":
		op = stsOperation(r, body, readErr, by)
	case s.service == "monitoring" && strings.HasPrefix(r.URL.Path, cloudwatchPath):
		op = cloudwatchOperation(r, body, readErr)
	default:
		op = unknown(s.service, r)
	}
	if refusal != nil {
		refused := op.refusal(refusal)
		op.run = func(*world.World, world.Place) answer { return refused }
	}
	return op, s.place
}

// readBody reads what a client sends. It is called outside the server's lock: a
// slow client holds up nobody.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		return nil, errBodyTooLarge
	}
	return body, err
}

// signature is what a request's signature says: by whose key, where, and for
// which service, empty when it is not signed.
type signature struct {
	key, service string
	place        world.Place // the account is the key if that is an account number
}

// caller is whose key it is. The keys of sessions that the world has started
// need their token, and end.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
func (s signature) caller(w *world.World, token string) (world.Caller, error) {
	session, ok := w.Session(s.key)
	switch {
	case !ok:
		return world.User(s.place.Account), nil
	case token != session.SessionToken:
		return session.Caller, s.rejection("UnrecognizedClientException", "InvalidClientTokenId", "invalid.")
	case !w.Now().Before(session.Expiration):
		return session.Caller, s.rejection("ExpiredTokenException", "ExpiredToken", "expired")
	}
	return session.Caller, nil
}

// rejection is how a service refuses a token: code and status differ.
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
// https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
func (s signature) rejection(code, ofQuery, how string) error {
	e := &world.Error{Code: code, Status: http.StatusForbidden, Message: "The security token included in the request is " + how}
	switch s.service {
	case "sts", "monitoring":
		e.Code = ofQuery
	case "kinesis":
		e.Status = http.StatusBadRequest
	}
	return e
}

// signer reads a request's signature.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func signer(r *http.Request) signature {
	const algorithm = "AWS4-HMAC-SHA256 "
	s := signature{place: world.Place{Account: DefaultAccount}}
	auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm)
	if !ok {
		return s
	}
	for part := range strings.SplitSeq(auth, ",") {
		scope, ok := strings.CutPrefix(strings.TrimSpace(part), "Credential=")
		if !ok {
			continue
		}
		p := strings.Split(scope, "/")
		if len(p) != 5 || p[4] != "aws4_request" || p[2] == "" {
			return s
		}
		if isAccount(p[0]) {
			s.place.Account = p[0]
		}
		s.key, s.place.Region, s.service = p[0], p[2], p[3]
		return s
	}
	return s
}

// unsigned answers a request without a signature.
// https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
func unsigned(r *http.Request) operation {
	return fixed("", nameOf(r), &world.Error{
		Code:    "MissingAuthenticationTokenException",
		Status:  http.StatusForbidden,
		Message: "Missing Authentication Token",
	})
}

// unknown answers a call that is not served, as AWS answers one that does not
// exist. The text, which AWS does not have, is for people who try the emulator.
// https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
func unknown(service string, r *http.Request) operation {
	return fixed(service, nameOf(r), &world.Error{
		Code:    "UnknownOperationException",
		Status:  http.StatusNotFound,
		Message: "the embedded AWS does not serve " + service + " " + nameOf(r),
	})
}

// nameOf names a call that has no better name.
func nameOf(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target
	}
	return r.Method + " " + r.URL.Path
}

// fixed is an operation that does nothing and is always refused. The form is
// that of REST-JSON, which clients of the JSON protocol read as well.
func fixed(service, name string, e *world.Error) operation {
	return operation{
		service: service,
		name:    name,
		run:     func(*world.World, world.Place) answer { return lambdaRefusal(e) },
		refusal: lambdaRefusal,
	}
}

// jsonAnswer is v as a JSON body.
func jsonAnswer(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // only types of this package come here
	}
	return answer{status: status, body: body}.with("Content-Type", "application/json")
}

// noContent is success with nothing to say.
func noContent() answer { return answer{status: http.StatusNoContent} }

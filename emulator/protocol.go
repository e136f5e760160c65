package emulator

import (
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

// with sets a header on the way out.
func (a answer) with(key, value string) answer {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(key, value)
	return a
}

// recognise finds out which call a request is, and whose.
func recognise(r *http.Request, body []byte, readErr error) (operation, world.Place) {
	place, service := signer(r)
	if service == "" {
		return unsigned(r), place
	}
	switch target := r.Header.Get("X-Amz-Target"); {
	case strings.HasPrefix(target, kinesisTarget):
		return kinesisOperation(strings.TrimPrefix(target, kinesisTarget), body, readErr), place
	case service == "lambda":
		return lambdaOperation(r, body, readErr), place
	}
	return unknown(service, r), place
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

// signer reads from a request's signature whose call it is, and the service
// that it is signed for: empty when it is not signed. The account is the access
// key id if that is an account number.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func signer(r *http.Request) (world.Place, string) {
	const algorithm = "AWS4-HMAC-SHA256 "
	place := world.Place{Account: DefaultAccount}
	auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm)
	if !ok {
		return place, ""
	}
	for part := range strings.SplitSeq(auth, ",") {
		scope, ok := strings.CutPrefix(strings.TrimSpace(part), "Credential=")
		if !ok {
			continue
		}
		p := strings.Split(scope, "/")
		if len(p) != 5 || p[4] != "aws4_request" || p[2] == "" {
			return place, ""
		}
		if len(p[0]) == 12 && strings.Trim(p[0], "0123456789") == "" {
			place.Account = p[0]
		}
		place.Region = p[2]
		return place, p[3]
	}
	return place, ""
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

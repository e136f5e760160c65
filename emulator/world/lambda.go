package world

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// lambda is what one account has of Lambda in one region.
type lambda struct {
	functions map[string]*function // by name
	mappings  map[string]*mapping  // by UUID
	limit     int                  // concurrent executions of the account
	floor     int                  // what must stay unreserved of them
	denied    bool                 // kms:Decrypt is missing
	pooled    int                  // executions under way that are nobody's reservation

	byStream map[string][]*mapping // nil: to be made
	gone     []glimpse             // mappings that lists may still show
}

// The limits of an account that nobody changed. The floor is 100 in nearly all
// accounts; 10 and 50 were seen in small ones.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
const (
	accountLimit = 1000
	accountFloor = 100
)

func newLambda() lambda {
	return lambda{
		functions: map[string]*function{},
		mappings:  map[string]*mapping{},
		limit:     accountLimit,
		floor:     accountFloor,
	}
}

func (l lambda) clone() lambda {
	functions, mappings := l.functions, l.mappings
	l.byStream, l.gone = nil, slices.Clone(l.gone)
	l.functions = make(map[string]*function, len(functions))
	for name, f := range functions {
		l.functions[name] = f.clone()
	}
	l.mappings = make(map[string]*mapping, len(mappings))
	for id, m := range mappings {
		l.mappings[id] = m.clone()
	}
	return l
}

// SetLimit sets an account's limit of concurrent executions and how many of
// them must stay unreserved. AWS shows the first in GetAccountSettings and the
// second nowhere but in the text of a refusal.
func (w *World) SetLimit(at Place, concurrent, floor int) {
	l := &w.at(at).lambda
	l.limit, l.floor = concurrent, floor
}

// DenyDecrypt takes kms:Decrypt from the caller, or gives it back: without it
// GetEventSourceMapping answers FilterCriteriaError in place of an encrypted
// filter.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filter-criteria-encryption
func (w *World) DenyDecrypt(at Place, denied bool) { w.at(at).lambda.denied = denied }

// uuid draws an identifier.
func (w *World) uuid() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], w.rng.Uint64())
	binary.BigEndian.PutUint64(b[8:], w.rng.Uint64())
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// hash is how Lambda writes the hash of a function's code.
func hash(code []byte) string {
	sum := sha256.Sum256(code)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// stamp is how Lambda writes a time in everything but mappings.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000+0000") }

// invalid refuses a value as Lambda does after its own checks.
func invalid(format string, args ...any) error {
	return blame(http.StatusBadRequest, "InvalidParameterValueException", format, args...)
}

// missing says that what is asked for does not exist.
func missing(format string, args ...any) error {
	return blame(http.StatusNotFound, "ResourceNotFoundException", format, args...)
}

// conflict refuses what contradicts something that exists.
func conflict(format string, args ...any) error {
	return blame(http.StatusConflict, "ResourceConflictException", format, args...)
}

// blame is an error whose body says that the caller is at fault, as most of
// Lambda's do.
func blame(status int, code, format string, args ...any) error {
	return &Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...), Type: "User"}
}

// absent is Lambda's answer about a mapping, a policy or a function URL that
// does not exist.
// Recorded: test_event_source_mapping_exceptions, get_unknown_uuid.
func absent() error { return missing("The resource you requested does not exist.") }

// staleRevision is the answer to a RevisionId that is no longer the latest.
// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
func staleRevision() error {
	return blame(http.StatusPreconditionFailed, "PreconditionFailedException",
		"The Revision Id provided does not match the latest Revision Id. "+
			"Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
}

// sorted returns the keys of a map in order: nothing in a world may depend on
// the order of a map.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

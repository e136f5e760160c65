package world

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"net/http"
	"strings"
	"time"
)

// Caller is who makes a call: a user of an account, or a session of a role.
type Caller struct {
	Account, Arn, UserID string
	chained              bool // a session of a role
}

// Session is what AssumeRole gives out. Calls signed with its key act in the
// account of the role until it expires.
type Session struct {
	Caller
	AccessKeyID, SecretAccessKey, SessionToken string
	Expiration                                 time.Time
}

// RoleInput is what AssumeRole takes. Policies, tags and the like are checked by
// nobody and restrict nothing: no permission is modelled but to assume a role.
type RoleInput struct {
	RoleArn, RoleSessionName string
	DurationSeconds          *int // nil: an hour
	ExternalID               *string
}

// A session lasts from 15 minutes to 12 hours, and no longer than its role
// allows: an hour for a role that nobody changed, and for one role assumed by
// another.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const (
	minSession  = 900
	maxSession  = 43200
	roleSession = 3600
)

// DenyRole takes sts:AssumeRole on a role from everybody, or gives it back.
// Every other role exists and can be assumed.
func (w *World) DenyRole(arn string, denied bool) { w.deniedRoles[arn] = denied }

// User is the caller that an account's own access key stands for.
func User(account string) Caller {
	return Caller{Account: account, Arn: "arn:aws:iam::" + account + ":user/emulator", UserID: uniqueID("AIDA", account)}
}

// Session finds a session that AssumeRole gave out, expired or not.
func (w *World) Session(accessKeyID string) (Session, bool) {
	s, ok := w.sessions[accessKeyID]
	return s, ok
}

// AssumeRole starts a session of a role. That the role is missing or that its
// policy does not trust the caller are one refusal on AWS too.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func (w *World) AssumeRole(by Caller, in RoleInput) (Session, error) {
	account, role, err := in.check(by)
	if err != nil {
		return Session{}, err
	}
	if w.deniedRoles[in.RoleArn] {
		// Text: github.com/aws/aws-cdk and many others who met it.
		return Session{}, refuse(http.StatusForbidden, "AccessDenied",
			"User: %s is not authorized to perform: sts:AssumeRole on resource: %s", by.Arn, in.RoleArn)
	}
	seconds := roleSession
	if in.DurationSeconds != nil {
		seconds = *in.DurationSeconds
	}
	s := Session{
		// Recorded: LocalStack, tests/aws/services/sts/test_sts.snapshot.json, test_assume_role.
		Caller: Caller{
			Account: account,
			Arn:     "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + in.RoleSessionName,
			UserID:  uniqueID("AROA", in.RoleArn) + ":" + in.RoleSessionName,
			chained: true,
		},
		AccessKeyID:     "ASIA" + w.secret(16),
		SecretAccessKey: w.secret(40),
		SessionToken:    w.secret(64),
		Expiration:      w.now.Truncate(time.Second).Add(time.Duration(seconds) * time.Second),
	}
	w.sessions[s.AccessKeyID] = s
	return s, nil
}

// check applies the model, then what the role allows. It returns the role's
// account and name; its path is not part of a session's ARN.
// Recorded: LocalStack, tests/aws/services/sts/test_sts.snapshot.json,
// test_sts_invalid_parameters, test_assume_role_session_name_too_long.
func (in RoleInput) check(by Caller) (account, role string, err error) {
	const name = `[\w+=,.@-]*`
	var v violations
	if in.RoleArn == "" {
		v.absent("roleArn")
	} else {
		v.length(in.RoleArn, "roleArn", 20, 2048)
	}
	if in.RoleSessionName == "" {
		v.absent("roleSessionName")
	} else {
		v.shape(word(in.RoleSessionName, "_+=,.@-"), in.RoleSessionName, "roleSessionName", name)
		v.length(in.RoleSessionName, "roleSessionName", 2, 64)
	}
	v.between(in.DurationSeconds, "durationSeconds", minSession, maxSession)
	if id := in.ExternalID; id != nil {
		v.shape(*id == "" || word(*id, "_+=,.@:/-"), *id, "externalId", `[\w+=,.@:\/-]*`)
		v.length(*id, "externalId", 2, 1224)
	}
	if err := v.err(); err != nil {
		return "", "", queryError(err)
	}
	account, role, ok := roleOf(in.RoleArn)
	switch {
	case !ok:
		return "", "", refuse(http.StatusBadRequest, "ValidationError", "%s is invalid", in.RoleArn)
	case in.DurationSeconds == nil || *in.DurationSeconds <= roleSession:
	case by.chained:
		return "", "", refuse(http.StatusBadRequest, "ValidationError",
			"The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	default:
		return "", "", refuse(http.StatusBadRequest, "ValidationError",
			"The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return account, role, nil
}

// queryError is a violation of the model as STS names it.
func queryError(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	return refuse(e.Status, "ValidationError", "%s", e.Message)
}

// roleOf reads account and name from a role's ARN.
func roleOf(s string) (account, name string, ok bool) {
	a, ok := parseARN(s)
	path, found := strings.CutPrefix(a.resource, "role/")
	name = path[strings.LastIndex(path, "/")+1:]
	return a.account, name, ok && found && a.service == "iam" && a.region == "" && a.account != "" && word(name, "_+=,.@-")
}

// uniqueID is an identifier of IAM's: always the same for one thing.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
func uniqueID(prefix, of string) string {
	h := fnv.New128a()
	_, _ = h.Write([]byte(prefix + of)) // hashes do not fail
	return prefix + base32.StdEncoding.EncodeToString(h.Sum(nil))[:17]
}

// secret draws letters and digits.
func (w *World) secret(n int) string {
	s := ""
	for len(s) < n {
		var raw [8]byte
		binary.BigEndian.PutUint64(raw[:], w.rng.Uint64())
		s += base32.StdEncoding.EncodeToString(raw[:])[:12]
	}
	return s[:n]
}

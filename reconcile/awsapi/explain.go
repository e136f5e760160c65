package awsapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eventrouting/eventrouting/reconcile"
)

// Explain puts an error of this package, or of the SDK's configuration, into
// words for people: what is wrong, in a line without the SDK's noise, and what
// to do about it, empty where there is nothing to say. Joined errors are a line
// each, with the first hint. Nothing may branch on either.
func Explain(err error) (message, hint string) {
	if err == nil {
		return "", ""
	}
	if parts := joined(err); len(parts) > 0 {
		var lines []string
		for _, part := range parts {
			line, h := Explain(part)
			lines = append(lines, line)
			hint = cmp.Or(hint, h)
		}
		return strings.Join(lines, "\n"), hint
	}
	what, hint := diagnose(err)
	text := err.Error()
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		text = strings.Replace(text, op.Error(), cmp.Or(what, essence(op)), 1)
	} else if what != "" && !strings.Contains(text, what) {
		text = what + ": " + text
	}
	return strings.Join(strings.Fields(text), " "), hint
}

// joined are the errors of an errors.Join; none for any other error, also for
// one that wraps two.
func joined(err error) []error {
	many, ok := err.(interface{ Unwrap() []error }) // of this very error, not of one in it
	if !ok {
		return nil
	}
	var lines []string
	for _, part := range many.Unwrap() {
		lines = append(lines, part.Error())
	}
	if strings.Join(lines, "\n") != err.Error() {
		return nil
	}
	return many.Unwrap()
}

// diagnose says what is wrong where AWS's or the SDK's own words do not, and
// what helps.
func diagnose(err error) (what, hint string) {
	if what, hint = refusal(err); hint != "" {
		return what, hint
	}
	if what, hint = noAnswer(err); hint != "" {
		return what, hint
	}
	text := err.Error()
	switch {
	case errors.Is(err, errSettleTimeout):
		return "", "AWS may still go on: plan again to see what came of it"
	case errors.Is(err, reconcile.ErrStale):
		return "", "plan and apply again"
	case errors.Is(err, errOutdated):
		return "", "AWS can take seconds to agree with itself: try again"
	case errors.Is(err, errPartial):
		return "", "try again"
	case errors.Is(err, context.Canceled):
		return "stopped", ""
	case errors.Is(err, errNoRegion), strings.Contains(text, "Missing Region"):
		return "no AWS region is set", "write spec.region in the document, or set AWS_REGION"
	case strings.Contains(text, "failed to get shared config profile"):
		return "", "check AWS_PROFILE, and the profiles in ~/.aws/config"
	case strings.Contains(text, "SSO session has expired"), strings.Contains(text, "cached SSO token"):
		return "the SSO session has expired", "log in again: aws sso login"
	case strings.Contains(text, "get credentials"):
		return "there are no AWS credentials", "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or try --emulator, which needs none"
	}
	return "", ""
}

// refusal is for answers of AWS that every call can get.
func refusal(err error) (what, hint string) {
	switch {
	case IsDenied(err):
		return "", "allow " + actionOf(err) + " to who runs this"
	case isExpired(err):
		return "the AWS credentials have expired", "renew them: aws sso login, or set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN anew"
	case isStranger(err):
		return "", "AWS does not accept the credentials: check AWS_PROFILE, the keys, the region and the clock"
	case IsThrottled(err):
		return "", "others use up the account's requests: try again later, with a lower --qps or a higher AWS_MAX_ATTEMPTS"
	}
	return "", ""
}

// noAnswer is for a network or an endpoint that AWS is not behind.
func noAnswer(err error) (what, hint string) {
	const address = "check AWS_ENDPOINT_URL, which has to point at AWS or an emulator; without it the SDK finds AWS by itself"
	if errors.Is(err, errNonsense) || isCode(err, "UnknownError") {
		return nonsense(err), address
	}
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return nonsense(err), address
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "host " + dns.Name + " cannot be found", "check the region (spec.region, AWS_REGION), AWS_ENDPOINT_URL and the network"
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "nothing listens at " + host(err), "start the emulator (eventrouting emulator), or unset AWS_ENDPOINT_URL to use AWS"
	}
	if isNoURL(err.Error()) {
		return "the endpoint is no URL with scheme and host", "write AWS_ENDPOINT_URL with both, such as http://127.0.0.1:4566, or unset it to use AWS"
	}
	send, ok := errors.AsType[*smithyhttp.RequestSendError](err)
	if !ok {
		return "", ""
	}
	if isTLS(err) {
		return "no safe connection to " + host(err) + ": " + innermost(send).Error(),
			"set AWS_CA_BUNDLE to the file of your certificate authority, or write http:// in AWS_ENDPOINT_URL for a server without TLS"
	}
	return "no answer from " + host(err) + ": " + innermost(send).Error(), "check the network, the proxy settings and AWS_ENDPOINT_URL"
}

func nonsense(err error) string {
	if errors.Is(err, errNonsense) {
		return "" // it says so itself
	}
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && resp.HTTPStatusCode() != http.StatusOK {
		return fmt.Sprintf("%s: HTTP %d", errNonsense, resp.HTTPStatusCode())
	}
	return errNonsense.Error()
}

// isNoURL says whether the SDK or net/http could make nothing of an endpoint.
func isNoURL(text string) bool {
	return strings.Contains(text, "Failed to parse uri") || strings.Contains(text, "unsupported protocol scheme") || strings.Contains(text, "no Host in request URL")
}

func isTLS(err error) bool {
	_, cert := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return cert || record || strings.Contains(err.Error(), "HTTP response to HTTPS client")
}

// host is where a request went.
func host(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		if at, err := url.Parse(u.URL); err == nil {
			return at.Host
		}
	}
	return "the endpoint"
}

// essence is what an operation's error comes down to.
func essence(op *smithy.OperationError) string {
	if api, ok := errors.AsType[smithy.APIError](op); ok {
		if m := api.ErrorMessage(); m == "" || m == "UnknownError" { // the SDK's word for none
			return api.ErrorCode()
		}
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	if errors.Is(op, errNonsense) {
		text := op.Error()
		return text[strings.Index(text, errNonsense.Error()):]
	}
	return innermost(op).Error()
}

// innermost is the error at the bottom of a chain.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

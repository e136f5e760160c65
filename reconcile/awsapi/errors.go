package awsapi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
)

// errNonsense says that something answered which is not AWS.
var errNonsense = errors.New("the endpoint's answer makes no sense")

// errSilent says that an attempt ended without an answer.
var errSilent = fmt.Errorf("none within %s", patience)

// errNoRegion says that the SDK's chain found no region. With an endpoint that
// somebody set, the SDK itself would go on without.
var errNoRegion = errors.New("no AWS region is set")

// errOutdated says that two answers of AWS contradict each other.
var errOutdated = errors.New("one of two answers is out of date")

// errPartial says that CloudWatch has left out a part of what was asked for.
var errPartial = errors.New("CloudWatch has not answered in full")

// errSettleTimeout is the cause with which waiting ends by itself.
var errSettleTimeout = errors.New("AWS has not settled in time")

// IsNotFound says that what a call was about does not exist.
func IsNotFound(err error) bool { return isCode(err, "ResourceNotFoundException") }

// IsThrottled says that AWS refused for too many requests, after all attempts.
func IsThrottled(err error) bool {
	return isCode(err, "TooManyRequestsException", "LimitExceededException", "ThrottlingException", "Throttling",
		"ThrottledException", "RequestThrottled", "RequestThrottledException", "RequestLimitExceeded", "SlowDown")
}

// IsBusy says that the target is in transition and can be changed later.
func IsBusy(err error) bool { return isCode(err, "ResourceInUseException") }

// IsConflict says that the key is taken, or that another change is under way.
func IsConflict(err error) bool { return isCode(err, "ResourceConflictException") }

// isInvalid says that AWS does not take what a call asks for.
func isInvalid(err error) bool {
	return isCode(err, "InvalidParameterValueException", "ValidationException")
}

// IsDenied says that the caller is known and not allowed.
func IsDenied(err error) bool {
	return isCode(err, "AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized")
}

// isMoved says that a target is no longer of the revision that a call named.
func isMoved(err error) bool { return isCode(err, "PreconditionFailedException") }

// isExpired says that the credentials were good once.
func isExpired(err error) bool {
	return isCode(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
}

// isStranger says that AWS does not know the credentials.
func isStranger(err error) bool {
	return isCode(err, "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure",
		"InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "IncompleteSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "OptInRequired", "NotAuthorizedException")
}

func isCode(err error, codes ...string) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, api.ErrorCode())
}

// failed says what was being done when a call failed, and, where it was not
// allowed, which IAM action it takes. Actions are named as operations are.
func failed(err error, format string, args ...any) error {
	doing := fmt.Sprintf(format, args...)
	if IsDenied(err) {
		return fmt.Errorf("%s: it takes %s: %w", doing, actionOf(err), err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// actionOf is the IAM action of the call that was refused. With a role to
// assume, that can be a call inside a call.
func actionOf(err error) string {
	action := "the call"
	for {
		op, ok := errors.AsType[*smithy.OperationError](err)
		if !ok {
			return action
		}
		action = strings.ToLower(op.ServiceID) + ":" + op.OperationName
		err = op.Err
	}
}

// missing says that an answer lacks what AWS always sends.
func missing(what string) error { return fmt.Errorf("%w: no %s in it", errNonsense, what) }

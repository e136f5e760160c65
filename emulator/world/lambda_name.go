package world

import (
	"net/http"
	"strings"
)

// ref is a function as a caller names it, in the caller's own place.
type ref struct {
	at        Place
	name      string
	qualifier string // version, alias or $LATEST; empty when none was given
}

// The patterns of the model, for the texts of refusals.
const (
	functionPattern   = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`
	namespacedPattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`
	aliasPattern      = `(?!^[0-9]+$)([a-zA-Z0-9-_]+)`
	versionPattern    = `(\$LATEST(\.PUBLISHED)?|[0-9]+)`
	qualifierPattern  = `\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`
)

// resolve reads a function's name, partial ARN or ARN, with a qualifier in the
// name or beside it; both may be given if they are the same.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
func resolve(at Place, function, qualifier string) (ref, error) {
	r, ok := parseFunction(at, function)
	var v violations
	switch {
	case len(function) > 256:
		v.length(function, "functionName", 1, 256)
	case function == "":
		v.length(function, "functionName", 1, 256)
	default:
		v.shape(ok, function, "functionName", namespacedPattern)
	}
	if qualifier != "" {
		v.shape(word(qualifier, "-_$"), qualifier, "qualifier", qualifierPattern)
		v.length(qualifier, "qualifier", 1, 128)
	}
	if err := v.err(); err != nil {
		return ref{}, err
	}
	if err := reachable(at, r); err != nil {
		return ref{}, err
	}
	if r.qualifier != "" && qualifier != "" && r.qualifier != qualifier {
		// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
		return ref{}, invalid("The derived qualifier from the function name does not match the specified qualifier.")
	}
	if qualifier != "" {
		r.qualifier = qualifier
	}
	r.at = at
	return r, nil
}

// reachable refuses functions of another region or account. Other accounts'
// functions can be shared on AWS; in this world they are not.
func reachable(at Place, r ref) error {
	if r.at.Region != at.Region {
		return missing("Functions from '%s' are not reachable in this region ('%s')", r.at.Region, at.Region)
	}
	if r.at.Account != at.Account {
		// Unverified: the action and the resource that AWS names.
		return refuse(http.StatusForbidden, "AccessDeniedException",
			"User: arn:aws:iam::%s:root is not authorized to perform this operation on resource: %s because no resource-based policy allows it",
			at.Account, r.unqualified())
	}
	return nil
}

// parseFunction splits what may stand for a function: name, account:function:name,
// region:account:function:name, arn:aws:lambda:region:account:function:name, each
// with an optional :qualifier.
func parseFunction(at Place, s string) (ref, bool) {
	rest, full := strings.CutPrefix(s, "arn:")
	if full {
		partition, after, ok := strings.Cut(rest, ":lambda:")
		if !ok || partition != "" && !strings.HasPrefix(partition, "aws") {
			return ref{}, false
		}
		s = after
	}
	at, p, complete := inPlace(at, strings.Split(s, ":"))
	if full && !complete {
		return ref{}, false
	}
	if len(p) > 1 && p[0] == "function" {
		p = p[1:]
	}
	switch len(p) {
	case 1:
		return ref{at: at, name: p[0]}, word(p[0], "-_.")
	case 2:
		return ref{at: at, name: p[0], qualifier: p[1]}, word(p[0], "-_.") && (p[1] == latest || word(p[1], "-_"))
	}
	return ref{}, false
}

// inPlace takes region and account, which may be missing, from the front of a
// function's parts; complete tells that neither is.
func inPlace(at Place, p []string) (_ Place, rest []string, complete bool) {
	hasRegion := len(p) > 1 && region(p[0])
	if hasRegion {
		at.Region, p = p[0], p[1:]
	}
	hasAccount := len(p) > 2 && account(p[0]) && p[1] == "function"
	if hasAccount {
		at.Account, p = p[0], p[1:]
	}
	return at, p, hasRegion && hasAccount
}

// latest is the unpublished version of a function.
const latest = "$LATEST"

func (r ref) unqualified() string {
	return "arn:aws:lambda:" + r.at.Region + ":" + r.at.Account + ":function:" + r.name
}

// arn is the function's ARN with the qualifier that the caller gave. A name
// without one and a name with $LATEST are different ARNs.
// Recorded: test_function_name_variations.
func (r ref) arn() string {
	if r.qualifier == "" {
		return r.unqualified()
	}
	return r.unqualified() + ":" + r.qualifier
}

func (r ref) with(qualifier string) ref {
	r.qualifier = qualifier
	return r
}

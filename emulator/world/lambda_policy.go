package world

import (
	"encoding/json"
	"slices"
	"strings"
)

// Permission is what AddPermission takes. Empty is absent.
type Permission struct {
	StatementID, Action, Principal string
	SourceArn, SourceAccount       string
	PrincipalOrgID                 string
	EventSourceToken               string
	FunctionURLAuthType            string
	InvokedViaFunctionURL          bool
	RevisionID                     string // precondition
}

// policy is the resource policy of a function, a version or an alias.
type policy struct {
	statements []statement // never changed in place
	revision   string
}

// statement is one permission as a policy document writes it.
type statement struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// AddPermission adds a statement to the policy of a function or one of its
// qualifiers and returns it as JSON.
// https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
// Texts: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
func (w *World) AddPermission(at Place, function, qualifier string, in Permission) (string, error) {
	if err := in.check(); err != nil {
		return "", err
	}
	r, f, err := w.guarded(at, function, qualifier)
	if err != nil {
		return "", err
	}
	if r.qualifier == latest {
		return "", invalid("We currently do not support adding policies for $LATEST.")
	}
	p := f.policies[r.qualifier]
	if in.RevisionID != "" && in.RevisionID != f.revisionOf(r.qualifier) {
		return "", staleRevision()
	}
	if slices.ContainsFunc(p.statements, func(s statement) bool { return s.Sid == in.StatementID }) {
		return "", conflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", in.StatementID)
	}
	s := in.statement(r)
	p.statements = append(slices.Clip(p.statements), s)
	p.revision = w.uuid()
	f.policies[r.qualifier] = p
	return document(s), nil
}

func (in Permission) check() error {
	var v violations
	v.shape(word(in.StatementID, "-_"), in.StatementID, "statementId", `([a-zA-Z0-9-_]+)`)
	v.length(in.StatementID, "statementId", 1, 100)
	verb, ok := strings.CutPrefix(in.Action, "lambda:")
	v.shape(in.Action == "*" || ok && (verb == "*" || word(verb, "")), in.Action, "action", `(lambda:[*]|lambda:[a-zA-Z]+|[*])`)
	v.shape(in.Principal != "" && !strings.ContainsAny(in.Principal, " \t\n"), in.Principal, "principal", `[^\s]+`)
	if in.SourceAccount != "" {
		v.shape(account(in.SourceAccount), in.SourceAccount, "sourceAccount", `\d{12}`)
	}
	if in.SourceArn != "" {
		_, ok := parseARN(in.SourceArn)
		v.shape(ok, in.SourceArn, "sourceArn", sourcePattern)
	}
	if in.FunctionURLAuthType != "" {
		v.oneOf(in.FunctionURLAuthType, "functionUrlAuthType", "NONE", "AWS_IAM")
	}
	return v.err()
}

// statement is the permission as AWS writes it into the policy.
func (in Permission) statement(r ref) statement {
	s := statement{Sid: in.StatementID, Effect: "Allow", Action: in.Action, Resource: r.arn()}
	switch {
	case in.Principal == "*":
		s.Principal = "*"
	case account(in.Principal):
		s.Principal = map[string]string{"AWS": "arn:aws:iam::" + in.Principal + ":root"}
	case strings.HasPrefix(in.Principal, "arn:"):
		s.Principal = map[string]string{"AWS": in.Principal}
	default:
		s.Principal = map[string]string{"Service": in.Principal}
	}
	add := func(operator, key, value string) {
		if value == "" {
			return
		}
		if s.Condition == nil {
			s.Condition = map[string]map[string]string{}
		}
		if s.Condition[operator] == nil {
			s.Condition[operator] = map[string]string{}
		}
		s.Condition[operator][key] = value
	}
	add("ArnLike", "AWS:SourceArn", in.SourceArn)
	add("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	add("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	add("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	add("StringEquals", "lambda:FunctionUrlAuthType", in.FunctionURLAuthType)
	if in.InvokedViaFunctionURL {
		add("Bool", "lambda:InvokedViaFunctionUrl", "true")
	}
	return s
}

// Policy returns a resource policy as JSON and its revision.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetPolicy.html
func (w *World) Policy(at Place, function, qualifier string) (text, revision string, err error) {
	r, f, err := w.guarded(at, function, qualifier)
	if err != nil {
		return "", "", err
	}
	p, ok := f.policies[own(r.qualifier)]
	if !ok {
		return "", "", absent()
	}
	return document(struct {
		Version, Id string //nolint:revive // as policy documents write it
		Statement   []statement
	}{"2012-10-17", "default", p.statements}), p.revision, nil
}

// RemovePermission removes a statement; a policy without one is gone.
// https://docs.aws.amazon.com/lambda/latest/api/API_RemovePermission.html
func (w *World) RemovePermission(at Place, function, qualifier, statementID, revision string) error {
	r, err := resolve(at, function, qualifier)
	if err != nil {
		return err
	}
	f, ok := w.at(at).lambda.functions[r.name]
	if !ok {
		return missing("No policy found for: %s", r.with("").arn())
	}
	key := own(r.qualifier)
	p, ok := f.policies[key]
	if !ok {
		return missing("No policy is associated with the given resource.")
	}
	i := slices.IndexFunc(p.statements, func(s statement) bool { return s.Sid == statementID })
	if i < 0 {
		return missing("Statement %s is not found in resource policy.", statementID)
	}
	if revision != "" && revision != f.revisionOf(key) {
		return staleRevision()
	}
	p.statements = slices.Delete(slices.Clone(p.statements), i, i+1)
	p.revision = w.uuid()
	f.policies[key] = p
	if len(p.statements) == 0 {
		delete(f.policies, key)
	}
	return nil
}

// revisionOf is the revision that a call on a policy has to name.
// https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
func (f *function) revisionOf(qualifier string) string {
	if p, ok := f.policies[own(qualifier)]; ok {
		return p.revision
	}
	if a, ok := f.aliases[qualifier]; ok {
		return a.RevisionID
	}
	for _, v := range f.versions {
		if v.Version == qualifier {
			return v.RevisionID
		}
	}
	return f.latest.RevisionID
}

// own is the key of what belongs to the function itself.
func own(qualifier string) string {
	if qualifier == latest {
		return ""
	}
	return qualifier
}

// guarded finds the function, version or alias whose policy is meant.
func (w *World) guarded(at Place, function, qualifier string) (ref, *function, error) {
	r, err := resolve(at, function, qualifier)
	if err != nil {
		return ref{}, nil, err
	}
	f, err := w.find(r.with(""))
	if err != nil {
		return ref{}, nil, err
	}
	switch {
	case f.has(r.qualifier):
		return r, f, nil
	case number(r.qualifier):
		return ref{}, nil, missing("Function not found: %s", r.arn())
	}
	return ref{}, nil, missing("Cannot find alias arn: %s", r.arn())
}

// document writes part of a policy; only types of this file come here.
func document(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

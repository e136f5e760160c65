package world

import (
	"fmt"
	"maps"
	"slices"
)

// FunctionDetail is what GetFunction answers beside the configuration.
type FunctionDetail struct {
	Function Function
	Tags     Tags
	Reserved *int // only for the function itself, not for a version or alias
}

// Function returns a function's configuration: of $LATEST, a version, or the
// version that an alias points to. The ARN keeps the qualifier that was asked
// for.
func (w *World) Function(at Place, name, qualifier string) (FunctionDetail, error) {
	r, err := resolve(at, name, qualifier)
	if err != nil {
		return FunctionDetail{}, err
	}
	f, err := w.find(r)
	if err != nil {
		return FunctionDetail{}, err
	}
	v, err := f.version(r)
	if err != nil {
		return FunctionDetail{}, err
	}
	v.FunctionArn = r.arn()
	d := FunctionDetail{Function: v, Tags: maps.Clone(f.tags)}
	if r.qualifier == "" {
		replace(&d.Reserved, f.reserved)
	}
	return d, nil
}

// Functions lists the functions of a place by name, at most 50 a page.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html
func (w *World) Functions(at Place, page Page) (all []Function, next string, err error) {
	if err := page.check(maxListItems); err != nil {
		return nil, "", err
	}
	functions := w.at(at).lambda.functions
	names, next, err := list(sorted(functions), page, pageMost)
	for _, name := range names {
		all = append(all, functions[name].latest)
	}
	return all, next, err
}

// Versions lists a function's versions, $LATEST first, at most 50 a page.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html
func (w *World) Versions(at Place, name string, page Page) (all []Function, next string, err error) {
	if err := page.check(maxListItems); err != nil {
		return nil, "", err
	}
	r, err := resolve(at, name, "")
	if err != nil {
		return nil, "", err
	}
	f, err := w.find(r.with(""))
	if err != nil {
		return nil, "", err
	}
	first := f.latest
	first.FunctionArn = r.with(latest).arn()
	byKey := map[string]Function{fmt.Sprintf("%09d", 0): first}
	for _, v := range f.versions {
		byKey[fmt.Sprintf("%09s", v.Version)] = v
	}
	keys, next, err := list(sorted(byKey), page, pageMost)
	for _, k := range keys {
		all = append(all, byKey[k])
	}
	return all, next, err
}

// VersionInput is what PublishVersion takes.
type VersionInput struct {
	CodeSha256, RevisionID string  // preconditions, if not empty
	Description            *string // of the version; nil: the function's
}

// PublishVersion publishes the function as it is, unless nothing changed since
// the last version: then that one is the answer.
// https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
func (w *World) PublishVersion(at Place, name string, in VersionInput) (Function, error) {
	r, err := resolve(at, name, "")
	if err != nil {
		return Function{}, err
	}
	if in.Description != nil {
		var v violations
		v.length(*in.Description, "description", 0, 256)
		if err := v.err(); err != nil {
			return Function{}, err
		}
	}
	f, err := w.find(r.with(""))
	if err != nil {
		return Function{}, err
	}
	if in.RevisionID != "" && in.RevisionID != f.latest.RevisionID {
		return Function{}, staleRevision()
	}
	if in.CodeSha256 != "" && in.CodeSha256 != f.latest.CodeSha256 {
		// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
		return Function{}, invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). "+
			"Please try again with the CodeSHA256 in $LATEST.", in.CodeSha256, f.latest.CodeSha256)
	}
	description := f.latest.description()
	if in.Description != nil {
		description = *in.Description
	}
	if n := len(f.versions); n > 0 && same(f.versions[n-1], f.latest) {
		return f.versions[n-1], nil
	}
	return w.publish(f, description), nil
}

// same tells whether a version is what the function still is, whatever either
// is described as.
func same(a, b Function) bool {
	plain := func(f Function) string {
		f.Settings.Description = nil
		s := f.Settings
		return fmt.Sprint(f.CodeSha256, f.PackageType, f.Architecture,
			text(s.Role), text(s.Runtime), text(s.Handler), text(s.KMSKeyArn), text(s.TracingMode), text(s.SnapStart),
			whole(s.Timeout), whole(s.MemorySize), whole(s.EphemeralStorage),
			s.Environment, s.Layers, string(s.LoggingConfig), s.Other)
	}
	return plain(a) == plain(b)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func whole(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// publish freezes a function as its next version.
func (w *World) publish(f *function, description string) Function {
	f.published++
	v := f.latest
	v.Version = fmt.Sprint(f.published)
	v.FunctionArn += ":" + v.Version
	v.RevisionID = w.uuid()
	v.Settings.Description = &description
	f.versions = append(slices.Clip(f.versions), v)
	return v
}

package world

import (
	"maps"
	"slices"
)

// UpdateConfiguration changes what is sent of a function's configuration. A
// revision that is not empty must be the function's latest.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
func (w *World) UpdateConfiguration(at Place, name string, s FunctionSettings, revision string) (Function, error) {
	var v violations
	s.check(&v)
	if err := v.err(); err != nil {
		return Function{}, err
	}
	return w.update(at, name, revision, func(f *function) {
		f.latest.Settings = s.over(f.latest.Settings)
	})
}

// CodeInput is what UpdateFunctionCode takes.
type CodeInput struct {
	Code         []byte
	Architecture string // empty: unchanged
	RevisionID   string // precondition, if not empty
	Publish      bool
	DryRun       bool // check and change nothing
}

// UpdateCode replaces a function's code, of which the world keeps hash and size.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
func (w *World) UpdateCode(at Place, name string, in CodeInput) (Function, error) {
	if in.Architecture != "" {
		var v violations
		v.oneOf(in.Architecture, "architectures", "x86_64", "arm64")
		if err := v.err(); err != nil {
			return Function{}, err
		}
	}
	reply, err := w.update(at, name, in.RevisionID, func(f *function) {
		if in.DryRun {
			return
		}
		f.latest.CodeSha256, f.latest.CodeSize = hash(in.Code), len(in.Code)
		f.latest.Architecture = or(in.Architecture, f.latest.Architecture)
	})
	if err != nil || !in.Publish || in.DryRun {
		return reply, err
	}
	return w.PublishVersion(at, name, VersionInput{})
}

// update changes a function's unpublished version. The reply has the status
// that AWS replies with, InProgress; by the next call it is Successful.
// Recorded: LocalStack's test_lambda_api.snapshot.json, test_function_lifecycle.
func (w *World) update(at Place, name, revision string, change func(*function)) (Function, error) {
	r, err := resolve(at, name, "")
	if err != nil {
		return Function{}, err
	}
	f, err := w.find(r.with(""))
	if err != nil {
		return Function{}, err
	}
	if revision != "" && revision != f.latest.RevisionID {
		return Function{}, staleRevision()
	}
	change(f)
	f.latest.LastModified = stamp(w.now)
	reply := w.revise(f)
	reply.LastUpdateStatus = "InProgress"
	w.revise(f)
	return reply, nil
}

// DeleteFunction deletes a function with its versions, aliases, policies,
// reservation and URLs, or one version of it. Its event source mappings stay.
// Recorded: test_event_source_mapping_lifecycle_delete_function.
func (w *World) DeleteFunction(at Place, name, qualifier string) error {
	r, err := resolve(at, name, qualifier)
	if err != nil {
		return err
	}
	switch {
	case r.qualifier == latest:
		// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
		return invalid("$LATEST version cannot be deleted without deleting the function.")
	case r.qualifier != "" && !number(r.qualifier):
		// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
		return invalid("Deletion of aliases is not currently supported.")
	}
	f, err := w.find(r)
	if err != nil {
		return err
	}
	if r.qualifier == "" {
		delete(w.at(at).lambda.functions, r.name)
		return nil
	}
	for _, alias := range sorted(f.aliases) {
		if a := f.aliases[alias]; a.uses(r.qualifier) {
			// Unverified: the text.
			return conflict("Version %s of function %s is used by alias %s and cannot be deleted.", r.qualifier, r.name, alias)
		}
	}
	// Deleting a version that does not exist changes nothing.
	f.versions = slices.DeleteFunc(slices.Clone(f.versions), func(v Function) bool { return v.Version == r.qualifier })
	f.provisioned, f.policies = maps.Clone(f.provisioned), maps.Clone(f.policies)
	delete(f.provisioned, r.qualifier)
	delete(f.policies, r.qualifier)
	return nil
}

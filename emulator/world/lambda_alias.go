package world

import (
	"fmt"
	"maps"
)

// Alias is a name for a version of a function.
type Alias struct {
	AliasArn        string
	Name            string
	FunctionVersion string
	Description     string
	RevisionID      string
	// Weights are the shares of invocations that go to other versions, by
	// version; nil when all go to FunctionVersion.
	Weights map[string]float64
}

// uses tells whether an alias sends invocations to a version.
func (a Alias) uses(version string) bool {
	_, ok := a.Weights[version]
	return ok || a.FunctionVersion == version
}

// AliasInput is what CreateAlias takes.
type AliasInput struct {
	Name            string
	FunctionVersion string
	Description     string
	Weights         map[string]float64
}

// AliasUpdate is what UpdateAlias takes. Nil leaves a field as it is, empty
// weights take the weights away.
type AliasUpdate struct {
	FunctionVersion *string
	Description     *string
	Weights         map[string]float64
	RevisionID      string // precondition, if not empty
}

// CreateAlias creates an alias.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html
func (w *World) CreateAlias(at Place, function string, in AliasInput) (Alias, error) {
	var v violations
	v.alias(in.Name)
	v.version(in.FunctionVersion)
	v.length(in.Description, "description", 0, 256)
	v.weights(in.Weights)
	r, f, err := w.owner(at, function, v)
	if err != nil {
		return Alias{}, err
	}
	if err := f.target(r, in.FunctionVersion, in.Weights); err != nil {
		return Alias{}, err
	}
	a := r.with(in.Name).arn()
	if _, ok := f.aliases[in.Name]; ok {
		// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
		return Alias{}, conflict("Alias already exists: %s", a)
	}
	alias := Alias{
		AliasArn:        a,
		Name:            in.Name,
		FunctionVersion: in.FunctionVersion,
		Description:     in.Description,
		RevisionID:      w.uuid(),
		Weights:         some(in.Weights),
	}
	f.aliases[in.Name] = alias
	return alias, nil
}

// Alias returns an alias.
// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
func (w *World) Alias(at Place, function, name string) (Alias, error) {
	var v violations
	v.alias(name)
	r, f, err := w.owner(at, function, v)
	if err != nil {
		return Alias{}, err
	}
	a, ok := f.aliases[name]
	if !ok {
		return Alias{}, missing("Cannot find alias arn: %s", r.with(name).arn())
	}
	return a, nil
}

// Aliases lists a function's aliases by name, those of one version if version
// is not empty. Unlike other lists it is not cut at 50: 53 aliases came in one
// page by default, 51 and 2 when 51 were asked for.
// Recorded: radkawar/stackd, testdata/aws/lambda/alias_pagination.json.
// Unverified: that a page has no limit but MaxItems'.
func (w *World) Aliases(at Place, function, version string, page Page) (all []Alias, next string, err error) {
	var v violations
	if version != "" {
		v.version(version)
	}
	v.between(page.MaxItems, "maxItems", 1, maxListItems)
	_, f, err := w.owner(at, function, v)
	if err != nil {
		return nil, "", err
	}
	var names []string
	for _, name := range sorted(f.aliases) {
		if version == "" || f.aliases[name].FunctionVersion == version {
			names = append(names, name)
		}
	}
	names, next, err = list(names, page, maxListItems)
	for _, name := range names {
		all = append(all, f.aliases[name])
	}
	return all, next, err
}

// UpdateAlias changes what is sent of an alias. Its revision is a new one even
// if nothing changes.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html
func (w *World) UpdateAlias(at Place, function, name string, in AliasUpdate) (Alias, error) {
	var v violations
	v.alias(name)
	if in.FunctionVersion != nil {
		v.version(*in.FunctionVersion)
	}
	if in.Description != nil {
		v.length(*in.Description, "description", 0, 256)
	}
	v.weights(in.Weights)
	r, f, err := w.owner(at, function, v)
	if err != nil {
		return Alias{}, err
	}
	a, ok := f.aliases[name]
	if !ok {
		// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
		return Alias{}, missing("Alias not found: %s", r.with(name).arn())
	}
	if in.RevisionID != "" && in.RevisionID != a.RevisionID {
		return Alias{}, staleRevision()
	}
	if in.FunctionVersion != nil {
		a.FunctionVersion = *in.FunctionVersion
	}
	if in.Description != nil {
		a.Description = *in.Description
	}
	if in.Weights != nil {
		a.Weights = some(in.Weights)
	}
	if err := f.target(r, a.FunctionVersion, a.Weights); err != nil {
		return Alias{}, err
	}
	a.RevisionID = w.uuid()
	f.aliases[name] = a
	return a, nil
}

// DeleteAlias deletes an alias with its provisioned concurrency, policy and
// URL. Deleting one that does not exist succeeds. Mappings that name it stay.
// https://docs.aws.amazon.com/lambda/latest/api/API_DeleteAlias.html
func (w *World) DeleteAlias(at Place, function, name string) error {
	var v violations
	v.alias(name)
	_, f, err := w.owner(at, function, v)
	if err != nil {
		return err
	}
	delete(f.aliases, name)
	delete(f.provisioned, name)
	delete(f.policies, name)
	delete(f.urls, name)
	return nil
}

// owner finds the function that a call on one of its parts names. The qualifier
// that the name may have is of no importance.
func (w *World) owner(at Place, name string, v violations) (ref, *function, error) {
	r, err := resolve(at, name, "")
	if err == nil {
		err = v.err()
	}
	if err != nil {
		return ref{}, nil, err
	}
	r = r.with("")
	f, err := w.find(r)
	return r, f, err
}

// target checks that an alias can point where it is to point.
func (f *function) target(r ref, version string, weights map[string]float64) error {
	if !f.has(version) {
		return missing("Function not found: %s", r.with(version).arn())
	}
	// Texts: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
	if len(weights) > 1 {
		return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	for other := range weights {
		switch {
		case other == version:
			return invalid("Invalid function version %s. Function version %s is already included in routing configuration.", other, other)
		case version == latest:
			return refuse(400, "InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more than 1 version")
		case !f.has(other):
			return missing("Function not found: %s", r.with(other).arn())
		}
	}
	return nil
}

func (v *violations) alias(name string) {
	v.shape(word(name, "-_") && !number(name), name, "name", aliasPattern)
	v.length(name, "name", 1, 128)
}

func (v *violations) version(version string) {
	v.shape(version == latest || number(version), version, "functionVersion", versionPattern)
}

func (v *violations) weights(all map[string]float64) {
	for _, version := range sorted(all) {
		share := all[version]
		value := fmt.Sprintf("{%s=%v}", version, share)
		switch {
		case share < 0 || share > 1:
			v.add(value, "routingConfig.additionalVersionWeights", "Map value must satisfy constraint: "+
				"[Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]")
		case !number(version):
			v.add(value, "routingConfig.additionalVersionWeights", "Map keys must satisfy constraint: "+
				"[Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, "+
				"Member must satisfy regular expression pattern: [0-9]+, Member must not be null]")
		}
	}
}

// some is a copy of weights, nil when there are none.
func some(weights map[string]float64) map[string]float64 {
	if len(weights) == 0 {
		return nil
	}
	return maps.Clone(weights)
}

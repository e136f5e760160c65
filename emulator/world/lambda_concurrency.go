package world

import "net/http"

// AccountSettings is what GetAccountSettings answers, for one region.
type AccountSettings struct {
	ConcurrentExecutions           int
	UnreservedConcurrentExecutions int
	FunctionCount                  int
	TotalCodeSize                  int // bytes used, versions counted
}

// Account returns limits and usage. Unreserved is what no function has for
// itself: neither reserved nor, without a reservation around it, provisioned.
// https://docs.aws.amazon.com/lambda/latest/api/API_AccountLimit.html
func (w *World) Account(at Place) AccountSettings {
	l := &w.at(at).lambda
	s := AccountSettings{ConcurrentExecutions: l.limit, FunctionCount: len(l.functions)}
	for _, f := range l.functions { // sums: the order does not matter
		s.TotalCodeSize += f.latest.CodeSize
		for _, v := range f.versions {
			s.TotalCodeSize += v.CodeSize
		}
	}
	s.UnreservedConcurrentExecutions = l.unreserved()
	return s
}

func (l *lambda) unreserved() int {
	n := l.limit
	for _, f := range l.functions {
		n -= f.carved()
	}
	return n
}

// carved is what a function takes out of the account's pool. Provisioned
// concurrency lies within a reservation.
func (f *function) carved() int {
	if f.reserved != nil {
		return *f.reserved
	}
	return f.provisionedTotal("")
}

func (f *function) provisionedTotal(except string) int {
	n := 0
	for qualifier, p := range f.provisioned {
		if qualifier != except {
			n += p.Requested
		}
	}
	return n
}

// PutConcurrency reserves executions for a function, all its versions and
// aliases together. 0 is a reservation, which stops the function.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
func (w *World) PutConcurrency(at Place, function string, reserved int) error {
	var v violations
	v.between(&reserved, "reservedConcurrentExecutions", 0, maxInt32)
	if err := v.err(); err != nil {
		return err
	}
	r, err := unqualified(at, function)
	if err != nil {
		return err
	}
	l := &w.at(at).lambda
	f, ok := l.functions[r.name]
	if !ok {
		// Recorded: test_function_concurrency_exceptions.
		return missing("Function not found: %s", r.with(latest).arn())
	}
	before := f.carved()
	if reserved > before && l.unreserved()+before-reserved < l.floor {
		// Recorded without a type: test_function_concurrency_limits.
		return refuse(http.StatusBadRequest, "InvalidParameterValueException",
			"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", l.floor)
	}
	if p := f.provisionedTotal(""); reserved < p {
		// Text: LocalStack, services/lambda_/provider.py; the spaces are AWS's.
		return refuse(http.StatusBadRequest, "InvalidParameterValueException",
			" ReservedConcurrentExecutions  %d should not be lower than function's total provisioned concurrency [%d].", reserved, p)
	}
	f.reserved = &reserved
	return nil
}

const maxInt32 = 1<<31 - 1

// unqualified resolves a name that must be a function's own.
// Recorded: test_function_concurrency_exceptions, put_function_concurrency_with_qualified_arn.
func unqualified(at Place, function string) (ref, error) {
	r, err := resolve(at, function, "")
	if err == nil && r.qualifier != "" {
		err = invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. " +
			"Please specify either a function name or an unqualified function ARN.")
	}
	return r, err
}

// Concurrency returns a function's reservation, nil when it has none.
// Recorded: test_function_concurrency, get_function_concurrency_after_delete.
func (w *World) Concurrency(at Place, function string) (*int, error) {
	f, err := w.whole(at, function)
	if err != nil {
		return nil, err
	}
	var n *int
	replace(&n, f.reserved)
	return n, nil
}

// DeleteConcurrency takes a function's reservation away, if there is one.
// https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionConcurrency.html
func (w *World) DeleteConcurrency(at Place, function string) error {
	f, err := w.whole(at, function)
	if err != nil {
		return err
	}
	f.reserved = nil
	return nil
}

func (w *World) whole(at Place, function string) (*function, error) {
	r, err := unqualified(at, function)
	if err != nil {
		return nil, err
	}
	return w.find(r)
}

// Provisioned is provisioned concurrency of an alias or a version.
type Provisioned struct {
	FunctionArn                     string // qualified
	Requested, Available, Allocated int
	Status                          string // READY; IN_PROGRESS in the reply to Put
	LastModified                    string
}

// PutProvisioned asks for provisioned concurrency on an alias or a version. It
// is there by the next call.
// https://docs.aws.amazon.com/lambda/latest/api/API_PutProvisionedConcurrencyConfig.html
// Texts: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
func (w *World) PutProvisioned(at Place, function, qualifier string, n int) (Provisioned, error) {
	var v violations
	v.between(&n, "provisionedConcurrentExecutions", 1, maxInt32)
	if err := v.err(); err != nil {
		return Provisioned{}, err
	}
	if qualifier == latest {
		return Provisioned{}, invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	}
	r, f, err := w.qualified(at, function, qualifier)
	if err != nil {
		return Provisioned{}, err
	}
	if err := f.twice(r.qualifier); err != nil {
		return Provisioned{}, err
	}
	l := &w.at(at).lambda
	total := f.provisionedTotal(r.qualifier) + n
	if f.reserved != nil {
		if total > *f.reserved {
			return Provisioned{}, invalid("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
		}
	} else if before := f.provisionedTotal(""); total > before {
		left := l.unreserved() + before - total
		if left < 0 {
			return Provisioned{}, refuse(http.StatusBadRequest, "InvalidParameterValueException",
				"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].", l.unreserved()+before)
		}
		if left < l.floor {
			return Provisioned{}, refuse(http.StatusBadRequest, "InvalidParameterValueException",
				"Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", l.floor)
		}
	}
	p := Provisioned{FunctionArn: r.arn(), Requested: n, Available: n, Allocated: n, Status: "READY", LastModified: stamp(w.now)}
	f.provisioned[r.qualifier] = p
	p.Available, p.Allocated, p.Status = 0, 0, "IN_PROGRESS"
	return p, nil
}

// twice refuses provisioning a version both by itself and by an alias.
func (f *function) twice(qualifier string) error {
	if a, ok := f.aliases[qualifier]; ok {
		if _, ok := f.provisioned[a.FunctionVersion]; ok {
			return conflict("Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
		}
		return nil
	}
	for _, name := range sorted(f.provisioned) {
		if a, ok := f.aliases[name]; ok && a.FunctionVersion == qualifier {
			return conflict("Version is pointed by a Provisioned Concurrency alias")
		}
	}
	return nil
}

// qualified finds a function by a name with a qualifier that exists and is not
// $LATEST.
func (w *World) qualified(at Place, function, qualifier string) (ref, *function, error) {
	r, err := resolve(at, function, qualifier)
	if err != nil {
		return ref{}, nil, err
	}
	if r.qualifier == latest || r.qualifier == "" {
		return ref{}, nil, invalid("The function resource provided must be an alias or a published version.")
	}
	f, err := w.find(r.with(""))
	switch {
	case err != nil && number(r.qualifier) || err == nil && !f.has(r.qualifier) && number(r.qualifier):
		err = missing("Function not found: %s", r.arn())
	case err != nil || !f.has(r.qualifier):
		err = missing("Cannot find alias arn: %s", r.arn())
	}
	return r, f, err
}

// Provisioned returns the provisioned concurrency of an alias or version.
func (w *World) Provisioned(at Place, function, qualifier string) (Provisioned, error) {
	r, f, err := w.qualified(at, function, qualifier)
	if err != nil {
		return Provisioned{}, err
	}
	p, ok := f.provisioned[r.qualifier]
	if !ok {
		return Provisioned{}, blame(http.StatusNotFound, "ProvisionedConcurrencyConfigNotFoundException",
			"No Provisioned Concurrency Config found for this function")
	}
	return p, nil
}

// AllProvisioned lists a function's provisioned concurrency by qualifier.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListProvisionedConcurrencyConfigs.html
func (w *World) AllProvisioned(at Place, function string, page Page) (all []Provisioned, next string, err error) {
	var v violations
	v.between(page.MaxItems, "maxItems", 1, pageMost)
	_, f, err := w.owner(at, function, v)
	if err != nil {
		return nil, "", err
	}
	names, next, err := list(sorted(f.provisioned), page, pageMost)
	for _, name := range names {
		all = append(all, f.provisioned[name])
	}
	return all, next, err
}

// DeleteProvisioned takes provisioned concurrency away, if there is any.
func (w *World) DeleteProvisioned(at Place, function, qualifier string) error {
	r, f, err := w.qualified(at, function, qualifier)
	if err != nil {
		return err
	}
	delete(f.provisioned, r.qualifier)
	return nil
}

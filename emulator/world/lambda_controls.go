package world

// RuntimeManagement is how a function, or one version of it, comes to a new
// version of its runtime.
type RuntimeManagement struct {
	FunctionArn       string
	UpdateRuntimeOn   string // Auto, Manual, FunctionUpdate
	RuntimeVersionArn string // for Manual
}

// HasFunction tells whether a function exists; its qualifier is of no
// importance.
func (w *World) HasFunction(at Place, function string) error {
	_, _, err := w.owner(at, function, nil)
	return err
}

// RuntimeManagement returns a function's setting, Auto unless it was changed.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetRuntimeManagementConfig.html
func (w *World) RuntimeManagement(at Place, function, qualifier string) (RuntimeManagement, error) {
	r, f, err := w.versioned(at, function, qualifier)
	if err != nil {
		return RuntimeManagement{}, err
	}
	m, ok := f.runtimes[r.qualifier]
	if !ok {
		m.UpdateRuntimeOn = "Auto"
	}
	m.FunctionArn = r.arn()
	return m, nil
}

// ManageRuntime changes a function's setting. Unlike on AWS the change is done
// at once, so that a second one is not refused meanwhile.
// https://docs.aws.amazon.com/lambda/latest/api/API_PutRuntimeManagementConfig.html
func (w *World) ManageRuntime(at Place, function, qualifier, on, version string) (RuntimeManagement, error) {
	var v violations
	v.oneOf(on, "updateRuntimeOn", "Auto", "Manual", "FunctionUpdate")
	if err := v.err(); err != nil {
		return RuntimeManagement{}, err
	}
	if (on == "Manual") != (version != "") {
		// Unverified text.
		return RuntimeManagement{}, invalid("RuntimeVersionArn is required for Manual runtime updates, and only for them.")
	}
	r, f, err := w.versioned(at, function, qualifier)
	if err != nil {
		return RuntimeManagement{}, err
	}
	m := RuntimeManagement{FunctionArn: r.arn(), UpdateRuntimeOn: on, RuntimeVersionArn: version}
	f.runtimes[r.qualifier] = m
	return m, nil
}

// versioned finds a function and checks the version that is meant, if any.
func (w *World) versioned(at Place, function, qualifier string) (ref, *function, error) {
	r, err := resolve(at, function, qualifier)
	if err != nil {
		return ref{}, nil, err
	}
	f, err := w.find(r)
	if err == nil {
		_, err = f.version(r)
	}
	return r, f, err
}

// Recursion is what Lambda does to a function that is invoked in a loop.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionRecursionConfig.html
func (w *World) Recursion(at Place, function string) (string, error) {
	r, err := unqualified(at, function)
	if err != nil {
		return "", err
	}
	f, err := w.find(r)
	if err != nil {
		return "", err
	}
	return or(f.recursion, "Terminate"), nil
}

// SetRecursion changes it: Terminate or Allow.
// https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionRecursionConfig.html
func (w *World) SetRecursion(at Place, function, loop string) error {
	var v violations
	v.oneOf(loop, "recursiveLoop", "Allow", "Terminate")
	if err := v.err(); err != nil {
		return err
	}
	r, err := unqualified(at, function)
	if err != nil {
		return err
	}
	f, err := w.find(r)
	if err != nil {
		return err
	}
	f.recursion = loop
	return nil
}

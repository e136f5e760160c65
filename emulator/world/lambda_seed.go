package world

import "errors"

// SeedFunction creates a function that is Active and may run for a minute, where
// CreateFunction gives it AWS's 3 seconds, unless it exists, publishes a
// version of it, unless there is one, and creates those aliases on the latest
// version that do not exist.
func (w *World) SeedFunction(at Place, name string, aliases ...string) error {
	text := func(s string) *string { return &s }
	longest := 60
	_, err := w.CreateFunction(at, FunctionInput{
		FunctionName: name,
		Settings: FunctionSettings{
			Role:    text("arn:aws:iam::" + at.Account + ":role/" + name),
			Runtime: text("provided.al2023"),
			Handler: text("bootstrap"),
			Timeout: &longest,
		},
		Code: []byte(name),
	})
	if err != nil && !exists(err) {
		return err
	}
	if len(aliases) == 0 {
		return nil
	}
	v, err := w.PublishVersion(at, name, VersionInput{})
	if err != nil {
		return err
	}
	for _, alias := range aliases {
		_, err := w.CreateAlias(at, name, AliasInput{Name: alias, FunctionVersion: v.Version})
		if err != nil && !exists(err) {
			return err
		}
	}
	return nil
}

// exists tells whether a create was refused because the thing is there.
func exists(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == "ResourceConflictException"
}

package world

import "encoding/json"

// FunctionURL is a function URL of a function or one of its aliases.
type FunctionURL struct {
	FunctionURL, FunctionArn       string
	AuthType, InvokeMode           string
	Cors                           json.RawMessage // as it came; nil: none
	CreationTime, LastModifiedTime string
}

// URLInput is what CreateFunctionUrlConfig and UpdateFunctionUrlConfig take.
// Nil leaves a field as it is, or at its default.
type URLInput struct {
	AuthType, InvokeMode *string
	Cors                 json.RawMessage
}

// CreateURL gives a function or an alias a URL.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html
// Texts: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
func (w *World) CreateURL(at Place, function, qualifier string, in URLInput) (FunctionURL, error) {
	var v violations
	if in.AuthType == nil {
		v.absent("authType")
	}
	if err := in.check(v); err != nil {
		return FunctionURL{}, err
	}
	r, err := linked(at, function, qualifier)
	if err != nil {
		return FunctionURL{}, err
	}
	f, ok := w.at(at).lambda.functions[r.name]
	if !ok || !f.has(r.qualifier) {
		return FunctionURL{}, missing("Function does not exist")
	}
	if old, ok := f.urls[r.qualifier]; ok {
		return FunctionURL{}, conflict("Failed to create function url config for [functionArn = %s]. "+
			"Error message:  FunctionUrlConfig exists for this Lambda function", old.FunctionArn)
	}
	u := FunctionURL{
		FunctionURL:      "https://" + w.host() + ".lambda-url." + at.Region + ".on.aws/",
		FunctionArn:      r.arn(),
		InvokeMode:       "BUFFERED",
		CreationTime:     stamp(w.now),
		LastModifiedTime: stamp(w.now),
	}
	u = in.over(u)
	f.urls[r.qualifier] = u
	return u, nil
}

// URL returns one function URL.
func (w *World) URL(at Place, function, qualifier string) (FunctionURL, error) {
	r, err := linked(at, function, qualifier)
	if err != nil {
		return FunctionURL{}, err
	}
	f, ok := w.at(at).lambda.functions[r.name]
	if !ok {
		return FunctionURL{}, absent()
	}
	u, ok := f.urls[r.qualifier]
	if !ok {
		return FunctionURL{}, absent()
	}
	return u, nil
}

// URLs lists the URLs of a function and its aliases, at most 50 a page.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionUrlConfigs.html
func (w *World) URLs(at Place, function string, page Page) (all []FunctionURL, next string, err error) {
	if err := page.check(pageMost); err != nil {
		return nil, "", err
	}
	r, err := resolve(at, function, "")
	if err != nil {
		return nil, "", err
	}
	f, ok := w.at(at).lambda.functions[r.name]
	if !ok {
		return nil, "", missing("Function does not exist")
	}
	names, next, err := list(sorted(f.urls), page, pageMost)
	for _, name := range names {
		all = append(all, f.urls[name])
	}
	return all, next, err
}

// UpdateURL changes what is sent of a function URL.
func (w *World) UpdateURL(at Place, function, qualifier string, in URLInput) (FunctionURL, error) {
	if err := in.check(nil); err != nil {
		return FunctionURL{}, err
	}
	old, err := w.URL(at, function, qualifier)
	if err != nil {
		return FunctionURL{}, err
	}
	r, err := linked(at, function, qualifier)
	if err != nil {
		return FunctionURL{}, err
	}
	u := in.over(old)
	u.LastModifiedTime = stamp(w.now)
	w.at(at).lambda.functions[r.name].urls[r.qualifier] = u
	return u, nil
}

// DeleteURL takes a function URL away.
func (w *World) DeleteURL(at Place, function, qualifier string) error {
	if _, err := w.URL(at, function, qualifier); err != nil {
		return err
	}
	r, err := linked(at, function, qualifier)
	if err != nil {
		return err
	}
	delete(w.at(at).lambda.functions[r.name].urls, r.qualifier)
	return nil
}

// linked resolves what can have a URL: a function or an alias, no version.
func linked(at Place, function, qualifier string) (ref, error) {
	r, err := resolve(at, function, qualifier)
	if err != nil {
		return ref{}, err
	}
	if r.qualifier == latest || number(r.qualifier) {
		var v violations
		v.shape(false, r.qualifier, "qualifier", `((?!^\d+$)^[0-9a-zA-Z-_]+$)`)
		return ref{}, v.err()
	}
	return r, nil
}

func (in URLInput) check(v violations) error {
	if in.AuthType != nil {
		v.oneOf(*in.AuthType, "authType", "NONE", "AWS_IAM")
	}
	if in.InvokeMode != nil {
		v.oneOf(*in.InvokeMode, "invokeMode", "RESPONSE_STREAM", "BUFFERED")
	}
	return v.err()
}

func (in URLInput) over(u FunctionURL) FunctionURL {
	set(&u.AuthType, in.AuthType)
	set(&u.InvokeMode, in.InvokeMode)
	if in.Cors != nil {
		u.Cors = in.Cors
	}
	return u
}

// host draws the part of a function URL that tells it from others.
func (w *World) host() string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	b := make([]byte, 32)
	for i := range b {
		b[i] = letters[w.rng.Uint64()%32]
	}
	return string(b)
}

package world

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// FunctionInput is what CreateFunction takes.
type FunctionInput struct {
	FunctionName string
	Settings     FunctionSettings
	PackageType  string   // Zip if empty
	Architecture string   // x86_64 if empty
	Code         []byte   // decides CodeSha256 and CodeSize, and is forgotten
	Publish      bool     // publish version 1 as well
	Tags         Tags     // of the function
	_            struct{} // fields by name
}

// FunctionSettings is a function's configuration. Nil is a setting that the
// caller did not send.
type FunctionSettings struct {
	Role, Runtime, Handler, Description, KMSKeyArn *string
	Timeout, MemorySize                            *int
	Environment                                    map[string]string
	Layers                                         []string
	TracingMode                                    *string
	EphemeralStorage                               *int
	SnapStart                                      *string
	LoggingConfig                                  json.RawMessage
	// Other settings mean nothing here and are returned as they came: VpcConfig,
	// DeadLetterConfig, FileSystemConfigs, ImageConfig and later ones, by name.
	Other map[string]json.RawMessage
}

// Function is a function or one of its versions, as AWS shows it.
type Function struct {
	FunctionName, FunctionArn string
	Version                   string // $LATEST or a number
	Settings                  FunctionSettings
	PackageType, Architecture string
	CodeSha256                string
	CodeSize                  int
	LastModified              string
	RevisionID                string
	// State is Active: what AWS does between Pending and Active takes a second
	// and holds up nothing that this world models.
	State string
	// LastUpdateStatus is empty in the reply to CreateFunction, as on AWS.
	LastUpdateStatus string
}

// Tags of a resource by key.
type Tags map[string]string

// function is a function with all that belongs to it.
type function struct {
	id          uint64 // another function may come to have its name
	latest      Function
	versions    []Function // published, oldest first
	published   int        // number of the version published last
	aliases     map[string]Alias
	tags        Tags
	reserved    *int                         // nil: no reservation
	provisioned map[string]Provisioned       // by alias or version
	policies    map[string]policy            // by qualifier, empty for the function
	urls        map[string]FunctionURL       // by alias, empty for the function
	runtimes    map[string]RuntimeManagement // by qualifier; absent: Auto
	recursion   string                       // empty: Terminate
	work        work
}

func (f *function) clone() *function {
	c := *f
	c.versions = slices.Clone(f.versions)
	c.aliases = maps.Clone(f.aliases) // weights are never changed in place
	c.work.provisioned = maps.Clone(f.work.provisioned)
	c.tags = maps.Clone(f.tags)
	c.provisioned = maps.Clone(f.provisioned)
	c.policies = maps.Clone(f.policies) // statements are never changed in place
	c.urls = maps.Clone(f.urls)
	c.runtimes = maps.Clone(f.runtimes)
	return &c
}

// find returns a function of a place.
// Recorded: test_tag_nonexisting_resource.
func (w *World) find(r ref) (*function, error) {
	f, ok := w.at(r.at).lambda.functions[r.name]
	if !ok {
		return nil, missing("Function not found: %s", r.arn())
	}
	return f, nil
}

// version returns what a qualifier stands for: a version, or the one that an
// alias points to first.
func (f *function) version(r ref) (Function, error) {
	if a, ok := f.aliases[r.qualifier]; ok {
		r.qualifier = a.FunctionVersion
	}
	if r.qualifier == "" || r.qualifier == latest {
		return f.latest, nil
	}
	for _, v := range f.versions {
		if v.Version == r.qualifier {
			return v, nil
		}
	}
	return Function{}, missing("Function not found: %s", r.arn())
}

// has tells whether a qualifier is $LATEST, a published version or an alias.
func (f *function) has(qualifier string) bool {
	_, ok := f.aliases[qualifier]
	return ok || qualifier == "" || qualifier == latest ||
		slices.ContainsFunc(f.versions, func(v Function) bool { return v.Version == qualifier })
}

// CreateFunction creates a function. Its reply has the state that AWS replies
// with, Pending; by the next call the function is Active.
// https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
func (w *World) CreateFunction(at Place, in FunctionInput) (Function, error) {
	r, err := resolve(at, in.FunctionName, "")
	if err != nil {
		return Function{}, err
	}
	if err := in.check(); err != nil {
		return Function{}, err
	}
	functions := w.at(at).lambda.functions
	if _, ok := functions[r.name]; ok {
		// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
		return Function{}, conflict("Function already exist: %s", r.name)
	}
	w.seq++
	f := &function{
		id: w.seq,
		latest: Function{
			FunctionName:     r.name,
			FunctionArn:      ref{at: at, name: r.name}.arn(),
			Version:          latest,
			Settings:         in.Settings.over(defaults(r.name)),
			PackageType:      or(in.PackageType, "Zip"),
			Architecture:     or(in.Architecture, "x86_64"),
			CodeSha256:       hash(in.Code),
			CodeSize:         len(in.Code),
			LastModified:     stamp(w.now),
			State:            "Active",
			LastUpdateStatus: "Successful",
		},
		aliases:     map[string]Alias{},
		tags:        maps.Clone(in.Tags),
		provisioned: map[string]Provisioned{},
		policies:    map[string]policy{},
		urls:        map[string]FunctionURL{},
		runtimes:    map[string]RuntimeManagement{},
	}
	functions[r.name] = f
	reply := w.revise(f)
	if in.Publish {
		reply = w.publish(f, f.latest.description())
	}
	w.revise(f) // becoming Active is a revision of its own
	reply.State, reply.LastUpdateStatus = "Pending", ""
	return reply, nil
}

// revise gives a function's unpublished version a new revision.
func (w *World) revise(f *function) Function {
	f.latest.RevisionID = w.uuid()
	return f.latest
}

func (in FunctionInput) check() error {
	var v violations
	in.Settings.check(&v)
	if in.Settings.Role == nil {
		v.absent("role")
	}
	if in.PackageType != "" {
		v.oneOf(in.PackageType, "packageType", "Zip", "Image")
	}
	if in.Architecture != "" {
		v.oneOf(in.Architecture, "architectures", "x86_64", "arm64")
	}
	if err := v.err(); err != nil {
		return err
	}
	if in.PackageType != "Image" && (in.Settings.Runtime == nil || in.Settings.Handler == nil) {
		// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
		return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	return in.Tags.check(nil)
}

// check applies the ranges of the model.
func (s FunctionSettings) check(v *violations) {
	const role = `arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`
	if s.Role != nil {
		a, ok := parseARN(*s.Role)
		v.shape(ok && a.service == "iam" && strings.HasPrefix(a.resource, "role/"), *s.Role, "role", role)
	}
	if s.Handler != nil {
		v.length(*s.Handler, "handler", 0, 128)
	}
	if s.Description != nil {
		v.length(*s.Description, "description", 0, 256)
	}
	v.between(s.Timeout, "timeout", 1, 900)
	v.between(s.MemorySize, "memorySize", 128, 32768)
	v.between(s.EphemeralStorage, "ephemeralStorage.size", 512, 10240)
}

// defaults are the settings that AWS fills in.
// Recorded: test_tag_nonexisting_resource, pre_delete_get_function.
func defaults(name string) FunctionSettings {
	text := func(s string) *string { return &s }
	whole := func(n int) *int { return &n }
	return FunctionSettings{
		Description:      text(""),
		Timeout:          whole(3),
		MemorySize:       whole(128),
		EphemeralStorage: whole(512),
		TracingMode:      text("PassThrough"),
		SnapStart:        text("None"),
		LoggingConfig:    json.RawMessage(fmt.Sprintf(`{"LogFormat":"Text","LogGroup":"/aws/lambda/%s"}`, name)),
	}
}

// over returns old with everything that was sent in its place.
func (s FunctionSettings) over(old FunctionSettings) FunctionSettings {
	replace(&old.Role, s.Role)
	replace(&old.Runtime, s.Runtime)
	replace(&old.Handler, s.Handler)
	replace(&old.Description, s.Description)
	replace(&old.KMSKeyArn, s.KMSKeyArn)
	replace(&old.Timeout, s.Timeout)
	replace(&old.MemorySize, s.MemorySize)
	replace(&old.TracingMode, s.TracingMode)
	replace(&old.EphemeralStorage, s.EphemeralStorage)
	replace(&old.SnapStart, s.SnapStart)
	if s.Environment != nil {
		old.Environment = maps.Clone(s.Environment)
	}
	if s.Layers != nil {
		old.Layers = slices.Clone(s.Layers)
	}
	if s.LoggingConfig != nil {
		old.LoggingConfig = slices.Clone(s.LoggingConfig)
	}
	if len(s.Other) > 0 {
		merged := maps.Clone(old.Other)
		if merged == nil {
			merged = map[string]json.RawMessage{}
		}
		maps.Copy(merged, s.Other)
		old.Other = merged
	}
	return old
}

// replace copies a value that was sent over one that was there. It never
// writes through a pointer: clones share them.
func replace[T any](old **T, sent *T) {
	if sent != nil {
		v := *sent
		*old = &v
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (f Function) description() string {
	if f.Settings.Description == nil {
		return ""
	}
	return *f.Settings.Description
}

package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/eventrouting/eventrouting/emulator/world"
)

func functionRoutes() []route {
	const all, one = "/2015-03-31/functions", "/2015-03-31/functions/{}"
	return []route{
		{"CreateFunction", http.MethodPost, all, createFunction},
		{"ListFunctions", http.MethodGet, all, listFunctions},
		{"GetFunction", http.MethodGet, one, getFunction},
		{"DeleteFunction", http.MethodDelete, one, deleteFunction},
		{"GetFunctionConfiguration", http.MethodGet, one + "/configuration", getConfiguration},
		{"UpdateFunctionConfiguration", http.MethodPut, one + "/configuration", updateConfiguration},
		{"UpdateFunctionCode", http.MethodPut, one + "/code", updateCode},
		{"PublishVersion", http.MethodPost, one + "/versions", publishVersion},
		{"ListVersionsByFunction", http.MethodGet, one + "/versions", listVersions},
		{"CreateAlias", http.MethodPost, one + "/aliases", createAlias},
		{"ListAliases", http.MethodGet, one + "/aliases", listAliases},
		{"GetAlias", http.MethodGet, one + "/aliases/{}", getAlias},
		{"UpdateAlias", http.MethodPut, one + "/aliases/{}", updateAlias},
		{"DeleteAlias", http.MethodDelete, one + "/aliases/{}", deleteAlias},
	}
}

func createFunction(c call) (answer, error) {
	in := world.FunctionInput{
		FunctionName: c.body.plain("FunctionName"),
		Settings:     functionSettings(c.body),
		PackageType:  c.body.plain("PackageType"),
		Tags:         c.body.table("Tags"),
	}
	if a := c.body.texts("Architectures"); a != nil && len(*a) > 0 {
		in.Architecture = (*a)[0]
	}
	if p := c.body.flag("Publish"); p != nil {
		in.Publish = *p
	}
	code, ok := c.body.object("Code")
	if !ok && *c.body.err == nil {
		return answer{}, nullMember("code")
	}
	in.Code = codeOf(code)
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	f, err := c.world.CreateFunction(c.at, in)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusCreated, functionMembers(f)), nil
}

// nullMember refuses a call without a member that it must have.
func nullMember(name string) error {
	return &world.Error{
		Code:    "ValidationException",
		Status:  http.StatusBadRequest,
		Message: "1 validation error detected: Value null at '" + name + "' failed to satisfy constraint: Member must not be null",
	}
}

// codeOf is what tells one code from another: the archive, or where it lies.
// The world forgets it.
func codeOf(o object) []byte {
	if zip := o.bytes("ZipFile"); zip != nil {
		return zip
	}
	return []byte(o.plain("S3Bucket") + "/" + o.plain("S3Key") + "/" + o.plain("S3ObjectVersion") + o.plain("ImageUri"))
}

// functionSettings reads what create and update have in common.
func functionSettings(o object) world.FunctionSettings {
	s := world.FunctionSettings{
		Role:        o.text("Role"),
		Runtime:     o.text("Runtime"),
		Handler:     o.text("Handler"),
		Description: o.text("Description"),
		KMSKeyArn:   o.text("KMSKeyArn"),
		Timeout:     o.whole("Timeout"),
		MemorySize:  o.whole("MemorySize"),
		Other: o.raw("VpcConfig", "DeadLetterConfig", "FileSystemConfigs", "ImageConfig", "CapacityProviderConfig",
			"DurableConfig", "TenancyConfig"),
	}
	if l := o.texts("Layers"); l != nil {
		s.Layers = *l
	}
	if e, ok := o.object("Environment"); ok {
		s.Environment = map[string]string{}
		if v := e.table("Variables"); v != nil {
			s.Environment = v
		}
	}
	if t, ok := o.object("TracingConfig"); ok {
		s.TracingMode = t.text("Mode")
	}
	if e, ok := o.object("EphemeralStorage"); ok {
		s.EphemeralStorage = e.whole("Size")
	}
	if p, ok := o.object("SnapStart"); ok {
		s.SnapStart = p.text("ApplyOn")
	}
	if l, ok := o.object("LoggingConfig"); ok && *l.err == nil {
		s.LoggingConfig = o.members["LoggingConfig"]
	}
	return s
}

func getFunction(c call) (answer, error) {
	d, err := c.world.Function(c.at, c.path[0], c.query.Get("Qualifier"))
	if err != nil {
		return answer{}, err
	}
	m := reply{
		"Configuration": functionMembers(d.Function),
		"Code": reply{
			"RepositoryType": "S3",
			"Location":       "https://awslambda-" + c.at.Region + "-tasks.s3." + c.at.Region + ".amazonaws.com/snapshots/" + c.at.Account + "/" + d.Function.FunctionName,
		},
	}
	if len(d.Tags) > 0 {
		m["Tags"] = d.Tags
	}
	if d.Reserved != nil {
		m["Concurrency"] = reply{"ReservedConcurrentExecutions": *d.Reserved}
	}
	return jsonAnswer(http.StatusOK, m), nil
}

func getConfiguration(c call) (answer, error) {
	d, err := c.world.Function(c.at, c.path[0], c.query.Get("Qualifier"))
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, functionMembers(d.Function)), nil
}

func updateConfiguration(c call) (answer, error) {
	s, revision := functionSettings(c.body), c.body.plain("RevisionId")
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	f, err := c.world.UpdateConfiguration(c.at, c.path[0], s, revision)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, functionMembers(f)), nil
}

func updateCode(c call) (answer, error) {
	in := world.CodeInput{Code: codeOf(c.body), RevisionID: c.body.plain("RevisionId")}
	if a := c.body.texts("Architectures"); a != nil && len(*a) > 0 {
		in.Architecture = (*a)[0]
	}
	if p := c.body.flag("Publish"); p != nil {
		in.Publish = *p
	}
	if d := c.body.flag("DryRun"); d != nil {
		in.DryRun = *d
	}
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	f, err := c.world.UpdateCode(c.at, c.path[0], in)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, functionMembers(f)), nil
}

func listFunctions(c call) (answer, error) {
	page, err := c.page()
	if err != nil {
		return answer{}, err
	}
	all, next, err := c.world.Functions(c.at, page)
	return functionsAnswer("Functions", all, next, err)
}

func listVersions(c call) (answer, error) {
	page, err := c.page()
	if err != nil {
		return answer{}, err
	}
	all, next, err := c.world.Versions(c.at, c.path[0], page)
	return functionsAnswer("Versions", all, next, err)
}

// functionsAnswer is a list of functions, which has no states.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html
func functionsAnswer(name string, all []world.Function, next string, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	var items []reply
	for _, f := range all {
		m := functionMembers(f)
		for _, state := range []string{"State", "LastUpdateStatus", "RuntimeVersionConfig"} {
			delete(m, state)
		}
		items = append(items, m)
	}
	return listed(name, items, next), nil
}

func deleteFunction(c call) (answer, error) {
	if err := c.world.DeleteFunction(c.at, c.path[0], c.query.Get("Qualifier")); err != nil {
		return answer{}, err
	}
	return noContent(), nil
}

func publishVersion(c call) (answer, error) {
	in := world.VersionInput{
		CodeSha256:  c.body.plain("CodeSha256"),
		RevisionID:  c.body.plain("RevisionId"),
		Description: c.body.text("Description"),
	}
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	f, err := c.world.PublishVersion(c.at, c.path[0], in)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusCreated, functionMembers(f)), nil
}

// functionMembers is a function's configuration.
// Recorded: test_tag_nonexisting_resource, pre_delete_get_function.
func functionMembers(f world.Function) reply {
	s := f.Settings
	m := reply{
		"FunctionName":  f.FunctionName,
		"FunctionArn":   f.FunctionArn,
		"Version":       f.Version,
		"PackageType":   f.PackageType,
		"Architectures": []string{f.Architecture},
		"CodeSha256":    f.CodeSha256,
		"CodeSize":      f.CodeSize,
		"LastModified":  f.LastModified,
		"RevisionId":    f.RevisionID,
		"State":         f.State,
		"Role":          s.Role,
		"Description":   s.Description,
		"Timeout":       s.Timeout,
		"MemorySize":    s.MemorySize,
		"TracingConfig": reply{"Mode": s.TracingMode},
		"SnapStart":     reply{"ApplyOn": s.SnapStart, "OptimizationStatus": "Off"},
		"LoggingConfig": s.LoggingConfig,
	}
	m["EphemeralStorage"] = reply{"Size": s.EphemeralStorage}
	if s.Runtime != nil {
		m["Runtime"] = s.Runtime
		m["RuntimeVersionConfig"] = reply{"RuntimeVersionArn": runtimeVersion(f.FunctionArn, *s.Runtime)}
	}
	if s.Handler != nil {
		m["Handler"] = s.Handler
	}
	if s.KMSKeyArn != nil && *s.KMSKeyArn != "" {
		m["KMSKeyArn"] = s.KMSKeyArn
	}
	if s.Environment != nil {
		m["Environment"] = reply{"Variables": s.Environment}
	}
	if len(s.Layers) > 0 {
		var layers []reply
		for _, arn := range s.Layers {
			layers = append(layers, reply{"Arn": arn, "CodeSize": 0})
		}
		m["Layers"] = layers
	}
	for name, raw := range s.Other {
		m[otherName(name)] = otherValue(name, raw)
	}
	m.add("LastUpdateStatus", f.LastUpdateStatus)
	switch {
	case f.State == "Pending":
		m["StateReason"], m["StateReasonCode"] = "The function is being created.", "Creating"
	case f.LastUpdateStatus == "InProgress":
		m["LastUpdateStatusReason"], m["LastUpdateStatusReasonCode"] = "The function is being created.", "Creating"
	}
	return m
}

// otherName is the member of a reply that shows a member of a request.
func otherName(name string) string {
	if name == "ImageConfig" {
		return "ImageConfigResponse"
	}
	return name
}

func otherValue(name string, raw json.RawMessage) any {
	if name == "ImageConfig" {
		return reply{"ImageConfig": raw}
	}
	return raw
}

// runtimeVersion is an ARN that is the same for all functions of a runtime.
func runtimeVersion(function, runtime string) string {
	sum := sha256.Sum256([]byte(runtime))
	return "arn:aws:lambda:" + regionOf(function) + "::runtime:" + hex.EncodeToString(sum[:])
}

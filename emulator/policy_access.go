package emulator

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// access is what a call asks IAM for: an action on a resource, and what
// conditions can look at, with the names of keys in lower case.
type access struct {
	action, resource string
	context          map[string][]string
}

// asking is one call on its way to IAM.
type asking struct {
	world     *world.World
	at        world.Place
	partition string
	service   string // as actions are named
	name      string // of the operation
	request   *http.Request
	path      []string
	body      map[string]json.RawMessage
	list      []access
}

// SetPolicy holds every caller to a policy from now on; nil lets all do all.
func (s *Server) SetPolicy(p *Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy = p
}

// denied is how AWS refuses a call that the server's policy does not allow; nil
// where it does. Calls that nobody may make anyway are not asked about.
func (s *Server) denied(op operation, at world.Place, r *http.Request, body []byte) error {
	if s.policy == nil {
		return nil
	}
	sign := signer(r)
	by, stranger := sign.caller(s.world, r.Header.Get("X-Amz-Security-Token"))
	if sign.service == "" || stranger != nil {
		return nil //nolint:nilerr // the call itself is refused, for that reason
	}
	a := asking{world: s.world, at: at, partition: "aws", service: op.service, name: op.name, request: r}
	_ = json.Unmarshal(body, &a.body) // what is no JSON names nothing
	a.path, _ = segmentsOf(r.URL)
	switch op.service {
	case "lambda":
		a.ofLambda()
	case "kinesis":
		a.ofKinesis()
	case "sts":
		a.ofSTS(body)
	case "monitoring":
		a.service = "cloudwatch"
		a.ask(op.name, "*")
	}
	for _, need := range a.list {
		if !s.policy.allows(need) {
			return refusedBy(op.service, by, need)
		}
	}
	// A caller who may not decrypt gets the mapping without its filter.
	s.world.DenyDecrypt(at, !a.decrypts(s.policy))
	return nil
}

// refusedBy is AWS's answer. Text: recorded for Kinesis by radkawar/stackd,
// testdata/aws/kinesis/controls.json, summary-only-1. Unverified: CloudWatch's
// code in the CBOR protocol.
func refusedBy(service string, by world.Caller, a access) error {
	e := &world.Error{
		Code: "AccessDeniedException", Status: http.StatusForbidden,
		Message: "User: " + by.Arn + " is not authorized to perform: " + a.action + " on resource: " + a.resource +
			" because no identity-based policy allows the " + a.action + " action",
	}
	switch service {
	case "kinesis":
		e.Status = http.StatusBadRequest
	case "sts", "monitoring":
		e.Code = "AccessDenied"
	}
	return e
}

// ask adds an action of the call's service. Context is pairs of key and values.
func (a *asking) ask(name, resource string, pairs ...any) {
	a.askOf(a.service+":"+name, resource, pairs...)
}

func (a *asking) askOf(action, resource string, pairs ...any) {
	context := map[string][]string{"aws:requestedregion": {a.at.Region}}
	for i := 0; i+1 < len(pairs); i += 2 {
		context[pairs[i].(string)] = pairs[i+1].([]string)
	}
	a.list = append(a.list, access{action: action, resource: resource, context: context})
}

func (a *asking) arn(service, resource string) string {
	return "arn:" + a.partition + ":" + service + ":" + a.at.Region + ":" + a.at.Account + ":" + resource
}

// text is a member of the body; empty for none.
func (a *asking) text(name string) string {
	var s string
	_ = json.Unmarshal(a.body[name], &s) // absent and of another type alike
	return s
}

// tagKeys are the keys of the tags in the body; none for none.
func (a *asking) tagKeys() []string {
	var tags map[string]string
	_ = json.Unmarshal(a.body["Tags"], &tags) // absent and of another type alike
	return slices.Sorted(maps.Keys(tags))
}

const (
	functionKey = "lambda:functionarn"
	tagKeysKey  = "aws:tagkeys"
)

// ofLambda: which actions have which resources is in the Service Authorization
// Reference: list_awslambda.html. Those on aliases have the function. The value
// of lambda:FunctionArn is the function as the mapping has it, its qualifier
// included. Unverified: that a mapping that does not exist has none.
func (a *asking) ofLambda() {
	switch a.name {
	case "CreateEventSourceMapping":
		a.ask(a.name, "*", functionKey, []string{a.functionARN(a.text("FunctionName"), "")})
		if keys := a.tagKeys(); len(keys) > 0 {
			a.ask("TagResource", a.arn("lambda", "event-source-mapping:00000000-0000-0000-0000-000000000000"), tagKeysKey, keys)
		}
		a.ofKey()
	case "GetEventSourceMapping", "UpdateEventSourceMapping", "DeleteEventSourceMapping":
		a.ofMapping()
	case "TagResource", "UntagResource", "ListTags":
		keys := a.tagKeys()
		if a.name == "UntagResource" {
			keys = a.request.URL.Query()["tagKeys"]
		}
		a.ask(a.name, a.path[len(a.path)-1], tagKeysKey, keys)
	case "ListEventSourceMappings", "GetAccountSettings", "ListFunctions":
		a.ask(a.name, "*")
	default:
		a.ofFunction()
	}
}

func (a *asking) ofMapping() {
	uuid := a.path[len(a.path)-1]
	resource := a.arn("lambda", "event-source-mapping:"+uuid)
	m, err := a.world.Mapping(a.at, uuid)
	if err != nil {
		a.ask(a.name, resource)
		return
	}
	a.ask(a.name, resource, functionKey, []string{m.FunctionArn})
	if name := a.text("FunctionName"); name != "" {
		a.ask(a.name, resource, functionKey, []string{a.functionARN(name, "")})
	}
	if a.name == "UpdateEventSourceMapping" {
		a.ofKey()
	}
}

// ofKey asks for the key that a filter is to be encrypted with.
// https://docs.aws.amazon.com/lambda/latest/dg/security-encryption-at-rest.html
func (a *asking) ofKey() {
	key := a.text("KMSKeyArn")
	if key == "" {
		return
	}
	via := []string{"lambda." + a.at.Region + ".amazonaws.com"}
	for _, action := range []string{"kms:DescribeKey", "kms:GenerateDataKey"} {
		a.askOf(action, key, "kms:viaservice", via)
	}
}

// decrypts says whether the caller may decrypt the filter of the mapping that a
// call is about.
func (a *asking) decrypts(p *Policy) bool {
	if !strings.HasSuffix(a.name, "EventSourceMapping") {
		return true
	}
	m, err := a.world.Mapping(a.at, a.path[len(a.path)-1])
	if err != nil || m.KMSKeyArn == "" {
		return true
	}
	return p.allows(access{action: "kms:Decrypt", resource: m.KMSKeyArn, context: map[string][]string{
		"kms:viaservice": {"lambda." + a.at.Region + ".amazonaws.com"}, "aws:requestedregion": {a.at.Region},
	}})
}

// ofFunction: a qualifier beside the function makes the resource the alias or
// version.
func (a *asking) ofFunction() {
	i := slices.Index(a.path, "functions")
	switch {
	case i < 0:
		a.ask(a.name, "*")
	case i+1 == len(a.path): // CreateFunction
		a.ask(a.name, a.functionARN(a.text("FunctionName"), ""))
	default:
		action := a.name
		if action == "Invoke" {
			action = "InvokeFunction"
		}
		a.ask(action, a.functionARN(a.path[i+1], a.request.URL.Query().Get("Qualifier")))
	}
}

// functionARN is the ARN of a function that is named in any of the ways that
// Lambda takes.
func (a *asking) functionARN(name, qualifier string) string {
	p := strings.Split(name, ":")
	if i := slices.Index(p, "function"); i >= 0 {
		p = p[i+1:]
	}
	if len(p) > 1 {
		qualifier = p[1]
	}
	arn := a.arn("lambda", "function:"+p[0])
	if qualifier != "" {
		arn += ":" + qualifier
	}
	return arn
}

// ofKinesis: list_amazonkinesisdatastreams.html. Calls that name their stream in
// a token that says nothing of it ask for everything.
func (a *asking) ofKinesis() {
	stream := a.text("StreamARN")
	switch name := a.text("StreamName"); {
	case name != "":
		stream = a.arn("kinesis", "stream/"+name)
	case stream == "" && a.text("NextToken") != "":
		stream = a.ofToken(a.text("NextToken"))
	}
	resource := stream
	for _, member := range []string{"ConsumerARN", "ResourceARN"} {
		if arn := a.text(member); arn != "" {
			resource = arn
		}
	}
	switch a.name {
	case "UpdateShardCount", "UpdateStreamMode", "EnableEnhancedMonitoring", "DisableEnhancedMonitoring", "ListStreams", "DescribeLimits":
		resource = "*"
	case "DeregisterStreamConsumer", "DescribeStreamConsumer":
		if name := a.text("ConsumerName"); name != "" {
			resource = stream + "/consumer/" + name + ":0"
		}
	}
	if resource == "" {
		resource = "*"
	}
	keys := a.tagKeys()
	a.ask(a.name, resource, tagKeysKey, keys)
	if a.name == "RegisterStreamConsumer" && len(keys) > 0 {
		// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html
		a.ask("TagResource", stream+"/consumer/"+a.text("ConsumerName")+":0", tagKeysKey, keys)
	}
}

// ofToken is the stream of a page token.
func (a *asking) ofToken(token string) string {
	var t pageToken
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || json.Unmarshal(b, &t) != nil || t.Stream == "" {
		return ""
	}
	return a.arn("kinesis", "stream/"+t.Stream)
}

// ofSTS: GetCallerIdentity takes no permission.
func (a *asking) ofSTS(body []byte) {
	form, err := url.ParseQuery(string(body))
	if err == nil && a.name == "AssumeRole" {
		a.ask(a.name, form.Get("RoleArn"))
	}
}

package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/spec"
)

// home is where the things of a document are.
type home struct{ partition, region, account string }

// arn names a thing of Lambda or Kinesis there; what is one already stays.
func (h home) arn(service, resource string) string {
	return "arn:" + h.partition + ":" + service + ":" + h.region + ":" + h.account + ":" + resource
}

func (h home) function(name string) string { return h.arn("lambda", "function:"+spec.BareName(name)) }

func (h home) stream(name string) string { return h.arn("kinesis", "stream/"+spec.BareName(name)) }

// consumers are those of a routing on a stream, with the time of their making,
// which stands behind their name.
func (h home) consumers(d spec.EventRouting) string {
	return h.stream(d.Spec.Stream) + "/consumer/" + d.Metadata.Name + "--*"
}

// located is a document and where its things are.
type located struct {
	spec.EventRouting
	home
}

// targets are what the mappings of a document run, as lambda:FunctionArn has it:
// with the qualifier.
func (d located) targets() []string {
	var all []string
	for _, r := range d.Resolve() {
		at := d.function(r.Function)
		switch {
		case r.Isolation == spec.IsolationAlias:
			at += ":" + d.Metadata.Name + "--*" // those of retired routes too
		case d.Follow() != "$LATEST":
			at += ":" + d.Follow()
		}
		all = append(all, at)
	}
	return sortedUnion(all, nil)
}

// functions are those that the document's routes of an isolation run; of any
// when it is empty.
func (d located) functions(i spec.Isolation) []string {
	var all []string
	for _, r := range d.Resolve() {
		if i == "" || r.Isolation == i {
			all = append(all, d.function(r.Function))
		}
	}
	return sortedUnion(all, nil)
}

func (d located) fansOut() bool {
	return slices.ContainsFunc(d.Resolve(), func(r spec.Resolved) bool { return r.Isolation == spec.IsolationFanOut })
}

// keys are the KMS keys that filters are encrypted with.
func (d located) keys() []string {
	var all []string
	for _, r := range d.Resolve() {
		if r.KMSKey != "" {
			all = append(all, r.KMSKey)
		}
	}
	return sortedUnion(all, nil)
}

// concern is a statement of the controller's policy, without its resources.
type concern struct {
	sid, why string
	writes   bool
	on       awsapi.Target
	needed   awsapi.Needed
}

// concerns are the statements, in their order.
func concerns() []concern {
	return []concern{
		{"ReadAccountWide", "AWS knows no resource for these but *", false, awsapi.OnAccount, awsapi.Always},
		{"MeasureLag", "how far behind a mapping is; CloudWatch knows no resource but *", false, awsapi.OnMetrics, awsapi.Always},
		{"ReadMappings", "a mapping's ARN is random, so that it cannot be named", false, awsapi.OnMapping, awsapi.Always},
		{"ReadFunctions", "aliases and concurrency", false, awsapi.OnFunction, awsapi.Always},
		{"ReadInvokers", "who else invokes the functions, as long as concurrency.others is not set", false, awsapi.OnFunction, awsapi.ByInvokers},
		{"ReadInvokersPolicies", "the same, of their aliases and versions too", false, awsapi.OnInvokable, awsapi.ByInvokers},
		{"ReadStreams", "shards, and who reads", false, awsapi.OnStream, awsapi.Always},
		{"ReadConsumers", "whose a consumer is", false, awsapi.OnConsumer, awsapi.ByConsumers},
		{"CreateMappings", "AWS knows no resource for this but *: the condition confines it", true, awsapi.OnNewMapping, awsapi.Always},
		{"ChangeMappings", "a mapping's ARN is random: the condition confines it", true, awsapi.OnOurMapping, awsapi.Always},
		{"TagMappings", "a mapping's ARN is random: only our own tags can be written", true, awsapi.OnMappingTags, awsapi.Always},
		{"ReserveConcurrency", "the functions' reserved concurrency", true, awsapi.OnFunction, awsapi.Always},
		{"ChangeAliases", "AWS authorises aliases by their function", true, awsapi.OnFunction, awsapi.ByAliases},
		{"RegisterConsumers", "enhanced fan-out", true, awsapi.OnStream, awsapi.ByConsumers},
		{"ChangeConsumers", "those of these routings", true, awsapi.OnConsumer, awsapi.ByConsumers},
	}
}

// actions are those of a concern.
func (c concern) actions() []string {
	var all []string
	for _, a := range awsapi.Actions() {
		if a.Writes == c.writes && a.On == c.on && a.Needed == c.needed {
			all = append(all, a.Name)
		}
	}
	return all
}

// tagsOfOurs is what the keys of all our tags are like.
const tagsOfOurs = "eventrouting.dev/*"

// statement is a concern about one document; without resources where the
// document has no need of it. counted says of a function whether some document
// says how much others need of it.
func (c concern) statement(d located, counted func(string) bool) iamStatement {
	functions := d.functions("")
	switch {
	case c.needed == awsapi.ByAliases:
		functions = d.functions(spec.IsolationAlias)
	case c.needed == awsapi.ByInvokers:
		functions = slices.DeleteFunc(functions, counted)
	case c.needed == awsapi.ByConsumers && !d.fansOut():
		return iamStatement{}
	}
	s := iamStatement{Sid: c.sid, Action: c.actions(), why: c.why}
	s.Resource, s.Condition = c.resources(d, functions)
	return s
}

// resources are what the concern is about, and the conditions that confine it
// where that cannot be named.
func (c concern) resources(d located, functions []string) ([]string, map[string]map[string][]string) {
	type conditions = map[string]map[string][]string
	ofOurs := conditions{"ArnLike": {"lambda:FunctionArn": d.targets()}}
	mappings := []string{d.arn("lambda", "event-source-mapping:*")}
	switch c.on {
	case awsapi.OnAccount, awsapi.OnMetrics:
		return []string{"*"}, conditions{"StringEquals": {"aws:RequestedRegion": {d.region}}}
	case awsapi.OnNewMapping:
		return []string{"*"}, ofOurs
	case awsapi.OnOurMapping:
		return mappings, ofOurs
	case awsapi.OnMappingTags:
		return mappings, conditions{"ForAllValues:StringLike": {"aws:TagKeys": {tagsOfOurs}}}
	case awsapi.OnMapping:
		return mappings, nil
	case awsapi.OnFunction:
		return functions, nil
	case awsapi.OnInvokable:
		for _, f := range slices.Clone(functions) {
			functions = append(functions, f+":*")
		}
		return functions, nil
	case awsapi.OnStream:
		return []string{d.stream(d.Spec.Stream)}, nil
	case awsapi.OnConsumer:
		return []string{d.consumers(d.EventRouting)}, nil
	}
	return nil, nil
}

// allowDocuments adds what a dry run takes, and with writes what an apply does.
func (p *iamPolicy) allowDocuments(docs []located, writes bool) {
	counted := func(function string) bool {
		return slices.ContainsFunc(docs, func(d located) bool {
			return slices.Contains(d.functions(""), function) && d.Spec.Concurrency != nil && d.Spec.Concurrency.Others != nil
		})
	}
	for _, c := range concerns() {
		if c.writes && !writes {
			continue
		}
		for _, d := range docs {
			p.allow(c.statement(d, counted))
		}
	}
	for _, d := range docs {
		for _, key := range d.keys() {
			p.allowKey("DecryptFilters", "Lambda shows an encrypted filter to who may decrypt it", key, d.home, "kms:Decrypt")
			if writes {
				p.allowKey("EncryptFilters", "Lambda encrypts a filter as who sets it", key, d.home, "kms:DescribeKey", "kms:GenerateDataKey")
			}
		}
	}
}

// allowKey allows Lambda to use a KMS key for its caller. A key that is named by
// an alias has another ARN, and IAM goes by that alone.
// https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
func (p *iamPolicy) allowKey(sid, why, key string, at home, actions ...string) {
	domain := "amazonaws.com"
	if at.partition == "aws-cn" {
		domain = "amazonaws.com.cn"
	}
	s := iamStatement{
		Sid: sid, why: why, Action: actions, Resource: []string{key},
		Condition: map[string]map[string][]string{"StringEquals": {"kms:ViaService": {fmt.Sprintf("lambda.%s.%s", at.region, domain)}}},
	}
	if before, alias, ok := strings.Cut(key, ":alias/"); ok {
		s.Sid, s.Resource = sid+"ByAlias", []string{before + ":key/*"}
		s.Condition["ForAnyValue:StringEquals"] = map[string][]string{"kms:ResourceAliases": {"alias/" + alias}}
	}
	p.allow(s)
}

// allowAdopting adds that a mapping which runs one of targets, by its ARN, becomes a
// route's of the documents, which has to run the same function.
func (p *iamPolicy) allowAdopting(docs []located, targets []string) {
	for _, d := range docs {
		for _, target := range targets {
			if slices.ContainsFunc(d.functions(""), func(f string) bool { return target == f || strings.HasPrefix(target, f+":") }) {
				p.allow(iamStatement{
					Sid: "AdoptMappings", why: "what adopted mappings run until they are applied; not needed any more after that",
					Action: []string{"lambda:UpdateEventSourceMapping"}, Resource: []string{d.arn("lambda", "event-source-mapping:*")},
					Condition: map[string]map[string][]string{"ArnLike": {"lambda:FunctionArn": {target}}},
				})
			}
		}
	}
}

// allowReading adds what a dry run takes of streams and functions that no
// document names, by their ARNs.
func (p *iamPolicy) allowReading(arns []string) {
	for _, c := range concerns() {
		if c.writes || c.needed != awsapi.Always {
			continue
		}
		for _, arn := range arns {
			of := awsapi.OnFunction
			if strings.Contains(arn, ":kinesis:") {
				of = awsapi.OnStream
			}
			if c.on == of {
				p.allow(iamStatement{Sid: c.sid, why: c.why, Action: c.actions(), Resource: []string{arn}})
			}
		}
	}
}

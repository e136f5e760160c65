package awsapi

// Action is what one operation that this package calls takes of IAM. Its name is
// the operation's, behind the service: lambda:ListAliases.
type Action struct {
	Name   string
	Writes bool   // a dry run does without it
	On     Target // what a policy's Resource can be
	Needed Needed // by which documents
}

// Target is what an action can be allowed on, by the Service Authorization
// Reference.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesisdatastreams.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
type Target string

// The targets. The first three take Resource "*".
const (
	OnAccount     Target = "account"     // the reference names no resource
	OnMetrics     Target = "metrics"     // nor for CloudWatch
	OnNewMapping  Target = "new mapping" // no resource either; the condition lambda:FunctionArn
	OnMapping     Target = "mapping"     // any: their ARNs are random
	OnOurMapping  Target = "our mapping" // with the condition lambda:FunctionArn
	OnMappingTags Target = "mapping tags"
	OnFunction    Target = "function"
	OnInvokable   Target = "invokable" // a function and whatever it is qualified with
	OnStream      Target = "stream"
	OnConsumer    Target = "consumer"
)

// Needed says which documents take an action.
type Needed string

// Who needs an action.
const (
	Always      Needed = "always"
	ByAliases   Needed = "aliases"   // routes with isolation Alias
	ByConsumers Needed = "consumers" // routes with isolation FanOut
	ByInvokers  Needed = "invokers"  // functions for which concurrency.others is not set
)

// Actions are those of all operations that a [Reader] and a [Writer] call, in
// the order of a policy. A test derives the operations from the code.
//
// GetEventSourceMapping has no condition, though AWS knows one: a create that is
// answered "exists" reads whatever is there, and but for an encrypted filter it
// shows nothing that a list does not.
func Actions() []Action {
	const read, write = false, true
	return []Action{
		{"lambda:ListEventSourceMappings", read, OnAccount, Always},
		{"lambda:GetAccountSettings", read, OnAccount, Always},
		{"cloudwatch:GetMetricData", read, OnMetrics, Always},
		{"lambda:GetEventSourceMapping", read, OnMapping, Always},
		{"lambda:ListTags", read, OnMapping, Always},
		{"lambda:ListAliases", read, OnFunction, Always},
		{"lambda:ListVersionsByFunction", read, OnFunction, Always},
		{"lambda:GetFunctionConcurrency", read, OnFunction, Always},
		{"lambda:ListProvisionedConcurrencyConfigs", read, OnFunction, Always},
		{"lambda:ListFunctionUrlConfigs", read, OnFunction, ByInvokers},
		{"lambda:GetPolicy", read, OnInvokable, ByInvokers},
		{"kinesis:DescribeStreamSummary", read, OnStream, Always},
		{"kinesis:ListShards", read, OnStream, Always},
		{"kinesis:ListStreamConsumers", read, OnStream, Always}, // of other people, too
		{"kinesis:ListTagsForResource", read, OnConsumer, ByConsumers},

		{"lambda:CreateEventSourceMapping", write, OnNewMapping, Always},
		{"lambda:UpdateEventSourceMapping", write, OnOurMapping, Always},
		{"lambda:DeleteEventSourceMapping", write, OnOurMapping, Always},
		{"lambda:TagResource", write, OnMappingTags, Always}, // a create with tags takes it too
		{"lambda:PutFunctionConcurrency", write, OnFunction, Always},
		{"lambda:GetAlias", write, OnFunction, ByAliases},
		{"lambda:CreateAlias", write, OnFunction, ByAliases},
		{"lambda:UpdateAlias", write, OnFunction, ByAliases},
		{"lambda:DeleteAlias", write, OnFunction, ByAliases},
		{"kinesis:RegisterStreamConsumer", write, OnStream, ByConsumers},
		{"kinesis:TagResource", write, OnConsumer, ByConsumers}, // a registration with tags takes it too
		{"kinesis:DeregisterStreamConsumer", write, OnConsumer, ByConsumers},
	}
}

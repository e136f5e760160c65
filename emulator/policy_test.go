package emulator_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// TestPolicyRefused has policies that this emulator would not enforce as AWS
// does.
func TestPolicyRefused(t *testing.T) {
	const good = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"lambda:*","Resource":"*","Condition":{"ArnLike":{"lambda:FunctionArn":"a"}}}}`
	if _, err := emulator.ParsePolicy([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, edit := range [][2]string{
		{"Allow", "Deny"},
		{`"Action"`, `"NotAction"`},
		{`"Resource":"*",`, ``},
		{`"Resource":"*"`, `"Resource":"arn:aws:lambda:*:${AWS::AccountId}:function:f"`},
		{"2012-10-17", "2008-10-17"},
		{"ArnLike", "ArnNotLike"},
		{`"Statement":{`, `"Statement":[],"X":{`},
		{`}}}}`, `}}}}{}`},
		{good, ""},
		{good, "null"},
	} {
		text := strings.Replace(good, edit[0], edit[1], 1)
		if _, err := emulator.ParsePolicy([]byte(text)); err == nil {
			t.Errorf("%s is a policy", text)
		}
	}
}

// scene is an emulator with a stream, a function and a mapping of it, and
// clients.
type policyScene struct {
	server  *emulator.Server
	lambda  *lambda.Client
	kinesis *kinesis.Client
	metrics *cloudwatch.Client
	sts     *sts.Client
	uuid    string
}

func newPolicyScene(t *testing.T) policyScene {
	t.Helper()
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())})
	at := world.Place{Account: "111122223333", Region: "eu-west-1"}
	if err := s.Seed(emulator.Seed{Place: at, Streams: map[string]int{"s": 1}, Functions: map[string][]string{"f": {"live"}}}); err != nil {
		t.Fatal(err)
	}
	cfg := aws.Config{
		Region:       at.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(at.Account, "secret", ""),
		HTTPClient:   s.Client(),
		BaseEndpoint: aws.String("http://embedded.invalid"),
	}
	p := policyScene{server: s, lambda: lambda.NewFromConfig(cfg), kinesis: kinesis.NewFromConfig(cfg), metrics: cloudwatch.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg)}
	out, err := p.lambda.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName: aws.String("f:live"), EventSourceArn: aws.String("arn:aws:kinesis:eu-west-1:111122223333:stream/s"),
		StartingPosition: lambdatypes.EventSourcePositionTrimHorizon,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.uuid = *out.UUID
	return p
}

// TestPolicyEnforced checks, call by call, what a statement lets through and
// what it does not.
func TestPolicyEnforced(t *testing.T) {
	p := newPolicyScene(t)
	stream := aws.String("arn:aws:kinesis:eu-west-1:111122223333:stream/s")
	getAlias := func(ctx context.Context) error {
		_, err := p.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String("f"), Name: aws.String("live")})
		return err
	}
	getPolicy := func(ctx context.Context) error {
		_, err := p.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: aws.String("f"), Qualifier: aws.String("live")})
		return err
	}
	update := func(to string) func(context.Context) error {
		return func(ctx context.Context) error {
			in := &lambda.UpdateEventSourceMappingInput{UUID: &p.uuid, BatchSize: aws.Int32(7)}
			if to != "" {
				in.FunctionName = &to
			}
			_, err := p.lambda.UpdateEventSourceMapping(ctx, in)
			return err
		}
	}
	tag := func(key string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := p.lambda.TagResource(ctx, &lambda.TagResourceInput{
				Resource: aws.String("arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:" + p.uuid), Tags: map[string]string{key: "x"},
			})
			return err
		}
	}
	register := func(ctx context.Context) error {
		_, err := p.kinesis.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: stream, ConsumerName: aws.String("c"), Tags: map[string]string{"a": "b"}})
		return err
	}
	shards := func(ctx context.Context) error {
		_, err := p.kinesis.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String("s"), ShardFilter: &kinesistypes.ShardFilter{Type: kinesistypes.ShardFilterTypeAtLatest}})
		return err
	}
	lag := func(ctx context.Context) error {
		_, err := p.metrics.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
			StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now()),
			MetricDataQueries: []cloudwatchtypes.MetricDataQuery{{Id: aws.String("a"), MetricStat: &cloudwatchtypes.MetricStat{
				Metric: &cloudwatchtypes.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("IteratorAge")}, Period: aws.Int32(60), Stat: aws.String("Maximum"),
			}}},
		})
		return err
	}
	assume := func(ctx context.Context) error {
		_, err := p.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/a/b"), RoleSessionName: aws.String("me")})
		return err
	}
	who := func(ctx context.Context) error {
		_, err := p.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		return err
	}
	const fn, mapping = "arn:aws:lambda:eu-west-1:111122223333:function:f", "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:"
	const ofLive = `"ArnLike":{"lambda:FunctionArn":"` + fn + `:l*"}`
	for _, c := range []struct {
		name                        string
		call                        func(context.Context) error
		action, resource, condition string
		denied                      string // the action that is missing; empty for none
		status                      int
		code                        string
	}{
		{name: "alias by its function", call: getAlias, action: "lambda:GetAlias", resource: fn},
		{name: "alias by its own ARN", call: getAlias, action: "lambda:GetAlias", resource: fn + ":live", denied: "lambda:GetAlias", status: 403},
		{name: "another action", call: getAlias, action: "lambda:GetPolicy", resource: "*", denied: "lambda:GetAlias", status: 403},
		{name: "action with a wildcard, in another case", call: getAlias, action: "Lambda:get*", resource: "*"},
		{name: "another account", call: getAlias, action: "lambda:GetAlias", resource: "arn:aws:lambda:eu-west-1:999999999999:function:*", denied: "lambda:GetAlias", status: 403},
		{name: "qualified", call: getPolicy, action: "lambda:GetPolicy", resource: fn + ":*"},
		{name: "unqualified", call: getPolicy, action: "lambda:GetPolicy", resource: fn, denied: "lambda:GetPolicy", status: 403},
		{name: "mapping of the function", call: update(""), action: "lambda:UpdateEventSourceMapping", resource: mapping + "*", condition: ofLive},
		{name: "mapping of another function", call: update(""), action: "lambda:UpdateEventSourceMapping", resource: mapping + "*", condition: `"ArnLike":{"lambda:FunctionArn":"` + fn + `"}`, denied: "lambda:UpdateEventSourceMapping", status: 403},
		{name: "to another function", call: update("f"), action: "lambda:UpdateEventSourceMapping", resource: mapping + "*", condition: ofLive, denied: "lambda:UpdateEventSourceMapping", status: 403},
		{name: "our tag", call: tag("eventrouting.dev/owner"), action: "lambda:TagResource", resource: mapping + "*", condition: `"ForAllValues:StringLike":{"aws:TagKeys":"eventrouting.dev/*"}`},
		{name: "another tag", call: tag("cost"), action: "lambda:TagResource", resource: mapping + "*", condition: `"ForAllValues:StringLike":{"aws:TagKeys":"eventrouting.dev/*"}`, denied: "lambda:TagResource", status: 403},
		{name: "a consumer without its tags", call: register, action: "kinesis:RegisterStreamConsumer", resource: *stream, denied: "kinesis:TagResource", status: 400},
		{name: "shards", call: shards, action: "kinesis:ListShards", resource: *stream},
		{name: "shards elsewhere", call: shards, action: "kinesis:ListShards", resource: *stream + "/*", denied: "kinesis:ListShards", status: 400},
		{name: "another region", call: shards, action: "kinesis:ListShards", resource: "*", condition: `"StringEquals":{"aws:RequestedRegion":["us-east-1","us-east-2"]}`, denied: "kinesis:ListShards", status: 400},
		{name: "metrics", call: lag, action: "cloudwatch:GetMetricData", resource: "*"},
		{name: "no metrics", call: lag, action: "lambda:*", resource: "*", denied: "cloudwatch:GetMetricData", status: 403, code: "AccessDenied"},
		{name: "a role", call: assume, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/a/*"},
		{name: "another role", call: assume, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/b", denied: "sts:AssumeRole", status: 403, code: "AccessDenied"},
		{name: "who am I", call: who, action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy, err := emulator.ParsePolicy([]byte(`{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["` + c.action + `"],"Resource":"` + c.resource + `","Condition":{` + c.condition + `}}]}`))
			if err != nil {
				t.Fatal(err)
			}
			p.server.SetPolicy(policy)
			err = c.call(t.Context())
			api, refused := errors.AsType[smithy.APIError](err)
			want := c.code
			if want == "" {
				want = "AccessDeniedException"
			}
			switch {
			case c.denied == "":
				if refused && strings.HasPrefix(api.ErrorCode(), "AccessDenied") {
					t.Fatal(err)
				}
			case !refused || api.ErrorCode() != want:
				t.Fatalf("it was answered %v, want %s", err, want)
			case !strings.Contains(api.ErrorMessage(), " is not authorized to perform: "+c.denied+" on resource: "):
				t.Fatalf("it was answered %q", api.ErrorMessage())
			default:
				resp, ok := errors.AsType[*awshttp.ResponseError](err)
				if !ok || resp.HTTPStatusCode() != c.status {
					t.Fatalf("it was answered %v, want HTTP %d %s", err, c.status, http.StatusText(c.status))
				}
			}
		})
	}
}

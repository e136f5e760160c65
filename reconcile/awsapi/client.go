package awsapi

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eventrouting/eventrouting/reconcile"
)

// Options of a [Client]. The zero value has no rate limit.
type Options struct {
	// QPS is how many requests a second Lambda and Kinesis get together, every
	// attempt counted; 0 is no limit.
	QPS float64
	// SettleTimeout is how long [Writer.Settled] waits while nothing settles;
	// 0 is 10 minutes, as Terraform's AWS provider waits.
	SettleTimeout time.Duration
}

// Client is Lambda and Kinesis of one account in one region. It is safe for
// concurrent use.
type Client struct {
	lambda  *lambda.Client
	kinesis *kinesis.Client
	metrics *cloudwatch.Client
	who     *sts.Client
	region  string
	timeout time.Duration
}

// New returns a client. Region, credentials, endpoint, HTTP client and retries
// are those of cfg.
func New(cfg aws.Config, o Options) *Client {
	if o.SettleTimeout == 0 {
		o.SettleTimeout = 10 * time.Minute
	}
	stack := middlewares(o.QPS)
	return &Client{
		lambda:  lambda.NewFromConfig(cfg, func(l *lambda.Options) { l.APIOptions = append(l.APIOptions, stack...) }),
		kinesis: kinesis.NewFromConfig(cfg, func(k *kinesis.Options) { k.APIOptions = append(k.APIOptions, stack...) }),
		metrics: cloudwatch.NewFromConfig(cfg), // its limits are its own, and its answers no JSON
		who:     sts.NewFromConfig(cfg, func(o *sts.Options) { o.RetryMaxAttempts = 1 }),
		region:  cfg.Region,
		timeout: o.SettleTimeout,
	}
}

// Reader returns what a dry run may hold.
func (c *Client) Reader() *Reader {
	return &Reader{lambda: c.lambda, kinesis: c.kinesis, metrics: c.metrics, who: c.who, region: c.region}
}

// Writer returns the writer of one pass. The changes it is given name streams
// as the documents do; live, which the pass observed, knows their ARNs.
func (c *Client) Writer(live reconcile.State) *Writer {
	return &Writer{
		Reader: c.Reader(), write: c.lambda, writeKinesis: c.kinesis, live: live, timeout: c.timeout,
		registered: map[reconcile.ConsumerKey]string{}, changed: map[string]bool{}, relies: map[string]*reliance{},
	}
}

// Reader is a [reconcile.Reader].
type Reader struct {
	lambda  lambdaReader
	kinesis kinesisReader
	metrics metricReader
	who     *sts.Client
	region  string
}

// Writer is a [reconcile.Writer], and a Reader too.
type Writer struct {
	*Reader
	write        lambdaWriter
	writeKinesis kinesisWriter
	live         reconcile.State
	timeout      time.Duration
	registered   map[reconcile.ConsumerKey]string // ARNs of consumers that this pass registered
	changed      map[string]bool                  // mappings that this pass updated, by UUID
	relies       map[string]*reliance             // on reservations, by function
}

var (
	_ reconcile.Reader = (*Reader)(nil)
	_ reconcile.Writer = (*Writer)(nil)
)

// lambdaReader is what looking takes of Lambda.
type lambdaReader interface {
	ListEventSourceMappings(context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error)
	GetEventSourceMapping(context.Context, *lambda.GetEventSourceMappingInput, ...func(*lambda.Options)) (*lambda.GetEventSourceMappingOutput, error)
	ListAliases(context.Context, *lambda.ListAliasesInput, ...func(*lambda.Options)) (*lambda.ListAliasesOutput, error)
	ListVersionsByFunction(context.Context, *lambda.ListVersionsByFunctionInput, ...func(*lambda.Options)) (*lambda.ListVersionsByFunctionOutput, error)
	GetAlias(context.Context, *lambda.GetAliasInput, ...func(*lambda.Options)) (*lambda.GetAliasOutput, error)
	GetFunctionConcurrency(context.Context, *lambda.GetFunctionConcurrencyInput, ...func(*lambda.Options)) (*lambda.GetFunctionConcurrencyOutput, error)
	ListProvisionedConcurrencyConfigs(context.Context, *lambda.ListProvisionedConcurrencyConfigsInput, ...func(*lambda.Options)) (*lambda.ListProvisionedConcurrencyConfigsOutput, error)
	ListTags(context.Context, *lambda.ListTagsInput, ...func(*lambda.Options)) (*lambda.ListTagsOutput, error)
	GetPolicy(context.Context, *lambda.GetPolicyInput, ...func(*lambda.Options)) (*lambda.GetPolicyOutput, error)
	ListFunctionUrlConfigs(context.Context, *lambda.ListFunctionUrlConfigsInput, ...func(*lambda.Options)) (*lambda.ListFunctionUrlConfigsOutput, error)
	GetAccountSettings(context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error)
}

// metricReader is what looking takes of CloudWatch.
type metricReader interface {
	GetMetricData(context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error)
}

// lambdaWriter is what changing takes of Lambda.
type lambdaWriter interface {
	CreateAlias(context.Context, *lambda.CreateAliasInput, ...func(*lambda.Options)) (*lambda.CreateAliasOutput, error)
	UpdateAlias(context.Context, *lambda.UpdateAliasInput, ...func(*lambda.Options)) (*lambda.UpdateAliasOutput, error)
	DeleteAlias(context.Context, *lambda.DeleteAliasInput, ...func(*lambda.Options)) (*lambda.DeleteAliasOutput, error)
	CreateEventSourceMapping(context.Context, *lambda.CreateEventSourceMappingInput, ...func(*lambda.Options)) (*lambda.CreateEventSourceMappingOutput, error)
	UpdateEventSourceMapping(context.Context, *lambda.UpdateEventSourceMappingInput, ...func(*lambda.Options)) (*lambda.UpdateEventSourceMappingOutput, error)
	DeleteEventSourceMapping(context.Context, *lambda.DeleteEventSourceMappingInput, ...func(*lambda.Options)) (*lambda.DeleteEventSourceMappingOutput, error)
	TagResource(context.Context, *lambda.TagResourceInput, ...func(*lambda.Options)) (*lambda.TagResourceOutput, error)
	PutFunctionConcurrency(context.Context, *lambda.PutFunctionConcurrencyInput, ...func(*lambda.Options)) (*lambda.PutFunctionConcurrencyOutput, error)
}

// kinesisReader is what looking takes of Kinesis.
type kinesisReader interface {
	DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	ListStreamConsumers(context.Context, *kinesis.ListStreamConsumersInput, ...func(*kinesis.Options)) (*kinesis.ListStreamConsumersOutput, error)
	ListTagsForResource(context.Context, *kinesis.ListTagsForResourceInput, ...func(*kinesis.Options)) (*kinesis.ListTagsForResourceOutput, error)
}

// kinesisWriter is what changing takes of Kinesis. Nothing here changes a stream.
type kinesisWriter interface {
	RegisterStreamConsumer(context.Context, *kinesis.RegisterStreamConsumerInput, ...func(*kinesis.Options)) (*kinesis.RegisterStreamConsumerOutput, error)
	DeregisterStreamConsumer(context.Context, *kinesis.DeregisterStreamConsumerInput, ...func(*kinesis.Options)) (*kinesis.DeregisterStreamConsumerOutput, error)
	TagResource(context.Context, *kinesis.TagResourceInput, ...func(*kinesis.Options)) (*kinesis.TagResourceOutput, error)
}

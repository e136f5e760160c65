package spec

import (
	"fmt"
	"regexp"
	"strings"
)

// arn is the parts of an Amazon resource name.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
type arn struct{ partition, service, region, account, resource string }

// parseARN reads an ARN of any partition: aws, aws-cn, aws-us-gov and so on.
func parseARN(text string) (arn, error) {
	p := strings.SplitN(text, ":", 6)
	if len(p) != 6 || p[0] != "arn" {
		return arn{}, fmt.Errorf("%q is no ARN: write arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE", text)
	}
	a := arn{p[1], p[2], p[3], p[4], p[5]}
	switch {
	case !matches(`aws(-[a-z]+)*`, a.partition):
		return arn{}, fmt.Errorf("%q names no partition of AWS: write aws, aws-cn, aws-us-gov or another", text)
	case a.region != "" && !isRegion(a.region):
		return arn{}, fmt.Errorf("%q names no region: write one such as eu-west-1 after the service", text)
	case a.account != "" && !matches(`[0-9]{12}`, a.account):
		return arn{}, fmt.Errorf("%q names no account: write its 12 digits after the region", text)
	case a.resource == "":
		return arn{}, fmt.Errorf("%q names no resource", text)
	}
	return a, nil
}

// is says whether an ARN is of a service in a region and an account, with a
// resource that the expression matches whole.
func (a arn) is(service, resource string) bool {
	return a.service == service && a.region != "" && a.account != "" && matches(resource, a.resource)
}

func matches(expression, text string) bool {
	return regexp.MustCompile(`^(?:` + expression + `)$`).MatchString(text)
}

func isRegion(text string) bool { return matches(`[a-z]+(-[a-z]+)+-[0-9]{1,2}`, text) }

// What AWS accepts as a name.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html
const (
	streamName   = `[a-zA-Z0-9_.-]{1,128}`
	functionName = `[a-zA-Z0-9_-]{1,64}`
	aliasName    = `[a-zA-Z0-9_-]{1,128}`
)

// checkStream says what is wrong with a stream's name or ARN.
func checkStream(text string) error {
	if !strings.Contains(text, ":") {
		if !matches(streamName, text) {
			return fmt.Errorf("%q is no stream name: use 1 to 128 letters, digits, '_', '.' and '-'", text)
		}
		return nil
	}
	a, err := parseARN(text)
	switch {
	case err != nil:
		return err
	case a.service == "kinesis" && strings.Contains(a.resource, "/consumer/"):
		return fmt.Errorf("%q is a consumer: write the stream, and isolation: FanOut for consumers", text)
	case !a.is("kinesis", "stream/"+streamName):
		return fmt.Errorf("%q is no Kinesis stream: write its name, or arn:aws:kinesis:REGION:ACCOUNT:stream/NAME", text)
	}
	return nil
}

// checkFunction says what is wrong with a function's name or ARN.
func checkFunction(text string) error {
	const unqualified = "%q is qualified: write the function alone, and its alias or version in spec.function.follow"
	if !strings.HasPrefix(text, "arn:") {
		switch name, _, qualified := strings.Cut(text, ":"); {
		case qualified && matches(functionName, name) && !matches(`[0-9]{12}`, name):
			return fmt.Errorf(unqualified, text)
		case !matches(functionName, text):
			return fmt.Errorf("%q is no function: write its name (1 to 64 letters, digits, '_' and '-') or its full ARN", text)
		}
		return nil
	}
	a, err := parseARN(text)
	switch {
	case err != nil:
		return err
	case a.is("lambda", "function:"+functionName+":.+"):
		return fmt.Errorf(unqualified, text)
	case !a.is("lambda", "function:"+functionName):
		return fmt.Errorf("%q is no Lambda function: write its name, or arn:aws:lambda:REGION:ACCOUNT:function:NAME", text)
	}
	return nil
}

// checkDestination says what is wrong with where failed batches go.
// https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
func checkDestination(text string) error {
	const kinds = "write the ARN of an SQS queue, an SNS topic or an S3 bucket"
	a, err := parseARN(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no ARN: %s", text, kinds)
	case (a.service == "sqs" || a.service == "sns") && strings.HasSuffix(a.resource, ".fifo"):
		return fmt.Errorf("%q is FIFO, which Lambda does not accept here: write a standard queue or topic", text)
	case len(text) > 350:
		return fmt.Errorf("the ARN has %d characters, AWS takes 350", len(text))
	case a.is("sqs", `[a-zA-Z0-9_-]{1,80}`), a.is("sns", `[a-zA-Z0-9_-]{1,256}`):
		return nil
	case a.service == "s3" && a.region == "" && a.account == "" && matches(`[a-z0-9.-]{3,63}`, a.resource):
		return nil
	}
	return fmt.Errorf("%q is no destination for a Kinesis mapping: %s", text, kinds)
}

func checkRole(text string) error {
	a, err := parseARN(text)
	if err == nil && (a.service != "iam" || a.region != "" || a.account == "" || !matches(`role/[!-~]+`, a.resource)) {
		err = fmt.Errorf("%q is no IAM role: write arn:aws:iam::ACCOUNT:role/NAME", text)
	}
	return err
}

func checkKey(text string) error {
	a, err := parseARN(text)
	if err == nil && !a.is("kms", `(key|alias)/[a-zA-Z0-9/_-]+`) {
		err = fmt.Errorf("%q is no KMS key: write arn:aws:kms:REGION:ACCOUNT:key/ID", text)
	}
	return err
}

// regionOf is the region of an ARN; empty for a name.
func regionOf(nameOrARN string) string {
	a, err := parseARN(nameOrARN)
	if err != nil {
		return ""
	}
	return a.region
}

// checkName says what is wrong with a routing's or a route's name. Both become
// parts of ROUTING--ROUTE, which names aliases and consumers.
func checkName(text string) error {
	switch {
	case len(text) > maxName:
		return fmt.Errorf("%q has %d characters, at most %d are allowed", text, len(text), maxName)
	case strings.Contains(text, "--"):
		return fmt.Errorf("%q contains \"--\", which separates routing and route in an alias: use single dashes", text)
	case !matches(`[a-z0-9]([a-z0-9-]*[a-z0-9])?`, text):
		return fmt.Errorf("%q is no name: use lower-case letters, digits and dashes, a letter or digit first and last", text)
	}
	return nil
}

const (
	maxName  = 40 // characters, of a routing or a route
	maxOwner = 32 // characters
)

// ValidOwner says whether text can be an owner: 1 to 32 letters, digits, '-',
// '_' and '.', which tags and descriptions of AWS hold as they are.
func ValidOwner(text string) bool {
	return len(text) <= maxOwner && matches(`[a-zA-Z0-9._-]+`, text)
}

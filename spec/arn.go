package spec

import (
	"fmt"
	"slices"
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
	case a.partition != "aws" && !strings.HasPrefix(a.partition, "aws-"):
		return arn{}, fmt.Errorf("%q names no partition of AWS: write aws, aws-cn, aws-us-gov or another", text)
	case a.region != "" && !isRegion(a.region):
		return arn{}, fmt.Errorf("%q names no region: write one such as eu-west-1 after the service", text)
	case a.account != "" && !isAccount(a.account):
		return arn{}, fmt.Errorf("%q names no account: write its 12 digits after the region", text)
	case a.resource == "":
		return arn{}, fmt.Errorf("%q names no resource", text)
	}
	return a, nil
}

// of says whether an ARN is of a service in a region and an account.
func (a arn) of(service string) bool {
	return a.service == service && a.region != "" && a.account != ""
}

// Characters of names.
const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	number = "0123456789"
	letter = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// madeOf says whether text has from least to most characters, all of some.
func madeOf(text, some string, least, most int) bool {
	return len(text) >= least && len(text) <= most && strings.Trim(text, some) == ""
}

func isAccount(text string) bool { return madeOf(text, number, 12, 12) }

// isRegion says whether text looks like us-east-1 or us-gov-west-1.
func isRegion(text string) bool {
	parts := strings.Split(text, "-")
	last := len(parts) - 1
	return last >= 2 && madeOf(parts[last], number, 1, 2) &&
		!slices.ContainsFunc(parts[:last], func(p string) bool { return !madeOf(p, lower, 1, 16) })
}

// What AWS accepts as a name.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
func isStream(text string) bool { return madeOf(text, letter+number+"_.-", 1, 128) }

// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
func isFunction(text string) bool { return madeOf(text, letter+number+"_-", 1, 64) }

// https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html
func isAlias(text string) bool { return madeOf(text, letter+number+"_-", 1, 128) }

// checkStream says what is wrong with a stream's name or ARN.
func checkStream(text string) error {
	if !strings.Contains(text, ":") {
		if !isStream(text) {
			return fmt.Errorf("%q is no stream name: use 1 to 128 letters, digits, '_', '.' and '-'", text)
		}
		return nil
	}
	a, err := parseARN(text)
	name, found := strings.CutPrefix(a.resource, "stream/")
	switch {
	case err != nil:
		return err
	case a.service == "kinesis" && strings.Contains(a.resource, "/consumer/"):
		return fmt.Errorf("%q is a consumer: write the stream, and isolation: FanOut for consumers", text)
	case !a.of("kinesis") || !found || !isStream(name):
		return fmt.Errorf("%q is no Kinesis stream: write its name, or arn:aws:kinesis:REGION:ACCOUNT:stream/NAME", text)
	}
	return nil
}

// checkFunction says what is wrong with a function's name or ARN.
func checkFunction(text string) error {
	const unqualified = "%q is qualified: write the function alone, and its alias or version in spec.function.follow"
	if !strings.HasPrefix(text, "arn:") {
		switch name, _, qualified := strings.Cut(text, ":"); {
		case qualified && isFunction(name) && !isAccount(name):
			return fmt.Errorf(unqualified, text)
		case !isFunction(text):
			return fmt.Errorf("%q is no function: write its name (1 to 64 letters, digits, '_' and '-') or its full ARN", text)
		}
		return nil
	}
	a, err := parseARN(text)
	resource, found := strings.CutPrefix(a.resource, "function:")
	name, _, qualified := strings.Cut(resource, ":")
	switch {
	case err != nil:
		return err
	case !a.of("lambda") || !found || !isFunction(name):
		return fmt.Errorf("%q is no Lambda function: write its name, or arn:aws:lambda:REGION:ACCOUNT:function:NAME", text)
	case qualified:
		return fmt.Errorf(unqualified, text)
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
	case a.of("sqs") && madeOf(a.resource, letter+number+"_-", 1, 80),
		a.of("sns") && madeOf(a.resource, letter+number+"_-", 1, 256):
		return nil
	case a.service == "s3" && a.region == "" && a.account == "" && madeOf(a.resource, lower+number+".-", 3, 63):
		return nil
	}
	return fmt.Errorf("%q is no destination for a Kinesis mapping: %s", text, kinds)
}

func checkRole(text string) error {
	a, err := parseARN(text)
	name, found := strings.CutPrefix(a.resource, "role/")
	if err == nil && (a.service != "iam" || a.region != "" || a.account == "" || !found || !madeOf(name, letter+number+"+=,.@_/-", 1, 512)) {
		err = fmt.Errorf("%q is no IAM role: write arn:aws:iam::ACCOUNT:role/NAME", text)
	}
	return err
}

func checkKey(text string) error {
	a, err := parseARN(text)
	kind, id, _ := strings.Cut(a.resource, "/")
	if err == nil && (!a.of("kms") || kind != "key" && kind != "alias" || !madeOf(id, letter+number+"_/-", 1, 256)) {
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
	case !madeOf(text, lower+number+"-", 1, maxName) || text[0] == '-' || text[len(text)-1] == '-':
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
	return madeOf(text, letter+number+"._-", 1, maxOwner)
}

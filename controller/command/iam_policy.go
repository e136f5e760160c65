package command

import (
	"encoding/json"
	"slices"
	"strings"
)

// iamPolicy is an IAM policy document.
type iamPolicy struct {
	Version   string
	Statement []iamStatement
}

// iamStatement allows actions on resources. Why is for people.
type iamStatement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
	why       string
}

// principal is who a policy is for.
type principal struct {
	name   string // what --of takes
	title  string
	policy iamPolicy
}

// maxPolicy is how many characters a managed policy has at most, white space
// aside; the policies of a role itself have 10,240 together.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const maxPolicy = 6144

// allow adds a statement, or what it has to the one of the same Sid and
// condition.
func (p *iamPolicy) allow(s iamStatement) {
	if len(s.Action) == 0 || len(s.Resource) == 0 {
		return
	}
	s.Effect = "Allow"
	i := slices.IndexFunc(p.Statement, func(o iamStatement) bool { return o.Sid == s.Sid })
	if i < 0 {
		p.Statement = append(p.Statement, s)
		i = len(p.Statement) - 1
	}
	one := &p.Statement[i]
	one.Action = sortedUnion(one.Action, s.Action)
	one.Resource = sortedUnion(one.Resource, s.Resource)
	for operator, keys := range s.Condition {
		for key, values := range keys {
			one.Condition[operator][key] = sortedUnion(one.Condition[operator][key], values)
		}
	}
}

func sortedUnion(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// text is the policy as AWS takes it.
func (p iamPolicy) text() ([]byte, error) { return plain(p, "  ") }

// size is the policy's length as AWS counts it.
func (p iamPolicy) size() int {
	text, err := json.Marshal(p)
	if err != nil {
		return 0 // texts alone are in it
	}
	return len(text)
}

// partitionOf is the partition of a region.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func partitionOf(region string) string {
	for _, p := range []struct{ prefix, partition string }{
		{"cn-", "aws-cn"},
		{"us-gov-", "aws-us-gov"},
		{"us-isob-", "aws-iso-b"},
		{"us-isof-", "aws-iso-f"},
		{"eu-isoe-", "aws-iso-e"},
		{"us-iso-", "aws-iso"},
		{"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// caller is who credentials are of.
type caller struct{ partition, account string }

// identity asks STS whose credentials they are, which takes no permission.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func identity(ctx context.Context, cfg aws.Config) (caller, error) {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return caller{}, fmt.Errorf("ask whose credentials they are: %w", err)
	}
	p := strings.SplitN(aws.ToString(out.Arn), ":", 3)
	if len(p) != 3 || p[1] == "" || len(aws.ToString(out.Account)) != 12 {
		return caller{}, fmt.Errorf("ask whose credentials they are: the answer %q makes no sense", aws.ToString(out.Arn))
	}
	return caller{partition: p[1], account: *out.Account}, nil
}

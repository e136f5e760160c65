package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
)

// publish makes a version of fn that differs from the last one.
func publish(t *testing.T, c *lambda.Client, description string) string {
	t.Helper()
	did(c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{
		FunctionName: aws.String("fn"), ZipFile: []byte(description),
	})).must(t)
	return *did(c.PublishVersion(t.Context(), &lambda.PublishVersionInput{
		FunctionName: aws.String("fn"), Description: &description,
	})).must(t).Version
}

func TestAliases(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		two := publish(t, c, "second")
		fn := aws.String("fn")
		made := did(c.CreateAlias(t.Context(), &lambda.CreateAliasInput{
			FunctionName: fn, Name: aws.String("orders--a"), FunctionVersion: aws.String("1"), Description: aws.String("owner"),
			RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{two: 0.25}},
		})).must(t)
		if *made.AliasArn != functionFn+":orders--a" || *made.Description != "owner" || made.RoutingConfig.AdditionalVersionWeights["2"] != 0.25 {
			t.Errorf("created %+v", made)
		}
		did(c.CreateAlias(t.Context(), &lambda.CreateAliasInput{
			FunctionName: fn, Name: aws.String("orders--a"), FunctionVersion: aws.String("1"),
		})).refusedWith(t, "ResourceConflictException", "Alias already exists: "+functionFn+":orders--a")

		up := func(in lambda.UpdateAliasInput) outcome[*lambda.UpdateAliasOutput] {
			t.Helper()
			in.FunctionName, in.Name = fn, aws.String("orders--a")
			return did(c.UpdateAlias(t.Context(), &in))
		}
		kept := up(lambda.UpdateAliasInput{FunctionVersion: aws.String("1"), RevisionId: made.RevisionId}).must(t)
		if *kept.RevisionId == *made.RevisionId || *kept.Description != "owner" || kept.RoutingConfig == nil {
			t.Errorf("an update of the version leaves %+v", kept)
		}
		up(lambda.UpdateAliasInput{FunctionVersion: aws.String("2"), RevisionId: made.RevisionId}).refusedWith(t, "PreconditionFailedException",
			"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
		up(lambda.UpdateAliasInput{FunctionVersion: aws.String("$LATEST")}).refusedWith(t, "InvalidParameterValueException",
			"$LATEST is not supported for an alias pointing to more than 1 version")
		bare := up(lambda.UpdateAliasInput{
			FunctionVersion: aws.String("$LATEST"), Description: aws.String(""), RoutingConfig: &types.AliasRoutingConfiguration{},
		}).must(t)
		if *bare.FunctionVersion != "$LATEST" || *bare.Description != "" || bare.RoutingConfig != nil {
			t.Errorf("an update that clears leaves %+v", bare)
		}
		// Deleting what is not there succeeds.
		for range 2 {
			did(c.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: fn, Name: aws.String("orders--a")})).must(t)
		}
		did(c.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: fn, Name: aws.String("orders--a")})).
			refusedWith(t, "ResourceNotFoundException", "Cannot find alias arn: "+functionFn+":orders--a")
		up(lambda.UpdateAliasInput{}).refusedWith(t, "ResourceNotFoundException", "Alias not found: "+functionFn+":orders--a")
	})
}

func TestRefusedAliases(t *testing.T) {
	weights := func(of map[string]float64) *types.AliasRoutingConfiguration {
		return &types.AliasRoutingConfiguration{AdditionalVersionWeights: of}
	}
	type input = lambda.CreateAliasInput
	const invalid, validation, missing = "InvalidParameterValueException", "ValidationException", "ResourceNotFoundException"
	for name, c := range map[string]struct {
		change     func(*input)
		code, text string
	}{
		"name of digits": {func(in *input) { in.Name = aws.String("12") }, validation,
			"1 validation error detected: Value '12' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"},
		"name with dot": {func(in *input) { in.Name = aws.String("a.b") }, validation,
			"1 validation error detected: Value 'a.b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"},
		"description of 257": {func(in *input) { in.Description = aws.String(strings.Repeat("x", 257)) }, validation,
			"1 validation error detected: Value '" + strings.Repeat("x", 257) + "' at 'description' failed to satisfy constraint: Member must have length less than or equal to 256"},
		"version missing": {func(in *input) { in.FunctionVersion = aws.String("9") }, missing, "Function not found: " + functionFn + ":9"},
		"version an alias": {func(in *input) { in.FunctionVersion = aws.String("a") }, validation,
			`1 validation error detected: Value 'a' at 'functionVersion' failed to satisfy constraint: Member must satisfy regular expression pattern: (\$LATEST(\.PUBLISHED)?|[0-9]+)`},
		"function missing": {func(in *input) { in.FunctionName = aws.String("nobody") }, missing,
			"Function not found: arn:aws:lambda:eu-west-1:123456789012:function:nobody"},
		"weight of itself": {func(in *input) { in.RoutingConfig = weights(map[string]float64{"1": 0.5}) }, invalid,
			"Invalid function version 1. Function version 1 is already included in routing configuration."},
		"two weights": {func(in *input) { in.RoutingConfig = weights(map[string]float64{"2": 0.5, "3": 0.1}) }, invalid,
			"Number of items in AdditionalVersionWeights cannot be greater than 1"},
		"weight of nothing": {func(in *input) { in.RoutingConfig = weights(map[string]float64{"2": 0.5}) }, missing,
			"Function not found: " + functionFn + ":2"},
		"weight over 1": {func(in *input) { in.RoutingConfig = weights(map[string]float64{"2": 1.5}) }, validation,
			"1 validation error detected: Value '{2=1.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: " +
				"[Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"},
		"region elsewhere": {func(in *input) { in.FunctionName = aws.String("arn:aws:lambda:us-east-1:123456789012:function:fn") }, missing,
			"Functions from 'us-east-1' are not reachable in this region ('eu-west-1')"},
	} {
		t.Run(name, func(t *testing.T) {
			inLambda(t, func(t *testing.T, _ *emulator.Server, client *lambda.Client) {
				in := &input{FunctionName: aws.String("fn"), Name: aws.String("new"), FunctionVersion: aws.String("1")}
				c.change(in)
				did(client.CreateAlias(t.Context(), in)).refusedWith(t, c.code, c.text)
			})
		})
	}
}

func TestListAliases(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		two := publish(t, c, "second")
		for i := range 60 {
			did(c.CreateAlias(t.Context(), &lambda.CreateAliasInput{
				FunctionName: aws.String("fn"), Name: aws.String(fmt.Sprintf("n%02d", i)), FunctionVersion: &two,
			})).must(t)
		}
		sizes := func(in lambda.ListAliasesInput) (n []int) {
			t.Helper()
			in.FunctionName = aws.String(functionFn)
			pages := lambda.NewListAliasesPaginator(c, &in)
			for pages.HasMorePages() {
				n = append(n, len(did(pages.NextPage(t.Context())).must(t).Aliases))
			}
			return n
		}
		for _, w := range []struct {
			in   lambda.ListAliasesInput
			want []int
		}{
			{lambda.ListAliasesInput{}, []int{63}},
			{lambda.ListAliasesInput{MaxItems: aws.Int32(50)}, []int{50, 13}},
			{lambda.ListAliasesInput{MaxItems: aws.Int32(51)}, []int{51, 12}},
			{lambda.ListAliasesInput{FunctionVersion: aws.String("1")}, []int{3}},
			{lambda.ListAliasesInput{FunctionVersion: aws.String("$LATEST")}, []int{0}},
		} {
			if d := cmp.Diff(w.want, sizes(w.in)); d != "" {
				t.Error(d)
			}
		}
		did(c.ListAliases(t.Context(), &lambda.ListAliasesInput{FunctionName: aws.String("fn"), MaxItems: aws.Int32(0)})).
			refusedWith(t, "ValidationException", "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1")
	})
}

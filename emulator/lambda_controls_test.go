package emulator_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/emulator"
)

func TestFunctionControls(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		ctx, fn := t.Context(), aws.String("fn")
		signing := did(c.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigInput{FunctionName: fn})).must(t)
		if signing.CodeSigningConfigArn != nil {
			t.Errorf("signed by %s", *signing.CodeSigningConfigArn)
		}
		config := "arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdef0"
		did(c.PutFunctionCodeSigningConfig(ctx, &lambda.PutFunctionCodeSigningConfigInput{FunctionName: fn, CodeSigningConfigArn: &config})).
			refusedWith(t, "CodeSigningConfigNotFoundException",
				"The code signing configuration cannot be found. Check that the provided configuration is not deleted: "+config+".")
		did(c.DeleteFunctionCodeSigningConfig(ctx, &lambda.DeleteFunctionCodeSigningConfigInput{FunctionName: fn})).must(t)

		get := &lambda.GetRuntimeManagementConfigInput{FunctionName: fn}
		if got := did(c.GetRuntimeManagementConfig(ctx, get)).must(t); got.UpdateRuntimeOn != types.UpdateRuntimeOnAuto || *got.FunctionArn != functionFn {
			t.Errorf("got %s for %s", got.UpdateRuntimeOn, *got.FunctionArn)
		}
		did(c.PutRuntimeManagementConfig(ctx, &lambda.PutRuntimeManagementConfigInput{FunctionName: fn, UpdateRuntimeOn: types.UpdateRuntimeOnFunctionUpdate})).must(t)
		if got := did(c.GetRuntimeManagementConfig(ctx, get)).must(t); got.UpdateRuntimeOn != types.UpdateRuntimeOnFunctionUpdate {
			t.Errorf("got %s", got.UpdateRuntimeOn)
		}
		get.Qualifier = aws.String("1") // a version of its own
		if got := did(c.GetRuntimeManagementConfig(ctx, get)).must(t); got.UpdateRuntimeOn != types.UpdateRuntimeOnAuto || *got.FunctionArn != functionFn+":1" {
			t.Errorf("got %s for %s", got.UpdateRuntimeOn, *got.FunctionArn)
		}

		loop := &lambda.GetFunctionRecursionConfigInput{FunctionName: fn}
		if got := did(c.GetFunctionRecursionConfig(ctx, loop)).must(t); got.RecursiveLoop != types.RecursiveLoopTerminate {
			t.Errorf("got %s", got.RecursiveLoop)
		}
		did(c.PutFunctionRecursionConfig(ctx, &lambda.PutFunctionRecursionConfigInput{FunctionName: fn, RecursiveLoop: types.RecursiveLoopAllow})).must(t)
		if got := did(c.GetFunctionRecursionConfig(ctx, loop)).must(t); got.RecursiveLoop != types.RecursiveLoopAllow {
			t.Errorf("got %s", got.RecursiveLoop)
		}

		none := aws.String("nobody")
		const missing = "Function not found: arn:aws:lambda:eu-west-1:123456789012:function:nobody"
		did(c.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigInput{FunctionName: none})).
			refusedWith(t, "ResourceNotFoundException", missing)
		did(c.GetFunctionRecursionConfig(ctx, &lambda.GetFunctionRecursionConfigInput{FunctionName: none})).
			refusedWith(t, "ResourceNotFoundException", missing)
		did(c.GetRuntimeManagementConfig(ctx, &lambda.GetRuntimeManagementConfigInput{FunctionName: none})).
			refusedWith(t, "ResourceNotFoundException", missing)
	})
}

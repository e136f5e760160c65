package emulator_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// TestFunctionRoundTrip: every setting that is accepted is returned.
func TestFunctionRoundTrip(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		in := newFunction("full")
		in.Description, in.Timeout, in.MemorySize = aws.String("d"), aws.Int32(9), aws.Int32(256)
		in.Environment = &types.Environment{Variables: map[string]string{"A": "b"}}
		in.Architectures = []types.Architecture{types.ArchitectureArm64}
		in.EphemeralStorage = &types.EphemeralStorage{Size: aws.Int32(1024)}
		in.TracingConfig = &types.TracingConfig{Mode: types.TracingModeActive}
		in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: aws.String(theirs)}
		in.VpcConfig = &types.VpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}
		in.LoggingConfig = &types.LoggingConfig{LogFormat: types.LogFormatJson}
		in.Layers = []string{"arn:aws:lambda:eu-west-1:123456789012:layer:l:1"}
		in.Tags = map[string]string{"team": "a"}
		if got := did(c.CreateFunction(t.Context(), in)).must(t); got.State != types.StatePending {
			t.Errorf("created %s", got.State)
		}
		did(c.CreateFunction(t.Context(), in)).refusedWith(t, "ResourceConflictException", "Function already exist: full")
		got := did(c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("full")})).must(t)
		f := got.Configuration
		if f.State != types.StateActive || *f.Description != "d" || *f.Timeout != 9 || *f.MemorySize != 256 ||
			f.Environment.Variables["A"] != "b" || f.Architectures[0] != "arm64" || *f.EphemeralStorage.Size != 1024 ||
			f.TracingConfig.Mode != "Active" || *f.DeadLetterConfig.TargetArn != theirs || f.VpcConfig.SubnetIds[0] != "subnet-1" ||
			f.LoggingConfig.LogFormat != "JSON" || len(f.Layers) != 1 || got.Tags["team"] != "a" || f.Runtime != in.Runtime {
			t.Errorf("returned %+v", f)
		}
		up := did(c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
			FunctionName: aws.String("full"), Timeout: aws.Int32(10), RevisionId: f.RevisionId,
		})).must(t)
		if *up.Timeout != 10 || *up.MemorySize != 256 || up.LastUpdateStatus != types.LastUpdateStatusInProgress {
			t.Errorf("updated to %+v", up)
		}
		_, err := c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
			FunctionName: aws.String("full"), Timeout: aws.Int32(11), RevisionId: f.RevisionId,
		})
		did(0, err).refusedWith(t, "PreconditionFailedException",
			"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
	})
}

func TestVersions(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		fn := aws.String("fn")
		if got := publish(t, c, "second"); got != "2" {
			t.Errorf("published %s", got)
		}
		same := did(c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: fn})).must(t)
		if *same.Version != "2" {
			t.Errorf("an unchanged function was published as %s", *same.Version)
		}
		all := did(c.ListVersionsByFunction(t.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: fn})).must(t)
		var got []string
		for _, v := range all.Versions {
			got = append(got, *v.Version+" "+*v.FunctionArn)
		}
		if d := cmp.Diff([]string{"$LATEST " + functionFn + ":$LATEST", "1 " + functionFn + ":1", "2 " + functionFn + ":2"}, got); d != "" {
			t.Error(d)
		}
		by := did(c.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: fn, Qualifier: aws.String("a")})).must(t)
		if *by.Version != "1" || *by.FunctionArn != functionFn+":a" {
			t.Errorf("alias a is %s %s", *by.Version, *by.FunctionArn)
		}
		did(c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("fn:a"), Qualifier: aws.String("b")})).
			refusedWith(t, "InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier.")
		did(c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("fn:9")})).
			refusedWith(t, "ResourceNotFoundException", "Function not found: "+functionFn+":9")
		did(c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: fn, Qualifier: aws.String("2")})).must(t)
		if got := publish(t, c, "third"); got != "3" {
			t.Errorf("the number of a deleted version is used again: %s", got)
		}
	})
}

func TestReservations(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		fn := aws.String("fn")
		s.Do(func(w *world.World) { w.SetLimit(streamsPlace(), 200, 50) })
		put := func(n int32) outcome[*lambda.PutFunctionConcurrencyOutput] {
			t.Helper()
			return did(c.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: fn, ReservedConcurrentExecutions: &n}))
		}
		unreserved := func(want int32) {
			t.Helper()
			got := did(c.GetAccountSettings(t.Context(), &lambda.GetAccountSettingsInput{})).must(t).AccountLimit
			if got.ConcurrentExecutions != 200 || *got.UnreservedConcurrentExecutions != want {
				t.Errorf("limit %d, unreserved %d, want %d", got.ConcurrentExecutions, *got.UnreservedConcurrentExecutions, want)
			}
		}
		provision := func(qualifier string, n int32) outcome[*lambda.PutProvisionedConcurrencyConfigOutput] {
			t.Helper()
			return did(c.PutProvisionedConcurrencyConfig(t.Context(), &lambda.PutProvisionedConcurrencyConfigInput{
				FunctionName: fn, Qualifier: &qualifier, ProvisionedConcurrentExecutions: &n,
			}))
		}
		const floor = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [50]."
		put(151).refusedWith(t, "InvalidParameterValueException", floor)
		put(150).must(t)
		unreserved(50)
		put(150).must(t)
		put(151).refusedWith(t, "InvalidParameterValueException", floor)
		put(20).must(t)
		provision("a", 15).must(t)
		unreserved(180) // provisioned within the reservation
		provision("b", 6).refusedWith(t, "InvalidParameterValueException",
			"Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
		put(14).refusedWith(t, "InvalidParameterValueException",
			" ReservedConcurrentExecutions  14 should not be lower than function's total provisioned concurrency [15].")
		did(c.DeleteFunctionConcurrency(t.Context(), &lambda.DeleteFunctionConcurrencyInput{FunctionName: fn})).must(t)
		unreserved(185) // provisioned without one
		provision("$LATEST", 1).refusedWith(t, "InvalidParameterValueException",
			"Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
		provision("1", 1).refusedWith(t, "ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias")
		all := did(c.ListProvisionedConcurrencyConfigs(t.Context(), &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: fn})).must(t)
		if p := all.ProvisionedConcurrencyConfigs; len(p) != 1 || *p[0].FunctionArn != functionFn+":a" || *p[0].AllocatedProvisionedConcurrentExecutions != 15 || p[0].Status != "READY" {
			t.Errorf("listed %+v", p)
		}
		did(c.DeleteProvisionedConcurrencyConfig(t.Context(), &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: fn, Qualifier: aws.String("a")})).must(t)
		did(c.GetProvisionedConcurrencyConfig(t.Context(), &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: fn, Qualifier: aws.String("a")})).
			refusedWith(t, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
		unreserved(200)
		got := did(c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: fn})).must(t)
		if got.Concurrency != nil {
			t.Errorf("no reservation is %v", *got.Concurrency.ReservedConcurrentExecutions)
		}
		put(0).must(t)
		got = did(c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: fn})).must(t)
		if got.Concurrency == nil || *got.Concurrency.ReservedConcurrentExecutions != 0 {
			t.Errorf("a reservation of 0 is %v", got.Concurrency)
		}
	})
}

// TestInvokers: what a client asks about invokers that cannot be counted.
func TestInvokers(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		fn := aws.String("fn")
		const none = "The resource you requested does not exist."
		did(c.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: fn})).refusedWith(t, "ResourceNotFoundException", none)
		add := &lambda.AddPermissionInput{
			FunctionName: fn, StatementId: aws.String("s"), Action: aws.String("lambda:InvokeFunction"),
			Principal: aws.String("s3.amazonaws.com"), SourceArn: aws.String("arn:aws:s3:::b"),
		}
		did(c.AddPermission(t.Context(), add)).must(t)
		did(c.AddPermission(t.Context(), add)).refusedWith(t, "ResourceConflictException",
			"The statement id (s) provided already exists. Please provide a new statement id, or remove the existing statement.")
		policy := did(c.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: fn})).must(t)
		var got any
		if err := json.Unmarshal([]byte(*policy.Policy), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"Version": "2012-10-17", "Id": "default", "Statement": []any{map[string]any{
			"Sid": "s", "Effect": "Allow", "Principal": map[string]any{"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction",
			"Resource": functionFn, "Condition": map[string]any{"ArnLike": map[string]any{"AWS:SourceArn": "arn:aws:s3:::b"}},
		}}}
		if d := cmp.Diff(any(want), got); d != "" {
			t.Error(d)
		}
		// Each qualifier has a policy of its own.
		did(c.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: fn, Qualifier: aws.String("a")})).refusedWith(t, "ResourceNotFoundException", none)
		did(c.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: fn, StatementId: aws.String("s")})).must(t)
		did(c.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: fn})).refusedWith(t, "ResourceNotFoundException", none)

		made := did(c.CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{
			FunctionName: fn, Qualifier: aws.String("a"), AuthType: types.FunctionUrlAuthTypeAwsIam,
		})).must(t)
		did(c.CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{
			FunctionName: aws.String("fn:a"), AuthType: types.FunctionUrlAuthTypeNone,
		})).refusedWith(t, "ResourceConflictException", "Failed to create function url config for [functionArn = "+functionFn+":a]. "+
			"Error message:  FunctionUrlConfig exists for this Lambda function")
		urls := did(c.ListFunctionUrlConfigs(t.Context(), &lambda.ListFunctionUrlConfigsInput{FunctionName: fn})).must(t).FunctionUrlConfigs
		if len(urls) != 1 || *urls[0].FunctionUrl != *made.FunctionUrl || urls[0].AuthType != "AWS_IAM" || *urls[0].FunctionArn != functionFn+":a" {
			t.Errorf("listed %+v", urls)
		}
		did(c.UpdateFunctionUrlConfig(t.Context(), &lambda.UpdateFunctionUrlConfigInput{FunctionName: fn, Qualifier: aws.String("a"), AuthType: "NONE"})).must(t)
		did(c.GetFunctionUrlConfig(t.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: fn})).refusedWith(t, "ResourceNotFoundException", none)
		did(c.DeleteFunctionUrlConfig(t.Context(), &lambda.DeleteFunctionUrlConfigInput{FunctionName: fn, Qualifier: aws.String("a")})).must(t)
		if got := did(c.ListFunctionUrlConfigs(t.Context(), &lambda.ListFunctionUrlConfigsInput{FunctionName: fn})).must(t); len(got.FunctionUrlConfigs) != 0 {
			t.Errorf("left %+v", got.FunctionUrlConfigs)
		}
	})
}

// TestSeedTwice: what is there stays as it is.
func TestSeedTwice(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		fn := aws.String("fn")
		did(c.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: fn, Name: aws.String("a"), FunctionVersion: aws.String("$LATEST")})).must(t)
		time.Sleep(time.Minute)
		err := s.Seed(emulator.Seed{Place: streamsPlace(), Streams: map[string]int{"orders": 4}, Functions: map[string][]string{"fn": {"a", "new"}}})
		if err != nil {
			t.Fatal(err)
		}
		all := did(c.ListAliases(t.Context(), &lambda.ListAliasesInput{FunctionName: fn})).must(t)
		var got []string
		for _, a := range all.Aliases {
			got = append(got, *a.Name+"="+*a.FunctionVersion)
		}
		if d := cmp.Diff([]string{"a=$LATEST", "b=1", "c=1", "new=1"}, got); d != "" {
			t.Error(d)
		}
	})
}

package emulator_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// listed is the function ARNs of all mappings of a list, and its pages' sizes.
func listed(t *testing.T, c *lambda.Client, in *lambda.ListEventSourceMappingsInput) (functions []string, sizes []int) {
	t.Helper()
	pages := lambda.NewListEventSourceMappingsPaginator(c, in)
	for pages.HasMorePages() {
		page := did(pages.NextPage(t.Context())).must(t)
		sizes = append(sizes, len(page.EventSourceMappings))
		for _, m := range page.EventSourceMappings {
			functions = append(functions, *m.FunctionArn)
		}
	}
	slices.Sort(functions)
	return functions, sizes
}

// TestListMappings: filters are exact on the source and on the qualifier.
func TestListMappings(t *testing.T) {
	inLambda(t, func(t *testing.T, _ *emulator.Server, c *lambda.Client) {
		mapFn(t, c, "a", nil).must(t)
		mapFn(t, c, "b", nil).must(t)
		mapFn(t, c, "a", func(in *lambda.CreateEventSourceMappingInput) { in.FunctionName = aws.String(functionFn) }).must(t)
		mapFn(t, c, "a", func(in *lambda.CreateEventSourceMappingInput) {
			in.EventSourceArn, in.StartingPosition = aws.String(theirs), ""
			in.ScalingConfig = &types.ScalingConfig{MaximumConcurrency: aws.Int32(7)}
		}).must(t)
		type input = lambda.ListEventSourceMappingsInput
		for name, w := range map[string]struct {
			in   input
			want []string
		}{
			"all":               {input{}, []string{functionFn, functionFn + ":a", functionFn + ":a", functionFn + ":b"}},
			"of the stream":     {input{EventSourceArn: aws.String(orders)}, []string{functionFn, functionFn + ":a", functionFn + ":b"}},
			"of the function":   {input{FunctionName: aws.String("fn")}, []string{functionFn}},
			"of an alias":       {input{FunctionName: aws.String("fn:a")}, []string{functionFn + ":a", functionFn + ":a"}},
			"by partial ARN":    {input{FunctionName: aws.String("123456789012:function:fn:b")}, []string{functionFn + ":b"}},
			"of both":           {input{FunctionName: aws.String(functionFn + ":a"), EventSourceArn: aws.String(theirs)}, []string{functionFn + ":a"}},
			"of no function":    {input{FunctionName: aws.String("nobody")}, nil},
			"of no stream":      {input{EventSourceArn: aws.String(orders + "x")}, nil},
			"of a consumer":     {input{EventSourceArn: aws.String(orders + "/consumer/c:1")}, nil},
			"of another region": {input{EventSourceArn: aws.String("arn:aws:kinesis:us-east-1:123456789012:stream/orders")}, nil},
		} {
			got, _ := listed(t, c, &w.in)
			if d := cmp.Diff(w.want, got); d != "" {
				t.Errorf("%s:\n%s", name, d)
			}
		}
	})
}

func TestListMappingsPages(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		var aliases []string
		for i := range 230 {
			aliases = append(aliases, fmt.Sprintf("n%03d", i))
		}
		if err := s.Seed(emulator.Seed{Place: streamsPlace(), Functions: map[string][]string{"fn": aliases}}); err != nil {
			t.Fatal(err)
		}
		for _, a := range aliases {
			mapFn(t, c, a, nil).must(t)
		}
		for _, w := range []struct {
			most *int32
			want []int
		}{{nil, []int{100, 100, 30}}, {aws.Int32(10000), []int{100, 100, 30}}, {aws.Int32(99), []int{99, 99, 32}}} {
			functions, sizes := listed(t, c, &lambda.ListEventSourceMappingsInput{MaxItems: w.most})
			if d := cmp.Diff(w.want, sizes); d != "" {
				t.Error(d)
			}
			if n := len(slices.Compact(functions)); n != 230 {
				t.Errorf("%d mappings in all, want 230", n)
			}
		}
		first := did(c.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})).must(t)
		// What goes between two pages goes from the second, and nothing else.
		last := first.EventSourceMappings[99]
		time.Sleep(2 * time.Second)
		did(c.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: last.UUID})).must(t)
		time.Sleep(time.Second)
		second := did(c.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{Marker: first.NextMarker})).must(t)
		if len(second.EventSourceMappings) != 100 {
			t.Errorf("%d on the second page", len(second.EventSourceMappings))
		}
		for _, n := range []int32{0, 10001} {
			_, err := c.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{MaxItems: &n})
			if err == nil {
				t.Errorf("MaxItems %d is taken", n)
			}
		}
	})
}

// TestPlaces: accounts and regions are worlds apart.
func TestPlaces(t *testing.T) {
	inLambda(t, func(t *testing.T, s *emulator.Server, c *lambda.Client) {
		mapFn(t, c, "a", nil).must(t)
		for _, at := range []world.Place{{Account: "123456789012", Region: "us-east-1"}, {Account: "210987654321", Region: "eu-west-1"}} {
			other := lambdaClient(s, at)
			if got, _ := listed(t, other, &lambda.ListEventSourceMappingsInput{}); got != nil {
				t.Errorf("%v has %v", at, got)
			}
			did(other.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("fn")})).refusedWith(t, "ResourceNotFoundException",
				"Function not found: arn:aws:lambda:"+at.Region+":"+at.Account+":function:fn")
		}
		named := lambdaClient(s, world.Place{Account: "AKIDEXAMPLE", Region: "eu-west-1"})
		did(named.CreateFunction(t.Context(), newFunction("fn"))).must(t)
		got := did(named.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("fn")})).must(t)
		if want := "arn:aws:lambda:eu-west-1:" + emulator.DefaultAccount + ":function:fn"; *got.Configuration.FunctionArn != want {
			t.Errorf("a key that is no account number has %s", *got.Configuration.FunctionArn)
		}
	})
}

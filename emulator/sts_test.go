package emulator_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
)

// configOf is the SDK's configuration with credentials, trying once.
func configOf(s *emulator.Server, c aws.Credentials) aws.Config {
	return aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String("http://emulator.test"),
		HTTPClient:   s.Client(),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		Credentials:  aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil }),
	}
}

func inSTS(t *testing.T, f func(*testing.T, *emulator.Server, *sts.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Now())})
		f(t, s, sts.NewFromConfig(configOf(s, aws.Credentials{AccessKeyID: kinesisAccount, SecretAccessKey: "x"})))
	})
}

const ordersRole = "arn:aws:iam::999999999999:role/teams/orders"

// assume is a configuration with a session of a role in another account.
func assume(t *testing.T, s *emulator.Server, c *sts.Client) aws.Config {
	t.Helper()
	out := answered[*sts.AssumeRoleOutput](t)(c.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String(ordersRole), RoleSessionName: aws.String("eventrouting"), DurationSeconds: aws.Int32(900),
	}))
	if got, want := *out.AssumedRoleUser.Arn, "arn:aws:sts::999999999999:assumed-role/orders/eventrouting"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := *out.Credentials.Expiration, time.Now().UTC().Truncate(time.Second).Add(15*time.Minute); !got.Equal(want) {
		t.Errorf("expires at %v, want %v", got, want)
	}
	return configOf(s, aws.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken,
	})
}

func TestCallerIdentity(t *testing.T) {
	inSTS(t, func(t *testing.T, s *emulator.Server, c *sts.Client) {
		who := func(c *sts.Client) [2]string {
			t.Helper()
			out := answered[*sts.GetCallerIdentityOutput](t)(c.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))
			if *out.UserId == "" {
				t.Error("no UserId")
			}
			return [2]string{*out.Account, *out.Arn}
		}
		if d := cmp.Diff([2]string{kinesisAccount, "arn:aws:iam::123456789012:user/emulator"}, who(c)); d != "" {
			t.Errorf("a user (-want +got):\n%s", d)
		}
		nobody := configOf(s, aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"})
		if got := who(sts.NewFromConfig(nobody))[0]; got != emulator.DefaultAccount {
			t.Errorf("got %s", got)
		}
		role := sts.NewFromConfig(assume(t, s, c))
		want := [2]string{"999999999999", "arn:aws:sts::999999999999:assumed-role/orders/eventrouting"}
		if d := cmp.Diff(want, who(role)); d != "" {
			t.Errorf("a role (-want +got):\n%s", d)
		}
		if got := s.Calls()[0].String(); got != "1 sts GetCallerIdentity 200 " {
			t.Errorf("recorded as %q", got)
		}
	})
}

// A session acts in the account of its role, in the region it is asked in.
func TestSessionActs(t *testing.T) {
	inSTS(t, func(t *testing.T, s *emulator.Server, c *sts.Client) {
		for account, stream := range map[string]string{kinesisAccount: "ours", "999999999999": "theirs"} {
			scene := emulator.Seed{Place: world.Place{Account: account, Region: "eu-west-1"},
				Streams: map[string]int{stream: 1}, Functions: map[string][]string{stream: nil}}
			if err := s.Seed(scene); err != nil {
				t.Fatal(err)
			}
		}
		config := assume(t, s, c)
		streams := answered[*kinesis.ListStreamsOutput](t)(kinesis.NewFromConfig(config).ListStreams(t.Context(), &kinesis.ListStreamsInput{}))
		if d := cmp.Diff([]string{"theirs"}, streams.StreamNames); d != "" {
			t.Error(d)
		}
		got := answered[*lambda.GetFunctionOutput](t)(lambda.NewFromConfig(config).GetFunction(t.Context(),
			&lambda.GetFunctionInput{FunctionName: aws.String("theirs")}))
		if *got.Configuration.FunctionArn != "arn:aws:lambda:eu-west-1:999999999999:function:theirs" {
			t.Error(*got.Configuration.FunctionArn)
		}
	})
}

func TestSessionEnds(t *testing.T) {
	inSTS(t, func(t *testing.T, s *emulator.Server, c *sts.Client) {
		config := assume(t, s, c)
		calls := func(config aws.Config, codes ...string) {
			t.Helper()
			_, kinesisErr := kinesis.NewFromConfig(config).ListStreams(t.Context(), &kinesis.ListStreamsInput{})
			_, lambdaErr := lambda.NewFromConfig(config).ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
			_, stsErr := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			for i, err := range []error{kinesisErr, lambdaErr, stsErr} {
				if codes == nil && err != nil {
					t.Error(err)
				}
				if codes != nil {
					wantKinesisCode(t, err, codes[i])
				}
			}
		}
		calls(config)
		without := assume(t, s, c)
		taken := answered[aws.Credentials](t)(without.Credentials.Retrieve(t.Context()))
		taken.SessionToken = ""
		calls(configOf(s, taken), "UnrecognizedClientException", "UnrecognizedClientException", "InvalidClientTokenId")
		time.Sleep(15*time.Minute - time.Nanosecond)
		calls(config)
		time.Sleep(time.Nanosecond)
		calls(config, "ExpiredTokenException", "ExpiredTokenException", "ExpiredToken")
		_, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if _, text := kinesisRefusal(t, err); text != "The security token included in the request is expired" {
			t.Error(text)
		}
		calls(assume(t, s, c)) // a new one
	})
}

func TestRefusedRoles(t *testing.T) {
	const validation = "ValidationError"
	one := func(value, member, rule string) string {
		return "1 validation error detected: Value '" + value + "' at '" + member + "' failed to satisfy constraint: Member must " + rule
	}
	long := strings.Repeat("s", 65)
	inSTS(t, func(t *testing.T, s *emulator.Server, c *sts.Client) {
		s.Do(func(w *world.World) { w.DenyRole(ordersRole, true) })
		for _, r := range []struct {
			role, session string
			seconds       int32
			code, text    string
		}{
			{ordersRole, "s1", 0, "AccessDenied",
				"User: arn:aws:iam::123456789012:user/emulator is not authorized to perform: sts:AssumeRole on resource: " + ordersRole},
			{"nothing-valid-in-here", "s1", 0, validation, "nothing-valid-in-here is invalid"},
			{"arn::b:::something/test-role", "s1", 0, validation, "arn::b:::something/test-role is invalid"},
			{"arn:a:a::aaaaaaaaaa:", "s1", 0, validation, "arn:a:a::aaaaaaaaaa: is invalid"},
			{"arn:aws:iam::123456789012:user/somebody", "s1", 0, validation, "arn:aws:iam::123456789012:user/somebody is invalid"},
			{"bogus", "s1", 0, validation, one("bogus", "roleArn", "have length greater than or equal to 20")},
			{ordersRole, "Session1:2", 0, validation, one("Session1:2", "roleSessionName", `satisfy regular expression pattern: [\w+=,.@-]*`)},
			{ordersRole, long, 0, validation, one(long, "roleSessionName", "have length less than or equal to 64")},
			{ordersRole, "a", 0, validation, one("a", "roleSessionName", "have length greater than or equal to 2")},
			{ordersRole, "s1", 899, validation, one("899", "durationSeconds", "have value greater than or equal to 900")},
			{ordersRole, "s1", 43201, validation, one("43201", "durationSeconds", "have value less than or equal to 43200")},
			{ordersRole, "s1", 3601, validation, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		} {
			in := &sts.AssumeRoleInput{RoleArn: &r.role, RoleSessionName: &r.session}
			if r.seconds != 0 {
				in.DurationSeconds = &r.seconds
			}
			_, err := c.AssumeRole(t.Context(), in)
			if code, text := kinesisRefusal(t, err); code != r.code || text != r.text {
				t.Errorf("refused with\n%s: %s\nwant\n%s: %s", code, text, r.code, r.text)
			}
		}
		s.Do(func(w *world.World) { w.DenyRole(ordersRole, false) })
		chained := sts.NewFromConfig(assume(t, s, c))
		_, err := chained.AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String(ordersRole), RoleSessionName: aws.String("two"), DurationSeconds: aws.Int32(3601),
		})
		if _, text := kinesisRefusal(t, err); !strings.Contains(text, "1 hour session limit for roles assumed by role chaining") {
			t.Error(text)
		}
		_, err = c.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
		if code, text := kinesisRefusal(t, err); code != "InvalidAction" || text != "Could not find operation GetSessionToken for version 2011-06-15" {
			t.Errorf("%s: %s", code, text)
		}
	})
}

// TestSTSWire looks at the bytes.
func TestSTSWire(t *testing.T) {
	s := emulator.New(emulator.Options{World: world.New(1, world.Short(), time.Unix(0, 0)), Now: func() time.Time { return time.Unix(0, 0) }})
	for form, want := range map[string]string{
		"Action=GetCallerIdentity&Version=2011-06-15": `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">` +
			`<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/emulator</Arn><UserId>`,
		"Action=AssumeRole&Version=2011-06-15&DurationSeconds=900.0": `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">` +
			`<Error><Type>Sender</Type><Code>MalformedInput</Code>`,
		"Action=AssumeRole&Version=2011-06-15&RoleArn=" + ordersRole + "&RoleSessionName=s1&DurationSeconds=%2B0900": `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">` +
			`<AssumeRoleResult><Credentials><AccessKeyId>ASIA`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://sts.test/", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=123456789012/20261123/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0")
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(body), want) || !strings.Contains(string(body), "<RequestId>00000000-0000-4000-8000-") {
			t.Errorf("%s:\n%s\nwant\n%s", form, body, want)
		}
	}
}

// TestCloneOfSessions: a copy knows the sessions of the original, and no later ones.
func TestCloneOfSessions(t *testing.T) {
	w := world.New(1, world.Short(), time.Unix(0, 0))
	in := world.RoleInput{RoleArn: ordersRole, RoleSessionName: "s1"}
	first := answered[world.Session](t)(w.AssumeRole(world.User(kinesisAccount), in))
	copied := w.Clone()
	second := answered[world.Session](t)(w.AssumeRole(world.User(kinesisAccount), in))
	_, knows := copied.Session(first.AccessKeyID)
	if _, later := copied.Session(second.AccessKeyID); !knows || later || first.AccessKeyID == second.AccessKeyID {
		t.Errorf("knows %v, later %v, %s and %s", knows, later, first.AccessKeyID, second.AccessKeyID)
	}
}

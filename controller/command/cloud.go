package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/emulator"
	"github.com/eventrouting/eventrouting/emulator/world"
	"github.com/eventrouting/eventrouting/reconcile"
	"github.com/eventrouting/eventrouting/reconcile/awsapi"
	"github.com/eventrouting/eventrouting/spec"
)

// embeddedRegion is where the embedded AWS is when nothing names a region.
const embeddedRegion = "us-east-1"

// cloud says where AWS is and how to call it.
type cloud struct {
	embedded bool             // an AWS in this process, for one command
	server   *emulator.Server // it, once there are documents
	qps      float64          // calls a second per account and region, 0 for no limit
	timeout  time.Duration    // of one attempt of one call
	selector string           // of documents, by their labels; empty for all
	home     spec.Home        // of documents that do not say where they are, once places are known
}

// flags adds the flags that say where AWS is.
func (c *cloud) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&c.embedded, "emulator", false, "use an embedded AWS in this process, with the streams and functions that the documents name; it ends with the command")
	f.Float64Var(&c.qps, "qps", 5, "AWS calls a second per account and region, 0 for no limit; none with --emulator")
	f.StringVarP(&c.selector, "selector", "l", "", "only the documents with these labels, as kubectl takes them, such as team=orders; not with --prune, and orphans are not reported")
	f.DurationVar(&c.timeout, "request-timeout", 20*time.Second, "how long one attempt of one AWS call may take")
}

// check refuses what no call can be made with.
func (c *cloud) check() error {
	switch {
	case math.IsNaN(c.qps) || c.qps < 0:
		return hint(fmt.Errorf("--qps %v is no number of calls a second", c.qps), "use 0 for no limit, or more")
	case c.timeout <= 0:
		return hint(fmt.Errorf("--request-timeout %s leaves no time for a call", c.timeout), "use a duration such as 20s")
	}
	return nil
}

// place is the documents of one account and region, and how to call AWS there.
type place struct {
	role   string // ARN of the role that is assumed; empty for none
	region string
	docs   []spec.EventRouting
	cfg    aws.Config
	api    awsapi.Options
	now    func() time.Time // nil: time.Now
}

// time is that of a pass.
func (p place) time() time.Time {
	if p.now != nil {
		return p.now()
	}
	return time.Now()
}

func (p place) client() *awsapi.Client { return awsapi.New(p.cfg, p.api) }

// places sorts documents by where their stream and function are.
func (c *cloud) places(ctx context.Context, docs []spec.EventRouting) ([]place, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	chosen, err := c.selected(docs)
	if err != nil {
		return nil, err
	}
	base, err := c.base(ctx, chosen)
	if err != nil {
		return nil, err
	}
	c.home = spec.Home{Region: base.Region}
	all, err := split(at(chosen, c.home), base, c.qps)
	if err != nil {
		return nil, err
	}
	if c.home.Account, err = c.apart(ctx, all); err != nil {
		return nil, err
	}
	for i := range all {
		all[i].docs = at(all[i].docs, c.home)
	}
	return all, beyond(at(docs, c.home))
}

// at are documents of which those that do not say where they are have a home.
func at(docs []spec.EventRouting, home spec.Home) []spec.EventRouting {
	docs = slices.Clone(docs)
	for i := range docs {
		docs[i].Home = home
	}
	return docs
}

// beyond refuses documents that ask for too much, or disagree, only now that it is
// known where they are.
func beyond(docs []spec.EventRouting) error {
	var wrong []string
	for _, f := range spec.Together(docs) {
		if f.Severity == spec.Error {
			wrong = append(wrong, f.String())
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return hint(fmt.Errorf("%s, nothing was done; %s in the documents of one account and region", wrong[0], plural(len(wrong), "error")),
		"correct them; eventrouting validate shows all with the same AWS_REGION")
}

// split sorts documents by region and role.
func split(docs []spec.EventRouting, base aws.Config, qps float64) ([]place, error) {
	var all []place
	for _, d := range docs {
		region := cmp.Or(d.Spec.Region, base.Region)
		if region == "" {
			f := d.Find(spec.Error, "region", "spec.region", "no region: the document names none, and neither does the environment")
			return nil, hint(errors.New(f.String()), "write spec.region, or set AWS_REGION")
		}
		i := slices.IndexFunc(all, func(p place) bool { return p.role == d.Spec.AssumeRole && p.region == region })
		if i < 0 {
			cfg := base.Copy()
			cfg.Region = region
			if d.Spec.AssumeRole != "" {
				cfg.Credentials = assume(cfg, d.Spec.AssumeRole)
			}
			i = len(all)
			all = append(all, place{role: d.Spec.AssumeRole, region: region, cfg: cfg, api: awsapi.Options{QPS: qps}})
		}
		all[i].docs = append(all[i].docs, d)
	}
	slices.SortFunc(all, func(a, b place) int { return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.region, b.region)) })
	return all, nil
}

// apart refuses places of one account that run the same function: they would write
// its reservation beside each other. Only where documents do not tell, and share a
// function or a stream, is STS asked whose account it is without a role, and without
// an answer it is taken to be another one.
func (c *cloud) apart(ctx context.Context, all []place) (own string, err error) {
	for i, a := range all { // without a role, if there is one
		account := accountOf(a.docs)
		for _, b := range all[i+1:] {
			function, stream := shared(a, b)
			if function == "" && stream == "" {
				continue
			}
			if account == "" && own == "" {
				limited, cancel := context.WithTimeout(ctx, c.timeout)
				who, err := identity(limited, a.cfg)
				if cancel(); err != nil {
					break
				}
				own = who.account
			}
			if function != "" && cmp.Or(account, own) == accountOf(b.docs) {
				as := "as " + a.role
				if a.role == "" {
					as = "without assumeRole"
				}
				return "", hint(fmt.Errorf("documents run function %s of account %s %s and as %s, and its reservation is one number", function, cmp.Or(account, own), as, b.role),
					"write the same spec.assumeRole in all documents that run it, or in none")
			}
		}
	}
	return own, nil
}

// shared are a function and a stream of which only the account can be another one in
// two places; empty for none.
func shared(a, b place) (function, stream string) {
	if a.region != b.region {
		return "", ""
	}
	ours, theirs := reconcile.Wants(a.docs), reconcile.Wants(b.docs)
	both := func(ours, theirs []string) string {
		for _, one := range ours {
			if slices.ContainsFunc(theirs, func(other string) bool { return spec.BareName(other) == spec.BareName(one) }) {
				return spec.BareName(one)
			}
		}
		return ""
	}
	return both(ours.Functions, theirs.Functions), both(ours.Streams, theirs.Streams)
}

// name is what people call a place.
func (p place) name() string {
	if p.role == "" {
		return p.region
	}
	return p.region + " as " + p.role
}

// sessionName is what CloudTrail shows of calls under an assumed role.
const sessionName = "eventrouting"

// assume gives the credentials of a role, which are asked for with the first
// call and again before they expire.
func assume(cfg aws.Config, role string) aws.CredentialsProvider {
	return aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName
	}))
}

// base is the configuration of all calls but for the region.
func (c *cloud) base(ctx context.Context, docs []spec.EventRouting) (aws.Config, error) {
	if c.embedded {
		c.qps = 0
		var err error
		if c.server == nil {
			c.server, err = embed(docs, nil, world.Short())
		} else {
			err = seed(c.server, docs, nil) // what newer documents name beyond
		}
		if err != nil {
			return aws.Config{}, err
		}
		own := slices.DeleteFunc(slices.Clone(docs), func(d spec.EventRouting) bool { return d.Spec.AssumeRole != "" })
		return inProcess(c.server, cmp.Or(accountOf(own), emulator.DefaultAccount)), nil
	}
	// Where AWS_CA_BUNDLE is set the SDK accepts no other kind of client.
	client := awshttp.NewBuildableClient().WithTimeout(c.timeout)
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client),
		config.WithLogger(logging.Nop{})) // whatever matters of a call is in its error
	if n, ok := errors.AsType[*strconv.NumError](err); ok && strings.Contains(err.Error(), maxAttempts) {
		return aws.Config{}, hint(fmt.Errorf("read the AWS settings: %s %q is no number", maxAttempts, n.Num), "write one such as 3, or unset it")
	}
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the AWS settings: %w", err)
	}
	return cfg, nil
}

const maxAttempts = "AWS_MAX_ATTEMPTS"

// inProcess configures clients of an embedded AWS.
func inProcess(s *emulator.Server, account string) aws.Config {
	return aws.Config{
		Region:       environmentRegion(),
		Credentials:  credentials.NewStaticCredentialsProvider(account, "embedded", ""),
		HTTPClient:   s.Client(),
		BaseEndpoint: aws.String("http://embedded.invalid"),
	}
}

func environmentRegion() string {
	return cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), embeddedRegion)
}

// accountOf is the account that the documents name; empty for none.
func accountOf(docs []spec.EventRouting) string {
	for _, d := range docs {
		if account := d.Account(); account != "" {
			return account
		}
	}
	return ""
}

// embed makes an AWS in this process in which the documents' streams are
// ACTIVE and their functions and `follow` aliases exist. A stream that shards
// does not mention has four.
func embed(docs []spec.EventRouting, shards map[string]int, t world.Timing) (*emulator.Server, error) {
	return embedAt(docs, shards, t, time.Now)
}

// embedAt is embed with a clock of its own.
func embedAt(docs []spec.EventRouting, shards map[string]int, t world.Timing, now func() time.Time) (*emulator.Server, error) {
	server := emulator.New(emulator.Options{World: world.New(1, t, now()), Now: now})
	return server, seed(server, docs, shards)
}

// seed adds what documents name and is not there.
func seed(server *emulator.Server, docs []spec.EventRouting, shards map[string]int) error {
	for _, d := range docs {
		stream := spec.BareName(d.Spec.Stream)
		n, ok := shards[stream]
		if !ok {
			n = defaultShards
		}
		seed := emulator.Seed{
			Place: world.Place{
				Account: cmp.Or(accountOf([]spec.EventRouting{d}), emulator.DefaultAccount),
				Region:  cmp.Or(d.Spec.Region, environmentRegion()),
			},
			Streams:   map[string]int{stream: n},
			Functions: map[string][]string{},
		}
		for _, r := range d.Resolve() {
			seed.Functions[spec.BareName(r.Function)] = followed(d)
		}
		if err := server.Seed(seed); err != nil {
			return fmt.Errorf("seed the embedded AWS for %s: %w", d.Metadata.Name, err)
		}
	}
	return nil
}

// defaultShards is what a stream of the embedded AWS has unless told.
const defaultShards = 4

// followed is the alias that a document's routes follow, if it is one.
func followed(d spec.EventRouting) []string {
	if f := d.Follow(); reconcile.IsAlias(f) {
		return []string{f}
	}
	return nil
}

package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/eventrouting/eventrouting/spec"
)

// policyVersion is the version of IAM's policy language.
const policyVersion = "2012-10-17"

// granting is an iam command and its flags.
type granting struct {
	cloud
	whom, format, of   string
	account, partition string
	was                []string // documents as they were
	read               []string // ARNs
	adopt              []string // ARNs
	streamKeys         []string // ARNs
}

func newIAM() *cobra.Command {
	g := granting{cloud: cloud{timeout: 20 * time.Second}}
	cmd := &cobra.Command{
		Use:   "iam PATH... --for controller|plan|function",
		Short: "Print the least IAM policy for documents",
		Long: `Iam prints the IAM policy that exactly these documents take, a statement per
concern:

  --for plan         plan, status and explain: reads, and nothing else
  --for controller   apply, and the controller
  --for function     the execution role of each function, as far as mappings use it

Where AWS knows no resource for an action, or where its ARN is random, the
statement says so and is confined by conditions. The account is that of an ARN
in the documents, of --account, or of the credentials.

With several policies, one for each role or function, --of picks one for -o json.`,
		Example: `  eventrouting iam routing/ --for controller --account 111122223333
  eventrouting iam routing/ --for plan -o json > policy.json
  eventrouting iam routing/ --was routing-of-yesterday/ --for controller
  eventrouting emulator --seed routing/ --policy policy.json   # try it`,
		Args: paths,
		RunE: g.run,
	}
	f := cmd.Flags()
	f.StringVar(&g.whom, "for", "", "controller, plan or function")
	f.StringVarP(&g.format, "output", "o", "text", "text, or json for the policy alone")
	f.StringVar(&g.of, "of", "", "print one policy: caller, a role's ARN, a function's name or ARN")
	f.StringVar(&g.account, "account", "", "12 digits; needed where neither the documents nor the credentials tell")
	f.StringVar(&g.partition, "partition", "", "aws, aws-cn, aws-us-gov and so on; that of the region unless given")
	f.StringArrayVar(&g.was, "was", nil, "documents as they were, while a function, a stream, an isolation or a routing changes; may be repeated")
	f.StringArrayVar(&g.read, "read", nil, "ARN of a stream or function that no document names and that a pass reads: what other mappings on the functions read; may be repeated")
	f.StringArrayVar(&g.adopt, "adopt", nil, "ARN of the function, with its qualifier, that a mapping runs which a route is to adopt, with --for controller; until it was applied; may be repeated")
	f.StringArrayVar(&g.streamKeys, "stream-key", nil, "ARN of the KMS key of an encrypted stream, with --for function; may be repeated")
	return cmd
}

func (g *granting) check() error {
	switch {
	case !slices.Contains([]string{"controller", "plan", "function"}, g.whom):
		return hint(fmt.Errorf("--for %q is nobody", g.whom), "--for controller, --for plan or --for function")
	case g.format != "text" && g.format != "json":
		return hint(fmt.Errorf("unknown output %q", g.format), "-o text or -o json")
	case g.account != "" && !regexp.MustCompile(`^\d{12}$`).MatchString(g.account):
		return hint(fmt.Errorf("--account %q is no account", g.account), "use its 12 digits: a placeholder such as ${AWS::AccountId} would be taken literally")
	case g.partition != "" && !regexp.MustCompile(`^aws(-[a-z]+)*$`).MatchString(g.partition):
		return hint(fmt.Errorf("--partition %q is no partition", g.partition), "use aws, aws-cn, aws-us-gov or another of AWS's")
	}
	arn := regexp.MustCompile(`^arn:aws(-[a-z]+)*:(kinesis:[a-z0-9-]+:\d{12}:stream/[A-Za-z0-9_.-]+|lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+)$`)
	for _, name := range g.read {
		if !arn.MatchString(name) {
			return hint(fmt.Errorf("--read %q is neither a stream nor a function", name), "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME or arn:aws:lambda:REGION:ACCOUNT:function:NAME")
		}
	}
	target := regexp.MustCompile(`^arn:aws(-[a-z]+)*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:(\$LATEST|[A-Za-z0-9_-]+))?$`)
	for _, name := range g.adopt {
		if !target.MatchString(name) {
			return hint(fmt.Errorf("--adopt %q is no function", name), "arn:aws:lambda:REGION:ACCOUNT:function:NAME or arn:aws:lambda:REGION:ACCOUNT:function:NAME:QUALIFIER")
		}
	}
	key := regexp.MustCompile(`^arn:aws(-[a-z]+)*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+$`)
	for _, name := range g.streamKeys {
		if !key.MatchString(name) {
			return hint(fmt.Errorf("--stream-key %q is no key", name), "arn:aws:kms:REGION:ACCOUNT:key/ID, which is not an alias")
		}
	}
	return nil
}

func (g *granting) run(cmd *cobra.Command, args []string) error {
	if err := g.check(); err != nil {
		return err
	}
	docs, _, err := valid(cmd.Context(), args, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if len(g.was) > 0 {
		was, _, err := valid(cmd.Context(), g.was, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		docs = append(docs, was...)
	}
	at, err := g.locate(cmd.Context(), docs)
	if err != nil {
		return err
	}
	all := functionPolicies(at, g.streamKeys)
	if g.whom != "function" {
		all = g.callers(at)
	}
	for _, p := range all {
		if n := p.policy.size(); n > maxPolicy {
			fmt.Fprintf(cmd.ErrOrStderr(), "the policy for %s has %d characters, and a managed policy at most %d: name fewer documents at a time and attach several, or make it a role's own, of at most 10240\n", p.title, n, maxPolicy)
		}
	}
	if all, err = g.picked(all); err != nil {
		return err
	}
	if g.format == "json" {
		return writeJSON(cmd.OutOrStdout(), all)
	}
	return writePolicies(cmd.OutOrStdout(), all)
}

// locate finds partition, region and account of each document.
func (g *granting) locate(ctx context.Context, docs []spec.EventRouting) ([]located, error) {
	cfg, err := g.base(ctx, docs)
	if err != nil {
		return nil, err
	}
	var all []located
	var who caller
	for _, d := range docs {
		at := homeIn(d)
		at.region = cmp.Or(d.Spec.Region, at.region, cfg.Region)
		if at.region == "" {
			f := d.Find(spec.Error, "region", "spec.region", "no region: the document names none, and neither does the environment")
			return nil, hint(errors.New(f.String()), "write spec.region, or set AWS_REGION")
		}
		if at.account != "" && g.account != "" && at.account != g.account {
			return nil, hint(fmt.Errorf("--account %s is not that of %s, which names %s", g.account, d.Metadata.Name, at.account), "leave --account out")
		}
		at.account = cmp.Or(at.account, g.account)
		if at.account == "" && who.account == "" {
			if who, err = g.ask(ctx, cfg, at.region); err != nil {
				return nil, hint(fmt.Errorf("no account: the documents name none: %w", err), "--account with its 12 digits, or credentials of it")
			}
		}
		at.account = cmp.Or(at.account, who.account)
		at.partition = cmp.Or(g.partition, at.partition, who.partition, partitionOf(at.region))
		all = append(all, located{EventRouting: d, home: at})
	}
	return all, nil
}

func (g *granting) ask(ctx context.Context, cfg aws.Config, region string) (caller, error) {
	cfg = cfg.Copy()
	cfg.Region = cmp.Or(cfg.Region, region)
	return identity(ctx, cfg)
}

// homeIn is what the ARNs of a document tell: the role's first, in whose account
// all calls are made.
func homeIn(d spec.EventRouting) home {
	var h home
	arns := []string{d.Spec.AssumeRole, d.Spec.Stream, d.Spec.Function.Name}
	for _, r := range d.Resolve() {
		arns = append(arns, r.Function)
	}
	for _, name := range arns {
		if p := strings.SplitN(name, ":", 6); len(p) == 6 && p[0] == "arn" {
			h.partition, h.region, h.account = cmp.Or(h.partition, p[1]), cmp.Or(h.region, p[3]), cmp.Or(h.account, p[4])
		}
	}
	return h
}

// callers are the policies of who makes calls: the roles that documents name,
// and who runs the command, which assumes them.
func (g *granting) callers(docs []located) []principal {
	title := "who runs plan"
	if g.whom == "controller" {
		title = "who runs the controller, or apply"
	}
	roles := []string{""}
	for _, d := range docs {
		roles = append(roles, d.Spec.AssumeRole)
	}
	roles = sortedUnion(roles, nil)
	var all []principal
	for _, role := range roles {
		p := principal{name: cmp.Or(role, "caller"), title: cmp.Or(role, title), policy: iamPolicy{Version: policyVersion}}
		own := slices.DeleteFunc(slices.Clone(docs), func(d located) bool { return d.Spec.AssumeRole != role })
		p.policy.allowDocuments(own, g.whom == "controller")
		if g.whom == "controller" {
			p.policy.allowAdopting(own, g.adopt)
		}
		var read []string
		for _, arn := range g.read {
			if slices.ContainsFunc(own, func(d located) bool { return strings.Contains(arn, ":"+d.region+":"+d.account+":") }) {
				read = append(read, arn)
			}
		}
		p.policy.allowReading(read)
		if role == "" {
			p.policy.allow(iamStatement{Sid: "AssumeRoles", why: "the documents name these roles, which have to trust the caller", Action: []string{"sts:AssumeRole"}, Resource: roles[1:]})
		}
		if len(p.policy.Statement) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// picked is the policy that --of names, or all.
func (g *granting) picked(all []principal) ([]principal, error) {
	var names []string
	for _, p := range all {
		names = append(names, p.name)
		if g.of != "" && (p.name == g.of || strings.HasSuffix(p.name, ":function:"+g.of)) {
			return []principal{p}, nil
		}
	}
	if g.of != "" {
		return nil, hint(fmt.Errorf("--of %q has no policy", g.of), "--of %s", strings.Join(names, ", or --of "))
	}
	return all, nil
}

// writeJSON writes one policy as AWS takes it.
func writeJSON(w io.Writer, all []principal) error {
	if len(all) != 1 {
		var names []string
		for _, p := range all {
			names = append(names, p.name)
		}
		return hint(fmt.Errorf("there are %d policies, and -o json prints one", len(all)), "--of %s", strings.Join(names, ", or --of "))
	}
	text, err := all[0].policy.text()
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// writePolicies writes policies for people: each statement, and why.
func writePolicies(w io.Writer, all []principal) error {
	for i, p := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "# For %s\n", p.title)
		for _, s := range p.policy.Statement {
			fmt.Fprintf(w, "#   %-21s%s\n", s.Sid, s.why)
		}
		text, err := p.policy.text()
		if err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return nil
}

package awsapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventrouting/eventrouting/reconcile"
)

// Probed is the answer to one question about AWS.
type Probed struct {
	Question string
	Answer   string
	Good     bool // it is what we count on
	Known    bool // AWS answered at all
}

// probePrefix begins the names of what a probe makes, so that the next one finds what
// an earlier one left.
const probePrefix = "eventrouting-probe-"

// probeEvery is how often a probe looks whether AWS is done, and probeMost for how
// long.
const (
	probeEvery = time.Second
	probeMost  = 3 * time.Minute
)

// Subject is what a probe tries things with.
type Subject struct {
	StreamARN, Function string
	// OnFailure and KMSKey are a destination and a key that documents name; empty for
	// none, and then it is not asked whether one that is there can be cleared.
	OnFailure, KMSKey string
}

// prober asks AWS by doing.
type prober struct {
	*Writer
	Subject
	say     func(string)
	answers []Probed
}

// Probe asks AWS what nobody documents, by making aliases of a function, consumers of
// a stream and a disabled mapping on each, which read nothing, and takes all of it away
// again, whatever happens: what an earlier probe left is taken away first. say is told
// what it does.
func (w *Writer) Probe(ctx context.Context, of Subject, say func(string)) (answers []Probed, err error) {
	p := &prober{Writer: w, Subject: of, say: say}
	if err := p.clean(ctx); err != nil {
		return nil, fmt.Errorf("take away what an earlier probe left: %w", err)
	}
	defer func() {
		cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeMost)
		defer cancel()
		if left := p.clean(cleaning); left != nil {
			err = errors.Join(err, fmt.Errorf("take away what the probe made: %w; the next doctor --write-probe tries again", left))
		}
	}()
	err = p.ask(ctx)
	return p.answers, err
}

func (p *prober) answer(question string, good bool, format string, args ...any) {
	p.answers = append(p.answers, Probed{Question: question, Answer: fmt.Sprintf(format, args...), Good: good, Known: true})
}

// open notes a question that could not be asked.
func (p *prober) open(question, why string) {
	p.answers = append(p.answers, Probed{Question: question, Answer: "not asked: " + why})
}

// probeNames are those of aliases and consumers, after probePrefix.
func probeNames() []string { return []string{"a", "b", "c"} }

func (p *prober) ask(ctx context.Context) error {
	for _, name := range probeNames() {
		alias := probePrefix + name
		p.say("create alias " + p.Function + ":" + alias)
		_, err := p.write.CreateAlias(ctx, &lambda.CreateAliasInput{
			FunctionName: &p.Function, Name: &alias, FunctionVersion: aws.String("$LATEST"), Description: aws.String("a probe of eventrouting doctor, to be deleted"),
		})
		if err != nil {
			return failed(err, "create alias %s", alias)
		}
	}
	first, err := p.create(ctx, probePrefix+"a")
	if err != nil {
		return err
	}
	_, err = p.create(ctx, probePrefix+"b")
	const beside = "two mappings of one stream on two aliases of one function"
	switch {
	case IsConflict(err):
		p.answer(beside, false, "refused: %v", essenceOf(err))
		return nil
	case err != nil:
		return err
	}
	p.answer(beside, true, "both exist")
	if err := p.lists(ctx, first); err != nil {
		return err
	}
	if err := p.tagsKept(ctx, first); err != nil {
		return err
	}
	for _, more := range []func(context.Context, string) error{p.early, p.retargets, p.clears, p.metrics, p.consumers} {
		if err := more(ctx, first); err != nil {
			return err
		}
	}
	return nil
}

// lists asks what lists show: the qualifier counts.
func (p *prober) lists(ctx context.Context, uuid string) error {
	names := func(function string) ([]string, error) {
		var all []string
		pages := lambda.NewListEventSourceMappingsPaginator(p.lambda, &lambda.ListEventSourceMappingsInput{EventSourceArn: &p.StreamARN, FunctionName: &function})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, failed(err, "list mappings of %s", function)
			}
			for _, m := range page.EventSourceMappings {
				all = append(all, aws.ToString(m.UUID))
			}
		}
		return all, nil
	}
	bare, err := names(p.Function)
	if err != nil {
		return err
	}
	qualified, err := names(p.Function + ":" + probePrefix + "a")
	if err != nil {
		return err
	}
	p.answer("a list by the bare function name leaves out mappings on its aliases", !slices.Contains(bare, uuid), "%v", !slices.Contains(bare, uuid))
	p.answer("a list by function and alias shows the mapping", slices.Contains(qualified, uuid), "%v", slices.Contains(qualified, uuid))
	return nil
}

// tagsKept asks whether tags that a mapping was made with can be read.
func (p *prober) tagsKept(ctx context.Context, uuid string) error {
	m, err := p.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid})
	if err != nil {
		return failed(err, "get mapping %s", uuid)
	}
	tags, err := p.lambda.ListTags(ctx, &lambda.ListTagsInput{Resource: m.EventSourceMappingArn})
	if err != nil {
		return failed(err, "list tags of mapping %s", uuid)
	}
	kept := tags.Tags[reconcile.TagOwner] == probePrefix
	p.answer("tags given with a new mapping are kept", kept, "%v", kept)
	return nil
}

// create makes a disabled mapping on an alias and waits until AWS has.
func (p *prober) create(ctx context.Context, alias string) (string, error) {
	target := p.Function + ":" + alias
	return p.make(ctx, &lambda.CreateEventSourceMappingInput{EventSourceArn: &p.StreamARN, FunctionName: &target, StartingPosition: types.EventSourcePositionLatest})
}

// make makes a disabled mapping that the next probe knows, and waits until AWS has.
func (p *prober) make(ctx context.Context, in *lambda.CreateEventSourceMappingInput) (string, error) {
	p.say("create a disabled mapping of " + aws.ToString(in.EventSourceArn) + " on " + aws.ToString(in.FunctionName))
	in.Enabled, in.Tags = aws.Bool(false), map[string]string{reconcile.TagOwner: probePrefix}
	out, err := p.write.CreateEventSourceMapping(ctx, in)
	if err != nil {
		return "", failed(err, "create a mapping on %s", aws.ToString(in.FunctionName))
	}
	uuid := aws.ToString(out.UUID)
	_, err = p.settled(ctx, uuid)
	return uuid, err
}

// settled waits until AWS is done with a mapping; nil when it is gone.
func (p *prober) settled(ctx context.Context, uuid string) (*lambda.GetEventSourceMappingOutput, error) {
	var m *lambda.GetEventSourceMappingOutput
	err := await(ctx, "mapping "+uuid, func() (done bool, err error) {
		m, err = p.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid})
		switch {
		case IsNotFound(err):
			m = nil
			return true, nil
		case err != nil:
			return false, failed(err, "get mapping %s", uuid)
		}
		return slices.Contains([]string{"Enabled", "Disabled"}, aws.ToString(m.State)), nil
	})
	return m, err
}

// await looks until AWS is done with something.
func await(ctx context.Context, what string, look func() (done bool, err error)) error {
	for began := time.Now(); ; {
		done, err := look()
		switch {
		case err != nil || done:
			return err
		case time.Since(began) > probeMost:
			return fmt.Errorf("AWS is still busy with %s after %s", what, probeMost)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(probeEvery):
		}
	}
}

// clean takes away everything that a probe has ever made of this function: mappings
// that are tagged as one's, then aliases.
func (p *prober) clean(ctx context.Context) error {
	all, err := p.listMappings(ctx, "", "")
	if err != nil {
		return failed(err, "list mappings")
	}
	for _, m := range all {
		probes, err := p.probes(ctx, m)
		if err == nil && probes {
			err = p.deleteProbe(ctx, m.UUID)
		}
		if err != nil {
			return err
		}
	}
	if err := p.deregister(ctx); err != nil {
		return err
	}
	for _, name := range probeNames() {
		if err := p.deleteProbeAlias(ctx, probePrefix+name); err != nil {
			return err
		}
	}
	return nil
}

// probes says whether a mapping is a probe's: those are disabled, on its aliases and
// consumers, and tagged. One that an earlier version left is on the function itself.
func (p *prober) probes(ctx context.Context, m reconcile.Mapping) (bool, error) {
	onOwn := strings.HasPrefix(m.Key.Qualifier, probePrefix) || strings.HasPrefix(m.Key.Consumer, probePrefix)
	if m.Key.Function != p.Function || !onOwn && (m.Enabled || m.Key.Qualifier != "") {
		return false, nil
	}
	tags, err := p.lambda.ListTags(ctx, &lambda.ListTagsInput{Resource: aws.String(m.ARN)})
	if err != nil {
		return false, failed(err, "list tags of mapping %s", m.UUID)
	}
	return tags.Tags[reconcile.TagOwner] == probePrefix, nil
}

// deleteProbe deletes a mapping, once AWS has made it: before that it cannot be.
func (p *prober) deleteProbe(ctx context.Context, uuid string) error {
	if _, err := p.settled(ctx, uuid); err != nil {
		return err
	}
	p.say("delete mapping " + uuid)
	_, err := p.write.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: &uuid})
	if err != nil && !IsNotFound(err) {
		return failed(err, "delete mapping %s", uuid)
	}
	_, err = p.settled(ctx, uuid)
	return err
}

func (p *prober) deleteProbeAlias(ctx context.Context, alias string) error {
	_, err := p.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &p.Function, Name: &alias})
	switch {
	case IsNotFound(err):
		return nil
	case err != nil:
		return failed(err, "get alias %s", alias)
	}
	p.say("delete alias " + p.Function + ":" + alias)
	_, err = p.write.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: &p.Function, Name: &alias})
	if err != nil && !IsNotFound(err) {
		return failed(err, "delete alias %s", alias)
	}
	return nil
}

// essenceOf is an error as people read it.
func essenceOf(err error) string {
	text, _ := Explain(err)
	return text
}

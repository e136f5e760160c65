package spec

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Where values stand.
const (
	routesPath    = "spec.routes"
	defaultsPath  = "spec.defaults"
	eventTypePath = "spec.eventType.path"
)

func routePath(i int) string { return fmt.Sprintf("%s[%d]", routesPath, i) }

// Validate says what is wrong with documents, each by itself and all together:
// names that are not unique, streams that are asked for too much. [Load] has
// done so for what it returns; documents made otherwise are checked here.
// That a stream, function or role exists only a plan can tell.
func Validate(docs []EventRouting) []Finding {
	all := make([]document, len(docs))
	for i, d := range docs {
		all[i].EventRouting = d
	}
	var findings []Finding
	for _, c := range validate(all) {
		findings = append(findings, c.findings...)
	}
	sortFindings(findings)
	return findings
}

// validate checks every document by itself, then all together.
func validate(docs []document) []*check {
	all := make([]*check, len(docs))
	for i, d := range docs {
		all[i] = &check{doc: d.EventRouting, bad: d.bad, routes: d.Resolve(), findings: d.findings}
		all[i].document()
	}
	together(all)
	return all
}

// check is the findings about one document.
type check struct {
	doc      EventRouting
	routes   []Resolved
	bad      map[string]bool // what the loader refused and left out
	findings []Finding
}

func (c *check) err(code, path, format string, args ...any) { c.add(Error, code, path, format, args) }
func (c *check) warn(code, path, format string, args ...any) {
	c.add(Warning, code, path, format, args)
}

// add reports, unless the value was refused already: what is said of a value
// that was left out would mislead.
func (c *check) add(s Severity, code, path, format string, args []any) {
	if !c.refused(path) {
		c.findings = append(c.findings, c.doc.Find(s, code, path, format, args...))
	}
}

// refused says whether the loader left out a value, or what it stands in.
func (c *check) refused(path string) bool {
	for p := path; p != "" && len(c.bad) > 0; p = parent(p) {
		if c.bad[p] {
			return true
		}
	}
	return false
}

// wrong says whether there is an error about a value or something in it.
func (c *check) wrong(path string) bool {
	return slices.ContainsFunc(c.findings, func(f Finding) bool {
		rest, ok := strings.CutPrefix(f.Path, path)
		return ok && f.Severity == Error && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// must reports a name or ARN that a check refused.
func (c *check) must(path string, err error) {
	if err != nil {
		c.err(CodeName, path, "%v", err)
	}
}

// named checks a value that is required.
func (c *check) named(path, text, example string, rule func(string) error) {
	if text == "" {
		c.err(CodeMissing, path, "is missing: write it, such as %s", example)
		return
	}
	c.must(path, rule(text))
}

// document checks one document by itself.
func (c *check) document() {
	d, s := c.doc, c.doc.Spec
	if want := (EventRouting{APIVersion: APIVersion, Kind: Kind}).kind(); d.kind() != want {
		c.err(CodeKind, "", "is %s: write apiVersion: %s and kind: %s", d.kind(), APIVersion, Kind)
	}
	c.named("metadata.name", d.Metadata.Name, "orders", checkName)
	c.labels()
	c.named("spec.stream", s.Stream, "orders-events", checkStream)
	c.named("spec.function.name", s.Function.Name, "order-processor", checkFunction)
	c.named(eventTypePath, s.EventType.Path, "eventType", checkPath)
	if s.Region != "" && !isRegion(s.Region) {
		c.err(CodeName, "spec.region", "%q is no region: write one such as eu-west-1", s.Region)
	}
	if s.AssumeRole != "" {
		c.must("spec.assumeRole", checkRole(s.AssumeRole))
	}
	if f := s.Function.Follow; f != "" && f != defaultFollow && !isAlias(f) {
		c.err(CodeName, "spec.function.follow", "%q is neither alias nor version: write an alias, a number, or %s", f, defaultFollow)
	}
	c.regions()
	c.homes()
	oneOf(c, "spec.isolation", s.Isolation, isolations())
	oneOf(c, "spec.policy", s.Policy, policies())
	c.between("spec.otherReaders", &s.OtherReaders, 0, MostReaders)
	c.positive("spec.retireAfter", s.RetireAfter)
	if s.Handover != nil {
		c.positive("spec.handover.assumeLagBelow", s.Handover.AssumeLagBelow)
	}
	if s.Concurrency != nil {
		c.concurrency(*s.Concurrency)
	}
	if s.Defaults != nil {
		c.settings(defaultsPath, *s.Defaults)
	}
	c.allRoutes()
}

func isolations() []Isolation {
	return []Isolation{IsolationAlias, IsolationFanOut, IsolationFunction}
}

func policies() []Policy { return []Policy{PolicySync, PolicyUpsertOnly, PolicyCreateOnly} }

func onShortages() []OnShortage { return []OnShortage{OnShortageHold, OnShortageAdmit} }

// oneOf checks a word that was written against those allowed.
func oneOf[T ~string](c *check, path string, got T, allowed []T) {
	if got == "" || slices.Contains(allowed, got) {
		return
	}
	c.err(CodeEnum, path, "%q is not allowed: write %s", string(got), either(wordsOf(allowed)))
}

func wordsOf[T ~string](all []T) []string {
	words := make([]string, len(all))
	for i, w := range all {
		words[i] = string(w)
	}
	return words
}

// either lists words: a, b or c.
func either(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// checkPath says what is wrong with where an event's type stands.
func checkPath(text string) error {
	steps := strings.Split(text, ".")
	switch {
	case slices.Contains(steps, ""):
		return fmt.Errorf("%q has an empty step: write field names with single dots between, such as meta.type", text)
	case slices.Contains(steps, "$or"):
		return fmt.Errorf("%q has a step $or, which is an operator in filters", text)
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("contains a control character: remove it")
	case strings.TrimSpace(text) != text:
		return fmt.Errorf("%q begins or ends with a space: remove it", text)
	}
	return nil
}

// regions checks that what names a region names the same.
func (c *check) regions() {
	s := c.doc.Spec
	want, from := s.Region, "spec.region"
	for _, v := range []struct{ path, arn string }{{"spec.stream", s.Stream}, {"spec.function.name", s.Function.Name}} {
		got := regionOf(v.arn)
		switch {
		case got == "":
		case want == "":
			want, from = got, v.path
		case got != want:
			c.err(CodeRegion, v.path, "is in region %s, %s says %s: a mapping, its stream and its function are in one region", got, from, want)
		}
	}
	for i, r := range c.doc.Spec.Routes {
		if got := regionOf(r.Function); got != "" && want != "" && got != want {
			c.err(CodeRegion, routePath(i)+".function", "is in region %s, %s says %s", got, from, want)
		}
	}
}

// homes checks that all ARNs are of one partition, that of the region, that stream
// and functions are of one account, and that keys are in the region: AWS keeps
// partitions apart, and a mapping, what it reads and what it runs are of one account
// here, that of the role.
func (c *check) homes() {
	region := c.doc.Region()
	partition, from := partitionOf(region), "region "+region
	account, whose := "", ""
	c.eachARN(func(path, text string) {
		p := strings.Split(text, ":")
		if len(p) < 6 || p[0] != "arn" {
			return
		}
		switch {
		case partition == "":
			partition, from = p[1], path
		case p[1] != partition:
			c.err(CodeRegion, path, "is in partition %s, %s is in %s: AWS keeps partitions apart", p[1], from, partition)
		}
		switch {
		case p[2] == "kms" && region != "" && p[3] != region:
			c.err(CodeRegion, path, "is in region %s, and the mapping in %s: a key is used in its own region", p[3], region)
		case p[2] != "kinesis" && p[2] != "lambda" && path != "spec.assumeRole":
		case account == "":
			account, whose = p[4], path
		case p[4] != account:
			c.err(CodeRegion, path, "is in account %s, %s in %s: a mapping, its stream, its function and the role that makes it are in one account", p[4], whose, account)
		}
	})
}

// partitionOf is the partition of a region; empty where it is not known.
func partitionOf(region string) string {
	switch {
	case region == "", strings.Contains(region, "iso"), strings.HasPrefix(region, "eusc-"):
		return ""
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// eachARN calls f with whatever in a document may be an ARN.
func (c *check) eachARN(f func(path, text string)) {
	s := c.doc.Spec
	f("spec.stream", s.Stream)
	f("spec.function.name", s.Function.Name)
	f("spec.assumeRole", s.AssumeRole)
	settings := func(path string, s Settings) {
		f(path+".function", s.Function)
		if s.KMSKey != nil {
			f(path+".kmsKey", *s.KMSKey)
		}
		if s.OnFailure != nil {
			f(path+".onFailure", *s.OnFailure)
		}
	}
	if s.Defaults != nil {
		settings("spec.defaults", *s.Defaults)
	}
	for i, r := range s.Routes {
		settings(routePath(i), r.Settings)
	}
}

// Region is where the stream and the function are: spec.region, or that of an ARN,
// or the document's Home. Empty for the SDK's own chain.
func (e EventRouting) Region() string {
	return cmp.Or(e.Spec.Region, regionOf(e.Spec.Stream), regionOf(e.Spec.Function.Name), e.Home.Region)
}

// Account is that of the stream and the function: of spec.assumeRole, or of another
// ARN, or the document's Home. Empty for that of who runs the program.
func (e EventRouting) Account() string {
	arns := []string{e.Spec.AssumeRole, e.Spec.Stream, e.Spec.Function.Name}
	for _, r := range e.Resolve() {
		arns = append(arns, r.Function)
	}
	for _, text := range arns {
		if a, err := parseARN(text); err == nil && a.account != "" {
			return a.account
		}
	}
	return e.Home.Account
}

// Bounds on what is counted, beyond what any account has, so that sums of it stay
// numbers.
const (
	MostExecutions = 1_000_000 // concurrent executions
	MostReaders    = 1_000     // of a stream
)

// concurrency checks a routing's share of the reservation.
func (c *check) concurrency(v Concurrency) {
	const path = "spec.concurrency"
	if h := v.Headroom; h != nil {
		switch {
		case h.Value < 0:
			c.err(CodeRange, path+".headroom", "%s is below 0: write 0 or more", h)
		case h.Percent && h.Value > 1000:
			c.err(CodeRange, path+".headroom", "%s is over 1000%%: write a smaller share, or a number", h)
		case !h.Percent && h.Value > MostExecutions:
			c.err(CodeRange, path+".headroom", "%s is over %d: write a smaller number, or a share", h, MostExecutions)
		}
	}
	c.between(path+".minimum", v.Minimum, 0, MostExecutions)
	c.between(path+".maximum", v.Maximum, 1, MostExecutions)
	c.between(path+".others", v.Others, 0, MostExecutions)
	if v.Minimum != nil && v.Maximum != nil && *v.Minimum > *v.Maximum {
		c.err(CodeConflict, path+".minimum", "minimum %d is over maximum %d: lower one or raise the other", *v.Minimum, *v.Maximum)
	}
	c.positive(path+".releaseAfter", v.ReleaseAfter)
	oneOf(c, path+".onShortage", v.OnShortage, onShortages())
}

func (c *check) between(path string, v *int, least, most int) {
	if v != nil && (*v < least || *v > most) {
		c.err(CodeRange, path, "%d is out of range: write %d to %d", *v, least, most)
	}
}

func (c *check) positive(path string, v *Duration) {
	if v != nil && v.Duration <= 0 {
		c.err(CodeRange, path, "%s is not above 0: write a duration such as 24h", short(v.Duration))
	}
}

// span checks a duration that AWS takes in whole seconds.
func (c *check) span(path string, v *Duration, least, most time.Duration) {
	switch {
	case v == nil:
	case v.Duration < least || v.Duration > most:
		c.err(CodeRange, path, "%s is out of range: write %s to %s", short(v.Duration), short(least), short(most))
	case v.Duration%time.Second != 0:
		c.err(CodeRange, path, "%s is no whole number of seconds, which AWS counts in", short(v.Duration))
	}
}

// short writes a duration without its zero parts: 168h, not 168h0m0s.
func short(d time.Duration) string {
	s := d.String()
	for _, tail := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, tail) {
			s = s[:len(s)-2]
		}
	}
	return s
}

package pattern

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Limits on one pattern.
const (
	// MaxLength is AWS's limit on a pattern's text; bytes are counted, as AWS
	// does not say which characters it counts.
	// https://docs.aws.amazon.com/lambda/latest/api/API_Filter.html
	MaxLength = 4096
	// MaxRules is how many alternatives $or may expand to. Ours: AWS names none.
	MaxRules = 1024
	// MaxPaths is how many fields one alternative may constrain, as in event-ruler.
	MaxPaths = 256
	// MaxDepth is how deep a pattern may nest. Ours: AWS names none.
	MaxDepth = 256
)

// Pattern is one filter that was understood. It is immutable and safe for
// concurrent use.
type Pattern struct {
	text  string
	tier  Tier
	rules []rule
	lint  []string

	overridden []string // fields that were set twice
	ambiguous  bool     // an object stands twice under one name
	compiled   func() *program
}

// ParseError is a text that is no filter: what is wrong, and where. AWS answers
// such a text with InvalidParameterValueException, "Invalid filter pattern
// definition.", and nothing more.
type ParseError struct {
	Path    string // of the field, such as data.eventType; empty for the whole text
	Offset  int    // in bytes
	Problem string
}

// Error is the path, if there is one, and the problem.
func (e *ParseError) Error() string {
	if e.Path == "" {
		return e.Problem
	}
	return e.Path + ": " + e.Problem
}

// Parse reads one filter pattern. It accepts what event-ruler accepts, of any
// [Tier]; beyond it refuses more than [MaxLength] bytes, text after the pattern,
// halves of surrogate pairs, the limits above, and a list directly at "data",
// which Lambda refuses for Kinesis. The error is a [*ParseError].
func Parse(text string) (*Pattern, error) {
	p := parser{lexer: lexer{b: []byte(text)}}
	if err := p.pattern(); err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	compactJSON(&compact, p.b)
	t := &Pattern{text: compact.String(), tier: p.tier, lint: p.notes, overridden: sorted(p.overridden), ambiguous: p.ambiguous}
	for _, fields := range p.rules {
		t.rules = append(t.rules, newRule(fields))
	}
	t.lint = sorted(append(t.lint, lintRules(t.rules)...))
	t.compiled = sync.OnceValue(func() *program { return compile(t.rules) })
	return t, nil
}

// String is the pattern on one line without spaces, $or kept. Parse accepts it
// with the same meaning.
func (p *Pattern) String() string { return p.text }

// Tier is that of the pattern's least known operator.
func (p *Pattern) Tier() Tier { return p.tier }

type parser struct {
	lexer
	path  []string
	rules []map[string][]matcher
	tier  Tier
	notes []string
	depth int

	overridden []string
	ambiguous  bool
}

func (p *parser) fail(format string, args ...any) error {
	return &ParseError{Path: strings.Join(p.path, "."), Offset: p.i, Problem: fmt.Sprintf(format, args...)}
}

func (p *parser) note(format string, args ...any) {
	p.notes = append(p.notes, strings.Join(p.path, ".")+": "+fmt.Sprintf(format, args...))
}

func (p *parser) pattern() error {
	switch {
	case len(p.b) > MaxLength:
		return p.fail("has %d bytes, more than the %d that AWS takes", len(p.b), MaxLength)
	case !utf8.Valid(p.b):
		return p.fail("is not UTF-8")
	case p.peek() != '{':
		return p.fail("is not a JSON object")
	}
	if err := p.object(false); err != nil {
		return err
	}
	if p.peek() != 0 || p.i < len(p.b) {
		return p.fail("has text after the pattern")
	}
	for _, r := range p.rules {
		if len(r) > MaxPaths {
			return p.fail("constrains %d fields, more than %d", len(r), MaxPaths)
		}
		if _, ok := r["data"]; ok {
			return &ParseError{Path: "data", Problem: "must be an object: Lambda refuses a list for the payload of Kinesis"}
		}
	}
	return nil
}

// object reads fields into every rule begun so far, in the order written, a
// later one over an earlier one: that is how event-ruler understands $or.
func (p *parser) object(inOr bool) error {
	if p.depth++; p.depth > MaxDepth {
		return p.fail("nests deeper than %d", MaxDepth)
	}
	p.take('{')
	if p.take('}') {
		return p.fail("is an empty object")
	}
	seen := map[string]bool{}
	for {
		key, err := p.text("a field name in quotes")
		if err != nil {
			return err
		}
		if !p.take(':') {
			return p.fail("lacks a colon after %s", quote(key))
		}
		if err := p.field(key, inOr, seen[key]); err != nil {
			return err
		}
		seen[key] = true
		if p.take(',') {
			continue
		}
		if !p.take('}') {
			return p.fail("lacks a comma or a closing brace")
		}
		p.depth--
		return nil
	}
}

func (p *parser) field(key string, inOr, again bool) error {
	if key == "$or" {
		if inOr || again {
			p.note("$or inside or beside $or: AWS's engine may misread it")
		}
		return p.alternatives()
	}
	if inOr && slices.Contains(reserved(), key) {
		return p.fail("%s is a reserved name inside $or", quote(key))
	}
	p.path = append(p.path, key)
	var err error
	if again {
		p.note("the field is written twice; the last one wins")
		p.overridden = append(p.overridden, strings.Join(p.path, "."))
	}
	switch p.peek() {
	case '{':
		p.ambiguous = p.ambiguous || again
		err = p.object(inOr)
	case '[':
		err = p.list(inOr)
	default:
		err = p.fail("must be an object or a list")
	}
	if err == nil {
		p.path = p.path[:len(p.path)-1]
	}
	return err
}

// reserved are the names that event-ruler keeps for itself inside $or.
func reserved() []string {
	return []string{
		"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr",
		"=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case",
		"date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range",
		"ip-address-in-range", "ip-address-not-in-range",
	}
}

func (p *parser) alternatives() error {
	begun := p.rules
	if len(begun) == 0 {
		begun = []map[string][]matcher{{}}
	}
	var all []map[string][]matcher
	if !p.take('[') {
		return p.fail("$or must be a list of objects")
	}
	n := 0
	for p.peek() != ']' {
		if n > 0 && !p.take(',') {
			return p.fail("$or lacks a comma or a closing bracket")
		}
		if p.peek() != '{' {
			return p.fail("$or must be a list of objects")
		}
		if n++; len(all)+len(begun) > MaxRules {
			return p.fail("$or makes more than %d alternatives", MaxRules)
		}
		p.rules = make([]map[string][]matcher, len(begun))
		for i := range begun {
			p.rules[i] = maps.Clone(begun[i])
		}
		if err := p.object(true); err != nil {
			return err
		}
		all = append(all, p.rules...)
	}
	p.i++
	if n < 2 {
		return p.fail("$or must list at least two objects")
	}
	if p.rules = all; len(all) > MaxRules {
		return p.fail("$or makes more than %d alternatives", MaxRules)
	}
	return nil
}

func (p *parser) list(inOr bool) error {
	p.take('[')
	var list []matcher
	for p.peek() != ']' {
		if len(list) > 0 && !p.take(',') {
			return p.fail("lacks a comma or a closing bracket")
		}
		m, err := p.entry()
		if err != nil {
			return err
		}
		list = append(list, m)
	}
	p.i++
	if len(list) == 0 {
		return p.fail("is an empty list")
	}
	if len(p.rules) == 0 {
		p.rules = []map[string][]matcher{{}}
	}
	name := strings.Join(p.path, ".")
	for _, r := range p.rules {
		if _, ok := r[name]; ok && inOr {
			p.note("the field is set outside $or and inside: the inner one replaces the outer")
		}
		if _, ok := r[name]; ok {
			p.overridden = append(p.overridden, name)
		}
		r[name] = list
	}
	return nil
}

// text reads a string; what is the name of what should be there.
func (p *parser) text(what string) (string, error) {
	if p.peek() != '"' {
		return "", p.fail("lacks %s", what)
	}
	raw, _, ok := p.quoted()
	if !ok {
		return "", p.fail("holds a malformed string")
	}
	text, lone := unquote(nil, raw)
	if lone {
		return "", p.fail("holds half of a surrogate pair")
	}
	return string(text), nil
}

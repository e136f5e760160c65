package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Policy is an identity-based IAM policy that a [Server] holds every caller to,
// as far as this emulator knows IAM: statements that allow, actions and
// resources with wildcards, and the conditions of [conditionOf]. Whatever else a
// policy may say is refused when it is read, so that nothing is passed over.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type Policy struct{ statements []statement }

type statement struct {
	actions, resources []string
	conditions         []condition
}

// condition is one key under one operator.
type condition struct {
	match  func(pattern, value string) bool
	all    bool // every value of the request has to match, and there may be none
	any    bool // one of several values has to match
	key    string
	values []string
}

// texts is one text or a list of them, as IAM writes both.
type texts []string

func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// list is one statement or several.
type statements []struct {
	Sid, Effect      string
	Action, Resource texts
	Condition        map[string]map[string]texts
}

func (l *statements) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		b = slices.Concat([]byte("["), b, []byte("]"))
	}
	type plain statements
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields() // NotAction, Principal
	return d.Decode((*plain)(l))
}

// ParsePolicy reads a policy document.
func ParsePolicy(text []byte) (*Policy, error) {
	var doc struct {
		Version, ID string
		Statement   statements
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read policy: something follows it")
	}
	if doc.Version != "2012-10-17" || len(doc.Statement) == 0 {
		return nil, errors.New(`read policy: it needs "Version": "2012-10-17" and a Statement`)
	}
	p := &Policy{}
	for i, s := range doc.Statement {
		one := statement{actions: s.Action, resources: s.Resource}
		var err error
		switch {
		case s.Effect != "Allow":
			err = errors.New("only the effect Allow is known here")
		case len(s.Action) == 0 || len(s.Resource) == 0:
			err = errors.New("it needs an Action and a Resource")
		case strings.Contains(strings.Join(slices.Concat(s.Action, s.Resource), " "), "${"):
			err = errors.New("it has a variable in it, which nobody fills in here")
		default:
			one.conditions, err = conditionsOf(s.Condition)
		}
		if err != nil {
			return nil, fmt.Errorf("read policy: statement %d %s: %w", i+1, s.Sid, err)
		}
		p.statements = append(p.statements, one)
	}
	return p, nil
}

func conditionsOf(all map[string]map[string]texts) ([]condition, error) {
	var list []condition
	for operator, keys := range all {
		for key, values := range keys {
			c, err := conditionOf(operator)
			if err != nil {
				return nil, err
			}
			c.key, c.values = strings.ToLower(key), values
			list = append(list, c)
		}
	}
	return list, nil
}

// conditionOf knows some operators.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func conditionOf(operator string) (condition, error) {
	var c condition
	name, ok := strings.CutPrefix(operator, "ForAllValues:")
	c.all = ok
	name, ok = strings.CutPrefix(name, "ForAnyValue:")
	c.any = ok
	switch name {
	case "StringEquals":
		c.match = func(pattern, value string) bool { return pattern == value }
	case "StringLike":
		c.match = like
	case "ArnLike", "ArnEquals": // the two are one
		c.match = likeARN
	default:
		return c, fmt.Errorf("the condition operator %s is not known here", operator)
	}
	return c, nil
}

// holds says whether a request's context satisfies the condition. A key that the
// request does not have satisfies only ForAllValues.
func (c condition) holds(context map[string][]string) bool {
	values := context[c.key]
	matches := func(v string) bool {
		return slices.ContainsFunc(c.values, func(p string) bool { return c.match(p, v) })
	}
	switch {
	case c.all:
		return !slices.ContainsFunc(values, func(v string) bool { return !matches(v) })
	case c.any:
		return slices.ContainsFunc(values, matches)
	}
	return len(values) == 1 && matches(values[0])
}

// allows says whether a statement allows what is asked for. What is not allowed
// is denied.
func (p *Policy) allows(a access) bool {
	return slices.ContainsFunc(p.statements, func(s statement) bool {
		return slices.ContainsFunc(s.actions, func(action string) bool {
			return like(strings.ToLower(action), strings.ToLower(a.action))
		}) && slices.ContainsFunc(s.resources, func(pattern string) bool {
			return pattern == "*" || likeARN(pattern, a.resource)
		}) && !slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(a.context) })
	})
}

// likeARN compares ARNs part by part: a wildcard does not reach over the five
// colons that part an ARN, but it does over those in the resource.
func likeARN(pattern, value string) bool {
	p, v := strings.SplitN(pattern, ":", 6), strings.SplitN(value, ":", 6)
	if len(p) != 6 || len(v) != 6 {
		return false
	}
	for i := range p {
		if !like(p[i], v[i]) {
			return false
		}
	}
	return true
}

// like matches with * for any characters and ? for one.
func like(pattern, value string) bool {
	p, v, star, mark := 0, 0, -1, 0
	for v < len(value) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, v
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == value[v]):
			p++
			v++
		case star >= 0:
			mark++
			p, v = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

package pattern

import "slices"

// entry reads one member of a field's list: a scalar or an operator.
func (p *parser) entry() (matcher, error) {
	switch p.peek() {
	case '{':
		return p.operator()
	case '[':
		return matcher{}, p.fail("holds a list inside its list")
	}
	if p.peek() == '"' {
		text, err := p.text("")
		return equal(text), err
	}
	v, _, ok := p.scalar()
	if !ok {
		return matcher{}, p.fail("holds what is no JSON value")
	}
	if v.kind == kindNumber {
		return number(string(v.text)), nil
	}
	if v.kind != kindNull {
		p.uses(SeenAccepted)
	}
	return constant(v.kind), nil
}

// constant is the matcher of true, false or null.
func constant(k kind) matcher {
	v := value{kind: k}
	m := matcher{op: opKind, kind: k}
	m.key, _ = v.json()
	return m
}

func number(text string) matcher {
	m := matcher{op: opNumber, key: text, text: text}
	m.num, m.real = comparableNumber([]byte(text))
	return m
}

func (p *parser) uses(t Tier) { p.tier = max(p.tier, t) }

// operator reads {"name": operand}.
func (p *parser) operator() (matcher, error) {
	p.take('{')
	name, err := p.text("the name of an operator")
	if err != nil {
		return matcher{}, err
	}
	if !p.take(':') {
		return matcher{}, p.fail("lacks a colon after %s", quote(name))
	}
	m, err := p.operand(name)
	if err != nil {
		return m, err
	}
	return m, p.closed(name)
}

// closed expects the end of an operator, which has one key.
func (p *parser) closed(name string) error {
	if p.take('}') {
		return nil
	}
	if p.peek() == ',' {
		return p.fail("%s stands beside another key: an operator has one key", quote(name))
	}
	return p.fail("lacks the closing brace of %s", quote(name))
}

func (p *parser) operand(name string) (matcher, error) {
	switch name {
	case "exactly", "equals-ignore-case", "wildcard", "cidr":
		return p.textOperator(name)
	case "prefix", "suffix":
		return p.affix(name)
	case "exists":
		if p.peek() == 't' && p.word("true") {
			return exists(true), nil
		}
		if p.word("false") {
			return exists(false), nil
		}
		return matcher{}, p.fail("exists must be true or false")
	case "numeric":
		return p.numeric()
	case "anything-but":
		return p.anythingBut()
	}
	return matcher{}, p.fail("%s is no operator", quote(name))
}

func (p *parser) textOperator(name string) (matcher, error) {
	if p.peek() != '"' {
		return matcher{}, p.fail("%s must be a string", name)
	}
	text, err := p.text("")
	if err != nil {
		return matcher{}, err
	}
	m := matcher{op: opFold, text: text, key: `{"` + name + `":` + quote(text) + `}`}
	problem := ""
	switch name {
	case "exactly":
		m.op = opExactly
		p.uses(EventBridgeOnly)
	case "wildcard":
		m.op, m.wilds = opWildcard, make([]wild, 1)
		m.wilds[0], problem = parseWildcard(text)
		p.uses(EventBridgeOnly)
	case "cidr":
		m.op = opCIDR
		m.addr, m.last, problem = parseCIDR(text)
		p.uses(EventBridgeOnly)
	}
	if problem != "" {
		return matcher{}, p.fail("%s %s", name, problem)
	}
	return m, nil
}

// affix reads a prefix or a suffix: a text, or one that ignores case.
func (p *parser) affix(name string) (matcher, error) {
	if !p.take('{') {
		if p.peek() != '"' {
			return matcher{}, p.fail("%s must be a string", name)
		}
		text, err := p.text("")
		m := matcher{op: opPrefix, text: text, key: `{"` + name + `":` + quote(text) + `}`}
		if name == "suffix" {
			m.op = opSuffix
		}
		return m, err
	}
	inner, err := p.text("the name of an operator")
	if err != nil {
		return matcher{}, err
	}
	if inner != "equals-ignore-case" || !p.take(':') {
		return matcher{}, p.fail("%s may hold only a string or equals-ignore-case", name)
	}
	m, err := p.textOperator(inner)
	if err != nil {
		return m, err
	}
	p.uses(PipesOnly)
	m.key = `{"` + name + `":` + m.key + `}`
	m.op = opPrefixFold
	if name == "suffix" {
		m.op = opSuffixFold
	}
	return m, p.closed(inner)
}

// numeric reads one comparison, or a lower bound and then an upper one.
func (p *parser) numeric() (matcher, error) {
	m := matcher{op: opNumeric}
	if !p.take('[') {
		return m, p.fail("numeric must be a list")
	}
	first, text, err := p.comparison(&m)
	if err != nil {
		return m, err
	}
	m.key = `{"numeric":[` + text
	if first[0] == '>' && p.take(',') {
		name, text, err := p.comparison(&m)
		switch {
		case err != nil:
			return m, err
		case name[0] != '<':
			return m, p.fail("numeric must have its upper bound second")
		case m.low.at >= m.high.at:
			return m, p.fail("numeric must have a lower bound below its upper one")
		}
		m.key += "," + text
	}
	if m.key += "]}"; !p.take(']') {
		return m, p.fail("numeric must hold one comparison, or a lower bound and then an upper one")
	}
	return m, nil
}

// comparison reads an operator and a number into a bound of m, and returns the
// operator and its canonical text.
func (p *parser) comparison(m *matcher) (name, text string, err error) {
	if name, err = p.text("a comparison in numeric"); err != nil {
		return "", "", err
	}
	if !slices.Contains([]string{"=", "<", "<=", ">", ">="}, name) {
		return "", "", p.fail("numeric knows no comparison %s", quote(name))
	}
	if !p.take(',') || !digit(p.peek()) {
		return "", "", p.fail("numeric %s must have a number", name)
	}
	num, ok := p.number()
	if !ok {
		return "", "", p.fail("numeric holds a malformed number")
	}
	f, ok := comparableNumber(num)
	if !ok {
		return "", "", p.fail("numeric cannot compare %.40s: it is not what a 64-bit float can hold", num)
	}
	b := bound{set: true, open: name == "<" || name == ">", at: f}
	if name[0] != '<' {
		m.low = b
	}
	if name[0] != '>' {
		m.high = b
	}
	return name, quote(name) + "," + string(num), nil
}

// digit says that a number begins with c.
func digit(c byte) bool { return c == '-' || '0' <= c && c <= '9' }

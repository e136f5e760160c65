package pattern

import "strings"

func (p *parser) anythingBut() (matcher, error) {
	switch c := p.peek(); {
	case c == '{':
		return p.butOperator()
	case c == '[':
		texts, numbers, err := p.operands("anything-but")
		switch {
		case err != nil:
			return matcher{}, err
		case len(texts) == 0 && len(numbers) == 0:
			return matcher{}, p.fail("anything-but must list something")
		case len(texts) > 0 && len(numbers) > 0:
			return matcher{}, p.fail("anything-but must list strings only or numbers only")
		case len(texts) > 0:
			return but(texts), nil
		}
		return p.butNumbers(numbers)
	case c == '"':
		text, err := p.text("")
		p.uses(SeenAccepted)
		return but([]string{text}), err
	case digit(c):
		text, ok := p.number()
		if !ok {
			return matcher{}, p.fail("anything-but holds a malformed number")
		}
		p.uses(SeenAccepted)
		return p.butNumbers([]string{string(text)})
	}
	return matcher{}, p.fail("anything-but must be a string, a number, or a list of either")
}

// operands reads a list of strings and numbers.
func (p *parser) operands(name string) (texts, numbers []string, err error) {
	p.take('[')
	for p.peek() != ']' {
		if len(texts)+len(numbers) > 0 && !p.take(',') {
			return nil, nil, p.fail("%s lacks a comma or a closing bracket", name)
		}
		switch c := p.peek(); {
		case c == '"':
			text, err := p.text("")
			if err != nil {
				return nil, nil, err
			}
			texts = append(texts, text)
		case digit(c):
			text, ok := p.number()
			if !ok {
				return nil, nil, p.fail("%s holds a malformed number", name)
			}
			numbers = append(numbers, string(text))
		default:
			return nil, nil, p.fail("%s may list strings and numbers only", name)
		}
	}
	p.i++
	return texts, numbers, nil
}

func (p *parser) butNumbers(numbers []string) (matcher, error) {
	m := matcher{op: opButNumber, list: sorted(numbers)}
	for _, text := range m.list {
		f, ok := comparableNumber([]byte(text))
		if !ok {
			return m, p.fail("anything-but cannot compare %.40s: it is not what a 64-bit float can hold", text)
		}
		m.nums = append(m.nums, f)
	}
	m.key = `{"anything-but":[` + strings.Join(m.list, ",") + `]}`
	return m, nil
}

// butOperator reads the operators that anything-but may negate.
func (p *parser) butOperator() (matcher, error) {
	p.take('{')
	name, err := p.text("the name of an operator")
	if err != nil {
		return matcher{}, err
	}
	m := matcher{}
	switch name {
	case "prefix":
		m.op = opButPrefix
	case "suffix":
		m.op = opButSuffix
	case "equals-ignore-case":
		m.op = opButFold
	case "wildcard":
		m.op = opButWildcard
	default:
		return m, p.fail("anything-but cannot negate %s", quote(name))
	}
	p.uses(EventBridgeOnly)
	if !p.take(':') {
		return m, p.fail("lacks a colon after %s", quote(name))
	}
	if m.list, err = p.butTexts(name); err != nil {
		return m, err
	}
	for _, text := range m.list {
		if text == "" && (m.op == opButPrefix || m.op == opButSuffix) {
			return m, p.fail("anything-but %s must not be empty", name)
		}
		if m.op == opButWildcard {
			w, problem := parseWildcard(text)
			if problem != "" {
				return m, p.fail("wildcard %s", problem)
			}
			m.wilds = append(m.wilds, w)
		}
	}
	m.key = `{"anything-but":{"` + name + `":` + quoteAll(m.list) + `}}`
	return m, p.closed(name)
}

func (p *parser) butTexts(name string) ([]string, error) {
	if p.peek() == '"' {
		text, err := p.text("")
		return []string{text}, err
	}
	if p.peek() != '[' {
		return nil, p.fail("%s inside anything-but must be a string or a list of strings", name)
	}
	texts, numbers, err := p.operands(name)
	if err == nil && (len(numbers) > 0 || len(texts) == 0) {
		err = p.fail("%s inside anything-but must list strings", name)
	}
	return sorted(texts), err
}

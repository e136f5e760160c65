package command

// scanner follows JSON byte by byte and says when a value ends, or cannot go on.
// It may take for JSON what is none (of numbers and words it knows the letters
// only), never the other way round: what it lets through is checked as a whole.
type scanner struct {
	stack  []byte // '{' and '[' that are open
	expect wanted
	quoted bool // in a string
	escape bool // after its backslash
	key    bool // the string is a key
	word   bool // in a number, true, false or null
}

// wanted is what may come next, spaces aside.
type wanted uint8

const (
	wantValue      wanted = iota
	wantFirst             // a value, or the end of an empty list
	wantFirstKey          // a key, or the end of an empty object
	wantKey               //
	wantColon             //
	wantCommaOrEnd        //
)

// step is what a byte does to a value.
type step uint8

const (
	goesOn step = iota
	ends        // with this byte
	breaks      // this byte cannot stand here
)

// maxNesting is what counts as JSON to filters; deeper values break.
const maxNesting = 1000

func (s *scanner) next(c byte) step {
	if s.quoted {
		return s.text(c)
	}
	if s.word && isWord(c) {
		return goesOn
	}
	s.word = false // a number or word in a list or object has ended; c follows it
	switch c {
	case ' ', '\t', '\r', '\n':
		return goesOn
	case '"':
		return s.openText()
	case '{', '[':
		return s.open(c)
	case '}', ']':
		return s.close(c)
	case ',':
		return s.comma()
	case ':':
		return s.colon()
	}
	if s.expect > wantFirst || len(s.stack) == 0 || !isWord(c) {
		return breaks
	}
	s.word, s.expect = true, wantCommaOrEnd
	return goesOn
}

// isWord says whether a byte occurs in a number, true, false or null.
func isWord(c byte) bool {
	return c == '-' || c == '+' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func (s *scanner) colon() step {
	if s.expect != wantColon {
		return breaks
	}
	s.expect = wantValue
	return goesOn
}

// text is a byte of a string, in which there is no end of a line.
func (s *scanner) text(c byte) step {
	switch {
	case c == '\n':
		return breaks
	case s.escape:
		s.escape = false
	case c == '\\':
		s.escape = true
	case c == '"':
		s.quoted = false
		if s.key {
			s.key, s.expect = false, wantColon
		} else {
			s.expect = wantCommaOrEnd
		}
	}
	return goesOn
}

func (s *scanner) openText() step {
	switch s.expect {
	case wantKey, wantFirstKey:
		s.key = true
	case wantValue, wantFirst:
		if len(s.stack) == 0 {
			return breaks // a text by itself is a line's
		}
	case wantColon, wantCommaOrEnd:
		return breaks
	}
	s.quoted = true
	return goesOn
}

func (s *scanner) open(c byte) step {
	if s.expect > wantFirst || len(s.stack) == maxNesting {
		return breaks
	}
	s.stack = append(s.stack, c)
	s.expect = wantFirst
	if c == '{' {
		s.expect = wantFirstKey
	}
	return goesOn
}

func (s *scanner) close(c byte) step {
	if len(s.stack) == 0 {
		return breaks
	}
	open := s.stack[len(s.stack)-1]
	empty := open == '{' && s.expect == wantFirstKey || open == '[' && s.expect == wantFirst
	if c-open != 2 || s.expect != wantCommaOrEnd && !empty {
		return breaks
	}
	s.stack = s.stack[:len(s.stack)-1]
	s.expect = wantCommaOrEnd
	if len(s.stack) == 0 {
		return ends
	}
	return goesOn
}

func (s *scanner) comma() step {
	if s.expect != wantCommaOrEnd || len(s.stack) == 0 {
		return breaks
	}
	s.expect = wantValue
	if s.stack[len(s.stack)-1] == '{' {
		s.expect = wantKey
	}
	return goesOn
}

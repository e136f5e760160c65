package pattern

// Match says whether the filter takes a record with this payload: base64 is
// decoded already, and the payload stands under "data", the only thing there is.
// It is false for what is not JSON. Time and memory are bounded by the payload's
// size; an event that nests deeper than 1000 counts as not JSON.
//
// Lambda's behaviour is not documented for a payload that is JSON but no object,
// for keys written twice, and for a byte order mark; here they are as in
// event-ruler, every one of the keys counts, and not JSON.
// https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html
func (p *Pattern) Match(payload []byte) bool {
	prog := p.compiled()
	return prog.match(payload, prog.root.kids["data"])
}

// MatchEvent says whether the pattern takes a whole event, such as EventBridge's
// or the view of a record that filters see, in which the payload is the value of
// "data". It is false for what is no JSON object.
func (p *Pattern) MatchEvent(event []byte) bool {
	l := lexer{b: event}
	prog := p.compiled()
	return l.peek() == '{' && prog.match(event, prog.root)
}

func (p *program) match(event []byte, start *node) bool {
	r := p.pool.Get().(*run)
	defer r.release()
	if !r.read(event, start) {
		return false
	}
	r.decide(true)
	return len(r.owners) > 0
}

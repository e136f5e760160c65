package pattern

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Reason is why a set does not take a payload.
type Reason int

// The reasons.
const (
	// Condition: the condition on Path does not hold.
	Condition Reason = iota
	// Elements: each condition holds, but only in different elements of one array.
	Elements
	// PayloadNotJSON: no filter takes a payload that is not JSON.
	PayloadNotJSON
	// NotUnderstood: no filter that was understood takes it, and some were not.
	NotUnderstood
)

// Miss is why a set does not take a payload.
type Miss struct {
	Reason Reason
	Path   string   // of the condition that failed first, inside the payload
	Want   string   // that condition as a JSON list, such as ["A",{"prefix":"B"}]
	Got    []string // what stands at Path, each as JSON, long ones cut; none: nothing does
	More   int      // how many further values stand there
}

const (
	maxGot    = 4  // values of a field that a Miss names
	maxGotLen = 80 // bytes of each
)

// Misses says of each set of the index why it does not take a payload, and nil
// if it does. Of several alternatives it looks at the one that is nearest to
// taking it, and there at the field first (dotted, inside the payload) before
// the others, which are in order. What it keeps of the payload is bounded.
func (x *Index) Misses(payload []byte, first string) []*Miss {
	misses := make([]*Miss, len(x.rules))
	r := newRun(x.prog)
	r.seen = make([]seen, len(x.prog.fields))
	if !r.read(payload, x.prog.root.kids["data"]) {
		for i := range misses {
			misses[i] = &Miss{Reason: PayloadNotJSON}
		}
		for _, i := range x.all {
			misses[i] = nil
		}
		return misses
	}
	r.decide(false)
	goal := 0
	for i, rules := range x.rules {
		goals := x.prog.goals[goal : goal+len(rules)]
		goal += len(rules)
		if slices.Contains(r.owners, int32(i)) || slices.Contains(x.all, i) {
			continue
		}
		misses[i] = r.nearest(rules, goals, "data."+first)
		if x.opaque[i] {
			misses[i] = &Miss{Reason: NotUnderstood}
		}
	}
	return misses
}

// nearest is why the best of some rules, none of which holds, does not.
func (r *run) nearest(rules []rule, goals []goal, first string) *Miss {
	var best []int
	at := -1
	for i, g := range goals {
		var failed []int
		for j, c := range g.conds {
			if r.head[c] < 0 && (!r.p.conds[c].absent || !r.missing(c)) {
				failed = append(failed, j)
			}
		}
		if at < 0 || len(failed) < len(best) {
			at, best = i, failed
		}
	}
	switch {
	case at < 0:
		return &Miss{Reason: NotUnderstood}
	case len(best) == 0:
		return &Miss{Reason: Elements, Path: hidden(rules[at].conds[0].path)}
	}
	j := best[0]
	for _, k := range best {
		if rules[at].conds[k].path == first {
			j = k
		}
	}
	c := rules[at].conds[j]
	s := r.seen[r.p.conds[goals[at].conds[j]].field]
	return &Miss{Path: hidden(c.path), Want: c.key, Got: s.texts, More: s.more}
}

// seen are the values that stand in a field.
type seen struct {
	texts []string
	more  int
}

func (s *seen) add(v *value) {
	if len(s.texts) == maxGot {
		s.more++
		return
	}
	text := string(v.text[:min(len(v.text), maxGotLen)])
	cut := len(text) < len(v.text)
	switch v.kind {
	case kindString:
		if cut {
			text = whole(text)
		}
		text = quoteLone(text)
	case kindTrue:
		text = "true"
	case kindFalse:
		text = "false"
	case kindNull:
		text = "null"
	default: // a number, as written
	}
	if cut {
		text += "..."
	}
	s.texts = append(s.texts, text)
}

// whole is a text that was cut, without what is left of its last character.
func whole(text string) string {
	for i := 1; i <= 3 && i <= len(text); i++ {
		if last := text[len(text)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRuneInString(last) || isLone(last) && len(last) < 3 {
				return text[:len(text)-i]
			}
			break
		}
	}
	return text
}

// isLone says whether a text begins with half a surrogate pair, which an event
// may hold as an escape and UTF-8 has no form for.
func isLone(text string) bool { return len(text) >= 2 && text[0] == 0xed && text[1] >= 0xa0 }

// quoteLone is quote for texts of events, in which surrogates may stand alone:
// they come back as the escapes that they were.
func quoteLone(text string) string {
	if utf8.ValidString(text) {
		return quote(text)
	}
	var b strings.Builder
	b.WriteByte('"')
	for len(text) > 0 {
		if isLone(text) && len(text) >= 3 {
			fmt.Fprintf(&b, "\\u%04x", 0xd000|int(text[1]&0x3f)<<6|int(text[2]&0x3f))
			text = text[3:]
			continue
		}
		_, n := utf8.DecodeRuneInString(text)
		q := quote(text[:n])
		b.WriteString(q[1 : len(q)-1])
		text = text[n:]
	}
	b.WriteByte('"')
	return b.String()
}

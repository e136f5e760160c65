package reconcile

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// TagRan is what a mapping ran before changes of ours that gave it another function or
// a smaller factor, see [Ran]: an invocation of that may go on, and nothing else tells.
const TagRan = "eventrouting.dev/ran"

// Ran is the value of [TagRan].
type Ran struct {
	At   time.Time // of the pass that wrote it
	Most []RanMost // the last change first
}

// RanMost is the largest factor with which a mapping ran a function.
type RanMost struct {
	Function string
	Factor   int
}

// ranKept is how long LastModified may lie behind the time in a tag, which is that
// of the plan: one that was saved is carried out later. What people change at the
// mapping after that says nothing of what it ran before.
const ranKept = 24 * time.Hour

// tagValue is AWS's limit of a tag's value. Four functions within [runsOn] may
// be too many for it.
const tagValue = 256

func (r Ran) String() string {
	text := r.At.UTC().Format(time.RFC3339)
	for _, m := range r.Most {
		if more := " " + m.Function + " " + strconv.Itoa(m.Factor); len(text)+len(more) <= tagValue {
			text += more
		}
	}
	return text
}

// ParseRan reads the value of [TagRan]; false when it is none.
func ParseRan(text string) (Ran, bool) {
	words := strings.Fields(text)
	if len(words)%2 == 0 {
		return Ran{}, false
	}
	at, err := time.Parse(time.RFC3339, words[0])
	if err != nil {
		return Ran{}, false
	}
	r := Ran{At: at.UTC()}
	for pair := range slices.Chunk(words[1:], 2) {
		factor, err := strconv.Atoi(pair[1])
		if err != nil || factor < 1 {
			return Ran{}, false
		}
		r.Most = append(r.Most, RanMost{pair[0], factor})
	}
	return r, true
}

// on is the factor with which a function was run; 0 for not.
func (r Ran) on(function string) int {
	for _, m := range r.Most {
		if m.Function == function {
			return m.Factor
		}
	}
	return 0
}

// changedLately says whether what a mapping ran before its last change may still run.
func (p *planner) changedLately(m Mapping) bool { return p.now.Before(m.Modified.Add(runsOn)) }

// ran is what a mapping ran before changes of ours and may still run, as far as its
// tags were read.
func (p *planner) ran(m Mapping) Ran {
	r, ok := ParseRan(p.live.Facts.Tags[m.UUID][TagRan])
	if !ok || !p.changedLately(m) || m.Modified.Sub(r.At) > ranKept {
		return Ran{}
	}
	return r
}

// factorOn is the largest factor with which a mapping may run a function: its own
// on the one that it has, and what it ran before.
func (p *planner) factorOn(m Mapping, function string) int {
	was := p.ran(m).on(function)
	if m.Key.Function != function {
		return was
	}
	return max(m.ParallelizationFactor, was)
}

// changed finds the mappings that left a function lately, by that, and those that
// changed lately and of which it is not known what they ran before.
func (p *planner) changed() (left map[string][]Mapping, unheard []Mapping) {
	left = map[string][]Mapping{}
	for _, m := range p.index.mappings {
		if !m.Key.Kinesis() || !p.changedLately(m) {
			continue
		}
		if _, known := p.live.Facts.Tags[m.UUID]; !known {
			unheard = append(unheard, m)
		}
		for _, was := range p.ran(m).Most {
			if was.Function != m.Key.Function {
				left[was.Function] = append(left[was.Function], m)
			}
		}
	}
	return left, unheard
}

// hear asks what mappings ran before they changed, where that is not known, and
// names one; empty for none.
func (p *planner) hear() string {
	for _, m := range p.unheard {
		p.ask(AskTags, m.UUID)
	}
	if len(p.unheard) == 0 {
		return ""
	}
	return "what mapping " + p.unheard[0].UUID + " ran before it changed, its tags will tell"
}

// noteRan has mappings that get another function or a smaller factor say what they
// ran before.
func (p *planner) noteRan() {
	for _, s := range p.steps {
		before, after := s.mappings()
		if before == nil || after == nil || s.held() {
			continue
		}
		r := Ran{At: p.now}
		add := func(function string, factor int) {
			if r.on(function) == 0 && (function != after.Key.Function || factor > after.ParallelizationFactor) {
				r.Most = append(r.Most, RanMost{function, factor})
			}
		}
		if _, stopped := p.stopped(*before); stopped || before.running() {
			add(before.Key.Function, p.factorOn(*before, before.Key.Function))
		}
		for _, was := range p.ran(*before).Most {
			add(was.Function, was.Factor)
		}
		known, _ := ParseRan(p.live.Facts.Tags[before.UUID][TagRan])
		// The same may be noted of a change long ago: then its time says nothing of this one.
		old := len(r.Most) > 0 && p.now.After(known.At.Add(runsOn))
		if old || !slices.Equal(r.Most, known.Most) {
			s.setTag(TagRan, r.String())
		}
	}
}

package render

import "strings"

// rank is what goes in first where not everything fits.
type rank int

const (
	rankSummary rank = iota
	rankLoses
	rankErrors
	rankWarnings
	rankHeld
	rankChanges
	rankDetails
	rankCapacity
	rankInfos
	rankEnd
)

// section is rows between a head and a foot. Without a row it is not there.
type section struct {
	rank                rank
	place               int // which of comment.places it stands under, from 1; 0 for none
	head, between, foot string
	rows                []string
	what                string // one row, in words
	taken               []string
}

// comment is sections in the order in which they are read.
type comment struct {
	title    string
	places   []string // headings
	sections []section
}

func (c *comment) add(s section) {
	if len(s.rows) > 0 {
		c.sections = append(c.sections, s)
	}
}

// fold adds rows of plain text as one folded, fenced block.
func (c *comment) fold(s section, summary string) {
	ticks := 0
	for _, row := range s.rows {
		ticks = max(ticks, longest(row, '`'))
	}
	fence := strings.Repeat("`", max(3, ticks+1))
	s.head, s.foot = "\n<details><summary>"+summary+"</summary>\n\n"+fence+"\n", fence+"\n</details>\n"
	c.add(s)
}

// text is as much of the comment as fits, and below the counts what does not.
func (c *comment) text(limit int) string {
	note := ""
	left := limit - len(c.title)
	if c.fit(left) > 0 {
		c.fit(left - noteRoom)
		note = c.note()
	}
	var b strings.Builder
	b.WriteString(c.title)
	place := 0
	for _, s := range c.sections {
		if len(s.taken) == 0 {
			continue
		}
		if s.rank != rankSummary {
			b.WriteString(note)
			note = ""
		}
		if s.place > place {
			place = s.place
			b.WriteString(c.places[place-1])
		}
		b.WriteString(s.head + strings.Join(s.taken, s.between) + s.foot)
	}
	return b.String() + note
}

// noteRoom is more than the note with seven digits of each kind.
const noteRoom = 400

// note says what was cut, the kinds in the order of their ranks.
func (c *comment) note() string {
	var kinds []string
	missing := map[string]int{}
	for r := range rankEnd {
		for _, s := range c.sections {
			if s.rank != r || len(s.taken) == len(s.rows) {
				continue
			}
			if missing[s.what] == 0 {
				kinds = append(kinds, s.what)
			}
			missing[s.what] += len(s.rows) - len(s.taken)
		}
	}
	for i, what := range kinds {
		kinds[i] = count(missing[what], what)
	}
	return "\n_Cut to fit a comment: " + strings.Join(kinds, ", ") + " not shown. `eventrouting plan -o text` or `-o json` shows everything._\n"
}

// fit takes rows into the sections, the most important first, and says how many
// have no room.
func (c *comment) fit(left int) (cut int) {
	headed := make([]bool, len(c.places)+1)
	headed[0] = true
	for r := range rankEnd {
		for i := range c.sections {
			s := &c.sections[i]
			if s.rank != r {
				continue
			}
			heading := 0
			if !headed[s.place] {
				heading = len(c.places[s.place-1])
			}
			left = s.take(left, heading)
			headed[s.place] = headed[s.place] || len(s.taken) > 0
			cut += len(s.rows) - len(s.taken)
		}
	}
	return cut
}

// take takes the rows that fit, each whole, and says what is left. A long row
// does not keep those behind it out.
func (s *section) take(left, heading int) int {
	s.taken = s.taken[:0]
	extra := heading + len(s.head) + len(s.foot)
	for _, row := range s.rows {
		if extra+len(row) > left {
			continue
		}
		left -= extra + len(row)
		extra = len(s.between)
		s.taken = append(s.taken, row)
	}
	return left
}

package command_test

import "github.com/eventrouting/eventrouting/spec"

// beside is the pass of another process, between two requests of an apply.
type beside struct {
	after int // requests
	owner string
	docs  []spec.EventRouting
	over  bool
}

// interrupt lets the other process pass when it is its turn. Of what either makes of the
// world from then on neither plan could know; what is left of it at the end is judged.
func (j *judge) interrupt() {
	b := j.beside
	if b == nil || b.over {
		return
	}
	if b.after--; b.after >= 0 {
		return
	}
	b.over = true
	j.counts["beside"]++
	j.logf("meanwhile:")
	if err := j.pass(b.owner, b.docs); err != nil {
		j.logf("%s did not finish: %v", b.owner, err)
	}
	j.logf("goes on:")
}

// interrupted says whether another process has passed since the apply began.
func (j *judge) interrupted() bool { return j.beside != nil && j.beside.over }

// left judges what two processes at once have left of a reservation, where the account
// has room for all.
func (j *judge) left(after scene) {
	for _, name := range []string{"f", "g"} {
		b, a := j.begun.functions[name], after.functions[name]
		if b.reserved == nil || a.reserved == nil || j.capped[name] || after.room <= 0 {
			continue
		}
		if *a.reserved < *b.reserved && a.short(a.ran) > b.short(b.ran) {
			j.blame("two at once have lowered %s under what can run: %v -> %v", name, b, a)
		}
	}
}

// setBeside has another process pass within the next apply: with the same documents,
// those before them, or another owner's.
func (j *judge) setBeside(a act, docs, old, blue []spec.EventRouting) {
	b := &beside{after: a.n, owner: "default"}
	switch a.beside {
	case "same":
		b.docs = docs
	case "before":
		b.docs = old
	case "blue":
		b.owner, b.docs = "blue", blue
	}
	if j.beside = nil; b.docs != nil {
		j.beside = b
	}
}

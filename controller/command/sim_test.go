package command_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventrouting/eventrouting/emulator/verdict"
)

// Replay: the seed of a scene, the edit before which it forks, and the call at
// which the fork's process dies, below 0 for after the call's effect.
var (
	replaySeed  = flag.Int64("sim.seed", -1, "go through the scene of this seed only, and print its history")
	replayEdit  = flag.Int("sim.edit", -1, "with -sim.seed: die in the first pass of this edit")
	noShrink    = flag.Bool("sim.noshrink", false, "do not cut down a scene that fails")
	replayCrash = flag.Int("sim.crash", 0, "with -sim.edit: at this call; below 0 for after its effect")
)

// seeds is how many scenes a test goes through: make simulate SEEDS=1000 asks for
// more.
func seeds(t *testing.T, usual int) int {
	t.Helper()
	if text := os.Getenv("SEEDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("SEEDS=%s is no number of scenes: write one from 1 on", text)
		}
		return n
	}
	if testing.Short() {
		return max(1, usual/8)
	}
	return usual
}

// sums are what a simulation prints.
type sums struct {
	edits, passes, crashes, written, expected, delivered, failed, lost, again, beside, across int

	gaps []time.Duration // from commit to start
}

func (s *sums) add(v *voyage, got verdict.Verdict) {
	s.edits += v.edits
	s.passes += v.passes
	s.crashes += v.crashes
	s.written += got.Written
	s.expected += got.Expected
	s.delivered += got.Delivered
	s.failed += got.Failed
	s.lost += len(got.Lost)
	s.again += got.Duplicates["again"]
	s.beside += got.Duplicates["beside"]
	s.across += len(got.Across)
	s.gaps = append(s.gaps, v.gaps...)
}

func (s *sums) String() string {
	var gap, most time.Duration
	for _, d := range s.gaps {
		gap, most = gap+d, max(most, d)
	}
	return fmt.Sprintf("%d edits, %d passes, %d crashes, %d records, %d expected, %d delivered, %d failed, %d lost, duplicates: %d again, %d beside, "+
		"%d after a later one of their key across a move; %d parts taken from a mapping's start on, from commit to start %s in all, %s at most",
		s.edits, s.passes, s.crashes, s.written, s.expected, s.delivered, s.failed, s.lost, s.again, s.beside, s.across, len(s.gaps), gap.Round(time.Second), most.Round(time.Second))
}

// sail goes through a scene in a bubble of its own and says what is wrong.
func sail(t *testing.T, s plot) (v *voyage, got verdict.Verdict) {
	synctest.Test(t, func(t *testing.T) {
		v = newVoyage(t, s)
		for _, e := range s.edits {
			v.edit(e)
		}
		v.home()
		got = v.judge()
		if *replaySeed >= 0 || len(v.wrong) > 0 {
			v.log = []note{{text: v.history(got.Lost[:min(3, len(got.Lost))])}}
		}
	})
	return v, got
}

// TestNothingLost goes through random scenes: documents that are edited while
// records flow, with a data plane that is up to five minutes late, functions that
// fail, people who disable and enable mappings, throttles, lost answers, passes that
// die and passes at the same time. No record of a type that was routed all the while
// is lost.
func TestNothingLost(t *testing.T) {
	if *replayEdit >= 0 {
		t.Skip("it is TestCrashes that dies at a call")
	}
	var sum sums
	defer func() { t.Log(&sum) }()
	if *replayCrash != 0 {
		t.Fatal("-sim.crash goes with -sim.edit, and TestCrashes")
	}
	from, n := uint64(0), uint64(seeds(t, 24))
	if *replaySeed >= 0 {
		from, n = uint64(*replaySeed), uint64(*replaySeed)+1
	}
	for seed := from; seed < n; seed++ {
		s := newPlot(seed, 6)
		v, got := sail(t, s)
		sum.add(v, got)
		if *replaySeed >= 0 {
			t.Log("\n" + v.log[0].text)
		}
		if len(v.wrong) > 0 {
			t.Log(strings.Join(v.wrong, "\n"))
			s, v = shrink(t, s, v)
			t.Fatalf("seed %d, cut down to %d edits, -sim.seed=%d prints all of it:\n%s\n%s", seed, len(s.edits), seed, strings.Join(v.wrong, "\n"), v.log[0].text)
		}
	}
}

// shrink leaves edits out for as long as something stays wrong.
func shrink(t *testing.T, s plot, v *voyage) (plot, *voyage) {
	kind := v.kinds[0]
	for i := 0; i < len(s.edits) && len(s.edits) > 1 && !*noShrink; {
		less := s
		less.edits = slices.Delete(slices.Clone(s.edits), i, i+1)
		if other, _ := sail(t, less); slices.Contains(other.kinds, kind) {
			s, v = less, other
			continue
		}
		i++
	}
	return s, v
}

// TestCrashes kills a pass of an edit, the first or one that goes on with it, at every
// call it makes, before and after the call's effect, in copies of one world, and lets
// fresh processes finish.
func TestCrashes(t *testing.T) {
	if *replayEdit >= 0 && *replaySeed < 0 || *replayCrash != 0 && *replayEdit < 0 {
		t.Fatal("-sim.crash goes with -sim.edit, and that with -sim.seed")
	}
	var sum sums
	points, done := 0, 0
	n := uint64(seeds(t, 8))
	if *replaySeed >= 0 {
		n = uint64(*replaySeed) + 1
	}
	for seed := uint64(max(0, *replaySeed)); seed < n; seed++ {
		s := newPlot(seed, 4)
		at := 1 + int(seed)%(len(s.edits)-1)
		if *replayEdit >= 0 {
			if at = *replayEdit; at >= len(s.edits) {
				t.Fatalf("-sim.edit=%d: the scene has edits 0 to %d", at, len(s.edits)-1)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			v := newVoyage(t, s)
			for _, e := range s.edits[:at] {
				v.edit(e)
			}
			if seed%2 == 1 {
				v.goOn(s.edits[at], 1+int(seed)%3)
			}
			p, d := v.crashEverywhere(t, s.edits[at], &sum, at)
			points, done = points+p, done+d
		})
		if t.Failed() {
			break
		}
	}
	if *replayCrash != 0 && points == 0 {
		t.Fatalf("-sim.crash=%d: the pass has fewer calls", *replayCrash)
	}
	t.Logf("%d crash points, %d of them different: %s", points, done, &sum)
}

// goOn carries an edit out for some passes and until one more has something to do.
func (v *voyage) goOn(e revision, passes int) {
	v.begun = true
	v.random = rand.New(rand.NewPCG(e.seed, 17))
	v.say("edit: %s\n%s", e.op, e.doc.text())
	v.commit(e.doc)
	for range 20 {
		p, err := v.process(v.t.Context(), v.ours(), v.server.Client().Do)
		v.tell(p, err)
		v.after()
		v.flow(5 * time.Minute)
		if passes--; passes <= 0 && !v.plan(v.ours()).Empty() {
			return
		}
	}
}

// rush looks again and again right after a crash: less may have come into effect at
// AWS than somebody who comes by minutes later meets.
func (v *voyage) rush() {
	for range 24 {
		v.flow(20 * time.Second)
		p, err := v.process(v.t.Context(), v.ours(), v.server.Client().Do)
		v.tell(p, err)
		v.after()
	}
}

// crashEverywhere goes on from here once for each call of an edit's pass.
func (v *voyage) crashEverywhere(t *testing.T, e revision, sum *sums, at int) (points, done int) {
	start := v.now()
	seen := map[string]bool{}
	calls := 0
	for k := 0; k <= calls; k++ {
		for _, effect := range []bool{false, true} {
			if *replayCrash != 0 && (k != max(*replayCrash, -*replayCrash) || effect != (*replayCrash < 0)) && k > 0 {
				continue
			}
			v.shift = time.Since(start)
			c := v.fork()
			if !v.begun {
				c.say("edit: %s\n%s", e.op, e.doc.text())
				c.commit(e.doc)
			}
			if k == 0 { // to the end
				calls = c.killed(c.ours(), 1<<30, false)
				break
			}
			points++
			c.killed(c.ours(), k, effect)
			c.say("it died at call %d of %d, with its effect: %t", k, calls, effect)
			print := c.fingerprint()
			if seen[print] {
				continue
			}
			seen[print] = true
			done++
			if c.plot.seed%3 != 0 {
				c.rush()
			}
			c.home()
			got := c.judge()
			sum.add(c, got)
			if len(c.wrong) > 0 {
				sign := map[bool]int{false: 1, true: -1}[effect]
				t.Errorf("-sim.seed=%d -sim.edit=%d -sim.crash=%d:\n%s\n%s", c.plot.seed, at, sign*k, strings.Join(c.wrong, "\n"), c.history(got.Lost[:min(3, len(got.Lost))]))
				return points, done
			}
		}
	}
	return points, done
}

// duel lets two processes pass at the same time. Which of them makes the next call
// is drawn, one call at a time.
func (v *voyage) duel(a, b owner) {
	random := rand.New(rand.NewPCG(v.random.Uint64(), 5))
	turns := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	ended := make(chan func(), 2)
	run := func(i int, who owner) {
		p, err := v.process(v.t.Context(), who, func(r *http.Request) (*http.Response, error) {
			<-turns[i]
			return v.server.Client().Do(r)
		})
		ended <- func() { v.tell(p, err) }
	}
	v.say("%s and %s pass at the same time", a.name, b.name)
	go run(0, a)
	go run(1, b)
	for len(ended) < 2 {
		synctest.Wait()
		first := random.IntN(2)
		select {
		case turns[first] <- struct{}{}:
			continue
		default:
		}
		select {
		case turns[1-first] <- struct{}{}:
		default: // both are waiting for time to pass
			time.Sleep(50 * time.Millisecond)
		}
	}
	(<-ended)()
	(<-ended)()
}

// TestMutants: the proof can fail. Each mutant leaves one rule of the handover out,
// and the scenes find it.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the tests anew")
	}
	bin := filepath.Join(t.TempDir(), "mutants.test")
	if out, err := exec.Command("go", "test", "-c", "-tags", "mutants", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"", "narrow at once", "retire early", "undrained", "start at LATEST", "start at LATEST for now", "no since", "trust Enabled", "revive a moved mapping", "prune on a partial set", "forget the age", "tag last"} {
		t.Run(name, func(t *testing.T) {
			// What random edits meet too seldom has a scene of its own.
			proof := cmp.Or(map[string]string{"tag last": "^TestTakerIsLate$", "no since": "^TestTakerIsLate$", "revive a moved mapping": "^TestRevertOfMoved$"}[name], "^TestNothingLost$")
			cmd := exec.Command(bin, "-test.run", proof, "-sim.noshrink")
			cmd.Env = append(os.Environ(), "EVENTROUTING_MUTANT="+name, "SEEDS="+strconv.Itoa(map[bool]int{true: 5, false: 40}[name == ""]))
			out, err := cmd.CombinedOutput()
			switch found := bytes.Contains(out, []byte("WRONG")); {
			case name == "" && err != nil:
				t.Fatalf("without a mutant: %v\n%s", err, out)
			case name != "" && (err == nil || !found):
				t.Errorf("it is not found: %v\n%s", err, out)
			default:
				line, _, _ := strings.Cut(string(out[max(0, bytes.Index(out, []byte("WRONG"))):]), "\n")
				t.Log(line)
			}
		})
	}
}

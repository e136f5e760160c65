package world_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// dump is all that there is to see of the streams of a place.
func dump(w *world.World, at world.Place) string {
	var b strings.Builder
	for _, name := range w.Streams(at) {
		s, err := w.Stream(at, name)
		fmt.Fprintf(&b, "%+v %v\n", s, err)
		for _, x := range w.Shards(at, name) {
			fmt.Fprintf(&b, "  %+v\n", x)
		}
		consumers, _, err := w.ListConsumers(at, name, "", 100)
		fmt.Fprintf(&b, "  %+v %v\n", consumers, err)
	}
	next, busy := w.Next()
	fmt.Fprintf(&b, "%s %+v %s %v\n", w.Now(), w.KinesisLimits(at), next, busy)
	return b.String()
}

// act does one thing of every kind there is, and tells what came of it.
func act(t *rapid.T, w *world.World) string {
	at := ireland()
	name := rapid.SampledFrom([]string{"a", "b", "c", "s"}).Draw(t, "stream")
	consumer := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "consumer")
	n := rapid.IntRange(1, 9).Draw(t, "n")
	var err error
	verb := rapid.SampledFrom([]string{"create", "delete", "scale", "auto", "split", "merge", "mode", "longer",
		"shorter", "register", "deregister", "tag", "untag", "tag consumer", "limits", "wait"}).Draw(t, "do")
	switch verb {
	case "create":
		err = w.CreateStream(at, world.NewStream{Name: name, Shards: n, Tags: map[string]string{"k": "v"}, OnDemand: n == 1})
	case "delete":
		err = w.DeleteStream(at, name, n > 4)
	case "scale":
		_, err = w.UpdateShardCount(at, name, n)
	case "auto":
		err = w.AutoReshard(at, name, n)
	case "split":
		err = w.SplitShard(at, name, fmt.Sprintf("shardId-%012d", n), "170141183460469231731687303715884105728")
	case "merge":
		err = w.MergeShards(at, name, fmt.Sprintf("shardId-%012d", n-1), fmt.Sprintf("shardId-%012d", n))
	case "mode":
		err = w.UpdateStreamMode(at, name, n > 4)
	case "longer":
		err = w.IncreaseRetention(at, name, 24*n)
	case "shorter":
		err = w.DecreaseRetention(at, name, 24*n)
	case "register":
		_, err = w.RegisterConsumer(at, name, consumer, map[string]string{"n": fmt.Sprint(n)})
	case "deregister":
		err = w.DeregisterConsumer(at, name, consumer)
	case "tag":
		err = w.TagStream(at, name, map[string]string{fmt.Sprint(n): "v"})
	case "untag":
		err = w.UntagStream(at, name, []string{"k", fmt.Sprint(n)})
	case "tag consumer":
		err = w.TagConsumer(at, name, consumer, map[string]string{"m": fmt.Sprint(n)})
	case "limits":
		w.SetKinesisLimits(at, world.KinesisLimits{Shards: 10 * n, OnDemandStreams: n, Consumers: n})
	case "wait":
		pass(w, time.Duration(n)*300*time.Millisecond)
	}
	return fmt.Sprintf("%s %s %d: %v", verb, name, n, err)
}

// A copy and what it was copied from go separate ways.
func TestKinesisClone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := streamOf(t, 2)
		for range rapid.IntRange(0, 15).Draw(t, "before") {
			act(t, w)
		}
		c := w.Clone()
		then := dump(w, ireland())
		for range rapid.IntRange(1, 15).Draw(t, "after") {
			act(t, w)
		}
		if d := cmp.Diff(then, dump(c, ireland())); d != "" {
			t.Fatalf("the copy changed (-then +now):\n%s", d)
		}
		now := dump(w, ireland())
		for range 5 {
			act(t, c)
		}
		if d := cmp.Diff(now, dump(w, ireland())); d != "" {
			t.Fatalf("the original changed with its copy (-then +now):\n%s", d)
		}
	})
}

// Each thing that a copy could share by mistake.
func TestKinesisCloneSharesNothing(t *testing.T) {
	at := ireland()
	for name, change := range map[string]func(*world.World) error{
		"stream's tags":   func(w *world.World) error { return w.TagStream(at, "s", map[string]string{"a": "2"}) },
		"consumer's tags": func(w *world.World) error { return w.TagConsumer(at, "s", "c", map[string]string{"a": "2"}) },
		"consumers": func(w *world.World) error {
			_, err := w.RegisterConsumer(at, "s", "d", nil)
			return err
		},
		"consumer's state": func(w *world.World) error { return w.DeregisterConsumer(at, "s", "c") },
		"streams":          func(w *world.World) error { return w.SeedStream(at, "t", 1) },
		"limits": func(w *world.World) error {
			w.SetKinesisLimits(at, world.KinesisLimits{})
			return nil
		},
		"shards": func(w *world.World) error {
			_, err := w.UpdateShardCount(at, "s", 3)
			pass(w, time.Minute)
			return err
		},
	} {
		w := streamOf(t, 2)
		must(t, w.TagStream(at, "s", map[string]string{"a": "1"}))
		_, err := w.RegisterConsumer(at, "s", "c", map[string]string{"a": "1"})
		must(t, err)
		c := w.Clone()
		before := dump(c, at)
		must(t, change(w))
		if d := cmp.Diff(before, dump(c, at)); d != "" {
			t.Errorf("%s: the copy changed (-then +now):\n%s", name, d)
		}
		if dump(w, at) == before {
			t.Errorf("%s: nothing changed", name)
		}
	}
}

// The same calls give the same world and the same answers, whatever the order
// of maps: each is tried on several copies.
func TestKinesisDeterminism(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scripts := rapid.SliceOfN(rapid.Uint64(), 1, 20).Draw(t, "scripts")
		run := func() (log []string) {
			w := streamOf(t, 2)
			for _, seed := range scripts {
				call := rapid.Custom(func(t *rapid.T) string { return act(t, w) })
				log = append(log, call.Example(int(seed>>1)))
			}
			return append(log, dump(w, ireland()))
		}
		if d := cmp.Diff(run(), run()); d != "" {
			t.Fatalf("two runs differ:\n%s", d)
		}
	})
}

func TestCreationLimit(t *testing.T) {
	w := world.New(1, world.Short(), noon())
	for i := range 5 {
		must(t, w.CreateStream(ireland(), world.NewStream{Name: fmt.Sprintf("s%d", i), Shards: 1}))
	}
	err := w.CreateStream(ireland(), world.NewStream{Name: "s5", Shards: 1})
	wantRefused(t, err, "LimitExceededException")
	must(t, w.CreateStream(world.Place{Account: "123456789012", Region: "us-east-1"}, world.NewStream{Name: "s5", Shards: 1}))
	pass(w, world.Short().StreamCreate)
	must(t, w.CreateStream(ireland(), world.NewStream{Name: "s5", Shards: 1}))
}

func wantRefused(t *testing.T, err error, code string) {
	t.Helper()
	var e *world.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestShardLimit(t *testing.T) {
	w := world.New(1, world.Short(), noon())
	w.SetKinesisLimits(ireland(), world.KinesisLimits{Shards: 10, OnDemandStreams: 1, Consumers: 50})
	must(t, w.SeedStream(ireland(), "a", 6))
	must(t, w.CreateStream(ireland(), world.NewStream{Name: "od", OnDemand: true})) // does not count
	wantRefused(t, w.CreateStream(ireland(), world.NewStream{Name: "od2", OnDemand: true}), "LimitExceededException")
	wantRefused(t, w.SeedStream(ireland(), "b", 5), "LimitExceededException")
	must(t, w.SeedStream(ireland(), "b", 3))
	_, err := w.UpdateShardCount(ireland(), "b", 5)
	wantRefused(t, err, "LimitExceededException")
	must(t, w.SplitShard(ireland(), "b", "shardId-000000000000", "9"))
	wantRefused(t, w.SplitShard(ireland(), "a", "shardId-000000000000", "9"), "LimitExceededException")
	pass(w, time.Minute)
	wantRefused(t, w.UpdateStreamMode(ireland(), "od", false), "LimitExceededException")
}

func TestSeedStream(t *testing.T) {
	w := streamOf(t, 4)
	must(t, w.SeedStream(ireland(), "s", 4))
	wantRefused(t, w.SeedStream(ireland(), "s", 5), "ResourceInUseException")
	wantRefused(t, w.SeedStream(ireland(), "t", 0), "ValidationException")
	wantRefused(t, w.SeedStream(ireland(), "no/name", 1), "ValidationException")
	if v, err := w.Stream(ireland(), "s"); err != nil || v.Status != world.StatusActive || v.OpenShards != 4 {
		t.Errorf("got %+v, %v", v, err)
	}
}

// A stream made again under the name of one that is gone owes nothing to what
// the first was waiting for.
func TestNamesake(t *testing.T) {
	w := world.New(1, world.Timing{StreamCreate: time.Second, StreamUpdate: time.Minute, ConsumerCreate: time.Minute}, noon())
	at := ireland()
	must(t, w.SeedStream(at, "s", 2))
	first, err := w.RegisterConsumer(at, "s", "c", nil)
	must(t, err)
	must(t, w.DeleteStream(at, "s", true))
	pass(w, time.Second)
	must(t, w.SeedStream(at, "s", 1))
	second, err := w.RegisterConsumer(at, "s", "c", nil)
	must(t, err)
	if first.ARN == second.ARN {
		t.Errorf("both consumers are %s", first.ARN)
	}
	pass(w, time.Minute-2) // the first consumer's time
	if got, _ := w.Consumer(at, "s", "c"); got.Status != world.StatusCreating {
		t.Errorf("got %s, want CREATING", got.Status)
	}
}

// A consumer that goes before it ever was ACTIVE takes its whole time.
func TestDeregisterWhileCreating(t *testing.T) {
	w := streamOf(t, 1)
	at := ireland()
	_, err := w.RegisterConsumer(at, "s", "c", nil)
	must(t, err)
	pass(w, world.Short().ConsumerCreate/2)
	must(t, w.DeregisterConsumer(at, "s", "c"))
	pass(w, world.Short().ConsumerCreate-1)
	if c, err := w.Consumer(at, "s", "c"); err != nil || c.Status != world.StatusDeleting {
		t.Errorf("got %s, %v; want DELETING", c.Status, err)
	}
	must(t, w.DeregisterConsumer(at, "s", "c")) // again: it goes on as it was
	pass(w, 1)
	_, err = w.Consumer(at, "s", "c")
	wantRefused(t, err, "ResourceNotFoundException")
}

// At the limit of 50, tags can still change their values.
func TestTagLimit(t *testing.T) {
	w := streamOf(t, 1)
	tags := map[string]string{}
	for i := range 50 {
		tags[fmt.Sprint(i)] = "1"
	}
	must(t, w.TagStream(ireland(), "s", tags))
	must(t, w.TagStream(ireland(), "s", map[string]string{"7": "2"}))
	wantRefused(t, w.TagStream(ireland(), "s", map[string]string{"50": "1"}), "InvalidArgumentException")
	wantRefused(t, w.TagStream(ireland(), "s", map[string]string{"": "1"}), "ValidationException")
	wantRefused(t, w.TagStream(ireland(), "s", map[string]string{"7": strings.Repeat("ü", 257)}), "ValidationException")
	must(t, w.TagStream(ireland(), "s", map[string]string{"7": strings.Repeat("ü", 256)}))
}

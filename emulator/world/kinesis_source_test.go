package world

import (
	"testing"
	"time"
)

// A mapping can be created on what is there and stays, by its exact ARN.
func TestHasSource(t *testing.T) {
	at := Place{Account: "123456789012", Region: "eu-west-1"}
	w := New(1, Timing{}, time.Unix(1000, 0))
	k := &w.at(at).kinesis
	check := func(when, arn string, want bool) {
		t.Helper()
		if got := k.hasSource(arn); got != want {
			t.Errorf("%s: %s: got %v, want %v", when, arn, got, want)
		}
	}
	stream := StreamARN(at, "s")
	check("at first", stream, false)
	if err := w.SeedStream(at, "s", 1); err != nil {
		t.Fatal(err)
	}
	register := func() string {
		c, err := w.RegisterConsumer(at, "s", "c", nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.ARN
	}
	first := register()
	check("there", stream, true)
	check("there", first, true)
	for _, arn := range []string{
		"", "s", "stream/s", "arn:aws:sqs:eu-west-1:123456789012:s", StreamARN(at, "t"), stream + "/consumer/d:1000",
		StreamARN(Place{Account: at.Account, Region: "us-east-1"}, "s"), first + "0", stream + "/consumer/c",
	} {
		check("never", arn, false)
	}
	if err := w.DeregisterConsumer(at, "s", "c"); err != nil {
		t.Fatal(err)
	}
	check("going", first, false)
	w.Advance(w.Now())
	copied := w.Clone()
	second := register() // in the same second
	if c, err := copied.RegisterConsumer(at, "s", "c", nil); err != nil || c.ARN != second {
		t.Errorf("in a copy: got %s, %v; want %s", c.ARN, err, second)
	}
	if first == second {
		t.Errorf("both are %s", first)
	}
	check("followed by a namesake", first, false)
	check("the namesake", second, true)
	if err := w.DeleteStream(at, "s", true); err != nil {
		t.Fatal(err)
	}
	check("stream going", stream, false)
	check("stream going", second, false)
}

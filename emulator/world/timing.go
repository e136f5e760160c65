package world

import "time"

// Timing is how long AWS takes to do what it answers at once and does later.
type Timing struct {
	// MappingCreate is Creating until Enabled, for a mapping created enabled.
	// One created disabled is Disabled within a second.
	MappingCreate time.Duration
	// MappingUpdate is Updating (or Enabling, Disabling) until settled.
	MappingUpdate time.Duration
	// MappingDelete is Deleting until the mapping is gone.
	MappingDelete time.Duration
	// StreamCreate is CREATING until ACTIVE, and DELETING until gone.
	StreamCreate time.Duration
	// StreamUpdate is UPDATING until ACTIVE: reshard, mode, split, merge.
	StreamUpdate time.Duration
	// ConsumerCreate is CREATING until ACTIVE for an enhanced fan-out consumer.
	ConsumerCreate time.Duration
	// DataPlaneLeast and DataPlane are how long pollers take, at least and at
	// most, to know what a mapping has settled as.
	DataPlaneLeast, DataPlane time.Duration
}

// Short delays are for people who try things: the states in between can be
// seen, and none lasts longer than 2 s.
func Short() Timing {
	return Timing{
		MappingCreate:  2 * time.Second,
		MappingUpdate:  time.Second,
		MappingDelete:  time.Second,
		StreamCreate:   time.Second,
		StreamUpdate:   2 * time.Second,
		ConsumerCreate: time.Second,
		DataPlaneLeast: 500 * time.Millisecond,
		DataPlane:      1500 * time.Millisecond,
	}
}

// Real delays are those seen on AWS: 60 to 105 s for a mapping created enabled
// in end-to-end runs, about 3 s for an update, 6 s for a consumer. Those of
// streams are Unverified: AWS says only that they depend on the shard count. Of the
// data plane 65 s were seen, and AWS speaks of several minutes.
func Real() Timing {
	return Timing{
		MappingCreate:  75 * time.Second,
		MappingUpdate:  3 * time.Second,
		MappingDelete:  5 * time.Second,
		StreamCreate:   15 * time.Second,
		StreamUpdate:   30 * time.Second,
		ConsumerCreate: 6 * time.Second,
		DataPlaneLeast: 20 * time.Second,
		DataPlane:      90 * time.Second,
	}
}

// SetTiming changes the delays of what begins from now on.
func (w *World) SetTiming(t Timing) { w.timing = t }

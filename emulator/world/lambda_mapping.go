package world

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Mapping is an event source mapping as AWS shows it. Tags are not part of it.
type Mapping struct {
	UUID                  string
	EventSourceMappingArn string
	EventSourceArn        string // empty for self-managed Kafka
	FunctionArn           string // with the qualifier that was given
	StartingPosition      string
	StartingPositionTime  *time.Time // for AT_TIMESTAMP

	BatchSize                      int
	MaximumBatchingWindowInSeconds int
	FilterCriteria                 []string // patterns as they came; empty: no filter
	FilterCriteriaError            *FilterCriteriaError
	KMSKeyArn                      string
	FunctionResponseTypes          []string
	Metrics                        []string // empty: no MetricsConfig
	MaximumConcurrency             int      // SQS; 0: no ScalingConfig

	// The rest of the settings is for streams.
	ParallelizationFactor      int
	TumblingWindowInSeconds    int
	MaximumRetryAttempts       int
	MaximumRecordAgeInSeconds  int
	BisectBatchOnFunctionError bool
	OnFailure                  string // ARN of the destination

	// Other settings of other sources are returned as they came, by name.
	Other map[string]json.RawMessage

	State                 string
	StateTransitionReason string
	LastProcessingResult  string
	LastModified          time.Time
}

// FilterCriteriaError stands in place of a filter that the caller may not read.
type FilterCriteriaError struct{ ErrorCode, Message string }

// The states of a mapping. There is none for a failure.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
const (
	creating  = "Creating"
	enabling  = "Enabling"
	enabled   = "Enabled"
	disabling = "Disabling"
	disabled  = "Disabled"
	updating  = "Updating"
	deleting  = "Deleting"
)

// The services that a mapping can read from, as ARNs name them.
const (
	fromKinesis  = "kinesis"
	fromDynamoDB = "dynamodb"
	fromSQS      = "sqs"
	fromKafka    = "kafka"
	fromMQ       = "mq"
	fromDocDB    = "rds"
)

// Source is the service that the mapping reads from, as ARNs name it. Kafka
// outside AWS counts as kafka.
func (m Mapping) Source() string {
	if m.EventSourceArn == "" {
		return fromKafka
	}
	a, _ := parseARN(m.EventSourceArn)
	return a.service
}

// Stream tells whether the mapping reads from a stream, Kinesis or DynamoDB.
func (m Mapping) Stream() bool {
	s := m.Source()
	return s == fromKinesis || s == fromDynamoDB
}

// mapping is a mapping with what AWS does not show of it.
type mapping struct {
	shown Mapping
	// next is what an update under way has made of the mapping, where AWS goes
	// on showing the old values until the update is done.
	next  *Mapping
	goal  string // state to settle in; empty: gone
	stamp uint64 // of the transition under way, 0 when there is none
	tags  Tags
	was   []glimpse // what lists that lag may still show, oldest first
	reader
}

// glimpse is a mapping as it was shown until a time.
type glimpse struct {
	until time.Time
	m     Mapping
}

// changes notes what a mapping is about to be no longer, for lists that lag.
func (w *World) changes(m *mapping) {
	if w.knobs.ListLag <= 0 {
		return
	}
	m.was = append(w.lately(m.was), glimpse{w.now, m.shown})
}

// lately leaves out what no list shows any more.
func (w *World) lately(all []glimpse) []glimpse {
	all = slices.Clip(all)
	for len(all) > 0 && !all[0].until.After(w.now.Add(-w.knobs.ListLag)) {
		all = all[1:]
	}
	return all
}

// listed is a mapping as lists show it; false for not yet.
func (w *World) listed(m *mapping) (Mapping, bool) {
	if w.knobs.ListLag <= 0 {
		return m.shown, true
	}
	at := w.now.Add(-w.knobs.ListLag)
	for _, g := range m.was {
		if g.until.After(at) {
			return g.m, !m.created.After(at)
		}
	}
	return m.shown, !m.created.After(at)
}

func (m *mapping) clone() *mapping {
	c := *m // slices and maps of settings are replaced, never changed
	c.tags = maps.Clone(m.tags)
	c.reader = m.reader.clone()
	return &c
}

// final is the mapping as it will be once it has settled.
func (m *mapping) final() Mapping {
	if m.next != nil {
		return *m.next
	}
	return m.shown
}

// settleMapping ends a transition.
func (w *World) settleMapping(e event) {
	l := &w.at(e.place).lambda
	m, ok := l.mappings[e.subject]
	if !ok || m.stamp != e.stamp {
		return
	}
	w.changes(m)
	if m.goal == "" {
		l.gone = append(w.lately(l.gone), m.was[max(0, len(m.was)-1):]...)
		delete(l.mappings, e.subject)
		l.byStream = nil
		return
	}
	m.shown = m.final()
	m.next, m.stamp = nil, 0
	m.shown.State = m.goal
	w.tell(e.place, m)
}

// transit puts a mapping into a state that it leaves for its goal by itself.
func (w *World) transit(at Place, m *mapping, state string, takes time.Duration) {
	m.shown.State = state
	m.shown.LastModified = w.now
	if m.next != nil {
		m.next.LastModified = w.now
	}
	m.stamp = w.later(takes, mappingSettles, at, m.shown.UUID)
}

// Mapping returns one mapping.
func (w *World) Mapping(at Place, uuid string) (Mapping, error) {
	l := &w.at(at).lambda
	m, ok := l.mappings[uuid]
	if !ok {
		return Mapping{}, absent()
	}
	return l.sealed(at, read(m.shown)), nil
}

// read is a mapping as Get and List show it: the LastModified of a stream's
// mapping is not what Create and Update answer, but floored to the minute.
// Recorded: radkawar/stackd, testdata/aws/lambda/kinesis_source.json; for SQS,
// filter_kms_native.json.
func read(m Mapping) Mapping {
	if m.Stream() {
		m.LastModified = m.LastModified.Truncate(time.Minute)
	}
	return m
}

// sealed hides an encrypted filter from a caller who may not decrypt it.
// Recorded: radkawar/stackd, testdata/aws/lambda/filter_kms_native.json, get-denied.
func (l *lambda) sealed(at Place, m Mapping) Mapping {
	if m.KMSKeyArn != "" && l.denied {
		m.FilterCriteria = nil
		m.FilterCriteriaError = &FilterCriteriaError{ErrorCode: "AccessDeniedException", Message: undecipherable(at, m.KMSKeyArn)}
	}
	return m
}

func undecipherable(at Place, key string) string {
	return "Lambda was unable to decrypt your filter criteria because the KMS access was denied. " +
		"Please check your KMS permissions. KMS Exception: AccessDeniedException KMS Message: " +
		"User: arn:aws:iam::" + at.Account + ":root is not authorized to perform: kms:Decrypt on resource: " + key +
		" with an explicit deny in a resource-based policy"
}

// MappingsQuery restricts a list of mappings. Both compare exactly: mappings of
// a stream's consumers and of a function's aliases are not the stream's and the
// function's. What does not exist gives an empty list.
type MappingsQuery struct {
	EventSourceArn string // empty: any
	FunctionName   string // name, partial ARN or ARN, with its qualifier; empty: any
	Page           Page
}

// Mappings lists mappings, at most 100 a page however many are asked for. The
// filter of a mapping with a key is not shown. The order means nothing.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
func (w *World) Mappings(at Place, q MappingsQuery) (all []Mapping, next string, err error) {
	const most = 100
	var v violations
	v.between(q.Page.MaxItems, "maxItems", 1, maxListItems)
	if q.EventSourceArn != "" {
		_, ok := parseARN(q.EventSourceArn)
		v.shape(ok, q.EventSourceArn, "eventSourceArn", sourcePattern)
	}
	if err := v.err(); err != nil {
		return nil, "", err
	}
	function := ""
	if q.FunctionName != "" {
		r, err := resolve(at, q.FunctionName, "")
		if err != nil {
			return nil, "", err
		}
		function = r.arn()
	}
	shown := w.inventory(at)
	var ids []string
	for _, id := range sorted(shown) {
		m := shown[id]
		if (q.EventSourceArn == "" || q.EventSourceArn == m.EventSourceArn) &&
			(function == "" || function == m.FunctionArn) {
			ids = append(ids, id)
		}
	}
	ids, next, err = list(ids, q.Page, most)
	for _, id := range ids {
		m := read(shown[id])
		if m.KMSKeyArn != "" {
			m.FilterCriteria = nil
		}
		all = append(all, m)
	}
	return all, next, err
}

// inventory is all mappings as lists show them.
func (w *World) inventory(at Place) map[string]Mapping {
	l := &w.at(at).lambda
	all := make(map[string]Mapping, len(l.mappings))
	for id, m := range l.mappings {
		if shown, ok := w.listed(m); ok {
			all[id] = shown
		}
	}
	for _, g := range w.lately(l.gone) {
		all[g.m.UUID] = g.m
	}
	return all
}

// DeleteMapping begins the deletion of a mapping and answers what it was.
// https://docs.aws.amazon.com/lambda/latest/api/API_DeleteEventSourceMapping.html
func (w *World) DeleteMapping(at Place, uuid string) (Mapping, error) {
	m, ok := w.at(at).lambda.mappings[uuid]
	if !ok {
		return Mapping{}, absent()
	}
	if m.stamp != 0 {
		return Mapping{}, busy("delete")
	}
	w.changes(m)
	m.goal = ""
	modified := m.shown.LastModified
	w.transit(at, m, deleting, w.timing.MappingDelete)
	if m.shown.Stream() {
		m.shown.LastModified = modified // as recorded: radkawar/stackd, kinesis_source.json
	}
	return w.at(at).lambda.sealed(at, read(m.shown)), nil
}

// busy is the answer of a mapping that is under way from one state to another.
// The code is documented; the texts are quoted by many who met them.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html#API_UpdateEventSourceMapping_Errors
func busy(verb string) error {
	return blame(http.StatusBadRequest, "ResourceInUseException", "Cannot %s the event source mapping because it is in use.", verb)
}

// idle tells whether a disabled mapping changes without a state in between, as
// those of SQS do.
// Recorded: radkawar/stackd, testdata/aws/lambda/filter_kms_native.json.
func (m *mapping) idle() bool { return m.shown.Source() == fromSQS && m.goal == disabled }

// SetProcessingResult sets what a mapping shows as its last result, such as
// "OK" or "PROBLEM: Function call failed".
func (w *World) SetProcessingResult(at Place, uuid, result string) error {
	m, ok := w.at(at).lambda.mappings[uuid]
	if !ok {
		return absent()
	}
	m.shown.LastProcessingResult = result
	if m.next != nil {
		next := *m.next
		next.LastProcessingResult = result
		m.next = &next
	}
	return nil
}

// clash finds the mapping that already has the key of m: source and qualified
// function, for Kafka the topics as well.
func (l *lambda) clash(m Mapping) (string, bool) {
	for _, id := range sorted(l.mappings) {
		if id == m.UUID {
			continue
		}
		other := l.mappings[id]
		if sameKey(other.shown, m) || sameKey(other.final(), m) {
			return id, true
		}
	}
	return "", false
}

func sameKey(a, b Mapping) bool {
	if a.FunctionArn != b.FunctionArn || a.EventSourceArn != b.EventSourceArn {
		return false
	}
	switch b.Source() {
	case fromKafka:
		return string(a.Other["Topics"]) == string(b.Other["Topics"]) &&
			(b.EventSourceArn != "" || overlap(servers(a), servers(b)))
	case fromMQ:
		return string(a.Other["Queues"]) == string(b.Other["Queues"])
	case fromDocDB:
		return string(a.Other["DocumentDBEventSourceConfig"]) == string(b.Other["DocumentDBEventSourceConfig"])
	}
	return true
}

// servers are the bootstrap servers of a Kafka that is not AWS's.
func servers(m Mapping) []string {
	var source struct{ Endpoints map[string][]string }
	_ = json.Unmarshal(m.Other["SelfManagedEventSource"], &source) // empty when it is no such thing
	return source.Endpoints["KAFKA_BOOTSTRAP_SERVERS"]
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

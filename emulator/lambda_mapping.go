package emulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

func mappingRoutes() []route {
	const all, one = "/2015-03-31/event-source-mappings", "/2015-03-31/event-source-mappings/{}"
	return []route{
		{"CreateEventSourceMapping", http.MethodPost, all, createMapping},
		{"ListEventSourceMappings", http.MethodGet, all, listMappings},
		{"GetEventSourceMapping", http.MethodGet, one, getMapping},
		{"UpdateEventSourceMapping", http.MethodPut, one, updateMapping},
		{"DeleteEventSourceMapping", http.MethodDelete, one, deleteMapping},
	}
}

func createMapping(c call) (answer, error) {
	in := world.MappingInput{
		EventSourceArn:       c.body.plain("EventSourceArn"),
		FunctionName:         c.body.plain("FunctionName"),
		StartingPosition:     c.body.plain("StartingPosition"),
		StartingPositionTime: c.body.instant("StartingPositionTimestamp"),
		Settings:             mappingSettings(c.body),
		Tags:                 c.body.table("Tags"),
	}
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	m, err := c.world.CreateMapping(c.at, in)
	return mappingAnswer(http.StatusAccepted, m, err)
}

func updateMapping(c call) (answer, error) {
	in := world.MappingUpdate{FunctionName: c.body.text("FunctionName"), Settings: mappingSettings(c.body)}
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	m, err := c.world.UpdateMapping(c.at, c.path[0], in)
	return mappingAnswer(http.StatusAccepted, m, err)
}

func getMapping(c call) (answer, error) {
	m, err := c.world.Mapping(c.at, c.path[0])
	return mappingAnswer(http.StatusOK, m, err)
}

func deleteMapping(c call) (answer, error) {
	m, err := c.world.DeleteMapping(c.at, c.path[0])
	return mappingAnswer(http.StatusAccepted, m, err)
}

func listMappings(c call) (answer, error) {
	page, err := c.page()
	if err != nil {
		return answer{}, err
	}
	all, next, err := c.world.Mappings(c.at, world.MappingsQuery{
		EventSourceArn: c.query.Get("EventSourceArn"),
		FunctionName:   c.query.Get("FunctionName"),
		Page:           page,
	})
	if err != nil {
		return answer{}, err
	}
	var items []reply
	for _, m := range all {
		items = append(items, mappingMembers(m))
	}
	return listed("EventSourceMappings", items, next), nil
}

// mappingSettings reads what create and update have in common.
func mappingSettings(o object) world.MappingSettings {
	s := world.MappingSettings{
		Enabled:                        o.flag("Enabled"),
		BatchSize:                      o.whole("BatchSize"),
		MaximumBatchingWindowInSeconds: o.whole("MaximumBatchingWindowInSeconds"),
		ParallelizationFactor:          o.whole("ParallelizationFactor"),
		TumblingWindowInSeconds:        o.whole("TumblingWindowInSeconds"),
		MaximumRetryAttempts:           o.whole("MaximumRetryAttempts"),
		MaximumRecordAgeInSeconds:      o.whole("MaximumRecordAgeInSeconds"),
		BisectBatchOnFunctionError:     o.flag("BisectBatchOnFunctionError"),
		KMSKeyArn:                      o.text("KMSKeyArn"),
		FunctionResponseTypes:          o.texts("FunctionResponseTypes"),
		Other: o.raw("AmazonManagedKafkaEventSourceConfig", "DocumentDBEventSourceConfig", "LoggingConfig",
			"ProvisionedPollerConfig", "Queues", "SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig",
			"SourceAccessConfigurations", "Topics"),
	}
	if f, ok := o.object("FilterCriteria"); ok {
		patterns := []string{}
		for _, filter := range f.objects("Filters") {
			patterns = append(patterns, filter.plain("Pattern"))
		}
		s.FilterCriteria = &patterns
	}
	if d, ok := o.object("DestinationConfig"); ok {
		failure, _ := d.object("OnFailure")
		success, _ := d.object("OnSuccess")
		s.DestinationConfig = &world.Destinations{OnFailure: failure.plain("Destination"), OnSuccess: success.plain("Destination")}
	}
	if m, ok := o.object("MetricsConfig"); ok {
		s.Metrics = m.texts("Metrics")
		if s.Metrics == nil {
			s.Metrics = &[]string{}
		}
	}
	if c, ok := o.object("ScalingConfig"); ok {
		s.ScalingConfig = &world.Scaling{MaximumConcurrency: c.whole("MaximumConcurrency")}
	}
	return s
}

func mappingAnswer(status int, m world.Mapping, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(status, mappingMembers(m)), nil
}

// mappingMembers is a mapping as all five calls answer it. Which members are
// there depends on the source; there are never any tags.
// Recorded: test_create_kinesis_event_source_mapping, test_function_name_variations,
// test_create_event_source_self_managed.
func mappingMembers(m world.Mapping) reply {
	r := reply{
		"UUID":                  m.UUID,
		"EventSourceMappingArn": m.EventSourceMappingArn,
		"FunctionArn":           m.FunctionArn,
		"BatchSize":             m.BatchSize,
		"State":                 m.State,
		"StateTransitionReason": m.StateTransitionReason,
		"LastModified":          seconds(m.LastModified),
	}
	r.add("EventSourceArn", m.EventSourceArn)
	r.add("StartingPosition", m.StartingPosition)
	r.add("LastProcessingResult", m.LastProcessingResult)
	r.add("KMSKeyArn", m.KMSKeyArn)
	if m.StartingPositionTime != nil {
		r["StartingPositionTimestamp"] = seconds(*m.StartingPositionTime)
	}
	if len(m.FilterCriteria) > 0 {
		var filters []reply
		for _, p := range m.FilterCriteria {
			filters = append(filters, reply{"Pattern": p})
		}
		r["FilterCriteria"] = reply{"Filters": filters}
	}
	if e := m.FilterCriteriaError; e != nil {
		r["FilterCriteriaError"] = reply{"ErrorCode": e.ErrorCode, "Message": e.Message}
	}
	if len(m.Metrics) > 0 {
		r["MetricsConfig"] = reply{"Metrics": m.Metrics}
	}
	if m.MaximumConcurrency > 0 {
		r["ScalingConfig"] = reply{"MaximumConcurrency": m.MaximumConcurrency}
	}
	for name, raw := range m.Other {
		r[name] = raw
	}
	switch {
	case m.Stream():
		streamMembers(r, m)
	case m.Source() == "sqs":
		r["MaximumBatchingWindowInSeconds"] = m.MaximumBatchingWindowInSeconds
		r["FunctionResponseTypes"] = list(m.FunctionResponseTypes)
	default:
		otherMembers(r, m)
	}
	return r
}

func streamMembers(r reply, m world.Mapping) {
	r["MaximumBatchingWindowInSeconds"] = m.MaximumBatchingWindowInSeconds
	r["FunctionResponseTypes"] = list(m.FunctionResponseTypes)
	r["ParallelizationFactor"] = m.ParallelizationFactor
	r["TumblingWindowInSeconds"] = m.TumblingWindowInSeconds
	r["MaximumRetryAttempts"] = m.MaximumRetryAttempts
	r["MaximumRecordAgeInSeconds"] = m.MaximumRecordAgeInSeconds
	r["BisectBatchOnFunctionError"] = m.BisectBatchOnFunctionError
	failure := reply{}
	failure.add("Destination", m.OnFailure)
	r["DestinationConfig"] = reply{"OnFailure": failure}
}

// otherMembers shows of Kafka, MQ and DocumentDB only what was set.
func otherMembers(r reply, m world.Mapping) {
	if m.MaximumBatchingWindowInSeconds > 0 {
		r["MaximumBatchingWindowInSeconds"] = m.MaximumBatchingWindowInSeconds
	}
	if len(m.FunctionResponseTypes) > 0 {
		r["FunctionResponseTypes"] = m.FunctionResponseTypes
	}
	if m.OnFailure != "" {
		r["DestinationConfig"] = reply{"OnFailure": reply{"Destination": m.OnFailure}}
	}
}

// list is never null on the wire.
func list(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}

// seconds is a time as REST-JSON writes it: seconds since 1970, with
// milliseconds.
func seconds(t time.Time) json.Number {
	return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64))
}

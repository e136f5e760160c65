package emulator

import (
	"errors"
	"net/http"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// kinesisTarget precedes the operation in the X-Amz-Target header.
const kinesisTarget = "Kinesis_20131202."

// kinesisCall carries out one operation. The answer nil is an empty body, as
// AWS gives it for an operation without output.
type kinesisCall func(*world.World, world.Place, *members) (any, error)

// kinesisOperation recognises one call of Kinesis' JSON 1.1 protocol. CBOR, in
// which the AWS SDK for Java speaks unless told otherwise, is not served: its
// bodies are refused with the setting that turns it off.
func kinesisOperation(name string, body []byte, readErr error) operation {
	return operation{
		service: "kinesis",
		name:    name,
		refusal: kinesisRefusal,
		run: func(w *world.World, at world.Place) answer {
			call := kinesisCallOf(name)
			if call == nil {
				return kinesisRefusal(&world.Error{Code: "UnknownOperationException", Status: http.StatusBadRequest})
			}
			m, err := readMembers(body, readErr)
			if err != nil {
				return kinesisRefusal(err)
			}
			v, err := call(w, at, m)
			if err != nil {
				return kinesisRefusal(err)
			}
			return kinesisAnswer(http.StatusOK, v)
		},
	}
}

func kinesisCallOf(name string) kinesisCall {
	switch name {
	case "CreateStream":
		return createStream
	case "DeleteStream":
		return deleteStream
	case "DescribeStream":
		return describeStream
	case "DescribeStreamSummary":
		return describeStreamSummary
	case "ListStreams":
		return listStreams
	case "DescribeLimits":
		return describeLimits
	case "ListShards":
		return listShards
	case "UpdateShardCount":
		return updateShardCount
	case "SplitShard":
		return splitShard
	case "MergeShards":
		return mergeShards
	}
	if call := kinesisCallOnRecords(name); call != nil {
		return call
	}
	return kinesisCallBeside(name)
}

// kinesisCallBeside is the calls that are not on streams themselves.
func kinesisCallBeside(name string) kinesisCall {
	switch name {
	case "RegisterStreamConsumer":
		return registerStreamConsumer
	case "DescribeStreamConsumer":
		return describeStreamConsumer
	case "ListStreamConsumers":
		return listStreamConsumers
	case "DeregisterStreamConsumer":
		return deregisterStreamConsumer
	case "AddTagsToStream":
		return addTagsToStream
	case "RemoveTagsFromStream":
		return removeTagsFromStream
	case "ListTagsForStream":
		return listTagsForStream
	case "TagResource":
		return tagKinesisResource
	case "UntagResource":
		return untagKinesisResource
	case "ListTagsForResource":
		return listTagsForKinesisResource
	}
	return kinesisSetting(name)
}

func kinesisAnswer(status int, v any) answer {
	a := answer{status: status}
	if v != nil {
		a = jsonAnswer(status, v)
	}
	a.header = http.Header{"Content-Type": {"application/x-amz-json-1.1"}}
	return a
}

// kinesisRefusal is an error as recorded from AWS: the exception and its text
// in the body.
func kinesisRefusal(err error) answer {
	e := &world.Error{Code: "InternalFailureException", Status: http.StatusInternalServerError, Message: err.Error()}
	errors.As(err, &e)
	body := map[string]string{"__type": e.Code}
	switch {
	case e.Message == "":
	case e.Code == "AccessDeniedException": // Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, summary-only-1
		body["Message"] = e.Message
	default:
		body["message"] = e.Message
	}
	a := kinesisAnswer(e.Status, body)
	a.code = e.Code
	return a
}

func refuseKinesis(code, message string) error {
	return &world.Error{Code: code, Status: http.StatusBadRequest, Message: message}
}

// epoch is a time as JSON 1.1 writes it; those of Kinesis' control plane are
// whole seconds.
type epoch int64

func epochOf(t time.Time) epoch { return epoch(t.Unix()) }

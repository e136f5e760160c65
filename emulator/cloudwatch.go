package emulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// cloudwatchPath precedes the operation in CloudWatch's RPC protocol, which is
// CBOR both ways and what newer SDKs speak, and cloudwatchTarget in its JSON
// protocol, which the AWS CLI speaks. The third that AWS still serves, query, is
// not served here.
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
// https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
const (
	cloudwatchPath   = "/service/GraniteServiceVersion20100801/operation/"
	cloudwatchTarget = "GraniteServiceVersion20100801."
)

// cloudwatchOperation recognises one call of CloudWatch's CBOR protocol.
func cloudwatchOperation(r *http.Request, body []byte, readErr error) operation {
	name := strings.TrimPrefix(r.URL.Path, cloudwatchPath)
	return cloudwatchCall(name, cloudwatchRefusal, func(w *world.World, at world.Place) (answer, error) {
		if r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" {
			return answer{}, refuseMetrics("SerializationException", "The protocol is not rpc-v2-cbor.")
		}
		var in metricQueries
		if err := readCBOR(body, readErr, &in); err != nil {
			return answer{}, err
		}
		v, err := getMetricData(w, at, in)
		return cborAnswer(http.StatusOK, v), err
	})
}

// cloudwatchJSON recognises one call of CloudWatch's JSON protocol.
func cloudwatchJSON(name string, body []byte, readErr error) operation {
	return cloudwatchCall(name, cloudwatchJSONRefusal, func(w *world.World, at world.Place) (answer, error) {
		var in metricQueriesJSON
		if err := errors.Join(readErr, json.Unmarshal(body, &in)); err != nil {
			return answer{}, refuseMetrics("SerializationException", err.Error())
		}
		v, err := getMetricData(w, at, in.queries())
		return cloudwatchJSONAnswer(http.StatusOK, v.json()), err
	})
}

func cloudwatchCall(name string, refusal func(error) answer, run func(*world.World, world.Place) (answer, error)) operation {
	return operation{
		service: "monitoring",
		name:    name,
		refusal: refusal,
		run: func(w *world.World, at world.Place) answer {
			if name != "GetMetricData" {
				return refusal(refuseMetrics("UnknownOperationException", ""))
			}
			a, err := run(w, at)
			if err != nil {
				return refusal(err)
			}
			return a
		},
	}
}

func cloudwatchJSONAnswer(status int, v any) answer {
	a := jsonAnswer(status, v)
	a.header = http.Header{"Content-Type": {"application/x-amz-json-1.0"}}
	return a
}

func cloudwatchJSONRefusal(err error) answer {
	e := &world.Error{Code: "InternalFailure", Status: http.StatusInternalServerError, Message: err.Error()}
	errors.As(err, &e)
	a := cloudwatchJSONAnswer(e.Status, map[string]string{"__type": "com.amazonaws.cloudwatch#" + e.Code, "message": e.Message})
	a.code = e.Code
	return a
}

func refuseMetrics(code, message string) error {
	return &world.Error{Code: code, Status: http.StatusBadRequest, Message: message}
}

// readCBOR reads a structure. Names are case-sensitive, and members that nobody
// reads are ignored.
// Unverified: the text.
func readCBOR(body []byte, readErr error, v any) error {
	mode, err := cbor.DecOptions{FieldNameMatching: cbor.FieldNameMatchingCaseSensitive}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	if err := errors.Join(readErr, mode.Unmarshal(body, v)); err != nil {
		return refuseMetrics("SerializationException", err.Error())
	}
	return nil
}

// cborAnswer is v as a CBOR body. Times are tagged, as the protocol has it.
func cborAnswer(status int, v any) answer {
	mode, err := cbor.EncOptions{Time: cbor.TimeUnixMicro, TimeTag: cbor.EncTagRequired}.EncMode()
	if err != nil {
		panic(err) // the options are constant
	}
	body, err := mode.Marshal(v)
	if err != nil {
		panic(err) // only types of this package come here
	}
	return answer{status: status, body: body}.with("Content-Type", "application/cbor").with("Smithy-Protocol", "rpc-v2-cbor")
}

// cloudwatchRefusal is an error with the code in the body, and in the header
// that clients of the older protocol go by.
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait
func cloudwatchRefusal(err error) answer {
	e := &world.Error{Code: "InternalFailure", Status: http.StatusInternalServerError, Message: err.Error()}
	errors.As(err, &e)
	fault := "Sender"
	if e.Status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	a := cborAnswer(e.Status, map[string]string{"__type": "com.amazonaws.cloudwatch#" + e.Code, "message": e.Message})
	a.code = e.Code
	return a.with("X-Amzn-Query-Error", e.Code+";"+fault)
}

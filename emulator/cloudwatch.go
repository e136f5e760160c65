package emulator

import (
	"errors"
	"net/http"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// cloudwatchPath precedes the operation in CloudWatch's RPC protocol. The other
// two that AWS still serves, JSON and query, are not served here.
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
const cloudwatchPath = "/service/GraniteServiceVersion20100801/operation/"

// cloudwatchOperation recognises one call of CloudWatch's protocol: CBOR both
// ways.
func cloudwatchOperation(r *http.Request, body []byte, readErr error) operation {
	name := strings.TrimPrefix(r.URL.Path, cloudwatchPath)
	return operation{
		service: "monitoring",
		name:    name,
		refusal: cloudwatchRefusal,
		run: func(w *world.World, at world.Place) answer {
			switch {
			case r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor":
				return cloudwatchRefusal(refuseMetrics("SerializationException", "The protocol is not rpc-v2-cbor."))
			case name != "GetMetricData":
				return cloudwatchRefusal(refuseMetrics("UnknownOperationException", ""))
			}
			var in metricQueries
			if err := readCBOR(body, readErr, &in); err != nil {
				return cloudwatchRefusal(err)
			}
			v, err := getMetricData(w, at, in)
			if err != nil {
				return cloudwatchRefusal(err)
			}
			return cborAnswer(http.StatusOK, v)
		},
	}
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

package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// object reads the members of a JSON object that a client sent. Members are
// known by their exact names, null is absent, unknown ones are ignored, and the
// first of a wrong type is remembered: all that AWS does.
type object struct {
	members map[string]json.RawMessage
	err     *error
}

// parse reads a request's body; an empty one is an empty object.
func parse(body []byte) (object, error) {
	o := object{err: new(error)}
	if len(bytes.TrimSpace(body)) == 0 {
		return o, nil
	}
	if err := json.Unmarshal(body, &o.members); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return o, serialization("Start of structure or map expected.")
		}
		return o, serialization("Could not parse request body into json.")
	}
	return o, nil
}

// serialization is AWS's answer to JSON that does not fit the model.
// Unverified: the texts; clients see the code.
func serialization(text string) error {
	return &world.Error{Code: "SerializationException", Status: http.StatusBadRequest, Message: text}
}

// read decodes a member into to; false when it is absent or of a wrong type.
func (o object) read(name string, to any, expected string) bool {
	raw, ok := o.members[name]
	if !ok || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, to); err != nil {
		o.fail(raw, expected)
		return false
	}
	return true
}

func (o object) fail(raw json.RawMessage, expected string) {
	if *o.err == nil {
		*o.err = serialization(token(raw) + " can not be converted to " + expected)
	}
}

// token names a JSON value as AWS's texts name it.
func token(raw json.RawMessage) string {
	switch raw[0] {
	case '"':
		return "STRING_VALUE"
	case '{':
		return "START_OBJECT"
	case '[':
		return "START_ARRAY"
	case 't':
		return "TRUE_VALUE"
	case 'f':
		return "FALSE_VALUE"
	case 'n':
		return "NULL_VALUE"
	}
	return "NUMBER_VALUE"
}

func (o object) text(name string) *string {
	var s string
	if !o.read(name, &s, "a String") {
		return nil
	}
	return &s
}

// plain is a text whose absence means the same as emptiness.
func (o object) plain(name string) string {
	if s := o.text(name); s != nil {
		return *s
	}
	return ""
}

func (o object) flag(name string) *bool {
	var b bool
	if !o.read(name, &b, "a Boolean") {
		return nil
	}
	return &b
}

func (o object) whole(name string) *int {
	var f float64
	if !o.read(name, &f, "an Integer") {
		return nil
	}
	if f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		o.fail(o.members[name], "an Integer")
		return nil
	}
	n := int(f)
	return &n
}

// instant is a time in seconds since 1970, as REST-JSON writes it.
func (o object) instant(name string) *time.Time {
	var f float64
	if !o.read(name, &f, "a Timestamp") {
		return nil
	}
	t := time.UnixMilli(int64(math.Round(f * 1000))).UTC()
	return &t
}

func (o object) texts(name string) *[]string {
	all := []string{}
	if !o.read(name, &all, "a list of String") {
		return nil
	}
	return &all
}

func (o object) table(name string) map[string]string {
	var m map[string]string
	if !o.read(name, &m, "a map of String") {
		return nil
	}
	return m
}

func (o object) shares(name string) map[string]float64 {
	var m map[string]float64
	if !o.read(name, &m, "a map of Double") {
		return nil
	}
	return m
}

// object returns a nested object; false when it is absent.
func (o object) object(name string) (object, bool) {
	in := object{err: o.err}
	ok := o.read(name, &in.members, "a structure")
	return in, ok
}

// objects returns a list of objects; nil when it is absent.
func (o object) objects(name string) []object {
	var all []map[string]json.RawMessage
	if !o.read(name, &all, "a list of structures") {
		return nil
	}
	in := make([]object, len(all))
	for i := range all {
		in[i] = object{members: all[i], err: o.err}
	}
	return in
}

// raw returns members as they came, those that are there.
func (o object) raw(names ...string) map[string]json.RawMessage {
	var found map[string]json.RawMessage
	for _, name := range names {
		raw, ok := o.members[name]
		if !ok || string(raw) == "null" {
			continue
		}
		if found == nil {
			found = map[string]json.RawMessage{}
		}
		found[name] = raw
	}
	return found
}

// bytes is a blob, which JSON carries in base64.
func (o object) bytes(name string) []byte {
	var b []byte
	if !o.read(name, &b, "a Blob") {
		return nil
	}
	return b
}

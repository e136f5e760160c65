package command

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// DecodesSaved says whether a text is a saved plan.
func DecodesSaved(text []byte) bool {
	_, err := decodeSaved(text)
	return err == nil
}

// RewriteSaved reads a saved plan, writes it and reads it again; nil for a text
// that is none.
func RewriteSaved(text []byte) error {
	s, err := decodeSaved(text)
	if err != nil {
		return nil //nolint:nilerr // most texts are none
	}
	if _, err := s.Options.options(); err == nil {
		savedFiles(s.Documents).load()
	}
	text, err = s.encode()
	if err != nil {
		return err
	}
	again, err := decodeSaved(text)
	if err != nil {
		return err
	}
	if len(again.Plans) != len(s.Plans) || !reflect.DeepEqual(again.Documents, s.Documents) || !reflect.DeepEqual(again.Options, s.Options) {
		return fmt.Errorf("%+v was read back as %+v", s, again)
	}
	return nil
}

// Moved compares two plans as JSON.
func Moved(then, now []byte) []string {
	var a, b planned
	if json.Unmarshal(then, &a) != nil || json.Unmarshal(now, &b) != nil {
		return nil
	}
	m, err := compare(a, b)
	if err != nil {
		return []string{"error " + err.Error()}
	}
	return m.lines
}

package world

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tags of a stream or consumer.
// https://docs.aws.amazon.com/streams/latest/dev/tagging.html
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// TagStream adds or overwrites tags of a stream. While it is being created its
// tags cannot change.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
func (w *World) TagStream(at Place, name string, tags map[string]string) error {
	s, err := w.taggable(at, name)
	if err != nil {
		return err
	}
	if err := checkTags("stream", name, at, s.tags, tags); err != nil {
		return err
	}
	maps.Copy(s.tags, tags)
	return nil
}

// TagStreamResource does so by the stream's ARN, which refusals then name.
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, new-over-50-tags.
func (w *World) TagStreamResource(at Place, name string, tags map[string]string) error {
	s, err := w.taggable(at, name)
	if err != nil {
		return err
	}
	if err := checkTags("resource", s.arn, at, s.tags, tags); err != nil {
		return err
	}
	maps.Copy(s.tags, tags)
	return nil
}

// UntagStream removes tags of a stream; keys that it has not are ignored.
func (w *World) UntagStream(at Place, name string, keys []string) error {
	s, err := w.taggable(at, name)
	if err != nil {
		return err
	}
	for _, k := range keys {
		delete(s.tags, k)
	}
	return nil
}

func (w *World) taggable(at Place, name string) (*stream, error) {
	s, err := w.stream(at, name)
	if err == nil && (s.status == StatusCreating || s.status == StatusDeleting) {
		return nil, notActive(s, at)
	}
	return s, err
}

// TagConsumer adds or overwrites tags of a consumer.
func (w *World) TagConsumer(at Place, stream, name string, tags map[string]string) error {
	c, err := w.liveConsumer(at, stream, name)
	if err != nil {
		return err
	}
	if err := checkTags("resource", c.arn, at, c.tags, tags); err != nil {
		return err
	}
	maps.Copy(c.tags, tags)
	return nil
}

// UntagConsumer removes tags of a consumer; keys that it has not are ignored.
func (w *World) UntagConsumer(at Place, stream, name string, keys []string) error {
	c, err := w.liveConsumer(at, stream, name)
	if err != nil {
		return err
	}
	for _, k := range keys {
		delete(c.tags, k)
	}
	return nil
}

func (w *World) liveConsumer(at Place, stream, name string) (*consumer, error) {
	s, err := w.stream(at, stream)
	if err != nil {
		return nil, err
	}
	if c := s.consumers[name]; c != nil {
		return c, nil
	}
	return nil, noConsumer(name, stream, at)
}

// checkTags refuses tags that cannot be added to those a resource has. The
// words on characters were seen on AWS: github.com/mhart/kinesalite
// actions/addTagsToStream.js, where AWS still speaks of 10 tags.
func checkTags(kind, name string, at Place, has, add map[string]string) error {
	for k := range add {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, new-reserved-tag.
			return badArgument("Some tag keys in the request started with 'aws:'. System tags cannot be modified.")
		}
	}
	count := len(has)
	for _, k := range slices.Sorted(maps.Keys(add)) {
		v := add[k]
		if _, known := has[k]; !known {
			count++
		}
		switch key, value := utf8.RuneCountInString(k), utf8.RuneCountInString(v); {
		case key < 1 || key > maxTagKey:
			return failsValidation("1 validation error detected: Value at 'tags' failed to satisfy constraint: "+
				"Map keys must satisfy constraint: [Member must have length less than or equal to %d, "+
				"Member must have length greater than or equal to 1]", maxTagKey)
		case value > maxTagValue:
			return failsValidation("1 validation error detected: Value at 'tags' failed to satisfy constraint: "+
				"Map value must satisfy constraint: [Member must have length less than or equal to %d, "+
				"Member must have length greater than or equal to 0]", maxTagValue)
		}
	}
	for k, v := range add {
		if !tagText(k) || !tagText(v) {
			return badArgument("Some tags contain invalid characters. Valid characters: " +
				"Unicode letters, digits, white space, _ . / = + - %% @ :.")
		}
	}
	if count > maxTags {
		return badArgument("Failed to add tags to %s %s under account %s because a given %s cannot have more than %d tags associated with it.",
			kind, name, at.Account, kind, maxTags)
	}
	return nil
}

func tagText(s string) bool {
	for _, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.IsSpace(c) && !strings.ContainsRune("_./=+-%@:", c) {
			return false
		}
	}
	return true
}

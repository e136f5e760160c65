package emulator

import (
	"github.com/eventrouting/eventrouting/emulator/world"
)

// someTags reads the tags to add: at least one.
func (m *members) someTags() map[string]string {
	m.need("Tags")
	tags := m.tags("Tags")
	if m.has("Tags") && len(tags) == 0 {
		m.fail("Tags", "{}", "have length greater than or equal to 1")
	}
	return tags
}

// someKeys reads the keys of tags to remove: at least one.
func (m *members) someKeys() []string {
	m.need("TagKeys")
	keys := m.texts("TagKeys")
	if m.has("TagKeys") && len(keys) == 0 {
		m.fail("TagKeys", "[]", "have length greater than or equal to 1")
	}
	return keys
}

func addTagsToStream(w *world.World, at world.Place, m *members) (any, error) {
	tags := m.someTags()
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	return nil, w.TagStream(at, name, tags)
}

func removeTagsFromStream(w *world.World, at world.Place, m *members) (any, error) {
	keys := m.someKeys()
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	return nil, w.UntagStream(at, name, keys)
}

// listTagsForStream answers tags by key, at most 50 a call.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListTagsForStream.html
func listTagsForStream(w *world.World, at world.Place, m *members) (any, error) {
	limit := m.number("Limit", 1, 50)
	after := m.text("ExclusiveStartTagKey", length(128))
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	s, err := w.Stream(at, name)
	if err != nil {
		return nil, err
	}
	v := struct {
		Tags        []tag
		HasMoreTags bool
	}{Tags: []tag{}}
	for _, t := range tagList(s.Tags) {
		if t.Key <= after {
			continue
		}
		if len(v.Tags) == pageSize(limit, 50) {
			v.HasMoreTags = true
			break
		}
		v.Tags = append(v.Tags, t)
	}
	return v, nil
}

// resource reads the stream or consumer that a call on tags is about. The name
// of a consumer is empty for a stream.
func (m *members) resource(w *world.World, at world.Place) (stream, consumer string, tags map[string]string, err error) {
	m.need("ResourceARN")
	arn := m.text("ResourceARN", matching(`arn:aws.*:kinesis:.*:\d{12}:.*stream/\S+`, func(s string) bool {
		_, ok := parseKinesisARN(s)
		return ok
	}), length(2048))
	if err := m.check(); err != nil {
		return "", "", nil, err
	}
	a, err := here(at, arn)
	if err != nil {
		return "", "", nil, err
	}
	if a.consumer == "" {
		s, err := w.Stream(at, a.stream)
		return a.stream, "", s.Tags, err
	}
	c, err := consumerByARN(w, at, arn)
	return a.stream, c.Name, c.Tags, err
}

func tagKinesisResource(w *world.World, at world.Place, m *members) (any, error) {
	tags := m.someTags()
	stream, consumer, _, err := m.resource(w, at)
	if err != nil {
		return nil, err
	}
	if consumer == "" {
		return nil, w.TagStreamResource(at, stream, tags)
	}
	return nil, w.TagConsumer(at, stream, consumer, tags)
}

func untagKinesisResource(w *world.World, at world.Place, m *members) (any, error) {
	keys := m.someKeys()
	stream, consumer, _, err := m.resource(w, at)
	if err != nil {
		return nil, err
	}
	if consumer == "" {
		return nil, w.UntagStream(at, stream, keys)
	}
	return nil, w.UntagConsumer(at, stream, consumer, keys)
}

func listTagsForKinesisResource(w *world.World, at world.Place, m *members) (any, error) {
	_, _, tags, err := m.resource(w, at)
	if err != nil {
		return nil, err
	}
	return struct{ Tags []tag }{tagList(tags)}, nil
}

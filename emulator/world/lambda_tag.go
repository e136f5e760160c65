package world

import (
	"maps"
	"strings"
)

// tagPattern is the text of the model as AWS answers it.
// Recorded: test_tag_exceptions[event_source_mapping].
const tagPattern = `arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)`

// maxResourceTags of one resource, and their lengths.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
const (
	maxResourceTags   = 50
	maxTagKeyLength   = 128
	maxTagValueLength = 256
)

// check looks at tags to be set on a resource that has old ones.
// Unverified: the texts for lengths and for aws: keys.
func (t Tags) check(old Tags) error {
	n := len(old)
	for _, k := range sorted(t) {
		if _, ok := old[k]; !ok {
			n++
		}
		switch value := t[k]; {
		case k == "" || len([]rune(k)) > maxTagKeyLength:
			return invalid("The tag key '%s' must be between 1 and %d characters long.", k, maxTagKeyLength)
		case len([]rune(value)) > maxTagValueLength:
			return invalid("The value of tag '%s' must be at most %d characters long.", k, maxTagValueLength)
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return invalid("The tag key '%s' is reserved: keys cannot start with aws:.", k)
		}
	}
	if n > maxResourceTags {
		// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
		return invalid("Number of tags exceeds resource tag limit.")
	}
	return nil
}

// TagResource sets tags of a function or a mapping, named by ARN.
// https://docs.aws.amazon.com/lambda/latest/api/API_TagResource.html
func (w *World) TagResource(at Place, resource string, tags Tags) error {
	all, err := w.tagged(at, resource)
	if err != nil {
		return err
	}
	if len(tags) == 0 {
		// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
		return invalid("An error occurred and the request cannot be processed.")
	}
	if err := tags.check(*all); err != nil {
		return err
	}
	if *all == nil {
		*all = Tags{}
	}
	maps.Copy(*all, tags)
	return nil
}

// UntagResource takes tags away; keys that are not set do no harm.
// Recorded: test_tag_lifecycle[event_source_mapping], untag_nonexisting_response.
func (w *World) UntagResource(at Place, resource string, keys []string) error {
	all, err := w.tagged(at, resource)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		var v violations
		v.absent("tagKeys")
		return v.err()
	}
	for _, k := range keys {
		delete(*all, k)
	}
	return nil
}

// Tags returns the tags of a function or a mapping, never nil.
func (w *World) Tags(at Place, resource string) (Tags, error) {
	all, err := w.tagged(at, resource)
	if err != nil {
		return nil, err
	}
	if *all == nil {
		return Tags{}, nil
	}
	return maps.Clone(*all), nil
}

// tagged finds the tags of a resource.
func (w *World) tagged(at Place, resource string) (*Tags, error) {
	a, ok := parseARN(resource)
	kind, id, _ := strings.Cut(a.resource, ":")
	id, qualifier, more := strings.Cut(id, ":")
	switch {
	case !ok || a.service != "lambda" || a.region == "" || a.account == "":
	case kind == "function" && word(id, "-_"):
		return w.taggedFunction(at, resource, more || qualifier != "")
	case kind == "event-source-mapping" && !more && isUUID(id):
		m, ok := w.at(at).lambda.mappings[strings.ToLower(id)]
		if !ok || a.region != at.Region || a.account != at.Account {
			// Recorded: test_tag_exceptions[event_source_mapping].
			return nil, missing("Event source mapping not found: %s", resource)
		}
		return &m.tags, nil
	}
	// Aliases of mappings do not exist, layers and the rest are not modelled.
	var v violations
	v.shape(false, resource, "resource", tagPattern)
	return nil, v.err()
}

func (w *World) taggedFunction(at Place, resource string, qualified bool) (*Tags, error) {
	if qualified {
		// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
		return nil, invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	r, err := resolve(at, resource, "")
	if err != nil {
		return nil, err
	}
	f, err := w.find(r)
	if err != nil {
		return nil, err
	}
	return &f.tags, nil
}

func isUUID(s string) bool {
	p := strings.Split(s, "-")
	if len(p) != 5 {
		return false
	}
	for i, n := range []int{8, 4, 4, 4, 12} {
		if len(p[i]) != n || strings.Trim(strings.ToLower(p[i]), "0123456789abcdef") != "" {
			return false
		}
	}
	return true
}

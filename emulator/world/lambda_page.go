package world

import "encoding/base64"

// Page asks for a part of a list. The zero value asks for the first.
type Page struct {
	Marker   string
	MaxItems *int // nil: as many as AWS returns at most
}

// check applies the range of the model: 1 to most.
func (p Page) check(most int) error {
	var v violations
	v.between(p.MaxItems, "maxItems", 1, most)
	return v.err()
}

// The lists that Lambda has answer at most so many items however many are
// asked for, mappings excepted.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html
const (
	pageMost     = 50
	maxListItems = 10000
)

func encodeMarker(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func decodeMarker(s string) string {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(b)
}

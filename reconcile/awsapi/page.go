package awsapi

import "fmt"

// maxPages is more pages than any listing of ours can have: 100 mappings or
// 1,000 shards come on each.
const maxPages = 1000

// eachPage calls fetch with the marker of each page, empty for the first. It
// refuses a listing that does not end, which a broken endpoint gives.
func eachPage(fetch func(marker string) (next *string, err error)) error {
	seen := map[string]bool{}
	marker := ""
	for range maxPages {
		next, err := fetch(marker)
		if err != nil {
			return err
		}
		if next == nil || *next == "" {
			return nil
		}
		marker = *next
		if seen[marker] {
			return fmt.Errorf("%w: it gave the page marker %.40q twice", errNonsense, marker)
		}
		seen[marker] = true
	}
	return fmt.Errorf("%w: no end after %d pages", errNonsense, maxPages)
}

// markerOf is how a marker is sent: absent for the first page.
func markerOf(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

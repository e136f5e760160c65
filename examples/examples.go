// Package examples holds documents that people can start from. Tests load,
// plan and apply each of them, and the demo runs on one.
package examples

import "embed"

// Documents are the example documents.
//
//go:embed *.yaml
var Documents embed.FS

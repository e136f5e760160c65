package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/eventrouting/eventrouting/spec"
)

// Findings writes one line for each finding, in the order given:
//
//	orders.yaml:12: spec.routes[0].batchsize: unknown key (error, unknown-key)
func Findings(w io.Writer, all []spec.Finding, o Options) error {
	p := page{o: o}
	for _, f := range all {
		p.finding(0, f, string(f.Severity)+", ")
	}
	return p.to(w, "findings")
}

// CountFindings says how many findings there are by severity, such as "2 errors, 1
// warning"; empty for none.
func CountFindings(all []spec.Finding) string {
	var parts []string
	for _, s := range []spec.Severity{spec.Error, spec.Warning, spec.Info} {
		n := 0
		for _, f := range all {
			if f.Severity == s {
				n++
			}
		}
		switch {
		case n == 0:
		case s == spec.Info:
			parts = append(parts, fmt.Sprintf("%d info", n))
		default:
			parts = append(parts, count(n, string(s)))
		}
	}
	return strings.Join(parts, ", ")
}

// finding writes one finding; mark goes before its code.
func (p *page) finding(indent int, f spec.Finding, mark string) {
	code := f.Code
	if code == "" {
		mark = strings.TrimSuffix(mark, ", ")
	}
	f.Message = oneLine(f.Message)
	text := f.String()
	if mark+code != "" {
		code = " (" + mark + code + ")"
	}
	if p.o.Width > 0 {
		p.prose(indent, say(""), text+code)
		return
	}
	p.line(indent, say(text), span{code, severityStyle(f.Severity)})
}

func severityStyle(s spec.Severity) style {
	switch s {
	case spec.Error:
		return red
	case spec.Warning:
		return yellow
	case spec.Info:
		return cyan
	}
	return plain
}

// findings writes a section for each severity, the worst first.
func (p *page) findings(all []spec.Finding) {
	p.section("Errors", all, func(s spec.Severity) bool { return s == spec.Error })
	p.section("Warnings", all, func(s spec.Severity) bool { return s == spec.Warning })
	p.section("Worth knowing", all, func(s spec.Severity) bool { return s != spec.Error && s != spec.Warning })
}

func (p *page) section(title string, all []spec.Finding, in func(spec.Severity) bool) {
	first := true
	for _, f := range all {
		if !in(f.Severity) {
			continue
		}
		if first {
			p.gap()
			p.line(0, span{title + ":", bold})
			first = false
		}
		p.finding(2, f, "")
	}
}

package command

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// Measures of the plot, in pixels.
const (
	panelWidth, panelHeight = 250, 200
	plotLeft, plotTop       = 56, 56
	panelGap                = 24
)

// plotDesigns draws the backlog of each type over time as SVG, one panel for each
// design, all to one scale.
func plotDesigns(all []measured, types []traffic) []byte {
	colours := []string{"#0072b2", "#009e73", "#e69f00", "#d55e00"} // told apart by everybody
	most := 1
	for _, m := range all {
		for _, t := range types {
			most = max(most, m.most(t.eventType))
		}
	}
	top := (most/1000 + 1) * 1000
	var b bytes.Buffer
	width := plotLeft + len(all)*(panelWidth+panelGap)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#333">`+"\n", width, plotTop+panelHeight+64)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	fmt.Fprintf(&b, `<text x="%d" y="20" font-size="14">Records waiting, by event type; %s fails from minute %d to %d</text>`+"\n",
		plotLeft, failingType, int(failsFrom.Minutes()), int((failsFrom + failsFor).Minutes()))
	y := func(n int) float64 { return plotTop + panelHeight*(1-float64(n)/float64(top)) }
	for i, m := range all {
		left := plotLeft + i*(panelWidth+panelGap)
		x := func(d time.Duration) float64 { return float64(left) + panelWidth*d.Seconds()/designRuns.Seconds() }
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", left, plotTop-8, m.name)
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#f4f4f4"/>`+"\n", x(failsFrom), plotTop, x(failsFrom+failsFor)-x(failsFrom), panelHeight)
		for n := 0; n <= top; n += top / 4 {
			fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`+"\n", left, y(n), left+panelWidth, y(n))
			if i == 0 {
				fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%d</text>`+"\n", left-6, y(n)+4, n)
			}
		}
		for d := time.Duration(0); d <= designRuns; d += 10 * time.Minute {
			fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(d), plotTop+panelHeight+16, int(d.Minutes()))
		}
		for k, t := range types {
			var points []string
			for d := time.Duration(0); d <= designRuns; d += lookEvery {
				points = append(points, fmt.Sprintf("%.1f,%.1f", x(d), y(m.backlog(t.eventType, m.began.Add(d)))))
			}
			// Lines of one height would hide each other.
			fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s" points="%s"/>`+"\n",
				colours[k], []string{"", "8 3", "3 3", "12 3 3 3"}[k], strings.Join(points, " "))
		}
	}
	for k, t := range types {
		x := plotLeft + k*170
		fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-width="3"/>`, x, plotTop+panelHeight+40, x+24, plotTop+panelHeight+40, colours[k])
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", x+30, plotTop+panelHeight+44, t.eventType)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">minutes</text>`+"\n</svg>\n", width-panelGap, plotTop+panelHeight+44)
	return b.Bytes()
}

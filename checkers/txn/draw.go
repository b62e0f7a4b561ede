package txn

import (
	"fmt"
	"html"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// The measures of a drawing, in pixels.
const (
	boxWidth, boxHeight = 620, 46
	boxGap              = 52
	drawMargin          = 12
	labelHeight         = 28 // of the label of the edge that leads back, below the last box
	backWidth           = 90 // for the edge that leads back
	charsInBox          = 82
	charsOnEdge         = 92
	shownBoxes          = 30
)

// edgeColours say what kind an edge is; its label says it too.
var edgeColours = map[string]string{"ww": "#b3261e", "wr": "#1b6e3c", "rw": "#1a56b8", "process": "#7a4bb0", "realtime": "#8a5a00"}

// SVG draws an example: its transactions as boxes one below the other, in the order
// of the story, with an arrow for each edge of a cycle, labelled with why it is
// there. It stands by itself, needs no network and can be put into a page as it is.
// Of a cycle of more than 30 transactions only the first are drawn.
func (x *Anomaly) SVG(h *history.History) string {
	shown := x.Transactions[:min(len(x.Transactions), shownBoxes)]
	height := boxTop(len(shown)-1) + boxHeight + labelHeight
	width := 2*drawMargin + boxWidth + backWidth
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" role="img" font-family="system-ui, sans-serif" font-size="12">`+"\n", width, height, width)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(x.Name+": "+plural(len(x.Transactions), "transaction")))
	b.WriteString("<defs>")
	for _, kind := range kindNames {
		if colour := edgeColours[kind]; colour != "" {
			fmt.Fprintf(&b, `<marker id="tip-%s" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="%s"/></marker>`, kind, colour)
		}
	}
	b.WriteString("</defs>\n")
	for i, place := range shown {
		x.drawBox(&b, h, i, place)
	}
	for i, e := range x.Edges {
		switch {
		case i == len(x.Edges)-1:
			x.drawBack(&b, e, len(shown))
		case i < len(shown)-1:
			drawDown(&b, e, i)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func boxTop(i int) int { return drawMargin + i*(boxHeight+boxGap) }

func (x *Anomaly) drawBox(b *strings.Builder, h *history.History, i, place int) {
	o := &h.Ops[place]
	top := boxTop(i)
	dash := ""
	if o.Outcome != history.OK {
		dash = ` stroke-dasharray="5 3"`
	}
	end := "to " + seconds(o.Return, 6)
	switch o.Outcome {
	case history.Info:
		end = "unknown outcome"
	case history.Fail:
		end += ", failed"
	}
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="5" fill="#fff" stroke="#444"%s/>`+"\n", drawMargin, top, boxWidth, boxHeight, dash)
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#111"><tspan font-weight="bold">T%d</tspan> process %d, %s %s</text>`+"\n",
		drawMargin+8, top+18, i+1, o.Process, seconds(o.Call, 6), html.EscapeString(end))
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#111" font-family="monospace">%s</text>`+"\n",
		drawMargin+8, top+36, html.EscapeString(shorten(steps(h, place), charsInBox)))
}

func drawDown(b *strings.Builder, e Edge, i int) {
	from, to, middle := boxTop(i)+boxHeight, boxTop(i+1), drawMargin+30
	fmt.Fprintf(b, `<path d="M%d %dV%d" stroke="%s" stroke-width="1.6" fill="none" marker-end="url(#tip-%s)"/>`+"\n", middle, from, to, edgeColours[e.Kind], e.Kind)
	label(b, e, middle+10, (from+to)/2+4)
}

// drawBack draws the edge from the last transaction to the first, round the right.
func (x *Anomaly) drawBack(b *strings.Builder, e Edge, boxes int) {
	right := drawMargin + boxWidth
	from, to := boxTop(boxes-1)+boxHeight/2, boxTop(0)+boxHeight/2
	fmt.Fprintf(b, `<path d="M%d %dC%d %d %d %d %d %d" stroke="%s" stroke-width="1.6" fill="none" marker-end="url(#tip-%s)"/>`+"\n",
		right, from, right+backWidth, from, right+backWidth, to, right, to, edgeColours[e.Kind], e.Kind)
	label(b, e, drawMargin+40, boxTop(boxes-1)+boxHeight+18)
}

func label(b *strings.Builder, e Edge, x, y int) {
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s"><tspan font-weight="bold">%s</tspan> %s</text>`+"\n",
		x, y, edgeColours[e.Kind], e.Kind, html.EscapeString(shorten(e.Why, charsOnEdge)))
}

func shorten(text string, most int) string {
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}

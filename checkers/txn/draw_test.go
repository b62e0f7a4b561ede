package txn

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func TestADrawingHasEveryTransactionAndEveryEdge(t *testing.T) {
	for _, p := range append(made(), published(t)...) {
		report := p.judge(p.history)
		for _, x := range report.Anomalies {
			svg := x.SVG(p.history)
			d := xml.NewDecoder(strings.NewReader(svg))
			boxes, arrows := 0, 0
			for {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err, svg)
				if start, ok := token.(xml.StartElement); ok {
					switch start.Name.Local {
					case "rect":
						boxes++
					case "path":
						for _, a := range start.Attr {
							if a.Name.Local == "marker-end" {
								arrows++
							}
						}
					}
				}
			}
			require.Equal(t, len(x.Transactions), boxes)
			require.Equal(t, len(x.Edges), arrows)
		}
	}
}

func TestADrawingEscapesWhatUsersWrote(t *testing.T) {
	b := small()
	b.Txn(0, history.OK, 0, 1, history.Lists("<script>", b.String("</svg>&")))
	h := b.History()
	report := plant{}.judge(h)
	require.NotContains(t, report.Anomalies[0].SVG(h), "<script>")
}

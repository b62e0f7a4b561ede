package model

import (
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// mostFirst bounds how many texts may have been there at first.
const mostFirst = 32

// firstTexts lists texts of which one was there at first, as far as it matters, where
// nobody knows: the key is legal if and only if it is with one of them. They are not
// known where there are too many.
//
// What was there is seen by nobody who called after a put, or a read that was told
// something, had returned: the put had replaced it, and the read had seen it too, or
// what replaced it. A read that sees it is told it and then what was appended since. So
// it is what such an early read was told without the texts of some appends at its
// end, each called before the read returned. Where there is no early read, or none
// sees it, any text will do.
func firstTexts(o *Object) (first []string, known bool) {
	if !o.Anything {
		return []string{kvText(o.H, o.First)}, true
	}
	until := history.Open
	for i := range o.Ops {
		op := o.Op(i)
		if op.Known() && (op.Kind == history.Write || op.Kind == history.Read && op.Result != history.None) {
			until = min(until, op.Return)
		}
	}
	for i := range o.Ops {
		op := o.Op(i)
		if op.Call > until {
			break
		}
		if op.Kind != history.Read || !op.Known() || op.Result == history.None {
			continue
		}
		first = o.withoutAppends(kvText(o.H, op.Result), op.Return, first)
		slices.Sort(first)
		if first = slices.Compact(first); len(first) > mostFirst {
			return nil, false
		}
	}
	if len(first) == 0 {
		first = []string{""}
	}
	return first, true
}

// withoutAppends adds to texts what a text was before appends that were called up to
// an instant, whichever.
func (o *Object) withoutAppends(text string, until int64, to []string) []string {
	var seen []string
	for open := []string{text}; len(open) > 0 && len(seen) <= mostFirst; {
		text, open = open[len(open)-1], open[:len(open)-1]
		if slices.Contains(seen, text) {
			continue
		}
		seen = append(seen, text)
		for i := range o.Ops {
			op := o.Op(i)
			if op.Call > until {
				break
			}
			if piece := kvText(o.H, op.Value); op.Kind == history.Append && piece != "" && strings.HasSuffix(text, piece) {
				open = append(open, strings.TrimSuffix(text, piece))
			}
		}
	}
	return append(to, seen...)
}

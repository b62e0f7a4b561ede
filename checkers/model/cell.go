package model

import (
	"html"
	"strconv"

	"github.com/anishathalye/porcupine"

	"github.com/seatrial/seatrial/harness/history"
)

// Input is what a client asked for.
type Input struct {
	Kind          history.Kind
	Value, Expect history.Value
}

// Output is what a client was told.
type Output struct {
	Outcome  history.Outcome
	Mismatch bool
	Result   history.Value
}

// Split returns the two halves of an operation.
func Split(op *history.Op) (Input, Output) {
	return Input{op.Kind, op.Value, op.Expect}, Output{op.Outcome, op.Mismatch, op.Result}
}

// Step says whether a cell that holds state may answer the input with the
// output, and what it holds afterwards. An unknown outcome is legal anywhere.
func Step(state history.Value, in Input, out Output) (legal bool, next history.Value) {
	switch in.Kind {
	case history.Read:
		return out.Outcome != history.OK || out.Result == history.None || out.Result == state, state
	case history.Write:
		return true, in.Value
	case history.CAS:
		return stepCAS(state, in, out)
	default:
		return false, state
	}
}

func stepCAS(state history.Value, in Input, out Output) (bool, history.Value) {
	same := state == in.Expect
	switch {
	case out.Outcome != history.OK && same:
		return true, in.Value
	case out.Outcome != history.OK:
		return true, state
	case out.Mismatch:
		return !same && (out.Result == history.None || out.Result == state), state
	default:
		return same, in.Value
	}
}

// Cell is porcupine's model of one cell that is read, written and swapped: the
// oracle in tests, and what pictures are drawn with. Inputs are of type [Input], outputs of
// type [Output], states of type history.Value. text says how a value is written;
// nil means as a number.
//
// Descriptions of states are escaped: porcupine's page puts them into innerHTML.
// Descriptions of operations are not: the page sets them as text.
func Cell(initial history.Value, text func(history.Value) string) porcupine.Model {
	if text == nil {
		text = plainText
	}
	return porcupine.Model{
		Init: func() any { return initial },
		Step: func(state, input, output any) (bool, any) {
			legal, next := Step(state.(history.Value), input.(Input), output.(Output))
			if next == state.(history.Value) {
				return legal, state // the same interface value: no allocation
			}
			return legal, next
		},
		Equal: func(a, b any) bool { return a.(history.Value) == b.(history.Value) },
		Hash:  func(state any) uint64 { return mix(uint64(state.(history.Value))) },
		DescribeOperation: func(input, output any) string {
			return describe(input.(Input), output.(Output), text)
		},
		DescribeState: func(state any) string { return html.EscapeString(text(state.(history.Value))) },
		DescribeOperationMetadata: func(metadata any) string {
			s, _ := metadata.(string)
			return html.EscapeString(s)
		},
	}
}

func describe(in Input, out Output, text func(history.Value) string) string {
	unknown := out.Outcome != history.OK
	s := in.Kind.String()
	switch in.Kind {
	case history.Read:
		if !unknown {
			s += " → " + text(out.Result)
		}
	case history.Write:
		s += " " + text(in.Value)
	case history.CAS:
		s += " " + text(in.Expect) + "→" + text(in.Value)
		switch {
		case out.Mismatch && out.Result != history.None:
			s += " refused, saw " + text(out.Result)
		case out.Mismatch:
			s += " refused"
		}
	}
	if unknown {
		s += " ?"
	}
	return s
}

func plainText(v history.Value) string {
	switch v {
	case history.None:
		return "?"
	case history.Nil:
		return "nil"
	default:
		return strconv.FormatInt(int64(v), 10)
	}
}

// mix is the finalizer of splitmix64: every bit of the state reaches every bit
// of the hash, which porcupine combines with another by exclusive or.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

package model

import (
	"fmt"

	"github.com/anishathalye/porcupine"

	"github.com/seatrial/seatrial/harness/history"
)

// Evidence reports whether an operation constrains what else may have happened:
// it is false for what failed, and for a read that nobody was told the result of.
func Evidence(op *history.Op) bool {
	switch {
	case op.Outcome == history.Fail:
		return false
	case op.Kind == history.Read:
		return op.Outcome == history.OK && op.Result != history.None
	default:
		return true
	}
}

// Operations returns the operations on one key as porcupine takes them, without
// those that are no [Evidence].
func Operations(h *history.History, key history.Key) []porcupine.Operation {
	var ops []history.Op
	for i := range h.Ops {
		if h.Ops[i].Key == key {
			ops = append(ops, h.Ops[i])
		}
	}
	return Convert(ops)
}

// Convert returns operations on one key as porcupine takes them, without those
// that are no [Evidence]. An operation whose outcome nobody knows returns one
// nanosecond after everything else, so that porcupine may take it at any time
// after its call, and last of all where it never happened.
func Convert(ops []history.Op) []porcupine.Operation {
	end := int64(0)
	for i := range ops {
		end = max(end, ops[i].Call)
		if ops[i].Return != history.Open {
			end = max(end, ops[i].Return)
		}
	}
	converted := make([]porcupine.Operation, 0, len(ops))
	for i := range ops {
		op := &ops[i]
		if !Evidence(op) {
			continue
		}
		in, out := Split(op)
		ret := op.Return
		if op.Outcome == history.Info || ret == history.Open {
			ret = end + 1
		}
		converted = append(converted, porcupine.Operation{
			ClientId: int(op.Process), Input: in, Output: out, Call: op.Call, Return: ret,
			Metadata: fmt.Sprintf("process %d, %v", op.Process, op.Outcome),
		})
	}
	return converted
}

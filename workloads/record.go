package workloads

import (
	"errors"

	"github.com/seatrial/seatrial/harness/history"
)

// Invoke records that a process begins an operation. It must be called before the
// request is sent.
func Invoke(record *history.Recorder, process int32, op Operation) {
	if op.Kind == history.Txn {
		record.InvokeTxn(process, op.Key, op.Steps)
		return
	}
	record.Invoke(process, op.Kind, op.Key, op.Value, op.Expect)
}

// Complete records how a process's operation ended, from what [Client.Do] returned,
// and returns the outcome.
func Complete(record *history.Recorder, process int32, op Operation, answer Answer, err error) history.Outcome {
	outcome := history.OK
	var garbage Garbage
	switch {
	case errors.As(err, &garbage):
		answer = answer.with(op, garbage.Step, record.Intern(garbage.Text))
	case IsNotDone(err):
		outcome = history.Fail
	case err != nil:
		outcome = history.Info
	}
	switch {
	case outcome != history.OK:
		record.Complete(process, op.Kind, outcome, history.None, false)
	case op.Kind == history.Txn:
		record.CompleteTxn(process, answer.Steps)
	case op.Kind.ReadsList():
		record.CompleteList(process, op.Kind, answer.List)
	default:
		record.Complete(process, op.Kind, outcome, answer.Result, answer.Mismatch)
	}
	return outcome
}

// with is the answer with what is no value in its place: the operation was
// answered, and no judge may miss with what.
func (a Answer) with(op Operation, step int, text history.Value) Answer {
	b := Answer{Result: text, Mismatch: op.Kind == history.CAS, List: append(a.List, text), Steps: a.Steps}
	if op.Kind == history.Txn {
		told := a.Steps[step]
		if elements, _ := told.Elements(); told.Kind() == history.ReadList {
			a.Steps[step] = history.Lists(told.Key(), append(elements, text)...)
		} else {
			a.Steps[step] = history.Reads(told.Key(), text)
		}
	}
	return b
}

// On is what the operation is on: its key, or that of a transaction's first step.
func (o Operation) On() string {
	if o.Kind == history.Txn && len(o.Steps) > 0 {
		return o.Steps[0].Key()
	}
	return o.Key
}

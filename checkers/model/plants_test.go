package model

import (
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// What is planted: each breaks one thing in the second half of a valid history.

// late finds an answered operation of the second half.
func late(h *history.History, fits func(op *history.Op) bool) *history.Op {
	for i := len(h.Ops) / 2; i < len(h.Ops); i++ {
		if op := &h.Ops[i]; op.Outcome == history.OK && fits(op) {
			return op
		}
	}
	panic("no such operation")
}

// lateAfter finds one that was called after another had returned.
func lateAfter(h *history.History, one *history.Op, fits func(op *history.Op) bool) *history.Op {
	return late(h, func(op *history.Op) bool { return op.Call > one.Return && fits(op) })
}

func of(kind history.Kind) func(op *history.Op) bool {
	return func(op *history.Op) bool { return op.Kind == kind }
}

// told finds operations whose answer says something.
func told(kind history.Kind) func(op *history.Op) bool {
	return func(op *history.Op) bool {
		return op.Kind == kind && !op.Mismatch && (op.Result != history.None && op.Result != history.Nil || op.Count > 0)
	}
}

// extra adds an operation of a process of its own.
func extra(h *history.History, op history.Op) {
	op.Process, op.Outcome = 1<<20, history.OK
	h.Ops = append(h.Ops, op)
	slices.SortStableFunc(h.Ops, byCall)
}

// Numbers.

func tooLow(by history.Value) func(h *history.History) {
	return func(h *history.History) { late(h, told(history.Read)).Result -= by }
}

func tooHigh(h *history.History) { late(h, told(history.Read)).Result += 1_000_000 }

// backwards has a read find less than one that had returned before it.
func backwards(h *history.History) {
	one := late(h, told(history.Read))
	lateAfter(h, one, told(history.Read)).Result = one.Result - 1
}

// lostAdd makes an acknowledged addition greater than what reads have of it.
func lostAdd(h *history.History) { late(h, of(history.Add)).Value += 5_000 }

// Registers.

// staleCell has a read find what it had been told was overwritten.
func staleCell(h *history.History) {
	const repeated = 2 // values up to here are written again
	one := late(h, func(op *history.Op) bool { return told(history.Read)(op) && op.Result > repeated })
	two := lateAfter(h, one, func(op *history.Op) bool { return told(history.Read)(op) && op.Result != one.Result })
	lateAfter(h, two, told(history.Read)).Result = one.Result
}

func garbage(h *history.History) { late(h, told(history.Read)).Result = 1 << 40 }

// Texts.

func staleText(h *history.History) {
	one := late(h, told(history.Read))
	two := lateAfter(h, one, func(op *history.Op) bool {
		return told(history.Read)(op) && op.Result != one.Result
	})
	lateAfter(h, two, told(history.Read)).Result = one.Result
}

func retell(h *history.History, op *history.Op, change func(pieces []string) []string) {
	pieces := strings.SplitAfter(strings.TrimSuffix(h.Text(op.Result), ">"), ">")
	text := strings.Join(change(pieces), "")
	if !strings.HasSuffix(text, ">") {
		text += ">"
	}
	h.Strings = append(h.Strings, text)
	op.Result = history.StringValue(len(h.Strings) - 1)
}

func longText(h *history.History) func(op *history.Op) bool {
	return func(op *history.Op) bool {
		return told(history.Read)(op) && strings.Count(h.Text(op.Result), ">") > 3
	}
}

func textTwice(h *history.History) {
	retell(h, late(h, longText(h)), func(pieces []string) []string { return append([]string{pieces[0], pieces[1]}, pieces[1:]...) })
}

func textSwapped(h *history.History) {
	retell(h, late(h, longText(h)), func(pieces []string) []string {
		pieces[1], pieces[2] = pieces[2], pieces[1]
		return pieces
	})
}

func textGarbage(h *history.History) {
	retell(h, late(h, longText(h)), func(pieces []string) []string { return slices.Insert(pieces, 1, "<nobody>") })
}

// lostText takes an acknowledged append out of all texts. It can't have been put over:
// it was called after the put had returned whose text a read after it still has.
func lostText(h *history.History) {
	brought := map[string]*history.Op{}
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Kind != history.Read && op.Outcome == history.OK {
			brought[h.Text(op.Value)] = op
		}
	}
	for i := len(h.Ops) / 2; i < len(h.Ops); i++ {
		r := &h.Ops[i]
		if !longText(h)(r) || r.Outcome != history.OK {
			continue
		}
		pieces := strings.SplitAfter(strings.TrimSuffix(h.Text(r.Result), ">"), ">")
		put := brought[pieces[0]]
		for _, piece := range pieces[1 : len(pieces)-1] {
			if x := brought[piece]; put != nil && x != nil && x.Call > put.Return && x.Return < r.Call {
				takeOut(h, piece)
				return
			}
		}
	}
	panic("no such append")
}

func takeOut(h *history.History, lost string) {
	for i := range h.Ops {
		if op := &h.Ops[i]; told(history.Read)(op) && op.Outcome == history.OK {
			if before, after, has := strings.Cut(h.Text(op.Result), lost); has {
				h.Strings = append(h.Strings, before+after)
				op.Result = history.StringValue(len(h.Strings) - 1)
			}
		}
	}
}

// Transactions.

// cut finds a transaction's step.
func step(h *history.History, op *history.Op, kind history.Kind, key int) *history.Micro {
	steps := h.Transaction(op)
	for i := range steps {
		if steps[i].Kind == kind && (key < 0 || int(steps[i].Key) == key) {
			return &steps[i]
		}
	}
	return nil
}

func readsOnly(h *history.History, op *history.Op, keys ...int) bool {
	for _, key := range keys {
		if step(h, op, history.Read, key) == nil {
			return false
		}
	}
	for _, m := range h.Transaction(op) {
		if m.Kind != history.Read {
			return false
		}
	}
	return true
}

// halfRead has a transaction see one write of another, and of the other key what was
// there before it.
func halfRead(h *history.History) {
	for i := len(h.Ops) / 2; i < len(h.Ops); i++ {
		w := &h.Ops[i]
		if w.Outcome != history.OK || step(h, w, history.Write, 0) == nil || step(h, w, history.Write, 1) == nil {
			continue
		}
		x := lastWrite(h, w, 0)
		for j := i; j < min(len(h.Ops), i+100); j++ {
			r := &h.Ops[j]
			if r.Outcome != history.OK || !readsOnly(h, r, 0, 1) || step(h, r, history.Read, 0).Value != x {
				continue
			}
			// What the other key held before: the latest that a transaction before saw.
			for k := i - 1; k > i-200; k-- {
				if b := &h.Ops[k]; b.Outcome == history.OK && b.Return < w.Call && step(h, b, history.Write, 1) != nil {
					setReads(h, r, 1, lastWrite(h, b, 1))
					return
				}
			}
		}
	}
	panic("no such transaction")
}

// halfReadMeanwhile does the same to one that is under way together with the other: each of
// the two keys alone can be explained.
func halfReadMeanwhile(h *history.History) {
	writes := func(op *history.Op, key int) bool {
		return op.Kind == history.Txn && op.Outcome == history.OK && step(h, op, history.Write, key) != nil
	}
	for i := len(h.Ops) / 2; i < len(h.Ops)-100; i++ {
		w := &h.Ops[i]
		if !writes(w, 0) || !writes(w, 1) {
			continue
		}
		near := h.Ops[i-200 : i+100]
		var old *history.Op // the last that had written the other key
		for k := range near {
			if b := &near[k]; writes(b, 1) && b.Return < w.Call && (old == nil || b.Return > old.Return) {
				old = b
			}
		}
		for j := range near {
			r := &near[j]
			if r.Outcome != history.OK || r.Kind != history.Txn || r.Return < w.Call || r.Call > w.Return || !readsOnly(h, r, 0, 1) || step(h, r, history.Read, 0).Value != lastWrite(h, w, 0) {
				continue
			}
			if !slices.ContainsFunc(near, func(x history.Op) bool { return writes(&x, 1) && x.Call > old.Return && x.Return < r.Call }) {
				setReads(h, r, 1, lastWrite(h, old, 1))
				return
			}
		}
	}
	panic("no such transaction")
}

func lastWrite(h *history.History, op *history.Op, key int) history.Value {
	v := history.None
	for _, m := range h.Transaction(op) {
		if m.Kind == history.Write && int(m.Key) == key {
			v = m.Value
		}
	}
	return v
}

func setReads(h *history.History, op *history.Op, key int, v history.Value) {
	steps := h.Transaction(op)
	for i := range steps {
		if steps[i].Kind == history.Read && int(steps[i].Key) == key {
			steps[i].Value = v
		}
	}
}

func txnGarbage(h *history.History) {
	op := late(h, func(op *history.Op) bool {
		return op.Kind == history.Txn && step(h, op, history.Read, -1) != nil && step(h, op, history.Write, -1) == nil
	})
	step(h, op, history.Read, -1).Value = 1 << 40
}

// staleTxn has a transaction read what had been overwritten before it began.
func staleTxn(h *history.History) {
	one := late(h, func(op *history.Op) bool { return op.Kind == history.Txn && step(h, op, history.Write, 0) != nil })
	two := lateAfter(h, one, func(op *history.Op) bool { return op.Kind == history.Txn && step(h, op, history.Write, 0) != nil })
	three := lateAfter(h, two, func(op *history.Op) bool { return op.Kind == history.Txn && readsOnly(h, op, 0) })
	setReads(h, three, 0, lastWrite(h, one, 0))
}

// Lists and sets.

func retold(h *history.History, op *history.Op, list []history.Value) {
	op.Offset, op.Count = uint32(len(h.Elements)), uint32(len(list))
	h.Elements = append(h.Elements, list...)
}

func swapped(h *history.History) {
	list := h.List(late(h, told(history.ReadList)))
	n := len(list)
	list[n-5], list[n-4] = list[n-4], list[n-5]
}

func twice(h *history.History) {
	op := late(h, told(history.ReadList))
	list := slices.Clone(h.List(op))
	retold(h, op, append(list, list[len(list)-2]))
}

func missingOnce(h *history.History) {
	op := late(h, told(history.ReadList))
	list := slices.Clone(h.List(op))
	retold(h, op, slices.Delete(list, 5, 6))
}

func listGarbage(h *history.History) {
	op := late(h, told(history.ReadList))
	retold(h, op, append(slices.Clone(h.List(op)), 1<<40))
}

// staleList has a read be told what another one was told long before.
func staleList(h *history.History) {
	one := late(h, told(history.ReadList))
	two := lateAfter(h, one, told(history.ReadList))
	three := lateAfter(h, two, told(history.ReadList))
	three.Offset, three.Count = one.Offset, one.Count
}

// lostElement takes an acknowledged element out of all lists.
func lostElement(h *history.History) {
	lost := late(h, of(history.Append)).Value
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.ReadsList() || op.Outcome != history.OK {
			continue
		}
		if at := slices.Index(h.List(op), lost); at >= 0 {
			copy(h.List(op)[at:], h.List(op)[at+1:])
			op.Count--
		}
	}
}

// early has a read be told of an element that is appended later only.
func early(h *history.History) {
	op := late(h, told(history.ReadList))
	later := lateAfter(h, op, of(history.Append))
	retold(h, op, append(slices.Clone(h.List(op)), later.Value))
}

// Queues.

func dequeuedTwice(h *history.History) {
	one := late(h, told(history.Dequeue))
	lateAfter(h, one, told(history.Dequeue)).Result = one.Result
}

func dequeuedOutOfOrder(h *history.History) {
	one := late(h, told(history.Dequeue))
	two := lateAfter(h, one, func(op *history.Op) bool { return told(history.Dequeue)(op) && op.Call > one.Return+2_000_000 })
	one.Result, two.Result = two.Result, one.Result
}

// Locks.

// grantedTwice grants a lock to somebody else while the holder's call to give it
// back is still to come.
func grantedTwice(h *history.History) {
	other := heldLock(h)
	if other.Result.IsInt() {
		other.Result++
	}
	extra(h, other)
}

// heldLock finds an acquisition, and returns it as of right after it was answered: nobody
// may have given the lock back by then.
func heldLock(h *history.History) history.Op {
	for i := len(h.Ops) / 2; i < len(h.Ops); i++ {
		one := h.Ops[i]
		near := h.Ops[max(0, i-500):min(len(h.Ops), i+500)]
		released := slices.ContainsFunc(near, func(op history.Op) bool {
			return op.Kind == history.Release && op.Outcome != history.Fail && op.Call <= one.Return+2 && op.Return >= one.Call &&
				(op.Process == one.Process || !one.Result.IsInt()) // with a token, only its holder gives it back
		})
		if one.Kind == history.Acquire && one.Outcome == history.OK && !released {
			one.Call, one.Return = one.Return+1, one.Return+2
			return one
		}
	}
	panic("no such lock")
}

// forgetReleases makes releases whose outcome nobody knew failures: any of them would
// excuse what is planted in a lock that does not know its holder.
func forgetReleases(plant func(h *history.History)) func(h *history.History) {
	return func(h *history.History) {
		for i := range h.Ops {
			if op := &h.Ops[i]; op.Kind == history.Release && op.Outcome == history.Info {
				op.Outcome, op.Return = history.Fail, op.Call
			}
		}
		plant(h)
	}
}

func releasedByAnother(h *history.History) {
	one := heldLock(h)
	one.Kind, one.Result = history.Release, history.None
	extra(h, one)
}

func tokenTooLow(h *history.History) { late(h, told(history.Acquire)).Result -= 3 }

func writtenWithOldToken(h *history.History) {
	one := late(h, func(op *history.Op) bool { return op.Kind == history.Write })
	lateAfter(h, one, func(op *history.Op) bool { return op.Kind == history.Write }).Expect = one.Expect - 1
}

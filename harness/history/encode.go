package history

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
)

// Encode writes a history as a file that [Decode] reads back to the same, up to
// the numbers of keys and strings. Events are in the order of their times. An
// operation whose outcome nobody knows has no completion in it: when its client
// gave up is not kept in memory. A history that is not valid is not written; see
// [History.Validate].
func Encode(w io.Writer, h *History) error {
	if err := h.Validate(); err != nil {
		return fmt.Errorf("write a history: %w", err)
	}
	header, err := prepareHeader(h.Header)
	if err != nil {
		return fmt.Errorf("write a history: %w", err)
	}
	first, err := appendHeader(nil, header)
	if err != nil {
		return err
	}
	e := encoder{history: h, out: bufio.NewWriterSize(w, 64<<10), rare: rareLines(h)}
	for _, s := range h.Strings {
		e.lines.addString(s)
	}
	e.out.Write(first) // a bufio.Writer keeps its error for Flush
	e.operations()
	e.rareUntil(Open)
	if err := e.out.Flush(); err != nil {
		return fmt.Errorf("write a history: %w", err)
	}
	return nil
}

type encoder struct {
	history *History
	out     *bufio.Writer
	lines   lines
	rare    []rareLine
	line    []byte
}

// rareLine is an event that belongs to no operation.
type rareLine struct {
	time int64
	text []byte
}

func rareLines(h *History) []rareLine {
	var rare []rareLine
	for _, s := range h.Sessions {
		rare = append(rare, rareLine{s.Time, appendSession(nil, s)})
	}
	for _, f := range h.Faults {
		rare = append(rare, rareLine{f.Time, appendFault(nil, f)})
	}
	for _, m := range h.Marks {
		rare = append(rare, rareLine{m.Time, appendMark(nil, m)})
	}
	slices.SortStableFunc(rare, func(a, b rareLine) int { return cmp.Compare(a.time, b.time) })
	return rare
}

// operations merges calls with returns. Among events of one instant those of an
// earlier operation come first, and a call before its return: so a process that
// returns and calls again at once is seen to do it in that order.
func (e *encoder) operations() {
	ops := e.history.Ops
	returns := make([]int32, 0, len(ops))
	for i := range ops {
		if ops[i].Outcome != Info {
			returns = append(returns, int32(i))
		}
	}
	slices.SortFunc(returns, func(a, b int32) int {
		if by := cmp.Compare(ops[a].Return, ops[b].Return); by != 0 {
			return by
		}
		return cmp.Compare(a, b)
	})
	for i := range ops {
		for len(returns) > 0 {
			before := &ops[returns[0]]
			if before.Return > ops[i].Call || before.Return == ops[i].Call && int(returns[0]) >= i {
				break
			}
			e.end(before)
			returns = returns[1:]
		}
		e.begin(&ops[i])
	}
	for _, i := range returns {
		e.end(&ops[i])
	}
}

func (e *encoder) begin(o *Op) {
	e.rareUntil(o.Call)
	if key := e.history.Keys[o.Key]; o.Kind == Txn {
		e.line = e.steps(beginTxn(e.line[:0], o.Call, o.Process, key), o, false)
	} else {
		e.line = e.lines.call(e.line[:0], o.Call, o.Process, o.Kind, key, o.Value, o.Expect)
	}
	e.out.Write(e.line)
}

func (e *encoder) end(o *Op) {
	e.rareUntil(o.Return)
	switch {
	case o.Kind == Txn && o.Outcome == OK:
		e.line = e.steps(beginAnswer(e.line[:0], o.Return, o.Process), o, true)
	case o.ReadsList() && o.Outcome == OK:
		e.line = e.lines.list(e.line[:0], o.Return, o.Process, e.history.List(o))
	default:
		e.line = e.lines.completion(e.line[:0], o.Return, o.Process, o.Outcome, o.Result, o.Mismatch)
	}
	e.out.Write(e.line)
}

// steps appends the steps of a transaction: as they were answered, or as they were
// asked, before a read was told anything.
func (e *encoder) steps(b []byte, o *Op, answered bool) []byte {
	h := e.history
	for i := range h.Transaction(o) {
		m := &h.Transaction(o)[i]
		step := Step{kind: m.Kind, key: h.Keys[m.Key], value: m.Value}
		if m.Kind == Read && !answered {
			step.value = None
		}
		if step.listed = m.Listed && answered; step.listed {
			step.elements = h.MicroList(m)
		}
		b = e.lines.step(b, i == 0, &step)
	}
	return endSteps(b)
}

// rareUntil writes what is not later than an instant.
func (e *encoder) rareUntil(time int64) {
	for len(e.rare) > 0 && e.rare[0].time <= time {
		e.out.Write(e.rare[0].text)
		e.rare = e.rare[1:]
	}
}

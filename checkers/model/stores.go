package model

import (
	"slices"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Text is the state of a [KV].
type Text struct {
	Text string
	// Since says that nobody knows what was there at first, and that no read has
	// told: Text is what was appended since.
	Since bool

	elsewhere bool // a text that none that was read begins with
}

// KV is a key of a store of texts, as of porcupine's example and of the labs that it
// was made for: [history.Write] puts, [history.Append] adds text at the end, and
// [history.Read] is told the whole text. Integers are texts too, in decimals. A
// key that is absent ([history.Nil]) holds the empty text: a read that finds nothing
// may be told either.
func KV() Spec[Text] {
	return Spec[Text]{
		Name:   "kv",
		Kinds:  []history.Kind{history.Read, history.Write, history.Append},
		Always: putsAlways,
		Fresh:  freshKV,
	}
}

func freshKV(o *Object) Spec[Text] {
	s := KV()
	s.Initial = func(o *Object) []Text {
		if o.Anything {
			return []Text{{Since: true}}
		}
		return []Text{{Text: kvText(o.H, o.First)}}
	}
	s.Step = stepKV
	// The first read of what nobody knew makes it known: it is no observer.
	unknown := o.Anything
	s.Observes = func(op Op) bool { return op.Kind == history.Read && !unknown }
	s.Bytes = func(state Text) int64 { return int64(len(state.Text)) }
	s.Describe = func(_ *Object, state Text) string {
		if state.elsewhere {
			return "another text than any that was read"
		}
		if state.Since {
			return "what it was at first and " + strconv.Quote(state.Text)
		}
		return strconv.Quote(state.Text)
	}
	s.Reduce = reduceKV
	return s
}

func stepKV(state Text, op Op) (Text, bool) {
	switch {
	case op.Kind == history.Write:
		return Text{Text: kvText(op.h, op.Value)}, true
	case op.Kind == history.Append:
		return Text{Text: state.Text + kvText(op.h, op.Value), Since: state.Since}, true
	case !op.Known() || op.Result == history.None:
		return state, true
	case state.Since:
		text := kvText(op.h, op.Result)
		return Text{Text: text}, strings.HasSuffix(text, state.Text)
	}
	return state, sameText(op.h, op.Result, state.Text)
}

func kvText(h *history.History, v history.Value) string {
	if v == history.Nil {
		return ""
	}
	return h.Text(v)
}

func sameText(h *history.History, v history.Value, text string) bool {
	if v.IsInt() {
		var room [24]byte
		return string(strconv.AppendInt(room[:0], int64(v), 10)) == text
	}
	return kvText(h, v) == text
}

// MultiRegister is a store of several registers, on which transactions of reads and
// writes take effect at one instant; single reads and writes are transactions of
// one. All keys of the history are one object.
func MultiRegister() Spec[int32] {
	return Spec[int32]{
		Name:   "multi-register",
		Kinds:  []history.Kind{history.Txn, history.Read, history.Write},
		Whole:  true,
		Fresh:  freshMulti,
		refute: refuteMulti,
	}
}

// cellsTable is the table of a multi-register's states: by key, the number of the
// value that it holds, 0 for what it held at first.
type cellsTable struct {
	first    history.Value
	anything bool
	values   *valuetable.Table // a value's number in a state is one more than here
	vectors  *vectors
}

func freshMulti(o *Object) Spec[int32] {
	c := &cellsTable{first: o.First, anything: o.Anything, values: valuetable.New(len(o.Ops)), vectors: newVectors(len(o.H.Keys))}
	s := MultiRegister()
	s.Initial = func(*Object) []int32 { return []int32{0} }
	s.Step = c.step
	s.Commute = commuteMulti
	s.Reduce = func(s *Spec[int32], o *Object) *Object { return reduceMulti(s, o, c) }
	s.Held = func() int64 { return c.values.Held() + c.vectors.size() }
	s.Describe = c.describe
	// The first read of what nobody knew makes it known: it is no observer.
	s.Observes = func(op Op) bool { return !c.anything && onlyReads(op) }
	return s
}

func onlyReads(op Op) bool {
	if op.Kind != history.Txn {
		return op.Kind == history.Read
	}
	return !slices.ContainsFunc(op.Transaction(), func(m history.Micro) bool { return m.Kind != history.Read })
}

// begin is the state at first: a register of which several values are possible holds
// what nobody knows.
func (c *cellsTable) begin(first firstCells) int32 {
	state := int32(0)
	if !c.anything {
		return state
	}
	for key, values := range first.values {
		if len(values) == 1 {
			state = c.write(state, int32(key), values[0])
		}
	}
	return state
}

func (c *cellsTable) step(state int32, op Op) (int32, bool) {
	switch op.Kind {
	case history.Read:
		return c.read(state, int32(op.Key), op.Result)
	case history.Write:
		return c.write(state, int32(op.Key), op.Value), true
	}
	for _, m := range op.Transaction() {
		ok := true
		switch m.Kind {
		case history.Write:
			state = c.write(state, int32(m.Key), m.Value)
		case history.Read:
			if op.Known() {
				state, ok = c.read(state, int32(m.Key), m.Value)
			}
		default:
			ok = false
		}
		if !ok {
			return state, false
		}
	}
	return state, true
}

// number is what a state has for a value. What was held at first and is known has
// one number, whether it was ever written or not.
func (c *cellsTable) number(v history.Value) int32 {
	if !c.anything && v == c.first {
		return 0
	}
	n, _ := c.values.At(v)
	return n + 1
}

func (c *cellsTable) write(state, key int32, v history.Value) int32 {
	return c.vectors.set(state, key, c.number(v))
}

func (c *cellsTable) read(state, key int32, v history.Value) (int32, bool) {
	if v == history.None {
		return state, true
	}
	have := c.vectors.get(state, key)
	if have == 0 && c.anything {
		return c.write(state, key, v), true
	}
	return state, have == c.number(v)
}

func (c *cellsTable) describe(o *Object, state int32) string {
	const most = 8
	var words []string
	c.vectors.each(state, func(key, n int32) bool {
		words = append(words, o.H.KeyName(history.Key(key))+" = "+o.H.Text(c.values.All()[n-1]))
		return len(words) <= most
	})
	if len(words) > most {
		words[most] = "…"
	}
	if len(words) == 0 {
		return "as it was at first"
	}
	return strings.Join(words, ", ")
}

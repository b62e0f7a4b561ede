package edn

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// Export writes a history as Jepsen's EDN, one map a line, for a second opinion by
// Knossos, Elle or Jepsen's checkers. The words are those of the header's model
// where that is one of [Models]; otherwise they are chosen by the kinds of the
// operations. The package's documentation lists what Jepsen has no words for, and
// what becomes of it. A history that is not valid is not written, and neither is
// one with an operation that has no counterpart: an addition in a transaction that
// is no transfer between two accounts.
func Export(w io.Writer, h *history.History) error {
	if err := h.Validate(); err != nil {
		return fmt.Errorf("export as EDN: %w", err)
	}
	x := &exporter{h: h, out: bufio.NewWriterSize(w, 64<<10), p: &parser{}, texts: make([][]byte, len(h.Strings))}
	x.model, _ = modelOf(h.Header.Model)
	x.survey()
	if err := x.events(); err != nil {
		return fmt.Errorf("export as EDN: %w", err)
	}
	if err := x.out.Flush(); err != nil {
		return fmt.Errorf("export as EDN: %w", err)
	}
	return nil
}

type exporter struct {
	h     *history.History
	out   *bufio.Writer
	model *model // nil where it is none of Jepsen's
	p     *parser
	texts [][]byte // of strings, as EDN, as far as they were needed
	b     []byte
	index int
	// pairs says that values are [k v], as there are several keys.
	pairs bool
	// nilCounts says that a nil that was read means an absent key, so that it can't
	// stand for an answer that nobody has; nilSteps says so of transactions.
	nilCounts, nilSteps bool
	// ordered says that lists are written as transactions of list-append.
	ordered bool
	// asked are the operations of each process that wait for their return to be written.
	asked map[int32]int32
}

// survey looks at what decides how everything is written.
func (x *exporter) survey() {
	x.asked = map[int32]int32{}
	x.pairs = x.model != nil && x.model.keyed
	x.ordered = x.model == nil || !x.model.has(add)
	x.nilCounts = x.model != nil && !x.model.wild
	x.nilSteps = x.model == nil || !x.model.wild // to Elle, nil is the initial version
	for i := range x.h.Ops {
		o := &x.h.Ops[i]
		if o.Kind != history.Txn {
			x.nilCounts = x.nilCounts || o.Kind == history.Read && o.Result == history.Nil
			continue
		}
		for j := range x.h.Transaction(o) {
			m := &x.h.Transaction(o)[j]
			x.nilSteps = x.nilSteps || m.Kind == history.Read && m.Value == history.Nil
		}
	}
	first := history.Key(-1)
	for i := range x.h.Ops {
		o := &x.h.Ops[i]
		if o.Kind == history.Txn || x.skipped(o) {
			continue
		}
		x.pairs = x.pairs || first >= 0 && o.Key != first
		first = o.Key
	}
}

func (m *model) has(act action) bool {
	return slices.ContainsFunc(m.functions, func(f function) bool { return f.act == act })
}

// skipped reports whether an operation says nothing that Jepsen has a word for:
// what a node's own copy holds, and a read that nobody was told the answer of
// where nil would be taken for one.
func (x *exporter) skipped(o *history.Op) bool {
	return o.Kind == history.ReadLocal || o.Kind == history.Read && o.Outcome == history.OK && o.Result == history.None && x.nilCounts
}

// events merges calls with returns, faults and marks. At one instant, calls come
// before returns: the two operations are concurrent. Only where a process returns
// and calls at once does its return come first.
func (x *exporter) events() error {
	ops := x.h.Ops
	returns := make([]int32, 0, len(ops))
	for i := range ops {
		if ops[i].Outcome != history.Info && !x.skipped(&ops[i]) {
			returns = append(returns, int32(i))
		}
	}
	slices.SortFunc(returns, func(a, b int32) int {
		return cmp.Or(cmp.Compare(ops[a].Return, ops[b].Return), cmp.Compare(a, b))
	})
	rare := x.rare()
	written := make([]bool, len(ops))
	end := func(i int32) error {
		if written[i] {
			return nil
		}
		written[i] = true
		delete(x.asked, ops[i].Process)
		return x.end(&ops[i], ops[i].Return)
	}
	last := int64(0)
	for i := range ops {
		o := &ops[i]
		for len(returns) > 0 && ops[returns[0]].Return < o.Call {
			rare = x.rareUntil(rare, ops[returns[0]].Return)
			if err := end(returns[0]); err != nil {
				return err
			}
			returns = returns[1:]
		}
		rare = x.rareUntil(rare, o.Call)
		if x.skipped(o) {
			continue
		}
		if before, busy := x.asked[o.Process]; busy {
			if err := end(before); err != nil {
				return err
			}
		}
		x.asked[o.Process] = int32(i)
		if err := x.operation("invoke", o, o.Call); err != nil {
			return err
		}
		last = max(last, o.Call)
	}
	for _, i := range returns {
		rare = x.rareUntil(rare, ops[i].Return)
		if err := end(i); err != nil {
			return err
		}
		last = max(last, ops[i].Return)
	}
	x.rareUntil(rare, history.Open)
	return x.crashed(last)
}

// crashed ends operations whose outcome nobody knows, after all others: Elle wants
// to be told that they have no answer, and when makes no difference.
func (x *exporter) crashed(now int64) error {
	for i := range x.h.Ops {
		if o := &x.h.Ops[i]; o.Outcome == history.Info && !x.skipped(o) {
			if err := x.operation("info", o, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// end writes a completion. What was answered with no is a failure to Jepsen: a
// compare-and-set that found another value, a dequeue that found the queue empty.
func (x *exporter) end(o *history.Op, time int64) error {
	switch {
	case o.Outcome == history.Fail, o.Mismatch, o.Kind == history.Dequeue && o.Result == history.Nil:
		return x.operation("fail", o, time)
	}
	return x.operation("ok", o, time)
}

// operation writes one event of an operation.
func (x *exporter) operation(step string, o *history.Op, time int64) error {
	answered := step == "ok"
	x.b = append(x.b[:0], "{:index "...)
	x.b = strconv.AppendInt(x.b, int64(x.index), 10)
	x.index++
	x.b = append(x.b, ", :time "...)
	x.b = strconv.AppendInt(x.b, time, 10)
	x.b = append(x.b, ", :process "...)
	x.b = strconv.AppendInt(x.b, int64(o.Process), 10)
	x.b = append(append(x.b, ", :type :"...), step...)
	if o.Kind == history.Txn {
		if problem := x.transaction(o, answered); problem != "" {
			return fmt.Errorf("the transaction of process %d at %d ns %s", o.Process, o.Call, problem)
		}
	} else {
		x.single(o, answered)
	}
	x.b = append(x.b, "}\n"...)
	x.out.Write(x.b) // a bufio.Writer keeps its error for Flush
	return nil
}

// function is what a model calls an action; otherwise is what others call it.
func (x *exporter) function(act action, otherwise string) {
	if x.model != nil {
		for _, f := range x.model.functions {
			if f.act == act {
				otherwise = f.name
				break
			}
		}
	}
	x.b = append(append(x.b, ", :f :"...), otherwise...)
}

// single writes the function and the value of an operation on one key.
func (x *exporter) single(o *history.Op, answered bool) {
	if x.ordered && (o.Kind == history.Append || o.Kind == history.ReadList) {
		x.listAppend(o, answered)
		return
	}
	switch o.Kind {
	case history.Read:
		x.function(read, "read")
	case history.Write:
		x.function(write, "write")
	case history.CAS:
		x.function(swap, "cas")
	case history.Append:
		x.function(add, "add")
	case history.ReadList:
		x.function(list, "read")
	default:
		x.b = append(append(x.b, ", :f :"...), o.Kind.String()...)
	}
	if answered && o.Result == history.None && (o.Kind == history.Dequeue || o.Kind == history.Generate) {
		return // it got something: nil would be nothing
	}
	x.b = append(x.b, ", :value "...)
	if x.pairs {
		x.b = append(x.b, '[')
		x.key(o.Key)
		x.b = append(x.b, ' ')
	}
	x.argument(o, answered)
	if x.pairs {
		x.b = append(x.b, ']')
	}
}

func (x *exporter) argument(o *history.Op, answered bool) {
	switch {
	case o.Kind == history.CAS:
		x.b = append(x.b, '[')
		x.value(o.Expect)
		x.b = append(x.b, ' ')
		x.value(o.Value)
		x.b = append(x.b, ']')
	case o.Value != history.None:
		x.value(o.Value)
	case !answered:
		x.b = append(x.b, "nil"...)
	case o.ReadsList():
		x.list(x.h.List(o))
	case o.Kind == history.Acquire && o.Result != history.None:
		x.b = append(x.b, "{:fence "...)
		x.value(o.Result)
		x.b = append(x.b, '}')
	default:
		x.value(o.Result)
	}
}

// listAppend writes an operation on a list as a transaction of one step, which is
// what Elle reads.
func (x *exporter) listAppend(o *history.Op, answered bool) {
	x.b = append(x.b, ", :f :txn, :value [["...)
	if o.Kind == history.Append {
		x.b = append(x.b, ":append "...)
		x.key(o.Key)
		x.b = append(x.b, ' ')
		x.value(o.Value)
	} else {
		x.b = append(x.b, ":r "...)
		x.key(o.Key)
		x.b = append(x.b, ' ')
		if answered {
			x.list(x.h.List(o))
		} else {
			x.b = append(x.b, "nil"...)
		}
	}
	x.b = append(x.b, "]]"...)
}

func (x *exporter) list(elements []history.Value) {
	x.b = append(x.b, '[')
	for i, v := range elements {
		if i > 0 {
			x.b = append(x.b, ' ')
		}
		x.value(v)
	}
	x.b = append(x.b, ']')
}

// value writes a value; what nobody was told is nil.
func (x *exporter) value(v history.Value) {
	switch {
	case v.IsInt():
		x.b = strconv.AppendInt(x.b, int64(v), 10)
	case !v.IsString():
		x.b = append(x.b, "nil"...)
	default:
		i := v - history.StringValue(0)
		if x.texts[i] == nil {
			x.texts[i] = x.p.written(nil, []byte(x.h.Strings[i]), false)
		}
		x.b = append(x.b, x.texts[i]...)
	}
}

func (x *exporter) key(k history.Key) {
	x.b = x.p.written(x.b, []byte(x.h.KeyName(k)), true)
}

// transaction writes the function and the value of a transaction. Where it can't,
// it says why.
func (x *exporter) transaction(o *history.Op, answered bool) (problem string) {
	micros := x.h.Transaction(o)
	if slices.ContainsFunc(micros, func(m history.Micro) bool { return m.Kind == history.Add }) {
		return x.transfer(micros)
	}
	if x.model != nil && x.model.has(balances) {
		return x.balances(micros, answered)
	}
	reading, writing := "r", "w"
	if x.model != nil && x.model.name == "multi-register" {
		reading, writing = "read", "write"
	}
	x.b = append(append(append(x.b, ", :f :"...), x.purpose(micros)...), ", :value ["...)
	first := true
	for i := range micros {
		m := &micros[i]
		name := reading
		switch m.Kind {
		case history.Write:
			name = writing
		case history.Append:
			name = "append"
		}
		reads := m.Kind == history.Read || m.Kind == history.ReadList
		told := m.Listed || m.Value != history.None
		if answered && reads && !told && (x.nilSteps || m.Kind == history.ReadList) {
			continue // nil would be an answer, and it had none
		}
		if !first {
			x.b = append(x.b, ' ')
		}
		first = false
		x.b = append(append(append(x.b, "[:"...), name...), ' ')
		x.key(m.Key)
		x.b = append(x.b, ' ')
		switch {
		case reads && !answered:
			x.b = append(x.b, "nil"...)
		case m.Listed:
			x.list(x.h.MicroList(m))
		default:
			x.value(m.Value)
		}
		x.b = append(x.b, ']')
	}
	x.b = append(x.b, ']')
	return ""
}

// purpose is the function of a transaction: the long-fork checker tells reads from
// writes by it.
func (x *exporter) purpose(micros []history.Micro) string {
	if x.model == nil || x.model.name != "long-fork" || len(micros) == 0 {
		return "txn"
	}
	reads := 0
	for i := range micros {
		if micros[i].Kind == history.Read {
			reads++
		}
	}
	switch reads {
	case len(micros):
		return "read"
	case 0:
		return "write"
	}
	return "txn"
}

// transfer writes two additions that add up to nothing as Jepsen's bank has them.
func (x *exporter) transfer(micros []history.Micro) (problem string) {
	if len(micros) != 2 || micros[0].Kind != history.Add || micros[1].Kind != history.Add || micros[0].Value != -micros[1].Value {
		return "adds to numbers, and Jepsen knows only transfers between two accounts"
	}
	x.b = append(x.b, ", :f :transfer, :value {:from "...)
	x.key(micros[0].Key)
	x.b = append(x.b, ", :to "...)
	x.key(micros[1].Key)
	x.b = append(x.b, ", :amount "...)
	x.value(micros[1].Value)
	x.b = append(x.b, '}')
	return ""
}

func (x *exporter) balances(micros []history.Micro, answered bool) (problem string) {
	if slices.ContainsFunc(micros, func(m history.Micro) bool { return m.Kind != history.Read }) {
		return "is neither a transfer nor a read of balances"
	}
	x.b = append(x.b, ", :f :read, :value "...)
	if !answered {
		x.b = append(x.b, "nil"...)
		return ""
	}
	x.b = append(x.b, '{')
	for i := range micros {
		m := &micros[i]
		if m.Value == history.None {
			continue
		}
		if x.b[len(x.b)-1] != '{' {
			x.b = append(x.b, ", "...)
		}
		x.key(m.Key)
		x.b = append(x.b, ' ')
		x.value(m.Value)
	}
	x.b = append(x.b, '}')
	return ""
}

// rareEvent is a fault or a mark.
type rareEvent struct {
	time      int64
	f, detail string
}

// rare lists what the nemesis did and what the harness noted, in the order of time.
func (x *exporter) rare() []rareEvent {
	var rare []rareEvent
	for _, f := range x.h.Faults {
		detail := f.Fault
		if f.Detail != "" {
			detail += ": " + f.Detail
		}
		rare = append(rare, rareEvent{f.Time, f.Phase, detail})
	}
	for _, m := range x.h.Marks {
		rare = append(rare, rareEvent{m.Time, strings.TrimPrefix(m.Name, nemesis+" "), m.Detail})
	}
	slices.SortStableFunc(rare, func(a, b rareEvent) int { return cmp.Compare(a.time, b.time) })
	return rare
}

// rareUntil writes what is not later than an instant, and returns the rest.
func (x *exporter) rareUntil(rare []rareEvent, time int64) []rareEvent {
	for len(rare) > 0 && rare[0].time <= time {
		r := rare[0]
		rare = rare[1:]
		x.b = append(x.b[:0], "{:index "...)
		x.b = strconv.AppendInt(x.b, int64(x.index), 10)
		x.index++
		x.b = append(x.b, ", :time "...)
		x.b = strconv.AppendInt(x.b, r.time, 10)
		x.b = append(x.b, ", :process :nemesis, :type :info, :f "...)
		x.b = x.keyword(x.b, r.f)
		x.b = append(x.b, ", :value "...)
		if r.detail == "" {
			x.b = append(x.b, "nil"...)
		} else {
			x.b = appendQuoted(x.b, []byte(r.detail))
		}
		x.b = append(x.b, "}\n"...)
		x.out.Write(x.b)
	}
	return rare
}

// keyword writes a name as a keyword, and as a string where it can't be one.
func (x *exporter) keyword(b []byte, name string) []byte {
	x.p.forms([]byte(":"+name), "", 1, 0)
	if name != "" && x.p.form(0) && x.p.pos == x.p.end {
		return append(append(b, ':'), name...)
	}
	return appendQuoted(b, []byte(name))
}

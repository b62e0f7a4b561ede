package history

import (
	"errors"
	"fmt"
)

// processState is what one process is doing.
type processState struct {
	last    int64 // the time of its last event
	op      int32 // one more than the index of the operation under way; 0 is none
	began   bool  // has had an event, so that last counts
	retired bool  // had an outcome that nobody knows
}

// processes finds the state of a process by its number. Numbers are handed out
// from zero, so nearly all are found by index.
type processes struct {
	dense  []processState
	sparse map[int32]*processState
}

const densest = 1 << 20

func (p *processes) at(process int32) *processState {
	if uint32(process) < uint32(len(p.dense)) {
		return &p.dense[process]
	}
	return p.add(process)
}

func (p *processes) add(process int32) *processState {
	if process >= 0 && process < densest {
		for int(process) >= len(p.dense) {
			p.dense = append(p.dense, processState{})
		}
		return &p.dense[process]
	}
	if p.sparse == nil {
		p.sparse = map[int32]*processState{}
	}
	if p.sparse[process] == nil {
		p.sparse[process] = &processState{}
	}
	return p.sparse[process]
}

// Validate checks what every reader of a history may rely on: operations are in
// the order of their calls, a process has one at a time and none after an
// outcome of Info, returns are not before calls, kinds, keys and values exist,
// and an operation has the values that its kind needs. What [Decode] returns is
// valid; a history made by other means may not be.
func (h *History) Validate() error {
	var running processes
	for i := range h.Ops {
		o := &h.Ops[i]
		if err := h.validateOp(o); err != nil {
			return fmt.Errorf("operation %d of process %d: %w", i, o.Process, err)
		}
		if i > 0 && o.Call < h.Ops[i-1].Call {
			return fmt.Errorf("operation %d is called at %d ns, before the one that precedes it: sort operations by their calls", i, o.Call)
		}
		state := running.at(o.Process)
		switch {
		case state.retired:
			return fmt.Errorf("operation %d: process %d has an operation after one with an unknown outcome: a process is retired then", i, o.Process)
		case state.began && o.Call < state.last:
			return fmt.Errorf("operation %d: process %d has two operations under way at %d ns", i, o.Process, o.Call)
		}
		state.began, state.last, state.retired = true, o.Return, o.Outcome == Info
	}
	for i, s := range h.Sessions {
		if s.Process < 0 {
			return fmt.Errorf("session %d is of process %d: a process number is not negative", i, s.Process)
		}
	}
	return nil
}

func (h *History) validateOp(o *Op) error {
	if problem := misfit(o.Kind, o.Value, o.Expect); problem != "" {
		return errors.New(problem)
	}
	if o.Key < 0 || int(o.Key) >= len(h.Keys) {
		return fmt.Errorf("key %d is not in the table of %d keys", o.Key, len(h.Keys))
	}
	for _, v := range [...]Value{o.Value, o.Expect, o.Result} {
		if v != None && !h.stands(v) {
			return fmt.Errorf("value %#x stands for nothing in the table of %d strings", int64(v), len(h.Strings))
		}
	}
	if o.Kind == Txn {
		if err := h.validateTransaction(o); err != nil {
			return err
		}
	} else if o.Count != 0 || o.Offset != 0 {
		if err := h.validateList(o); err != nil {
			return err
		}
	}
	switch {
	case o.Process < 0:
		return errors.New("a process number is not negative")
	case o.Outcome == Info && o.Return != Open:
		return fmt.Errorf("its outcome is info and it returned at %d ns: such an operation returns at Open", o.Return)
	case o.Outcome != Info && o.Return == Open:
		return fmt.Errorf("its outcome is %s and it never returned", o.Outcome)
	case o.Return < o.Call:
		return fmt.Errorf("it returned at %d ns, before its call at %d ns", o.Return, o.Call)
	}
	listed := (o.ReadsList() || o.Kind == Txn) && o.Outcome == OK
	if problem := misfitEnd(o.Kind, o.Outcome, o.Result, o.Mismatch, listed); problem != "" {
		return errors.New(problem)
	}
	return nil
}

// stands reports whether v is a value: one that can be written, read or held.
func (h *History) stands(v Value) bool {
	if v.IsString() {
		return int64(v-stringBase) < int64(len(h.Strings))
	}
	return v.IsInt() || v == Nil
}

// validateList checks an operation that points into the arena.
func (h *History) validateList(o *Op) error {
	switch {
	case !o.ReadsList() || o.Outcome != OK:
		return fmt.Errorf("it has elements, and only reads of lists and drains that were answered (%q) have", OK)
	case uint64(o.Offset)+uint64(o.Count) > uint64(len(h.Elements)):
		return fmt.Errorf("its elements %d to %d are not in the arena of %d", o.Offset, uint64(o.Offset)+uint64(o.Count), len(h.Elements))
	}
	for i, v := range h.List(o) {
		if !h.stands(v) {
			return fmt.Errorf("element %d of its list, %#x, stands for nothing in the table of %d strings", i, int64(v), len(h.Strings))
		}
	}
	return nil
}

// validateTransaction checks the micro-operations of a transaction.
func (h *History) validateTransaction(o *Op) error {
	if uint64(o.Offset)+uint64(o.Count) > uint64(len(h.Micros)) {
		return fmt.Errorf("its micro-operations %d to %d are not in the arena of %d", o.Offset, uint64(o.Offset)+uint64(o.Count), len(h.Micros))
	}
	answered := o.Outcome == OK
	steps := h.Transaction(o)
	for i := range steps {
		if h.plain(&steps[i], answered) {
			continue
		}
		if err := h.validateMicro(&steps[i], answered); err != nil {
			return fmt.Errorf("micro-operation %d: %w", i, err)
		}
	}
	return nil
}

// ofValues are the kinds of micro-operation that any integer is right for.
const ofValues = 1<<Read | 1<<Write | 1<<Append | 1<<Add

// plain reports whether a micro-operation is of an integer and certainly right, as
// nearly all are. The other answer says nothing. It asks what hardly ever differs from
// one to the next, so that the processor need not wait for one to go on with the next.
func (h *History) plain(m *Micro, answered bool) bool {
	return m.Value.IsInt() && uint(m.Key) < uint(len(h.Keys)) && ofValues>>m.Kind&1 != 0 &&
		(answered || m.Kind != Read) && !m.Listed && m.Offset|m.Count == 0
}

func (h *History) validateMicro(m *Micro, answered bool) error {
	if m.Key < 0 || int(m.Key) >= len(h.Keys) {
		return fmt.Errorf("key %d is not in the table of %d keys", m.Key, len(h.Keys))
	}
	if m.Value != None && !h.stands(m.Value) {
		return fmt.Errorf("value %#x stands for nothing in the table of %d strings", int64(m.Value), len(h.Strings))
	}
	if problem := misfitMicro(m, answered); problem != "" {
		return errors.New(problem)
	}
	if uint64(m.Offset)+uint64(m.Count) > uint64(len(h.Elements)) {
		return fmt.Errorf("its elements %d to %d are not in the arena of %d", m.Offset, uint64(m.Offset)+uint64(m.Count), len(h.Elements))
	}
	for i, v := range h.MicroList(m) {
		if !h.stands(v) {
			return fmt.Errorf("element %d of its list, %#x, stands for nothing in the table of %d strings", i, int64(v), len(h.Strings))
		}
	}
	return nil
}

// misfitMicro says what is wrong with a micro-operation, "" where nothing is;
// answered says that its transaction was.
func misfitMicro(m *Micro, answered bool) string {
	const silence = `a read is told nothing before its transaction is answered ("ok")`
	switch m.Kind {
	case Read:
		if m.Value != None && !answered {
			return silence
		}
	case Write, Append:
		if m.Value == None {
			return fmt.Sprintf("a micro-operation %q needs a value", m.Kind)
		}
	case Add:
		if !m.Value.IsInt() {
			return `a micro-operation "add" needs an integer`
		}
	case ReadList:
		if m.Value != None {
			return "a read of a list is told a list, and never a single value"
		}
		if m.Listed && !answered {
			return silence
		}
	default:
		return fmt.Sprintf("a transaction's micro-operations are %s, %s, %s, %s and %s, not %s", Read, Write, Append, ReadList, Add, m.Kind)
	}
	if !m.Listed && (m.Offset != 0 || m.Count != 0) || m.Listed && m.Kind != ReadList {
		return "only a read of a list that was answered has elements"
	}
	return ""
}

// misfit says what is wrong with the values of an invocation, "" where nothing is.
func misfit(kind Kind, value, expect Value) string {
	switch {
	case kind == KindUnknown || kind >= kindCount:
		return "the kind does not exist"
	case kind == Write && value == None:
		return `a write needs a value ("v")`
	case kind == Append && value == None:
		return `an append needs an element ("v")`
	case kind == Enqueue && value == None:
		return `an enqueue needs an element ("v")`
	case kind == Add && !value.IsInt():
		return `an add needs an amount ("v"), which is an integer`
	case kind == CAS && value == None:
		return `a compare-and-set needs a new value ("v")`
	case kind == CAS && expect == None:
		return `a compare-and-set needs an expected value ("x")`
	case kind == Txn && (value != None || expect != None):
		return `a transaction has steps ("v"), and no expected value ("x")`
	}
	return ""
}

// misfitEnd says what is wrong with a completion, "" where nothing is; listed says
// that its result is a list.
func misfitEnd(kind Kind, outcome Outcome, result Value, mismatch, listed bool) string {
	lists := kind.ReadsList()
	switch {
	case outcome > Fail:
		return "the outcome does not exist"
	case outcome == Info && (result != None || listed):
		return `an operation whose outcome nobody knows has no result ("r")`
	case mismatch && (kind != CAS || outcome != OK):
		return `only a compare-and-set that was answered ("ok") can have a mismatch`
	case listed && !lists && kind != Txn:
		return fmt.Sprintf(`only reads of lists, drains and transactions are told a list ("r"), and this is a %s`, kind)
	case listed && outcome != OK:
		return fmt.Sprintf(`only a %s that was answered ("ok") is told a list ("r"), and this one ended with %q`, kind, outcome)
	case lists && result != None:
		return fmt.Sprintf(`a %s is told a list ("r"), be it empty or of one element, and never a single value`, kind)
	case lists && outcome == OK && !listed:
		return fmt.Sprintf(`a %s that was answered ("ok") needs its elements ("r"), be it []`, kind)
	case kind == Txn && result != None:
		return `a transaction is told its steps ("r"), and never a single value`
	case kind == Txn && outcome == OK && !listed:
		return `a transaction that was answered ("ok") needs its steps ("r"), be it []`
	}
	return ""
}

package history

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// SchemaVersion is the version of the file format that this package writes.
const SchemaVersion = 1

// Kind is what an operation does.
type Kind uint8

// The kinds of operation.
const (
	KindUnknown Kind = iota
	Read
	Write
	// CAS is compare-and-set.
	CAS
	// Append adds one element to the end of a list, or to a set.
	Append
	// ReadList reads all elements of a list, as a client is served.
	ReadList
	// ReadLocal reads all elements of a list as the session's own node holds
	// them, whoever leads: it says what is where, and promises nothing.
	ReadLocal
	// Enqueue puts one element into a queue.
	Enqueue
	// Dequeue takes one element out of a queue: the result, or [Nil] where the
	// queue was found empty.
	Dequeue
	// Drain takes all elements out of a queue: the operation's list, in the order
	// in which they were taken.
	Drain
	// Add adds an amount, which may be negative, to a counter.
	Add
	// Generate asks for an identifier that nobody else is given.
	Generate
	// Acquire takes a lock. Its result is the fencing token that came with it,
	// [None] where none did.
	Acquire
	// Release gives a lock back.
	Release
	// Txn is a transaction of several micro-operations, which take effect together
	// or not at all; see [History.Transaction].
	Txn
	kindCount
)

var kindNames = [kindCount]string{
	"unknown", "read", "write", "cas", "append", "read-list", "read-local",
	"enqueue", "dequeue", "drain", "add", "generate", "acquire", "release", "txn",
}

// String is the name used in history files.
func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return "kind-" + strconv.Itoa(int(k))
}

// ParseKind is the inverse of [Kind.String].
func ParseKind(name string) (Kind, bool) {
	for k := Kind(1); k < kindCount; k++ {
		if kindNames[k] == name {
			return k, true
		}
	}
	return KindUnknown, false
}

// Kinds lists every kind that a history may hold.
func Kinds() []Kind {
	kinds := make([]Kind, 0, kindCount-1)
	for k := Kind(1); k < kindCount; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// ReadsList reports whether an operation of the kind is answered with a list of elements.
func (k Kind) ReadsList() bool { return k == ReadList || k == ReadLocal || k == Drain }

// Outcome is how an operation ended, as its client knows it.
type Outcome uint8

const (
	// Info means that nobody knows: it may have happened, may happen later, or never.
	Info Outcome = iota
	// OK means that it happened between its call and its return.
	OK
	// Fail means that it certainly did not happen and never will.
	Fail
)

// String is the name used in history files.
func (o Outcome) String() string {
	switch o {
	case OK:
		return "ok"
	case Fail:
		return "fail"
	default:
		return "info"
	}
}

// Value is what a key held, holds or is to hold: an integer, a string (by its
// number in the history's table), [Nil] or [None].
type Value int64

const (
	// None means that there is no such value: a read has nothing to write, or
	// the answer did not say what it saw.
	None Value = math.MinInt64
	// Nil means that the key is absent.
	Nil Value = math.MinInt64 + 1

	// MaxInt and MinInt bound the integers that a Value can hold.
	MaxInt = int64(1)<<62 - 1
	MinInt = -(int64(1) << 61)

	stringBase Value = 1 << 62
)

// Int returns the value of an integer, which must be within [MinInt] and [MaxInt].
func Int(n int64) Value {
	if n > MaxInt || n < MinInt {
		panic(fmt.Sprintf("history: integer %d does not fit into a Value", n))
	}
	return Value(n)
}

// IsInt reports whether v is an integer.
func (v Value) IsInt() bool { return int64(v) <= MaxInt && int64(v) >= MinInt }

// IsString reports whether v stands for a string in its history's table.
func (v Value) IsString() bool { return v >= stringBase }

// Key is the number of a key in its history's table; see [History.Keys].
type Key int32

// Open is the return time of an operation whose end nobody saw.
const Open = int64(math.MaxInt64)

// Op is one operation. It holds no pointers; an array of them costs 64 bytes each.
type Op struct {
	// Call and Return are nanoseconds since the run began. Return is [Open]
	// where the outcome is Info: the operation may take effect at any later time.
	Call, Return int64
	// Value is what a write or compare-and-set was to store, what was appended or
	// enqueued, and the amount that was added.
	Value Value
	// Expect is what a compare-and-set required. A write under a lock may have here
	// the fencing token that it carried; elsewhere it is [None].
	Expect Value
	// Result is what the client was told: the value read or dequeued, the value that
	// a mismatched compare-and-set saw, the identifier generated, the fencing token.
	Result Value
	// Key is what the operation is on. A transaction is on the keys of its
	// micro-operations; its own is that of the empty name, or names the group of
	// keys that it is confined to.
	Key Key
	// Process is the logical client; at most one operation of a process is under way.
	Process int32
	// Offset and Count name the operation's part of an arena: the elements that
	// a read of a list returned or a drain took, in [History.Elements]; the
	// micro-operations of a transaction, in [History.Micros]. Both are zero elsewhere.
	Offset, Count uint32
	Kind          Kind
	Outcome       Outcome
	// Mismatch is set on a compare-and-set that was answered (outcome OK) with
	// "the value was not the expected one". Such an operation is a read.
	Mismatch bool
}

// Swapped reports whether o is a compare-and-set that was told it took effect.
func (o *Op) Swapped() bool { return o.Kind == CAS && o.Outcome == OK && !o.Mismatch }

// ReadsList reports whether o is answered with a list of elements.
func (o *Op) ReadsList() bool { return o.Kind.ReadsList() }

// Micro is one step of a transaction. Its kind is [Read], [Write], [Append],
// [ReadList] or [Add].
type Micro struct {
	// Value is what a write, append or add was given, and what a read was told:
	// [None] where nobody was told, as in a transaction that is not [OK].
	Value Value
	Key   Key
	// Offset and Count are the elements that a [ReadList] was told, in
	// [History.Elements]; Listed says that it was told any list, be it empty.
	Offset, Count uint32
	Kind          Kind
	Listed        bool
}

// Header is the first line of a history file: what a judge needs to know.
type Header struct {
	// Schema is the version of the file format; see [SchemaVersion].
	Schema int `json:"seatrial"`
	// Run is the run's identifier.
	Run string `json:"run,omitempty"`
	// Scenario is the scenario's name, for instance "etcd/register/mixed".
	Scenario string `json:"scenario,omitempty"`
	// Seed is what the plan and the operations were drawn from.
	Seed uint64 `json:"seed"`
	// System and Version name what was tested; Options are its settings,
	// such as a defect that was switched on.
	System  string            `json:"system,omitempty"`
	Version string            `json:"version,omitempty"`
	Options map[string]string `json:"options,omitempty"`
	// Runtime is "pod" or "process".
	Runtime string   `json:"runtime,omitempty"`
	Nodes   []string `json:"nodes,omitempty"`
	// Clients is the number of slots.
	Clients int `json:"clients,omitempty"`
	// Model names the sequential specification, for instance "cas-register".
	Model string `json:"model,omitempty"`
	// Initial is what every key holds at first: null, an integer or a string.
	Initial any `json:"initial"`
	// InitialUnknown says that nobody knows what a key holds at first: a read of
	// what was never written may be of that. Initial is null then, and means nothing.
	InitialUnknown bool `json:"initial_unknown,omitempty"`
	// UniqueValues is the workload's promise that no value is written twice to a
	// key and that none equals the initial value.
	UniqueValues bool `json:"unique_values,omitempty"`
	// Started is the wall-clock time of instant zero, RFC 3339.
	Started string `json:"started,omitempty"`
	// Harness is the version of seatrial that recorded this.
	Harness string `json:"harness,omitempty"`
}

// Session says where a process sat.
type Session struct {
	Time    int64 // nanoseconds since the run began
	Process int32
	Slot    int32
	Group   string
	Node    string
}

// FaultEvent is one moment in the life of a fault.
type FaultEvent struct {
	Time int64 // nanoseconds since the run began
	// Step is the number of the plan's step.
	Step int
	// Phase is "planned", "injected", "bit" or "no-bite", "healed" or "failed"; "again"
	// for what a fault in force did once more; or "crashed", for a node.
	Phase string
	// Fault says what it is with its target as resolved, for instance "black-hole n2 | n1 n3".
	Fault string
	// Nodes are the nodes whose lanes the fault belongs on.
	Nodes []string
	// Detail is free text, such as the counters that prove the bite.
	Detail string
}

// Mark is a named instant of the run, such as "load", "heal", "healed", "recovered", "final".
type Mark struct {
	Time   int64 // nanoseconds since the run began
	Name   string
	Detail string
}

// History is a recorded run, in memory.
type History struct {
	Header Header
	// Ops are in the order of their calls.
	Ops []Op
	// Keys and Strings are the tables that [Key] and string [Value]s point into.
	Keys    []string
	Strings []string
	// Elements is the arena of what reads of lists returned; see [History.List].
	Elements []Value
	// Micros is the arena of the steps of transactions; see [History.Transaction].
	Micros   []Micro
	Sessions []Session
	Faults   []FaultEvent
	Marks    []Mark
	// Torn is the number of bytes of a torn end that were dropped by the reader.
	Torn int
}

// Text returns v as it would be written in a history file, without quotes.
func (h *History) Text(v Value) string {
	switch {
	case v == None:
		return "?"
	case v == Nil:
		return "nil"
	case v.IsString():
		return h.Strings[v-stringBase]
	default:
		return strconv.FormatInt(int64(v), 10)
	}
}

// List returns the elements that a read of a list returned, or that a drain took,
// in their order.
func (h *History) List(o *Op) []Value { return h.Elements[o.Offset : o.Offset+o.Count] }

// Transaction returns the micro-operations of a transaction, in their order: as
// it was answered where its outcome is [OK], and as it was asked otherwise.
func (h *History) Transaction(o *Op) []Micro { return h.Micros[o.Offset : o.Offset+o.Count] }

// MicroList returns the elements that a micro-operation's read of a list was told.
func (h *History) MicroList(m *Micro) []Value { return h.Elements[m.Offset : m.Offset+m.Count] }

// KeyName returns the name of k.
func (h *History) KeyName(k Key) string { return h.Keys[k] }

// Initial returns the header's initial value as a [Value], and [None] where the
// header holds something that can't be one. A string is added to the table unless
// it is there, as it is in a history that was read from a file.
func (h *History) Initial() Value {
	initial, err := normalInitial(h.Header.Initial)
	if err != nil {
		return None
	}
	switch x := initial.(type) {
	case string:
		return h.Intern(x)
	case int64:
		return Int(x)
	default:
		return Nil
	}
}

// InitialValue returns what every key held at first. Unlike [History.Initial] it
// leaves the history as it is, and it does not panic on numbers that no value can
// hold. A string that no operation has is a value beyond the table.
func (h *History) InitialValue() (Value, error) {
	integer := func(n int64) (Value, error) {
		if n < MinInt || n > MaxInt {
			return None, fmt.Errorf("the header's initial value %d is beyond what a value can hold", n)
		}
		return Int(n), nil
	}
	switch x := h.Header.Initial.(type) {
	case nil:
		return Nil, nil
	case int:
		return integer(int64(x))
	case int64:
		return integer(x)
	case float64:
		if x != math.Trunc(x) || math.Abs(x) > 1<<53 {
			return None, fmt.Errorf("the header's initial value %v is not an integer that JSON can carry exactly", x)
		}
		return integer(int64(x))
	case string:
		if i := slices.Index(h.Strings, x); i >= 0 {
			return StringValue(i), nil
		}
		return StringValue(len(h.Strings)), nil // no operation can have it
	default:
		return None, fmt.Errorf("the header's initial value %v is neither null, an integer nor a string", x)
	}
}

// Intern returns the Value of a string, adding it to the table if it is new.
// It is linear in the table's size: readers keep their own index.
func (h *History) Intern(s string) Value {
	for i, have := range h.Strings {
		if have == s {
			return StringValue(i)
		}
	}
	h.Strings = append(h.Strings, s)
	return StringValue(len(h.Strings) - 1)
}

// StringValue returns the Value of the string at the given place of the table.
func StringValue(index int) Value { return stringBase + Value(index) }

// Find returns the first mark with that name.
func (h *History) Find(mark string) (Mark, bool) {
	for _, m := range h.Marks {
		if m.Name == mark {
			return m, true
		}
	}
	return Mark{}, false
}

package history

import (
	"cmp"
	"slices"
)

// Builder makes a history in memory, for tests and examples. Its methods return
// the builder, so that calls can be chained:
//
//	h := history.NewBuilder(history.Header{Model: "register"}).
//		Write(1, "x", 1, 0, 10).
//		Read(2, "x", 1, 5, 15).
//		History()
//
// Times are nanoseconds. Operations may be added in any order.
type Builder struct {
	history *History
	keys    table
	strings table
}

// NewBuilder begins a history with a header, of which the Schema may be zero.
func NewBuilder(header Header) *Builder {
	if prepared, err := prepareHeader(header); err == nil {
		header = prepared // where it can't be written, Encode says why
	}
	b := &Builder{history: &History{Header: header}}
	if initial, ok := header.Initial.(string); ok {
		b.strings.add(initial)
	}
	return b
}

// String returns the [Value] of a string.
func (b *Builder) String(s string) Value { return StringValue(int(b.strings.number([]byte(s)))) }

// Op adds an operation. With outcome [Info] the return time is [Open], whatever ret is.
func (b *Builder) Op(process int32, kind Kind, key string, value, expect, result Value, outcome Outcome, call, ret int64) *Builder {
	if outcome == Info {
		ret = Open
	}
	b.history.Ops = append(b.history.Ops, Op{
		Call: call, Return: ret, Value: value, Expect: expect, Result: result,
		Key: Key(b.keys.number([]byte(key))), Process: process, Kind: kind, Outcome: outcome,
	})
	return b
}

// Read adds a read that was told a value.
func (b *Builder) Read(process int32, key string, result Value, call, ret int64) *Builder {
	return b.Op(process, Read, key, None, None, result, OK, call, ret)
}

// Write adds a write that was acknowledged.
func (b *Builder) Write(process int32, key string, value Value, call, ret int64) *Builder {
	return b.Op(process, Write, key, value, None, None, OK, call, ret)
}

// Swap adds a compare-and-set that took effect.
func (b *Builder) Swap(process int32, key string, expect, value Value, call, ret int64) *Builder {
	return b.Op(process, CAS, key, value, expect, None, OK, call, ret)
}

// Refuse adds a compare-and-set that was answered with "not the expected value",
// and with what it saw, or [None] where the answer did not say.
func (b *Builder) Refuse(process int32, key string, expect, value, saw Value, call, ret int64) *Builder {
	b.Op(process, CAS, key, value, expect, saw, OK, call, ret)
	b.history.Ops[len(b.history.Ops)-1].Mismatch = true
	return b
}

// Append adds an append that was acknowledged.
func (b *Builder) Append(process int32, key string, element Value, call, ret int64) *Builder {
	return b.Op(process, Append, key, element, None, None, OK, call, ret)
}

// List adds a [ReadList] that was told these elements.
func (b *Builder) List(process int32, key string, elements []Value, call, ret int64) *Builder {
	return b.list(process, ReadList, key, elements, call, ret)
}

// LocalList adds a [ReadLocal] that was told these elements.
func (b *Builder) LocalList(process int32, key string, elements []Value, call, ret int64) *Builder {
	return b.list(process, ReadLocal, key, elements, call, ret)
}

// Drain adds a [Drain] that took these elements.
func (b *Builder) Drain(process int32, key string, elements []Value, call, ret int64) *Builder {
	return b.list(process, Drain, key, elements, call, ret)
}

// Enqueue adds an enqueue that was acknowledged.
func (b *Builder) Enqueue(process int32, key string, element Value, call, ret int64) *Builder {
	return b.Op(process, Enqueue, key, element, None, None, OK, call, ret)
}

// Dequeue adds a dequeue that was answered: with an element, or with [Nil].
func (b *Builder) Dequeue(process int32, key string, element Value, call, ret int64) *Builder {
	return b.Op(process, Dequeue, key, None, None, element, OK, call, ret)
}

// Add adds an addition to a counter that was acknowledged.
func (b *Builder) Add(process int32, key string, amount Value, call, ret int64) *Builder {
	return b.Op(process, Add, key, amount, None, None, OK, call, ret)
}

// Generate adds a request for an identifier that was answered.
func (b *Builder) Generate(process int32, key string, id Value, call, ret int64) *Builder {
	return b.Op(process, Generate, key, None, None, id, OK, call, ret)
}

// Acquire adds an acquisition that was granted, with a fencing token or [None].
func (b *Builder) Acquire(process int32, key string, token Value, call, ret int64) *Builder {
	return b.Op(process, Acquire, key, None, None, token, OK, call, ret)
}

// Release adds a release that was acknowledged.
func (b *Builder) Release(process int32, key string, call, ret int64) *Builder {
	return b.Op(process, Release, key, None, None, None, OK, call, ret)
}

// Txn adds a transaction. Its key is that of the empty name.
func (b *Builder) Txn(process int32, outcome Outcome, call, ret int64, steps ...Step) *Builder {
	b.Op(process, Txn, "", None, None, None, outcome, call, ret)
	h := b.history
	o := &h.Ops[len(h.Ops)-1]
	o.Offset, o.Count = uint32(len(h.Micros)), uint32(len(steps))
	for _, s := range steps {
		m := Micro{Value: s.value, Key: Key(b.keys.number([]byte(s.key))), Kind: s.kind, Listed: s.listed}
		if s.listed {
			m.Offset, m.Count = uint32(len(h.Elements)), uint32(len(s.elements))
			h.Elements = append(h.Elements, s.elements...)
		}
		h.Micros = append(h.Micros, m)
	}
	return b
}

func (b *Builder) list(process int32, kind Kind, key string, elements []Value, call, ret int64) *Builder {
	b.Op(process, kind, key, None, None, None, OK, call, ret)
	h := b.history
	o := &h.Ops[len(h.Ops)-1]
	o.Offset, o.Count = uint32(len(h.Elements)), uint32(len(elements))
	h.Elements = append(h.Elements, elements...)
	return b
}

// Session adds a session.
func (b *Builder) Session(s Session) *Builder {
	b.history.Sessions = append(b.history.Sessions, s)
	return b
}

// Fault adds a moment in the life of a fault.
func (b *Builder) Fault(f FaultEvent) *Builder {
	b.history.Faults = append(b.history.Faults, f)
	return b
}

// Mark adds a named instant.
func (b *Builder) Mark(time int64, name, detail string) *Builder {
	b.history.Marks = append(b.history.Marks, Mark{Time: time, Name: name, Detail: detail})
	return b
}

// History returns a copy of what was added so far, in the order of the times. It is not checked; see [History.Validate].
func (b *Builder) History() *History {
	h := *b.history
	h.Ops, h.Elements, h.Micros = slices.Clone(h.Ops), slices.Clone(h.Elements), slices.Clone(h.Micros)
	slices.SortStableFunc(h.Ops, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
	h.Keys, h.Strings = slices.Clone(b.keys.names), slices.Clone(b.strings.names)
	h.Sessions, h.Faults, h.Marks = slices.Clone(h.Sessions), slices.Clone(h.Faults), slices.Clone(h.Marks)
	h.sortRare()
	return &h
}

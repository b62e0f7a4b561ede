package history

import (
	"math/rand/v2"
	"strconv"
)

// randomHistory draws a valid history. Slots have one operation after the other;
// a slot's process is replaced after an outcome that nobody knows.
func randomHistory(draw *rand.Rand, operations, slots, keys int) *History {
	texts := []string{"", "plain", "two words", `quo"te`, `back\slash`, "line\nend\ttab\r", "\x00\x1f", "grüße →", "\xff\xfe", "null", "17"}
	b := NewBuilder(Header{
		Run: "r", Scenario: "made/up", Seed: draw.Uint64(), System: "none", Options: map[string]string{"defect": "stale <read>"},
		Nodes: []string{"n1", "n2"}, Clients: slots, Model: "cas-register", Initial: []any{nil, 0, "start", MaxInt, MinInt}[draw.IntN(5)],
		UniqueValues: draw.IntN(2) == 0, Started: "2026-01-02T03:04:05Z",
	})
	value := func() Value {
		switch draw.IntN(6) {
		case 0:
			return Nil
		case 1:
			return b.String(texts[draw.IntN(len(texts))])
		case 2:
			return Int([]int64{MinInt, MaxInt, 0, -1}[draw.IntN(4)])
		default:
			return Int(draw.Int64N(1000))
		}
	}
	maybe := func() Value {
		if draw.IntN(3) == 0 {
			return None
		}
		return value()
	}
	key := func() string {
		if n := draw.IntN(keys + 2); n < keys {
			return "r" + strconv.Itoa(n)
		}
		return texts[draw.IntN(len(texts))]
	}
	list := func() []Value {
		elements := make([]Value, draw.IntN(4)*draw.IntN(5))
		for i := range elements {
			elements[i] = value()
		}
		return elements
	}
	amount := func() Value { return Int([]int64{MinInt, MaxInt, -5, 0, 7}[draw.IntN(5)]) }
	step := func(answered bool) Step {
		switch draw.IntN(6) {
		case 0:
			return Writes(key(), value())
		case 1:
			return Appends(key(), value())
		case 2:
			return Adds(key(), amount())
		case 3:
			if answered && draw.IntN(4) > 0 {
				return Lists(key(), list()...)
			}
			return Asks(key())
		default:
			if answered {
				return Reads(key(), maybe())
			}
			return Reads(key(), None)
		}
	}
	type slot struct {
		process int32
		now     int64
	}
	seats, next := make([]slot, slots), int32(0)
	sit := func(s *slot, number int) {
		s.process = next
		next++
		b.Session(Session{Time: s.now, Process: s.process, Slot: int32(number), Group: "clients", Node: "n" + strconv.Itoa(number%2+1)})
	}
	for i := range seats {
		sit(&seats[i], i)
	}
	for range operations {
		number := draw.IntN(slots)
		s := &seats[number]
		// Small steps make ties of times likely.
		call := s.now + draw.Int64N(4)
		ret := call + draw.Int64N(4)
		s.now = ret
		outcome := OK
		if n := draw.IntN(10); n == 0 {
			outcome = Info
		} else if n < 3 {
			outcome = Fail
		}
		told := func() Value {
			if outcome == OK {
				return maybe()
			}
			return None
		}
		switch draw.IntN(14) {
		case 0:
			b.Op(s.process, Write, key(), value(), maybe(), None, outcome, call, ret) // under a lock or not
		case 1:
			b.Op(s.process, CAS, key(), value(), value(), None, outcome, call, ret)
		case 2:
			outcome = OK
			b.Refuse(s.process, key(), value(), value(), maybe(), call, ret)
		case 3:
			b.Op(s.process, Append, key(), value(), None, None, outcome, call, ret)
		case 4:
			kind := []Kind{ReadList, ReadLocal, Drain}[draw.IntN(3)]
			if outcome == OK {
				b.list(s.process, kind, key(), list(), call, ret)
			} else {
				b.Op(s.process, kind, key(), None, None, None, outcome, call, ret)
			}
		case 5:
			b.Op(s.process, Enqueue, key(), value(), None, None, outcome, call, ret)
		case 6:
			kind := []Kind{Dequeue, Generate, Acquire}[draw.IntN(3)]
			b.Op(s.process, kind, key(), None, None, told(), outcome, call, ret)
		case 7:
			b.Op(s.process, Add, key(), amount(), None, None, outcome, call, ret)
		case 8:
			b.Op(s.process, Release, key(), None, None, None, outcome, call, ret)
		case 9, 10, 11:
			steps := make([]Step, draw.IntN(6))
			for i := range steps {
				steps[i] = step(outcome == OK)
			}
			b.Txn(s.process, outcome, call, ret, steps...)
			b.history.Ops[len(b.history.Ops)-1].Key = Key(b.keys.number([]byte(key())))
		default:
			b.Op(s.process, Read, key(), None, None, told(), outcome, call, ret)
		}
		if outcome == Info {
			sit(s, number)
		}
	}
	b.Fault(FaultEvent{Time: 1, Step: 1, Phase: "injected", Fault: "black-hole n2 | n1", Nodes: []string{"n2"}, Detail: "a\"b"})
	b.Fault(FaultEvent{Time: 9, Step: 1, Phase: "healed", Fault: "black-hole n2 | n1"})
	b.Mark(0, "load", "").Mark(99, "final", "two\nlines")
	return b.History()
}

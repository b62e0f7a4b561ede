package history

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	b := NewBuilder(Header{})
	cases := []struct {
		add  func()
		says string
	}{
		{func() { b.Write(1, "r3", 17, 0, 1) }, "write r3 = 17"},
		{func() { b.Write(1, "r3", Nil, 2, 3) }, "write r3 = nil"},
		{func() { b.Op(1, Write, "r3", 17, None, None, Fail, 4, 5) }, "write r3 = 17 failed"},
		{func() { b.Read(1, "r3", 5, 6, 7) }, "read r3 → 5"},
		{func() { b.Read(1, "r3", Nil, 8, 9) }, "read r3 → nil"},
		{func() { b.Read(1, "r3", None, 9, 10) }, "read r3 → ?"},
		{func() { b.Op(1, Read, "r3", None, None, None, Fail, 10, 11) }, "read r3 failed"},
		{func() { b.Swap(1, "r3", 17, 23, 12, 13) }, "cas r3 17→23 swapped"},
		{func() { b.Refuse(1, "r3", 17, 23, 21, 14, 15) }, "cas r3 17→23 refused, saw 21"},
		{func() { b.Refuse(1, "r3", 17, 23, None, 16, 17) }, "cas r3 17→23 refused"},
		{func() { b.Op(1, CAS, "r3", 23, 17, None, Fail, 18, 19) }, "cas r3 17→23 failed"},
		{func() { b.Write(1, "r3", b.String("plain"), 20, 21) }, "write r3 = plain"},
		{func() { b.Write(1, "r3", b.String("17"), 22, 23) }, `write r3 = "17"`},
		{func() { b.Write(1, "r3", b.String("nil"), 24, 25) }, `write r3 = "nil"`},
		{func() { b.Write(1, "17", b.String(""), 26, 27) }, `write 17 = ""`},
		{func() { b.Write(1, "a key", b.String("\xff"), 28, 29) }, `write "a key" = "\xff"`},
		{func() { b.Append(1, "l3", 17, 29, 29) }, "append l3 = 17"},
		{func() { b.Op(1, Append, "l3", 17, None, None, Fail, 29, 29) }, "append l3 = 17 failed"},
		{func() { b.List(1, "l3", nil, 29, 29) }, "list l3 → []"},
		{func() { b.List(1, "l3", ints(8), 29, 29) }, "list l3 → [1 2 3 4 5 6 7 8]"},
		{func() { b.List(1, "l3", ints(400), 29, 29) }, "list l3 → [1 2 3 … 400] (400 elements)"},
		{func() { b.LocalList(1, "l3", []Value{Nil, b.String("a b"), b.String("x]"), b.String("5")}, 29, 29) }, `local list l3 → [nil "a b" "x]" "5"]`},
		{func() { b.Op(1, ReadList, "l3", None, None, None, Fail, 29, 29) }, "list l3 failed"},
		{func() { b.Op(2, ReadLocal, "l3", None, None, None, Info, 29, 0) }, "local list l3 unknown outcome"},
		{func() { b.Enqueue(1, "q", 17, 29, 29) }, "enqueue q = 17"},
		{func() { b.Op(1, Enqueue, "a queue", b.String("17"), None, None, Fail, 29, 29) }, `enqueue "a queue" = "17" failed`},
		{func() { b.Dequeue(1, "q", 17, 29, 29) }, "dequeue q → 17"},
		{func() { b.Dequeue(1, "q", Nil, 29, 29) }, "dequeue q → nil"},
		{func() { b.Op(3, Dequeue, "q", None, None, None, Info, 29, 0) }, "dequeue q unknown outcome"},
		{func() { b.Drain(1, "q", nil, 29, 29) }, "drain q → []"},
		{func() { b.Drain(1, "q", ints(9), 29, 29) }, "drain q → [1 2 3 … 9] (9 elements)"},
		{func() { b.Op(1, Drain, "q", None, None, None, Fail, 29, 29) }, "drain q failed"},
		{func() { b.Add(1, "c", 5, 29, 29) }, "add c + 5"},
		{func() { b.Add(1, "c", -5, 29, 29) }, "add c - 5"},
		{func() { b.Add(1, "c", Int(MinInt), 29, 29) }, "add c - 2305843009213693952"},
		{func() { b.Generate(1, "i", b.String("a1"), 29, 29) }, "generate i → a1"},
		{func() { b.Acquire(1, "m", None, 29, 29) }, "acquire m"},
		{func() { b.Acquire(1, "m", 3, 29, 29) }, "acquire m → token 3"},
		{func() { b.Op(1, Acquire, "m", None, None, None, Fail, 29, 29) }, "acquire m failed"},
		{func() { b.Op(1, Write, "r3", 17, 3, None, OK, 29, 29) }, "write r3 = 17, token 3"},
		{func() { b.Release(1, "m", 29, 29) }, "release m"},
		{func() { b.Op(4, Release, "m", None, None, None, Info, 29, 0) }, "release m unknown outcome"},
		{func() { b.Txn(1, OK, 29, 29) }, "txn []"},
		{func() {
			b.Txn(1, OK, 29, 29, Appends("x", 5), Reads("y", 3), Lists("x", 1, 5), Writes("z", Nil), Adds("c", -5), Reads("q", None), Asks("l"), Lists("l"))
		}, "txn [append x 5, read y → 3, list x → [1 5], write z nil, add c -5, read q, list l, list l → []]"},
		{func() { b.Txn(1, OK, 29, 29, Reads("a key", b.String("a b")), Lists("x", ints(9)...)) }, `txn [read "a key" → "a b", list x → [1 2 3 … 9] (9 elements)]`},
		{func() { b.Txn(1, OK, 29, 29, Appends("a]", b.String("b]")), Reads("x", b.String("[1"))) }, `txn [append "a]" "b]", read x → "[1"]`},
		{func() { b.Txn(1, Fail, 29, 29, Reads("x", None), Writes("y", 3)) }, "txn [read x, write y 3] failed"},
		{func() { b.Txn(5, Info, 29, 0, Asks("x"), Writes("y", 3)) }, "txn [list x, write y 3] unknown outcome"},
		{func() { b.Op(1, CAS, "r3", 23, Nil, None, Info, 30, 31) }, "cas r3 nil→23 unknown outcome"},
	}
	for _, c := range cases {
		c.add()
	}
	h := b.History()
	require.NoError(t, h.Validate())
	for i, c := range cases {
		require.Equal(t, c.says, h.Describe(i))
	}
}

// ints are the integers from 1 to n.
func ints(n int) []Value {
	list := make([]Value, n)
	for i := range list {
		list[i] = Int(int64(i + 1))
	}
	return list
}

func TestNodeOfIsWhereTheProcessSatLast(t *testing.T) {
	h := NewBuilder(Header{}).
		Session(Session{Time: 5, Process: 1, Node: "n2"}).
		Session(Session{Time: 1, Process: 1, Node: "n1"}).
		Session(Session{Time: 2, Process: 2, Node: "n3"}).
		History()
	require.Equal(t, "n2", h.NodeOf(1))
	require.Equal(t, "n3", h.NodeOf(2))
	require.Equal(t, "", h.NodeOf(9))
}

func TestTheBuilderPutsOperationsInOrderAndMayGoOn(t *testing.T) {
	b := NewBuilder(Header{Initial: "none"}).Write(1, "b", 1, 10, 20).Write(2, "a", 2, 5, 30)
	first := b.History()
	second := b.Read(3, "a", 2, 1, 2).History()
	require.Equal(t, "write a = 2", first.Describe(0))
	require.Len(t, first.Ops, 2)
	require.Equal(t, "read a → 2", second.Describe(0))
	require.Equal(t, "none", second.Text(second.Initial()))
}

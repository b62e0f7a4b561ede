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

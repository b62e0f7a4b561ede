package model

import (
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func TestStep(t *testing.T) {
	const none, absent = history.None, history.Nil
	cases := []struct {
		name  string
		state history.Value
		op    history.Op
		legal bool
		next  history.Value
	}{
		{"a read of what is there", 1, history.Op{Kind: history.Read, Outcome: history.OK, Result: 1}, true, 1},
		{"a read of what is not", 1, history.Op{Kind: history.Read, Outcome: history.OK, Result: 2}, false, 1},
		{"a read that says nothing", 1, history.Op{Kind: history.Read, Outcome: history.OK, Result: none}, true, 1},
		{"a read of an absent key", absent, history.Op{Kind: history.Read, Outcome: history.OK, Result: absent}, true, absent},
		{"a write", 1, history.Op{Kind: history.Write, Outcome: history.OK, Value: 2}, true, 2},
		{"an unknown write", 1, history.Op{Kind: history.Write, Outcome: history.Info, Value: 2}, true, 2},
		{"a swap", 1, history.Op{Kind: history.CAS, Outcome: history.OK, Expect: 1, Value: 2}, true, 2},
		{"a swap of what is not there", 3, history.Op{Kind: history.CAS, Outcome: history.OK, Expect: 1, Value: 2}, false, 2},
		{"a refusal", 3, history.Op{Kind: history.CAS, Outcome: history.OK, Mismatch: true, Expect: 1, Value: 2, Result: 3}, true, 3},
		{"a refusal that saw something else", 3, history.Op{Kind: history.CAS, Outcome: history.OK, Mismatch: true, Expect: 1, Value: 2, Result: 4}, false, 3},
		{"a refusal that says nothing", 3, history.Op{Kind: history.CAS, Outcome: history.OK, Mismatch: true, Expect: 1, Value: 2, Result: none}, true, 3},
		{"a refusal for no reason", 1, history.Op{Kind: history.CAS, Outcome: history.OK, Mismatch: true, Expect: 1, Value: 2, Result: none}, false, 1},
		{"an unknown swap that happens", 1, history.Op{Kind: history.CAS, Outcome: history.Info, Expect: 1, Value: 2}, true, 2},
		{"an unknown swap that does not", 3, history.Op{Kind: history.CAS, Outcome: history.Info, Expect: 1, Value: 2}, true, 3},
		{"no kind at all", 3, history.Op{Outcome: history.OK}, false, 3},
	}
	for _, c := range cases {
		in, out := Split(&c.op)
		legal, next := Step(c.state, in, out)
		require.Equal(t, c.legal, legal, c.name)
		if legal {
			require.Equal(t, c.next, next, c.name)
		}
	}
}

// w(1) ok; w(2) unknown; cas(1→3) refused, which does not say what it saw: legal,
// because the unknown write may have come between.
func stale() *history.Builder {
	return history.NewBuilder(history.Header{}).Write(1, "x", 1, 0, 10).
		Op(2, history.Write, "x", 2, history.None, history.None, history.Info, 20, 0).
		Refuse(3, "x", 1, 3, history.None, 30, 40)
}

func TestBothJudgesOnAHistory(t *testing.T) {
	for name, c := range map[string]struct {
		h     *history.History
		legal bool
	}{
		"a refusal owed to an unknown write":    {stale().History(), true},
		"and then the old value":                {stale().Read(4, "x", 1, 50, 60).History(), false},
		"and then the new value":                {stale().Read(4, "x", 2, 50, 60).History(), true},
		"a failed write that is read":           {history.NewBuilder(history.Header{}).Op(1, history.Write, "x", 5, history.None, history.None, history.Fail, 0, 1).Read(2, "x", 5, 2, 3).History(), false},
		"another key's value":                   {history.NewBuilder(history.Header{}).Read(1, "x", history.Nil, 10, 20).Write(2, "y", 1, 0, 5).History(), true},
		"a failed read is no evidence":          {history.NewBuilder(history.Header{}).Op(1, history.Read, "x", history.None, history.None, 7, history.Fail, 0, 1).History(), true},
		"nothing":                               {&history.History{}, true},
		"an unknown write long after its call":  {history.NewBuilder(history.Header{}).Op(1, history.Write, "x", 5, history.None, history.None, history.Info, 0, 1).Read(2, "x", history.Nil, 20, 30).Read(2, "x", 5, 40, 50).History(), true},
		"an unknown write that is undone again": {history.NewBuilder(history.Header{}).Op(1, history.Write, "x", 5, history.None, history.None, history.Info, 0, 1).Read(2, "x", 5, 20, 30).Read(2, "x", history.Nil, 40, 50).History(), false},
	} {
		var onKey []history.Op
		for _, op := range c.h.Ops {
			if op.Key == 0 {
				onKey = append(onKey, op)
			}
		}
		byForce, err := BruteForce(history.Nil, onKey)
		require.NoError(t, err)
		require.Equal(t, c.legal, byForce, name)
		require.Equal(t, c.legal, porcupine.CheckOperations(Cell(history.Nil, nil), Operations(c.h, 0)), name)
	}
}

func TestBruteForceRefusesWhatWouldTakeForEver(t *testing.T) {
	ops := make([]history.Op, BruteForceLimit+1)
	for i := range ops {
		ops[i] = history.Op{Kind: history.Write, Outcome: history.OK, Value: 1}
	}
	_, err := BruteForce(history.Nil, ops)
	require.ErrorContains(t, err, "25 operations")
	ops[0].Outcome = history.Fail // it does not count
	legal, err := BruteForce(history.Nil, ops)
	require.NoError(t, err)
	require.True(t, legal)
}

func TestDescriptions(t *testing.T) {
	cell := Cell(history.Nil, func(v history.Value) string {
		return strings.Replace(plainText(v), "7", "<7>", 1)
	})
	require.Equal(t, "&lt;7&gt;", cell.DescribeState(history.Value(7)), "porcupine puts it into innerHTML")
	require.Equal(t, "&lt;b&gt;", cell.DescribeOperationMetadata("<b>"))
	require.Equal(t, "nil", cell.DescribeState(history.Nil))
	for want, op := range map[string]history.Op{
		"read → <7>":               {Kind: history.Read, Outcome: history.OK, Result: 7},
		"read ?":                   {Kind: history.Read},
		"write 1":                  {Kind: history.Write, Outcome: history.OK, Value: 1},
		"cas 1→2":                  {Kind: history.CAS, Outcome: history.OK, Expect: 1, Value: 2},
		"cas 1→2 refused":          {Kind: history.CAS, Outcome: history.OK, Mismatch: true, Expect: 1, Value: 2, Result: history.None},
		"cas 1→2 refused, saw nil": {Kind: history.CAS, Outcome: history.OK, Mismatch: true, Expect: 1, Value: 2, Result: history.Nil},
		"cas 1→2 ?":                {Kind: history.CAS, Expect: 1, Value: 2},
	} {
		in, out := Split(&op)
		require.Equal(t, want, cell.DescribeOperation(in, out))
	}
}

package checkers

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// A history that can't be decided by zones and is too much for the search ends
// as inconclusive, within its budget, and says why.
func TestSearchKeepsItsBudget(t *testing.T) {
	hard := func() *history.History {
		// A model that says nothing about its operations, and many under way.
		return load{operations: 20_000, keys: 1, clients: 60, unknown: 0.2}.history(rand.New(rand.NewPCG(21, 22)))
	}
	for name, c := range map[string]struct {
		budget Budget
		says   string
	}{
		"time":   {Budget{Time: 300 * time.Millisecond}, "out of time"},
		"memory": {Budget{Time: time.Minute, Bytes: 8 << 20}, "memory"},
	} {
		t.Run(name, func(t *testing.T) {
			result := Linearizable{Model: ownCell}.Check(context.Background(), Evidence{History: hard()}, c.budget)
			require.Equal(t, Inconclusive, result.Verdict)
			require.Contains(t, result.Summary, c.says)
			require.Equal(t, float64(1), result.Figures["keys_undecided"])
		})
	}
	t.Run("called off", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		result := Linearizable{Model: ownCell}.Check(ctx, Evidence{History: hard()}, Budget{})
		require.Equal(t, Inconclusive, result.Verdict)
		require.Contains(t, result.Summary, "called off")
	})
}

// A violation that only a search can find is shown by a few operations, though
// the history is large.
func TestSearchProofIsSmall(t *testing.T) {
	h := load{operations: 1_000, keys: 2, clients: 4, unknown: 0}.history(rand.New(rand.NewPCG(31, 32)))
	first := h.Ops[0]
	first.Process, first.Outcome, first.Kind, first.Value = 1<<20, history.OK, history.Write, 1
	first.Result = history.None
	var planted int
	for i := 500; i < len(h.Ops); i++ {
		// A refusal for no reason: everybody sees the expected value, before and after.
		if op := &h.Ops[i]; op.Kind == history.Read && op.Outcome == history.OK {
			op.Kind, op.Expect, op.Value, op.Mismatch = history.CAS, op.Result, 999_999, true
			alone := history.Op{Kind: history.Write, Key: op.Key, Value: 888_888, Expect: history.None, Result: history.None, Outcome: history.OK, Process: 1 << 20}
			end := h.Ops[len(h.Ops)-1].Call + 10_000_000
			alone.Call, alone.Return = end, end+10
			refused := *op
			refused.Process, refused.Call, refused.Return = 1<<20, end+20, end+30
			refused.Expect, refused.Result = 888_888, history.None
			*op = history.Op{Kind: history.Read, Key: op.Key, Value: history.None, Expect: history.None, Result: history.None,
				Outcome: history.OK, Process: op.Process, Call: op.Call, Return: op.Return}
			h.Ops = append(h.Ops, alone, refused)
			planted = len(h.Ops) - 1
			break
		}
	}
	result := judgeLinearizable(t, h)
	require.Equal(t, Violation, result.Verdict, result.Summary)
	require.Contains(t, result.Method, "frontier (1 key)")
	require.Contains(t, proofIndexes(result.Proof), planted)
	require.LessOrEqual(t, len(result.Proof.Operations), 4, "%q", result.Proof.Story)
}

// Keys that need the search are searched side by side.
func TestSearchOfManyKeys(t *testing.T) {
	h := load{operations: 2_000, keys: 8, clients: 4}.history(rand.New(rand.NewPCG(61, 62)))
	for i := range h.Ops { // values come again: not for zones
		op := &h.Ops[i]
		if op.Kind == history.Write {
			op.Value %= 50
		}
		if op.Result.IsInt() {
			op.Result %= 50
		}
	}
	result := judgeLinearizable(t, h)
	require.Equal(t, Pass, result.Verdict, result.Summary)
	require.Equal(t, "frontier (8 keys)", result.Method)
	require.Equal(t, float64(8), result.Figures["keys_frontier"])

	// The last read of one key sees the start again, which is not for zones either.
	for i := len(h.Ops) - 1; ; i-- {
		if op := &h.Ops[i]; op.Kind == history.Read && op.Outcome == history.OK {
			op.Result = history.Nil
			result = judgeLinearizable(t, h)
			require.Equal(t, Violation, result.Verdict, result.Summary)
			require.Equal(t, h.KeyName(op.Key), result.Proof.Key)
			require.Contains(t, proofIndexes(result.Proof), i)
			return
		}
	}
}

func TestNothingToJudge(t *testing.T) {
	b := func() *history.Builder { return history.NewBuilder(history.Header{Model: "register"}) }
	cases := []struct {
		name    string
		h       *history.History
		verdict Verdict
		says    string
	}{
		{"empty", b().History(), Inconclusive, "empty"},
		{"nothing completed", b().Op(1, history.Read, "x", history.None, history.None, history.None, history.Info, 0, 0).History(), Inconclusive, "none of the 1 operations was completed"},
		{"nothing observed", b().Write(1, "x", 1, 0, 10).History(), Inconclusive, "was told what a key held"},
		{"no history", nil, Error, "no history"},
		{"another model", history.NewBuilder(history.Header{Model: "list-append"}).Read(1, "x", 1, 0, 10).History(), Error, `"list-append"`},
		{"an initial value that is none", history.NewBuilder(history.Header{Initial: true}).Read(1, "x", 1, 0, 10).History(), Error, "initial value true"},
		{"an initial value beyond measure", history.NewBuilder(history.Header{Initial: 1e300}).Read(1, "x", 1, 0, 10).History(), Error, "1e+300"},
		{"overlap within a process", b().Write(1, "x", 1, 0, 10).Read(1, "x", 1, 5, 15).History(), Error, "malformed"},
		{"return before call", b().Read(1, "x", 1, 10, 5).History(), Error, "malformed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			result := judgeLinearizable(t, c.h)
			require.Equal(t, c.verdict, result.Verdict, result.Summary)
			require.Contains(t, result.Summary, c.says)
		})
	}
}

func TestInitialValueThatIsAString(t *testing.T) {
	b := history.NewBuilder(history.Header{Model: "register", Initial: "empty"})
	h := b.Read(1, "x", b.String("empty"), 0, 10).Write(2, "x", b.String("full"), 20, 30).Read(3, "x", b.String("empty"), 40, 50).History()
	result := judgeLinearizable(t, h)
	require.Equal(t, Violation, result.Verdict)
	require.Contains(t, result.Summary, `"empty" was gone before`)

	h.Header.Initial, h.Strings = "never seen", h.Strings[:2]
	strings := slices.Clone(h.Strings)
	result = judgeLinearizable(t, h)
	require.Equal(t, Violation, result.Verdict)
	require.Contains(t, result.Summary, "Nobody ever tried to store")
	require.Equal(t, strings, h.Strings, "judging must not change the history")
}

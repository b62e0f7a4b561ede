package results

import (
	"fmt"
	"html"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// kindsSample is a run of all kinds of operation: transactions, queues, counters,
// identifiers and locks, with a transaction among what is proven.
func kindsSample() sample {
	run := sampleViolation()
	h := kindsHistory(3000)
	run.Operations = CountOperations(h)
	proof := &checkers.Proof{Story: []string{"The second transaction read what the first had overwritten."}}
	for i := range h.Ops {
		if op := &h.Ops[i]; (op.Kind == history.Txn || op.Kind == history.Drain) && op.Outcome == history.OK && len(proof.Operations) < 4 {
			proof.Operations = append(proof.Operations, checkers.ProofOperation{
				Index: i, Process: op.Process, Call: op.Call, Return: op.Return, Outcome: op.Outcome.String(), Text: h.Describe(i),
			})
		}
	}
	run.Results[0].Proof = proof
	return sample{"kinds", run, h}
}

// kindsHistory is n operations of 8 clients on 3 nodes, of every kind and outcome.
func kindsHistory(n int) *history.History {
	draw := rand.New(rand.NewPCG(5, 5))
	b := history.NewBuilder(history.Header{Nodes: []string{"n1", "n2", "n3"}, Clients: 8})
	kinds := history.Kinds()
	process, free, next := make([]int32, 8), make([]int64, 8), int32(0)
	open := func(slot int, at int64) {
		process[slot], next = next, next+1
		b.Session(history.Session{Time: at, Process: process[slot], Slot: int32(slot), Group: []string{"clients", "minority"}[slot%2], Node: fmt.Sprintf("n%d", slot%3+1)})
	}
	for slot := range process {
		free[slot] = 4 * second
		open(slot, 4*second)
	}
	for i := range n {
		slot := i % len(process)
		call := free[slot] + draw.Int64N(20e6)
		ret := call + 1e6 + draw.Int64N(30e6)
		free[slot] = ret
		outcome := []history.Outcome{history.OK, history.OK, history.OK, history.OK, history.Fail, history.Info}[draw.IntN(6)]
		addOp(b, kinds[draw.IntN(len(kinds))], process[slot], outcome, call, ret)
		if outcome == history.Info {
			open(slot, ret)
		}
	}
	return b.Mark(4*second, checkers.MarkLoad, "").History()
}

func addOp(b *history.Builder, kind history.Kind, process int32, outcome history.Outcome, call, ret int64) {
	value, expect, result := history.None, history.None, history.None
	switch kind {
	case history.Write, history.Append, history.Enqueue, history.Add:
		value = 7
	case history.CAS:
		value, expect = 7, 6
	case history.Txn:
		steps := []history.Step{history.Reads("<x>", history.None), history.Appends("l", 5), history.Asks("l"), history.Adds("c", -1)}
		if outcome == history.OK {
			steps[0], steps[2] = history.Reads("<x>", b.String("a<b")), history.Lists("l", 5, 6)
		}
		b.Txn(process, outcome, call, ret, steps...)
		return
	}
	if outcome == history.OK {
		switch kind {
		case history.ReadList:
			b.List(process, "l", []history.Value{5}, call, ret)
			return
		case history.ReadLocal:
			b.LocalList(process, "l", nil, call, ret)
			return
		case history.Drain:
			b.Drain(process, "q", []history.Value{5, 6}, call, ret)
			return
		case history.Read, history.Dequeue, history.Generate, history.Acquire:
			result = 7
		}
	}
	b.Op(process, kind, "k", value, expect, result, outcome, call, ret)
}

func TestReportShowsEveryKindOfOperation(t *testing.T) {
	s := kindsSample()
	require.NoError(t, s.h.Validate())
	require.Len(t, s.run.Operations, len(history.Kinds()))
	text := report(t, s.run, s.h)
	total := 0
	for i, kind := range history.Kinds() {
		count := s.run.Operations[i]
		require.Equal(t, kind.String(), count.Kind, "in the order of history.Kinds")
		require.Positive(t, count.OK)
		require.Positive(t, count.Fail)
		require.Positive(t, count.Info)
		total += count.Total()
		row := fmt.Sprintf(`<th scope="row">%s</th><td class="r">%d</td><td class="r">%d</td><td class="r">%d</td><td class="r">[0-9.]+ %%</td><td class="r">[0-9.]+ ms</td>`,
			kind, count.OK, count.Fail, count.Info)
		require.Regexp(t, row, text, "counts and latencies of %s", kind)
	}
	require.Equal(t, len(s.h.Ops), total)
	require.Contains(t, text, html.EscapeString("txn [read <x> → a<b, append l 5, list l → [5 6], add c -1]"))
	require.Contains(t, text, "drain q → [5 6]")

	chart := newChart(s.run, s.h, s.run.Faults)
	require.Len(t, chart.Nodes.Rows, 3)
	require.Len(t, chart.Groups.Rows, 2)
	for _, row := range append(chart.Nodes.Rows, chart.Groups.Rows...) {
		require.NotEmpty(t, row.OK+row.Some, "lane %s", row.Name)
	}
	require.False(t, chart.Latency.Empty)
	require.NotEmpty(t, chart.Rate.Info)

	words := summary(t, s.run, false)
	for _, kind := range history.Kinds() {
		require.Regexp(t, `\s`+kind.String()+`\s+\d+\s+\d+\s+\d+`, words)
	}
	require.Contains(t, words, "txn [read <x> → a<b, append l 5, list l → [5 6], add c -1]")
}

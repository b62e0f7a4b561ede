package txn

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/harness/history"
)

func benchmark(b *testing.B, registers bool, c checkers.Checker) {
	h := synthetic.Transactions{Operations: 1_000_000, Registers: registers}.History(1)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		r := c.Check(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
		require.Equal(b, checkers.Pass, r.Verdict, r.Summary)
	}
	writes := 0
	for i := range h.Micros {
		if kind := h.Micros[i].Kind; kind == history.Append || kind == history.Write {
			writes++
		}
	}
	b.ReportMetric(float64(len(h.Micros))/1e6, "Msteps")
	b.ReportMetric(float64(writes)/1e6, "Mwrites")
}

func BenchmarkListAppend(b *testing.B) { benchmark(b, false, ListAppend{}) }

func BenchmarkRegister(b *testing.B) { benchmark(b, true, Register{}) }

func BenchmarkRegisterLinearizableKeys(b *testing.B) {
	benchmark(b, true, Register{LinearizableKeys: true})
}

func BenchmarkSound(b *testing.B) {
	h := synthetic.Transactions{Operations: 1_000_000}.History(1)
	for b.Loop() {
		require.NoError(b, checkers.Sound(h))
	}
}

package txn

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// What does not matter does not change the answer.
func TestWhatDoesNotMatterDoesNotChangeTheAnswer(t *testing.T) {
	changes := map[string]func(h *history.History) *history.History{
		"all values renamed": func(h *history.History) *history.History {
			for i := range h.Micros {
				if m := &h.Micros[i]; m.Value.IsInt() {
					m.Value = 7_000_000 - 3*m.Value
				}
			}
			for i, v := range h.Elements {
				h.Elements[i] = 7_000_000 - 3*v
			}
			return h
		},
		"all times shifted": func(h *history.History) *history.History {
			for i := range h.Ops {
				h.Ops[i].Call += 12345
				if h.Ops[i].Return != history.Open {
					h.Ops[i].Return += 12345
				}
			}
			return h
		},
		"processes renumbered": func(h *history.History) *history.History {
			for i := range h.Ops {
				h.Ops[i].Process = 900 - 7*h.Ops[i].Process
			}
			return h
		},
		"unknown writes dropped that nobody saw": func(h *history.History) *history.History {
			h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Outcome == history.Info && !anySeen(h, &o) })
			return h
		},
		"failed transactions dropped that nobody saw": func(h *history.History) *history.History {
			h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Outcome == history.Fail && !anySeen(h, &o) })
			return h
		},
	}
	count := differentialCount(t) / 10
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			draw := rand.New(rand.NewPCG(61, 62))
			violations := 0
			for n := range count {
				registers := n%2 == 0
				p := plant{registers: registers}
				h := randomTransactions(draw, registers, 8)
				before := p.judge(h)
				listed := listing(h)
				after := p.judge(change(mix(h, &history.History{})))
				require.Equal(t, before.Refuted, after.Refuted, "history %d:\n%s", n, listed)
				require.Equal(t, names(before), names(after), "history %d:\n%s", n, listed)
				if len(before.Refuted) > 0 {
					violations++
				}
			}
			require.Greater(t, violations, count/20)
		})
	}
}

// anySeen reports whether a read holds any value that a transaction wrote.
func anySeen(h *history.History, o *history.Op) bool {
	for _, m := range h.Transaction(o) {
		if m.Kind != history.Append && m.Kind != history.Write {
			continue
		}
		for i := range h.Micros {
			x := &h.Micros[i]
			if x.Key == m.Key && (x.Kind == history.Read && x.Value == m.Value || slices.Contains(h.MicroList(x), m.Value)) {
				return true
			}
		}
	}
	return false
}

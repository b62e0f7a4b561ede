package txn

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/harness/history"
)

func TestWhatCannotBeJudgedIsNoPass(t *testing.T) {
	ok := history.OK
	cases := map[string]struct {
		history *history.History
		checker checkers.Checker
		verdict checkers.Verdict
		says    string
	}{
		"no history":           {nil, ListAppend{}, checkers.Error, "no history"},
		"malformed":            {small().Txn(0, ok, 9, 5, history.Lists("x")).History(), ListAppend{}, checkers.Error, "malformed"},
		"unknown level":        {small().History(), Register{Level: "very-strong"}, checkers.Error, `"very-strong" is no level`},
		"empty":                {small().History(), ListAppend{}, checkers.Inconclusive, "no transaction was committed"},
		"all failed":           {small().Txn(0, history.Fail, 0, 1, history.Appends("x", one)).History(), ListAppend{}, checkers.Inconclusive, "no transaction was committed"},
		"nothing read":         {small().Txn(0, ok, 0, 1, history.Appends("x", one)).Txn(1, ok, 0, 1, history.Appends("x", two)).History(), ListAppend{}, checkers.Inconclusive, "no read was answered"},
		"nothing depends":      {small().Txn(0, ok, 0, 1, history.Lists("x")).Txn(0, ok, 2, 3, history.Appends("y", one)).History(), ListAppend{}, checkers.Inconclusive, "what another wrote"},
		"appended twice":       {small().Txn(0, ok, 0, 1, history.Appends("x", one), history.Appends("x", one)).History(), ListAppend{}, checkers.Inconclusive, "must be unique"},
		"written twice":        {small().Txn(0, history.Fail, 0, 1, history.Writes("x", one)).Txn(0, ok, 2, 3, history.Writes("x", one)).History(), Register{}, checkers.Inconclusive, "must be unique"},
		"initial value":        {history.NewBuilder(history.Header{Initial: 1}).Txn(0, ok, 0, 1, history.Writes("x", one)).History(), Register{}, checkers.Inconclusive, "from the start"},
		"no transaction":       {small().Append(0, "x", one, 0, 1).History(), ListAppend{}, checkers.Inconclusive, "is of kind append and no transaction"},
		"registers to lists":   {small().Txn(0, ok, 0, 1, history.Writes("x", one)).History(), ListAppend{}, checkers.Inconclusive, "judges append and read-list"},
		"lists to registers":   {small().Txn(0, ok, 0, 1, history.Lists("x")).History(), Register{}, checkers.Inconclusive, "judges write and read"},
		"only unknown is read": {small().Txn(0, ok, 0, 1, history.Reads("x", history.None)).History(), Register{}, checkers.Inconclusive, "no read was answered"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := c.checker.Check(context.Background(), checkers.Evidence{History: c.history}, checkers.Budget{})
			require.Equal(t, c.verdict, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, c.says)
		})
	}
}

func TestABudgetThatRunsOutIsInconclusive(t *testing.T) {
	for _, registers := range []bool{false, true} {
		h := synthetic.Transactions{Operations: 20_000, Registers: registers}.History(51)
		var c checkers.Checker = ListAppend{}
		if registers {
			c = Register{}
		}
		over, cancel := context.WithCancel(context.Background())
		cancel()
		for _, r := range []checkers.Result{
			c.Check(over, checkers.Evidence{History: h}, checkers.Budget{}),
			c.Check(context.Background(), checkers.Evidence{History: h}, checkers.Budget{Time: time.Nanosecond}),
			c.Check(context.Background(), checkers.Evidence{History: h}, checkers.Budget{Bytes: 1000}),
		} {
			require.Equal(t, checkers.Inconclusive, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, "budget")
		}
	}
}

// A level that is not refuted passes though others are; one that is does not.
func TestTheLevelAskedForDecides(t *testing.T) {
	h := readEDN(t, "testdata/list-append/g2-item.edn", nil)
	refuted := map[string]bool{"repeatable-read": true, "serializable": true, "strong-session-serializable": true, "strict-serializable": true}
	for _, level := range Levels() {
		r := ListAppend{Level: level}.Check(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
		require.Equal(t, refuted[level], r.Verdict == checkers.Violation, "%s: %s", level, r.Summary)
		require.Equal(t, !refuted[level], r.Verdict == checkers.Pass, "%s: %s", level, r.Summary)
	}
}

// The lattice is written with what is implied behind what implies it, and no name
// is misspelt.
func TestTheLatticeIsInOrder(t *testing.T) {
	place := map[string]int{}
	for i, m := range models {
		place[m.name] = i
	}
	known := map[string]bool{}
	for _, name := range severity {
		known[name] = true
	}
	for i, m := range models {
		for _, weaker := range m.implies {
			require.Greater(t, place[weaker], i, "%s implies %s", m.name, weaker)
		}
		for _, name := range m.forbids {
			require.True(t, known[name], name)
		}
	}
	for name := range known {
		_, refuted, _ := Boundary([]string{name})
		require.Contains(t, refuted, "strict-serializable", name)
		for _, model := range refuted {
			for _, stronger := range models {
				for _, weaker := range stronger.implies {
					if weaker == model {
						require.Contains(t, refuted, stronger.name)
					}
				}
			}
		}
	}
	_, _, left := Boundary(nil)
	require.Equal(t, []string{"strict-serializable"}, left)
}

package model

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history"
)

// changed says which changes of a history leave a model's verdict as it is, besides those
// that leave every model's.
type changed struct {
	values  bool // to rename values
	forgets bool // to leave out what is of unknown outcome and was seen by nobody
}

// metamorphic are the models' declarations. Values are not renamed where there is
// something to reckon (counters), to put together (texts) or to compare (tokens), and
// unknown outcomes leave no trace where they are taken for what they do, not for
// what they bring.
var metamorphic = map[string]changed{
	"register":         {values: true, forgets: true},
	"cas-register":     {values: true},
	"multi-register":   {values: true, forgets: true},
	"kv":               {forgets: true},
	"linearizable-set": {values: true, forgets: true},
	"append-list":      {values: true, forgets: true},
	"fifo-queue":       {values: true},
	"queue":            {values: true},
}

func verdictOf(m Model, h *history.History, first history.Value) frontier.Verdict {
	objects := Objects(h, m, first)
	if len(objects) == 0 {
		return frontier.Legal // nothing happened
	}
	return m.Judge(context.Background(), objects[0], frontier.Limits{}).Verdict
}

// copied is a history with ops, elements and steps of its own.
func copied(h *history.History) *history.History {
	c := *h
	c.Ops, c.Elements, c.Micros = slices.Clone(h.Ops), slices.Clone(h.Elements), slices.Clone(h.Micros)
	return &c
}

func shifted(h *history.History) *history.History {
	c := copied(h)
	for i := range c.Ops {
		if c.Ops[i].Call += 1_000_003; c.Ops[i].Return != history.Open {
			c.Ops[i].Return += 1_000_003
		}
	}
	return c
}

func otherProcesses(h *history.History) *history.History {
	c := copied(h)
	for i := range c.Ops {
		c.Ops[i].Process = 7*c.Ops[i].Process + 100
	}
	return c
}

// renamed gives all integers that are values other ones, the first one too.
func renamed(h *history.History, first history.Value) (*history.History, history.Value) {
	other := func(v history.Value) history.Value {
		if !v.IsInt() {
			return v
		}
		return 1_000_003 - 7*v
	}
	c := copied(h)
	for i := range c.Ops {
		op := &c.Ops[i]
		op.Value, op.Expect, op.Result = other(op.Value), other(op.Expect), other(op.Result)
	}
	for i := range c.Elements {
		c.Elements[i] = other(c.Elements[i])
	}
	for i := range c.Micros {
		c.Micros[i].Value = other(c.Micros[i].Value)
	}
	return c, other(first)
}

// unseenLeftOut leaves out what is of unknown outcome and brings values that no
// answered operation has anything to do with.
func unseenLeftOut(h *history.History) *history.History {
	seen := map[history.Value]bool{}
	text := ""
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Outcome != history.OK {
			continue
		}
		seen[op.Result], text = true, text+"|"+h.Text(op.Result)
		if op.ReadsList() {
			for _, v := range h.List(op) {
				seen[v] = true
			}
		}
		if op.Kind == history.Txn {
			for _, m := range h.Transaction(op) {
				seen[m.Value] = true
			}
		}
	}
	c := copied(h)
	c.Ops = slices.DeleteFunc(c.Ops, func(op history.Op) bool {
		if op.Outcome != history.Info {
			return false
		}
		if op.Kind == history.Txn {
			return !slices.ContainsFunc(h.Transaction(&op), func(m history.Micro) bool { return m.Kind == history.Write && seen[m.Value] })
		}
		return (op.Kind == history.Write || op.Kind == history.Append) && !seen[op.Value] && !strings.Contains(text, h.Text(op.Value))
	})
	return c
}

// What makes no difference to an object makes none to the verdict.
func TestVerdictsStayWhereNothingChanges(t *testing.T) {
	count := differentialCount(t)
	for number, c := range randomCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			draw := rand.New(rand.NewPCG(uint64(number), 11))
			may := metamorphic[c.model.ModelName()]
			left := 0
			for n := range count {
				w, first := c.world(draw)
				m := c.model
				work := newWorkload(draw, w, 1+draw.IntN(5))
				work.simulate(2 + draw.IntN(20))
				for range draw.IntN(4) {
					work.mutate()
				}
				h := work.h
				want := verdictOf(m, h, first)
				require.Equal(t, want, verdictOf(m, shifted(h), first), "shifted, history %d", n)
				require.Equal(t, want, verdictOf(m, otherProcesses(h), first), "other processes, history %d", n)
				if may.values {
					other, start := renamed(h, first)
					require.Equal(t, want, verdictOf(m, other, start), "other values, history %d:\n%s", n, listing(Objects(h, m, first)[0]))
				}
				if may.forgets && !slices.ContainsFunc(h.Ops, func(op history.Op) bool { return op.Kind == history.CAS }) {
					less := unseenLeftOut(h)
					left += len(h.Ops) - len(less.Ops)
					require.Equal(t, want, verdictOf(m, less, first), "unseen left out, history %d:\n%s", n, listing(Objects(h, m, first)[0]))
				}
			}
			t.Logf("%d histories, of which %d operations were left out", count, left)
		})
	}
}

// Keys that are objects of their own are judged alone as they are together.
func TestKeysAreJudgedAlone(t *testing.T) {
	for number, c := range randomCases {
		if c.model.IsWhole() {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			draw := rand.New(rand.NewPCG(uint64(number), 13))
			for n := range differentialCount(t) / 10 {
				w, first := c.world(draw)
				one := newWorkload(draw, w, 1+draw.IntN(4))
				one.simulate(2 + draw.IntN(12))
				one.mutate()
				alone := verdictOf(c.model, one.h, first)
				// Another key, on which the same happened a little later.
				both := copied(one.h)
				for _, op := range one.h.Ops {
					if op.Key, op.Call, op.Process = 1, op.Call+1, op.Process+1_000; op.Return != history.Open {
						op.Return++
					}
					both.Ops = append(both.Ops, op)
				}
				slices.SortStableFunc(both.Ops, byCall)
				for _, o := range Objects(both, c.model, first) {
					require.Equal(t, alone, c.model.Judge(context.Background(), o, frontier.Limits{}).Verdict, "history %d", n)
				}
			}
		})
	}
}

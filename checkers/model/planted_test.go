package model

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history"
)

// plant is one violation in a large history.
type plant struct {
	name  string
	model Model
	world func() (world, history.Value)
	// plant breaks one thing and returns the operation that can't be explained, none
	// where another one may show it.
	plant func(h *history.History)
	size  int
	// clients is how many there are on this one object.
	clients int
	unknown float64
}

// late finds an operation of the second half.
func late(h *history.History, fits func(op *history.Op) bool) *history.Op {
	for i := len(h.Ops) / 2; i < len(h.Ops); i++ {
		if op := &h.Ops[i]; op.Outcome == history.OK && fits(op) {
			return op
		}
	}
	panic("no such operation")
}

func answered(kind history.Kind) func(op *history.Op) bool {
	return func(op *history.Op) bool {
		return op.Kind == kind && !op.Mismatch && (op.Result != history.None && op.Result != history.Nil || op.Count > 0 || kind == history.Release)
	}
}

var planted = []plant{
	{"a stale sum", Counter(), func() (world, history.Value) { return &counterWorld{}, history.Nil }, func(h *history.History) {
		late(h, answered(history.Read)).Result -= 200
	}, 100_000, 20, 0},
	{"an element out of order", FIFOQueue(), func() (world, history.Value) { return &queueWorld{}, history.Nil }, func(h *history.History) {
		one := late(h, answered(history.Dequeue))
		two := late(h, func(op *history.Op) bool { return answered(history.Dequeue)(op) && op.Call > one.Return+2_000_000 })
		one.Result, two.Result = two.Result, one.Result
	}, 200, 3, 0},
	{"an element twice", Queue(), func() (world, history.Value) { return &queueWorld{anywhere: true}, history.Nil }, func(h *history.History) {
		one := late(h, answered(history.Dequeue))
		two := late(h, func(op *history.Op) bool { return answered(history.Dequeue)(op) && op.Call > one.Return+2_000_000 })
		two.Result = one.Result
	}, 20_000, 3, 0},
	{"a lock granted twice", Mutex(), func() (world, history.Value) { return &lockWorld{}, history.Nil }, func(h *history.History) {
		// It is granted to somebody else while the holder's is under way.
		one := late(h, func(op *history.Op) bool { return op.Kind == history.Acquire })
		other := *one
		other.Process, other.Call, other.Return = 1<<20, one.Return+1, one.Return+2
		for i := range h.Ops {
			if op := &h.Ops[i]; op.Call <= other.Return && op.Return >= one.Call && op.Kind == history.Release {
				op.Outcome, op.Return = history.Fail, op.Call
			}
			if op := &h.Ops[i]; op.Kind == history.Release && op.Outcome == history.Info && op.Call < other.Return {
				op.Outcome, op.Return = history.Fail, op.Call
			}
		}
		h.Ops = append(h.Ops, other)
		slices.SortStableFunc(h.Ops, byCall)
	}, 100_000, 20, 0.02},
	{"a token that does not grow", FencedMutex(), func() (world, history.Value) { return &lockWorld{fenced: true}, history.Nil }, func(h *history.History) {
		late(h, answered(history.Acquire)).Result -= 3
	}, 100_000, 20, 0},
	{"a text without an append", KV(), func() (world, history.Value) { return &kvWorld{}, history.Nil }, func(h *history.History) {
		one := late(h, answered(history.Read))
		two := late(h, func(op *history.Op) bool {
			return answered(history.Read)(op) && op.Call > one.Return+1_000_000 && op.Result != one.Result
		})
		two.Result = one.Result
	}, 100_000, 3, 0},
	{"a transaction that saw half of another", MultiRegister(), func() (world, history.Value) { return &multiWorld{values: map[history.Key]history.Value{}}, 0 }, func(h *history.History) {
		for i := len(h.Ops) / 2; i < len(h.Ops); i++ {
			if op := &h.Ops[i]; op.Outcome == history.OK {
				for j := range h.Transaction(op) {
					if m := &h.Transaction(op)[j]; m.Kind == history.Read {
						m.Value = 77
						return
					}
				}
			}
		}
	}, 100_000, 5, 0},
	{"an element that is lost", Set(), func() (world, history.Value) { return &setWorld{most: 1}, history.Nil }, func(h *history.History) {
		op := late(h, answered(history.ReadList))
		list := slices.Clone(h.List(op))
		list = slices.Delete(list, 5, 6)
		op.Offset, op.Count = uint32(len(h.Elements)), uint32(len(list))
		h.Elements = append(h.Elements, list...)
	}, 4_000, 8, 0.02},
	{"two elements in another order", AppendList(), func() (world, history.Value) { return &setWorld{most: 1, list: true}, history.Nil }, func(h *history.History) {
		list := h.List(late(h, answered(history.ReadList)))
		list[3], list[4] = list[4], list[3]
	}, 4_000, 4, 0.02},
}

// One violation in a large history is found, and comes down to a handful.
func TestPlantedViolationsAreFoundAndExplained(t *testing.T) {
	for number, c := range planted {
		t.Run(c.model.ModelName()+" "+strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			w, first := c.world()
			work := newWorkload(rand.New(rand.NewPCG(uint64(number), 9)), w, c.clients)
			work.unknown, work.failed, work.long = c.unknown, 0.01, true
			work.simulate(c.size)
			limits := func() frontier.Limits {
				return frontier.Limits{Deadline: time.Now().Add(15 * time.Second), Bytes: 1 << 30}
			}
			o := Objects(work.h, c.model, first)[0]
			began := time.Now()
			answer := c.model.Judge(context.Background(), o, limits())
			t.Logf("valid: %v in %.2f s, %d steps, widest %d, %d MB", answer.Verdict, time.Since(began).Seconds(), answer.Steps, answer.Widest, answer.Bytes>>20)
			require.Equal(t, frontier.Legal, answer.Verdict, answer.Reason)

			c.plant(work.h)
			o = Objects(work.h, c.model, first)[0]
			began = time.Now()
			answer = c.model.Judge(context.Background(), o, limits())
			t.Logf("planted: %v in %.2f s, %d steps, widest %d", answer.Verdict, time.Since(began).Seconds(), answer.Steps, answer.Widest)
			require.Equal(t, frontier.Illegal, answer.Verdict, answer.Reason)
			began = time.Now()
			told, ok := c.model.Explain(context.Background(), o, limits())
			require.True(t, ok)
			t.Logf("explained in %.2f s: %+v", time.Since(began).Seconds(), told)
			for _, place := range told.Places {
				t.Log(work.h.Describe(int(o.Index[place])))
			}
			require.LessOrEqual(t, len(told.Places), handful)
		})
	}
}

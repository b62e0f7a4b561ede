package checkers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// offer is an operation as the porcupine models below take it: something that is put
// in, or something that is taken out.
type offer struct {
	in      string // what is put in; "" for a dequeue
	out     string // what was taken; "nil" for nothing, "?" where nobody knows
	maybe   bool   // it may do nothing
	drain   int    // which drain it is a part of, from 1
	counter int    // which part, from 0
}

// queueModel has as its state what is in the queue, and how far each drain is:
// "1,2,3,|1=2,".
func queueModel(bag bool) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{"|"} },
		Step: func(state, input, _ any) (next []any) {
			o := input.(offer)
			queue, drains, _ := strings.Cut(state.(string), "|")
			if o.in != "" {
				return []any{queue + o.in + ",|" + drains}
			}
			if o.drain > 0 {
				before, after := fmt.Sprintf("%d=%d,", o.drain, o.counter), fmt.Sprintf("%d=%d,", o.drain, o.counter+1)
				switch {
				case o.counter == 0:
					drains += after
				case !strings.Contains(","+drains, ","+before):
					return nil
				default:
					drains = strings.TrimPrefix(strings.Replace(","+drains, ","+before, ","+after, 1), ",")
				}
			}
			if o.maybe || queue == "" && (o.out == "nil" || o.out == "?") {
				next = append(next, state)
			}
			items := strings.Split(queue, ",")
			for i, v := range items[:len(items)-1] {
				if (i == 0 || bag) && (o.out == "?" || o.out == v) {
					next = append(next, strings.Join(slices.Delete(slices.Clone(items), i, i+1), ",")+"|"+drains)
				}
			}
			return next
		},
	}
	return m.ToModel()
}

func offers(h *history.History) (ops []porcupine.Operation) {
	end, enqueues := int64(0), 0
	for _, op := range h.Ops {
		end = max(end, op.Call)
		if op.Return != history.Open {
			end = max(end, op.Return)
		}
		if op.Kind == history.Enqueue {
			enqueues++
		}
	}
	// A drain of unknown outcome is as many dequeues as there are elements.
	add := func(op history.Op, o offer) {
		if o.maybe = op.Outcome == history.Info && o.in == ""; op.Outcome == history.Info {
			op.Return = end + 1
		}
		ops = append(ops, porcupine.Operation{ClientId: len(ops), Input: o, Call: op.Call, Return: op.Return})
	}
	for i, op := range h.Ops {
		switch {
		case op.Outcome == history.Fail:
		case op.Kind == history.Enqueue:
			add(op, offer{in: h.Text(op.Value)})
		case op.Kind == history.Dequeue:
			add(op, offer{out: h.Text(op.Result)})
		case op.Outcome == history.Info:
			for range enqueues {
				add(op, offer{out: "?"})
			}
		default:
			for n, v := range h.List(&op) {
				add(op, offer{out: h.Text(v), drain: i + 1, counter: n})
			}
		}
	}
	return ops
}

// Porcupine's search shares no code with the judge nor with the brute force.
func TestQueuesAgreeWithPorcupine(t *testing.T) {
	for _, bag := range []bool{false, true} {
		for _, most := range []int{8, 16} {
			count := differentialCount(t) / 2
			if most > 8 {
				count /= 20
			}
			draw := rand.New(rand.NewPCG(13, uint64(most)))
			model := queueModel(bag)
			var q queueJudge
			violations, unfinished := 0, 0
			for n := range count {
				h := randomQueueHistory(draw, most, bag, false)
				answer := q.decide(h, nil, !bag)
				result := porcupine.CheckOperationsTimeout(model, offers(h), 100*time.Millisecond)
				if result == porcupine.Unknown {
					unfinished++
					continue
				}
				legal := result == porcupine.Ok
				require.True(t, answer.exact)
				require.Equal(t, legal, answer.flaw == queueFlawless, "bag %v, flaw %d, history %d:\n%s", bag, answer.flaw, n, listingOf(h))
				if !legal {
					violations++
				}
			}
			t.Logf("bag %v, up to %d operations: %d histories, %d violations, none undecided, porcupine gave up on %d, no disagreement", bag, most, count, violations, unfinished)
			require.Greater(t, violations, count/20)
		}
	}
}

// setModel has the elements as its state, sorted: "1,2,".
var setModel = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, _ any) (bool, any) {
		o := input.(offer)
		if o.in == "" {
			return state == o.out, state
		}
		items := strings.Split(state.(string), ",")
		items = items[:len(items)-1]
		if !slices.Contains(items, o.in) {
			items = append(items, o.in)
		}
		return true, setText(items)
	},
}

func setText(items []string) string {
	slices.Sort(items)
	return strings.Join(append(items, ""), ",")
}

func TestSetAgreesWithPorcupine(t *testing.T) {
	for _, most := range []int{10, 20} {
		count := differentialCount(t) / 2
		if most > 10 {
			count /= 20
		}
		draw := rand.New(rand.NewPCG(23, uint64(most)))
		var s setJudge
		violations := 0
		for n := range count {
			h := randomSetHistory(draw, most, n%4 == 0)
			var ops []porcupine.Operation
			for i, op := range h.Ops {
				o := offer{}
				switch {
				case op.Kind == history.Append && op.Outcome != history.Fail:
					o.in = h.Text(op.Value)
				case op.Kind == history.ReadList && op.Outcome == history.OK:
					items := []string{}
					for _, v := range h.List(&op) {
						items = append(items, h.Text(v))
					}
					o.out = setText(items)
				default:
					continue
				}
				if op.Return == history.Open {
					op.Return = 1 << 40
				}
				ops = append(ops, porcupine.Operation{ClientId: i, Input: o, Call: op.Call, Return: op.Return})
			}
			legal := porcupine.CheckOperations(setModel, ops)
			answer := s.decide(h, nil, nil)
			require.True(t, answer.exact)
			require.Equal(t, legal, answer.flaw == setFlawless, "flaw %d, history %d:\n%s", answer.flaw, n, listingOf(h))
			if !legal {
				violations++
			}
		}
		t.Logf("up to %d operations: %d histories, %d violations, none undecided, no disagreement", most, count, violations)
		require.Greater(t, violations, count/20)
	}
}

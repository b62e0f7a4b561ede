package checkers

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seatrial/seatrial/harness/history"
)

// randomOrder draws lists and queues whose elements come in order, more or less.
func randomOrder(t *testing.T) func(draw *rand.Rand) (*history.History, Checker) {
	return func(draw *rand.Rand) (*history.History, Checker) {
		c := newCrowd(draw, 1+draw.IntN(3), []string{"a", "b"}[:1+draw.IntN(4)/3]...)
		held := map[history.Key][]history.Value{}
		spoil, value := draw.IntN(2) == 0, history.Value(0)
		for n := range 4 + draw.IntN(9) {
			kind := []history.Kind{history.Append, history.Append, history.Enqueue, history.ReadList, history.ReadLocal, history.Dequeue, history.Dequeue, history.Drain}[draw.IntN(8)]
			if n < 3 {
				kind = history.Append
			}
			o := c.op(kind, 8, 8)
			list := held[o.Key]
			if spoil && len(list) > 1 && draw.IntN(2) == 0 {
				i, j := 0, 1+draw.IntN(len(list)-1)
				list = slices.Clone(list)
				list[i], list[j] = list[j], list[i]
			}
			switch kind {
			case history.Append, history.Enqueue:
				if value++; draw.IntN(15) == 0 {
					value = max(1, value-1)
				}
				o.Value = value
				if o.Outcome == history.OK || draw.IntN(2) == 0 {
					held[o.Key] = append(slices.Clone(list), o.Value)
				}
				c.add(o)
			case history.Dequeue:
				if o.Outcome == history.OK {
					o.Result = history.Nil
					if len(list) > 0 {
						o.Result = list[0]
						held[o.Key] = list[1:]
					}
				}
				c.add(o)
			default:
				c.add(o, list...)
			}
		}
		return c.history(t), PerKeyOrder{Local: draw.IntN(2) == 0}
	}
}

// orderDue is the definition: no sequence shows two elements of one producer the wrong way round.
func orderDue(h *history.History, c Checker) Verdict {
	type id struct {
		key history.Key
		v   history.Value
	}
	type origin struct{ process, number, times int }
	origins := map[id]origin{}
	for i, o := range h.Ops {
		if (o.Kind == history.Append || o.Kind == history.Enqueue) && o.Outcome != history.Fail {
			x := id{o.Key, o.Value}
			origins[x] = origin{int(o.Process), i, origins[x].times + 1}
		}
	}
	var sequences [][]id
	taken := map[[2]int][]id{}
	for i := range h.Ops {
		o := &h.Ops[i]
		if !ok(o) {
			continue
		}
		var ids []id
		for _, v := range h.List(o) {
			ids = append(ids, id{o.Key, v})
		}
		who := [2]int{int(o.Process), int(o.Key)}
		switch o.Kind {
		case history.ReadList:
			sequences = append(sequences, ids)
		case history.ReadLocal:
			if c.(PerKeyOrder).Local {
				sequences = append(sequences, ids)
			}
		case history.Drain:
			taken[who] = append(taken[who], ids...)
		case history.Dequeue:
			taken[who] = append(taken[who], id{o.Key, o.Result})
		}
	}
	for _, ids := range taken {
		sequences = append(sequences, ids)
	}
	due := Inconclusive
	for _, ids := range sequences {
		var firsts []id
		for _, x := range ids {
			if !slices.Contains(firsts, x) && origins[x].times == 1 {
				firsts = append(firsts, x)
			}
		}
		for i := range firsts {
			for j := range i {
				a, b := origins[firsts[j]], origins[firsts[i]]
				if a.process == b.process && a.number > b.number {
					return Violation
				}
				if a.process == b.process {
					due = Pass
				}
			}
		}
	}
	return due
}

func TestPerKeyOrderAgreesWithItsDefinition(t *testing.T) {
	agree(t, 100, randomOrder(t), orderDue, func(_ *history.History, c Checker) Checker { return c })
}

func TestPerKeyOrderIsNotChangedByWhatDoesNotMatter(t *testing.T) {
	unchanged(t, 101, randomOrder(t), map[string]func(h *history.History){
		"shifted": shiftTimes, "renamed": renameValues, "processes renamed": renameProcesses, "failed ones left out": dropFailed,
	})
}

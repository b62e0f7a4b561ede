package checkers

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seatrial/seatrial/harness/history"
)

// randomStream draws a stream and its watchers, some of which begin late, miss
// something, or see it in another order.
func randomStream(t *testing.T) func(draw *rand.Rand) (*history.History, Checker) {
	return func(draw *rand.Rand) (*history.History, Checker) {
		c := newCrowd(draw, 1+draw.IntN(4), "s")
		check := StreamOrder{Revisions: draw.IntN(3) == 0, ProducerOrder: draw.IntN(3) == 0, Redelivered: draw.IntN(3) == 0, Shared: draw.IntN(4) == 0}
		spoil := []int{0, 3, 10}[draw.IntN(3)]
		var stream []history.Value
		position := map[int32]int{}
		for n := range 5 + draw.IntN(10) {
			kind := []history.Kind{history.Append, history.ReadLocal, history.Dequeue, history.ReadList, history.Drain}[draw.IntN(5)]
			if n < 4 {
				kind = history.Append
			}
			o := c.op(kind, 6, 6)
			if kind == history.Append {
				if o.Value = history.Value(n + 1); draw.IntN(20) == 0 {
					o.Value = history.Value(max(1, n))
				}
				if o.Outcome == history.OK || o.Outcome == history.Info && draw.IntN(2) == 0 {
					stream = append(stream, o.Value)
				}
				c.add(o)
				continue
			}
			at, begun := position[o.Process]
			if !begun && len(stream) > 0 {
				at = draw.IntN(len(stream)+1) / 2
			}
			most := len(stream)
			if kind == history.Dequeue {
				most = min(most, at+1)
			}
			at = min(at, most)
			batch := slices.Clone(stream[at:most])
			position[o.Process] = most
			if spoil > 0 && draw.IntN(spoil) == 0 && most < len(stream) {
				position[o.Process]++
			}
			if spoil > 0 && draw.IntN(2*spoil) == 0 && most > 0 {
				position[o.Process]--
			}
			if spoil > 0 && draw.IntN(spoil) == 0 && len(batch) > 1 {
				if i := draw.IntN(len(batch) - 1); draw.IntN(2) == 0 {
					batch[i], batch[i+1] = batch[i+1], batch[i]
				} else {
					batch = slices.Delete(batch, i, i+1)
				}
			}
			if kind == history.Dequeue && o.Outcome == history.OK {
				if o.Result = history.Nil; len(batch) > 0 {
					o.Result = batch[0]
				}
				if draw.IntN(10) == 0 {
					o.Result = history.None
				}
			}
			c.add(o, batch...)
		}
		return c.history(t), check
	}
}

// streamDue is the definition, by the closure of what every sequence says.
func streamDue(h *history.History, checker Checker) Verdict {
	c := checker.(StreamOrder)
	sequences, acked, times := map[int32][]history.Value{}, map[history.Value]bool{}, map[history.Value]int{}
	long := false
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Kind == history.Append && o.Outcome != history.Fail {
			times[o.Value]++
			acked[o.Value] = acked[o.Value] || ok(o)
		}
		if !ok(o) || o.Kind == history.Append {
			continue
		}
		heard := slices.Clone(h.List(o))
		if o.Kind == history.Dequeue && o.Result != history.Nil && o.Result != history.None {
			heard = append(heard, o.Result)
		}
		for _, v := range heard {
			if slices.Contains(sequences[o.Process], v) {
				if !c.Redelivered {
					return Violation
				}
				continue
			}
			sequences[o.Process] = append(sequences[o.Process], v)
		}
		long = long || len(sequences[o.Process]) > 1
	}
	before := map[[2]history.Value]bool{}
	order := func(list []history.Value) {
		for i := range list {
			for j := range i {
				before[[2]history.Value{list[j], list[i]}] = true
			}
		}
	}
	values := map[history.Value]bool{}
	for v := range times {
		values[v] = true
	}
	for _, list := range sequences {
		order(list)
		for _, v := range list {
			values[v] = true
		}
	}
	if len(sequences) == 0 {
		return Inconclusive
	}
	if c.ProducerOrder && !c.Revisions {
		sent := map[int32][]history.Value{}
		for _, o := range h.Ops {
			if o.Kind == history.Append && o.Outcome != history.Fail && times[o.Value] == 1 {
				sent[o.Process] = append(sent[o.Process], o.Value)
			}
		}
		for _, list := range sent {
			order(list)
		}
	}
	if c.Revisions {
		for v := range values {
			for w := range values {
				if v < w {
					before[[2]history.Value{v, w}] = true
				}
			}
		}
	}
	for k := range values {
		for i := range values {
			for j := range values {
				if before[[2]history.Value{i, k}] && before[[2]history.Value{k, j}] {
					before[[2]history.Value{i, j}] = true
				}
			}
		}
	}
	for v := range values {
		if before[[2]history.Value{v, v}] {
			return Violation
		}
	}
	for _, list := range sequences {
		for y := range values {
			for _, x := range list {
				for _, z := range list {
					if !c.Shared && acked[y] && !slices.Contains(list, y) && before[[2]history.Value{x, y}] && before[[2]history.Value{y, z}] {
						return Violation
					}
				}
			}
		}
	}
	if !long {
		return Inconclusive
	}
	return Pass
}

func TestStreamOrderAgreesWithItsDefinition(t *testing.T) {
	agree(t, 130, randomStream(t), streamDue, nil)
}

// A proof shows operations that tell of more than is needed, so it is a violation by
// itself too, though maybe of another kind.
func TestStreamOrderProofsStandAlone(t *testing.T) {
	agree(t, 131, randomStream(t), streamDue, func(_ *history.History, c Checker) Checker { return c })
}

func TestStreamOrderIsNotChangedByWhatDoesNotMatter(t *testing.T) {
	unchanged(t, 132, randomStream(t), map[string]func(h *history.History){
		"shifted": shiftTimes, "renamed": renameValues, "processes renamed": renameProcesses, "failed ones left out": dropFailed,
	})
}

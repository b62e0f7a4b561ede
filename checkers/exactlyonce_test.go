package checkers

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seatrial/seatrial/harness/history"
)

// randomEffects draws effects that are delivered again, to lists and queues.
func randomEffects(t *testing.T) func(draw *rand.Rand) (*history.History, Checker) {
	return func(draw *rand.Rand) (*history.History, Checker) {
		c := newCrowd(draw, 1+draw.IntN(3), "l", "q")
		held := map[history.Key][]history.Value{}
		spoil, value := draw.IntN(2) == 0, history.Value(0)
		fails := draw.IntN(3) * 10
		for range 2 + draw.IntN(9) {
			o := c.op(history.Append, 10, fails)
			o.Kind = []history.Kind{history.Append, history.Enqueue}[o.Key]
			if draw.IntN(5) == 0 {
				o.Kind = []history.Kind{history.ReadList, history.Dequeue}[o.Key]
			}
			happens := o.Outcome == history.OK || o.Outcome == history.Info && draw.IntN(2) == 0
			switch list := held[o.Key]; o.Kind {
			case history.ReadList:
				c.add(o, list...)
				continue
			case history.Dequeue:
				if len(list) > 0 && happens {
					o.Result = list[0]
					held[o.Key] = list[1:]
				} else if o.Outcome == history.OK {
					o.Result = history.Nil
				}
				if o.Outcome != history.OK {
					o.Result = history.None
				}
			default:
				value++
				if o.Value = value; draw.IntN(3) == 0 {
					o.Value, value = 1+history.Value(draw.Int64N(int64(value))), value-1
				}
				if value = max(value, 1); happens && (!slices.Contains(list, o.Value) || spoil && draw.IntN(4) == 0) {
					held[o.Key] = append(slices.Clone(list), o.Value)
				}
			}
			c.add(o)
		}
		end := c.end() + draw.Int64N(2)
		if draw.IntN(4) > 0 {
			c.h.Marks = append(c.h.Marks, history.Mark{Name: MarkFinal, Time: end})
		}
		if draw.IntN(6) == 0 {
			c.h.Marks = append(c.h.Marks, history.Mark{Name: "redelivered", Time: end, Detail: []string{"", "2", "0"}[draw.IntN(3)]})
		}
		for key, kind := range []history.Kind{history.ReadList, history.Drain} {
			if draw.IntN(8) == 0 {
				continue
			}
			list := slices.Clone(held[history.Key(key)])
			if spoil && draw.IntN(2) == 0 && len(list) > 0 {
				list = slices.Delete(list, 0, 1)
			}
			if spoil && draw.IntN(8) == 0 {
				list = append(list, 77)
			}
			o := history.Op{Call: end + int64(key), Return: end + int64(key), Process: c.next, Kind: kind, Key: history.Key(key),
				Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK}
			c.add(o, list...)
		}
		return c.history(t), ExactlyOnce{Redelivered: []string{"", "redelivered"}[draw.IntN(2)]}
	}
}

// onceDue is the definition.
func onceDue(h *history.History, c Checker) Verdict {
	type id struct {
		key history.Key
		v   history.Value
	}
	there, tries, acks, again := map[id]int{}, map[id]int{}, map[id]int64{}, 0
	var all []id
	final := int64(-1)
	for _, m := range h.Marks {
		if m.Name == MarkFinal {
			final = m.Time
		}
		if m.Name == c.(ExactlyOnce).Redelivered {
			again += map[string]int{"": 1, "2": 2, "0": 0}[m.Detail]
		}
	}
	lastCall, blind, spare := map[history.Key]int64{}, map[history.Key]bool{}, map[history.Key]int{}
	ends := 0
	for key := range h.Keys {
		var last *history.Op
		queue := slices.ContainsFunc(h.Ops, func(o history.Op) bool {
			return int(o.Key) == key && (o.Kind == history.Dequeue || o.Kind == history.Drain) && o.Outcome != history.Fail
		})
		for i := range h.Ops {
			o := &h.Ops[i]
			if int(o.Key) != key {
				continue
			}
			empties := o.Kind == history.Drain || o.Kind == history.Dequeue && o.Result == history.Nil
			switch {
			case o.Kind == history.ReadList && ok(o) && !queue:
				last = o
			case queue && ok(o) && empties && o.Call >= final:
				last = o
			case queue && ok(o) && o.Kind == history.Dequeue && final < 0:
				last = nil
			case o.Outcome == history.Info && o.Kind == history.Dequeue:
				spare[o.Key]++
			case o.Outcome == history.Info && o.Kind == history.Drain:
				blind[o.Key] = true
			}
		}
		if last != nil {
			lastCall[history.Key(key)] = last.Call
		} else {
			blind[history.Key(key)] = true
		}
		if queue || last != nil {
			ends++
		}
		for i := range h.Ops {
			o := &h.Ops[i]
			if int(o.Key) != key {
				continue
			}
			if ok(o) && o.Kind == history.Dequeue && o.Result != history.Nil {
				there[id{o.Key, o.Result}]++
				all = append(all, id{o.Key, o.Result})
			}
			if ok(o) && (o.Kind == history.Drain || o == last && !queue) {
				for _, v := range h.List(o) {
					there[id{o.Key, v}]++
					all = append(all, id{o.Key, v})
				}
			}
			if o.Kind == history.Append || o.Kind == history.Enqueue {
				x := id{o.Key, o.Value}
				all = append(all, x)
				if o.Outcome != history.Fail {
					if tries[x]++; tries[x] > 1 {
						again++
					}
				}
				if _, acked := acks[x]; ok(o) && (!acked || o.Return < acks[x]) {
					acks[x] = o.Return
				}
			}
		}
	}
	missing, open, seen := map[history.Key]int{}, 0, map[id]bool{}
	for _, x := range all {
		if seen[x] {
			continue
		}
		seen[x] = true
		if there[x] > 0 && tries[x] == 0 || there[x] > 1 {
			return Violation
		}
		if ack, acked := acks[x]; acked && there[x] == 0 {
			if blind[x.key] || ack >= lastCall[x.key] {
				open++
			} else {
				missing[x.key]++
			}
		}
	}
	for key, n := range missing {
		if n > spare[key] {
			return Violation
		}
		open += n
	}
	if len(acks) == 0 || ends == 0 || open == len(acks) || again == 0 {
		return Inconclusive
	}
	return Pass
}

func TestExactlyOnceAgreesWithItsDefinition(t *testing.T) {
	agree(t, 120, randomEffects(t), onceDue, nil)
}

func TestExactlyOnceIsNotChangedByWhatDoesNotMatter(t *testing.T) {
	unchanged(t, 121, randomEffects(t), map[string]func(h *history.History){
		"shifted": shiftTimes, "renamed": renameValues, "processes renamed": renameProcesses,
	})
}

package checkers

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// setLoad is a correct set under load, to make large histories that are
// linearizable by construction.
type setLoad struct {
	operations, keys, clients int
	every                     int // one operation in so many is a read
	unknown                   float64
	shuffled                  bool // each read has an order of its own
}

func (l setLoad) history(draw *rand.Rand) *history.History {
	plan := (load{operations: l.operations, keys: l.keys, clients: l.clients, unknown: l.unknown}).plan(draw)
	order := make([]int32, len(plan))
	for i := range plan {
		order[i] = int32(i)
		op := &plan[i].op
		op.Kind, op.Value = history.Append, history.Value(i+1)
		if draw.IntN(l.every) == 0 {
			op.Kind, op.Value = history.ReadList, history.None
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(plan[a].at, plan[b].at) })
	h := &history.History{Header: history.Header{UniqueValues: true}}
	for k := range l.keys {
		h.Keys = append(h.Keys, fmt.Sprintf("s%d", k))
	}
	state := make([][]history.Value, l.keys)
	for _, i := range order {
		op := &plan[i].op
		set := &state[op.Key]
		switch {
		case op.Outcome == history.Info && draw.IntN(2) == 0:
		case op.Kind == history.Append:
			*set = append(*set, op.Value)
		case op.Outcome == history.OK:
			relist(h, op, *set)
			if list := h.List(op); l.shuffled {
				draw.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			}
		}
	}
	for i := range plan {
		h.Ops = append(h.Ops, plan[i].op)
	}
	return h
}

// readsOf lists the indices of the answered reads, the later half of them.
func readsOf(h *history.History) (reads []int) {
	for i, op := range h.Ops {
		if op.Kind == history.ReadList && op.Outcome == history.OK {
			reads = append(reads, i)
		}
	}
	return reads[len(reads)/2:]
}

// appendBy finds an append.
func appendBy(h *history.History, want func(op *history.Op) bool) *history.Op {
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Kind == history.Append && want(op) {
			return op
		}
	}
	panic("there is no such append")
}

var plantedInSets = []struct {
	name, says string
	flaw       setFlaw
	operations int
	plant      func(h *history.History, reads []int) (shown []history.Value)
}{
	{"garbage", "Nobody ever tried to append 7777777 to s0.", setGarbage, 1, func(h *history.History, reads []int) []history.Value {
		with(h, &h.Ops[reads[0]], 7777777)
		return []history.Value{7777777}
	}},
	{"an append that failed and was read", "an append that failed must never be seen", setGarbage, 2, func(h *history.History, reads []int) []history.Value {
		op := appendBy(h, func(op *history.Op) bool {
			return op.Outcome == history.OK && op.Call > h.Ops[reads[0]].Return && op.Return < h.Ops[reads[1]].Call
		})
		op.Outcome = history.Fail
		return []history.Value{op.Value}
	}},
	{"twice in a read", "can't be in it twice", setTwice, 1, func(h *history.History, reads []int) []history.Value {
		v := h.List(&h.Ops[reads[0]])[7]
		with(h, &h.Ops[reads[0]], v)
		return []history.Value{v}
	}},
	{"read before it was appended", "before anybody had begun to append it", setEarly, 2, func(h *history.History, reads []int) []history.Value {
		read := h.Ops[reads[1]]
		op := appendBy(h, func(op *history.Op) bool {
			return op.Outcome == history.OK && op.Call > h.Ops[reads[0]].Return && op.Return < read.Call
		})
		op.Call, op.Return = read.Return+1, read.Return+2
		return []history.Value{op.Value}
	}},
	{"missed after it was acknowledged", "had been acknowledged at", setMissed, 2, func(h *history.History, reads []int) []history.Value {
		op := appendBy(h, func(op *history.Op) bool { return op.Outcome == history.OK })
		without(h, &h.Ops[reads[0]], op.Value)
		return []history.Value{op.Value}
	}},
	{"read, and missed by a later read", "'s read had held", setBack, 2, func(h *history.History, reads []int) []history.Value {
		op := appendBy(h, func(op *history.Op) bool {
			return op.Outcome == history.Info && slices.Contains(h.List(&h.Ops[reads[0]]), op.Value)
		})
		without(h, &h.Ops[reads[5]], op.Value)
		return []history.Value{op.Value}
	}},
	{"two reads of which each lacks what the other one holds", "whichever read came first", setCrossed, 2, func(h *history.History, reads []int) []history.Value {
		one := &h.Ops[reads[3]]
		var under []history.Value // under way all the time
		for _, op := range h.Ops {
			if op.Kind == history.Append && op.Outcome == history.OK && op.Call <= one.Return && op.Return >= one.Call && slices.Contains(h.List(one), op.Value) {
				under = append(under, op.Value)
			}
		}
		other := *one
		other.Process = 1 << 20
		without(h, one, under[0])
		without(h, &other, under[1])
		h.Ops = append(h.Ops, other)
		return nil
	}},
	{"appended one after the other, and only the later one read", "Yet", setOvertaken, 3, func(h *history.History, reads []int) []history.Value {
		for _, n := range reads {
			r := &h.Ops[n]
			for _, y := range h.Ops {
				if y.Kind != history.Append || y.Outcome != history.OK || y.Return < r.Call || y.Return > r.Return {
					continue
				}
				for _, x := range h.Ops {
					if x.Kind == history.Append && x.Outcome == history.OK && x.Call > y.Return && x.Call <= r.Return {
						without(h, r, y.Value)
						without(h, r, x.Value)
						with(h, r, x.Value)
						return []history.Value{x.Value, y.Value}
					}
				}
			}
		}
		panic("no two appends are apart during a read")
	}},
}

func TestPlantedInSets(t *testing.T) {
	var s setJudge
	for _, c := range plantedInSets {
		for _, shuffled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, shuffled %v", c.name, shuffled), func(t *testing.T) {
				l := setLoad{operations: 100_000, keys: 1, clients: 20, every: 1000, unknown: 0.02, shuffled: shuffled}
				h := l.history(rand.New(rand.NewPCG(3, 1)))
				require.NoError(t, h.Validate())
				require.Equal(t, setAnswer{exact: true}, s.decide(h, nil, nil))
				shown := c.plant(h, readsOf(h))
				slices.SortStableFunc(h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
				answer := s.decide(h, nil, nil)
				require.True(t, answer.exact)
				require.Equal(t, c.flaw, answer.flaw)
				proof := s.prove(answer)
				t.Log(strings.Join(proof.Story, "\n"))
				require.LessOrEqual(t, len(proof.Operations), c.operations)
				require.Contains(t, strings.Join(proof.Story, " "), c.says)
				for _, v := range shown {
					require.Contains(t, proof.Story[len(proof.Story)-1], h.Text(v))
				}
			})
		}
	}
}

// What must not change an answer.
func TestSetsAreJudgedAlikeHoweverTold(t *testing.T) {
	count := max(1000, differentialCount(t)/10)
	draw := rand.New(rand.NewPCG(25, 26))
	changes := map[string]func(h *history.History) (index []int32){
		"shifted in time": func(h *history.History) []int32 {
			for i := range h.Ops {
				op := &h.Ops[i]
				if op.Call += 1_000_000; op.Return != history.Open {
					op.Return += 1_000_000
				}
			}
			return nil
		},
		"values renamed": func(h *history.History) []int32 {
			for i := range h.Ops {
				if v := &h.Ops[i].Value; *v != history.None {
					*v = 1_000_003 - 7919**v
				}
			}
			for i := range h.Elements {
				h.Elements[i] = 1_000_003 - 7919*h.Elements[i]
			}
			return nil
		},
		"lists in another order": func(h *history.History) []int32 {
			for i := range h.Ops {
				list := slices.Clone(h.List(&h.Ops[i]))
				slices.Reverse(list)
				if len(list) > 0 {
					relist(h, &h.Ops[i], list)
				}
			}
			return nil
		},
		"failed operations left out": func(h *history.History) []int32 {
			h.Ops = slices.DeleteFunc(h.Ops, func(op history.Op) bool { return op.Outcome == history.Fail })
			return nil
		},
		"with an unknown append that nobody sees": func(h *history.History) []int32 {
			op := history.Op{Call: 0, Return: history.Open, Kind: history.Append, Value: 1234, Expect: history.None, Result: history.None}
			h.Ops = append([]history.Op{op}, h.Ops...)
			return nil
		},
		"with a node's own copy": func(h *history.History) []int32 {
			op := history.Op{Call: 0, Return: 1, Kind: history.ReadLocal, Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK}
			relist(h, &op, []history.Value{99, 99})
			h.Ops = append([]history.Op{op}, h.Ops...)
			return nil
		},
		"beside another key": func(h *history.History) (index []int32) {
			var ops []history.Op
			for _, op := range h.Ops {
				other := op
				other.Key = 1
				index = append(index, int32(len(ops)))
				ops = append(ops, op, other)
			}
			h.Ops, h.Keys = ops, []string{"s", "r"}
			return index
		},
	}
	var s setJudge
	flaws := map[setFlaw]int{}
	for n := range count {
		seed := draw.Uint64()
		random := func() *history.History { return randomSetHistory(rand.New(rand.NewPCG(seed, 1)), 12, n%4 == 0) }
		before := s.decide(random(), nil, nil)
		flaws[before.flaw]++
		for name, change := range changes {
			h := random()
			index := change(h)
			after := s.decide(h, index, nil)
			require.Equal(t, before.flaw == setFlawless, after.flaw == setFlawless, "%s, history %d:\n%s", name, n, listingOf(h))
			require.True(t, after.exact)
			if after.flaw != setFlawless {
				proof := s.prove(after)
				require.True(t, index == nil || proof.Key == "s")
			}
		}
	}
	require.Greater(t, len(flaws), 6)
}

func TestASetThatThereIsNoTimeForIsUndecided(t *testing.T) {
	h := setLoad{operations: 20_000, keys: 1, clients: 20, every: 100, unknown: 0.02, shuffled: true}.history(rand.New(rand.NewPCG(3, 1)))
	var s setJudge
	asked := 0
	answer := s.decide(h, nil, func() bool { asked++; return true })
	require.Equal(t, setAnswer{}, answer)
	require.Equal(t, 1, asked)
}

func TestWhatIsNoSetIsNotJudged(t *testing.T) {
	h := history.NewBuilder(history.Header{}).Append(1, "s", 5, 10, 20).Enqueue(2, "s", 6, 50, 60).List(1, "s", []history.Value{7}, 70, 80).History()
	var s setJudge
	require.Equal(t, setAnswer{}, s.decide(h, nil, nil))
}

func BenchmarkGrowingSet(b *testing.B) {
	for _, c := range []setLoad{
		{operations: 1_000_000, keys: 1, clients: 50, every: 20_000, unknown: 0.05},
		{operations: 1_000_000, keys: 500, clients: 50, every: 50, unknown: 0.05},
		{operations: 1_000_000, keys: 500, clients: 50, every: 50, unknown: 0.05, shuffled: true},
	} {
		h := c.history(rand.New(rand.NewPCG(7, 7)))
		index := make([][]int32, c.keys)
		for i, op := range h.Ops {
			index[op.Key] = append(index[op.Key], int32(i))
		}
		elements := 0
		for _, op := range h.Ops {
			elements += int(op.Count)
		}
		b.Run(fmt.Sprintf("keys=%d/shuffled=%v", c.keys, c.shuffled), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var s setJudge
				for _, part := range index {
					if answer := s.decide(h, part, nil); answer.flaw != setFlawless || !answer.exact {
						b.Fatal(answer)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(h.Ops)+elements), "ns/operation-or-element")
			b.ReportMetric(float64(elements)/1e6, "M-elements")
		})
	}
}

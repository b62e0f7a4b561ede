package frontier_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history/differential"
)

// request is what an operation does to a cell: it is read, set, or added to; a swap adds
// one where it holds a value, and a roll sets it to one of two values.
type request struct {
	kind  string
	value int
}

func (r request) apply(state int) []int {
	switch r.kind {
	case "read":
		if state == r.value {
			return []int{state}
		}
		return nil
	case "set":
		return []int{r.value}
	case "swap":
		if state == r.value {
			return []int{r.value + 1}
		}
		return nil
	case "roll":
		return []int{r.value, r.value + 1}
	default:
		return []int{state + r.value}
	}
}

// problem is the cell's, with as much said about it as the draw likes.
func problem(ops []frontier.Op, asked []request, draw func(n int) int) *frontier.Problem[int] {
	p := &frontier.Problem[int]{Ops: ops, Start: []frontier.Config[int]{{State: 0}}}
	classes := map[request]int32{}
	for i := range ops {
		op := &ops[i]
		op.Class, op.Needs = frontier.None, frontier.None
		if op.Observer = asked[i].kind == "read"; op.Observer {
			continue
		}
		op.Always = asked[i].kind != "swap" && draw(2) == 0
		op.Blind = asked[i].kind != "swap" && draw(2) == 0
		op.Overwrites = asked[i].kind == "set" && draw(2) == 0
		if op.Return == frontier.Never || draw(2) == 0 {
			if _, has := classes[asked[i]]; !has {
				classes[asked[i]] = int32(len(classes))
			}
			op.Class = classes[asked[i]]
		}
	}
	p.Classes = len(classes)
	if slices.ContainsFunc(asked, func(r request) bool { return r.kind == "roll" }) {
		p.Branch = func(state int, op int32, to []int) []int { return append(to, asked[op].apply(state)...) }
	} else {
		p.Step = func(state int, op int32) (int, bool) {
			next := asked[op].apply(state)
			if len(next) == 0 {
				return state, false
			}
			return next[0], true
		}
	}
	if p.Branch == nil && draw(2) == 0 {
		p.Sees = func(op int32) (int, bool) {
			return asked[op].value, asked[op].kind == "read" || asked[op].kind == "swap"
		}
	}
	if draw(2) == 0 {
		p.Commute = func(a, b int32) bool {
			return asked[a].kind == asked[b].kind && (asked[a].kind == "add" || asked[a].kind == "read")
		}
	}
	return p
}

// naive tries every order: the operations that are taken next are those that were
// called before all returns of what is left.
func naive(ops []frontier.Op, asked []request, state int, taken uint) bool {
	first, left := frontier.Never, false
	for i, op := range ops {
		if taken>>i&1 == 0 && op.Return != frontier.Never {
			first, left = min(first, op.Return), true
		}
	}
	if !left {
		return true
	}
	for i, op := range ops {
		if taken>>i&1 == 1 || op.Call > first {
			continue
		}
		for _, next := range asked[i].apply(state) {
			if naive(ops, asked, next, taken|1<<i) {
				return true
			}
		}
	}
	return false
}

func drawOps(draw *rand.Rand, kinds []string) ([]frontier.Op, []request) {
	ops := make([]frontier.Op, 2+draw.IntN(7))
	asked := make([]request, len(ops))
	for i := range ops {
		ops[i].Call = draw.Int64N(14)
	}
	slices.SortFunc(ops, func(a, b frontier.Op) int { return int(a.Call - b.Call) })
	for i := range ops {
		ops[i].Return = ops[i].Call + draw.Int64N(8)
		asked[i] = request{kinds[draw.IntN(len(kinds))], draw.IntN(3)}
		if asked[i].kind != "read" && draw.IntN(4) == 0 {
			ops[i].Return = frontier.Never
		}
	}
	return ops, asked
}

func TestJudgeAgreesWithTryingEveryOrder(t *testing.T) {
	for number, kinds := range [][]string{{"read", "set"}, {"read", "set", "swap"}, {"read", "add"}, {"read", "set", "add"}, {"read", "roll", "add"}} {
		t.Run(fmt.Sprint(kinds), func(t *testing.T) {
			draw := rand.New(rand.NewPCG(uint64(number), 1))
			verdicts, loosely := map[frontier.Verdict]int{}, 0
			for n := range differential.Count(t, 20_000) {
				ops, asked := drawOps(draw, kinds)
				answer := problem(ops, asked, draw.IntN).Judge(context.Background(), frontier.Limits{})
				verdicts[answer.Verdict]++
				want := frontier.Illegal
				if naive(ops, asked, 0, 0) {
					want = frontier.Legal
				}
				require.Equal(t, want, answer.Verdict, "problem %d: %+v %+v", n, ops, asked)
				if problem(ops, asked, draw.IntN).RefutedLoosely() {
					loosely++
					require.Equal(t, frontier.Illegal, want, "the loose search is wrong, problem %d: %+v %+v", n, ops, asked)
				}
			}
			t.Logf("%v, no disagreement; %d refuted by the loose search", verdicts, loosely)
			require.NotZero(t, loosely)
			require.NotZero(t, verdicts[frontier.Legal])
			require.NotZero(t, verdicts[frontier.Illegal])
		})
	}
}

// The same with configurations to begin with, some of which took operations.
func TestJudgeFromGivenConfigurations(t *testing.T) {
	draw := rand.New(rand.NewPCG(7, 1))
	for n := range differential.Count(t, 20_000) {
		ops, asked := drawOps(draw, []string{"read", "set", "add", "swap"})
		begun := 0
		for begun < len(ops) && ops[begun].Call == ops[0].Call {
			begun++
		}
		p := problem(ops, asked, draw.IntN)
		p.Start, p.Begun = nil, begun
		legal := false
		for range 1 + draw.IntN(3) {
			c, bits := frontier.Config[int]{State: draw.IntN(4)}, uint(0)
			for i := range begun {
				if draw.IntN(2) == 0 {
					c.Taken = append(c.Taken, int32(i))
					bits |= 1 << i
				}
			}
			p.Start = append(p.Start, c)
			legal = legal || naive(ops, asked, c.State, bits)
		}
		answer := p.Judge(context.Background(), frontier.Limits{})
		require.Equal(t, legal, answer.Verdict == frontier.Legal, "problem %d: %+v %+v from %+v", n, ops, asked, p.Start)
	}
}

// underway is many additions at once, and then a read of what they come to.
func underway(count, told int) *frontier.Problem[int] {
	var ops []frontier.Op
	var asked []request
	for i := range count {
		ops = append(ops, frontier.Op{Call: int64(i), Return: int64(1_000 + i)})
		asked = append(asked, request{"add", 1 + i%3})
	}
	ops, asked = append(ops, frontier.Op{Call: 5_000, Return: 5_001}), append(asked, request{"read", told})
	return problem(ops, asked, func(int) int { return 0 })
}

// A configuration is more than one word of bits.
func TestMoreThan64OperationsUnderWay(t *testing.T) {
	sum := 0
	for i := range 200 {
		sum += 1 + i%3
	}
	require.Equal(t, frontier.Legal, underway(200, sum).Judge(context.Background(), frontier.Limits{}).Verdict)
	answer := underway(200, sum+1).Judge(context.Background(), frontier.Limits{})
	require.Equal(t, frontier.Illegal, answer.Verdict)
	require.Equal(t, int32(200), answer.At)
	require.Equal(t, []int{sum}, answer.Found)
}

// hard has so many orders that no machine tries them all: additions of different amounts
// whose sum is read by half of it, and that say nothing about themselves.
func hard() *frontier.Problem[int] {
	const count = 120
	var ops []frontier.Op
	var asked []request
	for i := range count {
		ops = append(ops, frontier.Op{Call: int64(i), Return: int64(1_000 + i)})
		asked = append(asked, request{"add", 1 << (i % 60)})
	}
	ops, asked = append(ops, frontier.Op{Call: 500, Return: 900}), append(asked, request{"read", -1})
	return problem(ops, asked, func(int) int { return 1 })
}

func TestLimitsEndTheSearch(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	soon, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	for name, c := range map[string]struct {
		ctx    context.Context
		limits frontier.Limits
		says   string
	}{
		"time":               {context.Background(), frontier.Limits{Deadline: time.Now().Add(50 * time.Millisecond)}, "out of time"},
		"memory":             {context.Background(), frontier.Limits{Bytes: 4 << 20}, "more than its 4 MB of memory"},
		"called off":         {cancelled, frontier.Limits{}, "called off"},
		"called off halfway": {soon, frontier.Limits{}, "called off"},
		"no time at all":     {context.Background(), frontier.Limits{Deadline: time.Unix(0, 0)}, "out of time"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := hard().Judge(c.ctx, c.limits)
			require.Equal(t, frontier.Undecided, answer.Verdict)
			require.Contains(t, answer.Reason, c.says)
		})
	}
}

// Long histories with unknown outcomes, in which the search goes back and asks the loose
// search: what was planted is found, and what was not is legal.
func TestUnknownOutcomesInLongHistories(t *testing.T) {
	for seed := range uint64(20) {
		draw := rand.New(rand.NewPCG(seed, 3))
		var ops []frontier.Op
		var asked []request
		state, now := 0, int64(0)
		for range 3_000 {
			now += 10
			op := frontier.Op{Call: now, Return: now + draw.Int64N(25)}
			r := request{"set", draw.IntN(5)}
			switch {
			case draw.IntN(2) == 0:
				r = request{"read", state}
				op.Return = now // it sees what is there at this instant
			case draw.IntN(20) == 0:
				op.Return = frontier.Never
				if draw.IntN(2) == 0 {
					state = r.value
				}
			default:
				state = r.value
			}
			ops, asked = append(ops, op), append(asked, r)
		}
		p := problem(slices.Clone(ops), asked, func(int) int { return 0 })
		require.Equal(t, frontier.Legal, p.Judge(context.Background(), frontier.Limits{}).Verdict, "seed %d", seed)
		for i := 2_000; ; i++ {
			if asked[i].kind == "read" {
				asked[i].value = 99
				p = problem(slices.Clone(ops), asked, func(int) int { return 0 })
				answer := p.Judge(context.Background(), frontier.Limits{})
				require.Equal(t, frontier.Illegal, answer.Verdict, "seed %d", seed)
				require.Equal(t, int32(i), answer.At, "seed %d", seed)
				break
			}
		}
	}
}

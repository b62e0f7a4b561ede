package checkers

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// crowd draws small histories of a few clients, with small steps in time: ties are
// likely. A client of unknown outcome goes on as another process.
type crowd struct {
	draw *rand.Rand
	h    *history.History
	seat []struct {
		process int32
		now     int64
	}
	next int32
}

func newCrowd(draw *rand.Rand, clients int, keys ...string) *crowd {
	c := &crowd{draw: draw, h: &history.History{Keys: keys}}
	for range clients {
		c.seat = append(c.seat, struct {
			process int32
			now     int64
		}{c.next, 0})
		c.next++
	}
	return c
}

// op is an operation of a drawn client; unknown and failed are in percent.
func (c *crowd) op(kind history.Kind, unknown, failed int) history.Op {
	s := &c.seat[c.draw.IntN(len(c.seat))]
	call := s.now + c.draw.Int64N(4)
	o := history.Op{Call: call, Return: call + c.draw.Int64N(5), Process: s.process, Kind: kind, Key: history.Key(c.draw.IntN(len(c.h.Keys))),
		Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK}
	s.now = o.Return
	switch r := c.draw.IntN(100); {
	case r < unknown:
		o.Outcome, o.Return = history.Info, history.Open
		s.process, c.next = c.next, c.next+1
	case r < unknown+failed:
		o.Outcome = history.Fail
	}
	return o
}

func (c *crowd) add(o history.Op, elements ...history.Value) {
	if o.ReadsList() && o.Outcome == history.OK && len(elements) > 0 {
		o.Offset, o.Count = uint32(len(c.h.Elements)), uint32(len(elements))
		c.h.Elements = append(c.h.Elements, elements...)
	}
	c.h.Ops = append(c.h.Ops, o)
}

func (c *crowd) end() int64 {
	end := int64(0)
	for _, s := range c.seat {
		end = max(end, s.now)
	}
	return end
}

func (c *crowd) history(t *testing.T) *history.History {
	slices.SortStableFunc(c.h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
	require.NoError(t, c.h.Validate())
	return c.h
}

func listed(h *history.History) string {
	var b strings.Builder
	for i := range h.Ops {
		fmt.Fprintf(&b, "%3d  p%d [%d, %d] %s\n", i, h.Ops[i].Process, h.Ops[i].Call, h.Ops[i].Return, h.Describe(i))
	}
	for _, m := range h.Marks {
		fmt.Fprintf(&b, "mark %s %d\n", m.Name, m.Time)
	}
	return b.String()
}

// agree judges many small histories twice. The judge by definition says which
// verdict is due; a proof by itself must be a violation too, where it can be judged
// by itself.
func agree(t *testing.T, seed uint64, make func(draw *rand.Rand) (*history.History, Checker), due func(h *history.History, c Checker) Verdict, alone func(h *history.History, c Checker) Checker) {
	t.Helper()
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(seed, seed+1))
	verdicts, sizes := map[Verdict]int{}, map[int]int{}
	for n := range count {
		h, c := make(draw)
		r := c.Check(context.Background(), Evidence{History: h}, Budget{})
		want := due(h, c)
		require.Equal(t, want, r.Verdict, "history %d, %+v: %s\n%s", n, c, r.Summary, listed(h))
		verdicts[r.Verdict]++
		require.Equal(t, r.Verdict == Violation, r.Proof != nil)
		if r.Proof == nil {
			continue
		}
		sizes[len(r.Proof.Operations)]++
		require.Greater(t, len(r.Proof.Story), len(r.Proof.Operations))
		if alone != nil {
			small := proofAlone(h, r.Proof)
			again := alone(small, c).Check(context.Background(), Evidence{History: small}, Budget{})
			require.Equal(t, Violation, again.Verdict, "the proof proves nothing, history %d, %+v: %s\n%s\n%s\n%s", n, c, r.Summary, strings.Join(r.Proof.Story, "\n"), again.Summary, listed(h))
		}
	}
	t.Logf("%d histories: %v, no disagreement; proofs by number of operations: %v", count, verdicts, sizes)
	require.Greater(t, verdicts[Violation], count/10)
	require.Greater(t, verdicts[Pass], count/10)
}

func ok(o *history.Op) bool { return o.Outcome == history.OK }

// changed judges a history before and after changes that must not change the verdict.
func unchanged(t *testing.T, seed uint64, make func(draw *rand.Rand) (*history.History, Checker), changes map[string]func(h *history.History)) {
	t.Helper()
	count := differentialCount(t) / 10
	draw := rand.New(rand.NewPCG(seed, seed+2))
	verdicts := map[Verdict]int{}
	for n := range count {
		h, c := make(draw)
		before := c.Check(context.Background(), Evidence{History: h}, Budget{})
		verdicts[before.Verdict]++
		for name, change := range changes {
			other := *h
			other.Ops, other.Elements, other.Marks = slices.Clone(h.Ops), slices.Clone(h.Elements), slices.Clone(h.Marks)
			change(&other)
			after := c.Check(context.Background(), Evidence{History: &other}, Budget{})
			require.Equal(t, before.Verdict, after.Verdict, "%s, history %d, %+v: %s\n%s\n%s", name, n, c, after.Summary, listed(h), listed(&other))
		}
	}
	t.Logf("%d histories, %d changes each: %v", count, len(changes), verdicts)
	require.Greater(t, verdicts[Violation], count/10)
	require.Greater(t, verdicts[Pass], count/10)
}

func shiftTimes(h *history.History) {
	const by = 3_000_000_007
	for i := range h.Ops {
		h.Ops[i].Call += by
		if h.Ops[i].Return != history.Open {
			h.Ops[i].Return += by
		}
	}
	for i := range h.Marks {
		h.Marks[i].Time += by
	}
}

// renameValues keeps the order of the values, and what is equal.
func renameValues(h *history.History) {
	rename := func(v *history.Value) {
		if v.IsInt() {
			*v = *v*4096 + 5
		}
	}
	for i := range h.Ops {
		o := &h.Ops[i]
		rename(&o.Value)
		rename(&o.Expect)
		rename(&o.Result)
	}
	for i := range h.Elements {
		rename(&h.Elements[i])
	}
}

// renameProcesses gives processes numbers that are far apart.
func renameProcesses(h *history.History) {
	for i := range h.Ops {
		h.Ops[i].Process = 1<<30 - 7*h.Ops[i].Process
	}
}

func dropFailed(h *history.History) {
	h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Outcome == history.Fail })
}

func storyOf(r Result) string {
	if r.Proof == nil {
		return ""
	}
	return "\n" + strings.Join(r.Proof.Story, "\n")
}

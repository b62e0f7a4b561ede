package results

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// lostSample is a master that was cut off with its clients from 8 s to 18 s, went
// on acknowledging, and was overruled: group east sat beside it, west elsewhere.
func lostSample() sample {
	faults := []Fault{{Step: 1, Text: "black-hole n1 east | n2 n3 west", Nodes: []string{"n1"}, Planned: 8 * second, Injected: 8*second + 3e6,
		Healed: 18*second + 9e6, Bit: true, Proof: "4,512 packets, 301,020 bytes dropped"}}
	h := lostHistory(faults[0])
	run := sampleRun()
	run.Scenario, run.System, run.Version = "redis/appends/master-cut-off", "redis", "7.0.15"
	run.Faults, run.Clients = faults, 6
	run.Operations = CountOperations(h)
	run.Results = checkers.All{checkers.NothingLost{}, checkers.SetFull{}, checkers.LoadFloor{}}.Judge(
		context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
	for i := range run.Results {
		run.Results[i].Elapsed = 12 * time.Millisecond
	}
	run.Verdict, run.Summary = checkers.Worst(run.Results), run.Results[0].Summary
	return sample{"lost", run, h}
}

// lostHistory is what the clients of the sample were told.
func lostHistory(cut Fault) *history.History {
	draw := rand.New(rand.NewPCG(3, 4))
	b := history.NewBuilder(history.Header{Nodes: []string{"n1", "n2", "n3"}, Clients: 6, Model: "append-list"})
	type step struct {
		at   int64
		slot int
	}
	var steps []step
	for at := 4 * second; at < 24*second; at += 8e6 {
		steps = append(steps, step{at + draw.Int64N(4e6), draw.IntN(6)})
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	held, ofN1 := map[string][]history.Value{}, map[string][]history.Value{}
	free, process, next := make([]int64, 6), make([]int32, 6), int32(0)
	open := func(slot int, at int64) {
		group, node := "west", []string{"n2", "n3"}[slot%2]
		if slot < 3 {
			group, node = "east", "n1"
		}
		process[slot] = next
		b.Session(history.Session{Time: at, Process: next, Slot: int32(slot), Group: group, Node: node})
		next++
	}
	for slot := range 6 {
		open(slot, 4*second)
	}
	for i, s := range steps {
		if s.at < free[s.slot] {
			continue
		}
		key := "l" + strconv.Itoa(draw.IntN(4)+4*(i/1200))
		ret := s.at + 8e5 + draw.Int64N(2e6)
		during := s.at > cut.Injected && s.at < cut.Healed
		east := s.slot < 3
		switch {
		case during && !east && s.at < cut.Injected+2*second: // no master yet
			b.Op(process[s.slot], history.Append, key, history.Int(int64(i)), history.None, history.None, history.Info, s.at, 0)
			ret = s.at + 500e6
			open(s.slot, ret)
		case i%25 == 0 && (!during || !east):
			b.List(process[s.slot], key, held[key], s.at, ret)
		case during && east:
			b.Append(process[s.slot], key, history.Int(int64(i)), s.at, ret)
			ofN1[key] = append(ofN1[key], history.Int(int64(i)))
		default:
			b.Append(process[s.slot], key, history.Int(int64(i)), s.at, ret)
			held[key] = append(held[key], history.Int(int64(i)))
		}
		free[s.slot] = ret
	}
	at := 25*second + 400e6
	for n := range 3 {
		b.Session(history.Session{Time: at, Process: next + int32(n), Slot: int32(6 + n), Group: "clients", Node: fmt.Sprintf("n%d", n+1)})
	}
	for k := range 12 {
		key := "l" + strconv.Itoa(k)
		at += 3e6
		b.List(next+int32(k%3), key, held[key], at, at+1e6).LocalList(next+2, key, held[key], at+11e6, at+12e6)
		b.LocalList(next, key, slices.Concat(held[key], ofN1[key])[:len(held[key])+len(ofN1[key])/9], at+11e6, at+12e6)
		at += 15e6
	}
	for _, e := range []history.FaultEvent{{Time: cut.Injected, Phase: "injected"}, {Time: cut.Healed - 1e6, Phase: "bit", Detail: cut.Proof}, {Time: cut.Healed, Phase: "healed"}} {
		e.Step, e.Fault, e.Nodes = cut.Step, cut.Text, cut.Nodes
		b.Fault(e)
	}
	return b.Mark(4*second, "load", "").Mark(24*second, "heal", "").Mark(24*second+210e6, "healed", "").Mark(25*second, "recovered", "").
		Mark(25*second+390e6, "final", "").Mark(at+second/10, "end", "").History()
}

// A person sees the losses against the fault that caused them.
func TestReportMarksWhenLostAcknowledgementsWereGiven(t *testing.T) {
	s := lostSample()
	require.NoError(t, s.h.Validate())
	require.Equal(t, checkers.Violation, s.run.Verdict)
	text := report(t, s.run, s.h)
	figures := s.run.Results[0].Figures
	require.Contains(t, text, fmt.Sprintf(`data-loss="%.0f of %s lost"`, figures["lost"], countText(int(figures["acknowledged"]))))

	band := regexp.MustCompile(`class="lossband" x="([0-9.]+)%" width="([0-9.]+)%"`).FindStringSubmatch(text)
	require.Len(t, band, 3)
	fault := regexp.MustCompile(`class="band net" x="([0-9.]+)%" width="([0-9.]+)%"`).FindStringSubmatch(text)
	require.Len(t, fault, 3)
	number := func(s string) float64 {
		x, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		return x
	}
	a := newAxis(s.h, s.run.Faults)
	require.InDelta(t, a.percent(4*second+int64(figures["lost_from_s"]*1e9)), number(band[1]), 0.01, "the band counts from the mark load")
	require.GreaterOrEqual(t, number(band[1]), number(fault[1]))
	require.LessOrEqual(t, number(band[1])+number(band[2]), number(fault[1])+number(fault[2])+0.1)

	require.NotContains(t, report(t, sampleRun(), sampleHistory(100, nil)), `class="lossband"`)
	s.run.Results[0].Figures["lost"] = 0
	require.NotContains(t, report(t, s.run, s.h), `class="lossband"`)
	require.NotContains(t, report(t, s.run, nil), `class="lossband"`)
}

func TestReportTellsClientGroupsApart(t *testing.T) {
	s := lostSample()
	text := report(t, s.run, s.h)
	for _, group := range []string{"east", "west"} {
		require.Contains(t, text, `data-group="`+group+`"`)
		require.Contains(t, text, `text-anchor="end">`+group+`</text>`, "on the lanes of the proof")
	}
	require.Contains(t, text, "east 3, west 3")
	require.NotContains(t, text, `data-group="clients"`, "who makes the final reads is no group of the load")
	require.Less(t, strings.Index(text, `data-group="east"`), strings.Index(text, `data-group="west"`))

	one := report(t, sampleRun(), sampleHistory(100, nil))
	require.NotContains(t, one, "data-group=")
	require.NotContains(t, one, "client groups")
}

// A proof from an append in the middle to a read at the end does not colour
// everything between.
func TestLongProofsAreShownByTheirEnds(t *testing.T) {
	s := lostSample()
	a := newAxis(s.h, s.run.Faults)
	windows := proofWindows(s.run.Results[:1], a)
	operations := s.run.Results[0].Proof.Operations
	require.Len(t, windows, len(operations))
	flags := 0
	for i, w := range windows {
		require.Equal(t, a.percent(operations[i].Call), w.X)
		require.Less(t, w.Width, 1.0)
		if w.Flag {
			flags++
		}
	}
	require.Equal(t, 2, flags)
	require.Len(t, proofWindows(sampleViolation().Results, newAxis(sampleHistory(100, nil), nil)), 1, "a short one is one window")
}

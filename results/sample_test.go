package results

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

const second = int64(time.Second)

// sampleFaults is the usual mixture: a cut that bites, a kill, a pause that does
// not bite, and one that never came to be.
func sampleFaults() []Fault {
	return []Fault{
		{Step: 1, Text: "black-hole n2 | n1 n3", Nodes: []string{"n2"}, Planned: 8 * second, Injected: 8*second + 3e6, Healed: 10*second + 8e6, Bit: true, Proof: "214 packets, 18,404 bytes dropped"},
		{Step: 2, Text: "kill n1", Nodes: []string{"n1"}, Planned: 13 * second, Injected: 13*second + 41e6, Healed: 15*second + 230e6, Bit: true, Proof: "the program was gone for 2.19 s"},
		{Step: 3, Text: "pause n3", Nodes: []string{"n3"}, Planned: 18 * second, Injected: 18*second + 25e6, Healed: 18*second + 225e6, Mix: true, Proof: "no traffic met it"},
		{Step: 4, Text: "one-way n1 > n2", Planned: 26 * second, Mix: true},
	}
}

func sampleRun() Run {
	return Run{
		Schema: SchemaVersion, ID: "20260301-101500-4fa2c1", Scenario: "etcd/register/minority-cut", System: "etcd", Version: "3.5.35",
		Runtime: "pod", Nodes: []string{"n1", "n2", "n3"}, Clients: 10, Seed: 8140713923011842211,
		Started: time.Date(2026, 3, 1, 10, 15, 0, 0, time.UTC),
		Took: Phases{Start: 3120 * time.Millisecond, Load: 20 * time.Second, Settle: 1400 * time.Millisecond, FinalReads: 80 * time.Millisecond,
			Evidence: 900 * time.Millisecond, Check: 130 * time.Millisecond, TearDown: 1100 * time.Millisecond},
		Verdict: checkers.Pass, Summary: "12 registers stayed linearizable under 3 faults, and the cluster recovered within 412 ms.",
		Operations: []KindCount{{"read", 5011, 30, 0}, {"write", 4730, 12, 21}, {"cas", 1310, 3, 5}},
		Faults:     sampleFaults(),
		Results: []checkers.Result{
			{Checker: "linearizable", Summary: "all 12 keys are linearizable", Method: "zones", Figures: map[string]float64{"keys": 12, "operations": 11122}, Elapsed: 12 * time.Millisecond},
			{Checker: "recovers", Summary: "healthy 412 ms after the last fault was undone", Method: "first ok on every node", Figures: map[string]float64{"recovery_ms": 412.5}, Elapsed: 900 * time.Microsecond},
		},
		Again: []string{
			"SEATRIAL_SEED=8140713923011842211 SEATRIAL_REPEAT=10 go test ./scenarios -run '^TestMinorityCut$' -count=1 -v",
			"seatrial run etcd/register/minority-cut --seed 8140713923011842211",
		},
		Files:    []string{"history.jsonl", "journal.jsonl", "logs/n1.log", "logs/n2.log", "logs/n3.log", "plan.json", "verdict.json"},
		Limits:   Limits{HardStop: 3 * time.Minute, ReadyWithin: time.Minute, Operation: time.Second, RecoverWithin: 5 * time.Second, CheckTime: time.Minute, CheckBytes: 1 << 30},
		Versions: Versions{Harness: "v0.1.0", Go: "go1.26.8", Docker: "20.10.24"},
	}
}

// sampleViolation is sampleRun with a stale read that was proven.
func sampleViolation() Run {
	run := sampleRun()
	run.Verdict = checkers.Violation
	run.Summary = "Key r3 is not linearizable: process 7 read 41 from n2 after process 2 had read 57, which was written later."
	run.Options = map[string]string{"defect": "stale-reads"}
	run.Notes = []string{"the log of n2 was cut: 1.2 MB are missing in its middle"}
	run.Results[0] = checkers.Result{
		Checker: "linearizable", Verdict: checkers.Violation, Summary: "key r3 has no order in which every read sees the latest write", Method: "zones",
		Figures: map[string]float64{"keys": 12, "operations": 11122}, Elapsed: 12 * time.Millisecond,
		Proof: &checkers.Proof{Key: "r3", Operations: []checkers.ProofOperation{
			{Index: 4011, Process: 4, Node: "n1", Call: 8_911_200_000, Return: 8_914_900_000, Outcome: "ok", Text: "write r3 = 41"},
			{Index: 4058, Process: 1, Node: "n3", Call: 9_102_000_000, Return: history.Open, Outcome: "info", Text: "write r3 = 57"},
			{Index: 4061, Process: 2, Node: "n3", Call: 9_104_100_000, Return: 9_106_300_000, Outcome: "ok", Text: "read r3 → 57"},
			{Index: 4064, Process: 7, Node: "n2", Call: 9_120_400_000, Return: 9_121_100_000, Outcome: "ok", Text: "read r3 → 41"},
		}, Story: []string{
			"Process 4 wrote 41 and was told ok at 8.915 s.",
			"Process 1 began to write 57 at 9.102 s; nobody knows how that ended, but process 2 read 57, so it took effect before 9.106 s.",
			"Process 7 began its read at 9.120 s, after process 2 had its answer, and read 41 from n2, which was cut off.",
			"57 was written after 41 and nobody wrote 41 again: a read that began after 57 was seen can't return 41.",
		}},
	}
	return run
}

func sampleInconclusive() Run {
	run := sampleRun()
	run.Verdict = checkers.Inconclusive
	run.Summary = "The run proved nothing: the named fault pause n3 did not bite."
	run.Faults[2].Mix = false
	run.Results[1].Verdict = checkers.Inconclusive
	run.Results[1].Summary = "no operation of the kind cas ever succeeded"
	return run
}

// sampleHistory is about n operations of 10 clients on 3 nodes, in the 20 s from
// 4 s on, under the faults.
func sampleHistory(n int, faults []Fault) *history.History {
	draw := rand.New(rand.NewPCG(1, 2))
	h := &history.History{Header: history.Header{Schema: 1, Nodes: []string{"n1", "n2", "n3"}, Clients: 10}}
	for k := range 12 {
		h.Keys = append(h.Keys, fmt.Sprintf("r%d", k))
	}
	begin, end := 4*second, 24*second
	gap := float64(end-begin) / float64(n) * 10 // between a client's calls
	next := int32(0)
	for slot := range int32(10) {
		node := []string{"n1", "n2", "n3"}[slot%3]
		open := func(t int64) int32 {
			next++
			h.Sessions = append(h.Sessions, history.Session{Time: t, Process: next, Slot: slot, Group: "clients", Node: node})
			return next
		}
		process := open(begin)
		for t := begin; t < end; {
			op := sampleOp(draw, t, node, faults, min(1.8e6, gap/4))
			op.Process = process
			h.Ops = append(h.Ops, op)
			if op.Outcome == history.Info {
				process = open(t)
				t += second
			} else {
				t = op.Return
			}
			t += int64(gap * draw.Float64() * 1.4)
		}
	}
	slices.SortFunc(h.Ops, func(a, b history.Op) int { return int(a.Call - b.Call) })
	for _, f := range faults {
		if f.Injected == 0 {
			continue
		}
		phases := []history.FaultEvent{{Time: f.Injected, Phase: "injected"}, {Time: f.Healed - 1e6, Phase: "no-bite", Detail: f.Proof}, {Time: f.Healed, Phase: "healed"}}
		if f.Bit {
			phases[1].Phase = "bit"
		}
		for _, event := range phases {
			event.Step, event.Fault, event.Nodes = f.Step, f.Text, f.Nodes
			h.Faults = append(h.Faults, event)
		}
	}
	h.Marks = []history.Mark{{Time: begin, Name: "load"}, {Time: end, Name: "heal"}, {Time: end + 210e6, Name: "healed"}, {Time: end + 412e6, Name: "recovered"}, {Time: end + 1400e6, Name: "final"}}
	return h
}

func sampleOp(draw *rand.Rand, t int64, node string, faults []Fault, usual float64) history.Op {
	op := history.Op{Call: t, Outcome: history.OK, Key: history.Key(draw.IntN(12)), Value: history.None, Expect: history.None, Result: history.None}
	op.Kind = []history.Kind{history.Read, history.Write, history.Read, history.CAS, history.Write}[draw.IntN(5)]
	latency := usual * math.Exp(0.45*draw.NormFloat64())
	for _, f := range faults {
		switch {
		case t < f.Injected || t > f.Healed || f.Injected == 0 || !f.Bit:
		case slices.Contains(f.Nodes, node) && faultName(f) == "kill":
			op.Outcome, latency = history.Fail, 3e5
		case slices.Contains(f.Nodes, node):
			op.Outcome = history.Info
		default:
			if t < f.Injected+700e6 { // an election
				latency = float64(f.Injected + 700e6 - t)
			}
			latency *= 1.6
		}
	}
	op.Return = t + int64(latency) + 1000
	if op.Outcome == history.Info {
		op.Return = history.Open
	}
	return op
}

package checkers

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// everydayCase is a checker with its options, its random histories and its brute
// force judge.
type everydayCase struct {
	name    string
	checker Checker
	random  func(draw *rand.Rand) *history.History
	brute   func(h *history.History) bruteAnswer
}

func everydayCases() []everydayCase {
	total := int64(20)
	var cases []everydayCase
	for _, c := range []Set{{}, {ByOutcome: true}} {
		cases = append(cases, everydayCase{"set", c, randomSet, func(h *history.History) bruteAnswer { return bruteJepsenSet(h, c) }})
	}
	for _, c := range []SetFull{{Jepsen: true}, {Jepsen: true, Linearizable: true}} {
		cases = append(cases, everydayCase{"set-full", c, randomSet, func(h *history.History) bruteAnswer { return bruteSetFull(h, c.Linearizable) }})
	}
	for _, c := range []TotalQueue{{}, {ExactlyOnce: true}, {ByOutcome: true}, {Ordered: true}, {ExactlyOnce: true, ByOutcome: true, Ordered: true}} {
		cases = append(cases, everydayCase{"total-queue", c, randomTotalQueue, func(h *history.History) bruteAnswer { return bruteTotalQueue(h, c) }})
	}
	for _, c := range []Bank{{}, {Negative: true}, {Total: &total}, {Total: &total, Negative: true}, {Total: &total, Accounts: []string{"a0", "a1", "a2"}}} {
		cases = append(cases, everydayCase{"bank", c, randomBank, func(h *history.History) bruteAnswer { return bruteBank(h, c) }})
	}
	for _, c := range []LongFork{{}, {Group: 2}} {
		cases = append(cases, everydayCase{"long-fork", c, randomFork, func(h *history.History) bruteAnswer { return bruteFork(h, c) }})
	}
	return append(cases,
		everydayCase{"unique-ids", UniqueIDs{}, randomIDs, bruteIDs},
		everydayCase{"counter", CounterBounds{}, randomCounter, bruteCounter},
		everydayCase{"causal-reverse", CausalReverse{}, randomSet, bruteReverse})
}

// Each checker gives the answer that its definition gives, event by event, and the
// same figures; and every proof stands by itself.
func TestEverydayCheckersAgreeWithBruteForce(t *testing.T) {
	for i, c := range everydayCases() {
		t.Run(c.name, func(t *testing.T) {
			count := differentialCount(t)
			draw := rand.New(rand.NewPCG(71, uint64(i)))
			verdicts := map[Verdict]int{}
			for n := range count {
				h := c.random(draw)
				want := c.brute(h)
				r := judgeWith(t, c.checker, h)
				verdicts[r.Verdict]++
				if r.Verdict != want.verdict {
					require.Equal(t, want.verdict, r.Verdict, "history %d: %s\n%s", n, r.Summary, listOf(h))
				}
				for name, figure := range want.figures {
					switch {
					case name == "stable ms" && want.figures["stable"] == 1:
						require.Equal(t, figure, r.Figures["stable_latency_max_ms"], listOf(h))
					case name == "lost ms" && want.figures["lost"] == 1:
						require.Equal(t, figure, r.Figures["lost_latency_min_ms"], listOf(h))
					case name == "stable ms" || name == "lost ms":
					case r.Figures[name] != figure:
						require.Equal(t, figure, r.Figures[name], "%s, history %d:\n%s", name, n, listOf(h))
					}
				}
				if r.Verdict == Violation {
					requireProofAlone(t, c, h, r)
				}
			}
			t.Logf("%+v: %d histories: %d violations, %d passes, %d inconclusive, no disagreement", c.checker, count, verdicts[Violation], verdicts[Pass], verdicts[Inconclusive])
			require.Greater(t, verdicts[Violation], count/100)
			require.Greater(t, verdicts[Pass], count/100)
			require.Greater(t, verdicts[Inconclusive], count/1000)
		})
	}
}

// requireProofAlone judges a proof's operations as if nothing else had happened.
func requireProofAlone(t *testing.T, c everydayCase, h *history.History, r Result) {
	t.Helper()
	require.NotEmpty(t, r.Proof.Story)
	require.NotEmpty(t, r.Proof.Operations)
	if c.name == "counter" && len(r.Proof.Operations) == 1 {
		return // the adds were too many to be shown
	}
	for i, op := range r.Proof.Operations {
		require.Equal(t, h.Describe(op.Index), op.Text)
		if i > 0 && r.Proof.Operations[i-1].Call > op.Call {
			require.Fail(t, "not in the order of the calls")
		}
	}
	if brute := c.brute(proofAlone(h, r.Proof)); brute.verdict != Violation {
		require.Fail(t, "the proof proves nothing", "%s\n%q\n%s", r.Summary, r.Proof.Story, listOf(h))
	}
}

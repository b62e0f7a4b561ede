package txn

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// judged are the levels that brute force can judge.
var judged = []string{"serializable", "strong-session-serializable", "strict-serializable", "snapshot-isolation", "strong-snapshot-isolation"}

func bruteForce(h *history.History) map[string]bool {
	holds := map[string]bool{}
	for _, level := range judged {
		b := &brute{h: h, first: history.Nil, before: anyOrder, snapshots: strings.HasSuffix(level, "snapshot-isolation")}
		switch level {
		case "strong-session-serializable":
			b.before = bruteSession(h)
		case "strict-serializable", "strong-snapshot-isolation":
			b.before, b.fresh = bruteRealtime(h), true
		}
		holds[level] = b.possible()
	}
	return holds
}

// settled reports whether the order of all versions is known: for each key there is
// at most one append that may have happened and that no read holds.
func settled(h *history.History) bool {
	unseen := map[history.Key]int{}
	for i := range h.Ops {
		for _, m := range h.Transaction(&h.Ops[i]) {
			if m.Kind == history.Append && h.Ops[i].Outcome != history.Fail && !held(h, m.Key, m.Value) {
				unseen[m.Key]++
			}
		}
	}
	for _, n := range unseen {
		if n > 1 {
			return false
		}
	}
	return true
}

func held(h *history.History, key history.Key, v history.Value) bool {
	for i := range h.Micros {
		if m := &h.Micros[i]; m.Key == key && slices.Contains(h.MicroList(m), v) {
			return true
		}
	}
	return false
}

// For list-append the answer is exact for the serializable levels; for snapshot
// isolation a refutation is, and the absence of one where the order of all versions
// is known.
func TestListAppendAgreesWithBruteForce(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(11, 12))
	refuted, holding, open := map[string]int{}, map[string]int{}, 0
	anomalies := map[string]int{}
	for n := range count {
		h := randomTransactions(draw, false, 6)
		report := ListAppend{}.Report(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
		require.NotEqual(t, checkers.Error, report.Result.Verdict, report.Result.Summary)
		for _, x := range report.Anomalies {
			anomalies[x.Name]++
		}
		for level, holds := range bruteForce(h) {
			broken := slices.Contains(report.Refuted, level)
			if broken {
				refuted[level]++
				require.False(t, holds, "false alarm, %s, history %d:\n%s%s\n%v", level, n, listing(h), report.Result.Summary, report.Anomalies)
				continue
			}
			if strings.HasSuffix(level, "snapshot-isolation") && !settled(h) {
				if !holds {
					open++
				}
				continue
			}
			holding[level]++
			require.True(t, holds, "missed, %s, history %d:\n%s%s\n%v", level, n, listing(h), report.Result.Summary, report.Anomalies)
		}
	}
	t.Logf("%d histories; refuted %v; holding %v; snapshot isolation missed where the order of appends is not known %d", count, refuted, holding, open)
	t.Logf("anomalies %v", anomalies)
	for _, level := range judged {
		require.Greater(t, refuted[level], count/20, level)
		require.Greater(t, holding[level], count/20, level)
	}
}

// For rw-register a refutation is exact; what is not refuted may still be broken.
func TestRegisterNeverRefutesWhatBruteForceFindsPossible(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(13, 14))
	refuted, holding, missed := map[string]int{}, map[string]int{}, map[string]int{}
	anomalies := map[string]int{}
	for n := range count {
		h := randomTransactions(draw, true, 6)
		report := Register{Level: []string{"", "strong-snapshot-isolation"}[n%2]}.Report(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
		require.NotEqual(t, checkers.Error, report.Result.Verdict, report.Result.Summary)
		for _, x := range report.Anomalies {
			anomalies[x.Name]++
		}
		for level, holds := range bruteForce(h) {
			switch {
			case slices.Contains(report.Refuted, level):
				refuted[level]++
				require.False(t, holds, "false alarm, %s, history %d:\n%s%s\n%v", level, n, listing(h), report.Result.Summary, report.Anomalies)
			case holds:
				holding[level]++
			default:
				missed[level]++
			}
		}
	}
	t.Logf("%d histories; refuted %v; holding %v; broken and not refuted %v", count, refuted, holding, missed)
	t.Logf("anomalies %v", anomalies)
	for _, level := range judged {
		require.Greater(t, refuted[level], count/20, level)
		require.Greater(t, holding[level], count/20, level)
	}
}

package txn

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// Seconds of load at random on PostgreSQL 15 at its weaker levels, as recorded: each
// shows what the level lets happen, and nothing that it forbids.
func TestPostgresShowsWhatItsLevelsAllowAndNothingWeaker(t *testing.T) {
	skew := []string{G2Item, G2Item + "-process", G2Item + "-realtime"}
	for _, c := range []struct {
		file    string
		shows   []string
		holds   string
		refuted string
		only    []string // nil where more may be there
	}{
		{"read-committed-register", []string{LostUpdate}, "read-committed", "cursor-stability", nil},
		{"read-committed-append", []string{GSingle}, "read-committed", "consistent-view", nil},
		{"repeatable-read-skew", []string{G2Item}, "snapshot-isolation", "repeatable-read", skew},
		{"repeatable-read-append-in-two", []string{G2Item}, "snapshot-isolation", "repeatable-read", skew},
	} {
		h, err := history.ReadFile(filepath.Join("testdata", "postgres", c.file+".jsonl"))
		require.NoError(t, err)
		judge := func(level string) Report {
			evidence := checkers.Evidence{History: h}
			if h.Header.Model == "rw-register" {
				return Register{Level: level}.Report(context.Background(), evidence, checkers.Budget{})
			}
			return ListAppend{Level: level}.Report(context.Background(), evidence, checkers.Budget{})
		}
		report := judge(c.holds)
		require.Equal(t, checkers.Pass, report.Result.Verdict, "%s: %s", c.file, report.Result.Summary)
		require.Equal(t, checkers.Violation, judge(c.refuted).Result.Verdict, c.file)
		require.Subset(t, names(report), c.shows, c.file)
		if c.only != nil {
			require.Subset(t, c.only, names(report), c.file)
		}
	}
}

package checkers_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history/edn"
)

// judge reads a history of Jepsen's and judges it as a model.
func judge(t *testing.T, path, model string, o edn.Options) checkers.Result {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	o.Model = model
	h, err := edn.Import(file, path, o)
	require.NoError(t, err)
	all, err := checkers.ForModel(model, checkers.ModelOptions{})
	require.NoError(t, err)
	results := all.Judge(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
	for _, r := range results {
		if r.Verdict == checkers.Worst(results) {
			return r
		}
	}
	t.Fatal("no result")
	return checkers.Result{}
}

// rows reads a table of tab-separated values without its first line.
func rows(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var list [][]string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		list = append(list, strings.Split(line, "\t"))
	}
	return list
}

// What Jepsen's own tests say of small histories, this says too.
func TestJepsensOwnCases(t *testing.T) {
	const folder = "../harness/history/edn/testdata/conformance"
	words := map[string]checkers.Verdict{"true": checkers.Pass, "false": checkers.Violation, "unknown": checkers.Inconclusive}
	judged := 0
	for _, row := range rows(t, filepath.Join(folder, "EXPECTED.tsv")) {
		model, name, expected := row[0], row[1], strings.TrimPrefix(row[2], "valid=")
		if !checkers.HasModel(model) {
			continue
		}
		word := strings.FieldsFunc(expected, func(r rune) bool { return strings.ContainsRune(" ,:", r) })[0]
		want, known := words[word]
		require.True(t, known, "%s/%s: %q is no verdict", model, name, word)
		got := judge(t, filepath.Join(folder, model, name), model, edn.Options{})
		require.Equal(t, want, got.Verdict, "%s/%s: expected %s, got %s", model, name, row[2], got.Summary)
		judged++
	}
	require.GreaterOrEqual(t, judged, 28)
}

// nothingHappened are histories without a client's operation, or in which none succeeded.
var nothingHappened = []string{
	"mongodb-v0-ack-rollback-.edn", "mongodb-v0-ack-rollback-9.edn", "mongodb-v0-ack-rollback-10.edn", "mongodb-v0-ack-rollback-11.edn",
}

// Recorded histories with published verdicts, which may not be copied here.
func TestPublishedHistories(t *testing.T) {
	root := os.Getenv("SEATRIAL_HISTORIES")
	if root == "" {
		t.Skip("SEATRIAL_HISTORIES names no folder of recorded histories")
	}
	judged := 0
	for _, row := range rows(t, filepath.Join(root, "VERDICTS.tsv")) {
		path, expected := row[0], row[3]
		model, initial, _ := strings.Cut(row[2], " ")
		o := edn.Options{}
		if initial != "" {
			o.Initial = "0" // "x=0 y=0", the only one in the table
		}
		got := judge(t, filepath.Join(root, path), model, o)
		switch {
		case slices.Contains(nothingHappened, filepath.Base(path)):
			// The table calls it linearizable, and so it is; but it proves nothing.
			require.Equal(t, checkers.Inconclusive, got.Verdict, "%s: %s", path, got.Summary)
		case expected == "linearizable":
			require.Equal(t, checkers.Pass, got.Verdict, "%s: %s", path, got.Summary)
		default:
			require.Equal(t, "illegal", expected, path)
			require.Equal(t, checkers.Violation, got.Verdict, "%s: %s", path, got.Summary)
			require.NotEmpty(t, got.Proof.Story, path)
		}
		judged++
	}
	require.Positive(t, judged)
	t.Logf("%d histories judged as published", judged)
}

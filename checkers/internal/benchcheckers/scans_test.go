package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
)

func TestScansAreJudgedRightly(t *testing.T) {
	for _, c := range scanCells(20_000) {
		h := c.history()
		require.NoError(t, h.Validate(), c.describe())
		r := c.checker.Check(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
		require.Equal(t, c.want(), r.Verdict, "%s: %s", c.describe(), r.Summary)
	}
}

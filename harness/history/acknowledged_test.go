package history_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// Who waits for acknowledged operations is told of the last one, and of no refused
// or unknown one.
func TestAcknowledgedOperationsAreAwaited(t *testing.T) {
	r, err := history.Create(filepath.Join(t.TempDir(), "history"), history.Header{})
	require.NoError(t, err)
	defer r.Close()
	write := func(outcome history.Outcome) {
		r.Invoke(1, history.Write, "x", 1, history.None)
		r.Complete(1, history.Write, outcome, history.None, false)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := make(chan error, 1)
	go func() { told <- r.AwaitAcknowledged(ctx, 3) }()
	for _, outcome := range []history.Outcome{history.OK, history.Fail, history.Info, history.OK} {
		write(outcome)
	}
	short, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	require.ErrorIs(t, r.AwaitAcknowledged(short, 3), context.DeadlineExceeded)
	require.Empty(t, told)
	write(history.OK)
	require.NoError(t, <-told)
	require.Equal(t, int64(3), r.Acknowledged())
	require.NoError(t, r.AwaitAcknowledged(ctx, 2), "it has happened already")
}

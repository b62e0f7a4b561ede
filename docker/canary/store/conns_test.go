package store

import (
	"bytes"
	"io"
	"math"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// A full list of the longest numbers arrives whole.
func TestLongestAnswer(t *testing.T) {
	s := openAlone(t, alone(t.TempDir()))
	full := make([]int64, MaxListElements)
	for i := range full {
		full[i] = math.MinInt64
	}
	s.table.state.Lists["k"] = full
	conn := NewConn(dialClient(t, s))
	for range 2 {
		response, _, err := conn.Do(t.Context(), Request{Op: OpListLocal, Key: "k"})
		require.NoError(t, err)
		require.Equal(t, full, response.List)
	}
	response, _, err := conn.Do(t.Context(), Request{Op: OpRead, Key: "k"})
	require.NoError(t, err)
	require.Nil(t, response.Value)
}

func TestEndlessAnswerIsRefused(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		defer far.Close()
		_, _ = io.Copy(far, bytes.NewReader(make([]byte, 2*MaxAnswerBytes)))
	}()
	_, err := NewConn(near).receive()
	require.ErrorContains(t, err, "longer than")
}

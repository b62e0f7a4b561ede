package valuetable_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// A table says what a map says, whatever the room, the pattern of the values, and
// what it was used for before.
func TestTableIsAMap(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	var table valuetable.Table
	for round := range 200 {
		room := draw.IntN(50)
		table.Reset(room)
		require.Empty(t, table.All())
		numbers := map[history.Value]int32{}
		shift := draw.IntN(40)
		for range draw.IntN(500) {
			v := history.Value(draw.IntN(300)) << shift
			if draw.IntN(10) == 0 {
				v = []history.Value{history.Nil, history.None, history.StringValue(3), -1}[draw.IntN(4)]
			}
			want, known := numbers[v]
			if !known {
				want = valuetable.None
			}
			require.Equal(t, want, table.Find(v), "round %d", round)
			n, isNew := table.At(v)
			require.Equal(t, !known, isNew)
			if !known {
				want = int32(len(numbers))
				numbers[v] = want
			}
			require.Equal(t, want, n)
			require.Equal(t, v, table.All()[n])
		}
		require.Len(t, table.All(), len(numbers))
	}
}

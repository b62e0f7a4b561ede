package txn

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// large makes a history of a strictly serializable system: 20 clients, one to four
// steps a transaction, ten keys at a time each of which takes so many writes and
// then gives way to a new one, two in a hundred of unknown outcome. A transaction
// takes about a microsecond of the run.
func large(draw *rand.Rand, transactions int, registers bool) *history.Builder {
	const clients, active, writesPerKey = 20, 10, 64
	b := history.NewBuilder(history.Header{})
	type client struct {
		process int32
		free    int64
	}
	type key struct {
		name   string
		values []history.Value
	}
	all := make([]client, clients)
	for i := range all {
		all[i].process = int32(i)
	}
	next, keys := int32(clients), make([]key, active)
	fresh := 0
	for i := range keys {
		keys[i].name = "k" + strconv.Itoa(fresh)
		fresh++
	}
	now := int64(0)
	for range transactions {
		c := &all[draw.IntN(clients)]
		now += 1000
		at := max(now, c.free+2) // it takes effect here
		now = at
		call, ret := max(c.free+1, at-int64(draw.IntN(30_000))), at+int64(draw.IntN(30_000))
		outcome, happens := history.OK, true
		if draw.IntN(50) == 0 {
			outcome, happens = history.Info, draw.IntN(2) == 0
		}
		var steps []history.Step
		own := map[int]int{}
		for range 1 + draw.IntN(4) {
			i := draw.IntN(active)
			k := &keys[i]
			if draw.IntN(2) == 0 && len(k.values) < writesPerKey {
				v := history.Int(int64(len(k.values) + 1))
				k.values = append(k.values, v)
				own[i]++
				steps = append(steps, largeWrite(k.name, v, registers))
				continue
			}
			steps = append(steps, largeRead(k.name, k.values, outcome, registers))
		}
		b.Txn(c.process, outcome, call, ret, steps...)
		c.free = ret
		if outcome == history.Info {
			c.process, next = next, next+1
		}
		for i := range keys {
			full := len(keys[i].values) >= writesPerKey && draw.IntN(30) == 0
			if full || own[i] > 0 && !happens { // its values are not used again
				keys[i] = key{name: "k" + strconv.Itoa(fresh)}
				fresh++
			}
		}
	}
	return b
}

func largeWrite(key string, v history.Value, registers bool) history.Step {
	if registers {
		return history.Writes(key, v)
	}
	return history.Appends(key, v)
}

func largeRead(key string, values []history.Value, outcome history.Outcome, registers bool) history.Step {
	switch {
	case registers && outcome != history.OK:
		return history.Reads(key, history.None)
	case registers && len(values) == 0:
		return history.Reads(key, history.Nil)
	case registers:
		return history.Reads(key, values[len(values)-1])
	case outcome != history.OK:
		return history.Asks(key)
	}
	return history.Lists(key, values...)
}

func benchmark(b *testing.B, registers bool, c checkers.Checker) {
	h := large(rand.New(rand.NewPCG(1, 2)), 1_000_000, registers).History()
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		r := c.Check(context.Background(), checkers.Evidence{History: h}, checkers.Budget{})
		require.Equal(b, checkers.Pass, r.Verdict, r.Summary)
	}
	writes := 0
	for i := range h.Micros {
		if kind := h.Micros[i].Kind; kind == history.Append || kind == history.Write {
			writes++
		}
	}
	b.ReportMetric(float64(len(h.Micros))/1e6, "Msteps")
	b.ReportMetric(float64(writes)/1e6, "Mwrites")
}

func BenchmarkListAppend(b *testing.B) { benchmark(b, false, ListAppend{}) }

func BenchmarkRegister(b *testing.B) { benchmark(b, true, Register{}) }

func BenchmarkRegisterLinearizableKeys(b *testing.B) {
	benchmark(b, true, Register{LinearizableKeys: true})
}

func BenchmarkSound(b *testing.B) {
	h := large(rand.New(rand.NewPCG(1, 2)), 1_000_000, false).History()
	for b.Loop() {
		require.NoError(b, checkers.Sound(h))
	}
}

package synthetic

import (
	"math/rand/v2"
	"strconv"

	"github.com/seatrial/seatrial/harness/history"
)

// Transactions is how many transactions are run on a strictly serializable system:
// of one to four steps each, half of which read, on ten keys at a time, each of which
// takes so many writes and then gives way to a new one. A transaction takes about a
// microsecond of the run, and two in a hundred have an unknown outcome.
type Transactions struct {
	Operations int
	// Registers says that keys are registers; else they are lists that are appended to.
	Registers bool
}

// What [Transactions] has of each.
const (
	TransactionClients = 20
	TransactionKeys    = 10
	TransactionUnknown = 0.02
	writesPerKey       = 64
)

type transactionClient struct {
	process int32
	free    int64
}

type transactionKey struct {
	name   string
	values []history.Value
}

// History simulates the system. The same seed makes the same history.
func (t Transactions) History(seed uint64) *history.History {
	draw := rand.New(rand.NewPCG(seed, 0x7a))
	b := history.NewBuilder(history.Header{})
	all := make([]transactionClient, TransactionClients)
	for i := range all {
		all[i].process = int32(i)
	}
	next, keys := int32(TransactionClients), make([]transactionKey, TransactionKeys)
	fresh := 0
	replace := func(i int) {
		keys[i] = transactionKey{name: "k" + strconv.Itoa(fresh)}
		fresh++
	}
	for i := range keys {
		replace(i)
	}
	now := int64(0)
	for range t.Operations {
		c := &all[draw.IntN(len(all))]
		now += 1000
		at := max(now, c.free+2) // it takes effect here
		now = at
		call, ret := max(c.free+1, at-int64(draw.IntN(30_000))), at+int64(draw.IntN(30_000))
		outcome, happens := history.OK, true
		if draw.Float64() < TransactionUnknown {
			outcome, happens = history.Info, draw.IntN(2) == 0
		}
		var steps []history.Step
		own := map[int]int{}
		for range 1 + draw.IntN(4) {
			i := draw.IntN(len(keys))
			k := &keys[i]
			if draw.IntN(2) == 0 && len(k.values) < writesPerKey {
				v := history.Int(int64(len(k.values) + 1))
				k.values = append(k.values, v)
				own[i]++
				steps = append(steps, t.write(k.name, v))
				continue
			}
			steps = append(steps, t.read(k.name, k.values, outcome))
		}
		b.Txn(c.process, outcome, call, ret, steps...)
		c.free = ret
		if outcome == history.Info {
			c.process, next = next, next+1
		}
		for i := range keys {
			full := len(keys[i].values) >= writesPerKey && draw.IntN(30) == 0
			if full || own[i] > 0 && !happens { // its values are not used again
				replace(i)
			}
		}
	}
	return b.History()
}

func (t Transactions) write(key string, v history.Value) history.Step {
	if t.Registers {
		return history.Writes(key, v)
	}
	return history.Appends(key, v)
}

func (t Transactions) read(key string, values []history.Value, outcome history.Outcome) history.Step {
	switch {
	case t.Registers && outcome != history.OK:
		return history.Reads(key, history.None)
	case t.Registers && len(values) == 0:
		return history.Reads(key, history.Nil)
	case t.Registers:
		return history.Reads(key, values[len(values)-1])
	case outcome != history.OK:
		return history.Asks(key)
	}
	return history.Lists(key, values...)
}

// staleBy is how many writes a planted read is behind.
const staleBy = 20

// PlantStaleTransaction makes the first committed transaction after a place that does
// nothing but read one key return what that key held some twenty writes before. It
// returns the transaction's place; -1 where there is none.
func PlantStaleTransaction(h *history.History, after int) int {
	type version struct {
		key   history.Key
		value history.Value
	}
	wrote := map[version]int{} // in which transaction
	for i := range h.Ops {
		for _, m := range h.Transaction(&h.Ops[i]) {
			if m.Kind == history.Append || m.Kind == history.Write {
				wrote[version{m.Key, m.Value}] = i
			}
		}
	}
	for i := after; i < len(h.Ops); i++ {
		o := &h.Ops[i]
		if o.Outcome != history.OK || o.Count != 1 {
			continue
		}
		m := &h.Micros[o.Offset]
		newest := m.Value // of a key's values, which are 1, 2, 3 …
		if m.Kind == history.ReadList && m.Count > 0 {
			newest = h.MicroList(m)[m.Count-1]
		}
		reads := m.Kind == history.ReadList || m.Kind == history.Read
		if !reads || !newest.IsInt() || newest < history.Int(staleBy+10) {
			continue
		}
		old := newest - history.Int(staleBy)
		for wrote[version{m.Key, old}] == wrote[version{m.Key, old + 1}] {
			old-- // not in the midst of one transaction's writes: that is G1b
		}
		if m.Kind == history.ReadList {
			m.Count = uint32(old)
		} else {
			m.Value = old
		}
		return i
	}
	return -1
}

package checkers

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// plantOldRead gives a read a version that had been overwritten long before the
// session's last operation on the key was called, which was of some kind. It is the
// session's last one on the key; for a read before it the session never wrote there.
func plantOldRead(last history.Kind) func(t *testing.T, h *history.History) {
	type id struct {
		process int32
		key     history.Key
	}
	return func(t *testing.T, h *history.History) {
		swapped, end := map[history.Value]bool{}, map[id]int{}
		for i := range h.Ops {
			o := &h.Ops[i]
			end[id{o.Process, o.Key}] = i
			if o.Kind == history.CAS && !o.Mismatch {
				swapped[o.Expect] = true
			}
		}
		latest, wrote, writes := map[id]int{}, map[id]bool{}, map[history.Key][]int{}
		for i := range h.Ops {
			o := &h.Ops[i]
			x := id{o.Process, o.Key}
			j, had := latest[x]
			list := writes[o.Key]
			if had && i > 50_000 && end[x] == i && o.Kind == history.Read && ok(o) && h.Ops[j].Kind == last && wrote[x] == (last == history.Write) {
				for _, w := range list[len(list)/2:] {
					if p := &h.Ops[w]; p.Return < h.Ops[j].Call-20_000_000 && !swapped[p.Value] {
						o.Result = p.Value
						return
					}
				}
			}
			latest[x] = i
			if ok(o) && o.Kind != history.Read && !o.Mismatch {
				wrote[x] = true
			}
			if o.Kind == history.Write && ok(o) {
				writes[o.Key] = append(list, i)
			}
		}
		require.Fail(t, "nothing to plant in")
	}
}

// plantOwnAppend adds an append of which the same session's last read doesn't tell.
func plantOwnAppend(t *testing.T, h *history.History) {
	read, before := -1, int64(0)
	i := nth(t, h, 30_000, func(o *history.Op) bool { return o.Kind == history.ReadList && ok(o) })
	for k := range h.Ops {
		o := &h.Ops[k]
		if o.Process != h.Ops[i].Process {
			continue
		}
		if o.Kind == history.ReadList && ok(o) && o.Key == h.Ops[i].Key {
			read = k
		}
	}
	for k := range read {
		if o := &h.Ops[k]; o.Process == h.Ops[read].Process {
			before = o.Return
		}
	}
	require.Less(t, before, h.Ops[read].Call-1)
	o := bare(history.Append, h.Ops[read].Process, h.Ops[read].Key, before+1, h.Ops[read].Call-1)
	o.Value = 1 << 40
	addOps(h, o)
}

// plantShorterList cuts the end off a read whose session had read the list before.
func plantShorterList(t *testing.T, h *history.History) {
	type id struct {
		process int32
		key     history.Key
	}
	last := map[id]int{}
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Kind != history.ReadList || !ok(o) {
			continue
		}
		if j, had := last[id{o.Process, o.Key}]; had && i > 30_000 && h.Ops[j].Count > 3 {
			o.Count = h.Ops[j].Count - 1
			return
		}
		last[id{o.Process, o.Key}] = i
	}
	require.Fail(t, "nothing to plant in")
}

// plantSwappedList swaps two neighbouring elements of one producer in one read.
func plantSwappedList(t *testing.T, h *history.History) {
	producer := map[history.Value]int32{}
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Kind == history.Append && o.Outcome != history.Fail {
			producer[o.Value] = o.Process
		}
		if o.Kind != history.ReadList || !ok(o) || i < 30_000 {
			continue
		}
		list := slices.Clone(h.List(o))
		last := map[int32]int{}
		for at, v := range list {
			if before, had := last[producer[v]]; had {
				list[before], list[at] = list[at], list[before]
				o.Offset = uint32(len(h.Elements))
				h.Elements = append(h.Elements, list...)
				return
			}
			last[producer[v]] = at
		}
	}
	require.Fail(t, "nothing to plant in")
}

// plantSwappedDequeues swaps the results of two dequeues of one consumer that are of
// one producer, with nothing else of it between them.
func plantSwappedDequeues(t *testing.T, h *history.History) {
	type id struct {
		producer, consumer int32
		key                history.Key
	}
	producer, last := map[history.Value]int32{}, map[id]int{}
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Kind == history.Enqueue {
			producer[o.Value] = o.Process
		}
	}
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Kind != history.Dequeue || !ok(o) || o.Result == history.Nil {
			continue
		}
		x := id{producer[o.Result], o.Process, o.Key}
		if j, had := last[x]; had && i > 50_000 {
			o.Result, h.Ops[j].Result = h.Ops[j].Result, o.Result
			return
		}
		last[x] = i
	}
	require.Fail(t, "nothing to plant in")
}

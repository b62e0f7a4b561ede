package txn

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// randomGraph makes a graph of a few transactions, some of whose rw edges go through
// hubs, and says for each pair which kinds of edge there are.
func randomGraph(draw *rand.Rand) (*graph, [][]mask) {
	n := 2 + draw.IntN(6)
	b := history.NewBuilder(history.Header{})
	now := int64(0)
	free := [3]int64{}
	for range n {
		client := draw.IntN(3)
		call := max(now, free[client])
		now = call
		free[client] = call + int64(draw.IntN(8))
		b.Txn(int32(client), history.OK, call, free[client])
		now += int64(draw.IntN(4))
	}
	h := b.History()
	e := edges{n: int32(n), nodes: int32(n)}
	kindsOf := make([][]mask, n)
	for i := range kindsOf {
		kindsOf[i] = make([]mask, n)
		for j := range kindsOf[i] {
			if following(h, i) == j {
				kindsOf[i][j] |= session
			}
			if h.Ops[i].Return < h.Ops[j].Call {
				kindsOf[i][j] |= timed
			}
		}
	}
	link := func(i, j int32, kind int) {
		if i != j {
			kindsOf[i][j] |= 1 << kind
		}
	}
	kinds := 1 + draw.IntN(3)
	for range draw.IntN(2 * n) {
		i, j, kind := int32(draw.IntN(n)), int32(draw.IntN(n)), 3-kinds+draw.IntN(kinds)
		e.add(i, j, kind)
		link(i, j, kind)
	}
	if draw.IntN(2) == 0 {
		var readers, writers []int32
		for range draw.IntN(n + 1) {
			readers = append(readers, int32(draw.IntN(n)))
			writers = append(writers, int32(draw.IntN(n)))
		}
		readers, writers = sortedOnce(readers), sortedOnce(writers)
		for _, r := range readers {
			for _, w := range writers {
				link(r, w, rw)
			}
		}
		if len(writers) > 0 {
			e.throughHubs(readers, writers)
		}
	}
	g := e.graph()
	g.order(h)
	return g, kindsOf
}

func following(h *history.History, i int) int {
	for j := i + 1; j < len(h.Ops); j++ {
		if h.Ops[j].Process == h.Ops[i].Process {
			return j
		}
	}
	return -1
}

// simpleCycles lists every simple cycle by trying all paths.
func simpleCycles(kindsOf [][]mask) map[string]int {
	shortest := map[string]int{}
	var path cycle
	var walk func(node, start int)
	walk = func(node, start int) {
		path.txns = append(path.txns, int32(node))
		for next, have := range kindsOf[node] {
			for kind := ww; kind <= realtime; kind++ {
				if !have.has(kind) || strongest(kind, have) != kind {
					continue
				}
				path.kinds = append(path.kinds, kind)
				if next == start {
					name := path.name()
					if have := shortest[name]; have == 0 || len(path.txns) < have {
						shortest[name] = len(path.txns)
					}
				} else if next > start && !slices.Contains(path.txns, int32(next)) {
					walk(next, start)
				}
				path.kinds = path.kinds[:len(path.kinds)-1]
			}
		}
		path.txns = path.txns[:len(path.txns)-1]
	}
	for start := range kindsOf {
		walk(start, start)
	}
	return shortest
}

// Against all simple cycles: what is found is there and classified rightly, and
// what is there is found, or something is that implies it.
func TestCyclesAreTheSmallestOfEachName(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(21, 22))
	names := map[string]int{}
	longer := 0
	for n := range count {
		g, kindsOf := randomGraph(draw)
		whole := g.components(data|session|timed, false)
		found := map[string]*cycleFinding{}
		if whole.count() > 0 {
			s := findCycles(g.within(whole), func() bool { return false })
			require.False(t, s.short)
			found = s.found
		}
		all := simpleCycles(kindsOf)
		var have []string
		for name, f := range found {
			have = append(have, name)
			names[name]++
			require.Equal(t, name, f.cycle.name())
			for i, node := range f.cycle.txns {
				next := f.cycle.txns[(i+1)%len(f.cycle.txns)]
				require.True(t, kindsOf[node][next].has(f.cycle.kinds[i]), "graph %d, %s", n, name)
			}
			require.NotZero(t, all[name])
			require.GreaterOrEqual(t, len(f.cycle.txns), all[name])
			if len(f.cycle.txns) > all[name] {
				longer++
			}
		}
		implied := withImplied(have)
		_, refuted, _ := Boundary(have)
		for name := range all {
			if strings.HasSuffix(name, "-realtime") {
				// Of two realtime edges one can be left out, but what remains may be of
				// another class: one that refutes as much.
				_, alone, _ := Boundary([]string{name})
				require.Subset(t, refuted, alone, "graph %d has %s and that was not found, but %v: %v", n, name, have, kindsOf)
				continue
			}
			require.True(t, implied[name], "graph %d has %s and that was not found, but %v: %v", n, name, have, kindsOf)
		}
	}
	t.Logf("%d graphs: %v; %d cycles were not the smallest of their name", count, names, longer)
	require.Less(t, longer, count/100)
	for _, name := range cycleNames {
		for _, suffix := range suffixes {
			if name+suffix != GNonadjacent+"-realtime" { // it is in one of some ten thousand
				require.NotZero(t, names[name+suffix], name+suffix)
			}
		}
	}
}

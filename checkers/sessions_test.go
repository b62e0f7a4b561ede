package checkers

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// randomSessions draws registers in a store of several replicas, each of which holds
// some of the versions: how much they lag, and what else goes wrong, is drawn too.
func randomSessions(t *testing.T) func(draw *rand.Rand) (*history.History, Checker) {
	return func(draw *rand.Rand) (*history.History, Checker) {
		c := newCrowd(draw, 1+draw.IntN(4), []string{"x", "y"}[:1+draw.IntN(5)/4]...)
		lag := []int{1, 4, 2, 2}[draw.IntN(4)]
		versions := map[history.Key][]history.Value{}
		value := history.Value(0)
		swaps := draw.IntN(3)
		for range 3 + draw.IntN(9) {
			kind := []history.Kind{history.Read, history.Read, history.Write, history.CAS, history.CAS}[draw.IntN(3+swaps)]
			if value > 5 {
				kind = history.Read
			}
			o := c.op(kind, 8, 5)
			held := append([]history.Value{history.Nil}, versions[o.Key]...)
			now := held[len(held)-1]
			seen := now
			if lag > 1 && draw.IntN(lag) == 0 {
				seen = held[draw.IntN(len(held))]
			}
			happens := o.Outcome == history.OK || o.Outcome == history.Info && draw.IntN(2) == 0
			switch kind {
			case history.Read:
				if o.Outcome == history.OK {
					o.Result = seen
					if draw.IntN(30) == 0 {
						o.Result = 99
					}
				}
			case history.Write, history.CAS:
				value++
				o.Value = value
				if draw.IntN(60) == 0 {
					o.Value = max(1, value-1)
				}
				if kind == history.CAS {
					if o.Expect = seen; draw.IntN(5) == 0 {
						o.Expect = held[draw.IntN(len(held))]
					}
					if o.Outcome == history.OK && o.Expect != now && draw.IntN(6) > 0 {
						o.Mismatch, happens = true, false
						if draw.IntN(3) > 0 {
							o.Result = now
						}
					}
				}
				if happens {
					at := len(versions[o.Key])
					if lag > 1 && draw.IntN(4) == 0 {
						at = draw.IntN(at + 1)
					}
					versions[o.Key] = slices.Insert(slices.Clone(versions[o.Key]), at, o.Value)
				}
			}
			c.add(o)
		}
		check := Sessions{AnyOrder: draw.IntN(4) == 0}
		if draw.IntN(2) == 0 {
			check.NotMonotonicReads, check.NotReadYourWrites = draw.IntN(2) == 0, draw.IntN(2) == 0
			check.NotMonotonicWrites, check.NotWritesFollowReads = draw.IntN(2) == 0, draw.IntN(2) == 0
		}
		return c.history(t), check
	}
}

// sessionDefinition judges one key by trying every order of its versions.
type sessionDefinition struct {
	c       Sessions
	ops     []history.Op
	stored  map[history.Value]*history.Op // that are certainly there
	unclear bool
}

func defineSessions(h *history.History, key history.Key, c Sessions) *sessionDefinition {
	d := &sessionDefinition{c: c, stored: map[history.Value]*history.Op{}}
	all := map[history.Value]*history.Op{}
	swaps := map[history.Value]int{}
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Key != key || o.Outcome == history.Fail {
			continue
		}
		d.ops = append(d.ops, *o)
		if stores(o) {
			if all[o.Value] != nil || o.Value == history.Nil {
				d.unclear = true
			}
			all[o.Value] = o
		}
	}
	var see func(v history.Value)
	see = func(v history.Value) {
		if o := all[v]; o != nil && d.stored[v] == nil {
			d.stored[v] = o
			if o.Kind == history.CAS {
				see(o.Expect)
			}
		}
	}
	for i := range d.ops {
		o := &d.ops[i]
		if v, sees := looks(o); sees {
			see(v)
		}
		if stores(o) && ok(o) {
			see(o.Value)
		}
	}
	for _, o := range d.stored {
		if o.Kind == history.CAS {
			if swaps[o.Expect]++; swaps[o.Expect] > 1 && (all[o.Expect] != nil || o.Expect == history.Nil) {
				d.unclear = true
			}
		}
	}
	return d
}

func stores(o *history.Op) bool {
	return o.Kind == history.Write || o.Kind == history.CAS && !o.Mismatch
}

func looks(o *history.Op) (history.Value, bool) {
	switch {
	case !ok(o):
	case o.Kind == history.Read || o.Mismatch:
		return o.Result, o.Result != history.None
	case o.Kind == history.CAS:
		return o.Expect, true
	}
	return 0, false
}

// facts says that an order of the versions agrees with what is known.
func (d *sessionDefinition) facts(order []history.Value) bool {
	at := map[history.Value]int{}
	for i, v := range order {
		at[v] = i
	}
	for i, v := range order {
		o := d.stored[v]
		if o == nil {
			continue
		}
		if from, there := at[o.Expect]; o.Kind == history.CAS && there {
			if from >= i || !d.c.AnyOrder && from != i-1 {
				return false
			}
		}
		if d.c.AnyOrder {
			continue
		}
		for _, w := range order[:i] { // older ones: not begun after this was there
			if p := d.stored[w]; p != nil && d.known(v) < p.Call {
				return false
			}
		}
	}
	return true
}

func (d *sessionDefinition) known(v history.Value) int64 {
	o := d.stored[v]
	known := o.Return
	for i := range d.ops {
		if w, sees := looks(&d.ops[i]); sees && w == v {
			known = min(known, max(o.Call, d.ops[i].Return))
		}
	}
	return known
}

// guaranteed says that every session agrees with the order.
func (d *sessionDefinition) guaranteed(order []history.Value) bool {
	at := map[history.Value]int{}
	for i, v := range order {
		at[v] = i
	}
	type event struct {
		process int32
		version int
		write   bool
	}
	var events []event
	for i := range d.ops {
		o := &d.ops[i]
		if v, sees := looks(o); sees {
			if version, there := at[v]; there {
				events = append(events, event{o.Process, version, false})
			}
		}
		if stores(o) {
			if version, there := at[o.Value]; there {
				events = append(events, event{o.Process, version, true})
			}
		}
	}
	for i, b := range events {
		for _, a := range events[:i] {
			skip := map[[2]bool]bool{{false, false}: d.c.NotMonotonicReads, {true, false}: d.c.NotReadYourWrites,
				{true, true}: d.c.NotMonotonicWrites, {false, true}: d.c.NotWritesFollowReads}[[2]bool{a.write, b.write}]
			if a.process == b.process && !skip && a.version > b.version {
				return false
			}
		}
	}
	return true
}

// judge tries all orders: Error where none agrees with what is known.
func (d *sessionDefinition) judge() Verdict {
	if d.unclear {
		return Error
	}
	var versions []history.Value
	for v := range d.stored {
		versions = append(versions, v)
	}
	slices.Sort(versions)
	worst := Error
	var try func(order, left []history.Value) bool
	try = func(order, left []history.Value) bool {
		if len(left) == 0 {
			if d.facts(order) {
				worst = Violation
				return d.guaranteed(order)
			}
			return false
		}
		for i, v := range left {
			if try(append(slices.Clone(order), v), slices.Delete(slices.Clone(left), i, i+1)) {
				return true
			}
		}
		return false
	}
	if try([]history.Value{history.Nil}, versions) {
		return Pass
	}
	return worst
}

// With all four guarantees the checker is exact; with some it must never say more
// than there is. Figures count what it leaves unsaid.
func TestSessionsAgreeWithTheirDefinition(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(140, 141))
	verdicts, sizes, names, unsaid := map[Verdict]int{}, map[int]int{}, map[string]int{}, 0
	for n := range count {
		h, checker := randomSessions(t)(draw)
		c := checker.(Sessions)
		want, reads := Pass, 0
		for key := range h.Keys {
			d := defineSessions(h, history.Key(key), c)
			switch d.judge() {
			case Violation:
				want = Violation
			case Error:
				want = max(want, Inconclusive)
			}
			for i := range d.ops {
				v, sees := looks(&d.ops[i])
				if sees && (d.stored[v] != nil || v == history.Nil) && !d.unclear {
					reads++
				}
			}
		}
		r := judgeWith(t, c, h)
		verdicts[r.Verdict]++
		all := !c.NotMonotonicReads && !c.NotReadYourWrites && !c.NotMonotonicWrites && !c.NotWritesFollowReads
		switch {
		case r.Verdict == Violation:
			require.Equal(t, Violation, want, "false alarm, history %d, %+v: %s\n%s", n, c, r.Summary, listed(h))
			sizes[len(r.Proof.Operations)]++
			again := c.Check(context.Background(), Evidence{History: proofAlone(h, r.Proof)}, Budget{})
			require.Equal(t, Violation, again.Verdict, "the proof proves nothing, history %d, %+v: %s\n%q\n%s", n, c, r.Summary, r.Proof.Story, listed(h))
			for _, name := range []string{"monotonic_reads", "read_your_writes", "monotonic_writes", "writes_follow_reads", "contradictions"} {
				if r.Figures[name] > 0 {
					names[name]++
				}
			}
		case want == Violation && !all:
			unsaid++
		case want == Violation:
			require.Fail(t, "missed", "history %d, %+v: %s\n%s", n, c, r.Summary, listed(h))
		case want == Inconclusive, reads == 0:
			require.Equal(t, Inconclusive, r.Verdict, "history %d, %+v: %s\n%s", n, c, r.Summary, listed(h))
		default:
			require.Equal(t, Pass, r.Verdict, "history %d, %+v: %s\n%s", n, c, r.Summary, listed(h))
		}
	}
	t.Logf("%d histories: %v, no false alarm, none missed with all guarantees, %d left unsaid with some; broken %v; proofs by number of operations: %v", count, verdicts, unsaid, names, sizes)
	require.Greater(t, verdicts[Violation], count/10)
	require.Greater(t, verdicts[Pass], count/10)
}

// listsDue says which guarantees lists break, by the definitions: with every pair
// of a session's operations.
func listsDue(h *history.History, c Sessions) (broken [guarantees]bool, judged bool) {
	owners := map[[2]int64][]int{}
	for i, o := range h.Ops {
		if o.Kind == history.Append && o.Outcome != history.Fail {
			id := [2]int64{int64(o.Key), int64(o.Value)}
			owners[id] = append(owners[id], i)
		}
	}
	sole := func(o *history.Op) bool { return len(owners[[2]int64{int64(o.Key), int64(o.Value)}]) == 1 }
	for i := range h.Ops {
		r := &h.Ops[i]
		if r.Kind != history.ReadList || !ok(r) {
			continue
		}
		judged = true
		list := h.List(r)
		for j := range h.Ops {
			o := &h.Ops[j]
			if o.Process == r.Process && o.Key == r.Key && j < i && ok(o) {
				if o.Kind == history.ReadList && slices.ContainsFunc(h.List(o), func(v history.Value) bool { return !slices.Contains(list, v) }) {
					broken[monotonicReads] = true
				}
				if o.Kind == history.Append && sole(o) && !slices.Contains(list, o.Value) {
					broken[readYourWrites] = true
				}
			}
			for k := range j {
				p := &h.Ops[k]
				if p.Process != o.Process || p.Kind != history.Append || o.Kind != history.Append || p.Key != r.Key || o.Key != r.Key || !ok(p) || o.Outcome == history.Fail || !sole(o) || !sole(p) {
					continue
				}
				at, earlier := slices.Index(list, o.Value), slices.Index(list, p.Value)
				if at >= 0 && (earlier < 0 || earlier > at) {
					broken[monotonicWrites] = true
				}
			}
		}
	}
	for g, off := range []bool{c.NotMonotonicReads, c.NotReadYourWrites, c.NotMonotonicWrites, c.NotWritesFollowReads} {
		broken[g] = broken[g] && !off
	}
	return broken, judged
}

func TestSessionsOfListsAgreeWithTheirDefinition(t *testing.T) {
	count := differentialCount(t)
	draw := rand.New(rand.NewPCG(142, 143))
	verdicts, names := map[Verdict]int{}, map[string]int{}
	for n := range count {
		h := randomLists(draw)
		c := Sessions{NotMonotonicReads: draw.IntN(4) == 0, NotReadYourWrites: draw.IntN(4) == 0, NotMonotonicWrites: draw.IntN(4) == 0}
		broken, judged := listsDue(h, c)
		r := judgeWith(t, c, h)
		verdicts[r.Verdict]++
		want := Pass
		for g, name := range []string{"monotonic_reads", "read_your_writes", "monotonic_writes", "writes_follow_reads"} {
			require.Equal(t, broken[g], r.Figures[name] > 0, "%s, history %d, %+v: %s\n%s", name, n, c, r.Summary, listed(h))
			if broken[g] {
				want = Violation
				names[name]++
			}
		}
		if want == Pass && !judged {
			want = Inconclusive
		}
		require.Equal(t, want, r.Verdict, "history %d: %s\n%s", n, r.Summary, listed(h))
		if r.Verdict == Violation {
			again := c.Check(context.Background(), Evidence{History: proofAlone(h, r.Proof)}, Budget{})
			require.Equal(t, Violation, again.Verdict, "the proof proves nothing, history %d, %+v: %s\n%q\n%s", n, c, r.Summary, r.Proof.Story, listed(h))
		}
	}
	t.Logf("%d histories: %v, no disagreement; broken %v", count, verdicts, names)
	require.Greater(t, verdicts[Violation], count/20)
	require.Greater(t, verdicts[Pass], count/10)
}

// Sessions are judged over all keys of a history, but each key by itself: they may be split.
func TestSessionsAreNotChangedByWhatDoesNotMatter(t *testing.T) {
	unchanged(t, 144, randomSessions(t), map[string]func(h *history.History){
		"shifted": shiftTimes, "renamed": renameValues, "processes renamed": renameProcesses, "failed ones left out": dropFailed,
		"with an unknown write that nobody sees": func(h *history.History) {
			h.Ops = append(h.Ops, history.Op{Kind: history.Write, Value: 1 << 40, Expect: history.None, Result: history.None,
				Process: 1 << 20, Call: h.Ops[len(h.Ops)-1].Call, Return: history.Open})
		},
		"beside a register that is in order": func(h *history.History) {
			h.Keys = append(slices.Clone(h.Keys), "other")
			at := h.Ops[len(h.Ops)-1].Call
			for i, o := range []history.Op{{Kind: history.Write, Value: 1, Result: history.None}, {Kind: history.Write, Value: 2, Result: history.None}} {
				o.Key, o.Expect, o.Outcome, o.Process = history.Key(len(h.Keys)-1), history.None, history.OK, 1<<20
				o.Call, o.Return = at+int64(i), at+int64(i)+1
				h.Ops = append(h.Ops, o)
			}
		},
	})
}

func TestSessionsNamesWhatIsBroken(t *testing.T) {
	unknown := func(b *history.Builder, process int32, kind history.Kind, v, expect history.Value, call int64) {
		b.Op(process, kind, "x", v, expect, history.None, history.Info, call, 0)
	}
	cases := []struct {
		name    string
		check   Sessions
		make    func(b *history.Builder)
		verdict Verdict
		says    string
	}{
		{"nothing", Sessions{}, func(*history.Builder) {}, Inconclusive, "proves nothing"},
		{"in order", Sessions{}, func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Read(2, "x", 1, 5, 8).Write(1, "x", 2, 11, 20).Read(2, "x", 2, 12, 13).Read(2, "x", 2, 21, 22)
		}, Pass, "3 reads"},
		{"an older one after a newer one", Sessions{}, func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Write(1, "x", 2, 11, 20).Read(2, "x", 2, 21, 22).Read(2, "x", 1, 23, 24)
		}, Violation, "broken: monotonic reads (once); Monotonic reads: p2 had seen 2, and then saw 1, which is older."},
		{"another session may lag", Sessions{}, func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Write(1, "x", 2, 11, 20).Read(2, "x", 2, 21, 22).Read(3, "x", 1, 23, 24)
		}, Pass, ""},
		{"the initial value after a write of its own", Sessions{}, func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Read(1, "x", history.Nil, 11, 12)
		}, Violation, "Read your writes: p1 had written 1 itself, and then saw nil, which is older."},
		{"two writes at the same time have no known order", Sessions{}, func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Write(2, "x", 2, 10, 20).Read(1, "x", 2, 21, 22).Read(2, "x", 1, 23, 24)
		}, Violation, "read your writes, which no order of the versions gives to every session (1 key)"}, // 1 < 2 by p1, and 2 < 1 by p2
		{"overwritten by somebody else at the same time", Sessions{}, func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Write(2, "x", 2, 10, 20).Read(1, "x", 2, 21, 22)
		}, Pass, ""},
		{"to and fro", Sessions{}, func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Write(2, "x", 2, 0, 10).Read(3, "x", 1, 11, 12).Read(3, "x", 2, 13, 14).Read(3, "x", 1, 15, 16)
		}, Violation, "broken: monotonic reads, which no order of the versions gives to every session (1 key)"},
		{"any order, by another clock", Sessions{AnyOrder: true}, func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Write(2, "x", 2, 11, 20).Read(3, "x", 2, 21, 22).Read(3, "x", 1, 23, 24)
		}, Pass, ""},
		{"the same by one clock", Sessions{}, func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Write(2, "x", 2, 11, 20).Read(3, "x", 2, 21, 22).Read(3, "x", 1, 23, 24)
		}, Violation, "monotonic reads"},
		{"an unknown write counts from when it was seen", Sessions{}, func(b *history.Builder) {
			unknown(b, 1, history.Write, 1, history.None, 0)
			b.Write(2, "x", 2, 5, 10).Read(3, "x", 2, 11, 12).Read(3, "x", 1, 13, 14)
		}, Pass, ""},
		{"an unknown swap that was seen orders", Sessions{}, func(b *history.Builder) {
			b.Write(2, "x", 2, 5, 10)
			unknown(b, 1, history.CAS, 1, 2, 0)
			b.Read(3, "x", 1, 11, 12).Read(3, "x", 2, 13, 14)
		}, Violation, "1 was swapped from 2"},
		{"a write ordered before what its session had seen", Sessions{}, func(b *history.Builder) {
			b.Swap(1, "x", 3, 2, 0, 30).Read(2, "x", 2, 1, 2).Write(2, "x", 3, 3, 40)
		}, Inconclusive, "contradict the clock"},
		{"the same without a clock", Sessions{AnyOrder: true}, func(b *history.Builder) {
			b.Swap(1, "x", 3, 2, 0, 30).Read(2, "x", 2, 1, 2).Write(2, "x", 3, 3, 40)
		}, Violation, "broken: writes follow reads"},
		{"writes ordered the other way round", Sessions{}, func(b *history.Builder) {
			b.Swap(2, "x", history.Nil, 5, 0, 1).Swap(1, "x", 4, 3, 2, 40).Write(2, "x", 3, 50, 60)
		}, Inconclusive, "stored twice"},
		{"by swaps, monotonic writes", Sessions{AnyOrder: true}, func(b *history.Builder) {
			b.Swap(2, "x", 4, 3, 0, 10).Write(2, "x", 4, 11, 20).Read(1, "x", 3, 30, 31)
		}, Violation, "broken: monotonic writes"},
		{"a list that shrank", Sessions{}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 1).List(2, "x", []history.Value{1}, 2, 3).List(2, "x", nil, 4, 5)
		}, Violation, "Monotonic reads: p2 had been told a list with 1"},
		{"a list without one's own", Sessions{}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 1).List(1, "x", nil, 2, 3)
		}, Violation, "Read your writes: p1 had appended 1 itself"},
		{"a list with a hole", Sessions{}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 1).Append(1, "x", 2, 2, 3).List(2, "x", []history.Value{2}, 4, 5)
		}, Violation, "holds 2 and does not hold 1 at all"},
		{"a list the other way round", Sessions{}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 1).Append(1, "x", 2, 2, 3).List(2, "x", []history.Value{2, 1}, 4, 5)
		}, Violation, "holds 2 and holds 1 only after it"},
		{"a node's own copy promises nothing", Sessions{}, func(b *history.Builder) {
			b.Append(1, "x", 1, 0, 1).List(2, "x", []history.Value{1}, 2, 3).LocalList(2, "x", nil, 4, 5)
		}, Pass, ""},
		{"not asked", Sessions{NotReadYourWrites: true}, func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Read(1, "x", history.Nil, 11, 12)
		}, Pass, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{})
			c.make(b)
			r := judgeWith(t, c.check, b.History())
			require.Equal(t, "sessions", r.Checker)
			require.Equal(t, c.verdict, r.Verdict, r.Summary)
			require.Contains(t, r.Summary+storyOf(r), c.says)
		})
	}
}

package checkers

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

type orderCase struct {
	name    string
	check   Checker
	make    func(b *history.Builder)
	verdict Verdict
	says    string
}

func judgeCases(t *testing.T, cases []orderCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{})
			c.make(b)
			r := judgeWith(t, c.check, b.History())
			require.Equal(t, c.verdict, r.Verdict, r.Summary)
			require.Contains(t, r.Summary+storyOf(r), c.says)
		})
	}
}

func TestPerKeyOrderCases(t *testing.T) {
	sent := func(b *history.Builder) *history.Builder {
		return b.Enqueue(1, "q", 1, 0, 10).Enqueue(1, "q", 2, 11, 20)
	}
	judgeCases(t, []orderCase{
		{"nothing", PerKeyOrder{}, func(*history.Builder) {}, Inconclusive, "proves nothing"},
		{"in order", PerKeyOrder{}, func(b *history.Builder) { sent(b).Drain(2, "q", values(1, 2), 30, 40) }, Pass, "1 pair"},
		{"a drain out of order", PerKeyOrder{}, func(b *history.Builder) { sent(b).Drain(2, "q", values(2, 1), 30, 40) }, Violation, "out of order: p2 saw 2 before 1 of q"},
		{"one consumer, one after the other", PerKeyOrder{}, func(b *history.Builder) { sent(b).Dequeue(2, "q", 2, 30, 31).Drain(2, "q", values(1), 32, 40) }, Violation, "out of order"},
		{"two consumers have no order between them", PerKeyOrder{}, func(b *history.Builder) {
			sent(b).Enqueue(1, "q", 3, 21, 22).Dequeue(2, "q", 2, 30, 31).Dequeue(3, "q", 1, 32, 33).Dequeue(3, "q", 3, 34, 35)
		}, Pass, ""},
		{"two producers have no order between them", PerKeyOrder{}, func(b *history.Builder) {
			sent(b).Enqueue(5, "q", 3, 0, 1).Drain(2, "q", values(1, 2, 3), 30, 40)
		}, Pass, ""},
		{"one that comes again", PerKeyOrder{}, func(b *history.Builder) {
			sent(b).Dequeue(2, "q", 1, 30, 31).Dequeue(2, "q", 2, 32, 33).Dequeue(2, "q", 1, 34, 35)
		}, Pass, ""},
		{"one that was tried again has no place", PerKeyOrder{}, func(b *history.Builder) {
			sent(b).Enqueue(1, "q", 1, 30, 31).Enqueue(1, "q", 4, 32, 33).Drain(2, "q", values(2, 1, 4), 40, 41)
		}, Pass, ""},
		{"a node's own copy, if asked", PerKeyOrder{Local: true}, func(b *history.Builder) {
			b.Append(1, "l", 1, 0, 10).Append(1, "l", 2, 10, 20).LocalList(2, "l", values(2, 1), 30, 40)
		}, Violation, "has 2 before 1"},
	})
}

func TestMutualExclusionCases(t *testing.T) {
	const nothing = history.None
	judgeCases(t, []orderCase{
		{"nothing", MutualExclusion{}, func(*history.Builder) {}, Inconclusive, "no lock was ever granted"},
		{"one client", MutualExclusion{}, func(b *history.Builder) { b.Acquire(1, "m", nothing, 0, 1).Release(1, "m", 2, 3) }, Inconclusive, "no lock was granted to two"},
		{"in turn", MutualExclusion{}, func(b *history.Builder) {
			b.Acquire(1, "m", nothing, 0, 10).Release(1, "m", 20, 30).Acquire(2, "m", nothing, 5, 20)
		}, Pass, "2 grants of 1 lock"},
		{"granted while held", MutualExclusion{}, func(b *history.Builder) {
			b.Acquire(1, "m", nothing, 0, 10).Release(1, "m", 20, 30).Acquire(2, "m", nothing, 5, 19).Release(2, "m", 40, 50)
		}, Violation, "For 1ns at least both held it."},
		{"never released", MutualExclusion{}, func(b *history.Builder) { b.Acquire(1, "m", nothing, 0, 10).Acquire(2, "m", nothing, 20, 30) }, Violation, "it never called release. From then on both held it."},
		{"a client that gave up", MutualExclusion{}, func(b *history.Builder) {
			b.Acquire(1, "m", nothing, 0, 10).Op(1, history.Write, "x", 1, nothing, nothing, history.Info, 15, 0).Acquire(2, "m", nothing, 16, 17)
		}, Pass, ""},
		{"a release of unknown outcome", MutualExclusion{}, func(b *history.Builder) {
			b.Acquire(1, "m", nothing, 0, 10).Op(1, history.Release, "m", nothing, nothing, nothing, history.Info, 15, 0).Acquire(2, "m", nothing, 16, 17)
		}, Pass, ""},
		{"a release that failed", MutualExclusion{}, func(b *history.Builder) {
			b.Acquire(1, "m", nothing, 0, 10).Op(1, history.Release, "m", nothing, nothing, nothing, history.Fail, 15, 16).Acquire(2, "m", nothing, 20, 21)
		}, Violation, "two holders"},
		{"an acquire of unknown outcome", MutualExclusion{}, func(b *history.Builder) {
			b.Op(1, history.Acquire, "m", nothing, nothing, nothing, history.Info, 0, 0).Acquire(2, "m", nothing, 1, 2).Release(2, "m", 3, 4).Acquire(3, "m", nothing, 5, 6)
		}, Pass, ""},
		{"after the lease", MutualExclusion{Lease: 15}, func(b *history.Builder) { b.Acquire(1, "m", nothing, 0, 10).Acquire(2, "m", nothing, 11, 15) }, Pass, ""},
		{"within the lease", MutualExclusion{Lease: 15}, func(b *history.Builder) { b.Acquire(1, "m", nothing, 0, 10).Acquire(2, "m", nothing, 11, 14) }, Violation, "its lease of 15ns was not over before"},
		{"the same token again", MutualExclusion{Lease: 1}, func(b *history.Builder) { b.Acquire(1, "m", 7, 0, 10).Acquire(2, "m", 7, 11, 14) }, Violation, "tokens do not grow: p1 was granted m with token 7, and p2 with 7"},
		{"at the same time any token may be greater", MutualExclusion{Lease: 1}, func(b *history.Builder) { b.Acquire(1, "m", 8, 0, 12).Acquire(2, "m", 7, 11, 14) }, Pass, ""},
		{"at the same time, one token", MutualExclusion{Lease: 1}, func(b *history.Builder) { b.Acquire(1, "m", 8, 0, 12).Acquire(2, "m", 8, 11, 14) }, Violation, "can't both have 8"},
		{"once more, without a release", MutualExclusion{Lease: 1}, func(b *history.Builder) {
			b.Acquire(1, "m", 7, 0, 10).Acquire(1, "m", 7, 11, 14).Acquire(2, "m", 8, 20, 21)
		}, Pass, ""},
		{"tokens of two locks", MutualExclusion{}, func(b *history.Builder) {
			b.Acquire(1, "m", 7, 0, 1).Acquire(2, "n", 3, 2, 3).Op(1, history.Write, "x", 1, 7, nothing, history.OK, 4, 5).Op(2, history.Write, "x", 2, 3, nothing, history.OK, 6, 7)
		}, Inconclusive, ""},
		{"a stale write", MutualExclusion{Lease: 1}, func(b *history.Builder) {
			b.Acquire(1, "m", 33, 0, 1).Acquire(2, "m", 34, 2, 3).Op(2, history.Write, "x", 1, 34, nothing, history.OK, 4, 5).Op(1, history.Write, "y", 2, 33, nothing, history.OK, 6, 7)
		}, Violation, "a stale holder's effect: p1's write with token 33 was acknowledged after one with token 34 had been"},
		{"a stale write at the same time", MutualExclusion{Lease: 1}, func(b *history.Builder) {
			b.Acquire(1, "m", 33, 0, 1).Acquire(2, "m", 34, 2, 3).Op(2, history.Write, "x", 1, 34, nothing, history.OK, 4, 6).Op(1, history.Write, "x", 2, 33, nothing, history.OK, 6, 7)
		}, Pass, "none of 2 effects"},
		{"a stale write that was refused", MutualExclusion{Lease: 1}, func(b *history.Builder) {
			b.Acquire(1, "m", 33, 0, 1).Acquire(2, "m", 34, 2, 3).Op(2, history.Write, "x", 1, 34, nothing, history.OK, 4, 5).Op(1, history.Write, "x", 2, 33, nothing, history.Fail, 6, 7)
		}, Pass, ""},
	})
}

func TestExactlyOnceCases(t *testing.T) {
	twice := func(b *history.Builder) *history.Builder {
		return b.Op(1, history.Append, "l", 1, history.None, history.None, history.Info, 0, 0).Append(2, "l", 1, 5, 10)
	}
	judgeCases(t, []orderCase{
		{"nothing", ExactlyOnce{}, func(*history.Builder) {}, Inconclusive, "no effect was acknowledged"},
		{"once, after two tries", ExactlyOnce{}, func(b *history.Builder) { twice(b).List(3, "l", values(1), 20, 30) }, Pass, "after 1 redelivery"},
		{"twice, after two tries", ExactlyOnce{}, func(b *history.Builder) { twice(b).List(3, "l", values(1, 1), 20, 30) }, Violation, "It was delivered 2 times, and must take effect once."},
		{"not there", ExactlyOnce{}, func(b *history.Builder) { twice(b).List(3, "l", nil, 20, 30) }, Violation, "lost: 1 of l was acknowledged, and is not there"},
		{"of unknown outcome, not there", ExactlyOnce{}, func(b *history.Builder) {
			twice(b).Op(4, history.Append, "l", 2, history.None, history.None, history.Info, 0, 0).List(3, "l", values(1), 20, 30)
		}, Pass, ""},
		{"delivered once only", ExactlyOnce{}, func(b *history.Builder) { b.Append(1, "l", 1, 0, 1).List(3, "l", values(1), 20, 30) }, Inconclusive, "nothing was ever delivered twice: the run proves nothing"},
		{"a retry of what failed is no redelivery", ExactlyOnce{}, func(b *history.Builder) {
			b.Op(1, history.Append, "l", 1, history.None, history.None, history.Fail, 0, 1).Append(1, "l", 1, 2, 3).List(3, "l", values(1), 20, 30)
		}, Inconclusive, "nothing was ever delivered twice"},
		{"delivered again below the clients", ExactlyOnce{Redelivered: "redelivered"}, func(b *history.Builder) {
			b.Append(1, "l", 1, 0, 1).Mark(5, "redelivered", "3").List(3, "l", values(1), 20, 30)
		}, Pass, "after 3 redeliveries"},
		{"a queue that was emptied", ExactlyOnce{}, func(b *history.Builder) {
			b.Enqueue(1, "q", 1, 0, 1).Enqueue(1, "q", 2, 2, 3).Enqueue(1, "q", 2, 4, 5).Dequeue(2, "q", 1, 6, 7).Drain(2, "q", nil, 8, 9)
		}, Violation, "lost: 2 of q"},
		{"taken by a dequeue of unknown outcome", ExactlyOnce{}, func(b *history.Builder) {
			b.Enqueue(1, "q", 1, 0, 1).Enqueue(1, "q", 2, 2, 3).Enqueue(1, "q", 2, 4, 5).Dequeue(2, "q", 1, 6, 7).
				Op(4, history.Dequeue, "q", history.None, history.None, history.None, history.Info, 6, 0).Drain(2, "q", nil, 8, 9)
		}, Pass, "of 1 more nobody can tell"},
		{"found empty for a while", ExactlyOnce{}, func(b *history.Builder) {
			b.Enqueue(1, "q", 1, 0, 1).Enqueue(1, "q", 1, 2, 3).Dequeue(2, "q", history.Nil, 6, 7).Dequeue(2, "q", 1, 8, 9)
		}, Pass, ""},
	})
}

func TestStreamOrderCases(t *testing.T) {
	sent := func(b *history.Builder) *history.Builder {
		return b.Append(1, "s", 1, 0, 1).Append(1, "s", 2, 2, 3).Append(1, "s", 3, 4, 5)
	}
	judgeCases(t, []orderCase{
		{"nothing", StreamOrder{}, func(*history.Builder) {}, Inconclusive, "proves nothing"},
		{"one order", StreamOrder{}, func(b *history.Builder) {
			sent(b).LocalList(2, "s", values(1, 2), 10, 11).LocalList(2, "s", values(3), 12, 13).Dequeue(3, "s", 2, 10, 11).Dequeue(3, "s", 3, 12, 13)
		}, Pass, "2 watchers of 1 stream agree"},
		{"two orders", StreamOrder{}, func(b *history.Builder) {
			sent(b).LocalList(2, "s", values(1, 2), 10, 11).LocalList(3, "s", values(2, 1), 12, 13)
		}, Violation, "different orders in s (1 stream): One stream has one order: 1 can't be both before and after 2."},
		{"three that contradict each other, and no two do", StreamOrder{}, func(b *history.Builder) {
			sent(b).LocalList(2, "s", values(1, 2), 10, 11).LocalList(3, "s", values(2, 3), 12, 13).LocalList(4, "s", values(3, 1), 12, 13)
		}, Violation, "goes round in a circle"},
		{"a gap by another watcher's word", StreamOrder{}, func(b *history.Builder) {
			sent(b).LocalList(2, "s", values(1, 2, 3), 10, 11).LocalList(3, "s", values(1, 3), 12, 13)
		}, Violation, "p3 was never told 2, which is between 1 and 3"},
		{"a gap that two watchers show together", StreamOrder{}, func(b *history.Builder) {
			sent(b).LocalList(2, "s", values(1, 2), 10, 11).LocalList(4, "s", values(2, 3), 10, 11).LocalList(3, "s", values(1, 3), 12, 13)
		}, Violation, "p4 was told 2 before 3."},
		{"nobody says that it is between", StreamOrder{}, func(b *history.Builder) { sent(b).LocalList(3, "s", values(1, 3), 12, 13) }, Pass, ""},
		{"the producer says it", StreamOrder{ProducerOrder: true}, func(b *history.Builder) { sent(b).LocalList(3, "s", values(1, 3), 12, 13) }, Violation, "p1 published 1 before 2."},
		{"the numbers say it", StreamOrder{Revisions: true}, func(b *history.Builder) { sent(b).LocalList(3, "s", values(1, 3), 12, 13) }, Violation, "p3 was told revisions 1 and 3, and never 2 between them"},
		{"what was not acknowledged may be missing", StreamOrder{Revisions: true}, func(b *history.Builder) {
			b.Append(1, "s", 1, 0, 1).Op(4, history.Append, "s", 2, history.None, history.None, history.Info, 2, 0).Append(1, "s", 3, 4, 5).LocalList(3, "s", values(1, 3), 12, 13)
		}, Pass, ""},
		{"the revision is what the publisher was told", StreamOrder{Revisions: true}, func(b *history.Builder) {
			b.Op(1, history.Write, "s", 50, history.None, 2, history.OK, 0, 1).LocalList(3, "s", values(1, 3), 12, 13)
		}, Violation, "never 2 between them"},
		{"shared among consumers", StreamOrder{Shared: true}, func(b *history.Builder) {
			sent(b).Dequeue(2, "s", 1, 10, 11).Dequeue(2, "s", 3, 12, 13).Dequeue(3, "s", 2, 10, 11)
		}, Pass, ""},
		{"told again", StreamOrder{}, func(b *history.Builder) {
			sent(b).Dequeue(2, "s", 1, 10, 11).Dequeue(2, "s", 2, 12, 13).Dequeue(2, "s", 1, 14, 15)
		}, Violation, "a step back in s"},
		{"who was not told what it took was told nothing", StreamOrder{}, func(b *history.Builder) {
			sent(b).Dequeue(2, "s", history.None, 10, 11).Dequeue(2, "s", 1, 12, 13).Dequeue(2, "s", history.Nil, 14, 15).
				Dequeue(2, "s", history.None, 16, 17).Dequeue(2, "s", 2, 18, 19)
		}, Pass, "2 elements told"},
		{"told again, as was promised", StreamOrder{Redelivered: true}, func(b *history.Builder) {
			sent(b).Dequeue(2, "s", 1, 10, 11).Dequeue(2, "s", 2, 12, 13).Dequeue(2, "s", 1, 14, 15)
		}, Pass, ""},
		{"a lower revision", StreamOrder{Revisions: true}, func(b *history.Builder) {
			sent(b).Dequeue(2, "s", 2, 10, 11).Dequeue(2, "s", 1, 12, 13)
		}, Violation, "was told the lower one 1 after that"},
		{"beginning late and ending early", StreamOrder{}, func(b *history.Builder) {
			sent(b).Append(1, "s", 4, 6, 7).LocalList(2, "s", values(1, 2, 3, 4), 10, 11).LocalList(3, "s", values(2, 3), 12, 13)
		}, Pass, ""},
	})
}

// Time, memory and a malformed record: each checker says so, and quickly.
func TestOrderCheckersKeepTheirBudget(t *testing.T) {
	registers := load{operations: 200_000, keys: 50, clients: 20, swaps: 0.2}.history(rand.New(rand.NewPCG(1, 1)))
	queue := logLoad{operations: 200_000, keys: 4, clients: 20, again: 0.1}.history(rand.New(rand.NewPCG(1, 1)))
	locks := lockLoad(rand.New(rand.NewPCG(1, 1)), 200_000, 5, 20, 0)
	for _, c := range []struct {
		name  string
		check Checker
		h     *history.History
	}{
		{"sessions", Sessions{}, registers}, {"per-key-order", PerKeyOrder{}, queue}, {"exactly-once", ExactlyOnce{}, queue},
		{"stream-order", StreamOrder{Shared: true}, queue}, {"mutual-exclusion", MutualExclusion{}, locks},
	} {
		t.Run(c.name, func(t *testing.T) {
			evidence := Evidence{History: c.h}
			r := c.check.Check(context.Background(), evidence, Budget{Time: time.Nanosecond})
			require.Equal(t, Inconclusive, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, "out of time")
			r = c.check.Check(context.Background(), evidence, Budget{Bytes: 1 << 20})
			require.Equal(t, Inconclusive, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, "memory")
			called, cancel := context.WithCancel(context.Background())
			cancel()
			r = c.check.Check(called, evidence, Budget{})
			require.Equal(t, Inconclusive, r.Verdict, r.Summary)
			require.Contains(t, r.Summary, "called off")
			r = c.check.Check(context.Background(), Evidence{}, Budget{})
			require.Equal(t, Error, r.Verdict)
			require.Equal(t, c.name, r.Checker)
			backwards := &history.History{Keys: []string{"x"}, Ops: []history.Op{bare(history.Read, 0, 0, 10, 5)}}
			require.Equal(t, Error, c.check.Check(context.Background(), Evidence{History: backwards}, Budget{}).Verdict)
		})
	}
}

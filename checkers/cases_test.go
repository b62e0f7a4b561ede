package checkers

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// tricky are histories of one key, x, that holds nil at first. Bars are drawn in
// time, an arrow goes on for ever.
var tricky = []struct {
	name   string
	make   func(b *history.Builder)
	legal  bool
	method string // the way that decides
	story  string // part of the story of a violation
}{
	{
		// w(1) |--|
		// r(1)      |--|
		name: "a read of what was written", legal: true, method: "zones",
		make: func(b *history.Builder) { b.Write(1, "x", 1, 0, 10).Read(2, "x", 1, 20, 30) },
	},
	{
		// w(1) |--|
		// w(2)      |--|
		// r(1)           |--|
		name: "a stale read", legal: false, method: "zones", story: "1 was overwritten by 2 before p3's read of 1 began",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Write(2, "x", 2, 20, 30).Read(3, "x", 1, 40, 50)
		},
	},
	{
		// w(2) |--|
		// r(1)    |--|      the instant 10 is in both
		// w(1) |--|
		name: "equal instants are concurrent", legal: true, method: "zones",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Write(2, "x", 2, 0, 10).Read(3, "x", 1, 10, 20)
		},
	},
	{
		// w(1) |--------|
		// r(1)   |--|
		// r(nil)       |--|
		name: "back to the start", legal: false, method: "zones", story: "x held nil at the start",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 100).Read(2, "x", 1, 10, 20).Read(3, "x", history.Nil, 30, 40)
		},
	},
	{
		// w(1) |--|
		// w(2)      |-------------->   unknown, seen late, and then not any more
		// r(1)          |--|
		// r(2)               |--|
		// r(1)                    |--|
		name: "an unknown write takes effect between reads, and the old value comes back", legal: false, method: "zones",
		story: "1 was overwritten by 2 before p5's read of 1 began",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Op(2, history.Write, "x", 2, history.None, history.None, history.Info, 20, 0).
				Read(3, "x", 1, 30, 40).Read(4, "x", 2, 50, 60).Read(5, "x", 1, 70, 80)
		},
	},
	{
		// the same without the last read: w(2) took effect long after its call
		name: "an unknown write takes effect late", legal: true, method: "zones",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Op(2, history.Write, "x", 2, history.None, history.None, history.Info, 20, 0).
				Read(3, "x", 1, 30, 40).Read(4, "x", 2, 50, 60)
		},
	},
	{
		// r(2) |--|
		// w(2)      |-------------->   unknown
		name: "a read of an unknown write that was not called yet", legal: false, method: "zones",
		story: "2 was seen by p1 before anybody had begun to store it",
		make: func(b *history.Builder) {
			b.Read(1, "x", 2, 0, 10).Op(2, history.Write, "x", 2, history.None, history.None, history.Info, 20, 0)
		},
	},
	{
		// w(1)      ok  |--|
		// w(2)      ?        |-------------->
		// cas(1→3)  refused        |--|        it does not say what it saw: it may have been 2
		name: "a refusal that owes itself to an unknown write", legal: true, method: "frontier",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Op(2, history.Write, "x", 2, history.None, history.None, history.Info, 20, 0).
				Refuse(3, "x", 1, 3, history.None, 30, 40)
		},
	},
	{
		// w(1)      ok  |--|
		// cas(1→3)  refused   |--|        nothing else was there
		name: "a refusal for no reason", legal: false, method: "frontier", story: "no order",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Refuse(3, "x", 1, 3, history.None, 30, 40)
		},
	},
	{
		// the same, and it says: it was 1
		name: "a refusal that contradicts itself", legal: false, method: "zones", story: "The one answer says that the value was not 1, and that it was.",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Refuse(3, "x", 1, 3, 1, 30, 40)
		},
	},
	{
		// w(1) |--|
		// cas(1→2)   |----------|
		// cas(1→3)   |----------|
		name: "two swaps from one value", legal: false, method: "zones", story: "Both took 1 away, but it was there once only",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Swap(2, "x", 1, 2, 20, 40).Swap(3, "x", 1, 3, 20, 40)
		},
	},
	{
		// cas(nil→1) |---|
		// cas(nil→2) |---|
		name: "two swaps from the start", legal: false, method: "zones", story: "Both took nil away",
		make: func(b *history.Builder) { b.Swap(1, "x", history.Nil, 1, 0, 10).Swap(2, "x", history.Nil, 2, 0, 10) },
	},
	{
		// cas(7→1) |---|
		name: "a swap from a value that nobody stored", legal: false, method: "zones", story: "Nobody ever tried to store 7",
		make: func(b *history.Builder) { b.Swap(1, "x", 7, 1, 0, 10) },
	},
	{
		// w(5) failed |--|
		// r(5)             |--|
		name: "a read of a write that failed", legal: false, method: "zones", story: "Nobody stored 5: p1's write of 5 was told at 0.000000010 s that it did not happen.",
		make: func(b *history.Builder) {
			b.Op(1, history.Write, "x", 5, history.None, history.None, history.Fail, 0, 10).Read(2, "x", 5, 20, 30)
		},
	},
	{
		// w(1)     ?  |-------------->
		// cas(1→2) ?  |-------------->
		// cas(2→3) ?       |---------->
		// r(3)                 |--|       so all three happened, in this order
		name: "one read makes three unknown operations certain", legal: true, method: "zones",
		make: func(b *history.Builder) {
			unknownChain(b)
			b.Read(4, "x", 3, 40, 50)
		},
	},
	{
		// the same, and afterwards r(1)
		name: "and what they overwrote is gone", legal: false, method: "zones", story: "each value was swapped for the next",
		make: func(b *history.Builder) {
			unknownChain(b)
			b.Read(4, "x", 3, 40, 50).Read(5, "x", 1, 60, 70)
		},
	},
	{
		// the same, and an acknowledged write all within the chain:
		// r(1)                |--|
		// w(9)                     |--|
		// r(3)                          |--|
		name: "nothing fits into a chain", legal: false, method: "zones", story: "can't be both before and after",
		make: func(b *history.Builder) {
			unknownChain(b)
			b.Read(4, "x", 1, 40, 50).Write(5, "x", 9, 60, 70).Read(6, "x", 3, 80, 90)
		},
	},
	{
		// w(1)     |------------|
		// cas(1→2)   |--|
		// cas(2→3)        |--|
		// r(2)       |---------------|    concurrent with all
		name: "a chain inside its first write", legal: true, method: "zones",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 50).Swap(2, "x", 1, 2, 10, 20).Swap(3, "x", 2, 3, 25, 35).Read(4, "x", 2, 10, 90)
		},
	},
	{
		// cas(1→2) |---|
		// cas(2→1) |---|
		name: "a circle", legal: false, method: "zones", story: "none of them can be the first",
		make: func(b *history.Builder) { b.Swap(1, "x", 1, 2, 0, 10).Swap(2, "x", 2, 1, 0, 10) },
	},
	{
		// w(1)      |--|
		// cas(1→1)       |--|    it is a read
		// w(2)                |--|
		// cas(1→1)                  |--|
		name: "a swap of a value for itself is a read of it", legal: false, method: "zones", story: "1 was overwritten by 2",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Swap(2, "x", 1, 1, 20, 30).Write(3, "x", 2, 40, 50).Op(4, history.CAS, "x", 1, 1, history.None, history.OK, 60, 70)
		},
	},
	{
		// w(1) |--|
		// w(2)      |--|
		// w(1)           |--|
		// r(1)                |--|   written twice: not for zones
		name: "a value written twice may be read again", legal: true, method: "frontier",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Write(2, "x", 2, 20, 30).Write(3, "x", 1, 40, 50).Read(4, "x", 1, 60, 70)
		},
	},
	{
		// the same, and then a stale 2
		name: "a value written twice and a stale read", legal: false, method: "frontier", story: "no order",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Write(2, "x", 2, 20, 30).Write(3, "x", 1, 40, 50).Read(4, "x", 2, 60, 70)
		},
	},
	{
		// r(1) |--|
		// w(1)      |--|
		// w(1)           |--|
		name: "a read before either of two writes of its value", legal: false, method: "zones", story: "1 was seen by p1 before anybody had begun to store it",
		make: func(b *history.Builder) {
			b.Read(1, "x", 1, 0, 10).Write(2, "x", 1, 20, 30).Write(3, "x", 1, 40, 50)
		},
	},
	{
		// delete |--|   when nothing was there: a second source of nil
		// r(nil)      |--|
		name: "a delete of what was not there", legal: true, method: "frontier",
		make: func(b *history.Builder) {
			b.Write(1, "x", history.Nil, 0, 10).Read(2, "x", history.Nil, 20, 30)
		},
	},
	{
		// r(?) |--|    says nothing
		// r(nil)  |--|
		name: "a read that does not say what it saw is no evidence", legal: true, method: "zones",
		make: func(b *history.Builder) {
			b.Write(1, "x", 1, 0, 10).Read(2, "x", history.None, 20, 30).Read(3, "x", 1, 40, 50)
		},
	},
}

func unknownChain(b *history.Builder) {
	b.Op(1, history.Write, "x", 1, history.None, history.None, history.Info, 0, 0)
	b.Op(2, history.CAS, "x", 2, 1, history.None, history.Info, 0, 0)
	b.Op(3, history.CAS, "x", 3, 2, history.None, history.Info, 20, 0)
}

func TestTrickyHistories(t *testing.T) {
	for _, c := range tricky {
		t.Run(c.name, func(t *testing.T) {
			b := history.NewBuilder(history.Header{Model: "cas-register"})
			c.make(b)
			h := b.History()
			byForce, err := model.BruteForce(history.Nil, h.Ops)
			require.NoError(t, err)
			require.Equal(t, c.legal, byForce, "the table is wrong about this history")

			result := Linearizable{}.Check(context.Background(), Evidence{History: h}, Budget{})
			require.Equal(t, c.method+" (1 key)", result.Method)
			if c.legal {
				require.Equal(t, Pass, result.Verdict, result.Summary)
				return
			}
			require.Equal(t, Violation, result.Verdict, result.Summary)
			require.Contains(t, strings.Join(result.Proof.Story, "\n"), c.story)
			requireProof(t, h, history.Nil, result.Proof, "")
			t.Logf("%s", strings.Join(result.Proof.Story, "\n"))
		})
	}
}

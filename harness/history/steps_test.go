package history

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTransactionsAreRecordedAndReadBack(t *testing.T) {
	r, path := newRecorder(t, Header{Model: "list-append"})
	text := r.Intern("two words")
	asked := []Step{Reads("x", None), Writes("y", text), Appends("z", 4), Asks("z"), Adds("a", -5)}
	call := r.InvokeTxn(1, "", asked)
	elements := []Value{4, text, Nil}
	answered := []Step{Reads("x", Nil), Writes("y", text), Appends("z", 4), Lists("z", elements...), Adds("a", -5)}
	ret := r.CompleteTxn(1, answered)
	asked[0], answered[1], elements[0] = Writes("q", 1), Writes("q", 1), 99 // the recorder has what it was given
	r.InvokeTxn(1, "group", []Step{Reads("x", None), Asks("z")})
	r.CompleteTxn(1, []Step{Reads("x", None), Asks("z")})
	r.InvokeTxn(1, "", nil)
	r.CompleteTxn(1, nil)
	r.InvokeTxn(1, "", []Step{Writes("x", 1)})
	r.Complete(1, Txn, Fail, None, false)
	r.InvokeTxn(1, "", []Step{Asks("x")})
	r.Complete(1, Txn, Info, 5, true)
	require.NoError(t, r.Close())
	require.Less(t, call, ret)
	counts := r.Counts()
	require.Equal(t, int64(5), counts.Invoked(Txn))
	require.Equal(t, int64(3), counts.Completed(Txn, OK))
	require.Equal(t, int64(1), counts.Completed(Txn, Fail))
	require.Zero(t, counts.UnderWay())

	h, err := ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, h.Validate())
	require.Equal(t, []string{
		`txn [read x → nil, write y "two words", append z 4, list z → [4 "two words" nil], add a -5]`,
		"txn [read x, list z]", "txn []", "txn [write x 1] failed", "txn [list x] unknown outcome",
	}, described(h))
	require.Equal(t, [2]int64{call, ret}, [2]int64{h.Ops[0].Call, h.Ops[0].Return})
	require.Equal(t, "group", h.KeyName(h.Ops[1].Key))
}

func TestQueuesCountersAndLocksAreRecordedAndReadBack(t *testing.T) {
	r, path := newRecorder(t, Header{})
	r.Invoke(1, Enqueue, "q", 17, None)
	r.Complete(1, Enqueue, OK, None, false)
	r.Invoke(1, Dequeue, "q", None, None)
	r.Complete(1, Dequeue, OK, Nil, false)
	r.Invoke(1, Drain, "q", None, None)
	r.CompleteList(1, Drain, []Value{17, r.Intern("garbage")})
	r.Invoke(1, Drain, "q", None, None)
	r.Complete(1, Drain, Fail, None, false)
	r.Invoke(1, Add, "c", -5, None)
	r.Complete(1, Add, OK, None, false)
	r.Invoke(1, Generate, "ids", None, None)
	r.Complete(1, Generate, OK, 3, false)
	r.Invoke(1, Acquire, "m", None, None)
	r.Complete(1, Acquire, OK, 4, false)
	r.Invoke(1, Write, "x", 1, 4)
	r.Complete(1, Write, OK, None, false)
	r.Invoke(1, Release, "m", None, None)
	r.Complete(1, Release, Info, None, false)
	require.NoError(t, r.Close())
	require.Equal(t, int64(1), r.Counts().Completed(Drain, OK))
	h, err := ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, h.Validate())
	require.Equal(t, []string{
		"enqueue q = 17", "dequeue q → nil", "drain q → [17 garbage]", "drain q failed", "add c - 5", "generate ids → 3",
		"acquire m → token 4", "write x = 1, token 4", "release m unknown outcome",
	}, described(h))
}

func described(h *History) (told []string) {
	for i := range h.Ops {
		told = append(told, h.Describe(i))
	}
	return told
}

// Whatever is recorded is what the builder makes of the same calls.
func TestRandomTransactionsAreReadBackAsTheyWereRecorded(t *testing.T) {
	for seed := range uint64(40) {
		want := randomHistory(rand.New(rand.NewPCG(seed, 3)), 60, 5, 3)
		r, path := newRecorder(t, Header{})
		for _, s := range want.Strings {
			r.Intern(s) // to the same numbers
		}
		for i := range want.Ops {
			o := &want.Ops[i]
			o.Call, o.Return = 0, 0
			if o.Kind != Txn {
				continue
			}
			r.InvokeTxn(o.Process, want.KeyName(o.Key), stepsOf(want, o, false))
			if o.Outcome == OK {
				r.CompleteTxn(o.Process, stepsOf(want, o, true))
			} else {
				r.Complete(o.Process, Txn, o.Outcome, None, false)
			}
		}
		require.NoError(t, r.Close())
		got, err := ReadFile(path)
		require.NoError(t, err)
		for i := range got.Ops {
			got.Ops[i].Call, got.Ops[i].Return = 0, 0
		}
		var transactions []plain
		for _, p := range plainOps(want) {
			if p.op.Kind == Txn {
				transactions = append(transactions, p)
			}
		}
		require.Equal(t, transactions, plainOps(got), "seed %d", seed)
	}
}

// stepsOf are the steps of a transaction as its client knew them before or after
// it was answered.
func stepsOf(h *History, o *Op, answered bool) (steps []Step) {
	for _, m := range h.Transaction(o) {
		key := h.KeyName(m.Key)
		switch {
		case m.Kind == ReadList && m.Listed && answered:
			steps = append(steps, Lists(key, h.MicroList(&m)...))
		case m.Kind == ReadList:
			steps = append(steps, Asks(key))
		case m.Kind == Read && !answered:
			steps = append(steps, Reads(key, None))
		default:
			steps = append(steps, map[Kind]func(string, Value) Step{Read: Reads, Write: Writes, Append: Appends, Add: Adds}[m.Kind](key, m.Value))
		}
	}
	return steps
}

func TestRecordingATransactionAllocatesNothing(t *testing.T) {
	r, _ := newRecorder(t, Header{})
	text := r.Intern("a string")
	asked := []Step{Reads("x", None), Writes("y", text), Asks("z"), Adds("a", 5)}
	answered := []Step{Reads("x", text), Writes("y", text), Lists("z", ints(100)...), Adds("a", 5)}
	r.InvokeTxn(1, "", asked)
	r.CompleteTxn(1, answered)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		r.InvokeTxn(1, "", asked)
		r.CompleteTxn(1, answered)
	}))
}

func TestMisuseOfTransactionsIsAnErrorAndLeavesTheFileReadable(t *testing.T) {
	none := []Step{}
	for _, c := range []struct {
		name   string
		misuse func(r *Recorder)
		says   string
	}{
		{"begun as anything else", func(r *Recorder) { r.Invoke(1, Txn, "", None, None) }, "use InvokeTxn"},
		{"answered as anything else", func(r *Recorder) { r.Complete(1, Txn, OK, None, false) }, "a txn without its steps: use CompleteTxn"},
		{"a single value", func(r *Recorder) { r.Complete(1, Txn, Fail, 5, false) }, "use CompleteTxn"},
		{"answered as a list", func(r *Recorder) { r.CompleteList(1, Txn, nil) }, "completed a txn with a list"},
		{"a drain without a list", func(r *Recorder) { r.Complete(1, Drain, OK, None, false) }, "a drain without its elements: use CompleteList"},
		{"negative process", func(r *Recorder) { r.InvokeTxn(-1, "", none) }, "not negative"},
		{"no step", func(r *Recorder) { r.InvokeTxn(1, "", []Step{{}}) }, "not unknown"},
		{"write of nothing", func(r *Recorder) { r.InvokeTxn(1, "", []Step{Writes("y", None)}) }, `step 1 of a transaction, write of "y": a micro-operation "write" needs a value`},
		{"append of nothing", func(r *Recorder) { r.InvokeTxn(1, "", []Step{Asks("y"), Appends("y", None)}) }, `step 2 of a transaction, append of "y"`},
		{"add of no integer", func(r *Recorder) { r.InvokeTxn(1, "", []Step{Adds("y", Nil)}) }, "needs an integer"},
		{"read before it was answered", func(r *Recorder) { r.InvokeTxn(1, "", []Step{Reads("y", 1)}) }, "told nothing before"},
		{"list before it was answered", func(r *Recorder) { r.InvokeTxn(1, "", []Step{Lists("y")}) }, "told nothing before"},
		{"string of another recorder", func(r *Recorder) { r.InvokeTxn(1, "", []Step{Writes("y", StringValue(3))}) }, "this recorder's Intern"},
		{"answer of another recorder", func(r *Recorder) { r.CompleteTxn(1, []Step{Reads("y", StringValue(3))}) }, "this recorder's Intern"},
		{"element of another recorder", func(r *Recorder) { r.CompleteTxn(1, []Step{Lists("y", StringValue(3))}) }, "this recorder's Intern"},
		{"no value in a list", func(r *Recorder) { r.CompleteTxn(1, []Step{Lists("y", 1, None)}) }, "an element that is no value"},
		{"answer that writes nothing", func(r *Recorder) { r.CompleteTxn(1, []Step{Writes("y", None)}) }, "needs a value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, path := newRecorder(t, Header{})
			r.InvokeTxn(1, "", []Step{Reads("y", None)})
			c.misuse(r)
			require.ErrorContains(t, r.Err(), path)
			require.ErrorContains(t, r.Close(), c.says)
			require.Equal(t, int64(1), r.Counts().UnderWay(), "what was refused does not count")
			h, err := ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, []string{"txn [read y] unknown outcome"}, described(h))
		})
	}
}

// A step that is not looked at closely must be right.
func TestPlainStepsAreRight(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	h := &History{Keys: []string{"x", "y"}, Strings: []string{"s"}, Elements: make([]Value, 2)}
	values := []Value{None, Nil, 0, 7, Value(MinInt), Value(MinInt) - 1, Value(MaxInt), StringValue(0), StringValue(1)}
	var plain, other int
	for range 100_000 {
		m := Micro{Kind: Kind(draw.IntN(int(kindCount) + 1)), Key: Key(draw.IntN(4) - 1), Value: values[draw.IntN(len(values))]}
		if draw.IntN(4) == 0 {
			m.Offset, m.Count, m.Listed = uint32(draw.IntN(2)), uint32(draw.IntN(3)), draw.IntN(2) == 0
		}
		answered := draw.IntN(2) == 0
		if !h.plain(&m, answered) {
			other++
			continue
		}
		plain++
		require.NoError(t, h.validateMicro(&m, answered), "%+v", m)
	}
	require.Greater(t, plain, 1000)
	require.Greater(t, other, 1000)
}

// misfits of the kinds that are not in [TestEncodeRefusesWhatDecodeWouldRefuse].
func TestEncodeRefusesMisfits(t *testing.T) {
	sound := func() *History {
		return NewBuilder(Header{}).
			Txn(1, OK, 0, 10, Reads("x", 1), Writes("x", 2), Appends("l", 3), Lists("l", 3, 4), Adds("c", -1), Asks("l")).
			Txn(2, Fail, 0, 10, Reads("x", None), Asks("l"), Writes("x", 5)).
			Enqueue(3, "q", 7, 0, 10).Dequeue(4, "q", 7, 0, 10).Drain(5, "q", ints(2), 0, 10).
			Add(6, "c", 7, 0, 10).Generate(7, "i", 7, 0, 10).Acquire(8, "m", 7, 0, 10).Release(9, "m", 0, 10).
			History()
	}
	h := sound()
	require.NoError(t, h.Validate())
	require.Equal(t, []Kind{Txn, Txn, Enqueue, Dequeue, Drain, Add, Generate, Acquire, Release}, kindsOf(h))
	for _, c := range []struct {
		name  string
		spoil func(h *History)
		says  string
	}{
		{"value of a transaction", func(h *History) { h.Ops[0].Value = 1 }, `a transaction has steps ("v")`},
		{"expected value of a transaction", func(h *History) { h.Ops[0].Expect = 1 }, "no expected value"},
		{"result of a transaction", func(h *History) { h.Ops[0].Result = 1 }, "a transaction is told its steps"},
		{"mismatch of a transaction", func(h *History) { h.Ops[0].Mismatch = true }, "only a compare-and-set"},
		{"steps beyond the arena", func(h *History) { h.Ops[1].Count = 4 }, "micro-operations 6 to 10 are not in the arena of 9"},
		{"steps far beyond the arena", func(h *History) { h.Ops[1].Offset, h.Ops[1].Count = 1<<32-1, 2 }, "are not in the arena"},
		{"no such key of a step", func(h *History) { h.Micros[1].Key = 99 }, "micro-operation 1: key 99 is not in the table"},
		{"negative key of a step", func(h *History) { h.Micros[1].Key = -1 }, "key -1 is not in the table"},
		{"no such string of a step", func(h *History) { h.Micros[0].Value = StringValue(0) }, "table of 0 strings"},
		{"a step of no kind", func(h *History) { h.Micros[0].Kind = KindUnknown }, "micro-operations are read, write, append, read-list and add, not unknown"},
		{"a step of another kind", func(h *History) { h.Micros[0].Kind = CAS }, "not cas"},
		{"a step that writes nothing", func(h *History) { h.Micros[1].Value = None }, `micro-operation 1: a micro-operation "write" needs a value`},
		{"a step that appends nothing", func(h *History) { h.Micros[2].Value = None }, `a micro-operation "append" needs a value`},
		{"a step that adds nothing", func(h *History) { h.Micros[4].Value = Nil }, "needs an integer"},
		{"a list's single value", func(h *History) { h.Micros[3].Value = 3 }, "never a single value"},
		{"elements beyond the arena", func(h *History) { h.Micros[3].Count = 5 }, "elements 0 to 5 are not in the arena of 4"},
		{"elements far beyond the arena", func(h *History) { h.Micros[3].Offset, h.Micros[3].Count = 1<<32-1, 2 }, "are not in the arena"},
		{"an element that is none", func(h *History) { h.Elements[1] = None }, "micro-operation 3: element 1 of its list"},
		{"elements of a step that writes", func(h *History) { h.Micros[1].Listed = true }, "only a read of a list that was answered has elements"},
		{"elements of a list that was not answered", func(h *History) { h.Micros[5].Count = 1 }, "only a read of a list that was answered has elements"},
		{"a read that was told, and failed", func(h *History) { h.Micros[6].Value = 1 }, "micro-operation 0: a read is told nothing before"},
		{"a list that was told, and failed", func(h *History) { h.Micros[7].Listed = true }, "micro-operation 1: a read is told nothing before"},
		{"enqueue of nothing", func(h *History) { h.Ops[2].Value = None }, "an enqueue needs an element"},
		{"elements of a dequeue", func(h *History) { h.Ops[3].Count = 1 }, "only reads of lists and drains that were answered"},
		{"mismatch of a dequeue", func(h *History) { h.Ops[3].Mismatch = true }, "only a compare-and-set"},
		{"a single value for a drain", func(h *History) { h.Ops[4].Result = 1 }, "a drain is told a list"},
		{"elements of a drain that failed", func(h *History) { h.Ops[4].Outcome = Fail }, "only reads of lists and drains that were answered"},
		{"drained elements beyond the arena", func(h *History) { h.Ops[4].Count = 3 }, "elements 2 to 5 are not in the arena of 4"},
		{"add of no integer", func(h *History) { h.Ops[5].Value = Nil }, "an add needs an amount"},
		{"identifier that is no string", func(h *History) { h.Ops[6].Result = StringValue(4) }, "table of 0 strings"},
		{"a token of unknown outcome", func(h *History) { h.Ops[7].Outcome, h.Ops[7].Return = Info, Open }, "has no result"},
		{"elements of a release", func(h *History) { h.Ops[8].Count = 1 }, "only reads of lists and drains that were answered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := sound()
			c.spoil(h)
			require.ErrorContains(t, Encode(&bytes.Buffer{}, h), c.says)
		})
	}
}

func kindsOf(h *History) (kinds []Kind) {
	for i := range h.Ops {
		kinds = append(kinds, h.Ops[i].Kind)
	}
	return kinds
}

func TestEveryKindHasANameThatIsParsed(t *testing.T) {
	for _, kind := range Kinds() {
		parsed, ok := ParseKind(kind.String())
		require.True(t, ok, kind)
		require.Equal(t, kind, parsed)
		s := scanner{line: []byte(strconv.Quote(kind.String()) + "\n")}
		require.Equal(t, kind, s.kindName())
	}
}

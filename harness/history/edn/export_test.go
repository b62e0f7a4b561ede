package edn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/history/differential"
)

// sameOps is what a history says that does not hang on the numbers of keys and
// strings, nor on instants: each operation, and the first that it returned before.
func sameOps(h *history.History) []string {
	lines := told(h)
	for i := range h.Ops {
		o, first := &h.Ops[i], len(h.Ops)
		for j := i + 1; j < len(h.Ops); j++ {
			if o.Return < h.Ops[j].Call {
				first = j
				break
			}
		}
		lines[i] += fmt.Sprintf(" before %d, value %v %v %v", first, exact(h, o.Value), exact(h, o.Expect), exact(h, o.Result))
	}
	return lines
}

// exact tells the integer 1 from the string "1".
func exact(h *history.History, v history.Value) string {
	if v.IsString() {
		return strconv.Quote(h.Text(v))
	}
	return h.Text(v)
}

func export(t *testing.T, h *history.History) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, Export(&b, h))
	return b.String()
}

func TestExport(t *testing.T) {
	b := history.NewBuilder(history.Header{Model: "cas-register"})
	b.Write(1, "x", 3, 10, 20).
		Fault(history.FaultEvent{Time: 15, Phase: "injected", Fault: "black-hole n2", Detail: `12 "packets"`}).
		Mark(16, "load", "").
		Swap(1, "x", 3, b.String(":a"), 30, 40).
		Refuse(1, "x", 3, b.String("two words"), 7, 50, 60).
		Read(2, "x", history.Nil, 55, 60).
		Read(2, "x", history.None, 61, 62).
		Op(2, history.Write, "x", history.Nil, history.None, history.None, history.Info, 70, 0).
		Op(1, history.Write, "x", b.String(""), history.None, history.None, history.Fail, 70, 90)
	require.Equal(t, `{:index 0, :time 10, :process 1, :type :invoke, :f :write, :value 3}
{:index 1, :time 15, :process :nemesis, :type :info, :f :injected, :value "black-hole n2: 12 \"packets\""}
{:index 2, :time 16, :process :nemesis, :type :info, :f :load, :value nil}
{:index 3, :time 20, :process 1, :type :ok, :f :write, :value 3}
{:index 4, :time 30, :process 1, :type :invoke, :f :cas, :value [3 :a]}
{:index 5, :time 40, :process 1, :type :ok, :f :cas, :value [3 :a]}
{:index 6, :time 50, :process 1, :type :invoke, :f :cas, :value [3 "two words"]}
{:index 7, :time 55, :process 2, :type :invoke, :f :read, :value nil}
{:index 8, :time 60, :process 1, :type :fail, :f :cas, :value [3 "two words"]}
{:index 9, :time 60, :process 2, :type :ok, :f :read, :value nil}
{:index 10, :time 70, :process 2, :type :invoke, :f :write, :value nil}
{:index 11, :time 70, :process 1, :type :invoke, :f :write, :value ""}
{:index 12, :time 90, :process 1, :type :fail, :f :write, :value ""}
{:index 13, :time 90, :process 2, :type :info, :f :write, :value nil}
`, export(t, b.History()))
}

// At one instant calls come before returns, but a process ends what it does before
// it goes on, also where all of that is at one instant.
func TestExportAtOneInstant(t *testing.T) {
	h := history.NewBuilder(history.Header{Model: "register"}).
		Write(0, "x", 1, 5, 10).Write(1, "x", 2, 5, 10).
		Write(0, "x", 3, 10, 10).Write(2, "x", 4, 10, 11).Write(0, "x", 5, 10, 12).
		History()
	again := load(t, export(t, h), Options{Model: "register"})
	require.Equal(t, told(h), strings.Split(strings.ReplaceAll(strings.Join(told(again), "\n"), "register", "x"), "\n"))
	returned := func(i, j int) bool { return again.Ops[i].Return < again.Ops[j].Call }
	require.True(t, returned(0, 2) && returned(2, 4), "one process, one after the other")
	require.False(t, returned(1, 2) || returned(1, 3) || returned(1, 4) || returned(2, 3), "others overlap")
}

func TestExportOfEachModel(t *testing.T) {
	N := history.None
	for _, c := range []struct {
		model string
		build func(b *history.Builder)
		lines []string
	}{
		{"register", func(b *history.Builder) { b.Write(0, "x", 1, 0, 1).Read(0, "17", 2, 2, 3) },
			[]string{`:f :write, :value ["x" 1]`, `:f :write, :value ["x" 1]`, `:f :read, :value [17 nil]`, `:f :read, :value [17 2]`}},
		{"register", func(b *history.Builder) { b.Read(0, "x", N, 2, 3) }, []string{`:f :read, :value nil`, `:f :read, :value nil`}},
		{"kv", func(b *history.Builder) { b.Write(0, ":x", 1, 0, 1).Append(0, ":x", 5, 2, 3) },
			[]string{`:f :put, :value [:x 1]`, `:f :put, :value [:x 1]`, `:f :append, :value [:x 5]`, `:f :append, :value [:x 5]`}},
		{"fenced-mutex", func(b *history.Builder) { b.Acquire(0, "m", 7, 0, 1).Release(0, "m", 2, 3).Acquire(0, "m", N, 4, 5) },
			[]string{`:f :acquire, :value nil`, `:f :acquire, :value {:fence 7}`, `:f :release, :value nil`, `:f :release, :value nil`, `:f :acquire, :value nil`, `:f :acquire, :value nil`}},
		{"total-queue", func(b *history.Builder) {
			b.Enqueue(0, "q", 1, 0, 1).Dequeue(0, "q", 1, 2, 3).Dequeue(0, "q", history.Nil, 4, 5).Drain(0, "q", []history.Value{2, 3}, 6, 7).Dequeue(0, "q", N, 8, 9)
		}, []string{`:f :enqueue, :value 1`, `:f :enqueue, :value 1`, `:f :dequeue, :value nil`, `:type :ok, :f :dequeue, :value 1`, `:f :dequeue, :value nil`, `:type :fail, :f :dequeue, :value nil`,
			`:f :drain, :value nil`, `:f :drain, :value [2 3]`, `:f :dequeue, :value nil`, `:type :ok, :f :dequeue`}},
		{"set-full", func(b *history.Builder) {
			b.Append(0, "s", 1, 0, 1).List(0, "s", []history.Value{1}, 2, 3).LocalList(0, "s", []history.Value{1}, 4, 5)
		},
			[]string{`:f :add, :value 1`, `:f :add, :value 1`, `:f :read, :value nil`, `:f :read, :value [1]`}},
		{"causal-reverse", func(b *history.Builder) { b.Append(0, "s", 1, 0, 1) }, []string{`:f :write, :value 1`, `:f :write, :value 1`}},
		{"ordered-lists", func(b *history.Builder) {
			b.Append(0, "s", 1, 0, 1).List(0, "s", nil, 2, 3).Op(0, history.ReadList, "t", N, N, N, history.Fail, 4, 5)
		}, []string{`:f :txn, :value [[:append "s" 1]]`, `:f :txn, :value [[:append "s" 1]]`, `:f :txn, :value [[:r "s" nil]]`, `:f :txn, :value [[:r "s" []]]`, `[[:r "t" nil]]`, `:type :fail, :f :txn, :value [[:r "t" nil]]`}},
		{"counter", func(b *history.Builder) { b.Add(0, "c", -4, 0, 1).Read(0, "c", 3, 2, 3) },
			[]string{`:f :add, :value -4`, `:f :add, :value -4`, `:f :read, :value nil`, `:f :read, :value 3`}},
		{"unique-ids", func(b *history.Builder) { b.Generate(0, "i", b.String("id"), 0, 1) }, []string{`:f :generate, :value nil`, `:f :generate, :value "id"`}},
		{"bank", func(b *history.Builder) {
			b.Txn(0, history.OK, 0, 1, history.Adds("0", -5), history.Adds("b", 5)).Txn(0, history.OK, 2, 3, history.Reads("0", 1), history.Reads("b", N), history.Reads("c", history.Nil))
		}, []string{`:f :transfer, :value {:from 0, :to "b", :amount 5}`, `:f :transfer, :value {:from 0, :to "b", :amount 5}`, `:f :read, :value nil`, `:f :read, :value {0 1, "c" nil}`}},
		{"long-fork", func(b *history.Builder) {
			b.Txn(0, history.OK, 0, 1, history.Writes("1", 1)).Txn(0, history.OK, 2, 3, history.Reads("1", 1), history.Reads("2", history.Nil))
		}, []string{`:f :write, :value [[:w 1 1]]`, `:f :write, :value [[:w 1 1]]`, `:f :read, :value [[:r 1 nil] [:r 2 nil]]`, `:f :read, :value [[:r 1 1] [:r 2 nil]]`}},
		{"multi-register", func(b *history.Builder) {
			b.Txn(0, history.OK, 0, 1, history.Writes("x", 1), history.Reads("y", N))
		}, []string{`:f :txn, :value [[:write "x" 1] [:read "y" nil]]`, `:f :txn, :value [[:write "x" 1] [:read "y" nil]]`}},
		{"list-append", func(b *history.Builder) {
			b.Txn(0, history.OK, 0, 1, history.Appends("x", 1), history.Lists("y", 1, 2), history.Asks("z")).Txn(0, history.Info, 2, 0, history.Asks("x"))
		}, []string{`[[:append "x" 1] [:r "y" nil] [:r "z" nil]]`, `[[:append "x" 1] [:r "y" [1 2]]]`, `[[:r "x" nil]]`, `:type :info, :f :txn, :value [[:r "x" nil]]`}},
		{"rw-register", func(b *history.Builder) {
			b.Txn(0, history.OK, 0, 1, history.Writes("x", 1), history.Reads("y", N), history.Reads("z", history.Nil))
		}, []string{`[[:w "x" 1] [:r "y" nil] [:r "z" nil]]`, `[[:w "x" 1] [:r "z" nil]]`}},
	} {
		b := history.NewBuilder(history.Header{Model: c.model})
		c.build(b)
		lines := strings.Split(strings.TrimSpace(export(t, b.History())), "\n")
		require.Len(t, lines, len(c.lines), "%s\n%s", c.model, strings.Join(lines, "\n"))
		for i, line := range lines {
			require.True(t, strings.HasSuffix(line, c.lines[i]+"}"), "%s: %s\nexpected %s", c.model, line, c.lines[i])
		}
	}
}

func TestExportOfWhatHasNoCounterpart(t *testing.T) {
	b := history.NewBuilder(history.Header{Model: "rw-register"})
	b.Txn(3, history.OK, 5, 6, history.Adds("x", 1))
	require.ErrorContains(t, Export(&strings.Builder{}, b.History()), "the transaction of process 3 at 5 ns adds to numbers, and Jepsen knows only transfers")
	b = history.NewBuilder(history.Header{Model: "bank"})
	b.Txn(3, history.Info, 5, 6, history.Writes("x", 1))
	require.ErrorContains(t, Export(&strings.Builder{}, b.History()), "is neither a transfer nor a read of balances")
	b = history.NewBuilder(history.Header{Model: "register"})
	b.Write(-1, "x", 1, 0, 1)
	require.ErrorContains(t, Export(&strings.Builder{}, b.History()), "a process number is not negative")
}

// Strings of all sorts come back as they were, as values and as keys.
func TestTextsComeBack(t *testing.T) {
	draw := rand.New(rand.NewPCG(3, 4))
	pieces := []string{"a", "1", "-", "+", ".", "e", "N", "M", "/", ":", "#", "_", "'", `"`, `\`, "{", "}", "[", "]", "(", ")", " ", ",", ";", "\n", "\t", "\x00", "\xff", "é", "nil", "true", "##NaN", "#{", "u0041"}
	p, q := &parser{}, &parser{}
	for range 100_000 {
		var text []byte
		for range draw.IntN(7) {
			text = append(text, pieces[draw.IntN(len(pieces))]...)
		}
		if draw.IntN(4) == 0 {
			text = appendQuoted(nil, text)
		}
		for _, key := range []bool{true, false} {
			written := p.written(nil, text, key)
			q.forms(written, "", 1, 0)
			require.True(t, q.form(0) && q.pos == q.end, "%q is written as %q: %v", text, written, q.problem)
			require.Equal(t, string(text), string(q.plain(0, key)), "written as %q", written)
		}
	}
}

// roundTrips is how many random histories are exported and imported again.
func roundTrips(t *testing.T) int { return differential.Count(t, 20_000) }

func TestExportedHistoriesComeBack(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	for n := range roundTrips(t) {
		model := &models[n%len(models)]
		h := randomHistory(draw, model)
		require.NoError(t, h.Validate())
		text := export(t, h)
		expected := exported(h, model)
		options := Options{Model: model.name, NilRead: NilValue, Unwrap: !model.keyed && model.object != "" && severalKeys(expected)}
		again, err := Import(strings.NewReader(text), "again", options)
		require.NoError(t, err, text)
		if model.object != "" && !severalKeys(expected) {
			for i := range expected.Ops {
				expected.Keys[expected.Ops[i].Key] = model.object
			}
		}
		require.Equal(t, sameOps(expected), sameOps(again), "history %d of a %s:\n%s", n, model.name, text)
	}
}

func severalKeys(h *history.History) bool {
	for i := range h.Ops {
		if h.Ops[i].Key != h.Ops[0].Key {
			return true
		}
	}
	return false
}

// exported is what is left of a history that was exported, as the package's
// documentation says.
func exported(h *history.History, m *model) *history.History {
	left := *h
	left.Ops, left.Micros, left.Keys = nil, nil, append(slices.Clone(h.Keys), "")
	for _, o := range h.Ops {
		if o.Kind == history.Read && o.Outcome == history.OK && o.Result == history.None && (!m.wild || readsNil(h)) {
			continue
		}
		if o.Kind == history.ReadLocal {
			continue
		}
		if o.Mismatch || o.Kind == history.Dequeue && o.Result == history.Nil {
			o.Outcome, o.Mismatch, o.Result = history.Fail, false, history.None
		}
		if o.Kind == history.Read && o.Outcome == history.OK && o.Result == history.None {
			o.Result = history.Nil // as the option says
		}
		if o.Kind == history.Acquire && m.name == "mutex" {
			o.Result = history.None
		}
		if o.Kind == history.Txn {
			o.Key = history.Key(len(h.Keys))
			steps := exportedSteps(h, m, &o)
			o.Offset, o.Count = uint32(len(left.Micros)), uint32(len(steps))
			if len(steps) == 0 {
				o.Offset = 0
			}
			left.Micros = append(left.Micros, steps...)
		}
		left.Ops = append(left.Ops, o)
	}
	return &left
}

func exportedSteps(h *history.History, m *model, o *history.Op) []history.Micro {
	var steps []history.Micro
	for _, s := range h.Transaction(o) {
		reads := s.Kind == history.Read || s.Kind == history.ReadList
		unknown := reads && s.Value == history.None && !s.Listed
		switch {
		case m.name == "bank" && reads && o.Outcome != history.OK:
			continue
		case o.Outcome == history.OK && unknown && (s.Kind == history.ReadList || !m.wild || readsNil(h)):
			continue
		case o.Outcome == history.OK && unknown:
			s.Value = history.Nil
		}
		steps = append(steps, s)
	}
	return steps
}

func readsNil(h *history.History) bool {
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Kind == history.Read && o.Result == history.Nil {
			return true
		}
		if o.Kind == history.Txn && slices.ContainsFunc(h.Transaction(o), func(m history.Micro) bool { return m.Kind == history.Read && m.Value == history.Nil }) {
			return true
		}
	}
	return false
}

// randomHistory draws a valid history that a model has words for. Ties of times
// are likely, except between two operations of one process.
func randomHistory(draw *rand.Rand, m *model) *history.History {
	b := history.NewBuilder(history.Header{Model: m.name})
	texts := []string{"", "plain", "two words", ":k", `":k"`, "'s", "[1 2]", "#{}", "{:a 1}", "1.5", "17", "-3", "nil", "true", "\x00\xff\n", `\a`, "9223372036854775807", "#_a b"}
	keys := append([]string{"x", "y", "0"}, texts...)[:1+draw.IntN(3+len(texts))]
	d := &drawer{draw: draw, b: b, texts: texts, keys: keys}
	var now [4]int64
	var process [4]int32
	next := int32(4)
	for i := range process {
		process[i] = int32(i)
	}
	for range draw.IntN(12) {
		slot := draw.IntN(len(process))
		call := now[slot] + 1 + draw.Int64N(3)
		ret := call + draw.Int64N(4)
		now[slot] = ret
		outcome := []history.Outcome{history.OK, history.OK, history.OK, history.Fail, history.Info}[draw.IntN(5)]
		d.operation(m, process[slot], outcome, call, ret)
		if outcome == history.Info {
			process[slot], next = next, next+1
		}
	}
	return b.History()
}

type drawer struct {
	draw        *rand.Rand
	b           *history.Builder
	texts, keys []string
}

func (d *drawer) key() string { return d.keys[d.draw.IntN(len(d.keys))] }

func (d *drawer) value() history.Value {
	switch d.draw.IntN(5) {
	case 0:
		return history.Nil
	case 1:
		return d.b.String(d.texts[d.draw.IntN(len(d.texts))])
	case 2:
		return history.Int([]int64{history.MinInt, history.MaxInt, 0, -1}[d.draw.IntN(4)])
	}
	return history.Int(d.draw.Int64N(5))
}

// answer is what an operation was told, which may be nothing.
func (d *drawer) answer(outcome history.Outcome) history.Value {
	if outcome != history.OK || d.draw.IntN(4) == 0 {
		return history.None
	}
	return d.value()
}

func (d *drawer) elements() []history.Value {
	elements := make([]history.Value, d.draw.IntN(4))
	for i := range elements {
		elements[i] = d.value()
	}
	return elements
}

func (d *drawer) operation(m *model, process int32, outcome history.Outcome, call, ret int64) {
	const N = history.None
	b, act := d.b, m.functions[d.draw.IntN(len(m.functions))].act
	switch act {
	case swap:
		if outcome == history.OK && d.draw.IntN(3) == 0 {
			b.Refuse(process, d.key(), d.value(), d.value(), d.answer(outcome), call, ret)
			return
		}
		b.Op(process, history.CAS, d.key(), d.value(), d.value(), N, outcome, call, ret)
	case write, add, enqueue:
		b.Op(process, kinds[act], d.key(), d.value(), N, N, outcome, call, ret)
	case increase:
		b.Op(process, history.Add, d.key(), history.Int(d.draw.Int64N(9)-4), N, N, outcome, call, ret)
	case list, drain:
		if outcome != history.OK {
			b.Op(process, kinds[act], d.key(), N, N, N, outcome, call, ret)
		} else if act == drain {
			b.Drain(process, d.key(), d.elements(), call, ret)
		} else if d.draw.IntN(5) == 0 {
			b.LocalList(process, d.key(), d.elements(), call, ret)
		} else {
			b.List(process, d.key(), d.elements(), call, ret)
		}
	case transact, balances, transfer:
		b.Txn(process, outcome, call, ret, d.steps(m, act, outcome)...)
	case acquire:
		token := N
		if outcome == history.OK && d.draw.IntN(3) > 0 {
			token = history.Int(d.draw.Int64N(9))
		}
		b.Op(process, history.Acquire, d.key(), N, N, token, outcome, call, ret)
	case release:
		b.Op(process, history.Release, d.key(), N, N, N, outcome, call, ret)
	default:
		b.Op(process, kinds[act], d.key(), N, N, d.answer(outcome), outcome, call, ret)
	}
}

func (d *drawer) steps(m *model, act action, outcome history.Outcome) []history.Step {
	if act == transfer {
		amount := history.Int(d.draw.Int64N(9) - 4)
		return []history.Step{history.Adds(d.key(), -amount), history.Adds(d.key(), amount)}
	}
	var steps []history.Step
	for range d.draw.IntN(4) {
		switch reads := act == balances || d.draw.IntN(2) == 0; {
		case m.lists && reads && outcome == history.OK && d.draw.IntN(4) > 0:
			steps = append(steps, history.Lists(d.key(), d.elements()...))
		case m.lists && reads:
			steps = append(steps, history.Asks(d.key()))
		case m.lists:
			steps = append(steps, history.Appends(d.key(), d.value()))
		case reads:
			steps = append(steps, history.Reads(d.key(), d.answer(outcome)))
		default:
			steps = append(steps, history.Writes(d.key(), d.value()))
		}
	}
	return steps
}

package workloads_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// ledger runs transactions one at a time, in memory.
type ledger struct {
	lists     map[string][]history.Value
	registers map[string]history.Value
}

func newLedger() ledger {
	return ledger{lists: map[string][]history.Value{}, registers: map[string]history.Value{}}
}

func (l ledger) OpenTransactor(context.Context, link.Session) (workloads.Transactor, error) {
	return l, nil
}

func (ledger) TransactionSteps() []history.Kind {
	return []history.Kind{history.Read, history.Write, history.Append, history.ReadList, history.Add}
}

func (l ledger) Transact(_ context.Context, steps []history.Step) ([]history.Step, error) {
	told := make([]history.Step, len(steps))
	for i, s := range steps {
		told[i] = s
		held, there := l.registers[s.Key()]
		switch s.Kind() {
		case history.Read:
			told[i] = history.Reads(s.Key(), history.Nil)
			if there {
				told[i] = history.Reads(s.Key(), held)
			}
		case history.ReadList:
			told[i] = history.Lists(s.Key(), l.lists[s.Key()]...)
		case history.Write:
			l.registers[s.Key()] = s.Value()
		case history.Append:
			l.lists[s.Key()] = append(l.lists[s.Key()], s.Value())
		case history.Add:
			l.registers[s.Key()] = held + s.Value()
		}
	}
	return told, nil
}

func (ledger) Close() error { return nil }

// drawn are the steps of some transactions of a workload, run one after the other.
func drawn(t *testing.T, w workloads.Workload, count int) (all [][]history.Step, load workloads.Load, client workloads.Client) {
	t.Helper()
	system := newLedger()
	require.NoError(t, w.Validate(system))
	load = w.Begin(system)
	client, err := load.Open(t.Context(), link.Session{})
	require.NoError(t, err)
	draw := rand.New(rand.NewPCG(1, 2))
	for range count {
		op := client.Next(draw)
		require.Equal(t, history.Txn, op.Kind)
		answer, err := client.Do(t.Context(), op)
		require.NoError(t, err)
		require.Len(t, answer.Steps, len(op.Steps))
		all = append(all, op.Steps)
	}
	return all, load, client
}

// Lengths, keys, shares and retirement are as the parameters say, no value is
// written twice, and every key is read at the end.
func TestTransactionsAreDrawnAsAskedFor(t *testing.T) {
	for model, writes := range map[string]history.Kind{workloads.ModelListAppend: history.Append, workloads.ModelRWRegister: history.Write} {
		w := workloads.Transactions{Model: model, Keys: 4, MinLength: 2, MaxLength: 5, WritesPerKey: 10, ReadShare: 30}
		all, load, client := drawn(t, w, 2000)
		lengths, perKey, seen := map[int]int{}, map[string]int{}, map[history.Value]bool{}
		reads, steps := 0, 0
		for _, txn := range all {
			lengths[len(txn)]++
			for _, s := range txn {
				steps++
				if s.Kind() != writes {
					reads++
					require.Equal(t, history.None, s.Value())
					continue
				}
				require.False(t, seen[s.Value()], "%v twice", s.Value())
				seen[s.Value()] = true
				perKey[s.Key()]++
			}
		}
		require.Len(t, lengths, 4)
		require.Greater(t, lengths[2], 400)
		require.Greater(t, lengths[5], 400)
		require.InDelta(t, 0.3, float64(reads)/float64(steps), 0.03)
		for key, count := range perKey {
			require.LessOrEqual(t, count, 10, key)
		}
		final := map[string]bool{}
		for _, read := range load.FinalReads() {
			answer, err := client.Do(t.Context(), read.Operation)
			require.NoError(t, err)
			for _, s := range answer.Steps {
				final[s.Key()] = true
			}
		}
		for key := range perKey {
			require.True(t, final[key], "%s is not read at the end", key)
		}
	}
}

func TestTheFirstKeysAreDrawnMostOften(t *testing.T) {
	count := func(distribution string) map[string]int {
		counts := map[string]int{}
		all, _, _ := drawn(t, workloads.Transactions{Keys: 5, Distribution: distribution, WritesPerKey: 1_000_000}, 4000)
		for _, txn := range all {
			for _, s := range txn {
				counts[s.Key()]++
			}
		}
		return counts
	}
	steep, flat := count(workloads.Exponential), count(workloads.Uniform)
	require.Len(t, steep, 5)
	require.InDelta(t, 2, float64(steep["k0"])/float64(steep["k1"]), 0.3)
	require.InDelta(t, 2, float64(steep["k1"])/float64(steep["k2"]), 0.3)
	require.InDelta(t, 1, float64(flat["k0"])/float64(flat["k4"]), 0.2)
}

// A transaction of write skew reads both keys of a pair and writes one of them.
func TestWriteSkewReadsAPairAndWritesHalfOfIt(t *testing.T) {
	all, load, _ := drawn(t, workloads.WriteSkew{Pairs: 2, WritesPerPair: 5}, 100)
	halves := map[string]int{}
	for _, txn := range all {
		require.Len(t, txn, 3)
		a, b, written := txn[0].Key(), txn[1].Key(), txn[2].Key()
		require.Equal(t, a[:len(a)-1], b[:len(b)-1])
		require.NotEqual(t, a, b)
		require.Contains(t, []string{a, b}, written)
		require.Equal(t, history.Append, txn[2].Kind())
		halves[written[len(written)-1:]]++
	}
	require.Greater(t, halves["a"], 30)
	require.Greater(t, halves["b"], 30)
	keys := 0
	for _, read := range load.FinalReads() {
		keys += len(read.Operation.Steps)
	}
	require.GreaterOrEqual(t, keys, 2*100/5)
}

// Money is moved, not made: a read of all accounts sums to zero, an account that
// nobody has touched holds nothing.
func TestTheBankKeepsItsTotal(t *testing.T) {
	_, load, client := drawn(t, workloads.Bank{Accounts: 5}, 300)
	reads := load.FinalReads()
	require.Len(t, reads, 1)
	for _, c := range []workloads.Client{client, fresh(t)} {
		answer, err := c.Do(t.Context(), reads[0].Operation)
		require.NoError(t, err)
		require.Len(t, answer.Steps, 5)
		total := history.Value(0)
		for _, s := range answer.Steps {
			total += s.Value()
		}
		require.Zero(t, total)
	}
	var header history.Header
	workloads.Bank{}.Describe(&header)
	require.Equal(t, "bank", header.Model)
}

func fresh(t *testing.T) workloads.Client {
	_, _, client := drawn(t, workloads.Bank{Accounts: 5}, 0)
	return client
}

func TestWorkloadsOfTransactionsSayWhatIsWrong(t *testing.T) {
	system := newLedger()
	for says, w := range map[string]workloads.Workload{
		`the model "sets" is none`:        workloads.Transactions{Model: "sets"},
		`the distribution "zipf" is none`: workloads.Transactions{Distribution: "zipf"},
		"a length between 3 and 2":        workloads.Transactions{MinLength: 3, MaxLength: 2},
		"at most 99 percent":              workloads.Transactions{ReadShare: 100},
		"Keys is -1":                      workloads.Transactions{Keys: -1},
		"Pairs is -1":                     workloads.WriteSkew{Pairs: -1},
		`model "bank" is none`:            workloads.WriteSkew{Model: "bank"},
		"at least 2 accounts":             workloads.Bank{Accounts: 1},
		"ReadShare is -1: want 1 to 99":   workloads.Bank{ReadShare: -1},
	} {
		require.ErrorContains(t, w.Validate(system), says)
	}
	require.ErrorContains(t, workloads.Bank{}.Validate(shelf{}), "offers appends")
	require.ErrorContains(t, workloads.Registers{}.Validate(system), "offers transactions")
	require.ErrorContains(t, workloads.Bank{}.Validate(onlyLists{system}), "needs transactions with the step read")
}

type onlyLists struct{ ledger }

func (onlyLists) TransactionSteps() []history.Kind {
	return []history.Kind{history.Append, history.ReadList}
}

// conversation fails where it is told to.
type conversation struct {
	late error // of the context of its commit
	ledger
	fails, did string
	err        error
}

func (c *conversation) at(what string) error {
	c.did += what + " "
	if what == c.fails {
		return c.err
	}
	return nil
}

func (c *conversation) Begin(context.Context) error { return c.at("begin") }
func (c *conversation) Commit(ctx context.Context) error {
	c.late = ctx.Err()
	return c.at("commit")
}
func (c *conversation) Rollback(context.Context) error { return c.at("rollback") }
func (c *conversation) Step(_ context.Context, s history.Step) (history.Step, error) {
	return history.Reads(s.Key(), 7), c.at(s.Key())
}

// Whatever fails before the commit was asked for is certain; what the commit says
// is what the adapter says of it.
func TestBeforeTheCommitEveryFailureIsCertain(t *testing.T) {
	steps := []history.Step{history.Reads("x", history.None), history.Reads("y", history.None)}
	broke := errors.New("connection reset")
	for _, c := range []struct {
		fails   string
		err     error
		certain bool
		did     string
	}{
		{"begin", broke, true, "begin "},
		{"x", broke, true, "begin x rollback "},
		{"y", broke, true, "begin x y rollback "},
		{"commit", broke, false, "begin x y commit "},
		{"commit", workloads.NotDone(broke), true, "begin x y commit "},
	} {
		on := &conversation{fails: c.fails, err: c.err}
		_, err := workloads.StepByStep(t.Context(), on, steps)
		require.ErrorIs(t, err, broke)
		require.Equal(t, c.certain, workloads.IsNotDone(err), c.fails)
		require.Equal(t, c.did, on.did)
	}
	on := &conversation{fails: "y", err: fmt.Errorf("y: %w", workloads.Garbage{Text: "seven"})}
	told, err := workloads.StepByStep(t.Context(), on, steps)
	require.Equal(t, workloads.Garbage{Text: "seven", Step: 1}, err, "it was committed, with an answer that is no value")
	require.Len(t, told, 2)
}

// A transaction is held open after its reads and before it writes, or before its
// commit; then it has the time of a whole operation again.
func TestTransactionsAreHeldOpen(t *testing.T) {
	ask := workloads.TransactionOf(history.Appends("w", 1), history.Asks("r"))
	for name, c := range map[string]struct {
		op      workloads.Operation
		written bool
		want    string
	}{
		"before its first write": {ask, false, "begin r HELD w commit "},
		"having written":         {ask, true, "begin w r HELD commit "},
		"only reads":             {workloads.TransactionOf(history.Asks("r")), false, "begin r HELD commit "},
		"only writes":            {workloads.TransactionOf(history.Appends("w", 1)), false, "begin HELD w commit "},
	} {
		t.Run(name, func(t *testing.T) {
			on := &conversation{}
			client, err := workloads.Transactions{}.Begin(opens{on}).Open(t.Context(), link.Session{Timeout: time.Minute})
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			hold := &workloads.Hold{Written: c.written, Wait: func(context.Context) {
				on.did += "HELD "
				cancel() // the operation's own time is over
			}}
			_, err = client.Do(ctx, workloads.HoldOpen(c.op, hold))
			require.NoError(t, err)
			require.Equal(t, c.want, on.did)
			require.NoError(t, on.late, "what comes after has time")
		})
	}
	require.Equal(t, "w", ask.Steps[0].Key(), "the operation that was given is as it was")
	read := workloads.Operation{Kind: history.Read}
	require.Nil(t, workloads.HoldOpen(read, &workloads.Hold{}).Hold, "no transaction")
}

type opens struct{ *conversation }

func (o opens) OpenTransactor(context.Context, link.Session) (workloads.Transactor, error) {
	return o.conversation, nil
}

// A transaction that stalls reads, waits until others were committed, and then writes.
func TestSomeTransactionsAreHeldOpen(t *testing.T) {
	w := workloads.Transactions{MinLength: 4, MaxLength: 4, StallFor: 3, StallShare: 25}
	log := &diary{}
	load := w.Begin(diaries{log: log})
	client, err := load.Open(t.Context(), link.Session{Node: "held"})
	require.NoError(t, err)
	draw := rand.New(rand.NewPCG(1, 2))
	var held workloads.Operation
	stalled := 0
	for range 400 {
		op := client.Next(draw)
		if op.Hold == nil {
			continue
		}
		stalled++
		held = op
		require.Equal(t, history.ReadList, op.Steps[0].Kind())
		require.Equal(t, history.Append, op.Steps[3].Kind())
		write := func(s history.Step) bool { return s.Kind() == history.Append }
		require.False(t, slices.ContainsFunc(op.Steps[slices.IndexFunc(op.Steps, write):], func(s history.Step) bool { return !write(s) }), "%v reads after a write", op.Steps)
	}
	require.InDelta(t, 88, stalled, 30, "a quarter, but for those that only read or only write")

	ended := make(chan error, 1)
	go func() {
		_, err := client.Do(t.Context(), held)
		ended <- err
	}()
	other, err := load.Open(t.Context(), link.Session{Node: "other"})
	require.NoError(t, err)
	for len(ended) == 0 {
		_, err := other.Do(t.Context(), workloads.TransactionOf(history.Appends("z", 1)))
		require.NoError(t, err)
	}
	require.NoError(t, <-ended)
	did := log.text()
	read, wrote := strings.LastIndex(did, "held read"), strings.Index(did, "held write")
	require.GreaterOrEqual(t, strings.Count(did[read:wrote], "other commit"), 3, did)

	// Where nobody else commits it goes on after half of its time.
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = client.Do(short, held)
	require.NoError(t, err)
	require.ErrorContains(t, workloads.Transactions{StallFor: 9}.Validate(newLedger()), "want both")
}

// diaries is a system whose clients write down what they do, under the name of
// their node.
type diaries struct {
	ledger
	log *diary
}

func (d diaries) OpenTransactor(_ context.Context, s link.Session) (workloads.Transactor, error) {
	return &diarist{log: d.log, name: s.Node}, nil
}

type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(who, what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, who+" "+what)
}

func (d *diary) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}

type diarist struct {
	ledger
	log  *diary
	name string
}

func (d *diarist) Begin(context.Context) error    { return nil }
func (d *diarist) Rollback(context.Context) error { return nil }
func (d *diarist) Commit(context.Context) error {
	d.log.add(d.name, "commit")
	return nil
}

func (d *diarist) Step(_ context.Context, s history.Step) (history.Step, error) {
	if s.Kind() == history.Append {
		d.log.add(d.name, "write")
		return s, nil
	}
	d.log.add(d.name, "read")
	return history.Lists(s.Key()), nil
}

func (d *diarist) Transact(ctx context.Context, steps []history.Step) ([]history.Step, error) {
	return workloads.StepByStep(ctx, d, steps)
}

// What a run records of an operation: its outcome, its answer, and garbage in its place.
func TestOperationsAreRecordedAsTheyEnded(t *testing.T) {
	path := t.TempDir() + "/history"
	record, err := history.Create(path, history.Header{Model: "list-append"})
	require.NoError(t, err)
	ask := workloads.TransactionOf(history.Asks("l"), history.Reads("r", history.None), history.Appends("l", 2))
	told := func() workloads.Answer {
		return workloads.Answer{Steps: []history.Step{history.Lists("l", 1), history.Reads("r", history.Nil), history.Appends("l", 2)}}
	}
	for i, end := range []struct {
		err  error
		want history.Outcome
	}{
		{nil, history.OK}, {errors.New("lost"), history.Info}, {workloads.NotDone(errors.New("refused")), history.Fail},
		{workloads.Garbage{Text: "?!", Step: 0}, history.OK}, {workloads.Garbage{Text: "x7", Step: 1}, history.OK},
	} {
		workloads.Invoke(record, int32(i), ask)
		require.Equal(t, end.want, workloads.Complete(record, int32(i), ask, told(), end.err))
	}
	require.NoError(t, record.Close())
	h, err := history.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, h.Validate())
	text := ""
	for i := range h.Ops {
		text += h.Describe(i) + "\n"
	}
	for _, want := range []string{"list l → [1]", "list l → [1 ?!]", "x7"} {
		require.Contains(t, text, want)
	}
}

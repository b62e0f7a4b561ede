package script_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/docker/postgres"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/named"
	"github.com/seatrial/seatrial/harness/script"
	"github.com/seatrial/seatrial/workloads"
)

// patience bounds what these tests wait for.
const patience = time.Minute

// bench is a system that does as it is told, and notes what it was asked.
type bench struct {
	mu    sync.Mutex
	asked []string
	// fails are errors by what is asked, for instance "T1 commit".
	fails map[string]error
	// waits are what an answer waits for.
	waits map[string]chan struct{}
	// refused is how many connections are refused before one is taken.
	refused int
}

type benchClient struct {
	*bench
	name string
}

func (b *benchClient) ask(ctx context.Context, what string) error {
	what = b.name + " " + what
	b.mu.Lock()
	b.asked = append(b.asked, what)
	err, wait := b.fails[what], b.waits[what]
	b.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func stepText(s history.Step) string {
	text := s.Kind().String() + " " + s.Key()
	if s.Value() != history.None {
		text += fmt.Sprint(" ", int64(s.Value()))
	}
	return text
}

func (b *benchClient) Close() error { return b.ask(context.Background(), "close") }
func (b *benchClient) Begin(ctx context.Context) error {
	return b.ask(ctx, "begin")
}
func (b *benchClient) Commit(ctx context.Context) error   { return b.ask(ctx, "commit") }
func (b *benchClient) Rollback(ctx context.Context) error { return b.ask(ctx, "rollback") }
func (b *benchClient) Step(ctx context.Context, s history.Step) (history.Step, error) {
	if s.Kind() == history.ReadList {
		return history.Lists(s.Key(), 1), b.ask(ctx, stepText(s))
	}
	return s, b.ask(ctx, stepText(s))
}
func (b *benchClient) Transact(ctx context.Context, steps []history.Step) ([]history.Step, error) {
	return workloads.StepByStep(ctx, b, steps)
}

// workClient is a benchClient as a workload's client.
type workClient struct {
	workloads.Client
	on *benchClient
}

func (c workClient) Close() error { return c.on.Close() }
func (c workClient) Do(ctx context.Context, op workloads.Operation) (workloads.Answer, error) {
	if op.Kind == history.Txn {
		steps, err := c.on.Transact(ctx, op.Steps)
		return workloads.Answer{Result: history.None, Steps: steps}, err
	}
	answer := workloads.Answer{Result: history.None}
	if op.Kind == history.Read {
		answer.Result = 41
	}
	return answer, c.on.ask(ctx, fmt.Sprint(op.Kind, " ", op.Key, " ", int64(op.Value), " expects ", int64(op.Expect)))
}
func (c workClient) Interactive() (workloads.Interactive, bool) { return c.on, true }

// play carries a script out on a bench, and returns the history as text.
func play(t *testing.T, b *bench, steps ...script.Step) (lines []string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history")
	record, createErr := history.Create(path, history.Header{})
	require.NoError(t, createErr)
	process := int32(-1)
	open := func(_ context.Context, s script.Session, number int) (workloads.Client, int32, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.refused > 0 {
			b.refused--
			return nil, 0, errors.New("refused")
		}
		process++
		return workClient{on: &benchClient{b, s.Name}}, process, nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	on := script.On{Record: record, Open: open, Timeout: time.Second}
	err = script.NewRunner(script.Script{Steps: steps}, on).Run(ctx)
	require.NoError(t, record.Close())
	h, readErr := history.ReadFile(path)
	require.NoError(t, readErr)
	require.NoError(t, h.Validate())
	for i := range h.Ops {
		o := &h.Ops[i]
		text := fmt.Sprintf("%d %v %v", o.Process, o.Kind, o.Outcome)
		for _, m := range h.Transaction(o) {
			text += fmt.Sprintf(" %v %s", m.Kind, h.KeyName(m.Key))
		}
		lines = append(lines, text)
	}
	return lines, err
}

// A transaction is recorded from its begin, with all that is done in it, while
// others work.
func TestATransactionIsHeldOpen(t *testing.T) {
	b := &bench{}
	lines, err := play(t, b,
		script.Begin{Session: "T4", Do: "read-list B"},
		script.Repeat{Times: 2, Do: script.Steps{script.Txn{Session: "T1", Do: "append B, append f#"}}},
		script.Then{Session: "T4", Do: "append A"},
		script.Commit{Session: "T4"},
	)
	require.NoError(t, err)
	require.Equal(t, []string{
		"T4 begin", "T4 read-list B",
		"T1 begin", "T1 append B 1", "T1 append f1 2", "T1 commit",
		"T1 begin", "T1 append B 3", "T1 append f2 4", "T1 commit",
		"T4 append A 5", "T4 commit",
	}, b.asked[:12])
	require.ElementsMatch(t, []string{"T4 close", "T1 close"}, b.asked[12:])
	require.Equal(t, []string{
		"0 txn ok read-list B append A", "1 txn ok append B append f1", "1 txn ok append B append f2",
	}, lines)
}

// A transaction that fails, is given up, or is left open never happened; what was
// to follow in it is passed over. One that ends unknown retires its process.
func TestHowHeldTransactionsEnd(t *testing.T) {
	hold := func(end script.Step) []script.Step {
		return []script.Step{script.Begin{Session: "S", Do: "append a"}, script.Then{Session: "S", Do: "append b, append c"}, end,
			script.Txn{Session: "S", Do: "append d"}}
	}
	commit := script.Commit{Session: "S"}
	for name, c := range map[string]struct {
		fails map[string]error
		end   script.Step
		want  []string
		asked string
	}{
		"refused":     {map[string]error{"S append b 2": errors.New("40001")}, commit, []string{"0 txn fail", "0 txn ok"}, "append a 1, append b 2, rollback, begin, append d 4"},
		"not begun":   {map[string]error{"S begin": errors.New("no")}, commit, []string{"0 txn fail", "0 txn fail"}, "begin, rollback, begin"},
		"rolled back": {nil, script.Rollback{Session: "S"}, []string{"0 txn fail", "0 txn ok"}, "append c 3, rollback, begin"},
		"unknown":     {map[string]error{"S commit": errors.New("lost")}, commit, []string{"0 txn info", "1 txn info"}, "commit, close, begin"},
		"refused at its end": {map[string]error{"S commit": workloads.NotDone(errors.New("40001"))}, commit,
			[]string{"0 txn fail", "0 txn fail"}, "commit, begin"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{fails: c.fails}
			lines, err := play(t, b, hold(c.end)...)
			require.NoError(t, err)
			require.Len(t, lines, 2)
			for i := range lines {
				require.True(t, strings.HasPrefix(lines[i], c.want[i]), lines[i])
			}
			require.Contains(t, strings.ReplaceAll(strings.Join(b.asked, ", "), "S ", ""), c.asked)
		})
	}
}

// A step in the background lets the script go on; it is waited for before the
// session's next step.
func TestAStepWaitsInTheBackground(t *testing.T) {
	locked := make(chan struct{})
	b := &bench{waits: map[string]chan struct{}{"T2 append x 2": locked}}
	release := script.Func{Name: "release", Do: func(context.Context, *script.Runner) error { close(locked); return nil }}
	lines, err := play(t, b,
		script.Begin{Session: "T1", Do: "append x"},
		script.Behind{Do: script.Txn{Session: "T2", Do: "append x"}},
		script.Until{Barrier: script.Blocked{Session: "T2", For: 50 * time.Millisecond}},
		script.Commit{Session: "T1"},
		release,
		script.Await{Session: "T2"},
		script.Txn{Session: "T2", Do: "read-list x"},
	)
	require.NoError(t, err)
	require.Equal(t, []string{"0 txn ok append x", "1 txn ok append x", "1 txn ok read-list x"}, lines)
}

// What can't go on says what it waited for, and is no failure of the harness.
func TestWhatCanNotGoOnIsStuck(t *testing.T) {
	for says, steps := range map[string][]script.Step{
		"step 1, until 3 more operations are acknowledged, at most 100ms: not within 100ms; seen last: 0 more": {script.Until{Barrier: script.Acknowledged{More: 3}, Within: 100 * time.Millisecond}},
		"T2 did not have to wait": {script.Behind{Do: script.Txn{Session: "T2", Do: "append x"}}, script.Wait{For: 300 * time.Millisecond},
			script.Until{Barrier: script.Blocked{Session: "T2", For: patience}}},
	} {
		_, err := play(t, &bench{}, steps...)
		require.ErrorContains(t, err, says)
		require.True(t, script.IsStuck(err))
	}
	_, err := play(t, &bench{}, script.Func{Name: "mine", Do: func(context.Context, *script.Runner) error { return errors.New("no luck") }})
	require.ErrorContains(t, err, "step 1, mine (code): no luck")
	require.False(t, script.IsStuck(err))

	b := &bench{refused: 3}
	lines, err := play(t, b, script.Txn{Session: "T1", Do: "append x"})
	require.NoError(t, err, "it connects when it can")
	require.Len(t, lines, 1)
}

func TestAScriptThatIsNotOverInItsTimeIsStuck(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	record, err := history.Create(filepath.Join(t.TempDir(), "history"), history.Header{})
	require.NoError(t, err)
	defer record.Close()
	s := script.Script{Steps: script.Steps{script.Wait{For: time.Minute}}}
	err = script.NewRunner(s, script.On{Record: record}).Run(ctx)
	require.ErrorContains(t, err, "step 1, wait 1m0s: its time was over")
	require.True(t, script.IsStuck(err))
}

// A compare-and-set expects what its session read last.
func TestSingleOperations(t *testing.T) {
	b := &bench{fails: map[string]error{"S write x 2 expects " + fmt.Sprint(int64(history.None)): errors.New("lost")}}
	lines, err := play(t, b,
		script.Do{Session: "S", Op: "cas x"}, script.Do{Session: "S", Op: "read x"}, script.Do{Session: "S", Op: "write x"}, script.Do{Session: "S", Op: "cas x"})
	require.NoError(t, err)
	require.Equal(t, []string{"0 cas ok", "0 read ok", "0 write info", "1 cas ok"}, lines)
	require.Equal(t, fmt.Sprint("S cas x 1 expects ", int64(history.Nil)), b.asked[0])
	require.Contains(t, b.asked, "S cas x 3 expects 41")
}

func TestScriptsSayWhatIsWrong(t *testing.T) {
	system := postgres.Cluster{}
	w := fault.WorldOf(system)
	for says, steps := range map[string]script.Steps{
		"step 1 is nil":                       {nil},
		`there is no operation "reed"`:        {script.Do{Session: "S", Op: "reed x"}},
		"want what is done and a key":         {script.Do{Session: "S", Op: "read"}},
		"the script draws what is written":    {script.Txn{Session: "S", Do: "write x 5"}},
		"say how much":                        {script.Txn{Session: "S", Do: "add x"}},
		"this is not in a Repeat":             {script.Txn{Session: "S", Do: "write x#"}},
		"a transaction has no step cas":       {script.Txn{Session: "S", Do: "cas x"}},
		"is never committed or rolled back":   {script.Begin{Session: "S", Do: "read x"}},
		"S holds a transaction open: use":     {script.Begin{Session: "S", Do: "read x"}, script.Do{Session: "S", Op: "read x"}},
		"S has no open transaction":           {script.Commit{Session: "S"}},
		"must be one word":                    {script.Do{Session: "", Op: "read x"}},
		"0 times 1 steps is nothing":          {script.Repeat{Do: script.Steps{script.Do{Session: "S", Op: "read x"}}}},
		"more than 100000 steps":              {script.Repeat{Times: 2_000_000, Do: script.Steps{script.Do{Session: "S", Op: "read x"}}}},
		"no fault of the name":                {script.Heal{Name: "cut"}},
		"there is no node \"n7\"":             {script.Inject{Name: "kill", Fault: fault.Kill{Target: fault.Node("n7")}}},
		"has no way to say who leads":         {script.Until{Barrier: script.LeaderIsNot{}}},
		"only a session's step":               {script.Behind{Do: script.Wait{For: time.Second}}},
		"say For how long":                    {script.Wait{}},
		"Contains is empty":                   {script.Until{Barrier: script.LogLine{Node: "n1"}}},
		`there is no node "n2"; there are n1`: {script.Until{Barrier: script.Seen{Node: "n2", Contains: "x"}}},
	} {
		require.ErrorContains(t, script.Script{Steps: steps}.Validate(system, w), says)
	}
	require.ErrorContains(t, script.Script{Steps: script.Steps{script.Txn{Session: "S", Do: "read x"}}}.Validate(canary.Cluster{Nodes: 3}, w), "has no transactions")
	require.ErrorContains(t, script.Script{Sessions: []script.Session{{Name: "S", Node: "n9"}}, Steps: script.Steps{script.Wait{For: 1}}}.Validate(system, w), `sits with "n9"`)
	require.ErrorContains(t, script.Script{Sessions: []script.Session{{Name: "S", Group: "far"}}, Steps: script.Steps{script.Wait{For: 1}}}.Validate(system, w), `client group "far"`)
}

// A script goes to a plan and back.
func TestAScriptIsData(t *testing.T) {
	s := script.Script{Sessions: []script.Session{{Name: "T1", Node: "n1"}}, Steps: script.Steps{
		script.Begin{Session: "T4", Do: "read B"}, script.Then{Session: "T4", Do: "write A"}, script.Commit{Session: "T4"},
		script.Repeat{Times: 3, Do: script.Steps{script.Txn{Session: "f", Do: "write f#"}}},
		script.Behind{Do: script.Do{Session: "T1", Op: "read x"}}, script.Await{Session: "T1", Within: time.Second},
		script.Inject{Name: "cut", Fault: fault.BlackHole{Target: fault.Leader}}, script.Heal{Name: "cut"},
		script.Until{Barrier: script.LogLine{Node: "n1", Contains: "ready"}, Within: time.Minute},
		script.Until{Barrier: script.LeaderIsNot{}}, script.Until{Barrier: script.Serves{}}, script.Wait{For: time.Second},
		script.Begin{Session: "T5"}, script.Then{Session: "T5", Do: "add a -5"}, script.Rollback{Session: "T5"},
	}}
	text, err := named.Marshal(s)
	require.NoError(t, err)
	var back script.Script
	require.NoError(t, named.Unmarshal(text, &back))
	require.Equal(t, s, back)
	require.Equal(t, "1  T4: begin, read B, and hold it open", s.Text()[0])
	require.Equal(t, `9  until n1 logs "ready", at most 1m0s`, s.Text()[8])
}

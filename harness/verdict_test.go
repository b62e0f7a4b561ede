package harness_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/results"
	"github.com/seatrial/seatrial/workloads"
)

// short is a scenario on the shelf that takes about a second.
func short(name string, system cluster.System, faults fault.Schedule) harness.Scenario {
	return harness.Scenario{
		Name: "shelf/verdict/" + name, System: system, Workload: workloads.Registers{Keys: 2}, Clients: 3,
		Duration: time.Second, RecoverWithin: 2 * time.Second, Faults: faults, Check: checkers.All{checkers.Linearizable{}},
	}
}

func run(t *testing.T, s harness.Scenario) (results.Run, *results.Dir) {
	t.Helper()
	out, dir, err := harness.Run(t.Context(), s, harness.Options{Results: t.TempDir()})
	require.NoError(t, err)
	saved, err := results.Load(dir.Path(""))
	require.NoError(t, err)
	require.Equal(t, out.Verdict, saved.Verdict, "the verdict on disk is another")
	require.FileExists(t, dir.Path(results.ReportFile))
	return out, dir
}

func requireResult(t *testing.T, out results.Run, checker string, verdict checkers.Verdict, says string) {
	t.Helper()
	for _, r := range out.Results {
		if r.Checker == checker {
			require.Equal(t, verdict, r.Verdict, "%s: %s", checker, r.Summary)
			require.Contains(t, r.Summary, says)
			return
		}
	}
	t.Fatalf("no result of %s: %+v", checker, out.Results)
}

// toothless is a fault that does nothing.
type toothless struct{ fault.Kill }

func (toothless) FaultName() string { return "toothless" }
func (toothless) Aim(context.Context, fault.Aim) (fault.Act, error) {
	return toothlessAct{fault.ProcessAct{Do: "bite softly", Targets: []string{"n1"}}}, nil
}

type toothlessAct struct{ fault.ProcessAct }

func (toothlessAct) Inject(context.Context, cluster.Cluster, string) error { return nil }
func (toothlessAct) Undo(context.Context, cluster.Cluster, string) error   { return nil }
func (toothlessAct) Undone(context.Context, cluster.Cluster, string) error { return nil }
func (toothlessAct) Bit(context.Context, cluster.Cluster, string) (bool, string, error) {
	return false, "nothing was bitten", nil
}

var noBite = toothless{fault.Kill{Target: fault.Random}}

func TestANamedFaultThatDidNotBiteIsInconclusive(t *testing.T) {
	pauses := fault.After{Delay: 100 * time.Millisecond, Do: fault.For{Duration: 200 * time.Millisecond, Fault: fault.Pause{Target: fault.Random}}}
	out, _ := run(t, short("no-bite", Shelf{}, fault.Together{pauses,
		fault.After{Delay: 500 * time.Millisecond, Do: fault.For{Duration: 200 * time.Millisecond, Fault: noBite}}}))
	require.Equal(t, checkers.Inconclusive, out.Verdict)
	requireResult(t, out, "faults-bit", checkers.Inconclusive, "1 of 2 faults did not bite: step 2, bite softly n1: nothing was bitten")
}

func TestAMixInWhichNothingBitIsInconclusive(t *testing.T) {
	mix := fault.Mix{Faults: []fault.Fault{noBite}, QuietMin: time.Millisecond, QuietMax: 50 * time.Millisecond, ForMin: 100 * time.Millisecond, ForMax: 200 * time.Millisecond}
	out, _ := run(t, short("mix-no-bite", Shelf{}, mix))
	require.Equal(t, checkers.Inconclusive, out.Verdict)
	requireResult(t, out, "faults-bit", checkers.Inconclusive, "of the mix bit")

	mix.Faults = append(mix.Faults, fault.Pause{Target: fault.Random})
	out, _ = run(t, short("mix-some-bite", Shelf{}, mix))
	require.Equal(t, checkers.Pass, out.Verdict, out.Summary)
}

// deaf is a shelf whose clients never get an answer.
type deaf struct{ Shelf }

func (deaf) Ready(context.Context, link.Session) error { return nil }
func (deaf) OpenRegister(context.Context, link.Session) (workloads.Register, error) {
	return deafClient{}, nil
}

type deafClient struct{ workloads.Register }

var errDeaf = workloads.NotDone(errors.New("not listening"))

func (deafClient) Read(context.Context, string) (history.Value, error) { return history.None, errDeaf }
func (deafClient) Write(context.Context, string, history.Value) error  { return errDeaf }
func (deafClient) CompareAndSet(context.Context, string, history.Value, history.Value) (bool, history.Value, error) {
	return false, history.None, errDeaf
}
func (deafClient) Close() error { return nil }

func TestAWorkloadThatNeverSucceedsIsInconclusive(t *testing.T) {
	out, _ := run(t, short("deaf", deaf{}, nil))
	require.Equal(t, checkers.Inconclusive, out.Verdict, out.Summary)
	requireResult(t, out, "load-floor", checkers.Inconclusive, "never succeeded")
}

// mute is a shelf to which no client can be opened.
type mute struct{ deaf }

func (mute) OpenRegister(context.Context, link.Session) (workloads.Register, error) {
	return nil, errDeaf
}

func TestAnEmptyHistoryIsInconclusive(t *testing.T) {
	out, _ := run(t, short("mute", mute{}, nil))
	require.Equal(t, checkers.Inconclusive, out.Verdict, out.Summary)
	require.Zero(t, out.Counted().Total())
}

// once is a shelf that starts once and never again.
type once struct{ Shelf }

func (o once) ProcessCommand(node string, at cluster.Addresses) (cluster.Command, error) {
	command, err := o.Shelf.ProcessCommand(node, at)
	command.Env = append(command.Env, envOnce+"="+at.DataDir(node)+"/started")
	return command, err
}

const envOnce = "SEATRIAL_TEST_ONCE"

// refuseSecondStart ends the process if the file is there, and else makes it.
func refuseSecondStart(file string) {
	if _, err := os.Stat(file); err == nil {
		os.Stderr.WriteString("refusing to start again\n")
		os.Exit(7)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		panic(err)
	}
}

func TestAClusterThatStaysDownAfterHealingIsAViolation(t *testing.T) {
	kill := fault.After{Delay: 300 * time.Millisecond, Do: fault.For{Duration: 300 * time.Millisecond, Fault: fault.Kill{Target: fault.Random}}}
	out, dir := run(t, short("once", once{}, kill))
	require.Equal(t, checkers.Violation, out.Verdict, out.Summary)
	requireResult(t, out, "recovers", checkers.Violation, "n1")
	log, err := os.ReadFile(dir.Path("logs/n1.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), "refusing to start again")
	require.FileExists(t, dir.Path("data/n1.tar.gz"), "a failed run keeps its nodes' data")
}

// corrupt is a shelf whose reads return what nobody wrote.
type corrupt struct{ Shelf }

func (c corrupt) OpenRegister(ctx context.Context, session link.Session) (workloads.Register, error) {
	r, err := c.Shelf.OpenRegister(ctx, session)
	return corruptClient{r}, err
}

type corruptClient struct{ workloads.Register }

func (c corruptClient) Read(ctx context.Context, key string) (history.Value, error) {
	if _, err := c.Register.Read(ctx, key); err != nil {
		return history.None, err
	}
	return history.None, workloads.Garbage{Text: "\x00rubbish"}
}

func TestGarbageThatASystemAnswersIsAViolation(t *testing.T) {
	out, _ := run(t, short("corrupt", corrupt{}, nil))
	require.Equal(t, checkers.Violation, out.Verdict, out.Summary)
	requireResult(t, out, "linearizable", checkers.Violation, "rubbish")
}

// TestANodeThatEndsByItselfIsAViolation: the plan's kill must not take the credit
// for a crash, nor its undo hide it.
func TestANodeThatEndsByItselfIsAViolation(t *testing.T) {
	crash := fault.Func{Name: "crash n1", Do: func(ctx context.Context, in *fault.Injector) error {
		return in.Cluster().Kill(ctx, "n1") // behind the injector's back, as a crash would be
	}}
	kill := fault.After{Delay: 400 * time.Millisecond, Do: fault.For{Duration: 200 * time.Millisecond, Fault: fault.Kill{Target: fault.Random}}}
	out, _ := run(t, short("crash", Shelf{}, fault.Together{crash, kill}))
	requireResult(t, out, "stays-up", checkers.Violation, "n1 had ended by itself")
}

func TestAFaultThatNeverComesIsSaidBeforeTheRun(t *testing.T) {
	late := fault.Every{Period: time.Minute, Do: fault.For{Duration: time.Second, Fault: fault.Pause{Target: fault.Random}}}
	_, _, err := harness.Run(t.Context(), short("late", Shelf{}, late), harness.Options{Results: t.TempDir()})
	var usage harness.UsageError
	require.ErrorAs(t, err, &usage)
	require.ErrorContains(t, err, "these faults never come: pause of a random node")
}

// stillborn is a shelf that is never ready.
type stillborn struct{ Shelf }

func (stillborn) ProcessCommand(string, cluster.Addresses) (cluster.Command, error) {
	return cluster.Command{}, errors.New("no way to start it")
}

func TestAClusterThatNeverComesUpIsAnError(t *testing.T) {
	out, _ := run(t, short("stillborn", stillborn{}, nil))
	require.Equal(t, checkers.Error, out.Verdict)
	require.Contains(t, out.Summary, "no way to start it")
}

func TestFaultsOfCodeAreRecordedLikeOthers(t *testing.T) {
	code := fault.Func{Name: "pause twice", Do: func(ctx context.Context, in *fault.Injector) error {
		for range 2 {
			heal, err := in.Inject(ctx, fault.Pause{Target: fault.Node("n1")})
			if err != nil {
				return err
			}
			if err := heal(ctx); err != nil {
				return err
			}
		}
		return nil
	}}
	out, dir := run(t, short("code", Shelf{}, code))
	require.Equal(t, checkers.Pass, out.Verdict, out.Summary)
	require.Len(t, out.Faults, 2)
	plan, err := os.ReadFile(dir.Path(results.PlanFile))
	require.NoError(t, err)
	require.Contains(t, string(plan), `"opaque": "pause twice"`)
}

func TestSavedRunsAreJudgedAsTheirPlanSays(t *testing.T) {
	s := short("saved", Shelf{}, nil)
	s.Check = append(s.Check, AnswersWithin{Limit: time.Nanosecond})
	_, dir := run(t, s)
	plan, err := os.ReadFile(dir.Path(results.PlanFile))
	require.NoError(t, err)
	checks, err := harness.PlanChecks(plan)
	require.NoError(t, err)
	h, err := history.ReadFile(dir.Path(results.HistoryFile))
	require.NoError(t, err)
	judged := checks.Judge(t.Context(), checkers.Evidence{History: h}, checkers.Budget{})
	require.Equal(t, checkers.Pass, judged[0].Verdict, judged[0].Summary)
	require.Equal(t, checkers.Inconclusive, judged[1].Verdict, "a check of another program can't be asked, and is no pass")
	require.Contains(t, judged[1].Summary, "AnswersWithin")
}

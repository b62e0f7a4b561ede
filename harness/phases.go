package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/script"
	"github.com/seatrial/seatrial/results"
)

// whole runs every phase. After the first failure of the harness only what saves
// evidence and cleans up is done. The end of ctx means: tear down at once.
func (r *run) whole(ctx context.Context) {
	stop := r.watch.start()
	defer stop()
	work, cancel := context.WithTimeout(ctx, r.out.Limits.HardStop)
	defer cancel()
	work, release := r.untilInterrupted(work)
	defer release()
	up := r.phase("start", 0, &r.out.Took.Start, func() error { return r.start(work) })
	if up {
		r.phase("load", r.scenario.Duration, &r.out.Took.Load, func() error { return r.work(work) })
		r.interrupted = cmp.Or(r.whyEnded(work), r.stuck)
		if ctx.Err() == nil && !r.straggled && r.phase("settle", 0, &r.out.Took.Settle, func() error { return r.settle(ctx) }) {
			r.phase("final reads", 0, &r.out.Took.FinalReads, func() error { return r.finalReads(ctx) })
		}
	} else if errors.Is(work.Err(), context.Canceled) {
		r.interrupted = r.whyEnded(work)
	} // a start that met the hard stop is a failure of the machine
	if ctx.Err() == nil {
		r.phase("evidence", 0, &r.out.Took.Evidence, func() error { return r.evidence(ctx) })
		r.phase("check", 0, &r.out.Took.Check, func() error { return r.judge(ctx) })
	}
	if ctx.Err() != nil { // also where it ended in the midst of a phase
		r.interrupted = "the run was torn down before it was judged"
		r.closeRecord()
	}
	r.conclude()
	r.phase("tear-down", 0, &r.out.Took.TearDown, func() error { return r.tearDown(ctx) })
	r.conclude()
	r.finish()
}

// whyEnded says why the run's work ended before its time.
func (r *run) whyEnded(work context.Context) string {
	switch {
	case work.Err() == nil:
		return ""
	case errors.Is(work.Err(), context.DeadlineExceeded):
		return fmt.Sprintf("the run met its hard stop of %v before its end", r.out.Limits.HardStop.Round(time.Second))
	}
	return "the run was interrupted before its end"
}

// phase runs one part of the run, takes its time and keeps its failure.
func (r *run) phase(name string, of time.Duration, took *time.Duration, do func() error) bool {
	r.watch.phase(name, of)
	begin := time.Now()
	err := do()
	*took = time.Since(begin)
	if err != nil {
		r.problems = append(r.problems, fmt.Sprintf("%s: %v", name, err))
	}
	return err == nil
}

// start brings the cluster up and waits until every node serves.
func (r *run) start(ctx context.Context) error {
	removed, err := CollectGarbage(ctx)
	if err != nil {
		r.out.Notes = append(r.out.Notes, fmt.Sprintf("leftovers of dead runs could not be removed: %v", err))
	}
	for _, line := range removed {
		r.watch.line("removed a leftover: %s", line)
	}
	r.cluster, err = r.runtime.Start(ctx, r.scenario.System, cluster.Options{
		Owner: r.owner, Streams: fault.PlanNeedsStreams(r.plan.Steps) || r.scenario.Script.NeedsStreams(), ReadyWithin: readyWithin,
		Names: fault.PlanNeedsNames(r.plan.Steps) || r.scenario.Script.NeedsNames(),
		Disk:  fault.PlanNeedsDisk(r.plan.Steps) || r.scenario.Script.NeedsDisk(),
		Log:   func(line string) { r.watch.line("%s", line) },
	})
	if err != nil {
		return err
	}
	leader := func(ctx context.Context) (string, error) { return cluster.FindLeader(ctx, r.cluster, 5*time.Second) }
	r.injector = fault.NewInjector(r.cluster, r.scenario.world(), leader, r.record.Fault, r.journal)
	if err := cluster.WaitReady(ctx, r.cluster, readyWithin); err != nil {
		return fmt.Errorf("not healthy before the first fault: %w", err)
	}
	r.record.Mark("ready", "")
	return nil
}

// work lets clients and faults loose for the scenario's duration, or until its
// script is over.
func (r *run) work(ctx context.Context) error {
	load, cancel := context.WithTimeout(ctx, r.scenario.Duration)
	defer cancel()
	r.clients = newClients(r.scenario, r.plan.Seed, r.cluster, r.record)
	r.injector.SetLoad(r.clients)
	r.record.Mark("load", "")
	injected := make(chan error, 1)
	go func() { injected <- r.injector.Run(load, r.plan.Steps) }()
	worked := make(chan struct{})
	go func() { r.clients.Run(load); close(worked) }()
	scripted := make(chan error, 1)
	go func() { scripted <- r.follow(load); cancel() }()
	<-load.Done()
	follow := r.within(r.scenario.OperationTimeout+stragglers, "the script did not end", nil, scripted)
	if script.IsStuck(follow) { // no failure of the harness, but the run proves nothing
		r.stuck, follow = follow.Error(), nil
	}
	return errors.Join(follow,
		r.within(r.scenario.OperationTimeout+stragglers, "clients did not return", worked, nil),
		r.within(stragglers, "faults did not end", nil, injected))
}

// follow carries out the scenario's script. Without one it waits for the load's end.
func (r *run) follow(load context.Context) error {
	if r.scenario.Script.Empty() {
		<-load.Done()
		return nil
	}
	return r.clients.script(load, r.injector)
}

// stragglers is how long an adapter or a fault's code may take to heed the end of
// its context. What ignores it must not hang the run.
const stragglers = 40 * time.Second

func (r *run) within(limit time.Duration, what string, done <-chan struct{}, failed <-chan error) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case err := <-failed:
		return err
	case <-timer.C:
		r.straggled = true
		return fmt.Errorf("%s within %v of the end of the load: they ignore their context", what, limit)
	}
}

// settle heals everything and waits until every node serves again. That it does
// not is the system's failure, for a judge; that it can't be healed is ours.
func (r *run) settle(ctx context.Context) error {
	r.record.Mark("heal", cluster.Views(ctx, r.cluster))
	ctx, cancel := context.WithTimeout(ctx, healWithin+2*r.scenario.RecoverWithin)
	defer cancel()
	if err := r.injector.HealAll(ctx); err != nil {
		return err
	}
	r.record.Mark("healed", "")
	if err := cluster.WaitReady(ctx, r.cluster, r.scenario.RecoverWithin); err != nil {
		if ctx.Err() != nil {
			return ctx.Err() // it was not given its time: that says nothing of the system
		}
		// An agent or engine in trouble is our failure, not the system's.
		if _, asked := r.cluster.Network().Active(ctx); asked != nil {
			return fmt.Errorf("%w; and the network can't be asked: %w", err, asked)
		}
		r.record.Mark("not-recovered", err.Error())
		return nil
	}
	r.recovered = true
	r.record.Mark("recovered", "")
	return nil
}

func (r *run) finalReads(ctx context.Context) error {
	if !r.recovered {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, finalWithin)
	defer cancel()
	r.record.Mark("final", "")
	missed := r.clients.FinalReads(ctx)
	r.seeCrashed(context.WithoutCancel(ctx))
	if len(missed) > 0 {
		r.record.Mark(checkers.MarkMissed, missedNote(missed))
		r.out.Notes = append(r.out.Notes, missedNote(missed))
	}
	return nil
}

// evidence closes the history and saves the logs.
func (r *run) evidence(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, evidenceWithin)
	defer cancel()
	err := r.closeRecord()
	if r.cluster != nil {
		r.eachNode(func(node string) {
			r.dir.SaveLog(node, func(w io.Writer) error { return r.cluster.Logs(ctx, node, w) })
		})
	}
	return err
}

// seeCrashed looks for programs that ended by themselves since they last served.
func (r *run) seeCrashed(ctx context.Context) {
	for _, node := range r.scenario.System.NodeNames() {
		if state, err := r.cluster.State(ctx, node); err == nil && state == cluster.Stopped {
			r.record.Fault(history.FaultEvent{Phase: checkers.PhaseCrashed, Fault: "ended by itself", Nodes: []string{node}, Detail: "at the end of the run"})
		}
	}
}

func (r *run) closeRecord() error {
	for _, problem := range r.problems {
		r.record.Mark(checkers.MarkProblem, problem)
	}
	if r.interrupted != "" {
		r.record.Mark(checkers.MarkInterrupted, r.interrupted)
	}
	r.record.Mark(checkers.MarkEnd, "")
	return r.record.Close()
}

func (r *run) eachNode(do func(node string)) {
	nodes := r.scenario.System.NodeNames()
	done := make(chan struct{})
	for _, node := range nodes {
		go func() {
			do(node)
			done <- struct{}{}
		}()
	}
	for range nodes {
		<-done
	}
}

// judge reads the history back from disk and asks every checker.
func (r *run) judge(ctx context.Context) error {
	var err error
	if r.history, err = history.ReadFile(r.dir.Path(results.HistoryFile)); err != nil {
		return err
	}
	evidence := checkers.Evidence{History: r.history, Logs: r.dir.Logs()}
	r.out.Operations = results.CountOperations(r.history)
	r.out.Faults = faultsOf(r.plan.Steps, r.history)
	if r.clients == nil {
		return nil // the cluster never came up: there is nothing to judge
	}
	r.out.Results = r.scenario.checks().Judge(ctx, evidence, checkers.Budget{})
	for _, result := range r.out.Results {
		if result.Verdict == checkers.Violation {
			return savePicture(r.dir, r.history, result)
		}
	}
	return nil
}

// tearDown removes everything of the run. After a failure the nodes' data is
// saved first, from programs that have ended.
func (r *run) tearDown(ctx context.Context) error {
	if r.cluster == nil {
		return nil
	}
	if r.out.Verdict != checkers.Pass && ctx.Err() == nil {
		r.saveData(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tearDownWithin)
	defer cancel()
	return r.cluster.Close(ctx)
}

func (r *run) saveData(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, evidenceWithin)
	defer cancel()
	r.eachNode(func(node string) {
		r.dir.SaveData(node, func(w io.Writer) error {
			return errors.Join(r.cluster.Kill(ctx, node), r.cluster.Data(ctx, node, w))
		})
	})
}

// finish writes what the run directory still lacks.
func (r *run) finish() {
	err := r.dir.Finish(r.out.Verdict == checkers.Pass)
	if err != nil {
		r.out.Notes = append(r.out.Notes, err.Error())
	}
	r.out.Notes = append(r.out.Notes, r.problems...)
	r.out.Notes = append(r.out.Notes, r.dir.Problems()...)
	r.out.Files = r.dir.Files()
	if err := r.dir.WriteRun(r.out, r.history); err != nil {
		r.problems = append(r.problems, err.Error())
		r.conclude()
	}
}

package harness

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/named"
	"github.com/seatrial/seatrial/results"
)

// Options are how a scenario is run, beside what the scenario says.
type Options struct {
	// Seed decides the plan, the operations and the drawn delays. Nil draws one.
	Seed *uint64
	// Results is the folder for the run directory; "" means [results.Root].
	Results string
	// Interrupt ends the load early when it is closed: the run still heals, saves
	// and tears down. Ending the context of Run tears down at once.
	Interrupt <-chan struct{}
	// Watch is told how the run goes, several times a second; it may be nil.
	Watch func(Progress)
	// Again returns the commands that run this again, best first.
	Again func(s Scenario, seed uint64) []string
	// Deadline is when everything must be over, as a test's is; zero means none.
	// The load ends early enough to heal, save and tear down before it.
	Deadline time.Time
}

// Progress is how a run goes.
type Progress struct {
	// Phase is "start", "load", "settle", "final reads", "evidence", "check" or "tear-down".
	Phase string
	// Elapsed is the time since the phase began; Of is how long it will take, if
	// that is known.
	Elapsed, Of time.Duration
	Counts      history.Counts
	// Faults are those in force now.
	Faults []string
	// Line is set when something worth a line of its own happened.
	Line string
}

// Limits beside those of the scenario.
const (
	// startWithin bounds what comes before the load: the first time, programs and
	// images are built.
	startWithin = 10 * time.Minute
	// afterLoad is kept free before a deadline, to heal, save, judge and tear
	// down; lastResort of it to tear down at once.
	afterLoad  = 100 * time.Second
	lastResort = 30 * time.Second

	readyWithin    = 60 * time.Second
	healWithin     = 60 * time.Second
	finalWithin    = 20 * time.Second
	evidenceWithin = 60 * time.Second
	tearDownWithin = 60 * time.Second
)

// run is one run under way.
type run struct {
	scenario Scenario
	options  Options
	plan     Plan
	runtime  cluster.Runtime
	owner    *cluster.Owner
	dir      *results.Dir
	record   *history.Recorder
	journal  *fault.Journal
	cluster  cluster.Cluster
	injector *fault.Injector
	clients  *clients
	history  *history.History
	out      results.Run
	watch    *watcher
	// problems are failures of the harness or the machine.
	problems    []string
	interrupted string // why the load ended early; "" where it did not
	stuck       string // why the script could not go on; "" where it did
	recovered   bool
	straggled   bool // clients or faults did not heed the end of the load
}

// Run runs a scenario once and returns its verdict, which is also in the run
// directory. An error means that nothing was run: a [UsageError] where what was
// asked for makes no sense, else a machine that can't do it.
func Run(ctx context.Context, s Scenario, o Options) (results.Run, *results.Dir, error) {
	seed, err := o.seed()
	if err != nil {
		return results.Run{}, nil, err
	}
	plan, err := NewPlan(s, seed)
	if err != nil {
		return results.Run{}, nil, err
	}
	r := &run{scenario: plan.Scenario, options: o, plan: plan}
	if r.runtime, err = r.scenario.runtime(); err != nil {
		return results.Run{}, nil, UsageError{err}
	}
	if err := r.runtime.Available(ctx); err != nil {
		return results.Run{}, nil, cluster.Unavailable{Err: err}
	}
	if !o.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, o.Deadline.Add(-lastResort))
		defer cancel()
	}
	release, err := r.place(ctx)
	if err != nil {
		return results.Run{}, nil, err
	}
	defer release()
	if err := r.prepare(); err != nil {
		return results.Run{}, nil, err
	}
	defer r.owner.Remove()
	defer r.journal.Close()
	r.whole(ctx)
	return r.out, r.dir, nil
}

// place waits for one of the host's places, unless it is interrupted.
func (r *run) place(ctx context.Context) (release func(), err error) {
	ctx, cancel := r.untilInterrupted(ctx)
	defer cancel()
	return takePlace(ctx, func(line string) {
		if r.options.Watch != nil {
			r.options.Watch(Progress{Phase: "waiting", Line: line})
		}
	})
}

// untilInterrupted is a context that also ends when somebody asks to stop.
func (r *run) untilInterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-r.options.Interrupt: // nil where nobody can interrupt: never ready
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (o Options) seed() (uint64, error) {
	if o.Seed != nil {
		return *o.Seed, nil
	}
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("draw a seed: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]) >> 32, nil // short enough to type
}

// prepare makes the run directory and what lives in it.
func (r *run) prepare() error {
	root := r.options.Results
	var err error
	if root == "" {
		if root, err = results.Root(); err != nil {
			return UsageError{err}
		}
	}
	if r.owner, err = cluster.NewOwner(); err != nil {
		return err
	}
	if r.dir, err = results.Create(root, r.owner.Run, r.scenario.Name); err != nil {
		r.owner.Remove()
		return UsageError{err}
	}
	if err := r.prepareFiles(); err != nil {
		r.owner.Remove()
		return err
	}
	return nil
}

func (r *run) prepareFiles() error {
	text, err := named.Marshal(r.plan)
	if err != nil {
		return UsageError{fmt.Errorf("scenario %s can't be written as data: %w", r.scenario.Name, err)}
	}
	write := func(w io.Writer) error { _, err := w.Write(append(text, '\n')); return err }
	if err := r.dir.WriteFile(results.PlanFile, write); err != nil {
		return err
	}
	header := history.Header{
		Schema: history.SchemaVersion, Run: r.owner.Run, Scenario: r.scenario.Name, Seed: r.plan.Seed,
		System: r.scenario.System.SystemName(), Version: r.scenario.System.SystemVersion(), Options: r.scenario.options(),
		Runtime: r.runtime.RuntimeName(), Nodes: r.scenario.System.NodeNames(), Clients: r.scenario.clientCount(),
		Started: time.Now().UTC().Format(time.RFC3339), Harness: Version,
	}
	r.scenario.Workload.Describe(&header)
	if r.record, err = history.Create(r.dir.Path(results.HistoryFile), header); err != nil {
		return err
	}
	if r.journal, err = fault.OpenJournal(r.dir.Path(results.JournalFile)); err != nil {
		return err
	}
	r.watch = newWatcher(r)
	r.out = results.Run{
		ID: r.owner.Run, Scenario: header.Scenario, System: header.System, Version: header.Version, Options: header.Options,
		Runtime: header.Runtime, Nodes: header.Nodes, Clients: header.Clients, Seed: header.Seed, Started: time.Now().UTC(),
		Versions: results.Versions{Harness: Version, Go: runtime.Version()},
		Limits: results.Limits{ReadyWithin: readyWithin, Operation: r.scenario.OperationTimeout,
			RecoverWithin: r.scenario.RecoverWithin, CheckTime: checkers.Budget{}.WithDefaults().Time,
			CheckBytes: checkers.Budget{}.WithDefaults().Bytes, HardStop: r.hardStop()},
	}
	if r.options.Again != nil {
		r.out.Again = r.options.Again(r.scenario, r.plan.Seed)
	}
	return nil
}

// hardStop bounds the load and everything before it.
func (r *run) hardStop() time.Duration {
	own := r.scenario.Duration + startWithin
	if r.options.Deadline.IsZero() {
		return own
	}
	return min(own, time.Until(r.options.Deadline)-afterLoad)
}

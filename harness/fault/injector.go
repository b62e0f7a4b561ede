package fault

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/history"
)

// Limits on what an injector waits for.
const (
	injectTimeout = 20 * time.Second
	healTimeout   = 30 * time.Second
	// ownTime is how long a fault is left to meet the nodes' own traffic before
	// it is asked for its bite, unless it is shorter than that.
	ownTime = 300 * time.Millisecond
)

// Injector carries out a plan on a running cluster and records what it does.
type Injector struct {
	cluster cluster.Cluster
	world   World
	leader  func(context.Context) (string, error)
	record  func(history.FaultEvent)
	journal *Journal

	keeps keeps

	mu       sync.Mutex
	load     Load
	inForce  map[string]*injection
	sequence int
}

// NewInjector makes an injector. leader asks the cluster who leads; record
// stamps an event and adds it to the history.
func NewInjector(c cluster.Cluster, w World, leader func(context.Context) (string, error), record func(history.FaultEvent), journal *Journal) *Injector {
	return &Injector{cluster: c, world: w, leader: leader, record: record, journal: journal,
		inForce: map[string]*injection{}}
}

// Cluster is the running cluster, for code in a [Func].
func (in *Injector) Cluster() cluster.Cluster { return in.cluster }

// SetLoad tells who the clients are, for faults on them and for those that wait for
// what they did. It must be called before a step is carried out.
func (in *Injector) SetLoad(load Load) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.load = load
}

// Run carries out the steps, each at its time since now, and returns when the
// last one is healed or the context ended. What is in force then stays in force
// until [Injector.HealAll]. The error is the first that a step met.
func (in *Injector) Run(ctx context.Context, steps []Step) error {
	begin := time.Now()
	var all sync.WaitGroup
	failures := make(chan error, len(steps))
	chains := chains{}
	for _, step := range steps {
		mine, before := chains.join(step)
		if step.Fault != nil { // what code injects, it says itself
			in.record(history.FaultEvent{Step: step.Number, Phase: "planned", Fault: step.Text, Detail: mixWord(step.Mix)})
		}
		all.Go(func() {
			defer mine.healed()
			if !waitUntil(ctx, begin.Add(step.At)) || !waitForAll(ctx, before) {
				return
			}
			if err := in.runStep(ctx, step, begin.Add(step.At+step.For), mine.heals); err != nil && ctx.Err() == nil {
				in.record(history.FaultEvent{Step: step.Number, Phase: "failed", Fault: step.Text, Detail: err.Error()})
				failures <- fmt.Errorf("step %d, %s: %w", step.Number, step.Text, err)
			}
		})
	}
	all.Wait()
	close(failures)
	return <-failures
}

func mixWord(mix bool) string {
	if mix {
		return "mix"
	}
	return "named"
}

func (in *Injector) runStep(ctx context.Context, step Step, end time.Time, heals func()) error {
	if step.Fault == nil {
		return step.Func.Do(ctx, in)
	}
	why, err := in.await(ctx, step, end)
	if err != nil || why.never {
		return err
	}
	i, err := in.inject(ctx, step, why)
	var not notHere
	if step.Mix && errors.As(err, &not) && ctx.Err() == nil {
		in.record(history.FaultEvent{Step: step.Number, Phase: "no-bite", Fault: step.Text, Detail: "left out: " + err.Error()})
		return nil
	}
	if err != nil {
		return err
	}
	// The plan's end counts, so a fault that was slow to inject does not run into
	// the next one; but it is in force for a moment at least.
	if least := time.Now().Add(min(step.For, 2*ownTime)); end.Before(least) {
		end = least
	}
	return in.bite(ctx, end, i, heals)
}

// bite leaves the fault in force until its end, asks on the way whether it bit,
// tells that it heals it, and does. One that is over by itself is healed before its
// end.
func (in *Injector) bite(ctx context.Context, end time.Time, i *injection, heals func()) error {
	// Asked late: counters say more the longer the fault has met traffic, and a
	// probe must still find it in force.
	if !i.inForceUntil(ctx, end.Add(-ownTime)) {
		return nil
	}
	asked := in.ask(ctx, i)
	if !i.inForceUntil(ctx, end) {
		return asked
	}
	heals()
	healCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healTimeout)
	defer cancel()
	return errors.Join(asked, in.heal(healCtx, i)) // one that can't be asked is healed all the same
}

// ask asks once whether the fault bit, and records the answer.
func (in *Injector) ask(ctx context.Context, i *injection) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.asked || i.done {
		return nil
	}
	bit, proof, err := i.act.Bit(ctx, i.site, i.id)
	if err != nil {
		return fmt.Errorf("see whether it bit: %w", err)
	}
	i.asked = true
	phase := "bit"
	if !bit {
		phase = "no-bite"
	}
	in.record(history.FaultEvent{Step: i.step.Number, Phase: phase, Fault: i.act.Text(), Nodes: i.act.Nodes(), Detail: proof})
	return nil
}

// Inject injects a fault now, for code in a [Func]; the returned function asks
// whether it bit and heals it.
func (in *Injector) Inject(ctx context.Context, f Fault) (heal func(context.Context) error, err error) {
	in.mu.Lock()
	in.sequence++
	step := Step{Number: 1000 + in.sequence, Fault: f, Draw: uint64(in.sequence)}
	in.mu.Unlock()
	step.Text = step.describe(in.world)
	if err := in.world.mistake(f); err != nil {
		return nil, err
	}
	in.record(history.FaultEvent{Step: step.Number, Phase: "planned", Fault: step.Text, Detail: "named"})
	why, err := in.await(ctx, step, time.Now().Add(awaitTimeout))
	if err != nil {
		return nil, err
	}
	if why.never {
		return func(context.Context) error { return nil }, nil
	}
	i, err := in.inject(ctx, step, why)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return in.bite(ctx, time.Now(), i, func() {}) }, nil
}

func (in *Injector) inject(ctx context.Context, step Step, why happening) (*injection, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := step.Fault.Applies(in.cluster.System(), in.cluster.Network()); err != nil {
		return nil, notHere{fmt.Errorf("does not apply: %w", err)}
	}
	if equipped, is := step.Fault.(Equipped); is {
		if err := equipped.AppliesOn(in.cluster); err != nil {
			return nil, notHere{err}
		}
	}
	aiming, cancel := context.WithTimeout(ctx, injectTimeout)
	defer cancel()
	act, err := step.Fault.Aim(aiming, step.aim(in.world, in.leader))
	if err != nil {
		return nil, notHere{fmt.Errorf("aim: %w", err)}
	}
	i := in.newInjection(step, act)
	if prepared, is := act.(Prepared); is {
		if i.act, err = prepared.Prepare(aiming, i.site, i.id); err != nil {
			return nil, fmt.Errorf("look at what is there before: %w", err)
		}
	}
	if err := in.journal.begin(i.id, i.act); err != nil {
		return nil, err
	}
	in.mu.Lock()
	in.inForce[i.id] = i
	in.mu.Unlock()
	// From here on it is done to the end, also where the load ends meanwhile: half
	// a kill could come into force after its undo.
	limit := injectTimeout
	if slow, is := act.(interface{ Takes() time.Duration }); is {
		limit += slow.Takes()
	}
	whole, cancelWhole := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancelWhole()
	if err := i.act.Inject(whole, i.site, i.id); err != nil {
		return nil, fmt.Errorf("inject: %w", err)
	}
	i.mu.Lock()
	i.injected = true
	i.mu.Unlock()
	in.record(history.FaultEvent{Step: step.Number, Phase: "injected", Fault: act.Text(), Nodes: act.Nodes(), Detail: in.kindOf(step.Fault, act) + why.detail(in)})
	in.goOn(context.WithoutCancel(ctx), i)
	return i, nil
}

// heal undoes one injection, checks that it is gone, and says so in the journal.
// It may be called again: after a failure it tries anew.
func (in *Injector) heal(ctx context.Context, i *injection) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.done {
		return nil
	}
	if err := i.stop(ctx); err != nil {
		return fmt.Errorf("undo %s: %w", i.act.Text(), err)
	}
	counted := i.counted(ctx)
	err := i.act.Undo(ctx, i.site, i.id)
	if err == nil {
		err = i.act.Undone(ctx, i.site, i.id)
	}
	if err != nil {
		return fmt.Errorf("undo %s: %w", i.act.Text(), err)
	}
	for _, node := range i.act.Nodes() {
		if stays := i.site.stays(node); stays != "" {
			counted = append(counted, stays)
		}
	}
	in.keeps.forget(i.id)
	i.done = true
	in.mu.Lock()
	delete(in.inForce, i.id)
	in.mu.Unlock()
	in.record(history.FaultEvent{Step: i.step.Number, Phase: "healed", Fault: i.act.Text(), Nodes: i.act.Nodes(),
		Detail: strings.Join(counted, "; ")})
	return errors.Join(i.failure, in.journal.end(i.id))
}

// HealAll undoes whatever the journal says is in force, and makes sure that the
// cluster knows of no effect any more. A fault that the end of the load cut short
// is asked first whether it bit.
func (in *Injector) HealAll(ctx context.Context) error {
	open, err := in.journal.open()
	if err != nil {
		return err
	}
	var all error
	for _, entry := range open {
		in.mu.Lock()
		i := in.inForce[entry.ID]
		in.mu.Unlock()
		if i == nil { // written, and then not injected by this injector
			all = errors.Join(all, fmt.Errorf("the journal holds %s (%s), which nobody here injected", entry.ID, entry.Text))
			continue
		}
		if i.wasInjected() {
			all = errors.Join(all, in.ask(ctx, i))
		}
		all = errors.Join(all, in.heal(ctx, i))
	}
	active, err := in.cluster.Network().Active(ctx)
	if err != nil {
		return errors.Join(all, fmt.Errorf("ask which effects are in force: %w", err))
	}
	if len(active) > 0 {
		all = errors.Join(all, fmt.Errorf("effects still in force after healing: %v", active))
	}
	return all
}

// Current lists what is in force now, for a progress line.
func (in *Injector) Current() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	var texts []string
	for _, i := range in.inForce {
		texts = append(texts, i.act.Text())
	}
	sort.Strings(texts)
	return texts
}

// waitUntil waits for an instant; false means that the context ended first.
func waitUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

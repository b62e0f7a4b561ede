package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// PhaseAgain is the phase of a fault event for something that a fault in force did
// once more, for instance a kill of a crash loop.
const PhaseAgain = "again"

// awaitTimeout bounds the wait for what code's fault waits for.
const awaitTimeout = time.Minute

// injection is a fault that is injected, or about to be.
type injection struct {
	step Step
	id   string
	act  Act
	site *site
	mu   sync.Mutex // held while it is asked or healed
	done bool
	// injected says that Inject succeeded; asked, that it was seen whether it bit.
	injected, asked bool

	// cancel ends what goes on, and over is closed when that has ended; nil where
	// nothing does. failure is why it did, set before over is closed.
	cancel  context.CancelFunc
	over    chan struct{}
	failure error
	did     tally
}

// tally is what was done, and how often.
type tally struct {
	mu    sync.Mutex
	words []string
	times map[string]int
}

func (t *tally) add(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.times == nil {
		t.times = map[string]int{}
	}
	if t.times[what]++; t.times[what] == 1 {
		t.words = append(t.words, what)
	}
}

func (t *tally) texts() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var texts []string
	for _, what := range t.words {
		if n := t.times[what]; n > 1 {
			what = fmt.Sprintf("%s %d times", what, n)
		}
		texts = append(texts, what)
	}
	return texts
}

func (in *Injector) newInjection(step Step, act Act) *injection {
	i := &injection{step: step, id: fmt.Sprintf("step-%d", step.Number), act: act}
	in.mu.Lock()
	defer in.mu.Unlock()
	i.site = &site{Cluster: in.cluster, keeps: &in.keeps, id: i.id, load: in.load, crashed: func(node string) {
		in.record(history.FaultEvent{Step: step.Number, Phase: "crashed", Fault: act.Text(), Nodes: []string{node}, Detail: "before " + act.Text()})
	}}
	return i
}

// happening is what a fault waited for.
type happening struct {
	// never says that it did not happen.
	never bool
	// before is how many operations were acknowledged when its step began; since
	// says that this is of interest.
	before int64
	since  bool
}

// detail says how many operations had been acknowledged when the fault was in force.
func (h happening) detail(in *Injector) string {
	if !h.since {
		return ""
	}
	return fmt.Sprintf(", %d operations acknowledged by the time it was done", in.load.Acknowledged()-h.before)
}

// await waits for what the step's fault waits for, at most until the step's end.
func (in *Injector) await(ctx context.Context, step Step, end time.Time) (happening, error) {
	waiting, is := step.Fault.(Waiting)
	if !is {
		return happening{}, nil
	}
	in.mu.Lock()
	load := in.load
	in.mu.Unlock()
	if load == nil {
		return happening{}, errors.New("it waits for what clients do, and none are at work")
	}
	before := load.Acknowledged()
	limited, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	happened, saw := waiting.Await(limited, load)
	if !happened {
		in.record(history.FaultEvent{Step: step.Number, Phase: "no-bite", Fault: step.Text, Detail: "it was not injected: " + saw})
	}
	return happening{never: !happened, before: before, since: true}, nil
}

// goOn lets an act do what it does while it is in force.
func (in *Injector) goOn(ctx context.Context, i *injection) {
	going, is := i.act.(Going)
	if !is {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	i.mu.Lock()
	i.cancel, i.over = cancel, make(chan struct{})
	i.mu.Unlock()
	go func() {
		defer close(i.over)
		err := going.Go(ctx, i.site, i.id, func(what string) {
			i.did.add(what)
			in.record(history.FaultEvent{Step: i.step.Number, Phase: PhaseAgain, Fault: i.act.Text(), Nodes: i.act.Nodes(), Detail: what})
		})
		if err != nil {
			i.failure = fmt.Errorf("go on with %s: %w", i.act.Text(), err)
		}
	}()
}

// inForceUntil waits for an instant, or for the fault to be over by itself; false
// means that the context ended first.
func (i *injection) inForceUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-i.over: // nil where nothing goes on: never ready
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// stop ends what goes on and waits for that.
func (i *injection) stop(ctx context.Context) error {
	if i.over == nil {
		return nil
	}
	i.cancel()
	select {
	case <-i.over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("what it does while it is in force did not end: %w", context.Cause(ctx))
	}
}

// counted is what the fault did altogether. That it can't be told is no reason not
// to undo it.
func (i *injection) counted(ctx context.Context) []string {
	texts := i.did.texts()
	counting, is := i.act.(Counting)
	if !is || !i.injected {
		return texts
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	text, err := counting.Counted(ctx, i.site, i.id)
	if err != nil {
		text = fmt.Sprintf("not counted: %v", err)
	}
	return append(texts, text)
}

// countTimeout bounds the reading of counters before a fault is undone.
const countTimeout = 5 * time.Second

func (i *injection) wasInjected() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.injected
}

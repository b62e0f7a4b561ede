package harness

import (
	"fmt"
	"sync"
	"time"
)

// watchEvery is the pace at which a run tells how it goes.
const watchEvery = 200 * time.Millisecond

// watcher tells Options.Watch how the run goes. Calls don't overlap.
type watcher struct {
	run *run

	mu    sync.Mutex
	name  string
	begin time.Time
	of    time.Duration
}

func newWatcher(r *run) *watcher { return &watcher{run: r, name: "start", begin: time.Now()} }

func (w *watcher) phase(name string, of time.Duration) {
	w.mu.Lock()
	w.name, w.begin, w.of = name, time.Now(), of
	w.mu.Unlock()
	w.tell("")
}

func (w *watcher) line(format string, args ...any) { w.tell(fmt.Sprintf(format, args...)) }

func (w *watcher) tell(line string) {
	if w.run.options.Watch == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := Progress{Phase: w.name, Elapsed: time.Since(w.begin), Of: w.of, Counts: w.run.record.Counts(), Line: line}
	if w.name == "load" || w.name == "settle" {
		p.Faults = w.run.injector.Current()
	}
	w.run.options.Watch(p)
}

// start tells at a steady pace until the returned function is called.
func (w *watcher) start() (stop func()) {
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.tell("")
			case <-end:
				return
			}
		}
	})
	return func() { close(end); done.Wait() }
}

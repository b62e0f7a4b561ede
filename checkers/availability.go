package checkers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// Availability says what share of the operations that clients tried were
// acknowledged, for each kind: over the load, and in each window of it, to which an
// operation belongs by its call; and the longest time in which operations were tried and
// none was acknowledged, as [RecoveryTime] measures it. A refused compare-and-set was
// acknowledged. Final reads do not count, nor do windows that the load's end cut or in
// which nothing of the kind was tried.
//
// Without limits the checker only reports. A kind that was tried and never
// acknowledged makes the answer inconclusive, as in [LoadFloor]: the run says
// nothing about it.
//
// Figures, for each kind: <kind>_ok_share, <kind>_worst_window_ok_share,
// <kind>_windows, <kind>_windows_without_ok, <kind>_longest_without_ok_seconds; and
// window_seconds.
type Availability struct {
	// Floor is the least share, over the load, that must be acknowledged of each
	// kind, for instance 0.9. Zero: any.
	Floor float64
	// WindowFloor is the same of every window.
	WindowFloor float64
	// Window is how long a window is. Zero means one second.
	Window time.Duration
	// Longest is the longest time allowed in which a kind was tried and not
	// acknowledged. Zero: any.
	Longest time.Duration
}

// Check implements [Checker].
func (c Availability) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	began := time.Now()
	budget = budget.WithDefaults()
	a := available{Availability: c, h: evidence.History, result: Result{Checker: "availability", Method: "scan", Figures: map[string]float64{}}}
	if a.Window <= 0 {
		a.Window = time.Second
	}
	if err := a.valid(); err != nil {
		a.result.Verdict, a.result.Summary = Error, err.Error()
	} else if err := Sound(a.h); err != nil {
		a.result.Verdict, a.result.Summary = Error, err.Error()
	} else if err := a.scan(ctx, began.Add(budget.Time), budget.Bytes); err != nil {
		a.result.Verdict, a.result.Summary = Inconclusive, err.Error()
	} else {
		a.judge()
	}
	a.result.Elapsed = time.Since(began)
	return a.result
}

// available is one call of Check.
type available struct {
	Availability
	h       *history.History
	result  Result
	sweep   *sweeper
	kinds   []kindCounts      // by kind
	windows [][]windowCounts  // by kind, then by window
	longest []outage          // by kind
	faults  []availabilityGap // what is below a limit
}

type windowCounts struct{ ok, tried int32 }

// availabilityGap is a kind and what was too little of it.
type availabilityGap struct {
	kind history.Kind
	text string
}

func (a *available) valid() error {
	for name, share := range map[string]float64{"Floor": a.Floor, "WindowFloor": a.WindowFloor} {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("availability: %s is %v: a share is between 0 and 1", name, share)
		}
	}
	return nil
}

func (a *available) scan(ctx context.Context, deadline time.Time, bytes int64) error {
	kinds := len(history.Kinds()) + 1
	a.kinds, a.windows, a.longest = make([]kindCounts, kinds), make([][]windowCounts, kinds), make([]outage, kinds)
	a.sweep = newSweeper(a.h, false, func(s *stream, o outage) {
		if o.length() > a.longest[s.kind].length() {
			a.longest[s.kind] = o
		}
	})
	if len(a.h.Ops) == 0 {
		return errNoLoad
	}
	from, width := a.sweep.from, int64(a.Window)
	count := max(a.sweep.to-from, 0) / width // whole ones only
	if need := count * 8 * int64(kinds); need > bytes {
		return errors.New("out of memory: the windows are too many; ask for longer ones")
	}
	tried := false
	for i := range a.h.Ops {
		op := &a.h.Ops[i]
		if op.Call >= a.sweep.limit {
			break
		}
		tried = true
		a.kinds[op.Kind].add(op)
		if op.Call < from || op.Call-from >= count*width {
			continue
		}
		if a.windows[op.Kind] == nil {
			a.windows[op.Kind] = make([]windowCounts, count)
		}
		w := &a.windows[op.Kind][(op.Call-from)/width]
		if w.tried++; op.Outcome == history.OK {
			w.ok++
		}
	}
	if !tried {
		return errNoLoad
	}
	return a.sweep.sweep(ctx, deadline)
}

func (a *available) judge() {
	r := &a.result
	r.Figures["window_seconds"] = a.Window.Seconds()
	var never, fine []string
	for _, kind := range history.Kinds() {
		c := &a.kinds[kind]
		switch {
		case c.total() == 0:
		case c.ok == 0:
			never = append(never, neverSucceeded(kind, c.total()))
			r.Figures[kind.String()+"_ok_share"] = 0
		default:
			fine = append(fine, a.kind(kind, c))
		}
	}
	switch {
	case len(a.faults) > 0:
		var texts []string
		for _, f := range a.faults {
			texts = append(texts, f.text)
		}
		r.Verdict, r.Summary = Violation, strings.Join(texts, "; ")
		r.Proof = a.prove()
	case len(never) > 0:
		r.Verdict, r.Summary = Inconclusive, strings.Join(never, "; ")
	default:
		r.Summary = strings.Join(fine, "; ")
	}
}

// kind fills in the figures of a kind, and says what is below a limit.
func (a *available) kind(kind history.Kind, c *kindCounts) string {
	name, longest := kind.String(), time.Duration(a.longest[kind].length())
	share := float64(c.ok) / float64(c.total())
	f := a.result.Figures
	f[name+"_ok_share"], f[name+"_longest_without_ok_seconds"] = share, longest.Seconds()
	below := func(format string, args ...any) {
		a.faults = append(a.faults, availabilityGap{kind, fmt.Sprintf(format, args...)})
	}
	if a.Floor > 0 && share < a.Floor {
		below("%s was available to %.2f %% only: %d of %d ok, the floor is %v %%", name, 100*share, c.ok, c.total(), 100*a.Floor)
	}
	if worst, ok := a.worstWindow(kind, f); ok && a.WindowFloor > 0 && worst.share() < a.WindowFloor {
		below("%s was available to %.2f %% only in the %v from %s s on: %d of %d ok, the floor is %v %%", name, 100*worst.share(), a.Window, seconds(worst.from, 3), worst.ok, worst.tried, 100*a.WindowFloor)
	}
	if a.Longest > 0 && longest > a.Longest {
		below("%s was not acknowledged for %.3f s, from %s s on: the limit is %v", name, longest.Seconds(), seconds(a.longest[kind].from, 3), a.Longest)
	}
	return fmt.Sprintf("%s %d of %d ok (%.2f %%), at most %.3f s without", name, c.ok, c.total(), 100*share, longest.Seconds())
}

// worst is the window with the smallest share, the first of several.
type worst struct {
	windowCounts
	from int64
}

func (w worst) share() float64 { return float64(w.ok) / float64(w.tried) }

func (a *available) worstWindow(kind history.Kind, figures map[string]float64) (least worst, found bool) {
	tried, without := 0, 0
	for i, w := range a.windows[kind] {
		if w.tried == 0 {
			continue
		}
		this := worst{w, a.sweep.from + int64(i)*int64(a.Window)}
		if tried++; w.ok == 0 {
			without++
		}
		if !found || this.share() < least.share() {
			least, found = this, true
		}
	}
	name := kind.String()
	figures[name+"_windows"], figures[name+"_windows_without_ok"] = float64(tried), float64(without)
	if found {
		figures[name+"_worst_window_ok_share"] = least.share()
	}
	return least, found
}

// prove tells what is below a limit, with the longest outage of the kind that was too little there.
func (a *available) prove() *Proof {
	kind := a.faults[0].kind
	proof := &Proof{}
	if o := a.longest[kind]; o.length() > 0 {
		proof = proveOutage(a.h, kind, o)
	}
	for _, f := range slices.Backward(a.faults) {
		proof.Story = append(proof.Story, f.text+".")
	}
	return proof
}

package checkers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// FaultRecovery is what one fault did to those who used the system.
type FaultRecovery struct {
	// Run, Step and Fault say which it was: the header's run, the plan's step and the
	// fault's text.
	Run   string `json:"run,omitempty"`
	Step  int    `json:"step"`
	Fault string `json:"fault"`
	// Injected and Healed are nanoseconds since the run began; Healed is
	// history.Open where it never was.
	Injected int64 `json:"injected_ns"`
	Healed   int64 `json:"healed_ns"`
	// CutShort says that the load ended while the fault was in force, so nobody
	// asked whether the system recovers; NoBite that it was seen to do nothing. Neither is
	// taken as a sample of how long it takes to recover.
	CutShort bool `json:"cut_short,omitempty"`
	NoBite   bool `json:"no_bite,omitempty"`
	// Outages are for each kind of operation, of all clients and of those of each node
	// and each group, the longest time without an acknowledgement that the fault had a
	// part in.
	Outages []FaultOutage `json:"outages,omitempty"`
	// LossKnown says that it is known what was lost: LostOperations acknowledged
	// operations, the first of which was acknowledged LostWindow before the last.
	LossKnown      bool          `json:"loss_known,omitempty"`
	LostOperations int           `json:"lost_operations,omitempty"`
	LostWindow     time.Duration `json:"lost_window_ns,omitempty"`
}

// FaultOutage is how long operations of a kind were not served because of a fault.
type FaultOutage struct {
	Kind string `json:"kind"`
	// Node and Group say whose operations these were; both are empty for everybody's.
	Node  string `json:"node,omitempty"`
	Group string `json:"group,omitempty"`
	// Unavailable is how long the outage was, From and To when.
	Unavailable time.Duration `json:"unavailable_ns"`
	From        int64         `json:"from_ns"`
	To          int64         `json:"to_ns"`
	// AfterHeal is from the heal, or the first call after it where nothing was asked
	// for then, to the first acknowledgement after it. Recovered says that there was one.
	AfterHeal time.Duration `json:"after_heal_ns,omitempty"`
	Recovered bool          `json:"recovered,omitempty"`
	// Unended says that the load ended first: the outage lasted so long at least.
	Unended bool `json:"unended,omitempty"`

	kind   history.Kind
	outage outage
	asked  bool // AfterHeal is known, be it only that it is longer
}

// faultSpan is a fault while it was in force.
type faultSpan struct {
	step             int
	text             string
	injected, healed int64 // Open where it never was
	idle             bool  // it was seen not to bite
}

// faultSpans lists the faults that were injected, in that order. A step that is
// injected again is a fault of its own.
func faultSpans(h *history.History) []faultSpan {
	var spans []faultSpan
	open := map[int]int{} // step → index in spans
	events := slices.Clone(h.Faults)
	slices.SortStableFunc(events, func(a, b history.FaultEvent) int { return cmp.Compare(a.Time, b.Time) })
	for _, e := range events {
		if e.Phase == "injected" {
			open[e.Step] = len(spans)
			spans = append(spans, faultSpan{step: e.Step, text: e.Fault, injected: e.Time, healed: history.Open})
			continue
		}
		at, known := open[e.Step]
		if !known {
			continue
		}
		switch s := &spans[at]; e.Phase {
		case "no-bite":
			s.idle = true
		case "bit":
			s.idle = false
		case "healed":
			if s.healed == history.Open {
				s.healed = e.Time
			}
		}
	}
	return spans
}

// RecoverySamples says of each fault of a run how long what was unavailable, and, if
// the history has lists and final reads, what was lost. The error says why the
// history can't be judged, or that time ran out. See [RecoveryTime] and [RecoveryPoint]
// for what is meant, and [Recovery] for what to do with the samples of several runs.
func RecoverySamples(ctx context.Context, h *history.History, budget Budget) ([]FaultRecovery, error) {
	deadline := time.Now().Add(budget.WithDefaults().Time)
	if err := Sound(h); err != nil {
		return nil, err
	}
	samples, _, err := sampleOutages(ctx, h, deadline)
	if err != nil {
		return nil, err
	}
	losses, err := reckonLosses(ctx, h, deadline)
	if err != nil {
		return nil, err
	}
	if losses.acked > 0 && losses.unread.count == 0 {
		sampleLosses(losses, samples)
	}
	return samples, nil
}

// sampleOutages finds the outages that each fault had a part in.
func sampleOutages(ctx context.Context, h *history.History, deadline time.Time) ([]FaultRecovery, *sweeper, error) {
	spans := faultSpans(h)
	r := outageSampler{spans: spans}
	s := newSweeper(h, true, r.note)
	r.found, r.from = make([]FaultOutage, len(spans)*len(s.streams)), make([]int, len(s.streams))
	if err := s.sweep(ctx, deadline); err != nil {
		return nil, nil, err
	}
	samples := make([]FaultRecovery, len(spans))
	for i, span := range spans {
		samples[i] = FaultRecovery{Run: h.Header.Run, Step: span.step, Fault: span.text, Injected: span.injected, Healed: span.healed,
			CutShort: span.healed >= s.to, NoBite: span.idle}
		for _, o := range r.found[i*len(s.streams) : (i+1)*len(s.streams)] { // in the order of kinds
			if o.Kind != "" {
				samples[i].Outages = append(samples[i].Outages, o)
			}
		}
	}
	return samples, s, nil
}

type outageSampler struct {
	spans []faultSpan   // by their injection
	found []FaultOutage // by span and stream; those that are none have no kind
	from  []int         // by stream: spans before it were healed before all that is to come
}

// note adds an outage to the faults that had a part in it: it overlaps the time
// in which the fault was in force, or it is the last one before the first
// acknowledgement after the heal.
func (r *outageSampler) note(s *stream, o outage) {
	from := &r.from[s.number]
	for *from < len(r.spans) && r.spans[*from].healed < o.last {
		*from++
	}
	for i := *from; i < len(r.spans) && r.spans[i].injected < o.to; i++ {
		if o.last <= r.spans[i].healed {
			r.take(i, s, o)
		}
	}
}

func (r *outageSampler) take(i int, s *stream, o outage) {
	f := &r.found[i*len(r.from)+s.number]
	first := f.Kind == ""
	if first {
		f.Kind, f.Node, f.Group, f.kind = s.kind.String(), s.node, s.group, s.kind
	}
	if length := time.Duration(o.length()); first || length > f.Unavailable {
		f.Unavailable, f.From, f.To, f.outage, f.Unended = length, o.from, o.to, o, o.open
	}
	if healed := r.spans[i].healed; o.to > healed {
		f.AfterHeal, f.Recovered, f.asked = time.Duration(o.to-max(healed, o.from)), !o.open, true
	}
}

// RecoveryFigures is what is known of a quantity over the faults of one or several runs.
type RecoveryFigures struct {
	P50, P95 Quantile
	// Min and Max are over the samples that were seen to their end, or zero.
	Min, Max float64
}

// KindRecovery is how long operations of a kind were not served, in seconds.
type KindRecovery struct {
	Kind        string
	Unavailable RecoveryFigures
	AfterHeal   RecoveryFigures
}

// RecoverySummary is what several faults did, of one or several runs.
type RecoverySummary struct {
	// Faults is how many there were.
	Faults, CutShort, NoBite int
	// Kinds are the recovery times by kind of operation, for everybody's operations,
	// without those of faults that were cut short or did not bite; see [FaultRecovery].
	Kinds []KindRecovery
	// LostSeconds and LostOperations are the recovery points.
	LostSeconds, LostOperations RecoveryFigures
}

// Recovery merges what is known of faults: of the samples of one run, or of those of
// several runs taken together. It says nothing of the differences between faults:
// merge what belongs together, for instance the same fault in repeated runs.
func Recovery(samples []FaultRecovery) RecoverySummary {
	var all RecoverySummary
	unavailable, after := map[string][]Sample{}, map[string][]Sample{}
	var lostSeconds, lostOperations []Sample
	for _, s := range samples {
		all.Faults++
		switch {
		case s.NoBite:
			all.NoBite++
		case s.CutShort:
			all.CutShort++
		}
		if s.LossKnown {
			lostSeconds = append(lostSeconds, Sample{Value: s.LostWindow.Seconds()})
			lostOperations = append(lostOperations, Sample{Value: float64(s.LostOperations)})
		}
		if s.NoBite || s.CutShort {
			continue
		}
		for _, o := range s.Outages {
			if o.Node != "" || o.Group != "" {
				continue
			}
			unavailable[o.Kind] = append(unavailable[o.Kind], Sample{o.Unavailable.Seconds(), o.Unended})
			if o.asked || o.Recovered {
				after[o.Kind] = append(after[o.Kind], Sample{o.AfterHeal.Seconds(), !o.Recovered})
			}
		}
	}
	for _, kind := range history.Kinds() {
		if name := kind.String(); len(unavailable[name]) > 0 {
			all.Kinds = append(all.Kinds, KindRecovery{name, recoveryFigures(unavailable[name]), recoveryFigures(after[name])})
		}
	}
	all.LostSeconds, all.LostOperations = recoveryFigures(lostSeconds), recoveryFigures(lostOperations)
	return all
}

func recoveryFigures(samples []Sample) RecoveryFigures {
	f := RecoveryFigures{P50: EstimateQuantile(samples, 0.50), P95: EstimateQuantile(samples, 0.95)}
	for i, s := range samples {
		if i == 0 || s.Value < f.Min {
			f.Min = s.Value
		}
		f.Max = max(f.Max, s.Value)
	}
	return f
}

// add adds the figures under a name, for instance "unavailable" and "_seconds_write".
func (f RecoveryFigures) add(figures map[string]float64, name, unit string) {
	figures[name+"_max"+unit] = f.Max
	f.P50.figures(figures, name+"_p50", unit)
	f.P95.figures(figures, name+"_p95", unit)
}

// text says the quantiles where they are known, else the range and why not.
func (f RecoveryFigures) text(unit string) string {
	if !f.P50.Known {
		return fmt.Sprintf("%.3g to %.3g %s (%s: too few for quantiles, the median needs %d)", f.Min, f.Max, unit, plural(f.P50.Samples, "fault"), f.P50.Needed)
	}
	return fmt.Sprintf("p50 %s; p95 %s; at most %.3g %s", f.P50.Text(unit), f.P95.Text(unit), f.Max, unit)
}

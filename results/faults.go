package results

import (
	"slices"
	"sort"
	"strings"
	"unicode"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness/history"
)

// FaultsOf reads the lives of faults from a history's fault events, in the order
// in which the steps first appear. A step that was injected more than once has
// one entry for each time. When a step was planned for is not in a history.
func FaultsOf(h *history.History) []Fault {
	if h == nil {
		return nil
	}
	var faults []Fault
	latest := map[int]int{} // step → index in faults
	for _, event := range h.Faults {
		if event.Phase == checkers.PhaseCrashed { // no fault of the plan
			continue
		}
		at, known := latest[event.Step]
		if !known || event.Phase == "injected" && faults[at].Injected != 0 {
			again := Fault{Step: event.Step, Text: event.Fault}
			if known {
				again.Mix = faults[at].Mix
			}
			at = len(faults)
			faults = append(faults, again)
			latest[event.Step] = at
		}
		faults[at].take(event)
	}
	return faults
}

func (f *Fault) take(event history.FaultEvent) {
	if len(event.Nodes) > 0 {
		f.Nodes = event.Nodes
	}
	switch event.Phase {
	case "planned":
		f.Mix = event.Detail == "mix"
	case "injected":
		// Only now the target is known: "the leader" has become n2.
		f.Injected, f.Text = event.Time, event.Fault
	case "bit":
		f.Bit, f.Proof = true, event.Detail
	case "no-bite":
		f.Proof = event.Detail
	case "healed":
		f.Healed, f.Counted = event.Time, event.Detail
	case "failed":
		f.Error = event.Detail
		if f.Error == "" {
			f.Error = "failed"
		}
	}
}

// allFaults are the run's faults, and after them what only the history knows of.
// Where both know a fault, the run's entry is completed from the history's.
func allFaults(run Run, h *history.History) []Fault {
	faults := append([]Fault(nil), run.Faults...)
	byStep := map[int][]int{}
	for i, f := range faults {
		byStep[f.Step] = append(byStep[f.Step], i)
	}
	for _, recorded := range FaultsOf(h) {
		known := byStep[recorded.Step]
		if len(known) == 0 {
			faults = append(faults, recorded)
			continue
		}
		byStep[recorded.Step] = known[1:]
		faults[known[0]].complete(recorded)
	}
	return faults
}

// complete fills in what f does not say.
func (f *Fault) complete(from Fault) {
	if f.Text == "" {
		f.Text = from.Text
	}
	if len(f.Nodes) == 0 {
		f.Nodes = from.Nodes
	}
	if f.Injected == 0 {
		f.Injected = from.Injected
	}
	if f.Healed == 0 {
		f.Healed = from.Healed
	}
	if f.Proof == "" {
		f.Proof = from.Proof
	}
	if f.Counted == "" {
		f.Counted = from.Counted
	}
	if f.Error == "" {
		f.Error = from.Error
	}
	f.Bit = f.Bit || from.Bit
}

// span is a fault while it was in force.
type span struct {
	Fault
	From, To int64
	Class    string // of the style sheet: "down", "paused", "scarce" or "net"
	Name     string // what kind of fault it is
}

// spansOf lists the faults that were in force, by their beginning. One that was
// never healed lasts until end.
func spansOf(faults []Fault, end int64) []span {
	var spans []span
	for _, f := range faults {
		if f.Injected == 0 {
			continue
		}
		s := span{Fault: f, From: f.Injected, To: f.Healed, Name: faultName(f)}
		if s.To < s.From {
			s.To = max(end, s.From)
		}
		s.Class = faultClass(s.Name)
		spans = append(spans, s)
	}
	sort.SliceStable(spans, func(i, j int) bool { return spans[i].From < spans[j].From })
	return spans
}

// faultName is how a fault's text begins, before its parameters and targets:
// "black hole" of "black hole n2 | n1 n3", "latency" of "latency 60ms ± 40ms n3".
func faultName(f Fault) string {
	var name []string
	for _, word := range strings.Fields(f.Text) {
		plainWord := strings.IndexFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' }) < 0
		if len(name) > 0 && (!plainWord || word == "the" || word == "of" || slices.Contains(f.Nodes, word)) {
			break
		}
		name = append(name, word)
	}
	if len(name) == 0 {
		return "fault"
	}
	return strings.Join(name, " ")
}

// faultClass tells, by a fault's name, programs that are dead, stand still, or lack
// something, and clients that stall, from a network that is cut.
func faultClass(name string) string {
	switch name = strings.ToLower(name); {
	case strings.Contains(name, "pause"), strings.Contains(name, "freeze"):
		return "paused"
	case strings.Contains(name, "kill"), strings.Contains(name, "stop"), strings.Contains(name, "crash"),
		strings.Contains(name, "power"), strings.Contains(name, "restart"), strings.Contains(name, "out-of-memory"):
		return "down"
	case strings.HasPrefix(name, "cpu"), strings.HasPrefix(name, "memory"), strings.HasPrefix(name, "process"), strings.HasPrefix(name, "stall"),
		strings.HasPrefix(name, "disk"), strings.HasPrefix(name, "slow disk"), strings.HasPrefix(name, "slow-disk"):
		return "scarce"
	default:
		return "net"
	}
}

// What says what the fault did: what proved its bite, and what it did altogether
// where that is more.
func (f Fault) What() string {
	switch {
	case f.Counted == "" || f.Counted == f.Proof:
		return f.Proof
	case f.Proof == "":
		return f.Counted
	}
	return f.Proof + "; at its end: " + f.Counted
}

// Fate says in a word or two what became of a fault: "bit", "did not bite",
// "not injected" or "failed".
func (f Fault) Fate() string {
	switch {
	case f.Error != "":
		return "failed"
	case f.Injected == 0 && !f.Bit:
		return "not injected"
	case f.Bit:
		return "bit"
	default:
		return "did not bite"
	}
}

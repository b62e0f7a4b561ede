package txn

import (
	"fmt"
	"slices"
	"strings"
)

// The names of the anomalies. Those of cycles come also with "-process" and with
// "-realtime" behind them.
const (
	G0           = "G0"                 // cycle of ww
	G1a          = "G1a"                // a read of what a failed transaction wrote
	G1b          = "G1b"                // a read of what its transaction wrote over before it ended
	G1c          = "G1c"                // cycle of ww and wr
	GSingle      = "G-single-item"      // cycle with one rw
	GNonadjacent = "G-nonadjacent-item" // cycle with several rw, no two of them in a row
	G2Item       = "G2-item"            // cycle with two rw in a row

	Internal          = "internal"           // a transaction contradicts its own earlier reads and writes
	FutureRead        = "future-read"        // a transaction reads what it writes only later
	DirtyUpdate       = "dirty-update"       // an acknowledged append on top of one that failed
	LostUpdate        = "lost-update"        // two transactions read the same version and both overwrote it
	DuplicateElements = "duplicate-elements" // one append, seen twice in a list
	IncompatibleOrder = "incompatible-order" // two reads of a list neither of which begins with the other
	CyclicVersions    = "cyclic-versions"    // a version of a key is older than itself
	Garbage           = "garbage"            // a read of a value that nobody wrote

	// RealtimeVersions is found by [Register] only: in real time a version of a key is
	// older than itself, or a cycle of ww and wr is there.
	RealtimeVersions = "realtime-version-cycle"

	// No order of all transactions lets each see what these levels say that it has to
	// see; found from who read from whom alone. They come also with "-process".
	MonotonicViewCycle = "monotonic-atomic-view-cycle"
	ReadAtomicCycle    = "read-atomic-cycle"
	CausalCycle        = "causal-cycle"
)

// alias is what else an anomaly is called.
var alias = map[string]string{
	G0: "dirty write", G1a: "aborted read", G1b: "intermediate read", G1c: "circular information flow",
	GSingle: "read skew", G2Item: "write skew",
}

// alsoCalled is the name of an anomaly with what else it is called.
func alsoCalled(anomaly string) string {
	base, _ := splitAnomaly(anomaly)
	if other := alias[base]; other != "" {
		return fmt.Sprintf("%s (%s)", anomaly, other)
	}
	return anomaly
}

// severity orders the anomalies by how little a system may promise to be excused.
var severity = []string{
	DuplicateElements, CyclicVersions, G0, Garbage, G1a, DirtyUpdate, IncompatibleOrder, G1b, FutureRead, G1c, MonotonicViewCycle,
	Internal, ReadAtomicCycle, CausalCycle, LostUpdate, GSingle, GNonadjacent, G2Item,
	G0 + "-process", G1c + "-process", MonotonicViewCycle + "-process", ReadAtomicCycle + "-process", CausalCycle + "-process", GSingle + "-process", GNonadjacent + "-process", G2Item + "-process",
	G0 + "-realtime", G1c + "-realtime", RealtimeVersions, GSingle + "-realtime", GNonadjacent + "-realtime", G2Item + "-realtime",
}

// implied says what else is there where an anomaly is: an aborted read is there
// where a list was read that never was, and a cycle of writes is one of reads and
// writes too. Every cycle is also one with process and with realtime edges allowed.
var implied = map[string][]string{
	G0: {G1c}, Garbage: {G1a}, DirtyUpdate: {G1a}, IncompatibleOrder: {G1a}, FutureRead: {G1c},
	GSingle: {GNonadjacent}, GNonadjacent: {G2Item}, LostUpdate: {G2Item},
	MonotonicViewCycle: {ReadAtomicCycle}, ReadAtomicCycle: {CausalCycle},
}

// model is a consistency model: what it implies and which anomalies it forbids
// beyond what those do.
type model struct {
	name    string
	implies []string
	forbids []string
}

// models are those that a history of transactions can tell apart, the stronger
// ones first. The lattice is Elle's (consistency_model.clj), which takes it from
// Adya's thesis, Bailis et al. (Highly Available Transactions), Cerone, Bernardi and
// Gotsman (A Framework for Transactional Consistency Models with Atomic Visibility),
// Daudjee and Salem (Lazy Database Replication with Snapshot Isolation) and Liu et
// al. (ROLA, here called update-atomic). The strong-session forms of read-atomic and
// causal are added: those are what Biswas and Enea define.
var models = []model{
	{"strict-serializable", []string{"strong-session-serializable", "strong-snapshot-isolation"}, []string{G1c + "-realtime", G2Item + "-realtime"}},
	{"strong-session-serializable", []string{"serializable", "strong-session-snapshot-isolation"}, []string{G1c + "-process", G2Item + "-process"}},
	{"strong-snapshot-isolation", []string{"strong-session-snapshot-isolation", "strong-read-committed"}, []string{Internal, GNonadjacent + "-realtime", RealtimeVersions}},
	{"serializable", []string{"repeatable-read", "snapshot-isolation", "update-serializable"}, []string{Internal, G2Item}},
	{"strong-session-snapshot-isolation", []string{"snapshot-isolation", "strong-session-causal"}, []string{Internal, GNonadjacent + "-process"}},
	{"strong-session-causal", []string{"causal-cerone", "strong-session-read-atomic"}, []string{CausalCycle + "-process"}},
	{"strong-session-read-atomic", []string{"read-atomic", "strong-session-read-committed"}, []string{MonotonicViewCycle + "-process", ReadAtomicCycle + "-process"}},
	{"strong-read-committed", []string{"strong-session-read-committed", "strong-read-uncommitted"}, []string{G1c + "-realtime"}},
	{"snapshot-isolation", []string{"forward-consistent-view", "monotonic-atomic-view", "monotonic-snapshot-read", "parallel-snapshot-isolation", "prefix"}, []string{Internal, GNonadjacent}},
	{"repeatable-read", []string{"cursor-stability", "monotonic-atomic-view"}, []string{G2Item, LostUpdate}},
	{"strong-session-read-committed", []string{"read-committed", "strong-session-read-uncommitted"}, []string{G1c + "-process"}},
	{"strong-read-uncommitted", []string{"strong-session-read-uncommitted"}, []string{G0 + "-realtime"}},
	{"update-serializable", []string{"forward-consistent-view"}, nil},
	{"forward-consistent-view", []string{"consistent-view"}, nil},
	{"consistent-view", []string{"cursor-stability", "monotonic-view"}, []string{GSingle}},
	{"parallel-snapshot-isolation", []string{"causal-cerone", "update-atomic"}, []string{Internal, G1a}},
	{"prefix", []string{"causal-cerone"}, []string{Internal, G1a}},
	{"causal-cerone", []string{"read-atomic"}, []string{Internal, G1a, CausalCycle}},
	{"update-atomic", []string{"read-atomic"}, []string{LostUpdate}},
	{"read-atomic", []string{"monotonic-atomic-view"}, []string{Internal, G1a, FutureRead, ReadAtomicCycle}},
	{"monotonic-snapshot-read", []string{"read-committed"}, nil},
	{"cursor-stability", []string{"read-committed"}, []string{LostUpdate}},
	{"monotonic-view", []string{"read-committed"}, nil},
	{"monotonic-atomic-view", []string{"read-committed"}, []string{MonotonicViewCycle}},
	{"strong-session-read-uncommitted", []string{"read-uncommitted"}, []string{G0 + "-process"}},
	{"read-committed", []string{"read-uncommitted"}, []string{G1a, G1b, G1c}},
	{"read-uncommitted", nil, []string{G0, DuplicateElements, CyclicVersions}},
}

// Levels lists the consistency models that can be asked for, the stronger ones first.
func Levels() []string {
	names := make([]string, len(models))
	for i := range models {
		names[i] = models[i].name
	}
	return names
}

// canonical is the name under which the lattice has a level. Some have two.
func canonical(level string) (string, error) {
	switch level {
	case "":
		return models[0].name, nil
	case "strong-serializable":
		level = "strict-serializable"
	case "conflict-serializable":
		level = "serializable"
	case "causal": // as most say, with sessions
		level = "strong-session-causal"
	}
	if !slices.Contains(Levels(), level) {
		return "", fmt.Errorf("%q is no level that transactions are judged by: those are %s", level, strings.Join(Levels(), ", "))
	}
	return level, nil
}

// withImplied adds what the anomalies imply.
func withImplied(anomalies []string) map[string]bool {
	all := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if all[name] {
			return
		}
		all[name] = true
		base, suffix := splitAnomaly(name)
		for _, other := range implied[base] {
			add(other + suffix)
		}
		switch {
		case suffix == "" && (slices.Contains(cycleNames, base) || slices.Contains(weakNames[:], base)):
			add(base + "-process")
		case suffix == "-process" && slices.Contains(cycleNames, base):
			add(base + "-realtime")
		}
	}
	for _, name := range anomalies {
		add(name)
	}
	return all
}

// splitAnomaly takes "-process" or "-realtime" off a name.
func splitAnomaly(name string) (base, suffix string) {
	for _, suffix := range suffixes[1:] {
		if base, found := strings.CutSuffix(name, suffix); found {
			return base, suffix
		}
	}
	return name, ""
}

// Boundary says what anomalies mean: the weakest models that they refute, all that
// they refute, and the strongest that they do not.
func Boundary(anomalies []string) (weakestRefuted, refuted, strongestLeft []string) {
	there := withImplied(anomalies)
	out := map[string]bool{}
	for i := len(models) - 1; i >= 0; i-- { // the weaker ones first
		m := &models[i]
		broken := slices.ContainsFunc(m.implies, func(name string) bool { return out[name] })
		if !broken && slices.ContainsFunc(m.forbids, func(name string) bool { return there[name] }) {
			weakestRefuted = append(weakestRefuted, m.name)
			broken = true
		}
		out[m.name] = broken
	}
	covered := map[string]bool{}
	for i := range models {
		m := &models[i]
		if out[m.name] {
			refuted = append(refuted, m.name)
			continue
		}
		if !covered[m.name] {
			strongestLeft = append(strongestLeft, m.name)
		}
		for _, weaker := range m.implies {
			covered[weaker] = true
		}
	}
	return weakestRefuted, refuted, strongestLeft
}

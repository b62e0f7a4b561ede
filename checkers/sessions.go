package checkers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// Sessions judges the four session guarantees of Terry et al., "Session Guarantees
// for Weakly Consistent Replicated Data" (1994). A process is a session.
//
//   - monotonic reads: a session doesn't see an older version of a key after a newer one.
//   - read your writes: it doesn't see an older version than one that it wrote itself.
//   - monotonic writes: its writes are ordered as it made them.
//   - writes follow reads: what it writes is ordered after what it had seen.
//
// The zero value judges all four.
//
// # Registers
//
// Each key is judged by itself, by the values: each value stored is one version. A
// read, a refused compare-and-set that says what it saw, and a swap see a version;
// a write and a swap make one. That one version is older than another is known
//
//   - of the initial value, which is older than all: nothing stores it again.
//   - from swaps: a compare-and-set from 1 to 2 that took effect makes 2 the version
//     right after 1. One of unknown outcome did if its value was seen.
//   - from time: a version that certainly was there (its write had been acknowledged,
//     or somebody had seen it) before another one's write was called is older. That holds for
//     every store that orders writes by a leader, a log or agreement, be it one that
//     loses some of them. It does not where the last writer wins by clocks that may
//     differ, or where leaders write apart and merge: say so with AnyOrder.
//
// Two versions whose order is not known by these are held against nobody, unless
// the guarantees contradict each other: one session saw 1 and then 2, and another
// one 2 and then 1; then no order of the versions is left in which all of them hold, and
// the summary names those that it takes. With all four judged (and AnyOrder not set),
// a key is found violating if and only if no order of its versions agrees with
// what is known and with every session. With some left out, each operation is
// compared with the last version that its session saw or wrote, and no further.
//
// Versions of two keys are not compared: that a reader misses a write to x although
// it has seen a later one to y by the same session is for causal consistency to find.
//
// A key on which a value was stored twice, or the initial value again, is not judged,
// and neither is one whose swaps contradict each other or the clock ([Linearizable]
// finds that): the answer is inconclusive unless another key is violating. Reads of
// what nobody stored are left out.
//
// # Lists
//
// A [history.ReadList] says itself which elements are there. Elements are only ever added.
//
//   - monotonic reads: a read holds all that the session's read before held.
//   - read your writes: it holds all that the session appended before (as far as
//     nobody else appended the same value).
//   - monotonic writes: any read that holds an element holds what its session
//     had appended before it, and before it in the list.
//
// Writes follow reads is not judged on lists. [history.ReadLocal]s promise nothing.
//
// Figures: sessions, keys, keys_undecided, lists, reads, reads_unexplained;
// monotonic_reads, read_your_writes, monotonic_writes and writes_follow_reads (how
// often each was certainly broken), and contradictions (keys that only several
// guarantees together refute).
type Sessions struct {
	// NotMonotonicReads and so on leave out a guarantee.
	NotMonotonicReads, NotReadYourWrites, NotMonotonicWrites, NotWritesFollowReads bool
	// AnyOrder says that the store may order writes otherwise than in real time, and
	// may put one between those that were swapped.
	AnyOrder bool
}

// guarantee is one of the four.
type guarantee int8

const (
	monotonicReads guarantee = iota
	readYourWrites
	monotonicWrites
	writesFollowReads
	guarantees
)

var guaranteeNames = [guarantees]string{"monotonic reads", "read your writes", "monotonic writes", "writes follow reads"}

// Check implements [Checker].
func (c Sessions) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	s := sessions{Sessions: c, on: [guarantees]bool{!c.NotMonotonicReads, !c.NotReadYourWrites, !c.NotMonotonicWrites, !c.NotWritesFollowReads}}
	return runOrder(ctx, "sessions", evidence, budget, s.judge, s.conclude)
}

// sessionCase counts what breaks one guarantee, and keeps the earliest.
type sessionCase struct {
	count  int
	key    history.Key
	time   int64
	places []int32
	why    func(t tale) []string
}

// earlier counts one case, and reports whether it is to be kept.
func (c *sessionCase) earlier(key history.Key, time int64) bool {
	if c.count++; c.count > 1 && time >= c.time {
		return false
	}
	c.key, c.time = key, time
	return true
}

func (c *sessionCase) prove(h *history.History) *Proof {
	proof, t := beginTale(h, c.places...)
	proof.Story = append(proof.Story, c.why(t)...)
	return proof
}

// sessions is one call of Check.
type sessions struct {
	Sessions
	on      [guarantees]bool
	run     *orderRun
	seats   seats
	initial history.Value
	order   versionOrder
	state   []sessionState // by seat
	lists   sessionLists

	keys, undecided, listKeys int
	reads, unexplained        int
	reason                    string // why the first undecided key is
	broken                    [guarantees]sessionCase
	together                  sessionCase
	names                     []string // of the guarantees that contradict each other in together
}

// sessionState is what a session did last on the key at hand.
type sessionState struct {
	round       int32
	read, wrote int32 // versions; none
	readAt      int32 // the operations
	wroteAt     int32
}

func (s *sessions) judge(r *orderRun) {
	initial, err := r.h.InitialValue()
	if err != nil {
		r.stopped = err
		return
	}
	if r.h.Header.InitialUnknown {
		initial = history.None
	}
	s.initial = initial
	stores := make([]int32, len(r.h.Keys)) // by key: how many operations store a value
	lists, known := split(r.h, 2*len(r.h.Keys), func(op *history.Op) int32 {
		role := sessionRole(op)
		if role == 2*int32(op.Key) && op.Kind != history.Read && !op.Mismatch {
			stores[op.Key]++
		}
		return role
	})
	s.run, s.seats = r, known
	s.state = make([]sessionState, s.seats.count)
	for key := range r.h.Keys {
		places := lists[2*key]
		if len(places) == 0 {
			continue
		}
		if !r.alive() {
			return
		}
		s.keys++
		if reason := s.register(history.Key(key), places, int(stores[key])); reason != "" {
			if s.undecided++; s.undecided == 1 {
				s.reason = fmt.Sprintf("key %s: %s", nameText(r.h, history.Key(key)), reason)
			}
		}
	}
	s.judgeLists(lists)
}

// sessionRole says whether an operation is of a register or of a list.
func sessionRole(op *history.Op) int32 {
	switch op.Kind {
	case history.Read, history.Write, history.CAS:
		if op.Outcome != history.Fail {
			return 2 * int32(op.Key)
		}
	case history.Append:
		if op.Outcome != history.Fail {
			return 2*int32(op.Key) + 1
		}
	case history.ReadList:
		if op.Outcome == history.OK {
			return 2*int32(op.Key) + 1
		}
	}
	return none
}

// register judges one key, on which so many operations store a value. It returns why it
// can't, if it can't.
func (s *sessions) register(key history.Key, places []int32, stores int) string {
	o := &s.order
	if reason := o.make(s.run, &s.seats, places, stores, s.initial, s.AnyOrder); reason != "" {
		return reason
	}
	s.follow(key)
	if s.run.stopped != nil {
		return ""
	}
	agree := len(o.steps) == 0 && !o.joined || o.consistent(o.steps)
	if !agree && o.joined && !o.consistent(nil) {
		return "its swaps contradict each other or the clock, so the order of its versions is not known (Linearizable judges that)"
	}
	for _, x := range o.against {
		if c := &s.broken[x.by]; c.earlier(key, s.endOf(x.newerAt)) {
			c.places, c.why = s.explain(key, x)
		}
	}
	if !agree {
		if o.joined {
			o.consistent(o.steps) // for what is left, which was overwritten
		}
		s.contradict(key)
	}
	return ""
}

// step says that by a guarantee a session needs one version to be older than another.
type step struct {
	older, newer     int32 // versions
	olderAt, newerAt int32 // the operations of the session
	by               guarantee
}

// follow goes through the sessions' operations on a key.
func (s *sessions) follow(key history.Key) {
	o := &s.order
	o.steps = slices.Grow(o.steps, len(o.events)/2)
	for i := range o.events {
		e := &o.events[i]
		state := &s.state[e.seat]
		if state.round != int32(key)+1 {
			*state = sessionState{round: int32(key) + 1, read: none, wrote: none}
		}
		if e.sees() {
			s.reads++
			if e.saw != none {
				s.need(step{state.read, e.saw, state.readAt, e.place, monotonicReads})
				s.need(step{state.wrote, e.saw, state.wroteAt, e.place, readYourWrites})
				state.read, state.readAt = e.saw, e.place
			} else {
				s.unexplained++
			}
		}
		// An unknown write that nobody saw may not be there.
		if v := e.wrote; v != none && o.versions[v].seen {
			s.need(step{state.wrote, v, state.wroteAt, e.place, monotonicWrites})
			s.need(step{state.read, v, state.readAt, e.place, writesFollowReads})
			state.wrote, state.wroteAt = v, e.place
		}
		if !s.run.goOn() {
			return
		}
	}
}

// sessionSaw is the value that an operation was told, or needed to be there; None where
// there is none.
func sessionSaw(op *history.Op) history.Value {
	switch {
	case op.Outcome != history.OK:
		return history.None
	case op.Swapped():
		return op.Expect
	case op.Kind == history.Read, op.Mismatch:
		return op.Result
	}
	return history.None
}

// need judges a step, or notes it to be judged with the others.
func (s *sessions) need(x step) {
	o := &s.order
	if x.older == none || x.older == x.newer || !s.on[x.by] || o.before(x.older, x.newer) {
		return
	}
	if o.before(x.newer, x.older) {
		o.against = append(o.against, x)
	} else {
		o.steps = append(o.steps, x)
	}
}

// endOf is when an operation was answered, or called where it never was.
func (s *sessions) endOf(place int32) int64 {
	if op := &s.run.h.Ops[place]; op.Return != history.Open {
		return op.Return
	}
	return s.run.h.Ops[place].Call
}

// active counts the processes that had a part in what was judged.
func (s *sessions) active() int {
	n := 0
	for seat := range s.state {
		if s.state[seat].round > 0 || seat < len(s.lists.last) && s.lists.last[seat].round > 0 {
			n++
		}
	}
	return n
}

func (s *sessions) conclude(r *orderRun) {
	active := s.active()
	r.result.Figures = map[string]float64{
		"sessions": float64(active), "keys": float64(s.keys), "keys_undecided": float64(s.undecided), "lists": float64(s.listKeys),
		"reads": float64(s.reads), "reads_unexplained": float64(s.unexplained), "contradictions": float64(s.together.count),
	}
	var found []string
	var first *sessionCase
	for g := range guarantees {
		c := &s.broken[g]
		r.result.Figures[strings.ReplaceAll(guaranteeNames[g], " ", "_")] = float64(c.count)
		if c.count == 0 {
			continue
		}
		if first == nil {
			first = c
		}
		found = append(found, fmt.Sprintf("%s (%s)", guaranteeNames[g], times(int32(c.count))))
	}
	if s.together.count > 0 {
		if first == nil {
			first = &s.together
		}
		found = append(found, fmt.Sprintf("%s, which no order of the versions gives to every session (%s)", joinAnd(s.names), plural(s.together.count, "key")))
	}
	switch {
	case first != nil:
		r.result.Proof = first.prove(r.h)
		r.say(Violation, "broken: %s; %s", strings.Join(found, ", "), r.result.Proof.Story[len(r.result.Proof.Story)-1])
	case r.stopped != nil:
		r.say(Inconclusive, "not everything was judged: %v", r.stopped)
	case s.undecided > 0:
		r.say(Inconclusive, "%d of %s not judged: %s", s.undecided, plural(s.keys, "key"), s.reason)
	case s.reads-s.unexplained == 0:
		r.say(Inconclusive, "no read was told a value or a list that can be judged: the history proves nothing")
	default:
		r.say(Pass, "every session guarantee that was asked for holds: %s, %s", plural(active, "session"), plural(s.reads, "read"))
	}
}

package model

import (
	"fmt"

	"github.com/seatrial/seatrial/harness/history"
)

// Mutex is Knossos' mutex: a lock that is locked or not, whoever asks. To acquire
// it where it is locked, and to release it where it is not, is illegal. It is not
// locked at first.
func Mutex() Spec[bool] {
	return Spec[bool]{
		Name:  "mutex",
		Kinds: []history.Kind{history.Acquire, history.Release},
		Initial: func(o *Object) []bool {
			if o.Anything {
				return []bool{false, true}
			}
			return []bool{false}
		},
		Step: func(locked bool, op Op) (bool, bool) {
			if op.Kind == history.Acquire {
				return true, !locked
			}
			return false, locked
		},
		Describe: func(_ *Object, locked bool) string {
			if locked {
				return "locked"
			}
			return "not locked"
		},
	}
}

// Fenced is the state of a [FencedMutex].
type Fenced struct {
	Locked bool
	Holder int32
	// Granted and Written are the greatest fencing token that came with the lock, and
	// that a write carried.
	Granted, Written history.Value
}

// FencedMutex is Jepsen's fenced mutex for Hazelcast: a lock that only its holder
// (the process) may release, and that comes with a token greater than all before.
// An acquisition without a token is no evidence of one. Of an acquisition whose
// outcome nobody knows the token is unknown too: it is greater than all before.
//
// A write that carries a token is legal only where no write before it carried a
// greater one: that is what a store behind such a lock has to see to. Jepsen's has
// no writes.
func FencedMutex() Spec[Fenced] {
	return Spec[Fenced]{
		Name:      "fenced-mutex",
		Kinds:     []history.Kind{history.Acquire, history.Release, history.Write},
		ByProcess: true,
		Initial:   firstFenced,
		Step:      stepFenced,
		Observes:  func(op Op) bool { return op.Kind == history.Write && op.Expect == history.None },
		Reduce:    reduceFenced,
		Describe:  describeFenced,
	}
}

// firstFenced is a free lock. Where nobody knows who held it at first, whoever
// released it may have.
func firstFenced(o *Object) []Fenced {
	states := []Fenced{{Granted: history.None, Written: history.None}}
	if o.Anything {
		seen := map[int32]bool{}
		for i := range o.Ops {
			if op := &o.Ops[i]; op.Kind == history.Release && !seen[op.Process] {
				seen[op.Process] = true
				states = append(states, Fenced{Locked: true, Holder: op.Process, Granted: history.None, Written: history.None})
			}
		}
	}
	return states
}

func stepFenced(state Fenced, op Op) (Fenced, bool) {
	switch op.Kind {
	case history.Acquire:
		ok := !state.Locked
		switch {
		case op.Known() && op.Result != history.None:
			ok = ok && op.Result > state.Granted
			state.Granted = op.Result
		case !op.Known() && state.Granted.IsInt():
			state.Granted++
		}
		state.Locked, state.Holder = true, op.Process
		return state, ok
	case history.Release:
		ok := state.Locked && state.Holder == op.Process
		state.Locked, state.Holder = false, 0
		return state, ok
	default:
		if op.Expect == history.None {
			return state, true
		}
		ok := op.Expect >= state.Written
		state.Written = op.Expect
		return state, ok
	}
}

// reduceFenced leaves out what can't help anybody, of operations of unknown outcome:
//
//   - A write: what it leaves behind is a greater token at most, which no later write
//     needs.
//   - An acquisition whose process did not release the lock afterwards: nobody else can,
//     so no acquisition and no release comes after it. Writes may, and those look at
//     other writes only.
func reduceFenced(_ *Spec[Fenced], o *Object) *Object {
	last := map[int32]int64{} // by process: when its last release returned
	for i := range o.Ops {
		if op := &o.Ops[i]; op.Kind == history.Release {
			last[op.Process] = max(last[op.Process], op.Return)
		}
	}
	return o.filter(func(i int) bool {
		op := &o.Ops[i]
		if op.Outcome == history.OK {
			return true
		}
		released, ever := last[op.Process]
		return op.Kind == history.Release || op.Kind == history.Acquire && ever && released >= op.Call
	})
}

func describeFenced(o *Object, state Fenced) string {
	text := "not locked"
	if state.Locked {
		text = fmt.Sprintf("held by p%d", state.Holder)
	}
	if state.Granted != history.None {
		text += ", greatest token " + o.H.Text(state.Granted)
	}
	if state.Written != history.None {
		text += ", written with " + o.H.Text(state.Written)
	}
	return text
}

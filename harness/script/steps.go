package script

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/named"
)

// Script is steps that are done one after the other.
type Script struct {
	// Sessions says where sessions sit. One that is not listed sits in the open,
	// with the system's first member.
	Sessions []Session
	Steps    Steps
}

// Session is the place of a named client.
type Session struct {
	Name string
	// Node is the node that it works through; "" is the first member.
	Node string
	// Group is the client group whose links it uses; "" is link.Clients.
	Group string
}

// Empty reports whether there is no script.
func (s Script) Empty() bool { return len(s.Steps) == 0 }

// Steps are done in their order.
type Steps []Step

// Step is one step; see the package for the list.
type Step interface {
	// Text is one line for people.
	Text() string
	compile(c *compiler) error
}

// Do is one operation of a session.
type Do struct{ Session, Op string }

// Txn is a transaction of a session, from begin to commit.
type Txn struct{ Session, Do string }

// Begin begins a transaction, does some steps and holds it open. It is recorded as
// begun with everything that the script does in it.
type Begin struct {
	Session string
	Do      string `json:",omitempty"`
}

// Then does more steps in a session's open transaction.
type Then struct{ Session, Do string }

// Commit commits a session's open transaction.
type Commit struct{ Session string }

// Rollback gives a session's open transaction up: it certainly never happened.
type Rollback struct{ Session string }

// Behind lets a step of a session go on in the background. The session's next step
// waits for it.
type Behind struct{ Do Step }

// Await waits for the step that a session has in the background.
type Await struct {
	Session string
	// Within is the deadline. Default 10 s.
	Within time.Duration
}

// Repeat does steps many times. A # in a key becomes the round's number, from 1.
type Repeat struct {
	Times int
	Do    Steps
}

// Inject injects a fault, which stays in force until it is healed by its name, or
// with everything else at the end of the run.
type Inject struct {
	Name  string
	Fault fault.Fault
}

// Heal asks whether a fault bit, and heals it.
type Heal struct{ Name string }

// Until waits for a barrier.
type Until struct {
	Barrier Barrier
	// Within is the deadline. Default 10 s.
	Within time.Duration
}

// Wait waits for a time. To wait for a state, use [Until].
type Wait struct{ For time.Duration }

// Func is code. A plan shows it by its name and can't read it back.
type Func struct {
	Name string
	Do   func(ctx context.Context, on *Runner) error
}

func init() {
	named.Register(Do{}, Txn{}, Begin{}, Then{}, Commit{}, Rollback{}, Behind{}, Await{}, Repeat{},
		Inject{}, Heal{}, Until{}, Wait{},
		Acknowledged{}, LeaderIs{}, LeaderIsNot{}, Seen{}, LogLine{}, Serves{}, Blocked{})
}

// Text is "T1: write x".
func (s Do) Text() string { return s.Session + ": " + s.Op }

// Text is "T1: transaction: read x, write y".
func (s Txn) Text() string { return s.Session + ": transaction: " + s.Do }

// Text is "T1: begin, read x, and hold it open".
func (s Begin) Text() string {
	if s.Do == "" {
		return s.Session + ": begin, and hold it open"
	}
	return s.Session + ": begin, " + s.Do + ", and hold it open"
}

// Text is "T1: then read x".
func (s Then) Text() string { return s.Session + ": then " + s.Do }

// Text is "T1: commit".
func (s Commit) Text() string { return s.Session + ": commit" }

// Text is "T1: roll back".
func (s Rollback) Text() string { return s.Session + ": roll back" }

// Text is that of the step, and that nobody waits for it.
func (s Behind) Text() string {
	if s.Do == nil {
		return "nothing, in the background"
	}
	return s.Do.Text() + ", in the background"
}

// Text is "wait for T1".
func (s Await) Text() string {
	return fmt.Sprintf("wait for %s, at most %v", s.Session, limitOf(s.Within))
}

// Text is "10 times: " and the steps.
func (s Repeat) Text() string {
	texts := make([]string, len(s.Do))
	for i, step := range s.Do {
		if step != nil {
			texts[i] = step.Text()
		}
	}
	return fmt.Sprintf("%d times: %s", s.Times, strings.Join(texts, "; "))
}

// Text is "inject cut: black-hole of the leader".
func (s Inject) Text() string {
	if s.Fault == nil {
		return "inject " + s.Name
	}
	return fmt.Sprintf("inject %s: %s", s.Name, fault.Aimed(s.Fault))
}

// Text is "heal cut".
func (s Heal) Text() string { return "heal " + s.Name }

// Text is "until the leader is not n1, at most 10s".
func (s Until) Text() string {
	if s.Barrier == nil {
		return "until nothing"
	}
	return fmt.Sprintf("until %s, at most %v", s.Barrier.Text(), limitOf(s.Within))
}

// Text is "wait 2s".
func (s Wait) Text() string { return fmt.Sprintf("wait %v", s.For) }

// Text is the name.
func (s Func) Text() string { return s.Name + " (code)" }

// Describe is shown in the plan.
func (s Func) Describe() string { return s.Name }

// defaultWithin is the deadline of a step that has none of its own.
const defaultWithin = 10 * time.Second

func limitOf(within time.Duration) time.Duration {
	if within == 0 {
		return defaultWithin
	}
	return within
}

// Text is one line a step, numbered as errors and marks number them.
func (s Script) Text() []string {
	lines := make([]string, len(s.Steps))
	for i, step := range s.Steps {
		lines[i] = fmt.Sprintf("%d  %s", i+1, step.Text())
	}
	return lines
}

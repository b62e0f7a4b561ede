package script

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/workloads"
)

// maxActions bounds what a script's repetitions come to.
const maxActions = 100_000

// action is a step with everything drawn: repetitions are written out, keys have
// their numbers and writes their values.
type action struct {
	number  int    // of the script's step, from 1
	first   bool   // it is the first action of that step
	text    string // of the script's step
	session string
	do      doing
	behind  bool

	op      workloads.Operation // of an operation or a whole transaction
	steps   []history.Step      // of this part of an open transaction
	begins  *[]history.Step     // of a begin: all steps of the transaction
	name    string              // of a fault
	fault   fault.Fault
	barrier Barrier
	limit   time.Duration
	code    Func
}

type doing int

const (
	doOperation doing = iota
	doBegin
	doThen
	doCommit
	doRollback
	doAwait
	doInject
	doHeal
	doUntil
	doWait
	doCode
)

// compiler writes a script out as actions.
type compiler struct {
	actions []action
	number  int
	rounds  string // the number of the round of a repetition, "" outside of one
	behind  bool
	value   int64
	// open are the sessions with an open transaction, with all steps of each.
	open   map[string]*[]history.Step
	faults map[string]bool // in force
	final  []workloads.FinalRead
	seen   map[string]bool
}

// compile writes a script out. Values that it draws come after first.
func compile(s Script, first int64) (*compiler, error) {
	c := &compiler{value: first, open: map[string]*[]history.Step{}, faults: map[string]bool{}, seen: map[string]bool{}}
	for i, step := range s.Steps {
		c.number = i + 1
		if step == nil {
			return nil, fmt.Errorf("script: step %d is nil", i+1)
		}
		if err := step.compile(c); err != nil {
			return nil, fmt.Errorf("script: step %d, %s: %w", i+1, step.Text(), err)
		}
	}
	for session := range maps.Keys(c.open) {
		return nil, fmt.Errorf("script: the transaction of %s is never committed or rolled back", session)
	}
	for i := range c.actions {
		c.actions[i].text = s.Steps[c.actions[i].number-1].Text()
		c.actions[i].first = i == 0 || c.actions[i-1].number != c.actions[i].number
	}
	return c, nil
}

func (c *compiler) add(a action) error {
	if len(c.actions) == maxActions {
		return fmt.Errorf("the script comes to more than %d steps", maxActions)
	}
	a.number, a.behind = c.number, c.behind
	c.actions = append(c.actions, a)
	return nil
}

// ofSession adds an action of a session.
func (c *compiler) ofSession(session string, a action) error {
	if session == "" || strings.ContainsAny(session, " \t\n") {
		return fmt.Errorf("the session's name %q must be one word", session)
	}
	a.session = session
	return c.add(a)
}

func (s Do) compile(c *compiler) error {
	if c.open[s.Session] != nil {
		return fmt.Errorf("%s holds a transaction open: use Then", s.Session)
	}
	op, err := c.operation(s.Op)
	if err != nil {
		return err
	}
	return c.ofSession(s.Session, action{do: doOperation, op: op})
}

func (s Txn) compile(c *compiler) error {
	if c.open[s.Session] != nil {
		return fmt.Errorf("%s holds a transaction open already", s.Session)
	}
	steps, err := c.steps(s.Do)
	if err == nil && len(steps) == 0 {
		err = errors.New("it has no steps")
	}
	if err != nil {
		return err
	}
	return c.ofSession(s.Session, action{do: doOperation, op: workloads.TransactionOf(steps...)})
}

func (s Begin) compile(c *compiler) error {
	if c.open[s.Session] != nil {
		return fmt.Errorf("%s holds a transaction open already", s.Session)
	}
	steps, err := c.steps(s.Do)
	if err != nil {
		return err
	}
	all := slices.Clone(steps)
	c.open[s.Session] = &all
	return c.ofSession(s.Session, action{do: doBegin, steps: steps, begins: &all})
}

func (s Then) compile(c *compiler) error {
	all := c.open[s.Session]
	if all == nil {
		return fmt.Errorf("%s has no open transaction: use Begin", s.Session)
	}
	steps, err := c.steps(s.Do)
	if err != nil {
		return err
	}
	*all = append(*all, steps...)
	return c.ofSession(s.Session, action{do: doThen, steps: steps})
}

func (s Commit) compile(c *compiler) error { return c.end(s.Session, doCommit) }

func (s Rollback) compile(c *compiler) error { return c.end(s.Session, doRollback) }

func (c *compiler) end(session string, do doing) error {
	all := c.open[session]
	switch {
	case all == nil:
		return fmt.Errorf("%s has no open transaction", session)
	case len(*all) == 0:
		return fmt.Errorf("the transaction of %s has no steps", session)
	}
	delete(c.open, session)
	return c.ofSession(session, action{do: do})
}

func (s Behind) compile(c *compiler) error {
	switch s.Do.(type) {
	case Do, Txn, Begin, Then, Commit, Rollback:
	default:
		return errors.New("only a session's step can be in the background")
	}
	c.behind = true
	defer func() { c.behind = false }()
	return s.Do.compile(c)
}

func (s Await) compile(c *compiler) error {
	return c.ofSession(s.Session, action{do: doAwait, limit: limitOf(s.Within)})
}

func (s Repeat) compile(c *compiler) error {
	if s.Times < 1 || len(s.Do) == 0 {
		return fmt.Errorf("%d times %d steps is nothing", s.Times, len(s.Do))
	}
	outer := c.rounds
	defer func() { c.rounds = outer }()
	for round := range s.Times {
		c.rounds = strconv.Itoa(round + 1)
		if outer != "" {
			c.rounds = outer + "." + c.rounds
		}
		for _, step := range s.Do {
			if step == nil {
				return errors.New("a step is nil")
			}
			if err := step.compile(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s Inject) compile(c *compiler) error {
	switch {
	case s.Name == "" || s.Fault == nil:
		return errors.New("it needs a Name, to be healed by, and a Fault")
	case c.faults[s.Name]:
		return fmt.Errorf("%s is in force already", s.Name)
	}
	c.faults[s.Name] = true
	return c.add(action{do: doInject, name: s.Name, fault: s.Fault})
}

func (s Heal) compile(c *compiler) error {
	if !c.faults[s.Name] {
		return fmt.Errorf("no fault of the name %q is in force", s.Name)
	}
	delete(c.faults, s.Name)
	return c.add(action{do: doHeal, name: s.Name})
}

func (s Until) compile(c *compiler) error {
	if s.Barrier == nil || s.Within < 0 {
		return errors.New("it needs a Barrier, and a deadline that is not below zero")
	}
	return c.add(action{do: doUntil, barrier: s.Barrier, limit: limitOf(s.Within)})
}

func (s Wait) compile(c *compiler) error {
	if s.For <= 0 {
		return errors.New("say For how long")
	}
	return c.add(action{do: doWait, limit: s.For})
}

func (s Func) compile(c *compiler) error {
	if s.Name == "" || s.Do == nil {
		return errors.New("it needs a Name, for the plan, and Do")
	}
	return c.add(action{do: doCode, code: s})
}

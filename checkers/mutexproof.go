package checkers

import (
	"fmt"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// findings are what is violated, in words; the first is what the proof is of.
func (m *exclusion) findings() []string {
	h := m.run.h
	var found []string
	say := func(c *clash, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if c.count > 1 {
			text += fmt.Sprintf(" (the first of %d times)", c.count)
		}
		found = append(found, text)
	}
	if c := &m.holders; c.count > 0 {
		say(c, "two holders: %s and %s held %s at once", who(&h.Ops[c.one.place]), who(&h.Ops[c.other.place]), nameText(h, c.lock))
	}
	if c := &m.tokens; c.count > 0 {
		say(c, "tokens do not grow: %s was granted %s with token %s, and %s with %s", who(&h.Ops[c.one.place]), nameText(h, c.lock),
			h.Text(c.one.token), who(&h.Ops[c.other.place]), h.Text(c.other.token))
	}
	if c := &m.stale; c.count > 0 {
		say(c, "a stale holder's effect: %s's %v with token %s was acknowledged after one with token %s had been", who(&h.Ops[c.second]),
			h.Ops[c.second].Kind, h.Text(h.Ops[c.second].Expect), h.Text(h.Ops[c.first].Expect))
	}
	return found
}

// prove shows the first finding.
func (m *exclusion) prove() *Proof {
	switch {
	case m.holders.count > 0:
		return m.proveHolders()
	case m.tokens.count > 0:
		return m.proveTokens()
	default:
		return m.proveStale()
	}
}

func (m *exclusion) proveHolders() *Proof {
	c := &m.holders
	proof, t := beginTale(m.run.h, c.one.place, c.other.place, c.one.release, c.other.release)
	until := min(c.one.end, c.other.end)
	text := fmt.Sprintf("%s still held %s at %s, when %s was granted it: ", who(t.op(c.one.place)), nameText(t.h, c.lock), t.time(c.other.start), who(t.op(c.other.place)))
	switch {
	case c.one.release != none && c.one.end == t.op(c.one.release).Call:
		text += fmt.Sprintf("it had not called release before %s.", t.time(c.one.end))
	case c.one.end == history.Open:
		text += "it never called release."
	case m.Lease > 0 && c.one.end == t.op(c.one.place).Call+int64(m.Lease):
		text += fmt.Sprintf("its lease of %v was not over before %s.", m.Lease, t.time(c.one.end))
	default:
		text += fmt.Sprintf("it was still at work at %s, and had not called release.", t.time(c.one.end))
	}
	if until != history.Open {
		text += fmt.Sprintf(" For %v at least both held it.", time.Duration(until-c.other.start))
	} else {
		text += " From then on both held it."
	}
	proof.Story = append(proof.Story, text)
	return proof
}

func (m *exclusion) proveTokens() *Proof {
	c := &m.tokens
	released := none // shows that the second is a grant of its own
	if c.one.seat == c.other.seat {
		released = c.one.release
	}
	proof, t := beginTale(m.run.h, c.one.place, released, c.other.place)
	one, other := t.op(c.one.place), t.op(c.other.place)
	if other.Call > one.Return || one.Process == other.Process {
		proof.Story = append(proof.Story, fmt.Sprintf("%s was granted after %s had been told token %s, so its token must be greater; %s is not.",
			who(other), who(one), t.h.Text(one.Result), t.h.Text(other.Result)))
	} else {
		proof.Story = append(proof.Story, fmt.Sprintf("A lock is granted to one after the other, with a greater token each time: %s and %s can't both have %s.",
			who(one), who(other), t.h.Text(one.Result)))
	}
	return proof
}

// proveStale shows the two effects, and the grants that their tokens came with.
func (m *exclusion) proveStale() *Proof {
	c, h := &m.stale, m.run.h
	older, newer := h.Ops[c.second].Expect, h.Ops[c.first].Expect
	places := []int32{c.first, m.grantOf(c.first, c.lock), c.second, m.grantOf(c.second, c.lock)}
	proof, t := beginTale(h, places...)
	proof.Story = append(proof.Story, fmt.Sprintf("An effect with token %s of lock %s had been acknowledged at %s, so the holder of token %s had lost the lock. Its %v was called at %s, after that, and should have been refused.",
		h.Text(newer), nameText(h, c.lock), t.time(h.Ops[c.first].Return), h.Text(older), h.Ops[c.second].Kind, t.time(h.Ops[c.second].Call)))
	return proof
}

// grantOf finds the grant whose token an effect carried: its own process's, else
// anybody's. Where nobody was told the token, any operation shows which lock it is of.
func (m *exclusion) grantOf(effect int32, lock history.Key) int32 {
	h, found, shown := m.run.h, none, none
	for i := range h.Ops {
		op := &h.Ops[i]
		grants := op.Kind == history.Acquire && op.Outcome == history.OK
		if op.Key != lock || !grants && (op.Kind != history.Release || op.Outcome == history.Fail) {
			continue
		}
		if shown == none {
			shown = int32(i)
		}
		if !grants || op.Result != h.Ops[effect].Expect {
			continue
		}
		if op.Process == h.Ops[effect].Process {
			return int32(i)
		}
		if found == none {
			found = int32(i)
		}
	}
	if found == none {
		return shown
	}
	return found
}

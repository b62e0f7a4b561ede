package checkers

import (
	"fmt"

	"github.com/seatrial/seatrial/harness/history"
)

// prove tells why a key is not linearizable. It needs two or three operations: by
// themselves, and as far as they are about these elements, they can't all be true.
func (s *setJudge) prove(answer setAnswer) *Proof {
	indices := make([]int32, len(answer.places))
	for i, place := range answer.places {
		indices[i] = place
		if s.index != nil {
			indices[i] = s.index[place]
		}
	}
	about := answer.a
	if answer.flaw == setCrossed || answer.flaw == setOvertaken {
		about = history.None
	}
	proof, t := tellLists(s.h, about, indices...)
	ops := make([]*history.Op, len(indices))
	for i, n := range indices {
		ops[i] = &s.h.Ops[n]
	}
	proof.Story = append(proof.Story, t.concludeSet(answer, ops)...)
	return proof
}

// concludeSet says why the operations can't all be true; the last line is the
// contradiction.
func (t listTeller) concludeSet(answer setAnswer, ops []*history.Op) []string {
	a, list := elementText(t.h, answer.a), nameText(t.h, ops[0].Key)
	last := ops[len(ops)-1]
	switch answer.flaw {
	case setGarbage:
		if len(ops) == 2 {
			return []string{fmt.Sprintf("Nobody else ever tried to append %s to %s: an append that failed must never be seen.", a, list)}
		}
		return []string{fmt.Sprintf("Nobody ever tried to append %s to %s.", a, list)}
	case setTwice:
		return []string{fmt.Sprintf("A set holds an element once: %s can't be in it twice.", a)}
	case setEarly:
		return []string{fmt.Sprintf("%s was read before anybody had begun to append it: the read had returned at %s, before %s's append was called at %s.",
			a, t.time(last.Return), t.who(ops[0]), t.time(ops[0].Call))}
	case setMissed:
		return []string{fmt.Sprintf("Nothing takes elements away: %s's append of %s had been acknowledged at %s, before %s called list %s at %s, and that read lacks %s.",
			t.who(ops[0]), a, t.time(ops[0].Return), t.who(last), list, t.time(last.Call), a)}
	case setBack:
		return []string{fmt.Sprintf("Nothing takes elements away: %s's read had held %s at %s, before %s called list %s at %s, and that read lacks %s.",
			t.who(ops[0]), a, t.time(ops[0].Return), t.who(last), list, t.time(last.Call), a)}
	}
	b := elementText(t.h, answer.b)
	if answer.flaw == setOvertaken {
		return []string{
			fmt.Sprintf("%s was there before %s: %s's append of %s had been acknowledged at %s, before %s's append of %s was called at %s.",
				b, a, t.who(ops[0]), b, t.time(ops[0].Return), t.who(ops[1]), a, t.time(ops[1].Call)),
			fmt.Sprintf("Yet %s's read holds %s and lacks %s, and nothing takes elements away.", t.who(last), a, b),
		}
	}
	return []string{
		fmt.Sprintf("%s's read holds %s and lacks %s; %s's read holds %s and lacks %s.", t.who(ops[0]), a, b, t.who(last), b, a),
		"Nothing takes elements away: whichever read came first, the other one must hold all that it held.",
	}
}

package checkers

import (
	"context"
	"time"

	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// fastJudge decides one key at a time in near-linear time, or says that it does not.
type fastJudge interface {
	// judge reports whether the key is legal, and with that whether this is exact. Of
	// one that is not legal the proof is given, and that is always exact. The index
	// is that of the key's operations in h.Ops, nil for all.
	judge(h *history.History, index []int32) (legal, exact bool, proof func() *Proof)
	method() string
}

// fastJudgeOf returns the judge of one of our own models; nil where it has none, and
// for models of one's own.
func fastJudgeOf(ctx context.Context, m model.Model, deadline time.Time) fastJudge {
	switch m.Builtin() {
	case model.BuiltinFIFO:
		return &queueKeys{ordered: true}
	case model.BuiltinBag:
		return &queueKeys{}
	case model.BuiltinSet:
		return &setKeys{stop: func() bool { return inTime(ctx, deadline) != nil }}
	default:
		return nil
	}
}

type queueKeys struct {
	queueJudge
	ordered bool
}

func (q *queueKeys) method() string { return "bad patterns" }

func (q *queueKeys) judge(h *history.History, index []int32) (legal, exact bool, proof func() *Proof) {
	answer := q.decide(h, index, q.ordered)
	return answer.flaw == queueFlawless, answer.exact, func() *Proof { return q.prove(answer) }
}

type setKeys struct {
	setJudge
	stop func() bool
}

func (s *setKeys) method() string { return "contents" }

func (s *setKeys) judge(h *history.History, index []int32) (legal, exact bool, proof func() *Proof) {
	answer := s.decide(h, index, s.stop)
	return answer.flaw == setFlawless, answer.exact, func() *Proof { return s.prove(answer) }
}

// askFast has a fast judge decide the keys that it can. It returns which are decided;
// a violation is said.
func (j *judgement) askFast(fast fastJudge, deadline time.Time) (decided []bool) {
	decided = make([]bool, len(j.h.Keys))
	count := 0
	for key, index := range j.indexByKey() {
		if inTime(j.ctx, deadline) != nil {
			break // the search will say so
		}
		if len(index) == 0 {
			continue
		}
		if len(index) == len(j.h.Ops) {
			index = nil // the only key: read memory in order
		}
		legal, exact, proof := fast.judge(j.h, index)
		if legal && !exact {
			continue
		}
		decided[key] = true
		if count++; !legal {
			j.used(fast.method(), count)
			j.result.Figures["keys_violating"] = 1
			j.result.Proof = proof()
			story := j.result.Proof.Story
			j.say(Violation, "%s is not linearizable: %s", nameText(j.h, history.Key(key)), story[len(story)-1])
			return decided
		}
	}
	j.used(fast.method(), count)
	return decided
}

// indexByKey lists the operations of each key.
func (j *judgement) indexByKey() [][]int32 {
	counts := make([]int32, len(j.h.Keys))
	for i := range j.h.Ops {
		counts[j.h.Ops[i].Key]++
	}
	all := make([]int32, len(j.h.Ops))
	byKey := make([][]int32, len(counts))
	for key, n := range counts {
		byKey[key], all = all[:0:n], all[n:]
	}
	for i := range j.h.Ops {
		key := j.h.Ops[i].Key
		byKey[key] = append(byKey[key], int32(i))
	}
	return byKey
}

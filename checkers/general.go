package checkers

import (
	"fmt"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// general judges objects of any model: by a judge of its own where the model has one
// that decides the object, and by frontier search otherwise.
func (j *judgement) general(m model.Model, initial history.Value) {
	foreign := j.foreignKey(m)
	objects := model.Objects(j.h, m, initial)
	if reason := j.provesNothing(m); reason != "" {
		j.say(Inconclusive, "%s", reason)
		return
	}
	j.result.Figures["keys"] = float64(len(objects))
	rest, fast := objects[:0:0], 0
	for _, o := range objects {
		switch verdict, proof := decideFast(m, o); verdict {
		case frontier.Illegal:
			j.used("fast", fast+1)
			j.result.Figures["keys_violating"] = 1
			j.result.Proof = proof
			j.say(Violation, "%s is not linearizable: %s", j.objectName(m, o), proof.Story[len(proof.Story)-1])
			return
		case frontier.Legal:
			fast++
		default:
			rest = append(rest, o)
		}
	}
	if fast > 0 {
		j.used("fast", fast)
	}
	if violating := j.searchAll(m, rest); violating != nil {
		j.explain(m, violating.object)
		return
	}
	switch {
	case j.result.Summary != "":
	case foreign != history.Key(none):
		j.result.Figures["keys_undecided"]++
		j.say(Inconclusive, "not all was judged: %s has operations that a %s does not know", nameText(j.h, foreign), m.ModelName())
	default:
		j.pass()
	}
}

// decideFast is where judges that decide one model in near-linear time are asked,
// each under its conditions: one that does not decide the object says Undecided. The
// proof of a violation goes with Illegal.
func decideFast(_ model.Model, _ *model.Object) (frontier.Verdict, *Proof) {
	return frontier.Undecided, nil
}

// foreignKey is the first key with an operation that the model does not know.
func (j *judgement) foreignKey(m model.Model) history.Key {
	for i := range j.h.Ops {
		if !m.Fits(&j.h.Ops[i]) {
			return j.h.Ops[i].Key
		}
	}
	return history.Key(none)
}

// provesNothing fills in the figures. It returns why the history proves nothing, if
// it does: nobody was told anything that could be wrong.
func (j *judgement) provesNothing(m model.Model) string {
	unknown, completed, told := 0, 0, 0
	for i := range j.h.Ops {
		switch op := &j.h.Ops[i]; op.Outcome {
		case history.Info:
			unknown++
		case history.OK:
			completed++
			switch op.Kind {
			case history.Write, history.Append, history.Enqueue, history.Add:
			default:
				if m.Fits(op) {
					told++
				}
			}
		}
	}
	j.result.Figures = map[string]float64{"operations": float64(len(j.h.Ops)), "operations_unknown": float64(unknown)}
	switch {
	case len(j.h.Ops) == 0:
		return "the history is empty: it proves nothing"
	case completed == 0:
		return fmt.Sprintf("none of the %d operations was completed: the history proves nothing", len(j.h.Ops))
	case told == 0:
		return fmt.Sprintf("none of the %d operations was told anything about a %s: the history proves nothing", len(j.h.Ops), m.ModelName())
	}
	return ""
}

package checkers

import (
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// general judges objects of any model: by a judge of its own where the model has one
// that decides the object, and by frontier search otherwise.
func (j *judgement) general(m model.Model, initial history.Value) {
	foreign := j.foreignKey(m)
	if reason := j.provesNothing(m); reason != "" {
		j.say(Inconclusive, "%s", reason)
		return
	}
	deadline := j.began.Add(j.budget.Time)
	decided := make([]bool, len(j.h.Keys))
	if fast := fastJudgeOf(j.ctx, m, deadline); fast != nil && foreign == history.Key(none) {
		if decided = j.askFast(fast, deadline); j.result.Summary != "" {
			return
		}
	}
	rest := j.undecided(m, initial, decided)
	j.result.Figures["keys"] = float64(countTrue(decided) + len(rest))
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

// undecided are the objects that no fast judge has decided.
func (j *judgement) undecided(m model.Model, initial history.Value, decided []bool) []*model.Object {
	if !slices.ContainsFunc(j.h.Ops, func(op history.Op) bool { return !decided[op.Key] }) {
		return nil
	}
	return slices.DeleteFunc(model.Objects(j.h, m, initial), func(o *model.Object) bool { return decided[o.Key] })
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

func countTrue(list []bool) int {
	n := 0
	for _, yes := range list {
		if yes {
			n++
		}
	}
	return n
}

package checkers

import (
	"fmt"
	"strings"
	"time"

	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// explain shows the violation of an object by the few operations that prove it.
func (j *judgement) explain(m model.Model, o *model.Object) {
	s := j.searcher(1)
	// A small proof takes a few times what the verdict took.
	deadline := s.until(1)
	if long := j.began.Add(6 * time.Since(j.began)); long.After(deadline) {
		deadline = long
	}
	told, ok := m.Explain(j.ctx, o, s.limits(deadline))
	name := j.objectName(m, o)
	if !ok {
		j.result.Proof = &Proof{Story: []string{fmt.Sprintf("No order of the %d operations on %s explains every answer: there was no time to find a smaller proof.", len(o.Ops), name)}}
	} else {
		j.result.Proof = tellGeneral(j.h, m, o, told)
	}
	if !m.IsWhole() {
		j.result.Proof.Key = j.h.KeyName(o.Key)
	}
	story := j.result.Proof.Story
	j.say(Violation, "%s is not linearizable as a %s: %s", name, m.ModelName(), story[len(story)-1])
}

// generalTeller tells a proof about an object of any model.
type generalTeller struct {
	h      *history.History
	digits int
}

// tellGeneral writes an explanation for a person: what went before, what each client
// did, in the order of the calls, and why that can't be.
func tellGeneral(h *history.History, m model.Model, o *model.Object, told model.Explanation) *Proof {
	proof := &Proof{}
	places := told.Places[max(0, len(told.Places)-shownOperations):]
	ops := make([]*history.Op, len(places))
	for i, place := range places {
		ops[i] = &h.Ops[o.Index[place]]
	}
	t := generalTeller{h: h, digits: decimals(ops)}
	if told.Why != "" {
		proof.Story = append(proof.Story, fmt.Sprintf("These count: %s, and %s that had been called before the answer.", plural(len(told.Places), "operation"), plural(told.Before, "other")))
	} else if told.Before > 0 {
		proof.Story = append(proof.Story, fmt.Sprintf("Before these went %s. In whatever order that respects the clock and explains what was told, they left the %s %s.",
			plural(told.Before, "operation"), m.ModelName(), orList(told.Start)))
	}
	proof.Story = append(proof.Story, leftOut(len(told.Places)-len(places))...)
	for i, place := range places {
		index := int(o.Index[place])
		proof.Operations = append(proof.Operations, proofOperation(h, index))
		proof.Story = append(proof.Story, t.sentence(index, i > 0 && ops[i].Call > ops[i-1].Return))
	}
	if told.Open > 0 {
		proof.Story = append(proof.Story, fmt.Sprintf("Besides, %s had no answer yet: it makes no difference whether and when they took effect.", plural(told.Open, "operation")))
	}
	proof.Story = append(proof.Story, t.forgotten(o, told)...)
	if told.Values != nil {
		proof.Story = append(proof.Story, "Of lists, only these elements matter: "+t.values(told.Values)+".")
	}
	proof.Story = append(proof.Story, t.conclusion(o, told))
	return proof
}

func (t generalTeller) time(ns int64) string { return seconds(ns, t.digits) + " s" }

func (t generalTeller) sentence(index int, after bool) string {
	op := &t.h.Ops[index]
	begin := fmt.Sprintf("%s called %s at %s", who(op), t.asked(index), t.time(op.Call))
	if after {
		begin += ", after that,"
	}
	switch answer := t.answer(index); {
	case op.Outcome == history.Info:
		return begin + " and never learned the outcome."
	case answer == "":
		return fmt.Sprintf("%s and was acknowledged at %s.", begin, t.time(op.Return))
	default:
		return fmt.Sprintf("%s and was told %s at %s.", begin, answer, t.time(op.Return))
	}
}

// asked and answer are the two halves of an operation's description.
func (t generalTeller) asked(index int) string {
	text := t.h.Describe(index)
	if op := &t.h.Ops[index]; op.Kind != history.Txn {
		text, _, _ = strings.Cut(text, " → ")
	}
	return strings.TrimSuffix(text, " unknown outcome")
}

func (t generalTeller) answer(index int) string {
	op := &t.h.Ops[index]
	if op.Kind == history.Txn {
		return ""
	}
	_, answer, _ := strings.Cut(t.h.Describe(index), " → ")
	return answer
}

// forgotten says which answers the proof does without.
func (t generalTeller) forgotten(o *model.Object, told model.Explanation) []string {
	var names []string
	for i, place := range told.Places {
		if told.Forgotten[i] {
			names = append(names, t.name(int(o.Index[place])))
		}
	}
	if len(names) == 0 || len(names) > shownOperations {
		return nil
	}
	return []string{"It can't be right even if " + joinAnd(names) + " took effect at any other time after the call, or never."}
}

func (t generalTeller) name(index int) string {
	return fmt.Sprintf("p%d's %s", t.h.Ops[index].Process, t.asked(index))
}

func (t generalTeller) values(values []history.Value) string {
	var words []string
	for _, v := range values[:min(len(values), 12)] {
		words = append(words, elementText(t.h, v))
	}
	return joinAnd(words)
}

func (t generalTeller) conclusion(o *model.Object, told model.Explanation) string {
	if told.Refuted < 0 {
		return "There is no order of these operations that explains every answer."
	}
	index := int(o.Index[told.Refuted])
	answer := t.answer(index)
	begin := "No order that respects the clock explains " + t.name(index)
	if answer != "" {
		begin += fmt.Sprintf(", which was told %s", answer)
	}
	if len(told.Found) > 0 {
		begin += ": in every order it finds " + orList(told.Found)
	}
	return strings.TrimSpace(begin + ". " + told.Why)
}

// orList writes alternatives, of many the first ones.
func orList(words []string) string {
	const most = 4
	if len(words) > most {
		return strings.Join(words[:most], ", ") + fmt.Sprintf(", or one of %d more", len(words)-most)
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

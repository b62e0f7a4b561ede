package checkers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// Linearizable judges objects: every operation must seem to take effect at one
// instant between its call and its return (Herlihy and Wing 1990), as the model
// says that operations one after another do. An operation whose outcome nobody knows
// may take effect at any time after its call, or never.
//
// Each key is judged by itself (unless the model is of all keys together), and the
// worst answer is the verdict. A key that is a register is decided by zones, exactly
// and in O(n log n), where no value is stored twice (nor is one the initial value)
// and every refused compare-and-set says what it saw, or expected a value that was
// certainly not there. Whether that holds is looked
// up in the data, not believed. Everything else is decided by frontier search
// (package frontier), which may need more time or memory than the budget has; then
// the key is undecided and the verdict inconclusive, unless another key shows a
// violation.
//
// A key with operations that the model does not know is not judged: it is
// undecided too. [NothingLost] and [SetFull] judge lists.
//
// A violation comes with the few operations that prove it. They are judged again
// by themselves, by trying every order, before they are shown.
//
// Figures: keys, operations, operations_unknown, keys_zones, keys_frontier,
// keys_undecided, keys_violating (as far as judged).
type Linearizable struct {
	// Model is what the objects are: one of package model, or one's own. nil is what
	// the history's header names, and registers where it names nothing.
	Model model.Model
}

// Check implements [Checker].
func (l Linearizable) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	began := time.Now()
	judgement := judgement{
		ctx: ctx, model: l.Model, h: evidence.History, budget: budget.WithDefaults(), began: began,
		result: Result{Checker: "linearizable"},
	}
	judgement.run()
	judgement.result.Elapsed = time.Since(began)
	return judgement.result
}

// judgement is one call of Check.
type judgement struct {
	ctx    context.Context
	model  model.Model
	h      *history.History
	budget Budget
	began  time.Time
	result Result
}

func (j *judgement) say(v Verdict, format string, args ...any) {
	j.result.Verdict, j.result.Summary = v, fmt.Sprintf(format, args...)
}

func (j *judgement) run() {
	if err := Sound(j.h); err != nil {
		j.say(Error, "%v", err)
		return
	}
	m, register, err := j.choose()
	if err != nil {
		j.say(Error, "%v", err)
		return
	}
	if m == nil {
		j.say(Inconclusive, "the history is of lists, and no register: nothing was judged (NothingLost and SetFull judge lists)")
		return
	}
	initial, err := j.h.InitialValue()
	if err != nil {
		j.say(Error, "%v", err)
		return
	}
	if !register {
		j.general(m, initial)
		return
	}
	j.registers(initial)
}

// choose returns the model, none for lists, and whether it is of registers.
func (j *judgement) choose() (m model.Model, register bool, err error) {
	m = j.model
	if name := j.h.Header.Model; m == nil {
		if name == listModel {
			return nil, false, nil
		}
		if name == "" {
			name = "register"
		}
		known := false
		if m, known = model.ByName(name); !known {
			return nil, false, fmt.Errorf("the history's model is %q: linearizability is judged for %s, and for models of one's own",
				name, joinAnd(model.Names()))
		}
	}
	return m, m.Builtin() == model.BuiltinRegister, nil
}

func (j *judgement) registers(initial history.Value) {
	if j.h.Header.InitialUnknown {
		initial = history.None
	}
	counts := count(j.h)
	if reason := j.hopeless(counts); reason != "" {
		j.say(Inconclusive, "%s", reason)
		return
	}
	keys := splitByKey(j.h, initial, counts.keys)
	j.result.Figures["keys"] = float64(len(keys))
	foreign := slices.DeleteFunc(slices.Clone(keys), func(k *keyOps) bool { return !k.foreign })
	undecided, flawed := j.askZones(slices.DeleteFunc(keys, func(k *keyOps) bool { return k.foreign }))
	switch {
	case len(flawed) > 0:
		j.violation(flawed, undecided)
	case len(undecided) > 0:
		j.search(undecided)
	}
	j.result.Figures["keys_undecided"] += float64(len(foreign))
	switch {
	case j.result.Summary != "":
	case len(foreign) > 0:
		j.say(Inconclusive, "%s of %d not judged: %s has operations that are none on a register, for instance on lists (NothingLost and SetFull judge lists)",
			plural(len(foreign), "key"), int(j.result.Figures["keys"]), nameText(j.h, foreign[0].key))
	default:
		j.pass()
	}
}

// hopeless fills in the figures. It returns why the history proves nothing, if it does.
func (j *judgement) hopeless(t tally) string {
	j.result.Figures = map[string]float64{"operations": float64(len(j.h.Ops)), "operations_unknown": float64(t.unknown)}
	switch {
	case len(j.h.Ops) == 0:
		return "the history is empty: it proves nothing"
	case t.completed == 0:
		return fmt.Sprintf("none of the %d operations was completed: the history proves nothing", len(j.h.Ops))
	case t.observed == 0 && !slices.ContainsFunc(t.keys, func(k keyTally) bool { return k.foreign }):
		return fmt.Sprintf("none of the %d operations was told what a key held: the history proves nothing", len(j.h.Ops))
	}
	return ""
}

// flawedKey is a key that the zones refute.
type flawedKey struct {
	key    *keyOps
	answer zoneAnswer
}

// askZones judges every key by zones.
func (j *judgement) askZones(keys []*keyOps) (undecided []*keyOps, flawed []flawedKey) {
	var z zones
	decided := 0
	for _, k := range keys {
		answer := k.judge(&z)
		switch {
		case answer.flaw != noFlaw:
			flawed = append(flawed, flawedKey{k, answer})
			decided++
		case answer.exact:
			decided++
		default:
			undecided = append(undecided, k)
		}
	}
	j.used("zones", decided)
	j.result.Figures["keys_undecided"] = float64(len(undecided))
	j.result.Figures["keys_violating"] = float64(len(flawed))
	return undecided, flawed
}

func (j *judgement) used(method string, keys int) {
	j.result.Figures["keys_"+method] = float64(keys)
	if keys == 0 {
		return
	}
	if j.result.Method != "" {
		j.result.Method += ", "
	}
	j.result.Method += fmt.Sprintf("%s (%s)", method, plural(keys, "key"))
}

// provedKeys bounds how many violating keys compete for the smallest proof.
const provedKeys = 8

// violation shows the smallest proof among the first keys that the zones refute.
func (j *judgement) violation(flawed []flawedKey, undecided []*keyOps) {
	s := j.searcher(1)
	var best *Proof
	for _, f := range flawed[:min(len(flawed), provedKeys)] {
		var z zones
		p := newProver(f.key, s)
		proof, err := p.fromZones(&z, f.key.judge(&z))
		if err != nil {
			j.say(Error, "key %s: %v", nameText(j.h, f.key.key), err)
			return
		}
		if best == nil || len(proof.Operations) < len(best.Operations) {
			best = proof
		}
	}
	j.result.Proof = best
	more := ""
	if n := len(flawed) - 1; n > 0 {
		more = fmt.Sprintf(", and neither are %s more", plural(n, "key"))
	}
	if n := len(undecided); n > 0 {
		more += fmt.Sprintf(" (%s not looked at further)", plural(n, "key"))
	}
	j.say(Violation, "%s is not linearizable%s: %s", quoteName(best.Key), more, best.Story[len(best.Story)-1])
}

// searcher may use up to a share of the time budget.
func (j *judgement) searcher(share float64) *searcher {
	return newSearcher(j.ctx, j.began.Add(time.Duration(share*float64(j.budget.Time))), j.budget.Bytes)
}

// search judges by frontier search what the zones could not.
func (j *judgement) search(undecided []*keyOps) {
	objects := make([]*model.Object, len(undecided))
	byKey := make(map[history.Key]*keyOps, len(undecided))
	for i, k := range undecided {
		objects[i] = k.object(k.searchable())
		byKey[k.key] = k
	}
	violating := j.searchAll(model.CASRegister(), objects)
	if violating != nil {
		j.result.Proof = newProver(byKey[violating.object.Key], j.searcher(1)).fromSearch(violating.Answer)
		story := j.result.Proof.Story
		j.say(Violation, "%s is not linearizable: %s", quoteName(j.result.Proof.Key), story[len(story)-1])
	}
}

// searchAll judges objects by frontier search and fills in the figures. It returns a
// violation, if it finds one; where one is undecided, it says so.
func (j *judgement) searchAll(m model.Model, objects []*model.Object) *searched {
	s := j.searcher(0.8) // the rest is for the proof
	judged := 0
	var open []string
	var violating *searched
	for _, a := range s.judgeAll(m, objects) {
		switch a.Verdict {
		case frontier.Undecided:
			open = append(open, j.objectName(m, a.object)+": "+a.Reason)
			continue
		case frontier.Illegal:
			violating = &a
		}
		judged++
	}
	j.used("frontier", judged)
	j.result.Figures["keys_undecided"] = float64(len(open))
	if violating != nil {
		j.result.Figures["keys_violating"]++
	} else if len(open) > 0 {
		const shown = 3
		reasons := strings.Join(open[:min(len(open), shown)], "; ")
		if len(open) > shown {
			reasons += "; …"
		}
		advice := ""
		if m.Builtin() == model.BuiltinRegister {
			advice = ": unique written values, and compare-and-sets that say what they saw, would make it decidable in linear time"
		}
		j.say(Inconclusive, "%s of %d undecided (%s)%s", plural(len(open), "key"), int(j.result.Figures["keys"]), reasons, advice)
	}
	return violating
}

// objectName is the object's key, or what all keys together are.
func (j *judgement) objectName(m model.Model, o *model.Object) string {
	if m.IsWhole() {
		return "the whole"
	}
	return nameText(j.h, o.Key)
}

func (j *judgement) pass() {
	f := j.result.Figures
	j.say(Pass, "%s linearizable: %s, %d of unknown outcome",
		plural(int(f["keys"]), "key"), plural(int(f["operations"]), "operation"), int(f["operations_unknown"]))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

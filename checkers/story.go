package checkers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// shownOperations bounds a proof that could not be made small in time: those that
// were called last, with which it ends.
const shownOperations = 30

// leftOut says that there are others before those that are shown.
func leftOut(more int) []string {
	if more == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s went before these, in whatever order explains them: no smaller proof was found in time.", plural(more, "operation"))}
}

// tell writes an argument for a person: what each client did, in the order of
// the calls, and then why that can't be.
func (p *prover) tell(a argument) *Proof {
	proof := &Proof{Key: p.h.KeyName(p.key)}
	shown := a.set[max(0, len(a.set)-shownOperations):]
	proof.Story = leftOut(len(a.set) - len(shown))
	t := teller{prover: p, digits: p.digits(shown)}
	for i, place := range shown {
		proof.Operations = append(proof.Operations, p.proofOperation(place))
		after := i > 0 && p.op(place).Call > p.op(shown[i-1]).Return
		proof.Story = append(proof.Story, t.sentence(place, after))
	}
	proof.Story = append(proof.Story, t.conclusion(a)...)
	return proof
}

func (p *prover) proofOperation(place int32) ProofOperation {
	return proofOperation(p.h, int(p.index[place]))
}

// proofOperation is the operation at an index of History.Ops.
func proofOperation(h *history.History, index int) ProofOperation {
	op := &h.Ops[index]
	return ProofOperation{
		Index: index, Process: op.Process, Node: h.NodeOf(op.Process),
		Call: op.Call, Return: op.Return, Outcome: op.Outcome.String(), Text: h.Describe(index),
	}
}

func (p *prover) digits(set []int32) int {
	ops := make([]*history.Op, len(set))
	for i, place := range set {
		ops[i] = p.op(place)
	}
	return decimals(ops)
}

// decimals is how many of a second it takes to tell the times of operations apart.
func decimals(ops []*history.Op) int {
	var times []int64
	for _, op := range ops {
		times = append(times, op.Call)
		if op.Return != history.Open {
			times = append(times, op.Return)
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	for _, digits := range []int{3, 6} {
		same := false
		for i := 1; i < len(times); i++ {
			same = same || seconds(times[i], digits) == seconds(times[i-1], digits)
		}
		if !same {
			return digits
		}
	}
	return 9
}

// seconds writes nanoseconds as seconds. It cuts off what it does not show, so
// that no time is shown after a later one.
func seconds(ns int64, digits int) string {
	text := fmt.Sprintf("%d.%09d", ns/1e9, ns%1e9)
	return text[:len(text)-9+digits]
}

type teller struct {
	*prover
	digits int
}

func (t teller) time(ns int64) string { return seconds(ns, t.digits) + " s" }

func (t teller) value(v history.Value) string { return valueText(t.h, v) }

// sentence says what one operation's client asked and was told, and when; after
// says that it was called after the one before it in the story had returned.
func (t teller) sentence(place int32, after bool) string {
	op := t.op(place)
	what := nameText(t.h, t.key)
	switch op.Kind {
	case history.Write:
		what += " = " + t.value(op.Value)
	case history.CAS:
		what += " from " + t.value(op.Expect) + " to " + t.value(op.Value)
	}
	begin := fmt.Sprintf("p%d called %v %s at %s", op.Process, op.Kind, what, t.time(op.Call))
	if after {
		begin += ", after that,"
	}
	end := ""
	switch {
	case op.Outcome == history.Info:
		return begin + " and never learned the outcome."
	case op.Outcome == history.Fail:
		end = "was told that it did not happen"
	case op.Kind == history.Read:
		end = "was told " + t.value(op.Result)
	case op.Mismatch && op.Result == history.None:
		end = "was refused"
	case op.Mismatch:
		return fmt.Sprintf("%s and was refused at %s, because the key held %s.", begin, t.time(op.Return), t.value(op.Result))
	case op.Kind == history.CAS:
		end = "was told that it swapped"
	default:
		end = "was acknowledged"
	}
	return fmt.Sprintf("%s and %s at %s.", begin, end, t.time(op.Return))
}

// phrase names an operation within a sentence.
func (t teller) phrase(place int32) string {
	op := t.op(place)
	switch {
	case op.Kind == history.Write:
		return fmt.Sprintf("p%d's write of %s", op.Process, t.value(op.Value))
	case op.Kind == history.CAS && !op.Mismatch:
		return fmt.Sprintf("p%d's swap of %s for %s", op.Process, t.value(op.Expect), t.value(op.Value))
	case op.Mismatch && op.Result == history.None:
		return fmt.Sprintf("p%d's refused cas from %s", op.Process, t.value(op.Expect))
	case op.Mismatch:
		return fmt.Sprintf("p%d's refused cas, which saw %s", op.Process, t.value(op.Result))
	default:
		return fmt.Sprintf("p%d's read of %s", op.Process, t.value(op.Result))
	}
}

// conclusion says why the operations can't all be true; the last line is the contradiction.
func (t teller) conclusion(a argument) []string {
	switch a.flaw {
	case flawContradicted:
		return []string{"The one answer says that the value was not " + t.value(t.op(a.set[0]).Expect) + ", and that it was."}
	case flawGarbage:
		return t.concludeGarbage(a)
	case flawTwoSwaps:
		return []string{fmt.Sprintf("Both took %s away, but it was there once only: %s.", t.value(a.value), t.origin(a.value))}
	case flawCircle:
		return []string{"Each of these swaps needs the value that another one of them stores: none of them can be the first."}
	case flawOrder:
		return t.concludeOrder(a)
	case flawOverlap:
		return t.concludeOverlap(a)
	default:
		return []string{t.concludeSearch(a)}
	}
}

// concludeSearch names the last operation that was told what can't be, if the others can.
func (t teller) concludeSearch(a argument) string {
	const none = "There is no order of these operations that explains every answer"
	for i := len(a.set) - 1; i >= 0 && a.least; i-- {
		if op := t.op(a.set[i]); op.Outcome == history.OK && op.Kind != history.Write && model.Evidence(op) {
			return none + ": where the others are explained, " + t.phrase(a.set[i]) + " is not."
		}
	}
	return none + "."
}

// origin says where a value came from.
func (t teller) origin(v history.Value) string {
	if places := t.sources[v]; len(places) == 1 && v != t.initial {
		return "it was stored by " + t.phrase(places[0]) + " and by nothing else"
	}
	return "the key held it at the start, and nothing ever stored it again"
}

func (t teller) concludeGarbage(a argument) []string {
	v := t.value(a.value)
	for place := range t.index {
		op := t.op(int32(place))
		if op.Outcome == history.Fail && op.Kind != history.Read && op.Value == a.value {
			return []string{fmt.Sprintf("Nobody stored %s: %s was told at %s that it did not happen.", v, t.phrase(int32(place)), t.time(op.Return))}
		}
	}
	for place := range t.index {
		op := t.op(int32(place))
		if op.Mismatch && op.Value == a.value {
			return []string{fmt.Sprintf("Nobody stored %s: the compare-and-set of p%d that wanted to was refused at %s.", v, op.Process, t.time(op.Return))}
		}
	}
	return []string{fmt.Sprintf("Nobody ever tried to store %s in %s, and it was not there at the start.", v, nameText(t.h, t.key))}
}

func (t teller) concludeOrder(a argument) []string {
	late, early := a.before[0][0], a.before[0][1]
	if mayStore(t.op(early)) && !mayStore(t.op(late)) && t.op(early).Value == t.op(late).Result {
		return []string{fmt.Sprintf("%s was seen by %s before anybody had begun to store it: %s was called at %s, after that read had returned at %s.",
			t.value(t.op(early).Value), who(t.op(late)), t.phrase(early), t.time(t.op(early).Call), t.time(t.op(late).Return))}
	}
	return []string{
		fmt.Sprintf("By the values, %s comes before %s: each value was swapped for the next, with nothing in between.", t.phrase(early), t.phrase(late)),
		fmt.Sprintf("By the clock it can't: %s had returned at %s, before %s was called at %s.",
			t.phrase(late), t.time(t.op(late).Return), t.phrase(early), t.time(t.op(early).Call)),
	}
}

func who(op *history.Op) string { return "p" + strconv.Itoa(int(op.Process)) }

func (t teller) concludeOverlap(a argument) []string {
	one, two := t.run(a.first), t.run(a.second)
	lines := []string{t.precedes(one, two, a.before[0]), t.precedes(two, one, a.before[1])}
	if a.before[0][0] == start {
		return append(lines, fmt.Sprintf("%s held %s at the start and nothing stored that again, so %s was gone before %s began.",
			nameText(t.h, t.key), t.value(a.first[0]), one, t.phrase(a.before[1][1])))
	}
	late := a.before[1][1]
	if mayStore(t.op(late)) {
		one, two, late = two, one, a.before[0][1]
	}
	if len(a.first) == 1 && len(a.second) == 1 && !mayStore(t.op(late)) {
		return append(lines, fmt.Sprintf("Each value was stored once only: %s was overwritten by %s before %s began, and can't have come back.",
			one, two, t.phrase(late)))
	}
	return append(lines, fmt.Sprintf("Each value was stored once only, and values that were swapped have nothing between them: so %s can't be both before and after %s.", one, two))
}

// run writes the values that a chain held.
func (t teller) run(values []history.Value) string {
	const shown = 6
	var texts []string
	for i, v := range values {
		if len(values) > shown && i == shown/2 {
			texts = append(texts, "…")
		}
		if len(values) <= shown || i < shown/2 || i >= len(values)-shown/2 {
			texts = append(texts, t.value(v))
		}
	}
	return strings.Join(texts, "→")
}

func (t teller) precedes(one, two string, pair [2]int32) string {
	if pair[0] == start {
		return fmt.Sprintf("%s was there before %s: it was there from the start.", one, two)
	}
	return fmt.Sprintf("%s was there before %s: %s had returned at %s, before %s was called at %s.",
		one, two, t.phrase(pair[0]), t.time(t.op(pair[0]).Return), t.phrase(pair[1]), t.time(t.op(pair[1]).Call))
}

// valueText writes a value as it stands in a sentence.
func valueText(h *history.History, v history.Value) string {
	if !v.IsString() {
		return h.Text(v)
	}
	if v >= history.StringValue(len(h.Strings)) {
		return fmt.Sprintf("%q", h.Header.Initial) // the one string that no operation has
	}
	return strconv.Quote(h.Text(v))
}

func nameText(h *history.History, key history.Key) string { return quoteName(h.KeyName(key)) }

// quoteName puts quotes around a key's name where it could be misread.
func quoteName(name string) string {
	if name == "" || strings.ContainsAny(name, " \t\r\n\",;:") || strconv.Quote(name) != `"`+name+`"` {
		return strconv.Quote(name)
	}
	return name
}
